//! `PostHog`'s events, as its API and its batch exports write them: JSON lines and Parquet.
//!
//! A row is `uuid`, `event`, `distinct_id`, `timestamp` and `properties`, which Parquet and
//! some JSON hold as JSON text. Times that say no zone are UTC. A `distinct_id` is a person
//! unless the event says it is not identified or the id is that of the device; `$identify`
//! makes two events, for it says who a person is and which device was theirs before.

use std::borrow::Cow;
use std::io::{Read, Seek};

use serde_json::value::RawValue;
use throng_event::{Attributes, Draft, EventKind, Problem, ProblemKind, Value};

use crate::analytics::{
    Fields, Made, Maker, add_attributes, add_part, import_parquet_records, import_records, keep_real_devices,
    lenient_time, somebody, utc_time,
};
use crate::attributes::scalar_text;
use crate::head::Head;
use crate::segment::read_members;
use crate::{Import, SourceError, StopReason, Taken, Tally};

/// Reads `PostHog` events from JSON, packed or plain: lines, a list, or the API's answer.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_posthog(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    import_records(input, import, sink, MAKER)
}

/// Reads `PostHog` events from the Parquet of its batch exports.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_posthog_parquet(
    input: impl Read + Seek,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    import_parquet_records(input, "the PostHog export", import, sink, MAKER)
}

/// Returns why a file is a `PostHog` export, `None` where it is none.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let is_posthog = head.has_members(&["event", "distinct_id", "timestamp", "properties"])
        && ["uuid", "elements_chain", "elements", "person"].iter().any(|name| head.has_members(&[name]));
    is_posthog.then(|| {
        "its objects have uuid, event, distinct_id, timestamp and properties as PostHog exports them".to_owned()
    })
}

pub(crate) const MAKER: Maker<'static> = &|fields, import| event(fields, import);

const CONTEXT: [(&str, &str); 46] = [
    ("$current_url", "page.url"),
    ("$pathname", "page.path"),
    ("$host", "page.hostname"),
    ("$title", "page.title"),
    ("title", "page.title"),
    ("$referrer", "page.referrer"),
    ("$referring_domain", "page.referring_domain"),
    ("$browser", "browser.name"),
    ("$browser_version", "browser.version"),
    ("$browser_language", "locale"),
    ("$locale", "locale"),
    ("$os", "os.name"),
    ("$os_name", "os.name"),
    ("$os_version", "os.version"),
    ("$device_type", "device.type"),
    ("$device", "device.family"),
    ("$device_name", "device.name"),
    ("$device_model", "device.model"),
    ("$device_manufacturer", "device.manufacturer"),
    ("$screen_width", "screen.width"),
    ("$screen_height", "screen.height"),
    ("$viewport_width", "screen.inner_width"),
    ("$viewport_height", "screen.inner_height"),
    ("$lib", "library.name"),
    ("$lib_version", "library.version"),
    ("$ip", "ip"),
    ("$raw_user_agent", "userAgent"),
    ("$user_agent", "userAgent"),
    ("$timezone", "timezone"),
    ("$geoip_time_zone", "location.timezone"),
    ("$geoip_country_name", "location.country"),
    ("$geoip_country_code", "location.country_code"),
    ("$geoip_subdivision_1_name", "location.region"),
    ("$geoip_city_name", "location.city"),
    ("$geoip_postal_code", "location.postal_code"),
    ("$geoip_latitude", "location.latitude"),
    ("$geoip_longitude", "location.longitude"),
    ("$app_name", "app.name"),
    ("$app_version", "app.version"),
    ("$app_build", "app.build"),
    ("$network_carrier", "network.carrier"),
    ("utm_source", "campaign.source"),
    ("utm_medium", "campaign.medium"),
    ("utm_campaign", "campaign.name"),
    ("utm_term", "campaign.term"),
    ("utm_content", "campaign.content"),
];
/// Keys of transport: they say nothing of the event.
const TRANSPORT: [&str; 8] =
    ["token", "$sent_at", "$time", "$insert_id", "_inserted_at", "site_url", "team_id", "person_version"];

