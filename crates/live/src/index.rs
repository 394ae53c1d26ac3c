//! Where a person's records are: what the readers of a profile need beside its features.
//!
//! Kept beside the log and made from it: writing an entry again changes nothing, so whatever a
//! crash cut off is made good by applying the records behind [`Index::written`] once more.
//! What is a person's is by *carrier*, the identity an event belongs to, whose number never
//! changes; merging and splitting profiles moves nothing. A text that others follow in a key
//! stands behind its length.
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `events` | carrier, instant, event key | offset of the record |
//! | `traits` | carrier, name | the latest value with its place and source |
//! | `accounts` | carrier, group id | nothing |
//! | `account_events` | group id, instant, event key | offset of the record |
//! | `account_traits` | group id, name | the latest value with its place and source |
//! | `members` | group id, carrier | nothing |
//! | `shifts` | offset, index | the shift |
//! | `shifts_of` | profile, offset, index | nothing |
//! | `meta` | `written-2` | the offset behind the last record that is in here |

use std::collections::{BTreeMap, BTreeSet};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use serde::{Deserialize, Serialize};
use throng_event::{Decimal, Event, EventKey, EventKind, Instant, Value};
use throng_profile::{ProfileId, StatedTrait, Traits};

use crate::log::{Log, storage, unordered as without_order};
use crate::{Entry, EventOrder, EventQuery, LiveError, Offset, Shift, ShiftFilter, ShiftId, shift_form};

/// The index of one log.
#[derive(Clone)]
pub(crate) struct Index {
    log: Log,
    database: Database,
    events: Keyspace,
    traits: Keyspace,
    accounts: Keyspace,
    account_events: Keyspace,
    account_traits: Keyspace,
    members: Keyspace,
    shifts: Keyspace,
    shifts_of: Keyspace,
    meta: Keyspace,
}

/// Carries the form of the index: one of another form counts as empty and is written again.
const WRITTEN: &[u8] = b"written-2";
/// Bytes of an instant and an event key, with which the key of an event ends.
const PLACE_BYTES: usize = 16;

/// Traits that a batch states, by their keys.
type Latest = BTreeMap<Vec<u8>, StatedTrait>;

/// A trait as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredTrait {
    kind: u8,
    text: String,
    number: i64,
    occurred_at: i64,
    key: i64,
    source: String,
}

impl Index {
    pub(crate) fn open(log: &Log) -> Result<Self, LiveError> {
        let database = log.database().clone();
        let keyspace = |name| {
            database.keyspace(name, KeyspaceCreateOptions::default).map_err(|error| storage("open", log.path(), &error))
        };
        Ok(Self {
            log: log.clone(),
            events: database.keyspace("events", without_order).map_err(|error| storage("open", log.path(), &error))?,
            traits: keyspace("traits")?,
            accounts: keyspace("accounts")?,
            account_events: keyspace("account_events")?,
            account_traits: keyspace("account_traits")?,
            members: keyspace("members")?,
            shifts: keyspace("shifts")?,
            shifts_of: keyspace("shifts_of")?,
            meta: keyspace("meta")?,
            database,
        })
    }

    /// Returns the offset behind the last record that is in here.
    pub(crate) fn written(&self) -> Result<Offset, LiveError> {
        let value = self.meta.get(WRITTEN).map_err(|error| self.failed(&error))?;
        let bytes = value.and_then(|value| <[u8; 8]>::try_from(&*value).ok());
        Ok(Offset(bytes.map_or(0, u64::from_be_bytes)))
    }

