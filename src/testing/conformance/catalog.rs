use std::fmt::Debug;

use larder::{
    Changes, Cx, DeleterExt as _, Error, ErrorKind, Filter, Key, OnConflict, Query, ReaderExt as _, Row, Storable, Store, Table,
    TableName, TransactionalExt as _, Upserted, field_named,
};
use sea_orm::{IdenStatic as _, Iterable as _, ModelTrait as _, Value};
use serde_json::json;
use uuid::Uuid;

use crate::{
    testing::{
        Fixture, Harness,
        entities::{
            badge, door, edge, item, label, letter, moment, note, page, person, place, price, sample, seat, sign, street, strict,
            tally, ticket, token,
        },
        item, note, page, person, sample, time,
    },
    value::{instant_of, is_null, text_of, whole_number},
};

/// A store that describes its tables; or one that says it does not.
async fn with_catalog(harness: &'static dyn Harness) -> Option<Fixture> {
    let (fixture, cx) = (harness.fresh().await, &Cx::new());
    if fixture.store.capabilities().catalog {
        // Where there is no schema, the tables are those of the repositories.
        drop((fixture.store.repository::<person::Entity>(), fixture.store.repository::<letter::Entity>()));
        drop(fixture.store.repository::<note::Entity>());
        return Some(fixture);
    }
    assert_eq!(fixture.store.tables(cx).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(fixture.store.describe(cx, "note").await.unwrap_err().kind(), ErrorKind::Unsupported);
    None
}

fn row<const N: usize>(columns: [(&str, Value); N]) -> Row {
    Row::from_iter(columns)
}

fn columns(table: &Table, is_one: impl Fn(&larder::ColumnDetails<'_>) -> bool) -> Vec<&str> {
    table.details().filter(is_one).map(|column| column.name).collect()
}

/// Tables are listed, and described with their columns, keys and references.
pub async fn tells_of_tables(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let (store, cx) = (&fixture.store, &Cx::new());
    let tables = store.tables(cx).await.unwrap();
    assert!(["note", "person", "letter"].iter().all(|name| tables.contains(&TableName::from(*name))), "{tables:?}");
    assert!(tables.iter().all(|table| table.name() != "larder_commits"), "{tables:?}");

    let people = store.describe(cx, "person").await.unwrap();
    assert_eq!(people.columns().collect::<Vec<_>>(), ["id", "email", "row", "place", "level", "joined"]);
    assert_eq!(people.primary_key().collect::<Vec<_>>(), ["id"]);
    assert_eq!(columns(&people, |column| column.is_nullable), ["row", "place", "level", "joined"]);
    assert_eq!(columns(&people, |column| column.has_default), ["id", "level", "joined"]);
    assert_eq!(columns(&people, |column| column.is_computed), Vec::<&str>::new());
    let uniques: Vec<_> = people.unique_constraints().collect();
    assert!(uniques.contains(&vec!["email"]) && uniques.contains(&vec!["row", "place"]), "{uniques:?}");

    let letters = store.describe(cx, "letter").await.unwrap();
    let sender = letters.references().find(|reference| reference.columns == ["sender"]).unwrap();
    assert_eq!((sender.table, sender.referred), (&TableName::from("person"), vec!["id"]));
}

/// A table that is not there is `TableMissing`, with its name.
pub async fn names_a_missing_table(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    for missing in [TableName::from("no such table"), TableName::from(("no schema", "note"))] {
        let error = fixture.store.describe(&Cx::new(), &missing).await.unwrap_err();
        assert_eq!((error.kind(), error.model()), (ErrorKind::TableMissing, Some(&*missing.to_string())));
    }
}

/// Rows are created, found, selected, changed and deleted by the names of their columns, beside the models of an entity.
pub async fn does_for_rows_what_it_does_for_models(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let (store, cx) = (&fixture.store, &Cx::new());
    let (models, rows) = (store.repository::<note::Entity>(), store.dynamic(&store.describe(cx, "note").await.unwrap()));
    let one = models.create(cx, &note("one")).await.unwrap();
    let given = row([("body", "two".into()), ("id", Uuid::from_u128(2).into())]);
    let two = rows.create(cx, &given).await.unwrap();
    assert_eq!((two.names().to_vec(), two.get("body")), (vec!["id".into(), "body".into()], Some(&"two".into())));
    assert_eq!(models.get(cx, &Uuid::from_u128(2)).await.unwrap().body, "two");
    let key = Key::new([one.id]);
    assert_eq!(rows.get(cx, &key).await.unwrap().get("body"), Some(&"one".into()));
    assert_eq!(rows.find_many(cx, &[Key::new([Uuid::nil()]), key.clone()]).await.unwrap().len(), 1);

    let newest = Query::new().filter(field_named("body").starts_with("t")).order_by_desc(field_named("body")).limit(1);
    assert_eq!(rows.query(cx, &newest).await.unwrap(), std::slice::from_ref(&two));
    assert_eq!(rows.stream(cx, &Query::new()).await.unwrap().try_next().await.unwrap().map(|row| row.names().len()), Some(2));
    let bodies: Vec<String> = rows.distinct(cx, field_named("body"), &Filter::all()).await.unwrap();
    assert_eq!(bodies, ["one", "two"]);

    rows.update(cx, &row([("id", one.id.into()), ("body", "changed".into())])).await.unwrap();
    assert_eq!(models.get(cx, &one.id).await.unwrap().body, "changed");
    let shout = Changes::new().set(field_named("body"), "TWO");
    assert_eq!(rows.update_where(cx, &field_named("body").equals("two"), &shout).await.unwrap(), 1);
    let given = [two.clone(), row([("id", Uuid::from_u128(3).into()), ("body", "3".into())])];
    let upserted = rows.upsert_batch(cx, &given, &replace()).await.unwrap();
    assert_eq!((upserted.inserted, upserted.updated), (1, 1));
    assert_eq!(rows.count(cx, &field_named("body").is_in(["two", "3"])).await.unwrap(), 2);
    assert!(rows.delete(cx, &key).await.unwrap() && !rows.delete(cx, &key).await.unwrap());
    assert_eq!(rows.delete_where(cx, &field_named("body").not_equals("3")).await.unwrap(), 1);
    assert_eq!(models.all(cx).await.unwrap(), [note::Model { id: Uuid::from_u128(3), body: "3".into() }]);
    assert_eq!(rows.upsert_batch(cx, &[], &replace()).await.unwrap(), Upserted::default());
}

fn replace() -> OnConflict<Row> {
    OnConflict::replace()
}

/// A column that a new row leaves out has its default, or the number that the store generates; one that is null is null.
pub async fn tells_what_is_left_out_from_null(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let (store, cx) = (&fixture.store, &Cx::new());
    let (models, rows) = (store.repository::<person::Entity>(), store.dynamic(&store.describe(cx, "person").await.unwrap()));
    let email = |email: &str| ("email", email.into());
    let given = [
        row([email("a")]),
        row([email("b"), ("level", Value::BigInt(None)), ("joined", Value::String(None))]),
        row([("level", 7.into()), email("c"), ("id", 100.into())]),
        row([email("d"), ("row", 1_u8.into()), ("place", 2_i64.into())]),
    ];
    let created = rows.create_many(cx, &given).await.unwrap();
    let emails: Vec<_> = created.iter().map(|row| row.get("email").and_then(text_of)).collect();
    assert_eq!(emails, ["a", "b", "c", "d"].map(Some));
    let stored = models.all(cx).await.unwrap();
    let stored = |email: &str| stored.iter().find(|model| model.email == email).unwrap();
    assert_eq!((stored("a").level, stored("b").level, stored("c").level), (Some(3), None, Some(7)));
    assert_eq!((stored("a").joined.is_some(), stored("b").joined, stored("c").id), (true, None, 100));
    assert_eq!((stored("d").row, stored("d").place, stored("a").id > 0), (Some(1), Some(2), true));
    for (row, email) in created.iter().zip(["a", "b", "c", "d"]) {
        assert_eq!(row.get("id").and_then(whole_number), Some(stored(email).id.into()));
    }
    assert_eq!(rows.create_batch(cx, &[row([email("e")]), row([email("f")])]).await.unwrap(), 2);
    let refused = rows.update(cx, &row([("id", 100.into()), email("c")])).await.unwrap_err();
    assert_eq!((refused.kind(), refused.column()), (ErrorKind::InvalidInput, Some("row")));
    let refused = rows.upsert_batch(cx, &[row([("id", 100.into()), email("c")])], &replace()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.column()), (ErrorKind::InvalidInput, Some("level")));
}

/// A column that is not there, one that is named twice, and a value of another type are `InvalidInput`, which names the column; a
/// missing value is `NotNull`.
pub async fn refuses_rows_that_do_not_fit(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let (store, cx) = (&fixture.store, &Cx::new());
    let rows = store.dynamic(&store.describe(cx, "person").await.unwrap());
    let email = ("email", Value::from("a"));
    for (refused, column) in [
        (row([email.clone(), ("nick", "b".into())]), "nick"),
        (row([email.clone(), email.clone()]), "email"),
        (row([email.clone(), ("level", "seven".into())]), "level"),
        (row([email.clone(), ("level", u64::MAX.into())]), "level"),
        (row([("email", 7.into())]), "email"),
        (row([("email", "a\0".into())]), "email"),
    ] {
        let error = rows.create_many(cx, &[row([("email", "fine".into())]), refused]).await.unwrap_err();
        assert_eq!((error.kind(), error.column(), error.index()), (ErrorKind::InvalidInput, Some(column), Some(1)), "{error}");
    }
    let error = rows.create(cx, &row([("level", 7.into())])).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::NotNull, Some("person")));
    let error = rows.count(cx, &field_named("nick").is_null()).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("nick")));
    let error = rows.query(cx, &Query::new().order_by(field_named("nick"))).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("nick")));
    let error = rows.count(cx, &field_named("level").equals("seven")).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("level")));
    for key in [Key::new([1, 2]), Key::new(Vec::<i64>::new()), Key::new(["one"]), Key::new([Value::BigInt(None)])] {
        assert_eq!(rows.find(cx, &key).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{key:?}");
    }
    assert_eq!(rows.count(cx, &Filter::all()).await.unwrap(), 0);
}

