//! Tables of SQLite that sqlite3 and SeaORM made.

mod aggregates;
mod changes;
mod classes;
mod columns;
mod entities;
mod forms;
mod groups;
mod ids;
mod moments;
mod noticed;
mod statements;

use std::{path::PathBuf, process::Command};

use larder::{Cx, SqlText, Store};
use tempfile::TempDir;

/// A store, and another program that writes to the same database, where there can be one.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    file: Option<(TempDir, PathBuf)>,
}

/// The same tables in a file, in memory, and in a file behind a pool of SeaORM's. The statements are sqlite3's, but for those in
/// memory.
pub(crate) async fn places(sql: &str) -> Vec<Place> {
    let (file, sea_orm) = (file(sql), file(sql));
    let store = larder::open(&url(&file.1)).await.unwrap();
    let pool = sea_orm::Database::connect(url(&sea_orm.1)).await.unwrap();
    let behind = Store::from_sea_orm(pool).unwrap();
    let memory = larder::open("sqlite::memory:").await.unwrap();
    let places = vec![
        Place { name: "file", store, file: Some(file) },
        Place { name: "SeaORM", store: behind, file: Some(sea_orm) },
        Place { name: "memory", store: memory, file: None },
    ];
    places[2].run(sql).await;
    places
}

fn file(sql: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreign.sqlite");
    sqlite3(&path, "PRAGMA journal_mode = wal;");
    sqlite3(&path, sql);
    (directory, path)
}

fn url(path: &std::path::Path) -> String {
    format!("sqlite:{}", path.display())
}

/// What sqlite3 answers to statements.
pub(super) fn sqlite3(path: &std::path::Path, sql: &str) -> String {
    let done = Command::new("sqlite3").arg("-bail").arg(path).arg(sql).output().expect("sqlite3 is installed");
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}

impl Place {
    /// Runs statements, each ending with a semicolon and a line break, as another program if there can be one.
    pub(super) async fn run(&self, sql: &str) {
        if let Some((_, path)) = &self.file {
            sqlite3(path, sql);
            return;
        }
        for statement in sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            self.store.sql().unwrap().execute(&Cx::new(), &SqlText::new(statement)).await.unwrap();
        }
    }

    /// What a query that answers one text answers to another program.
    pub(super) async fn ask(&self, sql: &str) -> String {
        match &self.file {
            Some((_, path)) => sqlite3(path, sql),
            None => {
                let answers: Vec<String> = self.store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(sql)).await.unwrap();
                answers.into_iter().next().unwrap_or_default()
            }
        }
    }
}
