//! What a backend can do, for callers that want to know before they try.

use crate::transaction::Isolation;

/// What a store can do. Whatever is missing here answers [`Unsupported`](crate::ErrorKind::Unsupported) when it is asked for, or
/// is a property of the data that the store cannot check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What was stored outlives the store.
    pub durable: bool,
    /// Tables are made by migrations, and a model without one is [`TableMissing`](crate::ErrorKind::TableMissing).
    pub schema: bool,
    /// Check constraints of the schema are enforced.
    pub check_constraints: bool,
    /// Reads outside a transaction go on while another task's transaction has written and not yet ended.
    pub reads_beside_writer: bool,
    /// Two tasks can have a writing transaction open at once.
    pub concurrent_writers: bool,
    /// The isolation levels that the store has, weakest first. A transaction gets the first that is at least what it asks for;
    /// without asking, that is [`Isolation::RepeatableRead`].
    pub isolation: &'static [Isolation],
    /// When a transaction takes its write lock can be chosen.
    pub locking: bool,
    /// A nested transaction can be undone by itself. Without it, a nested transaction that fails takes the whole with it: the
    /// outermost one can no longer commit and is [`TransactionAborted`](crate::ErrorKind::TransactionAborted).
    pub savepoints: bool,
    /// Models can be locked one by one, or those who write take turns: claims
    /// ([`update_first`](crate::Updater::update_first), [`delete_first`](crate::Deleter::delete_first)) at once come to different
    /// models, and [`find_locked`](crate::Reader::find_locked) holds a model until its transaction ends. Without it, one of two
    /// claims at once is [`Contention`](crate::ErrorKind::Contention).
    pub row_locks: bool,
    /// Deleting or renaming a model can take along what refers to it (`ON DELETE CASCADE`, `SET NULL`, `ON UPDATE CASCADE`).
    /// Without it, the schema can hold references that are refused, and no others.
    pub referential_actions: bool,
    /// Unsigned 64-bit numbers are stored. Without it, an entity with a column of them is refused.
    pub unsigned: bool,
    /// Decimals are stored. Without it, an entity with a column of them is refused.
    pub decimals: bool,
    /// Lists (`Vec<String>`, `Vec<i64>`, `Vec<Uuid>` and the like) are stored in columns of their own. Without it, an entity with
    /// such a column is refused. Lists in JSON documents are stored by every backend.
    pub arrays: bool,
    /// A table can hold several models of one id, where its schema has no key: see [`AppendOnly`](crate::AppendOnly). Without it,
    /// ids are unique in every table.
    pub unenforced_keys: bool,
    /// SQL statements can be run beside the repositories.
    pub sql: bool,
    /// Tables can be listed and described, as [`Store::tables`](crate::Store::tables) and
    /// [`Store::describe`](crate::Store::describe) do.
    pub catalog: bool,
}

impl Capabilities {
    /// Nothing beyond what the contract asks of every store. An implementation of [`Transactional`](crate::Transactional) that
    /// does not say what it can do has these.
    pub const NONE: Self = Self {
        durable: false,
        schema: false,
        check_constraints: false,
        reads_beside_writer: false,
        concurrent_writers: false,
        isolation: &[],
        locking: false,
        savepoints: false,
        row_locks: false,
        referential_actions: false,
        unsigned: false,
        decimals: false,
        arrays: false,
        unenforced_keys: false,
        sql: false,
        catalog: false,
    };
}
