//! Backends to run the promises on, and the models to run them with.

#![allow(dead_code)] // Each feature uses a part of it.

pub(crate) mod backend;
#[cfg(all(unix, feature = "postgres"))]
pub mod pooler;
#[cfg(feature = "postgres")]
pub mod postgres;
pub(crate) mod spans;
pub(crate) mod warnings;

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use larder::testing::{
    Items, Notes, Pages, People, create_tables, drop_at, entities, item, job, note, page, person, refuses_actions, sample, time,
};
