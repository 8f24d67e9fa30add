use async_trait::async_trait;

use crate::{
    context::Cx,
    error::{Result, unsupported},
    query::{OnConflict, Outcome, Upserted},
};

/// Stores new models.
///
/// A model is stored in the portable form of its values: times are UTC, cut to microseconds, and zero has no sign. An
/// auto-increment id of zero means that the engine generates it. A column with a default that the entity names (`default_value`,
/// `default_expr`) gets it where the model has `None`; where that is the current time, it is the store's clock's. SeaORM's
/// `ActiveModelBehavior` hooks are not run.
///
/// Ids that the engine generates and ids that the caller chooses do not mix well in one table: an engine need not know that a
/// number it is about to generate was taken, and answers `Duplicate` then.
///
/// # Errors
/// - [`Duplicate`](crate::ErrorKind::Duplicate), [`ForeignKey`](crate::ErrorKind::ForeignKey),
///   [`NotNull`](crate::ErrorKind::NotNull), [`Check`](crate::ErrorKind::Check): the schema refuses the model.
/// - [`InvalidInput`](crate::ErrorKind::InvalidInput): a value that not every backend can store exactly: text with a NUL
///   character, a number that is not one, a decimal with more digits than its column has (20 before the point and 18 after it,
///   where that does not say), a time outside the years 1 to 9999 or in a leap second, JSON that is nested deeper than 127 times.
///   Nothing was sent.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): a column of a type that the store cannot read back: `u64` on SQLite and
///   Postgres, decimals on SQLite, `i8`, `u8`, `u16` and `u32` on Postgres. Nothing was sent.
/// - [`Corrupt`](crate::ErrorKind::Corrupt) where the model is answered: what the engine returned of it cannot be read, because
///   the table differs from the entity. Outside a transaction it may be stored all the same; on `sqlite:` URLs it is not.
/// - [`TableMissing`](crate::ErrorKind::TableMissing): no migration has made the table.
/// - [`CommitUnknown`](crate::ErrorKind::CommitUnknown) outside a transaction: the engine's answer was lost.
/// - Those of [`Transactional`](crate::Transactional) for the way the context takes part.
///
/// # Atomicity
/// Every method stores all it was given or nothing. Inside a transaction that becomes visible, and lasting, with its commit.
///
/// # Dropping the future
/// Outside a transaction all or nothing is stored, and which of the two cannot be told. Inside one, the transaction can no longer
/// commit.
#[async_trait]
pub trait Creator<M: Send + Sync>: Send + Sync {
    /// Stores `model` and returns it as stored: with its generated id, its defaults and its times in microseconds.
    async fn create(&self, cx: &Cx, model: &M) -> Result<M>;

    /// Stores any number of models and returns them as stored, in the order given. None is fine and does nothing.
    async fn create_many(&self, cx: &Cx, models: &[M]) -> Result<Vec<M>>;

    /// Stores any number of models the fastest way the engine has and returns how many. None is fine and does nothing.
    async fn create_batch(&self, cx: &Cx, models: &[M]) -> Result<u64>;

    /// Stores any number of models: one that is new is created, and one that is stored already is left or replaced as
    /// `on_conflict` says. Of several in the batch with one key, the later ones meet the first as if it were stored. Says how
    /// many of each there were. None is fine and does nothing.
    ///
    /// What violates another constraint than the one that `on_conflict` is about is refused, and all the others with it. In which
    /// order the models are written is up to the engine: where one takes a unique value that another of the same batch gives up,
    /// that may be a `Duplicate`. A version is raised once for a batch; with [`OnConflict::apply`] or [`OnConflict::only_if`],
    /// once for each model of the batch by which the stored one is changed. On DuckDB, losing against another transaction that
    /// stores the same key is [`Contention`](crate::ErrorKind::Contention).
    async fn upsert_batch(&self, cx: &Cx, models: &[M], on_conflict: &OnConflict<M>) -> Result<Upserted>;

    /// Stores one model as [`upsert_batch`](Self::upsert_batch) does, and returns the model that is stored then, also where that
    /// stays as it was, and what became of it.
    async fn upsert(&self, cx: &Cx, model: &M, on_conflict: &OnConflict<M>) -> Result<(M, Outcome)> {
        let _ = (cx, model, on_conflict);
        Err(unsupported("upsert"))
    }
}
