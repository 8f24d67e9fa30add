//! What a test's thread is warned of.

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};

/// While there is only one, `tracing` asks the thread that comes to a place in the code first whether anybody wants to know of
/// it, and remembers that.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Collector(Arc::default())));

/// Collects the warnings of this thread, for as long as the guard is kept.
pub(crate) fn warnings() -> (Arc<Mutex<Vec<String>>>, DefaultGuard) {
    LazyLock::force(&ANOTHER);
    let collected = Arc::default();
    (Arc::clone(&collected), set_default(Collector(collected)))
}

struct Collector(Arc<Mutex<Vec<String>>>);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Message(&self.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message<'c>(&'c Mutex<Vec<String>>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}
