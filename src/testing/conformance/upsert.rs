use larder::{Cx, Error, ErrorKind, Filter, OnConflict, ReaderExt, TransactionalExt, Upserted, field_of};

use crate::testing::{
    Harness,
    entities::{edge, label, note, person, sample},
    person, sample,
};

fn label(name: &str, text: &str) -> label::Model {
    label::Model { name: name.into(), text: Some(text.into()) }
}

fn counts(upserted: Upserted) -> (u64, u64, u64) {
    (upserted.inserted, upserted.updated, upserted.ignored)
}

async fn labels(fixture: &crate::testing::Fixture) -> Vec<String> {
    let all = fixture.store.repository::<label::Entity>().all(&Cx::new()).await.unwrap();
    all.into_iter().map(|label| format!("{}={}", label.name, label.text.unwrap_or_default())).collect()
}

/// What is there is ignored or replaced, as is said, what is new is stored, and each is counted.
pub async fn ignores_or_replaces_what_is_there(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let labels_of = fixture.store.repository::<label::Entity>();
    let cx = Cx::new();
    labels_of.create_many(&cx, &[label("a", "1"), label("b", "1")]).await.unwrap();
    let given = [label("b", "2"), label("c", "2")];
    let ignored = labels_of.upsert_batch(&cx, &given, &OnConflict::ignore()).await.unwrap();
    assert_eq!(counts(ignored), (1, 0, 1));
    assert_eq!(labels(&fixture).await, ["a=1", "b=1", "c=2"]);
    let given = [label("a", "3"), label("c", "3"), label("d", "3")];
    let replaced = labels_of.upsert_batch(&cx, &given, &OnConflict::replace()).await.unwrap();
    assert_eq!(counts(replaced), (1, 2, 0));
    assert_eq!(labels(&fixture).await, ["a=3", "b=1", "c=3", "d=3"]);
    assert_eq!(counts(labels_of.upsert_batch(&cx, &[], &OnConflict::replace()).await.unwrap()), (0, 0, 0));

    let edges = fixture.store.repository::<edge::Entity>();
    let edge = |version| edge::Model { name: "e".into(), version };
    edges.create(&cx, &edge(1)).await.unwrap();
    let same = edges.upsert_batch(&cx, &[edge(1), edge(2)], &OnConflict::replace()).await.unwrap();
    assert_eq!(counts(same), (1, 1, 0));
}

/// Only the columns that are named are replaced.
pub async fn replaces_some_columns(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let cx = Cx::new();
    let stored = samples.create(&cx, &sample("old")).await.unwrap();
    let given = sample::Model { text: "new".into(), small: 99, real: 9.5, ..stored.clone() };
    let some = OnConflict::replace_column(sample::COLUMN.text).and_column(sample::COLUMN.real);
    assert_eq!(counts(samples.upsert_batch(&cx, &[given], &some).await.unwrap()), (0, 1, 0));
    assert_eq!(samples.get(&cx, &stored.id).await.unwrap(), sample::Model { text: "new".into(), real: 9.5, ..stored });
}

/// Models of one batch with one key are as if they came one after the other.
pub async fn takes_the_same_key_twice(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let labels_of = fixture.store.repository::<label::Entity>();
    let cx = Cx::new();
    let twice = [label("a", "1"), label("b", "1"), label("a", "2"), label("a", "3")];
    assert_eq!(counts(labels_of.upsert_batch(&cx, &twice, &OnConflict::ignore()).await.unwrap()), (2, 0, 2));
    assert_eq!(labels(&fixture).await, ["a=1", "b=1"]);
    assert_eq!(counts(labels_of.upsert_batch(&cx, &twice, &OnConflict::replace()).await.unwrap()), (0, 4, 0));
    assert_eq!(labels(&fixture).await, ["a=3", "b=1"]);
    let new = [label("x", "1"), label("x", "2")];
    assert_eq!(counts(labels_of.upsert_batch(&cx, &new, &OnConflict::replace()).await.unwrap()), (1, 1, 0));
    assert_eq!(labels(&fixture).await, ["a=3", "b=1", "x=2"]);
}

