//! What a table demands of its rows, taken from the entity.

use sea_orm::{
    DbBackend, IdenStatic, Schema, Value,
    sea_query::{ForeignKeyAction, SchemaName, TableForeignKey, TableName, TableRef},
};

use crate::entity::{Shape, Storable};

/// What a table is known by: tables of one name in two schemas are two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    schema: Option<String>,
    table: String,
}

impl Name {
    fn of<E: Storable>() -> Self {
        let entity = E::default();
        Self { schema: entity.schema_name().map(str::to_owned), table: entity.table_name().to_owned() }
    }

    fn referred_to(table: &TableRef) -> Self {
        let schema = match table {
            TableRef::Table(TableName(schema, _), _) => schema.as_ref().map(|SchemaName(_, name)| name.to_string()),
            _ => None,
        };
        Self { schema, table: table.sea_orm_table().to_string() }
    }
}

/// A foreign key of a table.
#[derive(Debug)]
pub(super) struct ForeignKey {
    pub(super) columns: Vec<usize>,
    pub(super) parent: Name,
    pub(super) parent_columns: Vec<String>,
    on_delete: ForeignKeyAction,
    on_update: ForeignKeyAction,
}

impl ForeignKey {
    /// What is done to a row when what it points at is updated, or else deleted.
    pub(super) fn action(&self, is_update: bool) -> ForeignKeyAction {
        if is_update { self.on_update } else { self.on_delete }
    }
}

/// A table, without the type of its entity.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: Name,
    pub(super) columns: Vec<String>,
    /// The null of each column.
    nulls: Vec<Value>,
    pub(super) id: Vec<usize>,
    pub(super) generated: Option<usize>,
    pub(super) required: Vec<usize>,
    /// The columns of each unique constraint.
    pub(super) uniques: Vec<Vec<usize>>,
    pub(super) foreign_keys: Vec<ForeignKey>,
}

impl Table {
    /// Columns as SQLite names them in its errors.
    pub(super) fn full_names(&self, positions: &[usize]) -> String {
        let names = positions.iter().filter_map(|position| self.columns.get(*position));
        names.map(|column| format!("{}.{column}", self.name.table)).collect::<Vec<_>>().join(", ")
    }

    /// Whether the rows of another entity's table are those of this one.
    pub(super) fn has_rows_of(&self, other: &Self) -> bool {
        self.columns == other.columns && self.nulls == other.nulls && self.id == other.id
    }

    pub(super) fn of<E: Storable>(shape: &Shape<E>) -> Self {
        // The dialect is of no matter: only the constraints are looked at.
        let schema = Schema::new(DbBackend::Sqlite);
        let created = schema.create_table_from_entity(E::default());
        let columns: Vec<_> = shape.columns.iter().map(|column| column.as_str().to_owned()).collect();
        let positions = |names: Vec<String>| -> Vec<usize> {
            names.iter().filter_map(|name| columns.iter().position(|column| column == name)).collect()
        };

        let mut required = Vec::new();
        for (position, column) in created.get_columns().iter().enumerate() {
            let spec = column.get_column_spec();
            if spec.nullable == Some(false) || spec.primary_key || shape.id.contains(&position) {
                required.push(position);
            }
        }
        let foreign_keys =
            created.get_foreign_key_create_stmts().iter().filter_map(|create| foreign_key(create.get_foreign_key(), &positions));
        Self {
            foreign_keys: foreign_keys.collect(),
            id: shape.id.clone(),
            generated: shape.generated,
            uniques: shape.uniques.clone(),
            nulls: shape.nulls.clone(),
            name: Name::of::<E>(),
            columns,
            required,
        }
    }
}

fn foreign_key(key: &TableForeignKey, positions: &impl Fn(Vec<String>) -> Vec<usize>) -> Option<ForeignKey> {
    Some(ForeignKey {
        columns: positions(key.get_columns()),
        parent: Name::referred_to(key.get_ref_table()?),
        parent_columns: key.get_ref_columns(),
        on_delete: key.get_on_delete().unwrap_or(ForeignKeyAction::NoAction),
        on_update: key.get_on_update().unwrap_or(ForeignKeyAction::NoAction),
    })
}
