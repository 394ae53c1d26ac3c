//! The graph as rows in the order of its numbers, for who keeps it in columns and wants
//! every identity to have the same number when it is read back.
//!
//! Numbers follow the order in which identities first came; nothing that is shown
//! depends on them, but what is kept beside a graph (the state of a live profile) names
//! identities by number.

use std::sync::Arc;

use throng_event::Identity;

use super::{IdentityGraph, NEVER, Store};
use crate::{IdentityRules, LinkKind, Proof};

/// One identity of a graph; its number is its place among the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityRow<'a> {
    /// As it is written, with the prefix of its kind.
    pub written: &'a str,
    /// The earliest event that names it, none for one that only an alias names.
    pub first_seen: Option<Proof>,
    /// Whether events belong to it.
    pub carries: bool,
}

/// One link of a graph, by the numbers of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRow {
    /// The previous id of an alias.
    pub from: u32,
    /// The user id of an alias.
    pub to: u32,
    /// Seen together or aliased; the others are no links of a graph.
    pub kind: LinkKind,
    /// The earliest event that says so.
    pub proof: Proof,
}

/// Why rows are no graph: they were damaged, or not written by one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A text writes no identity.
    #[error("row {row} of the identities writes no identity")]
    NoIdentity {
        /// The place among the rows.
        row: usize,
    },
    /// A text stands twice.
    #[error("row {row} of the identities repeats an earlier one")]
    RepeatedIdentity {
        /// The place among the rows.
        row: usize,
    },
    /// A carrier was never seen.
    #[error("row {row} of the identities carries events but was never seen")]
    UnseenCarrier {
        /// The place among the rows.
        row: usize,
    },
    /// A link leads nowhere, to itself, or from what is no user id; or no event says it.
    #[error("row {row} of the links is no link of a graph")]
    NoLink {
        /// The place among the rows.
        row: usize,
    },
    /// A link stands twice.
    #[error("row {row} of the links repeats an earlier one")]
    RepeatedLink {
        /// The place among the rows.
        row: usize,
    },
}

impl IdentityGraph {
    /// Returns every identity in the order of the numbers.
    pub fn identity_rows(&self) -> impl ExactSizeIterator<Item = IdentityRow<'_>> {
        let store = &self.store;
        (0..store.n_identities()).zip(store.numbers()).map(|(_, identity)| IdentityRow {
            written: store.text(identity),
            first_seen: store.first_seen(identity),
            carries: store.carries(identity),
        })
    }

    /// Returns every link in the order in which they came.
    pub fn link_rows(&self) -> impl ExactSizeIterator<Item = LinkRow> {
        self.store.links.iter().map(|link| LinkRow { from: link.from, to: link.to, kind: link.kind, proof: link.proof })
    }

    /// Returns the graph whose rows these are, its identities with the same numbers.
    ///
    /// # Errors
    /// When these are not the rows of a graph.
    pub fn from_rows<'a>(
        rules: IdentityRules,
        identities: impl IntoIterator<Item = IdentityRow<'a>>,
        links: impl IntoIterator<Item = LinkRow>,
    ) -> Result<Self, RowError> {
        let mut store = Store::default();
        for (row, identity) in identities.into_iter().enumerate() {
            let (kind, value) = Identity::parts(identity.written).ok_or(RowError::NoIdentity { row })?;
            if identity.carries && identity.first_seen.is_none() {
                return Err(RowError::UnseenCarrier { row });
            }
            let number = store.name(kind, value, identity.first_seen.unwrap_or(NEVER), |_| ());
            if number as usize != row {
                return Err(RowError::RepeatedIdentity { row });
            }
            store.carries[row] = identity.carries;
        }
        for (row, link) in links.into_iter().enumerate() {
            if !store.could_hold(&link) {
                return Err(RowError::NoLink { row });
            }
            store.keep_earliest((link.from, link.to), link.kind, link.proof, |_| ());
            if store.links.len() == row {
                return Err(RowError::RepeatedLink { row });
            }
        }
        Ok(Self { rules: Arc::new(rules), store: Arc::new(store) })
    }
}

impl Store {
    fn could_hold(&self, link: &LinkRow) -> bool {
        let known = |identity: u32| (identity as usize) < self.n_identities();
        let user = |identity: u32| self.kind(identity) == throng_event::IdentityKind::UserId;
        known(link.from)
            && known(link.to)
            && link.from != link.to
            && match link.kind {
                LinkKind::SeenTogether => true,
                LinkKind::Aliased => user(link.from) && user(link.to),
                LinkKind::Stated | LinkKind::Proposed => false,
            }
    }
}
