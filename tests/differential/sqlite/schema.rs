//! Declared types, affinities and collations of SQLite's, triggers, and values in the forms in which programs store them.

use fastrand::Rng;

use crate::{
    case::{Case, Column, Literal, Rewrites, Schema, Trust, pick, quoted, sound},
    sqlite::{literals, shown::shown},
    thing::{Field, Kind},
};

pub struct Sqlite;

/// Types that keep a value as it is, and types that may not.
fn types(kind: Kind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        Kind::Bool => (&["BOOLEAN", "INTEGER", "TINYINT(1)"], &["TEXT", "REAL", "BLOB"]),
        Kind::Int(_) => (&["INTEGER", "BIGINT", "INT", "NUMERIC"], &["TEXT", "REAL", "BLOB", ""]),
        Kind::Single | Kind::Real | Kind::Decimal => (&["REAL", "DOUBLE", "FLOAT"], &["INTEGER", "NUMERIC", "TEXT", "BLOB"]),
        Kind::Text | Kind::Enum => (
            &["TEXT", "VARCHAR(20)", "VARCHAR(3)", "CLOB", "BLOB"],
            &[
                "STRING",
                "UUID",
                "NUMERIC",
                "INTEGER",
                "REAL",
                "TEXT COLLATE NOCASE",
                "TEXT COLLATE RTRIM",
                "VARCHAR(3) COLLATE NOCASE",
            ],
        ),
        Kind::Bytes => (&["BLOB", "VARBINARY(3)"], &["TEXT", "NUMERIC", "BLOB COLLATE NOCASE"]),
        Kind::Uuid => (&["BLOB", "uuid_text"], &["TEXT", "UUID", "CHAR(36)", "TEXT COLLATE NOCASE"]),
        Kind::Json => (&["TEXT", "json_text", "jsonb_text"], &["JSON", "BLOB", "NUMERIC"]),
        Kind::Date => (&["TEXT", "date_text"], &["DATE", "NUMERIC", "INTEGER", "TEXT COLLATE NOCASE"]),
        Kind::Time => (&["TEXT", "time_text"], &["TIME", "NUMERIC", "INTEGER"]),
        Kind::Local => (&["TEXT", "datetime_text"], &["DATETIME", "TIMESTAMP", "INTEGER", "REAL"]),
        Kind::Instant | Kind::Zoned => {
            (&["TEXT", "timestamp_with_timezone_text"], &["DATETIME", "TIMESTAMP", "INTEGER", "REAL", "TEXT COLLATE NOCASE"])
        }
    }
}

impl Schema for Sqlite {
    fn column(rng: &mut Rng, field: &Field, is_wild: bool) -> Column {
        let (keeping, changing) = types(field.kind);
        let is_changing = is_wild && rng.u8(0..3) > 0;
        let mut declared = pick(
            rng,
            if is_changing {
                changing
            } else if is_wild {
                keeping
            } else {
                &keeping[..1]
            },
        )
        .to_owned();
        let mut trust = if is_changing { Trust::FOREIGN } else { Trust::SOUND };
        if declared.contains("COLLATE") && matches!(field.kind, Kind::Text | Kind::Enum) {
            trust = Trust::COLLATED;
        }
        if field.is_generated_id {
            // Only this is another name for SQLite's own number of a row.
            declared = if is_wild { "BIGINT PRIMARY KEY" } else { "INTEGER PRIMARY KEY" }.to_owned();
            trust = if is_wild { Trust::FOREIGN } else { Trust::SOUND };
        } else if !field.is_nullable && (!is_wild || rng.bool()) {
            declared.push_str(" NOT NULL");
        }
        let mut rewrites = Rewrites::Never;
        if is_wild && !field.is_id && rng.u8(0..6) == 0 {
            declared.push_str(" DEFAULT 7");
            rewrites = Rewrites::Null;
        }
        Column { field: field.clone(), declared, shown: shown(field), trust, rewrites, is_computed: false }
    }

