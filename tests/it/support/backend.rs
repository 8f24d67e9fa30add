//! How each backend is opened for a test.

#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use larder::testing::{Fixture, Harness, OpenWith};

/// The same for a pool that SeaORM makes.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn for_sea_orm(with: &OpenWith, url: String) -> sea_orm::ConnectOptions {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(with.max_connections.unwrap_or(10)).acquire_timeout(with.acquire_timeout);
    options
}
