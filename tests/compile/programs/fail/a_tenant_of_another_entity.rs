#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = |store: &Store| store.repository_builder::<page::Entity>().within(field(user::COLUMN.name).equals("ann"));
}
