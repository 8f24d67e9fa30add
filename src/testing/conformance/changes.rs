use larder::{Changes, Cx, ErrorKind, Filter, ReaderExt, Storage, field, field_of};
use sea_orm::prelude::Decimal;

use crate::testing::{
    Harness,
    entities::{
        item::{self, COLUMN},
        page, price,
    },
    item, page, time,
};

async fn change(items: &dyn Storage<item::Model, i32>, changes: &Changes<item::Model>) -> Vec<item::Model> {
    items.update_where(&Cx::new(), &Filter::all(), changes).await.unwrap();
    items.all(&Cx::new()).await.unwrap()
}

/// A change that reads columns reads what they were before all changes, in whatever order these are given.
pub async fn read_the_model_as_it_was(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &*fixture.store.repository::<item::Entity>();
    let first = item::Model { name: "a".into(), nick: Some("b".into()), small: 5, large: Some(7), ..item(1) };
    let second = item::Model { name: "c".into(), nick: Some("d".into()), small: -1, large: None, ..item(2) };
    items.create_batch(&Cx::new(), &[first.clone(), second.clone()]).await.unwrap();
    let swapped = Changes::new().set_from(COLUMN.name, COLUMN.nick).set_from(COLUMN.nick, COLUMN.name);
    let swapped = swapped.increase_by(COLUMN.large, COLUMN.small).increase(COLUMN.small, 1);
    let expected = [
        item::Model { name: "b".into(), nick: Some("a".into()), small: 6, large: Some(12), ..first },
        item::Model { name: "d".into(), nick: Some("c".into()), small: 0, ..second },
    ];
    assert_eq!(change(items, &swapped).await, expected);
    let copied = Changes::new().set_from(COLUMN.large, COLUMN.small).set_from(COLUMN.small, COLUMN.id);
    let small_and_large: Vec<_> = change(items, &copied).await.iter().map(|item| (item.small, item.large)).collect();
    assert_eq!(small_and_large, [(1, Some(6)), (2, Some(0))]);
    let cleared = Changes::new().set_from(COLUMN.nick, COLUMN.name).set_from(COLUMN.nick, COLUMN.nick).set_null(COLUMN.large);
    assert_eq!(change(items, &cleared).await[0].nick.as_deref(), Some("a"));
    // The sum with nothing is nothing.
    let sum = Changes::new().set(COLUMN.real, 1.5).set(COLUMN.large, 3);
    assert_eq!(change(items, &sum).await[1].large, Some(3));
    let nothing = change(items, &Changes::new().set_null(COLUMN.large)).await;
    assert_eq!(nothing[0].large, None);
}

/// Decimals are added exactly, and floating-point numbers as they are rounded; null stays null.
pub async fn add_decimals_and_floats(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &*fixture.store.repository::<item::Entity>();
    let first = item::Model { real: Some(0.1), single: Some(0.1), ..item(1) };
    items.create_batch(&Cx::new(), &[first.clone(), item(2)]).await.unwrap();
    let changed = change(items, &Changes::new().increase(COLUMN.real, 0.2).increase(COLUMN.single, 0.2_f32)).await;
    assert_eq!((changed[0].real, changed[0].single), (Some(0.1 + 0.2), Some(0.1_f32 + 0.2)));
    assert_eq!(changed[1], item(2));
    let doubled = Changes::new().increase_by(COLUMN.real, COLUMN.real).increase_by(COLUMN.single, COLUMN.single);
    let changed = change(items, &doubled).await;
    assert_eq!((changed[0].real, changed[0].single), (Some(2.0 * (0.1 + 0.2)), Some(2.0 * (0.1_f32 + 0.2))));
    let less = change(items, &Changes::new().increase(COLUMN.real, -1)).await;
    assert_eq!(less[0].real, Some(2.0 * (0.1 + 0.2) - 1.0));

    if !fixture.store.capabilities().decimals {
        return;
    }
    let prices = fixture.store.repository::<price::Entity>();
    let (cx, number) = (Cx::new(), |text: &str| text.parse::<Decimal>().unwrap());
    prices.create(&cx, &price::Model { id: 1, amount: number("10.25"), exact: Some(number("0.000000001")) }).await.unwrap();
    prices.create(&cx, &price::Model { id: 2, amount: number("-0.01"), exact: None }).await.unwrap();
    let (amount, exact) = (field_of(price::Column::Amount), field_of(price::Column::Exact));
    let changes = Changes::new().increase(amount, number("0.01")).increase_by(exact, exact);
    assert_eq!(prices.update_where(&cx, &Filter::all(), &changes).await.unwrap(), 2);
    let stored: Vec<_> = prices.all(&cx).await.unwrap().into_iter().map(|price| (price.amount, price.exact)).collect();
    assert_eq!(stored, [(number("10.26"), Some(number("0.000000002"))), (number("0"), None)]);
}

