//! [`EngineProfile`], what an engine is like.

use super::catalog_queries::CatalogQueries;
use crate::{capability::Capabilities, dialect::Dialect};

/// What an engine is like: what the statements for it, and the order in which they run, depend on.
pub(crate) struct EngineProfile {
    /// What the store is called.
    pub(crate) name: &'static str,
    /// The dialect statements are written in.
    pub(crate) dialect: Dialect,
    pub(crate) capabilities: Capabilities,
    /// How its catalog is read.
    pub(crate) catalog: CatalogQueries,
    /// The statement that health asks. It answers one number.
    pub(crate) probe: &'static str,
    /// The most values one statement can carry.
    pub(crate) bind_limit: usize,
    /// How many bytes a name of a table or a column has at most.
    pub(crate) longest_name: usize,
    /// Whether operations on single models, by their ids, have to know what the catalog says. If not, the engine itself
    /// makes sure that they are right.
    pub(crate) asks_for_single_models: bool,
    /// Whether [`Engine::insert`](super::Engine::insert) is the way to store one row: it is not read back where the table keeps
    /// it as it is.
    pub(crate) skips_returning: bool,
    /// Whether an insert can replace what is there, and says which it did. If not, that takes two statements, between which no
    /// other transaction may write the same rows.
    pub(crate) upserts_at_once: bool,
    /// Whether rows for a statement are better put into a table of their own first.
    pub(crate) stages: bool,
    /// Whether an update that returns the model costs no more than one that does not, and does nothing else.
    pub(crate) returns_updates: bool,
    /// From how many rows on [`Engine::append`](super::Engine::append) is the way to store them. `None` if it never is.
    pub(crate) appends_from: Option<usize>,
    /// Whether rows may stay as they are when they are appended, and models need not be read back.
    pub(crate) appends_as_given: bool,
    /// Whether the engine counts every row that a statement stores or deletes: also those that a view's trigger stores, and those
    /// that were to be deleted and are deleted before by a foreign key of their own table.
    pub(crate) counts_every_row: bool,
}

impl EngineProfile {
    /// An engine that does nothing better than the others.
    pub(crate) fn new(name: &'static str, dialect: Dialect, capabilities: Capabilities, catalog: CatalogQueries) -> Self {
        Self {
            name,
            dialect,
            capabilities,
            catalog,
            probe: "SELECT CAST(1 AS BIGINT)",
            bind_limit: usize::MAX,
            longest_name: usize::MAX,
            asks_for_single_models: false,
            skips_returning: false,
            upserts_at_once: false,
            stages: false,
            returns_updates: true,
            appends_from: None,
            appends_as_given: true,
            counts_every_row: true,
        }
    }
}
