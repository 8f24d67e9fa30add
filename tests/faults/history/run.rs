//! Random transactions at once, and what became of them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use larder::{Cx, Error, ErrorKind, Isolation, Locking, ReaderExt, Retry, Storage, Store, TransactionalExt, TxOptions};

use super::check::{Key, List, Outcome, Step, Transaction};
use crate::support::{drop_at, entities::label};

pub(crate) type Lists = Arc<dyn Storage<label::Model, String>>;

/// So many transactions go by before others have other keys, so that lists stay short.
const WINDOW: usize = 60;
/// The keys that transactions have at one time.
const KEYS: usize = 4;

/// What has happened so far, in no order. Each attempt of a transaction is one of its own.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    transactions: Arc<Mutex<Vec<Transaction>>>,
    elements: Arc<AtomicU32>,
}

impl Journal {
    /// Notes the beginning of an attempt, which has failed until it is known to have not.
    pub(crate) fn begin(&self) -> usize {
        let mut transactions = self.transactions.lock().unwrap();
        transactions.push(Transaction { steps: Vec::new(), outcome: Outcome::Aborted });
        transactions.len() - 1
    }

    pub(crate) fn end(&self, nth: usize, outcome: Outcome) {
        self.transactions.lock().unwrap()[nth].outcome = outcome;
    }

    fn note(&self, nth: usize, step: Step) {
        self.transactions.lock().unwrap()[nth].steps.push(step);
    }

    pub(crate) async fn read(&self, nth: usize, cx: &Cx, lists: &Lists, key: Key) -> Result<List, Error> {
        let text = lists.get(cx, &key.to_string()).await?.text.unwrap();
        let list: List = text.split_terminator(',').map(|element| element.parse().unwrap()).collect();
        self.note(nth, Step::Read(key, list.clone()));
        Ok(list)
    }

    /// Writes a list with another element at its end, and answers it. What is written is noted before: it may be seen though its
    /// writer never learns that.
    pub(crate) async fn write(&self, nth: usize, cx: &Cx, lists: &Lists, key: Key, mut list: List) -> Result<List, Error> {
        list.push(self.elements.fetch_add(1, Ordering::Relaxed));
        self.note(nth, Step::Write(key, list.clone()));
        let text = list.iter().map(|element| format!("{element},")).collect();
        lists.update(cx, &label::Model { name: key.to_string(), text: Some(text) }).await?;
        Ok(list)
    }

    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.transactions.lock().unwrap().clone()
    }
}

/// Stores an empty list for each of so many keys.
pub(crate) async fn make_lists(lists: &Lists, count: usize) {
    let empty: Vec<_> = (0..count).map(|key| label::Model { name: key.to_string(), text: Some(String::new()) }).collect();
    lists.create_batch(&Cx::new(), &empty).await.unwrap();
}

/// Runs so many transactions on each of the stores, which share their data, by a task for each of the stores given. The seed
/// settles what they do, and chance in which order.
pub(crate) async fn run(stores: &[Store], isolation: Isolation, transactions: usize, seed: u64) -> Vec<Transaction> {
    let journal = Journal::default();
    let next = Arc::new(AtomicUsize::new(0));
    make_lists(&stores[0].repository::<label::Entity>(), transactions / WINDOW + KEYS).await;
    let tasks = stores.iter().zip(seed..).map(|(store, seed)| {
        let worker =
            Worker { lists: store.repository::<label::Entity>(), store: store.clone(), isolation, journal: journal.clone() };
        let (next, mut random) = (next.clone(), Rng::with_seed(seed));
        tokio::spawn(async move {
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                if nth >= transactions {
                    break;
                }
                worker.transact(&Plan::random(&mut random, nth / WINDOW)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    journal.transactions()
}

/// What one transaction does.
struct Plan {
    steps: Vec<(Key, Kind)>,
    locking: Option<Locking>,
    fails: bool,
    /// After so many polls it is dropped.
    polls: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Append,
    /// In a nested transaction, which then fails.
    AppendInVain,
}

impl Plan {
    fn random(random: &mut Rng, first_key: usize) -> Self {
        let only_reads = random.u8(0..10) < 2;
        let steps = (0..random.usize(1..=4)).map(|_| {
            let kind = match random.u8(0..20) {
                _ if only_reads => Kind::Read,
                0 => Kind::AppendInVain,
                1..=9 => Kind::Append,
                _ => Kind::Read,
            };
            (Key::try_from(first_key + random.usize(0..KEYS)).unwrap(), kind)
        });
        Self {
            steps: steps.collect(),
            locking: random.bool().then_some(Locking::Deferred),
            fails: random.u8(0..20) == 0,
            polls: (random.u8(0..20) == 0).then(|| random.usize(1..40)),
        }
    }
}

struct Worker {
    store: Store,
    lists: Lists,
    isolation: Isolation,
    journal: Journal,
}

impl Worker {
    async fn transact(&self, plan: &Plan) {
        // With so few keys, hardly a transaction is alone.
        let retry = Retry::attempts(500).wait(Duration::from_millis(1), Duration::from_millis(30));
        let mut options = TxOptions::new().isolation(self.isolation).retry(retry);
        if plan.steps.iter().all(|(_, kind)| *kind == Kind::Read) {
            options = options.read_only();
        } else if let Some(locking) = plan.locking.filter(|_| self.store.capabilities().locking) {
            options = options.locking(locking);
        }
        let last = &Mutex::new(None);
        let transaction = self.store.tx_with(&Cx::new(), options, |cx| async move {
            let nth = self.journal.begin();
            *last.lock().unwrap() = Some(nth);
            for (key, kind) in &plan.steps {
                self.step(nth, &cx, *key, *kind).await?;
                tokio::task::yield_now().await;
            }
            if plan.fails { Err(Error::new(ErrorKind::Internal, "as planned")) } else { Ok(()) }
        });
        let outcome = drop_at(plan.polls.unwrap_or(usize::MAX), transaction).await;
        let outcome = match outcome.map(|outcome| outcome.map_err(|error| (error.kind(), error))) {
            Some(Ok(())) => Outcome::Committed,
            None | Some(Err((ErrorKind::CommitUnknown, _))) => Outcome::Unknown,
            Some(Err((ErrorKind::Internal, _))) if plan.fails => return,
            // Without savepoints, what a nested transaction undoes takes the whole along.
            Some(Err((ErrorKind::TransactionAborted, _))) if !self.store.capabilities().savepoints => return,
            Some(Err((_, error))) => panic!("{error}"),
        };
        let last = *last.lock().unwrap();
        last.into_iter().for_each(|nth| self.journal.end(nth, outcome));
    }

    async fn step(&self, nth: usize, cx: &Cx, key: Key, kind: Kind) -> Result<(), Error> {
        let (journal, lists) = (&self.journal, &self.lists);
        match kind {
            Kind::Read => journal.read(nth, cx, lists, key).await.map(drop),
            Kind::Append => {
                let list = journal.read(nth, cx, lists, key).await?;
                journal.write(nth, cx, lists, key, list).await.map(drop)
            }
            Kind::AppendInVain => {
                let list = &journal.read(nth, cx, lists, key).await?;
                let undone = self.store.tx(cx, |cx| async move {
                    journal.write(journal.begin(), &cx, lists, key, list.clone()).await?;
                    Err::<(), _>(Error::new(ErrorKind::Internal, "undone"))
                });
                match undone.await {
                    Err(error) if error.kind() == ErrorKind::Internal => Ok(()),
                    other => other,
                }
            }
        }
    }
}