    fn literal(rng: &mut Rng, column: &Column, nth: usize, is_wild: bool) -> Literal {
        let is_null = column.field.is_nullable && nth.is_multiple_of(2);
        match (is_wild, column.field.is_id) {
            (false, true) => literals::id(column.field.kind, nth),
            (true, true) => literals::wild_id(rng, column.field.kind, nth),
            (false, false) if is_null => sound("NULL"),
            (false, false) => literals::plain(column.field.kind, nth),
            (true, false) => literals::wild(rng, &column.field, nth),
        }
    }

    fn extras(rng: &mut Rng, case: &mut Case) {
        match rng.u8(0..12) {
            0 if !case.columns[0].field.is_generated_id => case.options = " WITHOUT ROWID",
            1 => strict(rng, case),
            2 | 3 => trigger(rng, case),
            4 => computed(rng, case),
            _ => {}
        }
    }
}

/// A strict table knows five types, and keeps text out of the columns of others.
fn strict(rng: &mut Rng, case: &mut Case) {
    case.options = " STRICT";
    for (at, column) in case.columns.iter_mut().enumerate() {
        let own = match column.field.kind {
            Kind::Bool | Kind::Int(_) => "INTEGER",
            Kind::Single | Kind::Real | Kind::Decimal => "REAL",
            Kind::Bytes | Kind::Uuid => "BLOB",
            _ => "TEXT",
        };
        let is_wild = case.focus.contains(&at) && !column.field.is_generated_id;
        let declared = if is_wild { pick(rng, &["ANY", "TEXT", "INT", "BLOB", "REAL"]) } else { own };
        column.trust = if declared == own { Trust::SOUND } else { Trust::FOREIGN };
        column.rewrites = Rewrites::Never;
        let id = if column.field.is_generated_id { " PRIMARY KEY" } else { "" };
        column.declared = format!("{declared}{id}{}", if column.field.is_nullable || is_wild { "" } else { " NOT NULL" });
    }
}

fn trigger(rng: &mut Rng, case: &mut Case) {
    let table = quoted(case.table);
    let event = pick(rng, &["INSERT", "UPDATE", "DELETE"]);
    if rng.bool() || event == "DELETE" {
        let row = if event == "INSERT" { "NEW" } else { "OLD" };
        case.effects.push(format!(
            "CREATE TRIGGER skips BEFORE {event} ON {table} WHEN {row}.\"small\" % 2 = 0 BEGIN SELECT RAISE(IGNORE); END"
        ));
        case.skips = true;
        return;
    }
    let (Some(name), Some(nick)) = (case.position("name"), case.position("nick")) else { return };
    let at = if rng.bool() { name } else { nick };
    let column = quoted(case.columns[at].field.name);
    let same = case.ids().map(|id| format!("{0} IS NEW.{0}", quoted(id.field.name))).collect::<Vec<_>>().join(" AND ");
    case.effects.push(format!(
        "CREATE TRIGGER rewrites AFTER {event} ON {table} BEGIN UPDATE {table} SET {column} = 'by a trigger' WHERE {same}; END"
    ));
    case.rewrite(at, Rewrites::Always);
}

fn computed(rng: &mut Rng, case: &mut Case) {
    let (name, expression) = pick(
        rng,
        &[&("nick", "upper(\"name\")"), &("amount", "\"large\" / 2"), &("whole", "\"small\" * 2"), &("name", "hex(\"bytes\")")],
    );
    let Some(at) = case.position(name) else { return };
    let stored = pick(rng, &["STORED", "VIRTUAL"]);
    let declared = if case.columns[at].field.kind == Kind::Text { "TEXT" } else { "INTEGER" };
    case.columns[at].declared = format!("{declared} GENERATED ALWAYS AS ({expression}) {stored}");
    case.columns[at].is_computed = true;
    case.columns[at].trust = Trust::FOREIGN;
    case.rewrite(at, Rewrites::Always);
}