fn event(mut fields: Fields<'_>, import: Import<'_>) -> Result<Made, Problem> {
    let (mut draft, mut mended) = (Draft::default(), Vec::new());
    let name = fields.text("event").unwrap_or_default();
    draft.id = fields.text("uuid").or_else(|| fields.text("id"));
    draft.occurred_at = fields.text("timestamp").map(|text| utc_time(&text)).transpose()?;
    draft.received_at = lenient_time(&mut fields, "created_at", &mut mended);
    let distinct_id = fields.text("distinct_id");
    let text = unwrapped(fields.take("properties"))?;
    let mut properties = object("properties", &text)?;
    fields.leave_out(&TRANSPORT);
    properties.leave_out(&TRANSPORT);
    (draft.kind, draft.name) = kind_of(&name);
    identify(distinct_id.as_deref(), &mut properties, &mut draft);
    read_person(&mut fields, &mut properties, &mut draft)?;
    read_groups(&mut properties, &mut draft)?;
    properties.place(&CONTEXT, &mut draft.context)?;
    // Who came without a referrer is said to come from "$direct".
    draft.context.retain(|_, value| !matches!(value, Value::Text(text) if text == "$direct"));
    if let Some(screen) = properties.take("$screen_name") {
        crate::analytics::put("name".to_owned(), screen, &mut draft.properties)?;
    }
    draft.channel = channel(&draft);
    let previous = previous(&name, &mut properties, &draft);
    read_members(properties.into_members(), import.currency, &mut draft, &mut mended)?;
    fields.place(
        &[("elements_chain", "$elements_chain"), ("elements", "$elements"), ("ip", "ip")],
        &mut draft.properties,
    )?;
    fields.rest("", &mut draft.properties)?;
    keep_real_devices(&mut draft.context);
    if draft.id.is_none() {
        add_part(&mut draft.content, &name);
        add_part(&mut draft.content, distinct_id.as_deref().unwrap_or_default());
        add_part(&mut draft.content, &draft.occurred_at.map_or_else(String::new, |at| at.to_string()));
        add_attributes(&mut draft.content, &draft.properties);
    }
    Ok(Made { drafts: with_alias(draft, previous), mended })
}

fn kind_of(name: &str) -> (Option<EventKind>, Option<String>) {
    let kind = match name {
        "$pageview" => EventKind::Page,
        "$screen" => EventKind::Screen,
        "$identify" | "$set" => EventKind::Identify,
        "$groupidentify" => EventKind::Group,
        "$create_alias" | "$merge_dangerously" => EventKind::Alias,
        _ => EventKind::Track,
    };
    (Some(kind), (kind == EventKind::Track).then(|| name.to_owned()))
}

/// Reads who an event is about.
fn identify(distinct_id: Option<&str>, properties: &mut Fields<'_>, draft: &mut Draft) {
    let device_id = somebody(properties.text("$device_id"));
    draft.user_id = somebody(properties.text("$user_id"));
    let unidentified = properties.get("$is_identified").is_some_and(|raw| raw.get() == "false");
    let distinct_id = somebody(distinct_id.map(str::to_owned));
    let of_device = unidentified || distinct_id.is_some() && distinct_id == device_id;
    draft.anonymous_id = device_id;
    match distinct_id {
        Some(distinct_id) if of_device => draft.anonymous_id = Some(distinct_id),
        Some(distinct_id) => draft.user_id = Some(distinct_id),
        None => {}
    }
}

/// Returns the earlier id that an event says was the same person's.
fn previous(name: &str, properties: &mut Fields<'_>, draft: &Draft) -> Option<String> {
    let key = match name {
        "$identify" => "$anon_distinct_id",
        "$create_alias" | "$merge_dangerously" => "alias",
        _ => return None,
    };
    somebody(properties.text(key)).filter(|previous| draft.user_id.as_ref() != Some(previous))
}

