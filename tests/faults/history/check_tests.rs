//! Histories written by hand.

use super::*;

/// A transaction of such steps: `r0:1.2` reads the list 1, 2 of the key 0, `w0:1.2.3` appends 3 to it.
fn transaction(outcome: Outcome, text: &str) -> Transaction {
    let step = |step: &str| {
        let (step, list) = step.split_once(':').unwrap();
        let list = list.split('.').filter(|element| !element.is_empty()).map(|element| element.parse().unwrap()).collect();
        let key = step[1..].parse().unwrap();
        if step.starts_with('r') { Step::Read(key, list) } else { Step::Write(key, list) }
    };
    Transaction { steps: text.split_whitespace().map(step).collect(), outcome }
}

fn found(transactions: &[(Outcome, &str)]) -> Vec<Anomaly> {
    let history: Vec<_> = transactions.iter().map(|(outcome, text)| transaction(*outcome, text)).collect();
    check(&history).into_keys().collect()
}

fn found_when_committed(transactions: &[&str]) -> Vec<Anomaly> {
    found(&transactions.iter().map(|text| (Outcome::Committed, *text)).collect::<Vec<_>>())
}

/// Transactions one after another, whatever they do, show nothing: there is no cycle.
#[test]
fn a_serial_history_shows_nothing() {
    let serial = ["r0: w0:1 r1: w1:2", "r0:1 w0:1.3 r0:1.3 w0:1.3.4", "r0:1.3.4 r1:2", "r1:2 w1:2.5", "r0:1.3.4 r1:2.5"];
    assert_eq!(found_when_committed(&serial), []);
    // In any order of noting them down.
    assert_eq!(found_when_committed(&serial.into_iter().rev().collect::<Vec<_>>()), []);
}

/// Each anomaly is found, and has its name.
#[test]
fn anomalies_have_their_names() {
    use Anomaly::*;
    for (name, transactions, expected) in [
        ("dirty writes", vec!["w0:1 w1:4.2", "w0:1.3 w1:4"], vec![G0]),
        ("each reads the other", vec!["w0:1 r1:2", "w1:2 r0:1"], vec![G1c]),
        ("an intermediate list", vec!["w0:1 w0:1.2", "r0:1"], vec![G1b, GSingle]),
        ("a lost update", vec!["r0: w0:1", "r0: w0:2"], vec![GSingle, G2Item]),
        ("a lost update behind a read", vec!["w0:1", "r0:1 w0:1.2", "r0:1 w0:1.3"], vec![GSingle, G2Item]),
        ("two moments", vec!["w0:1 w1:2", "r0: r1:2"], vec![GSingle]),
        ("two moments of one key", vec!["w0:1", "r0: r0:1"], vec![GSingle]),
        ("two moments, by way of a third", vec!["w0:1", "r0:1 w1:2", "r0: r1:2"], vec![GSingle]),
        ("write skew", vec!["r0: r1: w0:1", "r0: r1: w1:2"], vec![G2Item]),
        ("a long fork", vec!["w0:1", "w1:2", "r0:1 r1:", "r0: r1:2"], vec![GNonadjacent]),
        ("the skew of three", vec!["r0: w1:1", "r1: w2:2", "r2: w0:3"], vec![G2Item]),
        ("nobody's list", vec!["w0:1", "r0:7"], vec![Unwritten]),
        ("another order", vec!["w0:1", "r0:1 w0:1.2", "r0:2.1"], vec![Unwritten]),
        ("not its own", vec!["w0:1 r0:"], vec![Internal]),
    ] {
        assert_eq!(found_when_committed(&transactions), expected, "{name}");
    }
}

/// What was rolled back must not be read, and does nothing to the order of the others.
#[test]
fn what_was_rolled_back_is_not_read() {
    use Outcome::{Aborted, Committed};
    assert_eq!(found(&[(Aborted, "w0:1"), (Committed, "r0:1")]), [Anomaly::G1a]);
    assert_eq!(found(&[(Aborted, "w0:1"), (Committed, "r0:1 w0:1.2"), (Committed, "r0:1.2")])[..1], [Anomaly::G1a]);
    assert_eq!(found(&[(Aborted, "w0:1 r1:2"), (Aborted, "w1:2 r0:1"), (Committed, "r0: r1:")]), []);
}

/// An outcome that is unknown is taken for a commit where it was seen, and for none where it was not.
#[test]
fn an_unknown_outcome_is_what_was_seen_of_it() {
    use Outcome::{Committed, Unknown};
    assert_eq!(found(&[(Unknown, "r0: r1: w0:1"), (Committed, "r0: r1: w1:2")]), []);
    assert_eq!(found(&[(Unknown, "r0: r1: w0:1"), (Committed, "r0: r1: w1:2"), (Committed, "r0:1")]), [Anomaly::G2Item]);
    // Seen by one that was itself seen.
    assert_eq!(found(&[(Unknown, "w0:1 w1:2"), (Unknown, "r0:1 w0:1.3"), (Committed, "r0:1.3 r1:")]), [Anomaly::GSingle]);
    assert_eq!(found(&[(Unknown, "w0:1 w1:2"), (Unknown, "r0:1 w0:1.3"), (Committed, "r0: r1:")]), []);
}

/// A history of many transactions is no harder, and one cycle in it is found.
#[test]
fn one_cycle_among_many_is_found() {
    let append = |n: u32| {
        let before: List = (0..n).collect();
        let after = (0..=n).collect();
        Transaction { steps: vec![Step::Read(0, before), Step::Write(0, after)], outcome: Outcome::Committed }
    };
    let mut history: Vec<_> = (0..1_000).map(append).collect();
    assert_eq!(check(&history), Found::new());
    let early = Step::Read(0, (0..450).collect());
    history.push(Transaction { steps: vec![Step::Read(0, (0..550).collect()), early], outcome: Outcome::Committed });
    assert_eq!(check(&history).into_keys().collect::<Vec<_>>(), [Anomaly::GSingle]);
}
