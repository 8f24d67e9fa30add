//! Whether the values of a column are all in the form that is written here, in which they compare as they are stored.

use sea_orm::sea_query::ArrayType;

use super::facts::quoted;
use crate::table::Table;

/// The name of a table, as it stands in a statement.
fn quoted_name(table: &Table) -> String {
    let names = [table.schema(), Some(table.name())].into_iter().flatten();
    names.map(|name| quoted(name, '"')).collect::<Vec<_>>().join(".")
}

/// The statement that takes the right to write to a table and changes nothing.
pub(super) fn begin_to_write(table: &Table) -> String {
    format!("DELETE FROM {} WHERE 0", quoted_name(table))
}

/// The query whether a table has a value of another form in a column.
pub(super) fn has_other(table: &Table, column: &str, value_type: &ArrayType, is_indexed: bool) -> String {
    let (name, column) = (quoted_name(table), quoted(column, '"'));
    if is_indexed && *value_type == ArrayType::Uuid {
        return has_text(table, &column);
    }
    let own = own(value_type);
    format!("SELECT EXISTS (SELECT 1 FROM (SELECT {column} AS v FROM {name}) WHERE v IS NOT NULL AND NOT ({own}))")
}

/// The query whether a table has text or numbers in a column for bytes. They come before all bytes.
fn has_text(table: &Table, column: &str) -> String {
    format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {column} < x'')", quoted_name(table))
}

/// The query whether a table has ids that are no UUIDs.
pub(super) fn has_text_ids(table: &Table, column: &str) -> String {
    has_text(table, &quoted(column, '"'))
}

/// The query whether a table has nulls in a column.
pub(super) fn has_nulls(table: &Table, column: &str) -> String {
    format!("SELECT EXISTS (SELECT 1 FROM {} WHERE {} IS NULL)", quoted_name(table), quoted(column, '"'))
}

/// Whether a value `v` is in the form that is written here. Never null.
fn own(value_type: &ArrayType) -> String {
    use ArrayType as T;
    // After a point three or six digits, of which the last three are not all zero.
    let fraction = |from: u8, zone: &str| {
        let (last3, last6) = (from + 1, from + 4);
        format!(
            "instr(v, char(0)) = 0 AND (substr(v, {from}) = '{zone}' \
             OR (substr(v, {from}) GLOB '.[0-9][0-9][0-9]{zone}' AND substr(v, {last3}, 3) <> '000') \
             OR (substr(v, {from}) GLOB '.[0-9][0-9][0-9][0-9][0-9][0-9]{zone}' AND substr(v, {last6}, 3) <> '000'))"
        )
    };
    match value_type {
        T::ChronoDateTime => {
            let time = "strftime('%Y-%m-%d %H:%M:%S', substr(v, 1, 19)) IS substr(v, 1, 19)";
            format!("typeof(v) = 'text' AND {time} AND v >= '0001' AND substr(v, 12, 2) < '24' AND {}", fraction(20, ""))
        }
        T::ChronoDate => "typeof(v) = 'text' AND date(v) IS v AND v >= '0001'".to_owned(),
        T::ChronoTime => {
            format!("typeof(v) = 'text' AND time(substr(v, 1, 8)) IS substr(v, 1, 8) AND v < '24' AND {}", fraction(9, ""))
        }
        T::Uuid => "typeof(v) = 'blob' AND length(v) = 16".to_owned(),
        T::Bool => "typeof(v) = 'integer' AND v IN (0, 1)".to_owned(),
        _ => {
            let time = "strftime('%Y-%m-%dT%H:%M:%S', substr(v, 1, 19)) IS substr(v, 1, 19)";
            format!("typeof(v) = 'text' AND {time} AND v >= '0001' AND substr(v, 12, 2) < '24' AND {}", fraction(20, "+00:00"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forms in which larder writes values of a type.
    const OWN_FORMS: &[(ArrayType, &[&str])] = &[
        (
            ArrayType::ChronoDateTimeUtc,
            &["'2026-01-01T00:00:00+00:00'", "'2026-01-01T00:00:00.100+00:00'", "'2026-01-01T23:59:59.000001+00:00'"],
        ),
        (ArrayType::ChronoDateTime, &["'2026-01-01 00:00:00'", "'2026-01-01 00:00:00.100'", "'2026-01-01 23:59:59.000001'"]),
        (ArrayType::ChronoDate, &["'2026-01-01'", "'9999-12-31'", "'0001-01-01'"]),
        (ArrayType::ChronoTime, &["'00:00:00'", "'12:30:00.500'", "'23:59:59.999999'"]),
        (ArrayType::Uuid, &["zeroblob(16)"]),
        (ArrayType::Bool, &["0", "1"]),
    ];

    /// Forms of other programs.
    const OTHER_FORMS: &[(ArrayType, &[&str])] = &[
        (
            ArrayType::ChronoDateTimeUtc,
            &[
                "'2026-01-01T00:00:00Z'",
                "'2026-01-01 00:00:00+00:00'",
                "'2026-01-01T00:00:00'",
                "'2026-01-01T00:00:00.000+00:00'",
                "'2026-01-01T00:00:00.100000+00:00'",
                "'2026-01-01T00:00:00.123456789+00:00'",
                "'2026-01-01T00:00:00+02:00'",
                "'2026-02-30T00:00:00+00:00'",
                "'2026-01-01T24:00:00+00:00'",
                "'0000-01-01T00:00:00+00:00'",
                "'2026-01-01T00:00:00+00:00' || char(0)",
                "'2026-01-01'",
                "1767225600",
                "2461041.5",
                "''",
                "x'00'",
            ],
        ),
        (ArrayType::ChronoDateTime, &["'2026-01-01T00:00:00'", "'2026-01-01 00:00:00.000'", "'2026-01-01 00:00'", "1"]),
        (ArrayType::ChronoDate, &["'2026-1-1'", "'2026-01-01 '", "'2026-02-29'", "'0000-01-01'", "20260101"]),
        (ArrayType::ChronoTime, &["'00:00'", "'24:00:00'", "'12:30:00.5'", "'12:30:00Z'", "'12:30:00.500000'", "0"]),
        (ArrayType::Uuid, &["zeroblob(15)", "''", "'936da01f-9abd-4d9d-80c7-02af85c822a8'"]),
        (ArrayType::Bool, &["2", "-1", "'true'", "1.0", "x'01'"]),
    ];

    #[test]
    fn only_what_is_written_here_is_the_own_form() -> rusqlite::Result<()> {
        let sqlite = rusqlite::Connection::open_in_memory()?;
        let is_own = |value: &str, value_type: &ArrayType| {
            sqlite.query_row(&format!("SELECT {} FROM (SELECT {value} AS v)", own(value_type)), [], |row| row.get::<_, bool>(0))
        };
        for (value_type, forms) in OWN_FORMS {
            for form in *forms {
                assert!(is_own(form, value_type)?, "{form}");
            }
        }
        for (value_type, forms) in OTHER_FORMS {
            for form in *forms {
                assert!(!is_own(form, value_type)?, "{form}");
            }
        }
        Ok(())
    }
}
