//! Tables of Postgres that psql made.

mod aggregates;
mod changes;
mod decoding;
mod entities;
mod extremes;
mod integers;
mod order;
mod rewritten;
mod storing;
mod upserts;

use std::process::Command;

use larder::{OpenOptions, Store};
use sea_orm::Database;

use crate::support::postgres::TestDatabase;
pub(crate) use crate::support::postgres::is_skipped;

/// Runs SQL by psql, and answers what it prints: a line for each row, with `|` between the values.
pub(crate) fn psql(database: &TestDatabase, sql: &str) -> String {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &database.url()]);
    let output = command.output().expect("psql, of Postgres' client packages");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim_end_matches('\n').to_owned()
}

/// A store by the database's URL, and one of a connection of SeaORM's.
pub(crate) async fn stores(database: &TestDatabase) -> [Store; 2] {
    let by_url = OpenOptions::new().max_connections(2).open(&database.url()).await.unwrap();
    let connection = Database::connect(database.url()).await.unwrap();
    [by_url, Store::from_sea_orm(connection).unwrap()]
}
