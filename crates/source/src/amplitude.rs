//! Amplitude's raw export: a zip archive of gzip-packed lines, one event a line.
//!
//! Times are UTC and say no zone; `event_time` is already corrected for the device's
//! clock. Properties of the Segment Spec's commerce events are read as Segment's are;
//! Amplitude's own revenue (`$revenue`, `$price`, `$quantity`, `$productId`) besides.

mod archive;

use std::io::{Read, Seek};

use throng_event::{
    Attributes, Currency, Decimal, Draft, EventKind, Identity, IdentityKind, Money, Problem, ProblemKind, ProductLine,
    Value,
};

use crate::analytics::{
    Fields, Made, Maker, add_attributes, add_part, channel, import_records, keep_real_devices, lenient_time, put,
    read_records, somebody, utc_time,
};
use crate::attributes::scalar_text;
use crate::head::Head;
use crate::import::Intake;
use crate::number::times;
use crate::segment::read_members;
use crate::{Import, SourceError, StopReason, Taken, Tally};

/// Reads an Amplitude export as it is downloaded: a zip archive of `.json.gz` files, in the
/// order of their names. Files of other kinds are passed over.
///
/// # Errors
/// [`SourceError`] when the archive cannot be read on, holds no such file, unpacks to more
/// than it can honestly hold, or the sink refuses.
pub fn read_amplitude(
    input: impl Read + Seek,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    archive::each_member(input, &mut |member| read_records(member, &mut intake, MAKER))?;
    Ok(intake.finish())
}

/// Reads the lines of an Amplitude export, packed or plain: one file of the archive.
///
/// # Errors
/// [`SourceError`] when the input cannot be read on or the sink refuses.
pub fn read_amplitude_lines(
    input: impl Read,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    import_records(input, import, sink, MAKER)
}

/// Returns why a file holds lines of an Amplitude export, `None` where it holds none.
pub(crate) fn recognise(head: &Head) -> Option<String> {
    let is_amplitude = head.has_members(&["event_type", "event_time"])
        && ["amplitude_id", "$insert_id", "server_upload_time"].iter().any(|name| head.has_members(&[name]));
    is_amplitude
        .then(|| "its objects have event_type, event_time and amplitude_id as Amplitude exports them".to_owned())
}

pub(crate) const MAKER: Maker<'static> = &|fields, import| event(fields, import);

const CONTEXT: [(&str, &str); 30] = [
    ("os_name", "os.name"),
    ("os_version", "os.version"),
    ("device_type", "device.type"),
    ("device_family", "device.family"),
    ("device_brand", "device.brand"),
    ("device_manufacturer", "device.manufacturer"),
    ("device_model", "device.model"),
    ("device_carrier", "network.carrier"),
    ("carrier", "network.carrier"),
    ("country", "location.country"),
    ("region", "location.region"),
    ("city", "location.city"),
    ("dma", "location.metro"),
    ("location_lat", "location.latitude"),
    ("location_lng", "location.longitude"),
    ("language", "locale"),
    ("version_name", "app.version"),
    ("app_version", "app.version"),
    ("start_version", "app.start_version"),
    ("ip_address", "ip"),
    ("ip", "ip"),
    ("idfa", "device.advertisingId"),
    ("adid", "device.advertisingId"),
    ("idfv", "device.id"),
    ("android_id", "device.id"),
    ("library", "library.name"),
    ("app", "app.id"),
    ("user_agent", "userAgent"),
    ("source_id", "source_id"),
    ("timezone", "timezone"),
];
/// Properties of events and people that are circumstances.
const CONTEXT_PROPERTIES: [(&str, &str); 14] = [
    ("[Amplitude] Page URL", "page.url"),
    ("[Amplitude] Page Location", "page.url"),
    ("[Amplitude] Page Path", "page.path"),
    ("[Amplitude] Page Title", "page.title"),
    ("[Amplitude] Page Domain", "page.hostname"),
    ("[Amplitude] Screen Name", "screen.name"),
    ("referrer", "page.referrer"),
    ("referring_domain", "page.referring_domain"),
    ("utm_source", "campaign.source"),
    ("utm_medium", "campaign.medium"),
    ("utm_campaign", "campaign.name"),
    ("utm_term", "campaign.term"),
    ("utm_content", "campaign.content"),
    ("gclid", "campaign.gclid"),
];
/// How Amplitude's own revenue properties are called, with and without their mark.
const REVENUE: [&str; 4] = ["$revenue", "$price", "$quantity", "$productId"];

