//! Entities of tables that other programs made.

macro_rules! entity {
    ($name:ident $table:literal { $($(#[$attribute:meta])* $field:ident: $type:ty,)* }) => {
        pub(super) mod $name {
            use sea_orm::entity::prelude::*;
            use serde::{Deserialize, Serialize};

            #[sea_orm::compact_model]
            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
            #[sea_orm(table_name = $table)]
            pub(crate) struct Model {
                $($(#[$attribute])* pub $field: $type,)*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(moment "moment" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    at: DateTimeUtc,
});

entity!(span "span" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    begun: Option<DateTimeUtc>,
    ended: Option<DateTimeUtc>,
    noted: Option<DateTimeUtc>,
});

entity!(plain "plain" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    at: Option<DateTime>,
    day: Option<Date>,
    time: Option<Time>,
    flag: Option<bool>,
});

entity!(tick "tick" {
    #[sea_orm(primary_key, auto_increment = false)]
    at: DateTimeUtc,
    text: String,
});

entity!(ticket "ticket" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    text: String,
});

entity!(named "named" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    name: String,
});

entity!(numbered "numbered" {
    #[sea_orm(primary_key)]
    id: i64,
    name: String,
});

entity!(measured "measured" {
    #[sea_orm(primary_key, auto_increment = false)]
    id: i64,
    amount: i64,
    ratio: f64,
    name: String,
    bytes: Vec<u8>,
});
