//! What DuckDB shows of a value, by functions of its own.

use crate::{
    case::quoted,
    thing::{Field, Kind},
};

pub fn shown(field: &Field, declared: &str) -> String {
    let c = quoted(field.name);
    let base = declared.split([' ', '(']).next().unwrap_or_default();
    let text = format!("'='||hex(encode({c}::VARCHAR))");
    let strange = format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END");
    let only_if = |condition: &str, then: &str| {
        format!("CASE WHEN {c} IS NULL THEN '-' WHEN {condition} THEN '='||({then})::VARCHAR ELSE '!' END")
    };
    let (least, most) = field.kind.range();
    let of = match (field.kind, base) {
        (Kind::Bool, "BOOLEAN") => format!("'='||{c}::INTEGER"),
        (Kind::Bool, "VARCHAR") => only_if(
            &format!("lower({c}) IN ('t','f','true','false','1','0')"),
            &format!("(lower({c}) IN ('t','true','1'))::INTEGER"),
        ),
        (Kind::Bool, _) => format!("'='||({c}<>0)::INTEGER"),
        (Kind::Int(_), "VARCHAR") => {
            let number = format!("TRY_CAST({c} AS HUGEINT)");
            only_if(
                &format!("coalesce({number}::VARCHAR={c} AND {number} BETWEEN {least}::HUGEINT AND {most}::HUGEINT, false)"),
                &number,
            )
        }
        (Kind::Int(_), "DOUBLE") => only_if(
            &format!("isfinite({c}) AND {c}=trunc({c}) AND abs({c})<9e15 AND {c} BETWEEN {least} AND {most}"),
            &format!("{c}::HUGEINT"),
        ),
        (Kind::Int(_), "DECIMAL") => {
            only_if(&format!("{c}=trunc({c}) AND {c} BETWEEN {least}::HUGEINT AND {most}::HUGEINT"), &format!("{c}::HUGEINT"))
        }
        (Kind::Int(_), _) => only_if(&format!("{c} BETWEEN {least}::HUGEINT AND {most}::HUGEINT"), &c),
        (Kind::Real, "FLOAT") => format!("'='||{c}::DOUBLE::VARCHAR"),
        (Kind::Single | Kind::Real, "VARCHAR") => only_if(&format!("TRY_CAST({c} AS DOUBLE)::VARCHAR={c}"), &c),
        (Kind::Single | Kind::Real | Kind::Decimal, _) => format!("'='||{c}::VARCHAR"),
        (Kind::Bytes | Kind::Text, "BLOB") => format!("'='||hex({c})"),
        (Kind::Bytes, "BIT") => strange,
        (Kind::Uuid, "UUID") => format!("'='||replace({c}::VARCHAR,'-','')"),
        (Kind::Uuid, "VARCHAR") => {
            let simple = format!("replace(replace(replace(lower({c}),'-',''),'{{',''),'}}','')");
            only_if(&format!("regexp_full_match({simple},'[0-9a-f]{{32}}')"), &simple)
        }
        (Kind::Uuid, _) => only_if(&format!("octet_length({c})=16"), &format!("lower(hex({c}))")),
        (Kind::Json, "STRUCT") => format!("'='||hex(encode(to_json({c})::VARCHAR))"),
        (Kind::Date, "DATE") => only_if(
            &format!("isfinite({c}) AND {c} BETWEEN DATE '0001-01-01' AND DATE '262142-12-31'"),
            &format!("{c}-DATE '1970-01-01'"),
        ),
        (Kind::Date, "TIMESTAMP") => only_if(
            &format!("isfinite({c}) AND {c} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '262142-12-31' AND {c}::DATE={c}"),
            &format!("{c}::DATE-DATE '1970-01-01'"),
        ),
        (Kind::Date, _) => {
            only_if(&format!("TRY_CAST({c} AS DATE)::VARCHAR={c} AND length({c})=10"), &format!("{c}::DATE-DATE '1970-01-01'"))
        }
        (Kind::Time, "TIME") => only_if(&format!("{c}<TIME '24:00:00'"), &format!("epoch_us({c})")),
        (Kind::Time, "VARCHAR") => {
            only_if(&format!("TRY_CAST({c} AS TIME)::VARCHAR={c} AND {c}<'24'"), &format!("epoch_us({c}::TIME)"))
        }
        (Kind::Time, _) => strange,
        (Kind::Local | Kind::Instant | Kind::Zoned, "TIMESTAMP_NS") => {
            let nanos = format!("epoch_ns({c})");
            only_if(&format!("isfinite({c}) AND {nanos}%1000=0"), &format!("{nanos}//1000"))
        }
        (Kind::Local | Kind::Instant | Kind::Zoned, "VARCHAR") => only_if(
            &format!("TRY_CAST({c} AS TIMESTAMPTZ) IS NOT NULL AND isfinite({c}::TIMESTAMPTZ)"),
            &format!("epoch_us({c}::TIMESTAMPTZ)"),
        ),
        (Kind::Local | Kind::Instant | Kind::Zoned, base) => {
            let time = if base == "TIMESTAMPTZ" { c.clone() } else { format!("{c}::TIMESTAMP") };
            only_if(&format!("isfinite({c}) AND epoch_us({time}) < 8210266876799000000"), &format!("epoch_us({time})"))
        }
        (Kind::Text | Kind::Enum | Kind::Json | Kind::Bytes, _) => text,
    };
    format!("coalesce({of},'-')")
}
