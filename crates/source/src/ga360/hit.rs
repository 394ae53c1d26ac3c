//! One hit of a session and the event it is.

use serde_json::value::RawValue;
use throng_event::{
    Attributes, Currency, Decimal, Draft, EventKind, Instant, Money, Problem, ProblemKind, ProductLine, Value,
};

use crate::analytics::{Fields, add_attributes, add_part, further, turn_back};
use crate::import::check_products;
use crate::number::times;

const PAGE: [(&str, &str); 8] = [
    ("pagePath", "page.path"),
    ("hostname", "page.hostname"),
    ("pageTitle", "page.title"),
    ("searchKeyword", "page.search_keyword"),
    ("searchCategory", "page.search_category"),
    ("pagePathLevel1", "page.pathLevel1"),
    ("pagePathLevel2", "page.pathLevel2"),
    ("pagePathLevel3", "page.pathLevel3"),
];
const APP: [(&str, &str); 6] = [
    ("name", "app.name"),
    ("appName", "app.name"),
    ("version", "app.version"),
    ("appVersion", "app.version"),
    ("appId", "app.id"),
    ("screenName", "screen.name"),
];
const ORDER: [(&str, &str); 3] =
    [("transactionId", "order_id"), ("affiliation", "affiliation"), ("transactionCoupon", "coupon")];
/// Amounts of an order besides its revenue.
const FEES: [(&str, &str, &str); 2] =
    [("localTransactionTax", "transactionTax", "tax"), ("localTransactionShipping", "transactionShipping", "shipping")];
/// What a product line keeps of a product.
const OF_LINE: [&str; 11] = [
    "productSKU",
    "v2ProductName",
    "v2ProductCategory",
    "productBrand",
    "productQuantity",
    "productPrice",
    "localProductPrice",
    "productRevenue",
    "localProductRevenue",
    "productRefundAmount",
    "localProductRefundAmount",
];

/// What all hits of a session share.
pub(super) struct Session {
    /// Ids, start, context, and the part of the content that names the session.
    pub(super) shared: Draft,
    /// The session's revenue, when it has exactly one order.
    pub(super) only_order: Option<Decimal>,
    /// The currency of amounts that name none.
    pub(super) currency: Option<Currency>,
}

/// What happened in a hit, as far as commerce goes (`eCommerceAction.action_type`).
struct Action {
    number: Option<String>,
    step: Option<String>,
    hit_type: String,
}

impl Session {
    /// Returns the draft of a hit within its session.
    pub(super) fn hit(&self, mut fields: Fields<'_>, mended: &mut Vec<Problem>) -> Result<Draft, Problem> {
        let mut draft = self.shared.clone();
        let number = fields.text("hitNumber").unwrap_or_default();
        let mut action = fields.object("eCommerceAction");
        let (action_type, step) = (action.text("action_type"), action.text("step"));
        let action = open(&mut fields, (action_type, step, action), &mut draft)?;
        add_part(&mut draft.content, &number);
        let mut page = fields.object("page");
        page.place(&PAGE, &mut draft.context)?;
        page.rest("page.", &mut draft.context)?;
        let mut app = fields.object("appInfo");
        app.place(&APP, &mut draft.context)?;
        app.rest("app.", &mut draft.context)?;
        fields.place(&[("referer", "page.referrer")], &mut draft.context)?;
        let name = fields.object("eventInfo");
        name_event(&action, name, &mut draft)?;
        let mut transaction = fields.object("transaction");
        let mut item = fields.object("item");
        let code = [&mut transaction, &mut item].into_iter().filter_map(|part| part.text("currencyCode")).next();
        let basis = Basis::new(code, self.currency, mended);
        let products = fields.list("product");
        check_products(products.len())?;
        draft.products =
            products.iter().filter_map(|product| basis.product(&Fields::of(Some(product)), &action)).collect();
        further(&products, ("productSKU", &OF_LINE), &mut draft.properties)?;
        draft.products.extend(basis.item(&mut item));
        let refund = fields.object("refund");
        let refunded = basis.amount(&refund, "localRefundAmount", "refundAmount");
        self.pay(&action, &basis, (&mut transaction, refunded), (&mut draft, mended))?;
        transaction.rest("", &mut draft.properties)?;
        item.rest("item.", &mut draft.properties)?;
        read_dimensions(&fields.list("customDimensions"), "dimension", &mut draft.properties)?;
        read_dimensions(&fields.list("customMetrics"), "metric", &mut draft.properties)?;
        fields.rest("", &mut draft.properties)?;
        Ok(draft)
    }

