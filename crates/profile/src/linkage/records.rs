//! Records in the linker's own form: one column per field, every value in normal
//! form and stored once, with the number of records that carry it.

use super::counting::real;
use super::normal;
use super::similarity::soundex;
use super::{Record, RecordField};
use crate::ProfileId;

/// The place of a record in its [`RecordSet`].
pub(crate) type RecordIdx = u32;

/// The most records of one set: places are `u32`. What goes beyond is left out and
/// reported by [`RecordSet::n_left_out`].
const N_RECORDS_MAX: usize = 1 << 31;

/// One field of all records. Value 0 is the missing value.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Record → value.
    of_record: Vec<u32>,
    /// Value → its text, in the order of the texts.
    texts: Vec<Box<str>>,
    /// Value → records that carry it.
    n_records: Vec<u32>,
    /// How many others share the value of a record that has one, in the mean.
    n_others_mean: f64,
}

impl Column {
    fn new(texts: Vec<String>) -> Self {
        let mut of_record = vec![0; texts.len()];
        let mut order: Vec<(String, u32)> = texts.into_iter().zip(0..).filter(|(text, _)| !text.is_empty()).collect();
        order.sort_unstable();
        let mut distinct: Vec<Box<str>> = vec!["".into()];
        for (text, record) in order {
            if distinct.last().is_none_or(|last| **last != *text) {
                distinct.push(text.into_boxed_str());
            }
            of_record[record as usize] = u32::try_from(distinct.len() - 1).unwrap_or(0);
        }
        Self::counted(of_record, distinct)
    }

    /// Returns the column of the forms of this one's values.
    fn derived(&self, form: impl Fn(&str) -> String) -> Self {
        let of_value = Self::new(self.texts.iter().map(|text| form(text)).collect());
        let of_record = self.of_record.iter().map(|value| of_value.of_record[*value as usize]).collect();
        Self::counted(of_record, of_value.texts)
    }

    fn counted(of_record: Vec<u32>, texts: Vec<Box<str>>) -> Self {
        let mut n_records = vec![0; texts.len()];
        of_record.iter().for_each(|value| n_records[*value as usize] += 1);
        let (mut n_present, mut n_others) = (0, 0);
        for n in n_records[1..].iter().map(|n| u64::from(*n)) {
            n_present += n;
            n_others += n * n.saturating_sub(1);
        }
        Self { of_record, texts, n_records, n_others_mean: real(n_others) / real(n_present.max(1)) }
    }

    /// Returns the value of a record, 0 where it has none.
    pub(crate) fn value(&self, record: RecordIdx) -> u32 {
        self.of_record[record as usize]
    }

    /// Returns the text of a record's value, empty where it has none.
    pub(crate) fn text(&self, record: RecordIdx) -> &str {
        &self.texts[self.value(record) as usize]
    }

    /// Returns how much more two records that share this record's value say than two
    /// that share any: log2 of how many others share a value in the mean, to how many
    /// share this one. A value that fewer share is the rarer coincidence.
    ///
    /// Others, not carriers, are counted: a value of two records, which may be one
    /// person's, is then no more frequent than the mean of such values.
    pub(crate) fn rarity_bits(&self, record: RecordIdx) -> f64 {
        let n_others = self.n_records[self.value(record) as usize].saturating_sub(1);
        if n_others == 0 { 0.0 } else { (self.n_others_mean / f64::from(n_others)).log2() }
    }

    /// Returns how many records carry each value that is not missing.
    pub(crate) fn frequencies(&self) -> &[u32] {
        &self.n_records[1..]
    }
}

/// Records made ready for linking: in normal form, ordered by profile, so that no
/// answer depends on the order they came in.
#[derive(Debug, Clone)]
pub struct RecordSet {
    ids: Vec<ProfileId>,
    n_left_out: usize,
    pub(crate) given_name: Column,
    pub(crate) family_name: Column,
    pub(crate) email: Column,
    pub(crate) phone: Column,
    pub(crate) postal_code: Column,
    pub(crate) city: Column,
    pub(crate) country: Column,
    pub(crate) street: Column,
    pub(crate) birth_date: Column,
    pub(crate) company: Column,
    pub(crate) device: Column,
    pub(crate) ip_prefix: Column,
    /// Street with postal code, or with city where there is none.
    pub(crate) address: Column,
    /// What stands before the `@`.
    pub(crate) email_local: Column,
    /// The sound of the given name.
    pub(crate) given_sound: Column,
    /// The sound of the family name.
    pub(crate) family_sound: Column,
}

