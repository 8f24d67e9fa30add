//! What a `duckdb:` URL asks for.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use duckdb::{Config, Connection};

use super::{error::classify, file::check_separators};
use crate::{
    error::{Error, ErrorKind, Result},
    parameter::{unfit, unknown},
};

/// The parameters of a URL.
const PARAMETERS: [&str; 7] =
    ["mode", "read_only", "memory_limit", "threads", "temp_directory", "external_access", "lock_configuration"];

/// A service has other uses for its cores.
const MAX_THREADS: usize = 4;

/// A share of the machine's memory that leaves the service room.
const MEMORY_LIMIT: &str = "25%";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DuckDbSettings {
    mode: Mode,
    memory_limit: String,
    threads: usize,
    /// Where DuckDB puts what does not fit into memory; nowhere if empty.
    temp_directory: Option<String>,
    external_access: bool,
    lock_configuration: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    ReadOnly,
    ReadWrite,
    Create,
}

impl DuckDbSettings {
    /// The file that a URL names and the settings. The file is `None` for a database in memory.
    pub(super) fn parse(url: &str) -> Result<(Option<PathBuf>, Self)> {
        let place = url.strip_prefix("duckdb://").or_else(|| url.strip_prefix("duckdb:")).unwrap_or_default();
        let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
        let path = (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path));
        let mut settings = Self {
            mode: Mode::Create,
            memory_limit: MEMORY_LIMIT.to_owned(),
            threads: available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS),
            temp_directory: None,
            external_access: false,
            lock_configuration: true,
        };
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            settings.set(name, value)?;
        }
        if path.is_none() {
            // DuckDB would take a folder in whatever directory the process is in.
            settings.temp_directory.get_or_insert_default();
        }
        match (&path, settings.mode) {
            (None, Mode::ReadOnly) => Err(invalid("a database in memory that can only be read has nothing in it")),
            _ => Ok((path, settings)),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match (name, value) {
            ("mode", "ro") | ("read_only", "true") => self.mode = Mode::ReadOnly,
            ("mode", "rw") => self.mode = Mode::ReadWrite,
            ("mode", "rwc") | ("read_only", "false") => self.mode = Mode::Create,
            ("memory_limit", limit) if !limit.is_empty() => self.memory_limit = limit.to_owned(),
            ("threads", number) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                self.threads = number.ok_or_else(|| invalid("a `duckdb:` URL whose `threads` is no number above zero"))?;
            }
            ("temp_directory", path) => {
                check_separators(Path::new(path))?;
                self.temp_directory = Some(path.to_owned());
            }
            ("external_access", "true") => self.external_access = true,
            ("external_access", "false") => self.external_access = false,
            ("lock_configuration", "true") => self.lock_configuration = true,
            ("lock_configuration", "false") => self.lock_configuration = false,
            (known, _) if PARAMETERS.contains(&known) => return Err(unfit("duckdb", known)),
            (name, _) => return Err(unknown("duckdb", name, &PARAMETERS)),
        }
        Ok(())
    }

    pub(super) fn creates(&self) -> bool {
        self.mode == Mode::Create
    }

    /// Whether SQL may attach other databases.
    pub(super) fn attaches(&self) -> bool {
        self.external_access
    }

    /// Sets what can be set only once the database is open. Blocks.
    pub(super) fn apply(&self, connection: &Connection) -> Result<()> {
        // Without the extension that knows of time zones there are none, and casts are by UTC.
        if let Err(error) = connection.execute_batch("SET GLOBAL TimeZone = 'UTC'") {
            tracing::debug!(%error, "time zones are not known");
        }
        if self.lock_configuration {
            connection.execute_batch("SET GLOBAL lock_configuration = true").map_err(classify)?;
        }
        Ok(())
    }

    pub(super) fn config(&self) -> Result<Config> {
        let mut settings = vec![
            ("access_mode", if self.mode == Mode::ReadOnly { "READ_ONLY" } else { "READ_WRITE" }.to_owned()),
            ("memory_limit", self.memory_limit.clone()),
            ("threads", self.threads.to_string()),
            ("autoinstall_known_extensions", "false".to_owned()),
            ("autoload_known_extensions", "false".to_owned()),
            ("allow_community_extensions", "false".to_owned()),
            // It counts rows that are deleted (2.0.0): an order with a limit would leave out what comes after many of them.
            ("disabled_optimizers", "row_group_pruner".to_owned()),
        ];
        if let Some(path) = &self.temp_directory {
            settings.push(("temp_directory", path.clone()));
        }
        if !self.external_access {
            settings.push(("enable_external_access", "false".to_owned()));
        }
        let config = settings.into_iter().try_fold(Config::default(), |config, (name, value)| config.with(name, value));
        config.map_err(|error| match classify(error) {
            error if error.kind() == ErrorKind::Internal => {
                invalid("a `duckdb:` URL with a setting DuckDB refuses").with_source(error)
            }
            error => error,
        })
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused() {
        for url in [
            "duckdb:a.duckdb?nix=1",
            "duckdb:a.duckdb?threads=0",
            "duckdb:a.duckdb?threads=many",
            "duckdb:a.duckdb?mode=w",
            "duckdb:a.duckdb?memory_limit=",
            "duckdb:a.duckdb?external_access=yes",
            "duckdb::memory:?mode=ro",
        ] {
            assert_eq!(DuckDbSettings::parse(url).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{url}");
        }
    }

    #[test]
    fn no_path_is_memory() -> Result<()> {
        for url in ["duckdb:", "duckdb::memory:", "duckdb://:memory:?threads=1"] {
            assert_eq!(DuckDbSettings::parse(url)?.0, None, "{url}");
        }
        assert_eq!(DuckDbSettings::parse("duckdb:/a/b?mode=ro&memory_limit=1GB")?.0, Some(PathBuf::from("/a/b")));
        Ok(())
    }
}
