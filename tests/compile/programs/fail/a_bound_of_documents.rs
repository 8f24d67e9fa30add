#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = Changes::new().raise_to(user::COLUMN.extra, sea_orm::JsonValue::Null);
}
