//! Customers move between personas that were really found: with an event, by silence, and
//! never twice for one reason.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use throng_event::{Calendar, Day, Event, EventKind, Identity, Instant};
use throng_feature::{Catalogue, FeatureDefinition, FeatureKind, FeatureValue, Filter, SignalCategory, Window};
use throng_live::{
    Cause, Core, CoreSettings, Decided, Entry, Live, LiveModel, LiveSettings, Offset, Record, Scoring, Shift,
    ShiftFilter, ShiftRules,
};
use throng_persona::{
    Continuum, DiscoveryParams, FeatureColumn, Model, Outcome, PersonaCount, Population, Scorer, ScorerScratch, Values,
    discover,
};
use throng_profile::IdentityRules;
use throng_testkit::random_events;

use crate::sample::{RUNTIME, submit};

/// The day that the customers are looked at.
pub(crate) const TODAY: Day = Day(20_000);

pub(crate) fn definitions() -> Vec<FeatureDefinition> {
    let count = |name: &str, event: &str, phrase: &str| FeatureDefinition {
        name: name.to_owned(),
        kind: FeatureKind::Count,
        filter: Filter::named(event),
        window: Window::days(30),
        half_life_days: None,
        description: String::new(),
        phrase: phrase.to_owned(),
        unit: "times".to_owned(),
        category: SignalCategory::Behavioural,
    };
    vec![
        count("orders_30d", "Order Completed", "orders in the last 30 days"),
        count("searches_30d", "Products Searched", "searches in the last 30 days"),
        count("tickets_30d", "Ticket Opened", "support tickets in the last 30 days"),
    ]
}

pub(crate) fn settings(folder: &Path, model: Option<LiveModel>) -> LiveSettings {
    let catalogue = Catalogue::new(definitions(), None).unwrap();
    let scoring = Scoring { live: model.as_ref().map(|model| model.version().to_owned()), shadow: None };
    let models = model.into_iter().collect();
    let rules = IdentityRules::standard();
    let core = CoreSettings {
        calendar: Calendar::utc(),
        catalogue,
        touchpoints: Vec::new(),
        shifts: ShiftRules::STANDARD,
        rules,
        models,
    };
    let decided = Decided { scoring, ..Decided::default() };
    LiveSettings { folder: folder.to_owned(), decided, core }
}

/// An event of somebody, so many hours before the end of today.
pub(crate) fn event(user: &str, name: &str, hours_ago: i64, number: usize) -> Event {
    let end = Calendar::utc().as_of(TODAY).end;
    let occurred_at = Instant(end.0 - hours_ago * 3_600 * Instant::SECOND);
    let mut event = random_events(1, 1).remove(0);
    event.id.0 = format!("{user}-{name}-{hours_ago}-{number}");
    event.kind = EventKind::Track;
    name.clone_into(&mut event.name);
    event.user_id = Some(user.to_owned());
    event.anonymous_id = None;
    event.external_ids.clear();
    event.previous_id = None;
    event.occurred_at = occurred_at;
    event.received_at = occurred_at;
    event
}

/// Two kinds of customers: who orders often and hardly searches, and who searches and hardly orders.
pub(crate) fn customers() -> Vec<Event> {
    let mut events = Vec::new();
    for customer in 0..160_usize {
        let user = format!("c{customer}");
        // Sums of small draws: most are in the middle of their kind.
        let draw = |factor: usize, n: usize| (customer * factor + customer / 7) % n;
        let often = 10 + draw(7, 5) + draw(11, 4) + draw(13, 5);
        let seldom = draw(5, 2) + draw(3, 2) + draw(17, 2);
        let (orders, searches) = if customer % 2 == 0 { (often, seldom) } else { (seldom, often) };
        let of = |name: &'static str, n: usize| {
            let user = user.clone();
            (0..n).map(move |idx| event(&user, name, 24 + i64::try_from(idx * 29 % 480).unwrap(), idx))
        };
        events.extend(of("Order Completed", orders));
        events.extend(of("Products Searched", searches));
        events.extend(of("Ticket Opened", draw(19, 2) + draw(23, 2)));
        // Known for long, whatever else they do.
        events.push(event(&user, "Visited", 24 * 200, 0));
    }
    events
}

/// The personas of those customers, by the features that a server computed of them.
pub(crate) fn model() -> LiveModel {
    model_of("m1", ["p1", "p2"])
}

/// That model with its personas, of which the first is the larger, under other ids.
fn model_of(version: &str, personas: [&str; 2]) -> LiveModel {
    static MODEL: OnceLock<Model> = OnceLock::new();
    let mut model = MODEL.get_or_init(fitted).clone();
    model.personas = personas.map(|id| id.parse().unwrap()).to_vec();
    let names = personas.map(|id| format!("Those of {id}")).to_vec();
    LiveModel::new(version, Scorer::new(Arc::new(model), &definitions()).unwrap(), names)
}

