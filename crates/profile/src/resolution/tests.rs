//! What the rules of resolution say on small histories; `laws.rs` has random ones.

mod growing;
mod laws;
mod naive;

use throng_event::{EventId, EventKey, Identity, IdentityKind, Instant};

use crate::{
    BlockedValues, Decision, IdentityGraph, IdentityLimit, IdentityRules, LinkKind, Observation, Period, ProfileId,
    Proof, Proposal, Refusal, Resolution, Verdict,
};

/// One event, as a line: the second, then written ids (`5 u:7 a:cookie e:ann`); `<old`
/// is the previous id of an alias. Without `u:` and `a:` the first other id stands in
/// for the cookie, as at admission.
#[derive(Clone)]
struct Said {
    line: String,
    proof: Proof,
    user: Option<String>,
    anonymous: Option<String>,
    previous: Option<String>,
    others: Vec<Identity>,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.line)
    }
}

impl Said {
    fn parse(line: &str) -> Self {
        let (second, ids) = line.split_once(' ').unwrap();
        let occurred_at = Instant(second.parse::<i64>().unwrap() * Instant::SECOND);
        let proof = Proof { occurred_at, key: EventId(line.to_owned()).key() };
        let of = |prefix| ids.split(' ').find_map(|id| id.strip_prefix(prefix)).map(str::to_owned);
        let (user, anonymous, previous) = (of("u:"), of("a:"), of("<"));
        let other = |id: &&str| !["u:", "a:", "<"].iter().any(|prefix| id.starts_with(prefix));
        let others: Vec<Identity> = ids.split(' ').filter(other).map(|id| Identity::parse(id).unwrap()).collect();
        let stands_in = || others.first().filter(|_| user.is_none()).map(Identity::to_string);
        let anonymous = anonymous.or_else(stands_in);
        Self { line: line.to_owned(), proof, user, anonymous, previous, others }
    }

    fn observation(&self) -> Observation<'_> {
        Observation {
            user_id: self.user.as_deref(),
            anonymous_id: self.anonymous.as_deref(),
            previous_id: self.previous.as_deref(),
            occurred_at: self.proof.occurred_at,
            key: self.proof.key,
        }
    }

    fn observe(&self, graph: &mut IdentityGraph) {
        graph.observe(&self.observation(), self.others.iter().map(|id| (id.kind, id.value.as_str())));
    }
}

fn graph<'a>(rules: &IdentityRules, said: impl IntoIterator<Item = &'a Said>) -> IdentityGraph {
    let mut graph = IdentityGraph::new(rules.clone());
    for event in said {
        event.observe(&mut graph);
    }
    graph
}

fn id(text: &str) -> Identity {
    Identity::parse(text).unwrap()
}

fn decision(verdict: Verdict, pair: (&str, &str), second: i64) -> Decision {
    Decision { verdict, a: id(pair.0), b: id(pair.1), at: Instant(second * Instant::SECOND) }
}

/// The profiles, the canonical identity of each first.
fn shown(resolution: &Resolution) -> String {
    let profile = |(number, canonical): (u32, &str)| {
        let others = resolution.identities(number).map(|identity| identity.to_string());
        let others = others.filter(|identity| identity != canonical);
        std::iter::once(canonical.to_owned()).chain(others).collect::<Vec<_>>().join(" ")
    };
    (0..).zip(resolution.profile_ids()).map(profile).collect::<Vec<_>>().join(" | ")
}

/// A history and what is to be found in it.
struct Case {
    rules: IdentityRules,
    decisions: Vec<Decision>,
    proposals: Vec<Proposal>,
}

impl Case {
    fn standard() -> Self {
        Self { rules: IdentityRules::standard(), decisions: Vec::new(), proposals: Vec::new() }
    }

    fn limited(kind: IdentityKind, values_max: u32, period: Period) -> Self {
        let mut case = Self::standard();
        case.rules.limits.insert(kind, IdentityLimit { values_max, period });
        case
    }

    fn resolve(&self, lines: &[&str]) -> Resolution {
        let said: Vec<Said> = lines.iter().map(|line| Said::parse(line)).collect();
        let resolution = graph(&self.rules, &said).resolve(&self.decisions, &self.proposals);
        let reversed = graph(&self.rules, said.iter().rev()).resolve(&self.decisions, &self.proposals);
        assert_eq!(resolution, reversed, "whichever way round the events come");
        resolution
    }

    fn check(&self, lines: &[&str], expected: &str) {
        assert_eq!(shown(&self.resolve(lines)), expected, "{lines:?}");
    }
}

