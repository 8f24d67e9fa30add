//! What belongs to several models at once.

use sea_orm::{Value, sea_query::ArrayType};

use super::{column::ColumnName, filter::Filter, operand::Fitted, part_of_each::PartOfEach, query::Query, tree::Test};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::is_null,
};

impl<M> Query<M> {
    /// The query for the models that have one of these values in a column. It selects, of each value, the models that this query
    /// would select of those with the value.
    pub(crate) fn belonging(&self, column: &ColumnName, values: Vec<Value>) -> Self {
        let mut query = self.clone().filter(Filter::test(column.clone(), Test::In(values)));
        query.parts_of_each.iter_mut().for_each(|part| part.columns.push(column.clone()));
        if self.limit.is_some() || self.offset > 0 {
            query.parts_of_each.push(PartOfEach::new(vec![column.clone()], self.offset, self.limit));
        }
        Self { limit: None, offset: 0, ..query }
    }
}

impl Table {
    /// A value in the type of a column that it is compared with. Returns `None` if no value of the column is equal to it.
    pub(crate) fn comparable(&self, column: usize, value: &Value) -> Result<Option<Value>> {
        if *self.value_type(column)? == ArrayType::Json {
            let error = Error::new(ErrorKind::InvalidInput, "JSON documents are compared by a path in them");
            return Err(self.in_column(column, error));
        }
        if is_null(value) {
            return self.require_comparable(column).map(|()| None);
        }
        match self.fit(column, value).map_err(|error| self.in_column(column, error))? {
            Fitted::Value(value) => Ok(Some(value)),
            Fitted::Above | Fitted::Below => Ok(None),
        }
    }
}
