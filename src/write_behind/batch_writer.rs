//! How a batch is stored, and how it is found out whether it was.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use sea_orm::{EntityTrait, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait, sea_query::FromValueTuple};

use super::journal::ModelCodec;
use crate::{
    context::Cx,
    entity::{IdOf, Storable},
    error::{Error, ErrorKind, Result},
    idempotency::is_already_committed,
    repository::{Creator, Reader, Transactional},
    transaction::{Isolation, TxOptions},
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

/// The models as they are stored. `None` if nobody wanted them, or if it is not known.
pub(super) type Stored<M> = Option<Vec<M>>;

/// Why models were not stored.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) outcome: AttemptOutcome,
}

/// What is known of models after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    /// What was known before it.
    AsBefore,
    NotStored,
    Unknown,
}

impl Failure {
    /// Something went wrong before the models were touched.
    pub(super) fn before(error: Error) -> Self {
        Self { error, outcome: AttemptOutcome::AsBefore }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let is_unknown = error.kind() == ErrorKind::CommitUnknown;
        Self { error, outcome: if is_unknown { AttemptOutcome::Unknown } else { AttemptOutcome::NotStored } }
    }
}

#[async_trait]
pub(super) trait BatchWriter<M: Send + Sync>: Send + Sync {
    /// Whether a doubtful attempt is stored once.
    fn can_repeat(&self) -> bool {
        self.codec().is_some()
    }

    /// How a model is written in a journal. Returns `None` if a doubtful attempt may be stored twice.
    fn codec(&self) -> Option<ModelCodec<M>>;

    /// Whether an attempt is known by its key alone, so that it stays as it is until it is known what became of it.
    fn goes_by_key(&self) -> bool {
        false
    }

