use larder::DeleterExt as _;
use larder::{Cx, ErrorKind, ReaderExt};

use crate::testing::{
    Harness,
    entities::{door, label, letter, note, person, place, seat, sign, street},
    note, person, tables,
};

/// `delete` tells whether there was something, and can be repeated.
pub async fn is_idempotent(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let stored = notes.create_many(&Cx::new(), &[note("a"), note("b")]).await.unwrap();
    assert!(notes.delete(&Cx::new(), &stored[0].id).await.unwrap());
    assert!(!notes.delete(&Cx::new(), &stored[0].id).await.unwrap());
    assert_eq!(notes.all(&Cx::new()).await.unwrap(), [stored[1].clone()]);
}

/// `delete_all` empties one table and tells how much was in it.
pub async fn deletes_all_of_its_own_table(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let labels = fixture.store.repository::<label::Entity>();
    labels.create(&Cx::new(), &label::Model { name: "kept".into(), text: None }).await.unwrap();
    notes.create_many(&Cx::new(), &[note("a"), note("b"), note("c")]).await.unwrap();
    assert_eq!(notes.delete_all(&Cx::new()).await.unwrap(), 3);
    assert_eq!(notes.delete_all(&Cx::new()).await.unwrap(), 0);
    assert_eq!(labels.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

/// What happens to models that point at a deleted one is what the schema says: refused, deleted, or set to nothing.
pub async fn follows_the_schema(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let cx = Cx::new();
    let people = fixture.store.repository::<person::Entity>();
    let letters = fixture.store.repository::<letter::Entity>();
    let notes = fixture.store.repository::<note::Entity>();
    let sender = people.create(&cx, &person("a@b")).await.unwrap();
    let about = notes.create(&cx, &note("subject")).await.unwrap();
    let letter = letter::Model { id: 0, sender: sender.id, answers: None, about: Some(about.id) };
    let first = letters.create(&cx, &letter).await.unwrap();
    let answer = letters.create(&cx, &letter::Model { answers: Some(first.id), ..letter.clone() }).await.unwrap();
    letters.create(&cx, &letter::Model { answers: Some(answer.id), ..letter.clone() }).await.unwrap();

    let refused = people.delete(&cx, &sender.id).await.unwrap_err();
    assert_eq!((refused.kind(), refused.operation()), (ErrorKind::ForeignKey, Some("delete")));
    assert_eq!(people.delete_all(&cx).await.unwrap_err().kind(), ErrorKind::ForeignKey);
    assert!(people.exists(&cx, &sender.id).await.unwrap());
    if !fixture.store.capabilities().referential_actions {
        assert_eq!(letters.delete_all(&cx).await.unwrap(), 3);
        assert!(people.delete(&cx, &sender.id).await.unwrap());
        return;
    }

    assert!(notes.delete(&cx, &about.id).await.unwrap());
    assert!(letters.all(&cx).await.unwrap().iter().all(|letter| letter.about.is_none()));

    assert!(letters.delete(&cx, &first.id).await.unwrap());
    assert_eq!(letters.count(&cx, &larder::Filter::all()).await.unwrap(), 0);
    assert!(people.delete(&cx, &sender.id).await.unwrap());
}

/// Cascades go on from table to table; a reference that restricts stops all of it.
pub async fn cascades_unless_a_reference_restricts(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().referential_actions {
        return tables::refuses_actions(&fixture.store).await;
    }
    let cx = Cx::new();
    let places = fixture.store.repository::<place::Entity>();
    let streets = fixture.store.repository::<street::Entity>();
    let doors = fixture.store.repository::<door::Entity>();
    let signs = fixture.store.repository::<sign::Entity>();
    let elsewhere = places.create(&cx, &place::Model { id: 0, code: "elsewhere".into() }).await.unwrap().id;
    for is_signed in [false, true] {
        let place = places.create(&cx, &place::Model { id: 0, code: "p".into() }).await.unwrap();
        streets.create(&cx, &street::Model { place: "p".into(), number: 1 }).await.unwrap();
        let door = door::Model { id: 0, place: "p".into(), number: 1, place_id: elsewhere };
        doors.create_many(&cx, &[door.clone(), door]).await.unwrap();
        if is_signed {
            signs.create(&cx, &sign::Model { id: 0, place_id: place.id }).await.unwrap();
            assert_eq!(places.delete(&cx, &place.id).await.unwrap_err().kind(), ErrorKind::ForeignKey);
            assert_eq!(doors.count(&cx, &larder::Filter::all()).await.unwrap(), 2);
        } else {
            assert!(places.delete(&cx, &place.id).await.unwrap());
            assert_eq!(
                streets.count(&cx, &larder::Filter::all()).await.unwrap()
                    + doors.count(&cx, &larder::Filter::all()).await.unwrap(),
                0
            );
        }
    }
}

/// A chain of models that point at each other is deleted to its end.
pub async fn follows_a_long_chain(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().referential_actions {
        return tables::refuses_actions(&fixture.store).await;
    }
    let cx = Cx::new();
    let sender = fixture.store.repository::<person::Entity>().create(&cx, &person("a@b")).await.unwrap().id;
    let letters = fixture.store.repository::<letter::Entity>();
    // As deep as SQLite lets cascades follow each other, and deeper than a stack would bear.
    let chain: Vec<_> =
        (1..=900).map(|id| letter::Model { id, sender, answers: (id > 1).then_some(id - 1), about: None }).collect();
    letters.create_batch(&cx, &chain).await.unwrap();
    assert!(letters.delete(&cx, &1).await.unwrap());
    assert_eq!(letters.count(&cx, &larder::Filter::all()).await.unwrap(), 0);
}

/// A model that goes with another because it refers to it is counted, if it was to be deleted itself.
pub async fn counts_models_that_take_each_other_along(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().referential_actions {
        return tables::refuses_actions(&fixture.store).await;
    }
    let (cx, letters) = (&Cx::new(), fixture.store.repository::<letter::Entity>());
    let sender = fixture.store.repository::<person::Entity>().create(cx, &person("a@b")).await.unwrap().id;
    let letter = |id, answers| letter::Model { id, sender, answers, about: None };
    let chain = [letter(1, None), letter(2, Some(1)), letter(3, Some(2)), letter(4, None)];
    for _ in 0..2 {
        letters.create_many(cx, &chain).await.unwrap();
        assert_eq!(letters.delete_many(cx, &[1, 2, 3, 9]).await.unwrap(), 3);
        assert_eq!(letters.all(cx).await.unwrap(), [letter(4, None)]);
        letters.create_many(cx, &chain[..3]).await.unwrap();
        let first_two = larder::field_of(letter::Column::Id).at_most(2);
        assert_eq!(letters.delete_where(cx, &first_two).await.unwrap(), 2);
        assert_eq!(letters.delete_all(cx).await.unwrap(), 1);
    }
}

/// A missing value is referred to by nobody: what has no reference is not deleted with what has no value, nor changed with it.
pub async fn takes_nothing_for_a_reference_to_nothing(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().referential_actions {
        return tables::refuses_actions(&fixture.store).await;
    }
    let cx = Cx::new();
    let seats = fixture.store.repository::<seat::Entity>();
    let plain = |id| seat::Model { id, code: None, beside: None };
    seats.create_many(&cx, &[plain(1), plain(2), plain(3)]).await.unwrap();
    seats.update(&cx, &seat::Model { code: Some("a".into()), ..plain(1) }).await.unwrap();
    assert_eq!(seats.find(&cx, &2).await.unwrap(), Some(plain(2)));
    assert!(seats.delete(&cx, &2).await.unwrap());
    assert_eq!(seats.count(&cx, &larder::Filter::all()).await.unwrap(), 2);
    seats.update(&cx, &seat::Model { beside: Some("a".into()), ..plain(3) }).await.unwrap();
    assert!(seats.delete(&cx, &1).await.unwrap());
    assert_eq!(seats.count(&cx, &larder::Filter::all()).await.unwrap(), 0);
}
