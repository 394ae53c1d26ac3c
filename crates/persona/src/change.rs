//! What changed about one customer, in words.

use throng_feature::{FeatureDefinition, FeatureValue};

use crate::PersonaId;
use crate::format::{calm, clause, quantity};
use crate::sense::{Sense, sense};
use crate::statement::{days, subject, trending, value_text};

const UNKNOWN: &str = "not known";

/// Says what a feature is now and what it was: "3 support tickets in the last 7 days (was 0)".
pub(crate) fn change_statement(definition: &FeatureDefinition, then: &FeatureValue, now: &FeatureValue) -> String {
    let was = was(definition, then, now);
    let FeatureValue::Number(number) = *now else {
        return format!("{}: {} ({was})", subject(definition), text(definition, now));
    };
    match sense(definition) {
        Sense::Volume => {
            let phrase = clause(definition.phrase.strip_prefix("times of ").unwrap_or(&definition.phrase));
            match quantity(number).as_str() {
                "0" => format!("no {phrase} ({was})"),
                // One of a plural would read wrong.
                "1" => format!("{phrase}: 1 ({was})"),
                several => format!("{several} {phrase} ({was})"),
            }
        }
        Sense::Recency => match definition.phrase.strip_prefix("days since the last ") {
            Some(event) if grew(then, number) => format!("no {} for {} ({was})", clause(event), days(number)),
            Some(event) => format!("last {} {} ago ({was})", clause(event), days(number)),
            None => plain(definition, now, &was),
        },
        Sense::Portion | Sense::Hours { .. } | Sense::Days(_) | Sense::Rate | Sense::Switching => {
            match definition.phrase.strip_prefix("share of ") {
                Some(whole) => format!("{} of {} ({was})", text(definition, now), clause(whole)),
                None => plain(definition, now, &was),
            }
        }
        Sense::Trend => format!("{}: {} of their usual pace ({was})", trending(definition), text(definition, now)),
        Sense::Tenure
        | Sense::Span
        | Sense::Pause
        | Sense::Unevenness
        | Sense::Spend
        | Sense::Basket
        | Sense::Duration
        | Sense::Variety
        | Sense::Score
        | Sense::Number
        | Sense::Category => plain(definition, now, &was),
    }
}

/// Says how long a customer has been known.
pub(crate) fn known_for_statement(then: Option<u32>, now: Option<u32>) -> String {
    let text = |n: Option<u32>| n.map_or_else(|| UNKNOWN.to_owned(), |n| days(f64::from(n)));
    format!("known for {} (was {})", text(now), text(then))
}

/// Says what would have to be as it was for a customer to count for the former persona again.
pub(crate) fn reversal_statement(
    parts: &[(Option<&FeatureDefinition>, &FeatureValue)],
    former: Option<&PersonaId>,
) -> String {
    let part = |(definition, then): &(Option<&FeatureDefinition>, &FeatureValue)| match definition {
        Some(definition) => format!("{} were {} again", subject(definition), text(definition, then)),
        None => "they had been known no longer than then".to_owned(),
    };
    let parts: Vec<String> = parts.iter().map(part).collect();
    let counts = former.map_or_else(|| "belong to no persona".to_owned(), |id| format!("count for {id} again"));
    format!("They would {counts} if {}", parts.join(" and "))
}

fn plain(definition: &FeatureDefinition, now: &FeatureValue, was: &str) -> String {
    format!("{}: {} ({was})", subject(definition), text(definition, now))
}

fn grew(then: &FeatureValue, now: f64) -> bool {
    matches!(then, FeatureValue::Number(then) if now > *then)
}

/// Says what it was, also where that reads the same.
fn was(definition: &FeatureDefinition, then: &FeatureValue, now: &FeatureValue) -> String {
    let (was, is) = (text(definition, then), text(definition, now));
    if was != is {
        return format!("was {was}");
    }
    match (then, now) {
        (FeatureValue::Number(then), FeatureValue::Number(now)) if now > then => "was a little less".to_owned(),
        (FeatureValue::Number(_), FeatureValue::Number(_)) => "was a little more".to_owned(),
        (FeatureValue::Number(_) | FeatureValue::Category(_) | FeatureValue::Missing, _) => format!("was {was}"),
    }
}

