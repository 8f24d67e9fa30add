#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Aggregation::new().group_by(user::COLUMN.name).and(Aggregate::sum(page::COLUMN.id));
}