impl RecordSet {
    /// Returns the records in normal form. Of several records of one profile the
    /// first in the order of their fields stays: a profile has one set of traits.
    #[must_use]
    pub fn new(mut records: Vec<Record>) -> Self {
        records.sort_unstable();
        let n_given = records.len();
        records.dedup_by(|later, kept| later.id == kept.id);
        records.truncate(N_RECORDS_MAX);
        let n_left_out = n_given - records.len();

        let column = |field: RecordField, form: fn(&str) -> String| {
            Column::new(records.iter().map(|record| value(record, field).map_or_else(String::new, form)).collect())
        };
        let (given_name, family_name) = names(&records);
        let (email, street) = (column(RecordField::Email, normal::email), column(RecordField::Street, normal::text));
        let postal_code = column(RecordField::PostalCode, normal::postal_code);
        let city = column(RecordField::City, normal::text);
        let address = addresses(&street, &postal_code, &city);
        Self {
            n_left_out,
            email_local: email.derived(|email| email.split_once('@').map_or("", |(local, _)| local).to_owned()),
            given_sound: given_name.derived(soundex),
            family_sound: family_name.derived(soundex),
            phone: column(RecordField::Phone, normal::phone),
            country: column(RecordField::Country, normal::text),
            birth_date: column(RecordField::BirthDate, normal::birth_date),
            company: column(RecordField::Company, normal::text),
            device: column(RecordField::Device, normal::opaque),
            ip_prefix: column(RecordField::IpPrefix, normal::opaque),
            ids: records.into_iter().map(|record| record.id).collect(),
            given_name,
            family_name,
            email,
            street,
            postal_code,
            city,
            address,
        }
    }

    /// Returns the profiles of the records, in order.
    #[must_use]
    pub fn ids(&self) -> &[ProfileId] {
        &self.ids
    }

    /// Returns how many records were left out: second ones of a profile, and those
    /// beyond 2³¹.
    #[must_use]
    pub fn n_left_out(&self) -> usize {
        self.n_left_out
    }

    pub(crate) fn n_records(&self) -> RecordIdx {
        u32::try_from(self.ids.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn position(&self, id: &ProfileId) -> Option<RecordIdx> {
        self.ids.binary_search(id).ok().and_then(|position| u32::try_from(position).ok())
    }

    /// Returns the number of pairs of two different records.
    pub(crate) fn n_pairs(&self) -> u64 {
        let n_records = u64::from(self.n_records());
        n_records * n_records.saturating_sub(1) / 2
    }
}

fn value(record: &Record, field: RecordField) -> Option<&str> {
    record.fields.get(&field).map(String::as_str)
}

/// Returns given and family names; the whole name speaks where the parts are silent.
fn names(records: &[Record]) -> (Column, Column) {
    let (mut given_names, mut family_names) = (Vec::new(), Vec::new());
    for record in records {
        let part = |field| value(record, field).map_or_else(String::new, normal::text);
        let (mut given, mut family) = (part(RecordField::GivenName), part(RecordField::FamilyName));
        if given.is_empty()
            && family.is_empty()
            && let Some(name) = value(record, RecordField::Name)
        {
            (given, family) = normal::parts_of_name(name);
        }
        given_names.push(given);
        family_names.push(family);
    }
    (Column::new(given_names), Column::new(family_names))
}

fn addresses(street: &Column, postal_code: &Column, city: &Column) -> Column {
    let n_records = street.of_record.len();
    let mut addresses = vec![String::new(); n_records];
    for (record, address) in (0..).zip(&mut addresses) {
        let area = if postal_code.value(record) == 0 { city } else { postal_code };
        if street.value(record) != 0 {
            *address = format!("{}|{}", street.text(record), area.text(record));
        }
    }
    Column::new(addresses)
}
