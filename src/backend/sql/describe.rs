//! Tables that a database's catalog describes.

use sea_orm::{
    Statement, Value,
    sea_query::{ArrayType, DynIden, ForeignKeyAction, Values},
};

use super::{
    EngineProfile, SqlStore,
    catalog_type::CatalogType,
    engine::{Engine, StatementKind},
};
use crate::{
    context::{Access, Cx, RUNNING},
    error::{Error, ErrorKind, Result},
    query::Scope,
    row::Row,
    rules::Rules,
    table::{ForeignKey, Table, TableColumn, TableIdentity, TableName, TableOrigin},
    value::text_of,
};

const TABLE_COLUMNS: usize = 2;
const COLUMN_COLUMNS: usize = 10;
const KEY_COLUMNS: usize = 8;

impl<G: Engine> SqlStore<G> {
    pub(super) async fn table_names(&self, cx: &Cx) -> Result<Vec<TableName>> {
        let queries = &self.engine().profile().catalog;
        let [rows] = self.ask(cx, [(queries.tables, TABLE_COLUMNS)], None).await?;
        Ok(rows.iter().map(|row| TableName::new(text(row, 0).map(str::to_owned), owned(row, 1))).collect())
    }

    pub(super) async fn described(&self, cx: &Cx, table: &TableName) -> Result<Table> {
        let EngineProfile { catalog, dialect, .. } = self.engine().profile();
        let asked = [(catalog.columns, COLUMN_COLUMNS), (catalog.keys, KEY_COLUMNS)];
        let [columns, keys] = self.ask(cx, asked, Some(table)).await?;
        let Some(first) = columns.first() else {
            return Err(Error::new(ErrorKind::TableMissing, "the database has no table or view of this name"));
        };
        let described: Vec<TableColumn> = columns.iter().map(|row| column(row, catalog.values)).collect();
        let casts = described.iter().any(|column| column.is_text_form).then_some(*dialect);
        let positions = |at: usize| columns.iter().enumerate().filter(move |(_, row)| is(row, at)).map(|(position, _)| position);
        let mut id: Vec<(usize, usize)> =
            columns.iter().enumerate().filter_map(|(position, row)| Some((text(row, 8)?.parse().ok()?, position))).collect();
        id.retain(|(number, _)| *number > 0);
        id.sort_unstable();
        let (uniques, foreign_keys) = constraints(&described, &keys);
        let id: Vec<usize> = id.into_iter().map(|(_, position)| position).collect();
        let table = Table {
            origin: TableOrigin::Catalog { is_view: is(first, 1), casts },
            identity: TableIdentity::UNKNOWN,
            key: TableName::new(table.schema().map(str::to_owned), owned(first, 0)),
            iden: DynIden::from(owned(first, 0)),
            is_append_only: id.is_empty(),
            told_apart_by: Vec::new(),
            scope: Scope::default(),
            prefix: "".into(),
            id,
            generated: positions(9).next(),
            defaults: Vec::new(),
            computed: positions(7).collect(),
            defaulted: positions(6).filter(|position| !columns.get(*position).is_some_and(|row| is(row, 9))).collect(),
            required: (0..columns.len()).filter(|at| described.get(*at).is_some_and(|column| !column.is_null())).collect(),
            uniques,
            foreign_keys,
            rules: Rules::default(),
            columns: described,
        };
        Ok(table.identified())
    }

    /// The answers to queries, which have so many columns, on one connection. Where the first has no answer, the others are not
    /// asked.
    async fn ask<const N: usize>(&self, cx: &Cx, queries: [(&str, usize); N], of: Option<&TableName>) -> Result<[Vec<Row>; N]> {
        let values: Vec<Value> = of.map(|table| vec![table.name().into(), table.schema().into()]).unwrap_or_default();
        let db_backend = self.engine().profile().dialect.sea_orm();
        let entry = self.enter(cx, Access::Read)?;
        let mut held = self.hold(cx, &entry, Access::Read, StatementKind::Read).await?;
        let guard = held.guard()?;
        let asked = async {
            let mut answers = [const { Vec::new() }; N];
            for ((sql, columns), answer) in queries.into_iter().zip(&mut answers) {
                let statement = Statement { sql: sql.to_owned(), values: Some(Values(values.clone())), db_backend };
                let types = vec![ArrayType::String; columns];
                *answer = self.engine().rows(guard, statement, Some(types), StatementKind::Read).await?;
                if answer.is_empty() {
                    break;
                }
            }
            Ok(answers)
        };
        let answers = cx.limits().bound(RUNNING, asked).await;
        held.finish(answers).await
    }
}

fn text(row: &Row, at: usize) -> Option<&str> {
    row.values.get(at).and_then(text_of)
}

fn owned(row: &Row, at: usize) -> String {
    text(row, at).unwrap_or_default().to_owned()
}

fn is(row: &Row, at: usize) -> bool {
    matches!(text(row, at), Some("true" | "1"))
}

fn column(row: &Row, values: fn(&str, &str) -> CatalogType) -> TableColumn {
    let values = values(text(row, 3).unwrap_or_default(), text(row, 4).unwrap_or_default());
    values.column(owned(row, 2), is(row, 5))
}

/// The unique constraints and the references of a table. One with something that is not a column, such as an expression, is left
/// out.
fn constraints(columns: &[TableColumn], keys: &[Row]) -> (Vec<Vec<usize>>, Vec<ForeignKey>) {
    let (mut uniques, mut references) = (Vec::new(), Vec::new());
    for of_one in keys.chunk_by(|one, next| (text(one, 0), text(one, 1)) == (text(next, 0), text(next, 1))) {
        let position = |row: &Row| columns.iter().position(|column| Some(column.name()) == text(row, 2));
        let positions: Option<Vec<usize>> = of_one.iter().map(position).collect();
        match (positions, of_one.first()) {
            (Some(columns), Some(row)) if text(row, 0) == Some("reference") => references.push(ForeignKey {
                columns,
                parent: TableName::new(text(row, 3).map(str::to_owned), owned(row, 4)),
                parent_columns: of_one.iter().map(|row| owned(row, 5)).collect(),
                on_delete: action(text(row, 6)),
                on_update: action(text(row, 7)),
            }),
            (Some(columns), _) => uniques.push(columns),
            (None, _) => {}
        }
    }
    (uniques, references)
}

/// SQLite has words for them, and Postgres letters.
fn action(name: Option<&str>) -> ForeignKeyAction {
    match name {
        Some("CASCADE" | "c") => ForeignKeyAction::Cascade,
        Some("RESTRICT" | "r") => ForeignKeyAction::Restrict,
        Some("SET NULL" | "n") => ForeignKeyAction::SetNull,
        Some("SET DEFAULT" | "d") => ForeignKeyAction::SetDefault,
        _ => ForeignKeyAction::NoAction,
    }
}
