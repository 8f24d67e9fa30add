//! The application's own code: three repositories, one transaction.

use std::{collections::BTreeSet, sync::Arc};

use larder::{Cx, Result, Storage, TransactionalExt};
use larder_entity::{fiber, fiber_membership as membership, raw_log};
use uuid::Uuid;

use crate::parse::Batch;

/// Keeps log lines, fibers and memberships. It is given its repositories and does not know where they keep their models.
pub struct LogService {
    pub logs: Arc<dyn Storage<raw_log::Model, Uuid>>,
    pub fibers: Arc<dyn Storage<fiber::Model, Uuid>>,
    pub memberships: Arc<dyn Storage<membership::Model, (Uuid, Uuid)>>,
}

impl LogService {
    /// Stores a batch as a whole or not at all. Lines that are there already stay as they are; fibers grow by the new ones.
    pub async fn store(&self, batch: &Batch) -> Result<()> {
        let stored = self.logs.tx(&Cx::new(), |cx| async move {
            let ids: Vec<_> = batch.logs.iter().map(|log| log.log_id).collect();
            let known: BTreeSet<_> = self.logs.find_many(&cx, &ids).await?.iter().map(|log| log.log_id).collect();
            let is_new = |id: &Uuid| !known.contains(id);
            let logs: Vec<_> = batch.logs.iter().filter(|log| is_new(&log.log_id)).cloned().collect();
            let memberships: Vec<_> = batch.memberships.iter().filter(|member| is_new(&member.log_id)).cloned().collect();
            let grows = |fiber: &&fiber::Model| memberships.iter().any(|member| member.fiber_id == fiber.fiber_id);
            let fibers: Vec<_> = batch.fibers.iter().filter(grows).cloned().collect();
            self.logs.create_batch(&cx, &logs).await?;
            self.grow(&cx, &fibers).await?;
            self.memberships.create_batch(&cx, &memberships).await?;
            Ok(())
        });
        stored.await
    }

    async fn grow(&self, cx: &Cx, fibers: &[fiber::Model]) -> Result<()> {
        let ids: Vec<_> = fibers.iter().map(|fiber| fiber.fiber_id).collect();
        let known = self.fibers.find_many(cx, &ids).await?;
        for fiber in fibers {
            match known.iter().find(|known| known.fiber_id == fiber.fiber_id) {
                None => self.fibers.create(cx, fiber).await?,
                Some(known) => {
                    let first_activity = known.first_activity.min(fiber.first_activity);
                    let last_activity = known.last_activity.max(fiber.last_activity);
                    self.fibers.update(cx, &fiber::Model { first_activity, last_activity, ..known.clone() }).await?
                }
            };
        }
        Ok(())
    }
}
