//! Mixpanel's raw export: events (`/api/2.0/export`) and people (`engage`).
//!
//! One line is `{"event", "properties": {"time", "distinct_id", "$insert_id", …}}`, and the
//! export is not deduplicated: events are the same when they agree in name, second,
//! `distinct_id` and `$insert_id`, which is how Mixpanel itself tells them apart. Lines of
//! people (`$distinct_id`, `$properties`) are what was known of them when last seen.
//!
//! Who it is: `$user_id` and `$device_id` of simplified identities; a `distinct_id` that
//! begins with `$device:` is a device, any other a person. Ids that Mixpanel disallows are
//! no one's. Properties of the Segment Spec's commerce events are read as Segment's are.

use std::io::Read;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use throng_event::{Draft, EventKind, Identity, IdentityKind, Instant, Problem, ProblemKind};

use crate::analytics::{
    Fields, Made, Maker, add_attributes, add_part, import_records, lenient_time, put, somebody, utc_time,
};
use crate::head::Head;
use crate::segment::read_members;
use crate::{Import, SourceError, StopReason, Taken, Tally};

/// What clock the times of a Mixpanel export are written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixpanelClock {
    /// Unix time, as projects created since 2023 write it.
    Utc,
    /// The project's local time, written as if it were Unix time: older projects. The zone
    /// is that of the import's calendar.
    ProjectZone,
}

/// Reads a Mixpanel export, packed or plain, one event or person a line (or a list of
/// them, or the `results` of its API).
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_mixpanel(
    input: impl Read,
    clock: MixpanelClock,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let maker = match clock {
        MixpanelClock::Utc => UTC_MAKER,
        MixpanelClock::ProjectZone => LOCAL_MAKER,
    };
    import_records(input, import, sink, maker)
}

pub(crate) const UTC_MAKER: Maker<'static> = &|fields, import| record(fields, MixpanelClock::Utc, import);
pub(crate) const LOCAL_MAKER: Maker<'static> = &|fields, import| record(fields, MixpanelClock::ProjectZone, import);

/// Returns why a file is a Mixpanel export, `None` where it is none.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let object = head.object.as_ref()?;
    if object.contains_key("$distinct_id") && object.contains_key("$properties") {
        return Some("its objects have $distinct_id and $properties as Mixpanel exports people".to_owned());
    }
    let properties = object.get("properties")?.as_object()?;
    let is_event =
        object.contains_key("event") && ["time", "distinct_id"].iter().all(|name| properties.contains_key(*name));
    is_event.then(|| {
        "its objects have event, properties.time and properties.distinct_id as Mixpanel exports them".to_owned()
    })
}

const CONTEXT: [(&str, &str); 39] = [
    ("$current_url", "page.url"),
    ("current_url_path", "page.path"),
    ("current_url_search", "page.search"),
    ("current_page_title", "page.title"),
    ("current_domain", "page.hostname"),
    ("$referrer", "page.referrer"),
    ("$referring_domain", "page.referring_domain"),
    ("$browser", "browser.name"),
    ("$browser_version", "browser.version"),
    ("$os", "os.name"),
    ("$os_version", "os.version"),
    ("$city", "location.city"),
    ("$region", "location.region"),
    ("mp_country_code", "location.country"),
    ("$country_code", "location.country"),
    ("$latitude", "location.latitude"),
    ("$longitude", "location.longitude"),
    ("$timezone", "timezone"),
    ("$locale", "locale"),
    ("$screen_width", "screen.width"),
    ("$screen_height", "screen.height"),
    ("$screen_dpi", "screen.density"),
    ("$device", "device.name"),
    ("$model", "device.model"),
    ("$manufacturer", "device.manufacturer"),
    ("$brand", "device.brand"),
    ("$carrier", "network.carrier"),
    ("$radio", "network.radio"),
    ("$wifi", "network.wifi"),
    ("$bluetooth_version", "network.bluetooth"),
    ("$app_version_string", "app.version"),
    ("$app_build_number", "app.build"),
    ("mp_lib", "library.name"),
    ("$lib_version", "library.version"),
    ("utm_source", "campaign.source"),
    ("utm_medium", "campaign.medium"),
    ("utm_campaign", "campaign.name"),
    ("utm_term", "campaign.term"),
    ("utm_content", "campaign.content"),
];
/// Reserved properties of people, and of events about them.
pub(crate) const TRAITS: [(&str, &str); 12] = [
    ("$email", "email"),
    ("$phone", "phone"),
    ("$name", "name"),
    ("$first_name", "first_name"),
    ("$last_name", "last_name"),
    ("$avatar", "avatar"),
    ("$created", "created_at"),
    ("$city", "city"),
    ("$region", "region"),
    ("$country_code", "country"),
    ("$timezone", "timezone"),
    ("$last_seen", "last_seen_at"),
];
/// Those of the traits that an event may carry; the others of the names are its place.
const N_TRAITS_OF_EVENTS: usize = 7;

