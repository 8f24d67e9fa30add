use std::{error::Error as _, sync::Arc};

use larder::{Cx, Error, ErrorKind, Reader, ReaderExt, Storage, Transactional, TransactionalExt, TxOptions};
use uuid::Uuid;

use crate::testing::{
    Harness,
    entities::{label, letter, note, person},
    note, person,
};

/// `Ok` commits and its value is returned.
pub async fn commits_on_ok(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let made = fixture.store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("kept")).await }).await.unwrap();
    assert_eq!(notes.all(&Cx::new()).await.unwrap(), [made]);
}

#[derive(Debug, PartialEq)]
enum Mine {
    Refused(u8),
    Store(ErrorKind),
}

impl From<Error> for Mine {
    fn from(error: Error) -> Self {
        Self::Store(error.kind())
    }
}

/// `Err` rolls back, and the caller gets the closure's own error, not another.
pub async fn rolls_back_on_error_and_returns_it_as_it_is(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let refused = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        Err::<(), _>(Mine::Refused(7))
    });
    assert_eq!(refused.await, Err(Mine::Refused(7)));
    let failed = fixture.store.tx_once(&Cx::new(), |cx| async move {
        let made = notes.create(&cx, &note("gone")).await?;
        notes.create(&cx, &made).await?;
        Ok(())
    });
    assert_eq!(failed.await, Err(Mine::Store(ErrorKind::Duplicate)));
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// A panic rolls back, goes on, and leaves the store usable with its one connection.
pub async fn rolls_back_on_panic(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let (store, inside) = (fixture.store.clone(), notes.clone());
    let panicked = tokio::spawn(async move {
        let inside = &inside;
        store
            .tx(&Cx::new(), |cx| async move {
                inside.create(&cx, &note("gone")).await?;
                if inside.count(&cx, &larder::Filter::all()).await? == 1 {
                    panic!("as the test wants it");
                }
                Ok::<_, Error>(())
            })
            .await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    for _ in 0..100 {
        assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    }
}

/// Every repository of the store joins the transaction in the context: they commit or roll back together.
pub async fn joins_every_repository_of_the_store(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    let notes = &store.repository::<note::Entity>();
    let labels = &store.repository::<label::Entity>();
    let people = &store.repository::<person::Entity>();
    for commit in [false, true] {
        let outcome = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("n")).await?;
            labels.create(&cx, &label::Model { name: "l".into(), text: None }).await?;
            people.create(&cx, &person("p@b")).await?;
            if commit { Ok(()) } else { Err(Error::new(ErrorKind::Internal, "undo")) }
        });
        assert_eq!(outcome.await.is_ok(), commit);
        let cx = Cx::new();
        let counts = [
            notes.count(&cx, &larder::Filter::all()).await,
            labels.count(&cx, &larder::Filter::all()).await,
            people.count(&cx, &larder::Filter::all()).await,
        ]
        .map(Result::unwrap);
        assert_eq!(counts, [u64::from(commit); 3]);
    }
}

/// Nobody else sees what a transaction has written before it commits. Where reads go on beside a writer they see what was
/// there before; elsewhere they wait.
pub async fn is_invisible_until_it_commits(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("before")).await.unwrap();
    let beside = fixture.store.capabilities().reads_beside_writer;
    let reader = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("inside")).await?;
        let others = notes.clone();
        let mut reader = tokio::spawn(async move { others.count(&Cx::new(), &larder::Filter::all()).await.unwrap() });
        if beside {
            assert_eq!((&mut reader).await.unwrap(), 1);
        }
        assert_eq!(notes.count(&cx, &larder::Filter::all()).await?, 2);
        Ok::<_, Error>((!beside).then_some(reader))
    });
    if let Some(reader) = reader.await.unwrap() {
        assert_eq!(reader.await.unwrap(), 2);
    }
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 2);
}

