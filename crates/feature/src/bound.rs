//! A plan bound to the columns of one batch: filters become sets of rows.

use std::ops::Range;
use std::sync::Arc;

use throng_event::{AsOf, Day};

use crate::columns::{Columns, FieldColumn, NO_CODE, NO_NUMBER};
use crate::mask::Mask;
use crate::number::index;
use crate::plan::{Level, Plan, Predicate, Selection};
use crate::{Compiled, FeatureMatrix, Scratch, ValueForm, kernel};

/// A compiled catalogue bound to a batch; profiles are folded from it one by one.
///
/// Binding looks at every row once for every distinct condition. It is worth binding
/// many profiles at a time, up to what memory holds: a bit for each row and condition.
#[derive(Debug)]
pub struct Bound<'a> {
    pub(crate) plan: Arc<Plan>,
    pub(crate) columns: Columns<'a>,
    /// The set of rows or lines of every selection.
    pub(crate) masks: Vec<Mask>,
}

impl Compiled {
    /// Binds the catalogue to the columns of a batch.
    ///
    /// # Panics
    /// When the columns are not what [`Columns`] says they are: other lengths, another
    /// number or type of fields, codes outside their dictionary.
    #[must_use]
    pub fn bind<'a>(&self, columns: Columns<'a>) -> Bound<'a> {
        check(&self.plan, &columns);
        let predicates: Vec<Mask> =
            self.plan.predicates.iter().map(|predicate| predicate_mask(predicate, &self.plan, &columns)).collect();
        let masks = self
            .plan
            .selections
            .iter()
            .map(|selection| selection_mask(selection, &self.plan, &predicates, columns.line_offsets))
            .collect();
        Bound { plan: Arc::clone(&self.plan), columns, masks }
    }
}

impl Bound<'_> {
    /// Folds the rows of one profile and appends its features to a matrix.
    ///
    /// # Panics
    /// When the rows lie outside the batch.
    pub fn fold(&self, rows: Range<usize>, as_of: AsOf, scratch: &mut Scratch, matrix: &mut FeatureMatrix) {
        assert!(rows.start <= rows.end, "a run of rows begins before it ends");
        assert!(rows.end <= self.columns.occurred_at.len(), "a run of rows lies in the batch");
        kernel::fold(self, rows, as_of, scratch, matrix);
    }

    /// Returns the units (rows or lines) of a selection that a range of rows has.
    #[inline]
    pub(crate) fn units(&self, level: Level, rows: Range<usize>) -> Range<usize> {
        match level {
            Level::Events => rows,
            Level::Lines => index(self.columns.line_offsets[rows.start])..index(self.columns.line_offsets[rows.end]),
        }
    }
}

fn check(plan: &Plan, columns: &Columns<'_>) {
    let n_rows = columns.occurred_at.len();
    assert!(columns.day.len() == n_rows, "a day for every row");
    assert!(columns.hour.len() == n_rows, "an hour for every row");
    assert!(columns.hour.iter().all(|hour| *hour < 24), "hours are below 24");
    assert!(columns.fields.len() == plan.fields.len(), "a column for every field of the plan");
    let offsets = columns.line_offsets;
    if plan.fields.iter().any(|field| field.field.per_product()) {
        assert!(offsets.len() == n_rows + 1, "lines of every row");
        assert!(offsets.is_sorted(), "lines stand in the order of their rows");
        assert!(offsets[0] == 0, "the first line is that of the first row");
    }
    let n_lines = offsets.last().map_or(0, |last| index(*last));
    for (field, column) in plan.fields.iter().zip(&columns.fields) {
        let len = if field.field.per_product() { n_lines } else { n_rows };
        let (found, form) = match column {
            FieldColumn::Codes { codes, .. } => (codes.len(), ValueForm::Text),
            FieldColumn::Numbers { values } => (values.len(), ValueForm::Number),
        };
        assert!(form == field.form, "{} is read as {:?}", field.field, field.form);
        assert!(found == len, "a value of {} for every row or line", field.field);
        if let FieldColumn::Codes { codes, dictionary } = column {
            // The mark of a missing value wraps to 0, so one maximum tells.
            let above = codes.iter().fold(0, |above, code| code.wrapping_add(1).max(above));
            assert!(index(above) <= dictionary.len(), "codes of {} lie in their dictionary", field.field);
        }
    }
}

fn predicate_mask(predicate: &Predicate, plan: &Plan, columns: &Columns<'_>) -> Mask {
    match predicate {
        Predicate::OneOf { field, texts } => {
            let (codes, dictionary) = codes(columns, *field);
            one_of(codes, dictionary, texts)
        }
        Predicate::Present { field } => match plan.fields[*field].form {
            ValueForm::Text => Mask::of(codes(columns, *field).0, |code| code != NO_CODE),
            ValueForm::Number => Mask::of(numbers(columns, *field), |number| number != NO_NUMBER),
        },
        Predicate::Hours { bits } => Mask::of(columns.hour, |hour| bits >> hour & 1 == 1),
        Predicate::Weekdays { days } => Mask::of(columns.day, |day| days.contains(Day(day).weekday())),
    }
}

fn one_of(codes: &[u32], dictionary: &[String], texts: &[String]) -> Mask {
    let wanted = |text: &String| texts.binary_search(text).is_ok();
    let passing: Vec<bool> = dictionary.iter().map(wanted).collect();
    let mut positions = passing.iter().enumerate().filter(|(_, passes)| **passes).map(|(idx, _)| idx);
    match (positions.next(), positions.next()) {
        // One code: a comparison, which the processor does many at a time.
        (Some(only), None) => Mask::of(codes, |code| index(code) == only),
        (None, _) => Mask::of(codes, |_| false),
        (Some(_), Some(_)) => Mask::of(codes, |code| passing.get(index(code)).copied().unwrap_or(false)),
    }
}

pub(crate) fn selection_mask(selection: &Selection, plan: &Plan, masks: &[Mask], line_offsets: &[u32]) -> Mask {
    let (mut on_lines, mut on_events) = (Mask::All, Mask::All);
    let mut any_on_lines = false;
    for predicate in &selection.predicates {
        if plan.per_line(&plan.predicates[*predicate]) {
            any_on_lines = true;
            on_lines = on_lines.and(&masks[*predicate]);
        } else {
            on_events = on_events.and(&masks[*predicate]);
        }
    }
    match selection.level {
        Level::Lines => on_events.members(line_offsets).and(&on_lines),
        Level::Events if any_on_lines => on_events.and(&on_lines.groups(line_offsets)),
        Level::Events => on_events,
    }
}

/// Returns the codes and the dictionary of a text field.
pub(crate) fn codes<'c>(columns: &'c Columns<'_>, field: usize) -> (&'c [u32], &'c [String]) {
    match &columns.fields[field] {
        FieldColumn::Codes { codes, dictionary } => (codes, dictionary),
        FieldColumn::Numbers { .. } => unreachable!("field {field} was checked to be a text"),
    }
}

/// Returns the values of a number field.
pub(crate) fn numbers<'c>(columns: &'c Columns<'_>, field: usize) -> &'c [i64] {
    match &columns.fields[field] {
        FieldColumn::Numbers { values } => values,
        FieldColumn::Codes { .. } => unreachable!("field {field} was checked to be a number"),
    }
}
