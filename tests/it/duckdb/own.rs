//! What DuckDB has to itself.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use larder::ReaderExt as _;
use larder::{Cx, ErrorKind, HealthStatus, OpenOptions, Store, Transactional, TransactionalExt, TxOptions};
use sea_orm::{
    Schema,
    sea_query::{ColumnDef, Expr, ForeignKey, Query, SelectStatement, Table},
};

use super::{InMemory, asked};
use crate::support::{
    backend::Harness,
    entities::{door, label, letter, note, person, place, price, sign, ticket},
    note, person,
};

/// A statement that takes longer than anybody waits for.
fn endless() -> SelectStatement {
    let rows = "(SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 3)::VARCHAR";
    Query::select().expr_as(Expr::cust(rows), "name").expr_as(Expr::cust("NULL::VARCHAR"), "text").to_owned()
}

/// One task in a transaction and one beside it: neither sees the other's model before it is committed, and what the first rolls
/// back takes nothing of the second's along.
#[tokio::test]
async fn transactions_are_apart_from_each_other_and_from_plain_calls() {
    let fixture = InMemory.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let (mine, yours, theirs) = (note("in a transaction"), note("plain"), note("in another transaction"));
    let first = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&first, &mine).await.unwrap();
    let second = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    // What a transaction sees is settled by its first statement.
    assert_eq!(notes.count(&second, &larder::Filter::all()).await.unwrap(), 0);
    let plain = tokio::spawn({
        let (notes, mine, yours) = (notes.clone(), mine.id, yours.clone());
        async move {
            notes.create(&Cx::new(), &yours).await.unwrap();
            assert_eq!(notes.find(&Cx::new(), &mine).await.unwrap(), None);
        }
    });
    plain.await.unwrap();
    notes.create(&second, &theirs).await.unwrap();
    assert_eq!(notes.all(&first).await.unwrap(), std::slice::from_ref(&mine));
    assert_eq!(notes.all(&second).await.unwrap(), std::slice::from_ref(&theirs));
    first.rollback().await.unwrap();
    second.commit().await.unwrap();
    let mut left = [yours, theirs];
    left.sort_by_key(|note| note.id);
    assert_eq!(notes.all(&Cx::new()).await.unwrap(), left);
}

/// Two transactions that change the same model, delete it, or store the same new id: the later one is `Contention`, and may be
/// run again.
#[tokio::test]
async fn conflicting_writers_are_contention() {
    let fixture = InMemory.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let plain = Cx::new();
    let person = people.create(&plain, &person("a@b")).await.unwrap();
    let changed = person::Model { level: Some(9), ..person.clone() };

    let first = fixture.store.begin(&plain, TxOptions::new()).await.unwrap();
    let second = fixture.store.begin(&plain, TxOptions::new()).await.unwrap();
    people.update(&first, &changed).await.unwrap();
    for error in [people.update(&second, &changed).await.unwrap_err(), people.delete(&plain, &person.id).await.unwrap_err()] {
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Contention, true));
    }
    assert_eq!(second.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    first.commit().await.unwrap();

    let first = fixture.store.begin(&plain, TxOptions::new()).await.unwrap();
    people.delete(&first, &person.id).await.unwrap();
    assert_eq!(people.delete(&plain, &person.id).await.unwrap_err().kind(), ErrorKind::Contention);
    first.rollback().await.unwrap();

    let (first, second) = (begun(&fixture.store).await, begun(&fixture.store).await);
    for (cx, email) in [(&first, "c@d"), (&second, "e@f")] {
        people.create(cx, &person::Model { id: 4711, email: email.into(), ..changed.clone() }).await.unwrap();
    }
    first.commit().await.unwrap();
    assert_eq!(second.commit().await.unwrap_err().kind(), ErrorKind::Contention);
    assert_eq!(people.find(&plain, &4711).await.unwrap().unwrap().email, "c@d");
    people.create(&plain, &crate::support::person("usable@b")).await.unwrap();
}

