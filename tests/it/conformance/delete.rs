use larder::{Cx, ErrorKind, ReaderExt};

use crate::support::{
    backend::Backend,
    entities::{label, letter, note, person},
    note, person,
};

/// `delete` tells whether there was something, and can be repeated.
pub(crate) async fn is_idempotent<B: Backend>() {
    let fixture = B::fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let stored = notes.create_many(&Cx::new(), &[note("a"), note("b")]).await.unwrap();
    assert!(notes.delete(&Cx::new(), &stored[0].id).await.unwrap());
    assert!(!notes.delete(&Cx::new(), &stored[0].id).await.unwrap());
    assert_eq!(notes.all(&Cx::new()).await.unwrap(), [stored[1].clone()]);
}

/// `delete_all` empties one table and tells how much was in it.
pub(crate) async fn deletes_all_of_its_own_table<B: Backend>() {
    let fixture = B::fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let labels = fixture.store.repository::<label::Entity>();
    labels.create(&Cx::new(), &label::Model { name: "kept".into(), text: None }).await.unwrap();
    notes.create_many(&Cx::new(), &[note("a"), note("b"), note("c")]).await.unwrap();
    assert_eq!(notes.delete_all(&Cx::new()).await.unwrap(), 3);
    assert_eq!(notes.delete_all(&Cx::new()).await.unwrap(), 0);
    assert_eq!(labels.count(&Cx::new()).await.unwrap(), 1);
}

/// What happens to models that point at a deleted one is what the schema says: refused, deleted, or set to nothing.
pub(crate) async fn follows_the_schema<B: Backend>() {
    let fixture = B::fresh().await;
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

    assert!(notes.delete(&cx, &about.id).await.unwrap());
    assert!(letters.all(&cx).await.unwrap().iter().all(|letter| letter.about.is_none()));

    assert!(letters.delete(&cx, &first.id).await.unwrap());
    assert_eq!(letters.count(&cx).await.unwrap(), 0);
    assert!(people.delete(&cx, &sender.id).await.unwrap());
}
