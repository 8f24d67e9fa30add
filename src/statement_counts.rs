//! [`StatementCounts`], how prepared statements were used.

/// How a store's prepared statements were used; from [`Store::statement_counts`](crate::Store::statement_counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementCounts {
    /// How often a statement was prepared.
    pub prepared: u64,
    /// How often one that was prepared before was run again.
    pub reused: u64,
}
