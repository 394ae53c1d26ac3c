//! What a question about journeys is answered with: tables whose rows open into the
//! customers behind them, drawn one way for all commands.

use std::fmt::Write as _;

use anyhow::bail;
use serde_json::{Map, Value, json};
use throng_engine::Share;
use throng_event::{Currency, Money};
use throng_journey::{Bounds, ProfileSet};

use crate::failure::Usage;
use crate::format::{clean, count, duration, major, share, wrapped};
use crate::output::{Align, Grid, Output};

/// One value of a row.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// Words.
    Text(String),
    /// A count.
    Count(u64),
    /// A share between 0 and 1, none where there is nothing to share.
    Share(Option<f64>),
    /// An interval of a share.
    Range(Bounds),
    /// A time, none where it is not known.
    Seconds(Option<f64>),
    /// An amount of minor units, none where values are not known.
    Money(Option<(f64, Currency)>),
    /// A share drawn as a bar.
    Bar(f64),
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) title: String,
    /// Its key in JSON; none where JSON says it by the row's own keys.
    pub(super) json: Option<&'static str>,
    pub(super) align: Align,
}

/// Some customers behind a row.
pub(super) struct Opening<'a> {
    /// What they are called by `--customers`.
    pub(super) key: String,
    pub(super) profiles: Box<dyn Fn() -> ProfileSet + 'a>,
}

/// One row of a table.
pub(super) struct Row<'a> {
    /// What the row is about, the same in every group.
    pub(super) key: String,
    pub(super) cells: Vec<Cell>,
    /// More for JSON.
    pub(super) more: Map<String, Value>,
    /// Customers of customers, where groups are compared.
    pub(super) compared: Option<Share>,
    /// The first is meant by the row's number.
    pub(super) openings: Vec<Opening<'a>>,
    /// Whether JSON says it elsewhere.
    shown_only: bool,
}

/// One table of an answer.
pub(super) struct Table<'a> {
    /// What stands above it, where there are several.
    pub(super) title: Option<String>,
    /// The key of its rows in JSON.
    pub(super) json: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Row<'a>>,
    /// How the table is drawn beside that of another group.
    pub(super) beside: Beside,
    /// Rows that people see; JSON has them all.
    pub(super) shown_max: usize,
    /// Lines below it.
    pub(super) notes: Vec<String>,
}

/// How a table is drawn beside that of another group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// As one table with the difference, the largest first; the text says of what the shares are.
    Ranked(&'static str),
    /// As one table with the difference, in its own order.
    Ordered(&'static str),
    /// One after the other.
    Apart,
}

/// Whether two groups differ as a whole by more than chance.
pub(super) struct Tested {
    pub(super) words: String,
    pub(super) document: Value,
}

/// The answer about one group of customers.
pub(super) struct Answer<'a> {
    /// What is answered, whoever is asked about.
    pub(super) title: String,
    /// The same of one group.
    pub(super) heading: String,
    /// Totals for JSON.
    pub(super) totals: Map<String, Value>,
    pub(super) tables: Vec<Table<'a>>,
}

impl Column {
    /// Returns a column of names, never wrapped.
    pub(super) fn name(title: &str, json: &'static str) -> Self {
        Self { title: title.to_owned(), json: Some(json), align: Align::Whole }
    }

    /// Returns a column of numbers.
    pub(super) fn number(title: &str, json: &'static str) -> Self {
        Self { title: title.to_owned(), json: Some(json), align: Align::Right }
    }

    /// Returns a column that only people see.
    pub(super) fn shown(title: &str, align: Align) -> Self {
        Self { title: title.to_owned(), json: None, align }
    }
}

impl<'a> Opening<'a> {
    /// Returns an opening.
    pub(super) fn new(key: impl Into<String>, profiles: impl Fn() -> ProfileSet + 'a) -> Self {
        Self { key: key.into(), profiles: Box::new(profiles) }
    }
}

impl<'a> Row<'a> {
    /// Returns a row that opens into no customers yet.
    pub(super) fn new(key: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self { key: key.into(), cells, more: Map::new(), compared: None, openings: Vec::new(), shown_only: false }
    }

    /// Makes the row's own key open into customers.
    #[must_use]
    pub(super) fn opens(mut self, profiles: impl Fn() -> ProfileSet + 'a) -> Self {
        let key = self.key.clone();
        self.openings.push(Opening::new(key, profiles));
        self
    }

