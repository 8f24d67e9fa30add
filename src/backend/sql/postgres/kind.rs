//! Kinds of types: what their values are in the binary format.

use sqlx::{
    TypeInfo as _,
    postgres::{PgTypeInfo, PgTypeKind},
};

/// The type of an extension: text that is compared without its case.
pub(super) const CITEXT: &str = "citext";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Integer,
    Float,
    Numeric,
    Text,
    Enum,
    Bytes,
    Uuid,
    Json,
    Date,
    Time,
    Timestamp,
    Instant,
    /// Not read here.
    Other,
}

/// What the values of a type are.
pub(super) fn kind(info: &PgTypeInfo) -> Kind {
    if let PgTypeKind::Domain(inner) = info.kind() {
        return kind(inner);
    }
    let known = info.oid().map_or(Kind::Other, |oid| kind_of(oid.0));
    match info.kind() {
        _ if known != Kind::Other => known,
        PgTypeKind::Enum(_) => Kind::Enum,
        PgTypeKind::Simple if info.name() == CITEXT => Kind::Text,
        _ => Kind::Other,
    }
}

/// What the values of a type are that every database has, by its number (`pg_type.dat`).
pub(super) fn kind_of(oid: u32) -> Kind {
    match oid {
        16 => Kind::Bool,
        20 | 21 | 23 => Kind::Integer,
        700 | 701 => Kind::Float,
        1700 => Kind::Numeric,
        // `name`, `text`, a literal of no type, `character`, `character varying`.
        19 | 25 | 705 | 1042 | 1043 => Kind::Text,
        17 => Kind::Bytes,
        2950 => Kind::Uuid,
        114 | 3802 => Kind::Json,
        1082 => Kind::Date,
        1083 => Kind::Time,
        1114 => Kind::Timestamp,
        1184 => Kind::Instant,
        _ => Kind::Other,
    }
}
