//! Input made to be too much, of any size and never held: what it says at a place is
//! computed when that place is read.

#![expect(clippy::too_many_lines, clippy::wildcard_enum_match_arm, reason = "a table of inputs, form by form")]

use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use throng_source::Form;

/// What input is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hostile {
    /// Bytes by chance.
    Garbage,
    /// One line of letters.
    OneLine,
    /// Zeros.
    Nul,
    /// Line breaks.
    Blank,
    /// Carriage returns between letters, and nothing else.
    CarriageReturns,
    /// A line of letters between good records.
    LongLine,
    /// An object with one long text between good records.
    LongText,
    /// Lists in lists between good records.
    DeepLists,
    /// Objects in objects between good records.
    DeepObjects,
    /// An object of many members between good records.
    ManyMembers,
    /// A header of many columns.
    ManyColumns,
    /// Quotes that are never closed.
    OpenQuotes,
    /// A list that never ends, of values that are no records.
    Numbers,
    /// Small objects that are no records.
    Empties,
    /// Zeros, packed a thousandfold.
    Packed,
    /// A document whose list of records holds empty ones.
    Document,
    /// Turns of one conversation, tickets of one page: a list inside of one record.
    Inner,
    /// The same beside something long that all of its parts have in common.
    Shared,
}

impl Hostile {
    /// Every kind.
    pub(crate) const ALL: [Self; 18] = [
        Self::Garbage,
        Self::OneLine,
        Self::Nul,
        Self::Blank,
        Self::CarriageReturns,
        Self::LongLine,
        Self::LongText,
        Self::DeepLists,
        Self::DeepObjects,
        Self::ManyMembers,
        Self::ManyColumns,
        Self::OpenQuotes,
        Self::Numbers,
        Self::Empties,
        Self::Packed,
        Self::Document,
        Self::Inner,
        Self::Shared,
    ];

    /// Returns about `n_bytes` of it (packed: as many when unpacked) for a form.
    pub(crate) fn input(self, form: Form, n_bytes: u64) -> Made {
        let same = |unit: &str| Unit::Same(unit.repeat(4_096 / unit.len()).into_bytes());
        let good = good(form);
        let between = |before: &str, unit: Unit, behind: &str| {
            let head = [&good, before.as_bytes()].concat();
            let tail = [behind.as_bytes(), b"\n", &good].concat();
            Made::new(head, unit, n_bytes, tail)
        };
        let only = |unit: Unit| Made::new(Vec::new(), unit, n_bytes, Vec::new());
        match self {
            Self::Garbage => only(Unit::Chance),
            Self::OneLine => only(same("x")),
            Self::Nul => only(same("\0")),
            Self::Blank => only(same("\n")),
            Self::CarriageReturns => only(same("a,b\r")),
            Self::LongLine => between("", same("x"), ""),
            Self::LongText => between("{\"type\":\"track\",\"userId\":\"7\",\"event\":\"", same("x"), "\"}"),
            Self::DeepLists => between("{\"type\":\"track\",\"a\":", same("["), ""),
            Self::DeepObjects => between("", same("{\"a\":"), ""),
            Self::ManyMembers => between("{\"type\":\"track\"", Unit::Member, "}"),
            Self::ManyColumns => {
                Made::new(b"user_id,date".to_vec(), Unit::Column, n_bytes, b"\n7,2024-03-01\n".to_vec())
            }
            Self::OpenQuotes => between("", same("a,\"b\n"), ""),
            Self::Numbers => Made::new(b"[".to_vec(), same("1,"), n_bytes, Vec::new()),
            Self::Empties => only(same("{}\n")),
            Self::Packed => {
                // One gzip member unpacks to a mebibyte.
                let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
                packer.write_all(&vec![0; 1 << 20]).unwrap();
                let member = packer.finish().unwrap();
                let n_packed = (n_bytes >> 20) * member.len() as u64;
                Made::new(Vec::new(), Unit::Same(member), n_packed, Vec::new())
            }
            Self::Document => {
                let name = match form {
                    Form::Tickets => "tickets",
                    Form::Shopify => "orders",
                    Form::Segment => "batch",
                    _ => "data",
                };
                Made::new(format!("{{\"{name}\":[{{}}").into_bytes(), same(",{}"), n_bytes, b"]}".to_vec())
            }
            Self::Inner => {
                let (before, unit, behind) = match form {
                    Form::Tickets => (
                        "{\"id\":1,\"created_at\":\"2024-03-01T10:00:00Z\",\"requester_id\":7,\"comments\":[{}",
                        ",{\"author_id\":7}",
                        "]}",
                    ),
                    Form::Shopify => ("{\"id\":1,\"line_items\":[{}", ",{\"sku\":\"1\"}", "]}"),
                    Form::Ga4 => (
                        "{\"event_name\":\"purchase\",\"event_timestamp\":\"1611798022695757\",\"items\":[{}",
                        ",{\"item_id\":\"1\"}",
                        "]}",
                    ),
                    Form::Ga360 => (
                        "{\"fullVisitorId\":\"7\",\"visitStartTime\":\"1473757372\",\"hits\":[{}",
                        ",{\"type\":\"PAGE\",\"time\":1}",
                        "]}",
                    ),
                    Form::Transcripts => ("{\"conversation_id\":\"c\",\"turns\":[{}", ",{\"text\":\"a\"}", "]}"),
                    Form::PostHog | Form::Mixpanel => (
                        "{\"event\":\"Order Completed\",\"distinct_id\":\"7\",\"properties\":{\"products\":[{}",
                        ",{\"sku\":\"1\"}",
                        "]}}",
                    ),
                    _ => (
                        "{\"type\":\"track\",\"userId\":\"7\",\"properties\":{\"products\":[{}",
                        ",{\"sku\":\"1\"}",
                        "]}}",
                    ),
                };
                between(before, same(unit), behind)
            }
            Self::Shared => {
                // Half of the record is said once, and would be said again with each of its parts.
                let long = "x".repeat(usize::try_from(n_bytes / 2).unwrap());
                let (before, unit, behind) = match form {
                    Form::Tickets => ("{\"id\":1,\"requester_id\":7,\"subject\":\"", ",{\"author_id\":7}", "comments"),
                    Form::Ga360 => {
                        ("{\"fullVisitorId\":\"7\",\"visitStartTime\":\"1473757372\",\"x\":\"", ",{}", "hits")
                    }
                    Form::Transcripts => ("{\"conversation_id\":\"", ",{\"text\":\"a\"}", "turns"),
                    Form::Shopify => ("{\"id\":1,\"note\":\"", ",{\"id\":1}", "refunds"),
                    _ => ("{\"context\":{\"x\":\"", ",{}", "batch"),
                };
                let closed = if behind == "batch" { "\"}" } else { "\"" };
                let before = format!("{before}{long}{closed},\"{behind}\":[{{}}");
                let head = [&good, before.as_bytes()].concat();
                Made::new(head, same(unit), n_bytes / 2, [b"]}\n", good.as_slice()].concat())
            }
        }
    }
}

