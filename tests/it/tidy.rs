//! Invariants of the source, read from the source.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every file of the library with its code, comments left out.
fn sources() -> Vec<(String, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else {
                files.push(path);
            }
        }
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        (name, code.join("\n"))
    };
    files.into_iter().map(read).collect()
}

/// Fails for every file outside `allowed` that has one of the `words` in its code.
fn only_in(allowed: &[&str], words: &[&str]) {
    for (name, code) in sources() {
        if allowed.iter().any(|place| name.starts_with(place)) {
            continue;
        }
        for word in words {
            assert!(!code.contains(word), "{name} says {word}, which belongs in {allowed:?}");
        }
    }
}

#[test]
fn the_contract_names_no_backend_and_no_database_library() {
    let contract = [
        "repository/",
        "query/",
        "transaction/",
        "capability.rs",
        "context.rs",
        "entity.rs",
        "error.rs",
        "row/",
        "rules.rs",
        "stream.rs",
        "value.rs",
    ];
    for (name, code) in sources() {
        // The typed repository is what stands at the door.
        if contract.iter().any(|place| name.starts_with(place)) && !name.starts_with("repository/typed/") {
            for word in ["backend::", "sqlx::", "rusqlite", "duckdb", "DatabaseConnection", "crate::store", "crate::open"] {
                assert!(!code.contains(word), "{name} says {word}");
            }
        }
    }
}

/// Above the door, one implementation of the contract knows the types of models. Below it, nothing does.
#[test]
fn below_the_door_no_entity_is_known() {
    for (name, code) in sources() {
        if name.starts_with("backend/") && !name.ends_with("tests.rs") {
            for word in ["Storable", "EntityTrait", "ModelTrait", "crate::entity", "    entity::", "repository::{"] {
                assert!(!code.contains(word), "{name} says {word}");
            }
        }
        if name.starts_with("repository/typed/") {
            for word in ["backend::sql", "backend::memory", "dialect", "sqlx::"] {
                assert!(!code.contains(word), "{name} says {word}");
            }
        }
    }
}

#[test]
fn database_libraries_stay_in_their_folders() {
    only_in(
        &["backend/sql/sqlx/", "backend/sql/sqlite/", "backend/sql/postgres/"],
        &["use sqlx", " sqlx::", "(sqlx::", "<sqlx::", "sea_query_sqlx"],
    );
    only_in(&["backend/sql/sqlite/"], &["rusqlite"]);
    only_in(&["backend/sql/sea_orm.rs"], &["DatabaseConnection"]);
    only_in(
        &["backend/sql/duckdb/"],
        &["use duckdb::", " ::duckdb", "duckdb::Connection", "duckdb::Error", "duckdb::arrow", "arrow::"],
    );
}

#[test]
fn one_file_names_every_backend() {
    only_in(&["backend/", "open.rs"], &["MemoryStore", "SqliteStore", "PostgresStore", "DuckDbStore"]);
}

#[test]
fn backends_do_not_know_each_other() {
    for (name, code) in sources() {
        let forbidden: &[&str] = match name.as_str() {
            name if name.starts_with("backend/memory/") => &["backend::sql", "SqlStore", "SqlTable", "sqlx"],
            name if name.starts_with("backend/sql/") => &["backend::memory", "MemoryStore", "MemoryTable"],
            _ => continue,
        };
        for word in forbidden {
            assert!(!code.contains(word), "{name} says {word}");
        }
    }
}

#[test]
fn backends_do_not_know_layers_nor_layers_backends() {
    for (name, code) in sources() {
        let forbidden: &[&str] = match name.as_str() {
            name if name.starts_with("backend/") => &["crate::layer", "layer::"],
            name if name.starts_with("layer/") => {
                &["backend::sql", "backend::memory", "sqlx", "rusqlite", "duckdb", "crate::open"]
            }
            _ => continue,
        };
        for word in forbidden {
            assert!(!code.contains(word), "{name} says {word}");
        }
    }
}

#[test]
fn a_queue_sees_the_contract_and_nothing_behind_it() {
    for (name, code) in sources() {
        if name.starts_with("write_behind/") {
            for word in ["crate::backend", "backend::", "crate::store", "crate::open", "sqlx", "rusqlite", "duckdb"] {
                assert!(!code.contains(word), "{name} says {word}");
            }
        }
    }
}

/// A file that is opened beside its engine, even to be read, releases the engine's locks on it when it is closed. Only a folder
/// may be.
#[test]
fn no_database_is_opened_beside_its_engine() {
    only_in(
        // The files of a journal are its own, and those of a connection to Postgres are certificates.
        &[
            "backend/sql/duckdb/file.rs",
            "backend/sql/postgres/connect.rs",
            "backend/sql/sqlite/file.rs",
            "backend/sql/column_types.rs",
            "backend/sql/statement/tests.rs",
            "write_behind/journal/",
        ],
        &["File::", "std::fs", "fs::{", "fs::read", "fs::copy", "fs::write", "fs::OpenOptions", "tokio::fs", "read_to_string"],
    );
    let sources = sources();
    for place in ["backend/sql/duckdb/file.rs", "backend/sql/sqlite/file.rs"] {
        let (_, code) = sources.iter().find(|(name, _)| name == place).unwrap();
        assert_eq!(code.matches("File::").count(), code.matches("File::open(folder)").count(), "{place}");
        for word in ["fs::read", "fs::copy", "fs::write", "fs::OpenOptions"] {
            assert!(!code.contains(word), "{place}: {word} opens a file that the engine may have open");
        }
    }
}

#[test]
fn time_goes_through_the_clock() {
    only_in(
        &["clock.rs"],
        &["Utc::now", "Instant::now", "SystemTime", "tokio::time", "tokio::{time", "Local::now", "thread::sleep"],
    );
}

#[test]
fn no_lint_is_switched_off_in_the_library() {
    only_in(&[], &["allow(clippy::unwrap", "allow(clippy::expect", "allow(clippy::panic", "allow(clippy::indexing", "unsafe"]);
}

#[test]
fn files_stay_short() {
    for (name, code) in sources() {
        let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 300, "{name} has {lines} lines of code");
    }
}
