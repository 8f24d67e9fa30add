//! Small entities that the promises are proved with.

pub mod absent;
pub mod badge;
pub mod door;
pub mod edge;
mod fingerprint;
pub mod item;
pub mod job;
pub mod label;
pub mod letter;
pub mod line;
pub mod moment;
pub mod note;
pub mod page;
pub mod person;
pub mod place;
pub mod price;
pub mod sample;
pub mod seat;
pub mod sign;
pub mod street;
pub mod strict;
pub mod tagged;
pub mod tally;
pub mod ticket;
pub mod token;

pub use fingerprint::Fingerprint;
