//! The fold of histories: the few rows of one profile.
//!
//! Short histories go through the folds of the readings row by row, and so do the next events of a
//! profile whose [fold is kept](RunningFold). Long ones go through the batch kernel and its masks,
//! those of [`Bound`]; what differs is that texts have codes that stay for as long as the server
//! runs, and that which of them pass a condition is known before any row is looked at.
//!
//! What happened is kept beside what the fold reads, for the features of journeys: the codes
//! of touchpoints, which whoever knows journeys reads with [`HistoryFold::touchpoints`].

use std::sync::Arc;

use throng_event::{AsOf, Calendar, Event, EventKey};

use crate::bound::{Bound, selection_mask};
use crate::columns::{Columns, FieldColumn, NO_CODE, NO_NUMBER};
use crate::history::{Cursor, Decoded, History, Layout};
use crate::kernel;
use crate::mask::Mask;
use crate::number::{code, index};
use crate::plan::{Plan, Predicate};
use crate::read::Row;
use crate::routes::{Passing, Routes, Rows};
use crate::{Compiled, FeatureMatrix, RunningFold, Scratch, ValueForm};

/// What all histories of a catalogue share: their dictionary of texts.
///
/// ```
/// use throng_event::{Admission, Calendar, Draft, EventKind, Instant, Limits, PersonalData, admit};
/// use throng_feature::{Catalogue, Compiled, FeatureMatrix, FeatureValue, History, HistoryFold, HistoryScratch};
/// # use throng_feature::{FeatureDefinition, FeatureKind, Filter, SignalCategory, Window};
/// # let orders = FeatureDefinition {
/// #     name: "orders".to_owned(),
/// #     kind: FeatureKind::Count,
/// #     filter: Filter::named("Order Completed"),
/// #     window: Window::days(90),
/// #     half_life_days: None,
/// #     description: String::new(),
/// #     phrase: String::new(),
/// #     unit: String::new(),
/// #     category: SignalCategory::Transactional,
/// # };
/// let compiled = Compiled::new(&Catalogue::new(vec![orders], None)?);
/// let mut fold = HistoryFold::new(&compiled);
/// let mut history = History::default();
/// # let limits = Limits { source: "shop".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal: PersonalData::default() };
/// # let draft = Draft {
/// #     kind: Some(EventKind::Track),
/// #     name: Some("Order Completed".to_owned()),
/// #     user_id: Some("u1".to_owned()),
/// #     occurred_at: Some(Instant(1_700_000_000_000_000)),
/// #     ..Draft::default()
/// # };
/// # let Admission::Admitted(event, _) = admit(draft, &limits) else { panic!("admitted") };
/// let calendar = Calendar::utc();
/// fold.add(&mut history, (&event, None), &calendar);
/// let mut matrix = FeatureMatrix::new(&compiled);
/// let as_of = calendar.as_of(calendar.local(event.occurred_at).0);
/// fold.fold(&[&history], as_of, &mut HistoryScratch::default(), &mut matrix);
/// assert_eq!(matrix.value(0, 0), Some(FeatureValue::Number(1.0)));
/// # Ok::<(), throng_feature::FeatureError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HistoryFold {
    plan: Arc<Plan>,
    layout: Layout,
    routes: Routes,
    /// One for every field of the layout; those of numbers stay empty.
    dictionaries: Vec<Dictionary>,
    passing: Passing,
    /// The values of the event at hand; kept for its memory.
    tail: Vec<u8>,
    /// When the event at hand happened, its key, its day.
    at_hand: (i64, i64, i32),
}

/// Looked up by text, never iterated.
#[expect(clippy::disallowed_types, reason = "the order of iteration is never seen")]
type Codes = std::collections::HashMap<String, u32, foldhash::fast::FixedState>;

#[derive(Debug, Clone, Default)]
struct Dictionary {
    texts: Vec<String>,
    codes: Codes,
}

/// Memory the fold uses again for every profile; each thread has its own.
#[derive(Debug, Default)]
pub struct HistoryScratch {
    rows: RowScratch,
    kernel: Scratch,
    /// Used again for those whose folds are not kept.
    running: Option<RunningFold>,
    left: Vec<bool>,
}

