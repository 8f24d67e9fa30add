//! Transactions that SQLite ends by itself.

use std::time::Duration;

use larder::{CancellationToken, Cx, Error, ErrorKind, Filter, OpenOptions, SqlText, Store, TransactionalExt};
use sea_orm::{ConnectOptions, Database};
use tempfile::TempDir;

use super::room::Room;
use crate::{
    child::run,
    support::{create_tables, entities::note, note},
};

/// How a transaction is ended.
#[derive(Clone, Copy, Debug)]
enum End {
    NoRoom,
    Conflict,
    Trigger,
    Interrupt,
}

/// Where a database is, with little room if it is to have none.
struct Place {
    folder: TempDir,
    room: Option<Room>,
}

impl Place {
    fn of(how: End) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), room: matches!(how, End::NoRoom).then(|| Room::of(1_500)) }
    }

    fn url(&self) -> String {
        let folder = self.room.as_ref().map_or(self.folder.path(), Room::path);
        format!("sqlite:{}?mode=rwc", folder.join("a.sqlite").display())
    }
}

async fn execute(store: &Store, cx: &Cx, sql: impl Into<String>) -> Result<u64, Error> {
    store.sql()?.execute(cx, &SqlText::new(sql)).await
}

/// Ends the transaction of a context, without its leave.
async fn end(store: &Store, cx: &Cx, how: End) -> Error {
    let fill = |rows: u32| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO note SELECT randomblob(16), 'fill ' || i FROM n"
        )
    };
    let ended = match how {
        End::NoRoom => execute(store, cx, fill(50_000)).await,
        End::Conflict => {
            let again = "INSERT OR ROLLBACK INTO note SELECT id, body FROM note LIMIT 1";
            execute(store, cx, again).await
        }
        End::Trigger => store.repository::<note::Entity>().create(cx, &note("end")).await.map(|_| 1),
        End::Interrupt => {
            let token = CancellationToken::new();
            let cx = cx.with_cancel(token.clone());
            let cancel = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                token.cancel();
            };
            futures::join!(execute(store, &cx, fill(1_000_000_000)), cancel).0
        }
    };
    ended.unwrap_err()
}

/// A statement is refused and ends the transaction with it, the closure takes no notice and goes on: no later statement is run,
/// the transaction is an error, and nothing of it is stored; the transactions that follow on the same connection are as they are
/// to be. larder asks SQLite before each statement whether the transaction is still open.
#[test]
fn a_transaction_that_sqlite_ended_stores_nothing_more() {
    run(async {
        for how in [End::NoRoom, End::Conflict, End::Trigger, End::Interrupt] {
            let place = Place::of(how);
            let store = OpenOptions::new().max_connections(1).open(&place.url()).await.unwrap();
            stores_nothing_more(&store, &place.url(), how).await;
            store.close().await;

            let place = Place::of(how);
            let mut connect = ConnectOptions::new(place.url());
            connect.max_connections(1).map_sqlx_sqlite_opts(|connect| connect.pragma("journal_mode", "WAL"));
            let store = Store::from_sea_orm(Database::connect(connect).await.unwrap()).unwrap();
            stores_nothing_more(&store, &place.url(), how).await;
            store.close().await;
        }
    });
}

async fn stores_nothing_more(store: &Store, url: &str, how: End) {
    create_tables(store).await;
    let trigger = "CREATE TRIGGER ends BEFORE INSERT ON note WHEN NEW.body = 'end' BEGIN SELECT RAISE(ROLLBACK, 'ended'); END";
    execute(store, &Cx::new(), trigger).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        let error = end(store, &cx, how).await;
        let kinds: &[_] = match how {
            End::NoRoom => &[ErrorKind::ResourceExhausted],
            End::Conflict => &[ErrorKind::Duplicate],
            End::Trigger => &[ErrorKind::Check],
            End::Interrupt => &[ErrorKind::Cancelled],
        };
        assert!(kinds.contains(&error.kind()), "{how:?}: {error:?}");
        let after = [
            notes.create(&cx, &note("alone")).await.map(drop),
            notes.create_batch(&cx, &[note("alone"), note("alone")]).await.map(drop),
            execute(store, &cx, "INSERT INTO note VALUES (randomblob(16), 'alone')").await.map(drop),
            notes.count(&cx, &Filter::all()).await.map(drop),
        ];
        for outcome in after {
            assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::TransactionAborted), "{how:?}");
        }
        Ok::<_, Error>(())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted, "{how:?}");
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 0, "{how:?}");
    goes_on(store, url, how).await;
}

/// What follows on the same connection is seen from beside, and written from there: no lock is left.
async fn goes_on(store: &Store, url: &str, how: End) {
    let notes = &store.repository::<note::Entity>();
    let watcher = larder::open(url).await.unwrap();
    let beside = watcher.repository::<note::Entity>();
    for round in 0..20 {
        let commits = round % 3 != 1;
        let outcome = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("stored")).await?;
            notes.create_batch(&cx, &[note("stored"), note("stored")]).await?;
            if commits { Ok(()) } else { Err(Error::new(ErrorKind::Internal, "undo")) }
        });
        let before = beside.count(&Cx::new(), &Filter::all()).await.unwrap();
        assert_eq!(outcome.await.is_ok(), commits, "{how:?} {round}");
        beside.create(&Cx::new(), &note("beside")).await.unwrap();
        let grown = beside.count(&Cx::new(), &Filter::all()).await.unwrap() - before;
        assert_eq!(grown, if commits { 4 } else { 1 }, "{how:?} {round}");
    }
    watcher.close().await;
}
