//! Layers: the whole contract on a store with all of them, and what each adds.

mod around;
mod hooks;
mod timeout;
mod tracing;

use std::time::Duration;

use larder::{
    Capabilities, Store,
    layer::{Hook, Hooks, Timeout, Tracing},
};

use crate::{
    memory::Memory,
    support::{
        backend::{Backend, Fixture, Wanted},
        entities::{item, label, note, page, person, sample},
        spans,
    },
};

/// A hook that changes nothing.
struct Nothing;

impl<M: Send + Sync> Hook<M> for Nothing {}

/// A store with every layer around it.
fn layered(store: &Store) -> Store {
    spans::everywhere();
    let hooks = Hooks::new().on::<note::Entity>(Nothing).on::<person::Entity>(Nothing).on::<item::Entity>(Nothing);
    let hooks = hooks.on::<page::Entity>(Nothing).on::<label::Entity>(Nothing).on::<sample::Entity>(Nothing);
    store.layer(&hooks).layer(&Timeout::new(Duration::from_secs(300))).layer(&Tracing::new())
}

/// A backend with every layer around it.
pub(crate) struct Layered<B>(B);

impl<B: Backend> Backend for Layered<B> {
    fn is_skipped() -> bool {
        B::is_skipped()
    }

    async fn open(wanted: Wanted) -> Fixture {
        let fixture = B::open(wanted).await;
        Fixture { store: layered(&fixture.store), ..fixture }
    }

    fn declares(capabilities: &Capabilities) -> bool {
        B::declares(capabilities)
    }

    async fn with_rival() -> Option<(Fixture, Store)> {
        let (fixture, rival) = B::with_rival().await?;
        Some((Fixture { store: layered(&fixture.store), ..fixture }, rival))
    }
}

mod over_memory {
    type Stack = super::Layered<super::Memory>;

    conformance!(Stack);
}

#[cfg(feature = "sqlite")]
mod over_sqlite {
    type Stack = super::Layered<crate::sqlite::File>;

    conformance!(Stack);
}
