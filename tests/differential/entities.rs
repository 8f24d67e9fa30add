//! Entities with ids of several types, and a column of every type that larder stores. Each case makes another table for one of
//! them.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood", rename_all = "snake_case")]
pub enum Mood {
    Glad,
    Sad,
    Calm,
}

macro_rules! entity {
    ($module:ident, $table:tt, { $($id:tt)* }) => {
        pub mod $module {
            use sea_orm::entity::prelude::*;
            use serde::{Deserialize, Serialize};

            use super::Mood;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($id)*
                pub flag: bool,
                pub small: i16,
                pub whole: i32,
                pub large: i64,
                pub amount: Option<i64>,
                pub single: f32,
                pub real: f64,
                pub name: String,
                pub nick: Option<String>,
                pub bytes: Vec<u8>,
                pub token: Uuid,
                #[sea_orm(column_type = "JsonBinary")]
                pub doc: Json,
                pub day: Date,
                pub hour: Time,
                pub local: DateTime,
                pub at: DateTimeUtc,
                pub due: Option<DateTimeUtc>,
                pub zoned: DateTimeWithTimeZone,
                pub mood: Mood,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(by_number, "by_number", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
});

entity!(generated, "generated", {
    #[sea_orm(primary_key)]
    pub id: i64,
});

entity!(by_text, "by_text", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
});

entity!(by_uuid, "by_uuid", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
});

entity!(by_pair, "by_pair", {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i32,
});

/// Decimals, which SQLite does not have.
pub mod priced {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "priced")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub price: Decimal,
        pub discount: Option<Decimal>,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
