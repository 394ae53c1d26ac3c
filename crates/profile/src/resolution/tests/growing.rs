//! The resolution that grows event by event says at every moment what the graph of the
//! same events says when it is resolved at once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::laws::{IDS, rules, said};
use super::*;
use crate::{Changes, GrowingResolution, IdentityRow, LinkRow, RowError};

/// What arrives.
#[derive(Debug, Clone)]
enum Arrival {
    Event(Said),
    Decision(Decision),
    /// In place of what was proposed before.
    Proposals(Vec<Proposal>),
}

/// A resolution that grows, beside what it must agree with.
struct Pair {
    growing: GrowingResolution,
    graph: IdentityGraph,
    decisions: Vec<Decision>,
    proposals: Vec<Proposal>,
    /// The profile of every carrier, as the changes tell.
    told: BTreeMap<u32, u32>,
}

impl Pair {
    fn new(rules: &IdentityRules) -> Self {
        let (growing, graph) = (GrowingResolution::new(rules.clone()), IdentityGraph::new(rules.clone()));
        Self { growing, graph, decisions: Vec::new(), proposals: Vec::new(), told: BTreeMap::new() }
    }

    fn take(&mut self, arrival: &Arrival) {
        let changes = match arrival {
            Arrival::Event(event) => {
                event.observe(&mut self.graph);
                let external_ids = event.others.iter().map(|id| (id.kind, id.value.as_str()));
                self.growing.observe(&event.observation(), external_ids)
            }
            Arrival::Decision(decision) => {
                self.decisions.push(decision.clone());
                self.growing.decide(decision)
            }
            Arrival::Proposals(proposals) => {
                self.proposals.clone_from(proposals);
                self.growing.propose(proposals)
            }
        };
        let (carrier, profiles) = (changes.carrier, changes.profiles());
        for one in changes.moves {
            assert_ne!(one.from, Some(one.to), "a move leads elsewhere");
            assert_eq!(self.told.insert(one.carrier, one.to), one.from, "{one:?}");
            assert!(profiles.contains(&one.to));
            assert!(one.from.is_none_or(|from| profiles.contains(&from)));
        }
        if let Arrival::Event(event) = arrival {
            assert_eq!(carrier, self.growing.carrier(event.user.as_deref(), event.anonymous.as_deref()));
            assert_eq!(carrier.is_some(), carrier.is_some_and(|carrier| self.told.contains_key(&carrier)));
        }
    }

    fn check(&self) {
        let growing = &self.growing;
        let resolution = self.graph.resolve(&self.decisions, &self.proposals);
        assert_eq!(growing.graph(), &self.graph);
        assert_eq!(growing.n_profiles(), resolution.n_profiles());
        let mut told = BTreeMap::new();
        let mut profiles: Vec<&str> = growing.profiles().map(|profile| growing.written_id(profile)).collect();
        profiles.sort_unstable();
        assert!(profiles.into_iter().eq(resolution.profile_ids()));
        for profile in growing.profiles() {
            assert!(growing.is_profile(profile));
            let identities = growing.identities(profile);
            let number = resolution.number_of(&growing.identity(profile)).unwrap();
            assert_eq!(growing.profile_id(profile), resolution.profile_id(number));
            let expected: Vec<Identity> = resolution.identities(number).collect();
            assert_eq!(identities.iter().map(|(identity, _)| identity.clone()).collect::<Vec<_>>(), expected);
            assert_eq!(growing.members(profile).count(), expected.len());
            told.extend(growing.carriers(profile).map(|carrier| (carrier, profile)));
            for (identity, first_seen) in identities {
                let member = growing.number_of(&identity).unwrap();
                assert_eq!(growing.profile(member), Some(profile));
                let row = growing.graph().identity_rows().nth(member as usize).unwrap();
                assert_eq!(row.first_seen, first_seen);
                let chain = resolution.why(&identity, &growing.identity(profile));
                assert_eq!(growing.why(member, profile), chain);
            }
        }
        assert_eq!(self.told, told, "the changes keep a map of carriers right");
    }

    fn restored(&self) -> GrowingResolution {
        let graph = self.growing.graph();
        let rules = graph.rules().clone();
        let graph = IdentityGraph::from_rows(rules, graph.identity_rows(), graph.link_rows()).unwrap();
        assert_eq!(&graph, self.growing.graph());
        GrowingResolution::from_graph(graph, &self.decisions, &self.proposals)
    }
}

fn check(rules: &IdentityRules, arrivals: &[Arrival]) {
    let mut pair = Pair::new(rules);
    pair.check();
    for arrival in arrivals {
        pair.take(arrival);
        pair.check();
    }
}

fn check_lines(rules: &IdentityRules, lines: &[String]) {
    let arrivals: Vec<Arrival> = lines.iter().map(|line| Arrival::Event(Said::parse(line))).collect();
    check(rules, &arrivals);
}

