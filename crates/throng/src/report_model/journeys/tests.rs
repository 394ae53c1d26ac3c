//! The numbers of the page's journeys are the answers of the crate `journey`.

use throng_event::{Calendar, Day, Instant};
use throng_journey::{
    Bracket, Cut, Days, EventColumns, FlowOptions, Histories, Occurrence, Place, Repeats, Scope, State,
    SurvivalOptions, flow, funnel, retention, survival, transitions,
};

use super::curves::{self, Group};
use super::{Question, flow as flows, rings, section};
use crate::report::FlowPlace;

const MINUTE: i64 = 60 * Instant::SECOND;
const GAP: i64 = 30 * MINUTE;
const WINDOW: i64 = 7 * Instant::DAY;

/// Returns a shop of 60 customers: all view; two of three add, a third of all buys; every second one comes back
/// after ten days to view and search.
fn shop() -> Histories {
    let names = ["Ordered", "Product Added", "Product Viewed", "Searched"].map(str::to_owned);
    let mut events: Vec<(u32, i64, u32)> = Vec::new();
    for profile in 0..60_u32 {
        let start = i64::from(profile) * Instant::DAY;
        events.push((profile, start, 2));
        if !profile.is_multiple_of(3) {
            events.push((profile, start + MINUTE, 1));
        }
        if profile % 3 == 1 {
            events.push((profile, start + 2 * MINUTE, 0));
        }
        if profile.is_multiple_of(2) {
            events.push((profile, start + 10 * Instant::DAY, 2));
            events.push((profile, start + 10 * Instant::DAY + MINUTE, 3));
        }
    }
    let column = |at: fn(&(u32, i64, u32)) -> u32| events.iter().map(at).collect::<Vec<u32>>();
    let columns = EventColumns {
        profile: &column(|event| event.0),
        occurred_at: &events.iter().map(|event| event.1).collect::<Vec<i64>>(),
        event_key: None,
        touchpoint: &column(|event| event.2),
        session: None,
        value: None,
    };
    Histories::new(&columns, 60, &names).unwrap()
}

fn steps() -> Vec<String> {
    ["Product Viewed", "Product Added", "Ordered"].map(str::to_owned).to_vec()
}

fn labels(shop: &Histories, steps: &[String]) -> Option<Vec<Vec<u32>>> {
    steps.iter().map(|step| Some(vec![shop.label(step).ok()?])).collect()
}

#[test]
fn the_flow_is_the_engines_and_every_node_adds_up() {
    let shop = shop();
    let steps = steps();
    let question = Question::of(&shop.all(), GAP, (&steps, labels(&shop, &steps), WINDOW));
    let (section, _) = section(&shop.all(), &question, None);
    let drawn = section.flow.unwrap();
    let anchor = shop.label("Product Viewed").unwrap();
    let cut = Cut { scope: Scope::Session { gap_us: GAP }, repeats: Repeats::Collapse };
    let anchor = [anchor];
    let options = FlowOptions { cut, anchor: &anchor, occurrence: Occurrence::First, n_before: 0, n_after: 3, top: 4 };
    let found = flow(&shop.all(), &options);
    assert_eq!((drawn.n_journeys, drawn.n_without), (found.n_sessions, found.n_without));
    assert_eq!(drawn.nodes.len(), found.nodes.len());
    for (drawn, found) in drawn.nodes.iter().zip(&found.nodes) {
        assert_eq!((drawn.n_journeys, drawn.n_customers), (found.n_sessions, found.n_profiles));
        assert_eq!(drawn.place == FlowPlace::Stopped, found.at.place == Place::End);
    }
    for (drawn, found) in drawn.edges.iter().zip(&found.edges) {
        assert_eq!((drawn.n_journeys, drawn.n_customers), (found.n_sessions, found.n_profiles));
    }
    for (idx, node) in drawn.nodes.iter().enumerate() {
        let entering: u64 = drawn.edges.iter().filter(|edge| edge.to == idx).map(|edge| edge.n_journeys).sum();
        let leaving: u64 = drawn.edges.iter().filter(|edge| edge.from == idx).map(|edge| edge.n_journeys).sum();
        assert!(node.column == 0 || entering == node.n_journeys, "{node:?}");
        assert!(node.column == 3 || node.place == FlowPlace::Stopped || leaving == node.n_journeys, "{node:?}");
    }
}

#[test]
fn the_funnel_is_the_engines_with_everybodys_beside_it() {
    let shop = shop();
    let steps = steps();
    let question = Question::of(&shop.all(), GAP, (&steps, labels(&shop, &steps), WINDOW));
    let (everybody, reached) = section(&shop.all(), &question, None);
    let (_, options) = question.funnel.as_ref().unwrap();
    assert_eq!(reached.as_ref(), Some(&funnel(&shop.all(), options)));
    let counts: Vec<(u64, u64)> = everybody.funnel.iter().map(|step| (step.n_customers, step.n_lost)).collect();
    assert_eq!(counts, [(60, 0), (40, 20), (20, 20)]);
    let few = (0..6).collect();
    let (own, _) = section(&shop.all().of(&few), &question, reached.as_ref());
    let shares: Vec<Option<f64>> = own.funnel.iter().map(|step| step.everybody).collect();
    assert_eq!(shares, everybody.funnel.iter().map(|step| Some(step.from_start)).collect::<Vec<_>>());
    assert_eq!(own.funnel[2].n_customers, 2);
}

