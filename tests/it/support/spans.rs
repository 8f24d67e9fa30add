//! What spans a test's thread makes.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};

/// The fields of each span, in the order in which the spans were made.
pub(crate) type Spans = Arc<Mutex<BTreeMap<u64, BTreeMap<&'static str, String>>>>;

/// Two, so that each thread is asked whether it wants a span.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Collector::default()));

/// Collects the spans of larder that this thread makes, for as long as the guard is kept.
pub(crate) fn spans() -> (Spans, DefaultGuard) {
    LazyLock::force(&ANOTHER);
    let collector = Collector::default();
    (collector.spans.clone(), set_default(collector))
}

/// Has spans made in all threads of the process.
pub(crate) fn everywhere() {
    static ONCE: LazyLock<()> = LazyLock::new(|| {
        LazyLock::force(&ANOTHER);
        drop(tracing::subscriber::set_global_default(Nothing));
    });
    LazyLock::force(&ONCE);
}

#[derive(Default)]
struct Collector {
    spans: Spans,
    next: AtomicU64,
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "larder"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::SeqCst) + 1;
        attributes.record(&mut Fields(self.spans.lock().unwrap().entry(id).or_default()));
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut Fields(self.spans.lock().unwrap().entry(id.into_u64()).or_default()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Wants every span of larder, and keeps none.
struct Nothing;

impl Subscriber for Nothing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "larder"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Fields<'f>(&'f mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
