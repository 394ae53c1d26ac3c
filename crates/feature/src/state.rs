//! A profile as the law states it: events in one at a time, in any order, values out at any day.

use std::fmt;
use std::sync::Arc;

use throng_event::{AsOf, Calendar, Event};

use crate::fold::{self, ChangeFold, DayFold, IntervalFold, SessionFold, Summary, Total};
use crate::formula::{Outcome, evaluate};
use crate::number::{code, count, index};
use crate::plan::{CodeSource, Measure, Plan, Question, Reading, Wanted};
use crate::read::{Row, clock_code, clock_text};
use crate::store::{Bounds, Bucket, Count, DayMap, Ends, Points, Store, Sum, Tally, code_source};
use crate::{Compiled, FeatureError, FeatureValue, Window, codec};

/// What is kept of one person's events, enough for every feature of a catalogue as of
/// any day.
///
/// The state is a commutative monoid: it does not depend on the order of the events, nor
/// on how they were divided among states that were merged. An event must enter once;
/// admission sees to that. Days are never forgotten, whatever the windows, so that the
/// past can be evaluated.
#[derive(Clone)]
pub struct ProfileState {
    plan: Arc<Plan>,
    texts: Texts,
    /// One for every signal of the plan.
    stores: Vec<Store>,
}

impl ProfileState {
    /// Returns the state of a profile without events.
    #[must_use]
    pub fn new(compiled: &Compiled) -> Self {
        let plan = Arc::clone(&compiled.plan);
        let stores = plan.signals.iter().map(|signal| Store::new(signal.measure)).collect();
        Self { plan, texts: Texts::default(), stores }
    }

    /// Takes in an event.
    pub fn update(&mut self, event: &Event, calendar: &Calendar) {
        let plan = Arc::clone(&self.plan);
        let row = Row::read(&plan, (event, event.id.key()), calendar.local(event.occurred_at));
        let selected: Vec<Vec<u32>> = plan.selections.iter().map(|selection| row.units(&plan, selection)).collect();
        for (signal, store) in plan.signals.iter().zip(&mut self.stores) {
            for unit in &selected[signal.selection] {
                take(store, signal.measure, &row, *unit, &mut self.texts);
            }
        }
    }

    /// Takes in all that another state of the same catalogue has taken in.
    ///
    /// # Panics
    /// When the other state is of another catalogue.
    pub fn merge(&mut self, other: &Self) {
        assert!(self.plan.fingerprint == other.plan.fingerprint, "states of one catalogue are merged");
        let codes: Vec<u32> = other.texts.all().iter().map(|text| self.texts.intern(text)).collect();
        for ((signal, store), other) in self.plan.signals.iter().zip(&mut self.stores).zip(&other.stores) {
            store.absorb(other, signal.measure, &codes);
        }
    }

