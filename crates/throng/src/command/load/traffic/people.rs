//! The people of the shop: who has an account, which devices, and what ids they are known by.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::shelf::{AGE_GROUPS, CITIES, DEVICES, N_CATEGORIES, Product};

/// How many have an account.
const ACCOUNT_SHARE: f64 = 0.4;
/// How many of them have a second device, and how often they use it.
const SECOND_DEVICE_SHARE: f64 = 0.4;
const SECOND_DEVICE_USE: f64 = 0.35;
/// How many visits of people with an account begin by logging in.
const LOGS_IN: f64 = 0.6;

/// Someone, as a function of the seed and a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    seed: u64,
    number: u32,
    ids: [u128; 2],
    account: bool,
    second_device: bool,
    interest: u8,
    city: u8,
    age_group: u8,
    form: u8,
}

/// Someone who is in the shop.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) person: Person,
    /// The first device or the second.
    pub(super) device: u8,
    /// What kind of device it is.
    pub(super) form: u8,
    pub(super) stage: Stage,
    pub(super) logs_in: bool,
    pub(super) interest: u8,
    pub(super) cart: Option<Product>,
    pub(super) quantity: u8,
    pub(super) at_checkout: bool,
}

/// How far a visit has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was done yet.
    Arrived,
    /// Looking around, without having logged in.
    Anonymous,
    LoggedIn,
    /// Gone; the place is free.
    Left,
}

impl Person {
    pub(super) fn new(seed: u64, number: u32) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        // A stream of their own, and the first is the traffic's.
        dice.set_stream(u64::from(number) + 1);
        let account = dice.random_bool(ACCOUNT_SHARE);
        Self {
            seed,
            number,
            ids: [dice.random(), dice.random()],
            account,
            second_device: account && dice.random_bool(SECOND_DEVICE_SHARE),
            interest: dice.random_range(0..N_CATEGORIES),
            city: draw(CITIES.len(), &mut dice),
            age_group: draw(AGE_GROUPS.len(), &mut dice),
            form: draw(DEVICES.len(), &mut dice),
        }
    }

    /// Returns the id that a browser keeps, in the form of a UUID.
    pub(super) fn anonymous_id(&self, device: u8) -> String {
        let hex = format!("{:032x}", self.ids[usize::from(device)]);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    pub(super) fn user_id(&self) -> String {
        format!("c{:x}-{:07}", self.seed, self.number)
    }

    pub(super) fn email(&self) -> String {
        format!("{}@example.com", self.user_id())
    }

    pub(super) fn city(&self) -> &'static str {
        CITIES[usize::from(self.city)]
    }

    pub(super) fn age_group(&self) -> &'static str {
        AGE_GROUPS[usize::from(self.age_group)]
    }
}

/// Returns the id of the first device of somebody.
pub(in crate::command::load) fn anonymous_id(seed: u64, number: u32) -> String {
    Person::new(seed, number).anonymous_id(0)
}

impl Visit {
    /// Returns the visit of somebody new: on the first device, by which everybody is known.
    pub(super) fn first(person: Person, dice: &mut ChaCha8Rng) -> Self {
        Self::on(0, person, dice)
    }

    /// Returns the visit of somebody who has been here before.
    pub(super) fn again(person: Person, dice: &mut ChaCha8Rng) -> Self {
        let device = u8::from(person.second_device && dice.random_bool(SECOND_DEVICE_USE));
        Self::on(device, person, dice)
    }

    fn on(device: u8, person: Person, dice: &mut ChaCha8Rng) -> Self {
        let n_forms = u8::try_from(DEVICES.len()).unwrap_or(u8::MAX);
        Self {
            person,
            device,
            form: (person.form + device) % n_forms,
            stage: Stage::Arrived,
            logs_in: person.account && dice.random_bool(LOGS_IN),
            interest: person.interest,
            cart: None,
            quantity: 0,
            at_checkout: false,
        }
    }
}

fn draw(n: usize, dice: &mut ChaCha8Rng) -> u8 {
    u8::try_from(dice.random_range(0..n)).unwrap_or(0)
}
