//! From a catalogue to a plan: every distinct field, selection, signal and reading once.

use std::num::NonZeroU32;

use throng_event::{Currency, Decimal, EventKind, Field, Instant};

use crate::kind::{FeatureKind, Pace, Quantity, Term, ValueForm};
use crate::number::float_of;
use crate::plan::{
    Amount, CodeSource, Feature, FieldForm, Formula, Level, Measure, Plan, Predicate, Question, Reading, Selection,
    Signal, Wanted,
};
use crate::{Catalogue, EventSet, FeatureDefinition, Filter, ValueSource, Window};

/// Returns the plan that computes a catalogue.
pub(crate) fn plan(catalogue: &Catalogue) -> Plan {
    let mut planner = Planner {
        plan: Plan {
            currency: catalogue.currency(),
            fields: Vec::new(),
            predicates: Vec::new(),
            selections: Vec::new(),
            signals: Vec::new(),
            readings: Vec::new(),
            features: Vec::new(),
            fingerprint: [0; 8],
        },
    };
    for definition in catalogue.definitions() {
        let formula = planner.formula(definition);
        let (name, categorical) = (definition.name.clone(), definition.kind.categorical());
        planner.plan.features.push(Feature { name, formula, categorical });
    }
    let mut plan = planner.plan;
    plan.fingerprint = fingerprint(&plan);
    plan
}

/// Hashes what decides the meaning of a state. The text form of these types may change
/// with the code; then states are refolded, which is always possible.
fn fingerprint(plan: &Plan) -> [u8; 8] {
    let text =
        format!("{:?} {:?} {:?} {:?} {:?}", plan.currency, plan.fields, plan.predicates, plan.selections, plan.signals);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    bytes
}

/// Returns how many of a number's stored integers make one of its unit.
fn unit(field: &Field, currency: Option<Currency>) -> f64 {
    match field {
        Field::Amount | Field::ProductAmount | Field::ProductDiscount => {
            // Without a currency, hundredths: the minor unit of most.
            10_f64.powi(currency.map_or(2, Currency::exponent).cast_signed())
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
        | Field::ProductQuantity
        | Field::Property(_)
        | Field::Context(_)
        | Field::Trait(_) => float_of(Decimal::ONE),
    }
}

/// Returns the position of an item, appending it when it is new.
fn intern<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|known| *known == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}

/// Where and when one definition looks.
#[derive(Clone, Copy)]
struct Scope<'d> {
    filter: &'d Filter,
    window: Window,
    half_life_days: Option<NonZeroU32>,
}

struct Planner {
    plan: Plan,
}

