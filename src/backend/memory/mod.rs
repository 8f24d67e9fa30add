//! Models in the process's memory: the reference that the other backends are compared with.
//!
//! The state is a persistent tree, so a transaction works on a copy that costs nothing and commits by replacing the original.
//! Readers see the last committed state; writers take turns. The constraints are those of the table that SeaORM would create for
//! the entity: primary key, unique, not null and foreign keys with their actions. Check constraints are SQL text and are not
//! evaluated. What looks at many rows runs on a thread that may block. Tables of one name in two schemas are two. A table has the
//! columns of the first entity that names it; an entity of other columns is refused.

mod access;
mod constraint;
mod repository;
mod state;
mod store;
mod transaction;
mod write;

pub(crate) use store::MemoryStore;
