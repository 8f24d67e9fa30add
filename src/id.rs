//! Ids that a caller makes.

use uuid::Uuid;

/// A new random id (UUID version 4).
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::new_v4()
}
