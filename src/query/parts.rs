//! What queries, changes and the like are made of, for whoever answers them without a store of larder's: a decorator, a fake, a
//! remote service.

use super::{
    changes::{Changes, ColumnChange},
    column::ColumnName,
    filter::Filter,
    on_conflict::{Action, OnConflict},
    part_of_each::PartOfEach,
    projection::Projection,
    query::Query,
    tree::Tree,
};
use crate::error::Result;

/// The parts of a [`Query`]; from [`Query::parts`].
#[derive(Debug)]
#[non_exhaustive]
pub struct QueryParts<'q, M> {
    /// Which models.
    pub filter: &'q Filter<M>,
    /// Which of these, one part after the other: that of [`first_of_each`](Query::first_of_each), and what
    /// [`of_each`](crate::ReaderExt::of_each) takes for each parent.
    pub parts_of_each: &'q [PartOfEach<ColumnName>],
    /// The names of the columns that they are ordered by, and whether each descends. The id follows.
    pub order: &'q [(ColumnName, bool)],
    /// At most how many.
    pub limit: Option<u64>,
    /// How many are left out before.
    pub offset: u64,
    /// Whether those that are marked as deleted are among them.
    pub with_deleted: bool,
    /// Whether it goes on from a place of a page, which only a store of larder's knows.
    pub is_page: bool,
}

impl<M> Query<M> {
    /// What it is made of.
    ///
    /// ```
    /// # mod user {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "user")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::Query;
    ///
    /// let newest = Query::new().order_by_desc(user::COLUMN.id).limit(10);
    /// let parts = newest.parts();
    /// assert_eq!((parts.order, parts.limit, parts.offset), (&[("id".into(), true)][..], Some(10), 0));
    /// ```
    #[must_use]
    pub fn parts(&self) -> QueryParts<'_, M> {
        QueryParts {
            filter: &self.filter,
            parts_of_each: &self.parts_of_each,
            order: &self.order,
            limit: self.limit,
            offset: self.offset,
            with_deleted: self.with_deleted,
            is_page: self.position.is_some(),
        }
    }
}

impl<M> Filter<M> {
    /// Its conditions, on columns by their names. [`matches`](Self::matches) evaluates them for a model.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if they are nested more than 100 deep.
    pub fn conditions(&self) -> Result<&Tree<ColumnName>> {
        self.tree()
    }
}

impl<M> Changes<M> {
    /// The names of the columns that change, in the order in which they were given, and how each does.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &ColumnChange)> {
        self.columns.iter().map(|(name, change)| (&**name, change))
    }
}

impl<M> Projection<M> {
    /// The names of the columns, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|name| &**name)
    }

    /// Whether each combination of values is read once.
    #[must_use]
    pub fn is_distinct(&self) -> bool {
        self.distinct
    }
}

/// What becomes of a model that is stored already; from [`OnConflict::action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictAction<'c> {
    /// It stays as it is.
    Ignore,
    /// It is replaced.
    Replace,
    /// These of its columns are replaced.
    ReplaceColumns(&'c [ColumnName]),
    /// It is changed: [`OnConflict::changes`] says how.
    Apply,
}

impl<M> OnConflict<M> {
    /// The names of the columns that tell which model is stored already. None: those of the id.
    #[must_use]
    pub fn target(&self) -> &[ColumnName] {
        &self.target
    }

    /// What becomes of that model.
    #[must_use]
    pub fn action(&self) -> ConflictAction<'_> {
        match &self.action {
            Action::Ignore => ConflictAction::Ignore,
            Action::Replace => ConflictAction::Replace,
            Action::Columns(columns) => ConflictAction::ReplaceColumns(columns),
            Action::Apply(_) => ConflictAction::Apply,
        }
    }

    /// The names of the columns that [`apply`](Self::apply) changes, in the order in which they were given, and how each changes.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &ColumnChange)> {
        let changes = if let Action::Apply(changes) = &self.action { changes.as_slice() } else { &[] };
        changes.iter().map(|(name, change)| (&**name, change))
    }

    /// What the stored model has to fulfil for that. Returns `None` if nothing is asked of it.
    #[must_use]
    pub fn condition(&self) -> Option<&Filter<M>> {
        self.only_if.as_ref()
    }
}
