//! Who is who and why: the questions and decisions behind `throng identity`.
//!
//! Nothing is merged or split in place. A decision is one more row of the table
//! `identity_decisions`; the next reading of the events takes it into account.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_event::{Identity, IdentityKind, Instant, PersonalData};
use throng_profile::{Decision, Link, LinkKind, ProfileId, Proof, RefusedLink, Verdict};

use crate::context::collect;
use crate::derive::timestamp_literal;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::people::{People, read_decisions};
use crate::rows::{Rows, batch, counts, instants, texts};
use crate::store::Store;
use crate::tables::{EVENTS, IDENTITY_DECISIONS};

/// A link with the event that proves it, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLink {
    /// The link.
    pub link: Link,
    /// The event that proves it; none for what was decided or proposed.
    pub event: Option<ProvingEvent>,
}

/// The event that proves a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvingEvent {
    /// Its id.
    pub event_id: String,
    /// What happened.
    pub event: String,
    /// The source that said so.
    pub source: String,
}

/// Why two identities are one person, or why they are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// They are one: the chain of links from the first to the second.
    One(ProfileId, Vec<ExplainedLink>),
    /// They are two; links between their profiles that were refused.
    Two(ProfileId, ProfileId, Vec<RefusedLink>),
}

/// All identities of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileIdentities {
    /// The profile.
    pub profile: ProfileId,
    /// Its identities, each with the link it hangs by.
    pub identities: Vec<(Identity, Option<ExplainedLink>)>,
}

/// What a decision changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The profile the first identity belongs to now.
    pub a: ProfileId,
    /// The profile the second identity belongs to now.
    pub b: ProfileId,
    /// Profiles before and after.
    pub n_profiles: (usize, usize),
}

/// All there is to know about identities, in numbers, with the most telling cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityOverview {
    /// Identities by kind.
    pub identities: BTreeMap<IdentityKind, u64>,
    /// Profiles in all.
    pub n_profiles: u64,
    /// Profiles that have more than one identity.
    pub n_linked: u64,
    /// The profiles with the most identities, with how many.
    pub largest: Vec<(ProfileId, u64)>,
    /// Identities that are shared and link nobody.
    pub shared: Vec<Identity>,
    /// How many identities are shared.
    pub n_shared: u64,
    /// Links that were refused.
    pub refused: Vec<RefusedLink>,
    /// Refused links by reason.
    pub n_refused: BTreeMap<&'static str, u64>,
    /// What was decided, in its order.
    pub decisions: Vec<Decision>,
}

/// Returns the identity a text means: written with its prefix, or the value of the
/// most telling kind that has it.
pub(crate) fn find(text: &str, people: &People, personal: &PersonalData) -> Result<Identity, EngineError> {
    let known = |identity: &Identity| people.resolution.number_of(identity).is_some();
    let written = Identity::parse(text).map(|identity| in_one_form(identity, personal));
    let plain = IdentityKind::ALL.into_iter().map(|kind| in_one_form(Identity::new(kind, text), personal));
    written.into_iter().chain(plain).find(known).ok_or_else(|| EngineError::Missing {
        what: format!("nobody has the id {text:?}"),
        todo: "look one up with `throng sql \"SELECT kind, value FROM identities LIMIT 10\"` after `throng discover`"
            .to_owned(),
    })
}

fn in_one_form(identity: Identity, personal: &PersonalData) -> Identity {
    let value = match identity.kind {
        IdentityKind::Email => personal.email(&identity.value),
        IdentityKind::Phone => personal.phone(&identity.value),
        IdentityKind::UserId | IdentityKind::AnonymousId => Some(personal.id(identity.value.clone())),
        IdentityKind::External | IdentityKind::Device => None,
    };
    Identity { kind: identity.kind, value: value.unwrap_or(identity.value) }
}

/// Says why two identities are one person or two.
pub(crate) async fn why(
    context: &SessionContext,
    people: &People,
    (a, b): (&Identity, &Identity),
) -> Result<Why, EngineError> {
    let resolution = &people.resolution;
    if let Some(links) = resolution.why(a, b) {
        let profile = profile_of(people, a);
        return Ok(Why::One(profile, explain(context, links).await?));
    }
    let (of_a, of_b) = (resolution.number_of(a), resolution.number_of(b));
    let between = |refused: &RefusedLink| {
        let ends = [&refused.link.from, &refused.link.to].map(|identity| resolution.number_of(identity));
        ends == [of_a, of_b] || ends == [of_b, of_a]
    };
    let refused = resolution.refused().filter(between).take(LISTED_MAX).collect();
    Ok(Why::Two(profile_of(people, a), profile_of(people, b), refused))
}

