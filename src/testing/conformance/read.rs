use larder::{Cx, ErrorKind, ReaderExt};
use uuid::Uuid;

use crate::testing::{
    Harness,
    entities::{edge, label, moment, note},
    note, time,
};

/// A model that does not exist is `None` for `find`, `NotFound` for `get` and false for `exists`.
pub async fn tells_a_missing_model_from_an_error(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let (cx, stored) = (Cx::new(), note("there"));
    notes.create(&cx, &stored).await.unwrap();
    assert_eq!(notes.find(&cx, &Uuid::new_v4()).await.unwrap(), None);
    assert_eq!(notes.get(&cx, &Uuid::new_v4()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!notes.exists(&cx, &Uuid::new_v4()).await.unwrap());
    assert!(notes.exists(&cx, &stored.id).await.unwrap());
    assert_eq!(notes.get(&cx, &stored.id).await.unwrap(), stored);
}

/// `find_many` answers in the order asked, leaves missing models out, and answers twice what is asked twice.
pub async fn finds_many_in_the_order_asked(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let stored = notes.create_many(&Cx::new(), &[note("a"), note("b"), note("c")]).await.unwrap();
    let [a, b, c] = [stored[0].id, stored[1].id, stored[2].id];
    let found = notes.find_many(&Cx::new(), &[c, Uuid::new_v4(), a, c, b]).await.unwrap();
    let bodies: Vec<_> = found.iter().map(|note| note.body.as_str()).collect();
    assert_eq!(bodies, ["c", "a", "c", "b"]);
    assert!(notes.find_many(&Cx::new(), &[]).await.unwrap().is_empty());
}

/// `find_many` has no limit that a caller would notice.
pub async fn finds_very_many(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let stored: Vec<_> = (0..100).map(|i| note(&i.to_string())).collect();
    notes.create_batch(&Cx::new(), &stored).await.unwrap();
    let mut ids: Vec<_> = (0..70_000).map(|_| Uuid::new_v4()).collect();
    for (i, note) in stored.iter().enumerate() {
        ids[i * 700] = note.id;
    }
    assert_eq!(notes.find_many(&Cx::new(), &ids).await.unwrap(), stored);
}

/// `find_many` takes composite ids, in any number.
pub async fn finds_many_by_composite_ids(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let edges = fixture.store.repository::<edge::Entity>();
    let stored: Vec<_> = (0..1_500).map(|version| edge::Model { name: "e".into(), version }).collect();
    edges.create_batch(&Cx::new(), &stored).await.unwrap();
    let ids: Vec<_> = (0..3_000).rev().map(|version| ("e".to_owned(), version)).collect();
    let found = edges.find_many(&Cx::new(), &ids).await.unwrap();
    assert!(found.iter().map(|edge| edge.version).eq((0..1_500).rev()));
}

/// `all` is ordered by id: text by its bytes, composite ids column by column.
pub async fn lists_by_id(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let labels = fixture.store.repository::<label::Entity>();
    let names = ["b", "ä", "Z", "a", "", "a b", "a-b", "🦀", "10", "9", "é", "B"];
    for name in names {
        labels.create(&Cx::new(), &label::Model { name: name.into(), text: None }).await.unwrap();
    }
    let mut sorted = names;
    sorted.sort_unstable();
    let all = labels.all(&Cx::new()).await.unwrap();
    assert!(all.iter().map(|label| label.name.as_str()).eq(sorted));

    let edges = fixture.store.repository::<edge::Entity>();
    let given = [("b", 1), ("a", 10), ("a", -2), ("B", 5)].map(|(name, version)| edge::Model { name: name.into(), version });
    edges.create_many(&Cx::new(), &given).await.unwrap();
    let all = edges.all(&Cx::new()).await.unwrap();
    let all: Vec<_> = all.iter().map(|edge| (edge.name.as_str(), edge.version)).collect();
    assert_eq!(all, [("B", 5), ("a", -2), ("a", 10), ("b", 1)]);
}

/// `count` counts one kind of model.
pub async fn counts_its_own_models(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let labels = fixture.store.repository::<label::Entity>();
    notes.create_many(&Cx::new(), &[note("a"), note("b")]).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 2);
    assert_eq!(labels.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// Times are in the order of their instants, however many digits they need.
pub async fn lists_times_by_instant(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let moments = fixture.store.repository::<moment::Entity>();
    let times = [
        "0001-01-01T00:00:00Z",
        "0999-12-31T23:59:59.999999Z",
        "1969-12-31T23:59:59.9Z",
        "1970-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000001Z",
        "2026-01-01T00:00:00.001Z",
        "2026-01-01T00:00:00.001001Z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:01Z",
        "9999-12-31T23:59:59.999999Z",
    ];
    let models = times.map(|text| moment::Model { at: time(text) });
    let mut shuffled = models.clone();
    shuffled.reverse();
    shuffled.swap(2, 7);
    moments.create_many(&Cx::new(), &shuffled).await.unwrap();
    assert_eq!(moments.all(&Cx::new()).await.unwrap(), models);
    assert_eq!(moments.find(&Cx::new(), &models[5].at).await.unwrap().as_ref(), Some(&models[5]));
}
