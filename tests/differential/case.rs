//! One case: a table for an entity with a generated schema, and rows that the engine's own SQL writes into it.

use fastrand::Rng;

use crate::{
    cell::{Rows, line},
    thing::{Field, Kind},
};

/// What larder has to do with a column. What it need not do it may refuse, naming the column, and never do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    pub read: bool,
    /// Filter by it and order by it.
    pub compare: bool,
    pub write: bool,
}

impl Trust {
    pub const SOUND: Self = Self { read: true, compare: true, write: true };
    /// Sound to read; text may be compared by other rules than its bytes.
    pub const COLLATED: Self = Self { read: true, compare: false, write: false };
    /// Sound to read, and too narrow for some of what a model has.
    pub const NARROW: Self = Self { read: true, compare: true, write: false };
    pub const FOREIGN: Self = Self { read: false, compare: false, write: false };
}

/// When the table stores something else than it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrites {
    Never,
    /// A default may take the place of null.
    Null,
    /// A trigger or an expression says what is stored.
    Always,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub field: Field,
    /// The type, and what else is declared of the column.
    pub declared: String,
    /// An expression for what the client shows of the column; see [`crate::cell`].
    pub shown: String,
    pub trust: Trust,
    pub rewrites: Rewrites,
    /// Rows leave it to the engine.
    pub is_computed: bool,
}

/// A literal of the engine's, and whether it is one that larder has to read.
pub struct Literal {
    pub sql: String,
    pub is_sound: bool,
}

pub fn sound(sql: impl Into<String>) -> Literal {
    Literal { sql: sql.into(), is_sound: true }
}

pub fn foreign(sql: impl Into<String>) -> Literal {
    Literal { sql: sql.into(), is_sound: false }
}

#[derive(Clone, Debug)]
pub struct Case {
    pub number: u64,
    pub table: &'static str,
    pub columns: Vec<Column>,
    /// Positions of the columns that differ from what larder would declare and store itself.
    pub focus: Vec<usize>,
    /// What stands after the columns.
    pub options: &'static str,
    pub inserts: Vec<String>,
    /// Triggers, rules and the like, made once the rows are there.
    pub effects: Vec<String>,
    /// What another program does between two reads of larder.
    pub meanwhile: Vec<String>,
    /// Some writes are left out without an error.
    pub skips: bool,
}

/// How an engine declares columns and writes values.
pub trait Schema {
    /// A column with a declaration that is another than larder's where `is_wild`.
    fn column(rng: &mut Rng, field: &Field, is_wild: bool) -> Column;

    /// A value of the `nth` row.
    fn literal(rng: &mut Rng, column: &Column, nth: usize, is_wild: bool) -> Literal;

    /// Options, triggers and generated columns.
    fn extras(rng: &mut Rng, case: &mut Case);
}

