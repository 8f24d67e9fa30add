//! Conditions on the elements of lists, resolved against a table.

use sea_orm::{Value, sea_query::ArrayType};

use super::{
    column::Scalar,
    operand::{Fitted, fit, is_whole, misfit},
    tree::{Quantifier, ResolvedFilter, Test},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::portable,
};

impl Table {
    /// The condition that a column has elements. One of none is fulfilled by nothing.
    pub(super) fn has(
        &self,
        column: usize,
        path: &[String],
        quantifier: Quantifier,
        elements: &[Scalar],
    ) -> Result<ResolvedFilter> {
        let described = self.column(column)?;
        if let (Value::Array(element_type, _), true) = (&described.null, described.is_list()) {
            if !path.is_empty() {
                return Err(misfit());
            }
            return has_values(column, element_type, quantifier, elements);
        }
        if described.value_type != ArrayType::Json {
            return Err(misfit());
        }
        let elements: Vec<Scalar> = elements.iter().map(of_document).collect::<Result<_>>()?;
        if elements.is_empty() && quantifier == Quantifier::Any {
            return Ok(ResolvedFilter::FALSE);
        }
        Ok(ResolvedFilter::Test(column, Test::Has { path: path.to_vec(), quantifier, elements }))
    }
}

/// A value as a document holds it.
pub(super) fn of_document(scalar: &Scalar) -> Result<Scalar> {
    Ok(match scalar {
        Scalar::Text(text) => portable(text.as_str().into()).map(|_| scalar.clone())?,
        Scalar::Uuid(id) => Scalar::Text(id.to_string()),
        Scalar::Integer(_) | Scalar::Bool(_) => scalar.clone(),
    })
}

/// The condition that a column of lists has elements. Those that no such list holds are in none.
fn has_values(column: usize, of: &ArrayType, quantifier: Quantifier, elements: &[Scalar]) -> Result<ResolvedFilter> {
    if !(matches!(of, ArrayType::String | ArrayType::Uuid | ArrayType::Bool) || is_whole(of)) {
        return Err(Error::new(ErrorKind::Unsupported, "a list of a type whose elements cannot be compared"));
    }
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        let value = match element {
            Scalar::Text(text) => text.as_str().into(),
            Scalar::Integer(number) => (*number).into(),
            Scalar::Bool(value) => (*value).into(),
            Scalar::Uuid(id) => (*id).into(),
        };
        match (fit(value, of)?, quantifier) {
            (Fitted::Value(value), _) => values.push(value),
            (_, Quantifier::All) => return Ok(ResolvedFilter::FALSE),
            (_, Quantifier::Any) => {}
        }
    }
    Ok(match (values.is_empty(), quantifier) {
        (true, Quantifier::Any) => ResolvedFilter::FALSE,
        (true, Quantifier::All) => ResolvedFilter::Test(column, Test::Null).negated(),
        (false, _) => ResolvedFilter::Test(column, Test::HasValues(quantifier, values)),
    })
}
