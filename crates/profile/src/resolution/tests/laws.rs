//! The laws of identity resolution on random events, rules and decisions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{Link, resolution::tests::naive::Found};

/// Few values, so that shared devices, chains and circles of aliases are common.
pub(super) const IDS: [&str; 19] = [
    "u:1", "u:2", "u:3", "u:4", "u:null", "a:1", "a:2", "a:3", "a:0", "e:1", "e:2", "e:3", "p:1", "p:2", "x:crm:1",
    "x:crm:2", "x:shop:1", "d:1", "d:2",
];

pub(super) fn said() -> impl Strategy<Value = Vec<Said>> {
    let users = prop::sample::select(vec!["", "", "u:1", "u:2", "u:3", "u:4", "u:null"]);
    let anonymous = prop::sample::select(vec!["", "a:1", "a:2", "a:3", "a:0"]);
    let previous = prop::sample::select(vec!["", "", "", "<1", "<2", "<3", "<e:1", "<null"]);
    let others = prop::collection::vec(prop::sample::select(IDS[9..].to_vec()), 0..3);
    let event = (0_i64..40, users, anonymous, previous, others).prop_map(|(day, user, anonymous, previous, others)| {
        let ids: Vec<&str> =
            [user, anonymous, previous].into_iter().chain(others).filter(|id| !id.is_empty()).collect();
        let ids = if ids.is_empty() { "u:1".to_owned() } else { ids.join(" ") };
        Said::parse(&format!("{} {ids}", day * 86_400))
    });
    prop::collection::vec(event, 0..24)
}

pub(super) fn rules() -> impl Strategy<Value = IdentityRules> {
    let limit = (0_usize..6, 0_u32..4, prop::sample::select(Period::ALL.to_vec()));
    let limits = prop::collection::vec(limit, 0..4);
    let priority = prop::collection::vec(prop::sample::select(IdentityKind::ALL.to_vec()), 0..3);
    let proposed_min = prop::sample::select(vec![None, Some(0.5), Some(0.75)]);
    let choices = (limits, priority, 1_u32..5, any::<bool>(), proposed_min);
    choices.prop_map(|(limits, priority, shared_above, standard, proposed_min)| {
        let mut rules = IdentityRules { shared_above, proposed_min, ..IdentityRules::standard() };
        if !standard {
            rules.priority = priority;
            for (kind, values_max, period) in limits {
                rules.limits.insert(IdentityKind::ALL[kind], IdentityLimit { values_max, period });
            }
        }
        rules
    })
}

pub(super) fn decisions() -> impl Strategy<Value = Vec<Decision>> {
    let one = || prop::sample::select(IDS.to_vec());
    let verdict = prop::sample::select(vec![Verdict::Merge, Verdict::Split]);
    let decision =
        (verdict, one(), one(), 0_i64..40).prop_map(|(verdict, a, b, day)| decision(verdict, (a, b), day * 86_400));
    prop::collection::vec(decision, 0..4)
}

pub(super) fn shuffled(said: &[Said], order: u64) -> Vec<Said> {
    let mut shuffled = said.to_vec();
    shuffled.sort_by_key(|event| EventId(format!("{order}{event:?}")).key());
    shuffled
}

fn found(resolution: &Resolution) -> Found {
    let numbered = (0..).zip(resolution.profile_ids());
    Found {
        profiles: numbered.map(|(number, id)| (id.to_owned(), resolution.identities(number).collect())).collect(),
        refused: refusals(resolution).into_iter().collect(),
    }
}

/// The identities of every profile, whatever it is called.
fn people(resolution: &Resolution) -> BTreeSet<BTreeSet<Identity>> {
    found(resolution).profiles.into_values().collect()
}

fn applied(resolution: &Resolution) -> Vec<Link> {
    let identities = (0..).zip(resolution.profile_ids()).flat_map(|(number, _)| resolution.identities(number));
    identities.filter_map(|identity| resolution.link_of(&identity)).collect()
}

/// Whether a link of a graph is one between these two, in whichever reading of an alias.
fn says(link: &Link, a: &Identity, b: &Identity) -> bool {
    let named = [(a, b), (b, a)].into_iter().find(|(_, to)| **to == link.to).map(|(from, _)| from);
    let (kind, value) = Identity::of_anonymous_id(&link.from.value);
    let reading = Identity::new(kind, value);
    named.is_some_and(|from| *from == link.from || (link.kind == LinkKind::Aliased && *from == reading))
}

