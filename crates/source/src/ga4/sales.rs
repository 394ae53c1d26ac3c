//! Money and products of an event.
//!
//! Amounts are in the currency that the parameter `currency` names. Where it is missing,
//! the amounts that GA4 converted to US dollars are taken, and only where there are none
//! either the currency of the import.

use throng_event::{Attributes, Currency, Decimal, Draft, Money, Problem, ProblemKind, ProductLine, Value};

use super::names;
use crate::Import;
use crate::analytics::{Fields, further};
use crate::import::check_products;
use crate::number::times;

/// What GA4 calls otherwise than the Segment Spec.
const PLACES: [(&str, &str); 3] =
    [("transaction_id", "order_id"), ("shipping_value", "shipping"), ("tax_value", "tax")];
/// What a product line keeps of an item; the rest stays a property.
const OF_LINE: [&str; 11] = [
    "item_id",
    "item_name",
    "item_brand",
    "item_category",
    "price",
    "price_in_usd",
    "quantity",
    "item_revenue",
    "item_revenue_in_usd",
    "item_refund",
    "item_refund_in_usd",
];

/// Reads `ecommerce` and `items`; the parameters are among the draft's properties.
pub(super) fn read(
    name: &str,
    fields: &mut Fields<'_>,
    import: Import<'_>,
    (draft, mended): (&mut Draft, &mut Vec<Problem>),
) -> Result<(), Problem> {
    let mut ecommerce = fields.object("ecommerce");
    let items = fields.list("items");
    check_products(items.len())?;
    let stated = stated_currency(&draft.properties, mended);
    let refund = names::refunds(name);
    let (kind, total) = if refund { ("refund_value", "item_refund") } else { ("purchase_revenue", "item_revenue") };
    let of_parameter = match draft.properties.get("value") {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    let own = ecommerce.number(kind).or(of_parameter);
    let in_usd = ecommerce.number(&format!("{kind}_in_usd")).or_else(|| fields.number("event_value_in_usd"));
    let any_usd = in_usd.is_some() || items.iter().any(|item| Fields::of(Some(item)).get("price_in_usd").is_some());
    let basis = Basis::new(stated, usd().filter(|_| any_usd), import.currency);
    draft.products = items.iter().filter_map(|item| basis.line(&Fields::of(Some(item)), total)).collect();
    if refund || names::sells(name) {
        draft.money = basis.money(own, in_usd, &draft.products);
        if let (None, Some(amount)) = (draft.money, own) {
            mended.push(Problem::new(ProblemKind::InvalidCurrency, &format!("{amount} without a currency")));
        }
    }
    // A parameter may repeat what stands in the columns, which goes before it.
    if let Some(order_id) = draft.properties.remove("transaction_id") {
        draft.properties.insert("order_id".to_owned(), order_id);
    }
    let mut columns = Attributes::new();
    ecommerce.place(&PLACES, &mut columns)?;
    ecommerce.rest("", &mut columns)?;
    draft.properties.extend(columns);
    further(&items, ("item_id", &OF_LINE), &mut draft.properties)
}

fn stated_currency(properties: &Attributes, mended: &mut Vec<Problem>) -> Option<Currency> {
    let Some(Value::Text(code)) = properties.get("currency") else {
        return None;
    };
    let currency = code.parse().ok();
    if currency.is_none() {
        mended.push(Problem::new(ProblemKind::InvalidCurrency, code));
    }
    currency
}

/// Which amounts are taken, and their currency.
struct Basis {
    suffix: &'static str,
    currency: Option<Currency>,
}

impl Basis {
    fn new(stated: Option<Currency>, converted: Option<Currency>, fallback: Option<Currency>) -> Self {
        match (stated, converted) {
            (None, Some(usd)) => Self { suffix: "_in_usd", currency: Some(usd) },
            (currency, _) => Self { suffix: "", currency: currency.or(fallback) },
        }
    }

    fn money(&self, own: Option<Decimal>, in_usd: Option<Decimal>, lines: &[ProductLine]) -> Option<Money> {
        let of_basis = if self.suffix.is_empty() { own } else { in_usd };
        let paid = of_basis.zip(self.currency).or_else(|| in_usd.zip(usd()));
        let of_lines = lines.iter().filter_map(|line| line.amount_minor).reduce(i64::saturating_add);
        paid.map(|(amount, currency)| Money::from_major(amount, currency))
            .or_else(|| of_lines.zip(self.currency).map(|(minor, currency)| Money { minor, currency }))
    }

    /// Returns the product line of an item; an item without id or name is a promotion.
    fn line(&self, item: &Fields<'_>, total: &str) -> Option<ProductLine> {
        let name = item.peek("item_name").map(|name| name.into_owned());
        let product_id = item.peek("item_id").map(|id| id.into_owned()).or_else(|| name.clone())?;
        let amount = |name: &str| item.number(&format!("{name}{}", self.suffix));
        let quantity = item.number("quantity").unwrap_or(Decimal(Decimal::ONE));
        let total = amount(total).or_else(|| times(amount("price")?, quantity));
        Some(ProductLine {
            product_id,
            name,
            category: item.peek("item_category").map(|category| category.into_owned()),
            brand: item.peek("item_brand").map(|brand| brand.into_owned()),
            quantity,
            amount_minor: total.zip(self.currency).map(|(total, currency)| Money::from_major(total, currency).minor),
            discount_minor: None,
        })
    }
}

fn usd() -> Option<Currency> {
    "USD".parse().ok()
}
