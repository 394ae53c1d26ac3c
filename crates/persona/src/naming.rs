//! Names made from what sets a persona apart: "Frequent big-basket shoppers".
//!
//! Each difference contributes at most one word to one place of the name, and the places are filled in
//! a fixed order of meaning, so that another sample of the same customers gets the same name. The words hang on what a feature means, not on what it is called, so that they serve
//! any catalogue. Values from the data are quoted as [`crate::format::quoted`] makes them safe.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use throng_event::Field;
use throng_feature::{FeatureDefinition, FeatureKind, SignalCategory, ValueSource, Weekdays};

use crate::Measure;
use crate::format::{calm, capitalised};
use crate::number::floor;
use crate::sense::{Sense, Theme, Topic, long, sense, sums, theme, topic};
use crate::telling::{Difference, Subjects};

/// Effects that name somebody: large ones, or else medium ones (Romano et al. 2006).
const NAMING_EFFECT_LARGE: f64 = 0.474;
const NAMING_EFFECT_MEDIUM: f64 = 0.33;

/// Steps of strength within which two words for one place count as equally strong: an effect moves
/// by about as much between two samples of a few hundred customers.
const N_STRENGTHS: f64 = 10.0;

/// Words of a name in all, and those of them that say how; the others say what, where or when.
/// More do not read as a name.
const PARTS_MAX: usize = 3;
const ADJECTIVES_MAX: usize = 2;

/// An average of so many purchases is told as one.
const ONE_TIME_MEAN_MAX: f64 = 1.25;

/// What those are called; they have bought, and do not shop.
const ONE_TIME: &str = "one-time";

/// Those who made fewer purchases than this in a year or more mostly look.
const BROWSERS_MEAN_MAX: f64 = 0.5;

/// A share of one value below this does not stand for a persona, however rare it is elsewhere.
const NAMING_SHARE_MIN: f64 = 0.15;

/// A persona's name and what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    /// Positions of the differences its words stand for.
    pub(crate) differences: Vec<usize>,
}

/// Returns one name for each persona, in their order; no two are equal.
pub(crate) fn names(subjects: &Subjects<'_>, differences: &[Vec<Difference>]) -> Vec<Name> {
    let drafts = differences.iter().map(|persona| Draft::new(parts(subjects, persona), noun(subjects, persona)));
    distinct(drafts.collect())
}

/// A place in a name, in the order of English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Lifecycle,
    Rhythm,
    Money,
    Habit,
    Manner,
    Time,
    Value,
    Channel,
}

impl Place {
    /// The places in the order they are filled in: how often and how long ago people buy, what they
    /// have a habit of and what they buy say more than how, when and where.
    ///
    /// A fixed order, where strengths decide only whether a place is filled, makes the same name
    /// from resampled customers; two strong differences change places easily.
    const BY_MEANING: [Self; 8] =
        [Self::Rhythm, Self::Lifecycle, Self::Habit, Self::Value, Self::Money, Self::Time, Self::Channel, Self::Manner];

    /// Whether the word tells what, where or when, rather than how.
    fn colour(self) -> bool {
        matches!(self, Self::Time | Self::Value | Self::Channel)
    }
}

/// A word or two for one place.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    place: Place,
    text: String,
    band: Band,
    /// Position of the difference it stands for.
    difference: usize,
}

/// How strong a difference is, in the words of [`crate::Effect::word`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Band {
    Weak,
    Medium,
    Large,
}

impl Band {
    fn of(strength: f64) -> Self {
        match strength {
            strength if strength >= NAMING_EFFECT_LARGE => Self::Large,
            strength if strength >= NAMING_EFFECT_MEDIUM => Self::Medium,
            _ => Self::Weak,
        }
    }
}