#[derive(Debug, Default)]
struct RowScratch {
    /// The rows that were folded last, in the total order.
    rows: Decoded,
    order: Vec<u32>,
    unsorted: Decoded,
}

/// What happened to one profile, as it was folded last, in the total order.
#[derive(Debug, Clone, Copy)]
pub struct Touchpoints<'a> {
    /// When each event happened, ascending.
    pub occurred_at: &'a [i64],
    /// Its touchpoint's place in [`HistoryFold::touchpoint_names`]; [`NO_CODE`] for an event
    /// that is none, another number without a name for one of too many.
    pub codes: &'a [u32],
}

/// Rows that are folded one by one: of more the kernel makes less work.
const ROWS_ONE_BY_ONE_MAX: usize = 128;

/// How many rows a late event may be behind the last so that it costs no more than these: what
/// overtakes itself on the way here is mostly seconds apart.
const LATE_ROWS: usize = 16;

/// Touchpoints of different names that are told apart: a million names take as much memory as
/// several million events. Those that come beyond it are one without a name.
const TOUCHPOINTS_MAX: usize = 1_000_000;

impl HistoryFold {
    /// Returns the fold of a catalogue with an empty dictionary.
    #[must_use]
    pub fn new(compiled: &Compiled) -> Self {
        let plan = Arc::clone(&compiled.plan);
        let layout = Layout::new(&plan);
        let routes = Routes::new(&plan);
        let dictionaries = layout.fields().map(|_| Dictionary::default()).collect();
        let passing = Passing::new(&plan);
        Self { plan, layout, routes, dictionaries, passing, tail: Vec::new(), at_hand: (0, 0, 0) }
    }

    /// Returns the fold of a catalogue with the dictionary of an earlier one, of the same catalogue;
    /// `None` when it is not.
    #[must_use]
    pub fn with_texts(compiled: &Compiled, texts: &[Vec<String>]) -> Option<Self> {
        let mut fold = Self::new(compiled);
        if texts.len() != fold.dictionaries.len() {
            return None;
        }
        let Self { plan, dictionaries, passing, .. } = &mut fold;
        for (field, (dictionary, texts)) in dictionaries.iter_mut().zip(texts).enumerate() {
            texts.iter().for_each(|text| _ = dictionary.code(text, |text| passing.learn(plan, field, text)));
            if dictionary.texts.len() != texts.len() {
                return None;
            }
        }
        Some(fold)
    }

    /// Returns the dictionary of every field, in the order of its codes.
    pub fn texts(&self) -> impl Iterator<Item = &[String]> {
        self.dictionaries.iter().map(|dictionary| dictionary.texts.as_slice())
    }

    /// Puts an event, with what it is called in journeys, in its place in its carrier's history
    /// and returns whether it is now the last one. An event that is there already changes
    /// nothing. Without features of journeys, what it is called is not kept.
    pub fn add(
        &mut self,
        history: &mut History,
        (event, touchpoint): (&Event, Option<&str>),
        calendar: &Calendar,
    ) -> bool {
        self.add_keyed(history, (event, event.id.key(), touchpoint), calendar)
    }

    /// As [`add`](Self::add), for an event whose key is known: to find it is to hash its id.
    pub fn add_keyed(
        &mut self,
        history: &mut History,
        (event, key, touchpoint): (&Event, EventKey, Option<&str>),
        calendar: &Calendar,
    ) -> bool {
        let Self { plan, layout, dictionaries, passing, tail, at_hand, .. } = self;
        let mut intern = |field: usize, text: &str| {
            let dictionary = &mut dictionaries[field];
            if field == plan.fields.len() && dictionary.texts.len() >= TOUCHPOINTS_MAX {
                return dictionary.codes.get(text).copied().unwrap_or(code(TOUCHPOINTS_MAX));
            }
            dictionary.code(text, |text| passing.learn(plan, field, text))
        };
        let row = Row::read(plan, (event, key), calendar.local(event.occurred_at));
        *at_hand = (row.occurred_at, row.key, row.day.0);
        layout.add(history, (&row, touchpoint), &mut intern, tail)
    }

