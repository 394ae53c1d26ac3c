//! Patterns against all ways to read them, and errors that point at their place.

use std::collections::BTreeSet;

use proptest::prelude::*;
use throng_journey::{JourneyError, Pattern, ProfileSet, pattern_count, pattern_profiles};

use crate::model::{NAMES, calendar, histories, journeys, length, median, repeats, rows, scope};

#[derive(Debug, Clone)]
enum Shape {
    Start,
    End,
    One(Vec<usize>, bool),
    Sequence(Vec<Shape>),
    Either(Vec<Shape>),
    Times(Box<Shape>, usize, Option<usize>),
}

fn shape() -> impl Strategy<Value = Shape> {
    let one = (prop::collection::vec(0_usize..4, 1..3), prop::bool::weighted(0.3));
    let leaf = prop_oneof![
        8 => one.prop_map(|(names, negated)| Shape::One(names, negated)),
        1 => Just(Shape::Start),
        1 => Just(Shape::End)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Shape::Sequence),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Shape::Either),
            (inner, 0_usize..3, prop::option::of(0_usize..3)).prop_map(|(what, n_min, more)| Shape::Times(
                Box::new(what),
                n_min,
                more.map(|more| n_min + more)
            ))
        ]
    })
}

impl Shape {
    fn text(&self) -> String {
        let list = |names: &Vec<usize>| names.iter().map(|name| NAMES[*name]).collect::<Vec<_>>().join(" | ");
        let texts = |shapes: &Vec<Shape>, between: &str| {
            shapes.iter().map(|shape| format!("({})", shape.text())).collect::<Vec<_>>().join(between)
        };
        match self {
            Self::Start => "start".to_owned(),
            Self::End => "end".to_owned(),
            Self::One(names, true) => format!("[^{}]", list(names)),
            Self::One(names, false) => format!("[{}]", list(names)),
            Self::Sequence(shapes) => texts(shapes, " -> "),
            Self::Either(shapes) => texts(shapes, "|"),
            Self::Times(what, 0, None) => format!("({})*", what.text()),
            Self::Times(what, 1, None) => format!("({})+", what.text()),
            Self::Times(what, 0, Some(1)) => format!("({})?", what.text()),
            Self::Times(what, n_min, None) => format!("({}){{{n_min},}}", what.text()),
            Self::Times(what, n_min, Some(n_max)) => format!("({}){{{n_min},{n_max}}}", what.text()),
        }
    }

    /// All places at which a reading that begins at `start` can end.
    fn ends(&self, names: &[&str], start: usize) -> BTreeSet<usize> {
        let then = |ends: BTreeSet<usize>, shape: &Shape| -> BTreeSet<usize> {
            ends.into_iter().flat_map(|end| shape.ends(names, end)).collect()
        };
        match self {
            Self::Start => Some(start).filter(|start| *start == 0).into_iter().collect(),
            Self::End => Some(start).filter(|start| *start == names.len()).into_iter().collect(),
            Self::One(..) => Some(start + 1).filter(|_| self.takes(names, start)).into_iter().collect(),
            Self::Sequence(shapes) => shapes.iter().fold([start].into(), then),
            Self::Either(shapes) => shapes.iter().flat_map(|shape| shape.ends(names, start)).collect(),
            Self::Times(what, n_min, n_max) => {
                let least = (0..*n_min).fold([start].into(), |ends, _| then(ends, what));
                // More rounds than touchpoints end nowhere new.
                let n_more = n_max.map_or(names.len() + 1, |n_max| n_max - n_min);
                let mut all: BTreeSet<usize> = least;
                for _ in 0..n_more {
                    let more = then(all.clone(), what);
                    all.extend(more);
                }
                all
            }
        }
    }

    fn takes(&self, names: &[&str], start: usize) -> bool {
        let Self::One(listed, negated) = self else { return false };
        names.get(start).is_some_and(|name| listed.iter().any(|other| NAMES[*other] == *name) != *negated)
    }