/// Contention that only the commit meets degrades the store as any other.
#[tokio::test]
async fn contention_at_commits_is_seen() {
    let fixture = InMemory.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let (first, second, third) = (begun(&fixture.store).await, begun(&fixture.store).await, begun(&fixture.store).await);
    for (cx, email) in [(&first, "a@b"), (&second, "c@d"), (&third, "e@f")] {
        people.create(cx, &person::Model { id: 4711, ..person(email) }).await.unwrap();
    }
    first.commit().await.unwrap();
    for late in [second, third] {
        assert_eq!(late.commit().await.unwrap_err().kind(), ErrorKind::Contention);
    }
    assert_eq!(fixture.store.health(&Cx::new()).await.transactions.status, HealthStatus::Degraded);
}

async fn begun(store: &Store) -> Cx {
    store.begin(&Cx::new(), TxOptions::new()).await.unwrap()
}

/// A batch that violates a constraint, by what is stored or by itself, names it; nothing of it is stored.
#[tokio::test]
async fn a_refused_batch_names_the_constraint() {
    let fixture = InMemory.fresh().await;
    let (people, notes) = (fixture.store.repository::<person::Entity>(), fixture.store.repository::<note::Entity>());
    people.create(&Cx::new(), &person("taken@b")).await.unwrap();
    let note = note("twice");
    let seat = |email: &str| person::Model { row: Some(1), place: Some(2), ..person(email) };
    let refused = [
        notes.create_batch(&Cx::new(), &[note.clone(), note]).await.unwrap_err(),
        people.create_batch(&Cx::new(), &[person("new@b"), person("taken@b")]).await.unwrap_err(),
        people.create_batch(&Cx::new(), &[person("same@b"), person("same@b")]).await.unwrap_err(),
        people.create_many(&Cx::new(), &[seat("x@b"), seat("y@b")]).await.unwrap_err(),
    ];
    let named: Vec<_> = refused.iter().map(|error| (error.kind(), error.constraint().unwrap_or_default())).collect();
    let duplicate = |constraint| (ErrorKind::Duplicate, constraint);
    assert_eq!(
        named,
        [duplicate("note.id"), duplicate("person.email"), duplicate("person.email"), duplicate("person.row, person.place")]
    );
    assert_eq!(
        (
            people.count(&Cx::new(), &larder::Filter::all()).await.unwrap(),
            notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap()
        ),
        (1, 0)
    );
}

