//! What a create answers without reading it back, and when it has to.

use std::time::Duration;

use larder::{
    Cx, Durability, Error, ErrorKind, Filter, Locking, OpenOptions, Result, SqlText, Store, Transactional as _,
    TransactionalExt as _, TxOptions,
};

use crate::support::{
    entities::{label, note},
    note, tables,
};

async fn run(store: &Store, cx: &Cx, sql: &str) -> Result<u64> {
    store.sql()?.execute(cx, &SqlText::new(sql)).await
}

fn labelled(name: &str, text: &str) -> label::Model {
    label::Model { name: name.into(), text: Some(text.into()) }
}

/// By one and by two, in a transaction and by themselves.
async fn create(store: &Store, name: &str, text: &str) -> Vec<Result<Vec<label::Model>, ErrorKind>> {
    let labels = &store.repository::<label::Entity>();
    let model = |nth: u32| labelled(&format!("{name} {nth}"), text);
    let alone = labels.create(&Cx::new(), &model(0)).await.map(|model| vec![model]);
    let two = labels.create_many(&Cx::new(), &[model(1), model(2)]).await;
    let inside = store.tx(&Cx::new(), |cx| async move {
        let mut models = vec![labels.create(&cx, &model(3)).await?];
        models.extend(labels.create_many(&cx, &[model(4), model(5)]).await?);
        Ok::<_, Error>(models)
    });
    [alone, two, inside.await].into_iter().map(|created| created.map_err(|error| error.kind())).collect()
}

async fn count(store: &Store) -> u64 {
    store.repository::<label::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap()
}

/// A table may be made anew while it is in use, by this process or by another, with columns that make something else of what they are given.
#[tokio::test]
async fn a_column_that_changes_what_it_is_given_is_noticed() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("given.sqlite").display());
        let options = OpenOptions::new().durability(durability);
        let (store, other) = (options.open(&url).await.unwrap(), options.open(&url).await.unwrap());
        tables::create(&store).await;
        for (turn, by) in [&store, &other, &store, &other].into_iter().enumerate() {
            for (declared, keeps) in [("TEXT", true), ("NUMERIC", false), ("BLOB", true), ("INT", false)] {
                run(by, &Cx::new(), "DROP TABLE label").await.unwrap();
                run(by, &Cx::new(), &format!("CREATE TABLE label (name TEXT PRIMARY KEY, text {declared})")).await.unwrap();
                if turn > 1 {
                    // So many that what the connection keeps prepared is no longer there.
                    for nth in 0..150 {
                        run(&store, &Cx::new(), &format!("DELETE FROM label WHERE text = '{nth}'")).await.unwrap();
                    }
                }
                let created = create(&store, "a", "7").await;
                if keeps {
                    let models: Vec<_> = created.into_iter().flat_map(Result::unwrap).collect();
                    let expected: Vec<_> = (0..6).map(|nth| labelled(&format!("a {nth}"), "7")).collect();
                    assert_eq!(models, expected, "{turn} {declared}");
                    assert_eq!(count(&store).await, 6);
                } else {
                    // It could not be read any more, and is not there.
                    assert!(created.iter().all(|created| *created == Err(ErrorKind::Corrupt)), "{turn} {declared}: {created:?}");
                    assert_eq!(count(&store).await, 0);
                }
                let created = create(&store, "b", "no number").await;
                assert!(created.iter().all(Result::is_ok), "{turn} {declared}: {created:?}");
            }
        }
    }
}

/// A view stores rows by its trigger, which SQLite does not count.
#[tokio::test]
async fn a_view_is_written_through_its_trigger() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    for sql in [
        "CREATE TABLE base (name TEXT PRIMARY KEY, text TEXT)",
        "CREATE VIEW label AS SELECT name, text FROM base",
        "CREATE TRIGGER put INSTEAD OF INSERT ON label BEGIN INSERT INTO base VALUES (NEW.name, NEW.text); END",
    ] {
        run(&store, &Cx::new(), sql).await.unwrap();
    }
    let labels = store.repository::<label::Entity>();
    assert_eq!(labels.create(&Cx::new(), &labelled("a", "7")).await.unwrap(), labelled("a", "7"));
    assert_eq!(count(&store).await, 1);
}

/// A trigger may refuse a row without a word.
#[tokio::test]
async fn a_row_that_was_not_stored_is_not_answered() {
    let directory = tempfile::tempdir().unwrap();
    for durability in [Durability::Process, Durability::Power] {
        let url = format!("sqlite:{}", directory.path().join(format!("{durability:?}.sqlite")).display());
        let store = OpenOptions::new().durability(durability).open(&url).await.unwrap();
        tables::create(&store).await;
        let trigger = "CREATE TRIGGER ignores BEFORE INSERT ON label WHEN NEW.text = 'not me' BEGIN SELECT RAISE(IGNORE); END";
        run(&store, &Cx::new(), trigger).await.unwrap();
        let labels = store.repository::<label::Entity>();
        labels.create(&Cx::new(), &labelled("a", "me")).await.unwrap();
        let ignored = labels.create(&Cx::new(), &labelled("b", "not me")).await;
        assert_eq!(ignored.map_err(|error| error.kind()), Err(ErrorKind::Internal));
        assert_eq!(count(&store).await, 1);
    }
}

/// Whether a row has to be read back is not asked by a transaction that has only begun: one that has read cannot wait for another that writes.
#[tokio::test]
async fn a_create_that_begins_to_write_waits_for_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("turn.sqlite").display());
    let (one, other) = (larder::open(&url).await.unwrap(), larder::open(&url).await.unwrap());
    tables::create(&one).await;
    for many in [false, true] {
        let writing = other.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        other.repository::<note::Entity>().create(&writing, &note("first")).await.unwrap();
        let deferred = one.begin(&Cx::new(), TxOptions::new().locking(Locking::Deferred)).await.unwrap();
        let (notes, models) = (one.repository::<note::Entity>(), [note("second"), note("third")]);
        let second = async {
            match many {
                true => notes.create_many(&deferred, &models).await,
                false => notes.create(&deferred, &models[0]).await.map(|model| vec![model]),
            }
        };
        let commit = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            writing.commit().await
        };
        let (second, committed) = tokio::join!(second, commit);
        committed.unwrap();
        assert_eq!(second.unwrap(), models[..if many { 2 } else { 1 }]);
        deferred.commit().await.unwrap();
    }
}
