//! How the columns of a table become the fields of events, as a TOML file says it.
//!
//! A column that the mapping does not name is left out. The file has one table,
//! `[table]`, whose keys [`Mapping`] shows; [`crate::propose_mapping`] writes one.

mod text;
mod wire;

use std::collections::BTreeMap;

use throng_event::EventKind;

use crate::SourceError;

/// How the rows of a table become events.
///
/// As a file, with every key:
/// ```toml
/// [table]
/// kind = "track"                      # or identify, page, screen, group, alias
/// event = "Order Completed"           # or { column = "activity", prefix = "Activity " }
/// sheet = "Orders"                    # of a workbook; the first that is not empty when absent
/// id = "row_id"                       # the row's own id; made from the content when absent
/// person = "columns"                  # or "row": nothing names people, each row is one of its own
/// user_id = "customer"                # one of this and anonymous_id
/// anonymous_id = "cookie"
/// group_id = "company"
/// time = "date"                       # or { constant = "2024-12-31" }
/// time_format = "%d/%m/%Y %H:%M"      # or unix-seconds, unix-milliseconds, unix-microseconds, excel-days
/// time_zone = "Europe/London"         # where times carry none
/// order = "invoice"                   # rows of one order become one event
/// refund = "Order Refunded"           # the event's name when money goes back
/// currency = "GBP"                    # or { column = "currency" }
/// channel = "store"                   # or { column = "channel" }
/// rating = "stars"
/// text = "review"
/// decimal = ","                       # a point when absent
///
/// [table.product]
/// id = "sku"
/// name = "description"
/// category = "category"
/// brand = "brand"
/// quantity = "quantity"
/// price = "unit_price"
/// amount = "line_total"               # goes before price × quantity − discount
/// discount = "discount"
///
/// [table.amount]                      # where the products do not say what was paid
/// column = "total"
/// unit = "major"                      # or minor (cents), micro (millionths)
/// per = "order"                       # the same in every row; "row" adds up
///
/// [[table.when]]                      # equals, starts_with, ends_with, contains, below, above
/// column = "invoice"
/// starts_with = "C"
/// event = "Order Cancelled"
///
/// [table.properties]
/// country = "country"
/// zip = { name = "zip_code", type = "text" }   # or number, bool, time, auto
///
/// [table.traits]
/// age = "age"
///
/// [table.answer]                      # of a survey: a row is an answer, which becomes the
/// question = "question"               # trait "stated." and the question in small letters
/// value = "answer"
///
/// [table.ignore]
/// columns = ["row number"]
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The kind of message every row is.
    pub kind: EventKind,
    /// The event's name; a kind other than track has one of its own.
    pub event: Option<Term>,
    /// The sheet of a workbook; the first that is not empty where there is none.
    pub sheet: Option<String>,
    /// The column of the row's own unique id.
    pub id: Option<String>,
    /// Who a row is about.
    pub person: PersonOf,
    /// The column of the known person.
    pub user_id: Option<String>,
    /// The column of the device or cookie.
    pub anonymous_id: Option<String>,
    /// The column of the account.
    pub group_id: Option<String>,
    /// When it happened.
    pub time: Term,
    /// How times are written: as `strptime` says it (`%d/%m/%Y %H:%M`), or
    /// `unix-seconds`, `unix-milliseconds`, `unix-microseconds`, or `excel-days` (days since
    /// 1899-12-30, as spreadsheets number them); absent, the usual forms.
    pub time_format: Option<String>,
    /// The time zone of times that carry none, where it is not the home's.
    pub time_zone: Option<String>,
    /// The column of the order; the rows of one order become one event.
    pub order: Option<String>,
    /// The event's name when money or goods go back; `None` leaves the name.
    pub refund: Option<String>,
    /// The currency of all amounts.
    pub currency: Option<Term>,
    /// Where the event came from: web, store, …
    pub channel: Option<Term>,
    /// The column of a rating.
    pub rating: Option<String>,
    /// The column of what was said.
    pub text: Option<String>,
    /// The mark before the decimals.
    pub decimal: DecimalMark,
    /// The columns of the product of a row.
    pub product: Option<ProductColumns>,
    /// The column of the amount paid, where the products do not say it.
    pub amount: Option<AmountColumn>,
    /// Rules that rename the event of a row; the first that holds wins.
    pub when: Vec<EventRule>,
    /// Columns that are facts about the event, by column.
    pub properties: BTreeMap<String, Target>,
    /// Columns that are facts about the person, by column.
    pub traits: BTreeMap<String, Target>,
    /// The columns of a survey's answer.
    pub answer: Option<AnswerColumns>,
    /// Columns that are left out on purpose.
    pub ignore: Vec<String>,
}

/// Who a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonOf {
    /// Whom the columns of the user id and the anonymous id name.
    Columns,
    /// Someone nothing else is known of: each row is a person of its own, known by the
    /// row's id or else by its content, as the ids of rows are made.
    Row,
}

/// The columns of one answer of a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumns {
    /// What was asked; the trait is named after it, see `stated.`.
    pub question: String,
    /// What was answered.
    pub value: String,
}