proptest! {
    #[test]
    fn resolution_follows_the_rules(said in said(), rules in rules(), decisions in decisions()) {
        let resolution = graph(&rules, &said).resolve(&decisions, &[]);
        prop_assert_eq!(found(&resolution), naive::resolve(&rules, &said, &decisions));
    }

    #[test]
    fn order_chunks_and_repeats_do_not_matter(
        said in said(), rules in rules(), decisions in decisions(), order in any::<u64>(), cuts in (0_usize..24, 0_usize..24)
    ) {
        let whole = graph(&rules, &said);
        let shuffled = shuffled(&said, order);
        prop_assert_eq!(&graph(&rules, &shuffled), &whole);
        let (low, high) = (cuts.0.min(cuts.1).min(said.len()), cuts.0.max(cuts.1).min(said.len()));
        let parts = [&shuffled[..low], &shuffled[low..high], &shuffled[high..]].map(|part| graph(&rules, part));
        let mut left = parts[0].clone();
        left.merge(&parts[1]);
        left.merge(&parts[2]);
        let mut right = parts[2].clone();
        right.merge(&parts[1]);
        right.merge(&parts[0]);
        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&right, &whole);
        prop_assert_eq!(right.resolve(&decisions, &[]), whole.resolve(&decisions, &[]));
        right.merge(&whole);
        prop_assert_eq!(&right, &whole);
    }

    #[test]
    fn links_and_carriers_are_the_whole_state(said in said(), rules in rules()) {
        let whole = graph(&rules, &said);
        let mut again = IdentityGraph::new(rules);
        whole.links().for_each(|link| again.insert(&link));
        whole.carriers().for_each(|(identity, first_seen)| again.insert_carrier(&identity, first_seen));
        prop_assert_eq!(whole.links().count(), whole.n_links());
        prop_assert_eq!(again.resolve(&[], &[]), whole.resolve(&[], &[]));
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn split_after_merge_restores_what_was_before(said in said(), rules in rules(), pair in (0_usize..19, 0_usize..19)) {
        let graph = graph(&rules, &said);
        let (a, b) = (IDS[pair.0], IDS[pair.1]);
        prop_assume!(!graph.links().any(|link| says(&link, &id(a), &id(b))));
        let decisions = [decision(Verdict::Merge, (a, b), 9), decision(Verdict::Split, (b, a), 10)];
        prop_assert_eq!(graph.resolve(&decisions, &[]), graph.resolve(&[], &[]));
    }

    #[test]
    fn a_split_is_as_if_the_events_had_not_linked_the_two(said in said(), nth in any::<prop::sample::Index>()) {
        let rules = IdentityRules { shared_above: 100, ..IdentityRules::standard() };
        // What an alias names depends on what else is named.
        let said: Vec<Said> = said.into_iter().map(|event| Said { previous: None, ..event }).collect();
        let whole = graph(&rules, &said);
        let links: Vec<Link> = whole.links().collect();
        prop_assume!(!links.is_empty());
        let split = nth.get(&links);
        let mut without = IdentityGraph::new(rules);
        whole.links().filter(|link| link != split).for_each(|link| without.insert(&link));
        whole.carriers().for_each(|(identity, first_seen)| without.insert_carrier(&identity, first_seen));
        let pair = (split.from.to_string(), split.to.to_string());
        let decisions = [decision(Verdict::Split, (&pair.0, &pair.1), 9)];
        let resolution = whole.resolve(&decisions, &[]);
        prop_assert!(!applied(&resolution).contains(split));
        let alone: BTreeSet<Identity> = people(&without.resolve(&[], &[])).into_iter().flatten().collect();
        let kept = people(&resolution).into_iter().map(|profile| profile.intersection(&alone).cloned().collect());
        prop_assert_eq!(kept.collect::<BTreeSet<BTreeSet<_>>>(), people(&without.resolve(&[], &[])));
    }

    #[test]
    fn limits_are_never_exceeded(said in said(), rules in rules()) {
        let resolution = graph(&rules, &said).resolve(&[], &[]);
        let stated = |link: &Link| link.kind == LinkKind::Aliased && link.from.kind == IdentityKind::UserId;
        let first_seen = |identity: &Identity| {
            let names = |event: &&Said| {
                event.others.contains(identity)
                    || event.user.as_deref().is_some_and(|user| Identity::user(user) == *identity)
                    || event.anonymous.as_deref().map(Identity::of_anonymous_id) == Some((identity.kind, &identity.value))
            };
            said.iter().filter(names).map(|event| event.proof.occurred_at.0).min().unwrap_or(i64::MAX)
        };
        for (number, _) in (0..).zip(resolution.profile_ids()) {
            let identities: Vec<Identity> = resolution.identities(number).collect();
            if identities.iter().filter_map(|identity| resolution.link_of(identity)).any(|link| stated(&link)) {
                continue;
            }
            let mut classes: BTreeMap<_, Vec<i64>> = BTreeMap::new();
            for identity in &identities {
                classes.entry(naive::class(identity)).or_default().push(first_seen(identity));
            }
            for ((kind, own), times) in classes {
                let limit = rules.limits[&kind];
                // One value is no merge.
                prop_assert!(times.len() == 1 || naive::within(limit, times), "{kind:?} {own} {limit:?}");
            }
        }
    }

    #[test]
    fn every_pair_of_a_profile_has_a_chain_of_links_that_are_known(
        said in said(), rules in rules(), decisions in decisions()
    ) {
        let graph = graph(&rules, &said);
        let resolution = graph.resolve(&decisions, &[]);
        let known: BTreeSet<(String, String, LinkKind, Option<Proof>)> =
            graph.links().map(|link| (link.from.value, link.to.value, link.kind, link.proof)).collect();
        let all: Vec<Identity> = people(&resolution).into_iter().flatten().collect();
        for from in &all {
            for to in &all {
                let chain = resolution.why(from, to);
                prop_assert_eq!(chain.is_some(), resolution.number_of(from) == resolution.number_of(to));
                let Some(chain) = chain else { continue };
                let mut reached = from.clone();
                for link in chain {
                    prop_assert!(reached == link.from || reached == link.to, "the chain hangs together");
                    reached = if reached == link.from { link.to.clone() } else { link.from.clone() };
                    let stated = |decision: &Decision| [&decision.a, &decision.b].iter().all(|one| [&link.from, &link.to].contains(one));
                    // An alias of the graph names a value; applied, it names the identity.
                    let previous = if link.kind == LinkKind::Aliased && link.from.kind == IdentityKind::Email { link.from.to_string() } else { link.from.value.clone() };
                    let proven = known.contains(&(previous, link.to.value.clone(), link.kind, link.proof));
                    prop_assert!(proven || (link.kind == LinkKind::Stated && decisions.iter().any(stated)), "{:?}", link);
                }
                prop_assert_eq!(&reached, to);
            }
        }
    }

    #[test]
    fn a_shared_id_glues_nobody(said in said(), rules in rules()) {
        let resolution = graph(&rules, &said).resolve(&[], &[]);
        for shared in resolution.shared() {
            if let Some(number) = resolution.number_of(&shared) {
                prop_assert_eq!(resolution.identities(number).collect::<Vec<_>>(), [shared]);
            }
        }
    }

    #[test]
    fn every_event_belongs_to_a_profile_that_lists_its_carrier(said in said(), rules in rules(), decisions in decisions()) {
        let resolution = graph(&rules, &said).resolve(&decisions, &[]);
        let mut listed = BTreeSet::new();
        for (number, profile) in (0..).zip(resolution.profile_ids()) {
            for identity in resolution.identities(number) {
                prop_assert_eq!(resolution.number_of(&identity), Some(number));
                prop_assert!(listed.insert(identity.clone()), "{} is listed twice", identity);
            }
            prop_assert!(listed.contains(&id(profile)));
        }
        for event in &said {
            let (user, anonymous) = (event.user.as_deref(), event.anonymous.as_deref());
            let number = resolution.number(user, anonymous);
            let blocked = |id: Option<&str>| id.is_none_or(|id| ["null", "0"].contains(&id));
            prop_assert_eq!(number.is_none(), blocked(user) && blocked(anonymous));
            prop_assert_eq!(number.map(|number| resolution.profile_id(number)), resolution.profile(user, anonymous));
        }
    }
}
