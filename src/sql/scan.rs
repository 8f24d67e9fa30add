//! What can be told of a statement by its text: how many it is, whether it reads, and where its placeholders are.
//!
//! This looks at quotes, comments and words, and knows no grammar. It keeps a caller from mistakes; it is no wall against text that is
//! written to get past it.

use std::{collections::BTreeSet, ops::Range};

use crate::error::{Error, ErrorKind, Result};

/// A part of SQL text that is not in quotes or comments.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Range<usize>),
    /// `$` and a number.
    Placeholder(Range<usize>),
    Semicolon,
    Other,
}

/// Whether one statement of text changes nothing, as far as its words say.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if it is none, or several, or begins or ends a transaction, or has not a placeholder for each of
/// so many values.
pub(super) fn only_reads(sql: &str, values: Option<usize>) -> Result<bool> {
    let invalid = |message| Err(Error::new(ErrorKind::InvalidInput, message));
    let tokens = tokens(sql)?;
    let end = tokens.iter().rposition(|token| *token != Token::Semicolon).map_or(0, |last| last + 1);
    let tokens = tokens.get(..end).unwrap_or_default();
    let numbers: BTreeSet<usize> = tokens.iter().filter_map(|token| number(sql, token)).collect();
    if values.is_some_and(|values| !numbers.iter().copied().eq(1..=values)) {
        return invalid("not one value for each placeholder, from $1 on");
    }
    let words = tokens.iter().filter_map(|token| match token {
        Token::Word(range) => sql.get(range.clone()).map(str::to_ascii_uppercase),
        _ => None,
    });
    let words: Vec<_> = words.collect();
    // The statements of a trigger are part of it.
    let is_trigger = words.first().is_some_and(|word| word == "CREATE")
        && words.iter().take(4).any(|word| word == "TRIGGER")
        && words.last().is_some_and(|word| word == "END");
    if tokens.contains(&Token::Semicolon) && !is_trigger {
        return invalid("several statements in one text");
    }
    let Some(first) = words.first() else { return invalid("no statement in the text") };
    if CONTROL.contains(&first.as_str()) {
        return invalid("a statement that begins or ends a transaction; use `tx` for that");
    }
    Ok(READS.contains(&first.as_str()) && !words.iter().any(|word| WRITES.contains(&word.as_str())))
}

const CONTROL: [&str; 9] = ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"];
const READS: [&str; 8] = ["SELECT", "WITH", "VALUES", "TABLE", "FROM", "EXPLAIN", "SHOW", "DESCRIBE"];
const WRITES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO"];

#[cfg(any(test, feature = "duckdb-linked"))]
/// The text, with something put after each placeholder, by its number.
pub(super) fn with_placeholders(sql: &str, after: impl Fn(usize) -> Option<&'static str>) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut done = 0;
    for token in tokens(sql).unwrap_or_default() {
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

fn tokens(sql: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, token) = token(rest)?;
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

/// The first token of a text that is not empty, and how many bytes it takes; none for a blank or a comment.
fn token(text: &str) -> Result<(usize, Option<Token>)> {
    let first = text.chars().next().unwrap_or(' ');
    let while_true = |test: fn(char) -> bool| text.find(|c| !test(c)).unwrap_or(text.len());
    if text.starts_with("--") {
        return Ok((text.find('\n').unwrap_or(text.len()), None));
    }
    if text.starts_with("/*") {
        let end = text.find("*/").ok_or_else(|| open("a comment"))?;
        return Ok((end + 2, None));
    }
    Ok(match first {
        '\'' | '"' | '`' => {
            let inside = text.get(1..).unwrap_or_default();
            let end = inside.find(first).ok_or_else(|| open("a quotation"))?;
            // A doubled quote goes on as another quotation.
            (end + 2, Some(Token::Other))
        }
        ';' => (1, Some(Token::Semicolon)),
        '$' => dollar(text)?,
        c if c.is_whitespace() => (while_true(char::is_whitespace), None),
        'e' | 'E' if text.get(1..).is_some_and(|rest| rest.starts_with('\'')) => (escaped(text)?, Some(Token::Other)),
        c if is_part_of_word(c) => {
            let length = while_true(is_part_of_word);
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
fn dollar(text: &str) -> Result<(usize, Option<Token>)> {
    let after = text.get(1..).unwrap_or_default();
    let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    if digits > 0 {
        return Ok((digits + 1, Some(Token::Placeholder(0..digits + 1))));
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
            r"SELECT E'it\'s; fine', e'\\'",
        ] {
            assert_eq!(only_reads(sql, None).ok(), Some(true), "{sql}");
        }
        for sql in [
            "DELETE FROM t",
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "CREATE TABLE t (a INT)",
            "SELECT * INTO x FROM t",
        ] {
            assert_eq!(only_reads(sql, None).ok(), Some(false), "{sql}");
        }
    }

    #[test]
    fn what_is_not_one_statement_is_refused() {
        for sql in [
            "",
            " ; ",
            "SELECT 1; SELECT 2",
            "SELECT 'open",
            "/* open",
            "SELECT $a$ open",
            "begin",
            "COMMIT;",
            "-- only\n",
            "SELECT 1;'x'",
        ] {
            assert_eq!(only_reads(sql, None).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{sql}");
        }
    }

    #[test]
    fn a_trigger_is_one_statement() {
        let trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = 1; DELETE FROM c; END;";
        assert_eq!(only_reads(trigger, Some(0)).ok(), Some(false));
        assert!(only_reads("CREATE TABLE t (a INT); DROP TABLE t", None).is_err());
    }

    #[test]
    fn there_is_a_value_for_each_placeholder() {
        assert!(only_reads("SELECT $1, $2, $1, '$3'", Some(2)).is_ok());
        for (sql, values) in [("SELECT $1", 0), ("SELECT $2", 1), ("SELECT 1", 1), ("SELECT $0, $1", 1), ("SELECT ?", 1)] {
            assert!(only_reads(sql, Some(values)).is_err(), "{sql}");
        }
    }

    #[test]
    fn placeholders_are_found_outside_of_quotes() {
        let typed = with_placeholders("SELECT $1, '$1', $2 /* $1 */, $10", |number| (number != 2).then_some("::UUID"));
        assert_eq!(typed, "SELECT $1::UUID, '$1', $2 /* $1 */, $10::UUID");
    }
}
