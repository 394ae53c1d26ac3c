//! Readmission loses nothing and counts nothing twice, however often it is interrupted.

use std::collections::BTreeMap;

use super::*;
use crate::Engine;
use crate::import::{ImportEffect, ImportForm, ImportRequest};

/// Rows that are alike, orders of several rows, and rows that no mapping saves.
const TABLE: &str = "\
order,person,at,money
,ann,1|3|2024,5
,ann,1|3|2024,5
7,bob,2|3|2024,1
,ann,1|3|2024,5
7,bob,2|3|2024,2
,,2|3|2024,9
8,cat,3|3|2024,3
,dan,never,4
7,bob,2|3|2024,4
,ann,1|3|2024,5
8,cat,never,3
9,eve,4|3|2024,6
";
/// Rows of [`TABLE`] that are events once their times are read.
const N_RIGHT: u64 = 9;
const N_WRONG: u64 = 3;

fn mapping(time_format: &str) -> String {
    format!(
        "[table]\nkind = \"track\"\nevent = \"Bought\"\nuser_id = \"person\"\ntime = \"at\"\n\
         time_format = \"{time_format}\"\norder = \"order\"\ncurrency = \"EUR\"\n\
         [table.amount]\ncolumn = \"money\"\n"
    )
}

/// A home, and whoever works in it.
struct Shop {
    folder: tempfile::TempDir,
    engine: Engine,
}

impl Shop {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("format = 1\ntime_zone = \"UTC\"\n{config}");
        let home = Home::create(&folder.path().join("home"), &config).unwrap();
        let engine = Engine::new(home, std::num::NonZeroUsize::MIN).unwrap();
        Self { folder, engine }
    }

    fn import(&mut self, name: &str, text: &str, time_format: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let request = ImportRequest {
            path,
            form: ImportForm::Table(Box::new(Mapping::parse(&mapping(time_format)).unwrap())),
            source: "shop".to_owned(),
            currency: None,
            latest: LATEST,
            effect: ImportEffect::Write,
        };
        self.engine.import(&request, &mut |_| {}).unwrap();
    }

    fn request(&self) -> ReadmitRequest {
        let path = self.folder.path().join("right.toml");
        std::fs::write(&path, mapping("%d|%m|%Y")).unwrap();
        ReadmitRequest { reason: None, mapping: Some(path), latest: LATEST }
    }

    /// Reads again in chunks of a row or two, at most up to a row.
    fn readmit_until(&self, n_rows: u64) -> Result<Readmission, EngineError> {
        let mut go_on = |row| {
            let end = || EngineError::Query("the end".to_owned());
            if row <= n_rows { Ok(()) } else { Err(end()) }
        };
        let Engine { home, store, runtime, .. } = &self.engine;
        readmit_in_chunks(home, (store, runtime), &self.request(), 2, &mut go_on)
    }

    /// Returns the ids of the events, and the rows in quarantine with their reasons.
    fn content(&self) -> (Vec<String>, BTreeMap<(String, u64), String>) {
        let quarantine = self.engine.quarantine(None, usize::MAX >> 1).unwrap();
        let rows = quarantine.rows.into_iter().map(|row| ((row.path, row.row), row.reason)).collect();
        let events = self.engine.query("SELECT event_id FROM events ORDER BY event_id, occurred_at");
        let events = events.map(|rows| crate::rows::Rows(&rows).words("event_id").unwrap()).unwrap_or_default();
        (events, rows)
    }
}

const LATEST: Instant = Instant(4_000_000_000_000_000);

/// A home in which the table went to quarantine whole.
fn mistaken() -> Shop {
    let mut shop = Shop::new("");
    shop.import("orders.csv", TABLE, "%Y|%m|%d");
    shop
}

