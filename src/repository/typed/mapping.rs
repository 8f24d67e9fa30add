//! [`Mapping`], the two ways between models and rows.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use sea_orm::{Iterable as _, ModelTrait as _, Value, sea_query::IntoValueTuple as _};

use crate::{
    backend::{Decoder, Models, Rows},
    entity::{IdOf, Storable},
    error::{Error, ErrorKind, Result},
    query::SortKey,
    table::Table,
    value::{self, Key, ReadRow},
};

/// The two ways between the models of an entity and the rows of its table.
#[derive(Debug)]
pub(crate) struct Mapping<E: Storable> {
    pub(crate) table: Arc<Table>,
    columns: Vec<E::Column>,
}

impl<E: Storable> Mapping<E> {
    pub(crate) fn new(table: Table) -> Arc<Self> {
        Arc::new(Self { table: Arc::new(table), columns: E::Column::iter().collect() })
    }

    /// That of the table as the entity says it is, without rules.
    pub(crate) fn plain() -> Arc<Self> {
        Self::with_prefix("")
    }

    /// The same with a prefix before the table's name. It is made once in a process.
    pub(crate) fn with_prefix(prefix: &str) -> Arc<Self> {
        type Known = BTreeMap<TypeId, BTreeMap<String, Arc<dyn Any + Send + Sync>>>;
        static KNOWN: RwLock<Known> = RwLock::new(BTreeMap::new());

        let entity = TypeId::of::<E>();
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let mapping = known.get(&entity).and_then(|mappings| mappings.get(prefix)).cloned();
        drop(known);
        if let Some(Ok(mapping)) = mapping.map(Arc::downcast) {
            return mapping;
        }
        let mapping = Self::new(Table::of::<E>().with_prefix(prefix));
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(entity).or_default().insert(prefix.to_owned(), mapping.clone());
        mapping
    }

    /// The portable values of a model, one for each column.
    pub(crate) fn values(&self, model: &E::Model) -> Result<Vec<Value>> {
        // Not collected: of results, nobody knows how many there will be.
        let mut values = Vec::with_capacity(self.columns.len());
        for position in 0..self.columns.len() {
            values.push(self.value(model, position)?);
        }
        Ok(values)
    }

    /// The portable value that a model has in the column at a position.
    pub(crate) fn value(&self, model: &E::Model, position: usize) -> Result<Value> {
        let missing = || Error::new(ErrorKind::Internal, "a column that is not there");
        let (column, described) = self.columns.get(position).zip(self.table.columns.get(position)).ok_or_else(missing)?;
        let value = value::portable(model.get(*column)).map_err(|error| error.in_column(described.name()))?;
        let checked = value::check_digits(&value, || described.decimal_digits()).map(|()| value);
        checked.map_err(|error| error.in_column(described.name()))
    }

    /// The values that tell the place of a stored model in an order. No other column of it is looked at.
    pub(crate) fn place(&self, order: &[SortKey], model: &E::Model) -> Result<Vec<Value>> {
        order.iter().map(|key| self.stored(model, key.column)).collect()
    }

    /// The value that a stored model has in the column at a position.
    pub(crate) fn stored(&self, model: &E::Model, position: usize) -> Result<Value> {
        self.value(model, position).map_err(|error| {
            let error = Error::new(ErrorKind::Corrupt, "a stored value that no place can be told by").with_source(error);
            self.table.in_column(position, error)
        })
    }

    pub(crate) fn key_of_id(&self, id: &IdOf<E>) -> Result<Key> {
        id.clone().into_value_tuple().into_iter().map(value::portable).collect::<Result<_>>().map(Key)
    }
}

impl<E: Storable> Decoder for Mapping<E> {
    fn table(&self) -> &Arc<Table> {
        &self.table
    }

    fn models(&self) -> Box<dyn Models> {
        Box::new(List::<E>(Vec::new()))
    }
}

/// Models that a decoder has made.
struct List<E: Storable>(Vec<E::Model>);

impl<E: Storable> Models for List<E> {
    fn push(&mut self, read: ReadRow<'_>) -> Result<()> {
        E::model_of(read).map(|model| self.0.push(model))
    }

    #[cfg(feature = "_sqlx")]
    fn push_by_sea_orm(&mut self, row: &sea_orm::QueryResult) -> Result<()> {
        let model = <E::Model as sea_orm::FromQueryResult>::from_query_result(row, "");
        model.map(|model| self.0.push(model)).map_err(crate::error::unreadable)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn key(&self, at: usize, table: &Table) -> Key {
        let Some(model) = self.0.get(at) else { return Key(Vec::new()) };
        let columns = table.id.iter().filter_map(|position| E::Column::iter().nth(*position));
        Key(columns.map(|column| model.get(column)).collect())
    }

    fn arrange(&mut self, order: &[usize]) {
        let mut left = vec![0_usize; self.0.len()];
        order.iter().filter_map(|at| left.get_mut(*at).map(|left| *left += 1)).count();
        let mut models: Vec<_> = std::mem::take(&mut self.0).into_iter().map(Some).collect();
        let mut take = |at: &usize| {
            let (left, model) = (left.get_mut(*at)?, models.get_mut(*at)?);
            *left -= 1;
            if *left == 0 { model.take() } else { model.clone() }
        };
        self.0 = order.iter().filter_map(&mut take).collect();
    }

    fn append(&mut self, other: Box<dyn Models>) -> Result<()> {
        self.0.extend(models_of::<E>(other)?);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The models that a decoder of this entity has made.
pub(crate) fn models_of<E: Storable>(models: Box<dyn Models>) -> Result<Vec<E::Model>> {
    let others = |_| Error::new(ErrorKind::Internal, "the backend answered models of another entity");
    models.into_any().downcast::<List<E>>().map(|list| list.0).map_err(others)
}

/// Models that are given to a repository, as rows.
pub(crate) struct Given<'m, E: Storable> {
    pub(crate) mapping: &'m Mapping<E>,
    pub(crate) models: &'m [E::Model],
}

impl<E: Storable> Rows for Given<'_, E> {
    fn len(&self) -> usize {
        self.models.len()
    }

    fn value(&self, row: usize, column: usize) -> Result<Value> {
        let missing = || Error::new(ErrorKind::Internal, "a row that is not there");
        self.mapping.value(self.models.get(row).ok_or_else(missing)?, column)
    }
}
