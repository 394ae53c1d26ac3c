//! Baskets: the rows of one visit to the till.
//!
//! The rows of a basket stand together in the file. A row that comes after its
//! basket was closed is put aside.

use std::collections::{BTreeMap, BTreeSet};

use throng_event::{
    Admission, Currency, Decimal, Draft, EventKind, Instant, Money, Problem, ProblemKind, ProductLine, Value, admit,
};

use super::columns::{Form, Table};
use crate::SourceError;
use crate::import::Intake;

/// Where everything was bought.
pub(super) const CHANNEL: &str = "store";
/// Rows of one basket; as many as an event may have product lines.
const ROWS_MAX: u64 = 10_000;
/// Baskets that are remembered as closed; the data set has 155,848.
const CLOSED_MAX: usize = 4_194_304;

/// The columns of the transactions, in the order of the positions below.
pub(super) const COLUMNS: [(&str, Form); 10] = [
    ("household_id", Form::Whole),
    ("basket_id", Form::Whole),
    ("transaction_timestamp", Form::Time),
    ("product_id", Form::Whole),
    ("quantity", Form::Number),
    ("sales_value", Form::Number),
    ("retail_disc", Form::Number),
    ("coupon_disc", Form::Number),
    ("coupon_match_disc", Form::Number),
    ("store_id", Form::Whole),
];
const HOUSEHOLD: usize = 0;
const BASKET: usize = 1;
const TIME: usize = 2;
const PRODUCT: usize = 3;
const QUANTITY: usize = 4;
const SALES: usize = 5;
const RETAIL_DISCOUNT: usize = 6;
const COUPON_DISCOUNT: usize = 7;
const COUPON_MATCH_DISCOUNT: usize = 8;
const STORE: usize = 9;

/// What is known of products, by product id.
pub(super) type Shelf = BTreeMap<i64, Product>;

pub(super) struct Product {
    pub(super) category: Option<String>,
    pub(super) brand: Option<String>,
}

/// Puts the rows of baskets together.
pub(super) struct Baskets<'a> {
    shelf: &'a Shelf,
    open: Option<Basket>,
    closed: BTreeSet<(i64, i64)>,
    first_seen: BTreeMap<i64, Instant>,
}

struct Basket {
    /// Basket and household.
    key: (i64, i64),
    draft: Draft,
    currency: Currency,
    products: Vec<ProductLine>,
    minor: i64,
    retail_discount: i64,
    coupon_discount: i64,
    n_rows: u64,
}

/// The numbers of one row.
struct Amounts {
    quantity: Decimal,
    sales: Decimal,
    retail_discount: Decimal,
    coupon_discount: Decimal,
}

impl<'a> Baskets<'a> {
    pub(super) fn new(shelf: &'a Shelf) -> Self {
        Self { shelf, open: None, closed: BTreeSet::new(), first_seen: BTreeMap::new() }
    }

    /// Takes one row.
    pub(super) fn take(&mut self, table: &Table<'_>, idx: usize, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        let row = intake.next_row();
        let key = (table.whole(BASKET, idx).unwrap_or(0), table.whole(HOUSEHOLD, idx).unwrap_or(0));
        if self.open.as_ref().is_some_and(|basket| basket.key != key) {
            self.close(intake)?;
        }
        match self.add(key, table, idx, intake) {
            Ok(()) => Ok(()),
            Err(problems) => intake.put_aside(row, problems, table.raw(idx)),
        }
    }

    fn add(&mut self, key: (i64, i64), table: &Table<'_>, idx: usize, intake: &Intake<'_>) -> Result<(), Vec<Problem>> {
        let amounts = amounts(table, idx).map_err(|said| vec![Problem::new(ProblemKind::InvalidNumber, &said)])?;
        let mut basket = match self.open.take() {
            Some(basket) => basket,
            None => self.open(key, table, idx, intake)?,
        };
        let full = basket.n_rows >= ROWS_MAX;
        if !full {
            basket.add(table.whole(PRODUCT, idx), &amounts, self.shelf);
        }
        self.open = Some(basket);
        if full {
            return Err(vec![Problem::new(ProblemKind::TooLarge, &format!("a basket of more than {ROWS_MAX} rows"))]);
        }
        Ok(())
    }

