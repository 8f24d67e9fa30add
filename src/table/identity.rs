//! [`TableIdentity`], what tells tables apart.

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

/// A number for each entity and prefix, the same in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableIdentity(usize);

impl TableIdentity {
    pub(crate) fn of(entity: TypeId, prefix: &str) -> Self {
        static KNOWN: RwLock<BTreeMap<(TypeId, String), TableIdentity>> = RwLock::new(BTreeMap::new());

        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let next = Self(known.len());
        *known.entry((entity, prefix.to_owned())).or_insert(next)
    }
}