/// What stands before the names of traits that people stated themselves.
pub(crate) const STATED: &str = "stated.";

/// A text that is the same for every row, or stands in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// The same for every row.
    Constant(String),
    /// The text of a column.
    Column {
        /// Which column.
        column: String,
        /// What is put before it.
        prefix: String,
    },
}

impl Term {
    /// Returns the term that is the text of a column.
    #[must_use]
    pub fn column(column: &str) -> Self {
        Self::Column { column: column.to_owned(), prefix: String::new() }
    }
}

/// The mark between a whole number and its decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalMark {
    /// `12.50`
    Point,
    /// `12,50`
    Comma,
}

/// The columns that describe the product of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProductColumns {
    /// Its id; a row without one has no product.
    pub id: Option<String>,
    /// What it is called; stands for the id where there is none.
    pub name: Option<String>,
    /// What kind of product it is.
    pub category: Option<String>,
    /// Who makes it.
    pub brand: Option<String>,
    /// How many; one where there is no column.
    pub quantity: Option<String>,
    /// What one costs.
    pub price: Option<String>,
    /// What the line cost after discounts; goes before price × quantity − discount.
    pub amount: Option<String>,
    /// What was taken off the line.
    pub discount: Option<String>,
}

/// The column of what was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountColumn {
    /// Which column.
    pub column: String,
    /// What one in the column is worth.
    pub unit: AmountUnit,
    /// Whether the rows of one order add up.
    pub per: AmountPer,
}

/// What one in a column of amounts is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountUnit {
    /// One unit of the currency.
    Major,
    /// One minor unit: a cent.
    Minor,
    /// A millionth of a unit, as Google Analytics writes amounts.
    Micro,
}

/// What an amount belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountPer {
    /// The row: an order costs the sum of its rows.
    Row,
    /// The order: every row of it repeats the same amount.
    Order,
}

/// Renames the event of the rows a condition holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRule {
    /// The column that is looked at.
    pub column: String,
    /// What must hold for it.
    pub condition: Condition,
    /// The name of the event then.
    pub event: String,
}

/// What may hold for the text of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It is this text.
    Equals(String),
    /// It starts with this text.
    StartsWith(String),
    /// It ends with this text.
    EndsWith(String),
    /// This text is part of it.
    Contains(String),
    /// It is a number below this one.
    Below(throng_event::Decimal),
    /// It is a number above this one.
    Above(throng_event::Decimal),
}

/// What a column becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name of the property or trait.
    pub name: String,
    /// How its text is read.
    pub reading: ColumnType,
}

/// How the text of a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A number or truth value where it looks like one, else text.
    Auto,
    /// As it stands.
    Text,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// A point in time.
    Time,
}

impl Mapping {
    /// Reads a mapping from its TOML text.
    ///
    /// ```
    /// let mapping = throng_source::Mapping::parse(
    ///     "[table]\nkind = \"track\"\nevent = \"Signed Up\"\nuser_id = \"mail\"\ntime = \"at\"\n",
    /// )
    /// .unwrap();
    /// assert_eq!(mapping.user_id.as_deref(), Some("mail"));
    /// ```
    ///
    /// # Errors
    /// [`SourceError::Mapping`] with the place and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        wire::parse(text)
    }

    /// Returns the mapping as TOML text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        text::write(self, &[])
    }

    /// Returns the mapping as TOML text, each note as a comment above its key.
    pub(crate) fn to_toml_with(&self, notes: &[(String, String)]) -> String {
        text::write(self, notes)
    }

    /// Returns every column a row of the table must have, or may lack where the
    /// rows name their columns themselves.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let product = self.product.iter().flat_map(|product| {
            [
                &product.id,
                &product.name,
                &product.category,
                &product.brand,
                &product.quantity,
                &product.price,
                &product.amount,
                &product.discount,
            ]
        });
        let optional = [&self.id, &self.group_id, &self.order, &self.rating, &self.text];
        let terms = [&self.event, &self.currency, &self.channel].into_iter().flatten();
        let mut columns = self.required_columns();
        columns.extend(optional.into_iter().chain(product).filter_map(Option::as_deref));
        columns.extend(terms.filter_map(column_of));
        columns.extend(self.amount.iter().map(|amount| amount.column.as_str()));
        columns.extend(self.answer.iter().flat_map(|answer| [answer.question.as_str(), &answer.value]));
        columns.extend(self.when.iter().map(|rule| rule.column.as_str()));
        columns.extend(self.properties.keys().chain(self.traits.keys()).map(String::as_str));
        columns
    }

    /// Returns the columns without which no row becomes an event.
    pub(crate) fn required_columns(&self) -> Vec<&str> {
        let ids = [&self.user_id, &self.anonymous_id].into_iter().filter_map(Option::as_deref);
        ids.chain(column_of(&self.time)).chain(self.event.as_ref().and_then(column_of)).collect()
    }
}

fn column_of(term: &Term) -> Option<&str> {
    match term {
        Term::Constant(_) => None,
        Term::Column { column, .. } => Some(column),
    }
}

#[cfg(test)]
mod tests;
