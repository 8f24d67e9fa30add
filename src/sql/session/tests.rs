use super::super::scan;
use crate::{dialect::Dialect, error::ErrorKind};

const ALL: [Dialect; 3] = [Dialect::Sqlite, Dialect::Postgres, Dialect::DuckDb];

fn is_refused(dialects: &[Dialect], texts: &[&str]) {
    for (dialect, sql) in dialects.iter().flat_map(|dialect| texts.iter().map(move |sql| (*dialect, *sql))) {
        let checked = scan::check(sql, dialect).map_err(|error| error.kind());
        assert_eq!(checked, Err(ErrorKind::InvalidInput), "{dialect:?} {sql}");
    }
}

fn is_let_through(dialects: &[Dialect], texts: &[&str], outlives: bool) {
    for (dialect, sql) in dialects.iter().flat_map(|dialect| texts.iter().map(move |sql| (*dialect, *sql))) {
        assert_eq!(scan::check(sql, dialect).ok(), Some(outlives), "{dialect:?} {sql}");
    }
}

#[test]
fn what_ends_or_changes_a_transaction_is_refused() {
    is_refused(
        &ALL,
        &[
            "COMMIT",
            "commit and chain",
            "END TRANSACTION",
            "ROLLBACK TO SAVEPOINT larder_1",
            "ABORT",
            "SAVEPOINT a",
            "RELEASE a",
            "START TRANSACTION",
            "/* a */ -- b\n BEGIN",
            "PREPARE TRANSACTION 'a'",
            "EXPLAIN ANALYZE COMMIT",
            "EXPLAIN (ANALYZE, FORMAT JSON) COMMIT",
            "SELECT 1; COMMIT",
            "CREATE TABLE t (a INT DEFAULT 1); COMMIT",
        ],
    );
    is_refused(&[Dialect::Postgres], &["SET TRANSACTION READ ONLY", "SET LOCAL transaction_read_only = on"]);
    is_refused(&[Dialect::Sqlite], &["SELECT 1 AS [a'b]; COMMIT --']", "SELECT e'\\'; COMMIT --'", "\u{feff}COMMIT"]);
}

#[test]
fn prepared_statements_are_refused() {
    is_refused(&ALL, &["PREPARE a AS SELECT 1", "EXECUTE a", "DEALLOCATE ALL"]);
}

#[test]
fn what_changes_a_connection_to_postgres_is_refused() {
    is_refused(
        &[Dialect::Postgres],
        &[
            "SET search_path = a",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET ROLE a",
            "SET SESSION AUTHORIZATION a",
            "RESET SESSION AUTHORIZATION",
            "RESET ALL",
            "DISCARD ALL",
            "LISTEN a",
            "UNLISTEN *",
            "LOAD 'a'",
            "DECLARE a CURSOR WITH HOLD FOR SELECT 1",
        ],
    );
}

#[test]
fn what_changes_a_connection_to_sqlite_is_refused() {
    let sqlite = [
        "PRAGMA journal_mode = off",
        "PRAGMA main . Journal_Mode /* a */ (delete)",
        "PRAGMA max_page_count = 9",
        "PRAGMA locking_mode = exclusive",
        "PRAGMA hard_heap_limit = 1",
        "PRAGMA schema_version = 7",
        "PRAGMA \"journal_mode\" = off",
        "PRAGMA main.[journal_mode] = off",
        "PRAGMA `query_only`(1)",
        "EXPLAIN PRAGMA journal_mode = off",
        "EXPLAIN QUERY PLAN PRAGMA query_only = 1",
    ];
    is_refused(&[Dialect::Sqlite], &sqlite);
}

#[test]
fn what_changes_a_connection_to_duckdb_is_refused() {
    is_refused(
        &[Dialect::DuckDb],
        &[
            "USE a",
            "SET SESSION threads = 1",
            "SET schema = 'a'",
            "SET SCHEMA 'a'",
            "SET /* a */ search_path TO a",
            "SET \"search_path\" = 'a'",
            "SET GLOBAL \"schema\" = 'a'",
            "RESET schema",
            "SET VARIABLE a = 1",
            "PRAGMA schema = 'a'",
            "pragma \"search_path\" = 'a'",
            "ALTER DATABASE a SET ALIAS TO b",
            "CONNECT 'a'",
            "DISCONNECT",
        ],
    );
}

#[test]
fn what_copies_from_or_to_the_client_is_refused() {
    let copies = ["COPY t FROM STDIN", "copy t (a) from stdin with (format csv)", "COPY (SELECT 1) TO STDOUT"];
    is_refused(&[Dialect::Postgres], &copies);
    is_let_through(&[Dialect::Postgres], &["COPY t FROM '/a/b'", "COPY t TO PROGRAM 'cat'", "SELECT a FROM stdin"], false);
}

#[test]
fn what_concerns_the_data_is_let_through() {
    is_let_through(
        &ALL,
        &["SELECT 1", "CREATE TABLE t (a INT)", "DELETE FROM t", "EXPLAIN SELECT 1", "VACUUM", "ANALYZE"],
        false,
    );
    let postgres = [
        "SET LOCAL synchronous_commit = off",
        "SET LOCAL SESSION AUTHORIZATION a",
        "SET CONSTRAINTS ALL DEFERRED",
        "NOTIFY a, 'b'",
        "LOCK TABLE t",
        "CREATE TEMP TABLE t (a INT) ON COMMIT DROP",
        "SELECT pg_advisory_xact_lock(1)",
        "DECLARE a CURSOR FOR SELECT 1",
        "SHOW search_path",
    ];
    is_let_through(&[Dialect::Postgres], &postgres, false);
    let sqlite = [
        "PRAGMA table_info(t)",
        "PRAGMA query_only",
        "PRAGMA main.user_version = 3",
        "PRAGMA max_page_count",
        "PRAGMA journal_mode",
        "EXPLAIN PRAGMA table_info(t)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ];
    is_let_through(&[Dialect::Sqlite], &sqlite, false);
    let duckdb = ["SET memory_limit = '1GB'", "CHECKPOINT", "PRAGMA database_size", "PRAGMA table_info('t')", "ATTACH 'a' AS b"];
    is_let_through(&[Dialect::DuckDb], &duckdb, false);
}

#[test]
fn what_may_leave_something_behind_is_told() {
    is_let_through(&ALL, &["CREATE TEMP TABLE t (a INT)", "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1"], true);
    let postgres = ["SELECT set_config('a.b', 'c', false)", "SELECT pg_advisory_lock(1)", "DO $$ BEGIN END $$", "CALL a()"];
    is_let_through(&[Dialect::Postgres], &postgres, true);
    is_let_through(&[Dialect::Postgres], &["SELECT 1 AS a INTO TEMP t"], true);
    let sqlite = [
        "PRAGMA query_only = 1",
        "PRAGMA query_only(1)",
        "PRAGMA main.query_only=1",
        "pragma /* a */ foreign_keys = off",
        "ATTACH 'a' AS b",
        "DETACH b",
    ];
    is_let_through(&[Dialect::Sqlite], &sqlite, true);
    is_let_through(&[Dialect::DuckDb], &["SELECT setseed(0.5)"], true);
}
