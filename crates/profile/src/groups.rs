//! Groups: the accounts and households that profiles belong to.
//!
//! Every event with a group id says that its carrier belongs to that group; kept is the
//! first and the last event that says so. A profile may belong to several groups, and
//! its current one is the one stated last. As with identities, statements are kept for
//! carriers and the profiles are found at reading time, so that a split takes its groups
//! along.

use std::collections::BTreeMap;

use throng_event::{Event, EventKey, Instant};

use crate::intern::{Interner, Table, hash, next_number};
use crate::{IdentityRules, Proof, Resolution};

/// What an event says about groups, for callers that hold columns.
#[derive(Debug, Clone, Copy)]
pub struct GroupStatement<'a> {
    /// The known person, if any.
    pub user_id: Option<&'a str>,
    /// The device or cookie, or the written external id in its place, if any.
    pub anonymous_id: Option<&'a str>,
    /// The group.
    pub group_id: &'a str,
    /// When it happened.
    pub occurred_at: Instant,
    /// Its place among events of that instant.
    pub key: EventKey,
}

/// One group a profile belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Belonging {
    /// The last event that says so; the latest of a profile's is its current group.
    pub last: Proof,
    /// The group.
    pub group_id: String,
    /// The first event that says so.
    pub first: Proof,
}

/// Who was said to belong to which group, and when.
///
/// Two are equal when they say the same, in whatever order they learnt it.
#[derive(Debug, Clone)]
pub struct Groups {
    rules: IdentityRules,
    /// Carriers, written, and group ids with a prefix that no identity has.
    names: Interner<()>,
    spans: Vec<Span>,
    table: Table,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    carrier: u32,
    group: u32,
    first: Proof,
    last: Proof,
}

/// Tells group ids from written identities.
const GROUP_PREFIX: &str = "g:";

impl Groups {
    /// Returns an empty fold that goes by these rules: values that stand for nobody are
    /// neither carriers nor groups.
    #[must_use]
    pub fn new(rules: IdentityRules) -> Self {
        Self { rules, names: Interner::default(), spans: Vec::new(), table: Table::default() }
    }

    /// Takes in what an event says about groups.
    pub fn update(&mut self, event: &Event) {
        let Some(group_id) = event.group_id.as_deref() else { return };
        let (occurred_at, key) = event.position();
        let (user_id, anonymous_id) = (event.user_id.as_deref(), event.anonymous_id.as_deref());
        self.observe(&GroupStatement { user_id, anonymous_id, group_id, occurred_at, key });
    }

    /// Takes in one statement.
    pub fn observe(&mut self, statement: &GroupStatement<'_>) {
        let Some((kind, value)) = self.rules.carrier(statement.user_id, statement.anonymous_id) else { return };
        if self.rules.blocked.contains(statement.group_id) {
            return;
        }
        let carrier = self.names.intern(kind.prefix(), value, ());
        let group = self.names.intern(GROUP_PREFIX, statement.group_id, ());
        let proof = Proof { occurred_at: statement.occurred_at, key: statement.key };
        self.widen(Span { carrier, group, first: proof, last: proof });
    }

    /// Takes in everything another fold of the same rules has seen; commutative and
    /// associative.
    pub fn merge(&mut self, other: &Self) {
        assert!(self.rules == other.rules, "groups of different rules are not merged");
        for span in &other.spans {
            let mut name = |number| {
                let (prefix, value) = other.names.text(number).split_at(2);
                self.names.intern(prefix, value, ())
            };
            let (carrier, group) = (name(span.carrier), name(span.group));
            self.widen(Span { carrier, group, ..*span });
        }
    }

    fn widen(&mut self, span: Span) {
        let key = (span.carrier, span.group);
        let hash = hash(&key);
        let same = |position: u32| (self.spans[position as usize].carrier, self.spans[position as usize].group) == key;
        match self.table.find(hash, same) {
            Some(position) => {
                let known = &mut self.spans[position as usize];
                known.first = known.first.min(span.first);
                known.last = known.last.max(span.last);
            }
            None => {
                self.table.insert(hash, next_number(self.spans.len()));
                self.spans.push(span);
            }
        }
    }

    /// Returns the groups of every profile that has any, by its number; the current
    /// group last.
    #[must_use]
    pub fn of_profiles(&self, resolution: &Resolution) -> BTreeMap<u32, Vec<Belonging>> {
        let mut spans: BTreeMap<(u32, u32), (Proof, Proof)> = BTreeMap::new();
        for span in &self.spans {
            let Some(number) = resolution.number_of_written(self.names.text(span.carrier)) else { continue };
            let known = spans.entry((number, span.group)).or_insert((span.first, span.last));
            *known = (known.0.min(span.first), known.1.max(span.last));
        }
        let mut profiles: BTreeMap<u32, Vec<Belonging>> = BTreeMap::new();
        for ((number, group), (first, last)) in spans {
            let group_id = self.names.text(group).split_at(2).1.to_owned();
            profiles.entry(number).or_default().push(Belonging { last, group_id, first });
        }
        profiles.values_mut().for_each(|belongings| belongings.sort_unstable());
        profiles
    }