/// Makes the draft of one event or person.
pub(crate) fn record(mut fields: Fields<'_>, clock: MixpanelClock, import: Import<'_>) -> Result<Made, Problem> {
    if fields.get("$properties").is_some() && fields.get("event").is_none() {
        return person(fields, clock, import);
    }
    let (mut draft, mut mended) = (Draft::default(), Vec::new());
    let name = fields.text("event").unwrap_or_default();
    let mut properties = fields.object("properties");
    let time = properties.text("time");
    let occurred_at = time.as_deref().map(|text| clock_time(text, clock, import)).transpose()?;
    draft.occurred_at = occurred_at;
    draft.received_at = lenient_time(&mut properties, "mp_processing_time_ms", &mut mended);
    let insert_id = properties.text("$insert_id");
    let distinct_id = properties.text("distinct_id");
    let ids = [name.clone(), distinct_id.clone().unwrap_or_default()];
    // The key of a project that was written to, of which an export says nothing.
    properties.leave_out(&["token"]);
    identify(distinct_id, &mut properties, &mut draft);
    (draft.kind, draft.name) = kind_of(&name);
    if draft.kind == Some(EventKind::Alias) {
        alias(&mut properties, &mut draft);
    }
    let library = properties.peek("mp_lib");
    draft.channel = library.as_deref().and_then(channel_of_library).map(str::to_owned);
    properties.place(&CONTEXT, &mut draft.context)?;
    properties.place(&TRAITS[..N_TRAITS_OF_EVENTS], &mut draft.traits)?;
    if let Some(ip) = properties.take("ip").or_else(|| properties.take("$ip")) {
        put("ip".to_owned(), ip, &mut draft.context)?;
    }
    read_members(properties.into_members(), import.currency, &mut draft, &mut mended)?;
    fields.rest("", &mut draft.properties)?;
    draft.content = content(&draft, &ids, insert_id.as_deref());
    Ok(Made::one(draft, mended))
}

/// Returns what makes an event the event it is. The second is enough: the same event is
/// exported with or without milliseconds. Events without `$insert_id` are the same only
/// when all that they say is.
fn content(draft: &Draft, ids: &[String; 2], insert_id: Option<&str>) -> Vec<u8> {
    let mut content = Vec::new();
    let second = draft.occurred_at.map_or(0, |at| at.0.div_euclid(Instant::SECOND));
    for part in [&ids[0], &ids[1], &second.to_string()] {
        add_part(&mut content, part);
    }
    match insert_id {
        Some(insert_id) => add_part(&mut content, insert_id),
        None => [&draft.context, &draft.properties, &draft.traits]
            .iter()
            .for_each(|attributes| add_attributes(&mut content, attributes)),
    }
    content
}

fn kind_of(name: &str) -> (Option<EventKind>, Option<String>) {
    let kind = match name {
        "$mp_web_page_view" => EventKind::Page,
        "$identify" | "$create_alias" | "$merge" => EventKind::Alias,
        _ => EventKind::Track,
    };
    let name = match name {
        "$ae_first_open" => "Application Installed",
        "$ae_updated" => "Application Updated",
        "$ae_crashed" => "Application Crashed",
        own => own,
    };
    (Some(kind), (kind == EventKind::Track).then(|| name.to_owned()))
}

