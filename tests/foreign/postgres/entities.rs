//! Entities of one table, `typed`, each with another type for its column `value`.

use larder::{
    Cx, Field, Filter, IdOf, PageRequest, Projection, Query, ReaderExt as _, Result, SqlText, Storable, Store,
    TransactionalExt as _, kind,
};
use sea_orm::PrimaryKeyTrait;

/// How values were read, and what of them came out: as `Debug` shows it.
pub(crate) type Reading = (&'static str, Result<String>);

/// An entity of the table.
pub(crate) trait Typed: Storable<PrimaryKey: PrimaryKeyTrait<ValueType = i32>> {
    fn shown(models: &[Self::Model]) -> String;

    type Value: Clone + Into<sea_orm::Value> + Send + Sync;

    fn model(id: i32, value: Self::Value) -> Self::Model;

    fn value() -> Field<Self::Model, kind::Any>;
}

fn shown<E: Typed>(models: Result<Vec<E::Model>>) -> Result<String> {
    models.map(|models| E::shown(&models))
}

/// Reads the whole table by SQL.
pub(crate) async fn readings_by_sql<E: Typed>(store: &Store) -> Vec<Reading> {
    let select = SqlText::new("SELECT * FROM typed ORDER BY id");
    vec![("models of SQL", shown::<E>(store.sql().unwrap().models::<E>(&Cx::new(), &select).await))]
}

/// Reads the whole table in every way that ends in models.
pub(crate) async fn readings<E: Typed>(store: &Store) -> Vec<Reading> {
    let (cx, models) = (Cx::new(), store.repository::<E>());
    let models = &models;
    let streamed = async {
        let mut stream = models.stream(&cx, &Query::new()).await?;
        let mut read = Vec::new();
        while let Some(model) = stream.try_next().await? {
            read.push(model);
        }
        Ok(read)
    };
    let inside = store.tx(&cx, |cx| async move { models.all(&cx).await });
    let page = PageRequest::new(1000);
    let ids: Vec<IdOf<E>> = (1..9).collect();
    let mut readings = readings_by_sql::<E>(store).await;
    readings.extend([
        ("find", shown::<E>(models.find_many(&cx, &ids).await)),
        ("all in a transaction", shown::<E>(inside.await)),
        ("page", shown::<E>(models.page(&cx, &Query::new(), &page).await.map(|page| page.models))),
        ("stream", shown::<E>(streamed.await)),
    ]);
    readings
}

/// Reads the column in every way that does not end in models.
pub(crate) async fn other_readings<E: Typed>(store: &Store) -> Vec<Reading> {
    let (cx, models) = (Cx::new(), store.repository::<E>());
    let projected = models.project(&cx, &Query::new(), &Projection::of(E::value())).await;
    let distinct = models.distinct::<serde_json::Value, _>(&cx, E::value(), &Filter::all()).await;
    let select = SqlText::new("SELECT value FROM typed");
    let rows = store.sql().unwrap().query_as::<serde_json::Value>(&cx, &select).await;
    let shown = |values: Vec<serde_json::Value>| format!("{values:?}");
    vec![
        ("project", projected.map(|rows| format!("{} rows", rows.len()))),
        ("distinct", distinct.map(shown)),
        ("rows of SQL", rows.map(shown)),
    ]
}

macro_rules! typed {
    ($($name:ident: ($($type:tt)+);)*) => {
        $(
            pub(crate) mod $name {
                #[allow(unused_imports)]
                use sea_orm::entity::prelude::*;
                use serde::{Deserialize, Serialize};

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
                #[sea_orm(table_name = "typed")]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: i32,
                    pub value: Option<$($type)+>,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}

                impl super::Typed for Entity {
                    type Value = $($type)+;

                    fn model(id: i32, value: Self::Value) -> Model {
                        Model { id, value: Some(value) }
                    }

                    fn shown(models: &[Model]) -> String {
                        let values: Vec<_> = models.iter().map(|model| &model.value).collect();
                        format!("{values:?}")
                    }

                    fn value() -> larder::Field<Model, larder::kind::Any> {
                        larder::field_of(Column::Value)
                    }
                }
            }
        )*
    };
}

typed! {
    ints: (i32);
    doubles: (f64);
    decimals: (Decimal);
    texts: (String);
    dates: (Date);
    times: (Time);
    locals: (DateTime);
    instants: (DateTimeUtc);
    lists_of_doubles: (Vec<f64>);
    lists_of_decimals: (Vec<Decimal>);
    lists_of_texts: (Vec<String>);
    lists_of_instants: (Vec<DateTimeUtc>);
    // These are read by SQL alone: every entity with a repository takes long to compile.
    bools: (bool);
    smalls: (i16);
    bigs: (i64);
    floats: (f32);
    bytes: (Vec<u8>);
    uuids: (Uuid);
    jsons: (Json);
    offsets: (DateTimeWithTimeZone);
    lists_of_ints: (Vec<i32>);
    lists_of_dates: (Vec<Date>);
    lists_of_times: (Vec<Time>);
    lists_of_locals: (Vec<DateTime>);
}

/// What each entity reads of the table, by its name.
pub(crate) async fn all_readings(store: &Store) -> Vec<(&'static str, Vec<Reading>)> {
    macro_rules! read {
        ($by:ident: $($entity:ident)*) => {
            vec![$((stringify!($entity), $by::<$entity::Entity>(store).await),)*]
        };
    }
    let mut all = read!(readings: dates times locals instants decimals doubles texts ints lists_of_instants lists_of_decimals lists_of_texts lists_of_doubles);
    all.extend(read!(readings_by_sql: bools smalls bigs floats bytes uuids jsons offsets lists_of_ints lists_of_dates lists_of_times lists_of_locals));
    all
}
