//! A repository of an application's own, which does what a test tells it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use larder::{Creator, Cx, Error, ErrorKind, OnConflict, Result, Upserted, WriteBehind, WriteBehindOptions};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// A model that no SeaORM entity stands behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) text: String,
}

pub(crate) fn item(id: u64) -> Item {
    Item { id, text: String::new() }
}

pub(crate) fn items(ids: std::ops::Range<u64>) -> Vec<Item> {
    ids.map(item).collect()
}

/// What a call does, by its number and its models.
type Script = dyn Fn(usize, &[Item]) -> Act + Send + Sync;

/// What a call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Store,
    Fail(ErrorKind),
    /// Fails with a code of an engine.
    Refuse(ErrorKind),
    /// Stores, and fails to say so.
    StoreAndFail(ErrorKind),
    Panic,
    Hang,
}

pub(crate) struct Scripted {
    script: Box<Script>,
    calls: AtomicUsize,
    /// The calls that stored something, in their order.
    stored: Mutex<Vec<Vec<Item>>>,
    /// Whether calls wait, and what ends that.
    paused: Mutex<bool>,
    resumed: Notify,
}

impl Scripted {
    pub(crate) fn new(script: impl Fn(usize, &[Item]) -> Act + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            calls: AtomicUsize::new(0),
            stored: Mutex::default(),
            paused: Mutex::default(),
            resumed: Notify::new(),
        })
    }

    pub(crate) fn sound() -> Arc<Self> {
        Self::new(|_, _| Act::Store)
    }

    /// Refuses batches that have one of these.
    pub(crate) fn poisoned_by(ids: impl Into<Vec<u64>>) -> Arc<Self> {
        let ids = ids.into();
        Self::new(move |_, items| match items.iter().any(|item| ids.contains(&item.id)) {
            true => Act::Fail(ErrorKind::Duplicate),
            false => Act::Store,
        })
    }

    pub(crate) fn pause(&self) {
        *self.paused.lock().unwrap() = true;
    }

    pub(crate) fn resume(&self) {
        *self.paused.lock().unwrap() = false;
        self.resumed.notify_waiters();
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn batches(&self) -> Vec<Vec<u64>> {
        self.stored.lock().unwrap().iter().map(|batch| batch.iter().map(|item| item.id).collect()).collect()
    }

    pub(crate) fn stored(&self) -> Vec<u64> {
        self.batches().concat()
    }

    async fn call(&self, items: &[Item]) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        loop {
            let resumed = self.resumed.notified();
            if !*self.paused.lock().unwrap() {
                break;
            }
            resumed.await;
        }
        let store = || self.stored.lock().unwrap().push(items.to_vec());
        match (self.script)(call, items) {
            Act::Store => store(),
            Act::Fail(kind) => {
                let error = Error::new(kind, "as the script says");
                return Err(if kind == ErrorKind::EngineDown { error.with_code("FATAL") } else { error });
            }
            Act::Refuse(kind) => return Err(Error::new(kind, "as the script says").with_code("42501")),
            Act::StoreAndFail(kind) => {
                store();
                return Err(Error::new(kind, "as the script says"));
            }
            // Without the noise.
            Act::Panic => std::panic::resume_unwind(Box::new("as the script says")),
            Act::Hang => std::future::pending().await,
        }
        Ok(())
    }
}

#[async_trait]
impl Creator<Item> for Scripted {
    async fn create(&self, _: &Cx, item: &Item) -> Result<Item> {
        self.call(std::slice::from_ref(item)).await.map(|()| item.clone())
    }

    /// Tickets are told from models by what is made of their text.
    async fn create_many(&self, _: &Cx, items: &[Item]) -> Result<Vec<Item>> {
        self.call(items).await?;
        Ok(items.iter().map(|item| Item { text: format!("stored {}", item.id), ..item.clone() }).collect())
    }

    async fn create_batch(&self, _: &Cx, items: &[Item]) -> Result<u64> {
        self.call(items).await.map(|()| items.len() as u64)
    }

    async fn upsert_batch(&self, _: &Cx, _: &[Item], _: &OnConflict<Item>) -> Result<Upserted> {
        Err(Error::new(ErrorKind::Unsupported, "not here"))
    }
}

pub(crate) async fn queue(repository: &Arc<Scripted>, options: WriteBehindOptions) -> WriteBehind<Item> {
    WriteBehind::builder(repository.clone()).options(options).start().await.unwrap()
}

/// Submits an item that nobody waits for.
pub(crate) fn submit(queue: &WriteBehind<Item>, id: u64) {
    drop(queue.submit(&Cx::new(), &item(id)).unwrap());
}
