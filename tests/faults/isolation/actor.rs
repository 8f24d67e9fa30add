//! A transaction that does one step after another, in a task of its own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use larder::{Cx, Error, ErrorKind, SqlText, Store, Transactional, TxOptions, field};
use tokio::sync::{mpsc, oneshot};

use crate::{
    history::{
        check::{Key, List, Outcome},
        run::{Journal, Lists},
    },
    support::entities::label::{self, COLUMN},
};

/// Returns when a step has been done, or its session waits for a lock.
pub(super) async fn until_answered_or_waiting(store: &Store, answer: &mut oneshot::Receiver<()>) {
    let text = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting = async {
        loop {
            let counts: Vec<(i64,)> = store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(text)).await.unwrap();
            if counts[0].0 > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = answer => answer.unwrap(),
        () = waiting => {}
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("a step neither ends nor waits for a lock"),
    }
}

/// One of the transactions, in a task of its own: a step of it may wait while those of others go on.
pub(super) struct Actor {
    steps: mpsc::UnboundedSender<(String, oneshot::Sender<()>)>,
    pub(super) unanswered: Vec<oneshot::Receiver<()>>,
    pub(super) writes: bool,
    pub(super) has_written: bool,
    pub(super) is_open: bool,
}

impl Actor {
    pub(super) fn new(number: u32, store: Store, options: TxOptions, writes: bool, journal: Journal, counts: Counts) -> Self {
        let (steps, mut asked) = mpsc::unbounded_channel::<(String, oneshot::Sender<()>)>();
        tokio::spawn(async move {
            let mut part = Part::begin(number, &store, options, journal, counts).await;
            while let Some((step, answer)) = asked.recv().await {
                if let Some(going_on) = part.take() {
                    part = going_on.step(&step).await;
                }
                answer.send(()).unwrap();
            }
        });
        Self { steps, unanswered: Vec::new(), writes, has_written: false, is_open: true }
    }

    pub(super) fn send(&mut self, step: &str) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        self.has_written |= step.starts_with(['w', 'i']);
        self.steps.send((step.to_owned(), answer)).unwrap();
        answered
    }

    /// Waits for the steps that were sent.
    pub(super) async fn settle(&mut self) {
        for answer in self.unanswered.drain(..) {
            let in_time = tokio::time::timeout(Duration::from_secs(60), answer).await;
            in_time.expect("a step that nobody holds up ends").unwrap();
        }
    }
}

type Counts = Arc<Mutex<BTreeMap<u32, Vec<u64>>>>;

/// A transaction that goes on.
struct Part {
    number: u32,
    cx: Cx,
    lists: Lists,
    journal: Journal,
    /// Which of the journal's it is.
    nth: usize,
    read: BTreeMap<Key, List>,
    counts: Counts,
}

impl Part {
    /// None where another is in the way, now and in each step.
    async fn begin(number: u32, store: &Store, options: TxOptions, journal: Journal, counts: Counts) -> Option<Self> {
        let cx = in_the_way(store.begin(&Cx::new(), options).await)?;
        let nth = journal.begin();
        Some(Self { number, cx, lists: store.repository::<label::Entity>(), journal, nth, read: BTreeMap::new(), counts })
    }

    async fn step(mut self, step: &str) -> Option<Self> {
        let key = step.get(1..).and_then(|key| key.parse().ok()).unwrap_or_default();
        match &step[..1] {
            "r" => {
                let list = in_the_way(self.journal.read(self.nth, &self.cx, &self.lists, key).await)?;
                self.read.insert(key, list);
            }
            "w" => {
                let list = self.read.get(&key).cloned().unwrap_or_default();
                let list = in_the_way(self.journal.write(self.nth, &self.cx, &self.lists, key, list).await)?;
                self.read.insert(key, list);
            }
            "n" => {
                let marked = field(COLUMN.text).equals("marked");
                let count = in_the_way(self.lists.count(&self.cx, &marked).await)?;
                self.counts.lock().unwrap().entry(self.number).or_default().push(count);
            }
            "i" => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let name = format!("m{}", NEXT.fetch_add(1, Ordering::Relaxed));
                in_the_way(self.lists.create(&self.cx, &label::Model { name, text: Some("marked".to_owned()) }).await)?;
            }
            "c" => {
                in_the_way(self.cx.commit().await)?;
                self.journal.end(self.nth, Outcome::Committed);
                return None;
            }
            _ => {
                self.cx.rollback().await.unwrap();
                return None;
            }
        }
        Some(self)
    }
}

fn in_the_way<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::Contention => None,
        Err(error) => panic!("{error}"),
    }
}
