//! Columns whose type the statement leaves open, or the engine knows only when it has run.

use std::fmt::Debug;

use futures_util::StreamExt as _;
use larder::{Cx, Error, ErrorKind, Filter, Query, ReaderExt as _, SqlText, Store, field};
use sea_orm::prelude::{DateTimeUtc, Decimal, Json, Uuid};
use serde::{Deserialize, de::DeserializeOwned};

use super::{in_memory, one};

async fn reads<T: DeserializeOwned + Debug + PartialEq + Sync>(store: &Store, text: &SqlText, expected: &T) {
    let read = store.sql().unwrap().query_as::<T>(&Cx::new(), text).await.unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
    assert!(!read.is_empty() && read.iter().all(|read| read == expected), "{text:?}: {read:?}");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    a: Option<DateTimeUtc>,
}

/// A store with a view of one row, whose value is a null of no type.
async fn untyped() -> Store {
    in_memory(&["CREATE VIEW one AS SELECT 1 AS id, NULL AS value"]).await
}

/// A null of no type is a null of whatever type is asked for.
#[tokio::test]
async fn a_null_of_no_type_is_none() {
    let store = &untyped().await;
    for sql in [
        "SELECT NULL AS a",
        "SELECT a FROM (VALUES (NULL), (NULL)) t(a)",
        "SELECT CASE WHEN true THEN NULL END AS a",
        "SELECT NULL AS a UNION ALL SELECT NULL",
        "SELECT value AS a FROM one",
        "SELECT max(NULL) AS a",
    ] {
        let text = &SqlText::new(sql);
        reads::<Option<i64>>(store, text, &None).await;
        reads::<Option<u8>>(store, text, &None).await;
        reads::<Option<f64>>(store, text, &None).await;
        reads::<Option<bool>>(store, text, &None).await;
        reads::<Option<String>>(store, text, &None).await;
        reads::<Option<Vec<u8>>>(store, text, &None).await;
        reads::<Option<Uuid>>(store, text, &None).await;
        reads::<Option<Decimal>>(store, text, &None).await;
        reads::<Option<DateTimeUtc>>(store, text, &None).await;
        reads::<(Option<i64>,)>(store, text, &(None,)).await;
        reads::<Named>(store, text, &Named { a: None }).await;
        reads::<Json>(store, text, &Json::Null).await;
        let refused = store.sql().unwrap().query_as::<i64>(&Cx::new(), text).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{sql}");
    }
    reads::<(Option<i64>, i64)>(store, &SqlText::new("SELECT NULL AS a, 7 AS b"), &(None, 7)).await;
}

#[tokio::test]
async fn a_null_that_is_bound_is_none() {
    let store = &untyped().await;
    for text in [
        SqlText::new("SELECT $1 AS a").bind(None::<i64>),
        SqlText::new("SELECT $1 AS a").bind(None::<String>),
        SqlText::new("SELECT $1 AS a").bind(None::<Uuid>),
        SqlText::new("SELECT coalesce($1, $2) AS a").bind(None::<i64>).bind(None::<i64>),
    ] {
        reads::<Option<i64>>(store, &text, &None).await;
        reads::<Option<String>>(store, &text, &None).await;
    }
}

#[tokio::test]
async fn a_null_of_no_type_is_none_in_a_model() {
    let store = &untyped().await;
    let raw = SqlText::new("SELECT 1 AS id, NULL AS value");
    assert_eq!(store.sql().unwrap().models::<one::big::Entity>(&Cx::new(), &raw).await.unwrap()[0].value, None);
    let cx = &Cx::new();
    assert_eq!(store.repository::<one::utc::Entity>().query(cx, &Query::new()).await.unwrap()[0].value, None);
    assert_eq!(store.repository::<one::big::Entity>().find(cx, &1).await.unwrap().unwrap().value, None);
    let big = one::big::COLUMN.value;
    assert_eq!(store.repository::<one::big::Entity>().distinct::<Option<i64>, _>(cx, big, &Filter::all()).await.unwrap(), [None]);
}