    /// Returns the draft of a hit in a row of its own, with one product at the most.
    pub(super) fn flat_hit(&self, mut fields: Fields<'_>, mended: &mut Vec<Problem>) -> Result<Draft, Problem> {
        let mut draft = self.shared.clone();
        let numbers = ["eCommerceAction_type", "eCommerceAction_step"].map(|name| fields.text(name));
        let [action_type, step] = numbers;
        let option = fields.take("eCommerceAction_option");
        let action = open(&mut fields, (action_type, step, Fields::of(None)), &mut draft)?;
        if let Some(option) = option {
            crate::analytics::put("option".to_owned(), option, &mut draft.properties)?;
        }
        fields.place(&PAGE, &mut draft.context)?;
        name_event(&action, Fields::of(None), &mut draft)?;
        let basis = Basis::new(fields.text("currencyCode"), self.currency, mended);
        draft.products.extend(basis.product(&fields, &action));
        fields.leave_out(&OF_LINE);
        let refunded = basis.amount(&fields, "localRefundAmount", "refundAmount");
        self.pay(&action, &basis, (&mut fields, refunded), (&mut draft, mended))?;
        fields.rest("", &mut draft.properties)?;
        // Rows of one hit differ in their product, and in nothing else that is sure to be there.
        add_attributes(&mut draft.content, &draft.properties);
        add_attributes(&mut draft.content, &draft.context);
        for line in &draft.products {
            for part in [Some(&line.product_id), line.name.as_ref(), line.category.as_ref()] {
                add_part(&mut draft.content, part.map_or("", String::as_str));
            }
            add_part(&mut draft.content, &format!("{} {:?}", line.quantity, line.amount_minor));
        }
        Ok(draft)
    }

    /// Reads what an order or a refund is worth.
    fn pay(
        &self,
        action: &Action,
        basis: &Basis,
        (transaction, refunded): (&mut Fields<'_>, Option<Decimal>),
        (draft, mended): (&mut Draft, &mut Vec<Problem>),
    ) -> Result<(), Problem> {
        let revenue = basis.amount(transaction, "localTransactionRevenue", "transactionRevenue");
        transaction.leave_out(&["localTransactionRevenue", "transactionRevenue"]);
        for (local, base, name) in FEES {
            if let Some(amount) = basis.amount(transaction, local, base) {
                draft.properties.insert(name, Value::Number(amount));
            }
            transaction.leave_out(&[local, base]);
        }
        transaction.place(&ORDER, &mut draft.properties)?;
        let paid = if action.sells() {
            revenue.or(self.only_order)
        } else if action.refunds() {
            refunded.or(revenue)
        } else {
            return Ok(());
        };
        let of_lines = draft.products.iter().filter_map(|line| line.amount_minor).reduce(i64::saturating_add);
        draft.money = match (paid, basis.currency) {
            (Some(amount), Some(currency)) => Some(Money::from_major(amount, currency)),
            (None, Some(currency)) => of_lines.map(|minor| Money { minor, currency }),
            (Some(amount), None) => {
                mended.push(Problem::new(ProblemKind::InvalidCurrency, &format!("{amount} without a currency")));
                None
            }
            (None, None) => None,
        };
        if action.refunds() {
            turn_back(draft);
        }
        Ok(())
    }
}

/// Reads time, type and action of a hit.
fn open(
    fields: &mut Fields<'_>,
    (number, step, more): (Option<String>, Option<String>, Fields<'_>),
    draft: &mut Draft,
) -> Result<Action, Problem> {
    let time = fields.text("time").unwrap_or_default();
    let hit_type = fields.text("type").unwrap_or_default();
    if !time.is_empty() {
        let after = time.parse::<i64>().ok().and_then(|milliseconds| milliseconds.checked_mul(1_000));
        let after = after.ok_or_else(|| Problem::new(ProblemKind::InvalidTime, &time))?;
        draft.occurred_at = draft.occurred_at.map(|start| Instant(start.0.saturating_add(after)));
    }
    for part in [Some(&time), Some(&hit_type), number.as_ref(), step.as_ref()] {
        add_part(&mut draft.content, part.map_or("", String::as_str));
    }
    if let Some(step) = step.as_deref().filter(|_| number.as_deref() == Some("5")).and_then(Decimal::parse) {
        draft.properties.insert("step", Value::Number(step));
    }
    more.rest("", &mut draft.properties)?;
    let screen = hit_type.contains("APP") || hit_type.contains("SCREEN");
    draft.channel = Some(if screen { "app" } else { "web" }.to_owned());
    Ok(Action { number, step, hit_type })
}

impl Action {
    fn sells(&self) -> bool {
        self.number.as_deref() == Some("6") || self.hit_type == "TRANSACTION"
    }

    fn refunds(&self) -> bool {
        self.number.as_deref() == Some("7")
    }

    /// Returns the name of the action in the Segment Spec, `None` where there was none.
    fn name(&self) -> Option<&'static str> {
        let first_step = self.step.as_deref().is_none_or(|step| step == "1" || step == "0");
        match self.number.as_deref()? {
            "1" => Some("Product Clicked"),
            "2" => Some("Product Viewed"),
            "3" => Some("Product Added"),
            "4" => Some("Product Removed"),
            "5" if first_step => Some("Checkout Started"),
            "5" => Some("Checkout Step Viewed"),
            "6" => Some("Order Completed"),
            "7" => Some("Order Refunded"),
            "8" => Some("Checkout Step Completed"),
            _ => None,
        }
    }
}

/// Says of which kind a hit is, and its name. Category, action, label and value of an event
/// are its properties; the action names it.
fn name_event(action: &Action, mut info: Fields<'_>, draft: &mut Draft) -> Result<(), Problem> {
    let stated = info.peek("eventAction").or_else(|| info.peek("eventCategory")).map(|name| name.into_owned());
    info.place(
        &[("eventCategory", "category"), ("eventAction", "action"), ("eventLabel", "label"), ("eventValue", "value")],
        &mut draft.properties,
    )?;
    info.rest("", &mut draft.properties)?;
    let (kind, name) = match (action.name(), action.hit_type.as_str()) {
        (Some(name), _) => (EventKind::Track, Some(name)),
        (None, "PAGE") => (EventKind::Page, None),
        (None, "APPVIEW" | "SCREENVIEW") => (EventKind::Screen, None),
        (None, "TRANSACTION") => (EventKind::Track, Some("Order Completed")),
        (None, "ITEM") => (EventKind::Track, Some("Order Item Recorded")),
        (None, "SOCIAL") => (EventKind::Track, Some("Social Interaction Made")),
        (None, "EXCEPTION") => (EventKind::Track, Some("Application Crashed")),
        (None, "TIMING") => (EventKind::Track, Some("Timing Measured")),
        (None, "EVENT") => (EventKind::Track, Some(stated.as_deref().unwrap_or("Event Recorded"))),
        (None, other) => (EventKind::Track, (!other.is_empty()).then_some(other)),
    };
    draft.kind = Some(kind);
    draft.name = name.map(str::to_owned);
    Ok(())
}

/// Whose amounts are taken: those in the local currency where it is named, else those in
/// the currency of the view, which the import must know.
struct Basis {
    code: Option<Currency>,
    currency: Option<Currency>,
}

impl Basis {
    fn new(code: Option<String>, fallback: Option<Currency>, mended: &mut Vec<Problem>) -> Self {
        let code = code.and_then(|code| {
            let currency = code.parse().ok();
            if currency.is_none() {
                mended.push(Problem::new(ProblemKind::InvalidCurrency, &code));
            }
            currency
        });
        Self { code, currency: code.or(fallback) }
    }

