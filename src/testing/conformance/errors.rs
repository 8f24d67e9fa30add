use std::error::Error as _;

use larder::{Cx, Error, ErrorKind, Transactional, TxOptions};
use larder::{DeleterExt as _, ReaderExt as _};

use crate::testing::{
    Harness,
    entities::{absent, letter, note, person, strict},
    note, person,
};

fn told(error: &Error) -> (ErrorKind, Option<&str>, Option<&str>) {
    (error.kind(), error.operation(), error.model())
}

/// An id that is taken is a `Duplicate`.
pub async fn name_a_duplicate_id(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let taken = notes.create(&Cx::new(), &note("first")).await.unwrap();
    let error = notes.create(&Cx::new(), &note::Model { body: "second".into(), ..taken.clone() }).await.unwrap_err();
    assert_eq!(told(&error), (ErrorKind::Duplicate, Some("create"), Some("note")));
    assert!(["note.id", "note_pkey"].contains(&error.constraint().unwrap()));
    assert_eq!(notes.all(&Cx::new()).await.unwrap(), [taken]);
}

/// A value of a unique column that is taken is a `Duplicate`, on create and on update.
pub async fn name_a_duplicate_value(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    people.create(&Cx::new(), &person("taken@b")).await.unwrap();
    let other = people.create(&Cx::new(), &person("other@b")).await.unwrap();
    let error = people.create(&Cx::new(), &person("taken@b")).await.unwrap_err();
    assert_eq!(told(&error), (ErrorKind::Duplicate, Some("create"), Some("person")));
    assert!(["person.email", "person_email_key"].contains(&error.constraint().unwrap()));
    let error = people.update(&Cx::new(), &person::Model { email: "taken@b".into(), ..other.clone() }).await.unwrap_err();
    assert_eq!(told(&error), (ErrorKind::Duplicate, Some("update"), Some("person")));
    assert_eq!(people.all(&Cx::new()).await.unwrap()[1], other);
}

/// A unique constraint over several columns counts only complete values.
pub async fn name_a_composite_duplicate(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let seat = |email: &str, row, place| person::Model { row, place, ..person(email) };
    for (email, row, place) in [("a", Some(1), Some(1)), ("b", Some(1), None), ("c", Some(1), None), ("d", Some(1), Some(2))] {
        people.create(&Cx::new(), &seat(email, row, place)).await.unwrap();
    }
    let error = people.create(&Cx::new(), &seat("e", Some(1), Some(2))).await.unwrap_err();
    assert_eq!(told(&error), (ErrorKind::Duplicate, Some("create"), Some("person")));
}

/// A reference to a model that does not exist is `ForeignKey`.
pub async fn name_a_missing_parent(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let letters = fixture.store.repository::<letter::Entity>();
    let letter = letter::Model { id: 0, sender: 4711, answers: None, about: None };
    let error = letters.create(&Cx::new(), &letter).await.unwrap_err();
    assert_eq!(told(&error), (ErrorKind::ForeignKey, Some("create"), Some("letter")));
    assert_eq!(letters.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// A missing value is `NotNull`, by the column's name.
pub async fn name_a_missing_value(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let stricts = fixture.store.repository::<strict::Entity>();
    let error = stricts.create(&Cx::new(), &strict::Model { id: 1, required: None, amount: 1 }).await.unwrap_err();
    assert_eq!(told(&error), (ErrorKind::NotNull, Some("create"), Some("strict")));
    assert_eq!(error.constraint(), Some("strict.required"));
}

/// A failed check is `Check`, where the store has checks.
pub async fn name_a_failed_check(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let stricts = fixture.store.repository::<strict::Entity>();
    let outcome = stricts.create(&Cx::new(), &strict::Model { id: 1, required: Some("x".into()), amount: -1 }).await;
    if fixture.store.capabilities().check_constraints {
        let error = outcome.unwrap_err();
        assert_eq!(told(&error), (ErrorKind::Check, Some("create"), Some("strict")));
        // DuckDB keeps no names of constraints.
        assert!(["amount_positive", "CHECK((amount > 0))"].contains(&error.constraint().unwrap()));
    } else {
        assert_eq!(outcome.unwrap().amount, -1);
    }
}

/// A table that no migration made is `TableMissing`, where the store has a schema.
pub async fn name_a_missing_table(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let absents = fixture.store.repository::<absent::Entity>();
    if fixture.store.capabilities().schema {
        let error = absents.create(&Cx::new(), &absent::Model { id: 1 }).await.unwrap_err();
        assert_eq!(told(&error), (ErrorKind::TableMissing, Some("create"), Some("absent")));
        assert_eq!(absents.find(&Cx::new(), &1).await.unwrap_err().kind(), ErrorKind::TableMissing);
        assert_eq!(absents.delete_all(&Cx::new()).await.unwrap_err().kind(), ErrorKind::TableMissing);
    } else {
        assert_eq!(absents.find(&Cx::new(), &1).await.unwrap(), None);
    }
}

/// A store that was closed is `Closed`, for reads, writes and transactions; closing it again is fine.
pub async fn name_a_closed_store(harness: &'static dyn Harness) {
    use larder::TransactionalExt;

    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    fixture.store.close().await;
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(notes.create(&Cx::new(), &note("late")).await.unwrap_err().kind(), ErrorKind::Closed);
    let tx = fixture.store.tx(&Cx::new(), |_| async { Ok::<_, Error>(()) });
    assert_eq!(tx.await.unwrap_err().kind(), ErrorKind::Closed);
    fixture.store.close().await;
}

/// An error's text shows no value of a model.
pub async fn show_no_values(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    people.create(&Cx::new(), &person("topsecret@b")).await.unwrap();
    let error = people.create(&Cx::new(), &person("topsecret@b")).await.unwrap_err();
    assert!(!format!("{error} {error:?} {error:#?}").contains("topsecret"));
    assert!(error.to_string().contains("duplicate") && error.to_string().contains("person"));
    if fixture.store.capabilities().sql {
        assert!(error.source().is_some() && error.code().is_some());
    }
}

/// A connection, or a turn to write, that does not come in time is `PoolTimeout`, and may be asked for again.
pub async fn name_a_store_that_stays_busy(harness: &'static dyn Harness) {
    let fixture = harness.hasty().await;
    let notes = fixture.store.repository::<note::Entity>();
    let busy = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let error = notes.create(&Cx::new(), &note("late")).await.unwrap_err();
    assert_eq!((told(&error).0, error.is_retryable()), (ErrorKind::PoolTimeout, true));
    busy.rollback().await.unwrap();
    notes.create(&Cx::new(), &note("in time")).await.unwrap();
}

/// Closing waits for a transaction that is open, and lets it finish.
pub async fn wait_for_what_runs_before_they_close(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let open = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let store = fixture.store.clone();
    let mut closing = tokio::spawn(async move { store.close().await });
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), &mut closing).await.is_err());
    notes.create(&open, &note("in time")).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap_err().kind(), ErrorKind::Closed);
    open.commit().await.unwrap();
    closing.await.unwrap();
}
