//! Text tables as exports write them, and as they break.

use std::io;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn rows(input: impl Read) -> Vec<String> {
    let mut table = Delimited::new(input).unwrap();
    let mut columns = table.columns().clone();
    let mut row = Row::default();
    let mut shown = vec![columns.names().join("|")];
    loop {
        shown.push(match table.next(&mut row, &mut columns).unwrap() {
            Step::End => return shown,
            Step::Row => {
                let cells: Vec<&str> = (0..columns.len()).map(|idx| row.get(idx).unwrap_or("∅")).collect();
                let mended: Vec<String> = row.mended.iter().map(|problem| format!(" ({problem})")).collect();
                format!("{}{}", cells.join("|"), mended.concat())
            }
            Step::Bad(problems, raw) => format!("! {} <- {raw}", problems[0]),
        });
    }
}

fn check(input: &[u8], expected: &Expect) {
    expected.assert_eq(&rows(input).join("\n"));
}

#[test]
fn delimiters_are_found() {
    check(b"a,b\n1,2\n", &expect!["a|b\n1|2"]);
    check(b"a;b\n1,5;2\n", &expect!["a|b\n1,5|2"]);
    check(b"a\tb\n1, 2\t3", &expect!["a|b\n1, 2|3"]);
    check(b"a|b\n1|2", &expect!["a|b\n1|2"]);
    check(b"a\n1\n2\n", &expect!["a\n1\n2"]);
    check(b"name;x\n\"a,b,c\";1\n", &expect!["name|x\na,b,c|1"]);
}

#[test]
fn a_table_without_a_header_has_numbered_columns() {
    check(
        b"1_1\t-0.9\ttoo loud\n1_2\t-1.5\tfine\n1_3\t1\tso so\n1_4\t0.5\tgood\n1_5\t0.1\tno\n1_6\t3.5\tyes\n",
        &expect![
            "column 1|column 2|column 3\n1_1|-0.9|too loud\n1_2|-1.5|fine\n1_3|1|so so\n1_4|0.5|good\n1_5|0.1|no\n1_6|3.5|yes"
        ],
    );
    check(
        b"a@x.org,2024-01-01\nb@x.org,2024-01-02\nc@x.org,\n",
        &expect!["column 1|column 2\na@x.org|2024-01-01\nb@x.org|2024-01-02\nc@x.org|∅"],
    );
    // Years, positions and days stand in headers, above numbers.
    for header in ["id,2023,2024", "id,0,1", "id,2024-01-01,2024-01-02"] {
        let table = format!("{header}\na,1,2\nb,3,4\nc,5,6\n");
        assert_eq!(rows(table.as_bytes())[0], header.replace(',', "|"));
    }
}

#[test]
fn quotes_marks_and_line_ends_are_read() {
    check(
        "\u{feff}a,b\r\n\"x \"\"y\"\"\",\"two\nlines\"\r\n\r\n3,\r\n".as_bytes(),
        &expect!["a|b\nx \"y\"|two\nlines\n3|∅"],
    );
}

