//! Rows of a table, cut into blocks that can be read apart from each other.
//!
//! A row is an event by itself where no order is put together from several. What still depends
//! on the rows before, the how-many-th of its like a row without an id is, is found where the
//! rows are cut.

use std::sync::Arc;

use throng_event::Problem;

use super::plan::Plan;
use super::row::{Columns, Row};
use super::{Ordinals, RowSource, Step, take_alone};
use crate::import::Intake;
use crate::{Import, Mapping, SourceError};

/// The rows of a table on their way into blocks.
pub(crate) struct Rows<'a> {
    source: Box<dyn RowSource + 'a>,
    columns: Columns,
    shared: Shared,
    ordinals: Ordinals,
}

/// What the rows of a block are read by.
#[derive(Clone)]
struct Shared {
    plan: Arc<Plan>,
    columns: Arc<Columns>,
}

/// Rows that stand one after the other in their table.
#[derive(Default)]
pub(crate) struct RowBlock {
    shared: Option<Shared>,
    records: Vec<Record>,
    n_bytes: usize,
    /// The rows among the records, and behind them the room of rows there were.
    rows: Vec<Row>,
    n_rows: usize,
}

enum Record {
    /// With its content, where it has no id.
    Row(Option<Vec<u8>>),
    Bad(Vec<Problem>, String),
}

impl<'a> Rows<'a> {
    /// Returns the rows of a table.
    pub(super) fn new(
        source: Box<dyn RowSource + 'a>,
        mapping: &Mapping,
        import: Import<'_>,
    ) -> Result<Self, SourceError> {
        let mut columns = source.columns().clone();
        let plan = Arc::new(Plan::new(mapping, import, &mut columns)?);
        let shared = Shared { plan, columns: Arc::new(columns.clone()) };
        Ok(Self { source, columns, shared, ordinals: Ordinals::new() })
    }

    /// Adds rows to a block until it has so many bytes. Rows that stand before a fault are added.
    pub(crate) fn fill(&mut self, block: &mut RowBlock, n_bytes: usize) -> Result<(), SourceError> {
        let filled = self.fill_rows(block, n_bytes);
        if self.shared.columns.len() < self.columns.len() {
            self.shared.columns = Arc::new(self.columns.clone());
        }
        block.shared = Some(self.shared.clone());
        filled
    }

    fn fill_rows(&mut self, block: &mut RowBlock, n_bytes: usize) -> Result<(), SourceError> {
        while block.n_bytes < n_bytes {
            if block.rows.len() == block.n_rows {
                block.rows.push(Row::default());
            }
            let row = &mut block.rows[block.n_rows];
            match self.source.next(row, &mut self.columns)? {
                Step::End => break,
                Step::Bad(problems, raw) => {
                    block.n_bytes += raw.len();
                    block.records.push(Record::Bad(problems, raw));
                }
                Step::Row => {
                    block.n_bytes += row.n_bytes();
                    let content = (!self.shared.plan.names(row)).then(|| self.ordinals.content(row, &self.columns));
                    block.records.push(Record::Row(content));
                    block.n_rows += 1;
                }
            }
        }
        Ok(())
    }
}

impl RowBlock {
    /// Forgets the rows and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.n_bytes = 0;
        self.n_rows = 0;
    }

    pub(crate) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Whether there are any rows.
    pub(crate) fn any(&self) -> bool {
        !self.records.is_empty()
    }

    /// Reads the rows.
    pub(crate) fn read(&self, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        let Some(Shared { plan, columns }) = &self.shared else { return Ok(()) };
        // A plan remembers the time it read last.
        let mut plan = Plan::clone(plan);
        let mut rows = self.rows.iter();
        for record in &self.records {
            let number = intake.next_row();
            match record {
                Record::Bad(problems, raw) => intake.put_aside(number, problems.clone(), raw.clone())?,
                Record::Row(content) => {
                    let Some(row) = rows.next() else { break };
                    let line = plan.line(row);
                    take_alone(line, (row, columns), &plan, || content.clone().unwrap_or_default(), intake)?;
                }
            }
        }
        Ok(())
    }
}
