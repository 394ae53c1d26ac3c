//! What the e-commerce events of the Segment Spec carry: money, products, words, ratings.

use serde_json::value::RawValue;
use throng_event::{Attributes, Currency, Decimal, Draft, EventKind, Money, Problem, ProblemKind, ProductLine, Value};

use crate::DecimalMark;
use crate::attributes::{Members, flatten_members_of, members, scalar_text};
use crate::import::check_products;
use crate::number;
use crate::plain_json::Json;

/// Properties that carry what was said, the most specific first.
const TEXT_PROPERTIES: [&str; 5] = ["review_body", "review_text", "body", "text", "comment"];
/// Properties of an order that say what was paid, the most complete first.
const ORDER_AMOUNTS: [&str; 3] = ["total", "revenue", "value"];
/// Events of the Spec whose `revenue` or `value` is not, or not again, paid.
const UNPAID: [&str; 24] = [
    "products searched",
    "product list viewed",
    "product list filtered",
    "promotion viewed",
    "promotion clicked",
    "product clicked",
    "product viewed",
    "product added",
    "product removed",
    "cart viewed",
    "checkout started",
    "checkout step viewed",
    "checkout step completed",
    "payment info entered",
    "order updated",
    "order cancelled",
    "coupon entered",
    "coupon applied",
    "coupon denied",
    "coupon removed",
    "product added to wishlist",
    "product removed from wishlist",
    "product shared",
    "cart shared",
];

/// Reads properties that have been taken apart into the draft of their message.
pub(crate) fn read_members<'a, T: Into<Json<'a>> + Copy>(
    Members(mut entries): Members<'a, T>,
    currency: Option<Currency>,
    draft: &mut Draft,
    mended: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let listed = entries.iter().position(|(name, value)| name == "products" && (*value).into().get().starts_with('['));
    let mut lines = Vec::new();
    if let Some(idx) = listed
        && let Some(products) = product_list(entries[idx].1.into())?
    {
        entries.remove(idx);
        lines = products;
    }
    flatten_members_of(Members(entries), &mut draft.properties)?;
    if draft.kind == Some(EventKind::Track) {
        read_commerce(lines, currency, draft, mended);
    }
    Ok(())
}

fn read_commerce(lines: Vec<Attributes>, fallback: Option<Currency>, draft: &mut Draft, mended: &mut Vec<Problem>) {
    let name = draft.name.as_deref().unwrap_or("").trim().to_ascii_lowercase();
    let refunded = name == "order refunded";
    let currency = currency(&draft.properties, fallback, mended);
    let single = lines.is_empty() && name.starts_with("product ");
    draft.products = if single {
        product_line(&draft.properties, currency).into_iter().collect()
    } else {
        lines.iter().filter_map(|line| product_line(line, currency)).collect()
    };
    let amount = match name.as_str() {
        "order completed" | "order refunded" => number_of(&draft.properties, &ORDER_AMOUNTS),
        unpaid if UNPAID.contains(&unpaid) => None,
        _ => number_of(&draft.properties, &["revenue"]),
    };
    let of_lines = draft.products.iter().filter_map(|line| line.amount_minor).reduce(i64::saturating_add);
    draft.money = match (amount, currency) {
        (Some(amount), Some(currency)) => Some(Money::from_major(amount, currency)),
        (Some(amount), None) => {
            mended.push(Problem::new(ProblemKind::InvalidCurrency, &format!("{amount} without a currency")));
            None
        }
        (None, Some(currency)) if matches!(name.as_str(), "order completed" | "order refunded") => {
            of_lines.map(|minor| Money { minor, currency })
        }
        (None, _) => None,
    };
    if refunded {
        turn_back(draft);
    }
    draft.rating = number_of(&draft.properties, &["rating"]);
    if draft.rating.is_some() {
        draft.properties.remove("rating");
    }
    draft.text = TEXT_PROPERTIES.iter().find_map(|name| match draft.properties.get(name) {
        Some(Value::Text(_)) => match draft.properties.remove(name) {
            Some(Value::Text(text)) => Some(text.into_string()),
            _ => None,
        },
        _ => None,
    });
}

/// Makes amounts and quantities negative: the goods and the money go back.
fn turn_back(draft: &mut Draft) {
    let negative = |number: i64| -number.saturating_abs();
    if let Some(money) = &mut draft.money {
        money.minor = negative(money.minor);
    }
    for line in &mut draft.products {
        line.quantity = Decimal(negative(line.quantity.0));
        line.amount_minor = line.amount_minor.map(negative);
    }
}

/// Returns the members of every product, `None` when one of them is no object.
fn product_list(json: Json<'_>) -> Result<Option<Vec<Attributes>>, Problem> {
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json.get()) else { return Ok(None) };
    check_products(items.len())?;
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let mut line = Attributes::new();
        let Some(Members(members)) = members(item) else { return Ok(None) };
        for (name, value) in members {
            if let Some(text) = scalar_text(value).filter(|text| !text.is_empty()) {
                line.insert_if_absent(name, Value::text(text));
            }
        }
        lines.push(line);
    }
    Ok(Some(lines))
}

/// Returns the product line some properties describe, `None` without a product.
fn product_line(properties: &Attributes, currency: Option<Currency>) -> Option<ProductLine> {
    let product_id = text_of(properties, &["product_id", "productId", "sku", "id"])?;
    let quantity = number_of(properties, &["quantity"]).unwrap_or(Decimal(Decimal::ONE));
    let discount = number_of(properties, &["discount"]);
    let amount = number_of(properties, &["price"])
        .and_then(|price| number::times(price, quantity))
        .and_then(|amount| number::minus(amount, discount.unwrap_or_default()));
    let minor = |amount: Option<Decimal>| Some(Money::from_major(amount?, currency?).minor);
    Some(ProductLine {
        product_id,
        name: text_of(properties, &["name", "title"]),
        category: text_of(properties, &["category"]),
        brand: text_of(properties, &["brand"]),
        quantity,
        amount_minor: minor(amount),
        discount_minor: minor(discount.map(|discount| Decimal(discount.0.saturating_abs()))),
    })
}

fn currency(properties: &Attributes, fallback: Option<Currency>, mended: &mut Vec<Problem>) -> Option<Currency> {
    let Some(code) = text_of(properties, &["currency"]) else {
        return fallback;
    };
    let currency = code.parse().ok();
    if currency.is_none() {
        mended.push(Problem::new(ProblemKind::InvalidCurrency, &code));
    }
    currency
}

fn text_of(properties: &Attributes, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match properties.get(name)? {
        Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Text(_) | Value::Bool(_) | Value::Instant(_) | Value::Json(_) => None,
    })
}

fn number_of(properties: &Attributes, names: &[&str]) -> Option<Decimal> {
    names.iter().find_map(|name| match properties.get(name)? {
        Value::Number(number) => Some(*number),
        Value::Text(text) => number::parse(text, DecimalMark::Point),
        Value::Bool(_) | Value::Instant(_) | Value::Json(_) => None,
    })
}
