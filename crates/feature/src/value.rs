//! What comes out: single values, and matrices of many profiles' values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Compiled;

/// The value of one feature of one profile.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureValue {
    /// A number, finite.
    Number(f64),
    /// A category.
    Category(String),
    /// There is no value; [`FeatureKind`](crate::FeatureKind) says when.
    Missing,
}

/// Marks a missing category in [`Categories::codes`].
pub const NO_CATEGORY: u32 = u32::MAX;

/// The values of all features of many profiles, one column for each feature.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMatrix {
    n_rows: usize,
    columns: Vec<FeatureColumn>,
}

/// The values of one feature of many profiles.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureColumn {
    /// Numbers; a missing one is NaN, which is never a value.
    Numbers(Vec<f64>),
    /// Categories.
    Categories(Categories),
}

/// Categories of many profiles, as codes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Categories {
    codes: Vec<u32>,
    texts: Vec<String>,
    /// The code of every text.
    known: BTreeMap<String, u32>,
}

impl Categories {
    /// Returns the code of every row, [`NO_CATEGORY`] where it is missing.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Returns the text of every code. Which code a text has depends on the rows'
    /// order and means nothing.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    fn push(&mut self, text: &str) {
        let code = match self.known.get(text) {
            Some(code) => *code,
            None => {
                let code = u32::try_from(self.texts.len()).unwrap_or(NO_CATEGORY);
                assert!(code != NO_CATEGORY, "fewer than 2^32 categories");
                self.texts.push(text.to_owned());
                self.known.insert(text.to_owned(), code);
                code
            }
        };
        self.codes.push(code);
    }
}

impl FeatureMatrix {
    /// Returns a matrix without rows for the features of a catalogue.
    #[must_use]
    pub fn new(compiled: &Compiled) -> Self {
        let columns = compiled.plan.features.iter().map(|feature| {
            if feature.categorical {
                FeatureColumn::Categories(Categories::default())
            } else {
                FeatureColumn::Numbers(Vec::new())
            }
        });
        Self { n_rows: 0, columns: columns.collect() }
    }

    /// Forgets all rows and keeps the memory of the columns.
    pub fn clear(&mut self) {
        self.n_rows = 0;
        for column in &mut self.columns {
            match column {
                FeatureColumn::Numbers(numbers) => numbers.clear(),
                FeatureColumn::Categories(categories) => *categories = Categories::default(),
            }
        }
    }

    /// Returns the number of profiles.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Returns the columns, in the order of the catalogue.
    #[must_use]
    pub fn columns(&self) -> &[FeatureColumn] {
        &self.columns
    }

    /// Returns one value, `None` outside the matrix.
    ///
    /// The cost is that of the value; loops over rows belong on [`Self::columns`].
    #[must_use]
    pub fn value(&self, row: usize, column: usize) -> Option<FeatureValue> {
        match self.columns.get(column)? {
            FeatureColumn::Numbers(numbers) => numbers
                .get(row)
                .map(|number| if number.is_nan() { FeatureValue::Missing } else { FeatureValue::Number(*number) }),
            FeatureColumn::Categories(categories) => {
                let text =
                    usize::try_from(*categories.codes.get(row)?).ok().and_then(|code| categories.texts.get(code));
                Some(text.map_or(FeatureValue::Missing, |text| FeatureValue::Category(text.clone())))
            }
        }
    }

    /// Puts a number, or none, in the place of one that the fold does not compute.
    ///
    /// # Panics
    /// When there is no such row, or the column is one of categories.
    pub fn set_number(&mut self, row: usize, column: usize, number: Option<f64>) {
        match &mut self.columns[column] {
            FeatureColumn::Numbers(numbers) => numbers[row] = number.unwrap_or(f64::NAN),
            FeatureColumn::Categories(_) => unreachable!("column {column} has categories"),
        }
    }

    /// Appends the rows of a matrix of the same catalogue.
    ///
    /// # Panics
    /// When the other matrix is of another catalogue.
    pub fn append(&mut self, other: &Self) {
        assert!(self.columns.len() == other.columns.len(), "matrices of one catalogue");
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            match (column, more) {
                (FeatureColumn::Numbers(numbers), FeatureColumn::Numbers(more)) => numbers.extend_from_slice(more),
                (FeatureColumn::Categories(categories), FeatureColumn::Categories(more)) => {
                    for code in &more.codes {
                        match usize::try_from(*code).ok().and_then(|code| more.texts.get(code)) {
                            Some(text) => categories.push(text),
                            None => categories.codes.push(NO_CATEGORY),
                        }
                    }
                }
                (FeatureColumn::Numbers(_), FeatureColumn::Categories(_))
                | (FeatureColumn::Categories(_), FeatureColumn::Numbers(_)) => {
                    unreachable!("matrices of one catalogue have columns of one type")
                }
            }
        }
        self.n_rows += other.n_rows;
    }

    /// Appends one profile: its numbers and categories in the order of the features.
    pub(crate) fn push_row<'t>(&mut self, cells: impl Iterator<Item = Cell<'t>>) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            match (column, cell) {
                (FeatureColumn::Numbers(numbers), Cell::Number(number)) => numbers.push(number),
                (FeatureColumn::Numbers(numbers), Cell::Missing) => numbers.push(f64::NAN),
                (FeatureColumn::Categories(categories), Cell::Text(text)) => categories.push(&text),
                (FeatureColumn::Categories(categories), Cell::Missing) => categories.codes.push(NO_CATEGORY),
                (FeatureColumn::Numbers(_), Cell::Text(_)) | (FeatureColumn::Categories(_), Cell::Number(_)) => {
                    unreachable!("a feature is a number or a category in every row")
                }
            }
        }
        self.n_rows += 1;
    }
}

/// A value on its way into a matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'t> {
    /// A number.
    Number(f64),
    /// A category.
    Text(Cow<'t, str>),
    /// Neither.
    Missing,
}
