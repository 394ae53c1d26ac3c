//! Journeys read from a table of events against SQL written independently, run by the
//! query engine on the same random events; clock ties, repeats and empty selections
//! included.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;
use throng_event::Instant;
use throng_journey::{
    Bracket, FlowOptions, FrictionOptions, Occurrence, Place, State, flow, frictions, path_profiles, retention,
    touchpoint_profiles, transition_profiles,
};
use throng_profile::IdentityRules;

use super::*;
use crate::context::{bare_session, collect};
use crate::rows::{batch, instants, integers, texts};

const NAMES: [&str; 4] = ["view", "add", "order", "browse"];

/// One event: whose, at which minute, what.
type Event = (u8, i64, usize);

const MINUTE: i64 = 60 * Instant::SECOND;

/// Events of few customers within few days, so that instants often coincide.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_u8..6, prop_oneof![0_i64..90, 0_i64..12_000], 0_usize..4);
    prop::collection::vec(event, 1..60)
}

fn table(events: &[Event]) -> RecordBatch {
    let external_ids = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
    let nulls = |data_type: &DataType| new_null_array(data_type, events.len());
    let users: ArrayRef = Arc::new(events.iter().map(|event| Some(format!("c{}", event.0))).collect::<StringArray>());
    // Keys that all differ, and are in no order.
    let keys = (0_i64..).zip(events).map(|(row, _)| Some((row * 7_919) % 10_007));
    let columns = vec![
        ("user_id", users),
        ("anonymous_id", nulls(&DataType::Utf8)),
        ("previous_id", nulls(&DataType::Utf8)),
        ("group_id", nulls(&DataType::Utf8)),
        ("external_ids", nulls(&external_ids)),
        ("kind", texts(events.iter().map(|_| Some("track")))),
        ("event", texts(events.iter().map(|event| Some(NAMES[event.2])))),
        ("p_path", texts(events.iter().map(|event| Some(format!("/p/{}?q={}", event.2 + 10, event.1))))),
        ("p_session_id", integers(events.iter().map(|event| Some(event.1 % 3)))),
        ("occurred_at", instants(events.iter().map(|event| Some(event.1 * MINUTE)))),
        ("event_key", integers(keys)),
        ("currency", texts(events.iter().map(|_| Some("EUR")))),
        ("amount_minor", integers(events.iter().map(|event| Some(event.1)))),
    ];
    batch(columns).unwrap()
}

/// A book of events and the tables beside it.
struct Case {
    runtime: tokio::runtime::Runtime,
    context: SessionContext,
    book: JourneyBook,
}

impl Case {
    fn new(events: &[Event], rules: &[TouchpointRule]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let context = bare_session(1).unwrap();
        context.register_batch("events", table(events)).unwrap();
        let reading = Reading {
            rules,
            source_sessions: true,
            currency: "EUR".parse().ok(),
            as_of: Calendar::utc().as_of(Day(9)),
        };
        let book = runtime.block_on(async {
            let people = People::read(&context, &IdentityRules::standard()).await.unwrap();
            JourneyBook::read(&context, &people, &reading).await.unwrap()
        });
        Self { runtime, context, book }
    }

    /// Returns the rows of a query: all columns but the last are texts, the last counts.
    fn sql(&self, query: &str) -> BTreeMap<Vec<String>, u64> {
        // What every question begins with: events in total order, sessions of half an hour.
        let query = format!(
            "WITH e AS (SELECT user_id AS u, event, (extract(epoch FROM occurred_at) / 60)::BIGINT AS m, \
               row_number() OVER (PARTITION BY user_id ORDER BY occurred_at, event_key) AS n FROM events), \
             g AS (SELECT *, CASE WHEN m - lag(m) OVER (PARTITION BY u ORDER BY n) <= 30 THEN 0 ELSE 1 END AS new FROM e), \
             s AS (SELECT u, event, m, n, sum(new) OVER (PARTITION BY u ORDER BY n) AS sid FROM g) {query}"
        );
        let rows = self.runtime.block_on(collect(&self.context, &query)).unwrap();
        let n_keys = rows.num_columns() - 1;
        let counts = arrow::compute::cast(rows.column(n_keys), &DataType::Int64).unwrap();
        let counts = counts.as_primitive::<Int64Type>();
        let keys = |row: usize| {
            let key = |column: usize| {
                let column = arrow::compute::cast(rows.column(column), &DataType::Utf8).unwrap();
                column.as_string::<i32>().value(row).to_owned()
            };
            (0..n_keys).map(key).collect::<Vec<_>>()
        };
        (0..rows.num_rows()).map(|row| (keys(row), u64::try_from(counts.value(row)).unwrap())).collect()
    }

