//! What a column does to a value, by the type that it is declared with: <https://www.sqlite.org/datatype3.html>, section 3.

use sea_orm::{Value, sea_query::ArrayType};

use crate::value::text_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// By the declared type, empty if there is none.
    pub(super) fn of(declared: &str, is_strict: bool) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        match () {
            () if is_strict && declared == "ANY" => Self::Blob,
            () if has("INT") => Self::Integer,
            () if has("CHAR") || has("CLOB") || has("TEXT") => Self::Text,
            () if has("BLOB") || declared.is_empty() => Self::Blob,
            () if has("REAL") || has("FLOA") || has("DOUB") => Self::Real,
            () => Self::Numeric,
        }
    }

    /// Whether every value of a type, in the form that it is bound in, is stored as it is.
    pub(super) fn is_lossless_for(self, value_type: &ArrayType) -> bool {
        use ArrayType as T;
        match value_type {
            T::Bytes | T::Uuid => true,
            T::Bool | T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned => {
                self.stores_whole_numbers()
            }
            T::Float | T::Double => self.stores_real_numbers(),
            // With a colon or a hyphen in it, text is no number.
            T::ChronoDate
            | T::ChronoTime
            | T::ChronoDateTime
            | T::ChronoDateTimeUtc
            | T::ChronoDateTimeLocal
            | T::ChronoDateTimeWithTimeZone => true,
            _ => matches!(self, Self::Text | Self::Blob),
        }
    }

    /// Whether a value, in the form that it is bound in, is stored as it is, or can be read back as it was.
    pub(super) fn is_lossless(self, value: &Value) -> bool {
        match value {
            Value::Char(Some(character)) => self.stores_text(character.encode_utf8(&mut [0; 4])),
            Value::Json(Some(json)) => !(json.is_number() || json.is_string()) || self.stores_text(&json.to_string()),
            value => match text_of(value) {
                Some(text) => self.stores_text(text),
                None => self.is_lossless_for(&value.array_type()),
            },
        }
    }

    fn stores_whole_numbers(self) -> bool {
        matches!(self, Self::Integer | Self::Numeric | Self::Blob)
    }

    /// A column that prefers whole numbers stores only those that are whole as such, which are read back as they were.
    fn stores_real_numbers(self) -> bool {
        self != Self::Text
    }

    fn stores_text(self, text: &str) -> bool {
        matches!(self, Self::Text | Self::Blob) || !is_number(text.as_bytes())
    }
}

/// Whether text is a number to a column that prefers numbers, as SQLite's `sqlite3AtoF` decides.
fn is_number(text: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let text = text.get(start..).unwrap_or_default();
    let (whole, rest) = digits(unsigned(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => digits(rest),
        rest => (0, rest),
    };
    let rest = match rest {
        [b'e' | b'E', exponent @ ..] => match digits(unsigned(exponent)) {
            (0, _) => return false,
            (_, rest) => rest,
        },
        rest => rest,
    };
    whole + fraction > 0 && rest.iter().all(is_blank)
}

fn unsigned(text: &[u8]) -> &[u8] {
    if let [b'+' | b'-', rest @ ..] = text { rest } else { text }
}

/// How many digits a text begins with, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, text.get(count..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: [&str; 23] = [
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
        "STRING",
        "UUID",
    ];

    #[test]
    fn a_declared_type_has_the_affinity_that_sqlite_gives_it() -> rusqlite::Result<()> {
        let sqlite = rusqlite::Connection::open_in_memory()?;
        for declared in DECLARED {
            sqlite.execute_batch(&format!("CREATE TABLE t (a {declared}); INSERT INTO t VALUES ('1'), (1), (1.5)"))?;
            let of = |row: &str| sqlite.query_row(&format!("SELECT typeof(a) FROM t WHERE rowid = {row}"), [], |row| row.get(0));
            let stored: [String; 3] = [of("1")?, of("2")?, of("3")?];
            let expected = match Affinity::of(declared, false) {
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

    #[test]
    fn text_stays_text_where_sqlite_keeps_it() -> rusqlite::Result<()> {
        let sqlite = rusqlite::Connection::open_in_memory()?;
        let parts = ["", " ", "\t", "\u{b}", "\u{a0}", "+", "-", "1", "08", ".", "5", "e", "E5", "e+3", "x1", "inf", "\0", "_"];
        let mut texts: Vec<String> =
            ["0x1F", "Infinity", "nan", "99999999999999999999", "1e999", "\n7\r\n", "7\u{c}"].map(str::to_owned).into();
        for a in parts {
            for b in parts {
                texts.extend(parts.map(|c| format!("{a}{b}{c}")));
            }
        }
        for declared in DECLARED {
            sqlite.execute_batch(&format!("CREATE TABLE t (a {declared})"))?;
            let affinity = Affinity::of(declared, false);
            for text in &texts {
                sqlite.prepare_cached("INSERT INTO t VALUES (?)")?.execute([text])?;
                let stored: String = sqlite.query_row("DELETE FROM t RETURNING typeof(a)", [], |row| row.get(0))?;
                assert_eq!(affinity.is_lossless(&text.as_str().into()), stored == "text", "{declared} {text:?}");
            }
            sqlite.execute_batch("DROP TABLE t")?;
        }
        Ok(())
    }

    #[test]
    fn numbers_are_kept_where_they_are_read_back() -> rusqlite::Result<()> {
        let sqlite = rusqlite::Connection::open_in_memory()?;
        for declared in DECLARED {
            sqlite.execute_batch(&format!("CREATE TABLE t (a {declared})"))?;
            let affinity = Affinity::of(declared, false);
            for number in [0, 1, -7, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN] {
                let stored: rusqlite::Result<i64> = {
                    sqlite.execute("INSERT INTO t VALUES (?)", [number])?;
                    sqlite.query_row("DELETE FROM t RETURNING a", [], |row| row.get(0))
                };
                assert_eq!(affinity.is_lossless(&number.into()), stored == Ok(number), "{declared} {number}");
            }
            for number in [0.0, 1.5, -7.0, 9_007_199_254_740_993.0, 1e300, f64::INFINITY] {
                sqlite.execute("INSERT INTO t VALUES (?)", [number])?;
                let stored: rusqlite::types::Value = sqlite.query_row("DELETE FROM t RETURNING a", [], |row| row.get(0))?;
                let is_kept = match stored {
                    rusqlite::types::Value::Integer(stored) => stored as f64 == number,
                    rusqlite::types::Value::Real(stored) => stored == number,
                    _ => false,
                };
                assert_eq!(affinity.is_lossless(&number.into()), is_kept, "{declared} {number}");
            }
            sqlite.execute_batch("DROP TABLE t")?;
        }
        Ok(())
    }
}
