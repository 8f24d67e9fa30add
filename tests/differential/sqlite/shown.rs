//! What the sqlite3 program shows of a value, by functions of SQLite's own.

use crate::{
    case::quoted,
    thing::{Field, Kind},
};

/// Microseconds of a text: SQLite's own functions take whole seconds from it, and the fraction is cut out before.
const SECONDS: &str = "unixepoch({base})*1000000+CAST(substr({fraction}||'000000',1,6) AS INTEGER)";

pub fn shown(field: &Field) -> String {
    let c = &quoted(field.name);
    match field.kind {
        Kind::Bool => truth(c),
        Kind::Int(_) => whole(field.kind, c),
        Kind::Single | Kind::Real | Kind::Decimal => real(c),
        Kind::Text | Kind::Enum => {
            of(c, &[("text", format!("'='||hex(CAST({c} AS BLOB))")), ("integer", format!("'='||hex(CAST({c} AS TEXT))"))])
        }
        Kind::Bytes => of(c, &[("blob", format!("'='||hex({c})"))]),
        Kind::Uuid => uuid(c),
        Kind::Json => of(
            c,
            &[
                ("text", format!("'='||hex(CAST({c} AS BLOB))")),
                ("integer", format!("'='||hex(CAST({c} AS TEXT))")),
                ("real", format!("'='||hex(CAST({c} AS TEXT))")),
            ],
        ),
        Kind::Date => date(c),
        Kind::Time => time(c),
        Kind::Local | Kind::Instant | Kind::Zoned => instant(field.kind, c),
    }
}

/// An expression for each type of value that the column `c` may have; values of other types are strange to larder.
fn of(c: &str, cases: &[(&str, String)]) -> String {
    let cases: Vec<_> = cases.iter().map(|(of, then)| format!("WHEN '{of}' THEN {then}")).collect();
    format!("CASE typeof({c}) WHEN 'null' THEN '-' {} ELSE '!' END", cases.join(" "))
}

fn only_if(condition: &str, then: &str) -> String {
    format!("CASE WHEN {condition} THEN {then} ELSE '!' END")
}

fn truth(c: &str) -> String {
    let of_text =
        format!("CASE WHEN lower({c}) IN ('t','true','1') THEN '=1' WHEN lower({c}) IN ('f','false','0') THEN '=0' ELSE '!' END");
    of(c, &[("integer", format!("'='||({c}<>0)")), ("real", format!("'='||({c}<>0)")), ("text", of_text)])
}

fn whole(kind: Kind, c: &str) -> String {
    let (least, most) = kind.range();
    // The least integer has no literal of its own.
    let in_range = |value: &str| match least {
        i64::MIN => "1".to_owned(),
        _ => format!("{value} BETWEEN {least} AND {most}"),
    };
    let whole = format!("CAST({c} AS INTEGER)");
    let real = format!("{c}={whole} AND abs({c})<9e15 AND {}", in_range(&whole));
    of(
        c,
        &[
            ("integer", only_if(&in_range(&format!("+{c}")), &format!("'='||{c}"))),
            ("real", only_if(&real, &format!("'='||{whole}"))),
        ],
    )
}

fn real(c: &str) -> String {
    let bits = |value: &str| format!("'=x'||hex(ieee754_to_blob({value}))");
    let real = format!("CAST({c} AS REAL)");
    of(
        c,
        &[
            ("integer", only_if(&format!("CAST({real} AS INTEGER)={c}"), &bits(&real))),
            ("real", bits(c)),
            // The number of a text, where SQLite itself takes the two for equal in this column.
            ("text", only_if(&format!("CAST({real} AS TEXT)=CAST({c} AS TEXT) AND {c} = +{real}"), &bits(&real))),
        ],
    )
}

fn uuid(c: &str) -> String {
    let simple = format!("replace(replace(replace(replace(lower(CAST({c} AS TEXT)),'urn:uuid:',''),'-',''),'{{',''),'}}','')");
    let text = only_if(&format!("length({simple})=32 AND {simple} NOT GLOB '*[^0-9a-f]*'"), &format!("'='||{simple}"));
    of(c, &[("blob", only_if(&format!("length({c})=16"), &format!("'='||lower(hex({c}))"))), ("text", text)])
}

/// Whether the column begins with a date.
fn is_dated(c: &str) -> String {
    format!("CAST({c} AS TEXT) GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'")
}

fn date(c: &str) -> String {
    let whole = format!("{} AND substr({c},1,10)=date({c})", is_dated(c));
    let day = format!("{whole} AND {c}>='0001' AND time({c})='00:00:00'");
    of(c, &[("text", only_if(&day, &format!("'='||(unixepoch({c})/86400)")))])
}

fn time(c: &str) -> String {
    let clock = format!("CAST({c} AS TEXT) GLOB '[0-9][0-9]:[0-9][0-9]*' AND substr({c},1,2)<'24' AND {c} NOT GLOB '*[-+zZ]*'");
    let micros = parted(c, "'1970-01-01 '||", SECONDS);
    of(c, &[("text", only_if(&clock, &format!("coalesce('='||({micros}),'!')")))])
}

fn instant(kind: Kind, c: &str) -> String {
    let dated = format!("{} AND {c}>='0001'", is_dated(c));
    let zone = if kind == Kind::Local {
        format!(" AND (substr({c},11) NOT GLOB '*[-+][0-9][0-9]*' OR {c} GLOB '*+00:00')")
    } else {
        String::new()
    };
    let micros = parted(c, "", SECONDS);
    let of_real = format!("'~'||CAST(round(({c}-2440587.5)*86400000.0)*1000 AS INTEGER)");
    of(
        c,
        &[
            ("integer", only_if(&format!("{c} BETWEEN -62135596800 AND 253402300799"), &format!("'='||({c}*1000000)"))),
            ("real", only_if(&format!("{c} BETWEEN 1721425.5 AND 5373484.5"), &of_real)),
            ("text", only_if(&format!("{dated}{zone}"), &format!("coalesce('='||({micros}),'!')"))),
        ],
    )
}

/// A text of a time taken apart: its fraction, and the rest with its zone as SQLite writes it.
fn parted(c: &str, before: &str, then: &str) -> String {
    let text = format!("CAST({c} AS TEXT)");
    let after = format!("substr({text},instr({text},'.')+1)");
    let has = format!("instr({text},'.')>0");
    let fraction =
        format!("CASE WHEN {has} THEN substr({after},1,length({after})-length(ltrim({after},'0123456789'))) ELSE '' END");
    let rest = format!("CASE WHEN {has} THEN substr({text},1,instr({text},'.')-1)||ltrim({after},'0123456789') ELSE {text} END");
    // Go writes `+0000 UTC`, Postgres `+00`, ISO 8601 also lower-case letters.
    let short = format!("upper(replace({rest},' +0000 UTC','Z'))");
    let base = format!("{before}(CASE WHEN {short} GLOB '*:[0-9][0-9][-+][0-9][0-9]' THEN {short}||':00' ELSE {short} END)");
    then.replace("{base}", &base).replace("{fraction}", &format!("({fraction})"))
}
