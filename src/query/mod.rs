//! Which models, in which order: described once, evaluated by every backend.
//!
//! A [`Filter`] is made of fields ([`field`], [`field_of`]); a [`Query`] adds order and limits; [`Changes`], [`Projection`] and
//! [`OnConflict`] say what to write and what to read of the models it selects. [`Page`] and [`Cursor`] are for reading on where
//! one left off. What they come to for an entity is in `resolve`, which every backend starts from.

mod belonging;
mod changes;
mod column;
mod cursor;
mod evaluate;
mod field;
mod filter;
mod on_conflict;
mod operand;
mod page;
mod part_of_each;
mod parts;
mod projection;
#[expect(clippy::module_inception, reason = "the type of that name")]
mod query;
mod resolve;

pub use changes::Changes;
pub use column::{Column, Comparable, JsonKind, Numeric, Operand, Ordered, Scalar, TypedColumn, kind};
pub use cursor::Cursor;
pub use field::{Field, field, field_of};
pub use filter::Filter;
pub use on_conflict::{OnConflict, Upserted};
pub use page::{MAX_PAGE_SIZE, Page, PageRequest};
pub use part_of_each::PartOfEach;
pub use parts::{ConflictAction, QueryParts};
pub use projection::Projection;
pub use query::Query;

pub use changes::{Change, ColumnChange};
#[cfg(feature = "_sql")]
pub(crate) use column::EXACT;
#[cfg(all(test, feature = "_sql"))]
pub(crate) use evaluate::key_of;
pub use filter::{Comparison, ResolvedFilter, Test, Tree};
pub(crate) use on_conflict::Merged;
pub use on_conflict::Resolution;
pub(crate) use operand::{is_comparable, is_whole, of_type, range};
#[cfg(all(test, feature = "_sql"))]
pub(crate) use query::Position;
pub use resolve::Selection;
pub(crate) use resolve::SortKey;
