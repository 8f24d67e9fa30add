//! The migrations, on every backend that has a schema.

use larder::{Cx, Dialect, ErrorKind, Store};
use larder_entity::{ConfigVersion, fiber, fiber_membership as membership, raw_log};
use larder_migration::{Change, Migrations, Step, steps};
use sea_orm::sea_query::{Alias, ColumnDef, Expr, Query, Table};

use crate::support::{entities::label, note, time};

const NAMES: [&str; 3] = ["m0001_raw_logs", "m0002_fibers", "m0003_commits"];

/// Makes a table and then fails, because the table exists.
const FAILING: Step = Step {
    name: "m9999_failing",
    up: |_| {
        let table = Table::create().table("half").col(ColumnDef::new("id").integer().primary_key()).to_owned();
        vec![Change::CreateTable(table.clone()), Change::CreateTable(table)]
    },
    down: |_| Vec::new(),
};

/// Tables and indexes of the database, without the engine's own.
async fn objects(store: &Store) -> Vec<String> {
    let sql = store.sql().unwrap();
    let (view, name, condition) = match sql.dialect() {
        Dialect::Sqlite => ("sqlite_master", "name", "name NOT LIKE 'sqlite%'"),
        Dialect::DuckDb => ("sqlite_master", "name", "true"),
        _ => ("pg_class", "relname", "relnamespace = 'public'::regnamespace AND relname NOT LIKE '%_pkey'"),
    };
    let select = Query::select()
        .expr_as(Expr::cust(format!("CAST({name} AS TEXT)")), "name")
        .expr_as(Expr::cust("CAST(NULL AS TEXT)"), "text")
        .from(Alias::new(view))
        .cond_where(Expr::cust(condition))
        .to_owned();
    let mut names: Vec<_> = sql.models::<label::Entity>(&Cx::new(), &select).await.unwrap();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    names.into_iter().map(|label| label.name).collect()
}

async fn can_be_applied_listed_and_undone(store: Store) {
    let migrations = Migrations::default();
    let applied = async || -> Vec<bool> { migrations.status(&store).await.unwrap().iter().map(|step| step.applied).collect() };
    assert_eq!(applied().await, [false, false, false]);
    assert_eq!(migrations.up(&store, Some(1)).await.unwrap(), NAMES[..1]);
    assert_eq!(applied().await, [true, false, false]);
    assert_eq!(migrations.up(&store, None).await.unwrap(), NAMES[1..]);
    assert!(migrations.up(&store, None).await.unwrap().is_empty());
    let made = [
        "fiber_memberships",
        "fibers",
        "idx_fibers_type",
        "idx_memberships_fiber",
        "idx_raw_logs_source",
        "idx_raw_logs_timestamp",
        "larder_commits",
        "larder_migrations",
        "raw_logs",
    ];
    assert_eq!(objects(&store).await, made);
    assert_eq!(migrations.down(&store, 2).await.unwrap(), [NAMES[2], NAMES[1]]);
    assert_eq!(applied().await, [true, false, false]);
    assert_eq!(migrations.down(&store, 5).await.unwrap(), NAMES[..1]);
    assert_eq!(objects(&store).await, ["larder_migrations"]);
    assert_eq!(migrations.up(&store, None).await.unwrap(), NAMES);
}

async fn leave_nothing_half_done(store: Store) {
    let failing = Migrations::new(&[steps::RAW_LOGS, FAILING]);
    for _ in 0..3 {
        let error = failing.up(&store, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("m9999_failing"), "{error}");
    }
    for step in ENDING {
        let failing = Migrations::new(&[steps::RAW_LOGS, *step]);
        let error = failing.up(&store, None).await.expect_err(step.name);
        assert!(error.to_string().contains(step.name), "{error}");
    }
    let objects = objects(&store).await;
    assert!(objects.contains(&"raw_logs".to_owned()) && !objects.contains(&"half".to_owned()), "{objects:?}");
    let status = failing.status(&store).await.unwrap();
    assert_eq!(status.iter().map(|step| step.applied).collect::<Vec<_>>(), [true, false]);
}

