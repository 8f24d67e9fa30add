//! Random transactions by eight tasks at once, and whether what they saw is what their isolation level promises.

pub(crate) mod check;
pub(crate) mod run;

use std::env;

use larder::Isolation;

use self::check::{Anomaly, Outcome};
use crate::{places::Place, support::backend::OpenWith};

const TASKS: usize = 8;

everywhere! {
    histories_show_only_what_their_level_allows
}

/// What transactions of a level may show.
pub(crate) fn allowed(level: Isolation) -> &'static [Anomaly] {
    match level {
        Isolation::ReadCommitted => &[Anomaly::GSingle, Anomaly::GNonadjacent, Anomaly::G2Item],
        Isolation::RepeatableRead => &[Anomaly::G2Item],
        _ => &[],
    }
}

/// Eight tasks read lists, append to them, fail, undo parts and are dropped, at every level that the store offers: what was read
/// shows no anomaly that the level forbids. The engine's isolation and larder's single writer see to that, and that attempts
/// begin afresh.
async fn histories_show_only_what_their_level_allows(place: Place) {
    // A server answers each statement by a round trip.
    let usual = if place == Place::Postgres { 1_000 } else { 2_000 };
    let transactions = env::var("LARDER_HISTORY_TRANSACTIONS").map_or(usual, |count| count.parse().unwrap());
    for level in place.levels() {
        let fixture = place.open_with(8, OpenWith::default().options()).await;
        let another = place.another(&fixture).await;
        let stores: Vec<_> = [&fixture.store, &another].into_iter().cycle().take(TASKS).cloned().collect();
        let history = run::run(&stores, *level, transactions, 1).await;
        let found = check::check(&history);
        let forbidden = found.iter().filter(|(name, _)| !allowed(*level).contains(name)).collect::<Vec<_>>();
        assert!(forbidden.is_empty(), "{place:?}, {level:?}: {forbidden:#?}");
        let count = |outcome| history.iter().filter(|transaction| transaction.outcome == outcome).count();
        let [committed, unknown, aborted] = [Outcome::Committed, Outcome::Unknown, Outcome::Aborted].map(count);
        assert!(committed > transactions / 2, "{committed} of {transactions} were committed");
        println!(
            "{place:?}, {level:?}: {committed} committed, {unknown} unknown, {aborted} aborted; {:?}",
            found.keys().collect::<Vec<_>>()
        );
    }
}
