//! The classes of identities that keep coming: the same at every moment as those that
//! [`Classes::of`] finds in all of them at once.
//!
//! Of external ids the most frequent own kinds are counted apart. An identity that makes
//! its own kind more frequent than the least frequent of those takes its place; the
//! identities of both kinds then belong to another class.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use throng_event::IdentityKind;

use crate::graph::Store;
use crate::resolution::classes::{Classes, EXTERNAL_CLASSES_MAX, own_kind};

#[derive(Debug, Clone)]
pub(super) struct GrowingClasses {
    classes: Classes,
    /// Positions in `own_kinds` by name.
    names: BTreeMap<String, usize>,
    own_kinds: Vec<OwnKind>,
    /// Positions of the own kinds that are counted apart, in the order of their classes.
    apart: Vec<usize>,
}

#[derive(Debug, Clone)]
struct OwnKind {
    name: String,
    class: u8,
    identities: Vec<u32>,
}

impl OwnKind {
    /// Orders own kinds, those to be counted apart first.
    fn rank(&self) -> (Reverse<usize>, &str) {
        (Reverse(self.identities.len()), &self.name)
    }
}

impl GrowingClasses {
    pub(super) fn new() -> Self {
        Self { classes: Classes::none(), names: BTreeMap::new(), own_kinds: Vec::new(), apart: Vec::new() }
    }

    pub(super) fn known(&self) -> &Classes {
        &self.classes
    }

    /// Adds the next identity; returns those whose class is another now.
    pub(super) fn add(&mut self, store: &Store, identity: u32) -> Vec<u32> {
        let kind = store.kind(identity);
        let shared_class = Classes::of_kind(kind);
        if kind != IdentityKind::External {
            self.classes.add(shared_class);
            return Vec::new();
        }
        let position = self.position(own_kind(store.value(identity)), shared_class);
        let own = &mut self.own_kinds[position];
        own.identities.push(identity);
        self.classes.add(own.class);
        if own.class != shared_class {
            return Vec::new();
        }
        if self.apart.len() < EXTERNAL_CLASSES_MAX {
            own.class = self.classes.add_external();
            self.apart.push(position);
            return self.tell(position);
        }
        let least = (0..self.apart.len()).max_by_key(|place| self.own_kinds[self.apart[*place]].rank());
        match least {
            Some(place) if self.own_kinds[position].rank() < self.own_kinds[self.apart[place]].rank() => {
                let replaced = std::mem::replace(&mut self.apart[place], position);
                self.own_kinds[position].class = self.own_kinds[replaced].class;
                self.own_kinds[replaced].class = shared_class;
                let mut changed = self.tell(position);
                changed.extend(self.tell(replaced));
                changed
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Returns the place of an own kind, a new one in the class that the rest shares.
    fn position(&mut self, name: &str, shared_class: u8) -> usize {
        if let Some(position) = self.names.get(name) {
            return *position;
        }
        let position = self.own_kinds.len();
        self.names.insert(name.to_owned(), position);
        self.own_kinds.push(OwnKind { name: name.to_owned(), class: shared_class, identities: Vec::new() });
        position
    }

    /// Gives the identities of an own kind its class; returns them.
    fn tell(&mut self, position: usize) -> Vec<u32> {
        let own = &self.own_kinds[position];
        for identity in &own.identities {
            self.classes.set(*identity, own.class);
        }
        own.identities.clone()
    }
}
