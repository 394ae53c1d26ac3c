//! What must hold of every reader for any bytes at all.
//!
//! The fuzz targets (`fuzz/`) and the tests of what they have found call the same
//! [`check`], which is the reason for this file's being included by path in both.

use std::cell::Cell;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use throng_event::{Calendar, Currency, Day, Event, Instant, Limits, PersonalData, Value};
use throng_source::{
    Form, Import, Mapping, Quarantined, SourceError, StopReason, Taken, Tally, decompress, propose_mapping,
    read_parquet_table, read_quarantined_rows, read_table, sample_parquet_table, sample_table,
};

/// Bytes unpacked at most; what is inside of a bomb is the same further on.
const UNPACKED_BYTES_MAX: u64 = 1 << 24;
/// Bytes of a raw record that are kept, as [`Quarantined`] says, and room for quotes and
/// escapes around them.
const RAW_BYTES_MAX: usize = 4 * 65_536;

/// Rows read by [`MAPPING`] have these columns.
const HEADER: &str = "id,person,cookie,at,what,order,money,code,sku,n,price,off,said,stars,age,since,seen\n";
/// Uses every part of a mapping.
const MAPPING: &str = r#"
[table]
kind = "track"
id = "id"
event = { column = "what", prefix = "Did " }
user_id = "person"
anonymous_id = "cookie"
time = "at"
order = "order"
refund = "Refunded"
currency = { column = "code" }
decimal = ","
rating = "stars"
text = "said"
[table.product]
id = "sku"
quantity = "n"
price = "price"
discount = "off"
[[table.when]]
column = "n"
below = -10
event = "Returned"
[table.properties]
seen = { name = "seen", type = "bool" }
since = { name = "since", type = "time" }
[table.traits]
age = "age"
"#;

/// Checks the laws of one fuzz target on one input.
pub(crate) fn check(target: &str, bytes: &[u8]) {
    match target {
        "segment" => check_form(Form::Segment, bytes),
        "ga4" => check_form(Form::Ga4, bytes),
        "ga360" => check_form(Form::Ga360, bytes),
        "mixpanel" => [Form::Mixpanel, Form::MixpanelLocal].into_iter().for_each(|form| check_form(form, bytes)),
        "amplitude" => check_form(Form::Amplitude, bytes),
        "posthog" => check_form(Form::PostHog, bytes),
        "shopify" => check_form(Form::Shopify, bytes),
        "crm" => {
            let forms = [Form::CrmDeals, Form::CrmAccounts, Form::CrmContacts, Form::CrmLeads];
            forms.into_iter().for_each(|form| check_form(form, bytes));
        }
        "tickets" => check_form(Form::Tickets, bytes),
        "transcripts" => check_form(Form::Transcripts, bytes),
        "reviews" => check_form(Form::Reviews, bytes),
        "access_log" => check_form(Form::AccessLog, bytes),
        "form_recognise" => check_recognised(bytes),
        "table_text" => check_table_text(bytes),
        "table_parquet" => check_table_parquet(bytes),
        "mapping_toml" => check_mapping(bytes),
        "decompress" => check_decompress(bytes),
        _ => panic!("there is no fuzz target {target}"),
    }
}

/// What a reader handed on, and how it ended.
struct Reading {
    taken: Vec<Taken>,
    ended: Result<Tally, SourceError>,
}

type Receiver<'s> = &'s mut dyn FnMut(Taken) -> Result<(), StopReason>;

