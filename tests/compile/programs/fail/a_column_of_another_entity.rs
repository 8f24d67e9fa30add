#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Query::new().filter(field(user::COLUMN.name).equals("a")).order_by(page::COLUMN.title);
}
