//! Google Analytics 360 (Universal Analytics): hits, flattened or within their sessions.
//!
//! `BigQuery` exports one session a row with its `hits` (`BigQuery Export schema`,
//! support.google.com/analytics/answer/3437719); tables made from it have one hit a row
//! with names such as `eCommerceAction_type`. Both are read, JSON or delimited text, and a
//! hit becomes one event at `visitStartTime` plus its `time`. Amounts are millionths of
//! the currency's unit. What holds of the whole session (totals, source, device, place,
//! custom dimensions) is context of every one of its events.

mod hit;

use std::io::{BufRead, Read};

use throng_event::{Attributes, Decimal, Draft, Instant, Problem, ProblemKind, Value};

use crate::analytics::{Fields, Made, Maker, add_part, read_records, somebody};
use crate::head::Head;
use crate::import::{Intake, check_drafts};
use crate::rows::NamedRows;
use crate::{Import, SourceError, StopReason, Taken, Tally, decompress};
use hit::Session;

/// Hits of one session; Google Analytics stops recording at 500, properties of 360 at 2,000.
const HITS_MAX: usize = 10_000;

/// Reads Google Analytics 360 sessions or hits, packed or plain: a flattened table of hits,
/// or JSON lines of sessions or hits. A session counts as one row, however many events it makes.
///
/// The export has no event ids. Hits of a session are told apart by their number, time and
/// type; flattened hits by all that their row says.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_ga360(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let mut input = decompress(input).map_err(|error| intake.read_error(error))?;
    let head = input.fill_buf().map_err(|error| intake.read_error(error))?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if matches!(head.first(), Some(b'{' | b'[')) {
        read_records(input, &mut intake, MAKER)?;
        return Ok(intake.finish());
    }
    let mut rows = NamedRows::new(input)?;
    while let Some(row) = rows.next(&mut intake)? {
        let (number, raw, mut mended) = (row.number, row.raw(), row.mended());
        // The row as an object: what is put aside is read again by the same words.
        match Fields::read(raw.as_bytes()).and_then(|fields| record(fields, import)) {
            Ok(made) => {
                mended.extend(made.mended);
                intake.take_all(number, made.drafts, mended, || raw.clone())?;
            }
            Err(problem) => intake.put_aside(number, vec![problem], raw.clone())?,
        }
    }
    Ok(intake.finish())
}

/// Returns why a file is a Google Analytics 360 export, `None` where it is none.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    if head.has_members(&["fullVisitorId", "visitId", "hits"]) {
        return Some(
            "its objects have fullVisitorId, visitId and hits as Google Analytics 360 exports sessions".to_owned(),
        );
    }
    let flat = ["fullVisitorId", "visitId", "time", "eCommerceAction_type"];
    let is_flat = head.has_columns(&flat) || head.has_members(&flat);
    is_flat.then(|| {
        "it has fullVisitorId, visitId, time and eCommerceAction_type as hits of Google Analytics 360 do".to_owned()
    })
}

const MAKER: Maker<'static> = &|fields, import| record(fields, import);

/// What is said of the session, by its place in the context.
const SESSION: [(&str, &str); 14] = [
    ("channelGrouping", "session.channel_grouping"),
    ("visitId", "session.id"),
    ("visitNumber", "session.number"),
    ("date", "session.date"),
    ("timeOnSite", "session.timeOnSite"),
    ("pageviews", "session.pageviews"),
    ("bounces", "session.bounces"),
    ("transactions", "session.transactions"),
    ("sessionQualityDim", "session.sessionQualityDim"),
    ("socialEngagementType", "session.social_engagement"),
    ("country", "location.country"),
    ("region", "location.region"),
    ("city", "location.city"),
    ("continent", "location.continent"),
];
const SOURCE: [(&str, &str); 6] = [
    ("campaign", "campaign.name"),
    ("source", "campaign.source"),
    ("medium", "campaign.medium"),
    ("keyword", "campaign.term"),
    ("adContent", "campaign.content"),
    ("referralPath", "page.referral_path"),
];
const DEVICE: [(&str, &str); 8] = [
    ("browser", "browser.name"),
    ("browserVersion", "browser.version"),
    ("operatingSystem", "os.name"),
    ("operatingSystemVersion", "os.version"),
    ("deviceCategory", "device.type"),
    ("mobileDeviceBranding", "device.manufacturer"),
    ("mobileDeviceModel", "device.model"),
    ("language", "locale"),
];
/// What a session sold; a flattened row has only the first, the other is the hit's.
const REVENUES: [&str; 2] = ["totalTransactionRevenue", "transactionRevenue"];
/// What the public sample writes in the place of what it withholds.
const WITHHELD: &str = "not available in demo dataset";

