//! One record of a table, read column by column; what nobody asked for is left over.

use std::collections::BTreeSet;

use throng_event::{Attributes, Decimal, Identity, IdentityKind, Instant, Money, Problem, ProblemKind, Value};

use super::dates::Dates;
use crate::rows::{NamedRow, plain_name};
use crate::table::{plain_value, truth};
use crate::{DecimalMark, Import, number};

/// How one file writes dates and numbers.
pub(super) struct Habits<'i> {
    pub(super) dates: Dates,
    pub(super) mark: DecimalMark,
    pub(super) import: Import<'i>,
}

/// One record.
pub(super) struct Record<'r> {
    row: &'r NamedRow<'r>,
    habits: &'r Habits<'r>,
    /// Plain names of the columns that were read.
    read: BTreeSet<String>,
    mended: Vec<Problem>,
}

/// Columns of the account a record belongs to: its number before its name.
const ACCOUNTS: [&str; 10] = [
    "Associated Company IDs (Primary)",
    "Primary Associated Company ID",
    "Associated Company IDs",
    "Associated Company ID",
    "Account ID",
    "Company ID",
    "seller_id",
    "Associated Company",
    "Account Name",
    "Company name",
];

impl<'r> Record<'r> {
    pub(super) fn new(row: &'r NamedRow<'r>, habits: &'r Habits<'r>) -> Self {
        Self { row, habits, read: BTreeSet::new(), mended: row.mended() }
    }

    /// Reads the first of these columns that says something.
    pub(super) fn text(&mut self, columns: &[&str]) -> Option<&'r str> {
        let name = columns.iter().find(|name| self.row.get(name).is_some())?;
        self.read.insert(plain_name(name));
        self.row.get(name)
    }

    pub(super) fn instant(&mut self, columns: &[&str]) -> Option<Instant> {
        let text = self.text(columns)?;
        let instant = self.habits.dates.read(text);
        if instant.is_none() {
            self.mended.push(Problem::new(ProblemKind::InvalidTime, text));
        }
        instant
    }

    pub(super) fn number(&mut self, columns: &[&str]) -> Option<Decimal> {
        let text = self.text(columns)?;
        let number = number::parse(text, self.habits.mark);
        if number.is_none() {
            self.mended.push(Problem::new(ProblemKind::InvalidNumber, text));
        }
        number
    }

    pub(super) fn truth(&mut self, columns: &[&str]) -> Option<bool> {
        self.text(columns).and_then(truth)
    }

    /// Returns an amount as money, `None` with a note where no currency is said.
    pub(super) fn money(&mut self, amount: Decimal, currency: Option<&str>) -> Option<Money> {
        let said = currency.and_then(|code| code.parse().ok());
        let Some(currency) = said.or(self.habits.import.currency.filter(|_| currency.is_none())) else {
            let detail = format!("{amount} {}", currency.unwrap_or("without a currency"));
            self.mended.push(Problem::new(ProblemKind::InvalidCurrency, &detail));
            return None;
        };
        Some(Money::from_major(amount, currency))
    }

    /// Returns the account: its number, or its name where there is none.
    pub(super) fn account(&mut self) -> Option<String> {
        self.text(&ACCOUNTS).map(|text| first_of_list(text).to_owned())
    }

    /// Returns the ids of an e-mail address and a telephone number.
    pub(super) fn contact_ids(&mut self, emails: &[&str], phones: &[&str]) -> Vec<Identity> {
        let email = self.text(emails).map(|text| Identity::new(IdentityKind::Email, first_of_list(text)));
        let phone = self.text(phones).map(|text| Identity::new(IdentityKind::Phone, text));
        email.into_iter().chain(phone).collect()
    }

    /// Reads columns into attributes, each under its name.
    pub(super) fn texts(&mut self, columns: &[(&str, &[&str])], attributes: &mut Attributes) {
        for (name, columns) in columns {
            if let Some(text) = self.text(columns) {
                attributes.insert(*name, Value::text(text));
            }
        }
    }

    /// Returns the cells whose column begins with these letters, and marks them as read.
    pub(super) fn beginning_with(&mut self, beginning: &str) -> Vec<(&'r str, &'r str)> {
        let cells = self.row.cells().filter(|(name, _)| plain_name(name).starts_with(beginning));
        let cells: Vec<_> = cells.collect();
        self.read.extend(cells.iter().map(|(name, _)| plain_name(name)));
        cells
    }

    /// Reads a cell that [`Self::beginning_with`] gave.
    pub(super) fn instant_of(&mut self, text: &str) -> Option<Instant> {
        let instant = self.habits.dates.read(text);
        if instant.is_none() {
            self.mended.push(Problem::new(ProblemKind::InvalidTime, text));
        }
        instant
    }

    /// Adds what was not read, under the words of its column: `Deal owner` is `deal_owner`.
    pub(super) fn rest(&self, attributes: &mut Attributes) {
        for (column, text) in self.row.cells().filter(|(column, _)| !self.read.contains(&plain_name(column))) {
            let value = plain_value(text, self.habits.mark).unwrap_or_else(|| Value::text(text));
            attributes.insert_if_absent(snake_case(column), value);
        }
    }

    /// Returns the beginning of an event id of this record's source.
    pub(super) fn event_id(&self, what: &str, id: &str) -> String {
        format!("crm/{}/{what}/{id}", self.habits.import.limits.source)
    }

    /// Returns bytes that are the same for the same record in the same state: one that
    /// changed is told again.
    pub(super) fn content(&self, what: &str) -> Vec<u8> {
        let mut content = format!("crm {what}\0").into_bytes();
        content.extend(self.row.canonical());
        content
    }

    /// Returns the problem of a date that cannot be read, if there was one.
    pub(super) fn unreadable_time(&self) -> Option<Problem> {
        self.mended.iter().find(|problem| problem.kind == ProblemKind::InvalidTime).cloned()
    }

    pub(super) fn into_mended(self) -> Vec<Problem> {
        self.mended
    }
}

/// Returns the external id of an account nobody is known of.
pub(super) fn account_id(account: &str) -> Identity {
    Identity::new(IdentityKind::External, &format!("account:{account}"))
}

/// Returns the external id of a contact.
pub(super) fn contact_id(contact: &str) -> Identity {
    Identity::new(IdentityKind::External, &format!("contact:{}", first_of_list(contact)))
}

/// Returns the first of several values in one cell.
fn first_of_list(text: &str) -> &str {
    text.split(';').map(str::trim).find(|part| !part.is_empty()).unwrap_or(text)
}

/// Returns the words of a column's name in lower case between underscores.
fn snake_case(column: &str) -> String {
    let mut name = String::with_capacity(column.len() + 4);
    let mut former = ' ';
    for character in column.chars() {
        let begins = character.is_uppercase() && (former.is_lowercase() || former.is_ascii_digit());
        if (begins || !character.is_alphanumeric()) && !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if character.is_alphanumeric() {
            name.extend(character.to_lowercase());
        }
        former = character;
    }
    name.truncate(name.trim_end_matches('_').len());
    if name.is_empty() { column.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_become_words_between_underscores() {
        for (column, expected) in [
            ("Deal owner", "deal_owner"),
            ("AnnualRevenue", "annual_revenue"),
            ("landing_page_id", "landing_page_id"),
            ("Custom_Field__c", "custom_field_c"),
            ("Is Closed Won?", "is_closed_won"),
            ("%", "%"),
        ] {
            assert_eq!(snake_case(column), expected);
        }
    }
}