    /// Returns every carrier, written, with its groups: the state of the fold.
    fn statements(&self) -> BTreeMap<(&str, &str), (Proof, Proof)> {
        let written = |span: &Span| (self.names.text(span.carrier), self.names.text(span.group));
        self.spans.iter().map(|span| (written(span), (span.first, span.last))).collect()
    }
}

impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules && self.statements() == other.statements()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throng_event::{EventId, Identity};

    use super::*;
    use crate::{Decision, IdentityGraph, Observation, Verdict};

    /// One event: (second, user id, cookie, group id), "" for absent.
    type Said = (i64, &'static str, &'static str, &'static str);

    fn present(id: &'static str) -> Option<&'static str> {
        Some(id).filter(|id| !id.is_empty())
    }

    fn key(said: &Said) -> EventKey {
        EventId(format!("{said:?}")).key()
    }

    fn groups<'a>(said: impl IntoIterator<Item = &'a Said>) -> Groups {
        let mut groups = Groups::new(IdentityRules::standard());
        for event in said {
            let &(at, user, cookie, group_id) = event;
            let (user_id, anonymous_id) = (present(user), present(cookie));
            let occurred_at = Instant(at);
            groups.observe(&GroupStatement { user_id, anonymous_id, group_id, occurred_at, key: key(event) });
        }
        groups
    }

    fn graph(said: &[Said]) -> IdentityGraph {
        let mut graph = IdentityGraph::new(IdentityRules::standard());
        for event in said {
            let &(at, user, cookie, _) = event;
            let (user_id, anonymous_id, previous_id) = (present(user), present(cookie), None);
            let occurred_at = Instant(at);
            graph.observe(&Observation { user_id, anonymous_id, previous_id, occurred_at, key: key(event) }, []);
        }
        graph
    }

    fn check(said: &[Said], decisions: &[Decision], expected: &str) {
        let resolution = graph(said).resolve(decisions, &[]);
        let shown = |(number, belongings): (u32, Vec<Belonging>)| {
            let span =
                |one: &Belonging| format!("{} {}-{}", one.group_id, one.first.occurred_at.0, one.last.occurred_at.0);
            let spans: Vec<String> = belongings.iter().map(span).collect();
            format!("{}: {}", resolution.profile_id(number), spans.join(", "))
        };
        let profiles: Vec<String> = groups(said).of_profiles(&resolution).into_iter().map(shown).collect();
        assert_eq!(profiles.join(" | "), expected, "{said:?}");
    }

    #[test]
    fn a_profile_has_all_its_groups_the_current_one_last() {
        check(
            &[(1, "7", "", "acme"), (2, "7", "", "bolt"), (9, "7", "", "acme"), (3, "8", "", "bolt")],
            &[],
            "u:7: bolt 2-2, acme 1-9 | u:8: bolt 3-3",
        );
    }

    #[test]
    fn what_a_cookie_states_is_the_profiles_and_goes_with_it() {
        let said = [(1, "", "c", "acme"), (5, "7", "c", "")];
        check(&said, &[], "u:7: acme 1-1");
        let (a, b) = (Identity::user("7"), Identity::anonymous("c"));
        check(&said, &[Decision { verdict: Verdict::Split, a, b, at: Instant(9) }], "a:c: acme 1-1");
    }

    #[test]
    fn nobody_and_no_group_say_nothing() {
        check(&[(1, "null", "0", "acme"), (2, "7", "", "null"), (3, "8", "", "")], &[], "");
    }

    fn said() -> impl Strategy<Value = Vec<Said>> {
        let one = |ids: &[&'static str]| prop::sample::select(ids.to_vec());
        let event = (0_i64..6, one(&["", "1", "2", "null"]), one(&["", "a", "b"]), one(&["", "acme", "bolt", "cord"]));
        prop::collection::vec(event, 0..24)
    }

    proptest! {
        #[test]
        fn order_chunks_and_repeats_do_not_matter(said in said(), cut in 0_usize..24) {
            let whole = groups(&said);
            let (head, tail) = said.split_at(cut.min(said.len()));
            let mut chunks = groups(tail.iter().rev());
            chunks.merge(&groups(head));
            prop_assert_eq!(&chunks, &whole);
            let mut other_way = groups(head);
            other_way.merge(&groups(tail));
            prop_assert_eq!(&other_way, &whole);
            chunks.merge(&whole);
            prop_assert_eq!(&chunks, &whole);
            let resolution = graph(&said).resolve(&[], &[]);
            prop_assert_eq!(chunks.of_profiles(&resolution), whole.of_profiles(&resolution));
        }

        #[test]
        fn the_current_group_is_the_one_stated_last(said in said()) {
            let resolution = graph(&said).resolve(&[], &[]);
            let of_profiles = groups(&said).of_profiles(&resolution);
            for (number, belongings) in &of_profiles {
                let of_profile = |event: &&Said| resolution.number(present(event.1), present(event.2)) == Some(*number);
                let last = said.iter().filter(|event| !event.3.is_empty()).filter(of_profile).max_by_key(|event| (event.0, key(event)));
                prop_assert_eq!(belongings.last().map(|one| one.group_id.as_str()), last.map(|event| event.3));
            }
        }
    }
}
