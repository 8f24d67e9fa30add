use crate::{
    Changes, Cx, ErrorKind, Filter, OnConflict, Outcome, Query, ReaderExt, Result, Store, TransactionalExt, field, field_of,
    testing::{
        Harness,
        entities::{
            item::{self, COLUMN, Status},
            label, letter, page, person, street,
        },
        item, page, person, time,
    },
};

/// Ann and Bob, and four letters: 1 and 2 of Ann, of which 2 answers 1, and 3 of Bob, which answers 2; 4 of Ann answers nothing.
async fn letters(store: &Store) {
    let cx = Cx::new();
    let (people, letters) = (store.repository::<person::Entity>(), store.repository::<letter::Entity>());
    for (id, email) in [(1, "ann"), (2, "bob"), (3, "cleo")] {
        people.create(&cx, &person::Model { id, ..person(email) }).await.unwrap();
    }
    for (id, sender, answers) in [(1, 1, None), (2, 1, Some(1)), (3, 2, Some(2)), (4, 1, None)] {
        letters.create(&cx, &letter::Model { id, sender, answers, about: None }).await.unwrap();
    }
}

fn sent_by(email: &str) -> Filter<letter::Model> {
    let people = field(person::COLUMN.email).equals(email);
    field_of(letter::Column::Sender).exists_in(field_of(person::Column::Id), people)
}

fn has_answer(filter: Filter<letter::Model>) -> Filter<letter::Model> {
    field_of(letter::Column::Id).exists_in(field_of(letter::Column::Answers), filter)
}

fn answers(filter: Filter<letter::Model>) -> Filter<letter::Model> {
    field_of(letter::Column::Answers).exists_in(field_of(letter::Column::Id), filter)
}

async fn selected(store: &Store, filter: Filter<letter::Model>) -> Vec<i64> {
    let letters = store.repository::<letter::Entity>();
    let found = letters.query(&Cx::new(), &filter.clone().into()).await.unwrap();
    assert_eq!(letters.count(&Cx::new(), &filter).await.unwrap(), found.len() as u64);
    found.into_iter().map(|letter| letter.id).collect()
}

/// A filter looks into another table, into the same one, and through one into the next.
pub async fn are_looked_into_by_filters(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    letters(store).await;
    assert_eq!(selected(store, sent_by("ann")).await, [1, 2, 4]);
    assert_eq!(selected(store, sent_by("ann").and(sent_by("bob"))).await, [0_i64; 0]);
    assert_eq!(selected(store, sent_by("bob").or(field_of(letter::Column::Id).equals(1_i64))).await, [1, 3]);
    assert_eq!(selected(store, has_answer(Filter::all())).await, [1, 2]);
    assert_eq!(selected(store, has_answer(sent_by("bob"))).await, [2]);
    assert_eq!(selected(store, answers(has_answer(Filter::all()))).await, [2, 3]);
    assert_eq!(selected(store, answers(answers(sent_by("ann")))).await, [3]);
    let writers = field_of(person::Column::Id).exists_in(field_of(letter::Column::Sender), has_answer(sent_by("bob")));
    let writers = store.repository::<person::Entity>().query(&Cx::new(), &writers.into()).await.unwrap();
    assert_eq!(writers.into_iter().map(|person| person.email).collect::<Vec<_>>(), ["ann"]);
}

/// Null is in no other row, and the opposite of that is true.
pub async fn have_no_null(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    letters(store).await;
    assert_eq!(selected(store, answers(Filter::all())).await, [2, 3]);
    assert_eq!(selected(store, !answers(Filter::all())).await, [1, 4]);
    assert_eq!(selected(store, !has_answer(Filter::all())).await, [3, 4]);
    let same = field_of(letter::Column::Answers).exists_in(field_of(letter::Column::Answers), Filter::all());
    assert_eq!(selected(store, same.clone()).await, [2, 3]);
    assert_eq!(selected(store, !same).await, [1, 4]);
    assert_eq!(selected(store, !sent_by("nobody")).await, [1, 2, 3, 4]);
}