    /// Refuses a model about which it could not be told whether it is stored.
    fn check(&self, _model: &M) -> Result<()> {
        Ok(())
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>, Failure>;

    /// The models that a doubtful attempt has stored. Returns `None` if it has not stored all of them.
    async fn stored_before(&self, _cx: &Cx, _attempt: Attempt<'_, M>) -> Result<Option<Stored<M>>> {
        Ok(None)
    }
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
impl<M: Send + Sync, C: Creator<M> + ?Sized> BatchWriter<M> for Plain<C> {
    fn codec(&self) -> Option<ModelCodec<M>> {
        None
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>, Failure> {
        Ok(create(&*self.0, cx, attempt.models, attempt.are_wanted).await?)
    }
}

/// What became unknown is looked for by its id.
pub(super) struct ById<C: ?Sized>(pub(super) Arc<C>);

#[async_trait]
impl<M, C> BatchWriter<M> for ById<C>
where
    M: ModelTrait<Entity: Storable + EntityTrait<Model = M>>,
    C: Creator<M> + Reader<M, IdOf<M::Entity>> + ?Sized,
{
    fn codec(&self) -> Option<ModelCodec<M>> {
        Some(ModelCodec::of_columns())
    }

    fn check(&self, model: &M) -> Result<()> {
        type PrimaryKey<M> = <<M as ModelTrait>::Entity as EntityTrait>::PrimaryKey;
        let is_generated = <PrimaryKey<M> as PrimaryKeyTrait>::auto_increment()
            && PrimaryKey::<M>::iter().any(|part| value::integer(&model.get(part.into_column())) == Some(0));
        match is_generated {
            true => Err(Error::new(ErrorKind::InvalidInput, "an id that the engine makes up: reconcile by key")),
            false => Ok(()),
        }
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>, Failure> {
        if !attempt.is_doubtful {
            return Ok(create(&*self.0, cx, attempt.models, attempt.are_wanted).await?);
        }
        let mut found: VecDeque<M> = self.found(cx, attempt.models).await.map_err(Failure::before)?.into();
        // They were asked for, and are found, in this order.
        let mut stored = Vec::with_capacity(attempt.models.len());
        let mut missing = Vec::new();
        for model in attempt.models {
            let is_found = found.front().is_some_and(|found| found.get_primary_key_value() == model.get_primary_key_value());
            stored.push(found.pop_front_if(|_| is_found));
            missing.extend((!is_found).then(|| model.clone()));
        }
        if missing.is_empty() {
            return Ok(stored.into_iter().collect());
        }
        let created = match create(&*self.0, cx, &missing, true).await {
            // The attempt that was in doubt has come through after all.
            Err(error) if error.kind() == ErrorKind::Duplicate && attempt.models.len() == 1 => {
                let found = self.found(cx, attempt.models).await.map_err(Failure::before)?;
                return if found.is_empty() { Err(error.into()) } else { Ok(Some(found)) };
            }
            created => created?,
        };
        let mut created = created.into_iter().flatten();
        Ok(stored.into_iter().map(|found| found.or_else(|| created.next())).collect())
    }

    async fn stored_before(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Option<Stored<M>>> {
        let found = self.found(cx, attempt.models).await?;
        Ok((found.len() == attempt.models.len()).then_some(Some(found)))
    }
}

impl<C: ?Sized> ById<C> {
    async fn found<M>(&self, cx: &Cx, models: &[M]) -> Result<Vec<M>>
    where
        M: ModelTrait<Entity: Storable + EntityTrait<Model = M>>,
        C: Reader<M, IdOf<M::Entity>> + Sync,
    {
        let ids: Vec<_> = models.iter().map(|model| IdOf::<M::Entity>::from_value_tuple(model.get_primary_key_value())).collect();
        self.0.find_many(cx, &ids).await
    }
}

/// What became unknown is looked for by the key of its transaction.
pub(super) struct ByKey<M, C: ?Sized> {
    repository: Arc<C>,
    /// The last batch, as it is stored if its transaction has committed.
    last: Mutex<Option<(Arc<str>, Stored<M>)>>,
}

impl<M: Clone + Send + Sync + 'static, C: Creator<M> + Transactional + ?Sized> ByKey<M, C> {
    pub(super) fn new(repository: Arc<C>) -> Self {
        Self { repository, last: Mutex::new(None) }
    }

    /// Begins the transaction that has a key, or tells what it has stored.
    async fn begin(&self, cx: &Cx, key: &str) -> Result<Begun<M>> {
        // It reads nothing that others may change.
        let options = TxOptions::new().isolation(Isolation::ReadCommitted);
        match self.repository.begin(&cx.with_idempotency_key(key), options).await {
            Err(error) if is_already_committed(&error) => Ok(Begun::Before(self.last(key))),
            begun => begun.map(Begun::Now),
        }
    }

    fn last(&self, key: &str) -> Stored<M> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(of, _)| **of == *key).and_then(|(_, stored)| stored.clone())
    }

    fn remember(&self, last: Option<(Arc<str>, Stored<M>)>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

enum Begun<M> {
    /// A transaction, and so none with its key has committed.
    Now(Cx),
    Before(Stored<M>),
}

#[async_trait]
impl<M, C> BatchWriter<M> for ByKey<M, C>
where
    M: ModelTrait<Entity: Storable + EntityTrait<Model = M>>,
    C: Creator<M> + Transactional + ?Sized,
{
    fn codec(&self) -> Option<ModelCodec<M>> {
        Some(ModelCodec::of_columns())
    }

    fn goes_by_key(&self) -> bool {
        true
    }

    async fn store(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Stored<M>, Failure> {
        let inner = match self.begin(cx, attempt.key).await.map_err(Failure::before)? {
            Begun::Before(stored) => return Ok(stored),
            Begun::Now(inner) => inner,
        };
        let stored = match create(&*self.repository, &inner, attempt.models, attempt.are_wanted).await {
            Ok(stored) => stored,
            Err(error) => {
                // Its own error tells less.
                drop(inner.rollback().await);
                let error = match error.kind() {
                    ErrorKind::CommitUnknown => Error::new(ErrorKind::Internal, "it was rolled back").with_source(error),
                    _ => error,
                };
                return Err(Failure { error, outcome: AttemptOutcome::NotStored });
            }
        };
        // For when nobody comes back from the commit.
        self.remember(Some((attempt.key.into(), stored.clone())));
        inner.commit().await?;
        self.remember(None);
        Ok(stored)
    }

    async fn stored_before(&self, cx: &Cx, attempt: Attempt<'_, M>) -> Result<Option<Stored<M>>> {
        match self.begin(cx, attempt.key).await? {
            Begun::Before(stored) => Ok(Some(stored)),
            Begun::Now(inner) => inner.rollback().await.map(|()| None),
        }
    }
}
