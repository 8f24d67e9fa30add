//! What a deadline costs a read.

use std::{sync::Arc, time::Duration};

use larder::{Cx, Durability};
use uuid::Uuid;

use crate::{
    Result, Run,
    layer::find,
    measure::{Subjects, Times},
    missing,
    place::{Engine, Place},
    record::{Entity, numbered},
    report::{Line, Section},
};

pub const ID: &str = "P19";
const MOST_RATIO: f64 = 1.1;

pub async fn run(run: &Run) -> Result<Section> {
    let mut lines = of(run, Engine::Sqlite).await?;
    if run.has_postgres() {
        lines.extend(of(run, Engine::Postgres).await?);
    }
    Ok(Section { id: ID, title: "find, without a deadline and with one".to_owned(), lines })
}

async fn of(run: &Run, engine: Engine) -> Result<Vec<Line>> {
    let place = Place::new(engine, Durability::Process, run.postgres_url()).await?;
    let (store, records) = place.repository::<Entity>().await?;
    let models = numbered(0..run.rows as u64);
    records.create_batch(&Cx::new(), &models).await?;
    let ids: Arc<[Uuid]> = models.iter().map(|model| model.log_id).collect();
    let limited = Cx::new().with_timeout(Duration::from_secs(3600));
    let (finds, mut subjects) = (run.rows, Subjects::new([Cx::new(), limited]));
    for round in 1..=run.rounds {
        eprintln!("{ID} {} round {round} of {}", engine.name(), run.rounds);
        for (cx, times) in subjects.turn() {
            times.push(tokio::spawn(find(records.clone(), cx.clone(), ids.clone(), finds)).await??);
        }
    }
    store.close().await;
    let [(_, without), (_, with)]: [(Cx, Times); 2] = subjects.finish().try_into().map_err(|_| missing())?;
    let ratio = with.median().as_secs_f64() / without.median().as_secs_f64();
    Ok(vec![
        Line::new(ID, format!("larder, {}", engine.name()), finds as u64, &without),
        Line::new(ID, format!("larder, {}, with a deadline", engine.name()), finds as u64, &with)
            .detail(format!("{ratio:.2} times the time without"))
            .target(format!("<= {MOST_RATIO} times the time without"), ratio <= MOST_RATIO),
    ])
}
