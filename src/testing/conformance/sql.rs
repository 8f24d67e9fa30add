use chrono::{DateTime, Utc};
use larder::{Cx, Error, ErrorKind, Sql, SqlText, TransactionalExt, TxOptions};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Alias, CommonTableExpression, Expr, ExprTrait, Query, WithClause},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::testing::{
    Fixture, Harness,
    entities::{item, note},
    item, note, time,
};

/// A store that runs SQL; or one that says it does not.
async fn with_sql(harness: &'static dyn Harness) -> Option<(Fixture, Sql)> {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().sql {
        assert_eq!(fixture.store.sql().unwrap_err().kind(), ErrorKind::Unsupported);
        return None;
    }
    let sql = fixture.store.sql().unwrap();
    Some((fixture, sql))
}

/// Text, statements of sea-query and selects of SeaORM see what their transaction has written, and are undone with it.
pub async fn belongs_to_the_transaction(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let (notes, sql) = (&fixture.store.repository::<note::Entity>(), &sql);
    let count = &SqlText::new("SELECT count(*) FROM note");
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        let stored = notes.create(&cx, &note("one")).await?;
        assert_eq!(sql.query_as::<i64>(&cx, count).await?, [1]);
        let insert = SqlText::new("INSERT INTO note (id, body) VALUES ($1, $2)").bind(Uuid::from_u128(7)).bind("two");
        assert_eq!(sql.execute(&cx, &insert).await?, 1);
        let select = note::Entity::find().filter(note::Column::Body.eq("two"));
        assert_eq!(sql.models::<note::Entity>(&cx, &select).await?, [note::Model { id: Uuid::from_u128(7), body: "two".into() }]);
        let text = SqlText::new("SELECT * FROM note WHERE id = $1").bind(stored.id);
        assert_eq!(sql.models::<note::Entity>(&cx, &text).await?, [stored]);
        let mut delete = Query::delete();
        delete.from_table(note::Entity).and_where(Expr::col(note::Column::Body).eq("one"));
        assert_eq!(sql.execute(&cx, &delete).await?, 1);
        assert_eq!(sql.query_as::<i64>(&cx, count).await?, [1]);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(sql.query_as::<i64>(&Cx::new(), count).await.unwrap(), [0]);
}

