//! The shop: what it sells, what it sends to its customers, and its calendar.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use throng_event::Day;

use crate::dice::{Dice, length, real, whole};

/// What the shop sells, in the order of the habits' category weights.
pub(crate) const CATEGORIES: [Category; 10] = [
    Category {
        name: "Groceries",
        price_cents: 320.0,
        nouns: &["Oats", "Pasta", "Coffee", "Apples", "Yoghurt", "Olive Oil"],
    },
    Category {
        name: "Household",
        price_cents: 650.0,
        nouns: &["Detergent", "Paper Towels", "Sponges", "Bin Bags", "Soap"],
    },
    Category {
        name: "Toys",
        price_cents: 2_400.0,
        nouns: &["Puzzle", "Train Set", "Doll", "Board Game", "Building Blocks"],
    },
    Category {
        name: "Fashion",
        price_cents: 4_200.0,
        nouns: &["Jacket", "Jeans", "Dress", "Sneakers", "Shirt", "Scarf"],
    },
    Category {
        name: "Electronics",
        price_cents: 9_800.0,
        nouns: &["Headphones", "Speaker", "Keyboard", "Camera", "Charger"],
    },
    Category { name: "Beauty", price_cents: 1_900.0, nouns: &["Serum", "Lipstick", "Shampoo", "Perfume", "Face Mask"] },
    Category {
        name: "Sports",
        price_cents: 3_900.0,
        nouns: &["Yoga Mat", "Running Shoes", "Dumbbells", "Bottle", "Racket"],
    },
    Category { name: "Home", price_cents: 3_300.0, nouns: &["Lamp", "Cushion", "Vase", "Blanket", "Frame", "Candle"] },
    Category { name: "Office", price_cents: 1_500.0, nouns: &["Paper", "Toner", "Pens", "Folder", "Desk Organiser"] },
    Category { name: "Books", price_cents: 1_600.0, nouns: &["Novel", "Cookbook", "Atlas", "Biography", "Comic"] },
];

const ADJECTIVES: [&str; 12] = [
    "Classic", "Premium", "Everyday", "Compact", "Organic", "Deluxe", "Soft", "Bright", "Original", "Light", "Grand",
    "Pure",
];

const BRANDS: [&str; 14] = [
    "Alder",
    "Brightwell",
    "Corvo",
    "Dunmore",
    "Everly",
    "Fjord",
    "Gable",
    "Harrow",
    "Ilex",
    "Juno",
    "Kestrel",
    "Linden",
    "Marlow",
    "Northway",
];

/// A kind of product.
pub(crate) struct Category {
    pub(crate) name: &'static str,
    price_cents: f64,
    nouns: &'static [&'static str],
}

/// Something for sale.
#[derive(Clone)]
pub(crate) struct Product {
    pub(crate) product_id: String,
    pub(crate) name: String,
    pub(crate) category: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) price_cents: i64,
}

/// Something sent to everyone who subscribed.
pub(crate) struct Campaign {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The day it is sent, counted from the start.
    pub(crate) day_idx: i64,
    /// The category it is about.
    pub(crate) category_idx: usize,
    /// The code it brings and what it takes off, in percent.
    pub(crate) coupon: Option<(String, i64)>,
}

/// Days a coupon can be used.
const COUPON_DAYS: i64 = 7;

/// One day of the simulation.
#[derive(Clone, Copy)]
pub(crate) struct CalendarDay {
    /// 0 for January.
    pub(crate) month: usize,
    /// 0 for Monday.
    pub(crate) weekday: usize,
}

/// The shop as all customers find it.
pub(crate) struct Shop {
    products: Vec<Vec<Product>>,
    pub(crate) campaigns: Vec<Campaign>,
    pub(crate) days: Vec<CalendarDay>,
    /// Milliseconds since 1970 at which the first day begins.
    start_ms: i64,
}

/// How much each product of each category appeals to someone.
pub(crate) struct Appeal(Vec<Vec<f64>>);

/// Milliseconds in one day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// Products of each category; enough for tastes, few enough to recur.
const PRODUCTS: usize = 24;

