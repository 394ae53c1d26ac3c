//! Tables that become events.

mod blocks;
mod hostile;
mod parquet;

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use throng_event::{Event, ProblemKind};

use super::*;
use crate::shown::{self, Receiver};

const ORDERS: &str = r#"
[table]
kind = "track"
event = "Order Completed"
user_id = "customer"
time = "date"
order = "order"
currency = "EUR"
[table.product]
id = "sku"
quantity = "qty"
price = "price"
[table.properties]
country = "country"
"#;

const VISITS: &str = r#"
[table]
kind = "track"
event = { column = "what", prefix = "Page " }
user_id = "who"
time = "at"
[table.properties]
n = "n"
"#;

/// Reads as a shop of Berlin.
fn import<T>(read: impl FnOnce(Import<'_>) -> T) -> T {
    shown::import("shop", "Europe/Berlin", None, read)
}

/// Reads as a shop of Berlin and collects the outcomes.
fn collect(
    read: impl FnOnce(Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>,
) -> Result<(Vec<Taken>, Tally), SourceError> {
    shown::collect("shop", "Europe/Berlin", None, read)
}

fn read(table: &[u8], mapping: &str) -> Result<(Vec<Taken>, Tally), SourceError> {
    let mapping = Mapping::parse(mapping).unwrap();
    let whole = collect(|import, sink| read_table(table, &mapping, import, sink));
    let by_blocks = import(|import| {
        let blocks = table_blocks(table, &mapping, import)?;
        Ok::<_, SourceError>(blocks.map(|blocks| shown::collect_blocks(blocks, import)))
    });
    // However it is read, a table says the same, also where it fails.
    match (&whole, by_blocks) {
        (Ok((taken, tally)), Ok(Some((of_blocks, account, _)))) => {
            assert_eq!((&of_blocks, &account.unwrap()), (taken, tally));
        }
        (Err(error), Ok(Some((_, account, _)))) => assert_eq!(account.unwrap_err().to_string(), error.to_string()),
        (Err(error), Err(other)) => assert_eq!(other.to_string(), error.to_string()),
        (_, Ok(None)) => assert!(mapping.order.is_some()),
        (Ok(_), Err(error)) => panic!("{error}"),
    }
    whole
}

fn show(event: &Event) -> String {
    let who = event.user_id.as_ref().or(event.anonymous_id.as_ref()).unwrap();
    let mut text = format!("{} of {who} at {}", event.name, event.occurred_at);
    event.money.iter().for_each(|money| write!(text, " {} {}", money.minor, money.currency).unwrap());
    for line in &event.products {
        write!(text, " [{}×{}={:?}]", line.product_id, line.quantity, line.amount_minor.unwrap_or(0)).unwrap();
    }
    for (name, value) in event.properties.iter().chain(&event.traits) {
        write!(text, " {name}={value:?}").unwrap();
    }
    event.text.iter().for_each(|said| write!(text, " said {said:?}").unwrap());
    event.rating.iter().for_each(|rating| write!(text, " rated {rating}").unwrap());
    text
}

fn check(table: &str, mapping: &str, expected: &Expect) {
    let (taken, _) = read(table.as_bytes(), mapping).unwrap();
    let mut text = String::new();
    for one in taken {
        match one {
            Taken::Event { event, problems, n_rows } => {
                let mended: Vec<String> = problems.iter().map(|problem| format!(" ({problem})")).collect();
                writeln!(text, "{n_rows}: {}{}", show(&event), mended.concat()).unwrap();
            }
            Taken::Quarantined(row) => writeln!(text, "row {}: {} <- {}", row.row, row.problem, row.raw).unwrap(),
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn rows_of_one_order_become_one_event() {
    check(
        "order,date,customer,sku,qty,price,country\n\
         1,2024-01-01 10:05,a,x,2,1.50,DE\n\
         2,2024-01-01 10:06,b,x,1,1.50,FR\n\
         1,2024-01-01 10:04,a,y,1,0.333,DE\n\
         1,2024-01-01 10:05,c,y,1,3,DE\n\
         3,2024-01-02 10:00,a,x,-2,1.50,DE\n",
        ORDERS,
        &expect![[r#"
            2: Order Completed of a at 2024-01-01T09:04:00Z 333 EUR [x×2=300] [y×1=33] country=Text("DE") order_id=Text("1")
            1: Order Completed of b at 2024-01-01T09:06:00Z 150 EUR [x×1=150] country=Text("FR") order_id=Text("2")
            1: Order Completed of c at 2024-01-01T09:05:00Z 300 EUR [y×1=300] country=Text("DE") order_id=Text("1")
            1: Order Refunded of a at 2024-01-02T09:00:00Z -300 EUR [x×-2=-300] country=Text("DE") order_id=Text("3")
        "#]],
    );
}

#[test]
fn further_rows_of_an_order_need_not_repeat_person_and_time() {
    check(
        "order,date,customer,sku,qty,price,country\n1,2024-01-01,a,x,1,1,DE\n1,,,y,1,2,\n2,,,y,1,2,\n",
        ORDERS,
        &expect![[r#"
            row 3: missing-identity: neither a user id nor an anonymous id <- {"order":"2","date":null,"customer":null,"sku":"y","qty":"1","price":"2","country":null}
            2: Order Completed of a at 2023-12-31T23:00:00Z 300 EUR [x×1=100] [y×1=200] country=Text("DE") order_id=Text("1")
        "#]],
    );
}

#[test]
fn bad_rows_are_put_aside_with_their_reason() {
    check(
        "order,date,customer,sku,qty,price,country\n\
         1,2024-01-01,,x,1,1,DE\n\
         2,soon,a,x,1,1,DE\n\
         3,1969-01-01,a,x,1,1,DE\n\
         4,2024-01-01,a,x,one,1,DE\n\
         5,2024-01-01,a\n\
         ,2024-01-01,a,x,1,1,\n",
        ORDERS,
        &expect![[r#"
            row 1: missing-identity: neither a user id nor an anonymous id <- {"order":"1","date":"2024-01-01","customer":null,"sku":"x","qty":"1","price":"1","country":"DE"}
            row 2: invalid-time: soon <- {"order":"2","date":"soon","customer":"a","sku":"x","qty":"1","price":"1","country":"DE"}
            row 3: implausible-time: 1968-12-31T23:00:00Z <- {"order":"3","date":"1969-01-01","customer":"a","sku":"x","qty":"1","price":"1","country":"DE"}
            row 4: invalid-number: one <- {"order":"4","date":"2024-01-01","customer":"a","sku":"x","qty":"one","price":"1","country":"DE"}
            row 5: unreadable: 3 cells where the header has 7 <- ["5","2024-01-01","a"]
            1: Order Completed of a at 2023-12-31T23:00:00Z 100 EUR [x×1=100]
        "#]],
    );
}

#[test]
fn every_key_of_a_mapping_has_its_effect() {
    check(
        "when;who;total;cur;shop;stars;said;code;n\n\
         31/12/2024;u1;1.234,50;eur;web;4,5;Good.;007;12\n\
         01/02/2024;u2;-10;USD;;x;;8;x\n\
         02/02/2024;u3;5;dollars;web;;;;\n",
        r#"
        [table]
        kind = "track"
        event = "Paid"
        refund = "Paid Back"
        anonymous_id = "who"
        time = "when"
        time_format = "%d/%m/%Y"
        time_zone = "UTC"
        currency = { column = "cur" }
        channel = { column = "shop" }
        rating = "stars"
        text = "said"
        decimal = ","
        [table.amount]
        column = "total"
        [[table.when]]
        column = "total"
        above = 1000
        event = "Paid Much"
        [table.properties]
        code = { name = "code", type = "text" }
        n = { name = "n", type = "number" }
        "#,
        &expect![[r#"
            1: Paid Much of u1 at 2024-12-31T00:00:00Z 123450 EUR code=Text("007") n=Number(Decimal(12000000)) said "Good." rated 4.5
            1: Paid Back of u2 at 2024-02-01T00:00:00Z -1000 USD code=Text("8") n=Text("x") (invalid-number: n: x) (invalid-number: x)
            1: Paid of u3 at 2024-02-02T00:00:00Z (invalid-currency: dollars)
        "#]],
    );
}

#[test]
fn json_rows_are_read_like_text_rows() {
    check(
        "{\"who\":7,\"at\":\"2024-01-01T00:00:00Z\",\"what\":\"Home\",\"n\":1.5}\n\
         {\"who\":\"b\",\"at\":1704067200,\"what\":\"Home\",\"n\":[1, 2]}\n\
         {\"who\":\"b\"\n\
         [1]\n",
        VISITS,
        &expect![[r#"
            1: Page Home of 7 at 2024-01-01T00:00:00Z n=Number(Decimal(1500000))
            1: Page Home of b at 2024-01-01T00:00:00Z n=Json("[1,2]")
            row 3: unreadable: EOF while parsing an object at line 1 column 10 <- "{\"who\":\"b\""
            row 4: unreadable: the record is no JSON object <- "[1]"
        "#]],
    );
}

/// The amount of an order stands in every row of it, or its rows add up.
#[test]
fn an_amount_of_the_order_counts_once() {
    let table = "order,who,at,total\n1,a,2024-01-01,12.50\n1,a,2024-01-01,12.50\n";
    let mapping = |per: &str| {
        format!(
            "[table]\nkind = \"track\"\nevent = \"Order Completed\"\nuser_id = \"who\"\ntime = \"at\"\norder = \"order\"\n\
             currency = \"EUR\"\n[table.amount]\ncolumn = \"total\"\nper = \"{per}\"\n"
        )
    };
    for (per, minor) in [("order", 1_250), ("row", 2_500)] {
        let (taken, _) = read(table.as_bytes(), &mapping(per)).unwrap();
        match &taken[0] {
            Taken::Event { event, .. } => assert_eq!(event.money.unwrap().minor, minor, "{per}"),
            Taken::Quarantined(row) => panic!("{row:?}"),
        }
    }
}

/// A row is a person by its own id, else by its content: the same again, and another
/// than a row alike.
#[test]
fn rows_without_people_are_people_of_their_own() {
    let by_row = VISITS.replace("user_id = \"who\"", "person = \"row\"");
    let people = |mapping: &str, table: &[u8]| -> Vec<String> {
        let (taken, _) = read(table, mapping).unwrap();
        let events = taken.into_iter().filter_map(|one| match one {
            Taken::Event { event, .. } => event.anonymous_id,
            Taken::Quarantined(_) => None,
        });
        events.collect()
    };
    let table = b"at,what,n\n2024-01-01,Home,1\n2024-01-01,Home,1\n2024-01-01,Cart,1\n";
    let first = people(&by_row, table);
    assert_eq!(first, people(&by_row, table));
    assert!(first.iter().all(|id| id.starts_with("shop/row-")), "{first:?}");
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    let by_id = by_row.replace("time =", "id = \"n\"\ntime =");
    assert_eq!(people(&by_id, b"at,what,n\n2024-01-01,Home,7\n"), ["shop/7"]);
}

const ANSWERS: &str = r#"
[table]
kind = "identify"
user_id = "respondent"
time = "at"
[table.answer]
question = "question"
value = "answer"
"#;

#[test]
fn answers_are_traits_with_source_and_time() {
    check(
        "respondent,at,question,answer\n\
         r1,2024-01-01,Favourite colour?,Blue\n\
         r1,2024-01-02,How often do you buy (per month)?,2\n\
         r2,2024-01-02,Favourite colour?,\n\
         r2,2024-01-02,,yes\n\
         r3,2024-01-02,好き？,true\n",
        ANSWERS,
        &expect![[r#"
            1: Identified of r1 at 2023-12-31T23:00:00Z stated.favourite_colour=Text("Blue")
            1: Identified of r1 at 2024-01-01T23:00:00Z stated.how_often_do_you_buy_per_month=Number(Decimal(2000000))
            1: Identified of r2 at 2024-01-01T23:00:00Z
            row 4: missing-name: an answer without its question <- {"respondent":"r2","at":"2024-01-02","question":null,"answer":"yes"}
            1: Identified of r3 at 2024-01-01T23:00:00Z stated.好き=Bool(true)
        "#]],
    );
    let (taken, _) = read(b"respondent,at,question,answer\nr1,2024-01-01,q,a\n", ANSWERS).unwrap();
    let Taken::Event { event, .. } = &taken[0] else { panic!("{taken:?}") };
    assert_eq!((event.source.as_str(), event.kind), ("shop", throng_event::EventKind::Identify));
}

fn ids(taken: &[Taken]) -> Vec<String> {
    let events = taken.iter().filter_map(|one| match one {
        Taken::Event { event, .. } => Some(event.id.to_string()),
        Taken::Quarantined(_) => None,
    });
    events.collect()
}

#[test]
fn a_table_read_twice_gives_the_same_ids_and_rows_alike_stay_apart() {
    let table = "who,at,what,n\na,2024-01-01,Home,1\na,2024-01-01,Home,1\nb,2024-01-01,Home,1\n";
    let first = ids(&read(table.as_bytes(), VISITS).unwrap().0);
    let again = ids(&read(table.as_bytes(), VISITS).unwrap().0);
    assert_eq!(first, again);
    let mut different = first.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 3);
    let turned = "n,what,at,who\n1,Home,2024-01-01,a\n1,Home,2024-01-01,a\n1,Home,2024-01-01,b\n";
    assert_eq!(first, ids(&read(turned.as_bytes(), VISITS).unwrap().0));
}

#[test]
fn rows_put_aside_become_the_events_they_would_have_been() {
    let table =
        "who,at,what,n,mail\n,2024-01-01T00:00:00+01:00,Home,2.50,x@y\n,2024-01-01T00:00:00+01:00,Home,2.50,x@y\na,,\n";
    let by_mail = VISITS.replace("\"who\"", "\"mail\"");
    let (taken, tally) = read(table.as_bytes(), VISITS).unwrap();
    assert_eq!(tally.rows_quarantined, 3);
    let records: Vec<String> = taken
        .into_iter()
        .filter_map(|one| match one {
            Taken::Quarantined(row) => Some(row.raw),
            Taken::Event { .. } => None,
        })
        .collect();
    let mapping = Mapping::parse(&by_mail).unwrap();
    let (again, tally) =
        collect(|import, sink| read_quarantined_rows(records.iter().map(String::as_str), &mapping, import, sink))
            .unwrap();
    assert_eq!((tally.rows_read, tally.rows_in_events), (3, 2));
    assert_eq!(ids(&again), ids(&read(table.as_bytes(), &by_mail).unwrap().0));
}

#[test]
fn a_column_that_is_not_there_is_named_with_what_is_meant() {
    let error = read(b"whom,at,what,n\n", VISITS).unwrap_err().to_string();
    let expected = expect![[
        r#"the mapping names the column "who", which the table does not have (did you mean "whom"?); its columns are "whom", "at", "what", "n""#
    ]];
    expected.assert_eq(&error);
    let error = read(b"{\"a\":1,\"at\":1,\"what\":2}", VISITS).unwrap_err().to_string();
    assert!(error.contains("\"who\"") && !error.contains("did you mean"), "{error}");
}

#[test]
fn packed_tables_that_stop_early_are_an_error() {
    let table = "who,at,what,n\na,2024-01-01,Home,1\n".repeat(5_000);
    let packed = zstd::encode_all(table.as_bytes(), 1).unwrap();
    assert!(read(&packed, VISITS).is_ok());
    let error = read(&packed[..packed.len() - 5], VISITS).unwrap_err();
    assert!(matches!(error, SourceError::Truncated { form: "zstd", .. }), "{error}");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(table.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let error = read(&packed[..packed.len() / 2], VISITS).unwrap_err();
    assert!(matches!(error, SourceError::Truncated { form: "gzip", .. }), "{error}");
}

#[test]
fn tables_in_other_encodings_give_the_same_events() {
    let table = "who,at,what,n\nJürgen,2024-01-01,Café,1\n,,,\n";
    let expected = read(table.as_bytes(), VISITS).unwrap();
    let utf16: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = table.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    for bytes in [utf16, latin] {
        assert_eq!(read(&bytes, VISITS).unwrap(), expected);
    }
}

#[test]
fn what_is_no_table_is_refused() {
    for (input, expected) in [(&b"PAR1...."[..], "Parquet"), (b"", "empty")] {
        let error = read(input, VISITS).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn parquet() -> Vec<u8> {
    let at = TimestampMicrosecondArray::from(vec![Some(1_704_067_200_000_000), Some(0), None]);
    let columns: [(&str, ArrayRef); 5] = [
        ("who", Arc::new(Float64Array::from(vec![Some(7.0), Some(8.0), None]))),
        ("at", Arc::new(at.clone())),
        ("zoned", Arc::new(at.with_timezone("Asia/Kolkata"))),
        ("what", Arc::new(StringArray::from(vec!["Home", "Cart", "Cart"]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let flag: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true]));
    let batch = RecordBatch::try_from_iter(
        batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .zip(batch.columns().iter().cloned())
            .chain([("flag".to_owned(), flag)]),
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_is_read_like_text() {
    let mapping = format!("{VISITS}\nzoned = \"zoned\"\nflag = \"flag\"\n");
    let mapping = Mapping::parse(&mapping).unwrap();
    let (taken, tally) =
        collect(|import, sink| read_parquet_table(Cursor::new(parquet()), &mapping, import, sink)).unwrap();
    assert_eq!((tally.rows_read, tally.rows_quarantined), (3, 2));
    let shown: Vec<String> = taken
        .iter()
        .map(|one| match one {
            Taken::Event { event, .. } => show(event),
            Taken::Quarantined(row) => row.raw.clone(),
        })
        .collect();
    expect![[r#"
        Page Home of 7 at 2023-12-31T23:00:00Z flag=Bool(true) n=Number(Decimal(1000000)) zoned=Instant(Instant(1704067200000000))
        {"who":"8","at":"1970-01-01T00:00:00","zoned":"1970-01-01T00:00:00Z","what":"Cart","n":"2","flag":"false"}
        {"who":null,"at":null,"zoned":null,"what":"Cart","n":"3","flag":"true"}"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn damaged_parquet_is_an_error() {
    let mapping = Mapping::parse(VISITS).unwrap();
    let bytes = parquet();
    for cut in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        let cut = bytes[..cut].to_vec();
        let error = collect(|import, sink| read_parquet_table(Cursor::new(cut), &mapping, import, sink)).unwrap_err();
        assert!(matches!(error, SourceError::Parquet { .. }), "{error}");
    }
}

#[test]
fn parquet_with_one_wrong_byte_is_read_or_refused() {
    let mapping = Mapping::parse(VISITS).unwrap();
    let bytes = parquet();
    for idx in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[idx] ^= 0x55;
        let read = collect(|import, sink| read_parquet_table(Cursor::new(damaged), &mapping, import, sink));
        if let Ok((taken, tally)) = read {
            assert_eq!(taken.len() as u64, tally.rows_read);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_accounted_for(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let table = [b"order,date,customer,sku,qty,price,country\n", bytes.as_slice()].concat();
        let (taken, tally) = read(&table, ORDERS).unwrap();
        let rows: u64 = taken.iter().map(|one| match one {
            Taken::Event { n_rows, .. } => *n_rows,
            Taken::Quarantined(_) => 1,
        }).sum();
        prop_assert_eq!(rows, tally.rows_read);
    }

    #[test]
    fn any_cells_are_accounted_for(rows in proptest::collection::vec("(1|2|,|,|,|,|a|b|2024-01-01|-|\\.|\"|5){5,20}", 0..30)) {
        let table = format!("order,date,customer,sku,qty,price,country\n{}", rows.join("\n"));
        let (_, tally) = read(table.as_bytes(), ORDERS).unwrap();
        let by_reason: u64 = tally.quarantined.values().sum();
        prop_assert_eq!(by_reason, tally.rows_quarantined);
        prop_assert!(!tally.quarantined.contains_key(&ProblemKind::LateLine));
    }

    #[test]
    fn any_text_can_be_looked_at(text in "(a|1|,|;|\"|\n|\\{|\\}|:|2024-01-01|id|date|é){0,60}") {
        if let Ok(sample) = sample_table(text.as_bytes()) {
            let _proposed: Result<_, SourceError> = crate::propose_mapping(&sample, throng_event::Day(20_000));
        }
    }
}
