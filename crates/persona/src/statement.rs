//! Claims in words: what a marketer reads, with the numbers of the evidence in it.
//!
//! Every number of a statement comes out of the [`Evidence`] it is made from; what the number
//! means comes from the feature's [`phrase`](FeatureDefinition::phrase), unit and kind.

use throng_event::{Currency, Field};
use throng_feature::{FeatureDefinition, FeatureKind, ValueSource};

use crate::format::{calm, capitalised, clause, duration, money, n, quantity, quoted, share, times};
use crate::sense::{Sense, Topic, currency, sense, topic, within, yes_or_no};
use crate::{Contrast, Evidence};

/// From this ratio on people say "2.3 times as many" rather than "130 % more".
const RATIO_TOLD_AS_TIMES: f64 = 1.95;

/// A mean below this, where the others have ten times as much, is "hardly any".
const HARDLY_ANY: f64 = 0.1;

/// Whom a persona is compared with, when it is not another persona by its name.
pub(crate) const OTHERS: &str = "the others";

/// Returns the statement of a persona's size.
pub(crate) fn size_statement(evidence: &Evidence) -> String {
    let n_all = evidence.n_persona + evidence.n_rest;
    format!("{} of {} customers ({})", n(evidence.n_persona), n(n_all), share(evidence.persona_value))
}

/// Returns the statement of a persona's share of the revenue.
pub(crate) fn revenue_statement(evidence: &Evidence, revenue_minor: i64, revenue_currency: Currency) -> String {
    let total = throng_event::Money { minor: revenue_minor, currency: revenue_currency };
    let expected = share(evidence.persona_value / evidence.effect.value);
    format!(
        "{} of the revenue ({}) from {expected} of the customers",
        share(evidence.persona_value),
        money(total.to_major(), revenue_currency)
    )
}

/// Returns the statement of a trait that is more or less common than among the others.
///
/// `n_persona` is how many they are; traits are mostly known of some of them only, and the
/// statement says so.
pub(crate) fn trait_statement(name: &str, value: &str, n_persona: u64, evidence: &Evidence) -> String {
    let (inside, outside) = (share(evidence.persona_value), share(evidence.rest_value));
    let them = if evidence.n_persona < n_persona { "those who say" } else { "them" };
    format!("{} {} for {inside} of {them}, {outside} of the others", readable(name), quoted(value))
}

/// Returns the statement of a category that is more or less common than among `others`.
pub(crate) fn category_statement(
    definition: &FeatureDefinition,
    value: &str,
    evidence: &Evidence,
    others: &str,
) -> String {
    let (inside, outside) = (share(evidence.persona_value), share(evidence.rest_value));
    format!("{}: {} for {inside} of them, {outside} of {others}", subject(definition), calm(value))
}

