//! What a journal gives back of a model: its columns, whatever serde makes of the model.

use std::{fs, path::Path};

use larder::{CancellationToken, Cx, ErrorKind, Journal, ReaderExt, Storable, WriteBehind, WriteBehindOptions};
use sea_orm::{ModelTrait, prelude::Uuid};
use serde_json::json;

use crate::support::{entities, item, sample, time};

/// What serde makes of it lacks columns, and changes others.
mod account {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "account")]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        #[serde(skip_deserializing)]
        pub id: i64,
        #[serde(skip)]
        pub hash: String,
        #[serde(skip_serializing, default)]
        pub points: i64,
        #[serde(skip_serializing_if = "Option::is_some", default)]
        pub nick: Option<String>,
        #[serde(rename = "title")]
        pub full_name: String,
        #[serde(with = "seconds")]
        pub at: DateTimeUtc,
        pub ratio: f64,
        #[serde(skip)]
        pub token: Vec<u8>,
        #[serde(flatten)]
        #[sea_orm(column_type = "Json")]
        pub more: Json,
    }

    /// Times without what is less than a second, as `chrono::serde::ts_seconds` has them.
    mod seconds {
        use super::*;

        pub(super) fn serialize<S: Serializer>(time: &DateTimeUtc, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_i64(time.timestamp())
        }

        pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTimeUtc, D::Error> {
            i64::deserialize(deserializer).map(|seconds| DateTimeUtc::from_timestamp(seconds, 0).unwrap())
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The same table in forms of other processes.
macro_rules! forms {
    ($($form:ident $table:literal { $($field:ident: $type:ty,)* })*) => {
        $(mod $form {
            use sea_orm::entity::prelude::*;
            use serde::{Deserialize, Serialize};

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
            #[sea_orm(table_name = $table)]
            #[serde(default)]
            pub(crate) struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: i64,
                $(pub $field: $type,)*
            }

            impl Default for Model {
                fn default() -> Self {
                    Self { id: 0, $($field: Default::default(),)* }
                }
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        })*
    };
}

forms! {
    first "form" { body: String, level: Option<i32>, }
    longer "form" { body: String, level: Option<i32>, note: Option<String>, }
    shorter "form" { body: String, }
    of_numbers "form" { body: i64, level: Option<i32>, }
    of_levels "form" { body: String, level: i32, }
    elsewhere "other" { body: String, level: Option<i32>, }
    padded "form" { body: super::Padded, level: Option<i32>, }
}

/// Text that is not what it was after it was a value.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Padded(String);

impl From<Padded> for sea_orm::Value {
    fn from(text: Padded) -> Self {
        format!("{} ", text.0).into()
    }
}

impl sea_orm::TryGetable for Padded {
    fn try_get_by<I: sea_orm::ColIdx>(row: &sea_orm::QueryResult, index: I) -> Result<Self, sea_orm::TryGetError> {
        String::try_get_by(row, index).map(Self)
    }
}

impl sea_orm::sea_query::ValueType for Padded {
    fn try_from(value: sea_orm::Value) -> Result<Self, sea_orm::sea_query::ValueTypeErr> {
        <String as sea_orm::sea_query::ValueType>::try_from(value).map(Self)
    }

    fn type_name() -> String {
        "Padded".to_owned()
    }

    fn array_type() -> sea_orm::sea_query::ArrayType {
        sea_orm::sea_query::ArrayType::String
    }

    fn column_type() -> sea_orm::sea_query::ColumnType {
        sea_orm::sea_query::ColumnType::Text
    }
}

async fn start<E: Storable>(folder: &Path) -> (larder::Store, WriteBehind<E::Model>)
where
    E::Model: ModelTrait<Entity = E>,
{
    let store = larder::open("memory:").await.unwrap();
    let slow = WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER);
    let builder = WriteBehind::builder(store.repository::<E>()).reconcile_by_key().options(slow);
    let queue = builder.journal(Journal::at(folder)).start().await.unwrap();
    (store, queue)
}

/// Submits models to a queue that ends before it has written anything.
async fn left<E: Storable>(folder: &Path, models: &[E::Model])
where
    E::Model: ModelTrait<Entity = E>,
{
    let (_store, queue) = start::<E>(folder).await;
    queue.submit_many(&Cx::new(), models).unwrap();
    let token = CancellationToken::new();
    token.cancel();
    queue.close(&Cx::new().with_cancel(token)).await;
}

/// The next queue stores what `create` would have stored.
async fn come_back<E: Storable>(models: &[E::Model])
where
    E::Model: ModelTrait<Entity = E> + std::fmt::Debug + PartialEq,
{
    let folder = tempfile::tempdir().unwrap();
    left::<E>(folder.path(), models).await;
    let (store, queue) = start::<E>(folder.path()).await;
    assert_eq!((&*queue.recovery().reasons, queue.recovery().replayed), (&[][..], models.len() as u64));
    queue.close(&Cx::new()).await;
    let created = larder::open("memory:").await.unwrap();
    created.repository::<E>().create_batch(&Cx::new(), models).await.unwrap();
    let all = store.repository::<E>().all(&Cx::new()).await.unwrap();
    assert_eq!(all, created.repository::<E>().all(&Cx::new()).await.unwrap());
    assert_eq!(all.len(), models.len());
}

fn account(id: i64) -> account::Model {
    account::Model {
        id,
        hash: "hash".to_owned(),
        points: 42,
        nick: Some("nick".to_owned()),
        full_name: "Name".to_owned(),
        at: time("2026-03-01T12:00:00.123456Z"),
        ratio: f64::INFINITY,
        token: vec![0, 255],
        more: json!({ "a": [1, null] }),
    }
}

#[tokio::test]
async fn what_serde_skips_or_changes_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    left::<account::Entity>(folder.path(), &[account(11), account(12)]).await;
    let store = larder::open("memory:").await.unwrap();
    let accounts = store.repository::<account::Entity>();
    let builder = WriteBehind::builder(accounts.clone()).reconcile_by_id().journal(Journal::at(folder.path()));
    let queue = builder.start().await.unwrap();
    assert_eq!(queue.close(&Cx::new()).await.stored, 2);
    assert_eq!(accounts.all(&Cx::new()).await.unwrap(), [account(11), account(12)]);
}

