//! Resolves queries against the table of an entity: columns by position, values in their types.

use sea_orm::{Value, sea_query::ArrayType};

use super::{
    column::ColumnName,
    elements::of_document,
    filter::Filter,
    operand::{Fitted, fit, misfit, of_any_type},
    tree::{Comparison, ResolvedFilter, Test, Tree},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{check_digits, compare, is_null, portable},
};

/// The engines' limits on a statement are above this by a margin: SQLite takes 32 766 values and expressions 1000 deep.
const MAX_TESTS: usize = 500;
const MAX_PATH_LENGTH: usize = 32;
const MAX_LITERALS: usize = 50;

/// How much of a filter has been seen.
#[derive(Default)]
pub(super) struct Size {
    pub(super) tests: usize,
}

impl Size {
    pub(super) fn add(&mut self, tests: usize) -> Result<()> {
        self.tests = self.tests.saturating_add(tests);
        if self.tests > MAX_TESTS {
            return Err(Error::new(ErrorKind::InvalidInput, "a filter of more than 500 conditions"));
        }
        Ok(())
    }
}

/// Refuses texts that no column of text holds, and columns of other types.
fn of_text<'t>(value_type: &ArrayType, texts: impl IntoIterator<Item = &'t str>) -> Result<()> {
    if !matches!(value_type, ArrayType::String | ArrayType::Enum(_) | ArrayType::Char) {
        return Err(misfit());
    }
    texts.into_iter().try_for_each(|text| portable(text.into()).map(drop))
}

fn too_long_or_none() -> Error {
    Error::new(ErrorKind::InvalidInput, "a path of no keys, or of more than 32")
}

fn check_path(path: &[String]) -> Result<()> {
    if path.len() > MAX_PATH_LENGTH {
        return Err(too_long_or_none());
    }
    path.iter().try_for_each(|key| portable(key.as_str().into()).map(drop))
}

impl Table {
    pub(crate) fn value_type(&self, position: usize) -> Result<&ArrayType> {
        self.column(position).map(|column| &column.value_type)
    }

    /// Refuses a column whose values cannot be compared.
    pub(super) fn require_comparable(&self, position: usize) -> Result<()> {
        if self.columns.get(position).is_none_or(|column| column.is_comparable) {
            return Ok(());
        }
        Err(self.in_column(position, Error::new(ErrorKind::Unsupported, "a column of a type that cannot be compared")))
    }

    /// Refuses a column of whose values it cannot be told whether they are the same.
    pub(super) fn require_distinct(&self, position: usize) -> Result<()> {
        self.require_comparable(position)?;
        if *self.value_type(position)? == ArrayType::Json {
            let error = Error::new(ErrorKind::InvalidInput, "JSON documents cannot be told apart");
            return Err(self.in_column(position, error));
        }
        Ok(())
    }

    /// Resolves a filter against the table. Models that are not there for the repository do not fulfil it.
    pub(crate) fn condition<M>(&self, filter: &Filter<M>) -> Result<ResolvedFilter> {
        Ok(self.visible().and(self.asked(filter)?))
    }

    /// What a filter asks for, which counts together with the repository's own. Models that are marked as deleted may fulfil it.
    pub(super) fn asked<M>(&self, filter: &Filter<M>) -> Result<ResolvedFilter> {
        self.resolve(filter.tree()?, &mut Size { tests: self.scope.tests })
    }

    pub(super) fn require_order(&self, column: usize) -> Result<()> {
        self.require_comparable(column)?;
        if *self.value_type(column)? == ArrayType::Json {
            return Err(self.in_column(column, Error::new(ErrorKind::InvalidInput, "JSON documents have no order")));
        }
        Ok(())
    }

    pub(super) fn resolve(&self, tree: &Tree<ColumnName>, size: &mut Size) -> Result<ResolvedFilter> {
        if matches!(tree, Tree::All(parts) | Tree::Any(parts) if parts.is_empty()) {
            size.add(1)?;
        }
        let mut each = |parts: &[Tree<ColumnName>]| parts.iter().map(|part| self.resolve(part, size)).collect::<Result<Vec<_>>>();
        match tree {
            Tree::All(parts) => each(parts).map(Tree::All),
            Tree::Any(parts) => each(parts).map(Tree::Any),
            Tree::Not(inner) => self.resolve(inner, size).map(Tree::negated),
            Tree::Test(name, test) => {
                size.add(match test {
                    Test::Matches(pattern) => pattern.literals().count().max(1),
                    Test::Has { elements, .. } => elements.len().max(1),
                    _ => 1,
                })?;
                let column = self.position(name)?;
                self.test(column, test).map_err(|error| self.in_column(column, error))
            }
            Tree::Columns(one, comparison, other) => {
                size.add(1)?;
                self.columns_compared(self.position(one)?, *comparison, self.position(other)?)
            }
            Tree::Exists(name, join) => {
                size.add(1)?;
                let column = self.position(name)?;
                let join = self.semi_join(column, join, |table, condition| table.resolve(condition, size))?;
                Ok(Tree::Exists(column, Box::new(join)))
            }
        }
    }