    /// Returns the state as bytes, the same for the same set of events.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        let mut ordered = self.clone();
        let codes = ordered.texts.sort();
        for (signal, store) in self.plan.signals.iter().zip(&mut ordered.stores) {
            store.recode(signal.measure, &codes);
        }
        codec::encode(&ordered.plan, ordered.texts.all(), &ordered.stores)
    }

    /// Restores a state from its bytes.
    ///
    /// # Errors
    /// [`FeatureError::StateOfOtherCatalogue`] when another catalogue or format wrote
    /// them, [`FeatureError::DamagedState`] when they are not a state.
    pub fn from_state(compiled: &Compiled, bytes: &[u8]) -> Result<Self, FeatureError> {
        let plan = Arc::clone(&compiled.plan);
        let (texts, stores) = codec::decode(&plan, bytes)?;
        Ok(Self { plan, texts: Texts::of_sorted(texts), stores })
    }

    /// Returns the value of every feature, in the order of the catalogue.
    #[must_use]
    pub fn evaluate(&self, as_of: AsOf) -> Vec<FeatureValue> {
        let summaries: Vec<Summary> = self.plan.readings.iter().map(|reading| self.summarise(reading, as_of)).collect();
        let value = |outcome| match outcome {
            Outcome::Number(number) => FeatureValue::Number(number),
            Outcome::Missing => FeatureValue::Missing,
            Outcome::Code(source, code) => FeatureValue::Category(self.text(source, code)),
        };
        self.plan.features.iter().map(|feature| value(evaluate(&feature.formula, &summaries, as_of))).collect()
    }

    fn text(&self, source: CodeSource, code: u32) -> String {
        clock_text(source, code).unwrap_or_else(|| self.texts.all()[index(code)].clone())
    }

    fn summarise(&self, reading: &Reading, as_of: AsOf) -> Summary {
        let measure = self.plan.signals[reading.signal].measure;
        let (window, question) = (reading.window, reading.question);
        match &self.stores[reading.signal] {
            Store::Counts(days) => {
                count_summary(question, as_of, days.window(window, as_of).iter().map(|(day, n)| (*day, n.0, 0)))
            }
            Store::Sums(days) => count_summary(
                question,
                as_of,
                days.window(window, as_of).iter().map(|(day, sum)| (*day, sum.n, sum.sum)),
            ),
            Store::Bounds(days) => {
                let bounds = folded(days, window, as_of).map(|bounds| (bounds.least, bounds.greatest));
                if measure == Measure::Times { Summary::Times(bounds) } else { Summary::Extremes(bounds) }
            }
            Store::Tallies(days) => {
                let tally = folded(days, window, as_of).map_or_else(Vec::new, |tally| tally.0);
                let source = code_source(measure);
                Summary::Tally(self.tally(source, &tally, question))
            }
            Store::NumberEnds(days) => {
                Summary::NumberEnds(folded(days, window, as_of).map(|ends| (ends.first.1, ends.last.1)))
            }
            Store::TextEnds(days) => {
                Summary::CodeEnds(folded(days, window, as_of).map(|ends| (ends.first.1, ends.last.1)))
            }
            Store::Instants(days) => {
                let days = days.window(window, as_of).iter();
                instant_summary(question, days.flat_map(|(_, points)| points.0.iter().map(|((at, ..), ())| *at)))
            }
            Store::Sequences(days) => {
                let mut changes = ChangeFold::default();
                for (_, points) in days.window(window, as_of) {
                    points.0.iter().for_each(|(_, code)| changes.push(*code));
                }
                Summary::Changes(changes.finish())
            }
        }
    }

    fn tally(&self, source: Option<CodeSource>, counts: &[(u32, u64)], question: Question) -> fold::Tally {
        let wanted = if let Question::Tally { wanted } = question { wanted } else { Wanted::default() };
        let mut tally = fold::Tally { n_distinct: count(counts.len()), entropy: 0.0, most_frequent: None };
        if wanted.entropy {
            tally.entropy = fold::entropy(&mut counts.iter().map(|(_, count)| *count).collect::<Vec<u64>>());
        }
        if wanted.most_frequent {
            let text = |code| source.map(|source| self.text(source, code));
            tally.most_frequent = fold::most_frequent(counts.iter().copied(), text);
        }
        tally
    }
}

impl fmt::Debug for ProfileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileState").field("texts", &self.texts).field("stores", &self.stores).finish()
    }
}

