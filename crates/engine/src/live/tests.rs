//! The lake and the log of a server hold the same events, each once, whoever brought them and
//! whatever was cut off in between.

use throng_event::{Event, Identity, Instant, Limits, PersonalData};
use throng_live::{LakeNote, Live, Offset, Refused, Submission};
use throng_source::{Import, Taken, read_segment};

use super::{EVENTS, Engine, Follower, IDENTITY_PROPOSALS, LiveModels, SMALL_FILES, Scores};
use crate::fixture::{self, chance};
use crate::import::ReadmitRequest;
use crate::rows::{batch, numbers, texts};

const CONFIG: &str = r#"format = 1
time_zone = "Europe/Berlin"
[[feature]]
name = "events"
kind = "count"
unit = "events"
category = "behavioural"
[[feature]]
name = "recency"
kind = "recency"
unit = "days"
category = "behavioural"
[[feature]]
name = "kinds"
kind = "distinct"
of = "event"
unit = "kinds"
category = "behavioural"
"#;

/// Messages of a range of numbers, one a line; the same numbers are the same messages.
fn messages(numbers: std::ops::Range<u64>) -> String {
    let message = |number: u64| {
        let dice = chance(number);
        let (day, hour, name) =
            (1 + dice % 28, dice / 3 % 24, ["View", "Add", "Order"][usize::try_from(dice / 5 % 3).unwrap()]);
        format!(
            "{{\"messageId\":\"m{number}\",\"type\":\"track\",\"userId\":\"u{}\",\"event\":\"{name}\",\
             \"timestamp\":\"2024-03-{day:02}T{hour:02}:00:00Z\",\"properties\":{{\"n\":{number}}}}}\n",
            dice / 7 % 9
        )
    };
    numbers.map(message).collect()
}

fn events(engine: &Engine, messages: &str) -> Vec<Event> {
    let personal = PersonalData::default();
    let limits = Limits { source: "shop".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal };
    let import = Import { limits: &limits, calendar: engine.calendar(), currency: None };
    let mut events = Vec::new();
    read_segment(messages.as_bytes(), import, &mut |taken| {
        if let Taken::Event { event, .. } = taken {
            events.push(*event);
        }
        Ok(())
    })
    .unwrap();
    events
}

fn open(engine: &Engine) -> Live {
    Live::open(engine.live_settings(LiveModels::default()).unwrap()).unwrap()
}

fn submit(engine: &Engine, live: &Live, numbers: std::ops::Range<u64>) {
    submit_messages(engine, live, &messages(numbers));
}

pub(super) fn submit_messages(engine: &Engine, live: &Live, messages: &str) {
    let events = events(engine, messages);
    engine.runtime.block_on(async {
        let receipt = live.submit(Submission { events, refused: Vec::new() }).await.unwrap();
        live.applied(receipt.end).await.unwrap();
    });
}

/// Brings lake and log together in commits of seven; returns how many events the log took over.
pub(super) fn follow(engine: &Engine, live: &Live, follower: &mut Follower) -> usize {
    let mut n_adopted = 0;
    loop {
        let followed = engine.follow(live, follower).unwrap();
        n_adopted += followed.n_adopted;
        if !followed.more {
            engine.runtime.block_on(live.applied(live.log().end().unwrap())).unwrap();
            return n_adopted;
        }
    }
}

fn follower() -> Follower {
    Follower { n_commit_max: 7, ..Follower::default() }
}

/// Checks that the lake has so many events, each once, and that live and batch agree on them.
fn check(engine: &Engine, live: &Live, n_events: u64) {
    let sql = "SELECT count(*) AS n, count(DISTINCT event_id) AS d FROM events";
    let rows = arrow::util::pretty::pretty_format_batches(&[engine.query(sql).unwrap()]).unwrap().to_string();
    let numbers: Vec<u64> = rows.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect();
    assert_eq!(numbers, [n_events, n_events]);
    let report = engine.live_parity(live, live.with_core(throng_live::Core::last_day)).unwrap();
    assert_eq!((report.n_events, report.n_different), (n_events, 0), "{:?}", report.differences);
    assert!(report.n_values > 0);
}

#[test]
fn what_is_imported_and_what_arrives_is_everywhere_once() {
    let (_folder, mut engine) = fixture::home(CONFIG, 2);
    // Some history first, of which a new server learns.
    fixture::import(&mut engine, &messages(0..50));
    let live = open(&engine);
    let mut own = follower();
    assert_eq!(follow(&engine, &live, &mut own), 50);
    check(&engine, &live, 50);
    // Some arrives that is known, and some that is not.
    submit(&engine, &live, 40..80);
    assert_eq!(follow(&engine, &live, &mut own), 0);
    check(&engine, &live, 80);
    // More arrives; before the lake has it, an import brings most of the same and some else.
    submit(&engine, &live, 80..120);
    fixture::import(&mut engine, &messages(90..140));
    assert_eq!(follow(&engine, &live, &mut own), 20);
    check(&engine, &live, 140);
    // A new follower, of a new server, finds nothing to do, and looks through nothing.
    drop(live);
    let live = open(&engine);
    let mut own = follower();
    assert_eq!(follow(&engine, &live, &mut own), 0);
    assert_eq!(own.doubtful, Offset(0));
    check(&engine, &live, 140);
}

#[test]
fn a_commit_that_nobody_noted_is_not_made_twice() {
    let (_folder, engine) = fixture::home(CONFIG, 1);
    let live = open(&engine);
    submit(&engine, &live, 0..30);
    // One step, and then the server is gone before it could note what it wrote.
    let mut own = follower();
    engine.follow(&live, &mut own).unwrap();
    live.log().note_lake(LakeNote { version: 1_000, end: Offset(0) }).unwrap();
    drop((live, own));
    let live = open(&engine);
    assert_eq!(follow(&engine, &live, &mut follower()), 0);
    check(&engine, &live, 30);
}

