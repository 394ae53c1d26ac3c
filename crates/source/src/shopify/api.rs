//! Orders as the REST Admin API and its webhooks write them.
//!
//! A page `{"orders":[…]}` may be as large as a shop, so where the input begins with
//! one its list is read order by order; a page among lines is read as a whole.

use std::io::{self, BufRead, Read};

use serde_json::Value as Json;
use throng_event::{Decimal, Instant, Problem, ProblemKind, Value};

use super::order::{Line, Order, Refund, insert_text};
use crate::fields::Object;
use crate::frames::{Frame, Frames};
use crate::import::{Intake, raw_text};
use crate::{DecimalMark, Import, SourceError, number};

/// Bytes of one order; one of a thousand lines has as many. Taken apart, an order of
/// nothing but empty objects takes a hundred times its bytes.
const ORDER_BYTES_MAX: usize = 1 << 20;

/// Names of UTM parameters of the landing page, and where they go (Segment Spec: Common fields).
const CAMPAIGN: [(&str, &str); 5] = [
    ("utm_campaign", "campaign.name"),
    ("utm_source", "campaign.source"),
    ("utm_medium", "campaign.medium"),
    ("utm_term", "campaign.term"),
    ("utm_content", "campaign.content"),
];
/// Properties of the order by place, those that are texts.
const TEXTS: [(&str, &[&str]); 6] = [
    ("order_name", &["/name"]),
    ("fulfillment_status", &["/fulfillment_status"]),
    ("shipping_method", &["/shipping_lines/0/title"]),
    ("tags", &["/tags"]),
    ("source", &["/source_name"]),
    ("note", &["/note"]),
];
/// Properties of the order by place, those that are numbers.
const NUMBERS: [(&str, &[&str]); 4] = [
    ("subtotal", &["/subtotal_price", "/current_subtotal_price"]),
    ("shipping", &["/total_shipping_price_set/shop_money/amount", "/shipping_lines/0/price"]),
    ("tax", &["/total_tax"]),
    ("discount", &["/total_discounts"]),
];
/// Traits by place. What Shopify has counted until the export (`orders_count`,
/// `total_spent`) is left out: at the time of the order it lay in the future.
const TRAITS: [(&str, &[&str]); 4] = [
    ("company", &["/billing_address/company", "/customer/default_address/company"]),
    ("city", &["/billing_address/city", "/customer/default_address/city", "/shipping_address/city"]),
    (
        "country",
        &["/billing_address/country_code", "/customer/default_address/country_code", "/shipping_address/country_code"],
    ),
    ("postal_code", &["/billing_address/zip", "/customer/default_address/zip", "/shipping_address/zip"]),
];
/// Fields of the context by place.
const CONTEXT: [(&str, &[&str]); 8] = [
    ("location.city", &["/shipping_address/city", "/billing_address/city"]),
    ("location.region", &["/shipping_address/province_code", "/billing_address/province_code"]),
    ("location.country", &["/shipping_address/country_code", "/billing_address/country_code"]),
    ("page.referrer", &["/referring_site"]),
    ("page.url", &["/landing_site"]),
    ("locale", &["/customer_locale", "/client_details/accept_language"]),
    ("ip", &["/browser_ip", "/client_details/browser_ip"]),
    ("userAgent", &["/client_details/user_agent"]),
];

/// Reads all orders. `head` is what the input begins with.
pub(super) fn read(head: &[u8], mut input: impl BufRead, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    if let Some(n_bytes) = opens_page(head) {
        io::copy(&mut input.by_ref().take(n_bytes as u64), &mut io::sink())
            .map_err(|error| intake.read_error(error))?;
    }
    let mut frames = Frames::new(input).map_err(|error| intake.read_error(error))?;
    while let Some(frame) = frames.next().map_err(|error| intake.read_error(error))? {
        match frame {
            Frame::Whole(record) => take_record(record, intake)?,
            Frame::TooLong(beginning) => {
                let problem = Problem::new(ProblemKind::TooLarge, "an order longer than any may be");
                let row = intake.next_row();
                intake.put_aside(row, vec![problem], raw_text(beginning))?;
            }
        }
    }
    Ok(())
}

/// Returns where the list of a page begins, `None` where the input begins with no page.
pub(super) fn opens_page(head: &[u8]) -> Option<usize> {
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut rest = start;
    for token in ["{", "\"orders\"", ":"] {
        rest = rest.trim_ascii_start().strip_prefix(token.as_bytes())?;
    }
    let list = rest.trim_ascii_start();
    list.starts_with(b"[").then_some(head.len() - list.len())
}