/// Returns the statement of a number that is greater or less than among `others`.
pub(crate) fn number_statement(definition: &FeatureDefinition, evidence: &Evidence, others: &str) -> String {
    let inside = value_text(definition, evidence.persona_value);
    let outside = value_text(definition, evidence.rest_value);
    match sense(definition) {
        Sense::Volume => volume(definition, evidence, others),
        Sense::Spend | Sense::Basket | Sense::Duration => {
            format!("{}: {inside} on average, {}", subject(definition), against(evidence, &outside, others))
        }
        Sense::Recency | Sense::Tenure | Sense::Span => match definition.phrase.strip_prefix("days since ") {
            Some(event) => {
                let event = clause(event.strip_prefix("the ").unwrap_or(event));
                format!("{event} {} ago on average, {others} {outside}", days(evidence.persona_value))
            }
            None => format!("{}: {inside} on average, {others} {outside}", subject(definition)),
        },
        Sense::Portion if topic(definition) == Topic::Products => product_share(definition, evidence, others),
        Sense::Rate if yes_or_no(definition) => {
            format!("{inside} of them {}, {outside} of {others}", clause(&definition.phrase))
        }
        Sense::Portion | Sense::Hours { .. } | Sense::Days(_) | Sense::Rate | Sense::Switching => {
            match definition.phrase.strip_prefix("share of ") {
                Some(whole) => format!("{inside} of {}, {others} {outside}", clause(whole)),
                None => format!("{}: {inside}, {others} {outside}", subject(definition)),
            }
        }
        Sense::Trend => format!(
            "{}: {} of their usual pace, {others} {}",
            trending(definition),
            share(evidence.persona_value),
            share(evidence.rest_value)
        ),
        Sense::Unevenness => {
            let rhythm = if evidence.persona_value > evidence.rest_value { "a less even" } else { "a more even" };
            let (inside, outside) = (share(evidence.persona_value), share(evidence.rest_value));
            format!("{rhythm} rhythm than {others} (their intervals vary by {inside}, {others}' by {outside})")
        }
        Sense::Variety if matches!(definition.kind, FeatureKind::Entropy { .. }) => {
            let mix = if evidence.persona_value > evidence.rest_value { "a wider" } else { "a narrower" };
            format!("{mix} mix of {} than {others} ({inside} vs {outside} bits)", mixed(definition))
        }
        Sense::Pause | Sense::Variety | Sense::Score | Sense::Number | Sense::Category => {
            format!("{}: {inside} on average, {others} {outside}", subject(definition))
        }
    }
}

/// Returns a value of the feature in its own unit.
pub(crate) fn value_text(definition: &FeatureDefinition, value: f64) -> String {
    if let Some(currency) = currency(definition) {
        return money(value, currency);
    }
    match definition.unit.as_str() {
        "share" | "%" => share(value),
        "seconds" | "s" => duration(value),
        "days" => days(value),
        _ => quantity(value),
    }
}

/// Returns a name from the data as running text: `household_size` becomes `household size`.
pub(crate) fn readable(name: &str) -> String {
    calm(&name.replace(['_', '-'], " "))
}

/// Says how much more or fewer of something countable.
fn volume(definition: &FeatureDefinition, evidence: &Evidence, others: &str) -> String {
    let phrase = clause(definition.phrase.strip_prefix("times of ").unwrap_or(&definition.phrase));
    let (inside, outside) = (evidence.persona_value, evidence.rest_value);
    let values = format!("({} vs {})", quantity(inside), quantity(outside));
    if inside <= 0.0 {
        return format!("no {phrase} at all ({others} {})", quantity(outside));
    }
    if outside <= 0.0 {
        return format!("{} {phrase}, {others} none", quantity(inside));
    }
    let ratio = inside / outside;
    if ratio >= RATIO_TOLD_AS_TIMES {
        format!("{} as many {phrase} as {others} {values}", times(ratio))
    } else if ratio >= 1.0 {
        format!("{} more {phrase} than {others} {values}", share(ratio - 1.0))
    } else if inside < HARDLY_ANY && ratio < 0.1 {
        format!("hardly any {phrase} {values}")
    } else {
        format!("{} fewer {phrase} than {others} {values}", share(1.0 - ratio))
    }
}

/// Says how many times as much, where that is the contrast that was tested.
fn against(evidence: &Evidence, outside: &str, others: &str) -> String {
    if evidence.interval.contrast != Contrast::Ratio {
        return format!("{others} {outside}");
    }
    let ratio = evidence.persona_value / evidence.rest_value;
    if ratio >= RATIO_TOLD_AS_TIMES {
        format!("{} as much as {others} ({outside})", times(ratio))
    } else if ratio >= 1.0 {
        format!("{} more than {others} ({outside})", share(ratio - 1.0))
    } else {
        format!("{} less than {others} ({outside})", share(1.0 - ratio))
    }
}