fn check(lines: &[&str], expected: &str) {
    Case::standard().check(lines, expected);
}

fn refusals(resolution: &Resolution) -> Vec<(String, Refusal)> {
    let shown = |refused: crate::RefusedLink| (format!("{} {}", refused.link.from, refused.link.to), refused.reason);
    resolution.refused().map(shown).collect()
}

#[test]
fn an_id_no_event_links_is_its_own_profile() {
    check(&["1 u:7", "2 a:cookie", "3 e:ann@b.de"], "a:cookie | e:ann@b.de | u:7");
}

#[test]
fn what_a_device_did_before_login_belongs_to_the_user() {
    check(&["1 a:cookie", "5 u:7 a:cookie"], "u:7 a:cookie");
}

#[test]
fn ids_of_every_kind_link_and_the_most_telling_names_the_profile() {
    check(&["1 a:c e:ann@b.de p:+49 x:crm:7 d:phone"], "e:ann@b.de p:+49 x:crm:7 d:phone a:c");
    check(&["1 a:c e:ann@b.de", "2 u:7 e:ann@b.de"], "u:7 e:ann@b.de a:c");
    check(&["1 e:ann@b.de p:+49", "2 p:+49 x:crm:7"], "e:ann@b.de p:+49 x:crm:7");
}

#[test]
fn of_one_kind_the_first_seen_names_the_profile() {
    check(&["5 e:b@b.de e:a@b.de", "1 p:+49 e:b@b.de"], "e:b@b.de e:a@b.de p:+49");
}

#[test]
fn the_priority_of_the_home_names_the_profile() {
    let mut case = Case::standard();
    case.rules.priority = vec![IdentityKind::Email];
    case.check(&["1 u:7 e:ann@b.de"], "e:ann@b.de u:7");
}

#[test]
fn a_shared_device_belongs_to_its_first_user_and_merges_nobody() {
    check(&["9 u:late a:tablet", "5 u:early a:tablet", "7 a:tablet"], "u:early a:tablet | u:late");
    let resolution = Case::standard().resolve(&["9 u:late a:tablet", "5 u:early a:tablet"]);
    let too_many = Refusal::Limit(IdentityKind::UserId);
    assert_eq!(refusals(&resolution), [("a:tablet u:late".to_owned(), too_many)]);
}

#[test]
fn a_value_over_the_limit_stays_a_profile_of_its_own() {
    let lines = ["1 u:7 a:a", "2 u:7 a:b", "3 u:7 a:c", "4 a:a", "4 a:b", "4 a:c"];
    Case::limited(IdentityKind::AnonymousId, 2, Period::Ever).check(&lines, "a:c | u:7 a:a a:b");
    Case::limited(IdentityKind::AnonymousId, 0, Period::Ever).check(&lines, "a:a | a:b | a:c | u:7");
}

