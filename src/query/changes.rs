//! What to change of many models at once.

use std::{fmt, marker::PhantomData};

use sea_orm::Value;

use super::{
    change::Change,
    column::{Assignable, ColumnName, Numeric, Operand, Ordered, TypedColumn},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::integer,
};

/// New values for columns of every model that a filter selects: for [`update_where`](crate::Updater::update_where).
///
/// ```
/// # mod job {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "job")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)] pub id: i64,
/// #         pub tries: i32, pub cost: i64, pub total: i64, pub slowest: i64,
/// #         pub owner: Option<String>, pub last: Option<String>,
/// #     }
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use job::COLUMN;
/// use larder::{Changes, Creator, Cx, Filter, ReaderExt, Updater};
///
/// let (jobs, cx) = (larder::open("memory:").await?.repository::<job::Entity>(), Cx::new());
/// let job = job::Model { id: 1, tries: 0, cost: 7, total: 30, slowest: 5, owner: Some("ann".into()), last: None };
/// jobs.create(&cx, &job).await?;
/// let changes = Changes::new()
///     .increase(COLUMN.tries, 1)
///     .increase_by(COLUMN.total, COLUMN.cost)
///     .raise_to(COLUMN.slowest, 7)
///     .set_from(COLUMN.last, COLUMN.owner)
///     .set(COLUMN.owner, None::<String>);
/// jobs.update_where(&cx, &Filter::all(), &changes).await?;
/// let expected = job::Model { tries: 1, total: 37, slowest: 7, owner: None, last: Some("ann".into()), ..job };
/// assert_eq!(jobs.get(&cx, &1).await?, expected);
/// # Ok(()) }
/// ```
///
/// What a change reads of other columns is what the model had before all of them, in whatever order they are given. A column that
/// is named twice gets what was said last. The id cannot be changed, nor a column that the repository keeps by itself
/// ([`RepositoryBuilder`](crate::RepositoryBuilder)): [`InvalidInput`](crate::ErrorKind::InvalidInput).
///
/// A number that would leave the range of its type is [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column;
/// null where there has to be a value is [`NotNull`](crate::ErrorKind::NotNull). Nothing is changed then.
pub struct Changes<M> {
    pub(crate) columns: Vec<(ColumnName, ColumnChange)>,
    model: PhantomData<fn() -> M>,
}

/// How a column changes; from [`Changes::columns`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ColumnChange {
    /// It gets this value.
    Value(Value),
    /// It becomes null.
    Null,
    /// This whole number is added to it.
    Increase(i64),
    /// This number is added to it, which is a decimal or a floating-point number.
    Add(Value),
    /// It gets the value of this column.
    From(ColumnName),
    /// The value of this column is added to it.
    AddFrom(ColumnName),
    /// It gets this value if it is less.
    RaiseTo(Value),
    /// It gets this value if it is greater.
    LowerTo(Value),
    /// It gets this value if it is null.
    IfNull(Value),
}

