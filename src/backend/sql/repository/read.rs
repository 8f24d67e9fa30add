//! Reading models.

use std::collections::BTreeMap;

use super::SqlRepository;
use crate::{
    backend::sql::{Engine, engine::Effort, produced::Produced},
    context::{Access, Cx, Entry, RUNNING, WAITING},
    entity::{IdOf, Storable},
    error::Result,
    query::{Projection, Query},
    repository::in_usual_parts,
    row::Row,
    stream::ModelStream,
    value::Key,
};

impl<E: Storable, G: Engine> SqlRepository<E, G> {
    pub(super) async fn look_up(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let keys = self.keys(ids)?;
        if keys.is_empty() {
            return self.do_nothing(cx, Access::Read).await.map(|()| Vec::new());
        }
        let mut found = BTreeMap::new();
        for part in keys.chunks(self.statements().ids_at_once()) {
            let models = self.store.fetch::<E>(cx, Access::Read, self.statements().find_many(part), Effort::Read).await?;
            found.extend(models.into_iter().map(|model| (self.shape.key_of_model(&model), model)));
        }
        Ok(keys.iter().filter_map(|key| found.get(key).cloned()).collect())
    }

    /// [`look_up`](Self::look_up) on a connection.
    pub(super) async fn look_up_on(&self, lease: &mut G::Lease, keys: &[Key]) -> Result<BTreeMap<Key, E::Model>> {
        let mut found = BTreeMap::new();
        for part in keys.chunks(self.statements().ids_at_once()) {
            let models = self.store.engine().fetch::<E>(lease, self.statements().find_many(part), Effort::Read).await?;
            found.extend(models.into_iter().map(|model| (self.shape.key_of_model(&model), model)));
        }
        Ok(found)
    }

    pub(super) async fn select(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        let selection = self.selection(query)?;
        self.store.fetch::<E>(cx, Access::Read, self.statements().select(&selection), Effort::Read).await
    }

    pub(super) async fn open_stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        let selection = self.selection(query)?;
        let entry = self.store.enter(cx, Access::Read)?;
        if let Entry::Joined(level, transaction) = &entry {
            // The connection belongs to the transaction, which goes on using it between the parts.
            drop(cx.limits().bound(WAITING, transaction.step(level.id())).await?.finish(Ok(())));
            let (repository, cx) = (self.clone(), cx.clone());
            return Ok(in_usual_parts(self.shape.clone(), query.clone(), move |query| {
                let (repository, cx) = (repository.clone(), cx.clone());
                async move { repository.select(&cx, &query).await.map_err(repository.at("stream")) }
            }));
        }
        let Entry::Alone(patience) = entry else { return Ok(ModelStream::of_chunks(futures_util::stream::empty())) };
        let statement = self.statements().select(&selection);
        let limits = cx.limits().clone();
        let mut lease = limits.bound(WAITING, self.store.engine().acquire(Access::Read, patience, Effort::Read)).await?;
        limits.bound(WAITING, self.store.engine().limit(&mut lease, &limits)).await?;
        let repository = self.clone();
        let read = move |sink| async move {
            let read = repository.store.engine().stream::<E>(&mut lease, statement, sink);
            let read = limits.bound(RUNNING, read).await;
            read.map_err(repository.at("stream"))
        };
        ModelStream::begun(Produced::by(read)).await
    }

    pub(super) async fn columns(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        let columns = self.shape.projected(projection)?;
        let types = columns.iter().map(|column| self.shape.value_type(*column)).collect::<Result<_>>()?;
        let statement = self.statements().project(&self.selection(query)?, &columns, projection.distinct);
        self.store.rows(cx, Access::Read, statement, Some(types), Effort::Read).await
    }
}
