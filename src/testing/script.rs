//! [`Script`], a layer that lets operations fail or wait.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    Cx, Error, ErrorKind, Result,
    backend::Answer,
    clock::pause,
    layer::{Around, Call},
};

/// A [layer](crate::layer) for tests of an application: operations fail, or wait, as was said before. Everything else is done by
/// the store that it wraps.
///
/// Operations are named as [`Call::name`] says, such as `insert`, `find` or `begin`, and numbered from 1, each name by itself,
/// over all repositories of the store.
///
/// ```
/// # mod note {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "note")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use larder::{Creator, Cx, ErrorKind, testing::Script};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// let script = Script::new().fail("insert", 2, ErrorKind::Connection);
/// let notes = larder::open("memory:").await?.layer(&script).repository::<note::Entity>();
/// let note = note::Model { id: 0, text: String::new() };
/// assert!(notes.create(&Cx::new(), &note).await.is_ok());
/// assert_eq!(notes.create(&Cx::new(), &note).await.unwrap_err().kind(), ErrorKind::Connection);
/// assert!(notes.create(&Cx::new(), &note).await.is_ok());
/// assert_eq!(script.count("insert"), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script(Arc<Mutex<ScriptState>>);

#[derive(Debug, Default)]
struct ScriptState {
    steps: Vec<ScriptStep>,
    counts: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug)]
struct ScriptStep {
    operation: String,
    nth: u64,
    effect: Effect,
}

#[derive(Clone, Copy, Debug)]
enum Effect {
    Fail(ErrorKind),
    LoseAnswer(ErrorKind),
    Delay(Duration),
}

impl Script {
    /// One that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the `nth` operation of a name fail, before it is done.
    #[must_use]
    pub fn fail(self, operation: &str, nth: u64, kind: ErrorKind) -> Self {
        self.with(operation, nth, Effect::Fail(kind))
    }

    /// Lets the answer of the `nth` operation of a name be lost: it is done, and its caller is told of an error, such as
    /// [`CommitUnknown`](ErrorKind::CommitUnknown).
    #[must_use]
    pub fn lose_answer(self, operation: &str, nth: u64, kind: ErrorKind) -> Self {
        self.with(operation, nth, Effect::LoseAnswer(kind))
    }

    /// Lets the `nth` operation of a name wait before it is done. What the context allows bounds the wait.
    #[must_use]
    pub fn delay(self, operation: &str, nth: u64, delay: Duration) -> Self {
        self.with(operation, nth, Effect::Delay(delay))
    }

    /// How many operations of a name there were.
    #[must_use]
    pub fn count(&self, operation: &str) -> u64 {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.counts.get(operation).copied().unwrap_or_default()
    }

    fn with(self, operation: &str, nth: u64, effect: Effect) -> Self {
        let step = ScriptStep { operation: operation.to_owned(), nth, effect };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).steps.push(step);
        self
    }

    /// Counts an operation, and returns what happens to it.
    fn next(&self, operation: &'static str) -> Vec<Effect> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = state.counts.entry(operation).or_default();
        *count += 1;
        let nth = *count;
        let now = |step: &&ScriptStep| step.operation == operation && step.nth == nth;
        state.steps.iter().filter(now).map(|step| step.effect).collect()
    }
}

#[async_trait]
impl Around for Script {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
        let scripted = |kind| Error::new(kind, "as the script says");
        let mut lost = None;
        for effect in self.next(call.name()) {
            match effect {
                Effect::Fail(kind) => return Err(scripted(kind)),
                Effect::LoseAnswer(kind) => lost = Some(kind),
                Effect::Delay(delay) => {
                    let wait = async {
                        pause(delay).await;
                        Ok(())
                    };
                    cx.bound("while it waited as the script says", wait).await?;
                }
            }
        }
        let answer = call.run(cx).await;
        match lost {
            Some(kind) => answer.and(Err(scripted(kind))),
            None => answer,
        }
    }
}