#[tokio::test]
async fn every_type_of_column_comes_back() {
    let time_zone = Some("2026-03-01T12:00:00.123456789+02:00".parse().unwrap());
    let day = Some("2026-03-01".parse().unwrap());
    let sample = |text| entities::sample::Model { local: time_zone, day, json: Some(json!({ "b": [1.0] })), ..sample(text) };
    come_back::<entities::sample::Entity>(&[sample(""), sample("ä\u{FFFD}\n"), crate::support::sample("without")]).await;
    let full = entities::item::Model {
        status: Some(entities::item::Status::New),
        single: Some(0.1),
        real: Some(-0.0),
        bytes: Some(Vec::new()),
        token: Some(Uuid::max()),
        hour: Some("23:59:59.999999".parse().unwrap()),
        local: Some("0001-01-01T00:00:00".parse().unwrap()),
        ..item(2)
    };
    come_back::<entities::item::Entity>(&[item(1), full]).await;
    let price = |id, exact: &str| entities::price::Model { id, amount: exact.parse().unwrap(), exact: exact.parse().ok() };
    come_back::<entities::price::Entity>(&[price(1, "-0.10"), price(2, "12.50")]).await;
    come_back::<entities::tally::Entity>(&[entities::tally::Model { id: 1, count: u64::MAX }]).await;
}

/// A document that can be stored comes back, and one that cannot is not accepted.
#[tokio::test]
async fn documents_are_as_deep_as_create_takes_them() {
    let nested = |depth| (0..depth).fold(json!(1), |json, _| json!([json]));
    let item = |depth| entities::item::Model { json: Some(nested(depth)), ..item(1) };
    come_back::<entities::item::Entity>(&[item(127)]).await;
    let folder = tempfile::tempdir().unwrap();
    let (store, queue) = start::<entities::item::Entity>(folder.path()).await;
    let created = store.repository::<entities::item::Entity>().create(&Cx::new(), &item(128)).await.unwrap_err();
    let submitted = queue.submit(&Cx::new(), &item(128)).map(drop).unwrap_err();
    assert_eq!((created.kind(), submitted.kind()), (ErrorKind::InvalidInput, ErrorKind::InvalidInput));
    assert_eq!(queue.close(&Cx::new()).await.accepted, 0);
}