impl Case {
    pub fn generate<S: Schema>(number: u64, seed: u64, table: &'static str, fields: &[Field]) -> Self {
        let mut rng = Rng::with_seed(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let rng = &mut rng;
        let mut focus: Vec<_> = (0..rng.usize(0..=2)).map(|_| rng.usize(0..fields.len())).collect();
        if rng.u8(0..3) == 0 {
            focus.push(0);
        }
        focus.sort_unstable();
        focus.dedup();
        let column = |(at, field)| {
            let is_wild = focus.contains(&at) && rng.u8(0..4) > 0;
            S::column(rng, field, is_wild)
        };
        let columns = fields.iter().enumerate().map(column).collect();
        let nothing = Vec::new;
        let mut case = Self {
            number,
            table,
            columns,
            focus,
            options: "",
            inserts: nothing(),
            effects: nothing(),
            meanwhile: nothing(),
            skips: false,
        };
        S::extras(rng, &mut case);
        let rows = if rng.u8(0..10) == 0 { 0 } else { rng.usize(2..8) };
        case.inserts = (0..rows).map(|nth| case.insert::<S>(rng, nth)).collect();
        if rng.u8(0..4) == 0 {
            case.meanwhile = (rows..rows + 2).map(|nth| case.insert::<S>(rng, nth)).collect();
        }
        if rng.u8(0..4) == 0 {
            // Made by another program while the store is open.
            case.meanwhile.append(&mut case.effects);
        }
        case
    }

    fn insert<S: Schema>(&mut self, rng: &mut Rng, nth: usize) -> String {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for at in 0..self.columns.len() {
            if self.columns[at].is_computed {
                continue;
            }
            let is_wild = self.focus.contains(&at) && rng.u8(0..3) > 0;
            let literal = S::literal(rng, &self.columns[at], nth, is_wild);
            if !literal.is_sound {
                self.columns[at].trust.read = false;
                self.columns[at].trust.compare = false;
                // A table whose ids cannot be told apart may be refused as a whole.
                self.columns[at].trust.write &= !self.columns[at].field.is_id;
            }
            names.push(quoted(self.columns[at].field.name));
            values.push(literal.sql);
        }
        format!("INSERT INTO {} ({}) VALUES ({})", quoted(self.table), names.join(", "), values.join(", "))
    }

    pub fn create(&self) -> String {
        let mut parts: Vec<_> =
            self.columns.iter().map(|column| format!("{} {}", quoted(column.field.name), column.declared)).collect();
        if !self.columns.iter().any(|column| column.declared.contains("PRIMARY KEY")) {
            let ids: Vec<_> = self.ids().map(|column| quoted(column.field.name)).collect();
            parts.push(format!("PRIMARY KEY ({})", ids.join(", ")));
        }
        format!("CREATE TABLE {} ({}){}", quoted(self.table), parts.join(", "), self.options)
    }

    /// The statements that make the table and its rows.
    pub fn setup(&self) -> Vec<String> {
        std::iter::once(self.create()).chain(self.inserts.clone()).chain(self.effects.clone()).collect()
    }

    /// A column with a line for each row, as [`crate::cell`] reads them.
    pub fn lines(&self) -> String {
        self.columns.iter().map(|column| format!("({})", column.shown)).collect::<Vec<_>>().join("||'|'||")
    }

    /// The statement that shows all rows, and then how many they are. It is one statement, so that it sees one moment.
    pub fn select_rows(&self) -> String {
        let (lines, table) = (self.lines(), quoted(self.table));
        format!("SELECT {lines} FROM {table} UNION ALL SELECT 'rows '||count(*) FROM {table}")
    }

    /// The rows of a client's answer to [`select_rows`](Self::select_rows).
    pub fn rows(&self, mut shown: Vec<String>) -> Rows {
        let (count, fields) = (shown.pop().unwrap_or_default(), self.fields());
        assert_eq!(count, format!("rows {}", shown.len()), "not all rows of case {} are shown: {}", self.number, self.create());
        shown.iter().map(|shown| line(&fields, shown)).collect()
    }

    pub fn ids(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.field.is_id)
    }

    pub fn fields(&self) -> Vec<Field> {
        self.columns.iter().map(|column| column.field.clone()).collect()
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.field.name == name)
    }

    pub fn positions(&self, kind: Kind) -> Vec<usize> {
        (0..self.columns.len()).filter(|at| self.columns[*at].field.kind == kind && !self.columns[*at].field.is_id).collect()
    }

    /// Lets a trigger, a default or an expression say what a column stores.
    pub fn rewrite(&mut self, at: usize, rewrites: Rewrites) {
        self.columns[at].rewrites = rewrites;
        self.columns[at].trust.write = false;
        self.focus.push(at);
    }

    pub fn must_read(&self) -> bool {
        self.columns.iter().all(|column| column.trust.read)
    }

    pub fn must_write(&self) -> bool {
        !self.skips && self.columns.iter().all(|column| column.trust.write)
    }

    /// Whether the store is made of a connection of SeaORM's, where the engine has such stores.
    pub fn is_on_sea_orm(&self) -> bool {
        self.number / 6 % 4 == 1
    }

    /// What is out of the ordinary, for a report.
    pub fn title(&self) -> String {
        let mut focus = self.focus.clone();
        focus.sort_unstable();
        focus.dedup();
        let columns = focus.iter().map(|at| format!("{} {}", self.columns[*at].field.name, self.columns[*at].declared));
        let effects = self.effects.iter().chain(self.meanwhile.iter().filter(|sql| !sql.starts_with("INSERT"))).cloned();
        let mut title: Vec<_> = columns.chain(effects).collect();
        if !self.options.is_empty() {
            title.push(self.options.trim().to_owned());
        }
        if self.is_on_sea_orm() {
            title.push("on SeaORM's connection".to_owned());
        }
        format!("{}: {}", self.table, title.join("; "))
    }
}

pub fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

pub fn pick<'a, T: ?Sized>(rng: &mut Rng, of: &[&'a T]) -> &'a T {
    of[rng.usize(0..of.len())]
}
