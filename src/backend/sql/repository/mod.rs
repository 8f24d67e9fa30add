//! The contract over any [`Engine`], for any entity.

mod change;
mod insert;
mod new;
mod read;
mod upsert;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use sea_orm::{Value, sea_query::ArrayType};

use super::{
    Catalog,
    engine::{Effort, Engine},
    statement::{Statements, Texts},
    store::SqlStore,
};
use crate::{
    capability::Capabilities,
    context::{Access, Cx, Entry, WAITING},
    coop::{Budget, STEPS},
    entity::{IdOf, Shape, Storable},
    error::{Error, ErrorKind, Result},
    query::{Changes, Condition, Filter, OnConflict, Projection, Query, Selection, Upserted},
    repository::{BatchCall, Creator, Deleter, Reader, Transactional, Updater},
    row::Row,
    stream::ModelStream,
    transaction::TxOptions,
    value::Key,
};

/// A table as the database describes it, and the texts of statements for it.
#[derive(Clone)]
struct View {
    catalog: Arc<Catalog>,
    texts: Arc<Texts>,
}

impl View {
    fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, texts: Arc::default() }
    }
}

pub(crate) struct SqlRepository<E: Storable, G: Engine> {
    store: SqlStore<G>,
    shape: Arc<Shape<E>>,
    /// For a table that is just what the entity says.
    plain: View,
    /// The last other one.
    view: Arc<RwLock<View>>,
    /// Whether operations on single models have to know what the database says of the table.
    asks_for_single_models: bool,
    /// Why the models cannot be read back. `None` if they can.
    unreadable: Option<Error>,
    /// Whether no cast of the entity's makes other models of those that are given.
    is_plain: bool,
}

impl<E: Storable, G: Engine> Clone for SqlRepository<E, G> {
    fn clone(&self) -> Self {
        let (store, shape) = (self.store.clone(), self.shape.clone());
        let (plain, view, unreadable) = (self.plain.clone(), self.view.clone(), self.unreadable.clone());
        Self { store, shape, plain, view, unreadable, ..*self }
    }
}

impl<E: Storable, G: Engine> SqlRepository<E, G> {
    pub(crate) fn new(store: SqlStore<G>, shape: Shape<E>) -> Self {
        let unreadable = shape.unreadable(|value_type| store.engine().reads(value_type));
        let unreadable = unreadable.or_else(|| shape.too_long(store.engine().longest_name()));
        let is_plain = shape.is_saved_as_it_is() && shape.is_read_as_it_is();
        let plain = View::new(Catalog::plain());
        let view = Arc::new(RwLock::new(plain.clone()));
        let (shape, asks) = (Arc::new(shape), store.engine().asks_for_single_models());
        let mut repository = Self { store, shape, plain, view, asks_for_single_models: asks, unreadable, is_plain };
        repository.asks_for_single_models |= repository.ids_have_forms();
        repository
    }

    /// What builds the statements for a table.
    fn statements<'a>(&'a self, view: &'a View) -> Statements<'a, E> {
        let engine = self.store.engine();
        let (dialect, bind_limit) = (engine.dialect(), engine.bind_limit());
        Statements { shape: &self.shape, dialect, bind_limit, catalog: &view.catalog, texts: &view.texts }
    }

    /// Whether a column's values may be stored in several forms, so that comparing them depends on these. The engine looks by itself for UUIDs in
    /// other forms in the first column of an id, where an index helps: see [`missed`](Engine::missed).
    fn has_forms(&self, column: usize) -> bool {
        let is_uuid_id = |value_type: &ArrayType| *value_type == ArrayType::Uuid && self.shape.id.first() == Some(&column);
        let of_type = |value_type: ArrayType| self.store.engine().has_forms(&value_type) && !is_uuid_id(&value_type);
        self.shape.value_type(column).is_ok_and(of_type)
    }

    /// Whether a statement on models of given ids compares values that may be stored in several forms.
    fn ids_have_forms(&self) -> bool {
        self.shape.id.iter().any(|column| self.has_forms(*column))
    }

