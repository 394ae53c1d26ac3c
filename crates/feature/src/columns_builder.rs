//! From events to columns, for small data; large data comes as columns already.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use throng_event::{Calendar, Event};

use crate::columns::{Columns, FieldColumn, NO_CODE, NO_NUMBER};
use crate::number::code;
use crate::plan::Plan;
use crate::read::{Cells, Row};
use crate::{Compiled, ValueForm};

/// Columns that own their values, built from the events of one profile after another.
#[derive(Debug, Clone)]
pub struct ColumnsBuilder {
    plan: Arc<Plan>,
    calendar: Calendar,
    occurred_at: Vec<i64>,
    day: Vec<i32>,
    hour: Vec<u8>,
    line_offsets: Vec<u32>,
    fields: Vec<OwnedColumn>,
}

#[derive(Debug, Clone)]
enum OwnedColumn {
    Codes { codes: Vec<u32>, dictionary: Vec<String>, known: BTreeMap<String, u32> },
    Numbers(Vec<i64>),
}

impl ColumnsBuilder {
    /// Returns columns without rows for a catalogue, with days and hours of a calendar.
    #[must_use]
    pub fn new(compiled: &Compiled, calendar: &Calendar) -> Self {
        let fields = compiled.fields().iter().map(|field| match field.form {
            ValueForm::Text => OwnedColumn::Codes { codes: Vec::new(), dictionary: Vec::new(), known: BTreeMap::new() },
            ValueForm::Number => OwnedColumn::Numbers(Vec::new()),
        });
        Self {
            plan: Arc::clone(&compiled.plan),
            calendar: calendar.clone(),
            occurred_at: Vec::new(),
            day: Vec::new(),
            hour: Vec::new(),
            line_offsets: vec![0],
            fields: fields.collect(),
        }
    }

    /// Appends the events of one profile, in whatever order they come, and returns
    /// their rows. Every event must be given once.
    pub fn push_profile<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Range<usize> {
        let mut events: Vec<&Event> = events.into_iter().collect();
        events.sort_by_cached_key(|event| event.position());
        let start = self.occurred_at.len();
        for event in events {
            self.push(event);
        }
        start..self.occurred_at.len()
    }

    /// Returns the columns built so far.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        let fields = self.fields.iter().map(|column| match column {
            OwnedColumn::Codes { codes, dictionary, .. } => FieldColumn::Codes { codes, dictionary },
            OwnedColumn::Numbers(values) => FieldColumn::Numbers { values },
        });
        Columns {
            occurred_at: &self.occurred_at,
            day: &self.day,
            hour: &self.hour,
            line_offsets: &self.line_offsets,
            fields: fields.collect(),
        }
    }

    fn push(&mut self, event: &Event) {
        let row = Row::read(&self.plan, (event, event.id.key()), self.calendar.local(event.occurred_at));
        self.occurred_at.push(row.occurred_at);
        self.day.push(row.day.0);
        self.hour.push(row.hour);
        let n_lines = self.line_offsets.last().copied().unwrap_or(0).checked_add(row.n_lines);
        assert!(n_lines.is_some(), "a batch has fewer than 2^32 product lines");
        self.line_offsets.extend(n_lines);
        for (idx, column) in self.fields.iter_mut().enumerate() {
            match (column, row.cells(idx)) {
                (OwnedColumn::Codes { codes, dictionary, known }, Cells::Texts(texts)) => {
                    codes.extend(
                        texts
                            .iter()
                            .map(|text| text.as_deref().map_or(NO_CODE, |text| intern(text, dictionary, known))),
                    );
                }
                (OwnedColumn::Numbers(values), Cells::Numbers(numbers)) => {
                    values.extend(numbers.iter().map(|number| number.unwrap_or(NO_NUMBER)));
                }
                (OwnedColumn::Codes { .. }, Cells::Numbers(_)) | (OwnedColumn::Numbers(_), Cells::Texts(_)) => {
                    unreachable!("columns and rows follow one plan")
                }
            }
        }
    }
}

fn intern(text: &str, dictionary: &mut Vec<String>, known: &mut BTreeMap<String, u32>) -> u32 {
    if let Some(code) = known.get(text) {
        return *code;
    }
    let new = code(dictionary.len());
    dictionary.push(text.to_owned());
    known.insert(text.to_owned(), new);
    new
}
