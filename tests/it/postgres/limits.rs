//! What the server does when a unit of work has reached its limits.

use std::time::Duration;

use larder::{
    CancellationToken, Cx, Error, ErrorKind, OpenOptions, SqlText, Store, Transactional as _, TransactionalExt as _, TxOptions,
};

use crate::support::postgres::{TestDatabase, is_skipped};

const SLEEP: &str = "SELECT count(pg_sleep(600))";

/// How many statements sleep in this database.
async fn sleepers(store: &Store) -> i64 {
    let text = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
    let counts: Vec<(i64,)> = store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(text)).await.unwrap();
    counts[0].0
}

async fn until_nobody_sleeps(store: &Store) {
    let ended = async {
        while sleepers(store).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("a statement that was given up still runs");
}

/// A statement that was given up, by a deadline tighter than its transaction's or by a token, is cancelled on the server and not
/// left to run.
#[tokio::test]
async fn what_is_given_up_is_cancelled_on_the_server() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let observer = larder::open(&database.url()).await.unwrap();
    let sql = &store.sql().unwrap();
    let sleep = async |cx: &Cx| sql.query_as::<(i64,)>(cx, &SqlText::new(SLEEP)).await.map(drop);

    let outer = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let late = sleep(&outer.with_timeout(Duration::from_millis(200))).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    outer.rollback().await.unwrap();
    until_nobody_sleeps(&observer).await;

    let token = CancellationToken::new();
    let cx = Cx::new().with_cancel(token.clone());
    let (given_up, ()) = tokio::join!(sleep(&cx), async {
        while sleepers(&observer).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        token.cancel();
    });
    assert_eq!(given_up.unwrap_err().kind(), ErrorKind::Cancelled);
    until_nobody_sleeps(&observer).await;
    // The one connection goes on.
    assert_eq!(sleepers(&store).await, 0);
}

/// The server knows the deadline of a transaction: it stops what nobody is left to stop.
#[tokio::test]
async fn the_server_is_told_the_deadline() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    let sql = &store.sql().unwrap();
    let options = TxOptions::new().timeout(Duration::from_secs(600));
    let told = store.tx_with(&Cx::new(), options, |cx| async move {
        let told: Vec<(String,)> = sql.query_as(&cx, &SqlText::new("SELECT current_setting('statement_timeout')")).await?;
        Ok::<_, Error>(told[0].0.clone())
    });
    let told: u32 = told.await.unwrap().trim_end_matches("ms").parse().unwrap();
    assert!((500_000..=601_000).contains(&told), "{told}");
    let after: Vec<(String,)> =
        sql.query_as(&Cx::new(), &SqlText::new("SELECT current_setting('statement_timeout')")).await.unwrap();
    assert_eq!(after[0].0, "0");

    // A stricter one stays.
    let name: Vec<(String,)> = sql.query_as(&Cx::new(), &SqlText::new("SELECT current_database()::text")).await.unwrap();
    let strict = SqlText::new(format!("ALTER DATABASE \"{}\" SET statement_timeout = '5s'", name[0].0));
    sql.execute(&Cx::new(), &strict).await.unwrap();
    let store = larder::open(&database.url()).await.unwrap();
    let sql = &store.sql().unwrap();
    let told = store.tx_with(&Cx::new(), options, |cx| async move {
        let told: Vec<(String,)> = sql.query_as(&cx, &SqlText::new("SELECT current_setting('statement_timeout')")).await?;
        Ok::<_, Error>(told[0].0.clone())
    });
    assert_eq!(told.await.unwrap(), "5s");
}
