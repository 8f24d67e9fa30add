//! The stores that one test is run on, each in its turn.

use larder::{Isolation, OpenOptions, Store};

#[cfg(feature = "postgres")]
use crate::support::postgres::{self, TestDatabase};
use crate::support::{
    backend::{Fixture, OpenWith},
    create_tables,
};

#[allow(dead_code)] // Each feature uses a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Sqlite,
    DuckDb,
    Postgres,
}

/// Makes a test of each function for every place, named after both: `async fn promise(place: Place)`.
macro_rules! everywhere {
    ($($promise:ident)*) => {
        everywhere! { @of memory Memory ($($promise)*) }
        #[cfg(feature = "sqlite")]
        everywhere! { @of sqlite Sqlite ($($promise)*) }
        #[cfg(feature = "duckdb-linked")]
        everywhere! { @of duckdb DuckDb ($($promise)*) }
        #[cfg(feature = "postgres")]
        everywhere! { @of postgres Postgres ($($promise)*) }
    };
    (@of $module:ident $place:ident ($($promise:ident)*)) => {
        mod $module {
            use crate::places::Place;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    if !Place::$place.is_skipped() {
                        super::$promise(Place::$place).await;
                    }
                }
            )*
        }
    };
}

impl Place {
    /// Whether the tests were told to leave it out.
    pub(crate) fn is_skipped(self) -> bool {
        #[cfg(feature = "postgres")]
        if self == Self::Postgres && postgres::is_skipped() {
            eprintln!("skipped as asked: a test on Postgres");
            return true;
        }
        false
    }

    /// An empty store.
    pub(crate) async fn open(self) -> Fixture {
        self.open_as_is(OpenWith::default().options()).await
    }

    /// One that is opened so, and has so many connections at most, if it has any.
    pub(crate) async fn open_with(self, connections: u32, options: OpenOptions) -> Fixture {
        let options = if self == Self::Memory { options } else { options.max_connections(connections) };
        self.open_as_is(options).await
    }

    async fn open_as_is(self, options: OpenOptions) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let url = match self {
            Self::Memory => "memory:".to_owned(),
            Self::Sqlite => format!("sqlite:{}", directory.path().join("test.sqlite").display()),
            Self::DuckDb => format!("duckdb:{}?threads=1", directory.path().join("test.duckdb").display()),
            Self::Postgres => return self.on_server(options).await,
        };
        let store = options.open(&url).await.unwrap();
        if store.capabilities().schema {
            create_tables(&store).await;
        }
        Fixture::new(store, (directory, url))
    }

    #[cfg(feature = "postgres")]
    async fn on_server(self, options: OpenOptions) -> Fixture {
        let database = TestDatabase::with_tables().await;
        Fixture::new(options.open(&database.url()).await.unwrap(), database)
    }

    #[cfg(not(feature = "postgres"))]
    async fn on_server(self, _: OpenOptions) -> Fixture {
        unreachable!("the tests were built without Postgres")
    }

    /// Another store of the same data. Where only one transaction can write, it is the one way to come between those of a store;
    /// where there is none, or none is needed, it is the same.
    pub(crate) async fn another(self, fixture: &Fixture) -> Store {
        match fixture.guard.downcast_ref::<(tempfile::TempDir, String)>() {
            Some((_, url)) if self == Self::Sqlite => OpenWith::default().options().open(url).await.unwrap(),
            _ => fixture.store.clone(),
        }
    }

    /// The isolation levels that its stores offer.
    pub(crate) fn levels(self) -> &'static [Isolation] {
        match self {
            Self::Memory | Self::Sqlite => &[Isolation::Serializable],
            Self::DuckDb => &[Isolation::RepeatableRead],
            Self::Postgres => &[Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable],
        }
    }
}
