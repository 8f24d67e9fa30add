//! Reading in pages.

use std::fmt;

use sea_orm::Value;

use super::{
    cursor::Cursor,
    filter::Filter,
    query::{Position, Query},
    selection::SortKey,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// The most models a page can have.
pub const MAX_PAGE_SIZE: u32 = 10_000;

/// Which page of a query to read.
#[derive(Clone)]
pub struct PageRequest {
    size: u32,
    place: Option<(Cursor, bool)>,
    key: Vec<u8>,
    with_total: bool,
}

/// A page of models.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<M> {
    /// The models, in the order of the query.
    pub models: Vec<M>,
    /// Where the next page begins, if there was more when this one was read.
    pub next: Option<Cursor>,
    /// Where the page before this one ends: none at the very beginning. A page that has no models any more leads back to the last
    /// page, or on to the first.
    pub previous: Option<Cursor>,
    /// How many models the query selects, on all pages together, if the request asks for it
    /// ([`with_total`](PageRequest::with_total)).
    pub total: Option<u64>,
}

/// Without the key.
impl fmt::Debug for PageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageRequest").field("size", &self.size).field("place", &self.place).finish_non_exhaustive()
    }
}

impl PageRequest {
    /// The first page, of this many models at most: from 1 to [`MAX_PAGE_SIZE`].
    #[must_use]
    pub fn new(size: u32) -> Self {
        Self { size, place: None, key: Vec::new(), with_total: false }
    }

    /// The page after a place, such as [`Page::next`].
    #[must_use]
    pub fn after(self, cursor: &Cursor) -> Self {
        Self { place: Some((cursor.clone(), false)), ..self }
    }

    /// The page before a place, such as [`Page::previous`], in the same order.
    #[must_use]
    pub fn before(self, cursor: &Cursor) -> Self {
        Self { place: Some((cursor.clone(), true)), ..self }
    }

    /// A secret of the application, without which nobody makes cursors that are taken for its own.
    #[must_use]
    pub fn key(self, key: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), ..self }
    }

    /// Also how many models the query selects on all pages together ([`Page::total`]): of a query with the
    /// [first of each group](Query::first_of_each), how many groups there are.
    ///
    /// Unless the first page is the only one, that is a second operation, after the page. Inside a transaction both see the same
    /// models, as its isolation level says. Outside of one, the total may tell of models that were stored or deleted since the
    /// page was read. It costs a look at all models that the query selects, however small the page is.
    #[must_use]
    pub fn with_total(self) -> Self {
        Self { with_total: true, ..self }
    }

    /// Whether the total is asked for, and the page does not tell it.
    pub(crate) fn counts<M>(&self, page: &Page<M>) -> bool {
        self.with_total && page.total.is_none()
    }

    /// The query for the page, and for one model more.
    pub(crate) fn query<M>(&self, table: &Table, query: &Query<M>) -> Result<Query<M>> {
        if !(1..=MAX_PAGE_SIZE).contains(&self.size) {
            return Err(Error::new(ErrorKind::InvalidInput, "a page of no models, or of more than 10 000"));
        }
        if query.limit.is_some() || query.offset > 0 {
            return Err(Error::new(ErrorKind::InvalidInput, "a query with a limit or an offset of its own has no pages"));
        }
        let order = table.order(query)?;
        let position = match &self.place {
            None => None,
            Some((cursor, backward)) => Some(Position { keys: table.keys(&order, cursor, &self.key)?, backward: *backward }),
        };
        Ok(Query { limit: Some(u64::from(self.size) + 1), position, ..query.clone() })
    }

    /// The page of what the query found. `place` says where a model is in an order.
    pub(crate) fn page<M>(
        &self,
        table: &Table,
        query: &Query<M>,
        mut models: Vec<M>,
        place: impl Fn(&[SortKey], &M) -> Result<Vec<Value>>,
    ) -> Result<Page<M>> {
        let order = table.order(query)?;
        let has_more = models.len() > self.size as usize;
        models.truncate(self.size as usize);
        let backward = matches!(self.place, Some((_, true)));
        if backward {
            models.reverse();
        }
        // Of a page without models, the one before is the last there is, and the one after the first.
        let at = |model: Option<&M>| {
            let keys = model.map(|model| place(&order, model)).transpose()?;
            table.cursor(&order, keys.as_deref(), &self.key).map(Some)
        };
        let (first, last) = (models.first(), models.last());
        let next = if backward || has_more { at(last)? } else { None };
        let previous = if (backward && has_more) || (!backward && self.place.is_some()) { at(first)? } else { None };
        let is_all = self.place.is_none() && next.is_none();
        let total = (self.with_total && is_all).then_some(models.len() as u64);
        Ok(Page { models, next, previous, total })
    }
}

impl<M> Query<M> {
    /// The filter that selects the same models. Returns `None` if none does.
    pub(crate) fn as_filter(&self) -> Option<&Filter<M>> {
        let is_filter = self.parts_of_each.is_empty() && self.limit.is_none() && self.offset == 0 && !self.with_deleted;
        Some(&self.filter).filter(|_| is_filter)
    }

    /// The query for what comes after a place in the same order.
    pub(crate) fn beyond(&self, keys: Vec<Value>) -> Self {
        Self { position: Some(Position { keys: Some(keys), backward: false }), offset: 0, ..self.clone() }
    }
}
