#[path = "../models.rs"]
mod models;

#[allow(unused_imports)]
use models::{page, user};

use larder::*;

fn main() {
    let _ = async |pages: AppendOnly<page::Entity>| pages.delete(&Cx::new(), &7).await;
}