impl Shop {
    pub(crate) fn new(dice: &mut Dice, start: Day, n_days: u16) -> Self {
        let products = CATEGORIES.iter().map(|category| stock(dice, category)).collect();
        let days: Vec<CalendarDay> =
            (0..i32::from(n_days)).map(|day_idx| calendar_day(Day(start.0 + day_idx))).collect();
        let campaigns = campaigns(dice, &days);
        Self { products, campaigns, days, start_ms: i64::from(start.0) * DAY_MS }
    }

    pub(crate) fn n_days(&self) -> i64 {
        length(self.days.len())
    }

    /// Returns the instant of an hour of a day, in milliseconds since 1970.
    pub(crate) fn at(&self, day_idx: i64, hour: f64) -> i64 {
        self.start_ms + day_idx * DAY_MS + whole(hour * real(DAY_MS) / 24.0)
    }

    /// Returns the first instant after the simulation.
    pub(crate) fn end_ms(&self) -> i64 {
        self.at(self.n_days(), 0.0)
    }

    /// Returns the likelihoods with which someone who prefers prices of `price` times
    /// the usual chooses each product of each category: the first ones sell best.
    pub(crate) fn appeal(&self, price: f64) -> Appeal {
        let of_category = |(products, category): (&Vec<Product>, &Category)| {
            let of_product = |(idx, product): (usize, &Product)| {
                let distance = (real(product.price_cents) / category.price_cents / price).ln();
                (-distance * distance).exp() / (4.0 + real(length(idx)))
            };
            products.iter().enumerate().map(of_product).collect()
        };
        Appeal(self.products.iter().zip(&CATEGORIES).map(of_category).collect())
    }

    /// Returns a product of a category.
    pub(crate) fn product(&self, dice: &mut Dice, appeal: &Appeal, category_idx: usize) -> &Product {
        &self.products[category_idx][dice.weighted(&appeal.0[category_idx])]
    }

    /// Returns a coupon that can be used on a day, the latest sent.
    pub(crate) fn coupon(&self, day_idx: i64) -> Option<&(String, i64)> {
        let usable = |campaign: &&Campaign| (campaign.day_idx..campaign.day_idx + COUPON_DAYS).contains(&day_idx);
        self.campaigns.iter().rev().filter(usable).find_map(|campaign| campaign.coupon.as_ref())
    }
}

fn stock(dice: &mut Dice, category: &Category) -> Vec<Product> {
    (0..PRODUCTS)
        .map(|idx| Product {
            product_id: format!("{}-{idx:03}", &category.name[..3].to_lowercase()),
            name: format!("{} {}", dice.pick(&ADJECTIVES), dice.pick(category.nouns)),
            category: category.name,
            brand: dice.pick(&BRANDS),
            // Prices end in 9, as prices do.
            price_cents: whole(dice.positive(category.price_cents, 0.45) / 10.0).max(5) * 10 - 1,
        })
        .collect()
}

fn calendar_day(day: Day) -> CalendarDay {
    let date = Timestamp::from_second(i64::from(day.0) * 86_400).map(|at| at.to_zoned(TimeZone::UTC).date());
    // A day outside jiff's range of years counts as January; no such day is simulated.
    let month = date.ok().and_then(|date| usize::try_from(date.month() - 1).ok()).unwrap_or(0);
    CalendarDay { month, weekday: usize::from(day.weekday()) }
}

/// Every Tuesday a newsletter, every second Friday a promotion with a coupon.
fn campaigns(dice: &mut Dice, days: &[CalendarDay]) -> Vec<Campaign> {
    let mut campaigns = Vec::new();
    let mut n_fridays = 0;
    for (day_idx, day) in days.iter().enumerate() {
        let number = campaigns.len() + 1;
        let category_idx = dice.below(CATEGORIES.len());
        let category = CATEGORIES[category_idx].name;
        n_fridays += i64::from(day.weekday == 4);
        let promotion = day.weekday == 4 && n_fridays % 2 == 1;
        if !promotion && day.weekday != 1 {
            continue;
        }
        let percent = dice.between(3, 6) * 5;
        let name = if promotion { format!("{percent} % off {category}") } else { format!("News in {category}") };
        campaigns.push(Campaign {
            id: format!("cmp-{number:03}"),
            name,
            day_idx: length(day_idx),
            category_idx,
            coupon: promotion.then(|| (format!("SAVE{percent}-{number:03}"), percent)),
        });
    }
    campaigns
}
