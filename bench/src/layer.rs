//! What a layer costs that does nothing but to pass each call on.

use std::{hint::black_box, sync::Arc, time::Instant};

use async_trait::async_trait;
use larder::{
    Capabilities, Changes, Creator, Cx, Deleter, Filter, ModelStream, OnConflict, Projection, Query, Reader,
    Result as LarderResult, Row, Storage, Transactional, TxOptions, Updater, Upserted,
};
use uuid::Uuid;

use crate::{
    Result, Run,
    larder_client::Records,
    measure::{Subjects, Times},
    missing,
    record::{Entity, numbered},
    report::{Line, Section},
};

pub const ID: &str = "P14";
const RECORDS: u64 = 1000;
const MOST_ADDED_NS: f64 = 100.0;

/// As an application would write it over whatever storage it is given.
struct Layer<M, Id> {
    inner: Arc<dyn Storage<M, Id>>,
}

#[async_trait]
impl<M: Send + Sync + 'static, Id: Send + Sync + 'static> Creator<M> for Layer<M, Id> {
    async fn create(&self, cx: &Cx, model: &M) -> LarderResult<M> {
        self.inner.create(cx, model).await
    }

    async fn create_many(&self, cx: &Cx, models: &[M]) -> LarderResult<Vec<M>> {
        self.inner.create_many(cx, models).await
    }

    async fn create_batch(&self, cx: &Cx, models: &[M]) -> LarderResult<u64> {
        self.inner.create_batch(cx, models).await
    }

    async fn upsert_batch(&self, cx: &Cx, models: &[M], on_conflict: &OnConflict<M>) -> LarderResult<Upserted> {
        self.inner.upsert_batch(cx, models, on_conflict).await
    }
}

#[async_trait]
impl<M: Send + Sync + 'static, Id: Send + Sync + 'static> Reader<M, Id> for Layer<M, Id> {
    async fn find(&self, cx: &Cx, id: &Id) -> LarderResult<Option<M>> {
        self.inner.find(cx, id).await
    }

    async fn find_many(&self, cx: &Cx, ids: &[Id]) -> LarderResult<Vec<M>> {
        self.inner.find_many(cx, ids).await
    }

    async fn query(&self, cx: &Cx, query: &Query<M>) -> LarderResult<Vec<M>> {
        self.inner.query(cx, query).await
    }

    async fn stream(&self, cx: &Cx, query: &Query<M>) -> LarderResult<ModelStream<M>> {
        self.inner.stream(cx, query).await
    }

    async fn count(&self, cx: &Cx, filter: &Filter<M>) -> LarderResult<u64> {
        self.inner.count(cx, filter).await
    }

    async fn project(&self, cx: &Cx, query: &Query<M>, projection: &Projection<M>) -> LarderResult<Vec<Row>> {
        self.inner.project(cx, query, projection).await
    }
}

#[async_trait]
impl<M: Send + Sync + 'static, Id: Send + Sync + 'static> Updater<M> for Layer<M, Id> {
    async fn update(&self, cx: &Cx, model: &M) -> LarderResult<M> {
        self.inner.update(cx, model).await
    }

    async fn update_many(&self, cx: &Cx, models: &[M]) -> LarderResult<Vec<M>> {
        self.inner.update_many(cx, models).await
    }

    async fn update_where(&self, cx: &Cx, filter: &Filter<M>, changes: &Changes<M>) -> LarderResult<u64> {
        self.inner.update_where(cx, filter, changes).await
    }
}

#[async_trait]
impl<M: Send + Sync + 'static, Id: Send + Sync + 'static> Deleter<M, Id> for Layer<M, Id> {
    async fn delete(&self, cx: &Cx, id: &Id) -> LarderResult<bool> {
        self.inner.delete(cx, id).await
    }

    async fn delete_many(&self, cx: &Cx, ids: &[Id]) -> LarderResult<u64> {
        self.inner.delete_many(cx, ids).await
    }

    async fn delete_where(&self, cx: &Cx, filter: &Filter<M>) -> LarderResult<u64> {
        self.inner.delete_where(cx, filter).await
    }
}

#[async_trait]
impl<M: Send + Sync + 'static, Id: Send + Sync + 'static> Transactional for Layer<M, Id> {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.inner.is_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> LarderResult<Cx> {
        self.inner.begin(cx, options).await
    }
}

pub async fn run(run: &Run) -> Result<Section> {
    let bare: Records = larder::open("memory:").await?.repository::<Entity>();
    let models = numbered(0..RECORDS);
    bare.create_batch(&Cx::new(), &models).await?;
    let layered: Records = Arc::new(Layer { inner: bare.clone() });
    let ids: Arc<[Uuid]> = models.iter().map(|model| model.log_id).collect();
    let (finds, rounds) = (run.rows * 2, run.rounds * 2 + 1);
    let mut subjects = Subjects::new([bare, layered]);
    for round in 1..=rounds {
        eprintln!("{ID} round {round} of {rounds}");
        for (records, times) in subjects.turn() {
            times.push(tokio::spawn(find(records.clone(), ids.clone(), finds)).await??);
        }
    }
    let [(_, without), (_, with)]: [(Records, Times); 2] = subjects.finish().try_into().map_err(|_| missing())?;
    let each = |times: &Times| times.median().as_secs_f64() * 1e9 / finds as f64;
    let added = each(&with) - each(&without);
    let lines = vec![
        Line::new(ID, "larder, memory", finds as u64, &without),
        Line::new(ID, "larder, memory, one layer", finds as u64, &with)
            .detail(format!("{added:.0} ns a call added; larder has no default stack of layers yet "))
            .target(format!("<= {MOST_ADDED_NS} ns a call added"), added <= MOST_ADDED_NS),
    ];
    Ok(Section { id: ID, title: "memory: find, through a layer that does nothing".to_owned(), lines })
}

async fn find(records: Records, ids: Arc<[Uuid]>, finds: usize) -> Result<std::time::Duration> {
    let cx = Cx::new();
    let start = Instant::now();
    for id in ids.iter().cycle().take(finds) {
        black_box(records.find(&cx, id).await?);
    }
    Ok(start.elapsed())
}
