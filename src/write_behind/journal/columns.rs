//! How a model is written in a journal: the name and the value of each of its columns, as the entity has them. What serde makes
//! of the model has no part in it.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use sea_orm::{EntityTrait, ModelTrait, Value};
use serde_json::json;

use crate::{
    entity::Storable,
    error::{Error, ErrorKind, Result},
    repository::EntityMapping,
    row::shown,
    value::encoding::{self, read_part, write_part},
};

/// What a model begins with. An earlier form was JSON, which begins with other bytes.
const FORM: u8 = 1;

/// The two ways between a model and a journal.
pub(in super::super) struct ModelCodec<M> {
    /// Refuses what a repository would refuse, and columns of a type that a journal does not hold.
    pub(in super::super) encode: fn(&M) -> Result<Vec<u8>>,
    pub(super) decode: fn(&[u8]) -> Result<M>,
}

impl<M> Clone for ModelCodec<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for ModelCodec<M> {}

impl<M> fmt::Debug for ModelCodec<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelCodec").finish_non_exhaustive()
    }
}

impl<M: ModelTrait<Entity: Storable + EntityTrait<Model = M>>> ModelCodec<M> {
    pub(in super::super) fn of_columns() -> Self {
        Self { encode: encode::<M::Entity>, decode: decode::<M::Entity> }
    }
}

fn encode<E: Storable>(model: &E::Model) -> Result<Vec<u8>> {
    let mapping = EntityMapping::<E>::plain();
    let mut bytes = vec![FORM];
    write_part(mapping.table.full_name().as_bytes(), &mut bytes);
    for (position, column) in mapping.table.columns.iter().enumerate() {
        write_part(column.name().as_bytes(), &mut bytes);
        encoding::write(&mapping.value(model, position)?, &mut bytes).ok_or_else(|| {
            let message = format!("the column {} is of a type that a journal does not hold", column.name());
            Error::new(ErrorKind::Unsupported, message)
        })?;
    }
    Ok(bytes)
}

fn decode<E: Storable>(bytes: &[u8]) -> Result<E::Model> {
    let corrupt = |message: String| Error::new(ErrorKind::Corrupt, message);
    let mapping = EntityMapping::<E>::plain();
    let table = &mapping.table;
    let Some(written) = JournaledModel::read(bytes) else {
        return Err(corrupt(
            "not in the form of this version: an earlier one wrote JSON, in which columns may be missing".to_owned(),
        ));
    };
    if written.table != table.full_name() {
        return Err(corrupt(format!("a model of the table {}", written.table)));
    }
    for (name, _) in &written.columns {
        if table.columns.iter().all(|column| column.name() != *name) {
            return Err(corrupt(format!("the entity has no column {name}")));
        }
    }
    let model = E::model_of(&mut |position, put| {
        let name = table.columns.get(position).map_or("", |column| column.name());
        let column = written.columns.iter().find(|(written, _)| *written == name);
        let (_, value) = column.ok_or_else(|| corrupt(format!("it has no value for the column {name}")))?;
        put(value.clone())
            .map_err(|error| corrupt(format!("the value of the column {name} does not fit the model")).with_source(error))
    })?;
    for (position, column) in table.columns.iter().enumerate() {
        let name = column.name();
        let value = written.columns.iter().find(|(written, _)| *written == name).map(|(_, value)| value);
        // The field's type may be one of the application's own, which makes another value of it.
        if mapping.value(&model, position).ok().as_ref() != value {
            return Err(corrupt(format!("the type of the column {name} makes another value of what was submitted")));
        }
    }
    Ok(model)
}

/// What a journal has of a model.
struct JournaledModel<'a> {
    table: &'a str,
    columns: Vec<(&'a str, Value)>,
}

impl<'a> JournaledModel<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (table, mut rest) = read_part(bytes.strip_prefix(&[FORM])?)?;
        let mut columns = Vec::new();
        while !rest.is_empty() {
            let (name, behind) = read_part(rest)?;
            rest = behind;
            columns.push((str::from_utf8(name).ok()?, encoding::read(&mut rest)?));
        }
        Some(Self { table: str::from_utf8(table).ok()?, columns })
    }
}

/// A model that cannot be read as one, as JSON for people to read, with the reason.
pub(super) fn set_aside(bytes: &[u8], reason: &str) -> String {
    let shown = match JournaledModel::read(bytes) {
        Some(JournaledModel { table, columns }) => {
            let columns: serde_json::Map<_, _> = columns.iter().map(|(name, value)| ((*name).to_owned(), shown(value))).collect();
            json!({ "reason": reason, "table": table, "columns": columns })
        }
        None => match serde_json::from_slice::<serde_json::Value>(bytes) {
            Ok(model) => json!({ "reason": reason, "model": model }),
            Err(_) => json!({ "reason": reason, "bytes": BASE64_STANDARD.encode(bytes) }),
        },
    };
    format!("{shown:#}\n")
}
