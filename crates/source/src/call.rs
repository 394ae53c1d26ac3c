//! Calls of the HTTP APIs of analytics products: what a server took, record by record.
//!
//! The records are those of the products' exports but for what only an export or only a call
//! says. A call may leave out when something happened, and then it happened when the call
//! arrived; and two records that say the same are two events unless they carry an id.
//!
//! Facts: Mixpanel `track`, `import` and `engage`; Amplitude HTTP V2; Google Analytics 4
//! Measurement Protocol.

use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use throng_event::{Draft, EventKind, Instant, Problem, ProblemKind, Value};

use crate::analytics::{Fields, Made, add_attributes, add_part, somebody, take_fields};
use crate::import::{Intake, raw_text};
use crate::{Import, MixpanelClock, SourceError, StopReason, Taken, Tally, amplitude, ga4, mixpanel};

/// What the records of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnalyticsCall {
    /// Events as Mixpanel's `/track` and `/import` take them.
    MixpanelEvents,
    /// Changes to people as Mixpanel's `/engage` takes them.
    MixpanelPeople,
    /// Events as Amplitude's `/2/httpapi` and `/batch` take them.
    Amplitude,
    /// Events of the Measurement Protocol, each with the members of the call it came in.
    Ga4,
}

/// Reads the records of one call that arrived at an instant, each a JSON text. The records
/// are numbered from 1; every one becomes one event or is put aside with its number.
///
/// # Errors
/// [`SourceError`] when the sink refuses.
pub fn read_analytics_call(
    call: AnalyticsCall,
    (records, received_at): (&[&RawValue], Instant),
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    for record in records {
        let bytes = record.get().as_bytes();
        let idx = intake.rows();
        let make = |fields: Fields<'_>, import: Import<'_>| -> Result<Made, Problem> {
            let (mut draft, identified, mended) = make(call, fields, received_at, import)?;
            draft.received_at = Some(received_at);
            draft.occurred_at = draft.occurred_at.or(Some(received_at));
            if !identified {
                draft.content.extend_from_slice(&received_at.0.to_le_bytes());
                draft.content.extend_from_slice(&idx.to_le_bytes());
            }
            Ok(Made::one(draft, mended))
        };
        match Fields::read(bytes) {
            Ok(fields) => take_fields(fields, bytes, &mut intake, &make)?,
            Err(problem) => {
                let row = intake.next_row();
                intake.put_aside(row, vec![problem], raw_text(bytes))?;
            }
        }
    }
    Ok(intake.finish())
}

/// Returns the draft of a record, and whether the record carries what tells it apart.
fn make(
    call: AnalyticsCall,
    fields: Fields<'_>,
    received_at: Instant,
    import: Import<'_>,
) -> Result<(Draft, bool, Vec<Problem>), Problem> {
    match call {
        AnalyticsCall::MixpanelEvents => {
            let identified = Fields::of(fields.get("properties")).peek("$insert_id").is_some();
            let (draft, mended) = only(mixpanel::record(fields, MixpanelClock::Utc, import)?)?;
            Ok((draft, identified, mended))
        }
        AnalyticsCall::MixpanelPeople => Ok((person(fields)?, false, Vec::new())),
        AnalyticsCall::Amplitude => {
            let (draft, mended) = amplitude_event(fields, import)?;
            let identified = draft.id.is_some();
            Ok((draft, identified, mended))
        }
        AnalyticsCall::Ga4 => {
            let (draft, mended) = ga4_event(fields, received_at, import)?;
            Ok((draft, false, mended))
        }
    }
}

/// Returns the one draft that a record of a call makes.
fn only(made: Made) -> Result<(Draft, Vec<Problem>), Problem> {
    let none = || Problem::new(ProblemKind::MissingName, "the record says nothing that happened");
    Ok((made.drafts.into_iter().next().ok_or_else(none)?, made.mended))
}

/// What `/engage` does to a person by something else than stating facts.
const OPERATIONS: [&str; 6] = ["$add", "$append", "$union", "$remove", "$unset", "$delete"];

