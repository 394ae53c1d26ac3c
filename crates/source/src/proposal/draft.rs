//! Gives every role its column and writes the mapping.

use std::collections::{BTreeMap, BTreeSet};

use throng_event::{Day, EventKind};

use super::names::{self, Role, weight};
use super::profile::{Profile, decimal_mark, truth_words};
use super::{Proposal, Unsure};
use crate::mapping::STATED;
use crate::{AnswerColumns, ColumnType, DecimalMark, Mapping, PersonOf, TableSample, Target, Term};

/// Names different event names at most; more are free text.
const EVENT_NAMES_MAX: usize = 500;
/// Characters from which a text on average is something said.
const SAID_BYTES_MIN: usize = 20;

/// The profiles of a table and the roles that are given.
pub(super) struct Drafter<'a> {
    pub(super) sample: &'a TableSample,
    pub(super) profiles: Vec<Profile>,
    pub(super) taken: BTreeSet<usize>,
    mark: DecimalMark,
    today: Day,
    notes: Vec<Unsure>,
}

/// What the rows of a table are about, where no column says what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Purchases,
    Reviews,
    Messages,
    Others,
}

/// The columns that tell people apart, by their position; none where none does.
struct Person {
    user: Option<usize>,
    anonymous: Option<usize>,
    /// Whether nothing but the word "id" speaks for it.
    bare: bool,
}

impl Person {
    fn named(&self) -> bool {
        self.user.is_some() || self.anonymous.is_some()
    }
}

/// What a name weighs that leaves no doubt about its role, as `user_id` or `customer no`.
const SURE_WEIGHT: i32 = 11;

/// The keys notes are about, in the order of the mapping.
const KEYS: [&str; 11] = [
    "kind",
    "event",
    "person",
    "user_id",
    "anonymous_id",
    "time",
    "currency",
    "text",
    "table.product",
    "table.amount",
    "table.answer",
];

impl<'a> Drafter<'a> {
    pub(super) fn new(sample: &'a TableSample, today: Day) -> Self {
        let mark = decimal_mark(sample);
        let profiles = (0..sample.columns().len()).map(|idx| Profile::of(sample, idx, mark)).collect();
        Self { sample, profiles, taken: BTreeSet::new(), mark, today, notes: Vec::new() }
    }

    /// Returns the free column whose name speaks most for a role and whose values allow it;
    /// of two alike the fuller and then the first.
    pub(super) fn best(&self, role: Role, allowed: impl Fn(&Profile) -> bool) -> Option<usize> {
        let free = self.profiles.iter().filter(|profile| !self.taken.contains(&profile.idx) && allowed(profile));
        // Names of events are words; numbers stand for them only where nothing else does.
        let numbered = |profile: &Profile| if role == Role::Event && profile.numeric() { 4 } else { 0 };
        let scored = free.map(|profile| (weight(&profile.words, role) - numbered(profile), profile));
        scored
            .filter(|(weight, _)| *weight > 0)
            .max_by_key(|(weight, profile)| (*weight, profile.n_filled, std::cmp::Reverse(profile.idx)))
            .map(|(_, profile)| profile.idx)
    }

    fn person(&self) -> Person {
        let identifying = |profile: &Profile| profile.identifying() && profile.filled(5);
        // The rows seen may all be of one person, as in a table sorted by people or asked for by one of them.
        let named = |role| {
            let said =
                |profile: &Profile| names::names_id(&profile.words) && weight(&profile.words, role) >= SURE_WEIGHT;
            self.best(role, |profile| profile.whole_words() && profile.filled(50) && said(profile))
        };
        let told_apart = (self.best(Role::Person, identifying), self.best(Role::Anonymous, identifying));
        let by_name = || (named(Role::Person), named(Role::Anonymous));
        let (user, anonymous) = if told_apart == (None, None) { by_name() } else { told_apart };
        if user.is_some() || anonymous.is_some() {
            return Person { user, anonymous, bare: false };
        }
        // Where nothing happens at any time, an id that repeats counts within something else.
        let dated = self.time().is_some();
        let bare = |profile: &&Profile| profile.words == ["id"] && identifying(profile) && (dated || profile.unique());
        let user = self.profiles.iter().find(bare).map(|profile| profile.idx);
        Person { user, anonymous: None, bare: user.is_some() }
    }

    /// Whether every row is another product, and nobody does anything with it.
    pub(super) fn lists_products(&self) -> bool {
        let of_people = self.person().named() || self.time().is_some() || self.said_by_name().is_some();
        let one_each = |profile: &Profile| {
            profile.unique() && profile.filled(98) && profile.n_rows > 1 && names::names_product(&profile.words)
        };
        !of_people && self.best(Role::ProductId, one_each).is_some()
    }

    pub(super) fn name(&self, idx: usize) -> String {
        self.profiles[idx].name.clone()
    }

