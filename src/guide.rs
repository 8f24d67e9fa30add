//! [queries]: self::queries
//! [from_sql]: self::from_sql
//! [transactions]: self::transactions
//! [write_behind]: self::write_behind
//! [guarantees]: self::guarantees
//! [failures]: self::failures
//! [sqlite]: self::sqlite
//! [postgres]: self::postgres
//! [duckdb]: self::duckdb
//! [files]: self::files
//! [segments]: self::segments
//! [migrations]: self::migrations
//! [testing]: self::testing
//! [backends_and_layers]: self::backends_and_layers
//! [column_types]: self::column_types
//!
#![doc = include_str!("../docs/guide/README.md")]

// The pages link to each other by references. The definitions at the end of a page lead to files. The definitions here come
// first, so they are the ones that count in rustdoc, and lead to items.

pub mod queries {
    //! [from_sql]: super::from_sql
    //! [postgres]: super::postgres
    //! [write_behind]: super::write_behind
    //! [column_types]: super::column_types
    //!
    #![doc = include_str!("../docs/guide/queries.md")]
}

pub mod from_sql {
    #![doc = include_str!("../docs/guide/from_sql.md")]
}

pub mod transactions {
    //! [guarantees]: super::guarantees
    //!
    #![doc = include_str!("../docs/guide/transactions.md")]
}

pub mod write_behind {
    #![doc = include_str!("../docs/guide/write_behind.md")]
}

pub mod guarantees {
    //! [sqlite]: super::sqlite
    //! [postgres]: super::postgres
    //! [duckdb]: super::duckdb
    //! [files]: super::files
    //! [column_types]: super::column_types
    //!
    #![doc = include_str!("../docs/guide/guarantees.md")]
}

pub mod failures {
    #![doc = include_str!("../docs/guide/failures.md")]
}

pub mod sqlite {
    #![doc = include_str!("../docs/guide/sqlite.md")]
}

pub mod postgres {
    //! [queries]: super::queries
    //!
    #![doc = include_str!("../docs/guide/postgres.md")]
}

pub mod duckdb {
    //! [open]: crate::open
    //!
    #![doc = include_str!("../docs/guide/duckdb.md")]
}

pub mod files {
    //! [benchmarks]: https://docs.rs/crate/larder/latest/source/docs/benchmarks.md
    //!
    #![doc = include_str!("../docs/guide/files.md")]
}

#[cfg_attr(not(feature = "disk"), allow(rustdoc::broken_intra_doc_links))]
pub mod segments {
    #![doc = include_str!("../docs/guide/segments.md")]
}

pub mod migrations {
    #![doc = include_str!("../docs/guide/migrations.md")]
}

pub mod testing {
    #![doc = include_str!("../docs/guide/testing.md")]
}

pub mod backends_and_layers {
    //! [open]: crate::open
    //! [layer]: crate::layer
    //! [backend]: crate::backend::Backend
    //! [transactions]: crate::backend::Transactions
    //! [tables]: crate::backend::Tables
    //! [guarantees]: super::guarantees
    //! [sqlite]: super::sqlite
    //! [postgres]: super::postgres
    //! [duckdb]: super::duckdb
    //! [files]: super::files
    //!
    #![doc = include_str!("../docs/guide/backends_and_layers.md")]
}

pub mod column_types {
    #![doc = include_str!("../docs/column-types.md")]
}
