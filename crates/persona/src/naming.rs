//! Names made from what sets a persona apart: "Frequent big-basket shoppers".
//!
//! Each difference contributes at most one word to one place of the name. A name takes the words that
//! stand out by a gap, and what stands first among them is fixed, so that another sample of the same
//! customers gets the same name. The words hang on what a feature means, not on what it is called, so that they serve
//! any catalogue. Values from the data are quoted as [`crate::format::quoted`] makes them safe.

use std::collections::BTreeSet;

use throng_event::Field;
use throng_feature::{FeatureDefinition, FeatureKind, SignalCategory, ValueSource, Weekdays};

use crate::Measure;
use crate::format::{calm, capitalised, clause};
use crate::sense::{Sense, Theme, Topic, long, sense, sums, theme, topic};
use crate::telling::{Difference, EFFECT_MIN, Subjects};

/// The least effect that names somebody: medium (Romano et al. 2006).
const NAMING_EFFECT_MIN: f64 = 0.33;

/// What two strengths differ by from one sample of a few hundred customers to the next.
const STRENGTH_SLACK: f64 = 0.15;

/// The least gap behind the words of a name: that between a large and a medium effect, and so many
/// standard errors that chance seldom closes it. Resampled shops keep 19 of 20 names with these, and
/// fewer with narrower gaps.
const GAP_MIN: f64 = 0.15;
const GAP_ERRORS_MIN: f64 = 3.0;

/// Words of a name in all, and those of them that say how; the others say what, where or when.
/// More do not read as a name.
const PARTS_MAX: usize = 3;
const ADJECTIVES_MAX: usize = 2;

/// With an average of so many purchases at most, most have bought once.
const ONE_TIME_MEAN_MAX: f64 = 1.5;

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
    /// How much of something that has no word of its own; it serves where no other place is filled.
    Figure,
}

impl Place {
    /// The places in the order they are filled in: how often and how long ago people buy, what they
    /// have a habit of and what they buy say more than how, when and where.
    ///
    /// The order is fixed: two strong differences change places easily.
    const BY_MEANING: [Self; 9] = [
        Self::Rhythm,
        Self::Lifecycle,
        Self::Habit,
        Self::Value,
        Self::Money,
        Self::Time,
        Self::Channel,
        Self::Manner,
        Self::Figure,
    ];

    /// Whether the word tells what, where or when, rather than how.
    fn colour(self) -> bool {
        matches!(self, Self::Time | Self::Value | Self::Channel | Self::Figure)
    }

    /// Whether the word stands after the noun.
    fn after(self) -> bool {
        matches!(self, Self::Channel | Self::Figure)
    }
}

/// A word or two for one place.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    place: Place,
    text: String,
    strength: f64,
    /// Standard error of the strength.
    error: f64,
    /// Position of the difference it stands for.
    difference: usize,
}

/// Returns the parts a name can be made of, one for each place, the strongest first.
fn parts(subjects: &Subjects<'_>, differences: &[Difference]) -> Vec<Part> {
    let mut words = Vec::new();
    for (position, difference) in differences.iter().enumerate() {
        let Some(definition) = subjects.definition(difference) else { continue };
        let Some((place, text)) = word(definition, difference) else { continue };
        let (strength, error) = (difference.strength(), difference.error());
        let part = Part { place, text, strength, error, difference: position };
        words.push((long(definition.window), part));
    }
    let mut parts: Vec<Part> = Vec::new();
    for place in Place::BY_MEANING {
        let of_place = || words.iter().filter(|(_, part)| part.place == place);
        let strongest = of_place().map(|(_, part)| part.strength).fold(0.0, f64::max);
        // Strengths that differ by chance only do not decide between two words.
        let as_strong = of_place().filter(|(_, part)| part.strength >= strongest - STRENGTH_SLACK);
        let chosen = as_strong.min_by(|(a_long, a), (b_long, b)| b_long.cmp(a_long).then_with(|| a.text.cmp(&b.text)));
        parts.extend(chosen.map(|(_, part)| part.clone()));
    }
    // The sort is stable: of equally strong parts, the one that means most.
    parts.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    parts
}