impl Planner {
    fn formula(&mut self, definition: &FeatureDefinition) -> Formula {
        let scope =
            Scope { filter: &definition.filter, window: definition.window, half_life_days: definition.half_life_days };
        match &definition.kind {
            FeatureKind::Count => Formula::Count { total: self.count(scope, Level::Events, vec![]) },
            FeatureKind::Sum { of } => Formula::Sum { total: self.sum(scope, of, vec![]), unit: self.unit(of) },
            FeatureKind::Mean { of } => Formula::Mean { total: self.sum(scope, of, vec![]), unit: self.unit(of) },
            FeatureKind::Min { of } => Formula::Min { extremes: self.extremes(scope, of), unit: self.unit(of) },
            FeatureKind::Max { of } => Formula::Max { extremes: self.extremes(scope, of), unit: self.unit(of) },
            FeatureKind::Distinct { of } => Formula::Distinct { tally: self.tally(scope, of, Wanted::default()) },
            FeatureKind::Entropy { of } => {
                let wanted = Wanted { entropy: true, most_frequent: false };
                Formula::Entropy { tally: self.tally(scope, of, wanted) }
            }
            FeatureKind::MostFrequent { of } => {
                let wanted = Wanted { entropy: false, most_frequent: true };
                Formula::MostFrequent { tally: self.tally(scope, of, wanted), of: self.code_source(of) }
            }
            FeatureKind::First { of, form } => {
                let (ends, field) = self.ends(scope, of, *form);
                match form {
                    ValueForm::Text => Formula::FirstText { ends, of: CodeSource::Field(field) },
                    ValueForm::Number => Formula::FirstNumber { ends, unit: self.unit(of) },
                }
            }
            FeatureKind::Last { of, form } => {
                let (ends, field) = self.ends(scope, of, *form);
                match form {
                    ValueForm::Text => Formula::LastText { ends, of: CodeSource::Field(field) },
                    ValueForm::Number => Formula::LastNumber { ends, unit: self.unit(of) },
                }
            }
            FeatureKind::Share { of, value, weight } => self.share(scope, of, value, weight.as_ref()),
            FeatureKind::Switches { of } => Formula::Switches { changes: self.changes(scope, of) },
            FeatureKind::SwitchRate { of } => Formula::SwitchRate { changes: self.changes(scope, of) },
            FeatureKind::Ratio { numerator, denominator, empty } => Formula::Ratio {
                numerator: numerator.iter().map(|term| self.amount(scope, term)).collect(),
                denominator: denominator.iter().map(|term| self.amount(scope, term)).collect(),
                empty: *empty,
            },
            FeatureKind::Pattern { .. } | FeatureKind::NextStep { .. } => Formula::Elsewhere,
            FeatureKind::Recency
            | FeatureKind::Tenure
            | FeatureKind::Span
            | FeatureKind::Sessions { .. }
            | FeatureKind::SessionTime { .. }
            | FeatureKind::SessionLengthMean { .. }
            | FeatureKind::SessionGapMean { .. }
            | FeatureKind::Regularity { .. }
            | FeatureKind::Trend { .. }
            | FeatureKind::HourShare { .. }
            | FeatureKind::DayOfWeekShare { .. }
            | FeatureKind::ActiveDays => self.formula_of_time(scope, &definition.kind),
        }
    }

    /// The kinds that need no value beside the time of the events.
    fn formula_of_time(&mut self, scope: Scope<'_>, kind: &FeatureKind) -> Formula {
        match kind {
            FeatureKind::Recency => Formula::Recency { times: self.ask(scope, Measure::Times, Question::Times) },
            FeatureKind::Tenure => Formula::Tenure { times: self.ask(scope, Measure::Times, Question::Times) },
            FeatureKind::Span => Formula::Span { times: self.ask(scope, Measure::Times, Question::Times) },
            FeatureKind::Sessions { gap_minutes } => Formula::Sessions { sessions: self.sessions(scope, *gap_minutes) },
            FeatureKind::SessionTime { gap_minutes } => {
                Formula::SessionTime { sessions: self.sessions(scope, *gap_minutes) }
            }
            FeatureKind::SessionLengthMean { gap_minutes } => {
                Formula::SessionLengthMean { sessions: self.sessions(scope, *gap_minutes) }
            }
            FeatureKind::SessionGapMean { gap_minutes } => {
                Formula::SessionGapMean { sessions: self.sessions(scope, *gap_minutes) }
            }
            FeatureKind::Regularity { of: Pace::ActiveDays } => {
                Formula::DayRegularity { days: self.ask(scope, Measure::Count, Question::Days) }
            }
            FeatureKind::Regularity { of: Pace::Events } => {
                Formula::EventRegularity { intervals: self.ask(scope, Measure::Instants, Question::Intervals) }
            }
            FeatureKind::Trend { longer } => {
                let usual = Scope { window: *longer, ..scope };
                Formula::Trend {
                    recent: self.count(scope, Level::Events, vec![]),
                    usual: self.count(usual, Level::Events, vec![]),
                    usual_days: self.ask(usual, Measure::Count, Question::Days),
                    n_days: scope.window.n_days().unwrap_or(u32::MAX),
                    n_days_usual: longer.n_days(),
                }
            }
            FeatureKind::HourShare { from, to } => {
                let hours = Predicate::Hours { bits: hour_bits(*from, *to) };
                self.count_share(scope, Level::Events, vec![], hours)
            }
            FeatureKind::DayOfWeekShare { days } => {
                self.count_share(scope, Level::Events, vec![], Predicate::Weekdays { days: *days })
            }
            FeatureKind::ActiveDays => Formula::ActiveDays { days: self.ask(scope, Measure::Count, Question::Days) },
            FeatureKind::Count
            | FeatureKind::Sum { .. }
            | FeatureKind::Mean { .. }
            | FeatureKind::Min { .. }
            | FeatureKind::Max { .. }
            | FeatureKind::Distinct { .. }
            | FeatureKind::MostFrequent { .. }
            | FeatureKind::First { .. }
            | FeatureKind::Last { .. }
            | FeatureKind::Share { .. }
            | FeatureKind::Entropy { .. }
            | FeatureKind::Switches { .. }
            | FeatureKind::SwitchRate { .. }
            | FeatureKind::Ratio { .. }
            | FeatureKind::Pattern { .. }
            | FeatureKind::NextStep { .. } => unreachable!("{} has a value beside its time", kind.name()),
        }
    }