impl<M> Changes<M> {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self { columns: Vec::new(), model: PhantomData }
    }

    fn with(mut self, column: &impl TypedColumn<Model = M>, written: ColumnChange) -> Self {
        self.columns.push((column.column().name.into(), written));
        self
    }

    /// The column gets this value; or none, if it is `None`.
    #[must_use]
    pub fn set<C: TypedColumn<Model = M>>(self, column: C, value: impl Assignable<C::Kind>) -> Self {
        self.with(&column, value.into_assigned().map_or(ColumnChange::Null, ColumnChange::Value))
    }

    /// The column gets no value.
    #[must_use]
    pub fn set_null<C: TypedColumn<Model = M>>(self, column: C) -> Self {
        self.with(&column, ColumnChange::Null)
    }

    /// The column gets the value of another column of the model, which may be null. Both are of one kind, which the compiler
    /// checks, and of one type, or whole numbers: two columns of other types are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput). So is a number that is out of the range of the column's type.
    #[must_use]
    pub fn set_from<C, D>(self, column: C, other: D) -> Self
    where
        C: TypedColumn<Model = M>,
        D: TypedColumn<Model = M, Kind = C::Kind>,
    {
        self.with(&column, ColumnChange::From(other.column().name.into()))
    }

    /// The column gets this value if it has none.
    #[must_use]
    pub fn set_if_null<C: TypedColumn<Model = M>>(self, column: C, value: impl Operand<C::Kind>) -> Self {
        self.with(&column, ColumnChange::IfNull(value.into_value()))
    }

    /// The column's number grows by this one, or shrinks, if it is below zero. It is added in the store, so that no increase of
    /// another caller's is lost. What is null stays so.
    ///
    /// To a whole number, any number of 64 bits with a sign can be added. To a decimal or a floating-point number, one that the
    /// column can hold exactly. A sum of floating-point numbers is rounded as they are; one that is not finite is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput). A sum of decimals is exact: one of more digits than its column has is
    /// `InvalidInput`.
    #[must_use]
    pub fn increase<C: TypedColumn<Model = M, Kind: Numeric>>(self, column: C, by: impl Operand<C::Kind>) -> Self {
        let by = by.into_value();
        let increase = integer(&by).map_or(ColumnChange::Add(by), ColumnChange::Increase);
        self.with(&column, increase)
    }

    /// The column's number grows by that of another column of the model. If one of them is null, it becomes null. Both are whole
    /// numbers, or of one type: others are [`InvalidInput`](crate::ErrorKind::InvalidInput). What holds of the sum is said at
    /// [`increase`](Self::increase).
    #[must_use]
    pub fn increase_by<C, D>(self, column: C, other: D) -> Self
    where
        C: TypedColumn<Model = M, Kind: Numeric>,
        D: TypedColumn<Model = M, Kind = C::Kind>,
    {
        self.with(&column, ColumnChange::AddFrom(other.column().name.into()))
    }

    /// The column gets this value if its own is less. What is null stays so. Text is compared by its bytes, instants by the
    /// moment they mean, as in a [`Query`](crate::Query).
    #[must_use]
    pub fn raise_to<C: TypedColumn<Model = M, Kind: Ordered>>(self, column: C, value: impl Operand<C::Kind>) -> Self {
        self.with(&column, ColumnChange::RaiseTo(value.into_value()))
    }

    /// The column gets this value if its own is greater. What is null stays so.
    #[must_use]
    pub fn lower_to<C: TypedColumn<Model = M, Kind: Ordered>>(self, column: C, value: impl Operand<C::Kind>) -> Self {
        self.with(&column, ColumnChange::LowerTo(value.into_value()))
    }
}

impl<M> Default for Changes<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for Changes<M> {
    fn clone(&self) -> Self {
        Self { columns: self.columns.clone(), model: PhantomData }
    }
}

impl<M> fmt::Debug for Changes<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Changes").field(&self.columns).finish()
    }
}

impl Table {
    /// The changes of columns, with those that the repository makes by itself left out.
    pub(crate) fn changes<M>(&self, changes: &Changes<M>) -> Result<Vec<Change>> {
        self.changes_of(&changes.columns)
    }

    pub(super) fn changes_of(&self, columns: &[(ColumnName, ColumnChange)]) -> Result<Vec<Change>> {
        let mut resolved: Vec<Change> = Vec::new();
        for (name, written) in columns {
            let column = self.position(name)?;
            if self.id.contains(&column) {
                return Err(Error::new(ErrorKind::InvalidInput, "an id cannot be changed").in_column(name));
            }
            if self.rules.is_stamped(column) || self.rules.deleted_at == Some(column) {
                return Err(Error::new(ErrorKind::InvalidInput, "a column that the repository keeps by itself").in_column(name));
            }
            let change = self.change(column, written).map_err(|error| self.in_column(column, error))?;
            match resolved.iter_mut().find(|earlier| earlier.column() == column) {
                Some(earlier) => *earlier = change,
                None => resolved.push(change),
            }
        }
        self.require_kept_within(&resolved)?;
        Ok(resolved)
    }
}
