//! Many tasks that each wait for a commit, by hand: one thread writes for all, and whoever waits at a time shares one commit.

use std::{sync::mpsc, thread};

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::limit::{connect, execute, insert};
use crate::{Result, client::Client, place::Place, record::Model};

type Order = (Model, oneshot::Sender<()>);

const MOST_A_COMMIT: usize = 1000;

struct SharedCommits {
    orders: mpsc::Sender<Order>,
}

/// The thread ends with the last client.
pub fn open(place: &Place) -> Result<Box<dyn Client>> {
    let connection = connect(place)?;
    let (orders, received) = mpsc::channel();
    thread::spawn(move || {
        // Whoever waits is told by the end of its channel.
        write(connection, &received).unwrap_or_else(|error| report(&*error));
    });
    Ok(Box::new(SharedCommits { orders }))
}

fn report(error: &dyn std::error::Error) {
    eprintln!("the thread that writes has ended: {error}");
}

fn write(mut connection: Connection, orders: &mpsc::Receiver<Order>) -> Result<()> {
    while let Ok(first) = orders.recv() {
        let transaction = connection.transaction()?;
        let mut statement = insert(&transaction)?;
        let mut waiting = Vec::new();
        for (record, done) in std::iter::once(first).chain(orders.try_iter()).take(MOST_A_COMMIT) {
            execute(&mut statement, &record)?;
            waiting.push(done);
        }
        drop(statement);
        transaction.commit()?;
        // One that waits no more is no matter.
        waiting.into_iter().for_each(|done| done.send(()).unwrap_or_default());
    }
    Ok(())
}

#[async_trait]
impl Client for SharedCommits {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { orders: self.orders.clone() }))
    }

    async fn create_batch(&mut self, _records: &[Model]) -> Result<()> {
        Err("it creates one by one".into())
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            let (done, waits) = oneshot::channel();
            self.orders.send((record.clone(), done))?;
            waits.await?;
        }
        Ok(())
    }
}
