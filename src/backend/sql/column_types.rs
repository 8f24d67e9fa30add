//! The tables of column types in `docs/column-types.md`: each engine's test writes its own.

use std::{
    env, fs, io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sea_orm::{
    prelude::Decimal,
    sea_query::{ArrayType, ColumnDef, ColumnType, Table, ValueType},
};
use uuid::Uuid;

#[cfg(any(feature = "duckdb-linked", feature = "postgres"))]
use crate::query::range;
use crate::{dialect::Dialect, sql::statement::Render as _};

/// A type of a model's field.
pub(super) struct FieldType {
    rust: &'static str,
    pub(super) value_type: ArrayType,
    column_type: ColumnType,
}

/// What becomes of the values of a field in a column of another program's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldValues {
    /// All are stored and read.
    All,
    /// Those that the column's type holds exactly are; others are refused.
    Some,
    /// None: the column is refused.
    None,
}

/// How a column of whole numbers holds the values of a field, by the least and the largest that it has room for.
#[cfg(any(feature = "duckdb-linked", feature = "postgres"))]
pub(super) fn held_whole(field: &FieldType, (least, most): (i128, i128)) -> HeldValues {
    let (from, to) = range(&field.value_type);
    if least <= from && to <= most { HeldValues::All } else { HeldValues::Some }
}

fn of<T: ValueType>(rust: &'static str) -> FieldType {
    FieldType { rust, value_type: T::array_type(), column_type: T::column_type() }
}

fn fields() -> Vec<FieldType> {
    vec![
        of::<bool>("bool"),
        of::<i8>("i8"),
        of::<i16>("i16"),
        of::<i32>("i32"),
        of::<i64>("i64"),
        of::<u8>("u8"),
        of::<u16>("u16"),
        of::<u32>("u32"),
        of::<u64>("u64"),
        of::<f32>("f32"),
        of::<f64>("f64"),
        of::<Decimal>("Decimal"),
        of::<String>("String"),
        of::<char>("char"),
        of::<Vec<u8>>("Vec<u8>"),
        of::<serde_json::Value>("Json"),
        of::<Uuid>("Uuid"),
        of::<NaiveDate>("Date"),
        of::<NaiveTime>("Time"),
        of::<NaiveDateTime>("DateTime"),
        of::<DateTime<Utc>>("DateTimeUtc"),
        of::<DateTime<Local>>("DateTimeLocal"),
        of::<DateTime<FixedOffset>>("DateTimeWithTimeZone"),
    ]
}

/// The type that a new table's column for a field has.
fn made(field: &FieldType, dialect: Dialect) -> String {
    let mut table = Table::create();
    table.table("t").col(ColumnDef::new_with_type("c", field.column_type.clone()));
    let sql = table.render(dialect).sql;
    let column = sql.split_once(r#""c" "#).map(|(_, column)| column.trim_end_matches(" )").trim_end());
    column.unwrap_or_default().to_owned()
}

/// The table of one engine is what it was; `LARDER_UPDATE_SNAPSHOTS=1` writes it anew.
pub(super) fn is_the_snapshot(
    engine: &str,
    dialect: Dialect,
    reads: impl Fn(&ArrayType) -> bool,
    columns: &[&str],
    held: impl Fn(&FieldType, &str) -> HeldValues,
) -> io::Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let mut text = String::from(
        "\n| field | `create_table` makes | holds all values | holds some values; the others are refused |\n|---|---|---|---|\n",
    );
    for field in fields() {
        if !reads(&field.value_type) {
            text.push_str(&format!("| `{}` | the type is `Unsupported` | | |\n", field.rust));
            continue;
        }
        let of = |wanted| {
            let names = columns.iter().filter(|column| held(&field, column) == wanted);
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let made = made(&field, dialect);
        text.push_str(&format!("| `{}` | `{made}` | {} | {} |\n", field.rust, of(HeldValues::All), of(HeldValues::Some)));
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/column-types.md");
    let file = fs::read_to_string(&path)?;
    let (before, rest) =
        file.split_once(&format!("## {engine}\n")).ok_or_else(|| io::Error::other("no section of the engine"))?;
    let (section, after) = rest.find("\n## ").map_or((rest, ""), |end| rest.split_at(end));
    let (words, table) = section.find("\n| field").map_or((section, ""), |at| section.split_at(at));
    if env::var("LARDER_UPDATE_SNAPSHOTS").is_ok() {
        fs::write(&path, format!("{before}## {engine}\n{words}{text}{after}"))?;
    } else {
        assert_eq!(table, text, "docs/column-types.md, {engine}");
    }
    Ok(())
}
