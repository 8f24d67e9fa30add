//! Batches that go in by `COPY`.

use larder::{Cx, DeleterExt as _, Error, ErrorKind, Filter, OpenOptions, ReaderExt as _, SqlText, Store, TransactionalExt};
use sea_orm::prelude::Decimal;

use super::Server;
use crate::support::{
    backend::Harness,
    drop_at,
    entities::{item, label, moment, note, price},
    item, note,
    postgres::{TestDatabase, is_skipped},
    time,
};

async fn run(store: &Store, sql: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
}

fn notes(count: usize) -> Vec<note::Model> {
    (0..count).map(|nth| note(&format!("note {nth}"))).collect()
}

/// An item with a value in every column.
fn full(id: i32) -> item::Model {
    item::Model {
        name: format!("Zoë {id} \\N \t"),
        nick: (id % 2 == 0).then(|| "n".to_owned()),
        small: i32::MIN + id,
        large: Some(i64::MAX - i64::from(id)),
        real: Some(0.1),
        single: Some(0.1),
        flag: Some(id % 3 == 0),
        bytes: Some(vec![0, 255, 10]),
        token: Some(uuid::Uuid::from_u128(9)),
        day: Some(time("1969-12-31T00:00:00Z").date_naive()),
        hour: Some(time("2026-01-01T23:59:59.999999Z").time()),
        local: Some(time("1900-01-01T00:00:00.000001Z").naive_utc()),
        due: Some(time("2026-01-01T00:00:00.000001Z").fixed_offset()),
        json: Some(serde_json::json!({ "a": [1, "x", null] })),
        ..item(id)
    }
}

/// Every type that is copied comes out as a single create leaves it.
#[tokio::test]
async fn a_batch_is_what_single_writes_are() {
    if is_skipped() {
        return;
    }
    let fixture = Server.fresh().await;
    let cx = Cx::new();
    let items = fixture.store.repository::<item::Entity>();
    let batch: Vec<_> = (0..600).map(full).collect();
    assert_eq!(items.create_batch(&cx, &batch).await.unwrap(), 600);
    let mut by_one = Vec::new();
    let ids: Vec<_> = (0..600).collect();
    let copied = items.find_many(&cx, &ids).await.unwrap();
    assert_eq!(copied, batch);
    items.delete_all(&cx).await.unwrap();
    for model in &batch {
        by_one.push(items.create(&cx, model).await.unwrap());
    }
    assert_eq!(copied, by_one);
}

#[tokio::test]
async fn decimals_and_times_are_copied_exactly() {
    if is_skipped() {
        return;
    }
    let fixture = Server.fresh().await;
    let cx = Cx::new();
    let ids: Vec<_> = (0..600).collect();
    let prices = fixture.store.repository::<price::Entity>();
    let exact = |id: i32| Some(Decimal::new(i64::from(id) - 75, 18));
    let batch: Vec<_> =
        (0..600).map(|id| price::Model { id, amount: Decimal::new(i64::from(id) * 7, 2), exact: exact(id) }).collect();
    prices.create_batch(&cx, &batch).await.unwrap();
    assert_eq!(prices.find_many(&cx, &ids).await.unwrap(), batch);

    let moments = fixture.store.repository::<moment::Entity>();
    let batch: Vec<_> =
        (0..600).map(|n| moment::Model { at: time("0001-01-01T00:00:00Z") + chrono::TimeDelta::microseconds(n) }).collect();
    moments.create_batch(&cx, &batch).await.unwrap();
    assert_eq!(moments.count(&cx, &Filter::all()).await.unwrap(), 600);
}

/// A batch that is refused leaves nothing, names the constraint, and its connection goes on.
#[tokio::test]
async fn a_duplicate_refuses_the_whole_batch() {
    if is_skipped() {
        return;
    }
    let fixture = Server.narrow().await;
    let (cx, repository) = (Cx::new(), fixture.store.repository::<note::Entity>());
    let mut batch = notes(3000);
    batch.push(batch[7].clone());
    let error = repository.create_batch(&cx, &batch).await.unwrap_err();
    assert_eq!((error.kind(), error.constraint()), (ErrorKind::Duplicate, Some("note_pkey")));
    assert_eq!(repository.count(&cx, &Filter::all()).await.unwrap(), 0);
    batch.pop();
    assert_eq!(repository.create_batch(&cx, &batch).await.unwrap(), 3000);
}

/// A batch belongs to the transaction it is made in, and to the part of it.
#[tokio::test]
async fn a_batch_is_undone_with_its_transaction() {
    if is_skipped() {
        return;
    }
    let fixture = Server.fresh().await;
    let repository = &fixture.store.repository::<note::Entity>();
    let kept = fixture.store.tx(&Cx::new(), |cx| async move {
        repository.create_batch(&cx, &notes(700)).await?;
        let undone = repository.tx(&cx, |cx| async move {
            repository.create_batch(&cx, &notes(800)).await?;
            Err::<(), _>(Error::new(ErrorKind::InvalidInput, "undo"))
        });
        undone.await.unwrap_err();
        repository.count(&cx, &Filter::all()).await
    });
    assert_eq!(kept.await.unwrap(), 700);
    assert_eq!(repository.count(&Cx::new(), &Filter::all()).await.unwrap(), 700);
}

