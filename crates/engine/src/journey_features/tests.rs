//! Journey features of a whole home: against the questions about journeys that ask the
//! same, event by event, on earlier days, written and read again, and wrong definitions.

use std::sync::OnceLock;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use throng_event::{Day, Instant};
use throng_feature::FeatureValue;
use throng_journey::{
    Cut, History, JourneyFeatures, NextStepModel, Pattern, ProfileSet, Repeats, Scope, State, UNNAMED, pattern_count,
    pattern_profiles,
};

use super::JourneyFeaturesForm;
use crate::event_table::text_column;
use crate::fixture::{self, chance};
use crate::{DiscoverRequest, Engine, EngineError};

const CONFIG: &str = "format = 1\ntime_zone = \"Europe/Berlin\"\n";

const LEFT: &str = "[Add|\"Add again\"] -> [^Order]* -> end";

/// One feature of each kind about journeys, between two that are folded.
const FEATURES: &str = r#"
[[feature]]
name = "events"
kind = "count"
unit = "events"
category = "behavioural"
[[feature]]
name = "left_n"
kind = "pattern"
pattern = '[Add|"Add again"] -> [^Order]* -> end'
window = "20d"
[[feature]]
name = "left_any"
kind = "pattern"
pattern = '[Add|"Add again"] -> [^Order]* -> end'
measure = "any"
window = "20d"
[[feature]]
name = "left_share"
kind = "pattern"
pattern = '[Add|"Add again"] -> [^Order]* -> end'
measure = "share"
window = "20d"
[[feature]]
name = "order_next"
kind = "next_step"
touchpoint = "order"
[[feature]]
name = "order_next_20d"
kind = "next-step"
touchpoint = "Order"
within = "history"
window = "20d"
[[feature]]
name = "tenure"
kind = "tenure"
unit = "days"
category = "behavioural"
"#;

const N_CUSTOMERS: u64 = 80;
const TOUCHPOINTS: [&str; 5] = ["View", "Add", "Order", "Search", "Add again"];

/// Visits in the first two months of 2024, and one customer who only said who they are;
/// nobody came by telephone before February.
fn messages() -> String {
    let mut text =
        r#"{"messageId":"i","type":"identify","userId":"quiet","timestamp":"2024-01-05T09:00:00Z"}"#.to_owned();
    for customer in 0..N_CUSTOMERS {
        for visit in 0..1 + chance(customer) % 6 {
            let dice = chance(customer << 8 | visit);
            let (month, day, hour) = (1 + dice % 2, 1 + dice / 3 % 28, dice / 5 % 24);
            for step in 0..1 + dice / 7 % 5 {
                let dice = chance(customer << 16 | visit << 8 | step);
                let called = if month == 2 && dice.is_multiple_of(17) {
                    "Call"
                } else {
                    TOUCHPOINTS[usize::try_from(dice % 5).unwrap()]
                };
                text.push_str(&format!(
                    "\n{{\"messageId\":\"{customer}-{visit}-{step}\",\"type\":\"track\",\"userId\":\"u{customer}\",\
                     \"event\":\"{called}\",\"timestamp\":\"2024-{month:02}-{day:02}T{hour:02}:{:02}:00Z\"}}",
                    step * 7 + dice % 7
                ));
            }
        }
    }
    text
}

fn shop(features: &str) -> (tempfile::TempDir, Engine) {
    let (folder, mut engine) = fixture::home(&format!("{CONFIG}{features}"), 2);
    fixture::import(&mut engine, &messages());
    (folder, engine)
}

/// The shop of most tests.
fn usual_shop() -> &'static Engine {
    static SHOP: OnceLock<(tempfile::TempDir, Engine)> = OnceLock::new();
    &SHOP.get_or_init(|| shop(FEATURES)).1
}

fn column(rows: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let column = rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().clone();
    (0..rows.num_rows()).map(|row| column.is_valid(row).then(|| column.value(row))).collect()
}

/// 2024-02-20.
const DAY: Day = Day(19_773);