/// Returns good records of a form, from the seeds of the fuzz targets.
pub(crate) fn good(form: Form) -> Vec<u8> {
    let seed = match form {
        Form::Segment => "segment/lines",
        Form::Ga4 => "ga4/purchase",
        Form::Ga360 => "ga360/session",
        Form::Mixpanel | Form::MixpanelLocal => "mixpanel/events",
        Form::Amplitude => "amplitude/lines",
        Form::PostHog => "posthog/events",
        Form::Shopify => "shopify/order.json",
        Form::CrmDeals => "crm/hubspot_deals",
        Form::CrmAccounts => "crm/hubspot_accounts",
        Form::CrmContacts => "crm/contacts",
        Form::CrmLeads => "crm/leads",
        Form::Tickets => "tickets/lines",
        Form::Transcripts => "transcripts/turns",
        Form::Reviews => "reviews/trustpilot",
        Form::AccessLog => "access_log/combined",
        Form::CompleteJourney | Form::Table => "table_text/orders.csv",
    };
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(seed)).unwrap()
}

/// What is said again and again.
enum Unit {
    /// The same bytes.
    Same(Vec<u8>),
    /// Bytes by chance, from their place.
    Chance,
    /// Members of an object, each of another name.
    Member,
    /// Columns of a header, each of another name.
    Column,
}

impl Unit {
    fn write(&self, idx: u64, bytes: &mut Vec<u8>) {
        bytes.clear();
        match self {
            Self::Same(unit) => bytes.extend_from_slice(unit),
            // The sequence of SplitMix64.
            Self::Chance => (0..512).for_each(|word| {
                let mut z = (idx * 512 + word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
            }),
            Self::Member => write!(bytes, ",\"m{idx:011}\":1").unwrap(),
            Self::Column => write!(bytes, ",c{idx:07}").unwrap(),
        }
    }
}

/// A beginning, units of one length, and an end.
pub(crate) struct Made {
    head: Cursor<Vec<u8>>,
    unit: Unit,
    n_units: u64,
    unit_idx: u64,
    current: Cursor<Vec<u8>>,
    tail: Cursor<Vec<u8>>,
}

impl Made {
    fn new(head: Vec<u8>, unit: Unit, n_bytes: u64, tail: Vec<u8>) -> Self {
        let mut first = Vec::new();
        unit.write(0, &mut first);
        let n_units = n_bytes.div_ceil(first.len() as u64);
        let current = Cursor::new(Vec::new());
        Self { head: Cursor::new(head), unit, n_units, unit_idx: 0, current, tail: Cursor::new(tail) }
    }
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_head = self.head.read(buffer)?;
        if n_head > 0 || buffer.is_empty() {
            return Ok(n_head);
        }
        let n_current = self.current.read(buffer)?;
        if n_current > 0 {
            return Ok(n_current);
        }
        if self.unit_idx == self.n_units {
            return self.tail.read(buffer);
        }
        self.unit.write(self.unit_idx, self.current.get_mut());
        self.unit_idx += 1;
        self.current.set_position(0);
        self.current.read(buffer)
    }
}

impl Seek for Made {
    /// Goes back to the beginning, which is all that a reader of a form asks for.
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        assert_eq!(place, SeekFrom::Start(0), "only the beginning is looked at twice");
        self.head.set_position(0);
        self.unit_idx = 0;
        self.current = Cursor::new(Vec::new());
        self.tail.set_position(0);
        Ok(0)
    }
}
