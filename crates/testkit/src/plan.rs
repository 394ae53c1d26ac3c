//! Plans: who each customer is, decided before they do anything. The truth is read
//! off the plans; behaviour only follows them.

use std::ops::Range;

use crate::dice::{Dice, real, whole};
use crate::habits::{Habits, Joining};
use crate::planted::{PlantedPersona, devotion};
use crate::shop::Shop;

/// Everything about one customer that is settled beforehand.
pub(crate) struct Plan {
    pub(crate) customer_idx: u32,
    /// The planted persona; none for robots.
    pub(crate) persona: Option<usize>,
    /// A second persona and how far the habits lie towards it.
    pub(crate) blend: Option<(usize, f64)>,
    pub(crate) habits: Habits,
    pub(crate) person: Person,
    pub(crate) user_id: String,
    /// The user id until the day an alias message ends it.
    pub(crate) previous: Option<(String, i64)>,
    /// The company's id, for people who buy for one.
    pub(crate) company_id: Option<String>,
    pub(crate) referred_by: Option<String>,
    pub(crate) devices: Vec<Device>,
    /// The first day and the day after the last.
    pub(crate) days: Range<i64>,
    /// Whether they left for good, rather than that the simulation ended.
    pub(crate) churned: bool,
    /// Holidays and other silences.
    pub(crate) away: Range<i64>,
}

/// Who it is, as they state it.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) city: &'static str,
    pub(crate) age_group: &'static str,
    pub(crate) household_size: i64,
    pub(crate) subscribed: bool,
}

/// What a customer comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    Laptop,
    Phone,
    Tablet,
    App,
}

/// One device: a cookie or an installation.
pub(crate) struct Device {
    pub(crate) kind: DeviceKind,
    pub(crate) anonymous_id: String,
    /// The days it is used.
    pub(crate) days: Range<i64>,
    pub(crate) clock_ahead_ms: i64,
}

/// Accounts that are scripts.
const ROBOTS: f64 = 0.025;
/// Customers whose habits lie between two personas, and how far.
const BLENDED: f64 = 0.12;
const BLEND: (f64, f64) = (0.2, 0.45);
/// Customers who were invited by an earlier one.
const REFERRED: f64 = 0.1;
/// Customers who come from an older shop system with other ids.
const MIGRATED: f64 = 0.03;
/// Customers who get a new phone within the time.
const NEW_PHONE: f64 = 0.2;
/// Devices whose clock is wrong, by up to this.
const WRONG_CLOCK: f64 = 0.03;
const WRONG_CLOCK_MS: i64 = 3 * 3_600_000;
/// Silence at the end that makes a churned customer; who leaves later has not left yet.
const CHURN_DAYS: i64 = 21;
const YEAR_DAYS: f64 = 365.0;

const CITIES: [&str; 8] = ["Berlin", "Hamburg", "Vienna", "Zurich", "Cologne", "Leipzig", "Graz", "Munich"];
const FIRST_NAMES: [&str; 16] = [
    "Ada", "Ben", "Clara", "David", "Elif", "Finn", "Greta", "Hugo", "Ines", "Jonas", "Klara", "Leo", "Mia", "Noah",
    "Olga", "Paul",
];
const LAST_NAMES: [&str; 16] = [
    "Adler", "Becker", "Conrad", "Dietz", "Ebert", "Fuchs", "Graf", "Haas", "Iversen", "Jung", "Kaya", "Lang",
    "Maurer", "Novak", "Otto", "Petri",
];
const AGE_GROUPS: [&str; 6] = ["18-24", "25-34", "35-44", "45-54", "55-64", "65+"];

/// What all customers are drawn from.
pub(crate) struct Population<'a> {
    pub(crate) seed: u64,
    pub(crate) shop: &'a Shop,
    pub(crate) planted_personas: &'a [PlantedPersona],
}