    /// The table as the database describes it now. `compares_forms` says whether the statement that follows compares values that may be stored in
    /// several forms.
    async fn view(&self, lease: &mut G::Lease, access: Access, compares_forms: bool) -> Result<View> {
        if access == Access::Write {
            self.store.engine().begin_to_write::<E>(lease).await?;
        }
        let catalog = self.store.engine().catalog::<E>(lease, compares_forms).await?;
        if Arc::ptr_eq(&catalog, &self.plain.catalog) {
            return Ok(self.plain.clone());
        }
        let known = self.view.read().unwrap_or_else(PoisonError::into_inner).clone();
        if Arc::ptr_eq(&catalog, &known.catalog) {
            return Ok(known);
        }
        let view = View::new(catalog);
        self.view.write().unwrap_or_else(PoisonError::into_inner).clone_from(&view);
        Ok(view)
    }

    fn at(&self, operation: &'static str) -> impl Fn(Error) -> Error + '_ {
        move |error| error.at(operation, &self.shape.table())
    }

    async fn keys(&self, ids: &[IdOf<E>]) -> Result<Vec<Key>> {
        self.require_readable()?;
        let (mut keys, mut budget) = (Vec::with_capacity(ids.len()), Budget::new());
        for id in ids {
            keys.push(self.shape.key_of_id(id)?);
            budget.consume().await;
        }
        Ok(keys)
    }

    /// Refuses an entity whose models could not be read back.
    fn require_readable(&self) -> Result<()> {
        match &self.unreadable {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// What a filter comes to, on a store that can read the models.
    fn condition(&self, filter: &Filter<E::Model>) -> Result<Condition> {
        self.require_readable()?;
        self.shape.condition(filter)
    }

    fn selection(&self, query: &Query<E::Model>) -> Result<Selection> {
        self.require_readable()?;
        self.shape.selection(query)
    }

    /// The values of models that can be read back. Lets other tasks have their turn meanwhile.
    async fn values(&self, models: &[E::Model], complete: impl Fn(&mut [Value]) -> Result<()> + Send) -> Result<Vec<Vec<Value>>> {
        self.require_readable()?;
        let (mut rows, mut budget) = (Vec::with_capacity(models.len()), Budget::new());
        for (nth, model) in models.iter().enumerate() {
            let row = self.shape.values(model).and_then(|mut row| complete(&mut row).map(|()| row));
            rows.push(row.map_err(|error| error.in_batch(nth, models.len()))?);
            budget.consume().await;
        }
        Ok(rows)
    }

    /// The values of models that are about to be written, completed by what the repository adds. Dropping this is dropping the write: a
    /// transaction it belongs to can no longer commit.
    async fn values_for(
        &self,
        cx: &Cx,
        models: &[E::Model],
        complete: impl Fn(&mut [Value]) -> Result<()> + Send,
    ) -> Result<Vec<Vec<Value>>> {
        let entry = self.store.enter(cx, Access::Write)?;
        let step = match &entry {
            Entry::Joined(level, transaction) if models.len() >= STEPS => {
                Some(cx.limits().bound(WAITING, transaction.step(level.id())).await?)
            }
            _ => None,
        };
        let rows = self.values(models, complete).await;
        if let Some(step) = step {
            // Values that are refused were not sent, and leave the transaction as it was.
            step.finish(Ok(()))?;
        }
        rows
    }

    /// Names the column of the documents that a condition looks into, if that is what an error is about.
    fn of_document(&self, condition: &Condition) -> impl Fn(Error) -> Error + '_ {
        let column = condition.document();
        move |error| match column.filter(|_| self.store.engine().is_of_document(&error)) {
            Some(column) => self.shape.in_column(column, error),
            None => error,
        }
    }

    /// How many ids one statement can look up.
    fn ids_at_once(&self) -> usize {
        self.statements(&self.plain).ids_at_once()
    }

    /// Refuses values that a column of the table would change, before anything is sent.
    async fn check_rows(&self, view: &View, rows: &[Vec<Value>]) -> Result<()> {
        let mut budget = Budget::new();
        for row in rows {
            view.catalog.check_row(&self.shape.columns, row)?;
            budget.consume().await;
        }
        Ok(())
    }

    /// Models by their ids.
    async fn by_key(&self, models: Vec<E::Model>, found: &mut BTreeMap<Key, E::Model>) {
        let mut budget = Budget::new();
        for model in models {
            found.insert(self.shape.key_of_model(&model), model);
            budget.consume().await;
        }
    }

    /// Nothing to do, and still refused where something would be.
    async fn do_nothing(&self, cx: &Cx, access: Access) -> Result<()> {
        let entry = self.store.enter(cx, access)?;
        self.store.hold(cx, &entry, access, Effort::Any).await?.finish(Ok(())).await
    }
}

/// A trigger or a rule of the table can see to that without an error.
fn not_stored() -> Error {
    Error::new(ErrorKind::Check, "a trigger or a rule of the table stored fewer rows than were given")
}

#[async_trait]
impl<E: Storable, G: Engine> Creator<E::Model> for SqlRepository<E, G> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let stored = self.insert(cx, std::slice::from_ref(model), true).await.map_err(self.at("create"))?;
        let missing = || self.at("create")(Error::new(ErrorKind::Internal, "the engine returned no row"));
        stored.into_iter().next().ok_or_else(missing)
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let stored = self.insert(cx, models, true).await;
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_many"))
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        let stored = self.insert(cx, models, false).await.map(|_| models.len() as u64);
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_batch"))
    }

