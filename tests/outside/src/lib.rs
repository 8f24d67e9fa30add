//! What is built on larder from outside, with its public API only: [`OneFile`], a backend.

mod file;
mod one_file;

pub use one_file::OneFile;
