#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = async |pages: AppendOnly<page::Entity>, page: page::Model| pages.update(&Cx::new(), &page).await;
}