#[derive(Debug, PartialEq, Deserialize)]
struct Found {
    id: i32,
    name: String,
    nick: Option<String>,
    large: Option<i64>,
    real: Option<f64>,
    flag: Option<bool>,
    token: Option<Uuid>,
    day: Option<chrono::NaiveDate>,
    at: DateTime<Utc>,
    json: Option<Document>,
    total: i64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Document {
    key: Vec<String>,
}

/// An item with a value in every column that [`Found`] has, and what is found of it.
fn full() -> (item::Model, Found) {
    let at = time("2026-03-01T12:00:00.123456Z");
    let model = item::Model {
        nick: Some("n".into()),
        large: Some(1 << 40),
        real: Some(0.5),
        flag: Some(true),
        token: Some(Uuid::from_u128(9)),
        day: Some(at.date_naive()),
        at,
        json: Some(json!({ "key": ["a", "b"] })),
        ..item(1)
    };
    let found = Found {
        id: 1,
        name: "same".into(),
        nick: Some("n".into()),
        large: Some(1 << 40),
        real: Some(0.5),
        flag: Some(true),
        token: Some(Uuid::from_u128(9)),
        day: Some(at.date_naive()),
        at,
        json: Some(Document { key: vec!["a".into(), "b".into()] }),
        total: 7,
    };
    (model, found)
}

/// What a statement answers is read into any type that can be deserialized.
pub async fn reads_into_any_type(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    let (full, expected) = full();
    let at = full.at;
    items.create_batch(&cx, &[full, item(2)]).await.unwrap();
    let columns = r#"id, name, nick, large, "real", flag, token, day, "at", json"#;
    let text = SqlText::new(format!("SELECT {columns}, 7 AS total FROM item WHERE \"at\" >= $1 ORDER BY id")).bind(at);
    let found: Vec<Found> = sql.query_as(&cx, &text).await.unwrap();
    assert_eq!(found, [expected]);
    let empty = SqlText::new(format!("SELECT {columns}, 7 AS total FROM item WHERE id = $1")).bind(2);
    let found: Vec<Found> = sql.query_as(&cx, &empty).await.unwrap();
    assert!(found[0].nick.is_none() && found[0].flag.is_none() && found[0].json.is_none() && found[0].day.is_none());
    let pairs: Vec<(i32, Option<String>)> =
        sql.query_as(&cx, &SqlText::new("SELECT id, nick FROM item ORDER BY id")).await.unwrap();
    assert_eq!(pairs, [(1, Some("n".into())), (2, None)]);
    let ids: Vec<i64> = sql.query_as(&cx, &SqlText::new("SELECT id FROM item WHERE id > 5")).await.unwrap();
    assert!(ids.is_empty());

    let sums = SqlText::new(r#"SELECT sum(id), avg(id), sum("real"), count(*) FROM item"#);
    assert_eq!(sql.query_as::<(i64, f64, Option<f64>, u64)>(&cx, &sums).await.unwrap(), [(3, 1.5, Some(0.5), 2)]);

    let wrong = sql.query_as::<(i32, i32)>(&cx, &SqlText::new("SELECT id, name FROM item")).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
    assert!(wrong.to_string().contains("`name`"), "{wrong}");
}

/// Values are bound, and their types may differ from one time to another.
pub async fn binds_values(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let notes = fixture.store.repository::<note::Entity>();
    let cx = Cx::new();
    let hostile = "'; DROP TABLE note; -- $1 ?";
    notes.create_batch(&cx, &[note(hostile), note("other")]).await.unwrap();
    let text = SqlText::new("SELECT body FROM note WHERE body = $1 OR body = '$1'").bind(hostile);
    assert_eq!(sql.query_as::<String>(&cx, &text).await.unwrap(), [hostile]);
    let reordered = SqlText::new("SELECT body FROM note WHERE $2 = 'x' AND body = $1").bind("other").bind("x");
    assert_eq!(sql.query_as::<String>(&cx, &reordered).await.unwrap(), ["other"]);
    for (value, expected) in [(sea_orm::Value::from(1_i32), 1.0), (1_i64.into(), 1.0), (1.5_f64.into(), 1.5)] {
        let same = SqlText::new("SELECT CAST($1 AS DOUBLE PRECISION)").bind(value);
        assert_eq!(sql.query_as::<f64>(&cx, &same).await.unwrap(), [expected]);
    }
    for (text, values) in [("SELECT $1", 0), ("SELECT $2", 1), ("SELECT 1", 1)] {
        let text = (0..values).fold(SqlText::new(text), |text, _| text.bind(1));
        assert_eq!(sql.query_as::<i64>(&cx, &text).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let refused = sql.query_as::<i64>(&cx, &SqlText::new("SELECT 1 WHERE 'a' = $1").bind("\0")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

/// Text is one statement, and none that begins or ends a transaction; what is refused was not sent.
pub async fn takes_one_statement(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let notes = fixture.store.repository::<note::Entity>();
    let (notes, sql) = (&notes, &sql);
    let refused =
        ["DELETE FROM note; DELETE FROM note", "SELECT 1; DELETE FROM note", "COMMIT", "begin", "", ";", "SELECT 'open"];
    let tried = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("there")).await?;
        for text in refused {
            assert_eq!(sql.execute(&cx, &SqlText::new(text)).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{text}");
            assert_eq!(sql.query_as::<i64>(&cx, &SqlText::new(text)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        Ok::<_, Error>(())
    });
    tried.await.unwrap();
    assert_eq!(sql.query_as::<i64>(&Cx::new(), &SqlText::new("SELECT count(*) FROM note;")).await.unwrap(), [1]);
    let nonsense = sql.execute(&Cx::new(), &SqlText::new("SELEKT 1")).await.unwrap_err();
    assert_eq!(nonsense.kind(), ErrorKind::InvalidInput);
}

/// A read-only transaction runs what reads, and refuses what writes.
pub async fn keeps_a_read_only_transaction_from_writing(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let sql = &sql;
    let read = fixture.store.tx_with(&Cx::new(), TxOptions::new().read_only(), |cx| async move {
        let mut one = Query::select();
        one.expr(Expr::cust("1"));
        let mut named = CommonTableExpression::new();
        named.table_name(Alias::new("one")).column(Alias::new("n")).query(one);
        let mut select = Query::select();
        select.column(Alias::new("n")).from(Alias::new("one"));
        let with = select.with(WithClause::new().cte(named).to_owned());
        assert_eq!(sql.query_as::<i64>(&cx, &with).await?, [1]);
        assert_eq!(sql.query_as::<i64>(&cx, &SqlText::new("WITH x AS (SELECT 2 AS n) SELECT n FROM x")).await?, [2]);
        sql.execute(&cx, &SqlText::new("INSERT INTO note (id, body) VALUES ($1, 'a')").bind(Uuid::nil())).await
    });
    assert_eq!(read.await.unwrap_err().kind(), ErrorKind::ReadOnly);
}

/// A statement that returns what it wrote is read like any other, and has written.
pub async fn reads_what_it_wrote(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let notes = fixture.store.repository::<note::Entity>();
    let cx = Cx::new();
    let insert =
        SqlText::new("INSERT INTO note (id, body) VALUES ($1, $2) RETURNING id, body").bind(Uuid::from_u128(5)).bind("b");
    let stored = sql.models::<note::Entity>(&cx, &insert).await.unwrap();
    assert_eq!(notes.find(&cx, &Uuid::from_u128(5)).await.unwrap().as_ref(), stored.first());
    let delete = SqlText::new("DELETE FROM note WHERE body = $1 RETURNING body").bind("b");
    assert_eq!(sql.query_as::<String>(&cx, &delete).await.unwrap(), ["b"]);
    assert_eq!(notes.find(&cx, &Uuid::from_u128(5)).await.unwrap(), None);
}

/// A NUL character in the text of a statement, in a name or in a value is `InvalidInput`, before anything runs.
pub async fn refuses_a_nul(harness: &'static dyn Harness) {
    let Some((fixture, sql)) = with_sql(harness).await else { return };
    let notes = fixture.store.repository::<note::Entity>();
    let stored = notes.create_many(&Cx::new(), &[note("one"), note("two")]).await.unwrap();
    let cx = &Cx::new();
    let mut of_name = Query::delete();
    of_name.from_table(Alias::new("note\0")).and_where(Expr::col("body").eq("one"));
    let mut by_part = Query::delete();
    by_part.from_table(note::Entity).and_where(Expr::cust("body = 'one'\0 AND 1 = 0"));
    let outcomes = [
        sql.execute(cx, &SqlText::new("DELETE FROM note\0 WHERE id = 5")).await,
        sql.execute(cx, &SqlText::new("DELETE FROM note WHERE body = 'one\0'")).await,
        sql.execute(cx, &SqlText::new("DELETE FROM note WHERE body <> $1").bind("a\0")).await,
        sql.execute(cx, &SqlText::new("\0")).await,
        sql.execute(cx, &of_name).await,
        sql.execute(cx, &by_part).await,
        sql.query_as::<i64>(cx, &SqlText::new("SELECT 1\0")).await.map(|_| 0),
        sql.models::<note::Entity>(cx, &SqlText::new("SELECT * FROM note\0 WHERE 1 = 0")).await.map(|_| 0),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("NUL"), "{error}");
    }
    // It is not sent, so that a transaction goes on.
    let (notes, sql) = (&notes, &sql);
    let went_on = fixture.store.tx(cx, |cx| async move {
        sql.execute(&cx, &SqlText::new("DELETE FROM note\0 WHERE id = 5")).await.unwrap_err();
        notes.count(&cx, &larder::Filter::all()).await
    });
    assert_eq!(went_on.await.unwrap(), stored.len() as u64);
}
