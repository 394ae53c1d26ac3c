//! One order, whichever form it came in, and the events it makes.

use throng_event::{
    Attributes, Currency, Decimal, Draft, EventKind, Identity, IdentityKind, Instant, Money, Problem, ProblemKind,
    ProductLine, Value,
};

use crate::Import;
use crate::import::check_drafts;

/// What an export says of one order.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// Shopify's number of the order, or its name (`#1001`) where there is none.
    pub(super) id: String,
    pub(super) occurred_at: Option<Instant>,
    pub(super) cancelled_at: Option<Instant>,
    pub(super) fulfilled_at: Option<Instant>,
    pub(super) user_id: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    /// `web`, `pos`, or the application that took the order.
    pub(super) source: Option<String>,
    pub(super) currency: Option<Currency>,
    pub(super) total: Option<Decimal>,
    pub(super) financial_status: Option<String>,
    pub(super) cancel_reason: Option<String>,
    pub(super) products: Vec<Line>,
    pub(super) refunds: Vec<Refund>,
    pub(super) properties: Attributes,
    pub(super) traits: Attributes,
    pub(super) context: Attributes,
    /// What keeps it from being an event.
    pub(super) problems: Vec<Problem>,
    /// What was left out of it.
    pub(super) mended: Vec<Problem>,
}

/// Money that went back.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) at: Option<Instant>,
    /// How much, positive.
    pub(super) amount: Option<Decimal>,
    /// What came back, in positive quantities.
    pub(super) products: Vec<Line>,
}

/// One line item; amounts in major units, of the whole line.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) product_id: String,
    pub(super) name: Option<String>,
    pub(super) brand: Option<String>,
    pub(super) quantity: Decimal,
    pub(super) amount: Option<Decimal>,
    pub(super) discount: Option<Decimal>,
}

impl Order {
    /// Returns the drafts of this order, `Order Completed` first.
    pub(super) fn drafts(&self, import: Import<'_>) -> Vec<Draft> {
        let mut drafts = vec![self.completed(import)];
        let fulfilled = self.fulfilled_at.map(|at| self.draft("Order Fulfilled", "fulfilled", Some(at), import));
        drafts.extend(fulfilled);
        if let Some(at) = self.cancelled_at {
            let mut cancelled = self.draft("Order Cancelled", "cancelled", Some(at), import);
            insert_text(&mut cancelled.properties, "reason", self.cancel_reason.as_deref());
            drafts.push(cancelled);
        }
        let common = self.draft("Order Refunded", "refunded", None, import);
        if let Err(problem) = check_drafts(&common, self.refunds.len()) {
            return vec![Draft { problems: vec![problem], ..Draft::default() }];
        }
        for (idx, refund) in self.refunds.iter().enumerate() {
            drafts.push(self.refunded(idx, refund, import));
        }
        drafts
    }