/// Returns the drafts of an event: itself, and an alias where it names an earlier id.
fn with_alias(mut draft: Draft, previous: Option<String>) -> Vec<Draft> {
    if draft.kind == Some(EventKind::Alias) {
        draft.previous_id = previous;
        return vec![draft];
    }
    let Some(previous) = previous else {
        return vec![draft];
    };
    let alias = Draft {
        id: draft.id.as_ref().map(|id| format!("{id}#alias")),
        content: draft.content.clone(),
        kind: Some(EventKind::Alias),
        user_id: draft.user_id.clone(),
        anonymous_id: Some(previous.clone()),
        previous_id: Some(previous),
        occurred_at: draft.occurred_at,
        received_at: draft.received_at,
        channel: draft.channel.clone(),
        ..Draft::default()
    };
    vec![draft, alias]
}

/// Reads what is known of the person: what the event sets goes before what was known.
fn read_person(fields: &mut Fields<'_>, properties: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Problem> {
    let mut traits = Attributes::new();
    for name in ["$set", "$set_once"] {
        properties.object(name).rest("", &mut traits)?;
    }
    let mut person = fields.object("person");
    let held = ["set", "set_once", "person_properties"].map(|name| fields.take(name));
    for known in held.into_iter().chain([person.take("properties")]) {
        let text = unwrapped(known)?;
        object("the person's properties", &text)?.rest("", &mut traits)?;
    }
    person.rest("person.", &mut draft.context)?;
    fields.place(&[("person_id", "person.id")], &mut draft.context)?;
    if draft.kind != Some(EventKind::Group) {
        draft.traits = traits;
    }
    Ok(())
}

/// Reads the accounts: `$groups` of any event, or the one a `$groupidentify` describes.
fn read_groups(properties: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Problem> {
    let groups = properties.object("$groups").into_members().0;
    for (kind, group) in groups {
        let group_id = scalar_text(group).map(Cow::into_owned);
        draft.group_id = draft.group_id.take().or(somebody(group_id));
        crate::analytics::put(format!("groups.{kind}"), group, &mut draft.context)?;
    }
    if draft.kind == Some(EventKind::Group) {
        draft.group_id = somebody(properties.text("$group_key")).or(draft.group_id.take());
        properties.object("$group_set").rest("", &mut draft.traits)?;
        properties.place(&[("$group_type", "group_type")], &mut draft.properties)?;
    }
    Ok(())
}

fn channel(draft: &Draft) -> Option<String> {
    let Some(Value::Text(library)) = draft.context.get("library.name") else {
        return None;
    };
    let channel = match library.as_str() {
        "web" | "js" => "web",
        "posthog-ios" | "posthog-android" | "posthog-flutter" | "posthog-react-native" => "app",
        _ => "server",
    };
    Some(channel.to_owned())
}

/// Returns the JSON of a value: its own, or that which it holds as text.
fn unwrapped(raw: Option<&RawValue>) -> Result<Cow<'_, str>, Problem> {
    let text = raw.map_or("{}", RawValue::get);
    if !text.starts_with('"') {
        return Ok(Cow::Borrowed(text));
    }
    let inner = serde_json::from_str::<String>(text);
    inner.map(Cow::Owned).map_err(|error| Problem::new(ProblemKind::Unreadable, &error.to_string()))
}

fn object<'t>(name: &str, text: &'t str) -> Result<Fields<'t>, Problem> {
    match text.trim() {
        "" | "null" => Ok(Fields::of(None)),
        text => Fields::read(text.as_bytes())
            .map_err(|problem| Problem::new(problem.kind, &format!("{name}: {}", problem.detail))),
    }
}

#[cfg(test)]
mod tests;
