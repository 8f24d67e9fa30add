//! Random operations on a queue, beside a plain list of what has to be.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use larder::{Cx, ErrorKind, Ticket, WhenFull, WriteBehind, WriteBehindOptions, WriteBehindStats};
use proptest::{
    prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest},
    sample::Index,
};
use tokio::time::sleep;

use super::scripted::{Act, Item, Scripted, items};

type Shared<T> = Arc<Mutex<T>>;

#[derive(Clone, Debug)]
enum Operation {
    Submit(u64),
    /// Ones that cannot be stored.
    SubmitBad(u64),
    Drop(Index),
    Withdraw(Index),
    Flush,
    Pass(u64),
    /// The next calls fail like this.
    Break(Vec<ErrorKind>),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    // Without those that make a model suspect: it may be stored later than others that were submitted after it.
    let fault = prop_oneof![Just(ErrorKind::Connection), Just(ErrorKind::Contention), Just(ErrorKind::EngineDown)];
    let operation = prop_oneof![
        6 => (1..12_u64).prop_map(Operation::Submit),
        1 => (1..4_u64).prop_map(Operation::SubmitBad),
        1 => proptest::arbitrary::any::<Index>().prop_map(Operation::Drop),
        2 => proptest::arbitrary::any::<Index>().prop_map(Operation::Withdraw),
        1 => Just(Operation::Flush),
        3 => (0..80_u64).prop_map(Operation::Pass),
        1 => proptest::collection::vec(fault, 1..4).prop_map(Operation::Break),
    ];
    proptest::collection::vec(operation, 1..60)
}

/// What has to be, whatever the times at which things happen.
#[derive(Default)]
struct Expected {
    next: u64,
    accepted: Vec<u64>,
    bad: BTreeSet<u64>,
    withdrawn: BTreeSet<u64>,
    refused: u64,
    tickets: Vec<(u64, Ticket<Item>)>,
}

impl Expected {
    fn submit(&mut self, queue: &WriteBehind<Item>, count: u64, is_bad: bool) {
        let ids = self.next..self.next + count;
        self.next += count;
        if is_bad {
            // Known before it is submitted: the repository looks at them.
            self.bad.extend(ids.clone());
        }
        match queue.submit_many(&Cx::new(), &items(ids.clone())) {
            Ok(tickets) => {
                self.accepted.extend(ids.clone());
                self.tickets.extend(ids.zip(tickets));
            }
            Err(refused) => {
                assert!(matches!(refused.kind(), ErrorKind::QueueFull | ErrorKind::InvalidInput), "{refused}");
                if refused.kind() == ErrorKind::QueueFull {
                    self.refused += count;
                }
            }
        }
    }

    /// One of the tickets, if there are any.
    fn take(&mut self, index: Index) -> Option<(u64, Ticket<Item>)> {
        (!self.tickets.is_empty()).then(|| self.tickets.remove(index.index(self.tickets.len())))
    }

    fn withdraw(&mut self, index: Index) {
        let Some((id, ticket)) = self.take(index) else { return };
        match ticket.withdraw() {
            Ok(item) => {
                assert_eq!(item.id, id);
                self.withdrawn.insert(id);
            }
            Err(ticket) => self.tickets.push((id, ticket)),
        }
    }

    /// The figures of the queue are those of what was done.
    fn agrees_with(&self, stats: &WriteBehindStats, stored: &[u64]) {
        let may_be_stored = |id| self.accepted.contains(id) && !self.bad.contains(id) && !self.withdrawn.contains(id);
        assert!(stored.iter().all(may_be_stored));
        assert_eq!(stats.accepted, self.accepted.len() as u64);
        assert_eq!(
            (stats.stored, stats.withdrawn, stats.rejected),
            (stored.len() as u64, self.withdrawn.len() as u64, self.refused)
        );
        assert_eq!(stats.stored + stats.failed + stats.withdrawn + stats.dropped, stats.accepted);
        assert_eq!((stats.depth, stats.reserved, stats.bytes, stats.abandoned), (0, 0, 0, 0));
    }

    /// Each ticket tells whether its model is stored, and if not, for which reason.
    async fn tickets_agree_with(self, stored: &[u64], when_full: WhenFull) {
        for (id, ticket) in self.tickets {
            match ticket.await {
                Ok(_) => assert!(stored.contains(&id)),
                Err(error) => {
                    assert!(!stored.contains(&id), "{id} is stored");
                    let is_its_own = error.kind() == ErrorKind::Check && self.bad.contains(&id);
                    let is_the_engines = error.kind() == ErrorKind::EngineDown;
                    let made_room = error.kind() == ErrorKind::QueueFull && when_full == WhenFull::DropOldest;
                    assert!(is_its_own || is_the_engines || made_room, "{id}: {error}");
                }
            }
        }
    }
}

/// A repository that refuses bad models, and whose next calls fail as it is told.
fn repository(bad: &Shared<BTreeSet<u64>>, faults: &Shared<Vec<ErrorKind>>) -> Arc<Scripted> {
    let (bad, faults) = (bad.clone(), faults.clone());
    Scripted::new(move |_, items: &[Item]| {
        let fault = faults.lock().unwrap().pop();
        let bad = bad.lock().unwrap();
        match fault {
            Some(kind) => Act::Fail(kind),
            None if items.iter().any(|item| bad.contains(&item.id)) => Act::Fail(ErrorKind::Check),
            None => Act::Store,
        }
    })
}

async fn run(operations: Vec<Operation>, options: WriteBehindOptions, when_full: WhenFull) {
    let (bad, faults) = (Shared::default(), Shared::default());
    let repository = repository(&bad, &faults);
    let builder = WriteBehind::builder(repository.clone()).options(options.clone().when_full(when_full));
    let queue = builder.start().await.unwrap();
    let mut expected = Expected::default();
    for operation in operations {
        match operation {
            Operation::Submit(count) => expected.submit(&queue, count, false),
            Operation::SubmitBad(count) => {
                bad.lock().unwrap().extend(expected.next..expected.next + count);
                expected.submit(&queue, count, true);
            }
            Operation::Drop(index) => drop(expected.take(index)),
            Operation::Withdraw(index) => expected.withdraw(index),
            Operation::Flush => queue.flush(&Cx::new()).await.unwrap(),
            Operation::Pass(millis) => sleep(Duration::from_millis(millis)).await,
            Operation::Break(kinds) => faults.lock().unwrap().extend(kinds),
        }
    }
    let stats = queue.close(&Cx::new()).await;
    let stored = repository.stored();
    assert!(stored.is_sorted_by(|a, b| a < b), "once each, in their order: {stored:?}");
    expected.agrees_with(&stats, &stored);
    expected.tickets_agree_with(&stored, when_full).await;
    assert!(stats.greatest_depth <= 20 && repository.batches().iter().all(|batch| batch.len() <= 5));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::property::cases(300), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to a queue, what it accepted is stored once, in order, or reported, and its figures are right.
    #[test]
    fn what_is_accepted_is_stored_once_in_order_or_reported(operations in operations(), drops in proptest::bool::ANY) {
        let options = WriteBehindOptions::new().batch_size(5).queue_size(20);
        let when_full = if drops { WhenFull::DropOldest } else { WhenFull::Reject };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(operations, options, when_full));
    }
}
