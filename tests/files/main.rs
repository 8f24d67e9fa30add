//! Stores in files: the promises of the contract in each format, and what files have to themselves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[cfg(unix)]
#[path = "../faults/child.rs"]
mod child;
#[cfg(target_os = "linux")]
mod crash;
mod damage;
mod folder;
mod formats;
#[cfg(target_os = "linux")]
mod full;
mod held;
mod outside;
#[cfg(target_os = "linux")]
#[path = "../faults/disk/room.rs"]
mod room;
#[path = "../it/support/mod.rs"]
mod support;
#[cfg(unix)]
#[path = "../faults/crash/writer.rs"]
mod writer;
mod written;
