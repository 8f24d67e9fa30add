#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Aggregation::new().group_by_time(user::COLUMN.age, TimeBucket::hours(1));
}
