//! The CSV export: one row per line item, put together by the name of the order.
//!
//! Only the first row of an order says what the order is, so its rows are gathered
//! before it is handed on. A bounded number of orders stays open; the oldest is
//! closed first, and of a closed order no further row is taken, for an event once
//! handed on does not change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;

use throng_event::{Admission, Decimal, Instant, Problem, ProblemKind, Value, admit};

use super::order::{Line, Order, Refund, insert_text};
use crate::import::Intake;
use crate::rows::{NamedRow, NamedRows};
use crate::table::{Clock, truth};
use crate::{DecimalMark, Import, SourceError, number};

/// Orders open at a time. The export writes the rows of an order one below the other;
/// this leaves room for files that were sorted by something else.
const OPEN_ORDERS_MAX: usize = 4_096;
/// Rows of all open orders together, about 50 MB.
const OPEN_ROWS_MAX: usize = 131_072;
/// Bytes of their texts together: half a kilobyte a row, which few have.
const OPEN_BYTES_MAX: usize = 64 << 20;
/// Rows of one order; as many as an event may have product lines.
const ROWS_MAX: u64 = 10_000;
/// Closed orders remembered, 8 bytes each; a row that comes later still makes an event
/// of the same id, which admission takes for a repeated one.
const CLOSED_MAX: usize = 4_194_304;

/// Properties of the order by column, those that are texts.
const TEXTS: [(&str, &str); 10] = [
    ("Name", "order_name"),
    ("Discount Code", "coupon"),
    ("Fulfillment Status", "fulfillment_status"),
    ("Shipping Method", "shipping_method"),
    ("Payment Method", "payment_method"),
    ("Tags", "tags"),
    ("Source", "source"),
    ("Location", "location"),
    ("Risk Level", "risk_level"),
    ("Notes", "note"),
];
/// Properties of the order by column, those that are numbers.
const NUMBERS: [(&str, &str); 4] =
    [("Subtotal", "subtotal"), ("Shipping", "shipping"), ("Taxes", "tax"), ("Discount Amount", "discount")];
/// Traits by column.
const TRAITS: [(&str, &str); 5] = [
    ("Billing Name", "name"),
    ("Billing Company", "company"),
    ("Billing City", "city"),
    ("Billing Country", "country"),
    ("Billing Zip", "postal_code"),
];
/// Fields of the context by column; where it was sent goes before where it was billed.
const LOCATIONS: [(&[&str], &str); 3] = [
    (&["Shipping City", "Billing City"], "location.city"),
    (&["Shipping Province", "Billing Province"], "location.region"),
    (&["Shipping Country", "Billing Country"], "location.country"),
];

/// Reads all rows.
pub(super) fn read(input: impl Read, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let mut rows = NamedRows::new(input)?;
    let mut clock = Clock::new(None, intake.import.calendar.zone().clone());
    let mut orders = Orders::new(OPEN_ORDERS_MAX);
    while let Some(row) = rows.next(intake)? {
        if let Err(problems) = orders.take(&row, &mut clock, intake.import) {
            intake.put_aside(row.number, problems, row.raw())?;
        }
        orders.close_surplus(intake)?;
    }
    orders.close_down_to(0, intake)
}

/// The orders whose rows may still be coming.
struct Orders {
    open: BTreeMap<String, Open>,
    /// Names in the order of opening.
    opened: VecDeque<String>,
    n_open_rows: u64,
    n_open_bytes: usize,
    open_max: usize,
    closed: BTreeSet<u64>,
    closed_order: VecDeque<u64>,
}

/// An order whose first row was taken, or the reason why it was not: its further rows
/// say nothing without it.
enum Open {
    Taken { order: Box<Order>, n_rows: u64, n_bytes: usize },
    Refused(Problem),
}

