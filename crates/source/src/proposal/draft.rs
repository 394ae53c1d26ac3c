//! Gives every role its column and writes the mapping.

use std::collections::{BTreeMap, BTreeSet};

use throng_event::EventKind;

use super::names::{self, Role, weight};
use super::profile::{Profile, decimal_mark, truth_words};
use super::{Proposal, Unsure};
use crate::table::Clock;
use crate::{
    AmountColumn, AmountPer, AmountUnit, ColumnType, DecimalMark, Mapping, ProductColumns, TableSample, Target, Term,
};

/// Names different event names at most; more are free text.
const EVENT_NAMES_MAX: usize = 500;
/// Characters from which a text on average is something said.
const SAID_BYTES_MIN: usize = 20;
/// Forms of dates whose first number is the day, tried where one exceeds twelve.
const DAY_FIRST: [&str; 5] = ["%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%y %H:%M", "%d/%m/%y"];

/// The profiles of a table and the roles that are given.
pub(super) struct Drafter<'a> {
    sample: &'a TableSample,
    mark: DecimalMark,
    profiles: Vec<Profile>,
    taken: BTreeSet<usize>,
    notes: Vec<Unsure>,
}

/// What the rows of a table are about, where no column says what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Purchases,
    Opinions,
    Others,
}

/// The column that tells people apart, by its position.
pub(super) struct Person {
    user: Option<usize>,
    anonymous: Option<usize>,
    /// Whether nothing but the word "id" speaks for it.
    bare: bool,
}

impl<'a> Drafter<'a> {
    pub(super) fn new(sample: &'a TableSample) -> Self {
        let mark = decimal_mark(sample);
        let profiles = (0..sample.columns().len()).map(|idx| Profile::of(sample, idx, mark)).collect();
        Self { sample, mark, profiles, taken: BTreeSet::new(), notes: Vec::new() }
    }

    /// Returns the free column whose name speaks most for a role and whose values allow it;
    /// of two alike the fuller and then the first.
    fn best(&self, role: Role, allowed: impl Fn(&Profile) -> bool) -> Option<usize> {
        let free = self.profiles.iter().filter(|profile| !self.taken.contains(&profile.idx) && allowed(profile));
        // Names of events are words; numbers stand for them only where nothing else does.
        let numbered = |profile: &Profile| if role == Role::Event && profile.numeric() { 4 } else { 0 };
        let scored = free.map(|profile| (weight(&profile.words, role) - numbered(profile), profile));
        scored
            .filter(|(weight, _)| *weight > 0)
            .max_by_key(|(weight, profile)| (*weight, profile.n_filled, std::cmp::Reverse(profile.idx)))
            .map(|(_, profile)| profile.idx)
    }

    pub(super) fn person(&self) -> Option<Person> {
        let identifying = |profile: &Profile| profile.identifying() && profile.filled(5);
        let user = self.best(Role::Person, identifying);
        let anonymous = self.best(Role::Anonymous, identifying);
        if user.is_some() || anonymous.is_some() {
            return Some(Person { user, anonymous, bare: false });
        }
        let bare = self.profiles.iter().find(|profile| profile.words == ["id"] && identifying(profile))?;
        Some(Person { user: Some(bare.idx), anonymous: None, bare: true })
    }

    /// Returns the column of times: the name decides among columns that hold times.
    pub(super) fn time(&self) -> Option<usize> {
        let timed = |profile: &&Profile| {
            let named = weight(&profile.words, Role::Time) >= 4;
            profile.filled(50)
                && (profile.mostly(profile.n_times)
                    || named && (profile.mostly(profile.n_unix) || profile.mostly(profile.n_compact_dates)))
        };
        let candidates = self.profiles.iter().filter(timed);
        candidates
            .max_by_key(|profile| {
                (weight(&profile.words, Role::Time), profile.n_filled, std::cmp::Reverse(profile.idx))
            })
            .map(|profile| profile.idx)
    }

    fn name(&self, idx: usize) -> String {
        self.profiles[idx].name.clone()
    }

    fn take(&mut self, idx: Option<usize>) -> Option<String> {
        self.taken.extend(idx);
        idx.map(|idx| self.name(idx))
    }

    fn note(&mut self, key: &str, said: String) {
        self.notes.push(Unsure { key: key.to_owned(), said });
    }