/// `raise_to` and `lower_to` replace what is less or greater, by the order of queries; null stays null.
pub async fn raise_and_lower(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &*fixture.store.repository::<item::Entity>();
    let with = |id, small, nick: Option<&str>, at| item::Model { small, nick: nick.map(Into::into), at: time(at), ..item(id) };
    let models = [
        with(1, 1, Some("B"), "2026-01-01T00:00:00Z"),
        with(2, 5, Some("a"), "2026-02-01T00:00:00Z"),
        with(3, 9, None, "2026-03-01T00:00:00Z"),
    ];
    items.create_batch(&Cx::new(), &models).await.unwrap();
    let noon = time("2026-02-01T12:00:00Z");
    let raised = Changes::new().raise_to(COLUMN.small, 5).raise_to(COLUMN.nick, "C").raise_to(COLUMN.at, noon);
    let changed = change(items, &raised).await;
    let seen: Vec<_> = changed.iter().map(|item| (item.small, item.nick.as_deref(), item.at)).collect();
    assert_eq!(seen, [(5, Some("C"), noon), (5, Some("a"), noon), (9, None, models[2].at)]);
    let lowered = Changes::new().lower_to(COLUMN.small, 6).lower_to(COLUMN.nick, "Z").lower_to(COLUMN.at, noon);
    let changed = change(items, &lowered).await;
    let seen: Vec<_> = changed.iter().map(|item| (item.small, item.nick.as_deref(), item.at)).collect();
    assert_eq!(seen, [(5, Some("C"), noon), (5, Some("Z"), noon), (6, None, noon)]);
    let documents = Changes::new().raise_to(field_of(item::Column::Json), serde_json::json!(1));
    let refused = items.update_where(&Cx::new(), &Filter::all(), &documents).await.unwrap_err();
    assert_eq!((refused.kind(), refused.column()), (ErrorKind::InvalidInput, Some("json")));
}

/// `set_if_null` fills in what is missing, and `set` takes an option.
pub async fn fill_in_and_take_options(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &*fixture.store.repository::<item::Entity>();
    let first = item::Model { nick: Some("a".into()), large: Some(1), json: Some(serde_json::json!([1])), ..item(1) };
    items.create_batch(&Cx::new(), &[first.clone(), item(2)]).await.unwrap();
    let filled = Changes::new()
        .set_if_null(COLUMN.nick, "b")
        .set_if_null(COLUMN.large, 2)
        .set_if_null(COLUMN.json, serde_json::json!({}))
        .set_if_null(COLUMN.token, uuid::Uuid::nil())
        .set_if_null(COLUMN.name, "never");
    let token = Some(uuid::Uuid::nil());
    let (nick, large, json) = (Some("b".to_owned()), Some(2), Some(serde_json::json!({})));
    let expected = [item::Model { token, ..first.clone() }, item::Model { nick, large, json, token, ..item(2) }];
    assert_eq!(change(items, &filled).await, expected);
    let options = Changes::new()
        .set(COLUMN.nick, Some("c"))
        .set(COLUMN.large, None::<i64>)
        .set(COLUMN.due, Some(time("2026-02-01T00:00:00Z")))
        .set(COLUMN.json, None::<serde_json::Value>)
        .set(COLUMN.token, None::<uuid::Uuid>);
    let changed = change(items, &options).await;
    let (nick, due) = (Some("c".to_owned()), Some(time("2026-02-01T00:00:00Z").fixed_offset()));
    assert_eq!(changed, [1, 2].map(|id| item::Model { nick: nick.clone(), due, ..item(id) }));
}

/// A number that leaves the range of its column is `InvalidInput` with the column's name, and nothing is changed.
pub async fn name_a_number_that_leaves_its_range(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let full = item::Model { small: i32::MAX, large: Some(i64::MAX), real: Some(f64::MAX), single: Some(f32::MAX), ..item(1) };
    let models = [item::Model { small: 1, large: Some(1), real: Some(1.0), single: Some(1.0), ..item(0) }, full];
    items.create_batch(&cx, &models).await.unwrap();
    let refused = [
        (Changes::new().increase(COLUMN.small, 1), "small"),
        (Changes::new().increase(COLUMN.small, i64::MAX), "small"),
        (Changes::new().increase(COLUMN.large, 1).set(COLUMN.name, "b"), "large"),
        (Changes::new().set(COLUMN.real, 0.5).increase(COLUMN.small, 1).increase(COLUMN.large, -1), "small"),
        (Changes::new().increase_by(COLUMN.small, COLUMN.large), "small"),
        (Changes::new().increase_by(COLUMN.large, COLUMN.small), "large"),
        (Changes::new().set_from(COLUMN.small, COLUMN.large), "small"),
        (Changes::new().increase(COLUMN.real, f64::MAX), "real"),
        (Changes::new().increase(COLUMN.real, f64::INFINITY), "real"),
        (Changes::new().increase_by(COLUMN.real, COLUMN.real), "real"),
        (Changes::new().increase(COLUMN.single, f32::MAX), "single"),
    ];
    for (changes, column) in refused {
        let error = items.update_where(&cx, &Filter::all(), &changes).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some(column)), "{changes:?}");
        assert_eq!(items.all(&cx).await.unwrap(), models);
    }
    // What is added is less than half of the last digit.
    let rounded = Changes::new().increase(COLUMN.real, 1e290).increase(COLUMN.single, 1e30_f32).increase(COLUMN.large, 0);
    assert_eq!(items.update_where(&cx, &field(COLUMN.id).equals(1), &rounded).await.unwrap(), 1);
    assert_eq!(items.all(&cx).await.unwrap(), models);
}

