//! A queue that writes behind, in front of a repository that does as it is told, and of real ones.

mod batches;
mod columns;
mod counts;
mod ending;
mod failures;
mod feed;
#[cfg(unix)]
mod folder;
mod full;
mod journal;
mod property;
pub(crate) mod scripted;
mod seen;
mod suspects;