    pub(super) fn propose(mut self, person: Person, time: usize) -> Proposal {
        self.note_person(&person);
        let user_id = self.take(person.user);
        let anonymous_id = self.take(person.anonymous);
        let time_format = self.time_format(time);
        let time_column = self.take(Some(time)).unwrap_or_default();
        let order = self.order();
        let event = self.event();
        let rating = self.rating();
        let text = self.said();
        let one_row_each = self.one_row_each(&person);
        let price = self.price(order);
        // Beside one row a person, what has "product" in its name describes the person.
        let product = if one_row_each && price.is_none() { None } else { self.product(order, price) };
        let amount = self.amount(order, product.as_ref());
        let priced = product.as_ref().is_some_and(|product| product.price.is_some());
        let bought = order.is_some() || amount.is_some() || priced;
        let rows = match (bought, rating.is_some() || text.is_some()) {
            (true, _) => Rows::Purchases,
            (false, true) => Rows::Opinions,
            (false, false) => Rows::Others,
        };
        let describes = one_row_each && rows == Rows::Others && event.is_none();
        let kind = if describes { EventKind::Identify } else { EventKind::Track };
        let event = if describes { None } else { Some(self.event_term(event, rows)) };
        if describes {
            self.note(
                "kind",
                "every row is another person, so the columns are taken as traits of the person".to_owned(),
            );
        }
        // A price or total that nobody paid is a fact like any other.
        let currency = if bought { Some(self.currency()) } else { None };
        let id = self.message_id();
        let channel = if describes { None } else { self.channel() };
        let mapping = Mapping {
            kind,
            event,
            id: self.take(id),
            user_id,
            anonymous_id,
            group_id: None,
            time: Term::column(&time_column),
            time_format,
            time_zone: None,
            order: order.map(|idx| self.name(idx)),
            refund: bought.then(|| "Order Refunded".to_owned()),
            currency,
            channel,
            rating: rating.map(|idx| self.name(idx)),
            text: text.map(|idx| self.name(idx)),
            decimal: self.mark,
            product,
            amount,
            when: Vec::new(),
            properties: BTreeMap::new(),
            traits: BTreeMap::new(),
            ignore: Vec::new(),
        };
        self.finish(mapping)
    }

    /// Whether hardly anyone has more than one row.
    fn one_row_each(&self, person: &Person) -> bool {
        person.user.or(person.anonymous).is_some_and(|idx| {
            let profile = &self.profiles[idx];
            profile.n_distinct * 100 >= profile.n_filled * 98 && profile.n_filled > 1
        })
    }

    /// Gives the columns that are left a name, or leaves them out.
    fn finish(self, mut mapping: Mapping) -> Proposal {
        let mut names_used = BTreeSet::new();
        let mut targets = BTreeMap::new();
        for profile in self.profiles.iter().filter(|profile| !self.taken.contains(&profile.idx)) {
            let counter = profile.counts_rows && (profile.words.is_empty() || profile.name.starts_with("column "));
            if profile.n_filled == 0 || counter || profile.words == ["unnamed", "0"] {
                mapping.ignore.push(profile.name.clone());
                continue;
            }
            let plain = names::snake_case(&profile.name);
            let name = if plain.is_empty() || names_used.contains(&plain) { profile.name.clone() } else { plain };
            names_used.insert(name.clone());
            targets.insert(profile.name.clone(), Target { name, reading: self.reading(profile) });
        }
        if mapping.kind == EventKind::Identify {
            mapping.traits = targets;
        } else {
            mapping.properties = targets;
        }
        Proposal { mapping, notes: self.notes }
    }

    fn reading(&self, profile: &Profile) -> ColumnType {
        let worded = |word: &str| profile.words.iter().any(|other| other == word);
        if names::names_id(&profile.words) || worded("zip") || worded("phone") {
            return ColumnType::Text;
        }
        if profile.mostly(profile.n_times) {
            return ColumnType::Time;
        }
        if profile.all(profile.n_bools) || truth_words(self.sample, profile) {
            return ColumnType::Bool;
        }
        if profile.numeric() {
            return ColumnType::Number;
        }
        // Where some texts look like numbers they are not to be told apart by looks.
        if profile.n_numbers + profile.n_bools > 0 { ColumnType::Text } else { ColumnType::Auto }
    }

    fn note_person(&mut self, person: &Person) {
        let Some(idx) = person.user.or(person.anonymous) else { return };
        let profile = &self.profiles[idx];
        let key = if person.user.is_some() { "user_id" } else { "anonymous_id" };
        let (name, n_rows, n_filled) = (profile.name.clone(), profile.n_rows, profile.n_filled);
        let others: Vec<String> = self
            .profiles
            .iter()
            .filter(|other| other.idx != idx && other.identifying() && weight(&other.words, Role::Person) > 0)
            .map(|other| format!("{:?}", other.name))
            .collect();
        if person.bare {
            self.note(key, format!("nothing but its name says that {name:?} tells people apart"));
        }
        if !others.is_empty() {
            self.note(key, format!("{} could tell people apart as well", others.join(" and ")));
        }
        if n_filled < n_rows && (person.user.is_none() || person.anonymous.is_none()) {
            let share = (n_rows - n_filled) * 100 / n_rows.max(1);
            self.note(key, format!("{share} % of the rows seen name nobody and will be put aside"));
        }
    }

