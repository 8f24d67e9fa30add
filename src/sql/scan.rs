//! What can be told of a statement by its text: how many it is, whether it reads, and where its placeholders are.
//!
//! This looks at quotes, comments and words, and knows no grammar. It keeps a caller from mistakes; it is no wall against text
//! that is written to get past it.

use std::{collections::BTreeSet, ops::Range};

use super::session;
use crate::{
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
};

/// A part of SQL text that is not in quotes or comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Range<usize>),
    /// `$` and a number.
    Placeholder(Range<usize>),
    Semicolon,
    /// `=` or `(`, after which a pragma of SQLite has its value.
    Value,
    /// A name or text in quotes.
    Quoted,
    Other,
}

/// Whether one statement of text changes nothing, as far as its words say.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if it is not one statement, as [`check`] says, or has not a placeholder for each of
/// so many values.
pub(super) fn only_reads(sql: &str, values: Option<usize>, dialect: Dialect) -> Result<bool> {
    let tokens = tokens(sql, dialect)?;
    let numbers: BTreeSet<usize> = tokens.iter().filter_map(|token| number(sql, token)).collect();
    if values.is_some_and(|values| !numbers.iter().copied().eq(1..=values)) {
        return Err(invalid("not one value for each placeholder, from $1 on"));
    }
    let words: Vec<_> = tokens.iter().filter_map(|token| word(sql, token)).collect();
    let reads = words.first().is_some_and(|first| READS.contains(&first.as_str()));
    Ok(reads && !words.iter().any(|word| WRITES.contains(&word.as_str())))
}

/// Checks a text that goes to an engine, and returns whether it may change what its connection keeps after the transaction.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if it is no statement, or several, or one that begins or ends a transaction, or that
/// changes the connection for whoever has it next.
pub(super) fn check(sql: &str, dialect: Dialect) -> Result<bool> {
    let tokens = match tokens(sql, dialect) {
        // The engine refuses what does not end, and says so in its own words. It cannot be several statements.
        Err(_) if !sql.contains([';', '*']) => return Ok(false),
        tokens => tokens?,
    };
    let statements: Vec<_> = tokens.split(|token| *token == Token::Semicolon).filter(|part| !part.is_empty()).collect();
    let words = |part: &[Token]| part.iter().filter_map(|token| word(sql, token)).collect::<Vec<_>>();
    let begins_with = |words: &[String], first: &str| words.first().is_some_and(|word| word == first);
    let Some(first) = statements.first().map(|part| words(part)) else { return Err(invalid("no statement in the text")) };
    // The statements of a trigger are part of it.
    let is_trigger = begins_with(&first, "CREATE")
        && first.iter().take(4).any(|word| word == "TRIGGER")
        && statements.last().map(|part| words(part)).is_some_and(|last| last.last().is_some_and(|word| word == "END"));
    if is_trigger {
        return Ok(false);
    }
    // larder writes a table of DuckDB and its sequence as one text.
    let is_table = dialect == Dialect::DuckDb && statements.iter().all(|part| begins_with(&words(part), "CREATE"));
    if statements.len() > 1 && !is_table {
        return Err(invalid("several statements in one text"));
    }
    for part in &statements {
        session::check(&words(part), part, dialect)?;
    }
    if dialect == Dialect::Sqlite && session::first(&first) == "PRAGMA" {
        session::check_pragma(sql, &tokens, begins_with(&first, "EXPLAIN"))?;
    }
    Ok(session::outlives(sql, &tokens, &first, dialect))
}

pub(super) fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

pub(super) fn word(sql: &str, token: &Token) -> Option<String> {
    match token {
        Token::Word(range) => sql.get(range.clone()).map(str::to_ascii_uppercase),
        _ => None,
    }
}

const READS: [&str; 8] = ["SELECT", "WITH", "VALUES", "TABLE", "FROM", "EXPLAIN", "SHOW", "DESCRIBE"];
const WRITES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO"];

/// The first word of a text, in capitals. Returns `None` if there is none.
#[cfg(feature = "duckdb-linked")]
pub(crate) fn first_word(sql: &str, dialect: Dialect) -> Option<String> {
    let mut rest = sql;
    while !rest.is_empty() {
        let (length, found) = token(rest, dialect).ok()?;
        if let Some(found @ Token::Word(_)) = found {
            return word(rest, &found);
        }
        rest = rest.get(length..)?;
    }
    None
}

