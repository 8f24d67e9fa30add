//! What DuckDB shows of a value, by functions of its own.

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
        Kind::Single | Kind::Real | Kind::Decimal => real(field.kind, c, base),
        Kind::Uuid => uuid(c, base),
        Kind::Text | Kind::Enum | Kind::Json | Kind::Bytes => text(field.kind, c, base),
        Kind::Date => date(c, base),
        Kind::Time => time(c, base),
        Kind::Local | Kind::Instant | Kind::Zoned => instant(c, base),
    };
    format!("coalesce({of},'-')")
}

/// An expression for the column `c` where a condition holds; elsewhere it is strange to larder.
fn only_if(c: &str, condition: &str, then: &str) -> String {
    format!("CASE WHEN {c} IS NULL THEN '-' WHEN {condition} THEN '='||({then})::VARCHAR ELSE '!' END")
}

fn strange(c: &str) -> String {
    format!("CASE WHEN {c} IS NULL THEN '-' ELSE '!' END")
}

fn truth(c: &str, base: &str) -> String {
    match base {
        "BOOLEAN" => format!("'='||{c}::INTEGER"),
        "VARCHAR" => only_if(
            c,
            &format!("lower({c}) IN ('t','f','true','false','1','0')"),
            &format!("(lower({c}) IN ('t','true','1'))::INTEGER"),
        ),
        _ => format!("'='||({c}<>0)::INTEGER"),
    }
}

fn whole(kind: Kind, c: &str, base: &str) -> String {
    let (least, most) = kind.range();
    match base {
        "VARCHAR" => {
            let number = format!("TRY_CAST({c} AS HUGEINT)");
            only_if(
                c,
                &format!("coalesce({number}::VARCHAR={c} AND {number} BETWEEN {least}::HUGEINT AND {most}::HUGEINT, false)"),
                &number,
            )
        }
        "DOUBLE" => only_if(
            c,
            &format!("isfinite({c}) AND {c}=trunc({c}) AND abs({c})<9e15 AND {c} BETWEEN {least} AND {most}"),
            &format!("{c}::HUGEINT"),
        ),
        "DECIMAL" => {
            only_if(c, &format!("{c}=trunc({c}) AND {c} BETWEEN {least}::HUGEINT AND {most}::HUGEINT"), &format!("{c}::HUGEINT"))
        }
        _ => only_if(c, &format!("{c} BETWEEN {least}::HUGEINT AND {most}::HUGEINT"), c),
    }
}

fn real(kind: Kind, c: &str, base: &str) -> String {
    match (kind, base) {
        (Kind::Real, "FLOAT") => format!("'='||{c}::DOUBLE::VARCHAR"),
        (Kind::Single | Kind::Real, "VARCHAR") => only_if(c, &format!("TRY_CAST({c} AS DOUBLE)::VARCHAR={c}"), c),
        _ => format!("'='||{c}::VARCHAR"),
    }
}

fn uuid(c: &str, base: &str) -> String {
    match base {
        "UUID" => format!("'='||replace({c}::VARCHAR,'-','')"),
        "VARCHAR" => {
            let simple = format!("replace(replace(replace(lower({c}),'-',''),'{{',''),'}}','')");
            only_if(c, &format!("regexp_full_match({simple},'[0-9a-f]{{32}}')"), &simple)
        }
        _ => only_if(c, &format!("octet_length({c})=16"), &format!("lower(hex({c}))")),
    }
}

fn text(kind: Kind, c: &str, base: &str) -> String {
    match (kind, base) {
        (Kind::Bytes | Kind::Text, "BLOB") => format!("'='||hex({c})"),
        (Kind::Bytes, "BIT") => strange(c),
        (Kind::Json, "STRUCT") => format!("'='||hex(encode(to_json({c})::VARCHAR))"),
        _ => format!("'='||hex(encode({c}::VARCHAR))"),
    }
}

fn date(c: &str, base: &str) -> String {
    match base {
        "DATE" => only_if(
            c,
            &format!("isfinite({c}) AND {c} BETWEEN DATE '0001-01-01' AND DATE '262142-12-31'"),
            &format!("{c}-DATE '1970-01-01'"),
        ),
        "TIMESTAMP" => only_if(
            c,
            &format!("isfinite({c}) AND {c} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '262142-12-31' AND {c}::DATE={c}"),
            &format!("{c}::DATE-DATE '1970-01-01'"),
        ),
        _ => {
            only_if(c, &format!("TRY_CAST({c} AS DATE)::VARCHAR={c} AND length({c})=10"), &format!("{c}::DATE-DATE '1970-01-01'"))
        }
    }
}

fn time(c: &str, base: &str) -> String {
    match base {
        "TIME" => only_if(c, &format!("{c}<TIME '24:00:00'"), &format!("epoch_us({c})")),
        "VARCHAR" => only_if(c, &format!("TRY_CAST({c} AS TIME)::VARCHAR={c} AND {c}<'24'"), &format!("epoch_us({c}::TIME)")),
        _ => strange(c),
    }
}

fn instant(c: &str, base: &str) -> String {
    match base {
        "TIMESTAMP_NS" => {
            let nanos = format!("epoch_ns({c})");
            only_if(c, &format!("isfinite({c}) AND {nanos}%1000=0"), &format!("{nanos}//1000"))
        }
        "VARCHAR" => only_if(
            c,
            &format!("TRY_CAST({c} AS TIMESTAMPTZ) IS NOT NULL AND isfinite({c}::TIMESTAMPTZ)"),
            &format!("epoch_us({c}::TIMESTAMPTZ)"),
        ),
        base => {
            let time = if base == "TIMESTAMPTZ" { c.to_owned() } else { format!("{c}::TIMESTAMP") };
            only_if(c, &format!("isfinite({c}) AND epoch_us({time}) < 8210266876799000000"), &format!("epoch_us({time})"))
        }
    }
}
