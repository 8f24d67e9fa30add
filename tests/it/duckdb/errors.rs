//! What DuckDB says when something goes wrong, how it is locked down, and its settings.

use larder::{Cx, ErrorKind, TransactionalExt, TxOptions};
use sea_orm::sea_query::{ColumnDef, Table};

use super::{InMemory, asked, url};
use crate::support::{
    backend::Harness,
    create_tables,
    entities::{letter, note, strict},
    note,
};

/// The engine's words for what goes wrong: a change of them shows here.
#[tokio::test]
async fn errors_are_told_by_the_engines_words() {
    let store = larder::open("duckdb::memory:").await.unwrap();
    for (text, kind, code) in [
        ("'a'::INTEGER::VARCHAR", ErrorKind::InvalidInput, "Conversion"),
        ("300::TINYINT::VARCHAR", ErrorKind::InvalidInput, "Conversion"),
        ("9223372036854775807 + 1::BIGINT", ErrorKind::InvalidInput, "Out of Range"),
        ("nothing_of_the_sort", ErrorKind::InvalidInput, "Binder"),
        ("nothing_of_the_sort(1)", ErrorKind::InvalidInput, "Catalog"),
        ("(SELECT 1 FROM nothing)::VARCHAR", ErrorKind::TableMissing, "Catalog"),
        ("1 +", ErrorKind::InvalidInput, "Parser"),
        ("error('as the caller wants it')", ErrorKind::InvalidInput, "Invalid Input"),
        ("(SELECT count(*) FROM read_csv('/etc/passwd'))::VARCHAR", ErrorKind::Auth, "Permission"),
        ("(SELECT content FROM read_text('/etc/hostname'))", ErrorKind::Auth, "Permission"),
        ("(SELECT 1 FROM (SELECT 1 AS a UNION ALL SELECT 2))::VARCHAR", ErrorKind::InvalidInput, "Invalid Input"),
        ("repeat('x', 100), (SELECT count(*) FROM range(10) GROUP BY nothing)", ErrorKind::InvalidInput, "Binder"),
    ] {
        let error = asked(&store, text).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{text}: {:?}", std::error::Error::source(&error));
    }
}

/// The appender's errors have no type: they are told by their words, as those of a single model are.
#[tokio::test]
async fn a_refused_batch_is_told_by_the_engines_words() {
    let fixture = InMemory.fresh().await;
    let (stricts, letters) = (fixture.store.repository::<strict::Entity>(), fixture.store.repository::<letter::Entity>());
    let cx = Cx::new();
    let strict = |id, required: Option<&str>, amount| strict::Model { id, required: required.map(str::to_owned), amount };
    let astray = |id| letter::Model { id, sender: 4711, answers: None, about: None };
    let refused = [
        (stricts.create_batch(&cx, &[strict(1, Some("x"), 1), strict(2, None, 1)]).await, ErrorKind::NotNull),
        (stricts.create_batch(&cx, &[strict(1, Some("x"), 1), strict(2, Some("x"), -1)]).await, ErrorKind::Check),
        (letters.create_batch(&cx, &[astray(1), astray(2)]).await, ErrorKind::ForeignKey),
    ];
    for (outcome, kind) in refused {
        assert_eq!(outcome.unwrap_err().kind(), kind);
    }
    assert_eq!(
        stricts.count(&cx, &larder::Filter::all()).await.unwrap() + letters.count(&cx, &larder::Filter::all()).await.unwrap(),
        0
    );

    let sql = fixture.store.sql().unwrap();
    sql.execute(&cx, Table::drop().table(note::Entity)).await.unwrap();
    let notes = fixture.store.repository::<note::Entity>();
    let error = notes.create_batch(&cx, &[note("a"), note("b")]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::TableMissing, Some("Catalog")));
    // A table that does not fit the entity.
    let integers =
        Table::create().table(note::Entity).col(ColumnDef::new("id").uuid()).col(ColumnDef::new("body").integer()).to_owned();
    sql.execute(&cx, &integers).await.unwrap();
    let error = notes.create_batch(&cx, &[note("a"), note("b")]).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("body")));
}

