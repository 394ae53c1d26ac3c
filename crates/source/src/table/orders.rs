//! The rows of one order, put together into one event.
//!
//! Files are mostly sorted by order but need not be: a bounded number of orders
//! stays open, the oldest is closed first, and a row that comes after its order
//! was closed is put aside, for an event once handed on does not change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use throng_event::{Admission, Currency, Draft, Instant, Money, Problem, ProblemKind, ProductLine, Value, admit};

use super::plan::{Line, Plan};
use crate::SourceError;
use crate::import::Intake;
use crate::mapping::AmountPer;

/// Orders open at a time: a day of a large shop whose rows are sorted by time.
const OPEN_ORDERS_MAX: usize = 65_536;
/// Rows of all open orders together, about 150 MiB.
const OPEN_ROWS_MAX: usize = 524_288;
/// Bytes of their texts together, a quarter of a kilobyte a row.
const OPEN_BYTES_MAX: usize = 128 << 20;
/// Bytes of the number, the person and the name of an order together; each of them is kept
/// in several places while the order is open, and admission allows no ids of a tenth of it.
const KEY_BYTES_MAX: usize = 8_192;
/// Bytes of a note on what was mended in a row.
const PROBLEM_BYTES: usize = 128;
/// Rows of one order; as many as an event may have product lines.
const ROWS_MAX: usize = 10_000;
/// Closed orders that are remembered; a row that comes later still makes an event
/// of the same id, which admission takes for a repeated one.
const CLOSED_MAX: usize = 4_194_304;

/// Order, person and event name; the person as (user id, anonymous id).
type Key = (String, (String, String), String);

/// The orders whose rows may still be coming.
pub(super) struct Orders {
    open: BTreeMap<Key, Open>,
    /// Keys in the order of opening.
    opened: VecDeque<Key>,
    n_open_rows: usize,
    n_open_bytes: usize,
    closed: BTreeSet<u64>,
    closed_order: VecDeque<u64>,
    limits: Bounds,
}

struct Bounds {
    orders: usize,
    rows: usize,
}

struct Open {
    draft: Draft,
    products: Vec<ProductLine>,
    minor: Option<i64>,
    currency: Option<Currency>,
    mended: Vec<Problem>,
    n_rows: u64,
    n_bytes: usize,
}

impl Orders {
    pub(super) fn new() -> Self {
        Self::with_bounds(OPEN_ORDERS_MAX, OPEN_ROWS_MAX)
    }

    fn with_bounds(orders: usize, rows: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            opened: VecDeque::new(),
            n_open_rows: 0,
            n_open_bytes: 0,
            closed: BTreeSet::new(),
            closed_order: VecDeque::new(),
            limits: Bounds { orders, rows },
        }
    }

    /// Takes one row of an order.
    pub(super) fn take(
        &mut self,
        mut line: Line,
        plan: &Plan,
        intake: &mut Intake<'_>,
        raw: impl FnOnce() -> String,
    ) -> Result<(), SourceError> {
        let row = intake.rows();
        let key = self.key(&line);
        line.n_bytes += line.mended.len() * PROBLEM_BYTES;
        let n_bytes = line.n_bytes;
        let added = match self.open.get_mut(&key) {
            Some(open) => open.check(&line, intake).map(|()| open.add(line, plan.amount_per())),
            None => self.open_order(&key, line, plan, intake),
        };
        if let Err(problems) = added {
            return intake.put_aside(row, problems, raw());
        }
        self.n_open_rows += 1;
        self.n_open_bytes += n_bytes;
        while self.open.len() > self.limits.orders
            || self.n_open_rows > self.limits.rows
            || self.n_open_bytes > OPEN_BYTES_MAX
        {
            self.close_oldest(plan, intake)?;
        }
        Ok(())
    }

    /// Closes all orders, the oldest first.
    pub(super) fn finish(mut self, plan: &Plan, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        while !self.opened.is_empty() {
            self.close_oldest(plan, intake)?;
        }
        Ok(())
    }

    /// Returns the key of a row's order. A row that names nobody belongs to the open
    /// order of its number: exports repeat neither person nor time on further rows.
    fn key(&self, line: &Line) -> Key {
        let draft = &line.draft;
        let order = line.order.clone().unwrap_or_default();
        let person = [&draft.user_id, &draft.anonymous_id].map(|id| id.clone().unwrap_or_default());
        let [user_id, anonymous_id] = person;
        let name = draft.name.clone().unwrap_or_default();
        let key = (order, (user_id, anonymous_id), name);
        if draft.user_id.is_some() || draft.anonymous_id.is_some() {
            return key;
        }
        match self.open.range(key.clone()..).next() {
            Some((open, _)) if open.0 == key.0 => open.clone(),
            _ => key,
        }
    }

    fn open_order(&mut self, key: &Key, line: Line, plan: &Plan, intake: &Intake<'_>) -> Result<(), Vec<Problem>> {
        let (order, (user_id, anonymous_id), name) = key;
        if [order, user_id, anonymous_id, name].into_iter().map(String::len).sum::<usize>() > KEY_BYTES_MAX {
            return Err(vec![Problem::new(ProblemKind::TooLarge, order)]);
        }
        let mut open = Open {
            draft: Draft { content: content(key), id: None, ..line.draft.clone() },
            products: Vec::new(),
            minor: None,
            currency: line.currency,
            mended: Vec::new(),
            n_rows: 0,
            n_bytes: 0,
        };
        open.draft.properties.insert_if_absent("order_id", Value::text(&key.0));
        // What admission refuses is refused now, while the row is at hand.
        if let Admission::Rejected(problems) = admit(open.draft.clone(), intake.import.limits) {
            return Err(problems);
        }
        if self.closed.contains(&hash(&open.draft.content)) {
            return Err(vec![Problem::new(ProblemKind::LateLine, &key.0)]);
        }
        open.add(line, plan.amount_per());
        self.open.insert(key.clone(), open);
        self.opened.push_back(key.clone());
        Ok(())
    }

    fn close_oldest(&mut self, plan: &Plan, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        let Some((key, open)) = self.opened.pop_front().and_then(|key| self.open.remove_entry(&key)) else {
            return Ok(());
        };
        self.n_open_rows = self.n_open_rows.saturating_sub(usize::try_from(open.n_rows).unwrap_or(usize::MAX));
        self.n_open_bytes -= open.n_bytes;
        let closed = hash(&content(&key));
        self.closed.insert(closed);
        self.closed_order.push_back(closed);
        if self.closed_order.len() > CLOSED_MAX
            && let Some(forgotten) = self.closed_order.pop_front()
        {
            self.closed.remove(&forgotten);
        }
        let Open { mut draft, products, minor, currency, mended, n_rows, .. } = open;
        let money = minor.zip(currency).map(|(minor, currency)| Money { minor, currency });
        plan.complete(&mut draft, products, money);
        match admit(draft, intake.import.limits) {
            Admission::Admitted(event, problems) => intake.hand_on(event, [mended, problems].concat(), n_rows),
            Admission::Rejected(problems) => {
                unreachable!("an order was admitted when it was opened, and then not: {problems:?}")
            }
        }
    }
}

