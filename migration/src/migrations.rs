use std::{collections::BTreeSet, sync::Arc};

use larder::{Cx, Dialect, Error, ErrorKind, Isolation, Result, Sql, Storage, Store, TransactionalExt, TxOptions};
use sea_orm::sea_query::{Func, Query};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    history::{self, applied},
    step::Step,
    steps,
};

/// What tells our lock from other users' of the same server: the bytes of "larder".
const LOCK: i64 = 0x6c61_7264_6572;

/// Who migrates DuckDB, which one process alone has open.
static IN_THIS_PROCESS: Mutex<()> = Mutex::const_new(());

async fn turn(sql: &Sql) -> Option<MutexGuard<'static, ()>> {
    if sql.dialect() == Dialect::DuckDb { Some(IN_THIS_PROCESS.lock().await) } else { None }
}

/// Steps of a schema, in order. The default are those of the ready-made stores.
///
/// Each step is one transaction together with its record: it is applied as a whole or not at all. Several tasks, and where the
/// engine lets them, several processes, may migrate one database at once: each step is applied by one of them. A store without a
/// schema has nothing to migrate.
///
/// Each step is recorded with a checksum of its statements.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if two steps have one name. [`Migration`](ErrorKind::Migration), and nothing is
/// applied or undone,
/// - if the database has a step that is not in the list, as when a newer program has migrated it before;
/// - if a step is not applied, and one after it in the list is: steps are applied in order;
/// - if a step was changed after it was applied. An upgrade of sea-query may change the text of its statements;
///   [`accept_changed`](Self::accept_changed) says that the database is as the step now says.
///
/// Otherwise what the engine answers to the failing step, which the error names; the steps before it stay applied.
///
/// # Dropping the future
/// The step that was being applied is undone; the steps before it stay applied.
#[derive(Clone, Debug)]
pub struct Migrations {
    steps: Vec<Step>,
    accepts_changed: bool,
}

/// Whether a step has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The step.
    pub name: &'static str,
    /// Whether it has been applied.
    pub applied: bool,
    /// Whether it was changed after it was applied.
    pub changed: bool,
}

impl Default for Migrations {
    fn default() -> Self {
        Self::new(steps::ALL)
    }
}

impl Migrations {
    /// Steps of an application. Where a database has the ready-made tables as well, they come first:
    ///
    /// ```
    /// use larder_migration::{Change, Migrations, Step, steps};
    /// use sea_orm::sea_query::{ColumnDef, Table};
    ///
    /// const USERS: Step = Step {
    ///     name: "m0001_users",
    ///     up: |_dialect| {
    ///         let id = ColumnDef::new("id").uuid().not_null().primary_key().to_owned();
    ///         vec![Change::CreateTable(Table::create().table("user").col(id).to_owned())]
    ///     },
    ///     down: |_dialect| vec![Change::DropTable(Table::drop().table("user").to_owned())],
    /// };
    /// let migrations = Migrations::new(&[steps::ALL, &[USERS]].concat());
    /// ```
    #[must_use]
    pub fn new(steps: &[Step]) -> Self {
        Self { steps: steps.to_vec(), accepts_changed: false }
    }

    /// Takes steps that were changed after they were applied for what the database is, and records them anew when steps are
    /// applied.
    #[must_use]
    pub fn accept_changed(self) -> Self {
        Self { accepts_changed: true, ..self }
    }