/// Takes one record: an order, or a page of them.
fn take_record(record: &[u8], intake: &mut Intake<'_>) -> Result<(), SourceError> {
    // The brace that closed a page stands before what follows it.
    let record = record.strip_prefix(b"}").unwrap_or(record).trim_ascii();
    if record.is_empty() {
        return Ok(());
    }
    let object = match Object::parse(record) {
        Ok(object) => object,
        Err(problem) => {
            let row = intake.next_row();
            return intake.put_aside(row, vec![problem], raw_text(record));
        }
    };
    if let Some(orders) = object.list(&["orders"]) {
        for order in orders {
            take_order(order.get().as_bytes(), intake)?;
        }
        return Ok(());
    }
    take_order(record, intake)
}

/// Takes the record of one order, bare or as `order` of an answer.
fn take_order(record: &[u8], intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let row = intake.next_row();
    let raw = || raw_text(record);
    if record.len() > ORDER_BYTES_MAX {
        let problem = Problem::new(ProblemKind::TooLarge, &format!("an order of {} bytes", record.len()));
        return intake.put_aside(row, vec![problem], raw());
    }
    let unreadable = |detail: &str| vec![Problem::new(ProblemKind::Unreadable, detail)];
    let json = match serde_json::from_slice::<Json>(record) {
        Ok(json) if json.is_object() => json,
        Ok(_) => return intake.put_aside(row, unreadable("the order is no JSON object"), raw()),
        Err(error) => return intake.put_aside(row, unreadable(&error.to_string()), raw()),
    };
    let order = order_of(json.get("order").filter(|inner| inner.is_object()).unwrap_or(&json), intake.import);
    let mut drafts = order.drafts(intake.import);
    if !order.problems.is_empty() {
        // Without the order itself nothing that became of it is told.
        drafts.truncate(1);
    }
    intake.take_all(row, drafts, order.mended, raw)
}

fn order_of(json: &Json, import: Import<'_>) -> Order {
    let mut order = Order {
        id: first(json, &["/id", "/name"]).unwrap_or_default(),
        user_id: text(json, "/customer/id"),
        email: first(json, &["/email", "/contact_email", "/customer/email"]),
        phone: first(json, &["/phone", "/customer/phone", "/billing_address/phone"]),
        source: text(json, "/source_name"),
        financial_status: text(json, "/financial_status"),
        cancel_reason: text(json, "/cancel_reason"),
        ..Order::default()
    };
    if order.id.is_empty() {
        order.problems.push(Problem::new(ProblemKind::Unreadable, "an order with neither id nor name"));
    }
    read_times(json, &mut order, import);
    read_facts(json, &mut order);
    if let Some(code) = text(json, "/currency") {
        order.currency = code.parse().ok();
        if order.currency.is_none() {
            order.mended.push(Problem::new(ProblemKind::InvalidCurrency, &code));
        }
    }
    order.total = amount(json, "/total_price", &mut order.mended);
    order.products = list(json, "/line_items").filter_map(line_of).collect();
    order.refunds = list(json, "/refunds").filter_map(|refund| refund_of(refund, &order, import)).collect();
    order.note_currency(import);
    order
}

fn read_times(json: &Json, order: &mut Order, import: Import<'_>) {
    let read = |pointers: &[&str], problems: &mut Vec<Problem>| {
        let text = first(json, pointers)?;
        let instant = Instant::parse(&text, import.calendar.zone());
        if instant.is_none() {
            problems.push(Problem::new(ProblemKind::InvalidTime, &text));
        }
        instant
    };
    order.occurred_at = read(&["/processed_at", "/created_at"], &mut order.problems);
    order.cancelled_at = read(&["/cancelled_at"], &mut order.mended);
    if text(json, "/fulfillment_status").as_deref() == Some("fulfilled") {
        let parcels = list(json, "/fulfillments");
        let sent = parcels.filter(|parcel| text(parcel, "/status").is_none_or(|status| status == "success"));
        let times = sent.filter_map(|parcel| Instant::parse(&text(parcel, "/created_at")?, import.calendar.zone()));
        order.fulfilled_at = times.max();
    }
}

fn read_facts(json: &Json, order: &mut Order) {
    for (name, pointers) in TEXTS {
        insert_text(&mut order.properties, name, first(json, pointers).as_deref());
    }
    for (name, pointers) in NUMBERS {
        let amount = pointers.iter().find_map(|pointer| amount(json, pointer, &mut order.mended));
        Order::fill(&mut order.properties, name, amount.map(Value::Number));
    }
    let joined = |pointer: &str, inner: &str| {
        let texts: Vec<String> = list(json, pointer).filter_map(|item| text(item, inner)).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    };
    insert_text(&mut order.properties, "coupon", joined("/discount_codes", "/code").as_deref());
    insert_text(&mut order.properties, "payment_method", joined("/payment_gateway_names", "").as_deref());
    if json.get("test").and_then(Json::as_bool) == Some(true) {
        Order::fill(&mut order.properties, "test", Some(Value::Bool(true)));
    }
    for (name, pointers) in TRAITS {
        insert_text(&mut order.traits, name, first(json, pointers).as_deref());
    }
    let names = ["/customer/first_name", "/customer/last_name"];
    let name = names.iter().filter_map(|pointer| text(json, pointer)).collect::<Vec<_>>().join(" ");
    let name = if name.is_empty() { text(json, "/billing_address/name") } else { Some(name) };
    insert_text(&mut order.traits, "name", name.as_deref());
    let consent = text(json, "/customer/email_marketing_consent/state").map(|state| state == "subscribed");
    let accepts = ["/buyer_accepts_marketing", "/customer/accepts_marketing"];
    let accepts = accepts.iter().find_map(|pointer| json.pointer(pointer)?.as_bool());
    Order::fill(&mut order.traits, "accepts_marketing", accepts.or(consent).map(Value::Bool));
    for (name, pointers) in CONTEXT {
        insert_text(&mut order.context, name, first(json, pointers).as_deref());
    }
    let landing = text(json, "/landing_site").unwrap_or_default();
    for (name, field) in CAMPAIGN {
        insert_text(&mut order.context, field, parameter(&landing, name).as_deref());
    }
}

