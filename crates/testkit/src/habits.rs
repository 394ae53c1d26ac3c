//! Habits: the numbers that make one customer behave as they do.
//!
//! A persona is a set of habits; a customer's are drawn around them, and those of
//! some customers lie between two personas.

use crate::dice::Dice;
use crate::shop::CATEGORIES;

/// Positive amounts; individuals vary by a factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    /// Sessions on the web site or in the app.
    pub(crate) online_per_week: f64,
    /// Visits to a store.
    pub(crate) store_per_week: f64,
    /// Products looked at in one session.
    pub(crate) views: f64,
    /// Lines of a receipt from the store.
    pub(crate) lines: f64,
    /// Pieces per line.
    pub(crate) quantity: f64,
    /// Preferred price against the category's.
    pub(crate) price: f64,
    /// How fast activity fades: 1 leaves a third after a year.
    pub(crate) fade: f64,
    /// How many leave in a year, as the rate of an exponential.
    pub(crate) churn_per_year: f64,
}

/// Probabilities; individuals vary on the scale of log odds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chances {
    /// An online session is in the app.
    pub(crate) app: f64,
    /// A session on the web is on the phone.
    pub(crate) phone: f64,
    /// A session begins with a search.
    pub(crate) search: f64,
    /// A product looked at goes into the cart.
    pub(crate) add: f64,
    /// A cart becomes an order.
    pub(crate) order: f64,
    /// Subscribes to the newsletter.
    pub(crate) newsletter: f64,
    /// Opens a campaign.
    pub(crate) open: f64,
    /// Follows an opened campaign to the shop.
    pub(crate) click: f64,
    /// Uses a coupon that can be used.
    pub(crate) coupon: f64,
    /// Sends an order back.
    pub(crate) refund: f64,
    /// Reviews a product ordered.
    pub(crate) review: f64,
    /// Opens a support ticket about an order.
    pub(crate) ticket: f64,
    /// Is content with an order; drives the ratings.
    pub(crate) content: f64,
}

/// When a customer comes to the shop for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joining {
    /// Most before the start, some later.
    Early,
    /// In the last third.
    Recent,
}

/// How one customer, or the typical one of a persona, behaves.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    pub(crate) levels: Levels,
    pub(crate) chances: Chances,
    /// Hours of the day: (middle, deviation, weight).
    pub(crate) hours: Vec<(f64, f64, f64)>,
    /// From Monday; the mean is about 1.
    pub(crate) weekdays: [f64; 7],
    /// From January; the mean is about 1.
    pub(crate) months: [f64; 12],
    /// In the order of the shop's categories.
    pub(crate) categories: [f64; CATEGORIES.len()],
    pub(crate) joining: Joining,
}

/// Spread of the logarithm of an individual's levels.
const LEVEL_SPREAD: f64 = 0.3;
/// Spread of the log odds of an individual's chances.
const CHANCE_SPREAD: f64 = 0.4;
/// How close individual tastes are to the persona's: the sum of a Dirichlet's parameters.
const TASTE: f64 = 14.0;
/// Tastes nobody has still happen.
const TASTE_MIN: f64 = 0.02;

impl Habits {
    /// Returns habits between these and others, `share` of the way.
    pub(crate) fn towards(&self, other: &Self, share: f64) -> Self {
        let between = |a: f64, b: f64| a + (b - a) * share;
        let weighted = |hours: &[(f64, f64, f64)], by: f64| {
            hours.iter().map(|(middle, deviation, weight)| (*middle, *deviation, weight * by)).collect::<Vec<_>>()
        };
        Self {
            levels: self.levels.zip(&other.levels, between),
            chances: self.chances.zip(&other.chances, between),
            hours: [weighted(&self.hours, 1.0 - share), weighted(&other.hours, share)].concat(),
            weekdays: std::array::from_fn(|idx| between(self.weekdays[idx], other.weekdays[idx])),
            months: std::array::from_fn(|idx| between(self.months[idx], other.months[idx])),
            categories: std::array::from_fn(|idx| between(self.categories[idx], other.categories[idx])),
            joining: self.joining,
        }
    }

    /// Returns the habits of one individual like these.
    pub(crate) fn individual(&self, dice: &mut Dice) -> Self {
        // The two frequencies move together: some people simply shop more.
        let activity = dice.gamma(4.0, 1.0);
        let mut levels = self.levels.zip(&self.levels, |level, _| dice.positive(level.max(1e-9), LEVEL_SPREAD));
        levels.online_per_week *= activity;
        levels.store_per_week *= activity;
        let chances = self.chances.zip(&self.chances, |chance, _| {
            let odds = (chance / (1.0 - chance)).ln() + dice.normal(0.0, CHANCE_SPREAD);
            1.0 / (1.0 + (-odds).exp())
        });
        let taste_sum: f64 = self.categories.iter().sum();
        let mut categories = self.categories;
        for weight in &mut categories {
            let expected = (*weight / taste_sum).max(TASTE_MIN);
            *weight = dice.gamma(expected * TASTE, expected);
        }
        let shift = dice.normal(0.0, 0.8);
        let hours = self.hours.iter().map(|(middle, deviation, weight)| (middle + shift, *deviation, *weight));
        Self { levels, chances, hours: hours.collect(), categories, ..self.clone() }
    }

    /// Returns an hour of the day, 0 to 24, at which this customer comes.
    pub(crate) fn hour(&self, dice: &mut Dice) -> f64 {
        let weights: Vec<f64> = self.hours.iter().map(|(_, _, weight)| *weight).collect();
        let (middle, deviation, _) = self.hours[dice.weighted(&weights)];
        dice.normal(middle, deviation).rem_euclid(24.0)
    }
}

impl Levels {
    fn zip(&self, other: &Self, mut with: impl FnMut(f64, f64) -> f64) -> Self {
        Self {
            online_per_week: with(self.online_per_week, other.online_per_week),
            store_per_week: with(self.store_per_week, other.store_per_week),
            views: with(self.views, other.views),
            lines: with(self.lines, other.lines),
            quantity: with(self.quantity, other.quantity),
            price: with(self.price, other.price),
            fade: with(self.fade, other.fade),
            churn_per_year: with(self.churn_per_year, other.churn_per_year),
        }
    }
}

impl Chances {
    fn zip(&self, other: &Self, mut with: impl FnMut(f64, f64) -> f64) -> Self {
        Self {
            app: with(self.app, other.app),
            phone: with(self.phone, other.phone),
            search: with(self.search, other.search),
            add: with(self.add, other.add),
            order: with(self.order, other.order),
            newsletter: with(self.newsletter, other.newsletter),
            open: with(self.open, other.open),
            click: with(self.click, other.click),
            coupon: with(self.coupon, other.coupon),
            refund: with(self.refund, other.refund),
            review: with(self.review, other.review),
            ticket: with(self.ticket, other.ticket),
            content: with(self.content, other.content),
        }
    }
}