/// Returns the moves of a change, written.
fn written(growing: &GrowingResolution, moves: &[crate::Move]) -> String {
    let name = |identity: u32| growing.written_id(identity).to_owned();
    let one = |moved: &crate::Move| {
        format!("{} {} {}", name(moved.carrier), moved.from.map_or("-".to_owned(), name), name(moved.to))
    };
    moves.iter().map(one).collect::<Vec<_>>().join(" | ")
}

/// Checks what the last of these lines changes.
fn check_moves(lines: &[&str], expected: &str) {
    let mut growing = GrowingResolution::new(IdentityRules::standard());
    let mut moves = Vec::new();
    for event in lines.iter().map(|line| Said::parse(line)) {
        let external_ids = event.others.iter().map(|id| (id.kind, id.value.as_str()));
        moves = growing.observe(&event.observation(), external_ids).moves.to_vec();
    }
    assert_eq!(written(&growing, &moves), expected, "{lines:?}");
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let verdict = prop::sample::select(vec![Verdict::Merge, Verdict::Merge, Verdict::Split]);
    let one = || prop::sample::select(IDS.to_vec());
    let decisions = prop::collection::vec((verdict, one(), one(), 0_i64..40, 0_usize..24), 0..6);
    let probability = prop::sample::select(vec![0.3, 0.7, 0.7, 0.8, 0.95, 1.0, f64::NAN]);
    let proposal =
        (one(), one(), probability).prop_map(|(a, b, probability)| Proposal { a: id(a), b: id(b), probability });
    let proposals = prop::collection::vec((prop::collection::vec(proposal, 0..9), 0_usize..24), 0..4);
    (said(), decisions, prop::collection::vec((0_usize..24, 0_usize..24), 0..4), any::<bool>(), proposals).prop_map(
        |(mut said, decisions, repeats, in_order, proposals)| {
            if in_order {
                said.sort_by_key(|event| event.proof);
            }
            let mut arrivals: Vec<Arrival> = said.into_iter().map(Arrival::Event).collect();
            for (from, to) in repeats {
                if let Some(again) = arrivals.get(from).cloned() {
                    arrivals.insert(to.min(arrivals.len()), again);
                }
            }
            for (verdict, a, b, day, place) in decisions {
                let one = Arrival::Decision(decision(verdict, (a, b), day * 86_400));
                arrivals.insert(place.min(arrivals.len()), one);
            }
            for (proposals, place) in proposals {
                arrivals.insert(place.min(arrivals.len()), Arrival::Proposals(proposals));
            }
            arrivals
        },
    )
}

/// Events with more own kinds of external ids than are counted apart.
fn many_own_kinds() -> impl Strategy<Value = Vec<String>> {
    let external = || (0_u32..90, 0_u32..3).prop_map(|(own, value)| format!("x:kind{own}:{value}"));
    let event = (0_i64..40, 0_u32..12, prop::collection::vec(external(), 1..4))
        .prop_map(|(day, user, others)| format!("{} u:{user} {}", day * 86_400, others.join(" ")));
    prop::collection::vec(event, 60..110)
}

proptest! {
    #[test]
    fn growing_says_after_every_arrival_what_resolving_says(rules in rules(), arrivals in arrivals()) {
        check(&rules, &arrivals);
    }

    #[test]
    fn a_restored_one_goes_on_with_the_same_numbers(rules in rules(), arrivals in arrivals(), cut in 0_usize..30) {
        let mut pair = Pair::new(&rules);
        let (before, after) = arrivals.split_at(cut.min(arrivals.len()));
        before.iter().for_each(|arrival| pair.take(arrival));
        let mut restored = pair.restored();
        std::mem::swap(&mut pair.growing, &mut restored);
        pair.check();
        for arrival in after {
            pair.take(arrival);
            pair.check();
            match arrival {
                Arrival::Event(event) => {
                    let external_ids = event.others.iter().map(|id| (id.kind, id.value.as_str()));
                    restored.observe(&event.observation(), external_ids);
                }
                Arrival::Decision(decision) => drop(restored.decide(decision).profiles()),
                Arrival::Proposals(proposals) => drop(restored.propose(proposals).profiles()),
            }
        }
        prop_assert!(restored.graph().identity_rows().eq(pair.growing.graph().identity_rows()));
        prop_assert!(restored.profiles().eq(pair.growing.profiles()));
    }
}