fn text(definition: &FeatureDefinition, value: &FeatureValue) -> String {
    match value {
        FeatureValue::Number(number) => value_text(definition, *number),
        FeatureValue::Category(category) => calm(category),
        FeatureValue::Missing => UNKNOWN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use throng_event::Field;
    use throng_feature::{FeatureKind, Filter, SignalCategory, ValueSource, Window};

    use super::*;

    fn definition(kind: FeatureKind, phrase: &str, unit: &str) -> FeatureDefinition {
        FeatureDefinition {
            name: "a".to_owned(),
            kind,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: phrase.to_owned(),
            unit: unit.to_owned(),
            category: SignalCategory::Behavioural,
        }
    }

    fn check(definition: &FeatureDefinition, pairs: &[(FeatureValue, FeatureValue)], expected: &Expect) {
        let lines = pairs.iter().map(|(then, now)| change_statement(definition, then, now) + "\n");
        expected.assert_eq(&lines.collect::<String>());
    }

    const fn number(value: f64) -> FeatureValue {
        FeatureValue::Number(value)
    }

    #[test]
    fn counts_read_as_what_was_counted() {
        let tickets = definition(FeatureKind::Count, "support tickets in the last 7 days", "tickets");
        let pairs = [
            (number(0.0), number(3.0)),
            (number(3.0), number(0.0)),
            (number(0.0), number(1.0)),
            (FeatureValue::Missing, number(2.0)),
            (number(2.0), FeatureValue::Missing),
        ];
        check(
            &tickets,
            &pairs,
            &expect![[r#"
            3 support tickets in the last 7 days (was 0)
            no support tickets in the last 7 days (was 3)
            support tickets in the last 7 days: 1 (was 0)
            2 support tickets in the last 7 days (was not known)
            support tickets in the last 7 days: not known (was 2)
        "#]],
        );
    }

    #[test]
    fn silence_reads_as_silence() {
        let recency = definition(FeatureKind::Recency, "days since the last order", "days");
        check(
            &recency,
            &[(number(5.0), number(41.0)), (number(41.0), number(1.0))],
            &expect![[r#"
            no order for 41 days (was 5 days)
            last order 1 day ago (was 41 days)
        "#]],
        );
    }

    #[test]
    fn money_shares_and_categories_keep_their_units() {
        let value = definition(FeatureKind::Mean { of: Field::Amount }, "average order value", "EUR");
        check(
            &value,
            &[(number(80.0), number(55.5)), (number(80.001), number(80.0))],
            &expect![[r#"
            order value: €55.50 (was €80.00)
            order value: €80.00 (was a little more)
        "#]],
        );
        let of = Field::ProductCategory;
        let wine = FeatureKind::Share { of, value: "Wine".to_owned(), weight: Some(Field::ProductAmount) };
        let wine = definition(wine, "share of spend on Wine", "share");
        check(
            &wine,
            &[(number(0.05), number(0.6))],
            &expect![[r#"
            60 % of spend on Wine (was 5 %)
        "#]],
        );
        let device = FeatureKind::MostFrequent { of: ValueSource::Field(Field::Context("device.type".to_owned())) };
        let device = definition(device, "main device", "");
        let category = |text: &str| FeatureValue::Category(text.to_owned());
        check(
            &device,
            &[(category("desktop"), category("MOBILE"))],
            &expect![[r#"
            main device: mobile (was desktop)
        "#]],
        );
    }

    #[test]
    fn what_would_turn_back_is_a_sentence() {
        let tickets = definition(FeatureKind::Count, "support tickets in the last 7 days", "tickets");
        let parts = [(Some(&tickets), &number(0.0)), (None, &FeatureValue::Missing)];
        let former: PersonaId = "p1".parse().unwrap();
        let said = [
            reversal_statement(&parts[..1], Some(&former)),
            reversal_statement(&parts, Some(&former)),
            reversal_statement(&parts[..1], None),
            known_for_statement(Some(89), Some(90)),
            known_for_statement(None, Some(1)),
        ];
        expect![[r#"
            They would count for p1 again if support tickets in the last 7 days were 0 again
            They would count for p1 again if support tickets in the last 7 days were 0 again and they had been known no longer than then
            They would belong to no persona if support tickets in the last 7 days were 0 again
            known for 90 days (was 89 days)
            known for 1 day (was not known)
        "#]].assert_eq(&(said.join("\n") + "\n"));
    }
}