impl Open {
    /// Says what stands against a further row of this order.
    fn check(&self, line: &Line, intake: &Intake<'_>) -> Result<(), Vec<Problem>> {
        if !line.draft.problems.is_empty() {
            return Err(line.draft.problems.clone());
        }
        let limits = intake.import.limits;
        if let Some(at) = line.draft.occurred_at
            && (at < limits.earliest || at >= limits.latest)
        {
            return Err(vec![Problem::new(ProblemKind::ImplausibleTime, &at.to_string())]);
        }
        if self.n_rows >= ROWS_MAX as u64 {
            return Err(vec![Problem::new(ProblemKind::TooLarge, &format!("an order of more than {ROWS_MAX} rows"))]);
        }
        Ok(())
    }

    /// Adds a row: amounts add up, the earliest time holds, of facts the first.
    fn add(&mut self, line: Line, per: AmountPer) {
        self.n_rows += 1;
        self.n_bytes += line.n_bytes;
        self.mended.extend(line.mended);
        let Line { draft, product, amount, currency, .. } = line;
        if currency.is_some() && currency != self.currency {
            if self.currency.is_none() && self.minor.is_none() {
                self.currency = currency;
            } else {
                let detail = currency.map(|currency| currency.to_string()).unwrap_or_default();
                self.mended.push(Problem::new(
                    ProblemKind::InvalidCurrency,
                    &format!("{detail} in an order of another currency"),
                ));
            }
        }
        let of_row = amount.zip(currency).map(|(amount, currency)| Money::from_major(amount, currency).minor);
        let of_product = product.as_ref().and_then(|product| product.amount_minor);
        match (of_row, per) {
            (Some(minor), AmountPer::Order) => self.minor = self.minor.or(Some(minor)),
            (minor, _) => {
                if let Some(minor) = minor.or(of_product.filter(|_| per == AmountPer::Row)) {
                    self.minor = Some(self.minor.unwrap_or(0).saturating_add(minor));
                }
            }
        }
        self.products.extend(product);
        self.draft.occurred_at = earliest(self.draft.occurred_at, draft.occurred_at);
        for (kept, added) in [(&mut self.draft.properties, draft.properties), (&mut self.draft.traits, draft.traits)] {
            for (name, value) in added {
                kept.insert_if_absent(name, value);
            }
        }
        self.draft.channel = self.draft.channel.take().or(draft.channel);
        self.draft.text = self.draft.text.take().or(draft.text);
        self.draft.rating = self.draft.rating.or(draft.rating);
    }
}

fn earliest(left: Option<Instant>, right: Option<Instant>) -> Option<Instant> {
    left.into_iter().chain(right).min()
}

/// Returns what makes an order the order it is.
fn content((order, (user_id, anonymous_id), name): &Key) -> Vec<u8> {
    let mut bytes = b"order".to_vec();
    for part in [order, user_id, anonymous_id, name] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Returns 64 bits of the hash: two of four million closed orders meet once in two million files.
fn hash(content: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(content).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