    async fn upsert_batch(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let upserted = self.upsert(cx, models, on_conflict).await;
        BatchCall::Upsert(models, on_conflict).indexed(self, cx, upserted).await.map_err(self.at("upsert_batch"))
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Reader<E::Model, IdOf<E>> for SqlRepository<E, G> {
    async fn find(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        self.find_one(cx, id).await.map_err(self.at("find"))
    }

    async fn find_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        self.look_up(cx, ids).await.map_err(self.at("find_many"))
    }

    async fn query(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        self.select(cx, query).await.map_err(self.at("query"))
    }

    async fn stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        self.open_stream(cx, query).await.map_err(self.at("stream"))
    }

    async fn count(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        self.number_of(cx, filter).await.map_err(self.at("count"))
    }

    async fn project(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        self.columns(cx, query, projection).await.map_err(self.at("project"))
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Updater<E::Model> for SqlRepository<E, G> {
    async fn update(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let updated = self.replace(cx, model).await;
        // It leaves a transaction as it was, which would not know of it otherwise.
        updated.map_err(|error| cx.note_conflict(self.store.id(), self.at("update")(error)))
    }

    async fn update_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let updated = self.replace_many(cx, models).await;
        BatchCall::Update(models).indexed(self, cx, updated).await.map_err(self.at("update_many"))
    }

    async fn update_where(&self, cx: &Cx, filter: &Filter<E::Model>, changes: &Changes<E::Model>) -> Result<u64> {
        self.change_where(cx, filter, changes).await.map_err(self.at("update_where"))
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Deleter<E::Model, IdOf<E>> for SqlRepository<E, G> {
    async fn delete(&self, cx: &Cx, id: &IdOf<E>) -> Result<bool> {
        let deleted = self.remove(cx, std::slice::from_ref(id)).await;
        Ok(deleted.map_err(self.at("delete"))? > 0)
    }

    async fn delete_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<u64> {
        let removed = self.remove(cx, ids).await;
        BatchCall::Delete(ids).indexed(self, cx, removed).await.map_err(self.at("delete_many"))
    }

    async fn delete_where(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        self.remove_where(cx, filter).await.map_err(self.at("delete_where"))
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Transactional for SqlRepository<E, G> {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.store.is_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.store.begin(cx, options).await
    }
}
