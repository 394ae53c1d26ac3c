//! What readers ask of an account: the group that persons were seen with.

use throng_event::Event;
use throng_profile::{ProfileId, StatedTrait};

use super::Live;
use crate::{EventQuery, LiveError, Shift, ShiftFilter};

/// Identities of one person that are looked through in the search for another person; most have
/// two or three.
const CARRIERS_PER_MEMBER: usize = 8;

impl Live {
    /// Returns the latest value of every trait that group calls state of an account, by name;
    /// nothing for one that nobody was seen with.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn account_traits(&self, account: &str) -> Result<Vec<(String, StatedTrait)>, LiveError> {
        self.shared.index.account_traits(account)
    }

    /// Returns the events with an account that a query asks for.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn account_events(&self, account: &str, query: &EventQuery) -> Result<Vec<Event>, LiveError> {
        self.shared.index.account_events(account, query)
    }

    /// Returns whether anybody was seen with an account, and some of those who were, each once.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn members(&self, account: &str, limit: usize) -> Result<Option<Vec<ProfileId>>, LiveError> {
        let carriers = self.shared.index.members(account, limit.saturating_mul(CARRIERS_PER_MEMBER))?;
        if carriers.is_empty() {
            return Ok(None);
        }
        let core = self.read();
        let mut members: Vec<ProfileId> = carriers.into_iter().filter_map(|carrier| core.carried(carrier)).collect();
        members.sort_unstable();
        members.dedup();
        members.truncate(limit);
        Ok(Some(members))
    }

    /// Returns the latest shifts that a filter lets pass, the latest first, at most so many, of the last
    /// ten thousand; where the filter goes on from is not asked.
    ///
    /// # Errors
    /// [`LiveError::Storage`] or [`LiveError::Damaged`].
    pub fn latest_shifts(&self, filter: &ShiftFilter, limit: usize) -> Result<Vec<Shift>, LiveError> {
        self.shared.index.latest_shifts(filter, limit)
    }

    /// Returns the last shifts of a profile, the latest first, at most so many.
    ///
    /// # Errors
    /// [`LiveError::Storage`].
    pub fn last_shifts(&self, profile: &ProfileId, limit: usize) -> Result<Vec<Shift>, LiveError> {
        self.shared.index.last_shifts(profile, limit)
    }
}
