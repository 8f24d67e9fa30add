//! Stores of compressed segments: what is stored, when it becomes a segment, and what of it outlives a crash or damage.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod damage;
mod life;
mod metric;
mod reads;
