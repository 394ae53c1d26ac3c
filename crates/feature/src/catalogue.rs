//! The catalogue: definitions that are known to be computable.

use std::collections::BTreeSet;

use throng_event::{Currency, Field};

use crate::{FeatureDefinition, FeatureError, FeatureKind, Filter, Quantity, Term, ValueForm, ValueSource, Window};

/// Features of one catalogue; beyond this a matrix of a million profiles no longer fits a machine.
const FEATURES_MAX: usize = 2_000;
/// Bytes of a feature's name; it becomes a column's name in tables.
const NAME_BYTES_MAX: usize = 120;

/// Definitions whose names are unique and whose parts fit together, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    definitions: Vec<FeatureDefinition>,
    currency: Option<Currency>,
}

impl Catalogue {
    /// Checks definitions and returns them as a catalogue.
    ///
    /// With a currency, amounts in any other one are no values, since they cannot be
    /// added up; without, amounts are taken as hundredths of whatever they are in.
    ///
    /// # Errors
    /// [`FeatureError::Definition`] or [`FeatureError::DuplicateName`] for the first
    /// definition that cannot be used.
    pub fn new(definitions: Vec<FeatureDefinition>, currency: Option<Currency>) -> Result<Self, FeatureError> {
        let mut names = BTreeSet::new();
        for (idx, definition) in definitions.iter().enumerate() {
            let name = definition.name.clone();
            if idx == FEATURES_MAX {
                let reason = format!("a catalogue holds at most {FEATURES_MAX} features");
                return Err(FeatureError::Definition { name, reason });
            }
            check(definition).map_err(|reason| FeatureError::Definition { name: name.clone(), reason })?;
            if !names.insert(name.clone()) {
                return Err(FeatureError::DuplicateName { name });
            }
        }
        Ok(Self { definitions, currency })
    }

    /// Returns the definitions in the order given.
    #[must_use]
    pub fn definitions(&self) -> &[FeatureDefinition] {
        &self.definitions
    }

    /// Returns the currency all money is in, if there is one.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }
}

