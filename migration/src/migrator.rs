use larder::Dialect;
use sea_orm::{
    DbErr, DynIden,
    sea_query::{Alias, IntoIden},
};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};

use crate::{history, step::Step, steps};

/// The steps of the ready-made stores for SeaORM's own tools, which run them on a SeaORM connection.
///
/// Unlike [`Migrations`](crate::Migrations) it does not keep two processes from migrating one database at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        steps::ALL.iter().map(|step| Box::new(*step) as Box<dyn MigrationTrait>).collect()
    }

    fn migration_table_name() -> DynIden {
        Alias::new(history::TABLE).into_iden()
    }
}

fn dialect(manager: &SchemaManager) -> Result<Dialect, DbErr> {
    Dialect::try_from(manager.get_database_backend()).map_err(|error| DbErr::Custom(error.to_string()))
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in (self.up)(dialect(manager)?) {
            change.apply_with(manager.get_connection()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for change in (self.down)(dialect(manager)?) {
            change.apply_with(manager.get_connection()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
