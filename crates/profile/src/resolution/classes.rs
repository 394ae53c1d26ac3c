//! The class of an identity: what limits count together. A kind, or for external ids
//! the kind of their own that stands before the colon (`crm:0039`).

use std::collections::BTreeMap;

use throng_event::IdentityKind;

use crate::graph::Store;

/// Kinds of external ids that are counted apart, the most frequent first; the rest is
/// one class. A company has a few dozen systems; more are values that happen to have a
/// colon, and the work of a merge grows with the classes of a profile.
pub(crate) const EXTERNAL_CLASSES_MAX: usize = 64;

/// The class of every identity of a graph.
#[derive(Debug, Clone)]
pub(crate) struct Classes {
    of: Vec<u8>,
    kinds: Vec<IdentityKind>,
}

impl Classes {
    pub(crate) fn of(store: &Store) -> Self {
        let mut frequency: BTreeMap<&str, usize> = BTreeMap::new();
        for identity in store.numbers().filter(|identity| store.kind(*identity) == IdentityKind::External) {
            *frequency.entry(own_kind(store.value(identity))).or_default() += 1;
        }
        let mut ranking: Vec<(&str, usize)> = frequency.into_iter().collect();
        ranking.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        ranking.truncate(EXTERNAL_CLASSES_MAX);
        let mut kinds = IdentityKind::ALL.to_vec();
        let mut external: BTreeMap<&str, u8> = BTreeMap::new();
        for (name, _) in ranking {
            external.insert(name, number(kinds.len()));
            kinds.push(IdentityKind::External);
        }
        let class = |identity: u32| {
            let kind = store.kind(identity);
            let apart = (kind == IdentityKind::External).then(|| external.get(own_kind(store.value(identity))));
            apart.flatten().copied().unwrap_or_else(|| Self::of_kind(kind))
        };
        Self { of: store.numbers().map(class).collect(), kinds }
    }

    /// Returns the classes of no identities, to which they are added one by one.
    pub(crate) fn none() -> Self {
        Self { of: Vec::new(), kinds: IdentityKind::ALL.to_vec() }
    }

    /// Returns the class of what is of a kind and not counted apart.
    pub(crate) fn of_kind(kind: IdentityKind) -> u8 {
        number(kind as usize)
    }

    /// Adds a class of external ids that are counted apart.
    pub(crate) fn add_external(&mut self) -> u8 {
        self.kinds.push(IdentityKind::External);
        number(self.kinds.len() - 1)
    }

    /// Adds the next identity.
    pub(crate) fn add(&mut self, class: u8) {
        self.of.push(class);
    }

    /// Gives an identity another class.
    pub(crate) fn set(&mut self, identity: u32, class: u8) {
        self.of[identity as usize] = class;
    }

    pub(crate) fn class(&self, identity: u32) -> u8 {
        self.of[identity as usize]
    }

    pub(crate) fn kind(&self, identity: u32) -> IdentityKind {
        self.kind_of_class(self.class(identity))
    }

    pub(crate) fn kind_of_class(&self, class: u8) -> IdentityKind {
        self.kinds[usize::from(class)]
    }
}

/// Returns the kind of its own of an external id, empty where it says none.
pub(crate) fn own_kind(value: &str) -> &str {
    value.split_once(':').map_or("", |(name, _)| name)
}

fn number(class: usize) -> u8 {
    // At most six kinds and the classes of external ids.
    u8::try_from(class).unwrap_or(u8::MAX)
}
