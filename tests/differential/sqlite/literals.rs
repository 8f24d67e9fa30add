//! Values in the forms in which larder and other programs store them in SQLite.

use fastrand::Rng;

use crate::{
    case::{Literal, foreign, pick, sound},
    thing::{Field, Kind},
};

/// What larder itself stores.
pub fn plain(kind: Kind, nth: usize) -> Literal {
    let n = nth % 5;
    sound(match kind {
        Kind::Bool => (n % 2).to_string(),
        Kind::Int(_) => n.to_string(),
        Kind::Single | Kind::Real | Kind::Decimal => format!("{n}.5"),
        Kind::Text => format!("'text {n}'"),
        Kind::Enum => ["'glad'", "'sad'", "'calm'"][n % 3].to_owned(),
        Kind::Bytes => format!("x'00ff0{n}'"),
        Kind::Uuid => format!("x'0123456789abcdef0123456789abcde{n}'"),
        Kind::Json => format!("'{{\"n\":{n}}}'"),
        Kind::Date => format!("'2026-03-0{}'", n + 1),
        Kind::Time => format!("'12:00:0{n}'"),
        Kind::Local => format!("'2026-03-01 12:00:00.00000{}'", n + 1),
        Kind::Instant | Kind::Zoned => format!("'2026-03-01T12:00:00.00000{}+00:00'", n + 1),
    })
}

pub fn id(kind: Kind, nth: usize) -> Literal {
    sound(match kind {
        Kind::Text => format!("'id {nth}'"),
        Kind::Uuid => format!("x'0123456789abcdef0123456789abcd{nth:02x}'"),
        _ => (nth + 1).to_string(),
    })
}

/// Ids of other programs, of which each has the number of its row in the place of `{n}`.
const TEXT_IDS: &[&str] =
    &["'Ann'", "'ann'", "'ANN'", "'ann  '", "'00{n}'", "'1e{n}'", "'Zebra {n}'", "'zebra {n}'", "'ä{n}'", "'Ä{n}'", "'{n}.0'"];

pub fn wild_id(rng: &mut Rng, kind: Kind, nth: usize) -> Literal {
    match kind {
        Kind::Text => {
            let text = pick(rng, TEXT_IDS);
            sound(text.replace("{n}", &nth.to_string()))
        }
        Kind::Uuid => {
            let simple = format!("0123456789abcdef0123456789abcd{nth:02x}");
            let hyphenated = format!("01234567-89ab-cdef-0123-456789abcd{nth:02x}");
            foreign(match rng.u8(0..6) {
                0 => format!("'{simple}'"),
                1 => format!("'{}'", hyphenated.to_uppercase()),
                2 => format!("'{{{hyphenated}}}'"),
                3 => format!("'urn:uuid:{hyphenated}'"),
                4 => "'no id'".to_owned(),
                _ => format!("'{hyphenated}'"),
            })
        }
        _ => match rng.u8(0..6) {
            0 => foreign(format!("'{}'", nth + 1)),
            1 => foreign(format!("{}.5", nth + 1)),
            2 => sound("-9223372036854775808"),
            3 => sound("9223372036854775807"),
            4 => foreign("NULL"),
            _ => sound((1_i64 << 53 | 1).saturating_add(i64::try_from(nth).unwrap_or_default()).to_string()),
        },
    }
}

