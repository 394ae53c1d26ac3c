//! Features of journeys in a live server of a home: it scores by what the discovery was
//! fitted to, and says of everybody what batch says.

use throng_event::Instant;
use throng_live::Live;
use throng_persona::{Continuum, PersonaCount};

use super::tests::{follow, submit_messages};
use super::{Engine, Follower, Scores};
use crate::fixture::{self, chance};
use crate::{DiscoverRequest, EngineError, ModelVersion};

const CONFIG: &str = r#"format = 1
time_zone = "Europe/Berlin"
[[journeys.touchpoints]]
name = "Shop {page}"
events = ["View"]
pages = ["/*"]
[[feature]]
name = "events"
kind = "count"
unit = "events"
category = "behavioural"
[[feature]]
name = "left_share"
kind = "pattern"
pattern = "Add -> [^Order]* -> end"
measure = "share"
window = "60d"
[[feature]]
name = "left_n"
kind = "pattern"
pattern = "Add -> [^Order]* -> end"
window = "60d"
[[feature]]
name = "order_next"
kind = "next_step"
touchpoint = "Order"
within = "history"
"#;

fn message(id: &str, user: u64, event: &str, minute: u64) -> String {
    let at = Instant(19_800 * Instant::DAY + i64::try_from(minute).unwrap() * 60 * Instant::SECOND);
    format!(
        "{{\"messageId\":\"{id}\",\"type\":\"track\",\"userId\":\"u{user}\",\"event\":\"{event}\",\"timestamp\":\"{at}\",\
         \"properties\":{{\"path\":\"/item/{minute}\"}}}}\n"
    )
}

/// Visits of those who order what they put in the cart, and of those who order another day.
fn messages() -> String {
    let mut text = String::new();
    for customer in 0..160 {
        for visit in 0..6 + chance(customer) % 5 {
            let start = (visit * 4 + chance(customer << 8 | visit) % 3) * 1_440 + 600;
            let orders = if customer % 2 == 0 { start + 9 } else { start + 1_000 };
            for (step, event, minute) in [(0, "View", start), (1, "Add", start + 5), (2, "Order", orders)] {
                text.push_str(&message(&format!("{customer}-{visit}-{step}"), customer, event, minute));
            }
        }
    }
    text
}

/// A home whose model reads features of journeys.
fn discovered() -> (tempfile::TempDir, Engine) {
    let (folder, mut engine) = fixture::home(CONFIG, 2);
    fixture::import(&mut engine, &messages());
    let personas = Some(PersonaCount::Exactly(2));
    let request = DiscoverRequest { personas, continuum: Some(Continuum::Cut), ..DiscoverRequest::default() };
    engine.discover(&request, &mut |_| {}).unwrap();
    (folder, engine)
}

fn serve(engine: &Engine) -> Live {
    Live::open(engine.live_settings(engine.live_models(Scores::Everybody).unwrap()).unwrap()).unwrap()
}

#[test]
fn a_server_scores_by_features_of_journeys_and_agrees_with_batch_about_all_of_them() {
    let (_folder, engine) = discovered();
    let read: Vec<String> = engine.model(None).unwrap().features.into_iter().map(|feature| feature.name).collect();
    assert!(read.contains(&"left_share".to_owned()), "{read:?}");
    let live = serve(&engine);
    let mut follower = Follower::default();
    let n_events = u64::try_from(follow(&engine, &live, &mut follower)).unwrap();
    let check = |n_events: u64| {
        for day in [-3, 0, 2] {
            let last = live.with_core(throng_live::Core::last_day);
            let report = engine.live_parity(&live, throng_event::Day(last.0 + day)).unwrap();
            assert_eq!((report.n_events, report.n_different), (n_events, 0), "{:?}", report.differences);
            // Who has not been there yet has no row, and no shares.
            assert!([report.n_profiles, report.n_profiles - 1].contains(&(report.n_values / 4)), "{report:?}");
            assert_eq!(report.n_memberships, report.n_values / 4);
        }
    };
    check(n_events);
    // What has no name in the model, what is late, and what somebody new does.
    let late = message("late", 7, "Order", 700) + &message("chat", 8, "Chat", 60_000);
    let new: String = (0..40).map(|n| message(&format!("new-{n}"), 900, ["View", "Add"][n % 2], 61_000)).collect();
    submit_messages(&engine, &live, &(late + &new));
    assert_eq!(follow(&engine, &live, &mut follower), 0);
    check(n_events + 42);
    let values = live.with_core(|core| core.features_of_all(core.last_day()).collect::<Vec<_>>());
    let of = |name: &str| engine.home().config().features.iter().position(|feature| feature.name == name).unwrap();
    let known = |place: usize| values.iter().filter(|(_, values)| is_positive(&values[place])).count();
    assert!(known(of("left_share")) > 40);
    // The rest is scored by what it reads and by nothing else.
    for name in ["left_n", "order_next"].into_iter().filter(|name| !read.iter().any(|read| read == name)) {
        assert_eq!(known(of(name)), 0, "{name}");
    }
}

fn is_positive(value: &throng_feature::FeatureValue) -> bool {
    matches!(value, throng_feature::FeatureValue::Number(number) if *number > 0.0)
}

#[test]
fn the_table_of_features_is_what_the_server_says_on_the_day_of_the_discovery() {
    let (_folder, engine) = discovered();
    let live = serve(&engine);
    follow(&engine, &live, &mut Follower::default());
    let day = live.with_core(throng_live::Core::last_day);
    let rows = engine.query("SELECT profile_id, left_share FROM features ORDER BY profile_id").unwrap();
    let place = engine.home().config().features.iter().position(|feature| feature.name == "left_share").unwrap();
    let mut values: Vec<_> = live.with_core(|core| core.features_of_all(day).collect());
    values.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
    assert_eq!(rows.num_rows(), values.len());
    for (row, (profile, values)) in values.iter().enumerate() {
        assert!(super::parity::same(&super::parity::cell(rows.column(1), row), &values[place]), "{profile}");
    }
}

#[test]
fn a_model_kept_before_such_were_kept_is_read_and_refused_only_where_it_has_to_score() {
    let (_folder, engine) = discovered();
    engine.forget_journeys_of_models();
    let fitted = engine.model(Some(ModelVersion(1))).unwrap();
    assert!(fitted.journeys.is_none());
    match engine.live_models(Scores::Everybody) {
        Err(EngineError::Missing { what, todo }) => {
            assert!(what.contains("m1") && what.contains("left_"), "{what}");
            assert!(todo.contains("discover again"), "{todo}");
        }
        other => panic!("{other:?}"),
    }
    assert!(engine.live_models(Scores::Nobody).unwrap().models.is_empty());
}
