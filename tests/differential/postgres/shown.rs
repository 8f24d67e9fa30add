//! What psql shows of a value, by functions of Postgres' own.

use crate::{
    case::quoted,
    thing::{Field, Kind},
};

pub fn shown(field: &Field, declared: &str) -> String {
    let c = quoted(field.name);
    let base = declared.split([' ', '(']).next().unwrap_or_default();
    let text = format!("'='||encode(convert_to({c}::text,'UTF8'),'hex')");
    let only_if =
        |condition: &str, then: &str| format!("CASE WHEN {c} IS NULL THEN '-' WHEN {condition} THEN '='||({then}) ELSE '!' END");
    let (least, most) = field.kind.range();
    let of = match (field.kind, base) {
        (Kind::Bool, "boolean") => format!("'='||{c}::int"),
        (Kind::Bool, "smallint") => format!("'='||({c}<>0)::int"),
        (Kind::Bool, "bit") => format!("'='||{c}::text"),
        (Kind::Bool, _) => {
            only_if(&format!("{c} IN ('t','f','true','false','1','0')"), &format!("({c} IN ('t','true','1'))::int"))
        }
        (Kind::Int(_), "text") => {
            only_if(&format!("{c} ~ '^(0|-?[1-9][0-9]{{0,18}})$' AND {c}::numeric BETWEEN {least} AND {most}"), &c)
        }
        (Kind::Int(_), _) => {
            let number = format!("{c}::numeric");
            only_if(
                &format!("{number}=trunc({number}) AND {number} BETWEEN {least} AND {most}"),
                &format!("trunc({number})::text"),
            )
        }
        (Kind::Single | Kind::Real, "real") => format!("'=x'||encode(float4send({c}),'hex')"),
        (Kind::Single | Kind::Real, "double") => format!("'=x'||encode(float8send({c}),'hex')"),
        (Kind::Single | Kind::Real, _) => format!("'='||{c}::text"),
        // A cast to text cuts the blanks off.
        (Kind::Text, "char") => format!("'='||encode(bpcharsend({c}),'hex')"),
        (Kind::Text, "bytea") => format!("'='||encode({c},'hex')"),
        (Kind::Bytes, "bytea") => format!("'='||encode({c},'hex')"),
        (Kind::Bytes, "text") => text,
        (Kind::Bytes, _) => format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END"),
        (Kind::Uuid, "uuid") => format!("'='||replace({c}::text,'-','')"),
        (Kind::Uuid, _) => {
            let simple = format!("replace(lower({c}),'-','')");
            only_if(&format!("{simple} ~ '^[0-9a-f]{{32}}$'"), &simple)
        }
        (Kind::Date, "date") => {
            only_if(&format!("isfinite({c}) AND {c}<'262143-01-01'"), &format!("({c}-'1970-01-01'::date)::text"))
        }
        (Kind::Date, "text") => {
            only_if(&format!("{c} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$'"), &format!("({c}::date-'1970-01-01'::date)::text"))
        }
        (Kind::Date, _) => only_if(
            &format!("isfinite({c}) AND {c}<'262143-01-01' AND {c}::date={c}"),
            &format!("({c}::date-'1970-01-01'::date)::text"),
        ),
        (Kind::Time, "time") => only_if(&format!("{c}<'24:00:00'"), &format!("trunc(extract(epoch FROM {c})*1000000)::text")),
        (Kind::Time, _) => format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END"),
        (Kind::Instant | Kind::Zoned, "bigint") => format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END"),
        (Kind::Local | Kind::Instant | Kind::Zoned, _) => {
            only_if(&format!("isfinite({c}) AND {c}<'262142-12-31'"), &format!("trunc(extract(epoch FROM {c})*1000000)::text"))
        }
        (Kind::Decimal, "money") => format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END"),
        (Kind::Text | Kind::Enum | Kind::Json, _) => text,
        (Kind::Decimal, "numeric") => format!("'='||trim_scale({c})::text"),
        (Kind::Decimal, _) => format!("'='||{c}::text"),
    };
    format!("coalesce({of},'-')")
}
