//! What the rules of resolution say on small histories, and their laws on random ones.

use std::collections::BTreeSet;

use proptest::prelude::*;
use throng_event::{EventId, Instant};

use throng_event::Identity;

use crate::{IdentityGraph, LinkKind, Observation, ProfileId, Resolution};

/// One event: (second, user id, anonymous id, previous id), "" for absent.
type Said<'a> = (i64, &'a str, &'a str, &'a str);

fn observe(graph: &mut IdentityGraph, (at, user, anonymous, previous): Said<'_>) {
    let event_id = format!("{at}/{user}/{anonymous}/{previous}");
    let some = |id| Some(id).filter(|id: &&str| !id.is_empty());
    graph.observe(&Observation {
        user_id: some(user),
        anonymous_id: some(anonymous),
        previous_id: some(previous),
        occurred_at: Instant(at),
        key: EventId(event_id.clone()).key(),
        event_id: &event_id,
    });
}

fn graph<'a>(said: impl IntoIterator<Item = Said<'a>>) -> IdentityGraph {
    let mut graph = IdentityGraph::default();
    for event in said {
        observe(&mut graph, event);
    }
    graph
}

/// Checks the profile of (user id, anonymous id) after the events, whichever way round they come.
fn check(said: &[Said<'_>], ids: (&str, &str), expected: Option<&str>) {
    let some = |id| Some(id).filter(|id: &&str| !id.is_empty());
    for graph in [graph(said.iter().copied()), graph(said.iter().rev().copied())] {
        let profile = graph.resolve().profile(some(ids.0), some(ids.1));
        assert_eq!(profile.as_ref().map(ProfileId::as_str), expected, "{ids:?} after {said:?}");
    }
}

#[test]
fn an_id_no_event_links_is_its_own_profile() {
    check(&[], ("7", ""), Some("u:7"));
    check(&[], ("", "cookie"), Some("a:cookie"));
    check(&[], ("7", "cookie"), Some("u:7"));
}

#[test]
fn what_a_device_did_before_login_belongs_to_the_user() {
    check(&[(5, "7", "cookie", "")], ("", "cookie"), Some("u:7"));
}

#[test]
fn a_shared_device_belongs_to_its_first_user_and_merges_nobody() {
    let said = [(9, "late", "tablet", ""), (5, "early", "tablet", "")];
    check(&said, ("", "tablet"), Some("u:early"));
    check(&said, ("late", "tablet"), Some("u:late"));
}

#[test]
fn an_alias_merges_and_the_earliest_names_the_profile() {
    let said = [(5, "new", "", "old"), (9, "newest", "", "new")];
    for id in ["old", "new", "newest"] {
        check(&said, (id, ""), Some("u:new"));
    }
}

#[test]
fn an_alias_of_a_cookie_attaches_the_cookie() {
    check(&[(5, "7", "", "cookie")], ("", "cookie"), Some("u:7"));
    check(&[(5, "7", "", "cookie")], ("cookie", ""), Some("u:7"));
}

#[test]
fn two_accounts_aliased_from_one_cookie_stay_two_people() {
    let said = [(5, "first", "", "cookie"), (6, "second", "", "cookie")];
    check(&said, ("", "cookie"), Some("u:first"));
    check(&said, ("second", ""), Some("u:second"));
}

#[test]
fn an_alias_to_itself_says_nothing() {
    assert_eq!(graph([(5, "7", "", "7")]).n_links(), 0);
}

#[test]
fn aliases_in_a_circle_are_one_person() {
    let said = [(5, "b", "", "a"), (6, "c", "", "b"), (7, "a", "", "c")];
    for id in ["a", "b", "c"] {
        check(&said, (id, ""), Some("u:b"));
    }
}

#[test]
fn values_that_stand_for_nobody_never_link() {
    for nobody in ["null", "anonymous", "undefined", "-1", "00000000-0000-0000-0000-000000000000", " "] {
        let said = [(5, "7", nobody, ""), (6, nobody, "cookie", ""), (7, "7", "", nobody), (8, nobody, "", "8")];
        assert_eq!(graph(said).n_links(), 0, "{nobody}");
        check(&said, (nobody, nobody), None);
        check(&said, (nobody, "cookie"), Some("a:cookie"));
    }
}

#[test]
fn a_profile_lists_the_identities_events_use() {
    let resolution = graph([(5, "7", "cookie", ""), (6, "7", "", "old"), (8, "7", "", "cookie")]).resolve();
    let expected = vec![Identity::user("7"), Identity::user("old"), Identity::anonymous("cookie")];
    for id in ["u:7", "u:old", "a:cookie"] {
        assert_eq!(resolution.identities(&ProfileId::parse(id).unwrap()), expected);
    }
    let alone = ProfileId::parse("u:9").unwrap();
    assert_eq!(resolution.identities(&alone), vec![Identity::user("9")]);
}

#[test]
fn why_names_the_events_between_two_identities() {
    let said = [(5, "7", "phone", ""), (6, "7", "laptop", ""), (9, "7", "laptop", ""), (7, "7", "", "old")];
    let resolution = graph(said).resolve();
    let why = |from: &Identity, to: &Identity| {
        let links = resolution.why(from, to)?;
        Some(links.into_iter().map(|link| (link.kind, link.proof.event_id.0.as_str())).collect::<Vec<_>>())
    };
    let (phone, laptop) = (Identity::anonymous("phone"), Identity::anonymous("laptop"));
    let together = LinkKind::SeenTogether;
    assert_eq!(why(&phone, &laptop), Some(vec![(together, "5/7/phone/"), (together, "6/7/laptop/")]));
    assert_eq!(why(&Identity::user("old"), &Identity::user("7")), Some(vec![(LinkKind::Aliased, "7/7//old")]));
    assert_eq!(why(&phone, &phone), Some(vec![]));
    assert_eq!(why(&phone, &Identity::user("8")), None);
}

/// Few values, so that shared devices, chains and circles of aliases are common.
const IDS: [&str; 8] = ["", "a", "b", "c", "d", "e", "null", "0"];

fn said() -> impl Strategy<Value = Vec<Said<'static>>> {
    let id = || prop::sample::select(IDS.as_slice());
    let previous = prop_oneof![Just(""), id()];
    prop::collection::vec((0_i64..6, id(), id(), previous), 0..24)
}