/// Reads who an event is about.
pub(crate) fn identify(distinct_id: Option<String>, properties: &mut Fields<'_>, draft: &mut Draft) {
    draft.user_id = somebody(properties.text("$user_id"));
    draft.anonymous_id = somebody(properties.text("$device_id"));
    let Some(distinct_id) = somebody(distinct_id) else { return };
    if let Some(device_id) = distinct_id.strip_prefix(DEVICE_PREFIX) {
        draft.anonymous_id = draft.anonymous_id.take().or_else(|| somebody(Some(device_id.to_owned())));
    } else if draft.anonymous_id.as_ref() == Some(&distinct_id) || draft.user_id.as_ref() == Some(&distinct_id) {
    } else if draft.user_id.is_some() {
        // After a merge of identities this is the one that Mixpanel chose for the person.
        draft.external_ids.push(Identity::new(IdentityKind::External, &format!("mixpanel:{distinct_id}")));
    } else {
        draft.user_id = Some(distinct_id);
    }
}

/// What the distinct ids of devices begin with (simplified identities).
const DEVICE_PREFIX: &str = "$device:";

/// Reads the earlier identity: `$identify`, `$create_alias` and `$merge` each have their own names for it.
fn alias(properties: &mut Fields<'_>, draft: &mut Draft) {
    let mut merged: Vec<String> = Vec::new();
    for id in properties.list("$distinct_ids") {
        merged.extend(somebody(crate::attributes::scalar_text(id).map(std::borrow::Cow::into_owned)));
    }
    // A device is the earlier one of two, wherever it stands.
    merged.sort_by_key(|id| id.starts_with(DEVICE_PREFIX));
    let mut merged = merged.into_iter();
    if let Some(user_id) = merged.next() {
        draft.user_id = Some(user_id);
    }
    let identified = somebody(properties.text("$identified_id"));
    draft.user_id = identified.or(draft.user_id.take());
    let names = ["$anon_distinct_id", "$anon_id", "alias"];
    let stated = names.iter().find_map(|name| somebody(properties.text(name)));
    let previous = stated.or_else(|| merged.next()).or_else(|| draft.anonymous_id.clone());
    let device = previous.as_deref().and_then(|id| id.strip_prefix(DEVICE_PREFIX)).map(str::to_owned);
    draft.anonymous_id = device.clone().or(draft.anonymous_id.take());
    draft.previous_id = device.or(previous);
}

fn channel_of_library(library: &str) -> Option<&'static str> {
    match library.trim().to_ascii_lowercase().as_str() {
        "web" => Some("web"),
        "iphone" | "ios" | "swift" | "android" | "unity" | "flutter" | "react-native" => Some("app"),
        "python" | "node" | "ruby" | "php" | "java" | "go" | "mixpanel-java" => Some("server"),
        _ => None,
    }
}

/// Reads a line of people: what is known of one, as of when it was last seen.
fn person(mut fields: Fields<'_>, clock: MixpanelClock, import: Import<'_>) -> Result<Made, Problem> {
    let mut draft = Draft { kind: Some(EventKind::Identify), ..Draft::default() };
    let distinct_id = fields.text("$distinct_id");
    let mut properties = fields.object("$properties");
    let zone = match clock {
        MixpanelClock::Utc => &TimeZone::UTC,
        MixpanelClock::ProjectZone => import.calendar.zone(),
    };
    let seen = ["$last_seen", "$created"].iter().find_map(|name| properties.peek(name));
    if let Some(text) = seen {
        let instant = Instant::parse(&text, zone);
        draft.occurred_at = Some(instant.ok_or_else(|| Problem::new(ProblemKind::InvalidTime, &text))?);
    }
    identify(distinct_id.clone(), &mut properties, &mut draft);
    properties.place(&TRAITS, &mut draft.traits)?;
    properties.rest("", &mut draft.traits)?;
    fields.rest("", &mut draft.properties)?;
    add_part(&mut draft.content, &distinct_id.unwrap_or_default());
    add_attributes(&mut draft.content, &draft.traits);
    Ok(Made::one(draft, Vec::new()))
}

/// Returns the instant of an event's time.
fn clock_time(text: &str, clock: MixpanelClock, import: Import<'_>) -> Result<Instant, Problem> {
    let written = utc_time(text)?;
    if clock == MixpanelClock::Utc {
        return Ok(written);
    }
    let local = Timestamp::from_microsecond(written.0).map(|at| TimeZone::UTC.to_datetime(at));
    let instant = local.and_then(|local| import.calendar.zone().to_ambiguous_timestamp(local).compatible());
    instant.map(|at| Instant(at.as_microsecond())).map_err(|_| Problem::new(ProblemKind::InvalidTime, text))
}

#[cfg(test)]
mod tests;