    /// Sets a property or trait that has no value yet.
    pub(super) fn fill(attributes: &mut Attributes, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            attributes.insert_if_absent(name, value);
        }
    }

    fn completed(&self, import: Import<'_>) -> Draft {
        let mut draft = self.draft("Order Completed", "completed", self.occurred_at, import);
        draft.problems.clone_from(&self.problems);
        draft.properties.extend(self.properties.clone());
        insert_text(&mut draft.properties, "financial_status", self.financial_status.as_deref());
        Self::fill(&mut draft.properties, "total", self.total.map(Value::Number));
        // Where the order came from is no circumstance of what became of it later.
        draft.channel = self.source.as_deref().and_then(channel).map(str::to_owned);
        draft.context.clone_from(&self.context);
        draft.traits.clone_from(&self.traits);
        insert_text(&mut draft.traits, "email", self.email.as_deref());
        insert_text(&mut draft.traits, "phone", self.phone.as_deref());
        let Some(currency) = self.currency(import) else {
            draft.products = self.products.iter().map(|line| line.product(None, 1)).collect();
            return draft;
        };
        draft.products = self.products.iter().map(|line| line.product(Some(currency), 1)).collect();
        let of_lines = || draft.products.iter().filter_map(|line| line.amount_minor).reduce(i64::saturating_add);
        let minor = self.total.map(|total| Money::from_major(total, currency).minor).or_else(of_lines);
        draft.money = minor.filter(|_| self.paid()).map(|minor| Money { minor, currency });
        draft
    }

    /// A refund's id counts from the second on, so that one refund is one event in both forms.
    fn refunded(&self, idx: usize, refund: &Refund, import: Import<'_>) -> Draft {
        let ordinal = if idx == 0 { String::new() } else { format!("/{}", idx + 1) };
        let mut draft = self.draft("Order Refunded", &format!("refunded{ordinal}"), refund.at, import);
        let currency = self.currency(import);
        draft.products = refund.products.iter().map(|line| line.product(currency, -1)).collect();
        draft.money = refund.amount.zip(currency).map(|(amount, currency)| {
            let minor = -Money::from_major(amount, currency).minor.saturating_abs();
            Money { minor, currency }
        });
        draft
    }

    fn draft(&self, name: &str, ending: &str, at: Option<Instant>, import: Import<'_>) -> Draft {
        let mut properties = Attributes::new();
        properties.insert("order_id", Value::text(self.id.clone()));
        let email = self.email.iter().map(|email| Identity::new(IdentityKind::Email, email));
        let phone = self.phone.iter().map(|phone| Identity::new(IdentityKind::Phone, phone));
        Draft {
            id: Some(format!("shopify/{}/{}#{ending}", import.limits.source, self.id)),
            kind: Some(EventKind::Track),
            name: Some(name.to_owned()),
            user_id: self.user_id.clone(),
            external_ids: email.chain(phone).collect(),
            occurred_at: at,
            properties,
            ..Draft::default()
        }
    }

    fn currency(&self, import: Import<'_>) -> Option<Currency> {
        self.currency.or(import.currency)
    }

    /// Whether money moved: a voided or expired payment was never taken, and neither
    /// was one still open when the order was cancelled.
    fn paid(&self) -> bool {
        let status = self.financial_status.as_deref().unwrap_or("").to_ascii_lowercase();
        match status.as_str() {
            "voided" | "expired" => false,
            "pending" | "authorized" | "unpaid" => self.cancelled_at.is_none(),
            _ => true,
        }
    }

    /// Notes amounts that are left out because nothing says their currency.
    pub(super) fn note_currency(&mut self, import: Import<'_>) {
        if let (Some(total), None) = (self.total, self.currency(import)) {
            self.mended.push(Problem::new(ProblemKind::InvalidCurrency, &format!("{total} without a currency")));
        }
    }
}

impl Line {
    fn product(&self, currency: Option<Currency>, sign: i64) -> ProductLine {
        let minor = |amount: Option<Decimal>| Some(Money::from_major(amount?, currency?).minor);
        ProductLine {
            product_id: self.product_id.clone(),
            name: self.name.clone(),
            category: None,
            brand: self.brand.clone(),
            quantity: Decimal(self.quantity.0.saturating_mul(sign)),
            amount_minor: minor(self.amount).map(|minor| minor.saturating_mul(sign)),
            discount_minor: minor(self.discount).map(i64::saturating_abs),
        }
    }
}

pub(super) fn insert_text(attributes: &mut Attributes, name: &str, text: Option<&str>) {
    Order::fill(attributes, name, text.map(Value::text));
}

/// Returns the channel of a source; `None` for orders entered by hand and other applications.
fn channel(source: &str) -> Option<&'static str> {
    match source.to_ascii_lowercase().as_str() {
        "pos" | "iphone" | "ipad" | "android" => Some("store"),
        "subscription_contract" => Some("server"),
        // A number is a sales channel on the web, such as a social network's shop.
        source if source == "web" || source.bytes().all(|byte| byte.is_ascii_digit()) => Some("web"),
        _ => None,
    }
}
