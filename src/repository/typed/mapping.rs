//! [`Mapping`], the two ways between models and rows.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use sea_orm::Value;

use super::model_type::{EntityModel, ModelType};
use crate::{
    backend::{Decoder, Models, Rows},
    entity::Storable,
    error::{Error, ErrorKind, Result},
    query::SortKey,
    table::Table,
    value::{Key, ReadRow, is_left_out, left_out},
};

/// The two ways between models of a type and the rows of their table.
#[derive(Debug)]
pub(crate) struct Mapping<T> {
    pub(crate) table: Arc<Table>,
    models: T,
}

/// That of an entity's models.
pub(crate) type EntityMapping<E> = Mapping<EntityModel<E>>;

impl<E: Storable> EntityMapping<E> {
    pub(crate) fn of(table: Table) -> Arc<Self> {
        Mapping::new(Arc::new(table), EntityModel::new())
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
        let mapping = Self::of(Table::of::<E>().with_prefix(prefix));
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(entity).or_default().insert(prefix.to_owned(), mapping.clone());
        mapping
    }
}

impl<T: ModelType> Mapping<T> {
    pub(crate) fn new(table: Arc<Table>, models: T) -> Arc<Self> {
        Arc::new(Self { table, models })
    }

    /// The portable values of a model, one for each column.
    pub(crate) fn values(&self, model: &T::Model) -> Result<Vec<Value>> {
        // Not collected: of results, nobody knows how many there will be.
        let mut values = Vec::with_capacity(self.table.columns.len());
        for position in 0..self.table.columns.len() {
            values.push(self.value(model, position)?);
        }
        Ok(values)
    }

    /// The portable value that a model has in the column at a position.
    pub(crate) fn value(&self, model: &T::Model, position: usize) -> Result<Value> {
        self.models.value(&self.table, model, position)
    }

    /// The values that tell the place of a stored model in an order. No other column of it is looked at.
    pub(crate) fn place(&self, order: &[SortKey], model: &T::Model) -> Result<Vec<Value>> {
        order.iter().map(|key| self.stored(model, key.column)).collect()
    }

    /// The value that a stored model has in the column at a position.
    pub(crate) fn stored(&self, model: &T::Model, position: usize) -> Result<Value> {
        self.value(model, position).map_err(|error| {
            let error = Error::new(ErrorKind::Corrupt, "a stored value that no place can be told by").with_source(error);
            self.table.in_column(position, error)
        })
    }

    pub(crate) fn key_of_id(&self, id: &T::Id) -> Result<Key> {
        self.models.id_values(&self.table, id).map(Key)
    }

    /// Models that are given to a repository, as rows.
    pub(super) fn given<'m>(&'m self, models: &'m [T::Model], purpose: Purpose) -> Result<Given<'m, T>> {
        self.models.check(&self.table, models).map(|()| Given { mapping: self, models, purpose })
    }
}

impl<T: ModelType> Decoder for Mapping<T> {
    fn table(&self) -> &Arc<Table> {
        &self.table
    }

    fn models(&self) -> Box<dyn Models> {
        Box::new(List { of: self.models.clone(), models: Vec::new() })
    }
}

/// Models that a decoder has made.
struct List<T: ModelType> {
    of: T,
    models: Vec<T::Model>,
}

impl<T: ModelType> Models for List<T> {
    fn push(&mut self, read: ReadRow<'_>) -> Result<()> {
        self.of.model_of(read).map(|model| self.models.push(model))
    }

    #[cfg(feature = "_sqlx")]
    fn push_by_sea_orm(&mut self, row: &sea_orm::QueryResult) -> Result<()> {
        self.of.model_by_sea_orm(row).map(|model| self.models.push(model))
    }

    fn len(&self) -> usize {
        self.models.len()
    }

    fn key(&self, at: usize, table: &Table) -> Key {
        let Some(model) = self.models.get(at) else { return Key(Vec::new()) };
        Key(table.id.iter().filter_map(|position| self.of.stored(model, *position)).collect())
    }

    fn arrange(&mut self, order: &[usize]) {
        let mut left = vec![0_usize; self.models.len()];
        order.iter().filter_map(|at| left.get_mut(*at).map(|left| *left += 1)).count();
        let mut models: Vec<_> = std::mem::take(&mut self.models).into_iter().map(Some).collect();
        let mut take = |at: &usize| {
            let (left, model) = (left.get_mut(*at)?, models.get_mut(*at)?);
            *left -= 1;
            if *left == 0 { model.take() } else { model.clone() }
        };
        self.models = order.iter().filter_map(&mut take).collect();
    }

    fn append(&mut self, other: Box<dyn Models>) -> Result<()> {
        self.models.extend(models_of::<T>(other)?);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        &self.models
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// The models that a decoder of this type has made.
pub(crate) fn models_of<T: ModelType>(models: Box<dyn Models>) -> Result<Vec<T::Model>> {
    let others = |_| Error::new(ErrorKind::Internal, "the backend answered models of another entity");
    models.into_any().downcast::<List<T>>().map(|list| list.models).map_err(others)
}

/// What models are given to a repository for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Insert,
    Upsert,
    Update,
}

/// Models that are given to a repository, as rows.
pub(super) struct Given<'m, T: ModelType> {
    mapping: &'m Mapping<T>,
    models: &'m [T::Model],
    purpose: Purpose,
}

impl<T: ModelType> Rows for Given<'_, T> {
    fn len(&self) -> usize {
        self.models.len()
    }

    fn value(&self, row: usize, column: usize) -> Result<Value> {
        let missing = || Error::new(ErrorKind::Internal, "a row that is not there");
        let value = self.mapping.value(self.models.get(row).ok_or_else(missing)?, column)?;
        let table = &self.mapping.table;
        if table.is_described() && is_left_out(&value) { table.instead(column, self.purpose) } else { Ok(value) }
    }
}

impl Table {
    /// What a row has in a column that it leaves out.
    fn instead(&self, position: usize, purpose: Purpose) -> Result<Value> {
        let has_default = self.may_be_left_out(position);
        let message = match purpose {
            _ if self.computed.contains(&position) => return self.null(position),
            Purpose::Insert if has_default => return Ok(left_out()),
            Purpose::Upsert if self.generated == Some(position) => return Ok(left_out()),
            Purpose::Upsert if has_default => "a row to be inserted or replaced has to have the columns with a default as well",
            Purpose::Insert | Purpose::Upsert => return self.null(position),
            Purpose::Update => "a row to be updated has to have every column",
        };
        Err(self.in_column(position, Error::new(ErrorKind::InvalidInput, message)))
    }
}
