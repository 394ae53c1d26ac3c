//! Workbooks as Excel writes them, and as they should not be.

use std::io::{Cursor, Write};

use expect_test::{Expect, expect};
use throng_event::Day;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::shown::{Receiver, collect};
use crate::{Import, Taken, Term, propose_mapping, read_workbook_table, sample_workbook_table};

const STYLES: &str = r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;
const TEXTS: &str = r#"<sst uniqueCount="2"><si><t>who</t></si><si><t>a &amp; b</t></si></sst>"#;

fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Returns a workbook whose sheets are called One, Two, … with these rows.
fn workbook(texts: &str, sheets: &[&str]) -> Vec<u8> {
    let names = ["One", "Two"];
    let entry = |idx: usize| format!(r#"<sheet name="{}" sheetId="{idx}" r:id="r{idx}"/>"#, names[idx]);
    let entries: String = (0..sheets.len()).map(entry).collect();
    let book = format!(r#"<workbook xmlns:r="r"><sheets>{entries}</sheets></workbook>"#);
    let link = |idx| format!(r#"<Relationship Id="r{idx}" Type="http://x/worksheet" Target="worksheets/{idx}.xml"/>"#);
    let links: String = (0..sheets.len()).map(link).collect();
    let links = format!("<Relationships>{links}</Relationships>");
    let paths: Vec<String> = (0..sheets.len()).map(|idx| format!("xl/worksheets/{idx}.xml")).collect();
    let bodies: Vec<String> =
        sheets.iter().map(|rows| format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")).collect();
    let mut parts = vec![
        ("xl/workbook.xml", book.as_str()),
        ("xl/_rels/workbook.xml.rels", &links),
        ("xl/styles.xml", STYLES),
        ("xl/sharedStrings.xml", texts),
    ];
    parts.extend(paths.iter().map(String::as_str).zip(bodies.iter().map(String::as_str)));
    zipped(&parts)
}

const ORDERS: &str = r#"
    <row r="1"><c r="A1" t="inlineStr"><is><t>Orders of the year</t></is></c></row>
    <row r="3"><c r="A3" t="s"><v>0</v></c><c r="B3" t="str"><v>at</v></c><c r="D3" t="str"><v>n</v></c></row>
    <row r="4"><c r="A4" t="s"><v>1</v></c><c r="B4" s="1"><v>45296.520833333336</v></c><c r="C4" t="b"><v>1</v></c><c r="D4"><v>0.1</v></c></row>
    <row r="6"><c r="A6"><v>12345678</v></c><c r="B6" s="1"><v>45296</v></c><c r="C6" t="e"><v>#N/A</v></c><c r="E6" t="str"><v></v></c></row>
    <row r="7"><c r="A7"><v>7</v></c><c r="E7"><v>1</v></c></row>"#;

/// Bytes of a cell that are shown: more than any of the texts here that say something.
const SHOWN_BYTES: usize = 100;

fn rows(bytes: Vec<u8>, sheet: Option<&str>) -> Result<Vec<String>, SourceError> {
    let mut workbook = Workbook::open(Cursor::new(bytes))?;
    let sheet = workbook.sheet(sheet)?;
    let mut rows = workbook.rows(&sheet)?;
    let mut columns = rows.columns().clone();
    let mut shown = vec![format!("{sheet}: {}", columns.names().join("|"))];
    let mut row = Row::default();
    loop {
        shown.push(match rows.next(&mut row, &mut columns)? {
            Step::End => return Ok(shown),
            Step::Row => {
                let shown = |idx| row.get(idx).map_or("∅", |text| &text[..text.len().min(SHOWN_BYTES)]);
                (0..columns.len()).map(shown).collect::<Vec<_>>().join("|")
            }
            Step::Bad(problems, raw) => format!("! {} <- {raw}", problems[0]),
        });
    }
}

fn check(bytes: Vec<u8>, sheet: Option<&str>, expected: &Expect) {
    let shown = rows(bytes, sheet).map_or_else(|error| error.to_string(), |rows| rows.join("\n"));
    expected.assert_eq(&shown);
}

#[test]
fn the_first_sheet_that_is_not_empty_is_read() {
    check(
        workbook(TEXTS, &["", ORDERS]),
        None,
        &expect![[r#"
            Two: who|at|column 3|n
            a & b|2024-01-05 12:30:00|true|0.1
            12345678|2024-01-05|∅|∅
            ! unreadable: cells in 5 columns where the header has 4 <- ["7","","","","1"]"#]],
    );
}

#[test]
fn a_sheet_is_read_by_its_name() {
    let named = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>"#;
    check(workbook(TEXTS, &[ORDERS, named]), Some("Two"), &expect!["Two: who|a & b"]);
    check(
        workbook(TEXTS, &[ORDERS]),
        Some("Orders"),
        &expect![[r#"cannot read the input as a workbook: it has no sheet "Orders"; its sheets are One"#]],
    );
}

#[test]
fn what_is_no_workbook_is_refused() {
    check(
        zipped(&[("a.csv", "a,b")]),
        None,
        &expect!["cannot read the input as a workbook: the archive holds no workbook of Excel (XLSX)"],
    );
    check(
        workbook(TEXTS, &[""]),
        None,
        &expect![[
            r#"cannot read the input as a workbook: no row of the sheet "One" has two filled cells to name its columns"#
        ]],
    );
    check(workbook(TEXTS, &[]), None, &expect!["cannot read the input as a workbook: it has no sheets"]);
    assert!(rows(b"PK\x03\x04 and no more".to_vec(), None).is_err());
    assert!(rows(Vec::new(), None).is_err());
}

#[test]
fn what_unpacks_to_more_than_it_may_is_refused() {
    let bomb = format!("<sst>{}</sst>", "<si><t>xxxxxxxxxxxxxxxxxxxxxxxx</t></si>".repeat(8 << 20));
    let packed = workbook(&bomb, &[ORDERS]);
    assert!(packed.len() < 8 << 20, "{}", packed.len());
    check(
        packed,
        None,
        &expect!["cannot read the input as a workbook: xl/sharedstrings.xml unpacks to more than the 256 MiB it may"],
    );
    let long = format!(r#"<row><c t="str"><v>{}</v></c></row>"#, "x".repeat(2 << 20));
    check(
        workbook(TEXTS, &[&long]),
        None,
        &expect!["cannot read the input as a workbook: xl/worksheets/0.xml has a text of more than 1 MiB"],
    );
    // Wherever it stands, and however it is cut.
    for n_before in [0, BUFFER_BYTES - 20, BUFFER_BYTES - 5] {
        let lie = format!(r#"<!--{}--><sst uniqueCount = "999999999999999"></sst>"#, "x".repeat(n_before));
        let error = rows(workbook(&lie, &[ORDERS]), None).unwrap_err().to_string();
        assert!(error.ends_with("xl/sharedstrings.xml announces more texts than there can be"), "{error}");
    }
}

#[test]
fn a_cell_far_away_costs_no_room() {
    let far = r#"<row r="1"><c r="A1" t="str"><v>a</v></c><c r="B1" t="str"><v>b</v></c></row>
        <row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#;
    let shown = rows(workbook(TEXTS, &[far]), None).unwrap();
    assert!(shown[1].starts_with("! unreadable: cells in 16384 columns"), "{}", &shown[1][..60]);
}

/// Returns a workbook of one shared text of nearly a mebibyte, said in these rows and columns.
fn repeating(n_rows: usize, n_columns: usize) -> Vec<u8> {
    let texts = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(TEXT_BYTES_MAX - 100));
    let cells = |cell: &dyn Fn(usize) -> String| format!("<row>{}</row>", (0..n_columns).map(cell).collect::<String>());
    let header = cells(&|idx| format!(r#"<c t="str"><v>c{idx}</v></c>"#));
    let row = cells(&|_| r#"<c t="s"><v>0</v></c>"#.to_owned());
    workbook(&texts, &[&(header + &row.repeat(n_rows))])
}

#[test]
fn a_text_said_again_and_again_is_not_read_for_ever() {
    let within = rows(repeating(2, 10), None).unwrap();
    assert_eq!(within.len(), 3);
    check(
        repeating(300, 10),
        None,
        &expect![
            "cannot read the input as a workbook: its cells repeat their texts to more than the 2048 MiB they may"
        ],
    );
}

#[test]
fn a_row_that_says_more_than_it_may_costs_itself() {
    let shown = rows(repeating(1, 40), None).unwrap();
    assert!(shown[1].starts_with("! too-large: a row of more than 16 MiB"), "{}", &shown[1][..60]);
    assert_eq!(shown.len(), 2);
}

#[test]
fn a_workbook_with_one_wrong_byte_is_read_or_refused() {
    let bytes = workbook(TEXTS, &[ORDERS]);
    for idx in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[idx] ^= 0x55;
        if let Ok(shown) = rows(damaged, None) {
            assert!(!shown.is_empty());
        }
    }
    for cut in 0..bytes.len() {
        assert!(rows(bytes[..cut].to_vec(), None).is_err(), "{cut}");
    }
}

#[test]
fn a_workbook_goes_in_with_the_proposed_mapping() {
    let bytes = workbook(TEXTS, &["", ORDERS]);
    let sample = sample_workbook_table(Cursor::new(&bytes), None).unwrap();
    let mapping = propose_mapping(&sample, Day(20_000)).unwrap().mapping;
    assert_eq!((mapping.sheet.as_deref(), &mapping.time), (Some("Two"), &Term::column("at")));
    let read =
        |import: Import<'_>, sink: Receiver<'_>| read_workbook_table(Cursor::new(&bytes), &mapping, import, sink);
    let (taken, tally) = collect("shop", "Europe/Berlin", None, read).unwrap();
    let time = |taken| match taken {
        Taken::Event { event, .. } => Some(event.occurred_at.to_string()),
        Taken::Quarantined(_) => None,
    };
    let times: Vec<String> = taken.into_iter().filter_map(time).collect();
    assert_eq!(times, ["2024-01-05T11:30:00Z", "2024-01-04T23:00:00Z"]);
    assert_eq!(tally.rows_quarantined, 1);
}