#[test]
fn patterns_say_what_the_question_about_everybody_says() {
    let engine = usual_shop();
    let rows = engine.features(Some(DAY)).unwrap();
    let (book, profiles) = engine.journeys(Some(DAY)).unwrap();
    let book = book.within(engine.calendar(), Some(Day(DAY.0 - 19)), Some(DAY));
    let pattern = Pattern::parse(LEFT, book.view().histories()).unwrap();
    let cut = Cut { scope: Scope::Session { gap_us: 1_800 * Instant::SECOND }, repeats: Repeats::Keep };
    let followers = pattern_profiles(&book.view(), cut, &pattern);
    let ids = text_column(&rows, "profile_id").unwrap();
    let (n, any, share) = (column(&rows, "left_n"), column(&rows, "left_any"), column(&rows, "left_share"));
    let mut n_sessions = 0.0;
    for row in 0..rows.num_rows() {
        let number = profiles.binary_search_by(|profile| profile.as_str().cmp(ids.value(row))).unwrap();
        let number = u32::try_from(number).unwrap();
        let only: ProfileSet = [number].into_iter().collect();
        let expected = pattern_count(&book.select_set(&only).view(), cut, &pattern);
        let real = |n: u64| f64::from(u32::try_from(n).unwrap());
        assert_eq!(n[row], Some(real(expected.n_sessions)));
        assert_eq!(any[row], Some(f64::from(u8::from(followers.contains(number)))));
        assert_eq!(share[row], (expected.n_sessions_all > 0).then_some(expected.share));
        n_sessions += n[row].unwrap();
    }
    assert!(n_sessions > 20.0, "a test of something: {n_sessions}");
    assert!(share.iter().any(Option::is_none), "some were not seen in the window");
}

#[test]
fn the_next_step_is_what_the_question_says_after_the_same_touchpoints() {
    let engine = usual_shop();
    let rows = engine.features(Some(DAY)).unwrap();
    let (book, _) = engine.journeys(Some(DAY)).unwrap();
    let cut = Cut { scope: Scope::Session { gap_us: 1_800 * Instant::SECOND }, repeats: Repeats::Keep };
    let model = NextStepModel::fit(&book.view(), cut, 3);
    let order = State::Label(book.view().histories().label("Order").unwrap());
    let seen = engine
        .query(
            "SELECT profile_of(user_id, anonymous_id) AS profile_id, event, CAST(occurred_at AS BIGINT) AS at FROM events \
             WHERE kind = 'track' AND occurred_at < '2024-02-20T23:00:00Z' ORDER BY 1, occurred_at, event_key",
        )
        .unwrap();
    let (whose, events) = (text_column(&seen, "profile_id").unwrap(), text_column(&seen, "event").unwrap());
    let times = seen.column_by_name("at").unwrap().as_primitive::<Int64Type>();
    let ids = text_column(&rows, "profile_id").unwrap();
    let next = column(&rows, "order_next");
    for (row, next) in next.iter().enumerate() {
        let (mut last, mut before) = (Vec::new(), i64::MIN);
        for event in (0..seen.num_rows()).filter(|event| whose.value(*event) == ids.value(row)) {
            if times.value(event).saturating_sub(before) > 1_800 * Instant::SECOND {
                last.clear();
            }
            before = times.value(event);
            last.push(book.view().histories().label(events.value(event)).unwrap());
        }
        let predicted = model.predict_proba(&last);
        let expected = predicted.iter().find(|prediction| prediction.next == order).unwrap().probability;
        assert_eq!(next.map(f64::to_bits), (!last.is_empty()).then_some(expected.to_bits()));
    }
    assert!(next.iter().any(Option::is_none), "some have done nothing yet");
    assert!(column(&rows, "tenure").iter().flatten().count() > 50, "columns beside stay in their places");
}

#[test]
fn what_is_stored_is_found_again_event_by_event() {
    let (_folder, mut engine) = shop(FEATURES);
    engine.discover(&DiscoverRequest::default(), &mut |_| {}).unwrap();
    let report = engine.verify(&mut |_| {}).unwrap();
    assert!(report.agrees(), "{report:?}");
    let stored = engine.query("SELECT count(left_share) AS n FROM features").unwrap();
    assert!(stored.column(0).as_primitive::<Int64Type>().value(0) > 30);
}

