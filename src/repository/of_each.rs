//! What belongs to each of many models.

use std::{collections::BTreeMap, mem};

use sea_orm::{EntityName, EntityTrait, IdenStatic, Identity, Iterable, ModelTrait, RelationDef};

use super::{EntityMapping, Reader};
use crate::{
    context::Cx,
    coop::Budget,
    entity::Storable,
    error::{Error, ErrorKind, Result},
    query::{ColumnName, Query},
    value::Key,
};

/// What the models of how many parents are asked for at a time.
const PARENTS_AT_ONCE: usize = 1000;

/// For each parent, the models of a query that have its value.
pub(super) async fn of_each<P, M, Id>(
    reader: &(impl Reader<M, Id> + ?Sized),
    cx: &Cx,
    parents: &[P],
    (parent_column, column): (ColumnName, ColumnName),
    query: &Query<M>,
) -> Result<Vec<Vec<M>>>
where
    P: ModelTrait<Entity: Storable<Model = P>>,
    M: ModelTrait<Entity: Storable<Model = M>>,
    Id: Send + Sync,
{
    let (of_parents, of_models) = (EntityMapping::<P::Entity>::plain(), EntityMapping::<M::Entity>::plain());
    let parent_position = of_parents.table.position(&parent_column)?;
    let position = of_models.table.position(&column)?;
    let (mut groups, mut each, mut budget) = (Groups::new(), Vec::with_capacity(parents.len()), Budget::new());
    for parent in parents {
        let value = of_models.table.comparable(position, &of_parents.value(parent, parent_position)?)?;
        each.push(value.map(|value| groups.number_of(Key(vec![value]))));
        budget.consume().await;
    }
    let values: Vec<_> = groups.numbers.keys().flat_map(|key| &key.0).cloned().collect();
    for values in values.chunks(PARENTS_AT_ONCE) {
        for model in reader.query(cx, &query.belonging(&column, values.to_vec())).await? {
            let value = of_models.stored(&model, position)?;
            groups.add(&Key(vec![value]), model);
            budget.consume().await;
        }
    }
    Ok(each.into_iter().map(|number| number.map(|number| groups.take(number)).unwrap_or_default()).collect())
}

/// Models by the value that they are looked for by.
struct Groups<M> {
    numbers: BTreeMap<Key, usize>,
    /// The models of each, and how often they are yet to be answered.
    models: Vec<(Vec<M>, usize)>,
}

impl<M: Clone> Groups<M> {
    fn new() -> Self {
        Self { numbers: BTreeMap::new(), models: Vec::new() }
    }

    /// The number of the group of a value, which is to be answered once more.
    fn number_of(&mut self, key: Key) -> usize {
        let number = *self.numbers.entry(key).or_insert(self.models.len());
        match self.models.get_mut(number) {
            Some((_, left)) => *left += 1,
            None => self.models.push((Vec::new(), 1)),
        }
        number
    }

    fn add(&mut self, key: &Key, model: M) {
        let number = self.numbers.get(key);
        if let Some((models, _)) = number.and_then(|number| self.models.get_mut(*number)) {
            models.push(model);
        }
    }

    fn take(&mut self, number: usize) -> Vec<M> {
        let Some((models, left)) = self.models.get_mut(number) else { return Vec::new() };
        *left = left.saturating_sub(1);
        if *left == 0 { mem::take(models) } else { models.clone() }
    }
}

/// The columns of a relation from one entity to another.
pub(super) fn columns_of<P, M>(relation: &RelationDef) -> Result<(ColumnName, ColumnName)>
where
    P: ModelTrait<Entity: Storable<Model = P>>,
    M: ModelTrait<Entity: Storable<Model = M>>,
{
    let unsupported = |message| Err(Error::new(ErrorKind::Unsupported, message));
    if relation.on_condition.is_some() {
        return unsupported("a relation with a condition of its own");
    }
    let (Identity::Unary(from), Identity::Unary(to)) = (&relation.from_col, &relation.to_col) else {
        return unsupported("a relation by several columns");
    };
    let ends = [&relation.from_tbl, &relation.to_tbl].map(|table| table.sea_orm_table().to_string());
    let (from_name, to_name) = (P::Entity::default(), M::Entity::default());
    if ends != [from_name.table_name(), to_name.table_name()] {
        return Err(Error::new(ErrorKind::InvalidInput, "a relation between other entities"));
    }
    Ok((column_named::<P>(&from.to_string())?, column_named::<M>(&to.to_string())?))
}

fn column_named<M: ModelTrait>(name: &str) -> Result<ColumnName> {
    let mut columns = <M::Entity as EntityTrait>::Column::iter().map(|column| column.as_str());
    let missing = || Error::new(ErrorKind::InvalidInput, "a relation by a column that the entity does not have");
    columns.find(|column| *column == name).map(ColumnName::from).ok_or_else(missing)
}

/// Refuses a relation through a third entity.
pub(super) fn require_direct(via: Option<RelationDef>) -> Result<()> {
    match via {
        None => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Unsupported, "a relation through a third entity")),
    }
}
