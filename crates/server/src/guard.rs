//! Who may do what, and how often.

use std::num::NonZeroU32;

use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::app::credential;
use crate::clock::now;
use crate::error::ApiError;
use crate::sign_in::Door;
use crate::{KeyHash, Role, Settings};

/// The holders of keys, and how much each has asked of late.
pub(crate) struct Guard {
    /// Of every write key the hash and the position of its source.
    write: Vec<(KeyHash, usize)>,
    read: Vec<(KeyHash, Role)>,
    /// Those who sign in.
    pub(crate) door: Door,
    /// By position among all keys and users: bounded, for unknown ones never get here.
    rates: RateLimiter<usize, HashMapStateStore<usize>, DefaultClock>,
}

/// The source that a write key is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourceIdx(pub(crate) usize);

impl Guard {
    pub(crate) fn new(settings: &Settings) -> Self {
        let per_second = NonZeroU32::new(settings.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let of_source =
            |(idx, source): (usize, &crate::Source)| source.keys.iter().map(|hash| (*hash, idx)).collect::<Vec<_>>();
        Self {
            write: settings.sources.iter().enumerate().flat_map(of_source).collect(),
            read: settings.keys.iter().map(|key| (key.hash, key.role)).collect(),
            door: Door::new(settings),
            rates: RateLimiter::hashmap(Quota::per_second(per_second)),
        }
    }

    /// Returns the source of a write key.
    pub(crate) fn source(&self, key: &str) -> Result<SourceIdx, ApiError> {
        let position = KeyHash::of(key).position(self.write.iter().map(|(hash, _)| hash));
        let position = position.ok_or_else(ApiError::unauthorized)?;
        self.check_rate(position)?;
        Ok(SourceIdx(self.write[position].1))
    }

    /// Checks that the key of a request, or who has signed in, has a role.
    pub(crate) fn check(&self, headers: &HeaderMap, role: Role) -> Result<(), ApiError> {
        if self.role(headers)? >= role { Ok(()) } else { Err(ApiError::unauthorized()) }
    }

    /// Returns what the holder of a request's key may do, or else who has signed in.
    pub(crate) fn role(&self, headers: &HeaderMap) -> Result<Role, ApiError> {
        let (position, role) = match credential(headers) {
            Some(key) => {
                let position = KeyHash::of(&key).position(self.read.iter().map(|(hash, _)| hash));
                let position = position.ok_or_else(ApiError::unauthorized)?;
                (position, self.read[position].1)
            }
            None => {
                let person = self.door.signed_in(headers, now()).ok_or_else(ApiError::unauthorized)?;
                (self.read.len() + person.user_idx, person.role)
            }
        };
        self.check_rate(self.write.len() + position)?;
        Ok(role)
    }

    fn check_rate(&self, key: usize) -> Result<(), ApiError> {
        self.rates.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            ApiError::rate_limited(wait.as_secs() + 1)
        })
    }
}
