//! [`CatalogType`], what the values of a column are that a catalog describes.

use std::sync::Arc;

use sea_orm::{
    Value,
    sea_query::{ArrayType, ColumnType, Expr, ExprTrait as _},
};

use crate::{
    query::is_comparable,
    table::{Conversions, TableColumn},
    value::null_of,
};

/// What the values of a column are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CatalogType {
    /// Values of this type.
    Of(ArrayType),
    /// Text, which the database casts to and from this type of its own.
    #[cfg_attr(not(any(feature = "postgres", feature = "duckdb-linked")), allow(dead_code, reason = "SQLite has none"))]
    TextOf(String),
    /// Each value has a type of its own.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "SQLite alone has such columns"))]
    Any,
}

/// How many digits a decimal has at most, in all and after the point. What fewer digits a column has is for the catalog to say.
const ALL_DIGITS: (u32, u32) = (57, 28);

impl CatalogType {
    /// A column of such values.
    pub(super) fn column(self, name: String, is_null: bool) -> TableColumn {
        let (is_of_any_type, is_text_form) = (self == Self::Any, matches!(self, Self::TextOf(_)));
        let (value_type, cast) = match self {
            Self::Of(value_type) => (value_type, None),
            Self::TextOf(data_type) => (ArrayType::String, Some(data_type)),
            Self::Any => (ArrayType::Bytes, None),
        };
        let column_type = match value_type {
            ArrayType::Decimal => ColumnType::Decimal(Some(ALL_DIGITS)),
            _ => ColumnType::Text,
        };
        let (null, is_comparable) = (null_of(&value_type), is_comparable(&value_type) && !is_of_any_type);
        let types = (value_type, column_type);
        let mut column = TableColumn::new(name.into(), types, (null, is_null), is_comparable, Arc::new(TextCast(cast)));
        (column.is_text_form, column.is_of_any_type) = (is_text_form, is_of_any_type);
        column
    }
}

/// The type of the database's that text is cast to. `None` for a column without casts.
struct TextCast(Option<String>);

impl Conversions for TextCast {
    fn save_as(&self, value: Expr) -> Expr {
        match &self.0 {
            Some(data_type) => value.cast_as(data_type.clone()),
            None => value,
        }
    }

    fn select_as(&self, column: Expr) -> Expr {
        if self.0.is_some() { column.cast_as("text") } else { column }
    }

    fn stored(&self, _: Value) -> Option<Value> {
        None
    }
}