    /// Folds the histories of all carriers of one profile and appends its features to a matrix.
    ///
    /// # Panics
    /// When a history was read with another fold.
    pub fn fold(&self, histories: &[&History], as_of: AsOf, scratch: &mut HistoryScratch, matrix: &mut FeatureMatrix) {
        let n_rows: usize = histories.iter().map(|history| history.n_events()).sum();
        if n_rows > ROWS_ONE_BY_ONE_MAX {
            let HistoryScratch { rows, kernel, .. } = scratch;
            let rows = self.rows(histories, &mut Vec::new(), i32::MIN, rows);
            kernel::fold(&self.bind(rows), 0..rows.occurred_at.len(), as_of, kernel, matrix);
            return;
        }
        let running = scratch.running.take();
        let mut running = running.unwrap_or_else(|| RunningFold::new(&self.routes.shape, as_of));
        self.start_over(&mut running, histories, (as_of, 0), scratch);
        self.evaluate(&mut running, scratch, matrix);
        scratch.running = Some(running);
    }

    /// Folds the histories of all carriers of one profile so that its next events can be taken in
    /// one by one.
    ///
    /// # Panics
    /// When a history was read with another fold.
    #[must_use]
    pub fn start(&self, histories: &[&History], as_of: AsOf, scratch: &mut HistoryScratch) -> RunningFold {
        let mut running = RunningFold::new(&self.routes.shape, as_of);
        self.start_over(&mut running, histories, (as_of, 0), scratch);
        running
    }

    /// Folds all events, and keeps what is known so many before the last.
    fn start_over(
        &self,
        running: &mut RunningFold,
        histories: &[&History],
        (as_of, n_late): (AsOf, usize),
        scratch: &mut HistoryScratch,
    ) {
        running.clear(&self.routes.shape, as_of);
        let starts = &mut running.starts;
        let decoded = self.rows(histories, starts, self.routes.day_before(as_of.day), &mut scratch.rows);
        let n_rows = decoded.n_rows();
        let n_first = n_rows.saturating_sub(n_late);
        running.push(self.routed(decoded), 0..n_first);
        if (1..n_rows).contains(&n_first) {
            let mut rests = vec![Cursor::default(); histories.len()];
            self.pass(histories, &mut rests, decoded.place(n_first - 1));
            running.keep_earlier(decoded.place(n_first - 1), rests);
        }
        running.push(self.routed(decoded), n_first..n_rows);
        running.last = decoded.last();
    }

    /// Moves cursors behind the event of a place.
    fn pass(&self, histories: &[&History], cursors: &mut [Cursor], last: (i64, i64)) {
        histories.iter().zip(cursors).for_each(|(history, cursor)| self.layout.pass(history, cursor, last));
    }

    /// Takes the event that was [added](Self::add) last into the fold of its profile, whose histories
    /// these are, where it did not [extend](Self::extend) it; an event that is there already changes
    /// nothing. `false` where all histories would have to be folded for it and are more than so many
    /// rows: the fold is to be [started](Self::start) anew then.
    ///
    /// # Panics
    /// When a history was read with another fold.
    pub fn mend(
        &self,
        running: &mut RunningFold,
        (histories, n_rows_max): (&[&History], usize),
        scratch: &mut HistoryScratch,
    ) -> bool {
        let (occurred_at, key, day) = self.at_hand;
        let as_of = running.as_of;
        // Before the longest window begins it would move that beginning.
        let in_windows = day > self.routes.day_before(as_of.day);
        if let Some(earlier) = &mut running.earlier
            && earlier.last < (occurred_at, key)
            && in_windows
            && earlier.rests.len() == histories.len()
        {
            let decoded = self.rows(histories, &mut earlier.rests, i32::MIN, &mut scratch.rows);
            let n_rows = decoded.n_rows();
            let n_first = if n_rows > 2 * LATE_ROWS { n_rows - LATE_ROWS } else { 0 };
            if n_first > 0 {
                earlier.last = decoded.place(n_first - 1);
                self.pass(histories, &mut earlier.rests, earlier.last);
            }
            running.go_back(self.routed(decoded), 0..n_first);
            running.push(self.routed(decoded), n_first..n_rows);
            running.last = decoded.last();
            return true;
        }
        if histories.iter().map(|history| history.n_events()).sum::<usize>() > n_rows_max {
            return false;
        }
        self.start_over(running, histories, (as_of, LATE_ROWS), scratch);
        true
    }