// What other programs store, by the kind of the column.
const BOOLS: &[&str] = &["2", "-1", "'t'", "'true'", "'f'", "'0'", "1.0", "0.5", "''", "x'01'", "256"];
const INTS: &[&str] = &[
    "32767",
    "32768",
    "-32769",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "'12'",
    "'012'",
    "' 3'",
    "'abc'",
    "1.0",
    "1.5",
    "1e3",
    "x'31'",
    "''",
    "true",
];
const REALS: &[&str] = &[
    "1",
    "0.1",
    "-0.0",
    "1e308",
    "9e999",
    "-9e999",
    "5e-324",
    "9007199254740993",
    "'1.5'",
    "'nan'",
    "'abc'",
    "x'00'",
    "3.4e39",
    "16777217",
];
const TEXTS: &[&str] = &[
    "'008'",
    "'1e5'",
    "'0x10'",
    "'  a'",
    "'abc  '",
    "'Ann'",
    "'ann'",
    "'ANN'",
    "'Zebra'",
    "'zebra'",
    "'ä'",
    "'Ä'",
    "''",
    "9",
    "1.50",
    "x'616263'",
    "CAST(x'ff' AS TEXT)",
    "'a' || char(0) || 'b'",
    "9223372036854775807",
    "'%_'",
    "'Infinity'",
];
const ENUMS: &[&str] = &["'glad'", "'GLAD'", "'glad '", "''", "'unknown'", "1", "x'676c6164'"];
const BYTES: &[&str] = &["'text'", "''", "x''", "12", "1.5", "x'00'"];
const UUIDS: &[&str] = &[
    "'01234567-89ab-cdef-0123-456789abcdef'",
    "'01234567-89AB-CDEF-0123-456789ABCDEF'",
    "'0123456789abcdef0123456789abcdef'",
    "'{01234567-89ab-cdef-0123-456789abcdef}'",
    "'urn:uuid:01234567-89ab-cdef-0123-456789abcdef'",
    "'12345678901234567890123456789012'",
    "x'0123'",
    "''",
    "7",
];
const DOCUMENTS: &[&str] = &[
    "'{}'",
    "'null'",
    "'12'",
    "12",
    "'1.0'",
    "'not json'",
    "'{\"a\":1,\"a\":2}'",
    "'[1e400]'",
    "'  {\"b\" : [1, 2.50]}  '",
    "x'7b7d'",
    "''",
    "'123456789012345678901234567890'",
    "jsonb('{}')",
];
const DATES: &[&str] = &[
    "'2026-03-01 00:00:00'",
    "'2026-03-01T12:00:00Z'",
    "'2026-3-1'",
    "'0000-01-01'",
    "'10000-01-01'",
    "'2026-02-30'",
    "20260301",
    "1772323200",
    "2461100.5",
    "'0001-01-01'",
    "'9999-12-31'",
    "''",
];
const TIMES: &[&str] = &[
    "'24:00:00'",
    "'23:59:60'",
    "'12:00'",
    "'12:00:00.123456789'",
    "'12:00:00+02:00'",
    "43200",
    "0.5",
    "'23:59:59.999999'",
    "'1:00:00'",
    "''",
    "'00:00:00.5'",
];
const INSTANTS: &[&str] = &[
    "'2026-03-01T12:00:00.123456789+00:00'",
    "'2026-03-01T14:00:00+02:00'",
    "'2026-03-01T11:00:00.5-01:00'",
    "'2026-03-01T12:00:00Z'",
    "'2026-03-01 12:00:00'",
    "'2026-03-01 12:00:00.000001'",
    "'2026-03-01T12:00'",
    "'2026-03-01'",
    "'2026-03-01 24:00:00'",
    "1772366400",
    "1772366400000",
    "-1",
    "2461101.0",
    "2440587.0",
    "-210866760000",
    "253402300800",
    "1772366400.5",
    "'2026-03-01 12:00:00+00'",
    "'2026-03-01 12:00:00.5 +0000 UTC'",
    "'2026-03-01 12:00:00 +0000 UTC m=+0.01'",
    "'2026-03-01 12:00:00.25+02'",
    "'0001-01-01T00:00:00+00:00'",
    "'9999-12-31T23:59:59.999999+00:00'",
    "'0000-01-01 00:00:00'",
    "'10000-01-01 00:00:00'",
    "'2026-03-01 23:59:60'",
    "''",
    "'now'",
    "'1772366400'",
    "'2026-03-01T12:00:00.1Z'",
    "'2026-03-01T12:00:00.10Z'",
    "'1969-12-31T23:59:59.999999999Z'",
    "'2026-03-01t12:00:00z'",
];

/// What other programs store.
pub fn wild(rng: &mut Rng, field: &Field, nth: usize) -> Literal {
    let values: &[&str] = match field.kind {
        Kind::Bool => BOOLS,
        Kind::Int(_) => INTS,
        Kind::Single | Kind::Real | Kind::Decimal => REALS,
        Kind::Text => TEXTS,
        Kind::Enum => ENUMS,
        Kind::Bytes => BYTES,
        Kind::Uuid => UUIDS,
        Kind::Json => DOCUMENTS,
        Kind::Date => DATES,
        Kind::Time => TIMES,
        Kind::Local | Kind::Instant | Kind::Zoned => INSTANTS,
    };
    let is_readable = matches!(field.kind, Kind::Text) && !nth.is_multiple_of(3);
    let value = if is_readable { pick(rng, &values[..13]) } else { pick(rng, values) };
    if is_readable { sound(value) } else { foreign(value) }
}
