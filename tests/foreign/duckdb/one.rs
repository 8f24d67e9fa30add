//! Models of an id and one value, of each type that a model may have.

/// Entities of the table `one`, whose `value` is of a type.
macro_rules! one {
    ($($name:ident: $type:ty;)*) => {
        $(
            pub mod $name {
                use sea_orm::entity::prelude::*;
                use serde::{Deserialize, Serialize};

                #[sea_orm::compact_model]
                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
                #[sea_orm(table_name = "one")]
                pub struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: i32,
                    pub value: Option<$type>,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}

                #[allow(dead_code)]
                pub fn model(id: i32, value: $type) -> Model {
                    Model { id, value: Some(value) }
                }
            }
        )*
    };
}

// Few: each makes all of the library anew. That every other type reads what it holds, or refuses it, the decoders prove.
one! {
    big: i64;
    double: f64;
    decimal: Decimal;
    text: String;
    bytes: Vec<u8>;
    time: Time;
    date_time: DateTime;
    utc: DateTimeUtc;
}
