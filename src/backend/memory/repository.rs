//! The contract over [`State`].

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    constraint::{Tables, after_delete, after_update, require_parents},
    state::{Row, State},
    store::MemoryStore,
    table::Table,
    transaction::MemoryTransaction,
};
use crate::{
    context::{Access, Cx, Entry},
    entity::{IdOf, Shape, Storable, unreadable},
    error::{Error, Result, not_found},
    repository::{Creator, Deleter, Reader, Transactional, Updater},
    transaction::TxOptions,
};

pub(crate) struct MemoryRepository<E: Storable> {
    store: MemoryStore,
    shape: Shape<E>,
    table: Arc<Table>,
}

impl<E: Storable> MemoryRepository<E> {
    pub(crate) fn new(store: MemoryStore) -> Self {
        let shape = Shape::new();
        let table = Arc::new(Table::of(&shape));
        store.add_table(&table);
        Self { store, shape, table }
    }

    fn model(&self, row: &Row) -> Result<E::Model> {
        E::model_of(row.to_vec()).map_err(unreadable)
    }

    fn at(&self, operation: &'static str) -> impl Fn(Error) -> Error + '_ {
        move |error| error.at(operation, &self.table.name)
    }

    async fn read<R>(&self, cx: &Cx, read: impl FnOnce(&State) -> Result<R> + Send) -> Result<R> {
        match cx.enter::<MemoryTransaction>(self.store.id(), Access::Read)? {
            Entry::Joined(level, transaction) => {
                let mut step = transaction.step(level.id()).await?;
                let result = step.work().and_then(|open| read(open.state()));
                step.finish(result)
            }
            Entry::Alone(_) => {
                self.store.refuse_if_closed()?;
                read(&self.store.committed())
            }
        }
    }

    /// Changes the state as a whole or not at all.
    async fn write<R>(&self, cx: &Cx, write: impl FnOnce(&Tables, &mut State) -> Result<R> + Send) -> Result<R> {
        match cx.enter::<MemoryTransaction>(self.store.id(), Access::Write)? {
            Entry::Joined(level, transaction) => {
                let tables = self.store.tables();
                let mut step = transaction.step(level.id()).await?;
                let result = step.work().and_then(MemoryTransaction::state_mut).and_then(|state| write(&tables, state));
                step.finish(result)
            }
            Entry::Alone(patience) => {
                let _turn = self.store.writer(patience).await?;
                let mut state = self.store.committed();
                let result = write(&self.store.tables(), &mut state)?;
                self.store.commit(state);
                Ok(result)
            }
        }
    }

    async fn insert(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<Row>> {
        let values = models.iter().map(|model| self.shape.values(model)).collect::<Result<Vec<_>>>()?;
        let now = self.store.clock().now();
        self.write(cx, |tables, state| {
            let rows = values.into_iter().map(|values| state.insert(&self.table, values, now));
            let rows = rows.collect::<Result<Vec<Row>>>()?;
            rows.iter().try_for_each(|row| require_parents(tables, state, &self.table, row))?;
            Ok(rows)
        })
        .await
    }

    async fn replace(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let row: Row = self.shape.values(model)?.into();
        let old = self.write(cx, |tables, state| {
            let old = state.replace(&self.table, &row)?;
            if let Some(old) = old.clone() {
                require_parents(tables, state, &self.table, &row)?;
                after_update(tables, state, &self.table, old, row.clone())?;
            }
            Ok(old)
        });
        old.await?.ok_or_else(not_found)?;
        self.model(&row)
    }

    async fn remove(&self, cx: &Cx, take: impl FnOnce(&mut State) -> Vec<Row> + Send) -> Result<u64> {
        self.write(cx, |tables, state| {
            let removed = take(state);
            let count = removed.len() as u64;
            after_delete(tables, state, &self.table, removed)?;
            Ok(count)
        })
        .await
    }
}

#[async_trait]
impl<E: Storable> Creator<E::Model> for MemoryRepository<E> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let rows = self.insert(cx, std::slice::from_ref(model)).await.map_err(self.at("create"))?;
        rows.first().map_or_else(|| Ok(model.clone()), |row| self.model(row))
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let rows = self.insert(cx, models).await.map_err(self.at("create_many"))?;
        rows.iter().map(|row| self.model(row)).collect()
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        Ok(self.insert(cx, models).await.map_err(self.at("create_batch"))?.len() as u64)
    }
}

#[async_trait]
impl<E: Storable> Reader<E::Model, IdOf<E>> for MemoryRepository<E> {
    async fn find(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        let key = self.shape.key_of_id(id).map_err(self.at("find"))?;
        let found = self.read(cx, |state| state.find(&self.table.name, &key).map(|row| self.model(row)).transpose());
        found.await.map_err(self.at("find"))
    }

    async fn find_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let keys = ids.iter().map(|id| self.shape.key_of_id(id)).collect::<Result<Vec<_>>>();
        let keys = keys.map_err(self.at("find_many"))?;
        let found = self.read(cx, |state| {
            keys.iter().filter_map(|key| state.find(&self.table.name, key)).map(|row| self.model(row)).collect()
        });
        found.await.map_err(self.at("find_many"))
    }

    async fn all(&self, cx: &Cx) -> Result<Vec<E::Model>> {
        let all = self.read(cx, |state| {
            let rows = state.rows(&self.table.name).into_iter().flat_map(|rows| rows.by_id.values());
            rows.map(|row| self.model(row)).collect()
        });
        all.await.map_err(self.at("all"))
    }

    async fn count(&self, cx: &Cx) -> Result<u64> {
        let count = self.read(cx, |state| Ok(state.rows(&self.table.name).map_or(0, |rows| rows.by_id.size()) as u64));
        count.await.map_err(self.at("count"))
    }
}

#[async_trait]
impl<E: Storable> Updater<E::Model> for MemoryRepository<E> {
    async fn update(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        self.replace(cx, model).await.map_err(self.at("update"))
    }
}

#[async_trait]
impl<E: Storable> Deleter<E::Model, IdOf<E>> for MemoryRepository<E> {
    async fn delete(&self, cx: &Cx, id: &IdOf<E>) -> Result<bool> {
        let key = self.shape.key_of_id(id).map_err(self.at("delete"))?;
        let removed = self.remove(cx, |state| state.remove(&self.table, &key).into_iter().collect());
        Ok(removed.await.map_err(self.at("delete"))? > 0)
    }

    async fn delete_all(&self, cx: &Cx) -> Result<u64> {
        self.remove(cx, |state| state.clear(&self.table)).await.map_err(self.at("delete_all"))
    }
}

#[async_trait]
impl<E: Storable> Transactional for MemoryRepository<E> {
    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.store.begin(cx, options).await
    }
}