    fn share(&mut self, scope: Scope<'_>, of: &Field, value: &str, weight: Option<&Field>) -> Formula {
        let field = self.field(of, ValueForm::Text);
        let present = Predicate::Present { field };
        let is_value = Predicate::OneOf { field, texts: vec![value.to_owned()] };
        let Some(weight) = weight else {
            return self.count_share(scope, level_of(of), vec![present], is_value);
        };
        Formula::SumShare {
            part: self.sum(scope, weight, vec![present.clone(), is_value]),
            whole: self.sum(scope, weight, vec![present]),
        }
    }

    fn count_share(&mut self, scope: Scope<'_>, level: Level, whole: Vec<Predicate>, part: Predicate) -> Formula {
        let both = whole.iter().cloned().chain([part]).collect();
        Formula::CountShare { part: self.count(scope, level, both), whole: self.count(scope, level, whole) }
    }

    fn amount(&mut self, scope: Scope<'_>, term: &Term) -> Amount {
        let filter = both(scope.filter, &term.filter);
        let scope = Scope { filter: &filter, ..scope };
        match &term.quantity {
            Quantity::Count => Amount::Count { total: self.count(scope, Level::Events, vec![]) },
            Quantity::Sum { of } => Amount::Sum { total: self.sum(scope, of, vec![]), unit: self.unit(of) },
            Quantity::Sessions { gap_minutes } => Amount::Sessions { sessions: self.sessions(scope, *gap_minutes) },
            Quantity::SessionTime { gap_minutes } => {
                Amount::SessionTime { sessions: self.sessions(scope, *gap_minutes) }
            }
            Quantity::ActiveDays => Amount::ActiveDays { days: self.ask(scope, Measure::Count, Question::Days) },
        }
    }

    fn count(&mut self, scope: Scope<'_>, level: Level, extra: Vec<Predicate>) -> usize {
        let selection = self.selection(scope.filter, level, extra);
        self.reading(scope, Signal { selection, measure: Measure::Count }, total(scope))
    }

    fn sum(&mut self, scope: Scope<'_>, of: &Field, mut extra: Vec<Predicate>) -> usize {
        let field = self.field(of, ValueForm::Number);
        extra.push(Predicate::Present { field });
        let selection = self.selection(scope.filter, level_of(of), extra);
        self.reading(scope, Signal { selection, measure: Measure::Sum { field } }, total(scope))
    }

    fn extremes(&mut self, scope: Scope<'_>, of: &Field) -> usize {
        let field = self.field(of, ValueForm::Number);
        let selection = self.selection(scope.filter, level_of(of), vec![Predicate::Present { field }]);
        self.reading(scope, Signal { selection, measure: Measure::Extremes { field } }, Question::Extremes)
    }

    fn ends(&mut self, scope: Scope<'_>, of: &Field, form: ValueForm) -> (usize, usize) {
        let field = self.field(of, form);
        let selection = self.selection(scope.filter, level_of(of), vec![Predicate::Present { field }]);
        let measure = match form {
            ValueForm::Text => Measure::TextEnds { field },
            ValueForm::Number => Measure::NumberEnds { field },
        };
        (self.reading(scope, Signal { selection, measure }, Question::Ends), field)
    }

