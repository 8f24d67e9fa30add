#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = async |pages: &dyn Reader<page::Model, i64>, users: &[user::Model]| {
        pages.of_each(&Cx::new(), users, user::COLUMN.id, page::COLUMN.title, &Query::new()).await
    };
}
