//! What happens when something breaks: each test breaks it, deterministically, and looks at what is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[macro_use]
mod places;

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod crash;
#[cfg(unix)]
mod disk;
mod history;
mod isolation;
#[cfg(feature = "postgres")]
mod network;
#[cfg(feature = "postgres")]
mod pool;
mod retry;
#[path = "../it/support/mod.rs"]
mod support;
mod tasks;
