//! Errors that end the connection: they are no answers.

use larder::{Changes, Cx, DeleterExt as _, Error, ErrorKind, Filter, ReaderExt as _, TransactionalExt as _};

use super::{Place, proxy::Fault};
use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

/// Codes that pgbouncer and other poolers, and a server that ends, send as FATAL.
const CODES: [&str; 9] = ["08P01", "57P01", "57P02", "57P05", "53100", "53300", "28000", "XX000", "22P02"];

/// A commit and a write by itself that are answered by a FATAL error have been stored, and are `CommitUnknown`, whatever its
/// code; what was read, is not there, and what was not committed is not stored.
#[tokio::test]
async fn a_fatal_error_after_a_write_proves_nothing() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    let place = &Place::new().await;
    let (cx, notes) = (&Cx::new(), &place.notes);
    for code in CODES {
        let fault = Fault::FatalAnswer(code);
        let seen = |error: Error| (error.kind(), error.is_retryable());
        let unknown = (ErrorKind::CommitUnknown, false);
        notes.delete_all(cx).await.unwrap();
        place.proxy.at("COMMIT", fault);
        let tx = place.store.tx(cx, |cx| async move { notes.create(&cx, &note("together")).await.map(drop) });
        assert_eq!(tx.await.map_err(seen), Err(unknown), "{code}");
        place.proxy.at("INSERT", fault);
        assert_eq!(notes.create(cx, &note("alone")).await.map(drop).map_err(seen), Err(unknown), "{code}");
        assert_eq!(place.stored().await, ["alone", "together"], "{code}");
        place.proxy.at("UPDATE", fault);
        let changes = Changes::new().set(note::COLUMN.body, "changed");
        assert_eq!(notes.update_where(cx, &Filter::all(), &changes).await.map(drop).map_err(seen), Err(unknown), "{code}");
        assert_eq!(place.stored().await, ["changed", "changed"], "{code}");
        place.proxy.at("SELECT", fault);
        assert_eq!(notes.all(cx).await.map(drop).map_err(seen).unwrap_err().0, ErrorKind::Connection, "{code}");
        place.proxy.at("INSERT", fault);
        let tx = place.store.tx(cx, |cx| async move { notes.create(&cx, &note("gone")).await.map(drop) });
        assert_eq!(tx.await.unwrap_err().kind(), ErrorKind::Connection, "{code}");
        assert_eq!(place.stored().await, ["changed", "changed"], "{code}");
        place.until_no_transaction_is_open().await;
    }
    notes.delete_all(cx).await.unwrap();
    place.works(&[]).await;
}
