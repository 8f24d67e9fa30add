use larder::{Changes, Cx, Error, ErrorKind, Filter, ReaderExt, TransactionalExt, field, field_of};

use crate::testing::{
    Harness,
    entities::{
        edge,
        item::{self, COLUMN, Status},
        note, person, sample,
    },
    item, note, person, sample,
};

/// `update_where` changes the columns it names of the models its filter selects, and says how many those are.
pub async fn changes_what_a_filter_selects(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let models: Vec<_> = (1..=4).map(|id| item::Model { small: id, large: (id != 4).then_some(10), ..item(id) }).collect();
    items.create_batch(&cx, &models).await.unwrap();
    let changes =
        Changes::new().set(COLUMN.name, "new").set(COLUMN.name, "newer").increase(COLUMN.large, 5).increase(COLUMN.small, -10);
    let changes = changes.set(field_of(item::Column::Status), Status::Done).set(COLUMN.json, serde_json::json!({ "a": 1 }));
    assert_eq!(items.update_where(&cx, &field(COLUMN.id).at_least(3), &changes).await.unwrap(), 2);
    let json = Some(serde_json::json!({ "a": 1 }));
    let changed = |model: &item::Model| item::Model {
        name: "newer".into(),
        small: model.small - 10,
        large: model.large.map(|large| large + 5),
        status: Some(Status::Done),
        json: json.clone(),
        ..model.clone()
    };
    let expected = [models[0].clone(), models[1].clone(), changed(&models[2]), changed(&models[3])];
    assert_eq!(items.all(&cx).await.unwrap(), expected);
    assert_eq!(items.update_where(&cx, &Filter::none(), &changes).await.unwrap(), 0);
    assert_eq!(items.update_where(&cx, &Filter::all(), &Changes::new()).await.unwrap(), 4);
    assert_eq!(items.update_where(&cx, &Filter::all(), &Changes::new().set_null(COLUMN.json)).await.unwrap(), 4);
    assert_eq!(items.count(&cx, &field(COLUMN.json).is_null()).await.unwrap(), 4);
}

/// A number that would leave the range of its type is `InvalidInput`, and then nothing is changed.
pub async fn keeps_numbers_within_their_types(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let models = [
        item::Model { small: i32::MAX - 1, large: Some(i64::MAX - 1), ..item(1) },
        item::Model { small: 0, large: Some(0), ..item(2) },
        item::Model { small: i32::MIN, large: Some(i64::MIN), ..item(3) },
    ];
    items.create_batch(&cx, &models).await.unwrap();
    let refused = [
        Changes::new().increase(COLUMN.small, 2),
        Changes::new().increase(COLUMN.large, 2),
        Changes::new().increase(COLUMN.small, -1),
        Changes::new().increase(COLUMN.large, -1),
        Changes::new().increase(COLUMN.small, i64::MAX),
        Changes::new().set(COLUMN.small, i64::MAX),
        Changes::new().set(COLUMN.small, 0.5),
        Changes::new().set(COLUMN.id, 1),
        Changes::new().set(field_of(item::Column::Name), 1),
        Changes::new().set(COLUMN.name, "\0"),
    ];
    for changes in refused {
        let error = items.update_where(&cx, &Filter::all(), &changes).await.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Some("update_where")), "{changes:?}");
        assert_eq!(items.all(&cx).await.unwrap(), models);
    }
    let fine = Changes::new().increase(COLUMN.small, 1).increase(COLUMN.large, 1);
    assert_eq!(items.update_where(&cx, &field(COLUMN.id).at_most(2), &fine).await.unwrap(), 2);
    assert_eq!(items.get(&cx, &1).await.unwrap().large, Some(i64::MAX));
}

/// Increases are added in the store: none is lost, however many tasks make them at once.
pub async fn loses_no_increase(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    items.create(&Cx::new(), &item(1)).await.unwrap();
    let increase = |_: i32| async move {
        for _ in 0..20 {
            loop {
                let changes = Changes::new().increase(COLUMN.small, 1);
                match items.update_where(&Cx::new(), &field(COLUMN.id).equals(1), &changes).await {
                    Ok(count) => break assert_eq!(count, 1),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Contention),
                }
            }
        }
    };
    futures::future::join_all((0..4).map(increase)).await;
    assert_eq!(items.get(&Cx::new(), &1).await.unwrap().small, 80);
}

