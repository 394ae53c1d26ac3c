//! Rows that are folded one by one: which readings each of them goes to.
//!
//! The kernel makes a set of rows for every condition and reads the sets; that pays for hundreds of
//! rows. Of a few it costs more than all else, so here a row is asked what it passes, and goes to
//! the readings of that alone.

use std::collections::BTreeSet;
use std::ops::Range;

use smallvec::SmallVec;
use throng_event::Day;

use crate::columns::{NO_CODE, NO_NUMBER};
use crate::history::Decoded;
use crate::number::index;
use crate::plan::{CodeSource, Level, Plan, Predicate, Question, Reading};
use crate::read::clock_code;
use crate::running::{Shape, Slot};
use crate::{ValueForm, Window};

/// What becomes of a row, by what it passes.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    /// Predicates on events that a text of theirs decides, by its field, and all others.
    by_text: Vec<usize>,
    by_row: Vec<usize>,
    /// Where readings keep what they have seen.
    pub(crate) shape: Shape,
    /// The windows of readings, each once.
    pub(crate) windows: Vec<Window>,
    /// Days of the windows that end, each once, the longest last.
    n_days: Vec<i64>,
    /// Whether a reading weighs days by their age, so that it is another one every day.
    pub(crate) any_ages: bool,
}

/// A selection and the readings that are of it.
#[derive(Debug, Clone)]
struct Route {
    level: Level,
    /// The predicates on the event, as bits.
    on_events: Bits,
    /// Those on a line of it.
    on_lines: Vec<usize>,
    steps: Vec<Step>,
}

/// A reading, the place of its window in [`Routes::windows`], and that of its fold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) reading: usize,
    pub(crate) window: usize,
    pub(crate) slot: Slot,
}

/// A bit for every predicate; a catalogue of a hundred features has some dozens.
type Bits = SmallVec<[u64; 4]>;

/// What the texts that are known pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passing {
    /// For every predicate that names texts, whether each code passes it.
    pub(crate) codes: Vec<Vec<bool>>,
    /// For every field and each of its codes, the predicates on events that it passes.
    predicates: Vec<Vec<Bits>>,
}

/// One unit that a selection passes, and the row it is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) row: usize,
    pub(crate) unit: usize,
}

/// Some rows, and what tells where they go.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) routes: &'a Routes,
    pub(crate) decoded: &'a Decoded,
    pub(crate) passing: &'a Passing,
}

impl Routes {
    pub(crate) fn new(plan: &Plan) -> Self {
        let shape = Shape::new(plan);
        let windows: BTreeSet<Window> = plan.readings.iter().map(|reading| reading.window).collect();
        let windows = Vec::from_iter(windows);
        let step = |(reading, of): (usize, &Reading)| {
            let window = windows.binary_search(&of.window).unwrap_or(0);
            Step { reading, window, slot: shape.slots[reading] }
        };
        let of_selection = |(selection_idx, selection): (usize, &crate::plan::Selection)| {
            let on_line = |predicate: &&usize| plan.per_line(&plan.predicates[**predicate]);
            let (on_lines, on_events): (Vec<usize>, Vec<usize>) = selection.predicates.iter().partition(on_line);
            let of_it = |(_, reading): &(usize, &Reading)| plan.signals[reading.signal].selection == selection_idx;
            let steps = plan.readings.iter().enumerate().filter(of_it).map(step).collect();
            Route { level: selection.level, on_events: bits(plan, on_events), on_lines, steps }
        };
        let on_events = (0..plan.predicates.len()).filter(|idx| !plan.per_line(&plan.predicates[*idx]));
        let (by_text, by_row): (Vec<usize>, Vec<usize>) =
            on_events.partition(|idx| text_field(plan, &plan.predicates[*idx]).is_some());
        let mut fields: Vec<usize> =
            by_text.iter().filter_map(|idx| text_field(plan, &plan.predicates[*idx])).collect();
        fields.sort_unstable();
        fields.dedup();
        let n_days = plan.readings.iter().filter_map(|reading| reading.window.n_days());
        let n_days: BTreeSet<i64> = n_days.map(i64::from).collect();
        let is_aged = |question: &Question| matches!(question, Question::Decayed { .. });
        Self {
            routes: plan.selections.iter().enumerate().map(of_selection).collect(),
            by_text: fields,
            by_row,
            shape,
            windows,
            n_days: n_days.into_iter().collect(),
            any_ages: plan.readings.iter().any(|reading| is_aged(&reading.question)),
        }
    }

    /// Returns the last day that no window of a day sees but one without end.
    pub(crate) fn day_before(&self, day: Day) -> i32 {
        i32::try_from(i64::from(day.0) - self.n_days.last().unwrap_or(&0)).unwrap_or(i32::MIN)
    }

    /// Returns whether a day was in a window as of one day, and is out of it as of a later one.
    pub(crate) fn any_leaves(&self, day: i32, days: (Day, Day)) -> bool {
        self.n_days.iter().any(|n_days| leaves(*n_days, day, days))
    }
}

impl Passing {
    pub(crate) fn new(plan: &Plan) -> Self {
        let of_fields = plan.fields.iter().map(|_| Vec::new());
        Self { codes: plan.predicates.iter().map(|_| Vec::new()).collect(), predicates: of_fields.collect() }
    }