    fn amount(&self, fields: &Fields<'_>, local: &str, base: &str) -> Option<Decimal> {
        let of_local = self.code.and_then(|_| micros(fields, local));
        of_local.or_else(|| micros(fields, base))
    }

    fn minor(&self, amount: Option<Decimal>) -> Option<i64> {
        Some(Money::from_major(amount?, self.currency?).minor)
    }

    fn product(&self, product: &Fields<'_>, action: &Action) -> Option<ProductLine> {
        let name = text(product, "v2ProductName");
        let product_id = text(product, "productSKU").or_else(|| name.clone())?;
        let quantity = product.number("productQuantity").unwrap_or(Decimal(Decimal::ONE));
        let total = if action.refunds() {
            self.amount(product, "localProductRefundAmount", "productRefundAmount")
        } else {
            self.amount(product, "localProductRevenue", "productRevenue")
        };
        let price = || times(self.amount(product, "localProductPrice", "productPrice")?, quantity);
        Some(ProductLine {
            product_id,
            name,
            category: text(product, "v2ProductCategory"),
            brand: text(product, "productBrand"),
            quantity,
            amount_minor: self.minor(total.or_else(price)),
            discount_minor: None,
        })
    }

    /// Returns the line of an item hit (standard e-commerce).
    fn item(&self, item: &mut Fields<'_>) -> Option<ProductLine> {
        let line = ProductLine {
            product_id: text(item, "productSku")?,
            name: text(item, "productName"),
            category: text(item, "productCategory"),
            brand: None,
            quantity: item.number("itemQuantity").unwrap_or(Decimal(Decimal::ONE)),
            amount_minor: self.minor(self.amount(item, "localItemRevenue", "itemRevenue")),
            discount_minor: None,
        };
        item.leave_out(&[
            "productSku",
            "productName",
            "productCategory",
            "itemQuantity",
            "itemRevenue",
            "localItemRevenue",
        ]);
        Some(line)
    }
}

/// Returns a text that is none of a page's scripts left unfilled, such as `${escCatTitle}`.
fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    let text = fields.peek(name)?.trim().to_owned();
    (!text.is_empty() && !text.starts_with("${")).then_some(text)
}

/// Returns an amount written in millionths, which is what decimals count in.
pub(super) fn micros(fields: &Fields<'_>, name: &str) -> Option<Decimal> {
    let text = fields.peek(name)?;
    let of_float = || Decimal::parse(&text).map(|number| number.0 / Decimal::ONE);
    text.parse().ok().or_else(of_float).map(Decimal)
}

/// Reads custom dimensions or metrics: a list of index and value.
pub(super) fn read_dimensions(list: &[&RawValue], prefix: &str, attributes: &mut Attributes) -> Result<(), Problem> {
    for item in list {
        let mut item = Fields::of(Some(item));
        if let (Some(index), Some(value)) = (item.text("index"), item.take("value")) {
            crate::analytics::put(format!("{prefix}{index}"), value, attributes)?;
        }
    }
    Ok(())
}
