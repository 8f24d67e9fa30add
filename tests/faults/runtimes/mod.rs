//! Stores that several runtimes use.

#[cfg(feature = "postgres")]
mod postgres;
mod store;