/// Two numbers that are larger than all `HUGEINT`s, and a small one.
async fn large_numbers() -> Store {
    in_memory(&[
        "CREATE TABLE one (id INTEGER PRIMARY KEY, value UHUGEINT)",
        "INSERT INTO one VALUES (1, '340282366920938463463374607431768211455'), (2, '340282366920938463463374607431768211449'), (3, 7)",
    ])
    .await
}

/// A `UHUGEINT` that is larger than all `HUGEINT`s is refused in a model, and hinders none that is not.
#[tokio::test]
async fn a_large_unsigned_number_is_corrupt_in_a_model() {
    let store = &large_numbers().await;
    let cx = &Cx::new();
    let corrupt =
        |error: Error, what: &str| assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("value")), "{what}");
    macro_rules! read {
        ($($entity:ident)*) => {
            $(
                let (all, columns) = (store.repository::<one::$entity::Entity>(), one::$entity::COLUMN);
                for filter in [Filter::all(), field(columns.id).is_in([1, 2]), field(columns.id).at_most(2), !field(columns.id).equals(3)] {
                    let query = Query::new().filter(filter).limit(2);
                    corrupt(all.query(cx, &query).await.unwrap_err(), stringify!($entity));
                    // The first part is read before the stream is answered.
                    let error = match all.stream(cx, &query).await {
                        Ok(stream) => stream.collect::<Vec<_>>().await.into_iter().find_map(Result::err),
                        Err(error) => Some(error),
                    };
                    corrupt(error.unwrap_or_else(|| panic!("a stream of {}: {:?}", stringify!($entity), query)), stringify!($entity));
                }
                corrupt(all.find(cx, &1).await.unwrap_err(), stringify!($entity));
                corrupt(all.find_many(cx, &[1, 2]).await.unwrap_err(), stringify!($entity));
                assert_eq!(all.find(cx, &3).await.unwrap().unwrap().value, Some(7.into()));
                let raw = SqlText::new("SELECT id, value FROM one WHERE id < $1").bind(3);
                corrupt(store.sql().unwrap().models::<one::$entity::Entity>(cx, &raw).await.unwrap_err(), stringify!($entity));
            )*
        };
    }
    read! { big decimal }
}

/// Read by a statement, it is read as it is, or refused, and never a negative number.
#[tokio::test]
async fn a_large_unsigned_number_is_not_negative() {
    let store = &large_numbers().await;
    let cx = &Cx::new();
    for (sql, id) in [
        ("SELECT value FROM one WHERE id = $1", 1),
        ("SELECT value FROM one WHERE id <> $1 ORDER BY id LIMIT 1", 2),
        ("SELECT max(value) AS value FROM one WHERE id <= $1", 2),
        ("SELECT '340282366920938463463374607431768211455'::UHUGEINT AS value WHERE $1 > 0", 1),
        ("SELECT CASE WHEN $1 > 0 THEN '340282366920938463463374607431768211455'::UHUGEINT END AS value", 1),
    ] {
        let text = SqlText::new(sql).bind(id);
        for error in [
            store.sql().unwrap().query_as::<i64>(cx, &text).await.map(|read| format!("{read:?}")),
            store.sql().unwrap().query_as::<i128>(cx, &text).await.map(|read| format!("{read:?}")),
            store.sql().unwrap().query_as::<f64>(cx, &text).await.map(|read| format!("{read:?}")),
            store.sql().unwrap().query_as::<Decimal>(cx, &text).await.map(|read| format!("{read:?}")),
            store.sql().unwrap().query_as::<Json>(cx, &text).await.map(|read| format!("{read:?}")),
        ] {
            match error {
                Ok(read) => assert!(read == "[340282366920938463463374607431768211455]", "{sql}: {read}"),
                Err(error) => assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::InvalidInput), "{sql}: {error:?}"),
            }
        }
    }
}
