//! What readers of a profile see.

use throng_event::{Event, EventKind, Identity, Value};
use throng_live::{EventOrder, EventQuery};
use throng_profile::Traits;
use throng_testkit::random_events;

use crate::sample::{open, submit};

fn query(order: EventOrder, limit: usize) -> EventQuery {
    EventQuery { start: None, end: None, include: Vec::new(), exclude: Vec::new(), limit, order }
}

/// A person with several carriers, and all their events in the total order.
fn someone(events: &[Event]) -> (throng_live::Live, Identity, Vec<Event>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let live = open(folder.path());
    submit(&live, events.to_vec());
    let (profile, carriers) = live.with_core(|core| {
        let profile = core.profiles().max_by_key(|profile| core.carriers(*profile).len()).unwrap();
        (core.profile_id(profile).identity(), core.carriers(profile).len())
    });
    assert!(carriers > 1);
    let mut own: Vec<Event> = live.events(&profile, &query(EventOrder::Oldest, usize::MAX)).unwrap().unwrap();
    let whole = own.len();
    own.sort_by_key(Event::position);
    own.dedup_by(|a, b| a.id == b.id);
    assert_eq!(own.len(), whole);
    (live, profile, own, folder)
}

#[test]
fn events_of_all_carriers_come_in_one_order_from_either_end() {
    let events = random_events(11, 400);
    let (live, profile, own, _folder) = someone(&events);
    let found = live.events(&profile, &query(EventOrder::Oldest, usize::MAX)).unwrap().unwrap();
    assert_eq!(found, own);
    let mut newest = live.events(&profile, &query(EventOrder::Newest, 5)).unwrap().unwrap();
    newest.reverse();
    assert_eq!(newest, own[own.len() - 5..]);
    let view = live.profile(&profile).unwrap();
    assert_eq!(view.n_events, u64::try_from(own.len()).unwrap());
    assert_eq!((view.first_at, view.last_at), (Some(own[0].occurred_at), Some(own[own.len() - 1].occurred_at)));
}

#[test]
fn events_are_chosen_by_time_and_name() {
    let events = random_events(11, 400);
    let (live, profile, own, _folder) = someone(&events);
    let (start, end) = (own[2].occurred_at, own[own.len() - 2].occurred_at);
    let name = own[3].name.clone();
    let chosen = EventQuery {
        start: Some(start),
        end: Some(end),
        include: vec![name.clone()],
        ..query(EventOrder::Oldest, usize::MAX)
    };
    let found = live.events(&profile, &chosen).unwrap().unwrap();
    let within = |event: &&Event| event.occurred_at >= start && event.occurred_at < end;
    let expected: Vec<Event> = own.iter().filter(within).filter(|event| event.name == name).cloned().collect();
    assert_eq!(found, expected);
    let others = EventQuery { include: Vec::new(), exclude: vec![name.clone()], ..chosen };
    let found = live.events(&profile, &others).unwrap().unwrap();
    let expected: Vec<Event> = own.iter().filter(within).filter(|event| event.name != name).cloned().collect();
    assert_eq!(found, expected);
}

#[test]
fn traits_are_the_latest_and_accounts_are_all_whatever_came_first() {
    let mut events = random_events(3, 400);
    for (idx, event) in events.iter_mut().enumerate().filter(|(idx, _)| idx % 3 == 0) {
        event.traits.insert("plan", Value::text(format!("plan {idx}")));
        event.group_id = Some(format!("g{}", idx % 4));
    }
    let (live, profile, own, _folder) = someone(&events);
    let mut expected = Traits::default();
    own.iter().for_each(|event| expected.update(event));
    let expected: Vec<_> = expected.iter().map(|(name, stated)| (name.to_owned(), stated.clone())).collect();
    assert!(expected.iter().any(|(name, _)| name == "plan") || own.iter().all(|event| event.kind == EventKind::Group));
    assert_eq!(live.traits(&profile).unwrap().unwrap(), expected);
    let mut accounts: Vec<String> = own.iter().filter_map(|event| event.group_id.clone()).collect();
    accounts.sort();
    accounts.dedup();
    assert_eq!(live.accounts(&profile).unwrap().unwrap(), accounts);
}

#[test]
fn nobody_is_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let live = open(folder.path());
    submit(&live, random_events(1, 20));
    let stranger = Identity::user("nobody ever");
    assert!(live.profile(&stranger).is_none());
    assert!(live.traits(&stranger).unwrap().is_none());
    assert!(live.events(&stranger, &query(EventOrder::Newest, 1)).unwrap().is_none());
}