/// Returns the parts a name can be made of, one for each place, the strongest band first and within
/// it the place that means most.
fn parts(subjects: &Subjects<'_>, differences: &[Difference]) -> Vec<Part> {
    let mut words = Vec::new();
    for (position, difference) in differences.iter().enumerate() {
        let Some(definition) = subjects.definition(difference) else { continue };
        let Some((place, text)) = word(definition, difference) else { continue };
        let part = Part { place, text, band: Band::of(difference.strength()), difference: position };
        // Strengths that differ by chance only must not decide between two words.
        let strength = floor(difference.strength() * N_STRENGTHS);
        words.push(((Reverse(strength), !long(definition.window), part.text.clone()), part));
    }
    words.sort_by(|a, b| a.0.cmp(&b.0));
    let mut parts: Vec<Part> = Vec::new();
    for band in [Band::Large, Band::Medium, Band::Weak] {
        for place in Place::BY_MEANING {
            let of_place = words.iter().map(|(_, part)| part).find(|part| part.place == place);
            parts.extend(of_place.filter(|part| part.band == band).cloned());
        }
    }
    parts
}

/// A name in the making.
#[derive(Debug)]
struct Draft {
    /// What it can be made of, the most telling first.
    parts: Vec<Part>,
    /// Positions of the parts it is made of.
    chosen: Vec<usize>,
    noun: &'static str,
}

impl Draft {
    /// Chooses the parts of the strongest band there is, as many as read well.
    fn new(parts: Vec<Part>, noun: &'static str) -> Self {
        let mut draft = Self { parts, chosen: Vec::new(), noun };
        for position in 0..draft.parts.len() {
            let part = &draft.parts[position];
            let chosen = draft.chosen();
            let strong = part.band == draft.parts[0].band && part.band >= Band::Medium || chosen.is_empty();
            let n_adjectives = chosen.iter().filter(|other| !other.place.colour()).count();
            let room = chosen.len() < PARTS_MAX && (part.place.colour() || n_adjectives < ADJECTIVES_MAX);
            if strong && room && !implied(part, &chosen) {
                draft.chosen.push(position);
            }
        }
        draft
    }

    fn chosen(&self) -> Vec<&Part> {
        self.chosen.iter().map(|position| &self.parts[*position]).collect()
    }

    /// Takes one more part; returns whether there was one.
    fn extend(&mut self) -> bool {
        let next = (0..self.parts.len()).find(|position| !self.chosen.contains(position));
        self.chosen.extend(next);
        next.is_some()
    }

    fn text(&self) -> String {
        composed(&self.chosen(), self.noun)
    }
}

/// Whether a word says nothing beside those already chosen: who comes often has come of late.
fn implied(part: &Part, chosen: &[&Part]) -> bool {
    part.text == "recent" && chosen.iter().any(|other| other.text == "frequent")
}

/// Returns the names, those that would be equal made longer until they differ.
///
/// All that share a name are made longer at once, so that the names do not hang on which persona
/// happens to come first.
fn distinct(mut drafts: Vec<Draft>) -> Vec<Name> {
    loop {
        let texts: Vec<String> = drafts.iter().map(Draft::text).collect();
        let shared = |text: &String| texts.iter().filter(|other| *other == text).count() > 1;
        let mut extended = false;
        for (draft, _) in drafts.iter_mut().zip(&texts).filter(|(_, text)| shared(text)) {
            extended |= draft.extend();
        }
        if !extended {
            return numbered(&drafts, &texts);
        }
    }
}

/// Returns the names; of those that nothing tells apart, all but the first with a number.
fn numbered(drafts: &[Draft], texts: &[String]) -> Vec<Name> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for (draft, text) in drafts.iter().zip(texts) {
        let mut free = text.clone();
        let mut group = 2;
        while !taken.insert(free.clone()) {
            free = format!("{text}, group {group}");
            group += 1;
        }
        let differences = draft.chosen().iter().map(|part| part.difference).collect();
        names.push(Name { text: free, differences });
    }
    names
}

