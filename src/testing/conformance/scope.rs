use larder::{Cx, Error, ErrorKind, TransactionalExt, TxOptions};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait, sea_query::Query};

use crate::testing::{
    Harness,
    entities::{label, note},
    note,
};

/// A context that leaves its closure is sealed: whatever is done with it is `TransactionClosed`.
pub async fn seals_a_context_that_leaves(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let escaped = fixture.store.tx(&Cx::new(), |cx| async move { Ok::<_, Error>(cx) }).await.unwrap();
    assert!(!escaped.in_transaction());
    let refused = [
        notes.count(&escaped, &larder::Filter::all()).await.map(drop),
        notes.create(&escaped, &note("late")).await.map(drop),
        notes.begin(&escaped, TxOptions::new()).await.map(drop),
        escaped.on_commit(|| ()),
        escaped.commit().await,
        escaped.rollback().await,
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::TransactionClosed);
    }
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// A write to another store inside a transaction is refused, and so is opening a transaction there. Neither store is changed.
pub async fn refuses_a_write_to_another_store(harness: &'static dyn Harness) {
    let (here, there) = (harness.fresh().await, harness.fresh().await);
    let inside = &here.store.repository::<note::Entity>();
    let other = &there.store.repository::<note::Entity>();
    let outcome = here.store.tx(&Cx::new(), |cx| async move {
        inside.create(&cx, &note("inside")).await?;
        assert_eq!(other.tx(&cx, |_| async { Ok::<_, Error>(()) }).await.unwrap_err().kind(), ErrorKind::ForeignTransaction);
        other.create(&cx, &note("astray")).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::ForeignTransaction);
    assert_eq!(
        inside.count(&Cx::new(), &larder::Filter::all()).await.unwrap()
            + other.count(&Cx::new(), &larder::Filter::all()).await.unwrap(),
        0
    );
}

/// Reading another store inside a transaction is fine.
pub async fn reads_another_store(harness: &'static dyn Harness) {
    let (here, there) = (harness.fresh().await, harness.fresh().await);
    let other = &there.store.repository::<note::Entity>();
    other.create(&Cx::new(), &note("there")).await.unwrap();
    let counted = here.store.tx(&Cx::new(), |cx| async move { other.count(&cx, &larder::Filter::all()).await });
    assert_eq!(counted.await.unwrap(), 1);
}

/// `outside_tx` writes to another store, and reads and writes beside the transaction where that is possible at all.
pub async fn steps_outside_when_asked(harness: &'static dyn Harness) {
    let (here, there) = (harness.fresh().await, harness.fresh().await);
    let capabilities = here.store.capabilities();
    let inside = &here.store.repository::<note::Entity>();
    let other = &there.store.repository::<note::Entity>();
    let outcome = here.store.tx(&Cx::new(), |cx| async move {
        inside.create(&cx, &note("gone")).await?;
        other.create(&cx.outside_tx(), &note("stays")).await?;
        let read = inside.count(&cx.outside_tx(), &larder::Filter::all()).await;
        let written = inside.create(&cx.outside_tx(), &note("stays")).await.map(drop);
        match capabilities.reads_beside_writer {
            true => assert_eq!(read?, 0),
            false => assert_eq!(read.unwrap_err().kind(), ErrorKind::NestedAcquire),
        }
        match capabilities.concurrent_writers {
            true => written?,
            false => assert_eq!(written.unwrap_err().kind(), ErrorKind::NestedAcquire),
        }
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(other.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
    assert_eq!(inside.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), u64::from(capabilities.concurrent_writers));
}

/// A context can carry a transaction of each of two stores, and each repository joins its own.
pub async fn carries_one_transaction_of_each_store(harness: &'static dyn Harness) {
    let (here, there) = (harness.narrow().await, harness.narrow().await);
    let inside = &here.store.repository::<note::Entity>();
    let other = &there.store.repository::<label::Entity>();
    let there = &there.store;
    let outcome = here.store.tx(&Cx::new(), |cx| async move {
        let both = there.tx(&cx.outside_tx(), |cx| async move {
            inside.create(&cx, &note("undone with the first")).await?;
            other.create(&cx, &label::Model { name: "kept with the second".into(), text: None }).await?;
            assert_eq!(
                (inside.count(&cx, &larder::Filter::all()).await?, other.count(&cx, &larder::Filter::all()).await?),
                (1, 1)
            );
            Ok::<_, Error>(())
        });
        both.await?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(inside.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    assert_eq!(other.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

/// A call that leaves the transaction by accident, with a context from outside, is told so at once, whether or not a second
/// connection is free, and without failing the transaction.
pub async fn refuses_a_second_connection_at_once(harness: &'static dyn Harness) {
    for fixture in [harness.narrow().await, harness.fresh().await] {
        let notes = &fixture.store.repository::<note::Entity>();
        let (outer, store) = (&Cx::new(), &fixture.store);
        let outcome = fixture.store.tx(outer, |cx| async move {
            assert_eq!(notes.count(outer, &larder::Filter::all()).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
            assert_eq!(notes.create(outer, &note("astray")).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
            let astray = store.tx(outer, |_| async { Ok::<_, Error>(()) });
            assert_eq!(astray.await.unwrap_err().kind(), ErrorKind::NestedAcquire);
            notes.create(&cx, &note("kept")).await
        });
        outcome.await.unwrap();
        assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
    }
}

/// A transaction of another store in between does not hide the one around it.
pub async fn sees_every_transaction_around_it(harness: &'static dyn Harness) {
    let (here, there) = (harness.narrow().await, harness.narrow().await);
    let notes = &here.store.repository::<note::Entity>();
    let there = &there.store;
    let outcome = here.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("kept")).await?;
        let between = there.tx(&Cx::new(), |_| async move {
            assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
            Ok::<_, Error>(())
        });
        between.await
    });
    outcome.await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

/// With one connection, stepping outside the transaction that holds it is refused at once. The memory backend needs none to read.
pub async fn refuses_to_wait_for_itself(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let has_connections = fixture.store.capabilities().sql;
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let read = notes.count(&cx.outside_tx(), &larder::Filter::all()).await;
        match has_connections {
            true => assert_eq!(read.unwrap_err().kind(), ErrorKind::NestedAcquire),
            false => assert_eq!(read?, 0),
        }
        let written = notes.create(&cx.outside_tx(), &note("astray")).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::NestedAcquire);
        notes.create(&cx, &note("kept")).await
    });
    outcome.await.unwrap();
}

/// A statement beside the repositories joins the context's transaction: it sees what that has written, and is undone with it.
/// A store without statements says so.
pub async fn takes_statements_along(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    if !fixture.store.capabilities().sql {
        assert_eq!(fixture.store.sql().unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    let sql = &fixture.store.sql().unwrap();
    let select = &note::Entity::find().filter(note::Column::Body.eq("inside")).into_query();
    let insert = &Query::insert()
        .into_table(note::Entity)
        .columns([note::Column::Id, note::Column::Body])
        .values_panic([note("").id.into(), "inside".into()])
        .to_owned();
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("inside")).await?;
        assert_eq!(sql.execute(&cx, insert).await?, 1);
        assert_eq!(sql.models::<note::Entity>(&cx, select).await?.len(), 2);
        assert_eq!(sql.execute(&Cx::new(), insert).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert!(sql.models::<note::Entity>(&Cx::new(), select).await.unwrap().is_empty());
    assert_eq!(sql.execute(&Cx::new(), insert).await.unwrap(), 1);
    assert_eq!(sql.execute(&Cx::new(), insert).await.unwrap_err().kind(), ErrorKind::Duplicate);
}