/// A change that the schema refuses of one model is not made of the others.
pub async fn changes_all_or_none(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let cx = Cx::new();
    people.create_many(&cx, &[person("a"), person("b"), person("c")]).await.unwrap();
    let before = people.all(&cx).await.unwrap();
    let same = Changes::new().set(person::COLUMN.email, "same");
    assert_eq!(people.update_where(&cx, &Filter::all(), &same).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(people.all(&cx).await.unwrap(), before);
}

/// `update_many` replaces models and returns them as stored, in the order given; of two with one id the last is stored.
pub async fn replaces_many(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let cx = Cx::new();
    let stored = notes.create_many(&cx, &[note("a"), note("b"), note("c")]).await.unwrap();
    let with = |at: usize, body: &str| note::Model { body: body.into(), ..stored[at].clone() };
    let updated = notes.update_many(&cx, &[with(2, "z"), with(0, "x")]).await.unwrap();
    assert_eq!(updated, [with(2, "z"), with(0, "x")]);
    let updated = notes.update_many(&cx, &[with(1, "first"), with(0, "w"), with(1, "last")]).await.unwrap();
    assert_eq!(updated, [with(1, "last"), with(0, "w"), with(1, "last")]);
    assert!(notes.update_many(&cx, &[]).await.unwrap().is_empty());
    let mut bodies: Vec<_> = notes.all(&cx).await.unwrap().into_iter().map(|note| note.body).collect();
    bodies.sort();
    assert_eq!(bodies, ["last", "w", "z"]);

    let edges = fixture.store.repository::<edge::Entity>();
    let edge = |version| edge::Model { name: "e".into(), version };
    edges.create_many(&cx, &[edge(1), edge(2)]).await.unwrap();
    assert_eq!(edges.update_many(&cx, &[edge(2), edge(1)]).await.unwrap(), [edge(2), edge(1)]);
    assert_eq!(edges.update_many(&cx, &[edge(2), edge(3)]).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A large batch of models of twelve columns is updated in one call, or, if one of them is not there, none is.
pub async fn replaces_a_large_batch_or_none(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let cx = Cx::new();
    let mut models: Vec<_> = (0..harness.large_batch()).map(|n| sample(&n.to_string())).collect();
    samples.create_batch(&cx, &models).await.unwrap();
    for model in &mut models {
        model.small = 8;
    }
    models.push(sample("missing"));
    let error = samples.update_many(&cx, &models).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::NotFound, Some("update_many")));
    assert_eq!(samples.count(&cx, &field(sample::COLUMN.small).equals(8)).await.unwrap(), 0);
    models.pop();
    assert_eq!(samples.update_many(&cx, &models).await.unwrap().len(), models.len());
    assert_eq!(samples.count(&cx, &field(sample::COLUMN.small).equals(8)).await.unwrap(), models.len() as u64);
    let one = &models[models.len() * 2 / 3];
    assert_eq!(samples.get(&cx, &one.id).await.unwrap(), *one);
}

/// Sets of changes are undone with their transaction.
pub async fn is_undone_with_its_transaction(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    let models: Vec<_> = (1..=3).map(item).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        items.update_where(&cx, &Filter::all(), &Changes::new().set(COLUMN.name, "new")).await?;
        items.update_many(&cx, &[item::Model { small: 9, ..item(1) }]).await?;
        items.delete_where(&cx, &field(COLUMN.name).equals("new")).await?;
        items.delete_many(&cx, &[1, 2, 3]).await?;
        assert_eq!(items.count(&cx, &Filter::all()).await?, 0);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(items.all(&Cx::new()).await.unwrap(), models);
}

/// A transaction whose `update_many` was refused can no longer commit.
pub async fn dooms_a_transaction_it_changed_by_half(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    items.create(&Cx::new(), &item(1)).await.unwrap();
    let hidden = fixture.store.tx(&Cx::new(), |cx| async move {
        let refused = items.update_many(&cx, &[item::Model { small: 9, ..item(1) }, item(2)]).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
        Ok::<_, Error>(())
    });
    assert_eq!(hidden.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(items.get(&Cx::new(), &1).await.unwrap().small, 0);
}

/// `delete_where` deletes what its filter selects, and `delete_many` what it is told, any number of it.
pub async fn deletes_sets(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let models: Vec<_> = (0..20_000).map(item).collect();
    items.create_batch(&cx, &models).await.unwrap();
    assert_eq!(items.delete_where(&cx, &field(COLUMN.id).between(5, 14)).await.unwrap(), 10);
    assert_eq!(items.delete_where(&cx, &Filter::none()).await.unwrap(), 0);
    assert_eq!(items.delete_many(&cx, &[1, 1, 2, -7]).await.unwrap(), 2);
    assert_eq!(items.delete_many(&cx, &[]).await.unwrap(), 0);
    assert_eq!(items.delete_many(&cx, &(0..30_000).filter(|id| id % 2 == 0).collect::<Vec<_>>()).await.unwrap(), 9_994);
    assert_eq!(items.count(&cx, &Filter::all()).await.unwrap(), 9_994);

    let edges = fixture.store.repository::<edge::Entity>();
    let models: Vec<_> = (0..1_500).map(|version| edge::Model { name: "e".into(), version }).collect();
    edges.create_batch(&cx, &models).await.unwrap();
    let ids: Vec<_> = (500..3_000).map(|version| ("e".to_owned(), version)).collect();
    assert_eq!(edges.delete_many(&cx, &ids).await.unwrap(), 1_000);
}
