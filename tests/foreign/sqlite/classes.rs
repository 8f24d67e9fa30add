//! Values of another storage class than the field's: SQLite stores any value in nearly any column, and orders values by their
//! classes.

use larder::{Changes, Cx, ErrorKind, Filter, Query, ReaderExt as _, field_of};
use sea_orm::Value;

use super::{Place, entities::measured, places};

/// A table with one sound row, and one with a value of another class in one column.
pub(super) async fn measured(column: &str, declared: &str, stored: &str) -> Vec<Place> {
    let columns = [("amount", "INTEGER", "5"), ("ratio", "REAL", "1.5"), ("name", "TEXT", "'m'"), ("bytes", "BLOB", "x'10'")];
    let of = |other: &str| if other == column { Some(declared) } else { None };
    let declared: Vec<_> = columns.iter().map(|(name, usual, _)| format!("{name} {}", of(name).unwrap_or(usual))).collect();
    let row = |id: u8, strange: Option<&str>| {
        let value =
            |(name, _, value): &(&str, &str, &'static str)| strange.filter(|_| *name == column).unwrap_or(value).to_owned();
        format!("INSERT INTO measured VALUES ({id}, {});\n", columns.iter().map(value).collect::<Vec<_>>().join(", "))
    };
    let create = format!("CREATE TABLE measured (id INTEGER PRIMARY KEY, {});\n", declared.join(", "));
    places(&format!("{create}{}{}", row(1, None), row(2, Some(stored)))).await
}

fn column(name: &str) -> measured::Column {
    std::str::FromStr::from_str(name).unwrap()
}

/// Comparisons that the sound row fulfils.
fn comparisons(name: &str) -> [Filter<measured::Model>; 4] {
    let [less, more]: [Value; 2] = match name {
        "amount" => [4_i64.into(), 6_i64.into()],
        "ratio" => [1.25.into(), 1.75.into()],
        "name" => ["l".into(), "n".into()],
        _ => [vec![0x0f_u8].into(), vec![0x11_u8].into()],
    };
    let by = || field_of(column(name));
    [by().less_than(more.clone()), by().at_most(more), by().greater_than(less.clone()), by().at_least(less)]
}

#[tokio::test]
async fn a_value_of_another_class_fulfils_no_comparison() {
    for (name, declared, stored) in [
        ("amount", "INTEGER", "'amount'"),
        ("amount", "INTEGER", "x'31'"),
        ("amount", "", "'7'"),
        ("amount", "BLOB", "'4'"),
        ("ratio", "REAL", "'n/a'"),
        ("ratio", "", "'1.5'"),
        ("ratio", "NUMERIC", "x'00'"),
        ("name", "TEXT", "x'6d'"),
        ("name", "", "9"),
        ("name", "", "1.5"),
        ("name", "STRING", "12"),
        ("bytes", "BLOB", "'text'"),
        ("bytes", "BLOB", "7"),
        ("bytes", "TEXT", "'text'"),
    ] {
        for place in measured(name, declared, stored).await {
            let context = format!("{} {name} {declared} {stored}", place.name);
            let (cx, repository) = (&Cx::new(), place.store.repository::<measured::Entity>());
            let refused = repository.all(cx).await.unwrap_err();
            assert_eq!((refused.kind(), refused.column()), (ErrorKind::Corrupt, Some(name)), "{context}: {refused}");
            let (to_ratio, to_bytes) =
                (Changes::new().set(measured::COLUMN.ratio, 2.5), Changes::new().set(measured::COLUMN.bytes, vec![7_u8]));
            for filter in comparisons(name) {
                assert_eq!(repository.count(cx, &filter).await.unwrap(), 1, "{context} {filter:?}");
                let found = repository.query(cx, &Query::from(filter.clone())).await.unwrap();
                assert_eq!(found.iter().map(|model| model.id).collect::<Vec<_>>(), [1], "{context} {filter:?}");
                let changes = if name == "bytes" { to_ratio.clone() } else { to_bytes.clone() };
                assert_eq!(repository.update_where(cx, &filter, &changes).await.unwrap(), 1, "{context} {filter:?}");
                let others = repository.count(cx, &!filter.clone()).await.unwrap();
                assert_eq!(others, 1, "{context} {filter:?}");
            }
            let [.., last] = comparisons(name);
            assert_eq!(repository.delete_where(cx, &last).await.unwrap(), 1, "{context}");
            assert_eq!(place.ask("SELECT group_concat(id) FROM measured").await, "2", "{context}");
        }
    }
}

/// A column of text makes text of numbers, and would compare them as such.
#[tokio::test]
async fn numbers_that_are_stored_as_text_are_refused_by_every_comparison() {
    for (name, stored) in [("amount", "'10'"), ("amount", "9"), ("ratio", "'1.50'"), ("ratio", "10.5")] {
        for place in measured(name, "VARCHAR(9)", stored).await {
            let (cx, repository) = (&Cx::new(), place.store.repository::<measured::Entity>());
            let order = Query::new().order_by(field_of(column(name)));
            let mut outcomes = vec![repository.query(cx, &order).await.map(drop)];
            for filter in comparisons(name) {
                outcomes.push(repository.count(cx, &filter).await.map(drop));
                outcomes.push(repository.count(cx, &!filter.clone()).await.map(drop));
                outcomes.push(repository.delete_where(cx, &filter).await.map(drop));
            }
            let equals = field_of(column(name)).equals(if name == "amount" { Value::from(10_i64) } else { Value::from(1.5) });
            outcomes.push(
                repository.update_where(cx, &equals, &Changes::new().set(measured::COLUMN.bytes, vec![7_u8])).await.map(drop),
            );
            for outcome in outcomes {
                let error = outcome.expect_err(&format!("{} {name} {stored}", place.name));
                assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some(name)), "{} {error}", place.name);
            }
            assert_eq!(place.ask("SELECT group_concat(id) FROM measured").await, "1,2", "{} {name} {stored}", place.name);
        }
    }
}