    pub(super) fn take(&mut self, idx: Option<usize>) -> Option<String> {
        self.taken.extend(idx);
        idx.map(|idx| self.name(idx))
    }

    pub(super) fn note(&mut self, key: &str, said: String) {
        self.notes.push(Unsure { key: key.to_owned(), said });
    }

    pub(super) fn propose(mut self) -> Proposal {
        let time_idx = self.time();
        let person = self.person();
        let (user_id, anonymous_id) = (self.take(person.user), self.take(person.anonymous));
        let (time, time_format) = self.take_time(time_idx, self.today);
        let mapping = Mapping {
            kind: EventKind::Identify,
            event: None,
            sheet: self.sample.sheet.clone(),
            id: None,
            person: PersonOf::Columns,
            user_id,
            anonymous_id,
            group_id: None,
            time,
            time_format,
            time_zone: None,
            order: None,
            refund: None,
            currency: None,
            channel: None,
            rating: None,
            text: None,
            decimal: self.mark,
            product: None,
            amount: None,
            when: Vec::new(),
            properties: BTreeMap::new(),
            traits: BTreeMap::new(),
            answer: if person.named() { self.answer() } else { None },
            ignore: Vec::new(),
        };
        let mapping = if mapping.answer.is_some() {
            self.note_person(&person);
            mapping
        } else {
            self.propose_events(mapping, &person, time_idx)
        };
        self.finish(mapping, &person)
    }

    /// Gives the columns that say what happened their roles, or takes the rows as traits.
    fn propose_events(&mut self, mut mapping: Mapping, person: &Person, time: Option<usize>) -> Mapping {
        let order = self.order();
        let event = self.event();
        let rating = self.rating();
        let text = self.said(person);
        let one_row_each = self.one_row_each(person);
        // What was spent without a day or an order is a sum over many of them.
        if time.is_some() || order.is_some() {
            let price = self.price(order);
            // Beside one row a person, what has "product" in its name describes the person.
            mapping.product = if one_row_each && price.is_none() { None } else { self.product(order, price) };
            mapping.amount = self.amount(order, mapping.product.as_ref());
        }
        let priced = mapping.product.as_ref().is_some_and(|product| product.price.is_some());
        let bought = order.is_some() || mapping.amount.is_some() || priced;
        let rows = if bought { Rows::Purchases } else { self.rows(rating, text) };
        // Where rows are people and have a time, they are what these people did then.
        let of_people = one_row_each && (person.named() || time.is_none());
        let describes = of_people && rows == Rows::Others && event.is_none();
        if describes {
            let said = "every row is another person, so the columns are taken as traits of the person";
            self.note("kind", said.to_owned());
        } else {
            mapping.kind = EventKind::Track;
            mapping.event = Some(self.event_term(event, rows));
        }
        self.settle_person(&mut mapping, person, order);
        // A price or total that nobody paid is a fact like any other.
        mapping.currency = if bought { Some(self.currency()) } else { None };
        mapping.refund = bought.then(|| "Order Refunded".to_owned());
        mapping.channel = if describes { None } else { self.channel() };
        let id = if mapping.id.is_none() { self.message_id() } else { None };
        mapping.id = mapping.id.or(self.take(id));
        mapping.order = order.map(|idx| self.name(idx));
        mapping.rating = rating.map(|idx| self.name(idx));
        mapping.text = text.map(|idx| self.name(idx));
        mapping
    }

    fn rows(&self, rating: Option<usize>, text: Option<usize>) -> Rows {
        let of_reviews = |idx: usize| {
            self.profiles[idx].words.iter().any(|word| ["review", "reviews", "bewertung"].contains(&word.as_str()))
        };
        match (rating, text) {
            (Some(_), _) => Rows::Reviews,
            (None, Some(text)) if of_reviews(text) => Rows::Reviews,
            (None, Some(_)) => Rows::Messages,
            (None, None) => Rows::Others,
        }
    }

    /// Settles who did it: whom the columns name, else the one behind an order or a row.
    fn settle_person(&mut self, mapping: &mut Mapping, person: &Person, order: Option<usize>) {
        let of_row = person.user.filter(|idx| {
            let happens = mapping.kind == EventKind::Track && order.is_none();
            person.bare && happens && self.profiles[*idx].unique()
        });
        if let Some(idx) = of_row {
            mapping.user_id = None;
            mapping.id = Some(self.name(idx));
        }
        match order {
            _ if person.named() && of_row.is_none() => self.note_person(person),
            Some(order) => {
                mapping.anonymous_id = Some(self.name(order));
                let said = "no column tells people apart, so whoever ordered is known by the order alone";
                self.note("anonymous_id", said.to_owned());
            }
            None => {
                mapping.person = PersonOf::Row;
                self.note("person", "no column tells people apart, so each row is a person of its own".to_owned());
            }
        }
    }