/// Events of many people who share devices with their neighbours, in no order of time, so
/// that one link may move many to other profiles.
fn neighbours() -> impl Strategy<Value = Vec<String>> {
    let event = (0_i64..400, 0_u32..24, 0_u32..3, prop::sample::select(vec!["a", "d", "e"]))
        .prop_map(|(hour, user, step, kind)| format!("{} u:{user} {kind}:{}", hour * 3_600, user + step));
    prop::collection::vec(event, 60..160)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_one_link_moves_is_followed_as_far_as_it_goes(lines in neighbours(), shared_above in 1_u32..5, values_max in 1_u32..4) {
        let mut rules = IdentityRules { shared_above, ..IdentityRules::standard() };
        let limit = IdentityLimit { values_max, period: Period::Weekly };
        rules.limits.insert(IdentityKind::AnonymousId, limit);
        check_lines(&rules, &lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn own_kinds_that_become_frequent_are_counted_apart(lines in many_own_kinds(), shared_above in 1_u32..4, values_max in 1_u32..3) {
        let limit = IdentityLimit { values_max, period: Period::Ever };
        let mut rules = IdentityRules { shared_above, ..IdentityRules::standard() };
        rules.limits.insert(IdentityKind::External, limit);
        check_lines(&rules, &lines);
    }
}

#[test]
fn a_late_event_parts_what_was_joined() {
    check_moves(&["5 u:1 a:tablet", "6 a:tablet", "3 u:2 a:tablet"], "a:tablet u:1 u:2 | u:2 - u:2");
}

#[test]
fn a_visitor_who_signs_up_is_of_another_profile() {
    check_moves(&["1 a:c", "5 u:7 a:c"], "a:c a:c u:7 | u:7 - u:7");
}

#[test]
fn an_id_that_gets_its_first_event_and_the_name_at_once_is_new() {
    check_moves(
        &["4 e:b@b.de", "5 e:b@b.de e:a@b.de", "1 e:a@b.de"],
        "e:b@b.de e:b@b.de e:a@b.de | e:a@b.de - e:a@b.de",
    );
}

#[test]
fn an_alias_ends_one_profile_and_the_other_has_its_carriers() {
    check_moves(&["1 u:old a:c", "2 a:c", "5 u:new <old"], "u:old u:old u:new | a:c u:old u:new | u:new - u:new");
}

#[test]
fn what_was_said_before_changes_nothing() {
    let lines = ["1 a:c", "2 u:7 a:c e:a@b.de", "3 u:7 a:c e:a@b.de"];
    check_moves(&lines, "");
    check_moves(&["1 u:null a:0"], "");
    // An identity that carries nothing moves no carrier.
    check_moves(&["1 u:7", "2 u:7 e:a@b.de"], "");
}

#[test]
fn nobody_is_told_for_an_event_that_stands_for_nobody() {
    let mut growing = GrowingResolution::new(IdentityRules::standard());
    let nobody = Said::parse("1 u:null a:0");
    assert_eq!(growing.observe(&nobody.observation(), []), Changes { carrier: None, moves: &[] });
    assert_eq!((growing.n_profiles(), growing.carrier(Some("7"), None)), (0, None));
}

#[test]
fn a_decision_may_join_and_part_what_is_shared() {
    let mut rules = IdentityRules::standard();
    rules.shared_above = 2;
    let mut pair = Pair::new(&rules);
    let event = |line: &str| Arrival::Event(Said::parse(line));
    let decide = |verdict, second| Arrival::Decision(decision(verdict, ("u:9", "p:+49"), second));
    pair.take(&decide(Verdict::Merge, 9));
    for user in 0..12 {
        pair.take(&event(&format!("{user} u:{user} p:+49")));
        pair.check();
    }
    assert_eq!(pair.growing.profile(pair.growing.number_of(&id("p:+49")).unwrap()), pair.growing.number_of(&id("u:9")));
    for arrival in [decide(Verdict::Split, 10), event("20 p:+49"), event("0 u:99 p:+49"), decide(Verdict::Merge, 11)] {
        pair.take(&arrival);
        pair.check();
    }
}

#[test]
fn rows_that_are_no_graph_are_refused() {
    let proof = Proof { occurred_at: Instant(1), key: EventKey(1) };
    let seen = |written| IdentityRow { written, first_seen: Some(proof), carries: true };
    let check = |identities: &[IdentityRow<'_>], links: &[LinkRow], expected: RowError| {
        let rows = IdentityGraph::from_rows(IdentityRules::standard(), identities.to_vec(), links.to_vec());
        assert_eq!(rows.err(), Some(expected), "{identities:?} {links:?}");
    };
    check(&[seen("u:1"), seen("nobody")], &[], RowError::NoIdentity { row: 1 });
    check(&[seen("u:1"), seen("u:1")], &[], RowError::RepeatedIdentity { row: 1 });
    check(&[IdentityRow { first_seen: None, ..seen("u:1") }], &[], RowError::UnseenCarrier { row: 0 });
    let link = LinkRow { from: 1, to: 0, kind: LinkKind::SeenTogether, proof };
    let ids = [seen("u:1"), seen("a:1")];
    for bad in [
        LinkRow { from: 2, ..link },
        LinkRow { to: u32::MAX, ..link },
        LinkRow { to: 1, ..link },
        LinkRow { kind: LinkKind::Aliased, ..link },
        LinkRow { kind: LinkKind::Stated, ..link },
        LinkRow { kind: LinkKind::Proposed, ..link },
    ] {
        check(&ids, &[bad], RowError::NoLink { row: 0 });
    }
    check(&ids, &[link, link], RowError::RepeatedLink { row: 1 });
    check(&ids, &[link, LinkRow { from: 0, to: 1, ..link }], RowError::RepeatedLink { row: 1 });
}
