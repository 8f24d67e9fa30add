use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use larder::{Cx, Query, Result};
use sea_orm::{
    ColIdx, QueryResult, TryGetError, TryGetable, Value,
    entity::prelude::*,
    sea_query::{ArrayType, Nullable, ValueType, ValueTypeErr},
};
use serde::{Deserialize, Serialize};

use crate::testing::{Harness, entities::note, note};

/// Text that takes long to convert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slow(String);

/// How long one value takes.
const EACH: Duration = Duration::from_micros(100);

thread_local! {
    /// How many values this thread has converted since it was last asked.
    static CONVERTED: Cell<usize> = const { Cell::new(0) };
}

fn convert(text: String) -> Slow {
    let start = Instant::now();
    while start.elapsed() < EACH {
        std::hint::spin_loop();
    }
    CONVERTED.set(CONVERTED.get() + 1);
    Slow(text)
}

impl From<Slow> for Value {
    fn from(slow: Slow) -> Self {
        slow.0.into()
    }
}

impl ValueType for Slow {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <String as ValueType>::try_from(value).map(convert)
    }

    fn type_name() -> String {
        "Slow".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::Text
    }
}

impl TryGetable for Slow {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        String::try_get_by(row, index).map(convert)
    }
}

impl Nullable for Slow {
    fn null() -> Value {
        String::null()
    }
}

/// The table of notes, with text that takes long to convert.
#[allow(unreachable_pub, reason = "what SeaORM derives is public")]
mod slow_note {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "note")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub body: super::Slow,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How many values this thread converts at most between two turns of another task.
async fn most_in_a_turn<T>(work: impl Future<Output = Result<T>>) -> usize {
    let most = Arc::new(AtomicUsize::new(0));
    let counter = most.clone();
    CONVERTED.set(0);
    let other = tokio::spawn(async move {
        loop {
            counter.fetch_max(CONVERTED.take(), Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    work.await.unwrap();
    other.abort();
    most.load(Ordering::Relaxed).max(CONVERTED.take())
}

/// However long models take to be made of what was read, other tasks of the runtime have their turns meanwhile.
pub async fn come_while_models_are_made(harness: &'static dyn Harness) {
    let done = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(are_short(harness));
    });
    done.await.unwrap();
}

async fn are_short(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let cx = &Cx::new();
    let given: Vec<_> = (0..2_000).map(|number| note(&number.to_string())).collect();
    fixture.store.repository::<note::Entity>().create_batch(cx, &given).await.unwrap();
    let ids: Vec<_> = given.iter().map(|note| note.id).collect();
    let notes = fixture.store.repository::<slow_note::Entity>();
    let read = [
        ("query", most_in_a_turn(notes.query(cx, &Query::new())).await),
        ("find_many", most_in_a_turn(notes.find_many(cx, &ids)).await),
        ("stream", most_in_a_turn(async { notes.stream(cx, &Query::new()).await?.try_collect::<Vec<_>>().await }).await),
    ];
    let long: Vec<_> = read.iter().filter(|(_, most)| *most > 600).collect();
    assert!(long.is_empty(), "values that were converted in one turn: {long:?}");
}
