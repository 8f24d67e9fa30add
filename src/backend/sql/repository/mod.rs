//! What a SQL store does for one table, written once over any [`Engine`].

mod aggregate;
mod change;
mod compared;
mod computed;
mod insert;
mod new;
mod read;
mod remove;
mod selected;
mod upsert;

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use futures_util::{FutureExt as _, TryFutureExt as _, future::BoxFuture};
use sea_orm::{Value, sea_query::ArrayType};

use self::compared::Compared;
use super::{
    Catalog, EngineProfile,
    engine::{Engine, StatementKind},
    statement::{RowLock, StatementCache, Statements},
    store::SqlStore,
};
use crate::{
    backend::{Answer, Decoder, Parts, Read, Rows, TableBackend, Write},
    context::{Access, Cx},
    coop::{Budget, STEPS},
    error::{Error, ErrorKind, Result},
    query::{ResolvedFilter, Selection},
    table::{Table, TableIdentity},
    transaction::Entry,
};

/// A table as the database describes it, and the texts of statements for it.
#[derive(Clone)]
struct View {
    catalog: Arc<Catalog>,
    cache: Arc<StatementCache>,
    /// The catalogs of other tables that the statement looks into.
    joined: Vec<(TableIdentity, Arc<Catalog>)>,
}

impl View {
    fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, cache: Arc::default(), joined: Vec::new() }
    }
}

/// What a SQL store does for one table.
pub(crate) struct SqlTable<G: Engine> {
    store: SqlStore<G>,
    table: Arc<Table>,
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

impl<G: Engine> Clone for SqlTable<G> {
    fn clone(&self) -> Self {
        let (store, table) = (self.store.clone(), self.table.clone());
        let (plain, view, unreadable) = (self.plain.clone(), self.view.clone(), self.unreadable.clone());
        Self { store, table, plain, view, unreadable, ..*self }
    }
}

impl<G: Engine> SqlTable<G> {
    pub(super) fn new(store: SqlStore<G>, table: Arc<Table>) -> Self {
        let unreadable = table.unreadable(|value_type| store.engine().reads(value_type));
        let EngineProfile { dialect, longest_name, capabilities, .. } = *store.engine().profile();
        let unreadable = unreadable.or_else(|| table.too_long(longest_name)).or_else(|| table.of_other_dialect(dialect));
        let unreadable = unreadable.or_else(|| table.list().filter(|_| !capabilities.arrays));
        let is_plain = table.is_saved_as_it_is() && table.is_read_as_it_is();
        let plain = View::new(Catalog::plain());
        let view = Arc::new(RwLock::new(plain.clone()));
        let asks = store.engine().profile().asks_for_single_models;
        let mut repository = Self { store, table, plain, view, asks_for_single_models: asks, unreadable, is_plain };
        // How columns of the repository's filter compare is not known without asking.
        repository.asks_for_single_models |= repository.ids_have_forms() || !repository.table.scope.is_all();
        repository
    }

    /// What builds the statements for a table.
    fn statements<'a>(&'a self, view: &'a View) -> Statements<'a> {
        let EngineProfile { dialect, bind_limit, .. } = *self.store.engine().profile();
        // Every statement may carry the values of the repository's filter.
        let bind_limit = bind_limit.saturating_sub(self.table.scope.filter.values());
        let statements = Statements::new(&self.table, (dialect, bind_limit), &view.catalog, &view.cache);
        Statements { joined: &view.joined, ..statements }
    }

    /// Whether a column's values may be stored in several forms, so that comparing them depends on these. The engine looks by
    /// itself for UUIDs in other forms in the first column of an id, where an index helps: see [`missed`](Engine::missed).
    fn has_forms(&self, column: usize) -> bool {
        let is_uuid_id = |value_type: &ArrayType| *value_type == ArrayType::Uuid && self.table.id.first() == Some(&column);
        let of_type = |value_type: &ArrayType| self.store.engine().has_forms(value_type) && !is_uuid_id(value_type);
        self.table.value_type(column).is_ok_and(of_type)
    }

    /// Whether a statement on models of given ids compares values that may be stored in several forms.
    fn ids_have_forms(&self) -> bool {
        self.have_forms(&self.table.id)
    }