    fn time_format(&mut self, time: usize) -> Option<String> {
        let profile = &self.profiles[time];
        if weight(&profile.words, Role::Time) <= 0 {
            let said = format!("nothing in its name, only its values say that {:?} is when it happened", profile.name);
            self.note("time", said);
        }
        let profile = &self.profiles[time];
        if profile.mostly(profile.n_compact_dates) {
            return Some("%Y%m%d".to_owned());
        }
        let slashed = self.sample.cells(time).filter(|(_, text)| text.contains('/'));
        let firsts: Vec<u32> = slashed.filter_map(|(_, text)| text.split('/').next()?.parse().ok()).collect();
        if firsts.is_empty() || firsts.iter().any(|first| *first > 31) {
            return None;
        }
        if firsts.iter().all(|first| *first <= 12) {
            let by_day = self.sample.cells(time).any(|(_, text)| {
                text.split('/').nth(1).and_then(|second| second.parse::<u32>().ok()).is_some_and(|second| second > 12)
            });
            if !by_day {
                self.note(
                    "time",
                    "dates are read with the month first; write time_format = \"%d/%m/%Y …\" if the day is".to_owned(),
                );
            }
            return None;
        }
        let fits = |format: &str| {
            let mut clock = Clock::new(Some(format), jiff::tz::TimeZone::UTC);
            self.sample.cells(time).filter(|(_, text)| clock.read(text).is_none()).count() * 100 <= profile.n_filled
        };
        DAY_FIRST.into_iter().find(|format| fits(format)).map(str::to_owned)
    }

    fn order(&mut self) -> Option<usize> {
        let order = self.best(Role::Order, |profile| profile.identifying() && profile.filled(50))?;
        self.taken.insert(order);
        Some(order)
    }

    fn quantity(&self) -> Option<usize> {
        self.best(Role::Quantity, |profile| profile.numeric() && profile.filled(50))
    }

    /// Returns the column of prices. A price alone is not what was paid, for it stands
    /// beside every view of a page; it counts with a quantity or in an order.
    fn price(&self, order: Option<usize>) -> Option<usize> {
        let price = self.best(Role::Price, |profile| profile.numeric() && profile.filled(50));
        price.filter(|_| order.is_some() || self.quantity().is_some())
    }

    fn product(&mut self, order: Option<usize>, price: Option<usize>) -> Option<ProductColumns> {
        let text =
            |profile: &Profile| !profile.mostly(profile.n_bools) && profile.n_fractions == 0 && profile.filled(5);
        let id = self.best(Role::ProductId, |profile| {
            text(profile) && profile.n_distinct > 1 && names::names_product(&profile.words)
        });
        let described = id.is_some() || price.is_some();
        let name = self.best(Role::ProductName, |profile| {
            let loud = weight(&profile.words, Role::ProductName) >= 6;
            text(profile) && !profile.numeric() && described && loud && Some(profile.idx) != id
        });
        if id.is_none() && name.is_none() {
            return None;
        }
        let (id, name, price) = (self.take(id), self.take(name), self.take(price));
        let quantity = self.quantity().filter(|_| price.is_some() || order.is_some());
        let quantity = self.take(quantity);
        let category = self.best(Role::Category, text);
        let category = self.take(category);
        let brand = self.best(Role::Brand, text);
        let brand = self.take(brand);
        let discount = if price.is_some() { self.best(Role::Discount, Profile::numeric) } else { None };
        let discount = self.take(discount);
        if quantity.is_none() && price.is_some() {
            self.note("table.product", "no column says how many, so every row counts as one piece".to_owned());
        }
        Some(ProductColumns { id, name, category, brand, quantity, price, amount: None, discount })
    }

    /// Returns the column of what was paid, where prices do not say it.
    fn amount(&mut self, order: Option<usize>, product: Option<&ProductColumns>) -> Option<AmountColumn> {
        if product.is_some_and(|product| product.price.is_some()) {
            return None;
        }
        // Two values are rather a yes and a no.
        let varied = |profile: &Profile| profile.n_distinct > 2 || profile.n_fractions > 0;
        let paid = |profile: &Profile| profile.numeric() && profile.filled(50) && varied(profile);
        let price = || if product.is_none() { self.best(Role::Price, paid) } else { None };
        let idx = self.best(Role::Amount, paid).or_else(price)?;
        let column = self.take(Some(idx))?;
        let per = match order {
            Some(order) if self.repeats_within(idx, order) => AmountPer::Order,
            _ => AmountPer::Row,
        };
        if per == AmountPer::Order {
            self.note("table.amount", format!("{column:?} is the same in all rows of an order, so it counts once"));
        }
        Some(AmountColumn { column, unit: AmountUnit::Major, per })
    }