/// A batch is refused where nothing may be written: in a read-only transaction, and in a file that is only read.
#[tokio::test]
async fn a_batch_is_refused_where_nothing_may_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.duckdb");
    let store = larder::open(&url(&file, "")).await.unwrap();
    create_tables(&store).await;
    let batch = [note("a"), note("b")];
    let notes = store.repository::<note::Entity>();
    let (notes_in, batch_in) = (&notes, &batch);
    let read_only = TxOptions::new().read_only();
    let refused = store.tx_with(&Cx::new(), read_only, |cx| async move { notes_in.create_batch(&cx, batch_in).await });
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::ReadOnly);
    store.close().await;
    let store = larder::open(&url(&file, "?mode=ro")).await.unwrap();
    let refused = store.repository::<note::Entity>().create_batch(&Cx::new(), &batch).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ReadOnly);
}

/// SQL reaches no other file and changes no setting, unless the application asks for it.
#[tokio::test]
async fn the_engine_is_locked_down() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret.csv");
    std::fs::write(&secret, "a\n1\n").unwrap();
    let read = format!("(SELECT count(*) FROM read_csv('{}'))::VARCHAR", secret.display()).leak();
    let locked = larder::open("duckdb::memory:").await.unwrap();
    assert_eq!(asked(&locked, read).await.unwrap_err().kind(), ErrorKind::Auth);
    for setting in
        ["enable_external_access", "autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions"]
    {
        let current = asked(&locked, format!("current_setting('{setting}')::VARCHAR").leak()).await.unwrap();
        assert_eq!(current[0].name, "false", "{setting}");
    }
    let open = larder::open("duckdb::memory:?external_access=true&lock_configuration=false").await.unwrap();
    assert_eq!(asked(&open, read).await.unwrap()[0].name, "1");
    for (store, expected) in [(&locked, "true"), (&open, "false")] {
        assert_eq!(asked(store, "current_setting('lock_configuration')::VARCHAR").await.unwrap()[0].name, expected);
    }
}

/// Settings reach the engine; one that it refuses is `InvalidInput`.
#[tokio::test]
async fn settings_are_the_urls() {
    let directory = tempfile::tempdir().unwrap();
    let spill = directory.path().join("spill");
    let asked_for = format!("?memory_limit=256MiB&threads=3&temp_directory={}", spill.display());
    let store = larder::open(&url(&directory.path().join("a.duckdb"), &asked_for)).await.unwrap();
    for (setting, expected) in [("memory_limit", "256.0 MiB"), ("threads", "3"), ("temp_directory", spill.to_str().unwrap())] {
        let current = asked(&store, format!("current_setting('{setting}')::VARCHAR").leak()).await.unwrap();
        assert_eq!(current[0].name, expected, "{setting}");
    }
    let cores = std::thread::available_parallelism().unwrap().get().min(4);
    let defaults = larder::open("duckdb::memory:").await.unwrap();
    let same = larder::open(&format!("duckdb::memory:?memory_limit=25%&threads={cores}&temp_directory=")).await.unwrap();
    let other = larder::open("duckdb::memory:?memory_limit=80%").await.unwrap();
    for setting in ["memory_limit", "threads", "temp_directory"] {
        let question: &str = format!("current_setting('{setting}')::VARCHAR").leak();
        let [current, same, other] = [
            asked(&defaults, question).await.unwrap(),
            asked(&same, question).await.unwrap(),
            asked(&other, question).await.unwrap(),
        ];
        assert_eq!(current, same, "{setting}");
        assert_eq!(current == other, setting != "memory_limit");
    }
    for refused in ["duckdb::memory:?memory_limit=lots", "duckdb::memory:?threads=none", "duckdb::memory:?nothing=1"] {
        assert_eq!(larder::open(refused).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{refused}");
    }
}
