//! Columns of types of the application's own: an enum of the database's, a list of documents, a document. SeaORM knows lists
//! where it knows Postgres.

use std::sync::Arc;

use larder::{Cx, Dialect, ErrorKind, Filter, Projection, Query, ReaderExt as _, SqlText, Storage, Store, field_of};
use sea_orm::Schema;
use serde::{Deserialize, Serialize};

use crate::support::backend::Harness;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sea_orm::FromJsonQueryResult)]
pub(crate) struct Track {
    title: String,
    seconds: u32,
}

/// A number that the database holds as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sea_orm::DeriveValueType)]
#[sea_orm(value_type = "String")]
#[serde(transparent)]
pub(crate) struct Edition(u64);

impl std::fmt::Display for Edition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "edition {}", self.0)
    }
}

impl std::str::FromStr for Edition {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim_start_matches("edition ").parse().map(Self)
    }
}

pub(crate) mod album {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::{Edition, Track};

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
    #[sea_orm(rs_type = "Enum", db_type = "Enum", enum_name = "mood")]
    pub enum Mood {
        #[sea_orm(string_value = "calm")]
        Calm,
        #[sea_orm(string_value = "loud")]
        Loud,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
    #[sea_orm(rs_type = "i32", db_type = "Integer")]
    pub enum Rating {
        #[sea_orm(num_value = -1)]
        Bad,
        #[sea_orm(num_value = 7)]
        Good,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "album")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub mood: Mood,
        pub other: Option<Mood>,
        pub rating: Rating,
        pub edition: Edition,
        #[sea_orm(column_type = "Json")]
        pub tracks: Vec<Track>,
        #[sea_orm(column_type = "Json", nullable)]
        pub bonus: Option<Track>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn album(id: i32) -> album::Model {
    let track = |nth: i32| Track { title: format!("track {nth}"), seconds: 60 };
    album::Model {
        id,
        mood: if id % 2 == 0 { album::Mood::Calm } else { album::Mood::Loud },
        other: (id % 3 == 0).then_some(album::Mood::Loud),
        rating: if id % 2 == 0 { album::Rating::Bad } else { album::Rating::Good },
        edition: Edition(u64::MAX - u64::from(id % 3 == 0)),
        tracks: (0..id % 4).map(track).collect(),
        bonus: (id % 5 == 0).then(|| track(id)),
    }
}

async fn keeps_them(harness: &'static dyn Harness) {
    if harness.is_skipped() {
        return;
    }
    let fixture = harness.fresh().await;
    let cx = Cx::new();
    if let Ok(sql) = fixture.store.sql() {
        let mood = match sql.dialect() {
            Dialect::Postgres => Some("CREATE TYPE mood AS ENUM ('calm', 'loud')"),
            Dialect::DuckDb => Some("CREATE TYPE mood AS VARCHAR"),
            _ => None,
        };
        if let Some(mood) = mood {
            sql.execute(&cx, &SqlText::new(mood)).await.unwrap();
        }
        let table = Schema::new(sql.dialect().sea_orm()).create_table_from_entity(album::Entity);
        sql.execute(&cx, &table).await.unwrap();
    }
    let albums = fixture.store.repository::<album::Entity>();
    for id in 0..6 {
        assert_eq!(albums.create(&cx, &album(id)).await.unwrap(), album(id));
        assert_eq!(albums.get(&cx, &id).await.unwrap(), album(id));
    }
    let changed = album::Model { id: 5, ..album(11) };
    assert_eq!(albums.update(&cx, &changed).await.unwrap(), changed);
    let many: Vec<_> = (10..1000).map(album).collect();
    albums.create_batch(&cx, &many).await.unwrap();
    let ids: Vec<_> = (10..1000).collect();
    assert_eq!(albums.find_many(&cx, &ids).await.unwrap(), many);
    are_read_by_their_own_conversion(&fixture.store, &albums).await;
}

/// What `serde` would read otherwise than a model does.
#[derive(Debug, PartialEq, Deserialize)]
struct Labelled {
    id: i32,
    #[serde(deserialize_with = "larder::column_value")]
    mood: album::Mood,
    #[serde(deserialize_with = "larder::column_value")]
    other: Option<album::Mood>,
    #[serde(deserialize_with = "larder::column_value")]
    rating: album::Rating,
    #[serde(deserialize_with = "larder::column_value")]
    edition: Edition,
}

async fn are_read_by_their_own_conversion(store: &Store, albums: &Arc<dyn Storage<album::Model, i32>>) {
    use album::{Column, Mood, Rating};

    let (cx, all) = (&Cx::new(), &Filter::all());
    assert_eq!(albums.distinct::<Mood, _>(cx, field_of(Column::Mood), all).await.unwrap(), [Mood::Calm, Mood::Loud]);
    assert_eq!(albums.distinct::<Option<Mood>, _>(cx, field_of(Column::Other), all).await.unwrap(), [None, Some(Mood::Loud)]);
    assert_eq!(albums.distinct::<Rating, _>(cx, field_of(Column::Rating), all).await.unwrap(), [Rating::Bad, Rating::Good]);
    let editions = albums.distinct::<Edition, _>(cx, field_of(Column::Edition), all).await.unwrap();
    assert_eq!(editions, [Edition(u64::MAX - 1), Edition(u64::MAX)]);
    let refused = albums.distinct::<Rating, _>(cx, field_of(Column::Mood), all).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains("`mood`"), "{refused}");

