//! Paths in JSON documents. Keys and values are bound, never written into the text.

use sea_orm::sea_query::{Expr, ExprTrait};

use super::{Statements, meaning::document};
use crate::{
    dialect::Dialect,
    query::{EXACT, Scalar},
    table::TableColumn,
};

impl Statements<'_> {
    /// The condition that a document has a value at the end of a path of at least one key.
    pub(super) fn path_equals(&self, column: &TableColumn, path: &[String], scalar: &Scalar) -> Expr {
        match self.dialect {
            Dialect::Sqlite => self.path_in_sqlite(document(self.column(column)), path, scalar),
            Dialect::Postgres => self.path_in_postgres(self.column(column), path, scalar),
            Dialect::DuckDb => self.path_in_duckdb(&self.column(column), path, scalar),
        }
    }

    /// SQLite's paths have no way to write every key: the keys of an object are looked at as values instead.
    fn path_in_sqlite(&self, column: Expr, path: &[String], scalar: &Scalar) -> Expr {
        // Not the name of the table that the document is in.
        let j = if self.table.name().starts_with(['j', 'J']) { 'k' } else { 'j' };
        let mut from = format!("json_each($) AS {j}0");
        let mut tests = vec![format!("{j}0.key = $")];
        for nth in 1..path.len() {
            let outer = nth - 1;
            from.push_str(&format!(
                ", json_each(CASE WHEN {j}{outer}.type = 'object' THEN {j}{outer}.value ELSE '{{}}' END) AS {j}{nth}"
            ));
            tests.push(format!("{j}{nth}.key = $"));
        }
        let last = path.len().saturating_sub(1);
        let (test, value) = match scalar {
            Scalar::Text(text) => (format!("{j}{last}.type = 'text' AND {j}{last}.atom = $"), Some(Expr::val(text.as_str()))),
            Scalar::Integer(number) => {
                let types = if exactly(*number).is_some() { "'integer', 'real'" } else { "'integer'" };
                (format!("{j}{last}.type IN ({types}) AND {j}{last}.atom = $"), Some(Expr::val(*number)))
            }
            Scalar::Bool(value) => (format!("{j}{last}.type = '{value}'"), None),
        };
        tests.push(test);
        let keys = path.iter().map(|key| Expr::val(key.as_str()));
        let sql = format!("EXISTS (SELECT 1 FROM {from} WHERE {})", tests.join(" AND "));
        self.written(&sql, [column].into_iter().chain(keys).chain(value))
    }

    fn path_in_postgres(&self, column: Expr, path: &[String], scalar: &Scalar) -> Expr {
        let document = self.written("CAST($ AS jsonb)", [column]);
        let step = |value, key: &String| self.written("($ -> CAST($ AS text))", [value, Expr::val(key.as_str())]);
        let end = path.iter().fold(document, step);
        let (sql, value) = match scalar {
            Scalar::Text(text) => ("$ = to_jsonb(CAST($ AS text))", Expr::val(text.as_str())),
            Scalar::Integer(number) => ("$ = to_jsonb(CAST($ AS bigint))", Expr::val(*number)),
            Scalar::Bool(value) => ("$ = to_jsonb(CAST($ AS boolean))", Expr::val(*value)),
        };
        self.written(sql, [end, value])
    }

    fn path_in_duckdb(&self, column: &Expr, path: &[String], scalar: &Scalar) -> Expr {
        let end = pointer(path);
        let type_is = |pointer: &str, types: &str| {
            self.written(&format!("json_type($, CAST($ AS VARCHAR)) IN ({types})"), [column.clone(), Expr::val(pointer)])
        };
        let text_is = |text: &str| {
            self.written(
                "json_extract_string($, CAST($ AS VARCHAR)) = $",
                [column.clone(), Expr::val(end.as_str()), Expr::val(text)],
            )
        };
        let is_end = match scalar {
            Scalar::Text(text) => type_is(&end, "'VARCHAR'").and(text_is(text)),
            Scalar::Bool(value) => type_is(&end, "'BOOLEAN'").and(text_is(&value.to_string())),
            Scalar::Integer(number) => {
                let whole = type_is(&end, "'BIGINT', 'UBIGINT'").and(text_is(&number.to_string()));
                match exactly(*number) {
                    Some(double) => {
                        let sql = "TRY_CAST(json_extract_string($, CAST($ AS VARCHAR)) AS DOUBLE) = $";
                        let value = self.written(sql, [column.clone(), Expr::val(end.as_str()), Expr::val(double)]);
                        whole.or(type_is(&end, "'DOUBLE'").and(value))
                    }
                    None => whole,
                }
            }
        };
        // A number would also be the place of an element in an array.
        let numbers = path.iter().enumerate().filter(|(_, key)| key.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        numbers.fold(is_end, |all, (nth, _)| {
            let outer = pointer(path.get(..nth).unwrap_or_default());
            let is_object = if outer.is_empty() {
                self.written("json_type($) = 'OBJECT'", [column.clone()])
            } else {
                type_is(&outer, "'OBJECT'")
            };
            is_object.and(all)
        })
    }
}

/// A JSON pointer (RFC 6901).
fn pointer(path: &[String]) -> String {
    path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

/// A number as a floating-point one, if it is one whatever is added to it.
#[expect(clippy::cast_precision_loss, reason = "it is small enough")]
fn exactly(number: i64) -> Option<f64> {
    (number.unsigned_abs() <= EXACT).then_some(number as f64)
}
