//! Stores that several runtimes use.

mod ends;
#[cfg(feature = "postgres")]
mod postgres;
mod store;