    /// Makes another key open into customers.
    #[must_use]
    pub(super) fn opens_as(mut self, key: impl Into<String>, profiles: impl Fn() -> ProfileSet + 'a) -> Self {
        self.openings.push(Opening::new(key, profiles));
        self
    }

    /// Says what is compared between groups.
    #[must_use]
    pub(super) fn compared(mut self, n: u64, of: u64) -> Self {
        self.compared = Some(Share { n, of });
        self
    }

    /// Adds to JSON.
    #[must_use]
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// Leaves the row out of JSON, which says it elsewhere.
    #[must_use]
    pub(super) fn only_shown(self) -> Self {
        Self { shown_only: true, ..self }
    }

    fn document(&self, columns: &[Column]) -> Value {
        let mut document = Map::new();
        document.insert("key".to_owned(), json!(self.key));
        document.extend(self.more.clone());
        for (column, cell) in columns.iter().zip(&self.cells) {
            if let Some(key) = column.json {
                document.insert(key.to_owned(), cell.value());
            }
        }
        Value::Object(document)
    }
}

impl Cell {
    /// Returns words.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Returns how people read it.
    pub(super) fn shown(&self) -> String {
        const NOTHING: &str = "–";
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(n) => count(*n),
            Self::Share(part) => part.map_or_else(|| NOTHING.to_owned(), share),
            Self::Range(bounds) => range(*bounds),
            Self::Seconds(seconds) => seconds.map_or_else(|| NOTHING.to_owned(), duration),
            Self::Money(amount) => {
                amount.map_or_else(|| NOTHING.to_owned(), |(minor, currency)| amount_of(minor, currency))
            }
            Self::Bar(part) => bar(*part),
        }
    }

    fn value(&self) -> Value {
        match self {
            // Nothing on the screen is nothing there.
            Self::Text(text) if text.is_empty() => Value::Null,
            Self::Text(text) => json!(text),
            Self::Count(n) => json!(n),
            Self::Share(part) => json!(part),
            Self::Range(bounds) => json!([bounds.low, bounds.high]),
            Self::Seconds(seconds) => json!(seconds),
            Self::Bar(part) => json!(part),
            Self::Money(amount) => json!(amount.map(|(minor, _)| minor.round())),
        }
    }
}

/// Returns an interval of a share: `41–45 %`.
pub(super) fn range(bounds: Bounds) -> String {
    let (low, high) = (share(bounds.low), share(bounds.high));
    format!("{}–{high}", low.trim_end_matches(" %"))
}

/// Returns an amount of minor units that need not be whole.
pub(super) fn amount_of(minor: f64, currency: Currency) -> String {
    let unit = Money { minor: 1, currency }.to_major();
    major(minor * unit, currency)
}

/// Characters of a whole bar.
const BAR_LENGTH: f64 = 12.0;

/// Returns a share as a bar of text.
pub(super) fn bar(share: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 12; NaN becomes 0")]
    let n_blocks = (share.clamp(0.0, 1.0) * BAR_LENGTH).round() as usize;
    "█".repeat(n_blocks)
}