/// A batch that fails inside a transaction leaves nothing of it, nor of what went before.
#[tokio::test]
async fn a_refused_batch_takes_its_transaction_along() {
    let fixture = InMemory.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let made: Vec<_> = (0..20_000).map(|i| note(&i.to_string())).collect();
        notes.create_batch(&cx, &made).await?;
        assert_eq!(notes.create_batch(&cx, &made[..1]).await.unwrap_err().kind(), ErrorKind::Duplicate);
        Ok::<_, larder::Error>(())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// What something refers to can be changed, but for its indexed columns, and is not deleted in the transaction that deletes the
/// reference.
#[tokio::test]
async fn references_refuse_more_than_elsewhere() {
    let fixture = InMemory.fresh().await;
    let cx = Cx::new();
    let (people, letters) = (fixture.store.repository::<person::Entity>(), fixture.store.repository::<letter::Entity>());
    let (places, signs) = (fixture.store.repository::<place::Entity>(), fixture.store.repository::<sign::Entity>());
    let sender = people.create(&cx, &person("a@b")).await.unwrap();
    let letter = letter::Model { id: 0, sender: sender.id, answers: None, about: None };
    let letter = letters.create(&cx, &letter).await.unwrap();
    let changed = person::Model { level: Some(9), ..sender.clone() };
    assert_eq!(people.update(&cx, &changed).await.unwrap_err().kind(), ErrorKind::ForeignKey);
    let both = begun(&fixture.store).await;
    assert!(letters.delete(&both, &letter.id).await.unwrap());
    assert_eq!(people.delete(&both, &sender.id).await.unwrap_err().kind(), ErrorKind::ForeignKey);
    both.rollback().await.unwrap();
    assert!(letters.delete(&cx, &letter.id).await.unwrap());
    assert_eq!(people.update(&cx, &changed).await.unwrap(), changed);
    assert!(people.delete(&cx, &sender.id).await.unwrap());

    // Nothing but the id is indexed here.
    let sql = fixture.store.sql().unwrap();
    sql.execute(&cx, Table::drop().table(sign::Entity)).await.unwrap();
    sql.execute(&cx, Table::drop().table(door::Entity)).await.unwrap();
    sql.execute(&cx, Table::drop().table(place::Entity)).await.unwrap();
    let plain = |name: &'static str| ColumnDef::new(name).big_integer().not_null().to_owned();
    let table = Table::create().table(place::Entity).col(plain("id").primary_key()).col(ColumnDef::new("code").text()).to_owned();
    sql.execute(&cx, &table).await.unwrap();
    let mut reference = ForeignKey::create().from(sign::Entity, "place_id").to(place::Entity, "id").to_owned();
    let table = Table::create().table(sign::Entity).col(plain("id").primary_key()).col(plain("place_id")).to_owned();
    sql.execute(&cx, table.clone().foreign_key(&mut reference)).await.unwrap();
    let place = places.create(&cx, &place::Model { id: 7, code: "old".into() }).await.unwrap();
    signs.create(&cx, &sign::Model { id: 1, place_id: place.id }).await.unwrap();
    let renamed = place::Model { code: "new".into(), ..place };
    assert_eq!(places.update(&cx, &renamed).await.unwrap(), renamed);
    assert_eq!(places.all(&cx).await.unwrap(), [renamed]);
}

/// Two transactions that store the same new models by the appender: the later commit is `Contention`.
#[tokio::test]
async fn conflicting_batches_are_contention() {
    let fixture = InMemory.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let models: Vec<_> = (0..3_000).map(|i| note(&i.to_string())).collect();
    let (first, second) = (begun(&fixture.store).await, begun(&fixture.store).await);
    notes.create_batch(&first, &models).await.unwrap();
    notes.create_batch(&second, &models).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(second.commit().await.unwrap_err().kind(), ErrorKind::Contention);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 3_000);
}

/// A column that is added later is of the type it would have been from the start: a decimal keeps its digits.
#[tokio::test]
async fn a_column_added_later_is_the_same() {
    let fixture = InMemory.fresh().await;
    let (sql, cx) = (fixture.store.sql().unwrap(), Cx::new());
    sql.execute(&cx, Table::drop().table(price::Entity)).await.unwrap();
    let id = ColumnDef::new("id").integer().not_null().primary_key().to_owned();
    let amount = ColumnDef::new("amount").decimal_len(10, 2).not_null().to_owned();
    sql.execute(&cx, Table::create().table(price::Entity).col(id).col(amount)).await.unwrap();
    sql.execute(&cx, Table::alter().table(price::Entity).add_column(ColumnDef::new("exact").decimal())).await.unwrap();
    let prices = fixture.store.repository::<price::Entity>();
    let exact = "12345678901234567890.123456789012345678".parse().unwrap();
    let price = price::Model { id: 1, amount: "1.25".parse().unwrap(), exact: Some(exact) };
    prices.create(&cx, &price).await.unwrap();
    assert_eq!(prices.all(&cx).await.unwrap(), [price]);
}