/// Returns how many of the parts, the strongest first, stand out from those after them.
///
/// They are cut at the first gap that is wide in itself and against the errors on both sides of it:
/// there, another sample of the same customers moves nobody across. Without such a gap, every part
/// that is strong enough stands out.
fn n_outstanding(parts: &[Part]) -> usize {
    let strong = parts.iter().take_while(|part| part.strength >= NAMING_EFFECT_MIN).count();
    for position in 0..strong {
        let part = &parts[position];
        let next = parts.get(position + 1);
        let gap = part.strength - next.map_or(EFFECT_MIN, |next| next.strength);
        let error = part.error.hypot(next.map_or(0.0, |next| next.error));
        if gap >= GAP_MIN && gap >= GAP_ERRORS_MIN * error {
            return position + 1;
        }
    }
    strong.max(parts.len().min(1))
}

/// A name in the making.
#[derive(Debug)]
struct Draft {
    /// What it can be made of, the strongest first.
    parts: Vec<Part>,
    /// Positions of the parts it is made of.
    chosen: Vec<usize>,
    noun: &'static str,
}

impl Draft {
    /// Chooses, of the parts that stand out, as many as read well.
    fn new(parts: Vec<Part>, noun: &'static str) -> Self {
        let (mut figures, mut words): (Vec<Part>, Vec<Part>) =
            parts.into_iter().partition(|part| part.place == Place::Figure);
        if words.is_empty() {
            std::mem::swap(&mut figures, &mut words);
        }
        let n_outstanding = n_outstanding(&words);
        words.append(&mut figures);
        let mut draft = Self { parts: words, chosen: Vec::new(), noun };
        for place in Place::BY_MEANING {
            let outstanding = draft.parts.iter().take(n_outstanding);
            let Some((position, part)) = outstanding.enumerate().find(|(_, part)| part.place == place) else {
                continue;
            };
            let chosen = draft.chosen();
            let n_adjectives = chosen.iter().filter(|other| !other.place.colour()).count();
            let room = chosen.len() < PARTS_MAX && (part.place.colour() || n_adjectives < ADJECTIVES_MAX);
            if room && !implied(part, &chosen) {
                draft.chosen.push(position);
            }
        }
        draft
    }

    fn chosen(&self) -> Vec<&Part> {
        self.chosen.iter().map(|position| &self.parts[*position]).collect()
    }

