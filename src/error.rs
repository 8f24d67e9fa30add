//! One error type for every backend, told apart by [`ErrorKind`].

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use sea_orm::DbErr;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in the same words on every backend.
///
/// Engines are classified by their codes (SQLSTATE on Postgres, the extended result code on SQLite), not by message text. The
/// exceptions are a missing table on SQLite, which has no code of its own, and DuckDB, which has none at all: there the type that
/// begins an error's text is the code, and the words after it tell the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The model asked for does not exist.
    NotFound,
    /// A model with the same id, or the same value of a unique constraint, exists; or there are several models where the caller
    /// asked for [the only one](crate::ReaderExt::only).
    Duplicate,
    /// A reference points at nothing, or something still points at the model.
    ForeignKey,
    /// A check constraint or a trigger refused the model.
    Check,
    /// A value is missing where one is required.
    NotNull,
    /// The model was changed since it was read.
    Conflict,
    /// Another transaction was in the way; running the whole unit of work again may succeed.
    Contention,
    /// A commit, or a write outside a transaction, was sent and its answer was lost: whether it took effect cannot be known. Read
    /// before writing again; with an [idempotency key](crate::Cx::with_idempotency_key),
    /// [`Store::has_committed`](crate::Store::has_committed) tells.
    CommitUnknown,
    /// An earlier error ended the transaction; [`source`](StdError::source) is that error.
    TransactionAborted,
    /// The context outlived its transaction.
    TransactionClosed,
    /// A write to one store inside a transaction of another.
    ForeignTransaction,
    /// A second connection was asked for inside a `tx` closure that holds one of the same store, or by a level of a transaction
    /// while a nested one holds it.
    NestedAcquire,
    /// The time allowed ran out.
    DeadlineExceeded,
    /// The operation was given up before it ended.
    Cancelled,
    /// No connection became free in time.
    PoolTimeout,
    /// The store refuses work to protect itself.
    Overloaded,
    /// The queue in front of the store is full.
    QueueFull,
    /// The store was closed.
    Closed,
    /// The store, or the transaction, may only be read.
    ReadOnly,
    /// The backend cannot do this; [`Capabilities`](crate::Capabilities) tells beforehand.
    Unsupported,
    /// The caller's value, setting or statement is not acceptable. Nothing was stored.
    InvalidInput,
    /// The table does not exist: the migrations have not run.
    TableMissing,
    /// The engine could not be reached, or the connection was lost before a commit was sent.
    Connection,
    /// The engine gave up its instance; the next call may work.
    EngineDown,
    /// Not authenticated, or not allowed.
    Auth,
    /// Disk, memory, connections or file handles ran out.
    ResourceExhausted,
    /// The environment failed while reading or writing.
    Io,
    /// What is stored cannot be read as the model.
    Corrupt,
    /// A migration could not be applied or undone.
    Migration,
    /// Anything else; the source tells.
    Internal,
}

/// What kind of remedy an error calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// May pass by itself: contention, a lost connection, a full pool.
    Transient,
    /// Stays until somebody changes the call, the code or the configuration.
    Permanent,
    /// Stays until there is room again.
    Resource,
    /// The data says no, or is damaged.
    Consistency,
}

impl ErrorKind {
    /// The remedy errors of this kind call for.
    #[must_use]
    pub fn class(self) -> ErrorClass {
        use ErrorKind as K;
        match self {
            K::Contention | K::PoolTimeout | K::Connection | K::EngineDown | K::DeadlineExceeded | K::Cancelled => {
                ErrorClass::Transient
            }
            K::ResourceExhausted | K::Io | K::Overloaded | K::QueueFull => ErrorClass::Resource,
            K::NotFound | K::Duplicate | K::ForeignKey | K::Check | K::NotNull | K::Conflict | K::Corrupt | K::CommitUnknown => {
                ErrorClass::Consistency
            }
            _ => ErrorClass::Permanent,
        }
    }