    /// Applies the steps that have not been applied, at most `limit` of them, and returns their names.
    pub async fn up(&self, store: &Store, limit: Option<usize>) -> Result<Vec<&'static str>> {
        let mut done = Vec::new();
        while done.len() < limit.unwrap_or(usize::MAX)
            && let Some(step) = self.one(store, Direction::Up).await?
        {
            done.push(step);
        }
        Ok(done)
    }

    /// Undoes the latest steps, at most `limit` of them, and returns their names.
    pub async fn down(&self, store: &Store, limit: usize) -> Result<Vec<&'static str>> {
        let mut done = Vec::new();
        while done.len() < limit
            && let Some(step) = self.one(store, Direction::Down).await?
        {
            done.push(step);
        }
        Ok(done)
    }

    /// Every step, and whether it has been applied. Only reads, so that a standby can be asked as well. A step that was changed,
    /// or that was left out, is no error here.
    pub async fn status(&self, store: &Store) -> Result<Vec<Status>> {
        let Some(sql) = sql_of(store)? else { return Ok(Vec::new()) };
        let recorded = history::read(&Cx::new(), store, &sql).await?;
        self.check_names(&recorded)?;
        let status = |step: &Step| {
            let recorded = recorded.iter().find(|recorded| recorded.version == step.name);
            let changed = recorded.is_some_and(|recorded| is_changed(step, recorded, sql.dialect()));
            Status { name: step.name, applied: recorded.is_some(), changed }
        };
        Ok(self.steps.iter().map(status).collect())
    }

    /// Applies or undoes the next step, if there is one.
    async fn one(&self, store: &Store, direction: Direction) -> Result<Option<&'static str>> {
        let Some(sql) = sql_of(store)? else { return Ok(None) };
        let (sql, _turn) = (&sql, turn(&sql).await);
        // Whoever waited for the lock has to see what was applied meanwhile.
        let options = TxOptions::new().isolation(Isolation::ReadCommitted);
        let stepped = store.tx_with(&Cx::new(), options, |cx| async move {
            let applied = self.applied(&cx, store, sql).await?;
            let mut steps = self.steps.iter();
            let next = match direction {
                Direction::Up => steps.find(|step| !applied.contains(step.name)),
                Direction::Down => steps.rfind(|step| applied.contains(step.name)),
            };
            let Some(step) = next else { return Ok(None) };
            let changes = match direction {
                Direction::Up => (step.up)(sql.dialect()),
                Direction::Down => (step.down)(sql.dialect()),
            };
            for change in changes {
                change.apply(sql, &cx).await.map_err(|error| failed(step, error))?;
            }
            let version = step.name.to_owned();
            match direction {
                Direction::Up => {
                    let applied_at = store.database_now().timestamp();
                    let checksum = Some(step.checksum(sql.dialect()));
                    let record = applied::Model { version, applied_at, checksum };
                    repository(store).create(&cx, &record).await.map_err(|error| failed(step, error))?;
                }
                Direction::Down => drop(repository(store).delete(&cx, &version).await.map_err(|error| failed(step, error))?),
            }
            Ok(Some(step.name))
        });
        stepped.await
    }

    /// What has been applied, known for sure until the transaction ends.
    async fn applied(&self, cx: &Cx, store: &Store, sql: &Sql) -> Result<BTreeSet<String>> {
        if sql.dialect() == Dialect::Postgres {
            // SQLite's writing transactions exclude each other already, and so does `IN_THIS_PROCESS` those of DuckDB.
            let lock = Query::select().expr(Func::cust("pg_advisory_xact_lock").arg(LOCK)).to_owned();
            sql.execute(cx, &lock).await?;
        }
        history::prepare(cx, sql).await?;
        let recorded = history::read(cx, store, sql).await?;
        self.check(&recorded, sql.dialect())?;
        if self.accepts_changed {
            self.record_anew(cx, store, &recorded, sql.dialect()).await?;
        }
        Ok(recorded.into_iter().map(|step| step.version).collect())
    }

    async fn record_anew(&self, cx: &Cx, store: &Store, recorded: &[applied::Model], dialect: Dialect) -> Result<()> {
        for recorded in recorded {
            if let Some(step) = self.steps.iter().find(|step| step.name == recorded.version)
                && is_changed(step, recorded, dialect)
            {
                let anew = applied::Model { checksum: Some(step.checksum(dialect)), ..recorded.clone() };
                repository(store).update(cx, &anew).await?;
            }
        }
        Ok(())
    }

    /// Refuses a list of steps, or a database, with which steps cannot be applied in order.
    fn check(&self, recorded: &[applied::Model], dialect: Dialect) -> Result<()> {
        self.check_names(recorded)?;
        let find = |step: &Step| recorded.iter().find(|recorded| recorded.version == step.name);
        let mut missing = None;
        for step in &self.steps {
            match (find(step), missing) {
                (None, _) => missing = missing.or(Some(step.name)),
                (Some(_), Some(missing)) => {
                    let message = format!("the step {missing} is not applied, and {}, which comes after it, is", step.name);
                    return Err(Error::new(ErrorKind::Migration, message));
                }
                (Some(recorded), None) if !self.accepts_changed && is_changed(step, recorded, dialect) => {
                    let message = format!("the step {} was changed after it was applied", step.name);
                    return Err(Error::new(ErrorKind::Migration, message));
                }
                (Some(_), None) => {}
            }
        }
        Ok(())
    }

    /// Refuses two steps of one name, and an applied step that is not in the list.
    fn check_names(&self, recorded: &[applied::Model]) -> Result<()> {
        let names: BTreeSet<_> = self.steps.iter().map(|step| step.name).collect();
        if names.len() < self.steps.len() {
            return Err(Error::new(ErrorKind::InvalidInput, "two migration steps have one name"));
        }
        match recorded.iter().find(|step| !names.contains(step.version.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(Error::new(
                ErrorKind::Migration,
                format!("the database has the step {}, which this program does not know", unknown.version),
            )),
        }
    }
}

/// Whether a step is another than the one that was applied.
fn is_changed(step: &Step, recorded: &applied::Model, dialect: Dialect) -> bool {
    recorded.checksum.as_ref().is_some_and(|checksum| *checksum != step.checksum(dialect))
}

/// The error of a step, which it names.
fn failed(step: &Step, error: Error) -> Error {
    let named = Error::new(error.kind(), format!("the migration step {} failed", step.name)).with_constraint(error.constraint());
    let named = match error.code() {
        Some(code) => named.with_code(code),
        None => named,
    };
    named.with_source(error)
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

fn sql_of(store: &Store) -> Result<Option<Sql>> {
    if store.capabilities().schema { store.sql().map(Some) } else { Ok(None) }
}

fn repository(store: &Store) -> Arc<dyn Storage<applied::Model, String>> {
    store.repository::<applied::Entity>()
}
