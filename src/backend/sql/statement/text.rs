//! Conditions on text: parts of it, and A to Z taken for a to z.
//!
//! Engines disagree on the case of other letters, and some let an extension or a collation decide. What is used here is the same
//! whatever is loaded or set.

use sea_orm::sea_query::{Expr, ExprTrait};

use super::Statements;
use crate::{backend::sql::catalog::TextOrder, dialect::Dialect, query::TextPattern, table::TableColumn};

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

impl Statements<'_> {
    pub(super) fn contains(&self, column: &TableColumn, text: &str) -> Expr {
        self.has(self.ordered(column), text)
    }

    fn has(&self, text: Expr, part: &str) -> Expr {
        let sql = match self.dialect {
            Dialect::Sqlite => "instr($, $) > 0",
            Dialect::Postgres => "strpos($, $) > 0",
            Dialect::DuckDb => "contains($, $)",
        };
        self.written(sql, [text, Expr::val(part)])
    }

    pub(super) fn starts_with(&self, column: &TableColumn, prefix: &str) -> Expr {
        within(self.ordered(column), prefix, end_of(prefix))
    }

    pub(super) fn equals_ignore_ascii_case(&self, column: &TableColumn, text: &str) -> Expr {
        self.without_case(column).eq(text.to_ascii_lowercase())
    }

    pub(super) fn matches(&self, column: &TableColumn, pattern: &TextPattern) -> Expr {
        let ignores_case = pattern.ignores_ascii_case();
        let text = || if ignores_case { self.folded(column) } else { self.ordered(column) };
        let started = pattern.start().map(|start| match ignores_case {
            true => within(self.without_case(column), start, end_of_folded(start)),
            false => self.starts_with(column, start),
        });
        let between: Vec<&str> = pattern.between().collect();
        let rest = match (pattern.start(), between.as_slice(), pattern.end(), self.dialect) {
            (Some(_), [], None, _) => None,
            // An index of trigrams can be used for that.
            (.., Dialect::Postgres) => Some(self.written("$ LIKE $", [text(), Expr::val(like(pattern))])),
            (None, [part], None, _) => Some(self.has(text(), part)),
            (.., Dialect::Sqlite) => Some(self.has_in_order_in_sqlite(text(), pattern)),
            (.., Dialect::DuckDb) => Some(self.has_in_order_in_duckdb(text(), pattern)),
        };
        match (started, rest) {
            (Some(started), Some(rest)) => started.and(rest),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => self.column(column).is_not_null(),
        }
    }

    /// What is left after each literal, where it is found first, is looked at for the next. It is null where one is not found.
    /// The innermost select has no table, so that SQLite computes it once and does not write it in place of each `v`. As text, it
    /// would end before a NUL.
    fn has_in_order_in_sqlite(&self, text: Expr, pattern: &TextPattern) -> Expr {
        let bytes = self.written("CAST($ AS BLOB)", [text]);
        let rest = match pattern.start() {
            Some(start) => self.written("substr($, length(CAST($ AS BLOB)) + 1)", [bytes, Expr::val(start)]),
            None => bytes,
        };
        let rest = pattern.between().fold(rest, |rest, literal| {
            let sql = "(SELECT substr(v, nullif(instr(v, CAST($ AS BLOB)), 0) + length(CAST($ AS BLOB))) FROM (SELECT $ AS v))";
            self.written(sql, [Expr::val(literal), Expr::val(literal), rest])
        });
        match pattern.end() {
            Some(end) => {
                let sql = "substr($, -length(CAST($ AS BLOB))) = CAST($ AS BLOB)";
                self.written(sql, [rest, Expr::val(end), Expr::val(end)])
            }
            None => rest.is_not_null(),
        }
    }

    fn has_in_order_in_duckdb(&self, text: Expr, pattern: &TextPattern) -> Expr {
        let rest = match pattern.start() {
            Some(start) => self.written("substr($, length($) + 1)", [text, Expr::val(start)]),
            None => text,
        };
        let literals: Vec<Expr> = pattern.between().map(Expr::val).collect();
        let rest = if literals.is_empty() {
            rest
        } else {
            let sql = format!(
                "list_reduce(list_value({}), lambda v, l: CASE WHEN contains(v, l) THEN substr(v, strpos(v, l) + length(l)) END)",
                vec!["$"; literals.len() + 1].join(", ")
            );
            self.written(&sql, [rest].into_iter().chain(literals))
        };
        match pattern.end() {
            Some(end) => self.written("suffix($, $)", [rest, Expr::val(end)]),
            None => rest.is_not_null(),
        }
    }

    /// Text of a column, to be compared with text that has no A to Z. It is what an index may be on.
    fn without_case(&self, column: &TableColumn) -> Expr {
        match self.dialect {
            // SQLite's own, which takes A to Z alone for a to z.
            Dialect::Sqlite if self.text_order(column) == TextOrder::Sorted => {
                self.written("+$ COLLATE NOCASE", [self.column(column)])
            }
            Dialect::Sqlite => self.written("$ COLLATE NOCASE", [self.column(column)]),
            Dialect::Postgres | Dialect::DuckDb => self.folded(column),
        }
    }

    /// Text of a column with a to z in place of A to Z.
    fn folded(&self, column: &TableColumn) -> Expr {
        match self.dialect {
            // An extension may have replaced `lower` by another one.
            Dialect::Sqlite => {
                let replaced = UPPER
                    .chars()
                    .zip(LOWER.chars())
                    .fold("$".to_owned(), |text, (upper, lower)| format!("replace({text}, '{upper}', '{lower}')"));
                let sql = format!("CASE lower('Ä') WHEN 'Ä' THEN lower($) ELSE {replaced} END");
                self.written(&sql, [self.column(column), self.column(column)])
            }
            // With this collation, it leaves other letters alone.
            Dialect::Postgres => match self.text_order(column) {
                TextOrder::Bytes => self.written(r#"lower($ COLLATE "C")"#, [self.ordered(column)]),
                _ => self.written("lower($)", [self.ordered(column)]),
            },
            Dialect::DuckDb => {
                let folded = self.written(&format!("translate($, '{UPPER}', '{LOWER}')"), [self.ordered(column)]);
                self.by_bytes(folded, self.text_order(column))
            }
        }
    }
}

