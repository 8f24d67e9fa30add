//! Servers that are killed, started again, and paused.

use std::{collections::HashSet, sync::Mutex, time::Duration};

use larder::{Cx, ErrorKind, Filter, OpenOptions, ReaderExt as _, Result, Transactional as _, TransactionalExt as _, TxOptions};
use uuid::Uuid;

use super::{BOUND, Place, ended, until};
use crate::support::{
    entities::note,
    note,
    postgres::{OwnServer, is_skipped},
};

/// What a writer was told of the pairs it wrote.
#[derive(Default)]
struct Told {
    stored: Vec<[Uuid; 2]>,
    unknown: Vec<[Uuid; 2]>,
    not_stored: Vec<[Uuid; 2]>,
}

impl Told {
    fn hear(&mut self, pair: [Uuid; 2], outcome: Result<()>) {
        match outcome.map_err(|error| error.kind()) {
            Ok(()) => self.stored.push(pair),
            Err(ErrorKind::CommitUnknown) => self.unknown.push(pair),
            Err(ErrorKind::Connection | ErrorKind::DeadlineExceeded | ErrorKind::PoolTimeout) => self.not_stored.push(pair),
            Err(kind) => panic!("a server that is down is {kind}"),
        }
    }

    fn all(pairs: &[[Uuid; 2]]) -> HashSet<Uuid> {
        pairs.iter().flatten().copied().collect()
    }

    /// That what is stored is what was told, and some pairs at most of which nothing was told.
    fn is_true_of(&self, stored: &HashSet<Uuid>, untold: usize) {
        assert!(Self::all(&self.stored).is_subset(stored));
        assert!(Self::all(&self.not_stored).is_disjoint(stored));
        for pair in &self.unknown {
            assert_eq!(stored.contains(&pair[0]), stored.contains(&pair[1]), "half a pair");
        }
        let known = self.stored.len() + self.unknown.len();
        assert!(stored.len().is_multiple_of(2) && stored.len() <= 2 * (known + untold), "{} of {known} pairs", stored.len());
    }
}

/// How often the server is killed.
fn rounds() -> u32 {
    std::env::var("LARDER_KILL_ROUNDS").map_or(2, |rounds| rounds.parse().expect("LARDER_KILL_ROUNDS is a number"))
}

/// Writes two notes that belong together, in one of three ways.
async fn write_pair(place: &Place, way: usize, pair: &[note::Model; 2]) -> Result<()> {
    match way {
        0 => place.notes.create_many(&Cx::new(), pair).await.map(drop),
        1 => place.notes.create_many(&Cx::new().with_timeout(Duration::from_secs(5)), pair).await.map(drop),
        _ => {
            let notes = &place.notes;
            let tx = place.store.tx(&Cx::new(), |cx| async move {
                notes.create(&cx, &pair[0]).await?;
                notes.create(&cx, &pair[1]).await.map(drop)
            });
            tx.await
        }
    }
}

/// When the server is killed in the middle of work and started again, all that was acknowledged is there, nothing is there that
/// was said to have failed, pairs are whole, and the same store goes on: it makes new connections, and calls an unanswered commit
/// unknown.
#[tokio::test]
async fn a_server_that_was_killed_keeps_what_was_acknowledged() {
    if is_skipped() {
        return;
    }
    let Some(server) = OwnServer::started().await else { return };
    let place = &Place::of(server.database().await).await;
    let told = &Mutex::new(Told::default());
    let acknowledged = || told.lock().unwrap().stored.len();
    let write = async |way: usize| {
        loop {
            let pair = [note("first"), note("second")];
            let ids = [pair[0].id, pair[1].id];
            let outcome = write_pair(place, way, &pair).await;
            told.lock().unwrap().hear(ids, outcome);
            tokio::task::yield_now().await;
        }
    };
    let kill = async {
        for _ in 0..rounds() {
            let before = acknowledged();
            until(|| async { acknowledged() >= before + 50 }).await;
            server.docker(&["kill", "-s", "KILL"]).await;
            let failed = || told.lock().unwrap().not_stored.len();
            let before = failed();
            until(|| async { failed() >= before + 3 }).await;
            server.docker(&["start"]).await;
            place.proxy.moves_to(&server.place().await);
        }
        let before = acknowledged();
        until(|| async { acknowledged() >= before + 50 }).await;
    };
    tokio::select! {
        () = kill => {}
        _ = async { tokio::join!(write(0), write(1), write(2)) } => {}
    }
    // The writers were dropped at work: what they had in hand may be there too, in pairs.
    let stored: HashSet<Uuid> = place.notes.all(&Cx::new()).await.unwrap().into_iter().map(|note| note.id).collect();
    told.lock().unwrap().is_true_of(&stored, 3);
}

/// A paused server answers nobody: statements end at their deadline, a commit that was sent is unknown. When it goes on, the pool
/// is whole, nothing was stored twice, and nothing that was given up: the server is told to stop, or has lost the connection.
#[tokio::test]
async fn a_paused_server_is_left_at_the_deadline() {
    if is_skipped() {
        return;
    }
    let Some(server) = OwnServer::started().await else { return };
    let place = &Place::of(server.database().await).await;
    let options = OpenOptions::new().max_connections(3).acquire_timeout(BOUND);
    let store = &options.open(&place.database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("before")).await.unwrap();
    let begin = async || store.begin(&Cx::new(), TxOptions::new()).await;
    let (given_up, sent) = (begin().await.unwrap(), begin().await.unwrap());
    notes.create(&given_up, &note("given up")).await.unwrap();
    notes.create(&sent, &note("sent")).await.unwrap();

    server.docker(&["pause"]).await;
    let late = |cx: &Cx| cx.with_timeout(Duration::from_secs(1));
    assert_eq!(ended(notes.create(&late(&given_up), &note("given up"))).await, ErrorKind::DeadlineExceeded);
    assert_eq!(ended(late(&sent).commit()).await, ErrorKind::CommitUnknown);
    assert_eq!(ended(notes.create(&late(&Cx::new()), &note("given up"))).await, ErrorKind::DeadlineExceeded);
    assert_eq!(ended(notes.count(&late(&Cx::new()), &Filter::all())).await, ErrorKind::DeadlineExceeded);
    server.docker(&["unpause"]).await;

    assert_eq!(given_up.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let all = [begin().await.unwrap(), begin().await.unwrap(), begin().await.unwrap()];
    for cx in &all {
        notes.create(cx, &note("whole")).await.unwrap();
    }
    for cx in all {
        cx.commit().await.unwrap();
    }
    assert_eq!(place.stored().await, ["before", "sent", "whole", "whole", "whole"]);
    place.until_no_transaction_is_open().await;
}
