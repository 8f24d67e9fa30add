//! What larder needs to know of a SeaORM entity.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbBackend, DbErr, EntityName, EntityTrait, IdenStatic, Iterable, ModelTrait,
    PrimaryKeyToColumn, PrimaryKeyTrait, Schema, TryIntoModel, Value,
    sea_query::{ArrayType, ColumnType, Expr, IntoValueTuple},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, ErrorKind, Result},
    query,
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

    /// For each column a value of its type, where SeaORM can make one.
    #[doc(hidden)]
    fn empty() -> Vec<Option<Value>>;

    /// What a value comes to by the conversion of a column's own type. `None` if it is not one of the type's.
    #[doc(hidden)]
    fn stored(column: Self::Column, value: Value) -> Option<Value>;
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
            let set = read(position, &mut |value| {
                // A document that has to be there is JSON's null where the database has none.
                if matches!(value, Value::Json(None)) && !column.def().is_null() {
                    return model.try_set(column, serde_json::Value::Null.into()).map_err(unreadable);
                }
                #[cfg(feature = "postgres")]
                if matches!(value, Value::Json(Some(_))) {
                    return set_document(&mut model, column, value).map_err(unreadable);
                }
                model.try_set(column, value).map_err(unreadable)
            });
            set.map_err(|error| error.in_column(column.as_str()))?;
        }
        model.try_into_model().map_err(unreadable)
    }

    fn empty() -> Vec<Option<Value>> {
        let empty = E::ActiveModel::default_values();
        E::Column::iter().map(|column| empty.get(column).into_value()).collect()
    }

    fn stored(column: E::Column, value: Value) -> Option<Value> {
        let mut model = <E::ActiveModel as ActiveModelTrait>::default();
        model.try_set(column, value).ok()?;
        model.get(column).into_value()
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
    /// Positions of the columns that the database computes, and takes no values for.
    pub(crate) computed: Vec<usize>,
    /// Positions of the columns that are left to the database's default where a new model holds nothing in them.
    pub(crate) defaulted: Vec<usize>,
    /// Positions of the columns of each unique constraint, beside the id.
    pub(crate) uniques: Vec<Vec<usize>>,
    /// The null of each column.
    pub(crate) nulls: Vec<Value>,
    /// Positions of the columns whose values cannot be compared: lists, and types that not every backend knows.
    pub(crate) incomparable: Vec<usize>,
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
        let nulls = nulls::<E>(&columns);
        let is_comparable = |(position, null): (usize, &Value)| {
            let column = columns.get(position);
            column.is_some_and(|column| is_comparable(column, null, || E::Model::get_value_type(*column)))
        };
        let incomparable = nulls.iter().enumerate().filter(|column| !is_comparable(*column));
        let incomparable = incomparable.map(|(position, _)| position).collect();
        let (computed, defaulted, rules) = (Vec::new(), Vec::new(), Rules::default());
        Self { columns, id, generated, defaults, computed, defaulted, uniques, nulls, incomparable, rules }
    }

    /// Whether models are told apart by these columns: they are the id's, or those of a unique constraint.
    pub(crate) fn is_unique(&self, columns: &[usize]) -> bool {
        let same = |unique: &Vec<usize>| unique.len() == columns.len() && columns.iter().all(|column| unique.contains(column));
        same(&self.id) || self.uniques.iter().any(same)
    }

    /// Why models cannot be read back, once they are stored. `None` if they can.
    #[cfg(feature = "_sql")]
    pub(crate) fn unreadable(&self, reads: impl Fn(&ArrayType) -> bool) -> Option<Error> {
        let types = self.columns.iter().map(|column| (column, E::Model::get_value_type(*column)));
        let (column, value_type) = types.into_iter().find(|(_, value_type)| !reads(value_type))?;
        let message = format!("this store cannot read back values of the type {value_type:?}");
        Some(Error::new(ErrorKind::Unsupported, message).in_column(column.as_str()))
    }

    /// Refuses names of more bytes than the database has: it would cut them, so that two might become one, and rows would come back under others.
    #[cfg(feature = "_sql")]
    pub(crate) fn too_long(&self, longest: usize) -> Option<Error> {
        let (entity, message) = (E::default(), "a name longer than those of the database");
        let error = || Error::new(ErrorKind::Unsupported, message);
        if entity.table_name().len() > longest || entity.schema_name().is_some_and(|name| name.len() > longest) {
            return Some(error());
        }
        let column = self.columns.iter().find(|column| column.as_str().len() > longest)?;
        Some(error().in_column(column.as_str()))
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

    /// The name of the models' table, after that of its schema.
    pub(crate) fn table(&self) -> String {
        table::<E>()
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
        self.generated == Some(position)
            || self.defaults.iter().any(|(column, _)| *column == position)
            || self.defaulted.contains(&position)
    }

    /// Whether the engine fills in this column of a new model: an id of zero, or nothing where there is a default, or what stands for nothing where the
    /// repository was told of one.
    #[cfg(feature = "_sql")]
    pub(crate) fn is_left_to_engine(&self, position: usize, new: &Value) -> bool {
        (self.generated == Some(position) && value::integer(new) == Some(0))
            || (self.defaults.iter().any(|(i, _)| *i == position) && value::is_null(new))
            || (self.defaulted.contains(&position) && value::is_nothing(new))
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

/// The name of an entity's table, after that of its schema, if it has one.
pub(crate) fn table<E: EntityName>() -> String {
    let entity = E::default();
    let table = entity.table_name();
    entity.schema_name().map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"))
}

/// The null of each column. The type of a list's values is that of its items, but its null is that of a list.
fn nulls<E: Storable>(columns: &[E::Column]) -> Vec<Value> {
    let empty = E::empty();
    let of_type = |column: &E::Column| value::null_of(&E::Model::get_value_type(*column));
    let known = empty.into_iter().map(|value| value.map(|value| value.as_null()));
    columns.iter().zip(known).map(|(column, null)| null.unwrap_or_else(|| of_type(column))).collect()
}

/// Whether values of a column can be compared, and so have an order.
fn is_comparable(column: &impl ColumnTrait, null: &Value, value_type: impl FnOnce() -> ArrayType) -> bool {
    if matches!(column.def().get_column_type(), ColumnType::Array(_) | ColumnType::Vector(_)) {
        return false;
    }
    let value_type = value_type();
    query::is_comparable(&value_type) && *null == value::null_of(&value_type)
}

/// The portable value that a model has in a column.
pub(crate) fn portable<E: Storable>(model: &E::Model, column: E::Column) -> Result<Value> {
    let value = value::portable(model.get(column)).map_err(|error| error.in_column(column.as_str()))?;
    let checked = value::check_digits(&value, || decimal_digits(&column)).map(|()| value);
    checked.map_err(|error| error.in_column(column.as_str()))
}

/// How many digits a decimal of this column may have before the point and after it.
pub(crate) fn decimal_digits(column: &impl ColumnTrait) -> (u32, u32) {
    let def = column.def();
    let column_type = match def.get_column_type() {
        ColumnType::Array(element) => element,
        single => single,
    };
    match column_type {
        ColumnType::Decimal(Some((digits, scale))) => (digits.saturating_sub(*scale), *scale),
        // 38 in all, the most of DuckDB's.
        _ => (20, 18),
    }
}

/// A stored row that does not fit its entity.
pub(crate) fn unreadable(error: DbErr) -> Error {
    Error::new(ErrorKind::Corrupt, "what is stored does not fit the model").with_source(error)
}
/// Whether a column has a cast of the entity's own, which knows in which form its values are stored.
#[cfg(feature = "_sql")]
pub(crate) fn is_cast(column: impl ColumnTrait) -> bool {
    let plain = Expr::val("");
    column.save_as(plain.clone()) != plain || column.select_as(plain.clone()) != plain
}
