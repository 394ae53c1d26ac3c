//! Purchases: orders online and in the store, and what follows them.

use crate::behaviour::{Life, Session};
use crate::dice::{real, whole};
use crate::message::{Line, Properties, major};
use crate::phrases;
use crate::shop::DAY_MS;

/// Shipping below and up to this order value.
const SHIPPING_CENTS: i64 = 495;
const FREE_SHIPPING_CENTS: i64 = 5_000;
/// Customers who order without logging in.
const GUESTS: f64 = 0.04;
/// Visits to a store at which the card is shown; others leave no trace.
const CARD_SHOWN: f64 = 0.93;
/// How content customers are in the last weeks before they leave, against before.
const LEAVING_CONTENT: f64 = 0.6;
const LEAVING_DAYS: i64 = 60;
/// The same of those who send the order back.
const REFUNDED_CONTENT: f64 = 0.5;

/// An order, as far as what follows it needs to know.
struct Order {
    order_id: String,
    lines: Vec<Line>,
    total_cents: i64,
    at_ms: i64,
    day_idx: i64,
}

impl Life<'_> {
    /// Checks out the cart of a session.
    pub(crate) fn order_online(&mut self, session: &mut Session) {
        let chances = self.plan.habits.chances;
        if session.user_id.is_none() && !self.dice.chance(GUESTS) {
            self.log_in(session);
        }
        let lines = std::mem::take(&mut session.cart);
        let checkout = Properties { products: lines.clone(), currency: Some("EUR"), ..Properties::default() };
        self.track(session, "Checkout Started", checkout);
        let subtotal_cents: i64 = lines.iter().map(Line::amount_cents).sum();
        let shop = self.shop;
        let coupon = shop.coupon(session.day_idx).filter(|_| self.dice.chance(chances.coupon));
        let discount_cents = coupon.map_or(0, |(_, percent)| subtotal_cents * percent / 100);
        let revenue_cents = subtotal_cents - discount_cents;
        let shipping_cents = if revenue_cents < FREE_SHIPPING_CENTS { SHIPPING_CENTS } else { 0 };
        let total_cents = revenue_cents + shipping_cents;
        let order_id = self.next_order_id();
        let order = Order { order_id, lines, total_cents, at_ms: session.at_ms, day_idx: session.day_idx };
        let completed = Properties {
            order_id: Some(order.order_id.clone()),
            total: Some(major(total_cents)),
            revenue: Some(major(revenue_cents)),
            shipping: Some(major(shipping_cents)),
            discount: Some(major(discount_cents)),
            coupon: coupon.map(|(code, _)| code.clone()),
            currency: Some("EUR"),
            products: order.lines.clone(),
            ..Properties::default()
        };
        self.track(session, "Order Completed", completed);
        // Of a guest the shop knows nothing that could follow.
        if session.user_id.is_some() {
            self.follow_up(&order);
        }
    }

    /// A receipt from the till, with the customer's card.
    pub(crate) fn store_visit(&mut self, day_idx: i64) {
        let plan = self.plan;
        if !self.dice.chance(CARD_SHOWN) {
            return;
        }
        // Stores are open from eight to eight.
        let at_ms = self.shop.at(day_idx, plan.habits.hour(&mut self.dice).clamp(8.0, 19.9));
        let lines = self.basket();
        let subtotal_cents: i64 = lines.iter().map(Line::amount_cents).sum();
        let coupon = self.dice.chance(plan.habits.chances.coupon * 0.3);
        let discount_cents = if coupon { subtotal_cents / 10 } else { 0 };
        let total_cents = subtotal_cents - discount_cents;
        let order = Order { order_id: self.next_order_id(), lines, total_cents, at_ms, day_idx };
        let mut message = self.server_message("track", at_ms, "store");
        message.event = Some("Order Completed");
        message.properties = Some(Box::new(Properties {
            order_id: Some(order.order_id.clone()),
            total: Some(major(total_cents)),
            revenue: Some(major(total_cents)),
            discount: Some(major(discount_cents)),
            currency: Some("EUR"),
            products: order.lines.clone(),
            store_id: Some(format!("store-{:02}", plan.customer_idx % 12)),
            ..Properties::default()
        }));
        self.messages.push(message);
        self.follow_up(&order);
    }

    fn basket(&mut self) -> Vec<Line> {
        let levels = self.plan.habits.levels;
        let mut lines: Vec<Line> = Vec::new();
        for _ in 0..=self.dice.poisson((levels.lines - 1.0).max(0.1)) {
            let category_idx = self.dice.weighted(&self.plan.habits.categories);
            let product = self.shop.product(&mut self.dice, &self.appeal, category_idx);
            let quantity = 1 + self.dice.poisson((levels.quantity - 1.0).max(0.02));
            if !lines.iter().any(|line| line.product_id == product.product_id) {
                lines.push(Line::of(product, Some(quantity)));
            }
        }
        lines
    }

    fn next_order_id(&mut self) -> String {
        self.n_orders += 1;
        format!("o-{:06}-{:03}", self.plan.customer_idx, self.n_orders)
    }

    /// Sends back, reviews and complains, each by its chance.
    fn follow_up(&mut self, order: &Order) {
        let chances = self.plan.habits.chances;
        let refunded = self.dice.chance(chances.refund);
        let content = self.content(order.day_idx) * if refunded { REFUNDED_CONTENT } else { 1.0 };
        if refunded {
            self.refund(order);
        }
        if self.dice.chance(chances.review) {
            self.review(order, content);
        }
        if self.dice.chance(chances.ticket * if refunded { 1.5 } else { 0.8 }) {
            let at_ms = self.later(order.at_ms, 1, 12);
            let (topic, body) = phrases::ticket(&mut self.dice, &order.order_id);
            let properties = Properties {
                ticket_id: Some(format!("t-{}", &order.order_id[2..])),
                topic: Some(topic),
                body: Some(body),
                order_id: Some(order.order_id.clone()),
                ..Properties::default()
            };
            self.track_server("Support Ticket Opened", at_ms, properties);
        }
    }

    /// Returns the chance of being content with an order.
    fn content(&self, day_idx: i64) -> f64 {
        let mut content = self.plan.habits.chances.content;
        if self.plan.churned && day_idx > self.plan.days.end - LEAVING_DAYS {
            content *= LEAVING_CONTENT;
        }
        content
    }

    fn refund(&mut self, order: &Order) {
        let at_ms = self.later(order.at_ms, 3, 15);
        let n_lines = order.lines.len();
        let n_returned = if self.dice.chance(0.5) { n_lines } else { 1 + self.dice.below(n_lines) };
        let returned: Vec<Line> = order.lines[..n_returned].to_vec();
        let value_cents: i64 = returned.iter().map(Line::amount_cents).sum();
        let reason = self.dice.pick(&["size", "quality", "late", "changed mind", "wrong item"]);
        let properties = Properties {
            order_id: Some(order.order_id.clone()),
            // Never more than was paid.
            total: Some(major(value_cents.min(order.total_cents))),
            currency: Some("EUR"),
            products: returned,
            reason: Some(reason),
            ..Properties::default()
        };
        self.track_server("Order Refunded", at_ms, properties);
    }

    fn review(&mut self, order: &Order, content: f64) {
        let at_ms = self.later(order.at_ms, 4, 21);
        let line_idx = self.dice.below(order.lines.len());
        let line = &order.lines[line_idx];
        // Five stars for the content, one or two for the others, some of each between.
        let happy = self.dice.chance(content);
        let rating = whole(self.dice.normal(if happy { 4.7 } else { 1.8 }, 0.8)).clamp(1, 5);
        let review_body = Some(phrases::review(&mut self.dice, rating, &line.name));
        let product = Some(Line { quantity: None, ..line.clone() });
        let properties = Properties { product, rating: Some(rating), review_body, ..Properties::default() };
        self.track_server("Product Reviewed", at_ms, properties);
    }

    /// Returns an instant some days after another.
    fn later(&mut self, at_ms: i64, days_min: i64, days_max: i64) -> i64 {
        let days = real(self.dice.between(days_min, days_max)) + self.dice.unit();
        at_ms + whole(days * real(DAY_MS))
    }
}