fn fitted() -> Model {
    let folder = tempfile::tempdir().unwrap();
    let live = Live::open(settings(folder.path(), None)).unwrap();
    submit(&live, customers());
    let (profiles, rows): (Vec<_>, Vec<Vec<FeatureValue>>) = live.with_core(|core| core.features_of_all(TODAY).unzip());
    let number = |value: &FeatureValue| match value {
        FeatureValue::Number(number) => *number,
        FeatureValue::Category(_) | FeatureValue::Missing => f64::NAN,
    };
    let columns = definitions().into_iter().enumerate().map(|(idx, definition)| FeatureColumn {
        definition,
        values: Values::Numbers(rows.iter().map(|row| number(&row[idx])).collect()),
    });
    let population = Population {
        as_of: Calendar::utc().as_of(TODAY),
        profiles,
        features: columns.collect(),
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    };
    let params = DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(2), 1) };
    let outcome = discover(&population, &params).unwrap().outcome;
    let found = Some(outcome).and_then(|outcome| match outcome {
        Outcome::Found(found) => Some(found),
        Outcome::Refused(_) => None,
    });
    found.unwrap().model
}

pub(crate) fn tick_to_the_end(live: &Live, now: Instant) {
    RUNTIME.block_on(async {
        for _ in 0..1_000 {
            live.tick(now).await.unwrap();
            if live.status().n_stale == 0 {
                return;
            }
        }
        unreachable!("ticks come to an end");
    });
}

pub(crate) fn all_shifts(live: &Live) -> Vec<Shift> {
    live.shifts(&ShiftFilter::default(), 10_000).unwrap()
}

/// A server that has known the customers since yesterday.
pub(crate) fn started(folder: &Path) -> Live {
    let live = Live::open(settings(folder, Some(model()))).unwrap();
    let adopt = async { live.adopt(customers()).await.unwrap() };
    let receipt = RUNTIME.block_on(adopt);
    RUNTIME.block_on(live.applied(receipt.end)).unwrap();
    let now = Instant(Calendar::utc().as_of(TODAY).end.0 - Instant::DAY / 2);
    tick_to_the_end(&live, now);
    live
}

pub(crate) fn persona_of(live: &Live, user: &str) -> Option<String> {
    let view = live.profile(&Identity::user(user)).unwrap();
    view.standing.unwrap().persona.map(|persona| persona.as_str().to_owned())
}

/// The personas of those who order and of those who search.
fn personas(live: &Live) -> (String, String) {
    let first = |first: usize| (first..160).step_by(2).find_map(|customer| persona_of(live, &format!("c{customer}")));
    (first(0).unwrap(), first(1).unwrap())
}

#[test]
fn who_was_there_before_has_a_persona_and_has_not_moved() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    assert!(all_shifts(&live).is_empty());
    let (buyers, searchers) = personas(&live);
    assert_ne!(buyers, searchers);
    let found =
        |first: usize| (first..160).step_by(2).filter_map(|customer| persona_of(&live, &format!("c{customer}")));
    assert!(found(0).all(|persona| persona == buyers) && found(1).all(|persona| persona == searchers));
    let persona = buyers.parse().unwrap();
    let first = live.audience(&persona, None, 20);
    let rest = live.audience(&persona, first.last(), 1_000);
    assert_eq!((first.len(), first.len() + rest.len()), (20, found(0).count()));
    assert!(!rest.contains(&first[19]));
}

#[test]
fn an_event_that_tips_someone_is_told_with_its_reasons_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    let mut news = live.subscribe();
    let (buyers, searchers) = personas(&live);
    // Somebody new searches like the others, and then orders like the others.
    let searches = (0..15).map(|number| event("new", "Products Searched", 60, number));
    submit(&live, searches.chain([event("new", "Visited", 24 * 200, 0)]).collect());
    assert_eq!(persona_of(&live, "new"), Some(searchers.clone()));
    let n_before = all_shifts(&live).len();
    submit(&live, (0..15).map(|number| event("new", "Order Completed", 3, 100 + number)).collect());
    let end = Calendar::utc().as_of(TODAY).end.0;
    // The searches leave the window before the orders do.
    (1..28).for_each(|days| tick_to_the_end(&live, Instant(end + days * Instant::DAY)));
    let all = all_shifts(&live);
    let of_new: Vec<&Shift> = all[n_before..].iter().filter(|shift| shift.profile.as_str() == "u:new").collect();
    let written = |persona: &Option<throng_persona::PersonaId>| persona.as_ref().map(|id| id.as_str().to_owned());
    // First out of the one with the orders, then into the other when the searches are past.
    let [out, into] = of_new[..] else { unreachable!("{of_new:#?}") };
    assert_eq!((written(&out.from), written(&into.to)), (Some(searchers), Some(buyers.clone())));
    assert_eq!(out.to, into.from);
    assert!(matches!(&out.cause, Cause::Event { name, .. } if name == "Order Completed"));
    assert_eq!(into.cause, Cause::Silence);
    assert_eq!((&*out.because[0].feature, &*into.because[0].feature), ("orders_30d", "searches_30d"), "{of_new:#?}");
    assert!(out.because[0].sentence.contains("orders in the last 30 days"), "{out:#?}");
    assert!(out.because[0].contribution > 0.0);
    assert_eq!(persona_of(&live, "new"), Some(buyers));
    let told = std::iter::from_fn(|| news.try_recv().ok()).filter(|shift| shift.id == out.id).count();
    assert_eq!(told, 1);
    // After a restart nothing is told again, and nothing is forgotten.
    drop((live, news));
    let live = Live::open(settings(folder.path(), Some(model()))).unwrap();
    assert_eq!(all_shifts(&live), all);
}