impl Answer<'_> {
    /// Returns the answer as one JSON document.
    pub(super) fn document(&self) -> Map<String, Value> {
        let mut document = self.totals.clone();
        for table in &self.tables {
            let rows = table.rows.iter().filter(|row| !row.shown_only);
            let rows: Vec<Value> = rows.map(|row| row.document(&table.columns)).collect();
            document.insert(table.json.to_owned(), Value::Array(rows));
        }
        document
    }

    /// Prints the answer for people.
    pub(super) fn print(&self, output: Output<'_>) -> anyhow::Result<()> {
        output.heading(&clean(&self.heading))?;
        let mut n_before = 0;
        for table in &self.tables {
            if let Some(title) = &table.title {
                output.text("")?;
                output.heading(title)?;
            }
            table.print(output, n_before)?;
            n_before += table.rows.len().min(table.shown_max);
        }
        Ok(())
    }

    /// Returns the opening that somebody means: by a row's number, or by a key, written
    /// with any arrow and in any case.
    ///
    /// # Errors
    /// [`Usage`] with the keys there are.
    pub(super) fn opening(&self, wanted: &str) -> anyhow::Result<&Opening<'_>> {
        let rows: Vec<&Row<'_>> =
            self.tables.iter().flat_map(|table| table.rows.iter().take(table.shown_max)).collect();
        let openings = || self.tables.iter().flat_map(|table| &table.rows).flat_map(|row| &row.openings);
        let key = normal(wanted);
        if let Some(opening) = openings().find(|opening| normal(&opening.key) == key) {
            return Ok(opening);
        }
        let number = wanted.trim().trim_start_matches('#').parse::<usize>().ok();
        let row = number.and_then(|number| rows.get(number.checked_sub(1)?));
        if let Some(opening) = row.and_then(|row| row.openings.first()) {
            return Ok(opening);
        }
        let mut known = String::new();
        for opening in openings().take(KEYS_SHOWN_MAX) {
            let separator = if known.is_empty() { "" } else { ", " };
            write!(known, "{separator}{:?}", opening.key)?;
        }
        let what = format!("no row of the answer is called {wanted:?}");
        let hint = if known.is_empty() {
            "the answer has no rows".to_owned()
        } else {
            format!("say a row's number, or: {known}")
        };
        bail!(Usage { what, hint })
    }
}

/// Keys an error shows; more would bury them.
const KEYS_SHOWN_MAX: usize = 12;

/// Returns a key as it is compared: `A -> B` is `a → b`.
pub(super) fn normal(key: &str) -> String {
    let key = key.replace("->", "→").replace("...", "…").to_lowercase();
    let steps: Vec<&str> = key.split('→').map(str::trim).collect();
    steps.join(" → ")
}

impl Table<'_> {
    pub(super) fn print(&self, output: Output<'_>, n_before: usize) -> anyhow::Result<()> {
        if self.rows.is_empty() {
            output.text("Nothing to show.")?;
        } else {
            let mut columns = vec![("", Align::Right)];
            columns.extend(self.columns.iter().map(|column| (column.title.as_str(), column.align)));
            let mut grid = Grid::new(&columns);
            for (number, row) in (n_before + 1..).zip(self.rows.iter().take(self.shown_max)) {
                let mut cells = vec![number.to_string()];
                cells.extend(row.cells.iter().map(Cell::shown));
                grid.row(cells);
            }
            output.grid(&grid)?;
        }
        let n_left = self.rows.len().saturating_sub(self.shown_max);
        if n_left > 0 {
            output.note(&format!("{n_left} more rows; --top shows more, --format json all"));
        }
        for note in &self.notes {
            output.text(&wrapped(&clean(note), output.prose_width(), 0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer<'static> {
        let set = |profile: u32| move || [profile].into_iter().collect::<ProfileSet>();
        let row = |key: &str, profile| Row::new(key, vec![Cell::text(key)]).opens(set(profile));
        let table = |json, rows| Table {
            title: None,
            json,
            columns: vec![Column::name("what", "what")],
            rows,
            beside: Beside::Apart,
            shown_max: usize::MAX,
            notes: Vec::new(),
        };
        let first = table("a", vec![row("View → Order", 1), row("3", 2).opens_as("3 -> lost", set(7))]);
        let second = table("b", vec![row("(other)", 3)]);
        Answer { title: String::new(), heading: String::new(), totals: Map::new(), tables: vec![first, second] }
    }

    fn check(wanted: &str, profile: u32) {
        let answer = answer();
        let found = (answer.opening(wanted).unwrap().profiles)();
        assert!(found.contains(profile), "{wanted}");
    }

    #[test]
    fn a_row_is_meant_by_its_words_before_its_number() {
        check("view->order", 1);
        check("View  →  Order", 1);
        check("1", 1);
        check("3", 2);
        check("#3", 3);
        check("3 → LOST", 7);
        check("(other)", 3);
    }

    #[test]
    fn a_row_that_is_not_there_is_wrong_usage_and_the_rows_are_named() {
        let answer = answer();
        for wanted in ["9", "0", "", "Order → View"] {
            let Err(error) = answer.opening(wanted) else { panic!("{wanted}") };
            let usage = error.downcast_ref::<Usage>().unwrap();
            assert!(usage.hint.contains("View → Order"), "{}", usage.hint);
        }
    }
}
