//! How the engines carry out the statements that are kept as snapshots: what an index can answer is answered by one.

use std::{fs, path::Path};

use larder::{Cx, SqlText, Store};
use larder_migration::Migrations;
use sea_orm::Value;
use uuid::Uuid;

/// The statements of a dialect.
fn snapshot(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/sql/statement/snapshots");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| line.trim_end_matches(';').to_owned()).collect()
}

/// A statement to explain, with a value for each placeholder, numbered as in Postgres' dialect.
fn explained(explain: &str, sql: &str, values: impl IntoIterator<Item = Value>) -> SqlText {
    let numbered = |(nth, part): (usize, &str)| if nth == 0 { part.to_owned() } else { format!("${nth}{part}") };
    let sql: String = sql.split('?').enumerate().map(numbered).collect();
    values.into_iter().fold(SqlText::new(format!("{explain} {sql}")), SqlText::bind)
}

fn time() -> Value {
    chrono::DateTime::UNIX_EPOCH.into()
}

fn id() -> Value {
    Uuid::nil().into()
}

/// Statements that look at some rows only, each by a part of its text, with values for its placeholders.
fn cases() -> Vec<(&'static str, Vec<Value>)> {
    let limit = || Value::from(10_i64);
    vec![
        (r#"WHERE "raw_logs"."log_id" = "#, vec![id()]),
        (r#"WHERE "raw_logs"."log_id" IN "#, vec![id(), id()]),
        (r#"WHERE "raw_logs"."log_id" > "#, vec![id()]),
        (r#"WHERE "raw_logs"."log_id" < "#, vec![id()]),
        (r#"WHERE ("raw_logs"."timestamp", "raw_logs"."log_id") > "#, vec![time(), id(), limit()]),
        (r#"WHERE ("raw_logs"."timestamp", "raw_logs"."log_id") < "#, vec![time(), id(), limit()]),
        (r#"WHERE "raw_logs"."timestamp" <= "#, vec![time(), time(), time(), id(), limit(), 0_i64.into()]),
        (r#"WHERE "raw_logs"."timestamp" >= "#, vec![time(), time(), time(), id(), limit(), 0_i64.into()]),
        (r#"SELECT MIN("raw_logs"."timestamp")"#, vec![]),
    ]
}

/// Logs, and what the engine knows of them.
async fn fill(store: &Store, snapshot_name: &str) {
    Migrations::default().up(store, None).await.unwrap();
    let sql = store.sql().unwrap();
    let fill = match snapshot_name {
        "sqlite.sql" => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) \
             INSERT INTO raw_logs (log_id, timestamp, source_id, raw_text, config_version) \
             SELECT randomblob(16), '2026-01-01T00:00:00.' || printf('%06d', i) || '+00:00', 's' || i % 50, 't', 1 FROM n"
        }
        _ => {
            "INSERT INTO raw_logs (log_id, timestamp, source_id, raw_text, config_version) \
             SELECT gen_random_uuid(), now() + i * interval '1 ms', 's' || i % 50, 't', 1 FROM generate_series(1, 20000) AS n(i)"
        }
    };
    sql.execute(&Cx::new(), &SqlText::new(fill)).await.unwrap();
    sql.execute(&Cx::new(), &SqlText::new("CREATE INDEX latest ON raw_logs (source_id, timestamp DESC, log_id)")).await.unwrap();
    sql.execute(&Cx::new(), &SqlText::new("ANALYZE")).await.unwrap();
}

/// The plan of the latest logs of each source, as text.
async fn plan_of_groups(store: &Store, snapshot_name: &str, explain: &str) -> String {
    fill(store, snapshot_name).await;
    let latest = |sql: &&String| {
        sql.starts_with("SELECT \"raw") && sql.contains(r#"ORDER BY "raw_logs"."timestamp" DESC, "raw_logs"."log_id" ASC ) AS"#)
    };
    let statement = snapshot(snapshot_name).iter().find(latest).unwrap().clone();
    let values = [Value::from(1_i64), 10_i64.into(), 0_i64.into()];
    let plan: Vec<serde_json::Value> =
        store.sql().unwrap().query_as(&Cx::new(), &explained(explain, &statement, values)).await.unwrap();
    serde_json::Value::from(plan).to_string()
}

/// The plans of all cases, as text.
async fn plans(store: &Store, snapshot_name: &str, explain: &str) -> Vec<String> {
    fill(store, snapshot_name).await;
    let sql = store.sql().unwrap();
    let statements = snapshot(snapshot_name);
    let mut plans = Vec::new();
    for (part, values) in cases() {
        let is_meant = |sql: &&String| sql.starts_with("SELECT") && !sql.contains("COUNT(*)") && sql.contains(part);
        let statement = statements.iter().find(is_meant).unwrap_or_else(|| panic!("no statement with {part}"));
        let plan: Vec<serde_json::Value> = sql.query_as(&Cx::new(), &explained(explain, statement, values)).await.unwrap();
        plans.push(format!("{part}: {}", serde_json::Value::from(plan)));
    }
    plans
}

/// The plans of conditions that ignore case, with the index that the guide names.
async fn plans_without_case(store: &Store, snapshot_name: &str, explain: &str, index: &str) -> Vec<String> {
    plans(store, snapshot_name, explain).await;
    let sql = store.sql().unwrap();
    for statement in [index, "ANALYZE"] {
        sql.execute(&Cx::new(), &SqlText::new(statement)).await.unwrap();
    }
    let is_without_case =
        |sql: &&String| sql.contains("WHERE (lower(") || sql.contains(r#"WHERE ("raw_logs"."raw_text" COLLATE NOCASE"#);
    let mut plans = Vec::new();
    for statement in snapshot(snapshot_name).iter().filter(is_without_case) {
        let length = statement.matches(['?', '$']).count();
        let plan: Vec<serde_json::Value> = match snapshot_name {
            "sqlite.sql" => sql.query_as(&Cx::new(), &explained(explain, statement, vec!["a".into(); length])).await.unwrap(),
            _ => {
                let text = SqlText::new(format!("{explain} {statement}"));
                sql.query_as(&Cx::new(), &vec!["a"; length].into_iter().fold(text, SqlText::bind)).await.unwrap()
            }
        };
        plans.push(format!("{statement}: {}", serde_json::Value::from(plan)));
    }
    assert!(plans.len() >= 3, "{plans:?}");
    plans
}

/// The plan of a claim of one job, in a table where jobs are found by an index on what is asked for and ordered by.
async fn plan_of_claim(store: &Store, snapshot_name: &str, explain: &str, index: &str) -> String {
    let sql = store.sql().unwrap();
    for statement in [
        "CREATE TABLE job (id BIGINT PRIMARY KEY, name TEXT, worker TEXT, due TIMESTAMP, tries INT, most BIGINT, cost FLOAT, \
         share REAL, price NUMERIC)",
        &format!("CREATE INDEX job_by_due ON job {index}"),
        "INSERT INTO job WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
         SELECT i, 'job ' || i, CASE WHEN i % 2 = 0 THEN 'w' END, NULL, 0, 0, 0, 0, 0 FROM n",
        "ANALYZE",
    ] {
        sql.execute(&Cx::new(), &SqlText::new(statement)).await.unwrap();
    }
    let statements = snapshot(snapshot_name);
    let is_meant = |sql: &&String| sql.contains("UPDATE \"job\" SET \"worker\"") && sql.contains("LIMIT");
    let statement = statements.iter().find(is_meant).unwrap();
    // In Postgres' text the limit is written, and its value is not a part of it.
    let (statement, values) = match snapshot_name {
        "sqlite.sql" => (statement.clone(), vec![Value::from("w"), 1_i64.into()]),
        _ => (statement.replace("$2", "$1"), vec!["w".into()]),
    };
    let plan = explained(explain, &statement, values);
    let plan: Vec<serde_json::Value> = sql.query_as(&Cx::new(), &plan).await.unwrap();
    serde_json::Value::from(plan).to_string()
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_searches_without_case_by_an_index_of_its_collation() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    let index = "CREATE INDEX raw_logs_text ON raw_logs (raw_text COLLATE NOCASE)";
    for plan in plans_without_case(&store, "sqlite.sql", "EXPLAIN QUERY PLAN", index).await {
        assert!(plan.contains("USING INDEX raw_logs_text") || plan.contains("USING COVERING INDEX raw_logs_text"), "{plan}");
        assert!(plan.contains("SEARCH"), "{plan}");
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_searches_without_case_by_an_index_on_lower() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    let index = r#"CREATE INDEX raw_logs_text ON raw_logs (lower(raw_text COLLATE "C"))"#;
    for plan in plans_without_case(&store, "postgres.sql", "EXPLAIN", index).await {
        assert!(plan.contains("raw_logs_text") && plan.contains("Index Cond"), "{plan}");
    }
}

/// Parts of text are searched by an index of trigrams, with case and without.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_searches_patterns_by_an_index_of_trigrams() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    plans(&store, "postgres.sql", "EXPLAIN").await;
    let (sql, cx) = (store.sql().unwrap(), Cx::new());
    for statement in [
        "CREATE EXTENSION pg_trgm",
        r#"CREATE INDEX ON raw_logs USING gin (raw_text COLLATE "C" gin_trgm_ops)"#,
        r#"CREATE INDEX ON raw_logs USING gin (lower(raw_text COLLATE "C") gin_trgm_ops)"#,
        "ANALYZE",
    ] {
        sql.execute(&cx, &SqlText::new(statement)).await.unwrap();
    }
    let statements = snapshot("postgres.sql");
    let of_text =
        [r#"WHERE "raw_logs"."raw_text" COLLATE "C" LIKE $1"#, r#"WHERE lower("raw_logs"."raw_text" COLLATE "C") LIKE $1"#];
    for part in of_text {
        let statement = statements.iter().find(|sql| sql.contains(part)).unwrap_or_else(|| panic!("no statement with {part}"));
        let text = SqlText::new(format!("EXPLAIN {statement}")).bind("%abcdef%");
        let plan: Vec<serde_json::Value> = sql.query_as(&cx, &text).await.unwrap();
        let plan = serde_json::Value::from(plan).to_string();
        assert!(plan.contains("Bitmap Index Scan"), "{statement}: {plan}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_claims_by_an_index() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    let plan = plan_of_claim(&store, "sqlite.sql", "EXPLAIN QUERY PLAN", "(worker, due, name DESC)").await;
    assert!(plan.contains("job_by_due (worker=?)") && !plan.contains("SCAN job"), "{plan}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_claims_by_an_index() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    let index = r#"(due NULLS FIRST, name COLLATE "C" DESC) WHERE worker IS NULL"#;
    let plan = plan_of_claim(&store, "postgres.sql", "EXPLAIN", index).await;
    assert!(plan.contains("Index Scan using job_by_due") && !plan.contains("Seq Scan"), "{plan}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_searches_by_its_indexes() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    for plan in plans(&store, "sqlite.sql", "EXPLAIN QUERY PLAN").await {
        assert!(plan.contains("SEARCH raw_logs USING") && !plan.contains("SCAN"), "{plan}");
    }
}

/// An index on the groups' column and the order spares the engine from sorting all rows: only what is left of them is sorted.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_reads_groups_in_the_order_of_an_index() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    let plan = plan_of_groups(&store, "sqlite.sql", "EXPLAIN QUERY PLAN").await;
    assert!(plan.contains("SCAN raw_logs USING INDEX latest") && plan.matches("TEMP B-TREE").count() == 1, "{plan}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_reads_groups_in_the_order_of_an_index() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    let plan = plan_of_groups(&store, "postgres.sql", "EXPLAIN").await;
    assert!(plan.contains("Run Condition") && plan.contains("latest"), "{plan}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_searches_by_its_indexes() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    for plan in plans(&store, "postgres.sql", "EXPLAIN").await {
        assert!(plan.contains("Index Cond") && !plan.contains("Seq Scan"), "{plan}");
    }
}