    /// Takes the event that was [added](Self::add) last into the fold of its profile; `false` where
    /// that cannot be, for it is not the last one, or is after the day that the fold is as of. The
    /// fold is to be [mended](Self::mend) then. An event must enter once.
    pub fn extend(&self, running: &mut RunningFold, scratch: &mut HistoryScratch) -> bool {
        let (occurred_at, key, day) = self.at_hand;
        if day > running.as_of.day.0 || running.last.is_some_and(|last| last >= (occurred_at, key)) {
            return false;
        }
        let decoded = &mut scratch.rows.rows;
        self.layout.clear(decoded);
        self.layout.read_one(self.at_hand, &self.tail, decoded);
        running.push(self.routed(decoded), 0..1);
        running.last = Some((occurred_at, key));
        true
    }

    /// Brings the fold of a profile, whose histories these are, to a later day; `false` where that
    /// cannot be, and it is to be [started](Self::start) anew.
    pub fn advance(
        &self,
        running: &mut RunningFold,
        histories: &[&History],
        as_of: AsOf,
        scratch: &mut HistoryScratch,
    ) -> bool {
        let is_later = as_of.day >= running.as_of.day;
        if self.routes.any_ages || !is_later || histories.len() != running.starts.len() {
            return false;
        }
        let until = self.routes.day_before(as_of.day);
        let decoded = self.rows(histories, &mut running.starts, until, &mut scratch.rows);
        running.advance(self.routed(decoded), as_of, &mut scratch.left);
        true
    }

    /// Appends the features of a profile whose fold was kept to a matrix.
    pub fn evaluate(&self, running: &mut RunningFold, scratch: &mut HistoryScratch, matrix: &mut FeatureMatrix) {
        let summaries = &mut scratch.kernel.summaries;
        let texts = |field: usize| self.dictionaries[field].texts.as_slice();
        running.summaries(summaries, &self.routes.shape, &texts);
        kernel::evaluate_row(&self.plan, summaries, running.as_of, &texts, matrix);
    }