/// Returns the identities of a profile, each with the link it hangs by.
pub(crate) async fn members(
    context: &SessionContext,
    people: &People,
    profile: u32,
) -> Result<Vec<(Identity, Option<ExplainedLink>)>, EngineError> {
    let identities: Vec<Identity> = people.resolution.identities(profile).take(MEMBERS_MAX).collect();
    let links: Vec<Option<Link>> = identities.iter().map(|identity| people.resolution.link_of(identity)).collect();
    let explained = explain(context, links.iter().flatten().cloned().collect()).await?;
    let mut explained = explained.into_iter();
    let with_links = links.into_iter().map(|link| link.and_then(|_| explained.next()));
    Ok(identities.into_iter().zip(with_links).collect())
}

/// Identities of one profile that are listed; the limits of the rules are far below.
const MEMBERS_MAX: usize = 1_000;
/// Cases that are listed of each kind.
const LISTED_MAX: usize = 20;

fn profile_of(people: &People, identity: &Identity) -> ProfileId {
    let number = people.resolution.number_of(identity);
    number.map_or_else(|| ProfileId::of(identity), |number| people.resolution.profile_id(number))
}

/// Finds the events that prove links.
async fn explain(context: &SessionContext, links: Vec<Link>) -> Result<Vec<ExplainedLink>, EngineError> {
    let places: Vec<String> = links
        .iter()
        .filter_map(|link| link.proof)
        .map(|Proof { occurred_at, key }| {
            format!("(occurred_at = {} AND event_key = {})", timestamp_literal(occurred_at), key.0)
        })
        .collect();
    let mut events: BTreeMap<i64, ProvingEvent> = BTreeMap::new();
    if !places.is_empty() {
        let query = format!("SELECT event_key, event_id, event, source FROM events WHERE {}", places.join(" OR "));
        let rows = collect(context, &query).await?;
        events = proving_events(&rows).map_err(|error| EngineError::table("read", EVENTS, error))?;
    }
    let explained = links.into_iter().map(|link| {
        let event = link.proof.and_then(|proof| events.get(&proof.key.0).cloned());
        ExplainedLink { link, event }
    });
    Ok(explained.collect())
}

fn proving_events(rows: &RecordBatch) -> Result<BTreeMap<i64, ProvingEvent>, ArrowError> {
    let table = Rows(rows);
    let (keys, ids) = (table.integers("event_key")?, table.words("event_id")?);
    let (names, sources) = (table.words("event")?, table.words("source")?);
    let rows = keys.into_iter().zip(ids).zip(names.into_iter().zip(sources));
    Ok(rows
        .filter_map(|((key, event_id), (event, source))| Some((key?, ProvingEvent { event_id, event, source })))
        .collect())
}

/// Adds a decision to the list.
///
/// # Errors
/// [`EngineError::Missing`] for a split of two identities that no link joins directly.
pub(crate) async fn decide(
    store: &Store,
    context: &SessionContext,
    people: &People,
    decision: Decision,
) -> Result<(), EngineError> {
    if decision.verdict == Verdict::Split {
        check_split(people, &decision)?;
    }
    let number = read_decisions(context).await?.len();
    let row = batch(vec![
        ("number", counts([u64::try_from(number).unwrap_or(u64::MAX)])),
        ("verdict", texts([Some(decision.verdict.as_str())])),
        ("a", texts([Some(decision.a.to_string())])),
        ("b", texts([Some(decision.b.to_string())])),
        ("decided_at", instants([Some(decision.at.0)])),
    ]);
    let row = row.map_err(|error| EngineError::table("write", IDENTITY_DECISIONS, error))?;
    store.append(IDENTITY_DECISIONS, vec![row]).await
}

/// A split takes back one link; of a chain it must be said which.
fn check_split(people: &People, decision: &Decision) -> Result<(), EngineError> {
    let (a, b) = (&decision.a, &decision.b);
    let Some(chain) = people.resolution.why(a, b) else {
        return Err(EngineError::Missing {
            what: format!("{a} and {b} are two people already"),
            todo: "ask `throng identity why` for the identities you mean".to_owned(),
        });
    };
    if chain.len() > 1 {
        let links: Vec<String> =
            chain.iter().map(|link| format!("throng identity split {} {}", link.from, link.to)).collect();
        return Err(EngineError::Missing {
            what: format!("{a} and {b} are joined by a chain of {} links, not by one", chain.len()),
            todo: format!("split the one that is wrong: {}", links.join(", or ")),
        });
    }
    Ok(())
}