async fn refuse_a_database_from_the_future(store: Store) {
    Migrations::default().up(&store, None).await.unwrap();
    let older = Migrations::new(&[steps::RAW_LOGS]);
    for error in [older.up(&store, None).await.unwrap_err(), older.status(&store).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Migration);
        assert!(error.to_string().contains("m0002_fibers"));
    }
    let twice = Migrations::new(&[steps::RAW_LOGS, steps::FIBERS, steps::FIBERS]);
    assert_eq!(twice.up(&store, None).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Steps that make a table, and then run a statement that ends or changes what they run in.
const ENDING: &[Step] = &[
    Step { name: "m9998_commit", up: |_| half_and("COMMIT"), down: |_| Vec::new() },
    Step { name: "m9998_nowhere", up: |_| half_and("INSERT INTO nowhere VALUES (1)"), down: |_| Vec::new() },
    Step { name: "m9998_pragma", up: |_| half_and("PRAGMA query_only = 1"), down: |_| Vec::new() },
    Step { name: "m9998_set", up: |_| half_and("SET schema = 'nowhere'"), down: |_| Vec::new() },
];

fn half_and(text: &str) -> Vec<Change> {
    vec![Change::sql("CREATE TABLE half (id INTEGER PRIMARY KEY)"), Change::sql(text)]
}

const FIRST: Step = Step {
    name: "m1_first",
    up: |_| vec![Change::sql("CREATE TABLE one (id INTEGER PRIMARY KEY)"), Change::sql("INSERT INTO one VALUES (7)")],
    down: |_| vec![Change::sql("DROP TABLE one")],
};
const FIRST_CHANGED: Step = Step {
    up: |_| vec![Change::sql("CREATE TABLE one (id INTEGER PRIMARY KEY, name TEXT)"), Change::sql("INSERT INTO one VALUES (7)")],
    ..FIRST
};
const SECOND: Step = Step {
    name: "m2_second",
    up: |dialect| {
        let kind = match dialect {
            Dialect::Postgres => vec![Change::sql("CREATE TYPE mood AS ENUM ('calm', 'loud')")],
            _ => Vec::new(),
        };
        let column = if dialect == Dialect::Postgres { "mood" } else { "TEXT" };
        kind.into_iter()
            .chain([
                Change::sql(format!("ALTER TABLE one ADD COLUMN mood {column}")),
                Change::sql("UPDATE one SET mood = 'calm'"),
            ])
            .collect()
    },
    down: |dialect| {
        let kind = if dialect == Dialect::Postgres { vec![Change::sql("DROP TYPE mood")] } else { Vec::new() };
        std::iter::once(Change::sql("ALTER TABLE one DROP COLUMN mood")).chain(kind).collect()
    },
};
const THIRD: Step = Step {
    name: "m3_third",
    up: |_| vec![Change::sql("CREATE TABLE three (id INTEGER PRIMARY KEY)")],
    down: |_| vec![Change::sql("DROP TABLE three")],
};

/// Steps of plain SQL, in each dialect its own, which may fill in what is there already.
async fn are_written_as_text(store: Store) {
    let migrations = Migrations::new(&[FIRST, SECOND]);
    assert_eq!(migrations.up(&store, None).await.unwrap(), ["m1_first", "m2_second"]);
    let mood: Vec<String> =
        store.sql().unwrap().query_as(&Cx::new(), &larder::SqlText::new("SELECT CAST(mood AS TEXT) FROM one")).await.unwrap();
    assert_eq!(mood, ["calm"]);
    assert_eq!(migrations.down(&store, 2).await.unwrap(), ["m2_second", "m1_first"]);
    assert_eq!(migrations.up(&store, None).await.unwrap().len(), 2);
}

/// What is not as it was when it was applied is noticed: a changed step, one that is missing between others, one that comes too
/// late.
async fn notice_what_was_changed_or_left_out(store: Store) {
    let refused = async |steps: &[Step], message: &str| {
        let migrations = Migrations::new(steps);
        for error in [migrations.up(&store, None).await.unwrap_err(), migrations.down(&store, 1).await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Migration, "{error}");
            assert!(error.to_string().contains(message), "{error}");
        }
    };
    Migrations::new(&[FIRST, THIRD]).up(&store, None).await.unwrap();
    refused(&[FIRST_CHANGED, THIRD], "m1_first was changed").await;
    refused(&[FIRST, SECOND, THIRD], "m2_second is not applied, and m3_third").await;
    refused(&[FIRST], "m3_third, which this program does not know").await;
    refused(&[THIRD], "m1_first, which this program does not know").await;
    assert_eq!(objects(&store).await, ["larder_migrations", "one", "three"]);
    // It is seen, and nothing is applied.
    let changed = Migrations::new(&[FIRST_CHANGED, THIRD, SECOND]);
    let status = changed.status(&store).await.unwrap();
    let status: Vec<_> = status.iter().map(|step| (step.applied, step.changed)).collect();
    assert_eq!(status, [(true, true), (true, false), (false, false)]);
    assert_eq!(changed.clone().accept_changed().up(&store, None).await.unwrap(), ["m2_second"]);
    // It is recorded anew.
    assert!(changed.up(&store, None).await.unwrap().is_empty());
    refused(&[FIRST, THIRD, SECOND], "m1_first was changed").await;
}