    /// Notes which predicates the next text of a field passes.
    pub(crate) fn learn(&mut self, plan: &Plan, field: usize, text: &str) {
        let mut passed = Vec::new();
        for (idx, predicate) in plan.predicates.iter().enumerate() {
            match predicate {
                Predicate::OneOf { field: of, texts } if *of == field => {
                    let passes = texts.binary_search_by(|known| known.as_str().cmp(text)).is_ok();
                    self.codes[idx].push(passes);
                    passed.extend(passes.then_some(idx));
                }
                Predicate::Present { field: of } if *of == field => passed.push(idx),
                Predicate::OneOf { .. }
                | Predicate::Present { .. }
                | Predicate::Hours { .. }
                | Predicate::Weekdays { .. } => {}
            }
        }
        // What is behind the fields is no feature's.
        if let Some(predicates) = self.predicates.get_mut(field) {
            predicates.push(bits(plan, passed));
        }
    }
}

/// Returns the field whose text alone decides a predicate.
fn text_field(plan: &Plan, predicate: &Predicate) -> Option<usize> {
    match predicate {
        Predicate::OneOf { field, .. } => Some(*field),
        Predicate::Present { field } => (plan.fields[*field].form == ValueForm::Text).then_some(*field),
        Predicate::Hours { .. } | Predicate::Weekdays { .. } => None,
    }
}

fn bits(plan: &Plan, predicates: Vec<usize>) -> Bits {
    let mut bits = Bits::from_elem(0, plan.predicates.len().div_ceil(64));
    predicates.into_iter().for_each(|idx| bits[idx / 64] |= 1 << (idx % 64));
    bits
}

impl Rows<'_> {
    /// Calls a function with every reading that a row goes to, and with each of its units that does.
    #[inline]
    pub(crate) fn each(&self, row: usize, mut visit: impl FnMut(&Step, Unit)) {
        let passed = self.passed(row);
        for route in &self.routes.routes {
            if route.on_events.iter().zip(&passed).any(|(needed, passed)| needed & !passed != 0) {
                continue;
            }
            let mut visit = |unit| route.steps.iter().for_each(|step| visit(step, Unit { row, unit }));
            let passes = |line: &usize| route.on_lines.iter().all(|predicate| self.passes(*predicate, *line));
            match route.level {
                Level::Events if route.on_lines.is_empty() || self.lines(row).any(|line| passes(&line)) => {
                    visit(row);
                }
                Level::Events => {}
                Level::Lines => {
                    self.lines(row).filter(passes).for_each(visit);
                }
            }
        }
    }

    /// Returns the predicates on events that a row passes.
    #[inline]
    fn passed(&self, row: usize) -> Bits {
        let mut passed = Bits::from_elem(0, self.plan.predicates.len().div_ceil(64));
        for field in &self.routes.by_text {
            let code = index(self.decoded.fields[*field].codes[row]);
            if let Some(bits) = self.passing.predicates[*field].get(code) {
                passed.iter_mut().zip(bits).for_each(|(passed, bits)| *passed |= bits);
            }
        }
        for idx in &self.routes.by_row {
            passed[idx / 64] |= u64::from(self.passes(*idx, row)) << (idx % 64);
        }
        passed
    }

    /// Returns the day of a row.
    #[inline]
    pub(crate) fn day(&self, row: usize) -> i32 {
        self.decoded.day[row]
    }

    /// Returns when the event of a unit happened.
    #[inline]
    pub(crate) fn occurred_at(&self, at: Unit) -> i64 {
        self.decoded.occurred_at[at.row]
    }

    pub(crate) fn number(&self, field: usize, at: Unit) -> i64 {
        self.decoded.fields[field].numbers[at.unit]
    }

    pub(crate) fn text(&self, field: usize, at: Unit) -> u32 {
        self.decoded.fields[field].codes[at.unit]
    }

    pub(crate) fn code(&self, of: CodeSource, at: Unit) -> u32 {
        match of {
            CodeSource::Field(field) => self.text(field, at),
            CodeSource::Hour | CodeSource::Weekday | CodeSource::Day => {
                clock_code(of, Day(self.decoded.day[at.row]), self.decoded.hour[at.row]).unwrap_or(0)
            }
        }
    }

    fn lines(&self, row: usize) -> Range<usize> {
        let offsets = &self.decoded.line_offsets;
        offsets.get(row + 1).map_or(0..0, |end| index(offsets[row])..index(*end))
    }

    /// Returns whether a row passes a predicate, or a line one on lines.
    fn passes(&self, predicate: usize, unit: usize) -> bool {
        let decoded = self.decoded;
        match &self.plan.predicates[predicate] {
            Predicate::OneOf { field, .. } => {
                let code = index(decoded.fields[*field].codes[unit]);
                self.passing.codes[predicate].get(code).copied().unwrap_or(false)
            }
            Predicate::Present { field } => match self.plan.fields[*field].form {
                ValueForm::Text => decoded.fields[*field].codes[unit] != NO_CODE,
                ValueForm::Number => decoded.fields[*field].numbers[unit] != NO_NUMBER,
            },
            Predicate::Hours { bits } => bits >> decoded.hour[unit] & 1 == 1,
            Predicate::Weekdays { days } => days.contains(Day(decoded.day[unit]).weekday()),
        }
    }
}

/// Returns whether a day was in a window as of one day, and is out of it as of a later one.
#[inline]
pub(crate) fn has_left(window: Window, day: i32, days: (Day, Day)) -> bool {
    window.n_days().is_some_and(|n_days| leaves(i64::from(n_days), day, days))
}

#[inline]
fn leaves(n_days: i64, day: i32, (then, now): (Day, Day)) -> bool {
    let age = |today: Day| i64::from(today.0) - i64::from(day);
    age(then) < n_days && age(now) >= n_days
}
