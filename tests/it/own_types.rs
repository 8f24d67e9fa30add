//! Columns of types of the application's own: an enum of the database's, a list of documents, a document. SeaORM knows lists where it knows Postgres.

use larder::{Cx, Dialect, ReaderExt as _, SqlText};
use sea_orm::Schema;
use serde::{Deserialize, Serialize};

use crate::support::backend::Backend;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, sea_orm::FromJsonQueryResult)]
pub(crate) struct Track {
    title: String,
    seconds: u32,
}

pub(crate) mod album {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::Track;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
    #[sea_orm(rs_type = "Enum", db_type = "Enum", enum_name = "mood")]
    pub enum Mood {
        #[sea_orm(string_value = "calm")]
        Calm,
        #[sea_orm(string_value = "loud")]
        Loud,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "album")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub mood: Mood,
        pub other: Option<Mood>,
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
        tracks: (0..id % 4).map(track).collect(),
        bonus: (id % 5 == 0).then(|| track(id)),
    }
}

async fn keeps_them<B: Backend>() {
    if B::is_skipped() {
        return;
    }
    let fixture = B::fresh().await;
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
}

#[tokio::test]
async fn memory_keeps_them() {
    keeps_them::<crate::memory::Memory>().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_keeps_them() {
    keeps_them::<crate::sqlite::File>().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_of_sea_orm_keeps_them() {
    keeps_them::<crate::sqlite::SeaOrm>().await;
}

#[tokio::test]
async fn postgres_keeps_them() {
    keeps_them::<crate::postgres::Server>().await;
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn duckdb_keeps_them() {
    keeps_them::<crate::duckdb::File>().await;
}