/// A transaction of which a statement failed does not commit, even if the closure says `Ok`. The first error is the source.
pub async fn fails_if_a_statement_failed(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let swallowed = fixture.store.tx(&Cx::new(), |cx| async move {
        let made = notes.create(&cx, &note("gone")).await?;
        assert_eq!(notes.create(&cx, &made).await.unwrap_err().kind(), ErrorKind::Duplicate);
        Ok::<_, Error>(())
    });
    let error = swallowed.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    let first = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(first.kind(), ErrorKind::Duplicate);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// After a failed statement the transaction's others are refused, reads included.
pub async fn refuses_statements_after_a_failed_one(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let made = notes.create(&cx, &note("gone")).await?;
        notes.create(&cx, &made).await.unwrap_err();
        assert_eq!(notes.create(&cx, &note("too")).await.unwrap_err().kind(), ErrorKind::TransactionAborted);
        let error = notes.count(&cx, &larder::Filter::all()).await.unwrap_err();
        assert_eq!((error.kind(), error.model()), (ErrorKind::TransactionAborted, Some("note")));
        Err::<(), _>(error)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// A model that does not exist, or a value that was refused before it was sent, fails the call and not the transaction.
pub async fn goes_on_after_a_missing_model(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        assert_eq!(notes.update(&cx, &note("nobody")).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(notes.get(&cx, &Uuid::new_v4()).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(notes.create(&cx, &note("a\0b")).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(!notes.delete(&cx, &Uuid::new_v4()).await?);
        notes.create(&cx, &note("kept")).await
    });
    outcome.await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

/// A transaction opened on one repository is the store's.
pub async fn runs_on_a_repository_as_well(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let labels = &fixture.store.repository::<label::Entity>();
    let undone = notes.tx_with(&Cx::new(), TxOptions::new(), |cx| async move {
        notes.create(&cx, &note("n")).await?;
        labels.create(&cx, &label::Model { name: "l".into(), text: None }).await?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(
        notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap()
            + labels.count(&Cx::new(), &larder::Filter::all()).await.unwrap(),
        0
    );
}

/// What a web handler does: a spawned task, repositories behind trait objects, and an error type of its own.
pub async fn runs_in_a_spawned_task_behind_a_trait_object(harness: &'static dyn Harness) {
    #[derive(Clone)]
    struct App {
        notes: Arc<dyn Storage<note::Model, Uuid>>,
        labels: Arc<dyn Storage<label::Model, String>>,
    }

    async fn handler(app: App, body: String) -> Result<Uuid, Mine> {
        let App { notes, labels } = &app;
        let body = &body;
        let created = notes.tx(&Cx::new(), |cx| async move {
            let note = notes.create(&cx, &note(body)).await?;
            labels.create(&cx, &label::Model { name: body.clone(), text: None }).await?;
            Ok::<_, Mine>(note.id)
        });
        created.await
    }

    let fixture = harness.fresh().await;
    let app = App { notes: fixture.store.repository::<note::Entity>(), labels: fixture.store.repository::<label::Entity>() };
    let id = tokio::spawn(handler(app.clone(), "body".into())).await.unwrap().unwrap();
    assert_eq!(tokio::spawn(handler(app.clone(), "body".into())).await.unwrap(), Err(Mine::Store(ErrorKind::Duplicate)));
    let reader: Arc<dyn Reader<note::Model, Uuid>> = app.notes;
    assert_eq!(reader.get(&Cx::new(), &id).await.unwrap().body, "body");
    assert_eq!(reader.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

/// A transaction can be begun and ended without a closure.
pub async fn can_be_begun_and_ended_by_hand(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let cx = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    assert!(cx.in_transaction() && !cx.outside_tx().in_transaction());
    notes.create(&cx, &note("kept")).await.unwrap();
    cx.commit().await.unwrap();
    assert!(!cx.in_transaction());
    assert_eq!(cx.commit().await.unwrap_err().kind(), ErrorKind::TransactionClosed);

    let cx = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&cx, &note("gone")).await.unwrap();
    cx.rollback().await.unwrap();
    assert_eq!(cx.rollback().await.unwrap_err().kind(), ErrorKind::TransactionClosed);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
    assert_eq!(Cx::new().commit().await.unwrap_err().kind(), ErrorKind::TransactionClosed);
}

/// A transaction begun by hand rolls back with the last clone of its context.
pub async fn rolls_back_when_its_context_is_dropped(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let cx = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&cx, &note("gone")).await.unwrap();
    let clone = cx.clone();
    drop(cx);
    notes.create(&clone, &note("gone too")).await.unwrap();
    drop(clone);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// An order, its items and its entry in the books are written together: failing after any of them leaves none.
pub async fn leaves_nothing_of_an_order_that_fails_anywhere(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let people = &fixture.store.repository::<person::Entity>();
    let letters = &fixture.store.repository::<letter::Entity>();
    let notes = &fixture.store.repository::<note::Entity>();
    for fail_after in 0..4 {
        let step = move |n: usize| if n == fail_after { Err(Error::new(ErrorKind::Internal, "injected")) } else { Ok(()) };
        let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
            let customer = people.create(&cx, &person("a@b")).await?;
            step(0)?;
            let item = letter::Model { id: 0, sender: customer.id, answers: None, about: None };
            letters.create_many(&cx, &vec![item; 3]).await?;
            step(1)?;
            notes.create(&cx, &note("booked")).await?;
            step(2)
        });
        let (outcome, cx) = (outcome.await, Cx::new());
        let counts = [
            people.count(&cx, &larder::Filter::all()).await,
            letters.count(&cx, &larder::Filter::all()).await,
            notes.count(&cx, &larder::Filter::all()).await,
        ]
        .map(Result::unwrap);
        assert_eq!(counts, if fail_after == 3 { [1, 3, 1] } else { [0; 3] });
        assert_eq!(outcome.is_ok(), fail_after == 3);
    }
}
