//! Elements of lists: in documents, and in columns of lists. Values are bound, never written into the text.

use sea_orm::{
    Value,
    sea_query::{ArrayType, Expr, ExprTrait},
};
use serde_json::Value as Json;

use super::{
    Statements,
    json::{SqliteSteps, atom_is, pointer},
    list::array,
    meaning::document,
};
use crate::{
    backend::sql::catalog::TextOrder,
    dialect::Dialect,
    query::{Quantifier, Scalar},
    table::TableColumn,
};

impl Statements<'_> {
    /// The condition that a document is a list that has elements, or has such a list at the end of a path. Without elements, that
    /// it is a list.
    pub(super) fn has_elements(
        &self,
        column: &TableColumn,
        path: &[String],
        quantifier: Quantifier,
        elements: &[Scalar],
    ) -> Expr {
        let has = |elements: &[Scalar]| match self.dialect {
            Dialect::Sqlite => self.has_one_in_sqlite(column, path, elements),
            Dialect::Postgres => self.has_all_in_postgres(column, path, elements),
            Dialect::DuckDb => self.has_one_in_duckdb(column, path, elements),
        };
        let each = || elements.chunks(1).map(has);
        match (self.dialect, quantifier) {
            _ if elements.len() <= 1 => has(elements),
            // An index on the documents can be used for each.
            (Dialect::Postgres, Quantifier::Any) => each().reduce(ExprTrait::or).unwrap_or_else(|| has(elements)),
            (Dialect::Sqlite | Dialect::DuckDb, Quantifier::All) => {
                each().reduce(ExprTrait::and).unwrap_or_else(|| has(elements))
            }
            _ => has(elements),
        }
    }

    /// The document contains one with just that list, at the end of just that path. An index on the documents can be used.
    fn has_all_in_postgres(&self, column: &TableColumn, path: &[String], elements: &[Scalar]) -> Expr {
        let list = Json::Array(elements.iter().map(json_of).collect());
        let contained = path.iter().rev().fold(list, |inner, key| Json::Object([(key.clone(), inner)].into_iter().collect()));
        self.written("CAST($ AS jsonb) @> CAST($ AS jsonb)", [self.column(column), Expr::val(contained)])
    }

    fn has_one_in_sqlite(&self, column: &TableColumn, path: &[String], elements: &[Scalar]) -> Expr {
        let SqliteSteps { mut from, mut tests, last, element: e } = self.steps_in_sqlite(path);
        let keys = path.iter().map(|key| Expr::val(key.as_str()));
        let start = [document(self.column(column))].into_iter().chain(keys);
        let is_list = last.as_ref().map(|last| format!("{last}.type = 'array'"));
        if elements.is_empty() {
            let Some(is_list) = is_list else { return self.written("json_type($) = 'array'", start) };
            tests.push(is_list);
            let sql = format!("EXISTS (SELECT 1 FROM {} WHERE {})", from.join(", "), tests.join(" AND "));
            return self.written(&sql, start);
        }
        // The keys of a list's elements are numbers.
        tests.push(format!("typeof({e}.key) = 'integer'"));
        from.push(match last {
            Some(last) => format!("json_each(CASE WHEN {last}.type = 'array' THEN {last}.value ELSE '[]' END) AS {e}"),
            None => format!("json_each($) AS {e}"),
        });
        let (one_of, values): (Vec<_>, Vec<_>) = elements.iter().map(|element| atom_is(&e, element)).unzip();
        tests.push(format!("({})", one_of.join(" OR ")));
        let sql = format!("EXISTS (SELECT 1 FROM {} WHERE {})", from.join(", "), tests.join(" AND "));
        self.written(&sql, start.chain(values.into_iter().flatten()))
    }

    fn has_one_in_duckdb(&self, column: &TableColumn, path: &[String], elements: &[Scalar]) -> Expr {
        let end = || match path.is_empty() {
            true => self.column(column),
            false => self.written("json_extract($, CAST($ AS VARCHAR))", [self.column(column), Expr::val(pointer(path))]),
        };
        let is_list = self.written("json_type($) = 'ARRAY'", [end()]);
        let is_element = |element: &Scalar| {
            let type_is = |types: &str| Expr::cust(format!("json_type(e) IN ({types})"));
            self.scalar_is_in_duckdb(type_is, || Expr::cust("json_extract_string(e, '$')"), element)
        };
        let has = match elements.iter().map(is_element).reduce(ExprTrait::or) {
            Some(is_one) => {
                // A path that is bound would be one to a single value, and the answer no list.
                let sql = "len(list_filter(json_extract($, $), lambda e: $)) > 0";
                is_list.and(self.written(sql, [end(), Expr::cust("'$[*]'"), is_one]))
            }
            None => is_list,
        };
        self.through_objects(&self.column(column), path, has)
    }

    /// The condition that a column of lists has elements.
    pub(super) fn has_values(&self, column: &TableColumn, quantifier: Quantifier, values: &[Value]) -> Expr {
        let list = array(values.to_vec());
        match (self.dialect, quantifier) {
            (Dialect::Postgres, _) => {
                let operator = if quantifier == Quantifier::All { "@>" } else { "&&" };
                let (lists, element_type) = self.lists_in_postgres(column);
                self.written(&format!("$ {operator} CAST($ AS {element_type}[])"), [lists, list])
            }
            (Dialect::DuckDb, Quantifier::All) => self.written("list_has_all($, $)", [self.column(column), list]),
            (Dialect::DuckDb, Quantifier::Any) => self.written("list_has_any($, $)", [self.column(column), list]),
            // A table with lists was refused before.
            (Dialect::Sqlite, _) => Expr::cust("1 = 0"),
        }
    }

    /// The lists of a column, and the type of the elements that they are compared with. An index on the column can be used,
    /// unless text compares otherwise than by its bytes.
    fn lists_in_postgres(&self, column: &TableColumn) -> (Expr, &'static str) {
        let lists = self.column(column);
        let of_text = |sql: &str| (self.written(sql, [lists.clone()]), "text");
        match column.value_type {
            ArrayType::Bool => (lists, "boolean"),
            ArrayType::Uuid => (lists, "uuid"),
            ArrayType::SmallInt => (lists, "smallint"),
            ArrayType::Int => (lists, "integer"),
            ArrayType::BigInt => (lists, "bigint"),
            _ => match (self.text_order(column), self.described(column).list_of) {
                (TextOrder::Padded, _) => of_text("(SELECT array_agg(textin(bpcharout(v))) FROM unnest($) AS l(v))"),
                (TextOrder::Bytes | TextOrder::Sorted, Some(element_type)) => (lists, element_type),
                _ => of_text(r#"CAST($ AS text[]) COLLATE "C""#),
            },
        }
    }
}

fn json_of(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Text(text) => text.as_str().into(),
        Scalar::Integer(number) => (*number).into(),
        Scalar::Bool(value) => (*value).into(),
        Scalar::Uuid(id) => id.to_string().into(),
    }
}