/// Rows belong to the transaction of the context, together with models.
pub async fn belongs_to_the_transaction(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let (store, cx) = (&fixture.store, &Cx::new());
    let models = &store.repository::<note::Entity>();
    let undone = store.tx(cx, |cx| async move {
        let rows = store.dynamic(&store.describe(&cx, "note").await?);
        models.create(&cx, &note("one")).await?;
        rows.create(&cx, &row([("id", Uuid::from_u128(2).into()), ("body", "two".into())])).await?;
        assert_eq!((rows.count(&cx, &Filter::all()).await?, models.count(&cx, &Filter::all()).await?), (2, 2));
        let mut stream = rows.stream(&cx, &Query::new()).await?;
        rows.delete_all(&cx).await?;
        assert_eq!(stream.try_next().await?, None);
        rows.create_batch(&cx, &[row([("id", Uuid::from_u128(3).into()), ("body", "3".into())])]).await?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(models.count(cx, &Filter::all()).await.unwrap(), 0);
}

/// Whether a row's value is that of a model, in whatever type.
fn same(value: &Value, other: &Value) -> bool {
    let real = |value: &Value| match value {
        Value::Float(number) => number.map(f64::from),
        Value::Double(number) => *number,
        _ => None,
    };
    let letter = |value: &Value| if let Value::Char(Some(letter)) = value { Some(letter.to_string()) } else { None };
    let text = |value: &Value| text_of(value).map(str::to_owned).or_else(|| letter(value));
    (is_null(value) && is_null(other))
        || value == other
        || (real(value).is_some() && real(value) == real(other))
        || (text(value).is_some() && text(value) == text(other))
        || (instant_of(value).is_some() && instant_of(value) == instant_of(other))
        || (whole_number(value).is_some() && whole_number(value) == whole_number(other))
}

/// What an entity wrote is read as rows of the same values, and what is written as rows is read as the same models.
async fn carries<E: Storable<Model: PartialEq + Debug>>(store: &Store, given: Vec<E::Model>) {
    let (models, cx) = (store.repository::<E>(), &Cx::new());
    models.create_many(cx, &given).await.unwrap();
    let given = models.all(cx).await.unwrap();
    let table = store.describe(cx, E::default().table_name()).await.unwrap();
    let rows = store.dynamic(&table);
    let read = rows.all(cx).await.unwrap();
    assert_eq!(read.len(), given.len());
    for (model, row) in given.iter().zip(&read) {
        for column in E::Column::iter() {
            let (value, found) = (model.get(column), row.get(column.as_str()));
            assert!(found.is_some_and(|found| same(&value, found)), "{}: {value:?} is read as {found:?}", table.name());
        }
    }
    models.delete_all(cx).await.unwrap();
    let (first, others) = read.split_first().unwrap();
    assert_eq!(&rows.create(cx, first).await.unwrap(), first);
    assert_eq!(rows.create_many(cx, others).await.unwrap(), others);
    assert_eq!(models.all(cx).await.unwrap(), given);
    models.delete_all(cx).await.unwrap();
    assert_eq!(rows.create_batch(cx, &read).await.unwrap(), read.len() as u64);
    assert_eq!(models.all(cx).await.unwrap(), given);
    assert_eq!(rows.update_many(cx, &read).await.unwrap(), read);
    assert_eq!(models.all(cx).await.unwrap(), given);
}

/// Values that entities write are read as rows, and those of rows by entities.
pub async fn carries_values_as_they_are(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let store = &fixture.store;
    carries::<item::Entity>(store, items()).await;
    carries::<sample::Entity>(store, vec![sample("ä"), sample::Model { json: Some(json!([1.5, null])), ..sample("") }]).await;
    carries::<note::Entity>(store, vec![note("one"), note("")]).await;
    let label = |name: &str, text: Option<&str>| label::Model { name: name.into(), text: text.map(Into::into) };
    carries::<label::Entity>(store, vec![label("1", None), label("", Some("01"))]).await;
    carries::<edge::Entity>(store, vec![edge::Model { name: "a".into(), version: -1 }]).await;
    let token = |id| token::Model { id: token::TokenId(Uuid::from_u128(id)), scope: "s".into() };
    carries::<token::Entity>(store, vec![token(0), token(u128::MAX)]).await;
    carries::<strict::Entity>(store, vec![strict::Model { id: 0, required: Some("r".into()), amount: i64::MAX }]).await;
    carries::<ticket::Entity>(store, vec![ticket::Model { id: 5, level: None }, ticket::Model { id: 7, level: Some(1) }]).await;
    carries::<badge::Entity>(store, vec![badge::Model { id: 1, text: "b".into() }]).await;
    let moment = |at| moment::Model { at: time(at) };
    carries::<moment::Entity>(store, vec![moment("0001-01-01T00:00:00Z"), moment("2026-01-01T00:00:00.000001Z")]).await;
    carries::<page::Entity>(store, vec![page(1, "a"), page(2, "b")]).await;
    let seat = |id, code: &str, beside: Option<&str>| seat::Model { id, code: Some(code.into()), beside: beside.map(Into::into) };
    carries::<seat::Entity>(store, vec![seat(1, "a", None), seat(2, "b", Some("b"))]).await;
    if store.capabilities().unsigned {
        carries::<tally::Entity>(store, vec![tally::Model { id: 1, count: u64::MAX }, tally::Model { id: 2, count: 0 }]).await;
    }
    if store.capabilities().decimals {
        let price = |id, amount: &str, exact: Option<&str>| price::Model {
            id,
            amount: amount.parse().unwrap(),
            exact: exact.map(|exact| exact.parse().unwrap()),
        };
        let prices = [price(1, "99999999.99", Some("12345678901234567890.123456789")), price(2, "-1.5", None)];
        carries::<price::Entity>(store, prices.to_vec()).await;
    }
}

/// The same for rows that refer to others.
pub async fn carries_references_as_they_are(harness: &'static dyn Harness) {
    let Some(fixture) = with_catalog(harness).await else { return };
    let (store, cx) = (&fixture.store, &Cx::new());
    let sender = store.repository::<person::Entity>().create(cx, &person("a@b")).await.unwrap().id;
    let about = store.repository::<note::Entity>().create(cx, &note("n")).await.unwrap().id;
    let letter = |id, answers| letter::Model { id, sender, answers, about: Some(about) };
    carries::<letter::Entity>(store, vec![letter(1, None), letter(2, Some(1))]).await;
    let place = store.repository::<place::Entity>().create(cx, &place::Model { id: 9, code: "p".into() }).await.unwrap();
    carries::<sign::Entity>(store, vec![sign::Model { id: 1, place_id: place.id }]).await;
    let street = street::Model { place: place.code.clone(), number: 4 };
    carries::<street::Entity>(store, vec![street.clone()]).await;
    carries::<door::Entity>(store, vec![door::Model { id: 3, place: street.place, number: 4, place_id: place.id }]).await;
}

/// Items with nothing, with everything, and with the ends of what their columns hold.
fn items() -> Vec<item::Model> {
    let full = item::Model {
        nick: Some("nick".into()),
        status: Some(item::Status::Done),
        large: Some(i64::MIN),
        real: Some(0.1),
        single: Some(0.1),
        flag: Some(true),
        bytes: Some(vec![0, 255]),
        token: Some(Uuid::max()),
        day: "0001-01-01".parse().ok(),
        hour: "23:59:59.999999".parse().ok(),
        local: "9999-12-31T23:59:59.999999".parse().ok(),
        due: "1969-12-31T23:59:59.999999+00:00".parse().ok(),
        json: Some(json!({ "a": [1, 1.5, "x", null, true] })),
        ..item(2)
    };
    let other =
        item::Model { flag: Some(false), real: Some(-1.0), bytes: Some(Vec::new()), json: Some(json!("text")), ..full.clone() };
    vec![item(1), full, item::Model { id: i32::MIN, small: i32::MAX, name: String::new(), ..other }]
}
