//! What a layer costs that does nothing but to pass each operation on.

use std::{hint::black_box, sync::Arc, time::Instant};

use async_trait::async_trait;
use larder::{
    Cx, Result as LarderResult,
    backend::Answer,
    layer::{Around, Call},
};
use uuid::Uuid;

use crate::{
    Result, Run,
    larder_client::Records,
    measure::{Subjects, Times},
    missing,
    record::{Entity, numbered},
    report::{Line, Section},
};

pub const ID: &str = "P14";
const RECORDS: u64 = 1000;
const MOST_ADDED_NS: f64 = 100.0;

/// Does nothing.
#[derive(Clone)]
struct Nothing;

#[async_trait]
impl Around for Nothing {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> LarderResult<Answer> {
        call.run(cx).await
    }
}

pub async fn run(run: &Run) -> Result<Section> {
    let store = larder::open("memory:").await?;
    let bare: Records = store.repository::<Entity>();
    let models = numbered(0..RECORDS);
    bare.create_batch(&Cx::new(), &models).await?;
    let layered: Records = store.layer(&Nothing).repository::<Entity>();
    let ids: Arc<[Uuid]> = models.iter().map(|model| model.log_id).collect();
    let (finds, rounds) = (run.rows * 2, run.rounds * 2 + 1);
    let mut subjects = Subjects::new([bare, layered]);
    for round in 1..=rounds {
        eprintln!("{ID} round {round} of {rounds}");
        for (records, times) in subjects.turn() {
            times.push(tokio::spawn(find(records.clone(), Cx::new(), ids.clone(), finds)).await??);
        }
    }
    let [(_, without), (_, with)]: [(Records, Times); 2] = subjects.finish().try_into().map_err(|_| missing())?;
    let each = |times: &Times| times.median().as_secs_f64() * 1e9 / finds as f64;
    let added = each(&with) - each(&without);
    let lines = vec![
        Line::new(ID, "larder, memory", finds as u64, &without),
        Line::new(ID, "larder, memory, one layer", finds as u64, &with)
            .detail(format!("{added:.0} ns a call added"))
            .target(format!("<= {MOST_ADDED_NS} ns a call added"), added <= MOST_ADDED_NS),
    ];
    Ok(Section { id: ID, title: "memory: find, through a layer that does nothing".to_owned(), lines })
}

/// How long so many finds take.
pub async fn find(records: Records, cx: Cx, ids: Arc<[Uuid]>, finds: usize) -> Result<std::time::Duration> {
    let start = Instant::now();
    for id in ids.iter().cycle().take(finds) {
        black_box(records.find(&cx, id).await?);
    }
    Ok(start.elapsed())
}
