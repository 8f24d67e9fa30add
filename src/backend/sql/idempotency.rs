//! Transactions with an idempotency key.

use super::{
    Catalog, EngineProfile,
    engine::{Engine, StatementKind},
    statement::{StatementCache, Statements},
    store::SqlStore,
};
use crate::{
    backend::Backend as _,
    context::{Access, Cx, RUNNING, WAITING},
    error::{Error, ErrorKind, Result},
    idempotency::{self, is_already_committed, recorded},
    transaction::{Entry, OpenTransaction as _, TxOptions},
    value::Key,
};

impl<G: Engine> SqlStore<G> {
    /// Writes the context's key, if it has one for what is to write, in the transaction that the guard is in.
    pub(super) async fn write_key(&self, cx: &Cx, access: Access, guard: &mut G::ConnectionGuard) -> Result<()> {
        let Some(key) = cx.key_for(access) else { return Ok(()) };
        let (engine, cache) = (self.engine(), StatementCache::default());
        let (table, row) = (idempotency::table(), idempotency::row(key, self.clock().now())?);
        let EngineProfile { dialect, bind_limit, .. } = *engine.profile();
        let (catalog, limits) = (Catalog::plain(), (dialect, bind_limit));
        let statements = Statements::new(&table, limits, &catalog, &cache);
        let insert = statements.insert(&[row], false)?;
        cx.limits().bound(WAITING, engine.claim(guard, key)).await?;
        recorded(cx.limits().bound(RUNNING, engine.execute(guard, insert, StatementKind::Any)).await).map(drop)
    }

    /// Whether a transaction with this key has committed. Begins another with the same key, which waits for one that has not
    /// ended.
    pub(super) async fn finds_commit(&self, cx: &Cx, key: &str) -> Result<bool> {
        let cx = &cx.with_idempotency_key(key);
        let Entry::Alone(mode) = self.enter(cx, Access::Read)? else {
            return Err(Error::new(ErrorKind::InvalidInput, "asked inside a transaction of the same store"));
        };
        match self.begun(cx, &TxOptions::of_one_operation(), Access::Write, mode).await {
            Ok(open) => Box::new(open).rollback().await.map(|()| false),
            Err(error) if is_already_committed(&error) => Ok(true),
            // A standby, or a file that is only read: what is not there may still be on its way.
            Err(error) if error.kind() == ErrorKind::ReadOnly => match self.finds_record(cx, key).await? {
                true => Ok(true),
                false => Err(Error::new(
                    ErrorKind::ReadOnly,
                    "the key is not there, and where nothing can be written it may still come",
                )
                .with_source(error)),
            },
            Err(error) => Err(error),
        }
    }

    async fn finds_record(&self, cx: &Cx, key: &str) -> Result<bool> {
        let (engine, table, cache) = (self.engine(), idempotency::table(), StatementCache::default());
        let EngineProfile { dialect, bind_limit, .. } = *engine.profile();
        let (catalog, limits) = (Catalog::plain(), (dialect, bind_limit));
        let statements = Statements::new(&table, limits, &catalog, &cache);
        let count = statements.count_of(&[Key(vec![key.into()])]);
        let entry = self.enter(cx, Access::Read)?;
        let mut held = self.hold(cx, &entry, Access::Read, StatementKind::Read).await?;
        let found = cx.limits().bound(RUNNING, engine.number(held.guard()?, count)).await;
        Ok(held.finish(found).await? > 0)
    }
}
