//! Rows into a table by `COPY`, in Postgres' binary format (<https://www.postgresql.org/docs/current/sql-copy.html>).
//!
//! `COPY` casts nothing: a value has to be in the form of its column's own type. So the table is asked what its columns are, each
//! time, because that may change; and where one is of a type that is not known here, or the table is none that `COPY` writes to
//! as an insert would, rows go in by statements instead. In a transaction that goes on seeing the catalog as it was when it
//! began, the types are compared with those that the table has now.
//!
//! Two things differ from inserts: a limit on the time of a statement is one for the whole batch, and a column of type `json`
//! keeps the text of a document as it is given, where a statement's goes through `jsonb`.

use std::fmt;

use sea_orm::Value;
use sqlx::{
    AssertSqlSafe, Encode, PgConnection, Postgres, Row as _, encode::IsNull, error::BoxDynError, postgres::PgArgumentBuffer,
};

use super::{
    catalog::{self, quoted, quoted_name},
    error::PostgresErrors,
    kind::Kind,
    lossless,
};
use crate::{
    backend::{
        Rows,
        sql::{catalog::LosslessValues, sqlx::classify},
    },
    error::{Error, ErrorKind, Result},
    query::is_whole,
    table::Table,
    value::{integer, is_null, null_of, text_of},
};

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// How values of a column are written.
#[derive(Clone, Copy, Debug)]
enum CopyFormat {
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Text,
    Json,
    Jsonb,
    /// As the value's own type is.
    Own,
}

/// In place of the names of all enums.
const ENUM: &str = "enum";

/// The form of a column of this type for a value, if it has one.
fn form(column_type: &str, value: &Value) -> Option<CopyFormat> {
    use Value as V;
    let is_integer = is_whole(&value.array_type());
    Some(match (column_type, value) {
        ("int2", _) if is_integer => CopyFormat::Int2,
        ("int4", _) if is_integer => CopyFormat::Int4,
        ("int8", _) if is_integer => CopyFormat::Int8,
        ("float8", V::Float(_) | V::Double(_)) => CopyFormat::Float8,
        ("float4", V::Double(_)) => CopyFormat::Float4,
        ("text" | "varchar" | "bpchar", V::String(_) | V::Enum(_) | V::Char(_)) | (ENUM, V::Enum(_)) => CopyFormat::Text,
        ("json", V::Json(_)) => CopyFormat::Json,
        ("jsonb", V::Json(_)) => CopyFormat::Jsonb,
        ("bool", V::Bool(_))
        | ("float4", V::Float(_))
        | ("bytea", V::Bytes(_))
        | ("uuid", V::Uuid(_))
        | ("numeric", V::Decimal(_))
        | ("date", V::ChronoDate(_))
        | ("time", V::ChronoTime(_))
        | ("timestamp", V::ChronoDateTime(_))
        | ("timestamptz", V::ChronoDateTimeUtc(_) | V::ChronoDateTimeWithTimeZone(_) | V::ChronoDateTimeLocal(_)) => {
            CopyFormat::Own
        }
        _ => return None,
    })
}

/// Columns of a table that rows are copied to.
pub(crate) struct CopyTarget {
    copy: String,
    /// For each column that is named, its position in the entity, its format, and the values that it stores losslessly.
    columns: Vec<(usize, CopyFormat, LosslessValues)>,
}

