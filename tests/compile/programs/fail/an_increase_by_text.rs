#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Changes::new().increase(user::COLUMN.age, "1");
}
