//! What holds for the contract itself, whatever the backend.

use std::{error::Error as _, sync::Arc, time::Duration};

use larder::{
    Changes, Clock, Creator, Cx, Deleter, Error, ErrorClass, ErrorKind, Filter, ManualClock, OnConflict, OpenOptions, Query,
    Reader, ReaderExt, Result, Storage, Store, Transactional, TransactionalExt, Updater, Upserted, new_id,
};
use uuid::Uuid;

use crate::support::{
    entities::{note, person},
    note, person, time,
};

/// Each trait is enough for a function that needs no other, and is a type to hold.
async fn each_alone(
    creator: &dyn Creator<note::Model>,
    reader: &dyn Reader<note::Model, Uuid>,
    updater: &dyn Updater<note::Model>,
    deleter: &dyn Deleter<note::Model, Uuid>,
    transactional: &dyn Transactional,
) -> Result<bool> {
    transactional
        .tx(&Cx::new(), |cx| async move {
            let stored = creator.create(&cx, &note("one")).await?;
            let changed = updater.update(&cx, &note::Model { body: "two".into(), ..stored }).await?;
            assert_eq!(reader.get(&cx, &changed.id).await?, changed);
            deleter.delete(&cx, &changed.id).await
        })
        .await
}

#[tokio::test]
async fn each_trait_is_usable_alone() {
    let store = larder::open("memory:").await.unwrap();
    let notes: Arc<dyn Storage<note::Model, Uuid>> = store.repository::<note::Entity>();
    let creator: Arc<dyn Creator<note::Model>> = notes.clone();
    let deleter: Arc<dyn Deleter<note::Model, Uuid>> = notes.clone();
    assert!(each_alone(&*creator, &*notes, &*notes, &*deleter, &store).await.unwrap());
}

#[test]
fn what_is_shared_between_tasks_can_be() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Store>();
    shared::<Cx>();
    shared::<Arc<dyn Storage<note::Model, Uuid>>>();
    shared::<larder::Error>();
    shared::<larder::Sql>();
}

#[tokio::test]
async fn the_clock_is_the_callers() {
    let clock = Arc::new(ManualClock::at(time("2026-05-01T00:00:00.123456789Z")));
    let store = OpenOptions::new().clock(clock.clone()).open("memory:").await.unwrap();
    assert_eq!(store.database_now(), time("2026-05-01T00:00:00.123456Z"));
    clock.advance(Duration::from_secs(60));
    assert_eq!(clock.now(), time("2026-05-01T00:01:00.123456789Z"));
    let stored = store.repository::<person::Entity>().create(&Cx::new(), &person("a@b")).await.unwrap();
    assert_eq!(stored.joined, Some(time("2026-05-01T00:01:00.123456Z")));
}

#[test]
fn new_ids_are_random() {
    let (one, other) = (new_id(), new_id());
    assert!(one != other && one.get_version_num() == 4);
}

#[tokio::test]
async fn what_is_no_store_is_refused() {
    for url in ["", "memory", "memory:x", "mysql://host/db", "bogus:", "sqlite", "/path"] {
        assert_eq!(larder::open(url).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{url}");
    }
}

/// The longest time that a setting may be.
const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 60 * 60);

/// Every setting has bounds, on every backend, and the error names the setting.
#[tokio::test]
async fn settings_out_of_bounds_are_refused() {
    let options = OpenOptions::new;
    let refused = [
        ("max_connections", options().max_connections(0)),
        ("max_connections", options().max_connections(10_001)),
        ("max_connections", options().max_connections(u32::MAX)),
        ("min_connections", options().max_connections(1).min_connections(2)),
        ("min_connections", options().min_connections(11)),
        ("min_connections", options().min_connections(u32::MAX)),
        ("acquire_timeout", options().acquire_timeout(std::time::Duration::MAX)),
        ("acquire_timeout", options().acquire_timeout(YEAR + std::time::Duration::from_nanos(1))),
        ("long_transaction", options().long_transaction(std::time::Duration::MAX)),
    ];
    // Nobody listens there, and nobody is asked.
    let urls = [
        "memory:",
        #[cfg(feature = "sqlite")]
        "sqlite::memory:",
        #[cfg(feature = "duckdb-linked")]
        "duckdb::memory:",
        #[cfg(feature = "postgres")]
        "postgres://127.0.0.1:1/none",
    ];
    for url in urls {
        for (setting, options) in &refused {
            let error = options.open(url).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url} {setting}: {error}");
            assert!(error.to_string().contains(setting), "{url} {setting}: {error}");
        }
    }
    #[cfg(feature = "sqlite")]
    assert_eq!(options().min_connections(2).open("sqlite::memory:").await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_most_that_can_be_asked_for_is_taken() {
    let most = OpenOptions::new().acquire_timeout(YEAR).long_transaction(YEAR);
    most.open("memory:").await.unwrap();
    #[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
    let most = most.max_connections(10_000);
    #[cfg(feature = "sqlite")]
    most.open("sqlite::memory:").await.unwrap();
    #[cfg(feature = "duckdb-linked")]
    most.open("duckdb::memory:").await.unwrap();
}

#[cfg(not(feature = "postgres"))]
#[tokio::test]
async fn a_backend_that_is_not_compiled_in_is_named() {
    let error = larder::open("postgres://host/db").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("feature `postgres`"));
}