    /// Takes one more part, if possible one whose words none of the others could take; returns whether
    /// there was one.
    fn extend(&mut self, words_of_others: &BTreeSet<String>) -> bool {
        let free = |position: &usize| !self.chosen.contains(position);
        let own = |position: &usize| !words_of_others.contains(&self.parts[*position].text);
        let all = 0..self.parts.len();
        let next = all.clone().filter(free).find(own).or_else(|| all.clone().find(free));
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
        let words: Vec<BTreeSet<String>> =
            drafts.iter().map(|draft| draft.parts.iter().map(|part| part.text.clone()).collect()).collect();
        let mut extended = false;
        for (draft_idx, draft) in drafts.iter_mut().enumerate() {
            let namesakes = (0..texts.len()).filter(|&other| other != draft_idx && texts[other] == texts[draft_idx]);
            let mut namesakes = namesakes.peekable();
            if namesakes.peek().is_some() {
                extended |= draft.extend(&namesakes.flat_map(|other| words[other].iter().cloned()).collect());
            }
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
        if part.place.after() { after.push(part.text.as_str()) } else { before.push(part.text.as_str()) }
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
    theme(definition) == Theme::Frequency
        && sense(definition) == Sense::Volume
        && !definition.kind.of_journeys()
        && stem(definition).is_none()
}

/// Returns the word a difference contributes, and where.
fn word(definition: &FeatureDefinition, difference: &Difference) -> Option<(Place, String)> {
    let more = difference.more();
    let either = |place: Place, greater: &str, less: &str| {
        let text = if more { greater } else { less };
        (!text.is_empty()).then(|| (place, text.to_owned()))
    };
    if definition.kind.of_journeys() {
        // The words of a pattern are touchpoints that somebody passed or did not.
        return None;
    }
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
        Sense::Number => {
            let phrase = clause(&definition.phrase);
            either(Place::Figure, &format!("high in {phrase}"), &format!("low in {phrase}"))
        }
        Sense::Rate => None,
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

    fn part(place: Place, text: &str, strength: f64) -> Part {
        Part { place, text: text.to_owned(), strength, error: 0.02, difference: 0 }
    }

    fn check(personas: &[&[Part]], expected: &[&str]) {
        let drafts = personas.iter().map(|parts| Draft::new(parts.to_vec(), "shoppers")).collect();
        let names: Vec<String> = distinct(drafts).into_iter().map(|name| name.text).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn parts_stand_in_the_order_of_english() {
        let mut parts = [
            part(Place::Rhythm, "frequent", 0.95),
            part(Place::Lifecycle, "recent", 0.94),
            part(Place::Money, "big-basket", 0.93),
            part(Place::Channel, "on mobile", 0.92),
            part(Place::Manner, "steady", 0.91),
        ];
        check(&[&parts], &["Frequent big-basket shoppers on mobile"]);
        for (part, strength) in parts.iter_mut().zip([0.94, 0.93, 0.92, 0.95, 0.91]) {
            part.strength = strength;
        }
        parts.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        check(&[&parts], &["Frequent big-basket shoppers on mobile"]);
    }

    #[test]
    fn names_are_made_of_what_stands_out() {
        let (money, rhythm) = (Place::Money, Place::Rhythm);
        check(&[&[part(money, "big-basket", 0.9), part(rhythm, "frequent", 0.5)]], &["Big-basket shoppers"]);
        check(&[&[part(money, "big-basket", 0.9), part(rhythm, "frequent", 0.8)]], &["Frequent big-basket shoppers"]);
        check(&[&[part(rhythm, "frequent", 0.3), part(money, "big-basket", 0.2)]], &["Frequent shoppers"]);
        check(&[&[part(rhythm, "one-time", 0.9)]], &["One-time buyers"]);
        check(&[&[]], &["Typical shoppers"]);
    }

    #[test]
    fn names_that_would_be_equal_all_take_another_part() {
        let lapsed = part(Place::Lifecycle, "lapsed", 0.9);
        let wine = [lapsed.clone(), part(Place::Value, "wine", 0.4)];
        let grocery = [lapsed.clone(), part(Place::Value, "grocery", 0.2)];
        check(&[&wine, &grocery], &["Lapsed wine shoppers", "Lapsed grocery shoppers"]);
        check(&[&grocery, &wine], &["Lapsed grocery shoppers", "Lapsed wine shoppers"]);
        let bare = [lapsed.clone()];
        check(&[&bare, &bare, &bare], &["Lapsed shoppers", "Lapsed shoppers, group 2", "Lapsed shoppers, group 3"]);
        // What only one of them has tells it apart at once.
        let online = part(Place::Channel, "online", 0.4);
        let [both, one] = [vec![lapsed.clone(), online.clone(), wine[1].clone()], vec![lapsed, online]];
        check(&[&both, &one], &["Lapsed wine shoppers", "Lapsed shoppers online"]);
    }

    #[test]
    fn a_figure_names_only_those_whom_no_word_names() {
        let figure = part(Place::Figure, "high in meat products", 0.9);
        check(&[std::slice::from_ref(&figure)], &["Shoppers high in meat products"]);
        check(&[&[figure.clone(), part(Place::Manner, "steady", 0.4)]], &["Steady shoppers"]);
        let seldom = part(Place::Rhythm, "seldom-seen", 0.6);
        check(
            &[&[figure, seldom.clone()], &[seldom]],
            &["Seldom-seen shoppers high in meat products", "Seldom-seen shoppers"],
        );
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