/// What a queue of another entity finds: nothing is stored, and the reason names the column.
async fn set_aside<E: Storable>(folder: &Path, reason: &str)
where
    E::Model: ModelTrait<Entity = E>,
{
    let (store, queue) = start::<E>(folder).await;
    let recovery = queue.recovery().clone();
    assert_eq!((recovery.replayed, recovery.set_aside.len()), (0, 1));
    assert!(recovery.reasons[0].contains(reason), "{recovery:?}");
    let file: serde_json::Value = serde_json::from_slice(&fs::read(&recovery.set_aside[0]).unwrap()).unwrap();
    assert_eq!(file["reason"], *recovery.reasons[0]);
    assert_eq!(file["columns"]["id"], 7);
    queue.close(&Cx::new()).await;
    assert!(store.repository::<E>().all(&Cx::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_model_of_other_columns_is_set_aside() {
    let again = async || {
        let folder = tempfile::tempdir().unwrap();
        let model = first::Model { id: 7, body: "seven".to_owned(), level: None };
        left::<first::Entity>(folder.path(), &[model]).await;
        folder
    };
    set_aside::<longer::Entity>(again().await.path(), "the column note").await;
    set_aside::<shorter::Entity>(again().await.path(), "no column level").await;
    set_aside::<of_numbers::Entity>(again().await.path(), "the column body").await;
    set_aside::<of_levels::Entity>(again().await.path(), "the column level").await;
    set_aside::<elsewhere::Entity>(again().await.path(), "the table form").await;
}

#[tokio::test]
async fn a_value_that_its_type_changes_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    left::<padded::Entity>(folder.path(), &[padded::Model { id: 7, body: Padded("x".to_owned()), level: None }]).await;
    set_aside::<padded::Entity>(folder.path(), "the column body").await;
}

/// As a queue wrote it before it wrote columns: it may lack some.
#[tokio::test]
async fn json_of_an_earlier_version_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let json = br#"{"body":"seven","level":null}"#;
    let body = [&[1_u8][..], &0_u64.to_le_bytes(), &u32::try_from(json.len()).unwrap().to_le_bytes(), json].concat();
    let head = [&[0xF5, b'l', b'r', 0xFA][..], &u32::try_from(body.len()).unwrap().to_le_bytes(), &CHECKSUM.to_le_bytes()];
    fs::write(folder.path().join("0000000000000000.journal"), [&head.concat(), &*body].concat()).unwrap();
    let (_store, queue) = start::<first::Entity>(folder.path()).await;
    let recovery = queue.recovery();
    assert_eq!((recovery.replayed, recovery.cut_bytes, recovery.set_aside.len()), (0, 0, 1));
    assert!(recovery.reasons[0].contains("JSON"), "{recovery:?}");
    let file: serde_json::Value = serde_json::from_slice(&fs::read(&recovery.set_aside[0]).unwrap()).unwrap();
    assert_eq!(file["model"], json!({ "body": "seven", "level": null }));
}

/// The CRC-32 of the record above, by Python's `zlib`.
const CHECKSUM: u32 = 0x11B1_FE28;

#[cfg(feature = "postgres")]
mod lists {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "lists")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub words: Vec<String>,
        pub numbers: Option<Vec<i32>>,
        #[serde(skip)]
        pub times: Option<Vec<DateTimeUtc>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    #[tokio::test]
    async fn lists_come_back() {
        let times = Some(vec![super::time("2026-03-01T12:00:00.123456Z")]);
        let full = Model { id: 1, words: vec!["a".to_owned(), String::new()], numbers: Some(Vec::new()), times };
        super::come_back::<Entity>(&[full, Model { id: 2, words: Vec::new(), numbers: None, times: None }]).await;
    }
}
