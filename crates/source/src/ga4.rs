//! Google Analytics 4, as it is exported to `BigQuery` and from there to JSON or Parquet.
//!
//! One row is one event (`BigQuery Export schema`, support.google.com/analytics/answer/7029846).
//! Recommended events get the names the Segment Spec has for them; all others keep their
//! own. Placeholders such as `(not set)` are absent.
//!
//! - Parameters are properties, but those of the page and the campaign are context.
//! - User properties, the lifetime value and the first touch in time are traits.
//! - `collected_traffic_source` is the campaign of the event; `traffic_source` is how the
//!   person came the very first time and `session_traffic_source_last_click` how the session
//!   came, which stay apart from it as `first_touch.*` and `session_source.*`.
//! - The bundle and batch numbers make the event's id and are kept nowhere else.

mod names;
mod sales;

use std::io::{Read, Seek};

use serde_json::value::RawValue;
use throng_event::{Attributes, Decimal, Draft, Problem, Value};

use crate::analytics::{
    Fields, Made, Maker, add_attributes, add_part, channel, import_parquet_records, import_records, keep_real_devices,
    lenient_time, somebody, turn_back, utc_time,
};
use crate::head::Head;
use crate::table::is_absent;
use crate::{Import, SourceError, StopReason, Taken, Tally};

/// Reads the events of a Google Analytics 4 export from JSON, packed or plain: lines or a list.
///
/// The export has no event ids. Rows are the same event when they agree in device, time,
/// name, bundle and batch numbers; rows of exports from before the batch numbers must
/// agree in their parameters and items too. So daily and intraday tables, and tables
/// exported again with late rows, agree.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_ga4(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    import_records(input, import, sink, MAKER)
}

/// Reads the events of a Google Analytics 4 export from Parquet, see [`read_ga4`].
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_ga4_parquet(
    input: impl Read + Seek,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    import_parquet_records(input, "the Google Analytics 4 export", import, sink, MAKER)
}

/// Returns why a file is a Google Analytics 4 export, `None` where it is none.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let is_ga4 = head.has_members(&["event_name", "event_timestamp"])
        && ["event_params", "user_pseudo_id", "stream_id"].iter().any(|name| head.has_members(&[name]));
    is_ga4.then(|| {
        "its objects have event_name, event_timestamp and event_params as Google Analytics 4 exports them".to_owned()
    })
}

pub(crate) const MAKER: Maker<'static> = &|fields, import| event(fields, import);

/// Parameters that are circumstances of the event.
const CONTEXT_PARAMETERS: [(&str, &str); 11] = [
    ("page_location", "page.url"),
    ("page_title", "page.title"),
    ("page_referrer", "page.referrer"),
    ("page_path", "page.path"),
    ("source", "campaign.source"),
    ("medium", "campaign.medium"),
    ("campaign", "campaign.name"),
    ("campaign_id", "campaign.id"),
    ("term", "campaign.term"),
    ("content", "campaign.content"),
    ("gclid", "campaign.gclid"),
];
const DEVICE: [(&str, &str); 15] = [
    ("category", "device.type"),
    ("mobile_brand_name", "device.manufacturer"),
    ("mobile_model_name", "device.model"),
    ("mobile_marketing_name", "device.name"),
    ("mobile_os_hardware_model", "device.hardware_model"),
    ("operating_system", "os.name"),
    ("operating_system_version", "os.version"),
    ("vendor_id", "device.id"),
    ("advertising_id", "device.advertisingId"),
    ("language", "locale"),
    ("time_zone_offset_seconds", "timezone_offset_seconds"),
    ("is_limited_ad_tracking", "device.limited_ad_tracking"),
    ("browser", "browser.name"),
    ("browser_version", "browser.version"),
    ("hostname", "page.hostname"),
];
const APP: [(&str, &str); 6] = [
    ("id", "app.namespace"),
    ("version", "app.version"),
    ("firebase_app_id", "app.id"),
    ("install_source", "app.install_source"),
    ("install_store", "app.install_store"),
    ("name", "app.name"),
];
const COLLECTED_SOURCE: [(&str, &str); 13] = [
    ("manual_campaign_id", "campaign.id"),
    ("manual_campaign_name", "campaign.name"),
    ("manual_source", "campaign.source"),
    ("manual_medium", "campaign.medium"),
    ("manual_term", "campaign.term"),
    ("manual_content", "campaign.content"),
    ("manual_source_platform", "campaign.source_platform"),
    ("manual_creative_format", "campaign.creative_format"),
    ("manual_marketing_tactic", "campaign.marketing_tactic"),
    ("gclid", "campaign.gclid"),
    ("dclid", "campaign.dclid"),
    ("srsltid", "campaign.srsltid"),
    ("gad_source", "campaign.gad_source"),
];
/// Numbers that tell events of one device and moment apart.
const SEQUENCE: [&str; 4] = ["event_bundle_sequence_id", "batch_event_index", "batch_page_id", "batch_ordering_id"];