/// A model is told by unique columns, where that is asked for: it keeps its id, and null is equal to nothing.
pub async fn tells_models_by_unique_columns(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let cx = Cx::new();
    let known = people.create(&cx, &person("a@b")).await.unwrap();
    let given = [person::Model { level: Some(9), ..person("a@b") }, person("c@d")];
    let by_email = OnConflict::replace().on(person::COLUMN.email);
    assert_eq!(counts(people.upsert_batch(&cx, &given, &by_email).await.unwrap()), (1, 1, 0));
    let stored = people.get(&cx, &known.id).await.unwrap();
    assert_eq!((stored.email.as_str(), stored.level), ("a@b", Some(9)));
    let other = people.all(&cx).await.unwrap().into_iter().find(|person| person.email == "c@d").unwrap();
    assert!(other.id != known.id && other.level == Some(3) && other.joined.is_some());

    let by_seat = OnConflict::ignore().on(person::COLUMN.place).on(person::COLUMN.row);
    let seated = |email: &str, row, place| person::Model { row, place, ..person(email) };
    let given =
        [seated("1", Some(1), Some(1)), seated("2", Some(1), Some(1)), seated("3", Some(1), None), seated("4", Some(1), None)];
    assert_eq!(counts(people.upsert_batch(&cx, &given, &by_seat).await.unwrap()), (3, 0, 1));
    assert_eq!(counts(people.upsert_batch(&cx, &[seated("5", Some(1), Some(1))], &by_seat).await.unwrap()), (0, 0, 1));

    let by_level = OnConflict::replace().on(person::COLUMN.level);
    assert_eq!(people.upsert_batch(&cx, &given, &by_level).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let the_id = OnConflict::replace_column(person::COLUMN.id);
    assert_eq!(people.upsert_batch(&cx, &given, &the_id).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// What violates another constraint is refused, and nothing of the batch is stored.
pub async fn refuses_other_duplicates(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let cx = Cx::new();
    let known = people.create(&cx, &person("a@b")).await.unwrap();
    let given = [person("new"), person::Model { id: known.id + 1_000, ..person("a@b") }];
    let error = people.upsert_batch(&cx, &given, &OnConflict::replace()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Duplicate, Some("upsert_batch")));
    assert_eq!(people.all(&cx).await.unwrap(), [known]);
}

/// Models without an id are new, and get one.
pub async fn generates_ids(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let cx = Cx::new();
    let given: Vec<_> = (0..2_500).map(|n| person(&n.to_string())).collect();
    assert_eq!(counts(people.upsert_batch(&cx, &given, &OnConflict::replace()).await.unwrap()), (2_500, 0, 0));
    let stored = people.all(&cx).await.unwrap();
    assert!(stored.iter().all(|person| person.id > 0 && person.level == Some(3) && person.joined.is_some()));
    assert_eq!(counts(people.upsert_batch(&cx, &stored, &OnConflict::replace()).await.unwrap()), (0, 2_500, 0));
    assert_eq!(people.all(&cx).await.unwrap(), stored);
}

/// Any number of models goes in one call, all or none.
pub async fn takes_fifty_thousand_models_or_none(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let cx = Cx::new();
    let mut models: Vec<_> = (0..50_000).map(|n| sample(&n.to_string())).collect();
    samples.create_batch(&cx, &models[..20_000]).await.unwrap();
    models[49_999].text = "\0".into();
    assert_eq!(samples.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(samples.count(&cx, &Filter::all()).await.unwrap(), 20_000);
    models[49_999].text = "fine".into();
    for model in &mut models {
        model.small = 8;
    }
    assert_eq!(counts(samples.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap()), (30_000, 20_000, 0));
    assert_eq!(samples.count(&cx, &field_of(sample::Column::Small).equals(8)).await.unwrap(), 50_000);
}

/// Tasks that store one key at once leave one model, and none is told of a duplicate.
pub async fn is_safe_in_a_race(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let labels_of = &fixture.store.repository::<label::Entity>();
    let store = |task: usize| async move {
        let mut inserted = 0;
        for round in 0..10 {
            let given = [label(&format!("{round}"), &format!("{task}"))];
            loop {
                match labels_of.upsert_batch(&Cx::new(), &given, &OnConflict::replace()).await {
                    Ok(upserted) => break inserted += upserted.inserted,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Contention),
                }
            }
        }
        inserted
    };
    let inserted: u64 = futures::future::join_all((0..8).map(store)).await.into_iter().sum();
    assert_eq!(inserted, 10);
    assert_eq!(labels_of.count(&Cx::new(), &Filter::all()).await.unwrap(), 10);
}

/// An upsert belongs to its transaction.
pub async fn is_undone_with_its_transaction(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (labels_of, notes) = (&fixture.store.repository::<label::Entity>(), &fixture.store.repository::<note::Entity>());
    labels_of.create(&Cx::new(), &label("a", "1")).await.unwrap();
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        for text in ["2", "3"] {
            let upserted = labels_of.upsert_batch(&cx, &[label("a", text), label(text, "")], &OnConflict::replace()).await?;
            assert_eq!(counts(upserted), (1, 1, 0));
        }
        assert_eq!(labels_of.get(&cx, &"a".to_owned()).await?, label("a", "3"));
        assert_eq!(notes.count(&cx, &Filter::all()).await?, 0);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(labels(&fixture).await, ["a=1"]);
}