/// What a server keeps of a message that is no event.
#[test]
fn many_small_files_become_few_and_nothing_else_changes() {
    let (_folder, engine) = fixture::home(CONFIG, 2);
    let live = open(&engine);
    let mut own = follower();
    submit(&engine, &live, 0..300);
    assert_eq!(follow(&engine, &live, &mut own), 0);
    assert!(!engine.compact(&live, &mut own).unwrap(), "some forty files are not many");
    // Some of the same arrive again, and one that the table has no column for.
    submit(&engine, &live, 250..500);
    submit_messages(&engine, &live, &messages(500..501).replace("\"n\":", "\"later\":"));
    assert_eq!(follow(&engine, &live, &mut own), 0);
    own.n_commits = SMALL_FILES;
    let n_files = || engine.runtime.block_on(n_files(&engine));
    assert!(n_files() >= SMALL_FILES);
    assert!(engine.compact(&live, &mut own).unwrap());
    assert_eq!(n_files(), 1);
    // Nobody takes it for news: nothing is adopted, and following goes on.
    submit(&engine, &live, 490..520);
    assert_eq!(follow(&engine, &live, &mut own), 0);
    check(&engine, &live, 520);
    drop(live);
    let live = open(&engine);
    let mut own = follower();
    assert_eq!((follow(&engine, &live, &mut own), own.doubtful), (0, Offset(0)));
    check(&engine, &live, 520);
}

#[test]
fn what_is_proposed_reaches_a_running_server_and_leaves_it_again() {
    let (_folder, engine) = fixture::home(&format!("{CONFIG}\n[identity]\nproposed_min = 0.9\n"), 2);
    let (live, mut own) = (open(&engine), follower());
    submit_messages(&engine, &live, &messages(0..60).replace("userId", "anonymousId"));
    assert_eq!(follow(&engine, &live, &mut own), 0);
    let mut is_one = |rows: &[(&str, &str, f64)]| {
        let of = |text: fn(&(&str, &str, f64)) -> String| texts(rows.iter().map(text).map(Some).collect::<Vec<_>>());
        let rows = batch(vec![
            ("a", of(|row| row.0.to_owned())),
            ("b", of(|row| row.1.to_owned())),
            ("probability", numbers(rows.iter().map(|row| Some(row.2)))),
            ("why", of(|_| "both are called Ann".to_owned())),
        ]);
        engine.runtime.block_on(engine.store.replace(IDENTITY_PROPOSALS, vec![rows.unwrap()])).unwrap();
        engine.reconcile(&live, &mut own, Scores::Nobody).unwrap();
        check(&engine, &live, 60);
        let profile = |id: &str| live.profile(&Identity::anonymous(id)).unwrap().id;
        [("u1", "u2"), ("u3", "u4")].map(|(a, b)| profile(a) == profile(b))
    };
    assert_eq!(is_one(&[("a:u1", "a:u2", 0.95), ("a:u3", "a:u4", 0.8)]), [true, false]);
    assert_eq!(is_one(&[("a:u3", "a:u4", 0.9)]), [false, true]);
    drop(live);
    let live = open(&engine);
    let profile = |id: &str| live.profile(&Identity::anonymous(id)).unwrap().id;
    assert_eq!(profile("u3"), profile("u4"), "a new server is told, too");
}

async fn n_files(engine: &Engine) -> usize {
    engine.store.open(EVENTS).await.unwrap().unwrap().snapshot().unwrap().log_data().num_files()
}

fn refused(raw: &str) -> Refused {
    Refused {
        source: "shop".to_owned(),
        form: "segment".to_owned(),
        received_at: 7,
        reason: "missing-identity".to_owned(),
        detail: "nobody".to_owned(),
        raw: raw.to_owned(),
    }
}

#[test]
fn messages_that_a_server_refused_wait_in_quarantine_each_once_until_they_are_worked_on() {
    let (_folder, mut engine) = fixture::home(CONFIG, 2);
    let live = open(&engine);
    let refuse = |engine: &Engine, raws: &[&str]| {
        let refused = raws.iter().map(|raw| refused(raw)).collect();
        engine.runtime.block_on(live.submit(Submission { events: Vec::new(), refused })).unwrap();
    };
    let waiting = |engine: &Engine| -> Vec<String> {
        engine.quarantine(None, 10).unwrap().rows.into_iter().map(|row| row.raw).collect()
    };
    // The first was refused by a rule of then; it is an event. The second came twice, alike.
    let (event, nobody) = (messages(1..2), r#"{"type":"track","event":"View"}"#);
    refuse(&engine, &[event.trim(), nobody]);
    let mut own = follower();
    follow(&engine, &live, &mut own);
    refuse(&engine, &[nobody]);
    follow(&engine, &live, &mut own);
    assert_eq!(waiting(&engine), [event.trim(), nobody, nobody]);
    // Another server of the home goes on behind the last of them, also when some have left.
    follow(&engine, &live, &mut follower());
    let request = ReadmitRequest { reason: None, mapping: None, latest: Instant(i64::MAX) };
    let readmitted = engine.readmit(&request).unwrap();
    assert_eq!((readmitted.n_rows, readmitted.events_new, readmitted.n_left), (3, 1, 2));
    assert_eq!(follow(&engine, &live, &mut follower()), 1);
    assert_eq!(waiting(&engine), [nobody, nobody]);
    check(&engine, &live, 1);
}
