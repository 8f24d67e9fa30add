use larder::{Cx, Error, ErrorKind, OnConflict, ReaderExt, TransactionalExt};

use crate::testing::{
    Harness,
    entities::{note, person, sample, ticket},
    note, person, sample,
};

/// `create_many` returns as many models as it was given, in that order, past the limits of one statement.
pub async fn returns_models_in_the_order_given(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let given: Vec<_> = (0..2_500).map(|i| note(&i.to_string())).collect();
    assert_eq!(notes.create_many(&Cx::new(), &given).await.unwrap(), given);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 2_500);
}

/// Generated ids belong to the models they are returned with.
pub async fn returns_generated_ids_in_the_order_given(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let given: Vec<_> = (0..2_500).map(|i| person(&format!("{i}@b"))).collect();
    let stored = people.create_many(&Cx::new(), &given).await.unwrap();
    assert!(stored.iter().zip(&given).all(|(stored, given)| stored.email == given.email));
    let last = people.get(&Cx::new(), &stored[2_499].id).await.unwrap();
    assert_eq!(last.email, "2499@b");
}

/// Models of one call may differ in what they leave to the engine.
pub async fn mixes_defaults_and_values(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let given: Vec<_> = (0..9).map(|i| person::Model { level: (i % 3 == 0).then_some(i), ..person(&format!("{i}@b")) }).collect();
    let stored = people.create_many(&Cx::new(), &given).await.unwrap();
    let levels: Vec<_> = stored.iter().map(|person| person.level.unwrap()).collect();
    assert_eq!(levels, [0, 3, 3, 3, 3, 3, 6, 3, 3]);
    assert!(stored.iter().zip(&given).all(|(stored, given)| stored.email == given.email));
}

/// Models may leave everything to the engine.
pub async fn accepts_models_without_a_value(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let tickets = fixture.store.repository::<ticket::Entity>();
    let made = tickets.create_many(&Cx::new(), &vec![ticket::Model { id: 0, level: None }; 3]).await.unwrap();
    assert!(made.is_sorted_by(|a, b| a.id < b.id) && made.iter().all(|ticket| ticket.level == Some(3)));
    assert_eq!(tickets.all(&Cx::new()).await.unwrap(), made);
}

/// No models are stored by storing none.
pub async fn does_nothing_for_no_models(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    assert!(notes.create_many(&Cx::new(), &[]).await.unwrap().is_empty());
    assert_eq!(notes.create_batch(&Cx::new(), &[]).await.unwrap(), 0);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// One model that is refused keeps the others of its call from being stored, wherever it stands.
pub async fn stores_all_or_none(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    for bad in [0, 1_500, 2_499] {
        let mut given: Vec<_> = (0..2_500).map(|i| person(&format!("{i}@b"))).collect();
        given[bad].email = given[(bad + 1) % 2_500].email.clone();
        let error = people.create_many(&Cx::new(), &given).await.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Duplicate, Some("create_many")));
        let error = people.create_batch(&Cx::new(), &given).await.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Duplicate, Some("create_batch")));
        assert_eq!(people.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    }
    let given: Vec<_> = (0..2_500).map(|i| person(&format!("{i}@b"))).collect();
    assert_eq!(people.create_batch(&Cx::new(), &given).await.unwrap(), 2_500);
}

/// An error of a batch names by its index the first model that cannot be stored with those before it.
pub async fn names_the_model_that_is_refused(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (people, cx) = (fixture.store.repository::<person::Entity>(), &Cx::new());
    let people_of = |emails: std::ops::Range<usize>| emails.map(|email| person(&email.to_string())).collect::<Vec<_>>();
    let stored = people.create_many(cx, &people_of(0..300)).await.unwrap();
    for refused in [0, 1, 77, 299] {
        let mut given = people_of(300..600);
        given[refused].email = "7".to_owned();
        let expected = (ErrorKind::Duplicate, Some(refused));
        let error = people.create_many(cx, &given).await.unwrap_err();
        assert_eq!((error.kind(), error.index()), expected, "{error}");
        let error = people.create_batch(cx, &given).await.unwrap_err();
        assert_eq!((error.kind(), error.index()), expected);
        let error = people.upsert_batch(cx, &given, &OnConflict::replace()).await.unwrap_err();
        assert_eq!((error.kind(), error.index()), expected);
        assert!(error.to_string().contains(&format!("index {refused}")), "{error}");

        let mut changed = stored.clone();
        changed[refused].id += 1_000_000;
        let error = people.update_many(cx, &changed).await.unwrap_err();
        assert_eq!((error.kind(), error.index()), (ErrorKind::NotFound, Some(refused)));
        // What no backend can store is known without a second attempt, inside a transaction as well.
        given[refused].email = "a\0b".to_owned();
        let (people_in, models) = (&people, &given);
        let refusal = fixture.store.tx(cx, |cx| async move { people_in.create_many(&cx, models).await.map(drop) });
        let error = refusal.await.unwrap_err();
        assert_eq!((error.kind(), error.index()), (ErrorKind::InvalidInput, Some(refused)));
        let error = people.create(cx, &given[refused]).await.unwrap_err();
        assert_eq!((error.kind(), error.index()), (ErrorKind::InvalidInput, None));
    }
    assert_eq!(people.all(cx).await.unwrap(), stored);
}

/// A large batch of models of 12 columns is one call; with a bad one at the end, none is stored.
pub async fn stores_a_large_batch_or_none(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let mut given: Vec<_> = (0..harness.large_batch()).map(|i| sample(&format!("line {i}"))).collect();
    let last = given.len() - 1;
    let good = std::mem::replace(&mut given[last].id, uuid::Uuid::nil());
    given[last].id = given[0].id;
    let error = samples.create_batch(&Cx::new(), &given).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate);
    assert_eq!(samples.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);

    given[last].id = good;
    // What is refused before it is sent is refused as well when others were sent already.
    given[last - 999].text = "\0".to_owned();
    let error = samples.create_batch(&Cx::new(), &given).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(samples.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    given[last - 999].text = "text".to_owned();
    assert_eq!(samples.create_batch(&Cx::new(), &given).await.unwrap(), given.len() as u64);
    assert_eq!(samples.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), given.len() as u64);
    assert_eq!(samples.get(&Cx::new(), &good).await.unwrap(), given[last]);
}

/// A batch inside a transaction goes with it.
pub async fn is_undone_with_its_transaction(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let given: Vec<_> = (0..2_500).map(|i| note(&i.to_string())).collect();
    let (notes_in, models) = (&notes, &given);
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        assert_eq!(notes_in.create_batch(&cx, models).await?, 2_500);
        assert_eq!(notes_in.count(&cx, &larder::Filter::all()).await?, 2_500);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}
