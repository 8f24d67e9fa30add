//! How the values of a row are handed over.

use sea_orm::Value;

use crate::error::Result;

/// Where a value goes. It is handed over where it is made: values are large, and moving them about is what takes the time of
/// reading a row.
pub type Put<'p> = &'p mut dyn FnMut(Value) -> Result<()>;

/// What gives away the values of a row: each for the column at a position.
pub type ReadRow<'r> = &'r mut dyn FnMut(usize, Put<'_>) -> Result<()>;