    fn tally(&mut self, scope: Scope<'_>, of: &ValueSource, wanted: Wanted) -> usize {
        let signal = self.coded(scope, of, |of| Measure::Tally { of });
        let signal = intern(&mut self.plan.signals, signal);
        let same = |reading: &Reading| reading.signal == signal && reading.window == scope.window;
        for reading in self.plan.readings.iter_mut().filter(|reading| same(reading)) {
            if let Question::Tally { wanted: earlier } = &mut reading.question {
                earlier.entropy |= wanted.entropy;
                earlier.most_frequent |= wanted.most_frequent;
            }
        }
        self.plan.readings.iter().position(same).unwrap_or_else(|| {
            self.plan.readings.push(Reading { signal, window: scope.window, question: Question::Tally { wanted } });
            self.plan.readings.len() - 1
        })
    }

    fn changes(&mut self, scope: Scope<'_>, of: &ValueSource) -> usize {
        let signal = self.coded(scope, of, |of| Measure::Sequence { of });
        self.reading(scope, signal, Question::Changes)
    }

    fn sessions(&mut self, scope: Scope<'_>, gap_minutes: NonZeroU32) -> usize {
        let gap_us = i64::from(gap_minutes.get()) * 60 * Instant::SECOND;
        self.ask(scope, Measure::Instants, Question::Sessions { gap_us })
    }

    /// Asks a question that needs no value beside the time of the events.
    fn ask(&mut self, scope: Scope<'_>, measure: Measure, question: Question) -> usize {
        let selection = self.selection(scope.filter, Level::Events, vec![]);
        self.reading(scope, Signal { selection, measure }, question)
    }

    fn coded(&mut self, scope: Scope<'_>, of: &ValueSource, measure: fn(CodeSource) -> Measure) -> Signal {
        let source = self.code_source(of);
        let (level, extra) = match (of, source) {
            (ValueSource::Field(field), CodeSource::Field(idx)) => {
                (level_of(field), vec![Predicate::Present { field: idx }])
            }
            (_, _) => (Level::Events, vec![]),
        };
        Signal { selection: self.selection(scope.filter, level, extra), measure: measure(source) }
    }

    fn code_source(&mut self, of: &ValueSource) -> CodeSource {
        match of {
            ValueSource::HourOfDay => CodeSource::Hour,
            ValueSource::DayOfWeek => CodeSource::Weekday,
            ValueSource::Day => CodeSource::Day,
            ValueSource::Field(field) => CodeSource::Field(self.field(field, ValueForm::Text)),
        }
    }

    fn reading(&mut self, scope: Scope<'_>, signal: Signal, question: Question) -> usize {
        let signal = intern(&mut self.plan.signals, signal);
        intern(&mut self.plan.readings, Reading { signal, window: scope.window, question })
    }

    fn selection(&mut self, filter: &Filter, level: Level, mut extra: Vec<Predicate>) -> usize {
        match &filter.events {
            EventSet::Behaviour => {
                let kinds = [EventKind::Page, EventKind::Screen, EventKind::Track];
                extra.push(self.one_of(&Field::Kind, kinds.map(|kind| kind.as_str().to_owned()).to_vec()));
            }
            EventSet::Every => {}
            EventSet::Named(names) => extra.push(self.one_of(&Field::Name, names.clone())),
        }
        for (field, text) in &filter.equals {
            extra.push(self.one_of(field, vec![text.clone()]));
        }
        let mut predicates: Vec<usize> =
            extra.into_iter().map(|predicate| intern(&mut self.plan.predicates, predicate)).collect();
        predicates.sort_unstable();
        predicates.dedup();
        intern(&mut self.plan.selections, Selection { level, predicates })
    }