    fn number(&self, query: &str) -> u64 {
        self.sql(query).into_values().next().unwrap()
    }

    fn name(&self, state: State) -> String {
        match state {
            State::Start => "(start)".to_owned(),
            State::Label(label) => self.book.name(label).to_owned(),
            State::End => "(end)".to_owned(),
        }
    }
}

const SESSIONS: Cut<'static> = Cut { scope: Scope::Session { gap_us: 30 * MINUTE }, repeats: Repeats::Keep };

fn key<T: ToString>(parts: impl IntoIterator<Item = T>) -> Vec<String> {
    parts.into_iter().map(|part| part.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn paths_are_those_of_sql(events in events()) {
        let case = Case::new(&events, &[]);
        let view = case.book.view();
        let options = PathOptions { cut: SESSIONS, steps_max: 3, top: usize::MAX, goal: &[] };
        let found = paths(&view, &options);
        let (mut n_sessions, mut n_profiles) = (BTreeMap::new(), BTreeMap::new());
        for path in &found.paths {
            let mut steps: Vec<&str> = path.labels.iter().map(|label| case.book.name(*label)).collect();
            if path.continues {
                steps.push("...");
            }
            n_sessions.insert(key([steps.join(">")]), path.n_sessions);
            n_profiles.insert(key([steps.join(">")]), path.n_profiles);
            prop_assert_eq!(path_profiles(&view, &options, path).len(), path.n_profiles);
        }
        let ways = "p AS (SELECT u, sid, string_agg(event, '>' ORDER BY n) AS way FROM ( \
                      SELECT u, sid, n, k, CASE WHEN k = 4 THEN '...' ELSE event END AS event FROM ( \
                        SELECT *, row_number() OVER (PARTITION BY u, sid ORDER BY n) AS k FROM s) WHERE k <= 4) \
                    GROUP BY u, sid)";
        prop_assert_eq!(n_sessions, case.sql(&format!(", {ways} SELECT way, count(*) FROM p GROUP BY way")));
        prop_assert_eq!(n_profiles, case.sql(&format!(", {ways} SELECT way, count(DISTINCT u) FROM p GROUP BY way")));
        prop_assert_eq!(found.n_sessions, case.number("SELECT count(DISTINCT concat(u, '/', sid)) FROM s"));
    }

    #[test]
    fn transitions_are_those_of_sql_and_add_up(events in events()) {
        let case = Case::new(&events, &[]);
        let view = case.book.view();
        let matrix = transitions(&view, SESSIONS);
        let (mut times, mut customers) = (BTreeMap::new(), BTreeMap::new());
        for transition in &matrix.transitions {
            let way = key([case.name(transition.from), case.name(transition.to)]);
            times.insert(way.clone(), transition.n_transitions);
            customers.insert(way, transition.n_profiles);
            let profiles = transition_profiles(&view, SESSIONS, transition.from, transition.to);
            prop_assert_eq!(profiles.len(), transition.n_profiles);
        }
        let steps = ", t AS (SELECT u, event AS a, coalesce(lead(event) OVER (PARTITION BY u, sid ORDER BY n), '(end)') AS b \
                       FROM s UNION ALL SELECT u, '(start)', event FROM ( \
                         SELECT *, row_number() OVER (PARTITION BY u, sid ORDER BY n) AS k FROM s) WHERE k = 1)";
        prop_assert_eq!(times, case.sql(&format!("{steps} SELECT a, b, count(*) FROM t GROUP BY a, b")));
        prop_assert_eq!(customers, case.sql(&format!("{steps} SELECT a, b, count(DISTINCT u) FROM t GROUP BY a, b")));
        for visits in &matrix.visits {
            let at = State::Label(visits.label);
            let n_in: u64 = matrix.transitions.iter().filter(|step| step.to == at).map(|step| step.n_transitions).sum();
            let n_out: u64 = matrix.out_of(at).map(|step| step.n_transitions).sum();
            prop_assert_eq!((n_in, n_out), (visits.n_visits, visits.n_visits));
        }
    }

    #[test]
    fn a_funnel_in_order_and_in_time_is_that_of_sql(events in events(), steps in prop::collection::vec(0_usize..4, 3), minutes in 0_i64..400) {
        let case = Case::new(&events, &[]);
        let names: Vec<String> = steps.iter().map(|step| NAMES[*step].to_owned()).collect();
        prop_assume!(names.iter().all(|name| case.book.names().contains(name)));
        let found = case.book.funnel(&names, minutes * MINUTE).unwrap();
        let reached: Vec<u64> = found.steps.iter().map(|step| step.n_profiles).collect();
        let joined = format!(
            "FROM e a LEFT JOIN e b ON b.u = a.u AND b.n > a.n AND b.m - a.m <= {minutes} AND b.event = '{}' \
             LEFT JOIN e c ON c.u = b.u AND c.n > b.n AND c.m - a.m <= {minutes} AND c.event = '{}' WHERE a.event = '{}'",
            names[1], names[2], names[0]
        );
        let expected = ["a", "b", "c"].map(|step| case.number(&format!("SELECT count(DISTINCT {step}.u) {joined}")));
        prop_assert_eq!(&reached[..], &expected[..]);
        // Who enters a step goes on or is lost there.
        for (idx, step) in found.steps.iter().enumerate() {
            let n_lost: u64 = step.instead.iter().map(|instead| instead.n_entries).sum();
            let n_on = found.steps.get(idx + 1).map_or(step.n_entries, |next| next.n_entries);
            prop_assert_eq!(n_lost + n_on, step.n_entries);
        }
    }

    #[test]
    fn retention_is_that_of_sql(events in events(), first in 0_u32..4, length in 0_u32..4) {
        let case = Case::new(&events, &[]);
        let calendar = Calendar::utc();
        let bracket = Bracket { first, last: Some(first + length) };
        let found = retention(&case.book.view(), case.book.days(&calendar), 1, &[bracket]);
        let days = format!(
            ", d AS (SELECT u, m / 1440 AS day, min(m / 1440) OVER (PARTITION BY u) AS first FROM e), \
             k AS (SELECT * FROM d WHERE first + {} <= 9)",
            first + length
        );
        let by_first = |n: fn(&throng_journey::Retained) -> u64| -> BTreeMap<Vec<String>, u64> {
            let rows = found.rows.iter().map(|row| (key([row.from.0]), n(&row.retained[0])));
            rows.filter(|(_, n)| *n > 0).collect()
        };
        let known = case.sql(&format!("{days} SELECT first, count(DISTINCT u) FROM k GROUP BY first"));
        prop_assert_eq!(by_first(|retained| retained.n_known), known);
        let within = format!("day - first BETWEEN {first} AND {}", first + length);
        let retained = case.sql(&format!("{days} SELECT first, count(DISTINCT u) FROM k WHERE {within} GROUP BY first"));
        prop_assert_eq!(by_first(|retained| retained.n_retained), retained);
    }

    #[test]
    fn a_flow_after_the_first_order_is_that_of_sql(events in events()) {
        let case = Case::new(&events, &[]);
        prop_assume!(case.book.names().iter().any(|name| name == "order"));
        let anchor = case.book.labels("order").unwrap();
        let options = FlowOptions { cut: SESSIONS, anchor: &anchor, occurrence: Occurrence::First, n_before: 0, n_after: 1, top: 9 };
        let found = flow(&case.book.view(), &options);
        let after = found.nodes.iter().filter(|node| node.at.column == 1).map(|node| {
            let name = match node.at.place {
                Place::Label(label) => case.book.name(label).to_owned(),
                Place::End => "(end)".to_owned(),
                Place::Start | Place::Other => "?".to_owned(),
            };
            (key([name]), node.n_sessions)
        });
        let expected = case.sql(
            ", f AS (SELECT *, coalesce(lead(event) OVER (PARTITION BY u, sid ORDER BY n), '(end)') AS next FROM s), \
             o AS (SELECT *, row_number() OVER (PARTITION BY u, sid ORDER BY n) AS k FROM f WHERE event = 'order') \
             SELECT next, count(*) FROM o WHERE k = 1 GROUP BY next",
        );
        prop_assert_eq!(after.collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn journeys_lost_and_journeys_that_arrived_are_all_journeys_and_those_of_sql(events in events()) {
        let case = Case::new(&events, &[]);
        let goal = case.book.labels("order").unwrap_or_default();
        let found = frictions(&case.book.view(), &FrictionOptions { cut: SESSIONS, goal: &goal, support: &[], help_us: 0 });
        let lost = found.steps.iter().filter(|step| step.n_lost > 0);
        let lost: BTreeMap<Vec<String>, u64> = lost.map(|step| (key([case.book.name(step.label)]), step.n_lost)).collect();
        prop_assert_eq!(lost.values().sum::<u64>() + found.n_arrived, found.n_sessions);
        let expected = case.sql(
            ", w AS (SELECT *, max(CASE WHEN event = 'order' THEN 1 ELSE 0 END) OVER (PARTITION BY u, sid) AS arrived, \
                 row_number() OVER (PARTITION BY u, sid ORDER BY n DESC) AS back FROM s) \
             SELECT event, count(*) FROM w WHERE arrived = 0 AND back = 1 GROUP BY event",
        );
        prop_assert_eq!(lost, expected);
        let here: BTreeMap<Vec<String>, u64> =
            found.steps.iter().map(|step| (key([case.book.name(step.label)]), step.n_sessions)).collect();
        let expected = case.sql(
            ", w AS (SELECT *, min(CASE WHEN event = 'order' THEN n ELSE 1000000 END) OVER (PARTITION BY u, sid) AS goal FROM s) \
             SELECT event, count(DISTINCT concat(u, '/', sid)) FROM w WHERE n < goal GROUP BY event",
        );
        prop_assert_eq!(here, expected);
    }

    #[test]
    fn touchpoints_by_rules_are_those_of_sql(events in events(), period in 0_i32..9) {
        let pages = TouchpointRule { name: "page {page}".to_owned(), events: vec!["v*".to_owned()], ..Default::default() };
        let bought = TouchpointRule { name: "buy".to_owned(), events: vec!["ADD".to_owned(), "order".to_owned()], ..Default::default() };
        let case = Case::new(&events, &[pages, bought]);
        let book = case.book.within(&Calendar::utc(), Some(Day(period)), None);
        let found = book.touchpoints();
        for touchpoint in &found {
            prop_assert_eq!(touchpoint_profiles(&book.view(), touchpoint.label).len(), touchpoint.n_profiles);
        }
        let counts: BTreeMap<Vec<String>, u64> = found.into_iter().map(|t| (key([t.name]), t.n_events)).collect();
        let expected = case.sql(&format!(
            "SELECT CASE event WHEN 'view' THEN 'page /p/:id' WHEN 'browse' THEN 'browse' ELSE 'buy' END AS name, count(*) \
             FROM e WHERE m >= {} GROUP BY 1", i64::from(period) * 1_440
        ));
        prop_assert_eq!(counts, expected);
    }

    #[test]
    fn sessions_of_the_source_and_values_are_those_of_the_table(events in events()) {
        let case = Case::new(&events, &[]);
        let cut = Cut { scope: Scope::Source, repeats: Repeats::Keep };
        let found = paths(&case.book.view(), &PathOptions { cut, steps_max: 1, top: 0, goal: &[] });
        let n_sessions = case.number("SELECT count(DISTINCT concat(u, '/', m % 3)) FROM e");
        prop_assert_eq!(found.n_sessions, n_sessions);
        let value = touchpoint_counts(&case.book.view()).iter().map(|count| count.value).sum::<i64>();
        prop_assert_eq!(u64::try_from(value).unwrap(), case.number("SELECT sum(m) FROM e"));
    }
}

#[test]
fn a_million_pages_are_as_many_touchpoints_and_questions_end() {
    let rules = [TouchpointRule { name: "{page}".to_owned(), ..Default::default() }];
    let mut names = NamedColumns::new(&rules);
    let n_rows = 1_000_000;
    // Names without digits, which would be ids.
    let letters = |mut number: usize| {
        let mut name = String::from("/");
        for _ in 0..5 {
            name.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
            number /= 26;
        }
        name
    };
    let pages: ArrayRef = Arc::new((0..n_rows).map(|row| Some(letters(row))).collect::<StringArray>());
    let views = texts((0..n_rows).map(|_| Some("view")));
    let numbers = names.numbers(&batch(vec![("event", views), ("p_path", pages)]).unwrap()).unwrap();
    assert_eq!(names.names.len(), n_rows);
    let touchpoint: Vec<u32> = numbers.into_iter().flatten().collect();
    let columns = EventColumns {
        profile: &vec![0; n_rows],
        occurred_at: &vec![0; n_rows],
        event_key: None,
        touchpoint: &touchpoint,
        session: None,
        value: None,
    };
    let histories = Histories::new(&columns, 1, &names.names).unwrap();
    let matrix = transitions(&histories.all(), SESSIONS);
    assert_eq!(matrix.transitions.len(), n_rows + 1);
    assert_eq!(touchpoint_counts(&histories.all()).len(), n_rows);
}

#[test]
fn a_name_that_rules_took_apart_stands_for_its_parts() {
    let apart =
        TouchpointRule { name: "{event} ({page})".to_owned(), events: vec!["add".to_owned()], ..Default::default() };
    let case = Case::new(&[(0, 1, 0), (0, 2, 1), (1, 3, 1)], &[apart]);
    let names = |labels: Vec<u32>| labels.into_iter().map(|label| case.book.name(label)).collect::<Vec<_>>();
    assert_eq!(names(case.book.labels("Add").unwrap()), ["add (/p/:id)"]);
    assert_eq!(names(case.book.labels("view").unwrap()), ["view"]);
    assert!(case.book.labels("ad").is_err());
}

#[test]
fn the_rarest_touchpoints_beyond_the_bound_are_one() {
    let part = |names: &[&str], touchpoint: &[u32]| {
        let zeros = vec![0; touchpoint.len()];
        let mut part = EventPart::new(1);
        part.push(&EventColumns {
            profile: &vec![0; touchpoint.len()],
            occurred_at: &zeros,
            event_key: None,
            touchpoint,
            session: None,
            value: None,
        });
        part.set_names(names.iter().map(|name| (*name).to_owned()).collect());
        part
    };
    // Neither part alone knows that "b" and "d" are the most frequent.
    let parts = || [part(&["a", "b", "c"], &[0, 0, 1, 1, 2]), part(&["d", "b", "c"], &[0, 0, 0, 1])];
    let names = |n_max: usize| {
        let mut parts = parts();
        keep_frequent(&mut parts, n_max);
        parts.map(|part| part.names().to_vec())
    };
    assert_eq!(names(2), [[RARE, "b", RARE], ["d", "b", RARE]]);
    assert_eq!(names(3), [["a", "b", RARE], ["d", "b", RARE]]);
    assert_eq!(names(4), [["a", "b", "c"], ["d", "b", "c"]]);
    let histories = Histories::from_parts(1, &parts()).unwrap();
    assert_eq!(histories.names(), ["a", "b", "c", "d"]);
    let counts = touchpoint_counts(&histories.all());
    assert_eq!(
        counts.iter().map(|count| (count.label, count.n_events)).collect::<Vec<_>>(),
        [(1, 3), (3, 3), (0, 2), (2, 1)]
    );
}

#[test]
fn a_book_of_nobody_or_of_no_time_is_empty_and_no_error() {
    let case = Case::new(&[(0, 1, 0), (1, 2, 1)], &[]);
    let calendar = Calendar::utc();
    for book in [case.book.select(&[]), case.book.within(&calendar, Some(Day(5)), Some(Day(4)))] {
        assert_eq!(book.view().n_active_profiles(), 0);
        assert_eq!(book.paths(MINUTE, 3, 3).n_sessions, 0);
        assert!(book.touchpoints().is_empty());
        assert_eq!(book.funnel(&["view".to_owned(), "add".to_owned()], 1).unwrap().steps[0].n_profiles, 0);
    }
    assert_eq!(case.book.select(&[0, 1]).select(&[1, 2]).view().n_active_profiles(), 1);
}
