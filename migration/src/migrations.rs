use std::{collections::BTreeSet, sync::Arc};

use larder::{Cx, Dialect, Error, ErrorKind, ReaderExt, Result, Sql, Storage, Store, TransactionalExt};
use sea_orm::{
    Schema,
    sea_query::{Func, Query},
};

use tokio::sync::{Mutex, MutexGuard};

use crate::{history, step::Step, steps};

/// What tells our lock from other users' of the same server: the bytes of "larder".
const LOCK: i64 = 0x6c61_7264_6572;

/// Who migrates DuckDB, which one process alone has open.
static IN_THIS_PROCESS: Mutex<()> = Mutex::const_new(());

async fn turn(sql: &Sql) -> Option<MutexGuard<'static, ()>> {
    if sql.dialect() == Dialect::DuckDb { Some(IN_THIS_PROCESS.lock().await) } else { None }
}

/// Steps of a schema, in order. The default are those of the ready-made stores.
///
/// Each step is one transaction together with its record: it is applied as a whole or not at all. Several tasks, and where
/// the engine lets them, several processes, may migrate one database at once: each step is applied by one of them. A store without a schema has nothing to migrate.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if two steps have one name. [`Migration`](ErrorKind::Migration) if the database has a step that is not in the list, as when a newer program has migrated it
/// before. Otherwise what the engine answers to the failing step; the steps before it stay applied.
///
/// # Dropping the future
/// The step that was being applied is undone; the steps before it stay applied.
#[derive(Clone, Debug)]
pub struct Migrations {
    steps: Vec<Step>,
}

/// Whether a step has been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The step.
    pub name: &'static str,
    /// Whether it has been applied.
    pub applied: bool,
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
        Self { steps: steps.to_vec() }
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

    /// Every step, and whether it has been applied. Only reads, so that a standby can be asked as well.
    pub async fn status(&self, store: &Store) -> Result<Vec<Status>> {
        if sql_of(store)?.is_none() {
            return Ok(Vec::new());
        }
        let applied = match history(store).all(&Cx::new()).await {
            Err(error) if error.kind() == ErrorKind::TableMissing => self.known(Vec::new())?,
            recorded => self.known(recorded?)?,
        };
        let status = |step: &Step| Status { name: step.name, applied: applied.contains(step.name) };
        Ok(self.steps.iter().map(status).collect())
    }

    /// Applies or undoes the next step, if there is one.
    async fn one(&self, store: &Store, direction: Direction) -> Result<Option<&'static str>> {
        let Some(sql) = sql_of(store)? else { return Ok(None) };
        let (sql, _turn) = (&sql, turn(&sql).await);
        let stepped = store.tx(&Cx::new(), |cx| async move {
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
                change.apply(sql, &cx).await?;
            }
            let version = step.name.to_owned();
            match direction {
                Direction::Up => {
                    let applied_at = store.database_now().timestamp();
                    history(store).create(&cx, &history::Model { version, applied_at }).await.map(drop)?;
                }
                Direction::Down => drop(history(store).delete(&cx, &version).await?),
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
        let mut table = Schema::new(sql.dialect().sea_orm()).create_table_from_entity(history::Entity);
        sql.execute(cx, table.if_not_exists()).await?;
        self.known(history(store).all(cx).await?)
    }

    /// The names of steps that have been applied, all of which are in the list.
    fn known(&self, recorded: Vec<history::Model>) -> Result<BTreeSet<String>> {
        let names: BTreeSet<_> = self.steps.iter().map(|step| step.name).collect();
        if names.len() < self.steps.len() {
            return Err(Error::new(ErrorKind::InvalidInput, "two migration steps have one name"));
        }
        let applied: BTreeSet<_> = recorded.into_iter().map(|step| step.version).collect();
        match applied.iter().find(|version| !names.contains(version.as_str())) {
            None => Ok(applied),
            Some(unknown) => Err(Error::new(
                ErrorKind::Migration,
                format!("the database has the step {unknown}, which this program does not know"),
            )),
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

fn sql_of(store: &Store) -> Result<Option<Sql>> {
    if store.capabilities().schema { store.sql().map(Some) } else { Ok(None) }
}

fn history(store: &Store) -> Arc<dyn Storage<history::Model, String>> {
    store.repository::<history::Entity>()
}