#[test]
fn silence_moves_people_without_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    let end = Calendar::utc().as_of(TODAY).end.0;
    for days in 1..45 {
        tick_to_the_end(&live, Instant(end + days * Instant::DAY));
    }
    let shifts = all_shifts(&live);
    assert!(!shifts.is_empty());
    assert!(shifts.iter().all(|shift| shift.cause == Cause::Silence));
    // Nobody went forth and back: what is gone from a window does not come again.
    let mut profiles: Vec<&str> = shifts.iter().map(|shift| shift.profile.as_str()).collect();
    let n_shifts = profiles.len();
    profiles.sort_unstable();
    profiles.dedup();
    assert_eq!(profiles.len(), n_shifts, "{shifts:#?}");
    // The same log gives the same shifts, by whichever way it was divided.
    let folder_again = tempfile::tempdir().unwrap();
    let again = started(folder_again.path());
    for days in 1..45 {
        tick_to_the_end(&again, Instant(end + days * Instant::DAY));
    }
    assert_eq!(all_shifts(&again), shifts);
}

#[test]
fn a_visitor_who_signs_up_keeps_the_persona_and_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    let mut visits: Vec<Event> = (0..16).map(|number| event("-", "Products Searched", 30, number)).collect();
    for visit in &mut visits {
        visit.user_id = None;
        visit.anonymous_id = Some("cookie".to_owned());
    }
    submit(&live, visits);
    let visitor = live.profile(&Identity::anonymous("cookie")).unwrap();
    let mut login = event("new", "Signed In", 2, 0);
    login.anonymous_id = Some("cookie".to_owned());
    submit(&live, vec![login]);
    let customer = live.profile(&Identity::user("new")).unwrap();
    assert_eq!((visitor.id.as_str(), customer.id.as_str()), ("a:cookie", "u:new"));
    assert_eq!(customer.n_events, visitor.n_events + 1);
    let (before, after) = (visitor.standing.unwrap(), customer.standing.unwrap());
    assert_eq!((before.persona, before.since), (after.persona, after.since));
}

/// Has other models score, of which the server knows nothing yet.
fn swap(live: &Live, model: Option<LiveModel>, shadow: Option<LiveModel>) {
    let version = |model: &Option<LiveModel>| model.as_ref().map(|model| model.version().to_owned());
    let scoring = Scoring { live: version(&model), shadow: version(&shadow) };
    RUNTIME
        .block_on(live.reconcile(&Decided { scoring, ..Decided::default() }, model.into_iter().chain(shadow).collect()))
        .unwrap();
}

fn noon() -> Instant {
    Instant(Calendar::utc().as_of(TODAY).end.0 - Instant::DAY / 2)
}

