//! What happens when something breaks: each test breaks it, deterministically, and looks at what is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[path = "../it/support/mod.rs"]
mod support;

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod crash;
#[cfg(unix)]
mod disk;
