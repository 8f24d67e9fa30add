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

    /// SQLite's paths have no way to write every key: the keys of an object are looked at as values instead. A document stands
    /// for the first `$`, and the keys for the others, in their order.
    pub(super) fn steps_in_sqlite(&self, path: &[String]) -> SqliteSteps {
        // Not the name of the table that the document is in.
        let j = if self.table.name().starts_with(['j', 'J']) { 'k' } else { 'j' };
        let (mut from, mut tests) = (Vec::new(), Vec::new());
        for nth in 0..path.len() {
            from.push(match nth.checked_sub(1) {
                None => format!("json_each($) AS {j}{nth}"),
                Some(outer) => {
                    let object = format!("CASE WHEN {j}{outer}.type = 'object' THEN {j}{outer}.value ELSE '{{}}' END");
                    format!("json_each({object}) AS {j}{nth}")
                }
            });
            tests.push(format!("{j}{nth}.key = $"));
        }
        SqliteSteps { from, tests, last: path.len().checked_sub(1).map(|last| format!("{j}{last}")), element: format!("{j}e") }
    }

    fn path_in_sqlite(&self, column: Expr, path: &[String], scalar: &Scalar) -> Expr {
        let SqliteSteps { from, mut tests, last, .. } = self.steps_in_sqlite(path);
        let (test, value) = atom_is(last.as_deref().unwrap_or_default(), scalar);
        tests.push(test);
        let keys = path.iter().map(|key| Expr::val(key.as_str()));
        let sql = format!("EXISTS (SELECT 1 FROM {} WHERE {})", from.join(", "), tests.join(" AND "));
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
            Scalar::Uuid(id) => ("$ = to_jsonb(CAST($ AS text))", Expr::val(id.to_string())),
        };
        self.written(sql, [end, value])
    }

    fn path_in_duckdb(&self, column: &Expr, path: &[String], scalar: &Scalar) -> Expr {
        let end = Expr::val(pointer(path));
        let type_is =
            |types: &str| self.written(&format!("json_type($, CAST($ AS VARCHAR)) IN ({types})"), [column.clone(), end.clone()]);
        let text = || self.written("json_extract_string($, CAST($ AS VARCHAR))", [column.clone(), end.clone()]);
        self.through_objects(column, path, self.scalar_is_in_duckdb(type_is, text, scalar))
    }

    /// The condition that a value of a document is a scalar, by its type and its text.
    pub(super) fn scalar_is_in_duckdb(&self, type_is: impl Fn(&str) -> Expr, text: impl Fn() -> Expr, scalar: &Scalar) -> Expr {
        let text_is = |other: &str| self.written("$ = $", [text(), Expr::val(other)]);
        match scalar {
            Scalar::Text(other) => type_is("'VARCHAR'").and(text_is(other)),
            Scalar::Uuid(id) => type_is("'VARCHAR'").and(text_is(&id.to_string())),
            Scalar::Bool(value) => type_is("'BOOLEAN'").and(text_is(&value.to_string())),
            Scalar::Integer(number) => {
                let whole = type_is("'BIGINT', 'UBIGINT'").and(text_is(&number.to_string()));
                match exactly(*number) {
                    Some(double) => {
                        let value = self.written("TRY_CAST($ AS DOUBLE) = $", [text(), Expr::val(double)]);
                        whole.or(type_is("'DOUBLE'").and(value))
                    }
                    None => whole,
                }
            }
        }
    }

    /// A condition on the end of a path in DuckDB, where a number would also be the place of an element in an array.
    pub(super) fn through_objects(&self, column: &Expr, path: &[String], is_end: Expr) -> Expr {
        let numbers = path.iter().enumerate().filter(|(_, key)| key.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        numbers.fold(is_end, |all, (nth, _)| {
            let outer = pointer(path.get(..nth).unwrap_or_default());
            let is_object = if outer.is_empty() {
                self.written("json_type($) = 'OBJECT'", [column.clone()])
            } else {
                self.written("json_type($, CAST($ AS VARCHAR)) = 'OBJECT'", [column.clone(), Expr::val(outer)])
            };
            is_object.and(all)
        })
    }
}

/// The way along a path in SQLite: what is selected from, what has to hold, and the name of what is at the end, if there is a
/// key.
pub(super) struct SqliteSteps {
    pub(super) from: Vec<String>,
    pub(super) tests: Vec<String>,
    pub(super) last: Option<String>,
    /// A name for elements of it.
    pub(super) element: String,
}

/// The test that what has a name in SQLite is a scalar, and the value for its `$`, if it has one.
pub(super) fn atom_is(name: &str, scalar: &Scalar) -> (String, Option<Expr>) {
    match scalar {
        Scalar::Text(text) => (format!("{name}.type = 'text' AND {name}.atom = $"), Some(Expr::val(text.as_str()))),
        Scalar::Uuid(id) => (format!("{name}.type = 'text' AND {name}.atom = $"), Some(Expr::val(id.to_string()))),
        Scalar::Integer(number) => {
            let types = if exactly(*number).is_some() { "'integer', 'real'" } else { "'integer'" };
            (format!("{name}.type IN ({types}) AND {name}.atom = $"), Some(Expr::val(*number)))
        }
        Scalar::Bool(value) => (format!("{name}.type = '{value}'"), None),
    }
}

/// A JSON pointer (RFC 6901).
pub(super) fn pointer(path: &[String]) -> String {
    path.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

/// A number as a floating-point one, if it is one whatever is added to it.
#[expect(clippy::cast_precision_loss, reason = "it is small enough")]
fn exactly(number: i64) -> Option<f64> {
    (number.unsigned_abs() <= EXACT).then_some(number as f64)
}