/// Makes the draft of one event.
pub(crate) fn event(mut fields: Fields<'_>, import: Import<'_>) -> Result<Made, Problem> {
    let (mut draft, mut mended) = (Draft::default(), Vec::new());
    let name = fields.text("event_type").unwrap_or_default();
    (draft.kind, draft.name) = kind_of(&name);
    let times = ["event_time", "client_event_time"].map(|time| fields.text(time));
    let time = times.iter().flatten().next();
    draft.occurred_at = time.map(|text| utc_time(text)).transpose()?;
    draft.received_at = lenient_time(&mut fields, "server_received_time", &mut mended);
    // What the servers did with the event afterwards says nothing about it.
    fields.leave_out(&["server_upload_time", "client_upload_time", "processed_time", "event_id", "$schema"]);
    identify(&mut fields, &import.limits.source, &mut draft);
    if let Some(platform) = fields.text("platform") {
        draft.channel = Some(channel(&platform));
        draft.context.insert("platform", Value::text(platform));
    }
    fields.place(&CONTEXT, &mut draft.context)?;
    if let Some(session_id) = fields.text("session_id").filter(|session_id| session_id != "-1") {
        draft.properties.insert("session_id", Value::text(session_id));
    }
    let mut properties = fields.object("event_properties");
    properties.place(&CONTEXT_PROPERTIES, &mut draft.context)?;
    let revenue = Revenue::read(&fields, &properties);
    read_members(properties.into_members(), import.currency, &mut draft, &mut mended)?;
    revenue.fill(import.currency, &mut draft, &mut mended);
    read_groups(&mut fields, &mut draft)?;
    read_traits(&mut fields, &mut draft)?;
    fields.rest("", &mut draft.properties)?;
    keep_real_devices(&mut draft.context);
    if draft.id.is_none() {
        add_part(&mut draft.content, &name);
        for id in [&draft.user_id, &draft.anonymous_id] {
            add_part(&mut draft.content, id.as_deref().unwrap_or_default());
        }
        add_part(&mut draft.content, time.map_or("", String::as_str));
        add_attributes(&mut draft.content, &draft.properties);
    }
    Ok(Made::one(draft, mended))
}

fn kind_of(name: &str) -> (Option<EventKind>, Option<String>) {
    let kind = match name {
        "[Amplitude] Page Viewed" => EventKind::Page,
        "[Amplitude] Screen Viewed" => EventKind::Screen,
        "$identify" => EventKind::Identify,
        "$groupidentify" => EventKind::Group,
        _ => EventKind::Track,
    };
    (Some(kind), (kind == EventKind::Track).then(|| name.to_owned()))
}

/// Reads the ids of the event and of whom it is about. `uuid` is unique everywhere,
/// `$insert_id` is so on its device only.
fn identify(fields: &mut Fields<'_>, source: &str, draft: &mut Draft) {
    draft.user_id = somebody(fields.text("user_id"));
    draft.anonymous_id = somebody(fields.text("device_id"));
    if let Some(amplitude_id) = somebody(fields.text("amplitude_id")) {
        draft.external_ids.push(Identity::new(IdentityKind::External, &format!("amplitude:{amplitude_id}")));
    }
    let insert_id = fields.text("$insert_id").or_else(|| fields.text("insert_id"));
    let device = draft.anonymous_id.as_ref().or(draft.user_id.as_ref());
    let of_device = insert_id.zip(device).map(|(insert_id, device)| format!("{source}/{device}/{insert_id}"));
    draft.id = fields.text("uuid").or(of_device);
}