    /// Writes what some records say, each with the carrier of its event, and the shifts they
    /// tipped: all or nothing.
    pub(crate) fn write(&self, entries: &[(Entry, Option<u32>)], shifts: &[Shift]) -> Result<(), LiveError> {
        let Some((last, _)) = entries.last() else { return Ok(()) };
        let mut batch = self.database.batch();
        let (mut traits, mut account_traits) = (Latest::new(), Latest::new());
        let mut places = Vec::with_capacity(entries.len());
        for (entry, carrier) in entries {
            let (Some(event), Some(carrier)) = (entry.record.event(), carrier) else { continue };
            let (carrier, offset) = (carrier.to_be_bytes(), entry.offset.0.to_be_bytes());
            places.push((event_key(&carrier, event.occurred_at, entry.key), offset));
            let account = event.group_id.as_deref().map(measured);
            if let (Some(account), Some(group)) = (&account, &event.group_id) {
                batch.insert(&self.accounts, joined(&carrier, group.as_bytes()), []);
                batch.insert(&self.account_events, event_key(account, event.occurred_at, entry.key), offset);
                batch.insert(&self.members, joined(account, &carrier), []);
            }
            let stated = (event, entry.key);
            match (event.kind, account) {
                // What a group call states is the account's.
                (EventKind::Group, Some(account)) => {
                    self.collect_traits(stated, (&self.account_traits, &account), &mut account_traits)?;
                }
                (EventKind::Group, None) => {}
                _ => self.collect_traits(stated, (&self.traits, &carrier), &mut traits)?,
            }
        }
        // In their order those that are near each other are put down one after the other.
        places.sort_unstable();
        places.into_iter().for_each(|(key, offset)| batch.insert(&self.events, key, offset));
        for (keyspace, latest) in [(&self.traits, traits), (&self.account_traits, account_traits)] {
            for (key, stated) in latest {
                batch.insert(keyspace, key, encode_trait(&stated)?);
            }
        }
        for shift in shifts {
            batch.insert(&self.shifts, shift_key(shift.id), shift_form::encode(shift)?);
            batch.insert(&self.shifts_of, joined(&measured(shift.profile.as_str()), &shift_key(shift.id)), []);
        }
        batch.insert(&self.meta, WRITTEN, (last.offset.0 + 1).to_be_bytes());
        batch.commit().map_err(|error| self.failed(&error))
    }

    fn collect_traits(
        &self,
        (event, event_key): (&Event, EventKey),
        (keyspace, owner): (&Keyspace, &[u8]),
        latest: &mut Latest,
    ) -> Result<(), LiveError> {
        for (name, value) in &event.traits {
            let key = joined(owner, name.as_bytes());
            let known = match latest.remove(&key) {
                Some(known) => Some(known),
                None => keyspace
                    .get(&key)
                    .map_err(|error| self.failed(&error))?
                    .map(|bytes| decode_trait(&bytes))
                    .transpose()?,
            };
            let mut traits = Traits::default();
            known.into_iter().for_each(|known| traits.state(name, known));
            let source = event.source.clone();
            let occurred_at = event.occurred_at;
            traits.state(name, StatedTrait { value: value.clone(), occurred_at, key: event_key, source });
            if let Some(stated) = traits.get(name) {
                latest.insert(key, stated.clone());
            }
        }
        Ok(())
    }

    /// Returns the latest value of every trait of a person, by name.
    pub(crate) fn traits(&self, carriers: &[u32]) -> Result<Vec<(String, StatedTrait)>, LiveError> {
        self.stated(&self.traits, carriers.iter().map(|carrier| carrier.to_be_bytes().to_vec()))
    }

    /// Returns the latest value of every trait of an account, by name.
    pub(crate) fn account_traits(&self, account: &str) -> Result<Vec<(String, StatedTrait)>, LiveError> {
        self.stated(&self.account_traits, [measured(account)])
    }

