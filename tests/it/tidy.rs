//! Invariants of the source, read from the source.

mod circles;
mod functions;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every file of the library with its text.
fn texts() -> Vec<(String, String)> {
    texts_in("src")
}

/// Every file of Rust in a folder of the package, with its text.
fn texts_in(folder: &str) -> Vec<(String, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(&path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Every file of the library with its code, comments left out. The suite is not among them: it consists of tests.
fn sources() -> Vec<(String, String)> {
    let code = |text: String| text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let library = texts().into_iter().filter(|(name, _)| !name.starts_with("testing/"));
    library.map(|(name, text)| (name, code(text))).collect()
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
    only_in(&["backend/", "open.rs"], &["MemoryStore", "FileStore", "SqliteStore", "PostgresStore", "DuckDbStore"]);
}

#[test]
fn backends_do_not_know_each_other() {
    for (name, code) in sources() {
        let forbidden: &[&str] = match name.as_str() {
            name if name.starts_with("backend/memory/") || name.starts_with("backend/tables/") => {
                &["backend::sql", "SqlStore", "SqlTable", "sqlx"]
            }
            name if name.starts_with("backend/file/") => &["backend::sql", "SqlStore", "backend::memory", "MemoryStore"],
            name if name.starts_with("backend/sql/") => &["backend::memory", "MemoryStore", "MemoryTable", "backend::file"],
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
                &["backend::sql", "backend::memory", "backend::file", "sqlx", "rusqlite", "duckdb", "crate::open"]
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
            // The files of its journal are those of any log.
            let code = code.replace("backend::log::", "");
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
        // The files of a journal and of a store in files are their own, and those of a connection to Postgres are certificates.
        &[
            "backend/sql/duckdb/file.rs",
            "backend/sql/postgres/connect.rs",
            "backend/sql/sqlite/file.rs",
            "backend/sql/column_types.rs",
            "backend/sql/statement/tests.rs",
            "backend/disk/",
            "backend/file/",
            "backend/log/",
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

/// A promise that is not in the list would be run on no backend.
#[test]
fn every_promise_is_in_the_list() {
    let texts = texts();
    let (_, list) = texts.iter().find(|(name, _)| name == "testing/conformance/mod.rs").unwrap();
    let (_, list) = list.split_once("macro_rules! __conformance").unwrap();
    let mut count = 0;
    for (name, text) in texts.iter().filter(|(name, _)| name.starts_with("testing/conformance/")) {
        let module = name.trim_start_matches("testing/conformance/").trim_end_matches(".rs");
        let promises = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split_once("(harness"));
        let promises: BTreeSet<_> = promises.map(|(name, _)| name).collect();
        if promises.is_empty() {
            continue;
        }
        let (_, listed) = list.split_once(&format!(" {module} {{")).unwrap_or_else(|| panic!("{module} is not in the list"));
        let listed: BTreeSet<_> = listed.split_once('}').unwrap().0.split_whitespace().collect();
        assert_eq!(listed, promises, "{module}");
        count += promises.len();
    }
    assert!(count > 200, "{count} promises were found");
}

#[test]
fn files_stay_short() {
    for (name, code) in sources() {
        let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 300, "{name} has {lines} lines of code");
    }
}

/// The type that a line defines. A `type` inside of a trait, an `impl` or a function is not one of the crate's types.
fn defined_type(line: &str) -> Option<&str> {
    let definition = line.trim_start();
    let definition = match definition.strip_prefix("pub(") {
        Some(restricted) => restricted.split_once(") ")?.1,
        None => definition.strip_prefix("pub ").unwrap_or(definition),
    };
    let (keyword, rest) = definition.split_once(' ')?;
    let is_definition = match keyword {
        "struct" | "enum" | "trait" => true,
        "type" => !line.starts_with(' '),
        _ => false,
    };
    let name = rest.split(|c: char| !c.is_alphanumeric()).next()?;
    (is_definition && name.starts_with(char::is_uppercase)).then_some(name)
}

#[test]
fn no_two_types_share_a_name() {
    let sources = sources();
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, code) in sources.iter().filter(|(file, _)| !file.ends_with("tests.rs")) {
        // The unit tests are the last of a file.
        let code = code.split("#[cfg(test)]\nmod tests").next().unwrap();
        code.lines().filter_map(defined_type).for_each(|name| files.entry(name).or_default().push(file));
    }
    assert!(files.len() > 200, "{} types were found", files.len());
    files.retain(|_, files| files.len() > 1);
    assert!(files.is_empty(), "types share a name: {files:?}");
}

/// Rows of tables in the documentation cannot be broken, and neither can SQL that spans lines by itself.
#[test]
fn lines_stay_within_130_columns() {
    let sql = ["SELECT ", "o.provider = ", "current_setting("];
    for (name, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            let is_table = ["/// |", "//! |"].iter().any(|begin| line.trim_start().starts_with(begin));
            let is_sql =
                name == "backend/sql/postgres/catalog.rs" && sql.iter().any(|begin| line.trim_start().starts_with(begin));
            let columns = line.chars().count();
            assert!(columns <= 130 || is_table || is_sql, "{name}:{} has {columns} columns", number + 1);
        }
    }
}

#[test]
fn no_circle_of_imports_is_larger_than_three_files() {
    let sources: Vec<_> = sources().into_iter().filter(|(name, _)| !name.ends_with("tests.rs")).collect();
    let circles = circles::circles(&sources);
    assert!(circles.len() > 5, "{} circles were found", circles.len());
    let large: Vec<_> = circles.iter().filter(|circle| circle.len() > 3).collect();
    assert!(large.is_empty(), "{large:?}");
}