impl Orders {
    fn new(open_max: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            opened: VecDeque::new(),
            n_open_rows: 0,
            n_open_bytes: 0,
            open_max,
            closed: BTreeSet::new(),
            closed_order: VecDeque::new(),
        }
    }

    /// Takes one row, or says why it is to be put aside.
    fn take(&mut self, row: &NamedRow<'_>, clock: &mut Clock, import: Import<'_>) -> Result<(), Vec<Problem>> {
        let Some(name) = row.first(&["Name", "Id"]) else {
            return Err(vec![Problem::new(ProblemKind::Unreadable, "a line item without the name of its order")]);
        };
        match self.open.get_mut(name) {
            Some(Open::Refused(problem)) => return Err(vec![problem.clone()]),
            Some(Open::Taken { n_rows, .. }) if *n_rows >= ROWS_MAX => {
                let detail = format!("an order of more than {ROWS_MAX} rows");
                return Err(vec![Problem::new(ProblemKind::TooLarge, &detail)]);
            }
            Some(Open::Taken { order, n_rows, n_bytes }) => {
                *n_rows += 1;
                *n_bytes += row.n_text_bytes();
                add_line(order, row);
            }
            None => self.open_order(name, row, clock, import)?,
        }
        self.n_open_rows += 1;
        self.n_open_bytes += row.n_text_bytes();
        Ok(())
    }

    fn open_order(
        &mut self,
        name: &str,
        row: &NamedRow<'_>,
        clock: &mut Clock,
        import: Import<'_>,
    ) -> Result<(), Vec<Problem>> {
        if self.closed.contains(&hash(name)) {
            return Err(vec![Problem::new(ProblemKind::LateLine, name)]);
        }
        let mut order = order_of(row, clock, import);
        add_line(&mut order, row);
        // What admission refuses is refused now, while the row is at hand.
        let completed = order.drafts(import).swap_remove(0);
        let admitted = match admit(completed, import.limits) {
            Admission::Admitted(..) => {
                Ok(Open::Taken { order: Box::new(order), n_rows: 1, n_bytes: row.n_text_bytes() })
            }
            Admission::Rejected(problems) => Err(problems),
        };
        self.opened.push_back(name.to_owned());
        match admitted {
            Ok(open) => {
                self.open.insert(name.to_owned(), open);
                Ok(())
            }
            Err(problems) => {
                self.open.insert(name.to_owned(), Open::Refused(problems[0].clone()));
                Err(problems)
            }
        }
    }

    /// Closes the oldest orders while too much is open.
    fn close_surplus(&mut self, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        self.close_down_to(self.open_max, intake)?;
        while self.n_open_rows > OPEN_ROWS_MAX as u64 || self.n_open_bytes > OPEN_BYTES_MAX {
            self.close_oldest(intake)?;
        }
        Ok(())
    }

    fn close_down_to(&mut self, n_orders: usize, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        while self.opened.len() > n_orders {
            self.close_oldest(intake)?;
        }
        Ok(())
    }

    fn close_oldest(&mut self, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        let Some((name, open)) = self.opened.pop_front().and_then(|name| self.open.remove_entry(&name)) else {
            return Ok(());
        };
        self.closed.insert(hash(&name));
        self.closed_order.push_back(hash(&name));
        if self.closed_order.len() > CLOSED_MAX
            && let Some(forgotten) = self.closed_order.pop_front()
        {
            self.closed.remove(&forgotten);
        }
        let Open::Taken { order, n_rows, n_bytes } = open else {
            return Ok(());
        };
        self.n_open_rows -= n_rows;
        self.n_open_bytes -= n_bytes;
        hand_on(&order, n_rows, intake)
    }
}

/// Hands on the events of an order whose rows are all there.
fn hand_on(order: &Order, n_rows: u64, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let mut n_rows = n_rows;
    let mut mended = order.mended.clone();
    let (mut admitted, mut rejected) = (Vec::new(), Vec::new());
    for draft in order.drafts(intake.import) {
        match admit(draft, intake.import.limits) {
            Admission::Admitted(event, problems) => admitted.push((event, problems)),
            Admission::Rejected(problems) => rejected.extend(problems),
        }
    }
    mended.append(&mut rejected);
    assert!(!admitted.is_empty(), "an order was admitted when it was opened, and then not: {mended:?}");
    for (event, mut problems) in admitted {
        problems.append(&mut mended);
        intake.hand_on(event, problems, std::mem::take(&mut n_rows))?;
    }
    Ok(())
}

/// Reads the first row of an order.
fn order_of(row: &NamedRow<'_>, clock: &mut Clock, import: Import<'_>) -> Order {
    let text = |name: &str| row.get(name).map(|text| text.trim_start_matches('\'').to_owned());
    let mut order = Order {
        id: text("Id").or_else(|| text("Name")).unwrap_or_default(),
        email: text("Email"),
        phone: text("Phone").or_else(|| text("Billing Phone")),
        source: text("Source"),
        financial_status: text("Financial Status"),
        mended: row.mended(),
        ..Order::default()
    };
    read_times(row, clock, &mut order);
    for (column, name) in TEXTS {
        insert_text(&mut order.properties, name, row.get(column));
    }
    for (column, name) in NUMBERS {
        let amount = amount(row, column, &mut order.mended);
        Order::fill(&mut order.properties, name, amount.map(Value::Number));
    }
    for (column, name) in TRAITS {
        insert_text(&mut order.traits, name, text(column).as_deref());
    }
    let accepts_marketing = row.get("Accepts Marketing").and_then(truth).map(Value::Bool);
    Order::fill(&mut order.traits, "accepts_marketing", accepts_marketing);
    for (columns, name) in LOCATIONS {
        insert_text(&mut order.context, name, row.first(columns));
    }
    read_money(row, &mut order, import);
    order
}