fn product_share(definition: &FeatureDefinition, evidence: &Evidence, others: &str) -> String {
    let FeatureKind::Share { value, weight, .. } = &definition.kind else {
        return format!("{}: {}", subject(definition), share(evidence.persona_value));
    };
    let (whole, verb) = match weight {
        Some(Field::ProductAmount) => ("their spend", "is on"),
        Some(Field::ProductDiscount) => ("their discounts", "is on"),
        _ => ("what they buy", "is"),
    };
    format!(
        "{} of {whole}{} {verb} {}, {others} {}",
        share(evidence.persona_value),
        within(definition.window),
        calm(value),
        share(evidence.rest_value)
    )
}

/// Returns the feature's phrase as the head of a statement that goes on with "on average".
pub(crate) fn subject(definition: &FeatureDefinition) -> String {
    clause(definition.phrase.strip_prefix("average ").unwrap_or(&definition.phrase))
}

/// Returns what is more or less of late: the phrase up to where it explains the number.
pub(crate) fn trending(definition: &FeatureDefinition) -> String {
    match definition.phrase.split_once(" compared ") {
        Some((what, _)) => format!("{}{}", clause(what), within(definition.window)),
        None => clause(&definition.phrase),
    }
}

/// Returns the things whose mix an entropy measures, in the plural.
fn mixed(definition: &FeatureDefinition) -> String {
    let FeatureKind::Entropy { of } = &definition.kind else { return subject(definition) };
    let words = match of {
        ValueSource::HourOfDay => "hours of the day",
        ValueSource::DayOfWeek => "weekdays",
        ValueSource::Day => "days",
        ValueSource::Field(Field::ProductCategory) => "product categories",
        ValueSource::Field(Field::ProductBrand) => "brands",
        ValueSource::Field(Field::ProductId) => "products",
        ValueSource::Field(Field::Channel) => "channels",
        ValueSource::Field(Field::Name) => "activities",
        ValueSource::Field(field) => return quoted(&field.to_string()),
    };
    words.to_owned()
}

pub(crate) fn days(value: f64) -> String {
    let text = quantity(value);
    if text == "1" { "1 day".to_owned() } else { format!("{text} days") }
}

