//! What happens when something breaks: each test breaks it, deterministically, and looks at what is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[cfg(feature = "postgres")]
mod network;
#[cfg(feature = "postgres")]
mod pool;
#[path = "../it/support/mod.rs"]
mod support;

#[macro_use]
mod places;
mod history;
mod isolation;
mod retry;
mod tasks;