#[test]
fn another_model_scores_everybody_again_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    let (buyers, searchers) = personas(&live);
    let n_buyers = live.audience(&buyers.parse().unwrap(), None, 1_000).len();
    // The same division, but those of p1 are called p3 now, and who were p2 are still.
    swap(&live, Some(model_of("m2", ["p3", "p2"])), None);
    assert_eq!(live.status().model.as_deref(), Some("m2"));
    // Before it was looked at again nobody is told by an old name.
    assert!([Some("p3".to_owned()), Some("p2".to_owned())].contains(&persona_of(&live, "c0")));
    tick_to_the_end(&live, noon());
    let shifts = all_shifts(&live);
    let p1 = if buyers == "p1" { 0 } else { 1 };
    let n_moved = if p1 == 0 { n_buyers } else { 160 - n_buyers };
    assert_eq!(shifts.len(), n_moved);
    for shift in &shifts {
        assert_eq!((&shift.cause, &*shift.model), (&Cause::Model, "m2"));
        assert_eq!(shift.from.as_ref().unwrap().as_str(), "p1");
        assert_eq!(shift.to.as_ref().unwrap().as_str(), "p3");
        assert!(shift.because.is_empty(), "nothing of theirs changed: {shift:#?}");
    }
    assert_eq!(live.audience(&"p3".parse().unwrap(), None, 1_000).len(), n_moved);
    assert!(live.audience(&"p1".parse().unwrap(), None, 1_000).is_empty());
    let stays = if p1 == 0 { &searchers } else { &buyers };
    assert_eq!(live.audience(&stays.parse().unwrap(), None, 1_000).len(), 160 - n_moved);
    // A start that knows both models comes to the same.
    drop(live);
    let mut next = settings(folder.path(), None);
    next.core.models = vec![model(), model_of("m2", ["p3", "p2"])];
    next.decided.scoring.live = Some("m2".to_owned());
    let again = Live::open(next).unwrap();
    assert_eq!((all_shifts(&again), again.status().n_stale), (shifts, 0));
    assert_eq!(again.audience(&"p3".parse().unwrap(), None, 1_000).len(), n_moved);
}

#[test]
fn a_shadow_model_is_compared_and_tells_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    assert_eq!(live.comparison(), None);
    // It takes those of p1 for p2, and those of p2 for p4.
    swap(&live, Some(model()), Some(model_of("m2", ["p2", "p4"])));
    let before = live.comparison().unwrap();
    assert_eq!((before.n_waiting, before.n_profiles.iter().flatten().sum::<u64>()), (160, 0));
    tick_to_the_end(&live, noon());
    assert!(all_shifts(&live).is_empty());
    let found = live.comparison().unwrap();
    assert_eq!((&*found.live, &*found.shadow, found.n_waiting), ("m1", "m2", 0));
    let n = |persona: &str| u64::try_from(live.audience(&persona.parse().unwrap(), None, 1_000).len()).unwrap();
    assert_eq!(found.n_profiles, [vec![n("p1"), 0, 0], vec![0, n("p2"), 0], vec![0, 0, 0]]);
    // Somebody new is compared with the first event.
    submit(&live, vec![event("new", "Visited", 5, 0)]);
    assert_eq!(live.comparison().unwrap().n_profiles.iter().flatten().sum::<u64>(), 161);
}

#[test]
fn a_model_that_is_not_there_scores_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let live = started(folder.path());
    let n_shifts = all_shifts(&live).len();
    drop(live);
    let mut without = settings(folder.path(), None);
    without.decided.scoring.live = Some("m1".to_owned());
    let live = Live::open(without).unwrap();
    assert_eq!(live.status().model, None);
    submit(&live, vec![event("c0", "Products Searched", 5, 9_999)]);
    assert_eq!(live.profile(&Identity::user("c0")).unwrap().standing, None);
    assert_eq!(all_shifts(&live).len(), n_shifts);
}

#[test]
fn shifts_are_the_same_whenever_they_are_taken() {
    let mut events = customers();
    // So many that one sweep does not come to the end.
    events.extend(
        (0..160).flat_map(|customer| (0..30).map(move |idx| event(&format!("c{customer}"), "Visited", 9, idx))),
    );
    let scoring = |version: &str| Record::Scoring(Scoring { live: Some(version.to_owned()), shadow: None });
    let others = [scoring("m1"), Record::Tick(noon()), scoring("m2"), Record::Tick(noon())];
    let records = events.into_iter().map(|event| Record::Known(Box::new(event))).chain(others);
    let entries: Vec<Entry> =
        (0..).map(Offset).zip(records).map(|(offset, record)| Entry::new(offset, record)).collect();
    let shifts = |often: Often| {
        let folder = tempfile::tempdir().unwrap();
        let models = vec![model(), model_of("m2", ["p3", "p4"])];
        let mut core = Core::new(CoreSettings { models, ..settings(folder.path(), None).core });
        let mut taken = Vec::new();
        let mut n_sweeps = 0;
        for entry in &entries {
            core.apply(entry);
            while core.sweep() {
                n_sweeps += 1;
                if often == Often::EverySweep {
                    taken.extend(core.take_shifts());
                }
            }
        }
        taken.extend(core.take_shifts());
        assert!(n_sweeps > 2, "the sweeps are cut");
        let mut scratch = ScorerScratch::default();
        taken.into_iter().map(|shift| shift.explained(&mut scratch)).collect::<Vec<Shift>>()
    };
    let found = shifts(Often::AtTheEnd);
    assert_eq!(found.len(), 160);
    assert!(found.is_sorted_by(|a, b| a.id < b.id), "each has a place of its own");
    assert_eq!(shifts(Often::EverySweep), found);
}

#[derive(Clone, Copy, PartialEq)]
enum Often {
    EverySweep,
    AtTheEnd,
}
