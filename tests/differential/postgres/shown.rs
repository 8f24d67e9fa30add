//! What psql shows of a value, by functions of Postgres' own.

use crate::{
    case::quoted,
    thing::{Field, Kind},
};

pub fn shown(field: &Field, declared: &str) -> String {
    let c = &quoted(field.name);
    let base = declared.split([' ', '(']).next().unwrap_or_default();
    let of = match field.kind {
        Kind::Bool => truth(c, base),
        Kind::Int(_) => whole(field.kind, c, base),
        Kind::Single | Kind::Real => real(c, base),
        Kind::Decimal => decimal(c, base),
        Kind::Uuid => uuid(c, base),
        Kind::Text | Kind::Enum | Kind::Json | Kind::Bytes => text(field.kind, c, base),
        Kind::Date => date(c, base),
        Kind::Time => time(c, base),
        Kind::Local | Kind::Instant | Kind::Zoned => instant(field.kind, c, base),
    };
    format!("coalesce({of},'-')")
}

/// An expression for the column `c` where a condition holds; elsewhere it is strange to larder.
fn only_if(c: &str, condition: &str, then: &str) -> String {
    format!("CASE WHEN {c} IS NULL THEN '-' WHEN {condition} THEN '='||({then}) ELSE '!' END")
}

fn strange(c: &str) -> String {
    format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END")
}

fn truth(c: &str, base: &str) -> String {
    match base {
        "boolean" => format!("'='||{c}::int"),
        "smallint" => format!("'='||({c}<>0)::int"),
        "bit" => format!("'='||{c}::text"),
        _ => only_if(c, &format!("{c} IN ('t','f','true','false','1','0')"), &format!("({c} IN ('t','true','1'))::int")),
    }
}

fn whole(kind: Kind, c: &str, base: &str) -> String {
    let (least, most) = kind.range();
    if base == "text" {
        return only_if(c, &format!("{c} ~ '^(0|-?[1-9][0-9]{{0,18}})$' AND {c}::numeric BETWEEN {least} AND {most}"), c);
    }
    let number = format!("{c}::numeric");
    only_if(c, &format!("{number}=trunc({number}) AND {number} BETWEEN {least} AND {most}"), &format!("trunc({number})::text"))
}

fn real(c: &str, base: &str) -> String {
    match base {
        "real" => format!("'=x'||encode(float4send({c}),'hex')"),
        "double" => format!("'=x'||encode(float8send({c}),'hex')"),
        _ => format!("'='||{c}::text"),
    }
}

fn decimal(c: &str, base: &str) -> String {
    match base {
        "money" => strange(c),
        "numeric" => format!("'='||trim_scale({c})::text"),
        _ => format!("'='||{c}::text"),
    }
}

fn uuid(c: &str, base: &str) -> String {
    if base == "uuid" {
        return format!("'='||replace({c}::text,'-','')");
    }
    let simple = format!("replace(lower({c}),'-','')");
    only_if(c, &format!("{simple} ~ '^[0-9a-f]{{32}}$'"), &simple)
}

fn text(kind: Kind, c: &str, base: &str) -> String {
    match (kind, base) {
        // A cast to text cuts the blanks off.
        (Kind::Text, "char") => format!("'='||encode(bpcharsend({c}),'hex')"),
        (Kind::Text | Kind::Bytes, "bytea") => format!("'='||encode({c},'hex')"),
        (Kind::Bytes, base) if base != "text" => strange(c),
        _ => format!("'='||encode(convert_to({c}::text,'UTF8'),'hex')"),
    }
}

fn date(c: &str, base: &str) -> String {
    let days = format!("({c}::date-'1970-01-01'::date)::text");
    match base {
        "date" => only_if(c, &format!("isfinite({c}) AND {c}<'262143-01-01'"), &format!("({c}-'1970-01-01'::date)::text")),
        "text" => only_if(c, &format!("{c} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'"), &days),
        _ => only_if(c, &format!("isfinite({c}) AND {c}<'262143-01-01' AND {c}::date={c}"), &days),
    }
}

fn time(c: &str, base: &str) -> String {
    match base {
        "time" => only_if(c, &format!("{c}<'24:00:00'"), &format!("trunc(extract(epoch FROM {c})*1000000)::text")),
        _ => strange(c),
    }
}

fn instant(kind: Kind, c: &str, base: &str) -> String {
    if kind != Kind::Local && base == "bigint" {
        return strange(c);
    }
    only_if(c, &format!("isfinite({c}) AND {c}<'262142-12-31'"), &format!("trunc(extract(epoch FROM {c})*1000000)::text"))
}
