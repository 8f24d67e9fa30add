//! Models in the process's memory: the reference that the other backends are compared with.
//!
//! A transaction works on a copy of the [tables](super::Tables), which costs nothing, and commits by replacing the original.
//! Readers see what was committed last; writers take turns. Check constraints are SQL text and are not evaluated. Tables of one
//! name in two schemas are two. A table has the columns of the first entity that names it; an entity of other columns is refused.

mod store;

pub(crate) use store::MemoryStore;