/// Reads a change to a person. What is set is known of them; what is added to or taken from
/// a fact is kept as it stands, for the fact itself is not ours to compute with.
fn person(mut fields: Fields<'_>) -> Result<Draft, Problem> {
    let mut draft = Draft { kind: Some(EventKind::Identify), ..Draft::default() };
    let distinct_id = fields.text("$distinct_id");
    let operates = ["$set", "$set_once"].iter().chain(&OPERATIONS).any(|operation| fields.get(operation).is_some());
    if !operates {
        return Err(Problem::new(ProblemKind::MissingName, "no operation such as $set"));
    }
    mixpanel::identify(distinct_id.clone(), &mut fields, &mut draft);
    for operation in ["$set", "$set_once"] {
        let mut set = fields.object(operation);
        set.place(&mixpanel::TRAITS, &mut draft.traits)?;
        set.rest("", &mut draft.traits)?;
    }
    if let Some(ip) = fields.text("$ip").filter(|ip| ip != "0") {
        draft.context.insert("ip", Value::text(ip));
    }
    fields.leave_out(&["$token", "$time", "$ignore_time", "$ignore_alias"]);
    fields.rest("", &mut draft.properties)?;
    add_part(&mut draft.content, &distinct_id.unwrap_or_default());
    for attributes in [&draft.traits, &draft.properties] {
        add_attributes(&mut draft.content, attributes);
    }
    Ok(draft)
}

/// Reads an event of a call, whose `time` is milliseconds and nothing else.
fn amplitude_event(mut fields: Fields<'_>, import: Import<'_>) -> Result<(Draft, Vec<Problem>), Problem> {
    let time = fields.take("time").filter(|time| time.get() != "null");
    let of_ms = |time: &RawValue| {
        let micros = time.get().parse::<i64>().ok().and_then(|ms| ms.checked_mul(1_000)).map(Instant);
        micros.ok_or_else(|| Problem::new(ProblemKind::InvalidTime, time.get()))
    };
    let occurred_at = time.map(of_ms).transpose()?;
    // The address of whoever called, which is not passed on.
    if fields.peek("ip").as_deref() == Some("$remote") {
        fields.leave_out(&["ip"]);
    }
    let (mut draft, mended) = only(amplitude::event(fields, import)?)?;
    draft.occurred_at = occurred_at.or(draft.occurred_at);
    add_part(&mut draft.content, time.map_or("", RawValue::get));
    Ok((draft, mended))
}

/// Members of a call that hold for every event in it, and what the export calls them.
const OF_CALL: [(&str, &str); 4] =
    [("user_id", "user_id"), ("user_location", "geo"), ("device", "device"), ("consent", "privacy_info")];

/// Reads an event as the row that the export has of it.
fn ga4_event(fields: Fields<'_>, received_at: Instant, import: Import<'_>) -> Result<(Draft, Vec<Problem>), Problem> {
    let json = |raw: &RawValue| serde_json::from_str::<Json>(raw.get()).unwrap_or(Json::Null);
    let mut row = serde_json::Map::new();
    for (name, column) in OF_CALL {
        row.extend(fields.get(name).map(|raw| (column.to_owned(), json(raw))));
    }
    let device = fields.peek("client_id").or_else(|| fields.peek("app_instance_id"));
    row.extend(
        device.and_then(|id| somebody(Some(id.into_owned()))).map(|id| ("user_pseudo_id".to_owned(), id.into())),
    );
    let event = Fields::of(fields.get("event"));
    row.extend(event.get("name").map(|name| ("event_name".to_owned(), json(name))));
    let micros = event.peek("timestamp_micros").or_else(|| fields.peek("timestamp_micros"));
    let occurred_at = match micros {
        Some(text) => Instant(text.parse().map_err(|_| Problem::new(ProblemKind::InvalidTime, &text))?),
        None => received_at,
    };
    row.insert("event_timestamp".to_owned(), occurred_at.0.into());
    let properties = Fields::of(fields.get("user_properties")).into_said();
    let properties = properties.into_iter().map(|(name, raw)| {
        let value = Fields::of(Some(raw)).get("value").map_or_else(|| json(raw), json);
        keyed(name, &value)
    });
    row.insert("user_properties".to_owned(), properties.collect());
    let mut parameters = Fields::of(event.get("params"));
    let items = parameters.take("items").map(json);
    row.extend(items.filter(Json::is_array).map(|items| ("items".to_owned(), items)));
    let parameters = parameters.into_said().into_iter().map(|(name, raw)| keyed(name, &json(raw)));
    row.insert("event_params".to_owned(), parameters.collect());
    let text = Json::Object(row).to_string();
    let (mut draft, mended) = only(ga4::event(Fields::read(text.as_bytes())?, import)?)?;
    draft.occurred_at = Some(occurred_at);
    Ok((draft, mended))
}

/// Returns a parameter in the form the export has it in.
fn keyed(key: String, value: &Json) -> Json {
    let value = match value {
        Json::Number(_) => json!({"double_value": value}),
        Json::String(_) => json!({"string_value": value}),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => json!({"string_value": value.to_string()}),
    };
    json!({"key": key, "value": value})
}

#[cfg(test)]
mod tests;