#[cfg(any(test, feature = "duckdb-linked"))]
/// The text, with something put after each placeholder, by its number.
pub(super) fn with_placeholders(sql: &str, after: impl Fn(usize) -> Option<&'static str>) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut done = 0;
    for token in tokens(sql, Dialect::DuckDb).unwrap_or_default() {
        let number = number(sql, &token);
        let Token::Placeholder(range) = token else { continue };
        text.push_str(sql.get(done..range.end).unwrap_or_default());
        text.push_str(number.and_then(&after).unwrap_or_default());
        done = range.end;
    }
    text.push_str(sql.get(done..).unwrap_or_default());
    text
}

/// The number of a placeholder.
fn number(sql: &str, token: &Token) -> Option<usize> {
    match token {
        Token::Placeholder(range) => sql.get(range.start + 1..range.end)?.parse().ok(),
        _ => None,
    }
}

fn tokens(sql: &str, dialect: Dialect) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, token) = token(rest, dialect)?;
        match token {
            Some(Token::Word(range)) => tokens.push(Token::Word(at + range.start..at + range.end)),
            Some(Token::Placeholder(range)) => tokens.push(Token::Placeholder(at + range.start..at + range.end)),
            Some(other) => tokens.push(other),
            None => {}
        }
        at += length;
    }
    Ok(tokens)
}

/// The first token of a text that is not empty, and how many bytes it takes. The token is `None` for a blank or a comment.
fn token(text: &str, dialect: Dialect) -> Result<(usize, Option<Token>)> {
    let is_sqlite = dialect == Dialect::Sqlite;
    let first = text.chars().next().unwrap_or(' ');
    let while_true = |test: fn(char) -> bool| text.find(|c| !test(c)).unwrap_or(text.len());
    if text.starts_with("--") {
        return Ok((text.find(['\n', '\r']).unwrap_or(text.len()), None));
    }
    if text.starts_with("/*") {
        let end = text.get(2..).and_then(|inside| inside.find("*/")).ok_or_else(|| open("a comment"))? + 2;
        // Where it ends differs from engine to engine. The star of its end may also be that of a comment inside, as in `/*/*/`.
        if text.get(2..=end).is_some_and(|inside| inside.contains("/*")) {
            return Err(invalid("a comment inside a comment"));
        }
        return Ok((end + 2, None));
    }
    Ok(match first {
        '[' if is_sqlite => (text.find(']').ok_or_else(|| open("a quotation"))? + 1, Some(Token::Quoted)),
        '`' if !is_sqlite => (1, Some(Token::Other)),
        '\'' | '"' | '`' => {
            let inside = text.get(1..).unwrap_or_default();
            let end = inside.find(first).ok_or_else(|| open("a quotation"))?;
            // A doubled quote goes on as another quotation.
            (end + 2, Some(Token::Quoted))
        }
        '=' | '(' => (1, Some(Token::Value)),
        ';' => (1, Some(Token::Semicolon)),
        '$' => dollar(text, is_sqlite)?,
        c if c.is_whitespace() => (while_true(char::is_whitespace), None),
        'e' | 'E' if !is_sqlite && text.get(1..).is_some_and(|rest| rest.starts_with('\'')) => {
            (escaped(text)?, Some(Token::Quoted))
        }
        c if is_part_of_word(c) => {
            // A name goes on with `$`, and there is no placeholder or quotation in it.
            let length = while_true(|c| is_part_of_word(c) || c == '$');
            (length, Some(Token::Word(0..length)))
        }
        c => (c.len_utf8(), Some(Token::Other)),
    })
}

