//! Interleavings written by hand, and which anomalies they come to on each store and level.

mod actor;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use larder::{Cx, DeleterExt, Isolation, Locking, Store, TxOptions};

use self::actor::{Actor, until_answered_or_waiting};
use crate::{
    history::{
        check::{self, Anomaly, Key, Outcome, Step, Transaction},
        run::{Journal, make_lists},
    },
    places::Place,
    support::entities::label,
};

everywhere! {
    interleavings_come_to_what_their_level_allows
}

/// Which anomalies happen where; a dash, where they do not. SQLite by one store, whose writers wait for each other, and by two,
/// whose transactions lock at their first write.
const TABLE: &str = "
                   | memory | sqlite | sqlite by two | duckdb | postgres rc | postgres rr | postgres s
dirty write        | -      | -      | -             | -      | -           | -           | -
aborted read       | -      | -      | -             | -      | -           | -           | -
intermediate read  | -      | -      | -             | -      | -           | -           | -
circular flow      | -      | -      | -             | -      | -           | -           | -
lost update        | -      | -      | -             | -      | yes         | -           | -
unrepeatable read  | -      | -      | -             | -      | yes         | -           | -
read skew          | -      | -      | -             | -      | yes         | -           | -
phantom            | -      | -      | -             | -      | yes         | -           | -
write skew         | -      | -      | -             | yes    | yes         | yes         | -
skew by a phantom  | -      | -      | -             | yes    | yes         | yes         | -
";

/// An interleaving: steps of transactions, such as `1r0`, and how to tell from what was seen that the anomaly has happened. `r`
/// reads a list, `w` appends to it as it was read, or to an empty one; `n` counts the marked models and `i` makes one; `c`
/// commits and `x` rolls back.
const INTERLEAVINGS: &[(&str, &str, Sign)] = &[
    ("dirty write", "1w0 2w0 1w1 1c 2w1 2c", |seen| seen.last_writers(0, 1).is_some_and(|(one, other)| one != other)),
    ("aborted read", "1w0 2r0 1x 2r0 2c", |seen| seen.shows(Anomaly::G1a)),
    ("intermediate read", "1r0 1w0 2r0 1w0 1c 2r0 2c", |seen| seen.shows(Anomaly::G1b)),
    ("circular flow", "1r0 2r1 1w0 2w1 1r1 2r0 1c 2c", |seen| seen.shows(Anomaly::G1c)),
    ("lost update", "1r0 2r0 1w0 2w0 1c 2c", |seen| seen.shows(Anomaly::GSingle)),
    ("unrepeatable read", "1r0 2r0 2w0 2c 1r0 1c", |seen| seen.shows(Anomaly::GSingle)),
    ("read skew", "1r0 2r0 2r1 2w0 2w1 2c 1r1 1c", |seen| seen.shows(Anomaly::GSingle)),
    ("phantom", "1n 2i 2c 1n 1c", |seen| seen.counts[&1].windows(2).any(|counts| counts[0] != counts[1])),
    ("write skew", "1r0 1r1 2r0 2r1 1w0 2w1 1c 2c", |seen| seen.shows(Anomaly::G2Item)),
    // Each makes a model because there is none.
    ("skew by a phantom", "1n 2n 1i 2i 1c 2c", |seen| seen.commits == 2 && seen.counts.values().all(|counts| *counts == [0])),
];

/// Whether an anomaly has happened.
type Sign = fn(&Seen) -> bool;

/// What an interleaving has come to.
struct Seen {
    history: Vec<Transaction>,
    counts: BTreeMap<u32, Vec<u64>>,
    commits: usize,
}

impl Seen {
    fn shows(&self, anomaly: Anomaly) -> bool {
        check::check(&self.history).contains_key(&anomaly)
    }

    /// Which transactions wrote two lists as they are in the end, which is what was read last.
    fn last_writers(&self, one: Key, other: Key) -> Option<(usize, usize)> {
        let read = |key| self.history.last()?.steps.iter().find(|step| matches!(step, Step::Read(of, _) if *of == key));
        let writer = |key| {
            let Step::Read(_, list) = read(key)? else { return None };
            self.history.iter().position(|transaction| transaction.steps.contains(&Step::Write(key, list.clone())))
        };
        writer(one).zip(writer(other))
    }
}

/// Where an interleaving takes place: the column of the table.
#[derive(Clone, Copy)]
struct Ground {
    name: &'static str,
    place: Place,
    level: Isolation,
    /// Whether transactions lock at their first write, each in a store of its own.
    by_two: bool,
}

