//! [`FileUrl`], what a `file:` URL says.

use std::path::PathBuf;

use super::file_format::FileFormat;
use crate::{
    error::{Error, ErrorKind, Result},
    parameter::{unfit, unknown},
};

/// The parameters of a URL.
const PARAMETERS: [&str; 3] = ["format", "max_models", "changes"];

/// How many models a table may have, unless another number is asked for.
const MAX_MODELS: usize = 1_000_000;

/// How changes that others make are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noticing {
    /// The system tells of them, where it does.
    Events,
    /// The files are looked through now and then.
    Scan,
}

/// Where a store is, and how its models are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileUrl {
    pub(super) path: PathBuf,
    /// Returns `None` if the files that are there decide.
    pub(super) format: Option<FileFormat>,
    pub(super) max_models: usize,
    pub(super) noticing: Noticing,
}

impl FileUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let place = url.strip_prefix("file://").or_else(|| url.strip_prefix("file:")).unwrap_or_default();
        let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
        if path.is_empty() || path.contains('\0') {
            return Err(Error::new(ErrorKind::InvalidInput, "a `file:` URL without the path of a folder"));
        }
        let path = std::path::absolute(path);
        let unplaced = |error| Error::new(ErrorKind::Io, "the folder of this process is not known").with_source(error);
        let mut parsed = Self { path: path.map_err(unplaced)?, format: None, max_models: MAX_MODELS, noticing: Noticing::Events };
        let mut seen = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            if seen.contains(&name) {
                return Err(Error::new(ErrorKind::InvalidInput, format!("a `file:` URL with the parameter `{name}` twice")));
            }
            parsed.set(name, value)?;
            seen.push(name);
        }
        Ok(parsed)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "format" => {
                let format = FileFormat::ALL.into_iter().find(|format| format.extension() == value);
                self.format = Some(format.ok_or_else(|| unfit("file", name))?);
            }
            "max_models" => {
                let number = value.parse().ok().filter(|number| *number > 0);
                self.max_models = number.ok_or_else(|| unfit("file", name))?;
            }
            "changes" => {
                self.noticing = match value {
                    "events" => Noticing::Events,
                    "scan" => Noticing::Scan,
                    _ => return Err(unfit("file", name)),
                }
            }
            _ => return Err(unknown("file", name, &PARAMETERS)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how() {
        let parsed = FileUrl::parse("file:/a/notes?format=jsonl&max_models=7&changes=scan").unwrap_or_else(|_| unreachable!());
        let expected =
            FileUrl { path: "/a/notes".into(), format: Some(FileFormat::JsonLines), max_models: 7, noticing: Noticing::Scan };
        assert_eq!(parsed, expected);
        assert!(FileUrl::parse("file:notes").is_ok_and(|url| url.path.is_absolute() && url.format.is_none()));
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for (url, word) in [
            ("file:", "path"),
            ("file:?format=json", "path"),
            ("file:a?fromat=json", "`format`"),
            ("file:a?format=xml", "`format`"),
            ("file:a?max_models=0", "`max_models`"),
            ("file:a?changes=never", "`changes`"),
            ("file:a?format=json&format=yaml", "twice"),
        ] {
            let error = FileUrl::parse(url).map(drop).map_err(|error| (error.kind(), error.to_string()));
            let Err((kind, text)) = error else { unreachable!("{url}") };
            assert!(kind == ErrorKind::InvalidInput && text.contains(word), "{url}: {text}");
        }
    }
}
