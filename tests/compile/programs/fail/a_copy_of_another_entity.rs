#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Changes::new().set_from(user::COLUMN.name, page::COLUMN.title);
}