#[test]
fn a_row_of_transitions_adds_up_to_all_departures() {
    let shop = shop();
    let question = Question::of(&shop.all(), GAP, (&[], Some(Vec::new()), WINDOW));
    let (section, _) = section(&shop.all(), &question, None);
    let table = section.transitions.unwrap();
    let matrix = transitions(&shop.all(), Cut { repeats: Repeats::Keep, ..question.cut });
    for (row, (other, stopped)) in table.shares.iter().zip(table.other.iter().zip(&table.stopped)) {
        assert!((row.iter().sum::<f64>() + other + stopped - 1.0).abs() < 1e-9);
    }
    let strongest = &table.strongest[0];
    let mut found = matrix.out_of(State::Label(shop.label(&strongest.from).unwrap()));
    let to = State::Label(shop.label(&strongest.to).unwrap());
    let found = found.find(|found| found.to == to).unwrap();
    assert_eq!((strongest.n_transitions, strongest.n_customers), (found.n_transitions, found.n_profiles));
}

#[test]
fn curves_are_the_engines_and_end_where_too_few_are_known() {
    let shop = shop();
    let calendar = Calendar::new("UTC").unwrap();
    let days = Days { calendar: &calendar, last: Day(69) };
    let groups = [Group { persona_idx: None, name: "Everybody".to_owned(), view: shop.all() }];
    let curves = curves::retention_of(&groups, days, 7);
    let bracket = Bracket { first: 8, last: Some(14) };
    let expected = retention(&shop.all(), days, 36_600, &[bracket]).all.retained[0];
    let second = curves.lines[0].points[1];
    assert_eq!((second.day, second.n_known), (14, expected.n_known));
    assert!((second.share - expected.share).abs() < 1e-12);
    // Of 60 customers, one a day, the last 20 are known for 49 days.
    assert_eq!(curves.lines[0].points.last().map(|point| point.day), Some(49));
    let goal = shop.label("Searched").unwrap();
    let arrival = curves::arrival(&groups, (days, 7), ("Searched", &[goal]));
    let as_of = Instant(calendar.as_of(Day(69)).end.0 - 1);
    let expected = survival(&shop.all(), SurvivalOptions { starts: &[], ends: &[goal], as_of });
    let before = expected.steps.iter().take_while(|step| step.at_us <= 12 * Instant::DAY).last();
    let twelfth = arrival.curves.lines[0].points.iter().find(|point| point.day == 12);
    assert_eq!(twelfth.map(|point| point.share), before.map(|step| 1.0 - step.survival));
}

#[test]
fn flows_begin_where_journeys_go_on_from() {
    let shop = shop();
    let cut = Cut { scope: Scope::Session { gap_us: GAP }, repeats: Repeats::Collapse };
    let label = |name: &str| shop.label(name).unwrap();
    for (funnel_first, expected) in [
        (None, "Product Viewed"),
        (Some("Product Added"), "Product Added"),
        // Nothing follows a search.
        (Some("Searched"), "Product Viewed"),
    ] {
        let anchor = flows::anchor(&shop.all(), cut, funnel_first.map(label));
        assert_eq!(anchor, Some(label(expected)), "{funnel_first:?}");
    }
}

#[test]
fn nobody_has_no_flow_and_no_funnel() {
    let shop = shop();
    let steps = steps();
    let question = Question::of(&shop.all(), GAP, (&steps, labels(&shop, &steps), WINDOW));
    let nobody = [].into_iter().collect();
    let (section, _) = section(&shop.all().of(&nobody), &question, None);
    assert!(section.flow.is_none());
    assert!(section.funnel.is_empty());
    assert!(section.transitions.is_none());
    assert_eq!(section.n_journeys, 0);
}

#[test]
fn periods_suit_the_time_there_is() {
    for (n_days, expected) in [(0, 7), (60, 7), (252, 7), (253, 28), (1_008, 28), (1_009, 91), (40_000, 91)] {
        assert_eq!(curves::period_days(n_days), expected, "{n_days}");
    }
}

#[test]
fn rings_are_the_tree_of_first_touchpoints() {
    let shop = shop();
    let cut = Cut { scope: Scope::Session { gap_us: GAP }, repeats: Repeats::Collapse };
    let found = rings::read(&shop.all(), cut, 90);
    let arcs: Vec<(usize, String, u64, u64)> =
        found.arcs.iter().map(|arc| (arc.ring, arc.steps.join(" "), arc.n_before, arc.n_journeys)).collect();
    let expected = [
        (0, "Product Viewed", 0, 90),
        (1, "Product Viewed Product Added", 0, 40),
        (1, "Product Viewed Searched", 40, 30),
        // The other twenty stop at the first touchpoint, and so do all after it but those who order.
        (2, "Product Viewed Product Added Ordered", 0, 20),
    ];
    let expected: Vec<(usize, String, u64, u64)> =
        expected.into_iter().map(|(ring, steps, before, n)| (ring, steps.to_owned(), before, n)).collect();
    assert_eq!(arcs, expected);
    assert_eq!((found.n_journeys, found.touchpoints.len()), (90, 4));
}