fn check(definition: &FeatureDefinition) -> Result<(), String> {
    check_name(&definition.name)?;
    check_filter(&definition.filter)?;
    check_kind(&definition.kind, definition.window)?;
    if definition.kind.of_journeys() && definition.filter != Filter::behaviour() {
        let kind = definition.kind.name();
        return Err(format!("{kind} sees all touchpoints; leave out events and where, and name touchpoints instead"));
    }
    if let FeatureKind::Ratio { numerator, denominator, .. } = &definition.kind {
        for term in numerator.iter().chain(denominator) {
            check_term(term, &definition.filter)?;
        }
    }
    if definition.half_life_days.is_some() && !additive(&definition.kind) {
        let kind = definition.kind.name();
        return Err(format!("a half-life suits what adds up (count, sum, mean, shares, ratios of those), not {kind}"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if starts && plain && name.len() <= NAME_BYTES_MAX {
        return Ok(());
    }
    Err(format!(
        "a name is a lower-case letter followed by lower-case letters, digits and underscores, \
         at most {NAME_BYTES_MAX} in all"
    ))
}

fn check_filter(filter: &Filter) -> Result<(), String> {
    if let crate::EventSet::Named(names) = &filter.events
        && names.is_empty()
    {
        return Err("a list of event names names none, so no event can pass".to_owned());
    }
    filter.equals.iter().try_for_each(|(field, _)| check_text(field))
}

fn check_kind(kind: &FeatureKind, window: Window) -> Result<(), String> {
    match kind {
        FeatureKind::Count
        | FeatureKind::Recency
        | FeatureKind::Tenure
        | FeatureKind::Span
        | FeatureKind::ActiveDays
        | FeatureKind::Regularity { .. }
        | FeatureKind::DayOfWeekShare { .. }
        | FeatureKind::Sessions { .. }
        | FeatureKind::SessionTime { .. }
        | FeatureKind::SessionLengthMean { .. }
        | FeatureKind::SessionGapMean { .. }
        | FeatureKind::Pattern { .. }
        | FeatureKind::NextStep { .. } => Ok(()),
        FeatureKind::Sum { of }
        | FeatureKind::Mean { of }
        | FeatureKind::Min { of }
        | FeatureKind::Max { of }
        | FeatureKind::First { of, form: ValueForm::Number }
        | FeatureKind::Last { of, form: ValueForm::Number } => check_number(of),
        FeatureKind::First { of, form: ValueForm::Text } | FeatureKind::Last { of, form: ValueForm::Text } => {
            check_text(of)
        }
        FeatureKind::Distinct { of }
        | FeatureKind::MostFrequent { of }
        | FeatureKind::Entropy { of }
        | FeatureKind::Switches { of }
        | FeatureKind::SwitchRate { of } => match of {
            ValueSource::Field(field) => check_text(field),
            ValueSource::HourOfDay | ValueSource::DayOfWeek | ValueSource::Day => Ok(()),
        },
        FeatureKind::Share { of, weight, .. } => {
            check_text(of)?;
            weight.as_ref().map_or(Ok(()), |weight| check_weight(of, weight))
        }
        FeatureKind::Trend { longer } => check_trend(window, *longer),
        FeatureKind::Ratio { numerator, denominator, .. } => {
            if numerator.is_empty() || denominator.is_empty() {
                return Err("a ratio needs at least one term above and one below".to_owned());
            }
            Ok(())
        }
        FeatureKind::HourShare { from, to } => {
            if *from > 23 || *to > 24 || from == to {
                return Err(format!("hours run from 0..=23 to another of 0..=24, not from {from} to {to}"));
            }
            Ok(())
        }
    }
}

fn check_weight(of: &Field, weight: &Field) -> Result<(), String> {
    check_number(weight)?;
    if of.per_product() == weight.per_product() {
        return Ok(());
    }
    Err(format!("{weight} cannot weigh {of}: one belongs to product lines, the other to the event"))
}

fn check_trend(window: Window, longer: Window) -> Result<(), String> {
    let Some(n_days) = window.n_days() else {
        return Err("a trend compares a window of some days with a longer one, not all with another".to_owned());
    };
    if longer.n_days().is_some_and(|n_longer| n_longer <= n_days) {
        return Err(format!("the longer window {longer} of a trend is not longer than {window}"));
    }
    Ok(())
}

fn check_term(term: &Term, outer: &Filter) -> Result<(), String> {
    check_filter(&term.filter)?;
    if let Quantity::Sum { of } = &term.quantity {
        check_number(of)?;
    }
    if let (crate::EventSet::Named(inner), crate::EventSet::Named(outer)) = (&term.filter.events, &outer.events)
        && !inner.iter().any(|name| outer.contains(name))
    {
        return Err(format!("a term of the ratio sees only {inner:?}, the feature only {outer:?}: no event is both"));
    }
    Ok(())
}

/// Fields that are always numbers, and so never the text of a category.
fn check_text(field: &Field) -> Result<(), String> {
    match field {
        Field::Amount | Field::ProductQuantity | Field::ProductAmount | Field::ProductDiscount => {
            Err(format!("{field} is a number, and a text is needed"))
        }
        Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Currency
        | Field::Rating
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::Property(_)
        | Field::Context(_)
        | Field::Trait(_) => Ok(()),
    }
}

/// Fields that are always texts, and so never a number.
fn check_number(field: &Field) -> Result<(), String> {
    match field {
        Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Currency
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand => Err(format!("{field} is a text, and a number is needed")),
        Field::Amount
        | Field::Rating
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount
        | Field::Property(_)
        | Field::Context(_)
        | Field::Trait(_) => Ok(()),
    }
}

/// Whether every part of a kind is a sum over days, so that days can be weighed.
fn additive(kind: &FeatureKind) -> bool {
    match kind {
        FeatureKind::Count
        | FeatureKind::Sum { .. }
        | FeatureKind::Mean { .. }
        | FeatureKind::Share { .. }
        | FeatureKind::HourShare { .. }
        | FeatureKind::DayOfWeekShare { .. } => true,
        FeatureKind::Ratio { numerator, denominator, .. } => numerator
            .iter()
            .chain(denominator)
            .all(|term| matches!(term.quantity, Quantity::Count | Quantity::Sum { .. })),
        FeatureKind::Min { .. }
        | FeatureKind::Max { .. }
        | FeatureKind::Distinct { .. }
        | FeatureKind::MostFrequent { .. }
        | FeatureKind::First { .. }
        | FeatureKind::Last { .. }
        | FeatureKind::Recency
        | FeatureKind::Tenure
        | FeatureKind::Span
        | FeatureKind::Entropy { .. }
        | FeatureKind::Switches { .. }
        | FeatureKind::SwitchRate { .. }
        | FeatureKind::Sessions { .. }
        | FeatureKind::SessionTime { .. }
        | FeatureKind::SessionLengthMean { .. }
        | FeatureKind::SessionGapMean { .. }
        | FeatureKind::Regularity { .. }
        | FeatureKind::Trend { .. }
        | FeatureKind::ActiveDays
        | FeatureKind::Pattern { .. }
        | FeatureKind::NextStep { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventSet, JourneyScope, SESSION_GAP_MINUTES, SignalCategory, WhenEmpty};
    use std::num::NonZeroU32;

    fn definition(name: &str, kind: FeatureKind) -> FeatureDefinition {
        FeatureDefinition {
            name: name.to_owned(),
            kind,
            filter: Filter::behaviour(),
            window: Window::days(30),
            half_life_days: None,
            description: String::new(),
            phrase: String::new(),
            unit: String::new(),
            category: SignalCategory::Behavioural,
        }
    }

    fn check_refused(definition: FeatureDefinition, reason: &str) {
        let error = Catalogue::new(vec![definition], None).unwrap_err().to_string();
        assert!(error.contains(reason), "{error:?} should say {reason:?}");
    }

    #[test]
    fn names_are_plain_and_unique() {
        for name in ["", "Orders", "7d", "_x", "a-b", "a b", "é"] {
            check_refused(definition(name, FeatureKind::Count), "lower-case letter");
        }
        let twice = vec![definition("orders", FeatureKind::Count), definition("orders", FeatureKind::Recency)];
        let error = Catalogue::new(twice, None).unwrap_err();
        assert_eq!(error, FeatureError::DuplicateName { name: "orders".to_owned() });
    }

    #[test]
    fn types_of_fields_suit_the_kind() {
        let kind = |field| FeatureKind::Sum { of: field };
        check_refused(definition("a", kind(Field::Channel)), "channel is a text");
        check_refused(definition("a", kind(Field::ProductBrand)), "products.brand is a text");
        let kind = FeatureKind::Entropy { of: ValueSource::Field(Field::Amount) };
        check_refused(definition("a", kind), "amount is a number");
        let kind =
            FeatureKind::Share { of: Field::ProductCategory, value: "home".to_owned(), weight: Some(Field::Amount) };
        check_refused(definition("a", kind), "product lines");
    }

    #[test]
    fn parameters_make_sense_together() {
        check_refused(definition("a", FeatureKind::HourShare { from: 8, to: 8 }), "hours");
        check_refused(definition("a", FeatureKind::HourShare { from: 24, to: 8 }), "hours");
        check_refused(definition("a", FeatureKind::Trend { longer: Window::days(30) }), "not longer");
        let all =
            FeatureDefinition { window: Window::All, ..definition("a", FeatureKind::Trend { longer: Window::All }) };
        check_refused(all, "a trend compares");
        let empty = Filter { events: EventSet::Named(vec![]), equals: vec![] };
        check_refused(FeatureDefinition { filter: empty, ..definition("a", FeatureKind::Count) }, "names none");
        let numeric = Filter { equals: vec![(Field::Amount, "5".to_owned())], ..Filter::behaviour() };
        check_refused(
            FeatureDefinition { filter: numeric, ..definition("a", FeatureKind::Count) },
            "amount is a number",
        );
    }

    #[test]
    fn a_half_life_suits_what_adds_up() {
        let half_life_days = NonZeroU32::new(30);
        let decayed = |kind| FeatureDefinition { half_life_days, ..definition("a", kind) };
        assert!(Catalogue::new(vec![decayed(FeatureKind::Count)], None).is_ok());
        check_refused(decayed(FeatureKind::ActiveDays), "half-life");
        let sessions =
            Term { quantity: Quantity::Sessions { gap_minutes: SESSION_GAP_MINUTES }, filter: Filter::behaviour() };
        let ratio = FeatureKind::Ratio {
            numerator: vec![sessions.clone()],
            denominator: vec![sessions],
            empty: WhenEmpty::Zero,
        };
        check_refused(decayed(ratio), "half-life");
    }

    #[test]
    fn journeys_are_told_by_touchpoints_and_not_by_events() {
        let kind = FeatureKind::NextStep { touchpoint: "Order".to_owned(), within: JourneyScope::History };
        assert!(Catalogue::new(vec![definition("a", kind.clone())], None).is_ok());
        let named = FeatureDefinition { filter: Filter::named("Order"), ..definition("a", kind.clone()) };
        check_refused(named, "next_step sees all touchpoints");
        check_refused(FeatureDefinition { half_life_days: NonZeroU32::new(30), ..definition("a", kind) }, "half-life");
    }

    #[test]
    fn a_ratio_has_terms_that_can_match() {
        let ratio = |numerator| FeatureKind::Ratio {
            numerator,
            denominator: vec![Term { quantity: Quantity::Count, filter: Filter::named("View") }],
            empty: WhenEmpty::Zero,
        };
        check_refused(definition("a", ratio(vec![])), "at least one term");
        let order = Term { quantity: Quantity::Count, filter: Filter::named("Order") };
        let outer = FeatureDefinition { filter: Filter::named("View"), ..definition("a", ratio(vec![order])) };
        check_refused(outer, "no event is both");
    }
}
