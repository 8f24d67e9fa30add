//! What larder needs to know of a SeaORM entity.

use std::{any::TypeId, borrow::Cow, sync::Arc};

use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbBackend, EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait,
    Schema, TryIntoModel, Value,
    sea_query::{ColumnType, Expr, ForeignKeyAction, IntoIden, SchemaName, TableForeignKey, TableName as QueriedTable, TableRef},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Result, unreadable},
    query,
    rules::Rules,
    table::{Conversions, ForeignKey, Table, TableColumn, TableIdentity, TableName, TableOrigin},
    value::{self, ReadRow},
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
    fn model_of(read: ReadRow<'_>) -> Result<Self::Model>;

    /// For each column a value of its type, where SeaORM can make one.
    #[doc(hidden)]
    fn empty() -> Vec<Option<Value>>;

    /// Converts a value by a column's own type. Returns `None` if it is not one of the type's.
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
    fn model_of(read: ReadRow<'_>) -> Result<E::Model> {
        let mut model = <E::ActiveModel as ActiveModelTrait>::default();
        for (position, column) in E::Column::iter().enumerate() {
            let set = read(position, &mut |value| {
                // A document that has to be there is JSON's null where the database has none.
                if matches!(value, Value::Json(None)) && !column.def().is_null() {
                    return model.try_set(column, serde_json::Value::Null.into()).map_err(unreadable);
                }
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

/// Sets a column. SeaORM takes no document for a list of documents.
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

impl Table {
    /// The table of an entity.
    #[must_use]
    pub fn of<E: Storable>() -> Self {
        // The dialect is of no matter: only the constraints are looked at.
        let schema = Schema::new(DbBackend::Sqlite);
        let created = schema.create_table_from_entity(E::default());
        let specs: Vec<_> = created.get_columns().iter().map(|column| column.get_column_spec()).collect();
        let empty = E::empty();
        let of_column = |(position, column)| column_of::<E>(column, empty.get(position).and_then(Option::as_ref));
        let columns: Vec<_> = E::Column::iter().enumerate().map(of_column).collect();
        let position = |name: &str| columns.iter().position(|column: &TableColumn| column.name() == name);
        let positions = |names: Vec<String>| -> Vec<usize> { names.iter().filter_map(|name| position(name)).collect() };

        let id: Vec<_> = E::PrimaryKey::iter().filter_map(|part| position(part.into_column().as_str())).collect();
        let defaults = E::Column::iter().enumerate();
        let defaults = defaults.filter_map(|(i, column)| Some((i, column.def().get_column_default()?.clone()))).collect();
        let single = specs.iter().enumerate().filter(|(_, spec)| spec.unique).map(|(position, _)| vec![position]);
        let indexes = schema.create_index_from_entity(E::default());
        let composite = indexes.iter().filter(|index| index.is_unique_key());
        let composite = composite.map(|index| positions(index.get_index_spec().get_column_names()));
        let is_required = |(position, spec): (usize, &&sea_orm::sea_query::ColumnSpec)| {
            (spec.nullable == Some(false) || spec.primary_key || id.contains(&position)).then_some(position)
        };
        let foreign_keys = created.get_foreign_key_create_stmts().iter();
        let foreign_keys = foreign_keys.filter_map(|create| foreign_key(create.get_foreign_key(), &positions)).collect();
        let entity = E::default();
        let key = TableName { schema: entity.schema_name().map(str::to_owned), name: entity.table_name().to_owned() };
        Table {
            origin: TableOrigin::Entity(TypeId::of::<E>()),
            identity: TableIdentity::of(TypeId::of::<E>(), ""),
            prefix: Arc::from(""),
            key,
            iden: entity.into_iden(),
            generated: id.first().copied().filter(|_| E::PrimaryKey::auto_increment() && id.len() == 1),
            defaults,
            computed: Vec::new(),
            defaulted: Vec::new(),
            required: specs.iter().enumerate().filter_map(is_required).collect(),
            uniques: single.chain(composite).collect(),
            foreign_keys,
            is_append_only: false,
            told_apart_by: Vec::new(),
            rules: Rules::default(),
            scope: query::Scope::default(),
            columns,
            id,
        }
    }
}

fn foreign_key(key: &TableForeignKey, positions: &impl Fn(Vec<String>) -> Vec<usize>) -> Option<ForeignKey> {
    let parent = key.get_ref_table()?;
    let schema = match parent {
        TableRef::Table(QueriedTable(schema, _), _) => schema.as_ref().map(|SchemaName(_, name)| name.to_string()),
        _ => None,
    };
    Some(ForeignKey {
        columns: positions(key.get_columns()),
        parent: TableName { schema, name: parent.sea_orm_table().to_string() },
        parent_columns: key.get_ref_columns(),
        on_delete: key.get_on_delete().unwrap_or(ForeignKeyAction::NoAction),
        on_update: key.get_on_update().unwrap_or(ForeignKeyAction::NoAction),
    })
}

/// The conversions of an entity's column.
struct ColumnConversions<E: Storable>(E::Column);

impl<E: Storable> Conversions for ColumnConversions<E> {
    fn save_as(&self, value: Expr) -> Expr {
        self.0.save_as(value)
    }

    fn select_as(&self, column: Expr) -> Expr {
        self.0.select_as(column)
    }

    fn stored(&self, value: Value) -> Option<Value> {
        E::stored(self.0, value)
    }
}

/// A column, of which a model without values has this one, where SeaORM can make one.
fn column_of<E: Storable>(column: E::Column, empty: Option<&Value>) -> TableColumn {
    let (value_type, definition) = (E::Model::get_value_type(column), column.def());
    // The type of a list's values is that of its items, but its null is that of a list.
    let null = empty.map_or_else(|| value::null_of(&value_type), Value::as_null);
    let column_type = definition.get_column_type().clone();
    let is_list = matches!(column_type, ColumnType::Array(_) | ColumnType::Vector(_));
    let is_comparable = !is_list && query::is_comparable(&value_type) && null == value::null_of(&value_type);
    let name = Cow::Borrowed(column.as_str());
    TableColumn::new(
        name,
        (value_type, column_type),
        (null, definition.is_null()),
        is_comparable,
        Arc::new(ColumnConversions::<E>(column)),
    )
}