/// Reads once, and holds what came to the account and to what admission promises.
fn reading(read: impl FnOnce(Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>) -> Reading {
    let limits = Limits {
        source: "fuzz".to_owned(),
        earliest: Instant(0),
        latest: Instant(4_000_000_000_000_000),
        personal: PersonalData::default(),
    };
    let calendar = Calendar::new("Europe/Berlin").unwrap();
    let euro: Currency = "EUR".parse().unwrap();
    let import = Import { limits: &limits, calendar: &calendar, currency: Some(euro) };
    let mut taken = Vec::new();
    let ended = read(import, &mut |one| {
        taken.push(one);
        Ok(())
    });
    let (mut n_rows_in_events, mut n_events, mut n_quarantined) = (0, 0, 0);
    for one in &taken {
        match one {
            Taken::Event { event, n_rows, .. } => {
                check_event(event, &limits);
                n_rows_in_events += n_rows;
                n_events += 1;
            }
            Taken::Quarantined(Quarantined { raw, .. }) => {
                assert!(raw.len() <= RAW_BYTES_MAX, "a raw record of {} bytes is kept", raw.len());
                n_quarantined += 1;
            }
        }
    }
    if let Ok(tally) = &ended {
        assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined);
        assert_eq!(tally.rows_in_events, n_rows_in_events);
        assert_eq!((tally.events, tally.rows_quarantined), (n_events, n_quarantined));
    }
    Reading { taken, ended }
}

fn check_event(event: &Event, limits: &Limits) {
    assert!(!event.name.trim().is_empty(), "an event has a name");
    assert!(event.user_id.is_some() || event.anonymous_id.is_some(), "an event is somebody's");
    assert!(limits.earliest <= event.occurred_at && event.occurred_at < limits.latest);
    assert_eq!(event.source, limits.source);
    for (_, value) in [&event.context, &event.properties, &event.traits].into_iter().flat_map(|map| map.iter()) {
        if let Value::Json(text) = value {
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok(), "{text} is no JSON");
        }
    }
}

/// Reading again, in other portions, gives the same.
fn check_same(first: &Reading, second: &Reading) {
    assert_eq!(first.ended.is_ok(), second.ended.is_ok(), "{:?} and {:?}", first.ended, second.ended);
    // Where the input is damaged, portions decide how much comes before it is seen.
    let n_both = if first.ended.is_ok() { usize::MAX } else { first.taken.len().min(second.taken.len()) };
    for (one, other) in first.taken.iter().zip(&second.taken).take(n_both) {
        assert_eq!(one, other);
    }
    if first.ended.is_ok() {
        assert_eq!(first.taken.len(), second.taken.len());
    }
}

fn raw_records(reading: &Reading) -> Vec<&str> {
    reading
        .taken
        .iter()
        .filter_map(|one| match one {
            Taken::Quarantined(quarantined) => Some(quarantined.raw.as_str()),
            Taken::Event { .. } => None,
        })
        .collect()
}

