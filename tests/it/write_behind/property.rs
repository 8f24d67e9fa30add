//! Random operations on a queue, beside a plain list of what has to be.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use larder::{Cx, ErrorKind, Ticket, WhenFull, WriteBehind, WriteBehindOptions};
use proptest::{
    prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest},
    sample::Index,
};
use tokio::time::sleep;

use super::scripted::{Act, Item, Scripted, items};

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
}

async fn run(operations: Vec<Operation>, options: WriteBehindOptions, when_full: WhenFull) {
    let bad = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
    let faults = std::sync::Arc::new(Mutex::new(Vec::new()));
    let repository = Scripted::new({
        let (bad, faults) = (bad.clone(), faults.clone());
        move |_, items: &[Item]| {
            let fault: Option<ErrorKind> = faults.lock().unwrap().pop();
            let bad: std::sync::MutexGuard<'_, BTreeSet<u64>> = bad.lock().unwrap();
            match fault {
                Some(kind) => Act::Fail(kind),
                None if items.iter().any(|item| bad.contains(&item.id)) => Act::Fail(ErrorKind::Check),
                None => Act::Store,
            }
        }
    });
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
            Operation::Drop(index) if !expected.tickets.is_empty() => {
                let at = index.index(expected.tickets.len());
                drop(expected.tickets.remove(at));
            }
            Operation::Withdraw(index) if !expected.tickets.is_empty() => {
                let at = index.index(expected.tickets.len());
                let (id, ticket) = expected.tickets.remove(at);
                match ticket.withdraw() {
                    Ok(item) => {
                        assert_eq!(item.id, id);
                        expected.withdrawn.insert(id);
                    }
                    Err(ticket) => expected.tickets.push((id, ticket)),
                }
            }
            Operation::Flush => queue.flush(&Cx::new()).await.unwrap(),
            Operation::Pass(millis) => sleep(Duration::from_millis(millis)).await,
            Operation::Break(kinds) => faults.lock().unwrap().extend(kinds),
            Operation::Drop(_) | Operation::Withdraw(_) => {}
        }
    }
    let stats = queue.close(&Cx::new()).await;
    let stored = repository.stored();
    assert!(stored.is_sorted_by(|a, b| a < b), "once each, in their order: {stored:?}");
    for (id, ticket) in expected.tickets {
        match ticket.await {
            Ok(_) => assert!(stored.contains(&id)),
            Err(error) => {
                assert!(!stored.contains(&id), "{id} is stored");
                let is_its_own = error.kind() == ErrorKind::Check && expected.bad.contains(&id);
                let is_the_engines = error.kind() == ErrorKind::EngineDown;
                let made_room = error.kind() == ErrorKind::QueueFull && when_full == WhenFull::DropOldest;
                assert!(is_its_own || is_the_engines || made_room, "{id}: {error}");
            }
        }
    }
    assert!(
        stored.iter().all(|id| expected.accepted.contains(id) && !expected.bad.contains(id) && !expected.withdrawn.contains(id))
    );
    assert_eq!(stats.accepted, expected.accepted.len() as u64);
    assert_eq!(
        (stats.stored, stats.withdrawn, stats.rejected),
        (stored.len() as u64, expected.withdrawn.len() as u64, expected.refused)
    );
    assert_eq!(stats.stored + stats.failed + stats.withdrawn + stats.dropped, stats.accepted);
    assert_eq!((stats.depth, stats.reserved, stats.bytes, stats.abandoned), (0, 0, 0, 0));
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