/// A table of an earlier program, or of SeaORM's migrator, has no checksums: what it has recorded is taken as it is.
async fn go_on_without_checksums(store: Store) {
    let sql = store.sql().unwrap();
    let run = async |text: &str| sql.execute(&Cx::new(), &larder::SqlText::new(text)).await.unwrap();
    run("CREATE TABLE larder_migrations (version varchar(255) NOT NULL PRIMARY KEY, applied_at bigint NOT NULL)").await;
    run("INSERT INTO larder_migrations VALUES ('m1_first', 0)").await;
    run("CREATE TABLE one (id INTEGER PRIMARY KEY)").await;
    let migrations = Migrations::new(&[FIRST_CHANGED, SECOND]);
    let status = migrations.status(&store).await.unwrap();
    assert_eq!(status.iter().map(|step| (step.applied, step.changed)).collect::<Vec<_>>(), [(true, false), (false, false)]);
    assert_eq!(migrations.up(&store, None).await.unwrap(), ["m2_second"]);
    assert!(migrations.up(&store, None).await.unwrap().is_empty());
}

async fn are_applied_once_by_many_at_a_time(stores: Vec<Store>) {
    let tasks =
        stores.into_iter().map(|store| tokio::spawn(async move { Migrations::default().up(&store, None).await.unwrap() }));
    let mut applied = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        applied.extend(task.await.unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, NAMES);
}

fn log(log_id: uuid::Uuid) -> raw_log::Model {
    raw_log::Model {
        log_id,
        timestamp: time("1969-12-31T23:59:59.999999Z"),
        source_id: "source".into(),
        raw_text: "line".into(),
        ingestion_time: None,
        config_version: ConfigVersion(u64::MAX),
    }
}

fn fiber(fiber_id: uuid::Uuid) -> fiber::Model {
    let at = time("1969-12-31T23:59:59.999999Z");
    fiber::Model {
        fiber_id,
        fiber_type: "request".into(),
        config_version: ConfigVersion(u64::MAX),
        attributes: Some(serde_json::json!({ "user.id": "7" })),
        first_activity: at,
        last_activity: at,
        closed: false,
    }
}

