#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = field(user::COLUMN.age).equals(Some(18));
}
