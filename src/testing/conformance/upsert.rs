use larder::{Changes, Cx, Error, ErrorKind, Filter, OnConflict, ReaderExt, TransactionalExt, Upserted, field, field_of};

use crate::testing::{
    Harness,
    entities::{edge, item, job, label, note, page, person, sample},
    item, job, page, person, sample,
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

/// A large batch goes in one call, all or none.
pub async fn takes_a_large_batch_or_none(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let cx = Cx::new();
    let mut models: Vec<_> = (0..harness.large_batch()).map(|n| sample(&n.to_string())).collect();
    let (last, stored) = (models.len() - 1, models.len() / 5 * 2);
    samples.create_batch(&cx, &models[..stored]).await.unwrap();
    models[last].text = "\0".into();
    assert_eq!(samples.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(samples.count(&cx, &Filter::all()).await.unwrap(), stored as u64);
    models[last].text = "fine".into();
    for model in &mut models {
        model.small = 8;
    }
    let upserted = samples.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap();
    assert_eq!(counts(upserted), ((models.len() - stored) as u64, stored as u64, 0));
    assert_eq!(samples.count(&cx, &field_of(sample::Column::Small).equals(8)).await.unwrap(), models.len() as u64);
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

/// `apply` changes what is stored, reading what it was before, and stores what is new as it is given.
pub async fn changes_what_is_there(harness: &'static dyn Harness) {
    use job::COLUMN;
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let cx = Cx::new();
    let stored = [job::Model { tries: 5, ..job(1) }, job::Model { worker: Some("a".into()), ..job(2) }];
    jobs.create_batch(&cx, &stored).await.unwrap();
    let again = OnConflict::apply(Changes::new().increase(COLUMN.tries, 1).set_if_null(COLUMN.worker, "b"));
    let given = [job::Model { tries: 100, ..job(1) }, job(2), job::Model { tries: 7, ..job(3) }];
    assert_eq!(counts(jobs.upsert_batch(&cx, &given, &again).await.unwrap()), (1, 2, 0));
    let worker = |name: &str| Some(name.to_owned());
    let expected = [
        job::Model { tries: 6, worker: worker("b"), ..job(1) },
        job::Model { tries: 1, worker: worker("a"), ..job(2) },
        job::Model { tries: 7, ..job(3) },
    ];
    assert_eq!(jobs.all(&cx).await.unwrap(), expected);
    let by_name = OnConflict::apply(Changes::new().set(COLUMN.tries, 0)).on(COLUMN.name);
    let given = [job::Model { id: 0, ..job(3) }, job(9)];
    assert_eq!(counts(jobs.upsert_batch(&cx, &given, &by_name).await.unwrap()), (1, 1, 0));
    assert_eq!(jobs.get(&cx, &3).await.unwrap(), job(3));
    let nothing = OnConflict::apply(Changes::new());
    assert_eq!(counts(jobs.upsert_batch(&cx, &given[..0], &nothing).await.unwrap()), (0, 0, 0));
    assert_eq!(counts(jobs.upsert_batch(&cx, &[job(1)], &nothing).await.unwrap()), (0, 0, 1));
    let too_much = OnConflict::apply(Changes::new().increase(COLUMN.tries, i64::from(i32::MAX)));
    let refused = jobs.upsert_batch(&cx, &[job(3), job(1)], &too_much).await.unwrap_err();
    assert_eq!((refused.kind(), refused.column()), (ErrorKind::InvalidInput, Some("tries")));
    assert_eq!(jobs.get(&cx, &3).await.unwrap(), job(3));
}

/// If several models of a batch have one key, the changes are made for each, in order, also where the first of them is new.
pub async fn changes_for_each_model_of_a_batch(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let cx = Cx::new();
    jobs.create(&cx, &job(1)).await.unwrap();
    let again = OnConflict::apply(Changes::new().increase(job::COLUMN.tries, 1));
    let given = [job(2), job(1), job(2), job(1), job(2), job(3)];
    assert_eq!(counts(jobs.upsert_batch(&cx, &given, &again).await.unwrap()), (2, 4, 0));
    let tries: Vec<_> = jobs.all(&cx).await.unwrap().into_iter().map(|job| job.tries).collect();
    assert_eq!(tries, [2, 2, 0]);

    let pages = fixture.store.repository_builder::<page::Entity>().version(page::Column::Version);
    let pages = pages.updated_at(page::Column::UpdatedAt).build().unwrap();
    let raise = OnConflict::apply(Changes::new().raise_to(page::COLUMN.title, "m"));
    let given = [page(1, "a"), page(1, "b"), page(2, "z"), page(1, "c")];
    assert_eq!(counts(pages.upsert_batch(&cx, &given, &raise).await.unwrap()), (2, 2, 0));
    let stored: Vec<_> = pages.all(&cx).await.unwrap().into_iter().map(|page| (page.title, page.version)).collect();
    assert_eq!(stored, [("m".to_owned(), 3), ("z".to_owned(), 1)]);

    let many: Vec<_> = (0..4_000).map(|n| job(n % 2_000 + 1)).collect();
    assert_eq!(counts(jobs.upsert_batch(&cx, &many, &again).await.unwrap()), (1_997, 2_003, 0));
    assert_eq!(jobs.get(&cx, &2_000).await.unwrap().tries, 1);
}

/// What is stored is replaced or changed only if it fulfils the filter; what does not is ignored, and stays as it is.
pub async fn asks_what_is_there(harness: &'static dyn Harness) {
    use job::COLUMN;
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let cx = Cx::new();
    jobs.create_batch(&cx, &[job(1), job::Model { tries: 9, ..job(2) }]).await.unwrap();
    let tries = async || jobs.all(&cx).await.unwrap().into_iter().map(|job| job.tries).collect::<Vec<_>>();
    let few = || field(COLUMN.tries).less_than(5);
    let with = |id, tries| job::Model { tries, ..job(id) };
    let replace = OnConflict::replace().only_if(few());
    assert_eq!(counts(jobs.upsert_batch(&cx, &[with(1, 4), with(2, 4), with(3, 8)], &replace).await.unwrap()), (1, 1, 1));
    assert_eq!(tries().await, [4, 9, 8]);
    let column = OnConflict::replace_column(COLUMN.tries).only_if(field(COLUMN.name).equals("job 002"));
    assert_eq!(counts(jobs.upsert_batch(&cx, &[with(1, 0), with(2, 0)], &column).await.unwrap()), (0, 1, 1));
    assert_eq!(tries().await, [4, 0, 8]);
    // The second meets what the first has left.
    let apply = OnConflict::apply(Changes::new().increase(COLUMN.tries, 1)).only_if(few()).only_if(!few().and(Filter::none()));
    let given = [job(1), job(1), job(2), job(4), job(4), job(3)];
    assert_eq!(counts(jobs.upsert_batch(&cx, &given, &apply).await.unwrap()), (1, 3, 2));
    assert_eq!(tries().await, [5, 1, 8, 1]);
    let given = [with(5, 7), with(5, 8), with(2, 6), with(2, 1)];
    assert_eq!(counts(jobs.upsert_batch(&cx, &given, &replace).await.unwrap()), (1, 1, 2));
    assert_eq!(tries().await, [5, 6, 8, 1, 7]);
    let none = OnConflict::replace().only_if(Filter::none());
    assert_eq!(counts(jobs.upsert_batch(&cx, &[with(1, 0), with(6, 0)], &none).await.unwrap()), (1, 0, 1));
    // However many values the filter has.
    let many = OnConflict::replace_column(COLUMN.tries).only_if(field(COLUMN.id).is_in(0..25_000));
    let given: Vec<_> = (1..=900).map(|id| with(id, 3)).collect();
    assert_eq!(counts(jobs.upsert_batch(&cx, &given, &many).await.unwrap()), (894, 6, 0));
    jobs.delete_where(&cx, &field(COLUMN.id).greater_than(6)).await.unwrap();
    assert_eq!(tries().await, [3; 6]);
    let ignore = OnConflict::ignore().only_if(few());
    assert_eq!(counts(jobs.upsert_batch(&cx, &[with(1, 0), with(4, 0)], &ignore).await.unwrap()), (0, 0, 2));
    assert_eq!(tries().await, [3; 6]);
}

/// Changes that an engine does not make exactly are made all the same, and so are those of a filter beside them.
pub async fn computes_what_the_engine_does_not(harness: &'static dyn Harness) {
    use item::COLUMN;
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let with = |id, single, small| item::Model { single: Some(single), small, ..item(id) };
    items.create_batch(&cx, &[with(1, 0.1, 0), with(2, 0.1, 9)]).await.unwrap();
    let apply = OnConflict::apply(Changes::new().increase(COLUMN.single, 0.2_f32).increase(COLUMN.small, 1));
    let apply = apply.only_if(field(COLUMN.small).less_than(5));
    let given = [with(1, 9.0, 0), with(2, 9.0, 0), with(3, 0.3, 0), with(3, 0.0, 0)];
    assert_eq!(counts(items.upsert_batch(&cx, &given, &apply).await.unwrap()), (1, 2, 1));
    let single = |a: f32, b: f32| a + b;
    assert_eq!(items.all(&cx).await.unwrap(), [with(1, single(0.1, 0.2), 1), with(2, 0.1, 9), with(3, single(0.3, 0.2), 1)]);
    let filled = OnConflict::apply(Changes::new().set_if_null(COLUMN.json, serde_json::json!([1])));
    assert_eq!(counts(items.upsert_batch(&cx, &[item(1), item(4)], &filled).await.unwrap()), (1, 1, 0));
    assert_eq!(items.get(&cx, &1).await.unwrap().json, Some(serde_json::json!([1])));
    let full = OnConflict::apply(Changes::new().increase(COLUMN.single, f32::MAX));
    items.create(&cx, &with(5, f32::MAX, 0)).await.unwrap();
    let refused = items.upsert_batch(&cx, &[item(1), item(5)], &full).await.unwrap_err();
    assert_eq!((refused.kind(), refused.column()), (ErrorKind::InvalidInput, Some("single")));
    assert_eq!(items.get(&cx, &1).await.unwrap().single, Some(single(0.1, 0.2)));
}

/// Changes of an id, of a column of the conflict, or of one that the repository keeps, are refused.
pub async fn refuses_changes_of_what_tells_models(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let jobs = fixture.store.repository::<job::Entity>();
    let pages = fixture.store.repository_builder::<page::Entity>().version(page::Column::Version).build().unwrap();
    let cx = Cx::new();
    let name = OnConflict::apply(Changes::new().set(job::COLUMN.name, "a")).on(job::COLUMN.name);
    let id = OnConflict::apply(Changes::new().increase(job::COLUMN.id, 1));
    let deep = (0..102).fold(field(job::COLUMN.id).equals(1), |filter, _| Filter::all_of([filter]));
    for on_conflict in [name, id, OnConflict::replace().only_if(deep)] {
        assert_eq!(jobs.upsert_batch(&cx, &[job(1)], &on_conflict).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let version = OnConflict::apply(Changes::new().increase(page::COLUMN.version, 1));
    assert_eq!(pages.upsert_batch(&cx, &[page(1, "a")], &version).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(jobs.count(&cx, &Filter::all()).await.unwrap() + pages.count(&cx, &Filter::all()).await.unwrap(), 0);
}

/// Tasks that count by `apply` at once lose no change.
pub async fn loses_no_change_in_a_race(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    let count = |_: usize| async move {
        for round in 0..10 {
            let again = OnConflict::apply(Changes::new().increase(item::COLUMN.small, 1));
            let given = [item(round % 2 + 1), item(round % 2 + 1)];
            loop {
                match items.upsert_batch(&Cx::new(), &given, &again).await {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Contention),
                }
            }
        }
    };
    futures::future::join_all((0..6).map(count)).await;
    let counts: Vec<_> = items.all(&Cx::new()).await.unwrap().into_iter().map(|item| item.small).collect();
    // The very first of each was new.
    assert_eq!(counts, [59, 59]);
}
