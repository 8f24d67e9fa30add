//! larder, by `update_first`; or by a query, and a change of the job that it answered, unless somebody else has it by then.

use std::sync::Arc;

use async_trait::async_trait;
use larder::{Changes, Cx, Query, ReaderExt as _, Storage, field};

use super::{CLAIMED, COLUMN, Entity, Model, Queue, WAITING, WORKERS};
use crate::{Result, place::Place};

#[derive(Clone)]
struct LarderQueue {
    jobs: Arc<dyn Storage<Model, i64>>,
    at_once: bool,
}

pub async fn open(place: &Place, at_once: bool) -> Result<Vec<Box<dyn Queue>>> {
    let (_, jobs) = place.repository::<Entity>().await?;
    let queue = LarderQueue { jobs, at_once };
    Ok((0..WORKERS).map(|_| Box::new(queue.clone()) as Box<dyn Queue>).collect())
}

#[async_trait]
impl Queue for LarderQueue {
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>> {
        let cx = Cx::new();
        let next = Query::new().filter(field(COLUMN.state).equals(WAITING)).order_by(COLUMN.due).limit(1);
        let taken = Changes::new().set(COLUMN.state, CLAIMED).set(COLUMN.worker, worker);
        if self.at_once {
            return Ok(self.jobs.update_first(&cx, &next, &taken).await?.pop());
        }
        loop {
            let Some(job) = self.jobs.first(&cx, &next).await? else { return Ok(None) };
            let still_waits = field(COLUMN.id).equals(job.id).and(field(COLUMN.state).equals(WAITING));
            if self.jobs.update_where(&cx, &still_waits, &taken).await? == 1 {
                return Ok(Some(Model { state: CLAIMED, worker: Some(worker.to_owned()), ..job }));
            }
        }
    }
}
