use larder::{
    Changes, Cx, ErrorKind, Filter, OnConflict, Query, ReaderExt, Scalar, Storage, Store, TransactionalExt, field, field_of,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::testing::{
    Harness, Items,
    entities::{
        item::{self, COLUMN},
        tagged,
    },
    item,
};

async fn which(items: &Items, filter: Filter<item::Model>) -> Vec<i32> {
    items.query(&Cx::new(), &filter.into()).await.unwrap().iter().map(|item| item.id).collect()
}

/// Documents, by their ids from 1 on; some are no lists.
fn documents() -> Vec<Json> {
    vec![
        json!(["a", "b", 1, true]),
        json!(["a", "a", "A", "é", "a\"b", "%"]),
        json!(["1", "true", "null", 2.0, 0.5]),
        json!([1, 7.0, i64::MAX, u64::MAX, -1]),
        json!([]),
        json!([["a"], { "a": "b" }, null, false]),
        json!("a"),
        json!({ "a": ["a"], "0": "a" }),
        json!(1),
        json!({ "tags": ["a", 1], "in": { "0": ["b"], "tags": "a" }, "list": [["a"]] }),
        json!({ "tags": { "0": "a" }, "in": [["a"]] }),
    ]
}

/// A list in a document has the elements that are in it: text is no number and no boolean, a number is one however it is written,
/// and what is in an inner list or is no list at all has none. All of none is true of every list, any of none is false.
pub async fn are_those_of_a_list_in_a_document(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (&fixture.store.repository::<item::Entity>(), Cx::new());
    for (id, json) in (1..).zip(documents()) {
        items.create(&cx, &item::Model { json: Some(json), ..item(id) }).await.unwrap();
    }
    items.create(&cx, &item(100)).await.unwrap();
    let json = || field(COLUMN.json);
    let one = async |element: Scalar| which(items, json().has_element(element)).await;
    assert_eq!(one("a".into()).await, [1, 2]);
    assert_eq!(one("a\"b".into()).await, [2]);
    assert_eq!(one("".into()).await, [0_i32; 0]);
    assert_eq!(one("1".into()).await, [3]);
    assert_eq!(one(1.into()).await, [1, 4]);
    assert_eq!(one(2.into()).await, [3]);
    assert_eq!(one(7.into()).await, [4]);
    assert_eq!(one(i64::MAX.into()).await, [4]);
    assert_eq!(one(true.into()).await, [1]);
    assert_eq!(one(false.into()).await, [6]);
    assert_eq!(which(items, json().has_any_of(["b", "A", "x"])).await, [1, 2]);
    assert_eq!(which(items, json().has_any_of([Scalar::from("%"), 1.into(), false.into()])).await, [1, 2, 4, 6]);
    assert_eq!(which(items, json().has_all_of(["a", "b", "a"])).await, [1]);
    assert_eq!(which(items, json().has_all_of([Scalar::from("a"), 1.into(), true.into()])).await, [1]);
    assert_eq!(which(items, json().has_all_of(["a", "x"])).await, [0_i32; 0]);
    assert_eq!(which(items, json().has_all_of([""; 0])).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(which(items, json().has_any_of([""; 0])).await, [0_i32; 0]);
    assert_eq!(items.count(&cx, &!json().has_element("a")).await.unwrap(), 10);
    assert_eq!(items.count(&cx, &!json().has_all_of([""; 0])).await.unwrap(), 6);
    assert_eq!(items.update_where(&cx, &json().has_element(7), &Changes::new().set(COLUMN.small, 70)).await.unwrap(), 1);
    assert_eq!(items.delete_where(&cx, &json().has_any_of(["a", "b"])).await.unwrap(), 2);
}

/// The same at the end of a path of keys, which leads through objects alone.
pub async fn are_those_of_a_list_at_the_end_of_a_path(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (&fixture.store.repository::<item::Entity>(), Cx::new());
    for (id, json) in (1..).zip(documents()) {
        items.create(&cx, &item::Model { json: Some(json), ..item(id) }).await.unwrap();
    }
    let json = || field(COLUMN.json);
    assert_eq!(which(items, json().path_has_element(["a"], "a")).await, [8]);
    assert_eq!(which(items, json().path_has_element(["tags"], 1)).await, [10]);
    assert_eq!(which(items, json().path_has_all_of(["tags"], [Scalar::from(1), "a".into()])).await, [10]);
    assert_eq!(which(items, json().path_has_any_of(["in", "0"], ["b", "a"])).await, [10]);
    assert_eq!(which(items, json().path_has_all_of(["in", "0"], [""; 0])).await, [10]);
    assert_eq!(which(items, json().path_has_all_of(["in"], [""; 0])).await, [11]);
    for (path, element) in [(vec!["list"], "a"), (vec!["list", "0"], "a"), (vec!["tags", "0"], "a"), (vec!["0"], "a")] {
        assert_eq!(which(items, json().path_has_element(path.clone(), element)).await, [0_i32; 0], "{path:?}");
        assert_eq!(items.count(&cx, &!json().path_has_element(path, element)).await.unwrap(), 11);
    }
    for refused in [
        json().path_has_element(["a"; 33], "a"),
        json().has_element("a\0"),
        json().path_has_element(["\0"], "a"),
        json().has_all_of(0..501),
        field_of(item::Column::Name).has_element("a"),
        field_of(item::Column::Small).has_all_of([1]),
    ] {
        assert_eq!(items.count(&cx, &refused).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{refused:?}");
    }
}

fn lists(id: i32, words: &[&str], numbers: Option<&[i64]>) -> tagged::Model {
    tagged::Model {
        id,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        numbers: numbers.map(<[_]>::to_vec),
        small: numbers.unwrap_or_default().iter().filter_map(|number| i32::try_from(*number).ok()).collect(),
        tokens: numbers.map(|numbers| numbers.iter().map(|number| Uuid::from_u128(u128::from(number.unsigned_abs()))).collect()),
        flags: numbers.map(|numbers| numbers.iter().map(|number| *number > 0).collect()),
    }
}

/// Columns of lists come back as they were given, however the model is stored, and are asked for their elements as lists in
/// documents are; where the store has none, the entity is refused.
pub async fn are_those_of_a_column_of_lists(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, cx) = (&fixture.store, Cx::new());
    let tagged = store.repository::<tagged::Entity>();
    let given = [
        lists(1, &["a", "b", "a"], Some(&[1, 2, i64::MAX])),
        lists(2, &[], Some(&[])),
        lists(3, &["", "é", "{", "a,b", "\"", "\\", "NULL", "🦀", "A"], None),
        lists(4, &["a"], Some(&[-1, 0, i64::MIN])),
    ];
    let created = tagged.create_many(&cx, &given[..2]).await;
    if let (Err(refused), false) = (&created, store.capabilities().arrays) {
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
        assert_eq!(tagged.count(&cx, &Filter::all()).await.unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    assert_eq!(created.unwrap(), given[..2]);
    tagged.create_batch(&cx, &given[2..3]).await.unwrap();
    assert_eq!(tagged.create(&cx, &given[3]).await.unwrap(), given[3]);
    assert_eq!(tagged.all(&cx).await.unwrap(), given);
    are_found(&*tagged).await;
    are_written(store, &*tagged, &given).await;
}

async fn are_found(tagged: &dyn Storage<tagged::Model, i32>) {
    let cx = Cx::new();
    let which = async |filter: Filter<tagged::Model>| -> Vec<i32> {
        tagged.query(&cx, &Query::from(filter)).await.unwrap().into_iter().map(|model| model.id).collect()
    };
    let (words, numbers) = (|| field_of(tagged::Column::Words), || field_of(tagged::Column::Numbers));
    assert_eq!(which(words().has_element("a")).await, [1, 4]);
    assert_eq!(which(words().has_any_of(["b", "\"", "x"])).await, [1, 3]);
    assert_eq!(which(words().has_all_of(["b", "a", "b"])).await, [1]);
    assert_eq!(which(words().has_all_of(["NULL", "a,b", "\\", ""])).await, [3]);
    assert_eq!(which(!words().has_element("a")).await, [2, 3]);
    assert_eq!(which(words().has_all_of([""; 0])).await, [1, 2, 3, 4]);
    assert_eq!(which(words().has_any_of([""; 0])).await, [0_i32; 0]);
    assert_eq!(which(numbers().has_element(i64::MAX)).await, [1]);
    assert_eq!(which(!numbers().has_element(1)).await, [2, 3, 4]);
    assert_eq!(which(numbers().has_all_of([0; 0])).await, [1, 2, 4]);
    assert_eq!(which(field_of(tagged::Column::Small).has_any_of([i64::MAX, -1])).await, [4]);
    assert_eq!(which(field_of(tagged::Column::Small).has_all_of([i64::MAX, -1])).await, [0_i32; 0]);
    assert_eq!(which(field_of(tagged::Column::Tokens).has_all_of([Uuid::from_u128(1), Uuid::from_u128(2)])).await, [1]);
    assert_eq!(which(field_of(tagged::Column::Tokens).has_element(Uuid::from_u128(1))).await, [1, 4]);
    assert_eq!(which(field_of(tagged::Column::Flags).has_all_of([true, false])).await, [0_i32; 0]);
    assert_eq!(which(field_of(tagged::Column::Flags).has_element(false)).await, [4]);
    for refused in [words().has_element(1), numbers().has_element("1"), numbers().path_has_element(["a"], 1)] {
        assert_eq!(tagged.count(&cx, &refused).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{refused:?}");
    }
}

async fn are_written(store: &Store, tagged: &dyn Storage<tagged::Model, i32>, given: &[tagged::Model]) {
    let (cx, words) = (Cx::new(), || field_of(tagged::Column::Words));
    let changed = tagged::Model { words: vec!["new".to_owned(); 3], numbers: None, ..given[0].clone() };
    assert_eq!(tagged.update(&cx, &changed).await.unwrap(), changed);
    assert_eq!(tagged.update_many(&cx, &given[..2]).await.unwrap(), given[..2]);
    let upserted = tagged.upsert_batch(&cx, &[changed.clone(), lists(5, &["z"], None)], &OnConflict::replace()).await.unwrap();
    assert_eq!((upserted.updated, upserted.inserted), (1, 1));
    assert_eq!(tagged.find_many(&cx, &[5, 1]).await.unwrap(), [lists(5, &["z"], None), changed]);
    let undone = store.tx(&cx, |cx| async move {
        assert_eq!(tagged.delete_where(&cx, &field_of(tagged::Column::Words).has_any_of(["new", "z"])).await?, 2);
        Err::<(), _>(larder::Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    let mut stream = tagged.stream(&cx, &Query::from(words().has_element("new"))).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().map(|model| model.id), Some(1));
}
