//! What an engine's own client shows of a stored value.
//!
//! A client writes a line for each row, with a field for each column: `-` is null; `=` and a text is a value; `~` and a number is
//! a time that the engine itself holds only to the millisecond; `!` is a value that a column of the entity's cannot hold.

use crate::thing::{self, Field, Kind};

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Is(String),
    /// So many microseconds, give or take one millisecond.
    About(i64),
    /// No value of the column's type: reading it must fail.
    Foreign(String),
}

/// A row as it is stored.
pub type Line = Vec<Cell>;

/// All rows of a table.
pub type Rows = Vec<Line>;

impl Cell {
    pub fn parse(kind: Kind, field: &str) -> Self {
        let foreign = || Self::Foreign(field.to_owned());
        if let Some(micros) = field.strip_prefix('~') {
            return micros.parse().map_or_else(|_| foreign(), Self::About);
        }
        match field.strip_prefix('=') {
            Some(value) => value_of(kind, value).map_or_else(foreign, Self::Is),
            None if field == "-" => Self::Null,
            None => foreign(),
        }
    }

    pub fn holds(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Null, None) => true,
            (Self::Is(stored), Some(value)) => stored == value,
            (Self::About(stored), Some(value)) => value.parse().is_ok_and(|value: i64| (value - stored).abs() <= 1000),
            _ => false,
        }
    }
}

pub fn line(fields: &[Field], shown: &str) -> Line {
    let cell = |(shown, field): (&str, &Field)| match Cell::parse(field.kind, shown) {
        // A document that has to be there is JSON's null where the database has none.
        Cell::Null if field.kind == Kind::Json && !field.is_nullable => Cell::Is("null".to_owned()),
        cell => cell,
    };
    let cells: Vec<_> = shown.split('|').zip(fields).map(cell).collect();
    assert_eq!(cells.len(), fields.len(), "a line of another number of fields: {shown}");
    cells
}

/// Whether a model can have these values.
pub fn is_readable(fields: &[Field], line: &Line) -> bool {
    fields.iter().zip(line).all(|(field, cell)| match cell {
        Cell::Null => field.is_nullable,
        Cell::Foreign(_) => false,
        Cell::Is(_) | Cell::About(_) => true,
    })
}

pub fn holds(line: &Line, row: &thing::Row) -> bool {
    line.len() == row.len() && line.iter().zip(row).all(|(cell, value)| cell.holds(value.as_deref()))
}

/// The id of a row, where its parts are values.
pub fn key(fields: &[Field], line: &Line) -> Option<Vec<String>> {
    let ids = fields.iter().zip(line).filter(|(field, _)| field.is_id);
    let part = |(_, cell): (&Field, &Cell)| match cell {
        Cell::Is(text) => Some(text.clone()),
        _ => None,
    };
    ids.map(part).collect()
}

pub fn key_of_row(fields: &[Field], row: &thing::Row) -> Option<Vec<String>> {
    fields.iter().zip(row).filter(|(field, _)| field.is_id).map(|(_, value)| value.clone()).collect()
}

/// The text of a value in the form of [`thing::text`], which clients cannot make for all types.
fn value_of(kind: Kind, shown: &str) -> Option<String> {
    match kind {
        Kind::Real => number(shown).map(thing::real),
        #[expect(clippy::cast_possible_truncation)] // The nearest one: that is what a reader may make of a number of more digits.
        Kind::Single => {
            let is_double = shown.len() == "x0123456789abcdef".len() && shown.starts_with('x');
            let fits = |n: &f64| match is_double {
                true => !n.is_finite() || f64::from(*n as f32) == *n,
                false => !n.is_finite() || (*n as f32).is_finite(),
            };
            number(shown).filter(fits).map(|n| thing::single(n as f32))
        }
        Kind::Text | Kind::Enum => String::from_utf8(bytes(shown)?).ok().map(|text| thing::hex(text.as_bytes())),
        Kind::Bytes => bytes(shown).map(|bytes| thing::hex(&bytes)),
        Kind::Json => serde_json::from_slice(&bytes(shown)?).ok().map(|document| thing::json(&document)),
        Kind::Decimal => exact(shown),
        _ => Some(shown.to_owned()),
    }
}

/// A number by its bits, which begin with an `x`, or in decimal.
fn number(shown: &str) -> Option<f64> {
    match shown.strip_prefix('x') {
        Some(bits) if bits.len() == 8 => u32::from_str_radix(bits, 16).ok().map(|bits| f32::from_bits(bits).into()),
        Some(bits) => u64::from_str_radix(bits, 16).ok().map(f64::from_bits),
        None => shown.parse().ok(),
    }
}

/// A decimal that a model can hold with all its digits.
fn exact(shown: &str) -> Option<String> {
    let short = if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.') } else { shown };
    let decimal = sea_orm::prelude::Decimal::from_str_exact(short).ok()?;
    Some(decimal.normalize().to_string())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}