fn record(mut fields: Fields<'_>, import: Import<'_>) -> Result<Made, Problem> {
    let mut made = Made::default();
    let hits = fields.get("hits").is_some().then(|| fields.list("hits"));
    let mut shared = Draft { user_id: somebody(fields.text("userId")), ..Draft::default() };
    let visitor = somebody(fields.text("fullVisitorId")).or_else(|| somebody(fields.text("clientId")));
    shared.anonymous_id = visitor;
    let visit = fields.peek("visitId").map(|id| id.into_owned());
    let started = fields.text("visitStartTime").or_else(|| visit.clone());
    shared.occurred_at = started.as_deref().map(start).transpose()?;
    for part in [visit, started] {
        add_part(&mut shared.content, &part.unwrap_or_default());
    }
    add_part(&mut shared.content, shared.anonymous_id.as_deref().unwrap_or_default());
    read_session(&mut fields, &mut shared)?;
    let one = number_of(&shared.context, "session.transactions").filter(|n_orders| n_orders.0 == Decimal::ONE);
    let only_order = one.and_then(|_| number_of(&shared.context, "session.totalTransactionRevenue"));
    let Some(hits) = hits else {
        let session = Session { shared, only_order, currency: import.currency };
        made.drafts.push(session.flat_hit(fields, &mut made.mended)?);
        return Ok(made);
    };
    if hits.len() > HITS_MAX {
        return Err(Problem::new(ProblemKind::TooLarge, &format!("a session of {} hits", hits.len())));
    }
    fields.rest("session.", &mut shared.context)?;
    check_drafts(&shared, hits.len())?;
    let session = Session { shared, only_order, currency: import.currency };
    for hit in hits {
        made.drafts.push(session.hit(Fields::of(Some(hit)), &mut made.mended)?);
    }
    Ok(made)
}

/// Returns the instant of a session's start, Unix seconds.
fn start(text: &str) -> Result<Instant, Problem> {
    let invalid = || Problem::new(ProblemKind::InvalidTime, text);
    text.parse().ok().and_then(Instant::from_unix).ok_or_else(invalid)
}

fn number_of(attributes: &Attributes, name: &str) -> Option<Decimal> {
    match attributes.get(name)? {
        Value::Number(number) => Some(*number),
        Value::Text(text) => Decimal::parse(text),
        Value::Bool(_) | Value::Instant(_) | Value::Json(_) => None,
    }
}

/// Reads what holds of every hit of the session.
fn read_session(fields: &mut Fields<'_>, shared: &mut Draft) -> Result<(), Problem> {
    let context = &mut shared.context;
    let mut totals = fields.object("totals");
    for (part, revenues) in [(&mut totals, REVENUES.as_slice()), (fields, &REVENUES[..1])] {
        part.place(&SESSION, context)?;
        for name in revenues {
            let revenue = hit::micros(part, name).map(Value::Number);
            context.extend(revenue.map(|revenue| (format!("session.{name}"), revenue)));
            part.leave_out(&[name]);
        }
    }
    totals.rest("session.", context)?;
    let mut source = fields.object("trafficSource");
    source.place(&SOURCE, context)?;
    source.rest("campaign.", context)?;
    let mut device = fields.object("device");
    device.place(&DEVICE, context)?;
    device.rest("device.", context)?;
    fields.object("geoNetwork").rest("location.", context)?;
    fields.object("privacyInfo").rest("consent.", context)?;
    hit::read_dimensions(&fields.list("customDimensions"), "session.dimension", context)?;
    context.retain(|_, value| !matches!(value, Value::Text(text) if text == WITHHELD));
    Ok(())
}

#[cfg(test)]
mod tests;
