//! Statements that concern a transaction or a connection as such, and not the data.
//!
//! The pool hands a connection to one caller after another, and larder begins and ends their transactions: what a statement
//! changes of either would be met by somebody else.

use super::scan::{self, Token, invalid};
use crate::{
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
};

const TRANSACTION: &str = "a statement that begins, ends or changes a transaction; use `tx` and its options for that";
const CONNECTION: &str = "a statement that changes its connection for whoever has it next";
const COPY: &str = "a statement that copies from or to its client; use `create_batch` or `stream` for that";

const CONTROL: [&str; 8] = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"];

/// What is kept by a connection under a name: statements.
const KEPT: [&str; 3] = ["PREPARE", "EXECUTE", "DEALLOCATE"];

/// Words between `EXPLAIN` and its statement.
const OF_EXPLAIN: [&str; 26] = [
    "ANALYZE",
    "ANALYSE",
    "VERBOSE",
    "QUERY",
    "PLAN",
    "FORMAT",
    "JSON",
    "TEXT",
    "XML",
    "YAML",
    "COSTS",
    "SETTINGS",
    "BUFFERS",
    "WAL",
    "TIMING",
    "SUMMARY",
    "GENERIC_PLAN",
    "MEMORY",
    "SERIALIZE",
    "NONE",
    "BINARY",
    "ON",
    "OFF",
    "TRUE",
    "FALSE",
    "HTML",
];

/// Pragmas of SQLite that take a value and read, or change what is stored.
const PRAGMAS: [&str; 16] = [
    "APPLICATION_ID",
    "FOREIGN_KEY_CHECK",
    "FOREIGN_KEY_LIST",
    "INCREMENTAL_VACUUM",
    "INDEX_INFO",
    "INDEX_LIST",
    "INDEX_XINFO",
    "INTEGRITY_CHECK",
    "OPTIMIZE",
    "QUICK_CHECK",
    "TABLE_INFO",
    "TABLE_LIST",
    "TABLE_XINFO",
    "USER_VERSION",
    "WAL_CHECKPOINT",
    "DATABASE_LIST",
];

/// Pragmas of SQLite that, with a value, change more than their connection: the file, what the connections to a database in
/// memory share, or the process.
const OF_ALL: [&str; 12] = [
    "JOURNAL_MODE",
    "LOCKING_MODE",
    "MAX_PAGE_COUNT",
    "PAGE_SIZE",
    "AUTO_VACUUM",
    "ENCODING",
    "SECURE_DELETE",
    "SCHEMA_VERSION",
    "SOFT_HEAP_LIMIT",
    "HARD_HEAP_LIMIT",
    "TEMP_STORE_DIRECTORY",
    "DATA_STORE_DIRECTORY",
];

/// Functions of Postgres that change their session.
const OF_SESSION: [&str; 8] = [
    "SET_CONFIG",
    "PG_ADVISORY_LOCK",
    "PG_ADVISORY_LOCK_SHARED",
    "PG_TRY_ADVISORY_LOCK",
    "PG_TRY_ADVISORY_LOCK_SHARED",
    "PG_ADVISORY_UNLOCK",
    "PG_ADVISORY_UNLOCK_ALL",
    "SETSEED",
];

/// Refuses a statement of these words that ends or changes its transaction, or changes its connection.
pub(super) fn check(words: &[String], tokens: &[Token], dialect: Dialect) -> Result<()> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let first = first(words);
    if CONTROL.contains(&first) || first == "PREPARE" && word(1) == "TRANSACTION" {
        return Err(invalid(TRANSACTION));
    }
    let is_of_connection = KEPT.contains(&first)
        || match dialect {
            Dialect::Postgres => return of_postgres(first, words),
            Dialect::Sqlite => false,
            Dialect::DuckDb => is_of_duckdbs_connection(first, words, tokens),
        };
    if is_of_connection { Err(invalid(CONNECTION)) } else { Ok(()) }
}

/// Whether a statement of DuckDB's changes where its connection looks for tables. `lock_configuration` does not keep it from
/// that. A database that is given another name is lost to every connection that is open.
fn is_of_duckdbs_connection(first: &str, words: &[String], tokens: &[Token]) -> bool {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let is_place = |setting: &str| matches!(setting, "SCHEMA" | "SEARCH_PATH");
    match (first, word(1)) {
        ("USE" | "CONNECT" | "DISCONNECT", _) | ("ALTER", "DATABASE") => true,
        ("SET" | "RESET", "SESSION" | "LOCAL" | "VARIABLE") => true,
        ("SET" | "RESET", "GLOBAL") => is_place(word(2)) || tokens.get(2) == Some(&Token::Quoted),
        // A setting in quotes is not looked at, and so may be any.
        ("SET" | "RESET" | "PRAGMA", setting) => is_place(setting) || tokens.get(1) == Some(&Token::Quoted),
        _ => false,
    }
}

