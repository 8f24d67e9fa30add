//! Whether SQLite stores values as they are given. A column may make others of them, by the type it is declared with.

use std::{any::TypeId, cell::RefCell, collections::BTreeMap};

use rusqlite::StatementStatus;
use sea_orm::{ColumnTrait, IdenStatic, Iterable, ModelTrait, sea_query::ArrayType};

use super::{connection::Connection, error::classify};
use crate::{entity::Storable, error::Result};

/// What a connection has found out about the tables of entities.
#[derive(Default)]
pub(super) struct Known(RefCell<BTreeMap<TypeId, Answer>>);

#[derive(Clone, Copy)]
struct Answer {
    keeps: bool,
    /// How often the query had been prepared anew, because the schema had changed.
    prepared_anew: i32,
}

/// Whether a row that names every column is stored in the table of an entity as it is given. `nothing` is a query of that table that answers nothing.
///
/// Only a transaction that may write already is told: nobody else changes the table before it stores the row, and one that has read cannot wait
/// for its turn to write any more.
pub(super) fn keeps<E: Storable>(connection: &Connection, nothing: &str) -> Result<bool> {
    if !connection.may_write(E::default().schema_name()) {
        return Ok(false);
    }
    connection.ask(nothing, |query| {
        let is_first_run = query.get_status(StatementStatus::Run) == 0;
        // By running it, the connection learns of changes of the schema.
        let mut rows = query.raw_query();
        while rows.next().map_err(classify)?.is_some() {}
        drop(rows);
        let prepared_anew = query.get_status(StatementStatus::RePrepare);
        let known = connection.known().0.borrow().get(&TypeId::of::<E>()).copied();
        match known.filter(|known| !is_first_run && known.prepared_anew == prepared_anew) {
            Some(known) => Ok(known.keeps),
            None => {
                let keeps = E::Column::iter().all(|column| keeps_column::<E>(connection, column));
                connection.known().0.borrow_mut().insert(TypeId::of::<E>(), Answer { keeps, prepared_anew });
                Ok(keeps)
            }
        }
    })
}

fn keeps_column<E: Storable>(connection: &Connection, column: E::Column) -> bool {
    let entity = E::default();
    let Some(declared) = connection.declared(entity.schema_name(), entity.table_name(), column.as_str()) else { return false };
    // A primary key and a column with a default may have another value instead of none.
    let keeps_null = !declared.refuses_null || !column.def().is_null();
    keeps_null && Affinity::of(&declared.value_type).keeps(&E::Model::get_value_type(column))
}

/// What a column does to a value: <https://www.sqlite.org/datatype3.html>, section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// By the declared type, empty if there is none.
    fn of(declared: &[u8]) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &[u8]| declared.windows(part.len()).any(|window| window == part);
        match () {
            () if has(b"INT") => Self::Integer,
            () if has(b"CHAR") || has(b"CLOB") || has(b"TEXT") => Self::Text,
            () if has(b"BLOB") || declared.is_empty() => Self::Blob,
            () if has(b"REAL") || has(b"FLOA") || has(b"DOUB") => Self::Real,
            () => Self::Numeric,
        }
    }

    /// Whether every value of a type, in the form that it is bound in, stays as it is.
    fn keeps(self, value_type: &ArrayType) -> bool {
        use ArrayType as T;
        match value_type {
            T::Bytes | T::Uuid => true,
            T::Bool | T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned => {
                matches!(self, Self::Integer | Self::Numeric | Self::Blob)
            }
            T::Float | T::Double => matches!(self, Self::Real | Self::Blob),
            T::String
            | T::Enum(_)
            | T::Char
            | T::Json
            | T::ChronoDate
            | T::ChronoTime
            | T::ChronoDateTime
            | T::ChronoDateTimeUtc
            | T::ChronoDateTimeLocal
            | T::ChronoDateTimeWithTimeZone => matches!(self, Self::Text | Self::Blob),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_has_the_affinity_that_sqlite_gives_it() -> rusqlite::Result<()> {
        let sqlite = rusqlite::Connection::open_in_memory()?;
        let declared = [
            "",
            "integer",
            "bigint",
            "POINT",
            "varchar(9)",
            "clob",
            "text",
            "timestamp_with_timezone_text",
            "json_text",
            "uuid_text",
            "blob",
            "binary_blob(16)",
            "real",
            "double",
            "float",
            "real_decimal(10, 2)",
            "floating point",
            "boolean",
            "date",
            "any",
            "decimal",
        ];
        for declared in declared {
            sqlite.execute_batch(&format!("CREATE TABLE t (a {declared}); INSERT INTO t VALUES ('1'), (1), (1.5)"))?;
            let of = |row: &str| sqlite.query_row(&format!("SELECT typeof(a) FROM t WHERE rowid = {row}"), [], |row| row.get(0));
            let stored: [String; 3] = [of("1")?, of("2")?, of("3")?];
            let expected = match Affinity::of(declared.as_bytes()) {
                Affinity::Integer | Affinity::Numeric => ["integer", "integer", "real"],
                Affinity::Text => ["text", "text", "text"],
                Affinity::Blob => ["text", "integer", "real"],
                Affinity::Real => ["real", "real", "real"],
            };
            assert_eq!(stored, expected, "{declared}");
            sqlite.execute_batch("DROP TABLE t")?;
        }
        Ok(())
    }
}
