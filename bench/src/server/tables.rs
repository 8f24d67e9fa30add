//! The tables of a new database: none. Each measurement makes its own.

use larder::Store;

pub async fn create(_store: &Store) {}
