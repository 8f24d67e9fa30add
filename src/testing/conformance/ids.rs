use std::{fmt::Debug, sync::Arc};

use larder::{Cx, ErrorKind, ReaderExt, Storage};
use uuid::Uuid;

use crate::testing::{
    Harness,
    entities::{
        edge, label, note, person,
        token::{self, TokenId},
    },
    note, person,
};

/// What holds for every type of id: a model is found, changed and deleted by it, and no other is.
async fn holds<M, Id>(repository: Arc<dyn Storage<M, Id>>, models: [M; 2], id: impl Fn(&M) -> Id)
where
    M: Clone + Debug + PartialEq + Send + Sync,
    Id: Debug + Send + Sync,
{
    let cx = Cx::new();
    let stored = repository.create_many(&cx, &models).await.unwrap();
    let [first, second] = [id(&stored[0]), id(&stored[1])];
    assert_eq!(repository.find(&cx, &first).await.unwrap().as_ref(), Some(&stored[0]));
    assert_eq!(repository.update(&cx, &stored[1]).await.unwrap(), stored[1]);
    assert_eq!(repository.create(&cx, &stored[1]).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert!(repository.delete(&cx, &first).await.unwrap());
    assert!(!repository.exists(&cx, &first).await.unwrap());
    assert_eq!(repository.find_many(&cx, &[first, second]).await.unwrap(), [stored[1].clone()]);
    assert_eq!(repository.all(&cx).await.unwrap(), [stored[1].clone()]);
}

/// Ids may be numbers that the engine generates.
pub async fn may_be_generated_numbers(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people: Arc<dyn Storage<person::Model, i64>> = fixture.store.repository::<person::Entity>();
    holds(people, [person("a@b"), person("c@d")], |person| person.id).await;
}

/// Ids may be UUIDs.
pub async fn may_be_uuids(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes: Arc<dyn Storage<note::Model, Uuid>> = fixture.store.repository::<note::Entity>();
    holds(notes, [note("a"), note("b")], |note| note.id).await;
}

/// Ids may be text.
pub async fn may_be_text(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let labels: Arc<dyn Storage<label::Model, String>> = fixture.store.repository::<label::Entity>();
    let models = ["it's", "\"é\""].map(|name| label::Model { name: name.into(), text: Some("t".into()) });
    holds(labels, models, |label| label.name.clone()).await;
}

/// Ids may have several parts.
pub async fn may_be_composite(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let edges: Arc<dyn Storage<edge::Model, (String, i32)>> = fixture.store.repository::<edge::Entity>();
    let models = [1, 2].map(|version| edge::Model { name: "same".into(), version });
    holds(edges, models, |edge| (edge.name.clone(), edge.version)).await;
}

/// Ids may be types of the application's own.
pub async fn may_be_newtypes(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let tokens: Arc<dyn Storage<token::Model, TokenId>> = fixture.store.repository::<token::Entity>();
    let models = ["a", "b"].map(|scope| token::Model { id: TokenId(Uuid::new_v4()), scope: scope.into() });
    holds(tokens, models, |token| token.id).await;
}