fn read_times(row: &NamedRow<'_>, clock: &mut Clock, order: &mut Order) {
    let mut read = |column: &str, problems: &mut Vec<Problem>| -> Option<Instant> {
        let text = row.get(column)?;
        let instant = clock.read(text);
        if instant.is_none() {
            problems.push(Problem::new(ProblemKind::InvalidTime, &format!("{column}: {text}")));
        }
        instant
    };
    order.occurred_at = read("Created at", &mut order.problems);
    if order.occurred_at.is_none() && order.problems.is_empty() {
        order.occurred_at = read("Paid at", &mut order.problems);
    }
    order.cancelled_at = read("Cancelled at", &mut order.mended);
    order.fulfilled_at = read("Fulfilled at", &mut order.mended);
}

fn read_money(row: &NamedRow<'_>, order: &mut Order, import: Import<'_>) {
    if let Some(code) = row.get("Currency") {
        order.currency = code.parse().ok();
        if order.currency.is_none() {
            order.mended.push(Problem::new(ProblemKind::InvalidCurrency, code));
        }
    }
    order.total = amount(row, "Total", &mut order.mended);
    let refunded = amount(row, "Refunded Amount", &mut order.mended).filter(|amount| amount.0 != 0);
    let at = order.cancelled_at.or(order.occurred_at);
    order.refunds.extend(refunded.map(|amount| Refund { at, amount: Some(amount), products: Vec::new() }));
    order.note_currency(import);
}

/// Adds the line item of a row; some rows have none, such as those of further payments.
fn add_line(order: &mut Order, row: &NamedRow<'_>) {
    let Some(product_id) = row.first(&["Lineitem sku", "Lineitem name"]) else {
        return;
    };
    let quantity = amount(row, "Lineitem quantity", &mut order.mended).unwrap_or(Decimal(Decimal::ONE));
    let discount = amount(row, "Lineitem discount", &mut order.mended);
    let price = amount(row, "Lineitem price", &mut order.mended);
    order.products.push(Line {
        product_id: product_id.to_owned(),
        name: row.get("Lineitem name").map(str::to_owned),
        brand: row.get("Vendor").map(str::to_owned),
        quantity,
        amount: price
            .and_then(|price| number::times(price, quantity))
            .and_then(|amount| number::minus(amount, discount.unwrap_or_default())),
        discount,
    });
}

fn amount(row: &NamedRow<'_>, column: &str, mended: &mut Vec<Problem>) -> Option<Decimal> {
    let text = row.get(column)?;
    let amount = number::parse(text, DecimalMark::Point);
    if amount.is_none() {
        mended.push(Problem::new(ProblemKind::InvalidNumber, &format!("{column}: {text}")));
    }
    amount
}

/// Returns 64 bits of the hash: two of four million closed orders meet once in two million files.
fn hash(name: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_event::{Calendar, Limits, PersonalData};

    #[test]
    fn a_row_that_comes_after_its_order_was_closed_is_put_aside() {
        let personal = PersonalData::default();
        let limits = Limits { source: "x".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal };
        let (mut orders, calendar) = (Orders::new(1), Calendar::utc());
        let mut sink = |_| Ok(());
        let mut intake = Intake::new(Import { limits: &limits, calendar: &calendar, currency: None }, &mut sink);
        let mut clock = Clock::new(None, jiff::tz::TimeZone::UTC);
        let table = "Name,Email,Created at\n1,a@b.de,2024-01-01\n2,a@b.de,2024-01-01\n1,a@b.de,2024-01-01\n";
        let mut rows = NamedRows::new(table.as_bytes()).unwrap();
        let mut refused = Vec::new();
        while let Some(row) = rows.next(&mut intake).unwrap() {
            refused.push(orders.take(&row, &mut clock, intake.import).err().map(|problems| problems[0].kind));
            orders.close_surplus(&mut intake).unwrap();
        }
        assert_eq!(refused, [None, None, Some(ProblemKind::LateLine)]);
    }
}