/// Every record that was put aside is read again, and what is put aside again is so before the
/// next record is asked for: whoever reads again knows it by that and needs to hold no other.
fn check_again(
    records: &[&str],
    read: impl FnOnce(&mut dyn Iterator<Item = String>, Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>,
) {
    let n_given = Cell::new(0);
    let given = || records.get(n_given.replace(n_given.get() + 1)).map(|record| (*record).to_owned());
    let again = reading(|import, sink| {
        read(&mut std::iter::from_fn(given), import, &mut |one| {
            if let Taken::Quarantined(Quarantined { row, .. }) = &one {
                assert_eq!(*row, n_given.get() as u64, "it is the record given last");
            }
            sink(one)
        })
    });
    assert_eq!(again.ended.unwrap().rows_read, records.len() as u64, "each record is read again");
}

fn check_form(form: Form, bytes: &[u8]) {
    let first = reading(|import, sink| form.read(Cursor::new(bytes), import, sink));
    let second = reading(|import, sink| form.read(Portions::of(bytes), import, sink));
    check_same(&first, &second);
    let records = raw_records(&first);
    check_again(&records, |given, import, sink| form.read_quarantined(given, import, sink));
}

fn check_recognised(bytes: &[u8]) {
    let first = Form::recognise(Cursor::new(bytes));
    let second = Form::recognise(Portions::of(bytes));
    assert_eq!(first.is_ok(), second.is_ok());
    let (Ok((form, why)), Ok(again)) = (first, second) else { return };
    assert_eq!(Form::from_name(form.as_str()), Some(form));
    assert!(!why.is_empty());
    assert_eq!((form, why), again);
    if !matches!(form, Form::Table | Form::CompleteJourney) {
        check_form(form, bytes);
    }
}

fn check_table_text(bytes: &[u8]) {
    check_rows(bytes, &Mapping::parse(MAPPING).unwrap());
    check_rows(&[HEADER.as_bytes(), bytes].concat(), &Mapping::parse(MAPPING).unwrap());
    let Ok(sample) = sample_table(bytes) else { return };
    let Ok(proposal) = propose_mapping(&sample, Day(20_000)) else { return };
    assert_eq!(Mapping::parse(&proposal.to_toml("a table")).unwrap(), proposal.mapping);
    check_rows(bytes, &proposal.mapping);
}

fn check_rows(bytes: &[u8], mapping: &Mapping) {
    let first = reading(|import, sink| read_table(bytes, mapping, import, sink));
    let second = reading(|import, sink| read_table(Portions::of(bytes), mapping, import, sink));
    check_same(&first, &second);
    let records = raw_records(&first);
    check_again(&records, |given, import, sink| read_quarantined_rows(given, mapping, import, sink));
}

fn check_table_parquet(bytes: &[u8]) {
    check_form(Form::Ga4, bytes);
    check_form(Form::PostHog, bytes);
    let Ok(sample) = sample_parquet_table(Cursor::new(bytes)) else { return };
    let Ok(proposal) = propose_mapping(&sample, Day(20_000)) else { return };
    let mapping = proposal.mapping;
    let first = reading(|import, sink| read_parquet_table(Cursor::new(bytes), &mapping, import, sink));
    let second = reading(|import, sink| read_parquet_table(Portions::of(bytes), &mapping, import, sink));
    check_same(&first, &second);
}

fn check_mapping(bytes: &[u8]) {
    let Ok(mapping) = Mapping::parse(&String::from_utf8_lossy(bytes)) else { return };
    assert_eq!(Mapping::parse(&mapping.to_toml()).unwrap(), mapping, "{}", mapping.to_toml());
    let rows = "a,b,c,d,e\nu1,2024-05-01T10:00:00Z,Bought,7,\"1.234,50\"\nu2,1714557600,,-1,x\n";
    check_rows(rows.as_bytes(), &mapping);
    check_rows(b"{\"a\":\"u1\",\"b\":\"2024-05-01\",\"c\":{\"d\":[1]},\"d\":1e9}\n", &mapping);
}

fn check_decompress(bytes: &[u8]) {
    let unpacked = |plain: &mut dyn Read| {
        let mut unpacked = Vec::new();
        let ended = plain.take(UNPACKED_BYTES_MAX).read_to_end(&mut unpacked);
        (unpacked, ended.is_ok())
    };
    let (first, second) = (decompress(bytes), decompress(Portions::of(bytes)));
    assert_eq!(first.is_ok(), second.is_ok());
    let (Ok(mut first), Ok(mut second)) = (first, second) else { return };
    let (first, second) = (unpacked(&mut first), unpacked(&mut second));
    assert_eq!(first.1, second.1);
    assert!(!first.1 || first.0 == second.0, "portions change what is unpacked");
}

/// Bytes that come in portions of all small sizes, as from a slow pipe.
struct Portions<'b> {
    bytes: Cursor<&'b [u8]>,
    n_reads: usize,
}

impl<'b> Portions<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Self { bytes: Cursor::new(bytes), n_reads: 0 }
    }
}

impl Read for Portions<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.n_reads += 1;
        let n_bytes = (1 + self.n_reads * 7 % 61).min(buffer.len());
        self.bytes.read(&mut buffer[..n_bytes])
    }
}

impl Seek for Portions<'_> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(place)
    }
}