#[test]
fn a_limit_of_a_period_counts_what_was_first_seen_within_it() {
    let week = 7 * 86_400;
    let lines = [
        "1 u:7 a:a".to_owned(),
        format!("{week} u:7 a:b"),
        format!("{} u:7 a:c", week + 1),
        format!("{} a:b", 2 * week),
        format!("{} a:c", 2 * week),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    Case::limited(IdentityKind::AnonymousId, 1, Period::Weekly).check(&lines, "a:b | u:7 a:a a:c");
    Case::limited(IdentityKind::AnonymousId, 1, Period::Monthly).check(&lines, "a:b | a:c | u:7 a:a");
}

#[test]
fn external_ids_are_limited_apart_by_their_own_kind() {
    let lines = ["1 u:7 x:crm:1 x:shop:1", "2 u:7 x:crm:2", "3 x:crm:2"];
    Case::limited(IdentityKind::External, 1, Period::Ever).check(&lines, "u:7 x:crm:1 x:shop:1 | x:crm:2");
}

#[test]
fn an_id_seen_with_many_people_links_nobody() {
    let mut case = Case::standard();
    case.rules.shared_above = 2;
    let lines = ["1 u:1 p:+49", "2 u:2 p:+49", "3 u:3 p:+49", "4 p:+49"];
    case.check(&lines, "p:+49 | u:1 | u:2 | u:3");
    assert_eq!(case.resolve(&lines).shared().collect::<Vec<_>>(), [id("p:+49")]);
    case.check(&lines[1..], "u:2 p:+49 | u:3");
    // Of its own kind: an agent's address in copy of everyone's mail.
    case.check(
        &["1 e:a@b.de e:help@b.de", "2 e:c@b.de e:help@b.de", "3 e:d@b.de e:help@b.de"],
        "e:a@b.de | e:c@b.de | e:d@b.de",
    );
}

#[test]
fn many_devices_of_one_person_are_not_shared() {
    let mut case = Case::standard();
    case.rules.shared_above = 1;
    case.check(&["1 e:a@b.de d:1", "2 e:a@b.de d:2", "3 e:a@b.de d:3"], "e:a@b.de d:1 d:2 d:3");
}

#[test]
fn an_alias_merges_and_the_earliest_names_the_profile() {
    check(&["1 u:old", "5 u:new <old", "9 u:newest <new"], "u:new u:newest u:old");
}

#[test]
fn an_alias_of_a_cookie_attaches_the_cookie() {
    check(&["1 a:cookie", "5 u:7 <cookie"], "u:7 a:cookie");
    check(&["1 e:ann@b.de", "5 u:7 <e:ann@b.de"], "u:7 e:ann@b.de");
}

#[test]
fn an_alias_of_a_value_of_both_kinds_attaches_both() {
    check(&["1 a:v", "2 u:v", "5 u:7 <v"], "u:7 u:v a:v");
}

#[test]
fn two_accounts_aliased_from_one_cookie_stay_two_people() {
    let lines = ["1 a:cookie", "5 u:first <cookie", "6 u:second <cookie"];
    check(&lines, "u:first a:cookie | u:second");
    let reason = Refusal::AliasedBefore;
    assert_eq!(refusals(&Case::standard().resolve(&lines)), [("a:cookie u:second".to_owned(), reason)]);
}

#[test]
fn an_alias_of_another_users_cookie_does_not_join_the_users() {
    check(&["1 u:1 a:cookie", "5 u:2 <cookie"], "u:1 a:cookie | u:2");
}

#[test]
fn an_alias_to_itself_or_without_user_says_nothing() {
    for line in ["5 u:7 <7", "5 a:cookie <7"] {
        assert_eq!(graph(&IdentityRules::standard(), [&Said::parse(line)]).n_links(), 0, "{line}");
    }
}

#[test]
fn aliases_in_a_circle_are_one_person() {
    check(&["5 u:b <a", "6 u:c <b", "7 u:a <c"], "u:b u:a u:c");
}

#[test]
fn values_that_stand_for_nobody_never_link() {
    for nobody in ["null", "Anonymous", "-1", "00000000-0000-0000-0000-000000000000"] {
        let lines = [
            format!("5 u:7 a:{nobody} e:{nobody} <{nobody}"),
            format!("6 u:{nobody} a:cookie"),
            format!("7 u:{nobody}"),
        ];
        check(&lines.each_ref().map(String::as_str), "a:cookie | u:7");
    }
    let mut case = Case::standard();
    case.rules.blocked = BlockedValues::new(["test*"]);
    case.check(&["1 u:7 e:test@b.de", "2 u:8 e:test@b.de", "3 e:test@b.de"], "u:7 | u:8");
}

#[test]
fn a_merge_by_decision_joins_users_and_a_split_parts_them_again() {
    let lines = ["1 u:1 a:a", "2 u:2 a:b"];
    let mut case = Case::standard();
    let before = case.resolve(&lines);
    case.decisions.push(decision(Verdict::Merge, ("u:1", "u:2"), 3));
    case.check(&lines, "u:1 u:2 a:a a:b");
    case.decisions.push(decision(Verdict::Split, ("u:2", "u:1"), 4));
    assert_eq!(case.resolve(&lines), before);
    case.decisions.push(decision(Verdict::Merge, ("u:2", "u:1"), 5));
    case.check(&lines, "u:1 u:2 a:a a:b");
}

#[test]
fn a_split_gives_the_device_to_the_next_in_line() {
    let mut case = Case::standard();
    case.decisions.push(decision(Verdict::Split, ("u:1", "a:tablet"), 9));
    let lines = ["1 u:1 a:tablet", "2 u:2 a:tablet"];
    case.check(&lines, "u:1 | u:2 a:tablet");
    assert_eq!(refusals(&case.resolve(&lines)), [("a:tablet u:1".to_owned(), Refusal::Split)]);
}

#[test]
fn a_decision_about_ids_no_event_names_waits() {
    let mut case = Case::standard();
    case.decisions.push(decision(Verdict::Merge, ("u:1", "u:2"), 9));
    case.check(&["1 u:1"], "u:1");
    case.check(&["1 u:1", "2 u:2"], "u:1 u:2");
}

#[test]
fn a_proposed_link_is_taken_from_the_threshold_on_and_within_limits() {
    let lines = ["1 u:1 a:a", "2 a:b", "3 u:2", "4 a:c"];
    let proposal = |a: &str, b: &str, probability| Proposal { a: id(a), b: id(b), probability };
    let proposals = vec![
        proposal("u:1", "a:b", 0.9),
        proposal("a:b", "u:2", 0.95),
        proposal("u:1", "a:c", 0.5),
        proposal("u:1", "a:c", f64::NAN),
        proposal("u:1", "u:none", 1.0),
    ];
    let mut case = Case { proposals, ..Case::standard() };
    case.check(&lines, "a:b | a:c | u:1 a:a | u:2");
    case.rules.proposed_min = Some(0.9);
    case.check(&lines, "a:c | u:1 a:a | u:2 a:b");
    let resolution = case.resolve(&lines);
    case.proposals.reverse();
    assert_eq!(case.resolve(&lines), resolution, "in whichever order they are proposed");
    assert_eq!(refusals(&resolution), [("a:b u:1".to_owned(), Refusal::Limit(IdentityKind::UserId))]);
    let link = resolution.link_of(&id("a:b")).unwrap();
    assert_eq!((link.kind, link.proof), (LinkKind::Proposed, None));
    case.decisions.push(decision(Verdict::Split, ("u:2", "a:b"), 9));
    case.check(&lines, "a:c | u:1 a:a a:b | u:2");
}

#[test]
fn why_names_the_events_between_two_identities() {
    let lines = ["5 u:7 a:phone", "6 u:7 a:laptop", "9 u:7 a:laptop", "1 u:old", "7 u:7 <old", "8 u:8"];
    let resolution = Case::standard().resolve(&lines);
    let why = |from: &str, to: &str| {
        let second = |proof: Proof| proof.occurred_at.0 / Instant::SECOND;
        let links = resolution.why(&id(from), &id(to))?;
        Some(links.into_iter().map(|link| (link.kind, link.proof.map(second))).collect::<Vec<_>>())
    };
    let together = LinkKind::SeenTogether;
    assert_eq!(why("a:phone", "a:laptop"), Some(vec![(together, Some(5)), (together, Some(6))]));
    assert_eq!(why("u:old", "u:7"), Some(vec![(LinkKind::Aliased, Some(7))]));
    assert_eq!(why("a:phone", "a:phone"), Some(vec![]));
    assert_eq!(why("a:phone", "u:8"), None);
    assert_eq!(why("a:phone", "u:unknown"), None);
}

#[test]
fn profiles_are_found_by_ids_and_numbers() {
    let resolution = Case::standard().resolve(&["5 u:7 a:c e:x@b.de", "6 a:z", "7 e:z@b.de", "8 u:8 a:c"]);
    assert_eq!(shown(&resolution), "a:z | e:z@b.de | u:7 e:x@b.de a:c | u:8");
    assert_eq!(resolution.n_profiles(), 4);
    let check = |user: Option<&str>, anonymous: Option<&str>, expected: Option<u32>| {
        assert_eq!(resolution.number(user, anonymous), expected, "{user:?} {anonymous:?}");
        let by_id = expected.map(|number| resolution.profile_id(number));
        assert_eq!(resolution.profile(user, anonymous), by_id, "{user:?} {anonymous:?}");
    };
    check(Some("7"), None, Some(2));
    check(Some("8"), Some("c"), Some(3));
    check(None, Some("c"), Some(2));
    check(Some("null"), Some("z"), Some(0));
    check(None, Some("e:z@b.de"), Some(1));
    check(None, None, None);
    check(Some("null"), Some("0"), None);
    assert_eq!(resolution.number_of(&id("e:x@b.de")), Some(2));
    assert_eq!(resolution.number(Some("9"), None), None);
    assert_eq!(resolution.profile(Some("9"), None), ProfileId::parse("u:9"));
    assert_eq!(resolution.linked().collect::<Vec<_>>(), [2]);
}

#[test]
fn an_empty_graph_has_no_profile() {
    let resolution = IdentityGraph::new(IdentityRules::standard()).resolve(&[], &[]);
    assert_eq!((resolution.n_profiles(), resolution.refused().len()), (0, 0));
    assert_eq!(resolution.number(Some("7"), None), None);
}