/// Returns the line of a line item; the stock-keeping unit names the product, as it is
/// all the CSV has, and the same order is the same event in both.
fn line_of(item: &Json) -> Option<Line> {
    let read = |pointer: &str| amount(item, pointer, &mut Vec::new());
    let quantity = read("/quantity").unwrap_or(Decimal(Decimal::ONE));
    let allocated = list(item, "/discount_allocations").filter_map(|one| amount(one, "/amount", &mut Vec::new()));
    let allocated = allocated.reduce(|left, right| Decimal(left.0.saturating_add(right.0)));
    let discount = allocated.or_else(|| read("/total_discount"));
    Some(Line {
        product_id: first(item, &["/sku", "/product_id", "/title", "/name"])?,
        name: first(item, &["/name", "/title"]),
        brand: text(item, "/vendor"),
        quantity,
        amount: read("/price")
            .and_then(|price| number::times(price, quantity))
            .and_then(|amount| number::minus(amount, discount.unwrap_or_default())),
        discount,
    })
}

/// Returns a refund, `None` where neither money nor goods went back.
fn refund_of(refund: &Json, order: &Order, import: Import<'_>) -> Option<Refund> {
    let read = |json: &Json, pointer: &str| amount(json, pointer, &mut Vec::new());
    let mut products = Vec::new();
    let mut of_goods = 0_i64;
    for item in list(refund, "/refund_line_items") {
        let subtotal = read(item, "/subtotal");
        let tax = read(item, "/total_tax").unwrap_or_default();
        of_goods = of_goods.saturating_add(subtotal.map_or(0, |amount| amount.0.saturating_add(tax.0)));
        let line = item.get("line_item").and_then(line_of);
        let quantity = read(item, "/quantity").unwrap_or(Decimal(Decimal::ONE));
        products.extend(line.map(|line| Line { quantity, amount: subtotal, discount: None, ..line }));
    }
    let paid_back = list(refund, "/transactions").filter(|payment| {
        text(payment, "/kind").is_none_or(|kind| kind == "refund")
            && text(payment, "/status").is_none_or(|status| status == "success")
            // A payment in the customer's own currency says nothing in that of the order.
            && match (text(payment, "/currency"), order.currency) {
                (Some(code), Some(currency)) => code.parse() == Ok(currency),
                _ => true,
            }
    });
    let paid_back = paid_back.filter_map(|payment| read(payment, "/amount").map(|amount| amount.0));
    let paid_back = paid_back.reduce(i64::saturating_add).unwrap_or(of_goods);
    let amount = (paid_back != 0).then_some(Decimal(paid_back));
    if amount.is_none() && products.is_empty() {
        return None;
    }
    let at = first(refund, &["/processed_at", "/created_at"]);
    let at = at.and_then(|text| Instant::parse(&text, import.calendar.zone())).or(order.occurred_at);
    Some(Refund { at, amount, products })
}

/// Returns what a text or number at a place says.
fn text(json: &Json, pointer: &str) -> Option<String> {
    match json.pointer(pointer)? {
        Json::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Json::Number(number) => Some(number.to_string()),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn first(json: &Json, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| text(json, pointer))
}

fn list<'j>(json: &'j Json, pointer: &str) -> impl Iterator<Item = &'j Json> {
    json.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn amount(json: &Json, pointer: &str, mended: &mut Vec<Problem>) -> Option<Decimal> {
    let text = text(json, pointer)?;
    let amount = number::parse(&text, DecimalMark::Point);
    if amount.is_none() {
        mended.push(Problem::new(ProblemKind::InvalidNumber, &format!("{}: {text}", pointer.trim_start_matches('/'))));
    }
    amount
}

/// Returns a parameter of an address, percent signs and plus signs undone.
fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let query = query.split('#').next().unwrap_or(query);
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = tail.get(..2).filter(|_| *byte == b'%').and_then(|digits| str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &tail[2..];
            }
            None => bytes.push(if *byte == b'+' { b' ' } else { *byte }),
        }
    }
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
