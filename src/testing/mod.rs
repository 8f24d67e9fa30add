//! For tests: the conformance suite, which proves the promises of the contract on any [backend](crate::backend) or stack of
//! [layers](crate::layer).
//!
//! [`conformance!`] makes a test of every promise, for a backend that a [`Harness`] opens. See
//! [`guide::backends_and_layers`](crate::guide::backends_and_layers) for a backend of your own, and
//! [`guide::testing`](crate::guide::testing) for tests of an application.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::future_not_send,
    missing_docs,
    missing_debug_implementations,
    reason = "a test panics where a promise is broken, and the suite's entities need no words"
)]

pub mod conformance;
pub mod entities;
mod harness;
mod models;
mod script;
mod tables;

use std::future::Future;

pub use self::{
    harness::{Fixture, Harness, OpenWith},
    models::{Items, Notes, Pages, People, drop_at, item, job, note, page, person, sample, time},
    script::Script,
    tables::{create_tables, refuses_actions},
};
#[doc(inline)]
pub use crate::__conformance as conformance;

/// Runs one promise of the suite on a runtime of its own, with two threads.
///
/// # Panics
/// If the promise is broken.
#[doc(hidden)]
pub fn run<F: Future<Output = ()>>(harness: &'static dyn Harness, promise: fn(&'static dyn Harness) -> F) {
    if harness.is_skipped() {
        eprintln!("skipped as asked");
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().expect("a runtime").block_on(promise(harness));
}