#[test]
fn wherever_it_is_interrupted_the_next_readmission_takes_the_rest_once() {
    let mut right = Shop::new("");
    right.import("orders.csv", TABLE, "%d|%m|%Y");
    let expected = right.content();
    // Each attempt gets a row further than the one before, over the same home.
    let shop = mistaken();
    let before = shop.content();
    assert_eq!((before.0.len(), before.1.len()), (0, 12));
    let mut n_events = 0;
    for n_rows in 0..N_RIGHT + N_WRONG {
        shop.readmit_until(n_rows).unwrap_err();
        let (events, quarantined) = shop.content();
        assert_eq!(quarantined, before.1, "until its end the quarantine stays as it was");
        let known = events.iter().all(|event| expected.0.contains(event));
        assert!(known && events.len() >= n_events, "after {n_rows} rows: {events:?}");
        n_events = events.len();
    }
    assert!(n_events > 2, "chunks are committed on the way");
    let done = shop.readmit_until(u64::MAX).unwrap();
    assert_eq!(done.rows_new + done.rows_repeated, N_RIGHT);
    assert_eq!((done.n_rows, done.n_left), (N_RIGHT + N_WRONG, N_WRONG));
    assert_eq!(done.events_new, expected.0.len() as u64 - n_events as u64);
    assert_eq!(shop.content(), expected);
    // Once more changes nothing.
    let again = shop.readmit_until(u64::MAX).unwrap();
    assert_eq!((again.n_rows, again.events_new, again.n_left), (N_WRONG, 0, N_WRONG));
    assert_eq!(shop.content(), expected);
}

#[test]
fn one_reason_is_read_again_and_the_rest_stays_in_its_place() {
    let mut shop = mistaken();
    shop.import("other.csv", &TABLE.replace("ann", ""), "%d|%m|%Y");
    let (_, before) = shop.content();
    let request = ReadmitRequest { reason: Some("invalid-time".to_owned()), ..shop.request() };
    let done = shop.engine.readmit(&request).unwrap();
    let (events, after) = shop.content();
    let n_before = before.len() as u64;
    assert_eq!(done.rows_new + done.rows_repeated + done.n_left, n_before);
    assert_eq!(after.len() as u64, done.n_left);
    assert!(!events.is_empty() && after.values().any(|reason| reason == "missing-identity"), "{after:?}");
    assert!(after.keys().all(|place| before.contains_key(place)));
}

#[test]
fn rows_without_a_reader_and_an_empty_quarantine_are_left_alone() {
    let mut shop = Shop::new("");
    assert_eq!(shop.engine.readmit(&shop.request()).unwrap(), Readmission::default());
    shop.import("orders.csv", TABLE, "%Y|%m|%d");
    let before = shop.content();
    let nobody = ReadmitRequest { mapping: None, ..shop.request() };
    let done = shop.engine.readmit(&nobody).unwrap();
    assert_eq!((done.n_rows, done.n_left), (0, N_RIGHT + N_WRONG));
    assert_eq!(shop.content(), before);
}

#[test]
fn what_is_sealed_is_read_again_as_what_is_not() {
    let mut open = mistaken();
    let mut sealed = Shop::new("[identity]\nhash_personal_data = true\n");
    sealed.import("orders.csv", TABLE, "%Y|%m|%d");
    let stored = sealed.engine.query("SELECT raw, detail, reason FROM quarantine").unwrap();
    let stored = format!("{stored:?}");
    assert!(stored.contains("sealed-") && !stored.contains("ann") && !stored.contains("2024"), "{stored}");
    let listed = sealed.engine.quarantine(Some("invalid-time"), 1).unwrap();
    assert_eq!(listed.rows.len(), 1);
    assert!(listed.rows[0].raw.contains("ann") && listed.rows[0].detail.contains("2024"), "{listed:?}");
    // An import repeated knows its rows.
    sealed.import("orders.csv", TABLE, "%Y|%m|%d");
    assert_eq!(sealed.content(), open.content());
    for shop in [&mut open, &mut sealed] {
        shop.engine.readmit(&shop.request()).unwrap();
    }
    assert_eq!(sealed.content(), open.content());
    let left = sealed.engine.query("SELECT raw FROM quarantine").unwrap();
    assert!(!format!("{left:?}").contains("dan"), "what stays is sealed again");
}
