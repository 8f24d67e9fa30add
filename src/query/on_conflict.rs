//! What becomes of a new model that is there already.

use std::{fmt, iter::Sum, marker::PhantomData, ops::AddAssign};

use super::{
    changes::{Changes, ColumnChange},
    column::{ColumnName, TypedColumn},
    filter::Filter,
};

/// What [`upsert_batch`](crate::Creator::upsert_batch) and [`upsert`](crate::Creator::upsert) do with a model that is stored
/// already: one with the same id, or, by [`on`](Self::on), with the same values of unique columns.
///
/// ```
/// # mod page {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "page")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key, auto_increment = false)] pub path: String, pub visits: i64, pub locked: bool,
/// #     }
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Changes, Creator, Cx, OnConflict, Outcome, ReaderExt, field};
/// use page::COLUMN;
///
/// let (pages, cx) = (larder::open("memory:").await?.repository::<page::Entity>(), Cx::new());
/// let first = page::Model { path: "/".into(), visits: 1, locked: false };
/// let count = OnConflict::apply(Changes::new().increase(COLUMN.visits, 1)).only_if(field(COLUMN.locked).equals(false));
/// pages.upsert_batch(&cx, &[first.clone(), first.clone()], &count).await?;
/// let (page, outcome) = pages.upsert(&cx, &first, &count).await?;
/// assert_eq!((page.visits, outcome), (3, Outcome::Updated));
/// # Ok(()) }
/// ```
///
/// Null is equal to nothing: a model with a null in the columns named by [`on`](Self::on) is always new. A model that is marked
/// as [deleted](crate::RepositoryBuilder::deleted_at) is stored like any other.
pub struct OnConflict<M> {
    pub(crate) target: Vec<ColumnName>,
    pub(crate) action: Action,
    pub(crate) only_if: Option<Filter<M>>,
    model: PhantomData<fn() -> M>,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Ignore,
    Replace,
    Columns(Vec<ColumnName>),
    Apply(Vec<(ColumnName, ColumnChange)>),
}

/// What became of the model of an [`upsert`](crate::Creator::upsert).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was new.
    Inserted,
    /// It was there, and was replaced or changed.
    Updated,
    /// It was there, and stays as it was.
    Ignored,
}

/// What became of the models of an [`upsert_batch`](crate::Creator::upsert_batch).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upserted {
    /// How many were new.
    pub inserted: u64,
    /// How many were there, or came before in the same batch, and were replaced or changed.
    pub updated: u64,
    /// How many were there, or came before in the same batch, and stay as they were.
    pub ignored: u64,
}

impl AddAssign for Upserted {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.ignored += other.ignored;
    }
}

impl Sum for Upserted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, each| {
            sum += each;
            sum
        })
    }
}

impl<M> OnConflict<M> {
    fn of(action: Action) -> Self {
        Self { target: Vec::new(), action, only_if: None, model: PhantomData }
    }

    /// What is stored stays as it is.
    #[must_use]
    pub fn ignore() -> Self {
        Self::of(Action::Ignore)
    }

    /// All columns of what is stored are replaced, but the id, and those by which it was found.
    #[must_use]
    pub fn replace() -> Self {
        Self::of(Action::Replace)
    }

    /// This column of what is stored is replaced.
    #[must_use]
    pub fn replace_column<C: TypedColumn<Model = M>>(column: C) -> Self {
        Self::of(Action::Columns(vec![column.column().name.into()]))
    }

    /// This column is replaced as well. After [`replace`](Self::replace), [`ignore`](Self::ignore) or [`apply`](Self::apply) it
    /// is the only one.
    #[must_use]
    pub fn and_column<C: TypedColumn<Model = M>>(mut self, column: C) -> Self {
        let name = column.column().name.into();
        match &mut self.action {
            Action::Columns(columns) => columns.push(name),
            other => *other = Action::Columns(vec![name]),
        }
        self
    }

    /// These changes are made of what is stored. What they read of columns is what the stored model had before.
    ///
    /// If several models of a batch have one key, the changes are made for each of them, also where the first of them is new. A
    /// change of an id, of a column of the conflict, or of one that the repository keeps by itself is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    #[must_use]
    pub fn apply(changes: Changes<M>) -> Self {
        Self::of(Action::Apply(changes.columns))
    }

    /// What is stored is replaced or changed only if it fulfils this filter too. If it does not, it stays as it is, and counts as
    /// ignored.
    #[must_use]
    pub fn only_if(self, filter: Filter<M>) -> Self {
        let filter = self.only_if.unwrap_or_else(Filter::all).and(filter);
        Self { only_if: Some(filter), ..self }
    }

    /// Models are the same if this column is, together with others named so: columns of a unique constraint, or the id's. It is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such constraint, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if a column is of a type that cannot be compared.
    #[must_use]
    pub fn on<C: TypedColumn<Model = M>>(mut self, column: C) -> Self {
        self.target.push(column.column().name.into());
        self
    }
}

impl<M> Clone for OnConflict<M> {
    fn clone(&self) -> Self {
        let (target, action) = (self.target.clone(), self.action.clone());
        Self { target, action, only_if: self.only_if.clone(), model: PhantomData }
    }
}

impl<M> fmt::Debug for OnConflict<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("OnConflict");
        debug.field("target", &self.target).field("action", &self.action).field("only_if", &self.only_if).finish()
    }
}