    fn test(&self, column: usize, test: &Test) -> Result<ResolvedFilter> {
        let is = |test| ResolvedFilter::Test(column, test);
        // The elements of a list can be compared where lists cannot.
        if !matches!(test, Test::Null | Test::Has { .. }) {
            self.require_comparable(column)?;
        }
        let value_type = self.value_type(column)?;
        Ok(match test {
            Test::Null => is(Test::Null),
            Test::Compare(comparison, value) => return self.comparison(column, *comparison, value),
            Test::In(_) if *value_type == ArrayType::Json => {
                return Err(Error::new(ErrorKind::InvalidInput, "JSON documents are compared by a path in them"));
            }
            Test::In(values) => {
                let mut fitting = Vec::with_capacity(values.len());
                for value in values.iter().filter(|value| !is_null(value)) {
                    if let Fitted::Value(value) = self.fit(column, value)? {
                        fitting.push(value);
                    }
                }
                // In order, to be searched.
                fitting.sort_by(compare);
                fitting.dedup_by(|one, other| compare(one, other).is_eq());
                if fitting.is_empty() { ResolvedFilter::FALSE } else { is(Test::In(fitting)) }
            }
            Test::Contains(text) | Test::StartsWith(text) => {
                of_text(value_type, [text.as_str()])?;
                match text.is_empty() {
                    true => is(Test::Null).negated(),
                    false => is(test.clone()),
                }
            }
            Test::EqualsIgnoreAsciiCase(text) => {
                of_text(value_type, [text.as_str()])?;
                is(test.clone())
            }
            Test::Matches(pattern) => {
                of_text(value_type, pattern.literals())?;
                if pattern.literals().count() > MAX_LITERALS {
                    return Err(Error::new(ErrorKind::InvalidInput, "a pattern of more than 50 literals"));
                }
                match pattern.without_empty() {
                    Some(pattern) => is(Test::Matches(pattern)),
                    None => is(Test::Null).negated(),
                }
            }
            Test::Path(path, scalar) => {
                if *value_type != ArrayType::Json {
                    return Err(misfit());
                }
                if path.is_empty() {
                    return Err(too_long_or_none());
                }
                check_path(path)?;
                is(Test::Path(path.clone(), of_document(scalar)?))
            }
            Test::Has { path, quantifier, elements } => {
                check_path(path)?;
                return self.has(column, path, *quantifier, elements);
            }
            Test::HasValues(..) => return Err(misfit()),
        })
    }

    fn comparison(&self, column: usize, comparison: Comparison, value: &Value) -> Result<ResolvedFilter> {
        use Comparison as C;
        if *self.value_type(column)? == ArrayType::Json {
            return Err(Error::new(ErrorKind::InvalidInput, "JSON documents are compared by a path in them"));
        }
        if is_null(value) {
            return Ok(ResolvedFilter::FALSE);
        }
        let any_value = || ResolvedFilter::Test(column, Test::Null).negated();
        Ok(match (self.fit(column, value)?, comparison) {
            (Fitted::Value(value), comparison) => ResolvedFilter::Test(column, Test::Compare(comparison, value)),
            (Fitted::Above, C::Less | C::AtMost | C::NotEqual) | (Fitted::Below, C::Greater | C::AtLeast | C::NotEqual) => {
                any_value()
            }
            _ => ResolvedFilter::FALSE,
        })
    }

    pub(super) fn fit(&self, column: usize, value: &Value) -> Result<Fitted> {
        self.require_comparable(column)?;
        let value_type = self.value_type(column)?;
        let described = self.column(column)?;
        let fitted = match fit(value.clone(), value_type) {
            Ok(Fitted::Value(value)) => Ok(Fitted::Value(value)),
            // The column's own type may have values that it stores as others.
            other => described.stored(value.clone()).map_or(other, |stored| fit(stored, value_type)),
        }?;
        if let Fitted::Value(value) = &fitted {
            check_digits(value, || described.decimal_digits())?;
        }
        Ok(fitted)
    }

    /// A value that is to be stored, in the type of its column.
    pub(crate) fn held(&self, position: usize, value: &Value) -> Result<Value> {
        let column = self.column(position)?;
        if is_null(value) {
            return Ok(column.null.clone());
        }
        if column.is_of_any_type {
            return of_any_type(value);
        }
        if !column.is_comparable && value.as_null() == column.null {
            return portable(value.clone());
        }
        match self.fit(position, value)? {
            Fitted::Value(value) => Ok(value),
            _ => Err(Error::new(ErrorKind::InvalidInput, "a number that its column cannot hold")),
        }
    }

    /// The null of a column.
    pub(crate) fn null(&self, column: usize) -> Result<Value> {
        self.column(column).map(|column| column.null.clone())
    }
}
