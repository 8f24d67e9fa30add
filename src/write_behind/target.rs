//! How a batch is stored, and how it is found out whether it was.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sea_orm::{EntityTrait, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait, sea_query::FromValueTuple};

use crate::{
    commit::says_committed,
    context::Cx,
    entity::IdOf,
    error::{Error, ErrorKind, Result},
    repository::{Creator, Reader, Transactional},
    transaction::TxOptions,
    value,
};

/// Models to be stored as a whole or not at all.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a, M> {
    pub(super) models: &'a [M],
    /// What the batch is known by. It stays the same in all attempts.
    pub(super) key: &'a str,
    /// An earlier attempt may have stored them.
    pub(super) is_doubtful: bool,
    /// Whether anybody wants to have them as they are stored.
    pub(super) are_wanted: bool,
}

/// The models as they are stored; none if nobody wanted them, or nobody knows.
pub(super) type Stored<M> = Option<Vec<M>>;

#[async_trait]
pub(super) trait Target<M>: Send + Sync {
    /// Whether a doubtful attempt is stored once.
    fn can_repeat(&self) -> bool;

    /// Whether an attempt is known by its key alone, so that it has to be made again as it was.
    fn goes_by_key(&self) -> bool {
        false
    }

    /// Refuses a model about which it could not be told whether it is stored.
    fn check(&self, _model: &M) -> Result<()> {
        Ok(())
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>>;
}

/// Models go in, and what becomes unknown stays so.
pub(super) struct Plain<C: ?Sized>(pub(super) Arc<C>);

/// The fastest way in which a creator gives what is wanted.
async fn create<M: Send + Sync, C: Creator<M> + ?Sized>(
    creator: &C,
    cx: &Cx,
    models: &[M],
    are_wanted: bool,
) -> Result<Stored<M>> {
    let stored = if are_wanted { Some(creator.create_many(cx, models).await?) } else { None };
    let count = match &stored {
        Some(stored) => stored.len() as u64,
        None => creator.create_batch(cx, models).await?,
    };
    if count == models.len() as u64 {
        Ok(stored)
    } else {
        Err(Error::new(ErrorKind::CommitUnknown, "the repository stored another number of models than it was given"))
    }
}

#[async_trait]
impl<M: Send + Sync, C: Creator<M> + ?Sized> Target<M> for Plain<C> {
    fn can_repeat(&self) -> bool {
        false
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>> {
        create(&*self.0, cx, attempt.models, attempt.are_wanted).await
    }
}

/// What became unknown is looked for by its id.
pub(super) struct ById<C: ?Sized>(pub(super) Arc<C>);

#[async_trait]
impl<M, C> Target<M> for ById<C>
where
    M: ModelTrait + Clone + Send + Sync + 'static,
    <M::Entity as EntityTrait>::PrimaryKey: PrimaryKeyTrait<ValueType: Clone + Send + Sync + 'static>,
    C: Creator<M> + Reader<M, IdOf<M::Entity>> + ?Sized,
{
    fn can_repeat(&self) -> bool {
        true
    }

    fn check(&self, model: &M) -> Result<()> {
        type Key<M> = <<M as ModelTrait>::Entity as EntityTrait>::PrimaryKey;
        let is_generated = <Key<M> as PrimaryKeyTrait>::auto_increment()
            && Key::<M>::iter().any(|part| value::integer(&model.get(part.into_column())) == Some(0));
        match is_generated {
            true => Err(Error::new(ErrorKind::InvalidInput, "an id that the engine makes up: reconcile by key")),
            false => Ok(()),
        }
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>> {
        if !attempt.is_doubtful {
            return create(&*self.0, cx, attempt.models, attempt.are_wanted).await;
        }
        let mut found: VecDeque<M> = self.found(cx, attempt.models).await?.into();
        // They were asked for, and are found, in this order.
        let mut stored = Vec::with_capacity(attempt.models.len());
        let mut missing = Vec::new();
        for model in attempt.models {
            let is_found = found.front().is_some_and(|found| found.get_primary_key_value() == model.get_primary_key_value());
            stored.push(found.pop_front_if(|_| is_found));
            missing.extend((!is_found).then(|| model.clone()));
        }
        let created = match self.0.create_many(cx, &missing).await {
            // The attempt that was in doubt has come through after all.
            Err(error) if error.kind() == ErrorKind::Duplicate && attempt.models.len() == 1 => {
                let found = self.found(cx, attempt.models).await?;
                return if found.is_empty() { Err(error) } else { Ok(Some(found)) };
            }
            created => created?,
        };
        let mut created = created.into_iter();
        Ok(stored.into_iter().map(|found| found.or_else(|| created.next())).collect())
    }
}

impl<C: ?Sized> ById<C> {
    async fn found<M>(&self, cx: &Cx, models: &[M]) -> Result<Vec<M>>
    where
        M: ModelTrait + Send + Sync,
        C: Reader<M, IdOf<M::Entity>>,
        IdOf<M::Entity>: Send + Sync,
    {
        let ids: Vec<_> = models.iter().map(|model| IdOf::<M::Entity>::from_value_tuple(model.get_primary_key_value())).collect();
        self.0.find_many(cx, &ids).await
    }
}

/// What became unknown is looked for by the key of its transaction.
pub(super) struct ByKey<M, C: ?Sized> {
    repository: Arc<C>,
    /// The last batch, as it is stored if its transaction has committed.
    last: Mutex<Option<(Arc<str>, Vec<M>)>>,
}

impl<M, C: ?Sized> ByKey<M, C> {
    pub(super) fn new(repository: Arc<C>) -> Self {
        Self { repository, last: Mutex::new(None) }
    }
}

#[async_trait]
impl<M: Clone + Send + Sync + 'static, C: Creator<M> + Transactional + ?Sized> Target<M> for ByKey<M, C> {
    fn can_repeat(&self) -> bool {
        true
    }

    fn goes_by_key(&self) -> bool {
        true
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>> {
        let inner = match self.repository.begin(&cx.with_idempotency_key(attempt.key), TxOptions::new()).await {
            Err(error) if says_committed(&error) => {
                let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
                return Ok(last.filter(|(key, _)| **key == *attempt.key).map(|(_, models)| models));
            }
            begun => begun?,
        };
        let stored = match create(&*self.repository, &inner, attempt.models, attempt.are_wanted).await {
            Ok(stored) => stored,
            Err(error) => {
                // Its own error tells less.
                drop(inner.rollback().await);
                return Err(error);
            }
        };
        let commit = inner.commit().await;
        if let Err(error) = &commit
            && error.kind() == ErrorKind::CommitUnknown
        {
            let last = stored.clone().map(|models| (attempt.key.into(), models));
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
        commit.map(|()| stored)
    }
}
