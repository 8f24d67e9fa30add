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
        backend::{Fixture, Harness, OpenWith},
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
pub(crate) struct Layered<B>(pub(crate) B);

#[async_trait::async_trait]
impl<B: Harness> Harness for Layered<B> {
    fn is_skipped(&self) -> bool {
        self.0.is_skipped()
    }

    async fn open(&self, with: OpenWith) -> Fixture {
        let fixture = self.0.open(with).await;
        Fixture { store: layered(&fixture.store), ..fixture }
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        self.0.declares(capabilities)
    }

    async fn with_rival(&self) -> Option<(Fixture, Store)> {
        let (fixture, rival) = self.0.with_rival().await?;
        Some((Fixture { store: layered(&fixture.store), ..fixture }, rival))
    }
}

mod over_memory {
    use super::{Layered, Memory};

    larder::testing::conformance!(Layered(Memory));
}

#[cfg(feature = "sqlite")]
mod over_sqlite {
    use super::Layered;
    use crate::sqlite::File;

    larder::testing::conformance!(Layered(File));
}
