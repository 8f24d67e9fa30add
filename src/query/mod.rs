//! Which models, in which order: described once, evaluated by every backend.
//!
//! A [`Filter`] is made of fields ([`field`], [`field_of`], [`field_named`]); a [`Query`] adds order and limits; [`Changes`],
//! [`Projection`] and [`OnConflict`] say what to write and what to read of the models it selects. An [`Aggregation`] of
//! [`Aggregate`]s computes values of groups of models. [`Page`] and [`Cursor`] are for reading on where one left off. What they
//! come to for an entity is in `resolve`, `selection` and `resolution`, which every backend starts from.

mod accumulate;
mod aggregate;
mod aggregate_resolve;
mod aggregation;
mod arithmetic;
mod belonging;
mod change;
mod changes;
mod column;
mod cursor;
mod elements;
mod evaluate;
mod field;
mod filter;
mod group_finish;
mod grouping;
mod list_field;
mod on_conflict;
mod operand;
mod page;
mod part_of_each;
mod parts;
mod projection;
#[expect(clippy::module_inception, reason = "the type of that name")]
mod query;
mod resolution;
mod resolve;
mod scope;
mod selection;
mod semi_join;
mod text_field;
mod text_pattern;
mod time_bucket;
mod tree;
mod within;

pub use aggregate::{Aggregate, Having};
pub use aggregation::Aggregation;
pub use changes::Changes;
pub use column::{Assignable, Column, ColumnName, Comparable, JsonKind, Numeric, Operand, Ordered, Scalar, TypedColumn, kind};
pub use cursor::Cursor;
pub use field::{Field, field, field_named, field_of};
pub use filter::Filter;
pub use on_conflict::{OnConflict, Outcome, Upserted};
pub use page::{MAX_PAGE_SIZE, Page, PageRequest};
pub use part_of_each::PartOfEach;
pub use parts::{ConflictAction, QueryParts};
pub use projection::Projection;
pub use query::Query;
pub use text_pattern::TextPattern;
pub use time_bucket::{DateTimeKind, TimeBucket};

pub(crate) use aggregate_resolve::ResolvedAggregation;
pub(crate) use arithmetic::increased;
#[cfg(feature = "_sql")]
pub(crate) use arithmetic::out_of_range;
pub use change::Change;
pub(crate) use change::changed_row;
pub use changes::ColumnChange;
#[cfg(feature = "_sql")]
pub(crate) use column::EXACT;
#[cfg(feature = "disk")]
pub(crate) use evaluate::compare_keys;
#[cfg(any(feature = "disk", all(test, feature = "_sql")))]
pub(crate) use evaluate::key_of;
pub use grouping::{GroupKey, Grouping, Measure, MeasureKind};
pub(crate) use operand::{is_comparable, is_whole, of_type, range};
#[cfg(all(test, feature = "_sql"))]
pub(crate) use query::Position;
pub(crate) use resolution::Merged;
pub use resolution::Resolution;
#[cfg(feature = "_sql")]
pub(crate) use resolution::StoredAction;
pub use selection::Selection;
pub(crate) use selection::SortKey;
pub use time_bucket::TimeGrid;
#[cfg(feature = "_sql")]
pub(crate) use tree::MAX_LISTED;
pub(crate) use tree::Scope;
pub use tree::{Comparison, Quantifier, ResolvedFilter, SemiJoin, Test, Tree};
#[cfg(feature = "_sql")]
pub(crate) use {
    grouping::{decimal_sum, float_sum, normalized, whole_sum},
    time_bucket::{bucket_value, date_time},
};