/// Reads the accounts: the first of the first kind is the event's, all are circumstances.
fn read_groups(fields: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Problem> {
    for (kind, groups) in fields.object("groups").into_members().0 {
        let mut group = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(groups.get()).unwrap_or_default();
        let first = if group.is_empty() { scalar_text(groups) } else { scalar_text(group.remove(0)) };
        if let (None, Some(group_id)) = (&draft.group_id, first) {
            draft.group_id = somebody(Some(group_id.into_owned()));
        }
        put(format!("groups.{kind}"), groups, &mut draft.context)?;
    }
    let place = if draft.kind == Some(EventKind::Group) { &mut draft.traits } else { &mut draft.context };
    let mut group = fields.object("group_properties");
    for operation in ["$set", "$setOnce"] {
        group.object(operation).rest("", place)?;
    }
    group.rest("group.", &mut draft.context)
}

/// Reads what is known of the person. An `$identify` event carries operations on it: what
/// they set is known, what they add to or remove is kept as it stands.
fn read_traits(fields: &mut Fields<'_>, draft: &mut Draft) -> Result<(), Problem> {
    let mut person = fields.object("user_properties");
    let mut traits = Attributes::new();
    for operation in ["$set", "$setOnce"] {
        person.object(operation).rest("", &mut traits)?;
    }
    for name in ["$add", "$append", "$prepend", "$unset", "$remove", "$preInsert", "$postInsert"] {
        person.object(name).rest(&format!("{name}."), &mut draft.properties)?;
    }
    person.place(&CONTEXT_PROPERTIES, &mut draft.context)?;
    person.rest("", &mut traits)?;
    if draft.kind == Some(EventKind::Group) {
        draft.context.extend(traits.into_iter().map(|(name, value)| (format!("traits.{name}"), value)));
    } else {
        draft.traits = traits;
    }
    Ok(())
}

/// Amplitude's own account of what was paid.
struct Revenue {
    amount: Option<Decimal>,
    price: Option<Decimal>,
    quantity: Option<Decimal>,
    product_id: Option<String>,
    currency: Option<String>,
}

impl Revenue {
    fn read(fields: &Fields<'_>, properties: &Fields<'_>) -> Self {
        let number = |name: &str| properties.number(name).or_else(|| fields.number(name.trim_start_matches('$')));
        let [amount, price, quantity] = [number(REVENUE[0]), number(REVENUE[1]), number(REVENUE[2])];
        let product_id = properties.peek("$productId").or_else(|| fields.peek("productId"));
        let currency = properties.peek("$currency").or_else(|| fields.peek("currency"));
        let (product_id, currency) = (product_id.map(Into::into), currency.map(Into::into));
        Self { amount, price, quantity, product_id, currency }
    }

    fn fill(self, fallback: Option<Currency>, draft: &mut Draft, mended: &mut Vec<Problem>) {
        let quantity = self.quantity.unwrap_or(Decimal(Decimal::ONE));
        let amount = self.amount.or_else(|| times(self.price?, quantity));
        let currency = match self.currency {
            Some(code) => {
                code.parse().map_err(|()| mended.push(Problem::new(ProblemKind::InvalidCurrency, &code))).ok()
            }
            None => fallback,
        };
        let minor = |currency: Currency, amount: Decimal| Money::from_major(amount, currency);
        if draft.money.is_none() {
            draft.money = currency.zip(amount).map(|(currency, amount)| minor(currency, amount));
        }
        if let (None, None, Some(amount)) = (&draft.money, currency, amount) {
            mended.push(Problem::new(ProblemKind::InvalidCurrency, &format!("{amount} without a currency")));
        }
        if let Some(product_id) = self.product_id.filter(|_| draft.products.is_empty()) {
            let amount_minor = currency.zip(amount).map(|(currency, amount)| minor(currency, amount).minor);
            draft.products.push(ProductLine { product_id, quantity, amount_minor, ..ProductLine::default() });
        }
    }
}

#[cfg(test)]
mod tests;
