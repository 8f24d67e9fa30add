//! Money between accounts: several tasks transfer at once, transactions get in each other's way, and not a cent is lost.
//!
//! ```text
//! cargo run --release --example transfer [-- --store URL --tasks 8 --transfers 10000 --accounts 10]
//! ```
//!
//! A transfer reads two accounts, looks whether the first has enough, and changes both. It runs at the strictest isolation level
//! that the store offers. Where another transfer was in the way, `tx` runs it again: how often is printed, and that the total is
//! what it was.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use larder::{Cx, ErrorKind, ReaderExt, Result, Retry, SqlText, Storage, Store, TransactionalExt, TxOptions};
use tokio::task::JoinSet;

mod account {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "account")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub cents: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

type Accounts = Arc<dyn Storage<account::Model, i32>>;

/// Transfers money between accounts, by several tasks at once.
#[derive(Parser)]
struct Arguments {
    /// Where: `memory:`, `sqlite:PATH`, `duckdb:PATH`, `postgres://…`. By default a SQLite file that is gone afterwards. A table
    /// `account` is made there.
    #[arg(long)]
    store: Option<String>,
    #[arg(long, default_value_t = 8)]
    tasks: u64,
    #[arg(long, default_value_t = 10_000)]
    transfers: u64,
    #[arg(long, default_value_t = 10)]
    accounts: i32,
}

/// What each account has at first.
const CENTS: i64 = 10_000;

#[derive(Default)]
struct Counts {
    made: AtomicU64,
    refused: AtomicU64,
    attempts: AtomicU64,
    most_attempts: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let url = arguments.store.unwrap_or_else(|| format!("sqlite:{}", directory.path().join("bank.sqlite").display()));
    let store = larder::open(&url).await?;
    let accounts: Accounts = store.repository::<account::Entity>();
    open_accounts(&store, &accounts, arguments.accounts).await?;

    let isolation = store.capabilities().isolation.last().copied();
    // With so few accounts, hardly a transfer is alone.
    let options = TxOptions::new().retry(Retry::attempts(200).wait(Duration::from_millis(1), Duration::from_millis(50)));
    let options = isolation.map_or(options, |level| options.isolation(level));
    let (counts, start) = (Arc::new(Counts::default()), Instant::now());
    let mut tasks = JoinSet::new();
    for task in 0..arguments.tasks {
        let (accounts, counts, store) = (accounts.clone(), counts.clone(), store.clone());
        let transfers = arguments.transfers / arguments.tasks + u64::from(task < arguments.transfers % arguments.tasks);
        tasks.spawn(async move {
            for _ in 0..transfers {
                transfer(&store, &accounts, options, arguments.accounts, &counts).await?;
            }
            Ok::<_, larder::Error>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }

    let took = start.elapsed();
    let all = accounts.all(&Cx::new()).await?;
    let (total, expected) = (all.iter().map(|account| account.cents).sum::<i64>(), CENTS * i64::from(arguments.accounts));
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (made, refused, attempts) = (count(&counts.made), count(&counts.refused), count(&counts.attempts));
    println!(
        "{made} transfers and {refused} refused in {took:.2?}, {:.0} a second",
        (made + refused) as f64 / took.as_secs_f64()
    );
    println!(
        "{} attempts were in another's way; the unluckiest transfer took {}",
        attempts - made - refused,
        count(&counts.most_attempts)
    );
    println!("total {total}, expected {expected}; least {:?}", all.iter().map(|account| account.cents).min());
    store.close().await;
    if total != expected || all.iter().any(|account| account.cents < 0) || made + refused != arguments.transfers {
        return Err("the books do not balance".into());
    }
    Ok(())
}

async fn open_accounts(store: &Store, accounts: &Accounts, count: i32) -> Result<()> {
    if store.capabilities().schema {
        let create = SqlText::new("CREATE TABLE account (id INTEGER PRIMARY KEY, cents BIGINT NOT NULL)");
        store.sql()?.execute(&Cx::new(), &create).await?;
    }
    let opened: Vec<_> = (0..count).map(|id| account::Model { id, cents: CENTS }).collect();
    accounts.create_batch(&Cx::new(), &opened).await.map(drop)
}

/// One transfer between two accounts, or none if the first has not enough.
async fn transfer(store: &Store, accounts: &Accounts, options: TxOptions, count: i32, counts: &Counts) -> Result<()> {
    let from = fastrand::i32(0..count);
    let to = (from + 1 + fastrand::i32(0..count - 1)) % count;
    let cents = i64::from(1 + fastrand::i32(0..5_000));
    let outcome = store.tx_with(&Cx::new(), options, |cx| async move {
        counts.attempts.fetch_add(1, Ordering::Relaxed);
        counts.most_attempts.fetch_max(u64::from(cx.attempt()), Ordering::Relaxed);
        let mut payer = accounts.get(&cx, &from).await?;
        let mut payee = accounts.get(&cx, &to).await?;
        payer.cents -= cents;
        payee.cents += cents;
        if payer.cents < 0 {
            return Err(larder::Error::new(ErrorKind::Check, "not enough on the account"));
        }
        accounts.update(&cx, &payer).await?;
        accounts.update(&cx, &payee).await?;
        Ok(())
    });
    match outcome.await {
        Ok(()) => counts.made.fetch_add(1, Ordering::Relaxed),
        Err(error) if error.kind() == ErrorKind::Check => counts.refused.fetch_add(1, Ordering::Relaxed),
        Err(error) => return Err(error),
    };
    Ok(())
}
