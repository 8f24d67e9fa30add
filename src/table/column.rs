//! [`TableColumn`], a column of a table.

use std::{borrow::Cow, fmt, sync::Arc};

use sea_orm::{
    Value,
    sea_query::{ArrayType, ColumnType, DynIden, Expr},
};

use crate::value::is_array;

/// What a column's own type and its casts make of values.
pub(crate) trait Conversions: Send + Sync {
    /// How a value is stored. SeaORM makes documents of lists here, so this is asked for each value.
    fn save_as(&self, value: Expr) -> Expr;

    /// How the column is read.
    fn select_as(&self, column: Expr) -> Expr;

    /// Converts a value by the column's own type. Returns `None` if it is not one of the type's.
    fn stored(&self, value: Value) -> Option<Value>;
}

/// A column of a table.
#[derive(Clone)]
pub(crate) struct TableColumn {
    name: Cow<'static, str>,
    iden: DynIden,
    pub(crate) value_type: ArrayType,
    pub(crate) column_type: ColumnType,
    /// The null of the column.
    pub(crate) null: Value,
    is_null: bool,
    /// Whether values can be compared. Those of lists cannot, nor those of types that not every backend knows.
    pub(crate) is_comparable: bool,
    conversions: Arc<dyn Conversions>,
    is_saved_as_it_is: bool,
    is_read_as_it_is: bool,
    is_cast: bool,
    /// Whether values are the text of values that the database compares in another way.
    pub(crate) is_text_form: bool,
    /// Whether each value has a type of its own.
    pub(crate) is_of_any_type: bool,
}

/// With what its casts come to, so that columns that differ are not written the same.
impl fmt::Debug for TableColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Column");
        debug.field("name", &self.name).field("value_type", &self.value_type).field("column_type", &self.column_type);
        debug.field("is_null", &self.is_null).field("is_of_any_type", &self.is_of_any_type);
        let plain = || Expr::val("");
        debug.field("casts", &(self.conversions.save_as(plain()), self.conversions.select_as(plain()))).finish_non_exhaustive()
    }
}

impl TableColumn {
    pub(crate) fn new(
        name: Cow<'static, str>,
        (value_type, column_type): (ArrayType, ColumnType),
        (null, is_null): (Value, bool),
        is_comparable: bool,
        conversions: Arc<dyn Conversions>,
    ) -> Self {
        let plain = Expr::val("");
        let (saved, selected) = (conversions.save_as(plain.clone()), conversions.select_as(plain.clone()));
        Self {
            iden: match &name {
                Cow::Borrowed(name) => DynIden::from(*name),
                Cow::Owned(name) => DynIden::from(name.clone()),
            },
            name,
            value_type,
            column_type,
            null,
            is_null,
            is_comparable,
            is_saved_as_it_is: leaves_alone(&saved, &plain),
            is_read_as_it_is: leaves_alone(&selected, &plain),
            is_cast: saved != plain || selected != plain,
            conversions,
            is_text_form: false,
            is_of_any_type: false,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn iden(&self) -> DynIden {
        self.iden.clone()
    }

    /// Whether the entity says that the column may be null.
    pub(crate) fn is_null(&self) -> bool {
        self.is_null
    }

    /// Whether its values are lists. A list of documents in a column of documents is a document.
    pub(crate) fn is_list(&self) -> bool {
        is_array(&self.null) && !matches!(self.column_type, ColumnType::Json | ColumnType::JsonBinary)
    }

    pub(crate) fn save_as(&self, value: Expr) -> Expr {
        self.conversions.save_as(value)
    }

    pub(crate) fn select_as(&self, column: Expr) -> Expr {
        if self.is_cast { self.conversions.select_as(column) } else { column }
    }

    pub(crate) fn stored(&self, value: Value) -> Option<Value> {
        self.conversions.stored(value)
    }

    /// Whether the column has no cast of its own for what is stored.
    pub(crate) fn is_saved_as_it_is(&self) -> bool {
        self.is_saved_as_it_is
    }

    /// Whether the column has no cast of its own for what is read.
    pub(crate) fn is_read_as_it_is(&self) -> bool {
        self.is_read_as_it_is
    }

    /// Whether the column has a cast of the entity's own, which knows in which form its values are stored.
    pub(crate) fn is_cast(&self) -> bool {
        self.is_cast
    }

    /// How many digits a decimal of this column may have before the point and after it.
    pub(crate) fn decimal_digits(&self) -> (u32, u32) {
        let column_type = match &self.column_type {
            ColumnType::Array(element) => element,
            single => single,
        };
        match column_type {
            ColumnType::Decimal(Some((digits, scale))) => (digits.saturating_sub(*scale), *scale),
            // 38 in all, the most of DuckDB's.
            _ => (20, 18),
        }
    }
}

/// Whether a cast leaves a value as it is. An enum's is none to an engine that keeps enums as text.
fn leaves_alone(cast: &Expr, plain: &Expr) -> bool {
    match cast {
        Expr::AsEnum(_, inner) => **inner == *plain,
        cast => cast == plain,
    }
}
