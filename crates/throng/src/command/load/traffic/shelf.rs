//! What the shop sells and what people say, in the words of `throng simulate`, so that the
//! features of a simulated shop have something to count.

use std::io::Write;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::money;

/// A kind of goods.
pub(super) struct Category {
    pub(super) name: &'static str,
    code: &'static str,
    noun: &'static str,
    /// What the cheapest of it costs.
    from_cents: u64,
}

const fn category(name: &'static str, code: &'static str, noun: &'static str, from_cents: u64) -> Category {
    Category { name, code, noun, from_cents }
}

pub(super) const CATEGORIES: [Category; N_CATEGORIES as usize] = [
    category("Groceries", "gro", "Coffee", 220),
    category("Household", "hou", "Soap", 450),
    category("Toys", "toy", "Puzzle", 1_200),
    category("Fashion", "fas", "Scarf", 2_100),
    category("Electronics", "ele", "Speaker", 4_900),
    category("Beauty", "bea", "Serum", 900),
    category("Sports", "spo", "Yoga Mat", 1_900),
    category("Home", "hom", "Lamp", 1_700),
    category("Office", "off", "Pens", 700),
    category("Books", "boo", "Novel", 800),
];

pub(super) const N_CATEGORIES: u8 = 10;
/// Products of each category.
const N_PRODUCTS: u8 = 24;

pub(super) const QUERIES: [&str; 6] = ["coffee", "birthday gift", "lamp", "running", "sale", "phone case"];
pub(super) const TOPICS: [&str; 4] = ["refund", "delivery", "payment", "account"];
pub(super) const CITIES: [&str; 5] = ["Berlin", "Hamburg", "Munich", "Cologne", "Leipzig"];
pub(super) const AGE_GROUPS: [&str; 5] = ["18-24", "25-34", "35-44", "45-59", "60+"];
/// Kinds of devices: what they are, what runs on them and what their browsers say.
pub(super) const DEVICES: [(&str, &str, &str); 3] = [
    ("mobile", "Android", "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/128.0.0.0 Mobile"),
    ("desktop", "Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/128.0.0.0"),
    ("tablet", "iPadOS", "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Safari/604.1"),
];

/// Something that is sold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    category: u8,
    number: u8,
    pub(super) price_cents: u64,
}

impl Product {
    pub(super) fn draw(category: u8, dice: &mut ChaCha8Rng) -> Self {
        let number = dice.random_range(0..N_PRODUCTS);
        let from_cents = CATEGORIES[usize::from(category)].from_cents;
        Self { category, number, price_cents: from_cents + from_cents / 8 * u64::from(number) }
    }

    /// Writes the members that name it.
    pub(super) fn write(&self, body: &mut Vec<u8>) -> std::io::Result<()> {
        let Category { name, code, noun, .. } = &CATEGORIES[usize::from(self.category)];
        let (number, price) = (self.number, money(self.price_cents));
        write!(
            body,
            "\"product_id\":\"{code}-{number:03}\",\"name\":\"{noun} {number}\",\"category\":\"{name}\",\
             \"brand\":\"Alder\",\"price\":{price}"
        )
    }
}