impl Population<'_> {
    /// Returns the random stream of a part of a customer's life: 0 the plan,
    /// 1 the behaviour, 2 the delivery. Stream 0 of the seed is the shop's.
    pub(crate) fn dice(&self, customer_idx: u32, part: u64) -> Dice {
        Dice::new(self.seed, 1 + 3 * u64::from(customer_idx) + part)
    }

    /// Draws the persona, the first thing of every plan; none for a robot.
    fn persona(&self, dice: &mut Dice) -> Option<usize> {
        let robot = dice.chance(ROBOTS);
        let weights: Vec<f64> = self.planted_personas.iter().map(|planted| planted.weight).collect();
        let persona = dice.weighted(&weights);
        (!robot).then_some(persona)
    }

    /// Returns the plan of a customer, the same whatever other customers there are.
    pub(crate) fn plan(&self, customer_idx: u32) -> Plan {
        let mut dice = self.dice(customer_idx, 0);
        let persona = self.persona(&mut dice);
        let planted = &self.planted_personas[persona.unwrap_or(0)];
        let (habits, blend) = self.habits(&mut dice, planted);
        let (days, churned) = self.days(&mut dice, &habits);
        let migrated = dice.chance(MIGRATED) && days.end - days.start > 60;
        let alias_day = days.start + dice.between(20, 40);
        let referred = dice.chance(REFERRED);
        let away_from = dice.between(days.start, days.end);
        Plan {
            person: person(&mut dice, customer_idx, planted, habits.chances.newsletter),
            devices: self.devices(&mut dice),
            referred_by: if referred { self.referrer(&mut dice, customer_idx, persona) } else { None },
            company_id: planted.business.then(|| format!("company-{:05}", customer_idx / 3)),
            user_id: user_id(customer_idx),
            previous: migrated.then(|| (format!("legacy-{}", 400_000 + customer_idx), alias_day)),
            away: away_from..away_from + dice.between(0, 18),
            customer_idx,
            persona,
            blend,
            habits,
            days,
            churned,
        }
    }

    fn habits(&self, dice: &mut Dice, planted: &PlantedPersona) -> (Habits, Option<(usize, f64)>) {
        let mut typical = planted.habits.clone();
        if planted.devoted {
            typical.categories = devotion(dice);
        }
        let blended = dice.chance(BLENDED);
        let other_idx = dice.below(self.planted_personas.len());
        let other = &self.planted_personas[other_idx];
        let share = BLEND.0 + dice.unit() * (BLEND.1 - BLEND.0);
        let blend = (blended && other.name != planted.name).then_some((other_idx, share));
        if blend.is_some() {
            typical = typical.towards(&other.habits, share);
        }
        (typical.individual(dice), blend)
    }

    fn days(&self, dice: &mut Dice, habits: &Habits) -> (Range<i64>, bool) {
        let n_days = self.shop.n_days();
        let part = |share: f64| whole(real(n_days) * share);
        let joined = match habits.joining {
            Joining::Early if dice.chance(0.75) => dice.between(0, part(0.25).min(21)),
            Joining::Early => dice.between(0, part(0.75)),
            Joining::Recent => dice.between(part(0.67), part(0.92)),
        };
        let joined = joined.min(n_days - 1);
        let years = -(1.0 - dice.unit()).ln() / habits.levels.churn_per_year;
        let stayed_days = whole((years * YEAR_DAYS).min(1e6)).max(1);
        let churned = joined + stayed_days <= n_days - CHURN_DAYS;
        let end = if churned { joined + stayed_days } else { n_days };
        (joined..end, churned)
    }

    /// Returns an earlier customer, if possible of the same persona: people invite their like.
    fn referrer(&self, dice: &mut Dice, customer_idx: u32, persona: Option<usize>) -> Option<String> {
        if customer_idx == 0 {
            return None;
        }
        let mut referrer = None;
        for _ in 0..4 {
            let earlier = u32::try_from(dice.between(0, i64::from(customer_idx) - 1)).unwrap_or(0);
            let their_persona = self.persona(&mut self.dice(earlier, 0));
            if their_persona.is_none() {
                continue;
            }
            referrer = Some(user_id(earlier));
            if their_persona == persona {
                break;
            }
        }
        referrer
    }

    fn devices(&self, dice: &mut Dice) -> Vec<Device> {
        let n_days = self.shop.n_days();
        let new_phone = if dice.chance(NEW_PHONE) { dice.between(1, n_days) } else { n_days };
        let mut devices = Vec::new();
        for (kind, days) in [
            (DeviceKind::Laptop, 0..n_days),
            (DeviceKind::Tablet, 0..n_days),
            (DeviceKind::Phone, 0..new_phone),
            (DeviceKind::App, 0..new_phone),
            (DeviceKind::Phone, new_phone..n_days),
            (DeviceKind::App, new_phone..n_days),
        ] {
            let anonymous_id = dice.uuid();
            let wrong = dice.chance(WRONG_CLOCK);
            let clock_ahead_ms = dice.between(-WRONG_CLOCK_MS, WRONG_CLOCK_MS);
            if !days.is_empty() {
                devices.push(Device {
                    kind,
                    anonymous_id,
                    days,
                    clock_ahead_ms: if wrong { clock_ahead_ms } else { 0 },
                });
            }
        }
        devices
    }
}

impl Plan {
    /// Returns the user id the customer has on a day.
    pub(crate) fn user_id_on(&self, day_idx: i64) -> &str {
        match &self.previous {
            Some((previous_id, alias_day)) if day_idx < *alias_day => previous_id,
            _ => &self.user_id,
        }
    }
}

pub(crate) fn user_id(customer_idx: u32) -> String {
    format!("c{customer_idx:06}")
}

fn person(dice: &mut Dice, customer_idx: u32, planted: &PlantedPersona, newsletter: f64) -> Person {
    let (first, last) = (dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES));
    let age = dice.normal(planted.age, 10.0).clamp(18.0, 84.0);
    let age_idx = usize::try_from(whole((age - 20.0) / 10.0)).unwrap_or(0).min(AGE_GROUPS.len() - 1);
    Person {
        name: format!("{first} {last}"),
        email: format!("{}.{}.{customer_idx}@example.com", first.to_lowercase(), last.to_lowercase()),
        city: dice.pick(&CITIES),
        age_group: AGE_GROUPS[age_idx],
        household_size: 1 + dice.poisson(planted.household - 1.0).min(7),
        subscribed: dice.chance(newsletter),
    }
}
