//! Random filters.

use larder::{Filter, Scalar, field, field_of};
use proptest::prelude::*;

use super::values::{bytes, day, hour, instant, key, real, single, small, status, text, token, whole};
use crate::support::entities::item::{self, COLUMN, Status};

pub(super) type ItemFilter = Filter<item::Model>;

/// Conditions on a column of values that have an order.
macro_rules! ordered {
    ($column:expr, $values:expr) => {{
        let (one, two) = ($values, $values);
        (0..10_u8, one, two, prop::collection::vec($values, 0..4)).prop_map(|(which, value, other, several)| match which {
            0 => field($column).equals(value),
            1 => field($column).not_equals(value),
            2 => field($column).less_than(value),
            3 => field($column).at_most(value),
            4 => field($column).greater_than(value),
            5 => field($column).at_least(value),
            6 => field($column).between(value, other),
            7 => field($column).is_in(several),
            8 => field($column).is_null(),
            _ => field($column).is_not_null(),
        })
    }};
}

fn text_test() -> impl Strategy<Value = ItemFilter> {
    (any::<bool>(), any::<bool>(), text()).prop_map(|(nick, starts, text)| match (nick, starts) {
        (false, false) => field(COLUMN.name).contains(text),
        (false, true) => field(COLUMN.name).starts_with(text),
        (true, false) => field(COLUMN.nick).contains(text),
        (true, true) => field(COLUMN.nick).starts_with(text),
    })
}

fn path_test() -> impl Strategy<Value = ItemFilter> {
    let scalar = prop_oneof![text().prop_map(Scalar::from), whole().prop_map(Scalar::from), any::<bool>().prop_map(Scalar::from)];
    (prop::collection::vec(key(), 1..4), scalar).prop_map(|(path, scalar)| field(COLUMN.json).path_equals(path, scalar))
}

fn status_test() -> impl Strategy<Value = ItemFilter> {
    (0..5_u8, status()).prop_map(|(which, status)| {
        let field = field_of(item::Column::Status);
        match which {
            0 => field.equals(status),
            1 => field.not_equals(status),
            2 => field.less_than(status),
            3 => field.at_least(status),
            _ => field.is_in([status, Status::New]),
        }
    })
}

fn flag_test() -> impl Strategy<Value = ItemFilter> {
    (0..3_u8, any::<bool>()).prop_map(|(which, value)| match which {
        0 => field(COLUMN.flag).equals(value),
        1 => field(COLUMN.flag).not_equals(value),
        _ => field(COLUMN.flag).is_null(),
    })
}

pub(super) fn filters() -> impl Strategy<Value = ItemFilter> {
    let test = prop_oneof![
        ordered!(COLUMN.id, small()),
        ordered!(COLUMN.name, text()),
        ordered!(COLUMN.nick, text()),
        ordered!(COLUMN.small, whole()),
        ordered!(COLUMN.large, whole()),
        ordered!(COLUMN.real, real()),
        ordered!(COLUMN.single, single()),
        ordered!(COLUMN.bytes, bytes()),
        ordered!(COLUMN.token, token()),
        ordered!(COLUMN.day, day()),
        ordered!(COLUMN.hour, hour()),
        ordered!(COLUMN.local, instant().prop_map(|instant| instant.naive_utc())),
        ordered!(COLUMN.at, instant()),
        ordered!(COLUMN.due, instant()),
        text_test(),
        text_test(),
        path_test(),
        path_test(),
        status_test(),
        flag_test(),
        prop_oneof![Just(Filter::all()), Just(Filter::none())],
    ];
    test.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::all_of),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::any_of),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.and(other)),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.or(other)),
            inner.prop_map(|filter| !filter),
        ]
    })
}