/// Writes by a filter look into other tables as reads do, and see what their transaction has written.
pub async fn decide_what_is_written(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    letters(store).await;
    let (people, cx) = (store.repository::<person::Entity>(), Cx::new());
    let silent = || !field_of(person::Column::Id).exists_in(field_of(letter::Column::Sender), Filter::all());
    let raised = Changes::new().set(person::COLUMN.level, 9);
    assert_eq!(people.update_where(&cx, &silent(), &raised).await.unwrap(), 1);
    assert_eq!(people.find(&cx, &3).await.unwrap().unwrap().level, Some(9));
    let letters = store.repository::<letter::Entity>();
    let silent_then = store.tx(&cx, |cx| {
        let (people, letters) = (people.clone(), letters.clone());
        async move {
            assert_eq!(letters.delete_where(&cx, &sent_by("bob")).await?, 1);
            people.count(&cx, &!field_of(person::Column::Id).exists_in(field_of(letter::Column::Sender), Filter::all())).await
        }
    });
    assert_eq!(silent_then.await.unwrap(), 2);
    assert_eq!(people.delete_where(&cx, &silent()).await.unwrap(), 2);
    assert_eq!(people.count(&cx, &Filter::all()).await.unwrap(), 1);
    assert_eq!(letters.delete_where(&cx, &sent_by("ann").and(!has_answer(Filter::all()))).await.unwrap(), 2);
}

/// A filter that looks into another table decides what is claimed, what is answered, and what an upsert does.
pub async fn decide_claims_and_upserts(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (cx, labels) = (Cx::new(), fixture.store.repository::<label::Entity>());
    let label = |name: &str, text: Option<&str>| label::Model { name: name.to_owned(), text: text.map(str::to_owned) };
    fixture.store.repository::<page::Entity>().create(&cx, &page(1, "a")).await.unwrap();
    labels.create_batch(&cx, &[label("a", None), label("b", None)]).await.unwrap();
    let titled = || field(label::COLUMN.name).exists_in(page::COLUMN.title, Filter::all());

    let new = ["a", "b", "c"].map(|name| label(name, Some("new")));
    let upserted = labels.upsert_batch(&cx, &new, &OnConflict::replace().only_if(titled())).await.unwrap();
    assert_eq!((upserted.inserted, upserted.updated, upserted.ignored), (1, 1, 1));
    assert_eq!(labels.all(&cx).await.unwrap(), [label("a", Some("new")), label("b", None), label("c", Some("new"))]);
    let seen = |text: &'static str| Changes::new().set(label::COLUMN.text, text);
    let (stored, outcome) = labels.upsert(&cx, &new[0], &OnConflict::apply(seen("1")).only_if(titled())).await.unwrap();
    assert_eq!((stored, outcome), (label("a", Some("1")), Outcome::Updated));
    let (stored, outcome) = labels.upsert(&cx, &new[1], &OnConflict::apply(seen("1")).only_if(titled())).await.unwrap();
    assert_eq!((stored, outcome), (label("b", None), Outcome::Ignored));

    let first = |filter, limit| Query::new().filter(filter).order_by(label::COLUMN.name).limit(limit);
    assert_eq!(labels.update_first(&cx, &first(titled(), 1), &seen("2")).await.unwrap(), [label("a", Some("2"))]);
    assert_eq!(labels.update_first(&cx, &first(titled(), 5), &seen("3")).await.unwrap(), [label("a", Some("3"))]);
    assert_eq!(labels.update_where_returning(&cx, &titled(), &seen("4")).await.unwrap(), [label("a", Some("4"))]);
    assert_eq!(labels.delete_first(&cx, &first(!titled(), 1)).await.unwrap(), [label("b", None)]);
    assert_eq!(labels.delete_where_returning(&cx, &titled()).await.unwrap(), [label("a", Some("4"))]);
}