/// Takes one unit of an event into the store of a signal that selects it.
fn take(store: &mut Store, measure: Measure, row: &Row<'_>, unit: u32, texts: &mut Texts) {
    let day = row.day.0;
    let place = (row.occurred_at, row.key, unit);
    let number = |field| row.number(field, unit).unwrap_or_else(|| unreachable!("the selection wants a number"));
    let mut coded = |source| match clock_code(source, row.day, row.hour) {
        Ok(clock_code) => clock_code,
        Err(field) => texts.intern(row.text(field, unit).unwrap_or_else(|| unreachable!("the selection wants a text"))),
    };
    match (store, measure) {
        (Store::Counts(days), _) => days.absorb(day, Count(1)),
        (Store::Sums(days), Measure::Sum { field }) => {
            days.absorb(day, Sum { n: 1, sum: i128::from(number(field)) });
        }
        (Store::Bounds(days), Measure::Extremes { field }) => {
            days.absorb(day, Bounds { least: number(field), greatest: number(field) });
        }
        (Store::Bounds(days), _) => {
            days.absorb(day, Bounds { least: row.occurred_at, greatest: row.occurred_at });
        }
        (Store::Tallies(days), Measure::Tally { of }) => days.absorb(day, Tally(vec![(coded(of), 1)])),
        (Store::NumberEnds(days), Measure::NumberEnds { field }) => {
            let end = (place, number(field));
            days.absorb(day, Ends { first: end, last: end });
        }
        (Store::TextEnds(days), Measure::TextEnds { field }) => {
            let end = (place, coded(CodeSource::Field(field)));
            days.absorb(day, Ends { first: end, last: end });
        }
        (Store::Instants(days), _) => days.absorb(day, Points(vec![(place, ())])),
        (Store::Sequences(days), Measure::Sequence { of }) => days.absorb(day, Points(vec![(place, coded(of))])),
        (store, measure) => unreachable!("{store:?} was made for another measure than {measure:?}"),
    }
}

fn folded<B: Bucket>(days: &DayMap<B>, window: Window, as_of: AsOf) -> Option<B> {
    let mut buckets = days.window(window, as_of).iter().map(|(_, bucket)| bucket);
    let mut all = buckets.next()?.clone();
    buckets.for_each(|bucket| all.absorb(bucket.clone()));
    Some(all)
}

/// Answers the questions a count or sum can be asked, from days ascending.
fn count_summary(question: Question, as_of: AsOf, days: impl Iterator<Item = (i32, u64, i128)>) -> Summary {
    if question == Question::Days {
        let mut fold = DayFold::default();
        days.for_each(|(day, ..)| fold.push(day));
        return Summary::Days(fold);
    }
    if let Question::Decayed { half_life_days } = question {
        let mut decayed = Total::default();
        for (day, n, sum) in days {
            let age_days = i64::from(as_of.day.0) - i64::from(day);
            decayed.add_day(age_days, half_life_days, Total::new(n, sum));
        }
        return Summary::Total(decayed);
    }
    let (n, sum) =
        days.fold((0_u64, 0_i128), |(n_all, sum_all), (_, n, sum)| (n_all.wrapping_add(n), sum_all.wrapping_add(sum)));
    Summary::Total(Total::new(n, sum))
}

/// Answers the questions instants can be asked, from instants ascending.
fn instant_summary(question: Question, instants: impl Iterator<Item = i64>) -> Summary {
    if let Question::Sessions { gap_us } = question {
        let mut fold = SessionFold::new(gap_us);
        instants.for_each(|occurred_at| fold.push(occurred_at));
        return Summary::Sessions(fold);
    }
    let mut fold = IntervalFold::default();
    instants.for_each(|occurred_at| fold.push(occurred_at));
    Summary::Intervals(fold)
}

/// The distinct texts a profile's values have, numbered.
#[derive(Debug, Clone, Default)]
struct Texts {
    texts: Vec<String>,
    /// The codes in the order of their texts, for looking up.
    sorted: Vec<u32>,
}

impl Texts {
    fn of_sorted(texts: Vec<String>) -> Self {
        let sorted = (0..code(texts.len())).collect();
        Self { texts, sorted }
    }

    fn all(&self) -> &[String] {
        &self.texts
    }

    fn intern(&mut self, text: &str) -> u32 {
        match self.sorted.binary_search_by(|code| self.texts[index(*code)].as_str().cmp(text)) {
            Ok(idx) => self.sorted[idx],
            Err(idx) => {
                let new = code(self.texts.len());
                self.texts.push(text.to_owned());
                self.sorted.insert(idx, new);
                new
            }
        }
    }

    /// Renumbers the texts in their order and returns the new number of each.
    fn sort(&mut self) -> Vec<u32> {
        let mut codes = vec![0; self.texts.len()];
        for (new, old) in self.sorted.iter().enumerate() {
            codes[index(*old)] = code(new);
        }
        let mut texts = std::mem::take(&mut self.texts);
        texts.sort_unstable();
        *self = Self::of_sorted(texts);
        codes
    }
}
