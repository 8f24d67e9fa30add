//! Processes killed with a queue at some moment, again and again.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use larder::{Cx, ErrorKind, Journal, Ticket, WriteBehind};

use super::{Numbered, options, settled, start, stored, submit, url_of};
#[cfg(feature = "postgres")]
use crate::crash::rounds::has_no_other_client;
use crate::{
    child::{Again, number, run, say, told},
    places::Place,
};

/// How often each process is killed.
const ROUNDS: &str = "LARDER_CRASH_ROUNDS";

/// After so many rounds a new database is begun.
const ROUNDS_OF_ONE: usize = 5;

/// How many models a queue holds.
const QUEUE_SIZE: usize = 400;

fn journal(folder: impl AsRef<Path>) -> Journal {
    Journal::at(folder.as_ref()).segment_bytes(2_000)
}

/// Does what this process was started for, if it is a child.
fn is_child<M: Numbered>() -> bool {
    let Some(url) = told("URL") else { return false };
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    threads.block_on(async {
        let store = larder::open(&url).await.unwrap();
        let queue = start::<M>(&store, options().queue_size(QUEUE_SIZE), told("JOURNAL").map(journal)).await.unwrap();
        say(&format!("FOUND {}", queue.recovery().replayed));
        if let Some(first) = told("FIRST") {
            submit_aloud(&queue, first.parse().unwrap()).await;
        }
        queue.close(&Cx::new()).await;
        store.close().await;
    });
    true
}

/// Submits one model after another, and says what was accepted and, of all or of every other fifty, what is stored.
async fn submit_aloud<M: Numbered>(queue: &WriteBehind<M>, first: i32) {
    let (tickets, mut asked) = tokio::sync::mpsc::unbounded_channel::<(i32, Ticket<M>)>();
    tokio::spawn(async move {
        while let Some((number, ticket)) = asked.recv().await {
            assert_eq!(ticket.await.unwrap().number(), number);
            say(&format!("STORED {number}"));
        }
    });
    for number in first.. {
        let ticket = match submit(queue, number) {
            Err(error) if error.kind() == ErrorKind::QueueFull => queue.submit_wait(&Cx::new(), &M::of(number)).await.unwrap(),
            submitted => submitted.unwrap(),
        };
        say(&format!("ACCEPTED {number}"));
        if told("ASKS").is_some() || number / 50 % 2 == 0 {
            tickets.send((number, ticket)).unwrap();
        }
    }
}

/// What a child said before it was killed.
struct Said {
    accepted: i32,
    /// The greatest number that a ticket told to be stored.
    stored: Option<i32>,
}

/// Starts a child and kills it: after as many words as the seed says, or so long after its first.
fn killed(child: Again, random: &mut Rng) -> Said {
    let mut child = child.start();
    let words = if random.bool() { random.usize(1..=600) } else { 1 };
    let mut said: Vec<_> = (0..words).map_while(|_| child.next()).collect();
    assert_eq!(said.len(), words, "it ended by itself: {said:?}");
    if words == 1 {
        thread::sleep(Duration::from_micros(random.u64(0..60_000)));
    }
    child.kill();
    said.extend(child.rest());
    let numbers = |word| said.iter().filter_map(move |said| said.strip_prefix(word)?.parse::<i32>().ok());
    Said { accepted: i32::try_from(numbers("ACCEPTED ").count()).unwrap(), stored: numbers("STORED ").max() }
}

/// Starts a child that only has the journal stored, and kills it at some moment. Says whether it had found something.
fn killed_again(child: Again, random: &mut Rng) -> bool {
    let mut child = child.start();
    let (found, most) = if random.bool() { (child.next(), 10_000) } else { (None, 60_000) };
    thread::sleep(Duration::from_micros(random.u64(0..most)));
    child.kill();
    found.into_iter().chain(child.rest()).any(|said| said.starts_with("FOUND ") && said != "FOUND 0")
}

#[derive(Debug, Default)]
struct Totals {
    rounds: usize,
    accepted: i32,
    told: usize,
    stored: i32,
    replayed: u64,
    killed_again: usize,
}

/// What one database goes through.
struct Rounds<'a> {
    test: &'a str,
    url: String,
    folder: tempfile::TempDir,
    random: &'a mut Rng,
    totals: &'a mut Totals,
}

