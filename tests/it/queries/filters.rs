//! Random filters.

use larder::{Filter, Scalar, TextPattern, field, field_of};
use proptest::prelude::*;

use super::values::{bytes, day, hour, instant, key, real, single, small, status, text, token, whole};
use crate::support::entities::item::{self, COLUMN, Status};

pub(crate) type ItemFilter = Filter<item::Model>;

/// Conditions on a column of values that have an order.
macro_rules! ordered {
    ($column:expr, $values:expr) => {{
        let (one, two) = ($values, $values);
        // Lists of many values are compared in another way.
        let length = prop_oneof![8 => 0..4_usize, 1 => 61..70_usize];
        let several = length.prop_flat_map(|length| prop::collection::vec($values, length));
        (0..10_u8, one, two, several).prop_map(|(which, value, other, several)| match which {
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
    (any::<bool>(), 0..8_u8, text(), patterns()).prop_map(|(is_nick, which, text, pattern)| {
        macro_rules! test {
            ($field:expr) => {
                match which {
                    0 => $field.contains(text),
                    1 => $field.starts_with(text),
                    2 => $field.ends_with(text),
                    3 => $field.equals_ignore_ascii_case(text),
                    4 => $field.contains_ignore_ascii_case(text),
                    5 => $field.starts_with_ignore_ascii_case(text),
                    6 => $field.ends_with_ignore_ascii_case(text),
                    _ => $field.matches_pattern(pattern),
                }
            };
        }
        if is_nick { test!(field(COLUMN.nick)) } else { test!(field(COLUMN.name)) }
    })
}

fn patterns() -> impl Strategy<Value = TextPattern> {
    let literals = prop::collection::vec(text(), 0..3);
    (any::<bool>(), text(), literals, prop::option::of(text()), any::<bool>()).prop_map(|(starts, first, then, end, ignores)| {
        let first = if starts { TextPattern::starting(first) } else { TextPattern::containing(first) };
        let pattern = then.into_iter().fold(first, TextPattern::then);
        let pattern = end.into_iter().fold(pattern, TextPattern::ending);
        if ignores { pattern.ignore_ascii_case() } else { pattern }
    })
}

fn element() -> impl Strategy<Value = Scalar> + Clone {
    prop_oneof![text().prop_map(Scalar::from), whole().prop_map(Scalar::from), any::<bool>().prop_map(Scalar::from)]
}

fn path_test() -> impl Strategy<Value = ItemFilter> {
    let elements = prop::collection::vec(element(), 0..3);
    (0..4_u8, prop::collection::vec(key(), 1..4), element(), elements).prop_map(|(which, path, scalar, elements)| {
        let json = field(COLUMN.json);
        match which {
            0 | 1 => json.path_equals(path, scalar),
            2 => json.path_has_any_of(path, elements),
            _ => json.path_has_all_of(path, elements),
        }
    })
}

fn element_test() -> impl Strategy<Value = ItemFilter> {
    (0..3_u8, element(), prop::collection::vec(element(), 0..3)).prop_map(|(which, one, several)| match which {
        0 => field(COLUMN.json).has_element(one),
        1 => field(COLUMN.json).has_any_of(several),
        _ => field(COLUMN.json).has_all_of(several),
    })
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

/// Two columns of one model, of which a few cannot be compared with each other.
fn columns_test() -> impl Strategy<Value = ItemFilter> {
    macro_rules! compared {
        ($one:expr, $other:expr) => {
            (0..6_u8).prop_map(|which| match which {
                0 => field($one).equals_column($other),
                1 => field($one).not_equals_column($other),
                2 => field($one).less_than_column($other),
                3 => field($one).at_most_column($other),
                4 => field($one).greater_than_column($other),
                _ => field($one).at_least_column($other),
            })
        };
    }
    prop_oneof![
        compared!(COLUMN.nick, COLUMN.name),
        compared!(COLUMN.small, COLUMN.large),
        compared!(COLUMN.id, COLUMN.small),
        compared!(COLUMN.due, COLUMN.at),
        compared!(COLUMN.local, COLUMN.local),
        compared!(COLUMN.real, COLUMN.real),
        compared!(COLUMN.token, COLUMN.token),
        compared!(COLUMN.local, COLUMN.at),
        compared!(field_of(item::Column::Status), field_of(item::Column::Name)),
    ]
}

/// The models that have a value of others, which fulfil a filter of their own.
fn exists_in(inner: impl Strategy<Value = ItemFilter> + Clone) -> impl Strategy<Value = ItemFilter> {
    (0..14_u8, inner).prop_map(|(which, filter)| match which {
        0 => field(COLUMN.small).exists_in(COLUMN.id, filter),
        1 => field(COLUMN.large).exists_in(COLUMN.small, filter),
        2 => field(COLUMN.nick).exists_in(COLUMN.name, filter),
        3 => field(COLUMN.name).exists_in(COLUMN.nick, filter),
        4 => field(COLUMN.due).exists_in(COLUMN.at, filter),
        5 => field(COLUMN.token).exists_in(COLUMN.token, filter),
        6 => field(COLUMN.real).exists_in(COLUMN.real, filter),
        7 => field(COLUMN.single).exists_in(COLUMN.single, filter),
        8 => field(COLUMN.day).exists_in(COLUMN.day, filter),
        9 => field(COLUMN.hour).exists_in(COLUMN.hour, filter),
        10 => field(COLUMN.local).exists_in(COLUMN.local, filter),
        11 => field(COLUMN.bytes).exists_in(COLUMN.bytes, filter),
        12 => field(COLUMN.flag).exists_in(COLUMN.flag, filter),
        _ => field_of(item::Column::Status).exists_in(field_of(item::Column::Name), filter),
    })
}

/// Filters on one model, and on others beside it.
pub(crate) fn filters() -> impl Strategy<Value = ItemFilter> {
    let nested = exists_in(own_filters(1).boxed());
    let inner = prop_oneof![4 => own_filters(1), 1 => nested].boxed();
    let test = prop_oneof![4 => own_filters(4), 1 => exists_in(inner)];
    test.prop_recursive(1, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.and(other)),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.or(other)),
            inner.prop_map(|filter| !filter),
        ]
    })
}

/// Filters on one model.
pub(crate) fn own_filters(depth: u32) -> impl Strategy<Value = ItemFilter> {
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
        element_test(),
        status_test(),
        flag_test(),
        columns_test(),
        prop_oneof![Just(Filter::all()), Just(Filter::none())],
    ];
    test.prop_recursive(depth, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::all_of),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::any_of),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.and(other)),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.or(other)),
            inner.prop_map(|filter| !filter),
        ]
    })
}