fn composed(parts: &[&Part], noun: &str) -> String {
    let mut ordered = parts.to_vec();
    ordered.sort_by_key(|part| part.place);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for part in ordered {
        if part.place == Place::Channel { after.push(part.text.as_str()) } else { before.push(part.text.as_str()) }
    }
    if before.is_empty() && after.is_empty() {
        before.push("typical");
    }
    before.push(if before.contains(&ONE_TIME) { "buyers" } else { noun });
    before.extend(after);
    capitalised(&before.join(" "))
}

/// Returns what the people are called: who never buys does not shop.
fn noun(subjects: &Subjects<'_>, differences: &[Difference]) -> &'static str {
    if !subjects.transactional() {
        return "visitors";
    }
    let never = |difference: &Difference| {
        let fewer = |definition| purchases(definition) && long(definition.window) && !difference.more();
        difference.evidence.persona_value < BROWSERS_MEAN_MAX && subjects.definition(difference).is_some_and(fewer)
    };
    if differences.iter().any(never) { "browsers" } else { "shoppers" }
}

/// Whether the feature counts purchases.
fn purchases(definition: &FeatureDefinition) -> bool {
    theme(definition) == Theme::Frequency && sense(definition) == Sense::Volume && stem(definition).is_none()
}

/// Returns the word a difference contributes, and where.
fn word(definition: &FeatureDefinition, difference: &Difference) -> Option<(Place, String)> {
    let more = difference.more();
    let either = |place: Place, greater: &str, less: &str| {
        let text = if more { greater } else { less };
        (!text.is_empty()).then(|| (place, text.to_owned()))
    };
    if let Some((greater, less)) = stem(definition) {
        return either(Place::Habit, greater, less);
    }
    match sense(definition) {
        Sense::Recency => either(Place::Lifecycle, "lapsed", "recent"),
        Sense::Tenure => either(Place::Lifecycle, "long-standing", "new"),
        Sense::Span => either(Place::Lifecycle, "long-standing", ""),
        Sense::Trend => either(Place::Lifecycle, "rising", "fading"),
        Sense::Pause => either(Place::Rhythm, "seldom-seen", "frequent"),
        Sense::Unevenness => either(Place::Manner, "irregular", "steady"),
        Sense::Volume => {
            let (greater, less) = volume(definition, difference);
            either(Place::Rhythm, greater, less)
        }
        Sense::Spend => either(Place::Money, "high-spending", "low-spending"),
        Sense::Basket => either(Place::Money, "big-basket", "small-basket"),
        Sense::Duration => either(Place::Manner, "lingering", "quick"),
        Sense::Variety => match topic(definition) {
            Topic::Products => either(Place::Manner, "wide-ranging", "narrow-range"),
            Topic::Channels => either(Place::Manner, "multi-channel", "single-channel"),
            Topic::Time | Topic::Other => None,
        },
        Sense::Switching => match topic(definition) {
            Topic::Products => either(Place::Manner, "variety-seeking", ""),
            Topic::Channels => either(Place::Manner, "multi-channel", "single-channel"),
            Topic::Time | Topic::Other => None,
        },
        Sense::Score => either(Place::Manner, "happy", "unhappy"),
        Sense::Hours { from, to } => more.then(|| (Place::Time, part_of_day(from, to).to_owned())),
        Sense::Days(days) => {
            let (greater, less) = part_of_week(days);
            either(Place::Time, &greater, less)
        }
        Sense::Portion => {
            let FeatureKind::Share { of, value, .. } = &definition.kind else { return None };
            value_word(of, value, difference)
        }
        Sense::Category => match (&definition.kind, &difference.measure) {
            (FeatureKind::MostFrequent { of: ValueSource::Field(field) }, Measure::CategoryShare { value, .. })
            | (
                FeatureKind::First { of: field, .. } | FeatureKind::Last { of: field, .. },
                Measure::CategoryShare { value, .. },
            ) => value_word(field, value, difference),
            (FeatureKind::MostFrequent { of: ValueSource::DayOfWeek }, Measure::CategoryShare { value, .. }) => {
                more.then(|| (Place::Time, capitalised(value)))
            }
            _ => None,
        },
        Sense::Rate | Sense::Number => None,
    }
}

fn volume(definition: &FeatureDefinition, difference: &Difference) -> (&'static str, &'static str) {
    let summed = matches!(definition.kind, FeatureKind::Sum { .. });
    if definition.category != SignalCategory::Transactional {
        return ("engaged", "quiet");
    }
    if summed {
        return ("high-volume", "low-volume");
    }
    let once = long(definition.window) && difference.evidence.persona_value <= ONE_TIME_MEAN_MAX;
    ("frequent", if once { ONE_TIME } else { "occasional" })
}

/// Words for what the events of a count or rate are about, by the start of a word in its phrase.
/// The first row that matches decides; an empty word names nobody.
const STEMS: [(&str, &str, &str); 18] = [
    ("opened", "responsive", "unresponsive"),
    ("clicked", "responsive", "unresponsive"),
    ("refund", "return-prone", ""),
    ("return", "return-prone", ""),
    ("cancel", "cancelling", ""),
    ("coupon", "coupon-using", ""),
    ("voucher", "coupon-using", ""),
    ("discount", "deal-seeking", "full-price"),
    ("promo", "deal-seeking", "full-price"),
    ("deal", "deal-seeking", "full-price"),
    ("campaign", "campaign-reached", ""),
    ("email", "e-mail-reading", ""),
    ("e-mail", "e-mail-reading", ""),
    ("newsletter", "e-mail-reading", ""),
    ("review", "outspoken", ""),
    ("support", "help-seeking", ""),
    ("ticket", "help-seeking", ""),
    ("search", "searching", ""),
];

fn stem(definition: &FeatureDefinition) -> Option<(&'static str, &'static str)> {
    if !matches!(sense(definition), Sense::Volume | Sense::Rate | Sense::Spend) {
        return None;
    }
    if matches!(&definition.kind, FeatureKind::Ratio { numerator, .. } if sums(numerator, &Field::ProductDiscount)) {
        return Some(("deal-seeking", "full-price"));
    }
    let phrase = definition.phrase.to_lowercase();
    // Who is returning comes back; who returns sends something back.
    let starts = |word: &str, stem: &str| word.starts_with(stem) && word != "returning";
    let found = STEMS.iter().find(|(stem, _, _)| phrase.split_whitespace().any(|word| starts(word, stem)));
    found.map(|(_, greater, less)| (*greater, *less))
}

/// Returns the word for a value people have more of: a kind of product, a channel, a place.
fn value_word(field: &Field, value: &str, difference: &Difference) -> Option<(Place, String)> {
    if !difference.more() || difference.evidence.persona_value < NAMING_SHARE_MIN {
        return None;
    }
    let text = calm(value);
    match field {
        Field::ProductCategory | Field::ProductBrand | Field::ProductId => Some((Place::Value, text)),
        Field::Channel | Field::Source => Some((Place::Channel, through(&text))),
        Field::Context(name) if speaks_of_place(name) => Some((Place::Channel, format!("from {text}"))),
        Field::Context(_) => Some((Place::Channel, through(&text))),
        Field::Name
        | Field::Kind
        | Field::Amount
        | Field::Currency
        | Field::Rating
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount
        | Field::Property(_)
        | Field::Trait(_) => None,
    }
}

fn speaks_of_place(name: &str) -> bool {
    ["country", "city", "region", "location", "state"].iter().any(|word| name.to_lowercase().contains(word))
}

/// Returns the channel with the preposition people use for it.
fn through(channel: &str) -> String {
    match channel.to_lowercase().as_str() {
        "store" | "in-store" | "in store" | "shop" | "pos" | "retail" => "in store".to_owned(),
        "web" | "website" | "online" => "online".to_owned(),
        "app" => "in the app".to_owned(),
        "mobile" | "phone" | "desktop" | "tablet" | "ios" | "android" => format!("on {channel}"),
        _ => format!("via {channel}"),
    }
}

fn part_of_day(from: u8, to: u8) -> &'static str {
    let n_hours = (to + 24 - from) % 24;
    match (from + n_hours / 2) % 24 {
        5..=10 => "morning",
        11..=13 => "midday",
        14..=17 => "afternoon",
        18..=21 => "evening",
        _ => "night-time",
    }
}

