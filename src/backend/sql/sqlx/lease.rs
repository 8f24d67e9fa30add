//! A connection taken from the pool, and how it goes back.

use std::time::Duration;

use sqlx::{Pool, pool::PoolConnection};
use tokio::{runtime::Handle, sync::OwnedMutexGuard};

use super::flavor::{Connection, Flavor};
use crate::{
    clock::within,
    error::{Error, ErrorKind, Result},
    transaction::{AccessMode, TxOptions},
};

/// How long a connection may take to roll back what its user left behind, before it is closed instead.
pub(super) const CLEANING: Duration = Duration::from_secs(5);

/// A connection of the pool.
///
/// One whose transaction has not ended is rolled back by a task of its own when the lease is dropped, and goes back to the pool
/// only if that succeeds; otherwise it is closed, which rolls back too. The task ends within three times [`CLEANING`].
pub(crate) struct Lease<F: Flavor> {
    connection: Option<PoolConnection<F::Db>>,
    /// The turn to write, kept until the connection is clean again.
    turn: Option<OwnedMutexGuard<()>>,
    runtime: Handle,
    /// Whether a transaction may be open on the connection: from before it is begun until its end was confirmed.
    in_transaction: bool,
    /// What to undo after the transaction.
    after: Option<&'static str>,
    /// Whether the transaction is one that may not write.
    only_reads: bool,
    /// Whether it is to be closed, and not used again.
    is_outdated: bool,
    /// Whether what the server answers next may be meant for somebody else.
    is_out_of_step: bool,
    /// Whether a statement runs. One whose future was dropped may still.
    is_busy: bool,
    stopper: Option<F::Stopper>,
}

impl<F: Flavor> Lease<F> {
    pub(super) fn new(connection: PoolConnection<F::Db>, turn: Option<OwnedMutexGuard<()>>) -> Self {
        Self {
            connection: Some(connection),
            turn,
            runtime: Handle::current(),
            in_transaction: false,
            after: None,
            only_reads: false,
            is_outdated: false,
            is_out_of_step: false,
            is_busy: false,
            stopper: None,
        }
    }

    /// The connection, for a statement that [`done`](Self::done) says the end of.
    pub(super) fn connection(&mut self) -> Result<&mut Connection<F>> {
        if self.is_out_of_step {
            return Err(Error::new(ErrorKind::Connection, "a statement was given up, and its connection with it"));
        }
        self.is_busy = true;
        self.connection.as_deref_mut().ok_or_else(gone)
    }

    /// The answer to the statement, which does not run any more.
    pub(super) fn answered<T>(&mut self, answer: sqlx::Result<T>) -> Result<T> {
        self.done();
        answer.map_err(|error| {
            let error = super::error::classify::<F>(error);
            self.is_outdated |= F::is_outdated(&error, self.only_reads);
            error
        })
    }

    /// Notes that no statement runs any more.
    pub(super) fn done(&mut self) {
        self.is_busy = false;
    }

    /// Learns how to stop statements of this connection.
    pub(super) async fn can_be_stopped(&mut self, pool: &Pool<F::Db>) -> Result<()> {
        if self.stopper.is_none() {
            let stopper = F::stopper(self.connection()?, pool).await;
            self.stopper = Some(self.answered(stopper)?);
        }
        Ok(())
    }

    pub(super) async fn begin(&mut self, statements: Vec<String>, options: &TxOptions) -> Result<()> {
        self.in_transaction = true;
        self.only_reads = options.access_mode() == AccessMode::ReadOnly;
        self.after = F::after(options);
        for statement in statements {
            self.run(statement).await?;
        }
        Ok(())
    }

    /// Ends the transaction with `COMMIT` or `ROLLBACK`.
    pub(super) async fn end(&mut self, statement: &str) -> Result<()> {
        self.run(statement.to_owned()).await?;
        // A commit that took effect is not undone by what fails here: the connection is closed instead of given back.
        let clean = match self.after {
            Some(after) => self.run(after.to_owned()).await,
            None => Ok(()),
        };
        self.in_transaction = clean.is_err();
        Ok(())
    }