    /// Returns the columns of a survey's answer.
    fn answer(&mut self) -> Option<AnswerColumns> {
        let repeats = |profile: &Profile| {
            profile.filled(90) && !profile.numeric() && (profile.n_distinct < profile.n_filled || profile.n_rows < 20)
        };
        let question = self.best(Role::Question, repeats)?;
        let value = self.best(Role::Answer, |profile| profile.idx != question && profile.n_filled > 0)?;
        self.taken.extend([question, value]);
        let said = "each row is an answer, kept as a trait of the person and named after its question";
        self.note("table.answer", said.to_owned());
        Some(AnswerColumns { question: self.name(question), value: self.name(value) })
    }

    /// Whether hardly anyone has more than one row.
    fn one_row_each(&self, person: &Person) -> bool {
        person.user.or(person.anonymous).is_none_or(|idx| {
            let profile = &self.profiles[idx];
            profile.n_distinct * 100 >= profile.n_filled * 98 && profile.n_filled > 1
        })
    }

    /// Gives the columns that are left a name, or leaves them out.
    fn finish(mut self, mut mapping: Mapping, person: &Person) -> Proposal {
        let describes = mapping.kind == EventKind::Identify && mapping.answer.is_none();
        // What respondents say of themselves is stated, in columns as in rows.
        let respondent = person.user.is_some_and(|idx| names::names_respondent(&self.profiles[idx].words));
        let prefix = if describes && respondent { STATED } else { "" };
        let mut names_used = BTreeSet::new();
        for profile in self.profiles.iter().filter(|profile| !self.taken.contains(&profile.idx)) {
            let counter = profile.counts_rows && (profile.words.is_empty() || profile.name.starts_with("column "));
            if profile.n_filled == 0 || counter || profile.words == ["unnamed", "0"] {
                mapping.ignore.push(profile.name.clone());
                continue;
            }
            let plain = names::snake_case(&profile.name);
            let name = if plain.is_empty() || names_used.contains(&plain) { profile.name.clone() } else { plain };
            names_used.insert(name.clone());
            let personal = describes || names::names_person_fact(&profile.words);
            let targets = if personal { &mut mapping.traits } else { &mut mapping.properties };
            let target = Target { name: format!("{prefix}{name}"), reading: reading(self.sample, profile) };
            targets.insert(profile.name.clone(), target);
        }
        let place = |note: &Unsure| KEYS.iter().position(|key| *key == note.key).unwrap_or(KEYS.len());
        self.notes.sort_by_key(place);
        Proposal { mapping, notes: self.notes }
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
        if !self.profiles[idx].identifying() {
            let n_distinct = self.profiles[idx].n_distinct;
            let values = if n_distinct == 1 { "one value".to_owned() } else { format!("{n_distinct} values") };
            self.note(
                key,
                format!("only its name says that {name:?} tells people apart: it has {values} in the rows seen"),
            );
        }
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
                Rows::Reviews => "Product Reviewed",
                Rows::Messages => "Message Received",
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

    fn said(&mut self, person: &Person) -> Option<usize> {
        let named = self.said_by_name();
        let idx = named.or_else(|| if person.named() { None } else { self.said_by_looks() })?;
        if named.is_none() {
            self.note("text", format!("{:?} is taken for what was said, for it holds sentences", self.name(idx)));
        }
        self.taken.insert(idx);
        Some(idx)
    }

    fn said_by_name(&self) -> Option<usize> {
        self.best(Role::Text, |profile| {
            profile.n_filled > 0 && profile.n_bytes / profile.n_filled >= SAID_BYTES_MIN && !profile.numeric()
        })
    }

    /// Returns the column with the longest texts where hardly one is like another.
    fn said_by_looks(&self) -> Option<usize> {
        let free = self.profiles.iter().filter(|profile| !self.taken.contains(&profile.idx));
        let sentences = free.filter(|profile| {
            let different = profile.n_distinct * 10 >= profile.n_filled * 9;
            profile.filled(50) && different && profile.n_bytes >= profile.n_filled * SAID_BYTES_MIN * 2
        });
        let worded =
            sentences.filter(|profile| self.sample.cells(profile.idx).take(100).all(|(_, text)| text.contains(' ')));
        worded.max_by_key(|profile| (profile.n_bytes, std::cmp::Reverse(profile.idx))).map(|profile| profile.idx)
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

fn reading(sample: &TableSample, profile: &Profile) -> ColumnType {
    let worded = |word: &str| profile.words.iter().any(|other| other == word);
    if names::names_id(&profile.words) || worded("zip") || worded("phone") {
        return ColumnType::Text;
    }
    if profile.mostly(profile.n_times) {
        return ColumnType::Time;
    }
    if profile.all(profile.n_bools) || truth_words(sample, profile) {
        return ColumnType::Bool;
    }
    if profile.numeric() {
        return ColumnType::Number;
    }
    // Where some texts look like numbers they are not to be told apart by looks.
    if profile.n_numbers + profile.n_bools > 0 { ColumnType::Text } else { ColumnType::Auto }
}
