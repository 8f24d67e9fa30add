//! Models of the suite's entities.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::entities::{Fingerprint, item, job, note, page, person, sample};
use crate::Storage;

/// A repository of notes.
pub type Notes = Arc<dyn Storage<note::Model, Uuid>>;
/// A repository of items.
pub type Items = Arc<dyn Storage<item::Model, i32>>;
/// A repository of pages.
pub type Pages = Arc<dyn Storage<page::Model, i64>>;
/// A repository of people.
pub type People = Arc<dyn Storage<person::Model, i64>>;

/// A note with an id of its own.
pub fn note(body: &str) -> note::Model {
    note::Model { id: Uuid::new_v4(), body: body.to_owned() }
}

/// A person whose id, level and time of joining are left to the engine.
pub fn person(email: &str) -> person::Model {
    person::Model { id: 0, email: email.to_owned(), row: None, place: None, level: None, joined: None }
}

/// A time.
///
/// # Panics
/// If the text is no time.
pub fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time in the test's own text")
}

/// A sample with an id of its own.
pub fn sample(text: &str) -> sample::Model {
    sample::Model {
        id: Uuid::new_v4(),
        small: 7,
        large: 1 << 40,
        hash: Fingerprint(u64::MAX),
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

/// An item with nothing in it but what has to be.
pub fn item(id: i32) -> item::Model {
    item::Model {
        id,
        name: "same".to_owned(),
        nick: None,
        status: None,
        small: 0,
        large: None,
        real: None,
        single: None,
        flag: None,
        bytes: None,
        token: None,
        day: None,
        hour: None,
        local: None,
        at: time("2026-01-01T00:00:00Z"),
        due: None,
        json: None,
    }
}

/// A job that nobody has claimed, named after its id.
pub fn job(id: i64) -> job::Model {
    job::Model { id, name: format!("job {id:03}"), due: None, tries: 0, worker: None }
}

/// A page of the first version, whose times are left to the repository.
pub fn page(id: i64, title: &str) -> page::Model {
    let created_at = chrono::DateTime::UNIX_EPOCH;
    page::Model { id, version: 1, title: title.to_owned(), created_at, updated_at: None, deleted_at: None }
}

/// Polls a future at most `polls` times and then drops it. Answers what it came to, if it got that far.
pub async fn drop_at<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