/// A filter takes the rows of another table as they are stored, and those that a repository sees if it asks for these.
pub async fn are_taken_as_they_are_stored(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let cx = Cx::new();
    let pages = fixture.store.repository_builder::<page::Entity>().deleted_at(page::Column::DeletedAt).build().unwrap();
    let labels = fixture.store.repository::<label::Entity>();
    for (id, title) in [(1, "kept"), (2, "marked")] {
        pages.create(&cx, &page(id, title)).await.unwrap();
        labels.create(&cx, &label::Model { name: title.to_owned(), text: None }).await.unwrap();
    }
    assert!(pages.delete(&cx, &2).await.unwrap());
    let titled = |filter| field(label::COLUMN.name).exists_in(page::COLUMN.title, filter);
    assert_eq!(labels.count(&cx, &titled(Filter::all())).await.unwrap(), 2);
    assert_eq!(labels.count(&cx, &titled(pages.visible())).await.unwrap(), 1);
    assert_eq!(labels.count(&cx, &!titled(pages.visible())).await.unwrap(), 1);
    let plain = fixture.store.repository::<page::Entity>();
    assert_eq!(labels.count(&cx, &titled(plain.visible())).await.unwrap(), 2);
}

/// Two columns of one model compare by their values, and null compares with nothing.
pub async fn compare_columns_of_one_model(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let due = |day: &str| Some(time(&format!("2026-01-0{day}T00:00:00Z")).fixed_offset());
    let models = [
        item::Model { nick: Some("same".into()), small: 1, large: Some(1), due: due("1"), ..item(1) },
        item::Model { nick: Some("SAME".into()), small: 2, large: Some(1), due: due("2"), status: Some(Status::New), ..item(2) },
        item::Model { nick: Some("tame".into()), small: 1, large: Some(2), ..item(3) },
        item(4),
    ];
    items.create_batch(&cx, &models).await.unwrap();
    let ids = |filter: Filter<item::Model>| {
        let (items, cx) = (items.clone(), cx.clone());
        async move { items.query(&cx, &filter.into()).await.unwrap().into_iter().map(|item| item.id).collect::<Vec<_>>() }
    };
    assert_eq!(ids(field(COLUMN.nick).equals_column(COLUMN.name)).await, [1]);
    assert_eq!(ids(!field(COLUMN.nick).equals_column(COLUMN.name)).await, [2, 3, 4]);
    assert_eq!(ids(field(COLUMN.name).not_equals_column(COLUMN.nick)).await, [2, 3]);
    assert_eq!(ids(field(COLUMN.nick).less_than_column(COLUMN.name)).await, [2]);
    assert_eq!(ids(field(COLUMN.nick).greater_than_column(COLUMN.name)).await, [3]);
    assert_eq!(ids(field(COLUMN.small).at_most_column(COLUMN.large)).await, [1, 3]);
    assert_eq!(ids(field(COLUMN.small).at_least_column(COLUMN.large)).await, [1, 2]);
    assert_eq!(ids(field(COLUMN.due).at_most_column(COLUMN.at)).await, [1]);
    assert_eq!(ids(!field(COLUMN.due).greater_than_column(COLUMN.at)).await, [1, 3, 4]);
}

/// A comparison of two columns of different types is refused when it runs.
pub async fn refuse_columns_of_other_types(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let refused = |result: Result<u64>| result.unwrap_err().kind();
    let fraction = field(COLUMN.small).equals_column(COLUMN.real);
    assert_eq!(refused(items.count(&cx, &fraction).await), ErrorKind::InvalidInput);
    let naive = field(COLUMN.local).less_than_column(COLUMN.at);
    assert_eq!(refused(items.count(&cx, &naive).await), ErrorKind::InvalidInput);
    let document = field_of(item::Column::Json).equals_column(field_of(item::Column::Json));
    assert_eq!(refused(items.count(&cx, &document).await), ErrorKind::InvalidInput);
    let number = field_of(item::Column::Name).exists_in(field_of(street::Column::Number), Filter::all());
    assert_eq!(refused(items.count(&cx, &number).await), ErrorKind::InvalidInput);
    let nested = (0..200).fold(Filter::all(), |filter, _| field(COLUMN.small).exists_in(COLUMN.id, filter));
    assert_eq!(refused(items.count(&cx, &nested).await), ErrorKind::InvalidInput);
}
