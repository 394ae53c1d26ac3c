//! The rules of resolution once more, in plain steps over the list of events.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

type Pair = (Identity, Identity);

/// Profiles by canonical identity, and refused links.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) profiles: BTreeMap<String, BTreeSet<Identity>>,
    pub(super) refused: BTreeSet<(String, Refusal)>,
}

struct Facts<'a> {
    rules: &'a IdentityRules,
    first_seen: BTreeMap<Identity, Proof>,
    carriers: BTreeSet<Identity>,
    together: BTreeMap<Pair, Proof>,
    aliased: BTreeMap<(String, Identity), Proof>,
}

/// A link to be applied: (its proof, the rank of its less telling end, kind, from, to).
type Step = (Proof, usize, LinkKind, String, String);

pub(super) fn resolve(rules: &IdentityRules, said: &[Said], decisions: &[Decision]) -> Found {
    let facts = facts(rules, said);
    let mut refused = BTreeSet::new();
    let mut steps: Vec<Step> = Vec::new();
    let verdict = |a: &Identity, b: &Identity| {
        let about = |decision: &&Decision| (&decision.a, &decision.b) == (a, b) || (&decision.a, &decision.b) == (b, a);
        decisions.iter().rfind(about)
    };
    let split = |a: &Identity, b: &Identity| verdict(a, b).is_some_and(|last| last.verdict == Verdict::Split);
    let mut offer = |from: &Identity, to: &Identity, kind, proof, before: bool| {
        let refusal = if split(from, to) {
            Some(Refusal::Split)
        } else if facts.shared(from) || facts.shared(to) {
            Some(Refusal::Shared)
        } else {
            before.then_some(Refusal::AliasedBefore)
        };
        match refusal {
            Some(reason) => drop(refused.insert((format!("{from} {to}"), reason))),
            None => steps.push((proof, facts.rank(from).max(facts.rank(to)), kind, from.to_string(), to.to_string())),
        }
        refusal.is_none()
    };
    for ((less, more), proof) in &facts.together {
        offer(less, more, LinkKind::SeenTogether, *proof, false);
    }
    let mut aliases: Vec<_> = facts.aliased.iter().map(|((value, user), proof)| (*proof, user, value)).collect();
    aliases.sort();
    let mut followed = BTreeSet::new();
    for (proof, user, value) in aliases {
        let (kind, anonymous) = Identity::of_anonymous_id(value);
        let (anonymous, previous) = (Identity::new(kind, anonymous), Identity::user(value));
        let (device, person) = (facts.first_seen.contains_key(&anonymous), facts.first_seen.contains_key(&previous));
        for (reading, used) in [(anonymous, device), (previous, person || !device)] {
            if used && offer(&reading, user, LinkKind::Aliased, proof, followed.contains(&reading)) {
                followed.insert(reading);
            }
        }
    }
    for last in decisions.iter().filter(|one| verdict(&one.a, &one.b) == Some(one) && one.verdict == Verdict::Merge) {
        let known = |id: &Identity| facts.all().contains(id);
        if known(&last.a) && known(&last.b) && last.a != last.b {
            let (a, b) = (last.a.to_string(), last.b.to_string());
            steps.push((Proof { occurred_at: last.at, key: EventKey(i64::MAX) }, 0, LinkKind::Stated, a, b));
        }
    }
    steps.sort();
    facts.merge(steps, refused)
}

fn facts<'a>(rules: &'a IdentityRules, said: &[Said]) -> Facts<'a> {
    let blocked = |value: &str| rules.blocked.contains(value);
    let (first_seen, carriers) = (BTreeMap::new(), BTreeSet::new());
    let mut facts = Facts { rules, first_seen, carriers, together: BTreeMap::new(), aliased: BTreeMap::new() };
    for event in said {
        let user = event.user.as_deref().filter(|id| !blocked(id)).map(Identity::user);
        let anonymous = event.anonymous.as_deref().map(Identity::of_anonymous_id).filter(|(_, id)| !blocked(id));
        let anonymous = anonymous.map(|(kind, value)| Identity::new(kind, value));
        let Some(carrier) = user.clone().or_else(|| anonymous.clone()) else { continue };
        facts.carriers.insert(carrier.clone());
        let others = event.others.iter().filter(|other| !blocked(&other.value)).cloned();
        for named in others.chain(anonymous).chain([carrier.clone()]) {
            let seen = facts.first_seen.entry(named.clone()).or_insert(event.proof);
            *seen = event.proof.min(*seen);
            if named != carrier {
                let pair = if named > carrier { (named, carrier.clone()) } else { (carrier.clone(), named) };
                let proof = facts.together.entry(pair).or_insert(event.proof);
                *proof = event.proof.min(*proof);
            }
        }
        if let (Some(user), Some(previous)) = (user, &event.previous)
            && !blocked(previous)
            && *previous != user.value
        {
            let proof = facts.aliased.entry((previous.clone(), user)).or_insert(event.proof);
            *proof = event.proof.min(*proof);
        }
    }
    facts
}