    fn open(
        &self,
        key: (i64, i64),
        table: &Table<'_>,
        idx: usize,
        intake: &Intake<'_>,
    ) -> Result<Basket, Vec<Problem>> {
        if self.closed.contains(&key) {
            return Err(vec![Problem::new(ProblemKind::LateLine, &format!("basket {}", key.0))]);
        }
        let Ok(currency) = "USD".parse::<Currency>() else {
            unreachable!("a constant of three letters is a currency");
        };
        let mut draft = Draft {
            content: format!("basket {} of household {}", key.0, key.1).into_bytes(),
            kind: Some(EventKind::Track),
            name: Some("Order Completed".to_owned()),
            user_id: table.whole(HOUSEHOLD, idx).map(|id| id.to_string()),
            occurred_at: table.local_time(TIME, idx, intake.import.calendar.zone()),
            channel: Some(CHANNEL.to_owned()),
            ..Draft::default()
        };
        for (name, column) in [("order_id", BASKET), ("store_id", STORE)] {
            let value = table.whole(column, idx).map(|id| Value::text(id.to_string()));
            draft.properties.extend(value.map(|value| (name.to_owned(), value)));
        }
        // What admission refuses is refused now, while the row is at hand.
        match admit(draft.clone(), intake.import.limits) {
            Admission::Rejected(problems) => Err(problems),
            Admission::Admitted(..) => Ok(Basket {
                key,
                draft,
                currency,
                products: Vec::new(),
                minor: 0,
                retail_discount: 0,
                coupon_discount: 0,
                n_rows: 0,
            }),
        }
    }

    fn close(&mut self, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        let Some(basket) = self.open.take() else {
            return Ok(());
        };
        self.closed.insert(basket.key);
        if self.closed.len() > CLOSED_MAX {
            self.closed.pop_first();
        }
        let Basket { key, mut draft, currency, products, minor, retail_discount, coupon_discount, n_rows } = basket;
        draft.products = products;
        draft.money = Some(Money { minor, currency });
        for (name, discount) in [("retail_discount", retail_discount), ("coupon_discount", coupon_discount)] {
            draft.properties.insert(name, Value::Number(Decimal(discount)));
        }
        if let Some(occurred_at) = draft.occurred_at {
            let first = self.first_seen.entry(key.1).or_insert(occurred_at);
            *first = occurred_at.min(*first);
        }
        match admit(draft, intake.import.limits) {
            Admission::Admitted(event, problems) => intake.hand_on(event, problems, n_rows),
            Admission::Rejected(problems) => {
                unreachable!("a basket was admitted when it was opened, and then not: {problems:?}")
            }
        }
    }

    /// Closes the last basket and returns when each household was first seen.
    pub(super) fn finish(mut self, intake: &mut Intake<'_>) -> Result<BTreeMap<i64, Instant>, SourceError> {
        self.close(intake)?;
        Ok(self.first_seen)
    }
}

impl Basket {
    fn add(&mut self, product_id: Option<i64>, amounts: &Amounts, shelf: &Shelf) {
        let minor = |amount: Decimal| Money::from_major(amount, self.currency).minor;
        let amount_minor = minor(amounts.sales);
        let discount = amounts.retail_discount.0.saturating_add(amounts.coupon_discount.0);
        let discount_minor = minor(Decimal(discount));
        self.n_rows += 1;
        self.minor = self.minor.saturating_add(amount_minor);
        self.retail_discount = self.retail_discount.saturating_add(amounts.retail_discount.0);
        self.coupon_discount = self.coupon_discount.saturating_add(amounts.coupon_discount.0);
        let Some(product_id) = product_id else { return };
        let product = shelf.get(&product_id);
        self.products.push(ProductLine {
            product_id: product_id.to_string(),
            name: None,
            category: product.and_then(|product| product.category.clone()),
            brand: product.and_then(|product| product.brand.clone()),
            quantity: amounts.quantity,
            amount_minor: Some(amount_minor),
            discount_minor: Some(discount_minor),
        });
    }
}

/// Returns the numbers of a row; discounts are written as positive amounts.
fn amounts(table: &Table<'_>, idx: usize) -> Result<Amounts, String> {
    let number = |column| table.number(column, idx).map(Option::unwrap_or_default);
    let discount = |column| number(column).map(|discount| discount.0.saturating_abs());
    let coupon_discount = discount(COUPON_DISCOUNT)?.saturating_add(discount(COUPON_MATCH_DISCOUNT)?);
    Ok(Amounts {
        quantity: number(QUANTITY)?,
        sales: number(SALES)?,
        retail_discount: Decimal(discount(RETAIL_DISCOUNT)?),
        coupon_discount: Decimal(coupon_discount),
    })
}