/// Counts and lists what is worth looking at.
pub(crate) async fn overview(context: &SessionContext, people: &People) -> Result<IdentityOverview, EngineError> {
    let resolution = &people.resolution;
    let mut identities: BTreeMap<IdentityKind, u64> = BTreeMap::new();
    let mut sizes: Vec<(usize, u32)> = Vec::new();
    for (number, _) in (0..).zip(resolution.profile_ids()) {
        let of_profile = resolution.identities(number);
        sizes.push((of_profile.len(), number));
        for identity in of_profile {
            *identities.entry(identity.kind).or_default() += 1;
        }
    }
    let n_linked = sizes.iter().filter(|(size, _)| *size > 1).count();
    // The largest first, of equals the first by id.
    sizes.sort_unstable_by_key(|(size, number)| (std::cmp::Reverse(*size), *number));
    let largest = sizes.iter().take_while(|(size, _)| *size > 1).take(LISTED_MAX);
    let mut n_refused: BTreeMap<&'static str, u64> = BTreeMap::new();
    for refused in resolution.refused() {
        *n_refused.entry(refused.reason.as_str()).or_default() += 1;
    }
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Ok(IdentityOverview {
        identities,
        n_profiles: count(resolution.n_profiles()),
        n_linked: count(n_linked),
        largest: largest.map(|(size, number)| (resolution.profile_id(*number), count(*size))).collect(),
        shared: resolution.shared().take(LISTED_MAX).collect(),
        n_shared: count(resolution.shared().len()),
        refused: resolution.refused().take(LISTED_MAX).collect(),
        n_refused,
        decisions: read_decisions(context).await?,
    })
}

/// Returns what a link means in a sentence.
#[must_use]
pub fn link_in_words(link: &Link) -> &'static str {
    match link.kind {
        LinkKind::SeenTogether => "one event carries both",
        LinkKind::Aliased => "an alias message says they are one",
        LinkKind::Stated => "someone decided so",
        LinkKind::Proposed => "they are alike enough, says the linker",
    }
}

/// Questions and decisions about identities.
impl Engine {
    /// Returns why two ids are one person, or what keeps them apart.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when nobody has one of them.
    pub fn identity_why(&self, a: &str, b: &str) -> Result<Why, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let personal = self.home.personal_data()?;
            let (a, b) = (find(a, &view.people, &personal)?, find(b, &view.people, &personal)?);
            why(&view.context, &view.people, (&a, &b)).await
        })
    }

    /// Returns the profile an id belongs to, with all its identities and the link each
    /// hangs by.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when nobody has it.
    pub fn identity_of(&self, id: &str) -> Result<ProfileIdentities, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            let identity = find(id, &view.people, &self.home.personal_data()?)?;
            let Some(number) = view.people.resolution.number_of(&identity) else {
                return Ok(ProfileIdentities { profile: ProfileId::of(&identity), identities: vec![(identity, None)] });
            };
            let identities = members(&view.context, &view.people, number).await?;
            Ok(ProfileIdentities { profile: view.people.resolution.profile_id(number), identities })
        })
    }

    /// Returns how many identities, links and refusals there are, and the cases worth a look.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events.
    pub fn identity_overview(&self) -> Result<IdentityOverview, EngineError> {
        self.runtime.block_on(async {
            let view = self.view().await?;
            overview(&view.context, &view.people).await
        })
    }

    /// Decides that two ids are one person, or that the link between them does not
    /// count. Derived tables follow with the next discovery.
    ///
    /// # Errors
    /// [`EngineError::Missing`] when nobody has one of them, or a split has no link to undo.
    pub fn identity_decide(
        &mut self,
        verdict: Verdict,
        (a, b): (&str, &str),
        at: Instant,
    ) -> Result<Decided, EngineError> {
        let _lock = self.home.lock()?;
        self.runtime.block_on(async {
            let view = self.view().await?;
            let personal = self.home.personal_data()?;
            let (a, b) = (find(a, &view.people, &personal)?, find(b, &view.people, &personal)?);
            let decision = Decision { verdict, a: a.clone(), b: b.clone(), at };
            decide(&self.store, &view.context, &view.people, decision).await?;
            let after = self.view().await?;
            Ok(Decided {
                a: profile_of(&after.people, &a),
                b: profile_of(&after.people, &b),
                n_profiles: (view.people.n_profiles(), after.people.n_profiles()),
            })
        })
    }
}
