//! What larder needs to know of a SeaORM entity.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn,
    PrimaryKeyTrait, Schema, TryIntoModel, Value,
    sea_query::{ColumnType, Expr, IntoValueTuple},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    rules::Rules,
    value::{self, Key},
};

/// A SeaORM entity that every backend can store. Implemented for every entity whose `Model` is `Clone + Serialize +
/// DeserializeOwned + Send + Sync`: an entity made for SeaORM alone may lack `#[derive(Serialize, Deserialize)]`.
pub trait Storable:
    EntityTrait<
        Model: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
        Column: Send + Sync,
        PrimaryKey: PrimaryKeyTrait<ValueType: Clone + Send + Sync + 'static>,
    >
{
    /// The model that `read` gives away the values of: for each column by its position, one.
    #[doc(hidden)]
    fn model_of(read: impl FnMut(usize, Put<'_>) -> Result<()>) -> Result<Self::Model>;
}

impl<E> Storable for E
where
    E: EntityTrait<
            Model: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
            Column: Send + Sync,
            PrimaryKey: PrimaryKeyTrait<ValueType: Clone + Send + Sync + 'static>,
        >,
    E::ActiveModel: TryIntoModel<E::Model>,
{
    fn model_of(mut read: impl FnMut(usize, Put<'_>) -> Result<()>) -> Result<E::Model> {
        let mut model = <E::ActiveModel as ActiveModelTrait>::default();
        for (position, column) in E::Column::iter().enumerate() {
            read(position, &mut |value| {
                #[cfg(feature = "postgres")]
                if matches!(value, Value::Json(Some(_))) {
                    return set_document(&mut model, column, value).map_err(unreadable);
                }
                model.try_set(column, value).map_err(unreadable)
            })?;
        }
        model.try_into_model().map_err(unreadable)
    }
}

/// Where a value goes. It is handed over where it is made: values are large, and moving them about is what takes the time of reading a row.
pub(crate) type Put<'p> = &'p mut dyn FnMut(Value) -> Result<()>;

/// The model with these values, one for each column, in the order of the entity's columns.
pub(crate) fn model_of<E: Storable>(values: impl IntoIterator<Item = Value>) -> Result<E::Model> {
    let mut values = values.into_iter();
    E::model_of(|_, put| values.next().map_or(Ok(()), put))
}

/// Sets a column. Where SeaORM knows lists, it takes no document for a list of documents.
#[cfg(feature = "postgres")]
fn set_document<A: ActiveModelTrait>(
    model: &mut A,
    column: <A::Entity as EntityTrait>::Column,
    value: Value,
) -> Result<(), sea_orm::DbErr> {
    use sea_orm::sea_query::ArrayType;

    if let Value::Json(Some(json)) = &value
        && let serde_json::Value::Array(items) = &**json
        && model.try_set(column, value.clone()).is_err()
    {
        let items = items.iter().map(|item| Value::Json(Some(Box::new(item.clone())))).collect();
        return model.try_set(column, Value::Array(ArrayType::Json, Some(Box::new(items))));
    }
    model.try_set(column, value)
}

/// The id of an entity's models: the type of its primary key, a tuple where that is composite.
pub type IdOf<E> = <<E as EntityTrait>::PrimaryKey as PrimaryKeyTrait>::ValueType;

/// The columns of an entity by position, and what the engine may fill in.
#[derive(Debug)]
pub(crate) struct Shape<E: Storable> {
    pub(crate) columns: Vec<E::Column>,
    /// Positions of the id's columns, in the order of the id's parts.
    pub(crate) id: Vec<usize>,
    /// Position of the id's column if the engine generates it.
    pub(crate) generated: Option<usize>,
    /// Positions and defaults of the columns that have one.
    pub(crate) defaults: Vec<(usize, Expr)>,
    /// Positions of the columns of each unique constraint, beside the id.
    pub(crate) uniques: Vec<Vec<usize>>,
    pub(crate) rules: Rules,
}

impl<E: Storable> Shape<E> {
    pub(crate) fn new() -> Self {
        let columns: Vec<_> = E::Column::iter().collect();
        let position = |name: &str| columns.iter().position(|column| column.as_str() == name);
        let id: Vec<_> = E::PrimaryKey::iter().filter_map(|part| position(part.into_column().as_str())).collect();
        let generated = id.first().copied().filter(|_| E::PrimaryKey::auto_increment() && id.len() == 1);
        let defaults = columns.iter().enumerate();
        let defaults = defaults.filter_map(|(i, column)| Some((i, column.def().get_column_default()?.clone()))).collect();
        let uniques = uniques::<E>(&columns);
        Self { columns, id, generated, defaults, uniques, rules: Rules::default() }
    }

    /// Whether models are told apart by these columns: they are the id's, or those of a unique constraint.
    pub(crate) fn is_unique(&self, columns: &[usize]) -> bool {
        let same = |unique: &Vec<usize>| unique.len() == columns.len() && columns.iter().all(|column| unique.contains(column));
        same(&self.id) || self.uniques.iter().any(same)
    }

    /// Whether models can be read back, once they are stored.
    #[cfg(feature = "_sql")]
    pub(crate) fn is_readable(&self, reads: impl Fn(&sea_orm::sea_query::ArrayType) -> bool) -> bool {
        self.columns.iter().all(|column| reads(&E::Model::get_value_type(*column)))
    }

    /// Whether no column has a cast of its own for what is stored.
    #[cfg(feature = "_sql")]
    pub(crate) fn is_saved_as_it_is(&self) -> bool {
        self.leave_alone(ColumnTrait::save_as)
    }

    /// Whether no column has a cast of its own for what is read.
    #[cfg(feature = "_sql")]
    pub(crate) fn is_read_as_it_is(&self) -> bool {
        self.leave_alone(ColumnTrait::select_as)
    }

    /// Whether a cast leaves each column as it is. An enum's is none to an engine that keeps enums as text.
    #[cfg(feature = "_sql")]
    fn leave_alone(&self, cast: fn(&E::Column, Expr) -> Expr) -> bool {
        let plain = Expr::val("");
        self.columns.iter().all(|column| match cast(column, plain.clone()) {
            Expr::AsEnum(_, inner) => *inner == plain,
            cast => cast == plain,
        })
    }

    /// The name of the models' table.
    pub(crate) fn table(&self) -> String {
        E::default().table_name().to_owned()
    }

    /// The portable values of a model, one for each column.
    pub(crate) fn values(&self, model: &E::Model) -> Result<Vec<Value>> {
        // Not collected: of results, nobody knows how many there will be.
        let mut values = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            values.push(portable::<E>(model, *column)?);
        }
        Ok(values)
    }

    pub(crate) fn key_of_values(&self, values: &[Value]) -> Key {
        Key(self.id.iter().filter_map(|position| values.get(*position).cloned()).collect())
    }

    #[cfg(feature = "_sql")]
    pub(crate) fn key_of_model(&self, model: &E::Model) -> Key {
        let columns = self.id.iter().filter_map(|position| self.columns.get(*position));
        Key(columns.map(|column| model.get(*column)).collect())
    }

    pub(crate) fn key_of_id(&self, id: &IdOf<E>) -> Result<Key> {
        id.clone().into_value_tuple().into_iter().map(value::portable).collect::<Result<_>>().map(Key)
    }

    /// Whether the engine fills in this column of some new models.
    #[cfg(feature = "_sql")]
    pub(crate) fn may_be_left_to_engine(&self, position: usize) -> bool {
        self.generated == Some(position) || self.defaults.iter().any(|(column, _)| *column == position)
    }

    /// Whether the engine fills in this column of a new model: an id of zero, or nothing where there is a default.
    #[cfg(feature = "_sql")]
    pub(crate) fn is_left_to_engine(&self, position: usize, new: &Value) -> bool {
        (self.generated == Some(position) && value::integer(new) == Some(0))
            || (self.defaults.iter().any(|(i, _)| *i == position) && value::is_null(new))
    }
}

/// Positions of the columns of each unique constraint that the entity names.
fn uniques<E: Storable>(columns: &[E::Column]) -> Vec<Vec<usize>> {
    // The dialect is of no matter.
    let schema = Schema::new(DbBackend::Sqlite);
    let created = schema.create_table_from_entity(E::default());
    let single = created.get_columns().iter().enumerate().filter(|(_, column)| column.get_column_spec().unique);
    let single = single.map(|(position, _)| vec![position]);
    let positions = |names: Vec<String>| -> Vec<usize> {
        names.iter().filter_map(|name| columns.iter().position(|column| column.as_str() == name)).collect()
    };
    let indexes = schema.create_index_from_entity(E::default());
    let composite = indexes.iter().filter(|index| index.is_unique_key());
    single.chain(composite.map(|index| positions(index.get_index_spec().get_column_names()))).collect()
}

/// The portable value that a model has in a column.
pub(crate) fn portable<E: Storable>(model: &E::Model, column: E::Column) -> Result<Value> {
    let value = value::portable(model.get(column))?;
    value::check_digits(&value, || decimal_digits(&column)).map(|()| value)
}

/// How many digits a decimal of this column may have before the point and after it.
pub(crate) fn decimal_digits(column: &impl ColumnTrait) -> (u32, u32) {
    match column.def().get_column_type() {
        ColumnType::Decimal(Some((digits, scale))) => (digits.saturating_sub(*scale), *scale),
        // 38 in all, the most of DuckDB's.
        _ => (20, 18),
    }
}

/// A stored row that does not fit its entity.
pub(crate) fn unreadable(error: DbErr) -> Error {
    Error::new(ErrorKind::Corrupt, "what is stored does not fit the model").with_source(error)
}
