//! [`TableIdentity`], what tells tables apart.

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use sha2::{Digest as _, Sha256};

/// What a store keeps what it knows of a table by, the same in the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TableIdentity {
    /// A number for each entity and prefix.
    Entity(usize),
    /// A digest of all that is known of a table without an entity: whatever differs has another identity, and nothing has to be
    /// remembered.
    Described([u8; 16]),
}

/// The most tables that a store remembers what it was told of. Applications have fewer; a program that describes tables without
/// end has more.
#[cfg_attr(not(feature = "_sql"), allow(dead_code, reason = "databases describe tables"))]
const MAX_TABLES: usize = 2_000;

impl TableIdentity {
    /// That of any table that is being described.
    pub(crate) const UNKNOWN: Self = Self::Described([0; 16]);

    pub(crate) fn of(entity: TypeId, prefix: &str) -> Self {
        static KNOWN: RwLock<BTreeMap<(TypeId, String), TableIdentity>> = RwLock::new(BTreeMap::new());

        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        let next = Self::Entity(known.len());
        *known.entry((entity, prefix.to_owned())).or_insert(next)
    }

    pub(crate) fn of_description(description: &str) -> Self {
        let digest = Sha256::digest(description.as_bytes());
        Self::Described(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Remembers something of this table among what is remembered of others, of which one is forgotten if they are too many:
    /// first one without an entity.
    #[cfg(feature = "_sql")]
    pub(crate) fn remember<V>(self, tables: &mut BTreeMap<Self, V>, value: V) {
        if tables.len() >= MAX_TABLES && !tables.contains_key(&self) {
            tables.pop_last();
        }
        tables.insert(self, value);
    }
}

#[cfg(all(test, feature = "_sql"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut tables = BTreeMap::new();
        for nth in 0..10 {
            TableIdentity::Entity(nth).remember(&mut tables, nth);
        }
        for nth in 0..2 * MAX_TABLES {
            TableIdentity::of_description(&nth.to_string()).remember(&mut tables, nth);
        }
        assert_eq!(tables.len(), MAX_TABLES);
        assert!((0..10).all(|nth| tables.get(&TableIdentity::Entity(nth)) == Some(&nth)));
    }
}
