//! Values as larder stores them in DuckDB, and as other programs write them.

use fastrand::Rng;

use crate::{
    case::{Literal, foreign, pick, sound},
    thing::Kind,
};

/// Literals that can be read as their column's type, and strange ones.
type Literals = (&'static [&'static str], &'static [&'static str]);

/// What larder itself stores.
pub fn plain(kind: Kind, nth: usize) -> Literal {
    let n = nth % 5;
    sound(match kind {
        Kind::Bool => format!("'{}'", n % 2),
        Kind::Int(_) => format!("'{n}'"),
        Kind::Single | Kind::Real => format!("'{n}.5'"),
        Kind::Decimal => format!("'{n}.50'"),
        Kind::Text => format!("'text {n}'"),
        Kind::Enum => ["'glad'", "'sad'", "'calm'"][n % 3].to_owned(),
        Kind::Bytes => format!("'\\x00\\xFF\\x0{n}'::BLOB"),
        Kind::Uuid => format!("'01234567-89ab-cdef-0123-456789abcde{n}'"),
        Kind::Json => format!("'{{\"n\":{n}}}'"),
        Kind::Date => format!("'2026-03-0{}'", n + 1),
        Kind::Time => format!("'12:00:0{n}'"),
        Kind::Local => format!("'2026-03-01 12:00:0{n}'"),
        Kind::Instant | Kind::Zoned => format!("'2026-03-01 12:00:0{n}+00'"),
    })
}

pub fn id(kind: Kind, nth: usize) -> Literal {
    sound(match kind {
        Kind::Text => format!("'id {nth}'"),
        Kind::Uuid => format!("'01234567-89ab-cdef-0123-456789abcd{nth:02x}'"),
        _ => format!("'{}'", nth + 1),
    })
}

/// Ids of other programs, of which each has the number of its row in the place of `{n}`.
const TEXT_IDS: &[&str] = &[
    "'Ann'",
    "'ann'",
    "'ANN'",
    "'ann  '",
    "'00{n}'",
    "'Zebra {n}'",
    "'zebra {n}'",
    "'ä{n}'",
    "'Ä{n}'",
    "'a{n}'",
    "'é'",
    "'E'",
    "'a' || chr(0) || '{n}'",
];

pub fn wild_id(rng: &mut Rng, kind: Kind, nth: usize) -> Literal {
    match kind {
        Kind::Text => {
            let text = pick(rng, TEXT_IDS);
            let sql = text.replace("{n}", &nth.to_string());
            if text.contains("chr(0)") { foreign(sql) } else { sound(sql) }
        }
        Kind::Uuid => id(kind, nth),
        _ => match rng.u8(0..4) {
            0 => sound("'-9223372036854775808'"),
            1 => sound("'9223372036854775807'"),
            2 => foreign("'170141183460469231731687303715884105727'"),
            _ => sound(format!("'-{}'", nth + 1)),
        },
    }
}

// What other programs store, by the kind of the column.
const BOOLS: Literals = (&["true", "false"], &["NULL", "2", "'t'", "0"]);
const SMALL_INTS: Literals =
    (&["'32767'", "'-32768'"], &["NULL", "'32768'", "'1.5'", "'170141183460469231731687303715884105727'"]);
const INTS: Literals =
    (&["'2147483647'", "'-2147483648'"], &["NULL", "'2147483648'", "'1.5'", "'-170141183460469231731687303715884105728'"]);
const BIG_INTS: Literals = (
    &["'9223372036854775807'", "'-9223372036854775808'", "'9007199254740993'"],
    &["NULL", "'9223372036854775808'", "'0.5'", "'18446744073709551615'"],
);
const SINGLES: Literals = (&["'0.1'", "'inf'", "'-0.0'", "'1e-45'", "'3.4e38'"], &["'nan'", "'1e300'", "'16777217'", "NULL"]);
const REALS: Literals =
    (&["'0.1'", "'-inf'", "'-0.0'", "'5e-324'", "'1e308'"], &["'nan'", "'9007199254740993'", "'1.239'", "NULL"]);