/// Whether the columns of a table have the types that the catalog shows in this transaction. From then on they keep them until it
/// ends, because the statement locks the table against changes of its columns. `false` if the table cannot be read.
async fn has_types_of_now(
    connection: &mut PgConnection,
    of: &Table,
    seen: &[catalog::CatalogColumn],
    names: &[&str],
) -> Result<bool> {
    if names.is_empty() || !seen.iter().all(|column| column.is_readable) {
        return Ok(false);
    }
    let table = quoted_name(of);
    let now: Vec<_> = names.iter().map(|name| format!("({}, pg_typeof(t.{})::oid)", literal(name), quoted(name))).collect();
    // A name in a statement is that of the table as it is now.
    let sql = format!(
        "SELECT bool_and(EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = {}::regclass \
         AND a.attname = n.name AND a.atttypid = n.type)) \
         FROM (SELECT) AS one LEFT JOIN {table} t ON FALSE CROSS JOIN LATERAL (VALUES {}) AS n(name, type)",
        literal(&table),
        now.join(", ")
    );
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await.map_err(classify::<PostgresErrors>)?;
    row.try_get(0).map_err(classify::<PostgresErrors>)
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl CopyTarget {
    /// The columns of an entity at these positions. Returns `None` if one has no format.
    pub(super) async fn of(connection: &mut PgConnection, table: &Table, named: &[usize]) -> Result<Option<Self>> {
        let found = catalog::columns(connection, table).await?;
        let form_of = |position: &usize| {
            let column = table.columns.get(*position)?;
            let found = found.iter().find(|found| found.name == column.name())?;
            if !found.is_copied_to || found.is_identity || found.is_list {
                return None;
            }
            let type_name = if found.kind == Kind::Enum { ENUM } else { &found.type_name };
            Some((*position, form(type_name, &null_of(&column.value_type))?, lossless::lossless_values(found, column)?))
        };
        let columns: Option<Vec<_>> = named.iter().map(form_of).collect();
        let is_of_snapshot = found.iter().any(|column| column.is_of_snapshot);
        let names: Vec<_> =
            named.iter().filter_map(|position| table.columns.get(*position)).map(|column| column.name()).collect();
        if columns.is_none() || (is_of_snapshot && !has_types_of_now(connection, table, &found, &names).await?) {
            return Ok(None);
        }
        let names: Vec<_> = names.into_iter().map(quoted).collect();
        let copy = format!("COPY {} ({}) FROM STDIN WITH (FORMAT binary)", quoted_name(table), names.join(", "));
        Ok(columns.map(|columns| Self { copy, columns }))
    }

    pub(super) fn encode(&self, rows: &dyn Rows) -> Result<PgArgumentBuffer> {
        let mut encoded = PgArgumentBuffer::default();
        let count = i16::try_from(self.columns.len()).map_err(|_| unfit())?;
        for row in 0..rows.len() {
            encoded.extend_from_slice(&count.to_be_bytes());
            for (position, form, lossless) in &self.columns {
                match (rows.value(row, *position)?, lossless) {
                    (value, _) if is_null(&value) => encoded.extend_from_slice(&(-1_i32).to_be_bytes()),
                    (value, LosslessValues::All) => put(&mut encoded, &value, *form)?,
                    (value, LosslessValues::Only(check)) => {
                        check(&value)?;
                        put(&mut encoded, &value, *form)?;
                    }
                }
            }
        }
        Ok(encoded)
    }

    /// Stores rows. A connection on which this did not come to its end is of no more use: sqlx does not read what the server
    /// answers to a copy that was given up.
    pub(super) async fn append(&self, connection: &mut PgConnection, rows: Vec<PgArgumentBuffer>) -> Result<()> {
        let failed = classify::<PostgresErrors>;
        let mut copy = connection.copy_in_raw(&self.copy).await.map_err(failed)?;
        copy.send(HEADER).await.map_err(failed)?;
        // Each is dropped when it is on its way.
        for rows in rows {
            copy.send(rows.as_slice()).await.map_err(failed)?;
        }
        copy.send(TRAILER.as_slice()).await.map_err(failed)?;
        copy.finish().await.map(drop).map_err(failed)
    }
}

fn unfit() -> Error {
    Error::new(ErrorKind::InvalidInput, "a value that does not fit its column")
}

/// A value, after its length.
fn put(part: &mut PgArgumentBuffer, value: &Value, form: CopyFormat) -> Result<()> {
    let length_at = part.len();
    part.extend_from_slice(&[0; 4]);
    let number = || integer(value).ok_or_else(unfit);
    match form {
        CopyFormat::Int2 => part.extend_from_slice(&i16::try_from(number()?).map_err(|_| unfit())?.to_be_bytes()),
        CopyFormat::Int4 => part.extend_from_slice(&i32::try_from(number()?).map_err(|_| unfit())?.to_be_bytes()),
        CopyFormat::Int8 => part.extend_from_slice(&number()?.to_be_bytes()),
        #[expect(clippy::cast_possible_truncation, reason = "what would change is refused before")]
        CopyFormat::Float4 => match value {
            Value::Double(Some(number)) => part.extend_from_slice(&(*number as f32).to_be_bytes()),
            _ => return Err(unfit()),
        },
        CopyFormat::Float8 => match value {
            Value::Float(Some(number)) => part.extend_from_slice(&f64::from(*number).to_be_bytes()),
            Value::Double(Some(number)) => part.extend_from_slice(&number.to_be_bytes()),
            _ => return Err(unfit()),
        },
        CopyFormat::Text => match value {
            Value::Char(Some(letter)) => part.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            text => part.extend_from_slice(text_of(text).ok_or_else(unfit)?.as_bytes()),
        },
        CopyFormat::Json | CopyFormat::Jsonb => {
            let Value::Json(Some(json)) = value else { return Err(unfit()) };
            if matches!(form, CopyFormat::Jsonb) {
                // The version of the format.
                part.push(1);
            }
            serde_json::to_writer(&mut **part, json).map_err(|error| unfit().with_source(error))?;
        }
        CopyFormat::Own => put_own(part, value)?,
    }
    let length = part.len() - length_at - 4;
    let length = i32::try_from(length).map_err(|_| unfit())?.to_be_bytes();
    part.iter_mut().skip(length_at).zip(length).for_each(|(place, byte)| *place = byte);
    Ok(())
}

fn put_own(part: &mut PgArgumentBuffer, value: &Value) -> Result<()> {
    let encoded = match value {
        Value::Bool(Some(truth)) => encode(truth, part),
        Value::Float(Some(number)) => encode(number, part),
        Value::Bytes(Some(bytes)) => encode(bytes, part),
        Value::Uuid(Some(uuid)) => encode(uuid, part),
        Value::Decimal(Some(number)) => encode(number, part),
        Value::ChronoDate(Some(date)) => encode(date, part),
        Value::ChronoTime(Some(time)) => encode(time, part),
        Value::ChronoDateTime(Some(time)) => encode(time, part),
        Value::ChronoDateTimeUtc(Some(time)) => encode(time, part),
        Value::ChronoDateTimeWithTimeZone(Some(time)) => encode(time, part),
        Value::ChronoDateTimeLocal(Some(time)) => encode(time, part),
        _ => return Err(unfit()),
    };
    encoded.map(drop).map_err(|error| unfit().with_source(Unencodable(error)))
}

fn encode<'q, T: Encode<'q, Postgres>>(value: &T, part: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
    value.encode_by_ref(part)
}

/// Why sqlx could not write a value.
#[derive(Debug)]
struct Unencodable(BoxDynError);

impl fmt::Display for Unencodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unencodable {}