    fn stated(
        &self,
        keyspace: &Keyspace,
        owners: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Vec<(String, StatedTrait)>, LiveError> {
        let mut traits = Traits::default();
        for owner in owners {
            for guard in keyspace.prefix(&owner) {
                let (key, value) = guard.into_inner().map_err(|error| self.failed(&error))?;
                traits.state(&String::from_utf8_lossy(&key[owner.len()..]), decode_trait(&value)?);
            }
        }
        Ok(traits.iter().map(|(name, stated)| (name.to_owned(), stated.clone())).collect())
    }

    /// Returns the first carriers that were seen with an account, at most so many.
    pub(crate) fn members(&self, account: &str, limit: usize) -> Result<Vec<u32>, LiveError> {
        let account = measured(account);
        let mut members = Vec::new();
        for guard in self.members.prefix(&account).take(limit) {
            let key = guard.key().map_err(|error| self.failed(&error))?;
            let carrier = key.get(account.len()..).and_then(|bytes| bytes.try_into().ok());
            let carrier = carrier.ok_or_else(|| LiveError::Damaged("an account without a member".to_owned()))?;
            members.push(u32::from_be_bytes(carrier));
        }
        Ok(members)
    }

    /// Returns the accounts a person was seen with, ascending.
    pub(crate) fn accounts(&self, carriers: &[u32]) -> Result<Vec<String>, LiveError> {
        let mut accounts = BTreeSet::new();
        for carrier in carriers {
            for guard in self.accounts.prefix(carrier.to_be_bytes()) {
                let key = guard.key().map_err(|error| self.failed(&error))?;
                accounts.insert(String::from_utf8_lossy(&key[4..]).into_owned());
            }
        }
        Ok(accounts.into_iter().collect())
    }

    /// Returns the events of a person that a query asks for.
    pub(crate) fn events(&self, carriers: &[u32], query: &EventQuery) -> Result<Vec<Event>, LiveError> {
        let streams = carriers.iter().map(|carrier| self.events.range(event_range(&carrier.to_be_bytes(), query)));
        self.merged(streams.collect(), query)
    }

    /// Returns the events with an account that a query asks for.
    pub(crate) fn account_events(&self, account: &str, query: &EventQuery) -> Result<Vec<Event>, LiveError> {
        self.merged(vec![self.account_events.range(event_range(&measured(account), query))], query)
    }

    fn merged(&self, mut streams: Vec<fjall::Iter>, query: &EventQuery) -> Result<Vec<Event>, LiveError> {
        let mut heads = Vec::with_capacity(streams.len());
        for (stream_idx, stream) in streams.iter_mut().enumerate() {
            heads.extend(self.next_place(stream, query.order)?.map(|place| (place, stream_idx)));
        }
        let mut found = Vec::new();
        while found.len() < query.limit && !heads.is_empty() {
            let next = match query.order {
                EventOrder::Oldest => heads.iter().enumerate().min_by_key(|(_, (place, _))| *place),
                EventOrder::Newest => heads.iter().enumerate().max_by_key(|(_, (place, _))| *place),
            };
            let Some((head_idx, ((_, _, offset), stream_idx))) = next.map(|(idx, head)| (idx, *head)) else { break };
            match self.next_place(&mut streams[stream_idx], query.order)? {
                Some(place) => heads[head_idx] = (place, stream_idx),
                None => drop(heads.swap_remove(head_idx)),
            }
            let record = self.log.get(offset)?;
            let event = record.as_ref().and_then(crate::Record::event);
            let wanted = |event: &&Event| {
                (query.include.is_empty() || query.include.contains(&event.name))
                    && !query.exclude.contains(&event.name)
            };
            found.extend(event.filter(wanted).cloned());
        }
        Ok(found)
    }

    fn next_place(
        &self,
        stream: &mut fjall::Iter,
        order: EventOrder,
    ) -> Result<Option<(Instant, EventKey, Offset)>, LiveError> {
        let guard = match order {
            EventOrder::Oldest => stream.next(),
            EventOrder::Newest => stream.next_back(),
        };
        let Some(guard) = guard else { return Ok(None) };
        let (key, value) = guard.into_inner().map_err(|error| self.failed(&error))?;
        let offset =
            <[u8; 8]>::try_from(&*value).map_err(|_| LiveError::Damaged("an index without offset".to_owned()))?;
        let (at, event_key) = place_of(&key)?;
        Ok(Some((at, event_key, Offset(u64::from_be_bytes(offset)))))
    }

    /// Returns the shifts a filter asks for, ascending, at most so many.
    pub(crate) fn shifts(&self, filter: &ShiftFilter, limit: usize) -> Result<Vec<Shift>, LiveError> {
        let from = filter.after.map_or(Vec::new(), |after| shift_key(after).to_vec());
        let mut found = Vec::new();
        if let Some(profile) = &filter.profile {
            let profile = measured(profile.as_str());
            let last = joined(&profile, &[u8::MAX; SHIFT_BYTES]);
            for guard in self.shifts_of.range(joined(&profile, &from)..=last) {
                if found.len() >= limit {
                    break;
                }
                let key = guard.key().map_err(|error| self.failed(&error))?;
                found.extend(self.shift_at(&key[profile.len()..])?.filter(|shift| filter.passes(shift)));
            }
            return Ok(found);
        }
        for guard in self.shifts.range(from..) {
            if found.len() >= limit {
                break;
            }
            let (key, value) = guard.into_inner().map_err(|error| self.failed(&error))?;
            let shift = shift_form::decode(shift_id(&key)?, &value)?;
            if filter.passes(&shift) {
                found.push(shift);
            }
        }
        Ok(found)
    }

    /// Returns the last shifts of a profile, the latest first, at most so many.
    pub(crate) fn last_shifts(&self, profile: &ProfileId, limit: usize) -> Result<Vec<Shift>, LiveError> {
        let profile = measured(profile.as_str());
        let mut found = Vec::new();
        for guard in self.shifts_of.prefix(&profile).rev().take(limit) {
            let key = guard.key().map_err(|error| self.failed(&error))?;
            found.extend(self.shift_at(&key[profile.len()..])?);
        }
        Ok(found)
    }

    /// Returns the latest shifts that a filter lets pass, the latest first, at most so many. Where few pass,
    /// the rest is not looked for among all there ever were.
    pub(crate) fn latest_shifts(&self, filter: &ShiftFilter, limit: usize) -> Result<Vec<Shift>, LiveError> {
        let mut found = Vec::new();
        for guard in self.shifts.iter().rev().take(LATEST_LOOKED_AT_MAX) {
            let (key, value) = guard.into_inner().map_err(|error| self.failed(&error))?;
            let shift = shift_form::decode(shift_id(&key)?, &value)?;
            if filter.passes(&shift) {
                found.push(shift);
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    fn shift_at(&self, key: &[u8]) -> Result<Option<Shift>, LiveError> {
        let value = self.shifts.get(key).map_err(|error| self.failed(&error))?;
        value.map(|value| shift_form::decode(shift_id(key)?, &value)).transpose()
    }

    fn failed(&self, error: &fjall::Error) -> LiveError {
        storage("look into", self.log.path(), error)
    }
}

/// Returns a number as bytes that sort as it does.
fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn unordered(number: u64) -> i64 {
    (number ^ (1 << 63)).cast_signed()
}

fn event_key(owner: &[u8], at: Instant, key: EventKey) -> Vec<u8> {
    [owner, &ordered(at.0), &ordered(key.0)].concat()
}

fn event_range(owner: &[u8], query: &EventQuery) -> std::ops::Range<Vec<u8>> {
    let start = query.start.unwrap_or(Instant(i64::MIN));
    let end = query.end.unwrap_or(Instant(i64::MAX));
    event_key(owner, start, EventKey(i64::MIN))..event_key(owner, end, EventKey(i64::MIN))
}

/// Returns when the event of a key happened, and its event key.
fn place_of(key: &[u8]) -> Result<(Instant, EventKey), LiveError> {
    let place = key.len().checked_sub(PLACE_BYTES).and_then(|start| key[start..].split_first_chunk::<8>());
    let place = place.and_then(|(at, event_key)| Some((*at, <[u8; 8]>::try_from(event_key).ok()?)));
    let (at, event_key) = place.ok_or_else(|| LiveError::Damaged("an index without an instant".to_owned()))?;
    Ok((Instant(unordered(u64::from_be_bytes(at))), EventKey(unordered(u64::from_be_bytes(event_key)))))
}

/// Returns a text behind its length, so that none is the beginning of another.
fn measured(text: &str) -> Vec<u8> {
    [&text.len().to_be_bytes(), text.as_bytes()].concat()
}

fn joined(owner: &[u8], rest: &[u8]) -> Vec<u8> {
    [owner, rest].concat()
}

/// Bytes of the place of a shift.
const SHIFT_BYTES: usize = 12;
/// Shifts that are looked at for the latest: some tens of milliseconds.
const LATEST_LOOKED_AT_MAX: usize = 10_000;

fn shift_key(id: ShiftId) -> [u8; SHIFT_BYTES] {
    let mut bytes = [0; SHIFT_BYTES];
    bytes[..8].copy_from_slice(&id.offset.0.to_be_bytes());
    bytes[8..].copy_from_slice(&id.index.to_be_bytes());
    bytes
}

fn shift_id(key: &[u8]) -> Result<ShiftId, LiveError> {
    let (offset, index) =
        key.split_at_checked(8).ok_or_else(|| LiveError::Damaged("a shift without a place".to_owned()))?;
    let offset = offset.try_into().map_or(0, u64::from_be_bytes);
    let index = index.try_into().map_or(0, u32::from_be_bytes);
    Ok(ShiftId { offset: Offset(offset), index })
}

fn encode_trait(stated: &StatedTrait) -> Result<Vec<u8>, LiveError> {
    let (kind, text, number) = match &stated.value {
        Value::Bool(flag) => (0, String::new(), i64::from(*flag)),
        Value::Number(number) => (1, String::new(), number.0),
        Value::Instant(at) => (2, String::new(), at.0),
        Value::Text(text) => (3, text.to_string(), 0),
        Value::Json(json) => (4, json.clone(), 0),
    };
    let (occurred_at, key, source) = (stated.occurred_at.0, stated.key.0, stated.source.clone());
    let stored = StoredTrait { kind, text, number, occurred_at, key, source };
    postcard::to_allocvec(&stored).map_err(|error| LiveError::Encode(error.to_string()))
}

fn decode_trait(bytes: &[u8]) -> Result<StatedTrait, LiveError> {
    let stored: StoredTrait = postcard::from_bytes(bytes).map_err(|error| LiveError::Damaged(error.to_string()))?;
    let value = match stored.kind {
        0 => Value::Bool(stored.number != 0),
        1 => Value::Number(Decimal(stored.number)),
        2 => Value::Instant(Instant(stored.number)),
        3 => Value::text(stored.text),
        _ => Value::Json(stored.text),
    };
    let (occurred_at, key) = (Instant(stored.occurred_at), EventKey(stored.key));
    Ok(StatedTrait { value, occurred_at, key, source: stored.source })
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("log", &self.log).finish_non_exhaustive()
    }
}
