//! What a statement of an application's does beside reading and writing rows, as its words tell.

use sea_orm::Statement;

use crate::{backend::sql::engine::StatementKind, dialect::Dialect, sql::scan::first_word};

/// From the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Nothing.
    Rows,
    /// It changes the schema.
    Schema,
    /// It may change the session, such as its settings or its temporary tables, or end the transaction.
    Session,
}

impl Effect {
    pub(super) fn of(sql: &str) -> Self {
        if sql.trim_end_matches([';', ' ', '\n']).contains(';') {
            return Self::Session;
        }
        let mut words = words(sql);
        match words.next().unwrap_or_default() {
            word if is_one_of(word, &["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "FROM", "VALUES", "MERGE"]) => Self::Rows,
            word if is_one_of(word, &["ALTER", "DROP", "COMMENT", "TRUNCATE"]) => Self::Schema,
            // `CREATE OR REPLACE TEMP TABLE`
            word if is_one_of(word, &["CREATE"]) && !words.take(3).any(|word| is_one_of(word, &["TEMP", "TEMPORARY"])) => {
                Self::Schema
            }
            _ => Self::Session,
        }
    }
}

/// What a statement may do beside reading and writing rows.
pub(super) fn effect_of(statement: &Statement, kind: StatementKind) -> Effect {
    if kind == StatementKind::Lasting { Effect::Session } else { Effect::of(&statement.sql) }
}

/// Whether a statement attaches or detaches a database, which everybody notices who has this one open.
pub(super) fn attaches(sql: &str) -> bool {
    first_word(sql, Dialect::DuckDb).is_some_and(|word| is_one_of(&word, &["ATTACH", "DETACH"]))
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn is_one_of(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_hides_nothing() {
        for sql in ["ATTACH 'a' AS b", "/* a */ -- b\n ; DeTaCh b", "--\nattach 'a'"] {
            assert!(attaches(sql), "{sql}");
        }
        for sql in ["SELECT 1 -- \n ATTACH", "", "/* ATTACH", "-- ATTACH", "INSERT INTO attach VALUES (1)"] {
            assert!(!attaches(sql), "{sql}");
        }
    }

    #[test]
    fn an_effect_is_told_by_the_first_words() {
        for (sql, expected) in [
            ("SELECT 1", Effect::Rows),
            ("(select 1);", Effect::Rows),
            (" insert into t values (1)", Effect::Rows),
            ("CREATE TABLE t (a INTEGER)", Effect::Schema),
            ("alter table t add column b integer", Effect::Schema),
            ("CREATE OR REPLACE TEMP TABLE t (a INTEGER)", Effect::Session),
            ("create temporary view v as select 1", Effect::Session),
            ("SELECT 1; COMMIT", Effect::Session),
            ("/* */ COMMIT", Effect::Session),
            ("CALL checkpoint()", Effect::Session),
            ("PRAGMA threads=1", Effect::Session),
            ("EXPLAIN ANALYZE DELETE FROM t", Effect::Session),
        ] {
            assert_eq!(Effect::of(sql), expected, "{sql}");
        }
    }
}