/// The rules of `resolution.rs` once more, in steps over the sorted list of events.
fn naive_profile(said: &[Said<'_>], user: &str, anonymous: &str) -> Option<String> {
    let blocked = |id: &str| ["", "null", "0"].contains(&id);
    let mut events: Vec<Said<'_>> = said.iter().copied().filter(|(_, user, _, _)| !blocked(user)).collect();
    events.sort_by_key(|(at, user, anonymous, previous)| {
        let id = format!("{at}/{user}/{anonymous}/{previous}");
        (*at, EventId(id.clone()).key(), id)
    });
    let alias = |(_, user, _, previous): &Said<'_>| !blocked(previous) && previous != user;
    let mut groups: Vec<BTreeSet<&str>> = Vec::new();
    let mut followed = BTreeSet::new();
    for (_, user, _, previous) in events.iter().filter(|event| alias(event)) {
        if followed.insert(*previous) {
            let mut union = BTreeSet::from([*user, *previous]);
            groups
                .extract_if(.., |group| group.contains(user) || group.contains(previous))
                .for_each(|group| union.extend(group));
            groups.push(union);
        }
    }
    let canonical = |user: &str| {
        let group = groups.iter().find(|group| group.contains(user));
        let inside = |group: &BTreeSet<&str>, event: &Said<'_>| group.contains(event.1) && group.contains(event.3);
        let first = group.and_then(|group| events.iter().find(|event| alias(event) && inside(group, event)));
        format!("u:{}", first.map_or(user, |(_, user, _, _)| *user))
    };
    if !blocked(user) {
        return Some(canonical(user));
    }
    if blocked(anonymous) {
        return None;
    }
    let links = |event: &&Said<'_>| event.2 == anonymous || (event.3 == anonymous && alias(event));
    let link = events.iter().find(links);
    Some(link.map_or_else(|| format!("a:{anonymous}"), |(_, user, _, _)| canonical(user)))
}

fn check_chain(resolution: &Resolution, said: &[Said<'_>], from: &Identity, to: &Identity) {
    let profile = |identity: &Identity| match identity.kind {
        throng_event::IdentityKind::UserId => resolution.profile(Some(&identity.value), None),
        _ => resolution.profile(None, Some(&identity.value)),
    };
    let same = profile(from) == profile(to);
    let chain = resolution.why(from, to);
    assert_eq!(chain.is_some(), same, "{from} and {to} after {said:?}");
    let mut reached = from.clone();
    for link in chain.unwrap_or_default() {
        let user = Identity::user(&link.user_id);
        let next = if reached == link.from { user } else { link.from.clone() };
        assert!(reached == link.from || reached == Identity::user(&link.user_id), "the chain hangs together");
        let proves = |(at, user, anonymous, previous): &Said<'_>| {
            let id = format!("{at}/{user}/{anonymous}/{previous}");
            let named = if link.kind == LinkKind::Aliased { previous } else { anonymous };
            id == link.proof.event_id.0 && *user == link.user_id && *named == link.from.value
        };
        assert!(said.iter().any(proves), "the proof is an event that says so");
        reached = next;
    }
    if same {
        assert_eq!(&reached, to);
    }
}

proptest! {
    #[test]
    fn resolution_follows_the_rules(said in said()) {
        let resolution = graph(said.iter().copied()).resolve();
        for user in IDS {
            for anonymous in IDS {
                let some = |id| Some(id).filter(|id: &&str| !id.is_empty());
                let profile = resolution.profile(some(user), some(anonymous)).map(|id| id.as_str().to_owned());
                prop_assert_eq!(profile, naive_profile(&said, user, anonymous), "{} {}", user, anonymous);
            }
        }
    }

    #[test]
    fn order_chunks_and_repeats_do_not_matter(said in said(), order in any::<u64>(), cuts in (0_usize..24, 0_usize..24)) {
        let whole = graph(said.iter().copied());
        let mut shuffled = said.clone();
        shuffled.sort_by_key(|event| EventId(format!("{order}{event:?}")).key());
        prop_assert_eq!(&graph(shuffled.iter().copied()), &whole);
        let (low, high) = (cuts.0.min(cuts.1).min(said.len()), cuts.0.max(cuts.1).min(said.len()));
        let parts = [&shuffled[..low], &shuffled[low..high], &shuffled[high..]].map(|part| graph(part.iter().copied()));
        let mut left = parts[0].clone();
        left.merge(&parts[1]);
        left.merge(&parts[2]);
        let mut right = parts[2].clone();
        right.merge(&parts[1]);
        let mut outer = right.clone();
        outer.merge(&parts[0]);
        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&outer, &whole);
        prop_assert_eq!(left.resolve(), whole.resolve());
        outer.merge(&whole);
        prop_assert_eq!(&outer, &whole);
    }

    #[test]
    fn the_links_are_the_whole_state(said in said()) {
        let whole = graph(said.iter().copied());
        let mut again = IdentityGraph::default();
        for link in whole.links() {
            again.insert(&link);
        }
        prop_assert_eq!(whole.links().count(), whole.n_links());
        prop_assert_eq!(again, whole);
    }

    #[test]
    fn every_merge_is_explained_by_events(said in said()) {
        let resolution = graph(said.iter().copied()).resolve();
        let identities: Vec<Identity> = IDS[1..6].iter().flat_map(|id| [Identity::user(id), Identity::anonymous(id)]).collect();
        for from in &identities {
            for to in &identities {
                check_chain(&resolution, &said, from, to);
            }
        }
    }

    #[test]
    fn every_identity_is_listed_by_its_own_profile_once(said in said()) {
        let resolution = graph(said.iter().copied()).resolve();
        let mut listed = BTreeSet::new();
        for (profile, identities) in resolution.linked() {
            prop_assert!(identities.contains(&profile.identity()));
            for identity in identities {
                prop_assert!(listed.insert(identity.clone()), "{} is listed twice", identity);
                prop_assert_eq!(resolution.identities(&ProfileId::of(identity)), identities);
            }
        }
    }
}