/// A statement of the caller's says how many rows it changed, also if it returns them.
#[tokio::test]
async fn changed_rows_are_counted() {
    let fixture = InMemory.fresh().await;
    let (sql, cx) = (fixture.store.sql().unwrap(), Cx::new());
    fixture.store.repository::<note::Entity>().create_batch(&cx, &[note("a"), note("b"), note("c")]).await.unwrap();
    let mut update = Query::update();
    update.table(note::Entity).value(note::Column::Body, "same");
    assert_eq!(sql.execute(&cx, &update).await.unwrap(), 3);
    assert_eq!(sql.execute(&cx, update.returning_all()).await.unwrap(), 3);
    assert_eq!(sql.execute(&cx, Query::delete().from_table(note::Entity)).await.unwrap(), 3);
    assert_eq!(sql.execute(&cx, Query::delete().from_table(note::Entity)).await.unwrap(), 0);
}

/// A statement runs beside the tasks of the runtime, also of one with a single thread.
#[tokio::test(flavor = "current_thread")]
async fn a_long_statement_keeps_nobody_waiting() {
    let fixture = InMemory.fresh().await;
    let turns = &AtomicU32::new(0);
    let statement = asked(&fixture.store, "(SELECT count(*) FROM range(30000000) WHERE range % 7 = 3)::VARCHAR");
    let ticker = async {
        loop {
            turns.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        counted = statement => assert_eq!(counted.unwrap()[0].name, "4285714"),
        () = ticker => unreachable!(),
    }
    assert!(turns.load(Ordering::Relaxed) > 100);
}

/// A statement whose future is dropped is stopped in the engine: with one connection, the next gets it. So is one inside a
/// transaction, of which nothing is left.
#[tokio::test]
async fn a_dropped_statement_is_stopped() {
    let fixture = InMemory.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let sql = fixture.store.sql().unwrap();
    for inside in [false, true] {
        let cx = if inside { begun(&fixture.store).await } else { Cx::new() };
        if inside {
            notes.create(&cx, &note("gone")).await.unwrap();
        }
        let dropped = tokio::time::timeout(Duration::from_millis(50), sql.models::<label::Entity>(&cx, &endless())).await;
        assert!(dropped.is_err());
        drop(cx);
        notes.create(&Cx::new(), &note("next")).await.unwrap();
    }
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 2);
}

/// Dropped at once, before the engine has begun, a statement is stopped as well; and no interrupt meets the statement after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_meets_only_its_own_statement() {
    let fixture = InMemory.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let sql = fixture.store.sql().unwrap();
    for round in 0..200_u64 {
        let wait = Duration::from_micros(round * 10 % 700);
        let dropped = tokio::time::timeout(wait, sql.models::<label::Entity>(&Cx::new(), &endless())).await;
        assert!(dropped.is_err());
        drop(tokio::time::timeout(wait, notes.count(&Cx::new(), &larder::Filter::all())).await);
        notes.create(&Cx::new(), &note("next")).await.unwrap();
    }
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 200);
}

/// Numbers are generated by a sequence, which goes on when the table is made again.
#[tokio::test]
async fn generated_numbers_come_from_a_sequence() {
    let fixture = InMemory.fresh().await;
    let (sql, cx) = (fixture.store.sql().unwrap(), Cx::new());
    let tickets = fixture.store.repository::<ticket::Entity>();
    let make = Schema::new(sql.dialect().sea_orm()).create_table_from_entity(ticket::Entity);
    assert_eq!(tickets.create(&cx, &ticket::Model { id: 0, level: None }).await.unwrap().id, 1);
    assert_eq!(sql.execute(&cx, &make).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    sql.execute(&cx, Table::drop().table(ticket::Entity)).await.unwrap();
    sql.execute(&cx, &make).await.unwrap();
    let made = tickets.create(&cx, &ticket::Model { id: 0, level: None }).await.unwrap();
    assert_eq!(tickets.all(&cx).await.unwrap(), [made]);
}

/// With one connection a store says that nothing goes on beside a transaction.
#[tokio::test]
async fn one_connection_does_one_thing_at_a_time() {
    let store = OpenOptions::new().max_connections(1).open("duckdb::memory:").await.unwrap();
    let capabilities = store.capabilities();
    assert!(!capabilities.reads_beside_writer && !capabilities.concurrent_writers);
}