    /// The same of a statement on models that are told by other columns.
    fn have_forms(&self, columns: &[usize]) -> bool {
        columns.iter().chain(&self.table.scope.columns).any(|column| self.has_forms(*column))
    }

    /// What a condition compares.
    fn compared(&self, condition: &ResolvedFilter) -> Result<Compared> {
        Compared::by(condition, self.store.engine(), |column| self.has_forms(column))
    }

    /// What a selection compares.
    fn compared_by(&self, selection: &Selection) -> Result<Compared> {
        let has_forms = selection.compares(&|column| self.has_forms(column));
        Ok(Compared { has_forms, ..self.compared(&selection.condition)? })
    }

    /// The table as the database describes it now, and the other tables that the statement which follows looks into.
    async fn view(&self, guard: &mut G::ConnectionGuard, access: Access, compared: &Compared) -> Result<View> {
        if access == Access::Write {
            self.store.engine().begin_to_write(guard, &self.table).await?;
        }
        let catalog = self.store.engine().catalog(guard, &self.table, compared.has_forms).await?;
        let mut view = self.view_of(catalog);
        for (table, has_forms) in &compared.joined {
            let catalog = self.store.engine().catalog(guard, table, *has_forms).await?;
            view.joined.push((table.identity, catalog));
        }
        Ok(view)
    }

    /// The view with a catalog: the last one, if that has the same.
    fn view_of(&self, catalog: Arc<Catalog>) -> View {
        if Arc::ptr_eq(&catalog, &self.plain.catalog) {
            return self.plain.clone();
        }
        let known = self.view.read().unwrap_or_else(PoisonError::into_inner).clone();
        if Arc::ptr_eq(&catalog, &known.catalog) {
            return known;
        }
        let view = View::new(catalog);
        self.view.write().unwrap_or_else(PoisonError::into_inner).clone_from(&view);
        view
    }