/// Returns the part of the week people come in, and the part they come in when they come less.
fn part_of_week(days: Weekdays) -> (String, &'static str) {
    let names = days.names();
    match names.as_slice() {
        _ if days == Weekdays::WEEKEND => ("weekend".to_owned(), "weekday"),
        ["monday", "tuesday", "wednesday", "thursday", "friday"] => ("weekday".to_owned(), "weekend"),
        [day] => (capitalised(day), ""),
        _ => (String::new(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(place: Place, text: &str, band: Band) -> Part {
        Part { place, text: text.to_owned(), band, difference: 0 }
    }

    fn check(personas: &[&[Part]], expected: &[&str]) {
        let drafts = personas.iter().map(|parts| Draft::new(parts.to_vec(), "shoppers")).collect();
        let names: Vec<String> = distinct(drafts).into_iter().map(|name| name.text).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn parts_stand_in_the_order_of_english() {
        let parts = [
            part(Place::Rhythm, "frequent", Band::Large),
            part(Place::Lifecycle, "recent", Band::Large),
            part(Place::Money, "big-basket", Band::Large),
            part(Place::Channel, "on mobile", Band::Large),
            part(Place::Manner, "steady", Band::Large),
        ];
        check(&[&parts], &["Frequent big-basket shoppers on mobile"]);
    }

    #[test]
    fn weak_parts_name_nobody_unless_there_is_nothing_else() {
        let [large, medium, weak] = [Band::Large, Band::Medium, Band::Weak];
        check(
            &[&[part(Place::Money, "big-basket", large), part(Place::Rhythm, "frequent", medium)]],
            &["Big-basket shoppers"],
        );
        check(
            &[&[part(Place::Rhythm, "frequent", weak), part(Place::Money, "big-basket", weak)]],
            &["Frequent shoppers"],
        );
        check(&[&[part(Place::Rhythm, "one-time", large)]], &["One-time buyers"]);
        check(&[&[]], &["Typical shoppers"]);
    }

    #[test]
    fn names_that_would_be_equal_all_take_another_part() {
        let lapsed = part(Place::Lifecycle, "lapsed", Band::Large);
        let wine = [lapsed.clone(), part(Place::Value, "wine", Band::Medium)];
        let grocery = [lapsed.clone(), part(Place::Value, "grocery", Band::Weak)];
        check(&[&wine, &grocery], &["Lapsed wine shoppers", "Lapsed grocery shoppers"]);
        check(&[&grocery, &wine], &["Lapsed grocery shoppers", "Lapsed wine shoppers"]);
        let bare = [lapsed];
        check(&[&bare, &bare, &bare], &["Lapsed shoppers", "Lapsed shoppers, group 2", "Lapsed shoppers, group 3"]);
    }

    #[test]
    fn hours_are_called_by_their_part_of_the_day() {
        for (from, to, expected) in
            [(6, 12, "morning"), (22, 6, "night-time"), (18, 22, "evening"), (12, 18, "afternoon"), (11, 14, "midday")]
        {
            assert_eq!(part_of_day(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn weekends_and_single_days_have_names() {
        let days = |names: &[&'static str]| part_of_week(Weekdays::from_names(names.iter().copied()).unwrap()).0;
        assert_eq!(part_of_week(Weekdays::WEEKEND), ("weekend".to_owned(), "weekday"));
        assert_eq!(days(&["friday"]), "Friday");
        assert_eq!(days(&["friday", "monday"]), "");
    }
}