    /// Stores rows by the database's own bulk path.
    pub(super) async fn append(&mut self, target: &F::Target, rows: Vec<F::Encoded>) -> Result<()> {
        self.connection()?;
        self.done();
        self.is_out_of_step = true;
        let appended = F::append(self.connection.as_deref_mut().ok_or_else(gone)?, target, rows).await;
        // An error with a code is the server's answer, and its last.
        self.is_out_of_step = appended.as_ref().is_err_and(|error| error.code().is_none());
        appended
    }

    pub(super) async fn run(&mut self, statement: String) -> Result<()> {
        if let (true, Some(stopper), Some(connection)) = (self.is_busy, &self.stopper, self.connection.as_deref_mut()) {
            self.is_out_of_step |= !stop::<F>(stopper, Some(connection)).await;
        }
        let ran = F::run(self.connection()?, statement).await;
        self.stopper.iter().for_each(F::go_on);
        self.answered(ran)
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the connection was given back already")
}

/// Stops a statement that nobody waits for, reads what is left of its answer, and says whether that was possible.
async fn stop<F: Flavor>(stopper: &F::Stopper, connection: Option<&mut Connection<F>>) -> bool {
    let stop = async {
        F::stop(stopper).await?;
        if let Some(connection) = connection {
            // What comes is the statement's own error.
            drop(F::run(connection, String::new()).await);
        }
        Ok::<_, sqlx::Error>(())
    };
    let is_stopped = matches!(within(CLEANING, stop, ErrorKind::Connection, "").await, Ok(Ok(())));
    if !is_stopped {
        tracing::debug!("a statement that nobody waits for could not be stopped");
    }
    is_stopped
}

/// Gives a connection back that is clean. The pool asks it first whether it lives, and would wait for the answer without end.
fn give_back<F: Flavor>(mut connection: PoolConnection<F::Db>) -> impl Future<Output = ()> + Send + 'static {
    // The pool has charge of it from now on, even if the task for the rest of it never runs.
    let given_back = connection.return_to_pool();
    async move {
        if within(CLEANING, given_back, ErrorKind::Connection, "").await.is_err() {
            tracing::debug!("a connection did not answer when it was given back, and is closed");
        }
    }
}

/// Leaves no transaction open, or fails.
async fn clean<F: Flavor>(connection: &mut Connection<F>, after: Option<&str>) -> sqlx::Result<()> {
    // SQLite may have ended the transaction by itself, and then has none to roll back. That one can begin proves it.
    let proof = match F::run(connection, "ROLLBACK".to_owned()).await {
        Ok(()) => None,
        Err(_) => Some(["BEGIN", "ROLLBACK"]),
    };
    for statement in proof.iter().flatten().copied().chain(after) {
        F::run(connection, statement.to_owned()).await?;
    }
    Ok(())
}

impl<F: Flavor> Drop for Lease<F> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // sqlx gives a connection back by a task, which needs a runtime, and this may run outside of any.
        let _runtime = self.runtime.enter();
        if self.is_out_of_step {
            tracing::debug!("a statement was given up, and its connection is closed");
            let (connection, stopper) = (connection.detach(), self.stopper.take());
            self.runtime.spawn(async move {
                if let Some(stopper) = &stopper {
                    stop::<F>(stopper, None).await;
                }
                drop(connection);
            });
            return;
        }
        let is_to_be_stopped = self.is_busy && self.stopper.is_some();
        let is_outdated = self.is_outdated;
        if !self.in_transaction && !is_to_be_stopped && !is_outdated {
            self.runtime.spawn(give_back::<F>(connection));
            return;
        }
        let (turn, after) = (self.turn.take(), self.after);
        let stopper = self.stopper.take().filter(|_| self.is_busy);
        self.runtime.spawn(async move {
            // One that is stopped late must not be somebody else's.
            let is_stopped = match &stopper {
                Some(stopper) => stop::<F>(stopper, Some(&mut connection)).await,
                None => true,
            };
            let clean = within(CLEANING, clean::<F>(&mut connection, after), ErrorKind::Connection, "").await;
            if is_outdated || !is_stopped || !matches!(clean, Ok(Ok(()))) {
                tracing::debug!("a connection that could not be rolled back, or that is out of date, is closed");
                let closed = within(CLEANING, connection.close(), ErrorKind::Connection, "").await;
                drop(closed);
            } else {
                give_back::<F>(connection).await;
            }
            stopper.iter().for_each(F::go_on);
            drop(turn);
        });
    }
}