/// Returns a sentence that sums a persona up from its strongest claims.
pub(crate) fn summary(size: &Evidence, revenue: Option<&Evidence>, strongest: &[&str]) -> String {
    let n_all = size.n_persona + size.n_rest;
    let mut sentence = format!("{} of {} customers", n(size.n_persona), n(n_all));
    if let Some(revenue) = revenue {
        sentence.push_str(&format!(", who bring {} of the revenue", share(revenue.persona_value)));
    }
    if strongest.is_empty() {
        sentence.push_str("; nothing sets them clearly apart from the others");
    } else {
        sentence.push_str(": ");
        sentence.push_str(&strongest.join("; "));
    }
    format!("{}.", capitalised(&sentence))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use throng_feature::{Filter, JourneyScope, Pace, PatternMeasure, SignalCategory, Weekdays, Window};

    use super::*;
    use crate::{Effect, EffectKind, Interval};

    fn evidence(persona_value: f64, rest_value: f64, contrast: Contrast) -> Evidence {
        Evidence {
            persona_value,
            rest_value,
            n_persona: 1_180,
            n_rest: 3_158,
            effect: Effect { kind: EffectKind::CliffsDelta, value: 0.5, low: 0.4, high: 0.6 },
            interval: Interval { contrast, low: 0.0, high: 0.0 },
            query: String::new(),
        }
    }

    fn definition(kind: FeatureKind, phrase: &str, unit: &str) -> FeatureDefinition {
        FeatureDefinition {
            name: "feature".to_owned(),
            kind,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: phrase.to_owned(),
            unit: unit.to_owned(),
            category: SignalCategory::Transactional,
        }
    }

    fn check(definition: &FeatureDefinition, pairs: &[(f64, f64)], contrast: Contrast, expected: &Expect) {
        let mut statements = String::new();
        for (persona_value, rest_value) in pairs {
            statements.push_str(&number_statement(
                definition,
                &evidence(*persona_value, *rest_value, contrast),
                OTHERS,
            ));
            statements.push('\n');
        }
        expected.assert_eq(&statements);
    }

    #[test]
    fn counts_read_as_times_more_fewer_or_none() {
        let orders = definition(FeatureKind::Count, "orders in the last 90 days", "orders");
        let pairs = [(8.44, 3.66), (4.2, 3.0), (1.2, 2.9), (0.02, 1.4), (0.0, 1.4), (2.0, 0.0)];
        check(
            &orders,
            &pairs,
            Contrast::Ratio,
            &expect![[r#"
            2.3× as many orders in the last 90 days as the others (8.4 vs 3.7)
            40 % more orders in the last 90 days than the others (4.2 vs 3)
            59 % fewer orders in the last 90 days than the others (1.2 vs 2.9)
            hardly any orders in the last 90 days (0.02 vs 1.4)
            no orders in the last 90 days at all (the others 1.4)
            2 orders in the last 90 days, the others none
        "#]],
        );
    }

    #[test]
    fn money_names_its_currency() {
        let spend = definition(FeatureKind::Sum { of: Field::Amount }, "spend in the last year", "GBP");
        let pairs = [(1_230.2, 300.4), (400.0, 310.0), (100.0, 310.0)];
        check(
            &spend,
            &pairs,
            Contrast::Ratio,
            &expect![[r#"
            spend in the last year: £1,230 on average, 4.1× as much as the others (£300)
            spend in the last year: £400 on average, 29 % more than the others (£310)
            spend in the last year: £100 on average, 68 % less than the others (£310)
        "#]],
        );
        check(
            &spend,
            &[(100.0, -3.5)],
            Contrast::Difference,
            &expect![[r#"
            spend in the last year: £100 on average, the others -£3.50
        "#]],
        );
    }

    #[test]
    fn days_since_something_read_as_ago() {
        let recency = definition(FeatureKind::Recency, "days since the last order", "days");
        check(
            &recency,
            &[(3.04, 48.2), (1.0, 2.0)],
            Contrast::Difference,
            &expect![[r#"
            last order 3 days ago on average, the others 48 days
            last order 1 day ago on average, the others 2 days
        "#]],
        );
    }

    #[test]
    fn shares_of_products_say_what_they_are_shares_of() {
        let value = "GROCERY".to_owned();
        let share = FeatureKind::Share { of: Field::ProductCategory, value, weight: Some(Field::ProductAmount) };
        let spend = definition(share, "share of spend on GROCERY", "share");
        check(
            &spend,
            &[(0.45, 0.21)],
            Contrast::Difference,
            &expect![[r#"
            45 % of their spend is on grocery, the others 21 %
        "#]],
        );
        let value = "Wein & Käse \u{202e}".to_owned();
        let share = FeatureKind::Share { of: Field::ProductCategory, value, weight: None };
        let items = FeatureDefinition { window: Window::days(90), ..definition(share, "", "share") };
        check(
            &items,
            &[(0.004, 0.21)],
            Contrast::Difference,
            &expect![[r#"
                0.4 % of what they buy in the last 90 days is Wein & Käse, the others 21 %
            "#]],
        );
    }

    #[test]
    fn times_rhythms_and_trends_read_as_such() {
        let weekend = FeatureKind::DayOfWeekShare { days: Weekdays::WEEKEND };
        let weekend = definition(weekend, "share of orders on weekends", "share");
        check(
            &weekend,
            &[(0.62, 0.28)],
            Contrast::Difference,
            &expect![[r#"
                62 % of orders on weekends, the others 28 %
            "#]],
        );
        let regularity = FeatureKind::Regularity { of: Pace::Events };
        let regularity = definition(regularity, "unevenness of the time between orders", "ratio");
        check(
            &regularity,
            &[(1.1, 0.6), (0.3, 0.6)],
            Contrast::Difference,
            &expect![[r#"
            a less even rhythm than the others (their intervals vary by 110 %, the others' by 60 %)
            a more even rhythm than the others (their intervals vary by 30 %, the others' by 60 %)
        "#]],
        );
        let trend = FeatureKind::Trend { longer: Window::All };
        let trend = definition(trend, "orders of late", "ratio");
        check(
            &trend,
            &[(0.65, 1.04)],
            Contrast::Difference,
            &expect![[r#"
            orders of late: 65 % of their usual pace, the others 104 %
        "#]],
        );
        let stay = FeatureKind::SessionTime { gap_minutes: throng_feature::SESSION_GAP_MINUTES };
        let stay = definition(stay, "time on the site", "seconds");
        check(
            &stay,
            &[(5_400.0, 1_260.0)],
            Contrast::Ratio,
            &expect![[r#"
            time on the site: 1.5 h on average, 4.3× as much as the others (21 min)
        "#]],
        );
    }

    #[test]
    fn journeys_read_as_what_people_did() {
        let within = JourneyScope::History;
        let pattern = |measure| FeatureKind::Pattern { pattern: "cart -> end".to_owned(), measure, within };
        let statement = |kind, phrase: &str, unit: &str, values: (f64, f64)| {
            let evidence = evidence(values.0, values.1, Contrast::Difference);
            number_statement(&definition(kind, phrase, unit), &evidence, OTHERS)
        };
        expect!["62 % of them left with a full cart, 20 % of the others"].assert_eq(&statement(
            pattern(PatternMeasure::Any),
            "left with a full cart",
            "share",
            (0.62, 0.2),
        ));
        expect!["60 % of visits that go from search to leaving without an order, the others 12 %"].assert_eq(
            &statement(
                pattern(PatternMeasure::Share),
                "share of visits that go from search to leaving without an order",
                "share",
                (0.6, 0.12),
            ),
        );
        expect!["2.5× as many visits that end with a full cart as the others (3 vs 1.2)"].assert_eq(&statement(
            pattern(PatternMeasure::Count),
            "visits that end with a full cart",
            "visits",
            (3.0, 1.2),
        ));
        expect!["probability that an order comes next: 31 %, the others 9 %"].assert_eq(&statement(
            FeatureKind::NextStep { touchpoint: "order".to_owned(), within },
            "probability that an order comes next",
            "share",
            (0.31, 0.09),
        ));
    }

    #[test]
    fn traits_and_categories_say_how_many_have_them() {
        let shares = evidence(0.5, 0.22, Contrast::Difference);
        expect!["age group 45-54 for 50 % of them, 22 % of the others"].assert_eq(&trait_statement(
            "age_group",
            "45-54",
            1_180,
            &shares,
        ));
        expect!["age group 45-54 for 50 % of those who say, 22 % of the others"].assert_eq(&trait_statement(
            "age_group",
            "45-54",
            3_000,
            &shares,
        ));
        let kind = FeatureKind::MostFrequent { of: ValueSource::Field(Field::Channel) };
        let channel = definition(kind, "main channel", "");
        expect!["main channel: mobile for 50 % of them, 22 % of the others"].assert_eq(&category_statement(
            &channel,
            "MOBILE\u{7}",
            &shares,
            OTHERS,
        ));
    }

    #[test]
    fn summaries_are_one_sentence() {
        let size = evidence(0.27, 0.73, Contrast::Share);
        let revenue = evidence(0.61, 0.39, Contrast::Share);
        expect!["1,180 of 4,338 customers, who bring 61 % of the revenue: a; b."].assert_eq(&summary(
            &size,
            Some(&revenue),
            &["a", "b"],
        ));
        expect!["1,180 of 4,338 customers; nothing sets them clearly apart from the others."].assert_eq(&summary(
            &size,
            None,
            &[],
        ));
    }
}
