//! Backends to run the promises on, and the models to run them with.

#![allow(dead_code)] // Each feature uses a part of it.

pub(crate) mod backend;
pub(crate) mod entities;
#[cfg(feature = "postgres")]
pub mod postgres;
pub(crate) mod tables;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use larder::Storage;
use uuid::Uuid;

use self::entities::{note, person, sample};

pub(crate) type Notes = Arc<dyn Storage<note::Model, Uuid>>;
pub(crate) type People = Arc<dyn Storage<person::Model, i64>>;

pub(crate) fn note(body: &str) -> note::Model {
    note::Model { id: Uuid::new_v4(), body: body.to_owned() }
}

/// A person whose id, level and time of joining are left to the engine.
pub(crate) fn person(email: &str) -> person::Model {
    person::Model { id: 0, email: email.to_owned(), row: None, place: None, level: None, joined: None }
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time in the test's own text")
}

pub(crate) fn sample(text: &str) -> sample::Model {
    sample::Model {
        id: Uuid::new_v4(),
        small: 7,
        large: 1 << 40,
        hash: larder_entity::ConfigVersion(u64::MAX),
        real: 0.1,
        flag: true,
        text: text.to_owned(),
        bytes: vec![0, 1, 255],
        at: time("2026-03-01T12:00:00.123456Z"),
        local: None,
        day: None,
        json: None,
    }
}