    fn text(self) -> &'static str {
        use ErrorKind as K;
        match self {
            K::NotFound => "not found",
            K::Duplicate => "duplicate",
            K::ForeignKey => "foreign key violated",
            K::Check => "check violated",
            K::NotNull => "value missing",
            K::Conflict => "version conflict",
            K::Contention => "contention",
            K::CommitUnknown => "outcome of the commit unknown",
            K::TransactionAborted => "transaction aborted",
            K::TransactionClosed => "transaction closed",
            K::ForeignTransaction => "transaction of another store",
            K::NestedAcquire => "second connection inside a transaction",
            K::DeadlineExceeded => "deadline exceeded",
            K::Cancelled => "cancelled",
            K::PoolTimeout => "no connection became free in time",
            K::Overloaded => "overloaded",
            K::QueueFull => "queue full",
            K::Closed => "store closed",
            K::ReadOnly => "read only",
            K::Unsupported => "unsupported",
            K::InvalidInput => "invalid input",
            K::TableMissing => "table missing",
            K::Connection => "connection failed",
            K::EngineDown => "engine down",
            K::Auth => "not allowed",
            K::ResourceExhausted => "resource exhausted",
            K::Io => "input or output failed",
            K::Corrupt => "stored data unreadable",
            K::Migration => "migration failed",
            K::Internal => "internal error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// What failed, where, and why.
///
/// `Display` and `Debug` show the kind, the operation, the model, the index in a batch, the column, the constraint and the
/// engine's code: no values, no statement text and no credentials. [`source`](StdError::source) is the underlying library's own
/// error, whose text may quote values: print it only where values may be printed.
#[derive(Clone)]
pub struct Error(Box<ErrorInner>);

#[derive(Clone)]
struct ErrorInner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    operation: Option<&'static str>,
    model: Option<String>,
    column: Option<String>,
    index: Option<usize>,
    constraint: Option<String>,
    code: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    earlier: Option<Arc<[Error]>>,
}

impl Error {
    /// An error of `kind`. `message` adds what the kind does not say and must hold no values and no secrets.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(ErrorInner {
            kind,
            message: message.into(),
            operation: None,
            model: None,
            column: None,
            index: None,
            constraint: None,
            code: None,
            source: None,
            earlier: None,
        }))
    }

    /// The kind to decide by.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same unit of work, run again from its start, may succeed, and is known not to have been applied.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Contention | ErrorKind::PoolTimeout | ErrorKind::Overloaded | ErrorKind::QueueFull)
    }

    /// The repository operation that failed, such as `create`.
    #[must_use]
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The table name of the model concerned, after that of its schema if the entity names one.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    /// The column concerned, where one is: that of a stored value that cannot be read, or of a given value that cannot be stored.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// Which model or id of a batch was refused, by its index in what was given, where that is known: the first one that cannot
    /// be stored together with those before it.
    ///
    /// A value that no backend can store is always found. What the database refuses is found for a batch outside a transaction:
    /// its parts are tried again in a transaction that is rolled back, which takes about twice as long as the batch itself; on
    /// DuckDB only if it has at most 10 000 models.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// The violated constraint, where the engine tells: its name, `table.column` where it has none of its own, or the expression
    /// of a check. DuckDB keeps no names, and tells the first column of several.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// The engine's own code: SQLSTATE, SQLite's extended result code, or the type of DuckDB's error, such as `Constraint`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What kept a transaction from committing when it was run before, oldest first. Of contention that running again did not
    /// help against; else empty.
    #[must_use]
    pub fn earlier(&self) -> &[Error] {
        self.0.earlier.as_deref().unwrap_or_default()
    }

    /// Adds what kept the same transaction from committing before.
    pub(crate) fn after(mut self, earlier: Arc<[Error]>) -> Self {
        self.0.earlier = Some(earlier).filter(|earlier| !earlier.is_empty());
        self
    }

    /// Names the operation and the model, unless something nearer to the failure already did.
    #[must_use]
    pub fn at(mut self, operation: &'static str, model: &str) -> Self {
        self.0.operation.get_or_insert(operation);
        self.0.model.get_or_insert_with(|| model.to_owned());
        self
    }

    /// Names the column, unless something nearer to the failure already did.
    #[must_use]
    pub fn in_column(mut self, column: &str) -> Self {
        self.0.column.get_or_insert_with(|| column.to_owned());
        self
    }

    /// Names which of a batch was refused, unless something nearer to the failure already did.
    #[must_use]
    pub fn at_index(mut self, index: usize) -> Self {
        self.0.index.get_or_insert(index);
        self
    }

    /// Names the index, unless there is only one model, which is no batch.
    pub(crate) fn in_batch(self, index: usize, length: usize) -> Self {
        if length > 1 { self.at_index(index) } else { self }
    }

    /// Names the violated constraint.
    #[must_use]
    pub fn with_constraint(mut self, constraint: Option<impl Into<String>>) -> Self {
        self.0.constraint = constraint.map(Into::into);
        self
    }

    /// Adds the engine's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds what caused this error.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }
}

/// A stored row that does not fit its entity.
pub(crate) fn unreadable(error: DbErr) -> Error {
    Error::new(ErrorKind::Corrupt, "what is stored does not fit the model").with_source(error)
}

/// No model has the id asked for.
pub(crate) fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "no model has this id")
}

/// The model was changed since it was read.
pub(crate) fn conflict() -> Error {
    Error::new(ErrorKind::Conflict, "the version is not the stored one")
}

/// A method that a repository of somebody else's does not have.
pub(crate) fn unsupported(method: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the repository does not implement `{method}`"))
}

/// A lock that would end with the statement.
pub(crate) fn locked_outside() -> Error {
    Error::new(ErrorKind::InvalidInput, "a model is locked until its transaction ends, and there is none")
}

/// The store locks no models.
pub(crate) fn no_row_locks() -> Error {
    Error::new(ErrorKind::Unsupported, "the store does not lock single models")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)?;
        if !self.0.message.is_empty() {
            write!(f, ": {}", self.0.message)?;
        }
        let index = self.index().map(|index| index.to_string());
        let details = [
            ("operation", self.operation()),
            ("model", self.model()),
            ("index", index.as_deref()),
            ("column", self.column()),
            ("constraint", self.constraint()),
            ("code", self.code()),
        ];
        if !self.earlier().is_empty() {
            write!(f, ", in the last of {} attempts", self.earlier().len() + 1)?;
        }
        let mut separator = " (";
        for (name, value) in details {
            if let Some(value) = value {
                write!(f, "{separator}{name} {value}")?;
                separator = ", ";
            }
        }
        if separator == ", " { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &self.0.message);
        debug.field("operation", &self.operation()).field("model", &self.model());
        debug.field("index", &self.index()).field("column", &self.column());
        debug.field("constraint", &self.constraint()).field("code", &self.code());
        debug.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
