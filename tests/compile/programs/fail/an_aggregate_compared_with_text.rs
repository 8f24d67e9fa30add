#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Aggregate::<user::Model, _>::maximum(user::COLUMN.age).at_least("18");
}