#[test]
fn an_error_tells_what_and_where_and_nothing_more() {
    let cause = std::io::Error::other("value: t0psecret");
    let error = Error::new(ErrorKind::Duplicate, "taken").with_constraint(Some("user_email_key")).with_code("23505");
    let error = error.at("create", "user").at("tx", "nobody").with_source(cause);
    assert_eq!(error.to_string(), "duplicate: taken (operation create, model user, constraint user_email_key, code 23505)");
    assert!(!format!("{error:?}").contains("t0psecret"));
    assert!(error.source().unwrap().to_string().contains("t0psecret"));
    assert_eq!(Error::new(ErrorKind::Closed, "").to_string(), "store closed");
}

#[test]
fn kinds_fall_into_classes() {
    for (kind, class, retryable) in [
        (ErrorKind::Contention, ErrorClass::Transient, true),
        (ErrorKind::PoolTimeout, ErrorClass::Transient, true),
        (ErrorKind::Connection, ErrorClass::Transient, false),
        (ErrorKind::CommitUnknown, ErrorClass::Consistency, false),
        (ErrorKind::Duplicate, ErrorClass::Consistency, false),
        (ErrorKind::ResourceExhausted, ErrorClass::Resource, false),
        (ErrorKind::Auth, ErrorClass::Permanent, false),
        (ErrorKind::TransactionAborted, ErrorClass::Permanent, false),
    ] {
        assert_eq!((kind.class(), Error::new(kind, "").is_retryable()), (class, retryable), "{kind}");
    }
}

/// A setting that a store has no use for is refused by its name.
#[tokio::test]
async fn settings_of_other_stores_are_refused() {
    let options = OpenOptions::new;
    let given = [
        ("max_connections", options().max_connections(2)),
        ("min_connections", options().min_connections(1)),
        ("durability", options().durability(larder::Durability::Process)),
        ("write_ahead_log", options().write_ahead_log(true)),
    ];
    let stores: [(&str, &[&str]); _] = [
        ("memory:", &[]),
        #[cfg(feature = "duckdb-linked")]
        ("duckdb::memory:", &["max_connections"]),
        #[cfg(feature = "postgres")]
        ("postgres://127.0.0.1:1/none", &["max_connections", "min_connections"]),
    ];
    for (url, settings) in stores {
        for (setting, options) in given.iter().filter(|(setting, _)| !settings.contains(setting)) {
            let error = options.open(url).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url} {setting}: {error}");
            assert!(error.to_string().contains(setting), "{url} {setting}: {error}");
        }
    }
    #[cfg(feature = "sqlite")]
    for (_, options) in given {
        let folder = tempfile::tempdir().unwrap();
        options.open(&format!("sqlite:{}/store", folder.path().display())).await.unwrap();
    }
}

/// A repository of somebody else's that has only the methods that have no body.
struct Other;

#[async_trait::async_trait]
impl Creator<note::Model> for Other {
    async fn create(&self, _: &Cx, model: &note::Model) -> Result<note::Model> {
        Ok(model.clone())
    }

    async fn create_many(&self, _: &Cx, models: &[note::Model]) -> Result<Vec<note::Model>> {
        Ok(models.to_vec())
    }

    async fn create_batch(&self, _: &Cx, models: &[note::Model]) -> Result<u64> {
        Ok(models.len() as u64)
    }

    async fn upsert_batch(&self, _: &Cx, _: &[note::Model], _: &OnConflict<note::Model>) -> Result<Upserted> {
        Ok(Upserted::default())
    }
}

#[async_trait::async_trait]
impl Updater<note::Model> for Other {
    async fn update(&self, _: &Cx, model: &note::Model) -> Result<note::Model> {
        Ok(model.clone())
    }

    async fn update_many(&self, _: &Cx, models: &[note::Model]) -> Result<Vec<note::Model>> {
        Ok(models.to_vec())
    }

    async fn update_where(&self, _: &Cx, _: &Filter<note::Model>, _: &Changes<note::Model>) -> Result<u64> {
        Ok(0)
    }
}

#[async_trait::async_trait]
impl Deleter<note::Model, Uuid> for Other {
    async fn delete(&self, _: &Cx, _: &Uuid) -> Result<bool> {
        Ok(false)
    }

    async fn delete_many(&self, _: &Cx, _: &[Uuid]) -> Result<u64> {
        Ok(0)
    }

    async fn delete_where(&self, _: &Cx, _: &Filter<note::Model>) -> Result<u64> {
        Ok(0)
    }
}

/// What a repository does not implement is `Unsupported`, and the error names the method.
#[tokio::test]
async fn methods_that_are_not_implemented_say_so() {
    let (cx, all, changes, query) = (&Cx::new(), &Filter::all(), &Changes::new(), &Query::new());
    for (name, error) in [
        ("`upsert`", Other.upsert(cx, &note("a"), &OnConflict::ignore()).await.unwrap_err()),
        ("`update_where_returning`", Other.update_where_returning(cx, all, changes).await.unwrap_err()),
        ("`update_first`", Other.update_first(cx, query, changes).await.unwrap_err()),
        ("`delete_where_returning`", Other.delete_where_returning(cx, all).await.unwrap_err()),
        ("`delete_first`", Other.delete_first(cx, query).await.unwrap_err()),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
