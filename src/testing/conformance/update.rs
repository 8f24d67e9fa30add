use larder::{Cx, ErrorKind, ReaderExt};

use crate::testing::{
    Harness,
    entities::{door, edge, note, place, sample, street},
    note, sample, tables, time,
};

/// `update` replaces every column but the id, of one model, and returns it as stored.
pub async fn replaces_the_model_and_no_other(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let stored = samples.create_many(&Cx::new(), &[sample("a"), sample("b")]).await.unwrap();
    let mut changed = sample("changed");
    changed.id = stored[0].id;
    changed.at = time("2030-01-01T00:00:00.000000999Z");
    changed.json = Some(serde_json::json!({ "a": [1, null] }));
    let returned = samples.update(&Cx::new(), &changed).await.unwrap();
    assert_eq!(returned.at, time("2030-01-01T00:00:00Z"));
    assert_eq!(returned, sample::Model { at: returned.at, ..changed });
    assert_eq!(samples.get(&Cx::new(), &returned.id).await.unwrap(), returned);
    assert_eq!(samples.get(&Cx::new(), &stored[1].id).await.unwrap(), stored[1]);
}

/// `update` of a model that does not exist is `NotFound` and makes none.
pub async fn refuses_a_missing_model(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let error = notes.update(&Cx::new(), &note("nobody")).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::NotFound, Some("note")));
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// A model without anything to replace is found or not.
pub async fn accepts_a_model_that_is_all_id(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let edges = fixture.store.repository::<edge::Entity>();
    let edge = edge::Model { name: "e".into(), version: 1 };
    assert_eq!(edges.update(&Cx::new(), &edge).await.unwrap_err().kind(), ErrorKind::NotFound);
    edges.create(&Cx::new(), &edge).await.unwrap();
    assert_eq!(edges.update(&Cx::new(), &edge).await.unwrap(), edge);
}

/// What points at a changed value follows it, where the schema says so, also as part of an id, and further on.
pub async fn takes_what_points_at_it_along(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().referential_actions {
        return tables::refuses_actions(&fixture.store).await;
    }
    let cx = Cx::new();
    let places = fixture.store.repository::<place::Entity>();
    let streets = fixture.store.repository::<street::Entity>();
    let doors = fixture.store.repository::<door::Entity>();
    let place = places.create(&cx, &place::Model { id: 0, code: "old".into() }).await.unwrap();
    streets.create(&cx, &street::Model { place: "old".into(), number: 1 }).await.unwrap();
    let door = door::Model { id: 0, place: "old".into(), number: 1, place_id: place.id };
    doors.create(&cx, &door).await.unwrap();
    places.update(&cx, &place::Model { code: "new".into(), ..place }).await.unwrap();
    assert_eq!(streets.all(&cx).await.unwrap(), [street::Model { place: "new".into(), number: 1 }]);
    assert_eq!(doors.all(&cx).await.unwrap()[0].place, "new");
}