    /// Refuses an entity whose models could not be read back.
    fn require_readable(&self) -> Result<()> {
        match &self.unreadable {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    /// The values of models that can be read back. Lets other tasks have their turn meanwhile.
    async fn values(&self, given: &dyn Rows, complete: impl Fn(&mut [Value]) -> Result<()> + Send) -> Result<Vec<Vec<Value>>> {
        self.require_readable()?;
        let (mut rows, mut budget) = (Vec::with_capacity(given.len()), Budget::new());
        for nth in 0..given.len() {
            let row = given.row(nth, self.table.columns.len()).and_then(|mut row| complete(&mut row).map(|()| row));
            rows.push(row.map_err(|error| error.in_batch(nth, given.len()))?);
            budget.consume().await;
        }
        Ok(rows)
    }

    /// The values of models that are about to be written, completed by what the repository adds. Dropping this is dropping the
    /// write: a transaction it belongs to can no longer commit.
    async fn values_for(
        &self,
        cx: &Cx,
        given: &dyn Rows,
        complete: impl Fn(&mut [Value]) -> Result<()> + Send,
    ) -> Result<Vec<Vec<Value>>> {
        let entry = self.store.enter(cx, Access::Write)?;
        let step = match &entry {
            Entry::Joined(joined) if given.len() >= STEPS => Some(joined.step(cx).await?),
            _ => None,
        };
        let rows = self.values(given, complete).await;
        if let Some(step) = step {
            // Values that are refused were not sent, and leave the transaction as it was.
            step.finish(Ok(()))?;
        }
        rows
    }

    /// Names the column of the documents that a condition looks into, if that is what an error is about.
    fn of_document(&self, condition: &ResolvedFilter) -> impl Fn(Error) -> Error + '_ {
        let column = condition.document(&self.table).map(str::to_owned);
        move |error| match column.as_ref().filter(|_| self.store.engine().is_of_document(&error)) {
            Some(column) => error.in_column(column),
            None => error,
        }
    }

    /// How many ids one statement can look up.
    fn ids_at_once(&self) -> usize {
        self.statements(&self.plain).ids_at_once()
    }

    /// Refuses to write to a table of which the database computes columns of the repository's filter: whether a model would be
    /// there for the repository is not known.
    fn require_known_scope(&self, view: &View) -> Result<()> {
        let Some(column) = self.table.scope.columns.iter().find(|column| view.catalog.column(**column).is_generated) else {
            return Ok(());
        };
        let message = "the database computes a column of the repository's filter";
        Err(self.table.in_column(*column, Error::new(ErrorKind::Unsupported, message)))
    }

    /// Refuses values that a column of the table would change, before anything is sent.
    async fn check_rows(&self, view: &View, rows: &[Vec<Value>]) -> Result<()> {
        let mut budget = Budget::new();
        for row in rows {
            view.catalog.check_row(&self.table.columns, row)?;
            budget.consume().await;
        }
        Ok(())
    }

    /// Nothing to do, and still refused where something would be.
    async fn do_nothing(&self, cx: &Cx, access: Access) -> Result<()> {
        let entry = self.store.enter(cx, access)?;
        self.store.hold(cx, &entry, access, StatementKind::Any).await?.finish(Ok(())).await
    }
}

/// A trigger or a rule of the table can see to that without an error.
fn not_stored() -> Error {
    Error::new(ErrorKind::Check, "a trigger or a rule of the table stored fewer rows than were given")
}

#[async_trait]
impl<G: Engine> TableBackend for SqlTable<G> {
    fn check(&self) -> Result<()> {
        self.require_readable()
    }

    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        match read {
            Read::FindOne(id) => self.find_one(cx, id, decoder).map_ok(Answer::Models).boxed(),
            Read::FindLocked(id) => self.find_locked(cx, id, decoder).map_ok(Answer::Models).boxed(),
            Read::Find(ids) => self.look_up(cx, ids, decoder).map_ok(Answer::Models).boxed(),
            Read::Select(selection) => self.select(cx, selection, decoder).map_ok(Answer::Models).boxed(),
            Read::Count(condition) => self.number_of(cx, condition).map_ok(Answer::Number).boxed(),
            Read::CountSelected(selection) => self.number_of_selected(cx, selection).map_ok(Answer::Number).boxed(),
            Read::Project { selection, columns, distinct } => {
                self.columns(cx, selection, columns, distinct).map_ok(Answer::Rows).boxed()
            }
            Read::Aggregate { condition, grouping } => self.aggregate(cx, condition, grouping).map_ok(Answer::Rows).boxed(),
        }
    }

    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        match write {
            Write::Insert { rows, returning } => self.insert(cx, rows, decoder, returning).map_ok(Answer::Models).boxed(),
            Write::Upsert { rows, resolution } => self.upsert(cx, rows, resolution, decoder).map_ok(Answer::Upserted).boxed(),
            Write::UpsertOne { rows, resolution } => {
                self.upsert_one(cx, rows, resolution, decoder).map_ok(|(model, outcome)| Answer::Stored(model, outcome)).boxed()
            }
            Write::Update(rows) => self.replace(cx, rows, decoder).map_ok(Answer::Models).boxed(),
            Write::UpdateMany(rows) => self.replace_many(cx, rows, decoder).map_ok(Answer::Models).boxed(),
            Write::UpdateWhere { condition, changes } => self.change_where(cx, condition, changes).map_ok(Answer::Number).boxed(),
            Write::UpdateSelected { selection, changes } => {
                self.change_selected(cx, selection, changes, RowLock::Waits, decoder).map_ok(Answer::Models).boxed()
            }
            Write::UpdateFirst { selection, changes } => {
                self.change_selected(cx, selection, changes, RowLock::Skips, decoder).map_ok(Answer::Models).boxed()
            }
            Write::Delete(ids) => self.remove(cx, ids).map_ok(Answer::Number).boxed(),
            Write::DeleteWhere(condition) => self.remove_where(cx, condition).map_ok(Answer::Number).boxed(),
            Write::DeleteSelected(selection) => {
                self.remove_selected(cx, selection, RowLock::Waits, decoder).map_ok(Answer::Models).boxed()
            }
            Write::DeleteFirst(selection) => {
                self.remove_selected(cx, selection, RowLock::Skips, decoder).map_ok(Answer::Models).boxed()
            }
        }
    }

    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>> {
        self.open_stream(cx, selection, decoder).await
    }
}