fn grounds(place: Place) -> Vec<Ground> {
    let ground = |name, level| Ground { name, place, level, by_two: false };
    match place {
        Place::Memory => vec![ground("memory", Isolation::Serializable)],
        Place::Sqlite => {
            let one = ground("sqlite", Isolation::Serializable);
            vec![one, Ground { name: "sqlite by two", by_two: true, ..one }]
        }
        Place::DuckDb => vec![ground("duckdb", Isolation::RepeatableRead)],
        Place::Postgres => vec![
            ground("postgres rc", Isolation::ReadCommitted),
            ground("postgres rr", Isolation::RepeatableRead),
            ground("postgres s", Isolation::Serializable),
        ],
    }
}

/// Two transactions, step by step in a settled order, come to the anomalies in the table and to no others: larder asks each
/// engine for the level that was asked for, and lets one transaction write at a time where an engine can do no better.
async fn interleavings_come_to_what_their_level_allows(place: Place) {
    for ground in grounds(place) {
        let fixture = ground.place.open().await;
        let stores = [fixture.store.clone(), ground.place.another(&fixture).await];
        for (name, steps, happens) in INTERLEAVINGS {
            let seen = ground.interleave(&stores, steps).await;
            let (happened, expected) = (happens(&seen), expected(name, ground.name));
            assert_eq!(happened, expected, "{name} on {}, where this happens:{TABLE}{:#?}", ground.name, seen.history);
        }
    }
}

fn expected(interleaving: &str, ground: &str) -> bool {
    let mut lines = TABLE.trim_start_matches('\n').lines().map(|line| line.split('|').map(str::trim));
    let column = lines.next().unwrap().position(|name| name == ground).unwrap();
    let mut line = lines.find(|line| line.clone().next() == Some(interleaving)).unwrap();
    line.nth(column) == Some("yes")
}

impl Ground {
    async fn interleave(self, stores: &[Store; 2], text: &str) -> Seen {
        let lists = stores[0].repository::<label::Entity>();
        lists.delete_all(&Cx::new()).await.unwrap();
        make_lists(&lists, 2).await;
        let journal = Journal::default();
        let counts = Arc::new(Mutex::new(BTreeMap::new()));
        let steps: Vec<_> = text.split_whitespace().map(|step| (step[..1].parse::<u32>().unwrap(), &step[1..])).collect();
        let mut others = BTreeMap::new();
        for (number, step) in &steps {
            others.entry(*number).or_insert_with(|| {
                let writes = steps.iter().any(|(other, step)| other == number && (step.starts_with(['w', 'i'])));
                let store = &stores[if self.by_two { *number as usize % 2 } else { 0 }];
                Actor::new(*number, store.clone(), self.options(writes), writes, journal.clone(), counts.clone())
            });
            self.take(*number, step, &mut others, &stores[0]).await;
        }
        let last = journal.begin();
        for key in 0..2 {
            journal.read(last, &Cx::new(), &lists, key).await.unwrap();
        }
        let commits = journal.transactions().iter().filter(|transaction| transaction.outcome == Outcome::Committed).count();
        journal.end(last, Outcome::Committed);
        let history = journal.transactions();
        let counts = counts.lock().unwrap().clone();
        Seen { history, counts, commits }
    }

    /// Lets a transaction take a step, and waits for what can be waited for.
    async fn take(self, number: u32, step: &str, transactions: &mut BTreeMap<u32, Actor>, store: &Store) {
        let transaction = transactions.get_mut(&number).unwrap();
        let mut answer = transaction.send(step);
        if transaction.unanswered.is_empty() {
            if !self.may_wait(number, step, transactions) {
                (&mut answer).await.unwrap();
            } else if self.place == Place::Postgres {
                until_answered_or_waiting(store, &mut answer).await;
            }
        }
        let transaction = transactions.get_mut(&number).unwrap();
        if !answer.is_terminated() {
            transaction.unanswered.push(answer);
        }
        transaction.is_open = !["c", "x"].contains(&step);
        // Whoever waited for this one goes on.
        if !transaction.is_open {
            for other in transactions.values_mut() {
                other.settle().await;
            }
        }
    }

    fn options(self, writes: bool) -> TxOptions {
        let options = TxOptions::new().isolation(self.level);
        match writes {
            false => options.read_only(),
            true if self.by_two => options.locking(Locking::Deferred),
            true => options,
        }
    }

    /// Whether a step may have to wait for another transaction, that has what it wants.
    fn may_wait(self, number: u32, step: &str, transactions: &BTreeMap<u32, Actor>) -> bool {
        let writes = step.starts_with(['w', 'i']);
        let mut others = transactions.iter().filter(|(other, transaction)| **other != number && transaction.is_open);
        match self.place {
            Place::Memory | Place::Sqlite if !self.by_two => {
                transactions[&number].writes && others.any(|(_, transaction)| transaction.writes)
            }
            Place::DuckDb => false,
            _ => writes && others.any(|(_, transaction)| transaction.has_written),
        }
    }
}
