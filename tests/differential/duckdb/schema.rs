//! Types, collations, defaults and generated columns of DuckDB's, and values in the forms in which programs store them.

use fastrand::Rng;

use crate::{
    case::{Case, Column, Literal, Rewrites, Schema, Trust, pick, quoted, sound},
    duckdb::{literals, shown::shown},
    thing::{Field, Kind},
};

pub struct DuckDb;

type Types = &'static [&'static str];

/// The type that larder declares, types whose values are sound to read, and others.
fn types(kind: Kind) -> (&'static str, Types, Types) {
    match kind {
        Kind::Bool => ("BOOLEAN", &[], &["INTEGER", "VARCHAR", "TINYINT"]),
        Kind::Int(16) => {
            ("SMALLINT", &["HUGEINT", "TINYINT", "BIGINT", "DECIMAL(18,0)"], &["VARCHAR", "DOUBLE", "DECIMAL(9,3)", "UTINYINT"])
        }
        Kind::Int(32) => {
            ("INTEGER", &["HUGEINT", "SMALLINT", "BIGINT", "DECIMAL(18,0)"], &["VARCHAR", "DOUBLE", "DECIMAL(9,3)", "UINTEGER"])
        }
        Kind::Int(_) => (
            "BIGINT",
            &["HUGEINT", "INTEGER", "DECIMAL(38,0)", "DECIMAL(18,0)"],
            &["VARCHAR", "DOUBLE", "DECIMAL(18,3)", "UHUGEINT", "UBIGINT"],
        ),
        Kind::Single => ("FLOAT", &[], &["DOUBLE", "DECIMAL(10,2)", "INTEGER"]),
        Kind::Real => ("DOUBLE", &[], &["FLOAT", "DECIMAL(10,2)", "BIGINT", "VARCHAR"]),
        Kind::Text => (
            "VARCHAR",
            &["TEXT", "VARCHAR(3)"],
            &["ENUM ('Ann','ann','text 0','text 1','text 2','text 3','text 4','')", "UUID", "BIT", "JSON", "INTEGER", "BLOB"],
        ),
        Kind::Enum => {
            ("VARCHAR", &[], &["ENUM ('glad','sad','calm')", "ENUM ('sad','glad','calm','GLAD')", "VARCHAR COLLATE NOCASE"])
        }
        Kind::Bytes => ("BLOB", &[], &["BIT", "VARCHAR"]),
        Kind::Uuid => ("UUID", &[], &["VARCHAR", "VARCHAR COLLATE NOCASE", "BLOB"]),
        Kind::Json => ("JSON", &[], &["VARCHAR", "STRUCT(n INTEGER)"]),
        Kind::Date => ("DATE", &[], &["TIMESTAMP", "VARCHAR"]),
        Kind::Time => ("TIME", &[], &["TIMETZ", "VARCHAR", "INTERVAL", "TIME_NS"]),
        Kind::Local => ("TIMESTAMP", &["TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"], &["TIMESTAMPTZ", "DATE", "VARCHAR"]),
        Kind::Instant | Kind::Zoned => {
            ("TIMESTAMPTZ", &[], &["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE", "VARCHAR"])
        }
        Kind::Decimal => {
            ("DECIMAL(38,18)", &["DECIMAL(10,2)", "DECIMAL(18,3)", "DECIMAL(4,1)"], &["DOUBLE", "BIGINT", "VARCHAR"])
        }
    }
}

const COLLATIONS: Types = &["VARCHAR COLLATE NOCASE", "VARCHAR COLLATE NOACCENT", "VARCHAR COLLATE NOCASE.NOACCENT"];

impl Schema for DuckDb {
    fn column(rng: &mut Rng, field: &Field, is_wild: bool) -> Column {
        let (own, narrow, other) = types(field.kind);
        let (declared, mut trust) = match rng.u8(0..4) {
            _ if !is_wild => (own, Trust::SOUND),
            0 | 1 if field.kind == Kind::Text => (pick(rng, COLLATIONS), Trust::COLLATED),
            0 | 1 if !narrow.is_empty() => (pick(rng, narrow), Trust::NARROW),
            3 => (own, Trust::SOUND),
            _ => (pick(rng, other), Trust::FOREIGN),
        };
        let mut declared = declared.to_owned();
        if field.is_generated_id {
            declared = "BIGINT DEFAULT nextval('generated_seq')".to_owned();
            trust = Trust::SOUND;
        }
        let shown = shown(field, &declared);
        let mut rewrites = Rewrites::Never;
        if !field.is_nullable && !field.is_id && (!is_wild || rng.bool()) {
            declared.push_str(" NOT NULL");
        }
        if is_wild && declared.starts_with(own) && !field.is_id && rng.u8(0..6) == 0 {
            declared.push_str(&format!(" DEFAULT {}", literals::plain(field.kind, 3).sql));
            rewrites = Rewrites::Null;
        }
        Column { field: field.clone(), declared, shown, trust, rewrites, is_computed: false }
    }

    fn literal(rng: &mut Rng, column: &Column, nth: usize, is_wild: bool) -> Literal {
        let kind = column.field.kind;
        let is_null = column.field.is_nullable && nth.is_multiple_of(2);
        match (is_wild, column.field.is_id) {
            (false, true) => literals::id(kind, nth),
            (true, true) => literals::wild_id(rng, kind, nth),
            (false, false) if is_null => sound("NULL"),
            (false, false) => literals::plain(kind, nth),
            (true, false) => literals::wild(rng, kind),
        }
    }

    fn extras(rng: &mut Rng, case: &mut Case) {
        if rng.u8(0..10) == 0 {
            computed(rng, case);
        }
    }
}

fn computed(rng: &mut Rng, case: &mut Case) {
    let expressions = [
        &("nick", "VARCHAR", "upper(\"name\"::VARCHAR)"),
        &("amount", "BIGINT", "length(\"large\"::VARCHAR)"),
        &("whole", "INTEGER", "length(\"small\"::VARCHAR) * 2"),
        &("discount", "DECIMAL(38,18)", "length(\"price\"::VARCHAR) * 2"),
    ];
    let (name, own, expression) = pick(rng, &expressions);
    let Some(at) = case.position(name) else { return };
    case.columns[at].declared = format!("{own} GENERATED ALWAYS AS ({expression}) VIRTUAL");
    case.columns[at].shown = shown(&case.columns[at].field, own);
    case.columns[at].is_computed = true;
    case.columns[at].trust = Trust::FOREIGN;
    case.rewrite(at, Rewrites::Always);
}

/// The name of a case's table while larder does not look.
pub fn resting(case: &Case) -> String {
    quoted(&format!("case_{}", case.number))
}
