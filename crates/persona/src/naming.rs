//! Names made from what sets a persona apart: "Frequent big-basket shoppers".
//!
//! Each difference contributes at most one word to one place of the name; the strongest places are
//! filled. The words hang on what a feature means, not on what it is called, so that they serve
//! any catalogue. Values from the data are quoted as [`crate::format::quoted`] makes them safe.

use std::collections::BTreeSet;

use throng_event::Field;
use throng_feature::{FeatureDefinition, FeatureKind, SignalCategory, ValueSource, Weekdays};

use crate::Measure;
use crate::format::{calm, capitalised};
use crate::sense::{Sense, Theme, Topic, long, sense, sums, theme, topic};
use crate::telling::{Difference, Subjects};

/// The least effect that names somebody: medium (Romano et al. 2006).
const NAMING_EFFECT_MIN: f64 = 0.33;

/// Words of a name in all, and those of them that say how; the others say what, where or when.
/// More do not read as a name.
const PARTS_MAX: usize = 3;
const ADJECTIVES_MAX: usize = 2;

/// An average of so many purchases is told as one.
const ONE_TIME_MEAN_MAX: f64 = 1.25;

/// Those who made fewer purchases than this in a year or more mostly look.
const BROWSERS_MEAN_MAX: f64 = 0.5;

/// A share of one value below this does not stand for a persona, however rare it is elsewhere.
const NAMING_SHARE_MIN: f64 = 0.15;

/// Returns one name for each persona, in their order; no two are equal.
pub(crate) fn names(subjects: &Subjects<'_>, differences: &[Vec<Difference>]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for persona in differences {
        let parts = parts(subjects, persona);
        let noun = noun(subjects, persona);
        let name = free_name(&parts, noun, &taken);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// A place in a name, in the order of English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Lifecycle,
    Rhythm,
    Money,
    Manner,
    Time,
    Value,
    Channel,
}

impl Place {
    /// Whether the word tells what, where or when, rather than how.
    fn colour(self) -> bool {
        matches!(self, Self::Time | Self::Value | Self::Channel)
    }
}

/// A word or two for one place, with the strength of the difference it stands for.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    place: Place,
    text: String,
    strength: f64,
}

/// Returns the parts a name can be made of, one for each place: first those of the claims that are
/// told, so that the name is borne out by what is read below it, then the rest, the strongest first.
fn parts(subjects: &Subjects<'_>, differences: &[Difference]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for difference in subjects.told(differences).into_iter().chain(differences) {
        let Some(definition) = subjects.definition(difference) else { continue };
        let Some((place, text)) = word(definition, difference) else { continue };
        if !parts.iter().any(|part| part.place == place) {
            parts.push(Part { place, text, strength: difference.strength() });
        }
    }
    parts
}

/// Returns the shortest name not yet taken that the parts can make.
fn free_name(parts: &[Part], noun: &str, taken: &BTreeSet<String>) -> String {
    let strong: Vec<&Part> = parts.iter().filter(|part| part.strength >= NAMING_EFFECT_MIN).collect();
    let mut chosen: Vec<&Part> = Vec::new();
    for part in if strong.is_empty() { parts.iter().take(1).collect() } else { strong } {
        let n_adjectives = chosen.iter().filter(|other| !other.place.colour()).count();
        let room = part.place.colour() || n_adjectives < ADJECTIVES_MAX;
        if room && chosen.len() < PARTS_MAX {
            chosen.push(part);
        }
    }
    let mut name = composed(&chosen, noun);
    for part in parts {
        if !taken.contains(&name) {
            return name;
        }
        if !chosen.contains(&part) {
            chosen.push(part);
            name = composed(&chosen, noun);
        }
    }
    let mut numbered = name.clone();
    let mut group = 2;
    while taken.contains(&numbered) {
        numbered = format!("{name}, group {group}");
        group += 1;
    }
    numbered
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
    before.push(noun);
    before.extend(after);
    capitalised(&before.join(" "))
}

/// Returns what the people are called: what they do least is what they are not.
fn noun(subjects: &Subjects<'_>, differences: &[Difference]) -> &'static str {
    if !subjects.transactional() {
        return "visitors";
    }
    let fewer = |difference: &&Difference| !difference.more() && subjects.definition(difference).is_some_and(purchases);
    let never = |difference: &&Difference| {
        let whole_history = subjects.definition(difference).is_some_and(|definition| long(definition.window));
        whole_history && difference.evidence.persona_value < BROWSERS_MEAN_MAX
    };
    if differences.iter().filter(fewer).any(|difference| never(&difference)) {
        return "browsers";
    }
    if differences.iter().any(|difference| fewer(&difference)) { "buyers" } else { "shoppers" }
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
        return either(Place::Manner, greater, less);
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
    ("frequent", if once { "one-time" } else { "occasional" })
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
    let found = STEMS.iter().find(|(stem, _, _)| phrase.split_whitespace().any(|word| word.starts_with(stem)));
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
        Part { place, text: text.to_owned(), strength }
    }

    fn check(parts: &[Part], taken: &[&str], expected: &str) {
        let taken: BTreeSet<String> = taken.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(free_name(parts, "shoppers", &taken), expected);
    }

    #[test]
    fn the_strongest_parts_stand_in_the_order_of_english() {
        let parts = [
            part(Place::Channel, "on mobile", 0.9),
            part(Place::Money, "big-basket", 0.8),
            part(Place::Rhythm, "frequent", 0.7),
            part(Place::Lifecycle, "recent", 0.6),
        ];
        check(&parts, &[], "Frequent big-basket shoppers on mobile");
    }

    #[test]
    fn weak_parts_name_nobody_unless_there_is_nothing_else() {
        check(
            &[part(Place::Money, "big-basket", 0.5), part(Place::Rhythm, "frequent", 0.2)],
            &[],
            "Big-basket shoppers",
        );
        check(&[part(Place::Rhythm, "frequent", 0.2)], &[], "Frequent shoppers");
        check(&[], &[], "Typical shoppers");
    }

    #[test]
    fn a_taken_name_takes_the_next_part_and_then_a_number() {
        let parts = [part(Place::Money, "big-basket", 0.5), part(Place::Rhythm, "frequent", 0.2)];
        check(&parts, &["Big-basket shoppers"], "Frequent big-basket shoppers");
        let taken = ["Big-basket shoppers", "Frequent big-basket shoppers", "Frequent big-basket shoppers, group 2"];
        check(&parts, &taken, "Frequent big-basket shoppers, group 3");
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