    /// Whether a column has one value only in all rows of an order, and orders have several rows.
    fn repeats_within(&self, column: usize, order: usize) -> bool {
        let mut values: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for (row, key) in self.sample.cells(order) {
            let Some(value) = self.sample.cell(row, column) else { continue };
            let (first, n_rows) = values.entry(key).or_insert((value, 0));
            if *first != value {
                return false;
            }
            *n_rows += 1;
        }
        values.values().any(|(_, n_rows)| *n_rows > 1)
    }

    fn event(&mut self) -> Option<usize> {
        let idx = self.best(Role::Event, |profile| {
            let few = profile.n_distinct <= EVENT_NAMES_MAX.min((profile.n_rows / 5).max(20));
            let several = profile.n_distinct >= 2 || profile.n_rows < 20;
            few && several
                && profile.n_fractions == 0
                && profile.filled(90)
                && !profile.mostly(profile.n_times)
                && !profile.mostly(profile.n_bools)
        })?;
        self.taken.insert(idx);
        Some(idx)
    }

    fn event_term(&mut self, event: Option<usize>, rows: Rows) -> Term {
        let Some(idx) = event else {
            let name = match rows {
                Rows::Purchases => "Order Completed",
                Rows::Opinions => "Product Reviewed",
                Rows::Others => "Activity Recorded",
            };
            if rows != Rows::Purchases {
                self.note("event", format!("no column says what happened, so every row is called {name:?}"));
            }
            return Term::Constant(name.to_owned());
        };
        let profile = &self.profiles[idx];
        let (column, numbered) = (profile.name.clone(), profile.numeric());
        let prefix = if numbered { prefix_of(&profile.words) } else { String::new() };
        let loud = weight(&profile.words, Role::Event) >= 7;
        if numbered {
            self.note(
                "event",
                format!("{column:?} holds numbers; rename the events with rules ([[table.when]]) if they have names"),
            );
        } else if !loud {
            self.note("event", format!("{column:?} may not be what happened"));
        }
        Term::Column { column, prefix }
    }

    fn rating(&mut self) -> Option<usize> {
        let idx = self
            .best(Role::Rating, |profile| profile.numeric() && profile.n_distinct <= 101 && profile.n_negative == 0)?;
        self.taken.insert(idx);
        Some(idx)
    }

    fn said(&mut self) -> Option<usize> {
        let idx = self.best(Role::Text, |profile| {
            profile.n_filled > 0 && profile.n_bytes / profile.n_filled >= SAID_BYTES_MIN && !profile.numeric()
        })?;
        self.taken.insert(idx);
        Some(idx)
    }

    fn currency(&mut self) -> Term {
        let coded = |profile: &Profile| {
            profile.filled(50) && self.sample.cells(profile.idx).take(100).all(|(_, text)| text.len() == 3)
        };
        if let Some(idx) = self.best(Role::Currency, coded) {
            self.taken.insert(idx);
            return Term::column(&self.name(idx));
        }
        let country = self.best(Role::Country, |profile| !profile.numeric());
        let (code, why) = match country.and_then(|idx| Some((idx, self.most_frequent_currency(idx)?))) {
            Some((idx, code)) => {
                (code, format!("{code} is the currency of the country most rows have in {:?}", self.name(idx)))
            }
            None => ("USD", "no column names a currency".to_owned()),
        };
        self.note("currency", format!("{why}; check that the amounts are in it"));
        Term::Constant(code.to_owned())
    }

    fn most_frequent_currency(&self, country: usize) -> Option<&'static str> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, text) in self.sample.cells(country) {
            *counts.entry(text).or_default() += 1;
        }
        // Of two as frequent the first by name.
        let most = counts.iter().max_by_key(|(country, n_rows)| (**n_rows, std::cmp::Reverse(**country)));
        most.and_then(|(country, _)| names::currency_of(country))
    }

    fn channel(&mut self) -> Option<Term> {
        let idx = self.best(Role::Channel, |profile| profile.n_distinct <= 50 && !profile.numeric())?;
        self.taken.insert(idx);
        Some(Term::column(&self.name(idx)))
    }

    /// Returns the column of the rows' own ids.
    fn message_id(&self) -> Option<usize> {
        self.best(Role::Message, |profile| {
            let whole = profile.unique() && profile.filled(100) && profile.identifying() && !profile.counts_rows;
            whole && names::names_row(&profile.words)
        })
    }
}

/// Returns the words of a name without those that only say "id", for numbers to follow.
fn prefix_of(words: &[String]) -> String {
    let kept: Vec<String> = words
        .iter()
        .filter(|word| !names::names_id(std::slice::from_ref(*word)))
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        })
        .collect();
    if kept.is_empty() { String::new() } else { format!("{} ", kept.join(" ")) }
}
