//! No room on the disk, until there is again.

use larder::ErrorKind;
#[cfg(feature = "sqlite")]
use larder::{Durability, OpenOptions};

use super::room::Room;
#[cfg(feature = "duckdb-linked")]
use crate::crash::engine::DUCKDB;
#[cfg(feature = "sqlite")]
use crate::crash::writer::is_sound;
use crate::{
    child::run,
    crash::writer::{Names, Shelves},
};

/// Writes until the disk is full, many notes at once until then. Says what was stored, and what may be.
async fn fill(shelves: &Shelves, many: usize) -> (Names, Names) {
    let (mut stored, mut unknown) = (Names::new(), Names::new());
    let mut refused = 0;
    for number in 0..10_000 {
        match shelves.write(number, if refused == 0 { many } else { 10 }).await {
            Ok(()) => drop(stored.insert(number.to_string())),
            Err(error) => {
                let kinds = [ErrorKind::ResourceExhausted, ErrorKind::CommitUnknown];
                assert!(kinds.contains(&error.kind()), "{error:?}: {:?}", std::error::Error::source(&error));
                if error.kind() == ErrorKind::CommitUnknown {
                    unknown.insert(number.to_string());
                }
                refused += 1;
                if refused == 4 {
                    return (stored, unknown);
                }
            }
        }
    }
    panic!("the disk is never full");
}

/// The disk fills while SQLite writes: writes are refused as that, what was acknowledged can be read and nothing is there by
/// half; when there is room again, the next write succeeds on the same store. A connection is used again only if SQLite says that
/// it is in no transaction.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_outlives_a_full_disk() {
    for options in
        [OpenOptions::new(), OpenOptions::new().durability(Durability::Power), OpenOptions::new().write_ahead_log(false)]
    {
        let room = Room::of(1_500);
        let url = format!("sqlite:{}", room.path().join("a.sqlite").display());
        run(async {
            let store = options.open(&url).await.unwrap();
            let shelves = Shelves::new(&store).await;
            let (mut expected, unknown) = fill(&shelves, 300).await;
            let stored = shelves.stored().await;
            assert!(stored.is_superset(&expected) && stored.is_subset(&expected.union(&unknown).cloned().collect()));
            is_sound(&store).await;

            room.grow(20_000);
            expected = stored;
            shelves.write(20_000, 300).await.unwrap();
            expected.insert("20000".to_owned());
            assert_eq!(shelves.stored().await, expected);
            is_sound(&store).await;
            store.close().await;
            let again = options.open(&url).await.unwrap();
            assert_eq!(Shelves::of(&again).stored().await, expected);
            again.close().await;
        });
    }
}

/// The disk fills while DuckDB writes: writes are refused as that, what was acknowledged can be read and nothing is there by
/// half; when there is room again, the next write succeeds on the same store. DuckDB rolls a commit back that it cannot write,
/// and larder tells that apart from a conflict.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_outlives_a_full_disk() {
    let room = Room::of(1_500);
    let url = DUCKDB.url(room.path());
    run(async {
        let store = larder::open(&url).await.unwrap();
        let shelves = Shelves::new(&store).await;
        let (expected, unknown) = fill(&shelves, 2_000).await;
        let mut stored = shelves.stored().await;
        assert!(stored.is_superset(&expected) && stored.is_subset(&expected.union(&unknown).cloned().collect()));

        room.grow(100_000);
        shelves.write(20_000, 2_000).await.unwrap();
        stored.insert("20000".to_owned());
        assert_eq!(shelves.stored().await, stored);
        store.close().await;
        let again = larder::open(&url).await.unwrap();
        assert_eq!(Shelves::of(&again).stored().await, stored);
        again.close().await;
    });
}
