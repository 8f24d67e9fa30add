//! Metrics, as a monitoring agent stores them.

use chrono::{DateTime, TimeDelta, Utc};
use larder::{AppendOnly, Creator as _, Cx, OpenOptions, SegmentStore};
use sea_orm::entity::prelude::*;
use tempfile::TempDir;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(table_name = "metric")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub timestamp: DateTimeUtc,
    pub created_at: DateTimeUtc,
    pub metric_name: String,
    pub node_name: Option<String>,
    pub labels: Json,
    pub value: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The time of the metric of a number: a second for each.
pub fn at(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(number)
}

pub fn metric(number: i64) -> Model {
    Model {
        id: Uuid::from_u128(number.unsigned_abs().into()),
        timestamp: at(number),
        created_at: at(-number),
        metric_name: format!("requests_{}", number % 40),
        node_name: (number % 3 != 0).then(|| format!("node-{}", number % 200)),
        labels: serde_json::json!({ "app": "shop", "line": "one\ntwo", "zone": number % 4 }),
        value: format!("{number}.5"),
    }
}

pub fn metrics(numbers: std::ops::Range<i64>) -> Vec<Model> {
    numbers.map(metric).collect()
}

/// A store in a folder of its own.
pub struct Place {
    pub folder: TempDir,
    pub segments: SegmentStore,
    pub metrics: AppendOnly<Entity>,
}

impl Place {
    pub async fn new(parameters: &str) -> Self {
        Self::open(tempfile::tempdir().unwrap(), parameters).await
    }

    pub async fn open(folder: TempDir, parameters: &str) -> Self {
        let url = format!("disk:{}{parameters}", folder.path().join("store").display());
        let segments = SegmentStore::open(&url, &OpenOptions::new()).await.unwrap();
        let metrics = segments.store().append_only();
        Self { folder, segments, metrics }
    }

    /// Leaves everything as a process that was killed does, and opens it again.
    pub async fn reopened(self, parameters: &str) -> Self {
        let Self { folder, segments, metrics } = self;
        drop((segments, metrics));
        Self::open(folder, parameters).await
    }

    pub async fn store(&self, numbers: std::ops::Range<i64>) {
        let given = metrics(numbers);
        assert_eq!(self.metrics.create_batch(&Cx::new(), &given).await.unwrap(), given.len() as u64);
    }

    pub fn names(&self) -> Vec<String> {
        let segments = self.segments.segments::<Entity>();
        segments.iter().map(|segment| segment.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// All metrics, in the order of their ids.
    pub async fn all(&self) -> Vec<Model> {
        self.metrics.query(&Cx::new(), &larder::Query::new()).await.unwrap()
    }
}