impl Facts<'_> {
    fn rank(&self, identity: &Identity) -> usize {
        let usual = IdentityKind::ALL.iter().position(|kind| *kind == identity.kind).unwrap();
        let named = self.rules.priority.iter().position(|kind| *kind == identity.kind);
        named.unwrap_or(100 + usual)
    }

    /// Returns all that events name, and the user ids only aliases name.
    fn all(&self) -> BTreeSet<Identity> {
        let only_aliased = self.aliased.keys().map(|(value, _)| Identity::user(value));
        self.first_seen.keys().cloned().chain(only_aliased).collect()
    }

    fn shared(&self, identity: &Identity) -> bool {
        let mut seen_with: BTreeMap<(IdentityKind, &str), usize> = BTreeMap::new();
        for (a, b) in self.together.keys() {
            let Some(other) = [(a, b), (b, a)].into_iter().find(|(one, _)| *one == identity).map(|(_, other)| other)
            else {
                continue;
            };
            if self.rank(other) < self.rank(identity) || class(other) == class(identity) {
                *seen_with.entry(class(other)).or_default() += 1;
            }
        }
        let many = seen_with.values().any(|n| *n > usize::try_from(self.rules.shared_above).unwrap());
        many && identity.kind != IdentityKind::UserId
    }

    fn merge(&self, steps: Vec<Step>, mut refused: BTreeSet<(String, Refusal)>) -> Found {
        let mut profiles: Vec<BTreeSet<Identity>> = self.all().into_iter().map(|one| BTreeSet::from([one])).collect();
        let mut renamed: Vec<(Identity, Identity)> = Vec::new();
        for (_, _, kind, from, to) in steps {
            let (from_id, to_id) = (id(&from), id(&to));
            let place = |one: &Identity| profiles.iter().position(|profile| profile.contains(one)).unwrap();
            let (a, b) = (place(&from_id), place(&to_id));
            let users = kind == LinkKind::Aliased && from_id.kind == IdentityKind::UserId;
            if a == b {
                continue;
            }
            if !users
                && kind != LinkKind::Stated
                && let Some(kind) = self.refusal([&from_id, &to_id], &profiles[a], &profiles[b])
            {
                refused.insert((format!("{from} {to}"), Refusal::Limit(kind)));
                continue;
            }
            if users {
                renamed.push((from_id, to_id));
            }
            let (low, high) = (a.min(b), a.max(b));
            let more = profiles.remove(high);
            profiles[low].extend(more);
        }
        let carry = |profile: &BTreeSet<Identity>| profile.iter().any(|one| self.carriers.contains(one));
        let named = |profile: BTreeSet<Identity>| (self.canonical(&profile, &renamed).to_string(), profile);
        Found { profiles: profiles.into_iter().filter(carry).map(named).collect(), refused }
    }

    fn canonical(&self, profile: &BTreeSet<Identity>, renamed: &[(Identity, Identity)]) -> Identity {
        let seen = |one: &Identity| self.first_seen.get(one).copied();
        let order = |one: &&Identity| (self.rank(one), seen(one).is_none(), seen(one), (*one).clone());
        let best = profile.iter().min_by_key(order).unwrap();
        let alias = renamed.iter().find(|(from, _)| profile.contains(from)).map(|(_, to)| to);
        alias.filter(|_| best.kind == IdentityKind::UserId).unwrap_or(best).clone()
    }

    fn refusal(&self, ends: [&Identity; 2], a: &BTreeSet<Identity>, b: &BTreeSet<Identity>) -> Option<IdentityKind> {
        let none = |kind: &IdentityKind| self.rules.limits.get(kind).is_some_and(|limit| limit.values_max == 0);
        ends.map(|end| end.kind).into_iter().filter(none).min().or_else(|| self.exceeded(a, b))
    }

    fn exceeded(&self, a: &BTreeSet<Identity>, b: &BTreeSet<Identity>) -> Option<IdentityKind> {
        let of = |profile: &BTreeSet<Identity>, wanted: (IdentityKind, &str)| {
            let ids = profile.iter().filter(|one| class(one) == wanted);
            ids.map(|one| self.first_seen.get(one).map_or(i64::MAX, |proof| proof.occurred_at.0)).collect::<Vec<_>>()
        };
        let too_many = |wanted: (IdentityKind, &str)| {
            let (of_a, of_b) = (of(a, wanted), of(b, wanted));
            let limit = self.rules.limits.get(&wanted.0);
            !of_a.is_empty() && !of_b.is_empty() && limit.is_some_and(|limit| !within(*limit, [of_a, of_b].concat()))
        };
        a.iter().map(class).filter(|wanted| too_many(*wanted)).map(|(kind, _)| kind).min()
    }
}

/// Whether these times of first sight keep a limit.
pub(super) fn within(limit: IdentityLimit, times: Vec<i64>) -> bool {
    let max = usize::try_from(limit.values_max).unwrap();
    let days = match limit.period {
        Period::Ever => return times.len() <= max,
        Period::Annually => 365,
        Period::Monthly => 30,
        Period::Weekly => 7,
    };
    let inside =
        |start: &i64| times.iter().filter(|time| **time >= *start && **time - start < days * Instant::DAY).count();
    times.len() <= max || times.iter().all(|start| inside(start) <= max)
}

/// What limits count together.
pub(super) fn class(identity: &Identity) -> (IdentityKind, &str) {
    let own = identity.value.split_once(':').map_or("", |(own, _)| own);
    (identity.kind, if identity.kind == IdentityKind::External { own } else { "" })
}