/// Text begins with a prefix if it is not before the prefix and before whatever is after all that begins so. An index can be
/// used for that.
fn within(text: Expr, prefix: &str, end: Option<String>) -> Expr {
    let from = text.clone().gte(prefix);
    match end {
        Some(end) => from.and(text.lt(end)),
        None => from,
    }
}

/// The first text after all that begin with a prefix, if there is one.
fn end_of(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The one after the last before the surrogates, which are no characters, is the first after them.
        let next = if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// The same in texts that have no A to Z: what comes after `@` there is `[`.
fn end_of_folded(prefix: &str) -> Option<String> {
    end_of(prefix).map(|end| match end.strip_suffix('A') {
        Some(start) => format!("{start}["),
        None => end,
    })
}

/// A pattern as Postgres writes it.
fn like(pattern: &TextPattern) -> String {
    let escaped = |text: &str| text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
    let mut like = pattern.start().map(escaped).unwrap_or_default();
    like.push('%');
    for literal in pattern.between() {
        like.push_str(&escaped(literal));
        like.push('%');
    }
    like.push_str(&pattern.end().map(escaped).unwrap_or_default());
    like
}

#[cfg(test)]
mod tests {
    use super::{end_of, end_of_folded, like};
    use crate::query::TextPattern;

    #[test]
    fn a_prefix_ends_before_the_next_text() {
        assert_eq!(end_of("ab").as_deref(), Some("ac"));
        assert_eq!(end_of("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(end_of("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(end_of("\u{10FFFF}"), None);
        assert_eq!(end_of_folded("a@").as_deref(), Some("a["));
        assert_eq!(end_of_folded("az").as_deref(), Some("a{"));
    }

    #[test]
    fn a_pattern_has_no_wildcards_but_its_own() {
        let pattern = TextPattern::starting(r"50%").then("a_b").ending(r"\");
        assert_eq!(like(&pattern), r"50\%%a\_b%\\");
        assert_eq!(like(&TextPattern::containing("a").then("b")), "%a%b%");
    }
}