    /// Whether a reading that begins at `start` takes a first touchpoint.
    fn enters(&self, names: &[&str], start: usize) -> bool {
        match self {
            Self::Start | Self::End => false,
            Self::One(..) => self.takes(names, start),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.enters(names, start)),
            Self::Sequence(shapes) => {
                for shape in shapes {
                    if shape.enters(names, start) {
                        return true;
                    }
                    if !shape.ends(names, start).contains(&start) {
                        return false;
                    }
                }
                false
            }
            Self::Times(what, _, n_max) => *n_max != Some(0) && what.enters(names, start),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn a_pattern_is_found_where_it_can_be_read(rows in rows(), shape in shape(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let cut = scope.cut(repeats, &calendar);
        let pattern = Pattern::parse(&shape.text(), &histories).unwrap();
        let found = pattern_count(&histories.all(), cut, &pattern);
        let (mut spans, mut profiles, mut n_entered, mut n_all) = (Vec::new(), ProfileSet::new(), 0, 0);
        for journey in journeys(&rows, scope, repeats, &calendar) {
            let names: Vec<&str> = journey.steps.iter().map(|(_, name)| *name).collect();
            let place = |start: usize| shape.ends(&names, start).first().map(|end| (start, *end));
            let place = (0..=names.len()).find_map(place);
            n_all += 1;
            n_entered += u64::from(place.is_some() || (0..names.len()).any(|start| shape.enters(&names, start)));
            if let Some((start, end)) = place {
                profiles.insert(journey.profile);
                spans.push(if end == start { 0 } else { journey.steps[end - 1].0 - journey.steps[start].0 });
            }
        }
        prop_assert_eq!(length(found.n_sessions), spans.len());
        prop_assert_eq!((found.n_entered, found.n_sessions_all), (n_entered, n_all));
        prop_assert_eq!(found.n_profiles, profiles.len());
        prop_assert_eq!(found.median_seconds, median(spans));
        prop_assert_eq!(pattern_profiles(&histories.all(), cut, &pattern), profiles);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-d .|()\\[\\]{}*+?^,0-9\">-]{0,24}") {
        let histories = histories(&Vec::new());
        if let Err(JourneyError::Pattern { place, .. }) = Pattern::parse(&text, &histories) {
            prop_assert!((1..=text.chars().count() + 1).contains(&place));
        }
    }
}

#[test]
fn the_example_of_a_cart_left_without_a_question_is_read() {
    // add, then nothing but views to the end; and one that orders.
    let left = vec![(0, 0, 1, 0, 0), (1, 0, 0, 0, 0), (3, 0, 0, 0, 0)];
    let ordered = vec![(0, 0, 1, 0, 0), (1, 0, 2, 0, 0)];
    let histories = histories(&vec![left, ordered]);
    let calendar = calendar();
    let cut = crate::model::AnyScope::History.cut(throng_journey::Repeats::Keep, &calendar);
    let pattern = Pattern::parse("add -> [^order|browse]* -> end", &histories).unwrap();
    let found = pattern_count(&histories.all(), cut, &pattern);
    assert_eq!((found.n_sessions, found.n_entered, found.median_seconds), (1, 2, Some(3.0)));
}

#[test]
fn errors_point_at_the_character_that_cannot_be_read() {
    fn check(text: &str, expected_place: usize, expected: &str) {
        let histories = histories(&Vec::new());
        match Pattern::parse(text, &histories) {
            Err(JourneyError::Pattern { place, what, .. }) => {
                assert_eq!(place, expected_place, "{text}: {what}");
                assert!(what.contains(expected), "{text}: {what}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    check("", 1, "a touchpoint was expected");
    check("view -> ", 9, "a touchpoint was expected");
    check("view)", 5, "\"->\" or the end");
    check("(view -> add", 13, "\")\" was expected");
    check("[view", 6, "\"|\" or \"]\"");
    check("[^]", 3, "a touchpoint was expected");
    check("view{3,2}", 6, "smaller");
    check("view{101}", 6, "0 to 100");
    check("view{2", 7, "\"}\" was expected");
    check("\"view", 6, "not closed");
    check(&"(".repeat(60), 51, "brackets");
    check("((view{100}){100}){100}", 24, "too long");
}

#[test]
fn a_name_that_is_not_there_is_named_with_its_like() {
    let error = Pattern::parse("view -> order now", &histories(&Vec::new())).unwrap_err();
    assert_eq!(error, JourneyError::UnknownLabel { name: "order now".to_owned(), similar: vec!["order".to_owned()] });
}

#[test]
fn quotation_marks_make_any_text_a_name() {
    let histories = histories(&Vec::new());
    assert!(Pattern::parse("\"view\" -> [\"add\"|order]", &histories).is_ok());
    let error = Pattern::parse("\"end\"", &histories).unwrap_err();
    assert!(matches!(error, JourneyError::UnknownLabel { name, .. } if name == "end"));
}