    let columns = Projection::of(field_of(Column::Id)).and(field_of(Column::Mood)).and(field_of(Column::Other));
    let columns = columns.and(field_of(Column::Rating)).and(field_of(Column::Edition));
    let expected = |id: i32| {
        let album::Model { id, mood, other, rating, edition, .. } = album(id);
        Labelled { id, mood, other, rating, edition }
    };
    let some = Query::new().filter(field_of(Column::Id).is_in([20, 21, 22]));
    let read: Vec<Labelled> = albums.query_as(cx, &some, &columns).await.unwrap();
    assert_eq!(read, [20, 21, 22].map(expected));
    if let Ok(sql) = store.sql() {
        let mood = if sql.dialect() == Dialect::Postgres { "mood::text AS mood, other::text AS other" } else { "mood, other" };
        let text = SqlText::new(format!("SELECT id, {mood}, rating, edition FROM album WHERE id IN (20, 21, 22) ORDER BY id"));
        assert_eq!(sql.query_as::<Labelled>(cx, &text).await.unwrap(), [20, 21, 22].map(expected));
    }
}

/// A column of a type that not every backend reads.
mod gauge {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "gauge")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub total: u64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What cannot be read back is refused before anything is stored, by the name of its column and its type.
async fn names_what_it_cannot_read(harness: &'static dyn Harness) {
    if harness.is_skipped() {
        return;
    }
    let fixture = harness.fresh().await;
    let (cx, gauges) = (&Cx::new(), fixture.store.repository::<gauge::Entity>());
    for outcome in [
        gauges.create(cx, &gauge::Model { id: 1, total: 7 }).await.map(drop),
        gauges.find(cx, &1).await.map(drop),
        gauges.all(cx).await.map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("total")), "{error}");
        assert!(error.to_string().contains("BigUnsigned"), "{error}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_names_what_it_cannot_read() {
    names_what_it_cannot_read(&crate::sqlite::File).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_names_what_it_cannot_read() {
    names_what_it_cannot_read(&crate::postgres::Server).await;
}

#[tokio::test]
async fn memory_keeps_them() {
    keeps_them(&crate::memory::Memory).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_keeps_them() {
    keeps_them(&crate::sqlite::File).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_of_sea_orm_keeps_them() {
    keeps_them(&crate::sqlite::SeaOrm).await;
}

#[tokio::test]
async fn postgres_keeps_them() {
    keeps_them(&crate::postgres::Server).await;
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn duckdb_keeps_them() {
    keeps_them(&crate::duckdb::File).await;
}