async fn make_tables_that_fit_the_entities(store: Store) {
    let cx = Cx::new();
    Migrations::default().up(&store, None).await.unwrap();
    let logs = store.repository::<raw_log::Entity>();
    let fibers = store.repository::<fiber::Entity>();
    let memberships = store.repository::<membership::Entity>();
    let (log_id, fiber_id) = (note("").id, note("").id);
    let (log, fiber) = (log(log_id), fiber(fiber_id));
    let stored = logs.create(&cx, &log).await.unwrap();
    assert!(stored.ingestion_time.unwrap() > time("2020-01-01T00:00:00Z"));
    assert_eq!(raw_log::Model { ingestion_time: None, ..stored.clone() }, log);
    assert_eq!(logs.find(&cx, &log_id).await.unwrap(), Some(stored));
    assert_eq!(fibers.create(&cx, &fiber).await.unwrap(), fiber);
    let member = membership::Model { log_id, fiber_id, config_version: log.config_version };
    assert_eq!(memberships.create(&cx, &member).await.unwrap(), member);
    let astray = membership::Model { log_id: fiber_id, ..member };
    if store.capabilities().referential_actions {
        assert_eq!(memberships.create(&cx, &astray).await.unwrap_err().kind(), ErrorKind::ForeignKey);
        assert!(logs.delete(&cx, &log_id).await.unwrap());
        assert_eq!(memberships.count(&cx, &larder::Filter::all()).await.unwrap(), 0);
    } else {
        assert_eq!(memberships.create(&cx, &astray).await.unwrap(), astray);
        assert!(logs.delete(&cx, &log_id).await.unwrap());
        assert_eq!(memberships.count(&cx, &larder::Filter::all()).await.unwrap(), 2);
    }
}

/// Makes a test of each promise, for a backend that `$open` gives a number of stores on one empty database of.
macro_rules! migrations {
    ($open:ident) => {
        migrations!($open: can_be_applied_listed_and_undone leave_nothing_half_done refuse_a_database_from_the_future
            make_tables_that_fit_the_entities are_written_as_text notice_what_was_changed_or_left_out go_on_without_checksums);

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn are_applied_once_by_many_at_a_time() {
            let Some((stores, _guard)) = $open(8).await else { return };
            super::are_applied_once_by_many_at_a_time(stores).await;
        }
    };
    ($open:ident: $($promise:ident)*) => {$(
        #[tokio::test]
        async fn $promise() {
            let Some((mut stores, _guard)) = $open(1).await else { return };
            super::$promise(stores.remove(0)).await;
        }
    )*};
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use larder::{Cx, Store};
    use larder_migration::{Migrations, Migrator};
    use sea_orm::Database;
    use sea_orm_migration::MigratorTrait;

    async fn open(count: usize) -> Option<(Vec<Store>, tempfile::TempDir)> {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("migrated.sqlite").display());
        let mut stores = Vec::new();
        for _ in 0..count {
            stores.push(larder::open(&url).await.unwrap());
        }
        Some((stores, directory))
    }

    migrations!(open);

    /// SeaORM's tools and ours continue each other's work.
    #[tokio::test]
    async fn are_the_same_for_sea_orm() {
        let connection = Database::connect("sqlite::memory:").await.unwrap();
        Migrator::up(&connection, Some(1)).await.unwrap();
        let store = Store::from_sea_orm(connection.clone()).unwrap();
        assert!(!store.capabilities().durable);
        assert_eq!(Migrations::default().up(&store, None).await.unwrap(), super::NAMES[1..]);
        assert!(Migrator::get_pending_migrations(&connection).await.unwrap().is_empty());
        Migrator::down(&connection, None).await.unwrap();
        assert!(Migrations::default().status(&store).await.unwrap().iter().all(|step| !step.applied));
        let logs = store.repository::<larder_entity::raw_log::Entity>();
        assert_eq!(logs.count(&Cx::new(), &larder::Filter::all()).await.unwrap_err().kind(), larder::ErrorKind::TableMissing);
    }
}

#[cfg(feature = "duckdb-linked")]
mod duckdb {
    use larder::Store;

    async fn open(count: usize) -> Option<(Vec<Store>, tempfile::TempDir)> {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("duckdb:{}", directory.path().join("migrated.duckdb").display());
        let mut stores = Vec::new();
        for _ in 0..count {
            stores.push(larder::open(&url).await.unwrap());
        }
        Some((stores, directory))
    }

    migrations!(open);
}

#[cfg(feature = "postgres")]
mod postgres {
    use larder::Store;

    use crate::support::postgres::{TestDatabase, is_skipped};

    async fn open(count: usize) -> Option<(Vec<Store>, TestDatabase)> {
        if is_skipped() {
            return None;
        }
        let database = TestDatabase::empty().await;
        let mut stores = Vec::new();
        for _ in 0..count {
            stores.push(larder::open(&database.url()).await.unwrap());
        }
        Some((stores, database))
    }

    migrations!(open);
}
