//! SeaORM entities of larder's ready-made stores, and nothing else.
//!
//! The log and fiber store keeps raw log lines, *fibers* (groups of lines that belong together, such as those of one request) and
//! which line belongs to which fiber. Every model names the configuration that produced it, by its [`ConfigVersion`].

mod config_version;
pub mod fiber;
pub mod fiber_membership;
pub mod raw_log;

pub use config_version::ConfigVersion;