#[test]
fn a_ragged_row_is_put_aside() {
    check(
        b"a,b\n1\n1,2,3\n4,5\n",
        &expect![[r#"
        a|b
        ! unreadable: 1 cells where the header has 2 <- ["1"]
        ! unreadable: 3 cells where the header has 2 <- ["1","2","3"]
        4|5"#]],
    );
}

#[test]
fn an_open_quote_costs_one_line() {
    check(
        b"a,b\n1,\"x\n2,y\n3,z\n",
        &expect![[r#"
        a|b
        ! unreadable: a quoted cell that does not end in its line <- "1,\"x"
        2|y
        3|z"#]],
    );
    check(
        b"a,b\n\"x,1\n\"y\",2\n3,z\n",
        &expect![[r#"
            a|b
            ! unreadable: a quoted cell that does not end in its line <- "\"x,1"
            y|2
            3|z"#]],
    );
}

#[test]
fn an_open_quote_between_tabs_was_said() {
    check(
        b"a\tb\r\n1\t\"x\r\n2\ty\r\n\"\"z\"\t\r\n",
        &expect![[r#"
            a|b
            1|"x (unreadable: a quoted cell that does not end in its line)
            2|y
            z"|∅"#]],
    );
}

#[test]
fn other_encodings_and_nuls_are_tolerated() {
    check(
        b"a,b\n\xa3 5,caf\xe9\nx\0y,2\n",
        &expect![[r#"
        a|b
        £ 5|café (unreadable: not UTF-8; read as Windows-1252)
        xy|2"#]],
    );
    // Two cells that are no text and would be one letter together.
    check(b"a,b\n\xc3,\xa9\nx,\xc3\xa9\n", &expect!["a|b\nÃ|©\nx|é"]);
}

#[test]
fn an_empty_table_is_an_error() {
    let error = Delimited::new(&b""[..]).err().unwrap();
    assert_eq!(error.to_string(), "cannot read the input as a table of text: it is empty");
}

/// `n_left` bytes of a cell, opened by a quote, in lines of `line_bytes`.
struct Cell {
    n_left: usize,
    line_bytes: usize,
}

impl Read for Cell {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = buffer.len().min(self.n_left);
        for (idx, byte) in buffer[..n_bytes].iter_mut().enumerate() {
            *byte = if (self.n_left - idx).is_multiple_of(self.line_bytes) { b'\n' } else { b'x' };
        }
        self.n_left -= n_bytes;
        Ok(n_bytes)
    }
}

#[test]
fn a_line_of_100_mb_is_one_bounded_record() {
    let cell = Cell { n_left: 100_000_000, line_bytes: usize::MAX };
    let shown = rows(b"a,b\n1,2\n".chain(cell).chain(&b"\n3,4\n"[..]));
    assert_eq!((shown.len(), &*shown[1], &*shown[3]), (4, "1|2", "3|4"));
    assert!(shown[2].starts_with("! too-large"), "{}", &shown[2][..80]);
    assert!(shown[2].len() < 66_000);
}

#[test]
fn an_open_quote_far_from_the_end_costs_one_line() {
    let cell = Cell { n_left: 3_000_000, line_bytes: 1_000 };
    let shown = rows(b"a,b\n1,\"x".chain(cell).chain(&b"\n3,4\n"[..]));
    // Every line of the cell is a row of one cell; the last row is whole again.
    assert_eq!(shown.last().unwrap(), "3|4");
    assert_eq!(shown.iter().filter(|row| row.starts_with("! unreadable")).count(), shown.len() - 2);
}

#[test]
fn where_quotes_go_wrong_all_the_time_lines_are_read_each_for_itself() {
    // Each of them, read from its beginning, opens a cell that ends nowhere.
    let wrong = "a\",\"b\n".repeat(700_000);
    let good = "1,2\n".repeat(100_000);
    let table = format!("a,b\n{wrong}3,4\n\"5\"\"\",6\n{good}\"two\nlines\",7\n");
    let shown = rows(table.as_bytes());
    assert!(shown[1..=700_000].iter().all(|row| row.starts_with("! unreadable: a quoted cell")));
    assert_eq!(shown[700_001..700_004], ["3|4", "5\"|6", "1|2"]);
    assert_eq!(shown.last().unwrap(), "two\nlines|7");
}

#[test]
fn a_line_is_too_long_however_it_comes() {
    for n_more in [0, 1, 70_000] {
        let table = format!("a,b\n{}\n3,4\n", "x".repeat(RECORD_BYTES_MAX - 1 + n_more));
        let shown = rows(table.as_bytes());
        let reason = if n_more == 0 { "! unreadable: 1 cells" } else { "! too-large" };
        assert!(shown[1].starts_with(reason), "{n_more}: {}", &shown[1][..80]);
        assert_eq!(shown, rows(Drops(table.as_bytes(), 1_000)));
    }
}

#[test]
fn blank_lines_are_no_record_however_many_they_are() {
    let table = format!("a,b\n{}1,2\n{}", "\n".repeat(3_000_000), "\r\n".repeat(1_000_000));
    assert_eq!(rows(table.as_bytes()), ["a|b", "1|2"]);
}

/// A reader that gives a few bytes at a time.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n_bytes].copy_from_slice(&self.0[..n_bytes]);
        self.0 = &self.0[n_bytes..];
        Ok(n_bytes)
    }
}

proptest! {
    #[test]
    fn any_bytes_are_rows_however_they_come(text in "(a|1|,|;|\"|\n|\r|é|\0|\u{feff}){1,60}", n_bytes in 1_usize..9) {
        let whole = Delimited::new(text.as_bytes()).map(|_| rows(text.as_bytes()));
        let dropped = Delimited::new(Drops(text.as_bytes(), n_bytes)).map(|_| rows(Drops(text.as_bytes(), n_bytes)));
        prop_assert_eq!(whole.ok(), dropped.ok());
    }
}