/// Dropped wherever it is, a batch leaves nothing, and nobody is answered what was meant for it.
#[tokio::test]
async fn a_dropped_batch_confuses_nobody() {
    if is_skipped() {
        return;
    }
    let fixture = Server.narrow().await;
    let (cx, repository) = (Cx::new(), fixture.store.repository::<note::Entity>());
    // More than goes out at once.
    let batch: Vec<_> = (0..2000).map(|nth| note(&format!("{nth} {}", "x".repeat(500)))).collect();
    for polls in 0.. {
        let ended = drop_at(polls, repository.create_batch(&cx, &batch)).await;
        for nth in 0..3 {
            let one = note(&format!("{polls} {nth}"));
            assert_eq!(repository.create(&cx, &one).await.unwrap(), one, "{polls} polls");
            assert_eq!(repository.find(&cx, &one.id).await.unwrap(), Some(one.clone()), "{polls} polls");
            repository.delete(&cx, &one.id).await.unwrap();
        }
        let there = repository.count(&cx, &Filter::all()).await.unwrap();
        if let Some(stored) = ended {
            assert_eq!((stored.unwrap(), there), (2000, 2000));
            break;
        }
        assert!(there == 0 || there == 2000, "{there} after {polls} polls");
        repository.delete_all(&cx).await.unwrap();
    }
}

