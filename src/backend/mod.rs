//! The places models are stored in. Each backend implements the contract of [`repository`](crate::repository) for every entity.

pub(crate) mod memory;
#[cfg(feature = "_sql")]
pub(crate) mod sql;
mod turns;
