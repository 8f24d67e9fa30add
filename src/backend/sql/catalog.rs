//! What the database's catalog says of an entity's table, as far as the entity does not say it.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use sea_orm::Value;

use crate::{error::Result, table::TableColumn, value::is_null};

/// The table of an entity, as the database describes it.
#[derive(Debug)]
pub(crate) struct Catalog {
    /// One for each column of the entity, by position.
    columns: Vec<Described>,
    /// Whether a trigger, a rule or a view may store a row otherwise than it is given, or not at all.
    pub(crate) is_rewritten: bool,
    /// Whether that may happen after the statement has returned its rows.
    pub(crate) is_changed_afterwards: bool,
    pub(crate) upserts: Upserts,
    is_lossless: bool,
    has_generated: bool,
}

/// How models are created or replaced in a table, on an engine whose inserts can do both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Upserts {
    /// By an insert that says of each row whether it was new.
    #[default]
    AtOnce,
    /// By an insert of what is not there, and an update of the rest: the insert that does both cannot say which it did.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "Postgres alone has such tables"))]
    InsertsFirst,
    /// By an update of what is there, and an insert of the rest: the insert cannot look for the key.
    UpdatesFirst,
}

/// A column, as the database describes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Described {
    /// Whether the database computes the values itself and takes none.
    pub(crate) is_generated: bool,
    pub(crate) lossless: LosslessValues,
    pub(crate) text: TextOrder,
    /// The collation of a column of text, as it stands in a statement, where columns of different collations do not compare.
    pub(crate) collation: Option<Arc<str>>,
    pub(crate) form: Form,
    /// Whether the column is of the id, and the engine looks by itself for ids in other forms that a statement by id has missed:
    /// see [`missed`](crate::backend::sql::Engine::missed).
    pub(crate) is_probed: bool,
    /// Whether the table takes nulls. Where the entity has none, a row with one cannot be read, and must not be passed over.
    pub(crate) is_nullable: bool,
    /// Of a column of lists of text on Postgres: the type of their elements, if given lists of it compare with them.
    pub(crate) list_of: Option<&'static str>,
}

/// Fails for a value that the column would change.
pub(crate) type Check = dyn Fn(&Value) -> Result<()> + Send + Sync;

/// Which values a column stores as they are given.
#[derive(Clone, Default)]
pub(crate) enum LosslessValues {
    #[default]
    All,
    /// Those that this accepts. The error of any other is complete but for the name of the column. Nulls are not asked about.
    Only(Arc<Check>),
}

/// How the database compares text of a column by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TextOrder {
    /// By its bytes; or the column holds no text.
    #[default]
    Bytes,
    /// Equal text has equal bytes, and the order is another.
    Sorted,
    /// Text of different bytes may be equal.
    Folded,
    /// The same, and blanks at the end are lost where the database makes other text of it: `char(n)` of Postgres.
    Padded,
}

/// In which forms a column stores its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// All in the form that is written here, so that they compare as they are stored.
    #[default]
    Own,
    /// Some may be in forms of other programs, and compare only by what they mean.
    Any,
}

impl fmt::Debug for LosslessValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Only(_) => "Only",
        })
    }
}

const PLAIN: Described = Described {
    is_generated: false,
    lossless: LosslessValues::All,
    text: TextOrder::Bytes,
    collation: None,
    form: Form::Own,
    is_probed: false,
    is_nullable: false,
    list_of: None,
};

impl Catalog {
    pub(crate) fn new(columns: Vec<Described>, is_rewritten: bool) -> Self {
        let is_lossless = columns.iter().all(|column| matches!(column.lossless, LosslessValues::All));
        let has_generated = columns.iter().any(|column| column.is_generated);
        Self { columns, is_rewritten, is_changed_afterwards: false, upserts: Upserts::AtOnce, is_lossless, has_generated }
    }

    /// A table with triggers that may change a row after the statement has returned it.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn changed_afterwards(self, is_changed_afterwards: bool) -> Self {
        let is_rewritten = self.is_rewritten || is_changed_afterwards;
        Self { is_rewritten, is_changed_afterwards, ..self }
    }

    /// A table in which models are upserted in this way.
    #[cfg(feature = "postgres")]
    pub(crate) fn upserted(self, upserts: Upserts) -> Self {
        Self { upserts, ..self }
    }

    /// A table that stores what it is given, and compares it as the entity says.
    pub(crate) fn plain() -> Arc<Self> {
        static PLAIN: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::new(Vec::new(), false)));
        PLAIN.clone()
    }

    /// Whether the database was asked about the table.
    pub(crate) fn is_known(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The column at a position of the entity.
    pub(crate) fn column(&self, position: usize) -> &Described {
        self.columns.get(position).unwrap_or(&PLAIN)
    }

    /// Whether the column at a position stores every value as it is given.
    pub(crate) fn is_lossless(&self, position: usize) -> bool {
        matches!(self.column(position).lossless, LosslessValues::All)
    }

    /// Whether a row is stored just as it is given, if [`check`](Self::check) accepts its values.
    pub(crate) fn stores_as_given(&self) -> bool {
        !self.is_rewritten && !self.has_generated
    }

    /// Refuses a value that the column would change.
    pub(crate) fn check(&self, position: usize, column: &TableColumn, value: &Value) -> Result<()> {
        if self.is_lossless {
            return Ok(());
        }
        match &self.column(position).lossless {
            LosslessValues::Only(check) if !is_null(value) => check(value).map_err(|error| error.in_column(column.name())),
            _ => Ok(()),
        }
    }

    /// Refuses a row of which a column would change a value.
    pub(crate) fn check_row(&self, columns: &[TableColumn], row: &[Value]) -> Result<()> {
        if self.is_lossless {
            return Ok(());
        }
        let values = columns.iter().zip(row).enumerate();
        values
            .filter(|(position, _)| !self.column(*position).is_generated)
            .try_for_each(|(position, (column, value))| self.check(position, column, value))
    }
}