/// A batch that is refused by the server and holds what does not fit as well, or that is dropped inside a transaction, does not
/// leave its connection a step behind: what follows gets its own answers.
#[tokio::test]
async fn a_failed_batch_confuses_nobody() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let (cx, items, notes) = (Cx::new(), store.repository::<item::Entity>(), &store.repository::<note::Entity>());
    run(&store, "ALTER TABLE item ALTER COLUMN large TYPE smallint, ALTER COLUMN name TYPE varchar(9)").await;
    let mut batch: Vec<_> = (0..3000).map(|id| item::Model { bytes: Some(vec![7; 400]), ..item(id) }).collect();
    batch[1].name = "much too long".to_owned();
    batch[2999].large = Some(70_000);
    assert_eq!(items.create_batch(&cx, &batch).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    batch[2999].large = None;
    assert_eq!(items.create_batch(&cx, &batch).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let one = notes.create(&cx, &note("one")).await.unwrap();
    assert_eq!(notes.find(&cx, &one.id).await.unwrap(), Some(one.clone()));

    let many = &(0..2000).map(|nth| note(&format!("{nth} {}", "x".repeat(500)))).collect::<Vec<_>>();
    for polls in 1.. {
        let ended = &std::sync::atomic::AtomicBool::new(false);
        let one = &one;
        let outcome = store.tx(&cx, |cx| async move {
            let inner = notes.tx(&cx, |cx| async move { notes.create_batch(&cx, many).await });
            if let Some(stored) = drop_at(polls, inner).await {
                stored?;
                ended.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            // Its own answer, or none.
            assert_eq!(notes.find(&cx, &one.id).await?.as_ref(), Some(one), "{polls} polls");
            let later = note("later");
            assert_eq!(notes.create(&cx, &later).await?, later, "{polls} polls");
            Err::<(), _>(Error::new(ErrorKind::InvalidInput, "undo"))
        });
        outcome.await.unwrap_err();
        assert_eq!(notes.all(&cx).await.unwrap().as_slice(), std::slice::from_ref(one), "{polls} polls");
        if ended.load(std::sync::atomic::Ordering::SeqCst) {
            break;
        }
    }
}

/// Where `COPY` does not do what an insert does, statements do: on a view, and into columns of types of the database's own.
#[tokio::test]
async fn a_table_that_cannot_be_copied_to_is_inserted_into() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    let (cx, repository) = (Cx::new(), store.repository::<label::Entity>());
    let labels = |from: usize| {
        (from..from + 600).map(|n| label::Model { name: format!("{n:04}"), text: Some("t".to_owned()) }).collect::<Vec<_>>()
    };
    run(&store, "ALTER TABLE label RENAME TO label_of_old").await;
    run(&store, "CREATE VIEW label AS SELECT * FROM label_of_old").await;
    repository.create_batch(&cx, &labels(0)).await.unwrap();
    assert_eq!(repository.count(&cx, &Filter::all()).await.unwrap(), 600);

    run(&store, "DROP VIEW label").await;
    let error = repository.create_batch(&cx, &labels(600)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TableMissing);

    run(&store, "ALTER TABLE label_of_old RENAME TO label").await;
    run(&store, "CREATE DOMAIN short AS text CHECK (length(VALUE) < 9)").await;
    run(&store, "ALTER TABLE label ALTER COLUMN text TYPE short").await;
    repository.create_batch(&cx, &labels(600)).await.unwrap();
    let mut long = labels(1200);
    long[599].text = Some("too long for it".to_owned());
    assert_eq!(repository.create_batch(&cx, &long).await.unwrap_err().kind(), ErrorKind::Check);
    assert_eq!(repository.count(&cx, &Filter::all()).await.unwrap(), 1200);
}

/// An id that only the database may give is refused in a batch as it is by itself.
#[tokio::test]
async fn an_id_of_the_database_s_own_is_not_overridden() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    run(&store, "DROP TABLE price").await;
    run(&store, "CREATE TABLE price (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric, exact numeric)").await;
    let prices = store.repository::<price::Entity>();
    let batch: Vec<_> = (1..600).map(|id| price::Model { id, amount: Decimal::ONE, exact: None }).collect();
    assert_eq!(prices.create(&Cx::new(), &batch[0]).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(prices.create_batch(&Cx::new(), &batch).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// A column may be wider than the model's, or have become so since the last batch; what does not fit a narrower one is refused.
#[tokio::test]
async fn a_column_of_another_width_is_written_in_its_own() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(2).open(&database.url()).await.unwrap();
    let (cx, items) = (Cx::new(), store.repository::<item::Entity>());
    let batch = |from: i32| (from..from + 600).map(item).collect::<Vec<_>>();
    items.create_batch(&cx, &batch(0)).await.unwrap();
    run(&store, "ALTER TABLE item ALTER COLUMN large TYPE smallint, ALTER COLUMN name TYPE varchar(5)").await;
    items.create_batch(&cx, &batch(1000)).await.unwrap();
    let mut wide = batch(2000);
    wide[3].large = Some(70_000);
    assert_eq!(items.create_batch(&cx, &wide).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut long = batch(2000);
    long[599].name = "longer".to_owned();
    assert_eq!(items.create_batch(&cx, &long).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(items.count(&cx, &Filter::all()).await.unwrap(), 1200);
}

/// Triggers see what is copied, and defaults fill in what is not named.
#[tokio::test]
async fn triggers_and_defaults_take_part() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    let cx = Cx::new();
    let people = store.repository::<crate::support::entities::person::Entity>();
    let batch: Vec<_> = (0..600).map(|n| crate::support::person(&format!("{n}@x"))).collect();
    people.create_batch(&cx, &batch).await.unwrap();
    let stored = people.all(&cx).await.unwrap();
    assert!(stored.iter().all(|person| person.level == Some(3) && person.id > 0 && person.joined.is_some()));

    run(
        &store,
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.body := upper(NEW.body); RETURN NEW; END'",
    )
    .await;
    run(&store, "CREATE TRIGGER shouts BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION shout()").await;
    let repository = store.repository::<note::Entity>();
    repository.create_batch(&cx, &notes(600)).await.unwrap();
    assert!(repository.all(&cx).await.unwrap().iter().all(|note| note.body.starts_with("NOTE")));
    // What is answered is what is stored.
    assert!(repository.create_many(&cx, &notes(600)).await.unwrap().iter().all(|note| note.body.starts_with("NOTE")));
}

/// The last statement of another session on the database.
async fn last_of_another(store: &Store) -> String {
    let sql = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in%'";
    let found: Vec<String> = store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(sql)).await.unwrap();
    found.join(";")
}

/// In a transaction that goes on seeing the catalog as it was, a batch is copied if the columns have the types that it sees, and
/// else inserted.
#[tokio::test]
async fn a_batch_in_a_transaction_is_copied_unless_the_columns_have_changed() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = &OpenOptions::new().max_connections(2).open(&database.url()).await.unwrap();
    let (items, notes) = (&store.repository::<item::Entity>(), &store.repository::<note::Entity>());
    let other = &OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let batch = |from: i32| (from..from + 600).map(item).collect::<Vec<_>>();
    for changes in [false, true] {
        let from = if changes { 1000 } else { 0 };
        let stored = store.tx(&Cx::new(), |cx| async move {
            notes.count(&cx, &Filter::all()).await?;
            if changes {
                run(other, "ALTER TABLE item ALTER COLUMN large TYPE integer").await;
            }
            items.create_batch(&cx, &batch(from)).await?;
            let statement = last_of_another(other).await;
            assert_eq!(statement.starts_with("COPY"), !changes, "{statement}");
            Ok::<_, Error>(())
        });
        stored.await.unwrap();
        let ids: Vec<_> = (from..from + 600).collect();
        // By a connection that has prepared nothing for the table as it was.
        let read = larder::open(&database.url()).await.unwrap().repository::<item::Entity>();
        assert_eq!(read.find_many(&Cx::new(), &ids).await.unwrap(), batch(from));
    }
}