    /// Returns the rows of all histories in their total order, each from a place on, or from the
    /// beginning where no places are known; moves the places behind the events until a day.
    fn rows<'s>(
        &self,
        histories: &[&History],
        starts: &mut Vec<Cursor>,
        until: i32,
        scratch: &'s mut RowScratch,
    ) -> &'s Decoded {
        let RowScratch { rows, order, unsorted } = scratch;
        self.layout.clear(rows);
        starts.resize(histories.len(), Cursor::default());
        let each = histories.iter().zip(starts);
        each.for_each(|(history, start)| self.layout.read(history, start, until, rows));
        if histories.len() > 1 && !rows.is_sorted() {
            std::mem::swap(rows, unsorted);
            order.clear();
            order.extend(0..code(unsorted.occurred_at.len()));
            order.sort_unstable_by_key(|row| (unsorted.occurred_at[index(*row)], unsorted.key[index(*row)]));
            self.layout.clear(rows);
            self.take_in_order(unsorted, order, rows);
        }
        rows
    }

    fn routed<'a>(&'a self, decoded: &'a Decoded) -> Rows<'a> {
        Rows { plan: &self.plan, routes: &self.routes, decoded, passing: &self.passing }
    }

    /// Returns the touchpoints of the profile that was folded last with this memory; no codes
    /// where the catalogue has no feature of journeys.
    #[must_use]
    pub fn touchpoints<'s>(&self, scratch: &'s HistoryScratch) -> Touchpoints<'s> {
        let codes = scratch.rows.rows.fields.get(self.plan.fields.len()).map_or(&[][..], |field| &field.codes);
        Touchpoints { occurred_at: &scratch.rows.rows.occurred_at, codes }
    }

    /// Returns the names of touchpoints by their codes, in the order they were met.
    #[must_use]
    pub fn touchpoint_names(&self) -> &[String] {
        self.dictionaries.get(self.plan.fields.len()).map_or(&[], |dictionary| &dictionary.texts)
    }

    /// Returns the bytes of memory the dictionary takes, without its tables of hashes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let of_text = |text: &String| 2 * (size_of::<String>() + text.capacity()) + size_of::<u32>();
        self.dictionaries.iter().flat_map(|dictionary| &dictionary.texts).map(of_text).sum()
    }

    fn take_in_order(&self, from: &Decoded, order: &[u32], into: &mut Decoded) {
        let offsets = &from.line_offsets;
        let mut n_lines = 0;
        for row in order.iter().map(|row| index(*row)) {
            into.occurred_at.push(from.occurred_at[row]);
            into.key.push(from.key[row]);
            into.day.push(from.day[row]);
            into.hour.push(from.hour[row]);
            let lines = offsets.get(row + 1).map_or(0..0, |end| index(offsets[row])..index(*end));
            for (field, (form, per_line)) in self.layout.fields().enumerate() {
                let units = if per_line { lines.clone() } else { row..row + 1 };
                let (from, into) = (&from.fields[field], &mut into.fields[field]);
                match form {
                    ValueForm::Text => into.codes.extend_from_slice(&from.codes[units]),
                    ValueForm::Number => into.numbers.extend_from_slice(&from.numbers[units]),
                }
            }
            if offsets.len() > 1 {
                n_lines += code(lines.len());
                into.line_offsets.push(n_lines);
            }
        }
    }

    fn bind<'a>(&'a self, rows: &'a Decoded) -> Bound<'a> {
        let plan = &self.plan;
        let fields = plan.fields.iter().zip(&rows.fields).zip(&self.dictionaries);
        let fields = fields.map(|((field, values), dictionary)| match field.form {
            ValueForm::Text => FieldColumn::Codes { codes: &values.codes, dictionary: &dictionary.texts },
            ValueForm::Number => FieldColumn::Numbers { values: &values.numbers },
        });
        let columns = Columns {
            occurred_at: &rows.occurred_at,
            day: &rows.day,
            hour: &rows.hour,
            line_offsets: &rows.line_offsets,
            fields: fields.collect(),
        };
        let predicates: Vec<Mask> = plan
            .predicates
            .iter()
            .zip(&self.passing.codes)
            .map(|(predicate, passing)| mask(predicate, passing, plan, rows))
            .collect();
        let masks = plan
            .selections
            .iter()
            .map(|selection| selection_mask(selection, plan, &predicates, columns.line_offsets))
            .collect();
        Bound { plan: Arc::clone(plan), columns, masks }
    }
}

impl Dictionary {
    fn code(&mut self, text: &str, new: impl FnOnce(&str)) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let next = code(self.texts.len());
        self.texts.push(text.to_owned());
        self.codes.insert(text.to_owned(), next);
        new(text);
        next
    }
}

fn mask(predicate: &Predicate, passing: &[bool], plan: &Plan, rows: &Decoded) -> Mask {
    let passes = |code: u32| passing.get(index(code)).copied().unwrap_or(false);
    match predicate {
        Predicate::OneOf { field, .. } => Mask::of(&rows.fields[*field].codes, passes),
        Predicate::Present { field } => match plan.fields[*field].form {
            ValueForm::Text => Mask::of(&rows.fields[*field].codes, |code| code != NO_CODE),
            ValueForm::Number => Mask::of(&rows.fields[*field].numbers, |number| number != NO_NUMBER),
        },
        Predicate::Hours { bits } => Mask::of(&rows.hour, |hour| bits >> hour & 1 == 1),
        Predicate::Weekdays { days } => Mask::of(&rows.day, |day| days.contains(throng_event::Day(day).weekday())),
    }
}
