//! [`FileFormat`], how models are written down.

/// How the models of a store are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileFormat {
    /// A YAML file for each model.
    Yaml,
    /// A JSON file for each model.
    Json,
    /// A file for each table, with a line for each change of a model.
    JsonLines,
}

/// How a value is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    Yaml,
    Json,
}

impl FileFormat {
    pub(super) const ALL: [Self; 3] = [Self::Yaml, Self::Json, Self::JsonLines];

    /// The extension of its files, which is also its name in a URL.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
        }
    }

    /// Whether each model has a file of its own.
    pub(super) fn has_file_of_each(self) -> bool {
        self != Self::JsonLines
    }
}
