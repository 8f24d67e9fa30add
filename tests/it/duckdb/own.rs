//! What DuckDB has to itself.
