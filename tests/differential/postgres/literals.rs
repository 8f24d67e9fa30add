//! Values as larder stores them in Postgres, and as other programs write them.

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
        Kind::Text => format!("'t{n}'"),
        Kind::Enum => ["'glad'", "'sad'", "'calm'"][n % 3].to_owned(),
        Kind::Bytes => format!("'\\x00ff0{n}'"),
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
        _ => (nth + 1).to_string(),
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
    "'{n}'",
    "'_{n}'",
    "'É'",
    "'a-{n}'",
];

pub fn wild_id(rng: &mut Rng, kind: Kind, nth: usize) -> Literal {
    match kind {
        Kind::Text => sound(pick(rng, TEXT_IDS).replace("{n}", &nth.to_string())),
        Kind::Uuid => id(kind, nth),
        _ => match rng.u8(0..4) {
            0 => sound("'-9223372036854775808'"),
            1 => sound("'9223372036854775807'"),
            2 => sound("0"),
            _ => sound(format!("'-{}'", nth + 1)),
        },
    }
}

// What other programs store, by the kind of the column.
const BOOLS: Literals = (&["true", "false"], &["'1'", "NULL", "'0'"]);
const SMALL_INTS: Literals = (&["'32767'", "'-32768'"], &["'32768'", "'1.5'", "NULL", "'NaN'"]);
const INTS: Literals = (&["'2147483647'", "'-2147483648'"], &["'2147483648'", "'1.5'", "NULL", "'99'"]);
const BIG_INTS: Literals = (
    &["'9223372036854775807'", "'-9223372036854775808'", "'9007199254740993'"],
    &["'9223372036854775808'", "'0.1'", "NULL", "'Infinity'"],
);
const SINGLES: Literals =
    (&["'0.1'", "'Infinity'", "'-0.0'", "'1e-45'", "'3.4e38'"], &["'NaN'", "'1e300'", "'16777217'", "NULL"]);
const REALS: Literals =
    (&["'0.1'", "'-Infinity'", "'-0.0'", "'5e-324'", "'1e308'"], &["'NaN'", "'9007199254740993'", "'1.239'", "NULL"]);
const TEXTS: Literals = (
    &[
        "'008'",
        "'  a'",
        "'Ann'",
        "'ann'",
        "'ANN'",
        "'Zebra'",
        "'zebra'",
        "'ä'",
        "'Ä'",
        "''",
        "'abc  '",
        "'_a'",
        "'A-b'",
        "'%'",
        "'glad'",
        "'e' || U&'\\0301'",
        "'é'",
    ],
    &["NULL", "'01234567-89ab-cdef-0123-456789abcdef'", "'12'", "'{\"a\": 1}'", "repeat('a', 3000)"],
);
const ENUMS: Literals = (&["'glad'", "'sad'"], &["NULL", "'calm'", "'GLAD'", "'other'"]);
const BYTES: Literals = (&["'\\x'", "'\\x00'", "'text'"], &["NULL", "'101'", "'\\\\'"]);
const UUIDS: Literals = (
    &["'00000000-0000-0000-0000-000000000000'", "'{01234567-89AB-CDEF-0123-456789ABCDEF}'", "'0123456789abcdef0123456789abcdef'"],
    &["NULL", "'no uuid'"],
);
const DOCUMENTS: Literals = (
    &["'{}'", "'[1, 2.50]'", "'\"text\"'", "'1e3'", "'{\"b\":1,\"a\":{\"c\":[]}}'", "'true'"],
    &[
        "'null'",
        "NULL",
        "'[1e400]'",
        "'123456789012345678901234567890'",
        "'{\"a\":1,\"a\":2}'",
        "('[' || repeat('[', 200) || repeat(']', 200) || ']')::jsonb",
        "'0.1234567890123456789012345'",
    ],
);
const DATES: Literals = (
    &["'0001-01-01'", "'9999-12-31'", "'1969-12-31'"],
    &["'infinity'", "'-infinity'", "'5874897-12-31'", "'4713-01-01 BC'", "'10000-01-01'", "'262143-01-01'", "NULL"],
);
const TIMES: Literals = (
    &["'23:59:59.999999'", "'00:00:00.000001'", "'00:00'"],
    &["'24:00:00'", "'23:59:60'", "'12:00:00+02'", "NULL", "'23:59:59.9999999'", "'1 day'"],
);
const INSTANTS: Literals = (
    &[
        "'0001-01-02 00:00:00+00'",
        "'9999-12-30 23:59:59.999999+00'",
        "'1969-12-31 23:59:59.999999+00'",
        "'2026-03-01 14:00:00.5+02'",
        "'1970-01-01 00:00:00+00'",
        "'2026-03-01 12:00:00.000001+00'",
    ],
    &[
        "'infinity'",
        "'-infinity'",
        "'294276-12-31 23:59:59.999999+00'",
        "'4713-01-01 00:00:00+00 BC'",
        "'10000-01-01 00:00:00+00'",
        "'262143-06-01 00:00:00+00'",
        "'0001-12-31 00:00:00+00 BC'",
        "NULL",
        "'1772366400000'",
    ],
);
const DECIMALS: Literals = (
    &["'0'", "'-0.005'", "'99999999.99'", "'1.10'", "'12345678901234567890.12345678'"],
    &[
        "'NaN'",
        "'Infinity'",
        "'1234567890123456789012345678901234'",
        "'0.1234567890123456789012345678901234'",
        "'79228162514264337593543950336'",
        "NULL",
        "'1e40'",
    ],
);

/// What other programs store: literals that Postgres reads as the column's type, or refuses.
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