/// A decimal of more digits than its column has is `InvalidInput` with the column's name, and nothing is changed.
pub async fn name_a_decimal_of_too_many_digits(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().decimals {
        return;
    }
    let prices = fixture.store.repository::<price::Entity>();
    let (cx, number) = (Cx::new(), |text: &str| text.parse::<Decimal>().unwrap());
    let model = price::Model { id: 1, amount: number("99999999.99"), exact: Some(number("12345678901234567890.00000001")) };
    prices.create(&cx, &model).await.unwrap();
    let (amount, exact) = (field_of(price::Column::Amount), field_of(price::Column::Exact));
    for (changes, column) in [
        (Changes::new().increase(amount, number("0.01")), "amount"),
        (Changes::new().increase(amount, number("0.001")), "amount"),
        (Changes::new().increase(exact, number("90000000000000000000")), "exact"),
        // No model's decimal has so many digits.
        (Changes::new().increase(exact, number("0.0000000001")), "exact"),
        (Changes::new().set_from(amount, exact), "amount"),
        (Changes::new().increase_by(amount, exact), "amount"),
    ] {
        let error = prices.update_where(&cx, &Filter::all(), &changes).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some(column)), "{changes:?}");
        assert_eq!(prices.all(&cx).await.unwrap(), std::slice::from_ref(&model));
    }
    let fine = Changes::new().increase(exact, number("0.00000001")).set_from(amount, amount);
    assert_eq!(prices.update_where(&cx, &Filter::all(), &fine).await.unwrap(), 1);
    assert_eq!(prices.get(&cx, &1).await.unwrap().exact, Some(number("12345678901234567890.00000002")));
    let copied = Changes::new().set_from(exact, amount).lower_to(amount, number("5.5"));
    prices.update_where(&cx, &Filter::all(), &copied).await.unwrap();
    let expected = price::Model { id: 1, amount: number("5.5"), exact: Some(number("99999999.99")) };
    assert_eq!(prices.get(&cx, &1).await.unwrap(), expected);
}

/// Null where there has to be a value is `NotNull`, and columns of two types are `InvalidInput`; then nothing is changed.
pub async fn refuse_nulls_and_other_types(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let models = [item::Model { nick: Some("a".into()), large: Some(1), ..item(1) }, item(2)];
    items.create_batch(&cx, &models).await.unwrap();
    for changes in [
        Changes::new().set_from(COLUMN.name, COLUMN.nick),
        Changes::new().set_from(COLUMN.small, COLUMN.large),
        Changes::new().increase_by(COLUMN.small, COLUMN.large),
        Changes::new().set(COLUMN.name, None::<String>),
    ] {
        let error = items.update_where(&cx, &Filter::all(), &changes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotNull, "{changes:?}");
    }
    for changes in [
        Changes::new().set_from(COLUMN.real, COLUMN.single),
        Changes::new().set_from(COLUMN.large, COLUMN.real),
        Changes::new().increase_by(COLUMN.single, COLUMN.real),
        Changes::new().set_from(COLUMN.at, COLUMN.due),
        Changes::new().set_from(field_of(item::Column::Status), field_of(item::Column::Small)),
        Changes::new().increase(field_of(item::Column::Nick), 1),
        Changes::new().increase(COLUMN.small, 0.5),
        Changes::new().increase(COLUMN.single, 0.1),
        Changes::new().raise_to(COLUMN.small, i64::MAX),
        Changes::new().set_if_null(COLUMN.large, 0.5),
        Changes::new().set_if_null(field_of(item::Column::Nick), None::<String>),
    ] {
        let error = items.update_where(&cx, &Filter::all(), &changes).await.unwrap_err();
        assert_eq!((error.kind(), error.column().is_some()), (ErrorKind::InvalidInput, true), "{changes:?}");
    }
    assert_eq!(items.all(&cx).await.unwrap(), models);
}

/// A repository's own columns can be read by changes, and are kept as with any other change.
pub async fn keep_the_columns_of_the_repository(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let pages = fixture.store.repository_builder::<page::Entity>().version(page::Column::Version).build().unwrap();
    let cx = Cx::new();
    pages.create(&cx, &page::Model { title: "a".into(), ..page(1, "a") }).await.unwrap();
    let kept = Changes::new().increase(page::COLUMN.version, 1);
    assert_eq!(pages.update_where(&cx, &Filter::all(), &kept).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let created = pages.get(&cx, &1).await.unwrap().created_at;
    let changes = Changes::new().set_from(page::COLUMN.title, page::COLUMN.title).raise_to(page::COLUMN.created_at, created);
    assert_eq!(pages.update_where(&cx, &Filter::all(), &changes).await.unwrap(), 1);
    assert_eq!(pages.get(&cx, &1).await.unwrap(), page::Model { version: 2, created_at: created, ..page(1, "a") });
}