#[test]
fn a_touchpoint_of_later_days_is_known_and_has_not_happened() {
    let features = "[[feature]]\nname = \"called\"\nkind = \"pattern\"\npattern = \"Call\"\n\
                    [[feature]]\nname = \"called_next\"\nkind = \"next_step\"\ntouchpoint = \"Call\"\n";
    let (_folder, engine) = shop(features);
    let sum = |rows: &RecordBatch, name| column(rows, name).into_iter().flatten().sum::<f64>();
    let before = engine.features(Some(Day(DAY.0 - 20))).unwrap();
    assert_eq!((sum(&before, "called").to_bits(), sum(&before, "called_next").to_bits()), (0, 0));
    let after = engine.features(None).unwrap();
    assert!(sum(&after, "called") > 0.0 && sum(&after, "called_next") > 0.0);
}

fn written(features: &JourneyFeatures) -> String {
    serde_json::to_string(&JourneyFeaturesForm::of(features)).unwrap()
}

#[test]
fn what_is_kept_computes_the_same_for_one_person_at_a_time() {
    let engine = usual_shop();
    let fitted = engine.journey_features(Some(DAY)).unwrap().unwrap();
    let definitions = &engine.home().config().features;
    let text = written(&fitted);
    let read = serde_json::from_str::<JourneyFeaturesForm>(&text).unwrap().features(definitions).unwrap();
    assert_eq!(written(&read), text);
    let as_of = engine.calendar().as_of(DAY);
    let at = as_of.end.0 - Instant::SECOND;
    for labels in [vec![], vec![0], vec![1, 2, UNNAMED], vec![4, 3, 2, 1, 0]] {
        let occurred_at = vec![at; labels.len()];
        let history = History { occurred_at: &occurred_at, labels: &labels };
        let values =
            |features: &JourneyFeatures| features.values(history, engine.calendar(), as_of).collect::<Vec<_>>();
        assert_eq!(values(&read), values(&fitted));
        assert_eq!(values(&read).iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(values(&read)[4].1 == FeatureValue::Missing, labels.is_empty());
    }
}

#[test]
fn what_is_kept_and_damaged_is_refused() {
    let engine = usual_shop();
    let definitions = &engine.home().config().features;
    let text = written(&engine.journey_features(Some(DAY)).unwrap().unwrap());
    let check = |text: &str, expected: &str| {
        let form: JourneyFeaturesForm = serde_json::from_str(text).unwrap();
        match form.features(definitions) {
            Err(error @ EngineError::JourneyFeatures(_)) => {
                assert!(error.to_string().contains(expected), "{error} should say {expected}");
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(serde_json::from_str::<JourneyFeaturesForm>(&text[..text.len() / 2]).is_err());
    check(&text.replace("\"format\":1", "\"format\":2"), "format 2");
    check(&text.replace("[\"Add\",\"Add again\"", "[\"Add again\",\"Add\""), "not ascending");
    check(&text.replace("\"followers\":[[0,", "\"followers\":[[9999999,"), "next steps");
    check(&text.replace("\"within\":\"history\"", "\"within\":\"day\""), "no model");
    check(&text.replace("\"Add again\"", "\"Added\""), "Add again");
}

#[test]
fn a_touchpoint_that_never_happened_is_named_with_its_key_its_place_and_what_to_do() {
    let check = |feature: &str, parts: &[&str]| {
        let (_folder, engine) = shop(&format!("[[feature]]\nname = \"odd\"\n{feature}"));
        let error = engine.features(None).unwrap_err().to_string();
        for part in ["feature catalogue", "feature \"odd\"", "journeys touchpoints"].iter().chain(parts) {
            assert!(error.contains(part), "{error} should say {part}");
        }
    };
    check("kind = \"pattern\"\npattern = \"Add -> Pay\"", &["pattern = \"Add -> Pay\"", "\"Pay\"", "character 8"]);
    check("kind = \"next_step\"\ntouchpoint = \"Add later\"", &["touchpoint = \"Add later\"", "Add again"]);
}
