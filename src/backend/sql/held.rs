//! [`Held`], a connection for the length of a call.

use super::{
    engine::Engine,
    store::SqlStore,
    transaction::{SqlTransaction, unknown_if_unanswered},
};
use crate::{
    context::{Access, RUNNING},
    error::{Error, ErrorKind, Result},
    limits::Limits,
    transaction::{OpenTransaction as _, Step, TxOptions, unanswered},
};

/// A connection, held for a call.
pub(super) enum Held<'a, G: Engine> {
    /// That of the context's transaction.
    Joined(Step<'a>),
    /// One by itself, outside any transaction.
    Alone(Access, G::ConnectionGuard),
    /// One with a transaction of the call's own.
    Own(SqlTransaction<G>, Access, Limits),
}

impl<G: Engine> Held<'_, G> {
    pub(super) fn guard(&mut self) -> Result<&mut G::ConnectionGuard> {
        match self {
            Self::Joined(step) => step.work().map(SqlTransaction::<G>::guard),
            Self::Alone(_, guard) => Ok(guard),
            Self::Own(own, ..) => Ok(own.guard()),
        }
    }

    /// Makes what follows take effect together.
    pub(super) async fn together(self, store: &SqlStore<G>, limits: &Limits) -> Result<Self> {
        let Self::Alone(access, guard) = self else { return Ok(self) };
        let options = TxOptions::of_one_operation();
        let begun = SqlTransaction::begin(store.shared_engine(), guard, &options, limits);
        Ok(Self::Own(limits.bound(RUNNING, begun).await?, access, limits.clone()))
    }

    /// Reports that the call was refused before anything was sent: the context's transaction is as it was.
    pub(super) async fn refuse<R: Send>(self, refused: Error) -> Result<R> {
        match self {
            Self::Joined(step) => step.finish(Ok(())).and(Err(refused)),
            other => other.finish(Err(refused)).await,
        }
    }

    /// Reports the call's result: fails the context's transaction, or ends the call's own.
    pub(super) async fn finish<R: Send>(self, result: Result<R>) -> Result<R> {
        match (self, result) {
            (Self::Joined(step), result) => step.finish(result),
            // A statement by itself commits by itself, before it is answered.
            (Self::Alone(Access::Write, _), result) => result.map_err(unknown_if_unanswered),
            (Self::Alone(Access::Read, _), result) => result,
            (Self::Own(own, access, limits), Ok(value)) => {
                if access == Access::Write {
                    limits.check()?;
                }
                match (limits.race("while it was committed", Box::new(own).commit()).await, access) {
                    (Ok(committed), _) => committed.map(|()| value),
                    // What was read is read.
                    (Err(_), Access::Read) => Ok(value),
                    (Err(reached), Access::Write) => Err(unanswered(reached)),
                }
            }
            // Whoever is late does not wait for the end of it: the connection sees to that by itself.
            (Self::Own(..), Err(error)) if matches!(error.kind(), ErrorKind::DeadlineExceeded | ErrorKind::Cancelled) => {
                Err(error)
            }
            (Self::Own(own, ..), Err(error)) => {
                if let Err(e) = Box::new(own).rollback().await {
                    tracing::warn!(error = %e, "rollback failed, the connection is closed instead");
                }
                Err(error)
            }
        }
    }
}