/// Makes the draft of one row.
pub(crate) fn event(mut fields: Fields<'_>, import: Import<'_>) -> Result<Made, Problem> {
    let (mut draft, mut mended) = (Draft::default(), Vec::new());
    let name = fields.text("event_name").unwrap_or_default();
    let (kind, event) = names::of(&name);
    draft.kind = Some(kind);
    draft.name = event.map(str::to_owned);
    draft.user_id = somebody(fields.text("user_id"));
    draft.anonymous_id = somebody(fields.text("user_pseudo_id"));
    let time = fields.text("event_timestamp");
    draft.occurred_at = time.as_deref().map(utc_time).transpose()?;
    let sequence = SEQUENCE.map(|number| fields.text(number));
    read_circumstances(&mut fields, &mut draft.context)?;
    if let Some(platform) = fields.text("platform") {
        draft.channel = Some(channel(&platform));
        draft.context.insert("platform", Value::text(platform));
    }
    read_person(&mut fields, &mut draft, &mut mended)?;
    let parameters: Attributes = keyed(fields.list("event_params")).map(|(key, value, _)| (key, value)).collect();
    let mut content = content(&draft, &[time.unwrap_or_default(), name.clone()], &sequence);
    if sequence[1].is_none() {
        add_attributes(&mut content, &parameters);
    }
    for (key, value) in parameters {
        let place = CONTEXT_PARAMETERS.iter().find(|(name, _)| *name == key);
        match place {
            // What was collected with the event goes before its parameters.
            Some((_, place)) => drop(draft.context.insert_if_absent(*place, value)),
            None => draft.properties.insert(key, value),
        }
    }
    let previous = lenient_time(&mut fields, "event_previous_timestamp", &mut mended);
    draft.properties.extend(previous.map(|at| ("event_previous_timestamp".to_owned(), Value::Instant(at))));
    sales::read(&name, &mut fields, import, (&mut draft, &mut mended))?;
    if names::refunds(&name) {
        turn_back(&mut draft);
    }
    fields.rest("", &mut draft.properties)?;
    keep_real_devices(&mut draft.context);
    if sequence[1].is_none() {
        for line in &draft.products {
            add_part(&mut content, &line.product_id);
            add_part(&mut content, &line.quantity.to_string());
        }
    }
    draft.content = content;
    Ok(Made::one(draft, mended))
}

/// Returns what makes an event the event it is where there are batch numbers, see [`read_ga4`].
fn content(draft: &Draft, named: &[String; 2], sequence: &[Option<String>; 4]) -> Vec<u8> {
    let mut content = Vec::new();
    let person = draft.anonymous_id.as_ref().or(draft.user_id.as_ref());
    add_part(&mut content, person.map_or("", String::as_str));
    for part in named.iter().map(Some).chain(sequence.iter().map(Option::as_ref)) {
        add_part(&mut content, part.map_or("", String::as_str));
    }
    content
}

/// Reads device, place, app, consent and the sources of traffic.
fn read_circumstances(fields: &mut Fields<'_>, context: &mut Attributes) -> Result<(), Problem> {
    let mut device = fields.object("device");
    let mut web = device.object("web_info");
    for part in [&mut web, &mut device] {
        part.place(&DEVICE, context)?;
    }
    web.rest("browser.", context)?;
    device.rest("device.", context)?;
    fields.object("geo").rest("location.", context)?;
    let mut app = fields.object("app_info");
    app.place(&APP, context)?;
    app.rest("app.", context)?;
    let mut collected = fields.object("collected_traffic_source");
    collected.place(&COLLECTED_SOURCE, context)?;
    collected.rest("campaign.", context)?;
    fields.object("traffic_source").rest("first_touch.", context)?;
    fields.object("session_traffic_source_last_click").rest("session_source.", context)?;
    fields.object("privacy_info").rest("consent.", context)?;
    fields.object("event_dimensions").place(&DEVICE, context)?;
    fields.place(&[("stream_id", "stream_id")], context)
}

/// Reads what the row says about the person rather than the event.
fn read_person(fields: &mut Fields<'_>, draft: &mut Draft, mended: &mut Vec<Problem>) -> Result<(), Problem> {
    for (key, value, set_at) in keyed(fields.list("user_properties")) {
        if let Some(Ok(set_at)) = set_at.map(|text| utc_time(&text)) {
            draft.context.insert(format!("traits_set_at.{key}"), Value::Instant(set_at));
        }
        draft.traits.insert(key, value);
    }
    fields.object("user_ltv").rest("user_ltv.", &mut draft.traits)?;
    let first_touch = lenient_time(fields, "user_first_touch_timestamp", mended);
    draft.traits.extend(first_touch.map(|at| ("first_touch_at".to_owned(), Value::Instant(at))));
    Ok(())
}

/// Returns key, value and time of setting of a list of parameters or user properties.
fn keyed(list: Vec<&RawValue>) -> impl Iterator<Item = (String, Value, Option<String>)> {
    list.into_iter().filter_map(|item| {
        let mut item = Fields::of(Some(item));
        let key = item.text("key")?;
        let mut value = match item.get("value") {
            Some(raw) if raw.get().starts_with('{') => item.object("value"),
            _ => item,
        };
        let set_at = value.text("set_timestamp_micros");
        let number = |text: String| Decimal::parse(&text).map_or(Value::text(text), Value::Number);
        let numbers = ["int_value", "float_value", "double_value"];
        let read = value.text("string_value").filter(|text| !is_absent(text)).map(Value::text);
        let read = read.or_else(|| numbers.iter().find_map(|name| value.text(name)).map(number));
        Some((key, read?, set_at))
    })
}

#[cfg(test)]
mod tests;