fn of_postgres(first: &str, words: &[String]) -> Result<()> {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let is_with_client = |pair: &[String]| match pair {
        [from_or_to, client] => matches!(from_or_to.as_str(), "FROM" | "TO") && matches!(client.as_str(), "STDIN" | "STDOUT"),
        _ => false,
    };
    let is_with_hold = || words.windows(2).any(|pair| matches!(pair, [with, hold] if with == "WITH" && hold == "HOLD"));
    match (first, word(1)) {
        // Both end with the transaction.
        ("SET", "CONSTRAINTS") => Ok(()),
        ("SET", "LOCAL") if word(2).starts_with("TRANSACTION") => Err(invalid(TRANSACTION)),
        ("SET", "LOCAL") => Ok(()),
        ("SET", "TRANSACTION") => Err(invalid(TRANSACTION)),
        ("SET" | "RESET" | "DISCARD" | "LISTEN" | "UNLISTEN" | "LOAD", _) => Err(invalid(CONNECTION)),
        ("PREPARE" | "EXECUTE" | "DEALLOCATE", _) => Err(invalid(CONNECTION)),
        ("DECLARE", _) if is_with_hold() => Err(invalid(CONNECTION)),
        // The driver has no data for it, and ends the connection.
        ("COPY", _) if words.windows(2).any(is_with_client) => Err(invalid(COPY)),
        _ => Ok(()),
    }
}

/// Refuses a pragma of SQLite that changes more than its connection.
pub(super) fn check_pragma(sql: &str, tokens: &[Token], is_explained: bool) -> Result<()> {
    let Some(value) = tokens.iter().position(|token| *token == Token::Value) else { return Ok(()) };
    let Some(name) = value.checked_sub(1).and_then(|at| tokens.get(at)).and_then(|name| scan::word(sql, name)) else {
        return Err(invalid("a pragma that is set and has its name in quotes"));
    };
    if is_met_by_all(&name) {
        let name = name.to_ascii_lowercase();
        let message = format!("`PRAGMA {name}` with a value changes more than its connection; `OpenOptions` has what can be set");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    // SQLite carries out some pragmas while it prepares them.
    if is_explained && is_kept_by_connection(&name) {
        return Err(invalid(CONNECTION));
    }
    Ok(())
}

/// Whether a pragma of SQLite sets something that its connection keeps.
fn sets(sql: &str, tokens: &[Token]) -> bool {
    let Some(value) = tokens.iter().position(|token| *token == Token::Value) else { return false };
    let name = value.checked_sub(1).and_then(|at| tokens.get(at)).and_then(|name| scan::word(sql, name));
    name.is_none_or(|name| is_kept_by_connection(&name))
}

/// Whether what a pragma of SQLite sets is kept by its connection, and met by whoever has it next.
pub(crate) fn is_kept_by_connection(pragma: &str) -> bool {
    !PRAGMAS.iter().any(|name| name.eq_ignore_ascii_case(pragma))
}

/// Whether what a pragma of SQLite sets is met by others than those who have its connection next.
pub(crate) fn is_met_by_all(pragma: &str) -> bool {
    OF_ALL.iter().any(|name| name.eq_ignore_ascii_case(pragma))
}

/// The word that says what a statement is, also of one that is only explained.
pub(super) fn first(words: &[String]) -> &str {
    let mut words = words.iter().map(String::as_str);
    match words.next() {
        Some("EXPLAIN") => words.find(|word| !OF_EXPLAIN.contains(word)).unwrap_or_default(),
        first => first.unwrap_or_default(),
    }
}

/// Whether a statement may leave something behind that its connection keeps, such as a temporary table.
pub(super) fn outlives(sql: &str, tokens: &[Token], words: &[String], dialect: Dialect) -> bool {
    let is_temporary = |word: &String| matches!(word.as_str(), "TEMP" | "TEMPORARY");
    let makes = matches!(words.first().map(String::as_str), Some("CREATE")) && words.iter().take(4).any(is_temporary)
        || words.windows(2).any(|pair| matches!(pair, [into, temporary] if into == "INTO" && is_temporary(temporary)));
    let is_dropped =
        words.windows(3).any(|three| matches!(three, [on, commit, drop] if on == "ON" && commit == "COMMIT" && drop == "DROP"));
    if makes && !is_dropped {
        return true;
    }
    let first = words.first().map_or("", String::as_str);
    match dialect {
        Dialect::Postgres => matches!(first, "DO" | "CALL") || words.iter().any(|word| OF_SESSION.contains(&word.as_str())),
        Dialect::Sqlite => matches!(first, "ATTACH" | "DETACH") || first == "PRAGMA" && sets(sql, tokens),
        Dialect::DuckDb => words.iter().any(|word| word == "SETSEED"),
    }
}

#[cfg(test)]
mod tests;