impl Rounds<'_> {
    fn child(&self) -> Again {
        Again::running(self.test).tell("URL", &self.url)
    }

    fn with_journal(&self) -> Again {
        self.child().tell("JOURNAL", self.folder.path())
    }

    /// Kills a process that submits models, the first with this number.
    fn killed(&mut self, child: Again, first: i32) -> Said {
        let child = child.tell("FIRST", first.to_string());
        let said = killed(if self.random.bool() { child.tell("ASKS", "1") } else { child }, self.random);
        self.totals.rounds += 1;
        self.totals.accepted += said.accepted;
        self.totals.told += usize::from(said.stored.is_some());
        said
    }

    /// A round with a journal: what was accepted is stored in its order, and so may be the next, whose acceptance was not said.
    async fn replayed<M: Numbered>(&mut self, first: i32) -> i32 {
        let said = self.killed(self.with_journal(), first);
        for _ in 0..self.random.usize(0..3) {
            self.totals.killed_again += usize::from(killed_again(self.with_journal(), self.random));
        }
        let store = larder::open(&self.url).await.unwrap();
        let (numbers, replayed) = settled::<M>(&store, &journal(&self.folder)).await;
        store.close().await;
        let next = i32::try_from(numbers.len()).unwrap();
        assert_eq!(numbers, (0..next).collect::<Vec<_>>());
        let accepted = first + said.accepted;
        assert!(next == accepted || next == accepted + 1, "{next} are stored, {accepted} were accepted");
        self.totals.replayed += replayed;
        next
    }

    /// A round without one: what is stored was accepted, or was about to be, and what a ticket told is stored. Not more is lost
    /// than the queue held.
    async fn lost<M: Numbered>(&mut self, first: i32) -> i32 {
        let said = self.killed(self.child(), first);
        let store = larder::open(&self.url).await.unwrap();
        #[cfg(feature = "postgres")]
        if store.sql().unwrap().dialect() == larder::Dialect::Postgres {
            has_no_other_client(&store).await;
        }
        let numbers = stored::<M>(&store).await;
        store.close().await;
        let next = i32::try_from(numbers.len()).unwrap();
        assert_eq!(numbers, (0..next).collect::<Vec<_>>());
        let accepted = first + said.accepted;
        let is_little = accepted - next <= i32::try_from(QUEUE_SIZE).unwrap();
        assert!(
            is_little && next <= accepted + 1 && said.stored.is_none_or(|told| told < next),
            "{next} are stored of {accepted}"
        );
        next
    }
}

/// Kills processes that submit to databases of a place, and looks at what each leaves. Every so many rounds the database is a new
/// one.
fn kill(place: Place, test: &str, mut round: impl AsyncFnMut(&mut Rounds<'_>, i32) -> i32) {
    if place.is_skipped() {
        return;
    }
    let (began, mut random, mut totals) = (Instant::now(), Rng::with_seed(11), Totals::default());
    let rounds = number(ROUNDS, 25);
    run(async {
        while totals.rounds < rounds {
            let fixture = place.open().await;
            fixture.store.close().await;
            let (url, folder) = (url_of(&fixture), tempfile::tempdir().unwrap());
            let (of_one, mut next) = (ROUNDS_OF_ONE.min(rounds - totals.rounds), 0);
            let mut of_this = Rounds { test, url, folder, random: &mut random, totals: &mut totals };
            for _ in 0..of_one {
                next = round(&mut of_this, next).await;
            }
            totals.stored += next;
        }
    });
    println!("{test}: {totals:?}, {:.0?}", began.elapsed());
    assert!(totals.accepted > 0, "{totals:?}");
}

/// A process is killed while it submits to a queue with a journal, and so is, now and then, the one that takes the journal over:
/// what was accepted is stored once, in its order, and then the journal has nothing more. The journal has a model before it is
/// accepted, and says that it is settled after it is stored; whether what it has is stored already is found out, by id or by key.
fn what_was_accepted_is_stored_once<M: Numbered>(place: Place, test: &str) {
    if !is_child::<M>() {
        kill(place, test, async |rounds, first| rounds.replayed::<M>(first).await);
    }
}

/// The same of a queue without a journal: what is lost was not told to be stored, and is not more than the queue holds. A ticket
/// is answered after the commit.
fn what_was_told_is_stored<M: Numbered>(place: Place, test: &str) {
    if !is_child::<M>() {
        kill(place, test, async |rounds, first| rounds.lost::<M>(first).await);
    }
}

/// Makes tests of each promise at a place: of models that are known by their ids, and by the keys of their batches.
macro_rules! at {
    ($place:ident: $($module:ident $entity:ident),*) => {
        $(mod $module {
            use crate::{places::Place, support::entities::$entity::Model};

            #[test]
            fn what_was_accepted_is_stored_once() {
                let test = concat!(module_path!(), "::what_was_accepted_is_stored_once");
                super::what_was_accepted_is_stored_once::<Model>(Place::$place, test);
            }

            #[test]
            fn what_was_told_is_stored() {
                super::what_was_told_is_stored::<Model>(Place::$place, concat!(module_path!(), "::what_was_told_is_stored"));
            }
        })*
    };
}

#[cfg(feature = "sqlite")]
at! { Sqlite: sqlite_by_id note, sqlite_by_key ticket }
#[cfg(feature = "duckdb-linked")]
at! { DuckDb: duckdb_by_id note, duckdb_by_key ticket }
#[cfg(feature = "postgres")]
at! { Postgres: postgres_by_id note, postgres_by_key ticket }