/// The length of a quotation after an `E`, in which a backslash takes its meaning from whatever follows it.
fn escaped(text: &str) -> Result<usize> {
    let mut inside = text.char_indices().skip(2);
    while let Some((at, c)) = inside.next() {
        match c {
            '\\' => drop(inside.next()),
            '\'' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(open("a quotation"))
}

fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A placeholder, or text between two tags of dollars.
fn dollar(text: &str, is_sqlite: bool) -> Result<(usize, Option<Token>)> {
    let after = text.get(1..).unwrap_or_default();
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    if digits > 0 {
        return Ok((digits + 1, Some(Token::Placeholder(0..digits + 1))));
    }
    if is_sqlite {
        return Ok((1, Some(Token::Other)));
    }
    let Some(length) =
        after.find(|c| !is_part_of_word(c)).filter(|end| after.get(*end..).is_some_and(|rest| rest.starts_with('$')))
    else {
        return Ok((1, Some(Token::Other)));
    };
    let tag = text.get(..length + 2).unwrap_or_default();
    let inside = text.get(tag.len()..).unwrap_or_default();
    let end = inside.find(tag).ok_or_else(|| open("a quotation"))?;
    Ok((end + 2 * tag.len(), Some(Token::Other)))
}

fn open(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{what} that does not end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_is_told_from_what_writes() {
        for sql in [
            "SELECT 1",
            " select 'DELETE; --' FROM t; ",
            "WITH x AS (SELECT 1) SELECT * FROM x -- ; UPDATE",
            "VALUES (1) /* ; DELETE */ ;;",
            r#"SELECT "update" FROM t"#,
            "SELECT $tag$ ; DELETE $tag$, $$ ; $$",
            "SELECT 'it''s; fine'",
            "SELECT a$b, c$b FROM t",
            r"SELECT E'it\'s; fine', e'\\'",
        ] {
            assert_eq!(only_reads(sql, None, Dialect::Postgres).ok(), Some(true), "{sql}");
        }
        for sql in [
            "DELETE FROM t",
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "CREATE TABLE t (a INT)",
            "SELECT * INTO x FROM t",
        ] {
            assert_eq!(only_reads(sql, None, Dialect::Postgres).ok(), Some(false), "{sql}");
        }
    }

    #[test]
    fn what_is_not_one_statement_is_refused() {
        for sql in [
            "",
            " ; ",
            "SELECT 1; SELECT 2",
            "/* open",
            "SELECT ';open",
            "begin",
            "COMMIT;",
            "-- only\n",
            "SELECT 1;'x'",
            "SELECT 1 AS a$b$; SELECT 2 AS c$b$",
            "/* /* */ SELECT 1 -- */ COMMIT",
            "/*/*/ SELECT 1 */*/ COMMIT --*/",
            "/*/*/ */*/ COMMIT",
            "-- a\rCOMMIT",
        ] {
            for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::DuckDb] {
                assert_eq!(check(sql, dialect).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{sql}");
            }
        }
    }

    #[test]
    fn text_has_an_end() {
        for sql in ["SELECT 'open", "/* open", "SELECT $a$ open"] {
            assert!(only_reads(sql, None, Dialect::Postgres).is_err(), "{sql}");
        }
        assert_eq!(check("SELECT 'open", Dialect::Postgres).ok(), Some(false));
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 1; DELETE FROM c; END;";
        assert_eq!(check(trigger, Dialect::Sqlite).ok(), Some(false));
        assert!(check("CREATE TABLE t (a INT); DROP TABLE t", Dialect::Sqlite).is_err());
    }

    #[test]
    fn there_is_a_value_for_each_placeholder() {
        assert!(only_reads("SELECT $1, $2, $1, '$3'", Some(2), Dialect::Sqlite).is_ok());
        assert!(only_reads("SELECT a$2 FROM t WHERE b = $1", Some(1), Dialect::Postgres).is_ok());
        for (sql, values) in [("SELECT $1", 0), ("SELECT $2", 1), ("SELECT 1", 1), ("SELECT $0, $1", 1), ("SELECT ?", 1)] {
            assert!(only_reads(sql, Some(values), Dialect::Sqlite).is_err(), "{sql}");
        }
    }

    #[test]
    fn placeholders_are_found_outside_of_quotes() {
        let typed = with_placeholders("SELECT $1, '$1', $2 /* $1 */, $10", |number| (number != 2).then_some("::UUID"));
        assert_eq!(typed, "SELECT $1::UUID, '$1', $2 /* $1 */, $10::UUID");
    }
}
