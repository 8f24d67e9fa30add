//! Many models, a store that fails at random, and what becomes of each of them.

use std::{
    collections::{HashMap, HashSet},
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use larder::{
    Creator, Cx, Error, ErrorKind, Filter, ModelStream, OnConflict, Projection, Query, Reader, Result, Row, Upserted,
    WriteBehind, WriteBehindOptions,
};
use uuid::Uuid;

use crate::support::entities::note;

/// How many models are counted.
fn models() -> u64 {
    std::env::var("LARDER_QUEUE_MODELS").map_or(1_000_000, |number| number.parse().expect("a number"))
}

/// A table that keeps what it is given as a whole or not at all, refuses ids that it has, and fails now and then, before or after
/// it has done its work.
struct Flaky {
    stored: Mutex<HashMap<Uuid, u32>>,
    random: Mutex<fastrand::Rng>,
    faults: AtomicU64,
}

/// A note that no table takes.
fn is_bad(note: &note::Model) -> bool {
    note.body.starts_with('!')
}

impl Flaky {
    fn store(&self, notes: &[note::Model]) -> Result<()> {
        let fault = self.random.lock().unwrap().u32(0..100);
        if fault < 8 {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            0 => return Err(Error::new(ErrorKind::Connection, "before")),
            1 => return Err(Error::new(ErrorKind::Contention, "before")),
            2 => return Err(Error::new(ErrorKind::DeadlineExceeded, "before")),
            3 => return Err(Error::new(ErrorKind::CommitUnknown, "before")),
            4 => resume_unwind(Box::new("before")),
            _ => {}
        }
        let mut stored = self.stored.lock().unwrap();
        if notes.iter().any(is_bad) {
            return Err(Error::new(ErrorKind::Check, "a bad note"));
        }
        if notes.iter().any(|note| stored.contains_key(&note.id)) {
            return Err(Error::new(ErrorKind::Duplicate, "it is there"));
        }
        for note in notes {
            *stored.entry(note.id).or_default() += 1;
        }
        drop(stored);
        match fault {
            5 | 6 => Err(Error::new(ErrorKind::CommitUnknown, "after")),
            7 => resume_unwind(Box::new("after")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Creator<note::Model> for Flaky {
    async fn create(&self, _: &Cx, note: &note::Model) -> Result<note::Model> {
        self.store(std::slice::from_ref(note)).map(|()| note.clone())
    }

    async fn create_many(&self, _: &Cx, notes: &[note::Model]) -> Result<Vec<note::Model>> {
        self.store(notes).map(|()| notes.to_vec())
    }

    async fn create_batch(&self, _: &Cx, notes: &[note::Model]) -> Result<u64> {
        self.store(notes).map(|()| notes.len() as u64)
    }

    async fn upsert_batch(&self, _: &Cx, _: &[note::Model], _: &OnConflict<note::Model>) -> Result<Upserted> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }
}

#[async_trait]
impl Reader<note::Model, Uuid> for Flaky {
    async fn find(&self, _: &Cx, _: &Uuid) -> Result<Option<note::Model>> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }

    async fn find_many(&self, _: &Cx, ids: &[Uuid]) -> Result<Vec<note::Model>> {
        if self.random.lock().unwrap().u32(0..10) == 0 {
            return Err(Error::new(ErrorKind::Connection, "while it looked"));
        }
        let stored = self.stored.lock().unwrap();
        let found = ids.iter().filter(|id| stored.contains_key(id));
        Ok(found.map(|id| note::Model { id: *id, body: String::new() }).collect())
    }

    async fn query(&self, _: &Cx, _: &Query<note::Model>) -> Result<Vec<note::Model>> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }

    async fn stream(&self, _: &Cx, _: &Query<note::Model>) -> Result<ModelStream<note::Model>> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }

    async fn project(&self, _: &Cx, _: &Query<note::Model>, _: &Projection<note::Model>) -> Result<Vec<Row>> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }

    async fn count(&self, _: &Cx, _: &Filter<note::Model>) -> Result<u64> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }
}

/// What a producer knows of its notes.
#[derive(Default)]
struct Told {
    stored: Vec<Uuid>,
    failed: Vec<Uuid>,
    /// Those whose tickets were dropped: whether each is a bad one.
    untold: Vec<(Uuid, bool)>,
}

async fn produce(queue: WriteBehind<note::Model>, producer: u64, count: u64) -> Told {
    let mut told = Told::default();
    let mut waiting = Vec::new();
    for number in 0..count {
        let is_bad = number % 1000 == 17;
        let body = format!("{}{producer} {number}", if is_bad { "!" } else { "" });
        let note = note::Model { id: Uuid::from_u128(u128::from(producer) << 64 | u128::from(number)), body };
        let id = note.id;
        let ticket = queue.submit_wait(&Cx::new(), &note).await.unwrap();
        match number % 3 {
            0 => told.untold.push((id, is_bad)),
            _ => waiting.push((id, ticket)),
        }
        if waiting.len() >= 3000 {
            answers(&mut waiting, &mut told).await;
        }
    }
    answers(&mut waiting, &mut told).await;
    told
}

async fn answers(waiting: &mut Vec<(Uuid, larder::Ticket<note::Model>)>, told: &mut Told) {
    for (id, ticket) in waiting.drain(..) {
        match ticket.await {
            Ok(note) => {
                assert_eq!(note.id, id);
                told.stored.push(id);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Check, "{error}");
                told.failed.push(id);
            }
        }
    }
}

/// Of a million models, through a store that fails at random, before its work and after it, each is stored once or reported as
/// what cannot be stored, and never both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_million_models_each_is_stored_once_or_reported() {
    let (producers, models) = (8, models());
    let table =
        Arc::new(Flaky { stored: Mutex::default(), random: Mutex::new(fastrand::Rng::with_seed(7)), faults: AtomicU64::new(0) });
    let options = WriteBehindOptions::new().batch_size(500).linger(Duration::from_millis(2));
    let queue = WriteBehind::builder(table.clone()).options(options).reconcile_by_id().start().await.unwrap();
    let began = std::time::Instant::now();
    let tasks: Vec<_> =
        (0..producers).map(|producer| tokio::spawn(produce(queue.clone(), producer, models / producers))).collect();
    let mut told = Vec::new();
    for task in tasks {
        told.push(task.await.unwrap());
    }
    let stats = queue.close(&Cx::new()).await;

    let stored = table.stored.lock().unwrap();
    let failed: HashSet<_> = told.iter().flat_map(|told| &told.failed).copied().collect();
    assert!(stored.values().all(|times| *times == 1));
    assert!(told.iter().flat_map(|told| &told.stored).all(|id| stored.contains_key(id)));
    assert!(failed.iter().all(|id| !stored.contains_key(id)));
    assert!(told.iter().flat_map(|told| &told.untold).all(|(id, is_bad)| stored.contains_key(id) != *is_bad));
    let models = models / producers * producers;
    assert_eq!((stats.accepted, stats.stored + stats.failed), (models, models));
    assert_eq!(stored.len() as u64, stats.stored);
    assert_eq!(stats.failed, (0..models / producers).filter(|number| number % 1000 == 17).count() as u64 * producers);
    assert!(stats.retries > 0 && table.faults.load(Ordering::Relaxed) > 0);
    println!(
        "{} models, {} stored, {} reported, {} faults, {} retries, {:.1?}",
        stats.accepted,
        stats.stored,
        stats.failed,
        table.faults.load(Ordering::Relaxed),
        stats.retries,
        began.elapsed()
    );
}