    fn one_of(&mut self, field: &Field, mut texts: Vec<String>) -> Predicate {
        texts.sort_unstable();
        texts.dedup();
        Predicate::OneOf { field: self.field(field, ValueForm::Text), texts }
    }

    fn field(&mut self, field: &Field, form: ValueForm) -> usize {
        intern(&mut self.plan.fields, FieldForm { field: field.clone(), form })
    }

    fn unit(&self, field: &Field) -> f64 {
        unit(field, self.plan.currency)
    }
}

fn total(scope: Scope<'_>) -> Question {
    scope.half_life_days.map_or(Question::Total, |half_life_days| Question::Decayed { half_life_days })
}

fn level_of(field: &Field) -> Level {
    if field.per_product() { Level::Lines } else { Level::Events }
}

/// Returns the filter that passes what both pass.
fn both(outer: &Filter, inner: &Filter) -> Filter {
    let events = match (&outer.events, &inner.events) {
        (EventSet::Named(outer), EventSet::Named(inner)) => {
            EventSet::Named(inner.iter().filter(|name| outer.contains(name)).cloned().collect())
        }
        // A name is the narrower choice: it may well be of a message that is no behaviour.
        (EventSet::Named(names), EventSet::Behaviour | EventSet::Every)
        | (EventSet::Behaviour | EventSet::Every, EventSet::Named(names)) => EventSet::Named(names.clone()),
        (EventSet::Every, EventSet::Every) => EventSet::Every,
        (EventSet::Behaviour, EventSet::Behaviour | EventSet::Every) | (EventSet::Every, EventSet::Behaviour) => {
            EventSet::Behaviour
        }
    };
    Filter { events, equals: outer.equals.iter().chain(&inner.equals).cloned().collect() }
}

/// Returns the hours from `from` up to, but not including, `to`, which may lie past midnight.
fn hour_bits(from: u8, to: u8) -> u32 {
    let inside = |hour: u8| if from < to { from <= hour && hour < to } else { from <= hour || hour < to };
    (0..24).filter(|hour| inside(*hour)).fold(0, |bits, hour| bits | 1 << hour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SignalCategory, Weekdays};

    fn planned(kinds: Vec<FeatureKind>) -> Plan {
        let definitions = kinds.into_iter().enumerate().map(|(idx, kind)| FeatureDefinition {
            name: format!("f{idx}"),
            kind,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: String::new(),
            unit: String::new(),
            category: SignalCategory::Behavioural,
        });
        plan(&Catalogue::new(definitions.collect(), None).unwrap())
    }

    #[test]
    fn features_share_what_they_have_in_common() {
        let of = ValueSource::Field(Field::Channel);
        let plan = planned(vec![
            FeatureKind::Count,
            FeatureKind::ActiveDays,
            FeatureKind::DayOfWeekShare { days: Weekdays::WEEKEND },
            FeatureKind::Distinct { of: of.clone() },
            FeatureKind::Entropy { of: of.clone() },
            FeatureKind::MostFrequent { of },
        ]);
        // All events; those on weekends; those with a channel.
        assert_eq!(plan.selections.len(), 3);
        assert_eq!(plan.signals.len(), 3);
        assert_eq!(plan.readings.len(), 4);
        let wanted = Wanted { entropy: true, most_frequent: true };
        assert!(plan.readings.iter().any(|reading| reading.question == Question::Tally { wanted }));
    }

    #[test]
    fn hours_wrap_midnight() {
        assert_eq!(hour_bits(22, 2), 1 << 22 | 1 << 23 | 1 | 1 << 1);
        assert_eq!(hour_bits(0, 24), (1 << 24) - 1);
        assert_eq!(hour_bits(9, 10), 1 << 9);
    }

    #[test]
    fn another_catalogue_has_another_fingerprint() {
        let count = planned(vec![FeatureKind::Count]).fingerprint;
        let sum = planned(vec![FeatureKind::Sum { of: Field::Amount }]).fingerprint;
        assert_ne!(count, sum);
        assert_eq!(count, planned(vec![FeatureKind::Count, FeatureKind::ActiveDays]).fingerprint);
    }
}