const TEXTS: Literals = (
    &["'008'", "'  a'", "'Ann'", "'ann'", "'ANN'", "'Zebra'", "'zebra'", "'ä'", "'Ä'", "''", "'abc  '", "'é'", "'e'", "'%'"],
    &[
        "NULL",
        "'01234567-89ab-cdef-0123-456789abcdef'",
        "'12'",
        "'{\"a\": 1}'",
        "'1010'",
        "'a' || chr(0) || 'b'",
        "repeat('a', 3000)",
    ],
);
const ENUMS: Literals = (&["'glad'", "'sad'"], &["NULL", "'GLAD'", "'other'", "''"]);
const BYTES: Literals = (&["''::BLOB", "'\\x00'::BLOB", "'text'::BLOB"], &["NULL", "'101'", "'0'"]);
const UUIDS: Literals = (
    &["'00000000-0000-0000-0000-000000000000'", "'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF'"],
    &["NULL", "'no uuid'", "'{01234567-89AB-CDEF-0123-456789ABCDEF}'", "'0123456789abcdef0123456789abcdef'"],
);
const DOCUMENTS: Literals = (
    &["'{}'", "'[1, 2.50]'", "'\"text\"'", "'1e3'", "'{\"b\":1,\"a\":{\"c\":[]}}'", "'true'"],
    &[
        "'null'",
        "NULL",
        "'[1e400]'",
        "'123456789012345678901234567890'",
        "'{\"a\":1,\"a\":2}'",
        "'[' || repeat('[', 200) || repeat(']', 200) || ']'",
        "'not json'",
    ],
);
const DATES: Literals = (
    &["'0001-01-01'", "'9999-12-31'", "'1969-12-31'"],
    &["'infinity'", "'-infinity'", "'5877642-06-25 (BC)'", "'10000-01-01'", "'262143-01-01'", "'5881580-07-10'", "NULL"],
);
const TIMES: Literals = (
    &["'23:59:59.999999'", "'00:00:00.000001'", "'00:00:00'"],
    &["'24:00:00'", "'12:00:00+02'", "NULL", "'23:59:59.999999999'", "'1 day'", "'12:00:00+15:59:59'"],
);
const INSTANTS: Literals = (
    &[
        "'1969-12-31 23:59:59.999999+00'",
        "'1970-01-01 00:00:00+00'",
        "'2026-03-01 12:00:00.000001+00'",
        "'2026-03-01 12:00:00.5+00'",
    ],
    &[
        "'infinity'",
        "'-infinity'",
        "'294247-01-10 04:00:54+00'",
        "'290309-12-22 (BC) 00:00:00+00'",
        "'10000-01-01 00:00:00+00'",
        "'262143-06-01 00:00:00+00'",
        "NULL",
        "'2026-03-01 12:00:00.123456789'",
        "'0001-01-01 00:00:00+00'",
        "'9999-12-31 23:59:59.999999+00'",
        "'1969-12-31 23:59:59.999999999'",
    ],
);
const DECIMALS: Literals = (
    &["'0'", "'-0.5'", "'999.9'", "'1.10'"],
    &["NULL", "'99999999.99'", "'12345678901234567890.123456789012345678'", "'0.000000000000000001'", "'nan'", "'1e30'"],
);

/// What other programs store: literals that DuckDB reads as the column's type, or refuses.
pub fn wild(rng: &mut Rng, kind: Kind) -> Literal {
    let (readable, strange) = match kind {
        Kind::Bool => BOOLS,
        Kind::Int(16) => SMALL_INTS,
        Kind::Int(32) => INTS,
        Kind::Int(_) => BIG_INTS,
        Kind::Single => SINGLES,
        Kind::Real => REALS,
        Kind::Text => TEXTS,
        Kind::Enum => ENUMS,
        Kind::Bytes => BYTES,
        Kind::Uuid => UUIDS,
        Kind::Json => DOCUMENTS,
        Kind::Date => DATES,
        Kind::Time => TIMES,
        Kind::Local | Kind::Instant | Kind::Zoned => INSTANTS,
        Kind::Decimal => DECIMALS,
    };
    if rng.bool() { sound(pick(rng, readable)) } else { foreign(pick(rng, strange)) }
}
