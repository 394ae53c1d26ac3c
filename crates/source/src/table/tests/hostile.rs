//! Input as it should not be: every row is accounted for, and nothing grows with it.

use std::io::Read;

use flate2::Compression;
use flate2::read::GzEncoder;
use throng_event::Day;

use super::*;
use crate::propose_mapping;

/// `n_left` bytes, all the same.
struct Same(u8, usize);

impl Read for Same {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n_bytes = buffer.len().min(self.1);
        buffer[..n_bytes].fill(self.0);
        self.1 -= n_bytes;
        Ok(n_bytes)
    }
}

/// Reads without keeping the outcomes; returns the account and the bytes of the longest raw record.
fn account(table: impl Read, mapping: &str) -> (Tally, usize) {
    let mapping = Mapping::parse(mapping).unwrap();
    let mut longest = 0;
    let mut sink = |one| {
        if let Taken::Quarantined(row) = one {
            longest = longest.max(row.raw.len());
        }
        Ok(())
    };
    let tally = import(|import| read_table(table, &mapping, import, &mut sink)).unwrap();
    (tally, longest)
}

fn check_account(table: impl Read, mapping: &str, rows: (u64, u64)) {
    let (tally, longest) = account(table, mapping);
    assert_eq!((tally.rows_in_events, tally.rows_quarantined), rows, "{tally:?}");
    assert!(longest < 70_000, "{longest}");
}

const GOOD: &[u8] = b"\na,2024-01-01,Home,1\n";

#[test]
fn a_line_of_100_mb_costs_one_row() {
    let text = b"who,at,what,n\na,2024-01-01,Home,1\n".chain(Same(b'x', 100_000_000)).chain(GOOD);
    check_account(text, VISITS, (2, 1));
    let json = br#"{"who":1,"at":"2024-01-01","what":"x"}"#.chain(&b"\n{\"who\":\""[..]).chain(Same(b'x', 100_000_000));
    check_account(json, VISITS, (1, 1));
}

#[test]
fn a_packed_bomb_is_one_row_too_long() {
    let bomb = b"who,at,what,n\n".chain(Same(b'0', 200_000_000)).chain(GOOD);
    let mut packed = Vec::new();
    GzEncoder::new(bomb, Compression::best()).read_to_end(&mut packed).unwrap();
    assert!(packed.len() < 1_000_000, "{}", packed.len());
    check_account(packed.as_slice(), VISITS, (1, 1));
}

#[test]
fn deeply_nested_json_costs_one_row() {
    let deep = |open: &str, n_levels: usize| format!("{{\"who\":{}\n", open.repeat(n_levels));
    let good = "{\"who\":\"a\",\"at\":\"2024-01-01\",\"what\":\"Home\"}\n";
    for open in ["[", "{\"a\":"] {
        let table = format!("{good}{}{good}", deep(open, 1_000_000));
        check_account(table.as_bytes(), VISITS, (2, 1));
    }
}

#[test]
fn ragged_rows_odd_bytes_and_nuls_cost_no_more_than_their_rows() {
    let table = b"who,at,what,n\na\na,b,c,d,e,f\n\0\0\0\n\xff\xfe\xfd,2024-01-01,Caf\xe9,1\na\0b,2024-01-01,Home,\0\n";
    check_account(&table[..], VISITS, (2, 3));
}

#[test]
fn a_million_event_names_are_as_many_events() {
    let mut table = String::from("who,at,what,n\n");
    (0..1_000_000).for_each(|name| writeln!(table, "a,2024-01-01,{name},").unwrap());
    let mapping = Mapping::parse(VISITS).unwrap();
    let tally = import(|import| read_table(table.as_bytes(), &mapping, import, &mut |_| Ok(()))).unwrap();
    assert_eq!((tally.rows_in_events, tally.rows_quarantined), (1_000_000, 0));
}

#[test]
fn columns_of_one_name_are_told_apart() {
    let mapping = VISITS.replace("\"who\"", "\"id (2)\"");
    let (taken, _) = read(b"id,id,at,what,n\nleft,right,2024-01-01,Home,1\n", &mapping).unwrap();
    let Taken::Event { event, .. } = &taken[0] else { panic!("{taken:?}") };
    assert_eq!(event.user_id.as_deref(), Some("right"));
}

#[test]
fn a_header_alone_has_no_rows_and_no_proposal() {
    check_account(&b"who,at,what,n\n"[..], VISITS, (0, 0));
    for table in ["who,at,what,n\n", "[]"] {
        let error = propose_mapping(&sample_table(table.as_bytes()).unwrap(), Day(20_000)).unwrap_err();
        assert!(error.to_string().contains("no rows to judge by"), "{error}");
    }
    for (table, first) in [("[[1],[2]]", "no JSON object"), ("{\"a\":{\"a\":{\"a\":", "EOF")] {
        let error = propose_mapping(&sample_table(table.as_bytes()).unwrap(), Day(20_000)).unwrap_err().to_string();
        assert!(error.contains("none of its records is a row; the first is unreadable"), "{error}");
        assert!(error.contains(first) && error.ends_with("its columns are none"), "{error}");
    }
    for table in ["", "\u{feff}", "\n\n"] {
        assert!(sample_table(table.as_bytes()).is_err(), "{table:?}");
    }
}

/// Reads a column of dates with the mapping proposed for it.
fn check_dates(dates: &[&str], expected: &str) {
    let rows: Vec<String> = dates.iter().map(|date| format!("a;{date};Home\n")).collect();
    let table = format!("user_id;date;event\n{}", rows.concat());
    let proposal = propose_mapping(&sample_table(table.as_bytes()).unwrap(), Day(20_000)).unwrap();
    let (taken, _) = read(table.as_bytes(), &proposal.to_toml("a table")).unwrap();
    let Taken::Event { event, .. } = &taken[0] else { panic!("{dates:?}: {taken:?}") };
    assert_eq!(event.occurred_at.to_string(), expected, "{dates:?}");
    assert!(taken.iter().all(|one| matches!(one, Taken::Event { .. })), "{dates:?}");
}

#[test]
fn dates_are_read_as_the_whole_column_writes_them() {
    let second_of_january = "2024-01-01T23:00:00Z";
    let columns: [&[&str]; 14] = [
        &["2024-01-02", "2024-01-03"],
        &["2024-01-02T00:00:00", "2024-01-03T10:00:00.25"],
        &["2024-01-02 00:00:00 +0100", "2024-01-03T10:00:00Z"],
        &["02.01.2024 00:00", "03.01.2024 10:00"],
        &["02/01/2024", "13/01/2024"],
        &["02/01/2024 00:00", "31/01/2024 10:00"],
        &["01/02/2024", "01/13/2024"],
        &["2024/01/02", "2024/01/13"],
        &["20240102", "20240113"],
        &["2 Jan 2024", "13 Jan 2024"],
        &["Jan 2, 2024", "Jan 13, 2024"],
        &["45293", "45304.5"],
        &["Mon, 01 Jan 2024 23:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 +0100"],
        &["1704150000", "1704150001"],
    ];
    for dates in columns {
        check_dates(dates, second_of_january);
    }
    check_dates(&["1704150000000", "1704150000001"], second_of_january);
    check_dates(&["1704150000000000", "1704150000000001"], second_of_january);
}

/// Reads a column of amounts with the mapping proposed for it.
fn check_amounts(amounts: &[&str], expected: i64) {
    let rows: Vec<String> = amounts.iter().map(|amount| format!("a;2024-01-01;\"{amount}\"\n")).collect();
    let table = format!("customer_id;order_date;total\n{}", rows.concat());
    let proposal = propose_mapping(&sample_table(table.as_bytes()).unwrap(), Day(20_000)).unwrap();
    let (taken, _) = read(table.as_bytes(), &proposal.to_toml("a table")).unwrap();
    let minor = taken.iter().map(|one| match one {
        Taken::Event { event, .. } => event.money.map_or(0, |money| money.minor),
        Taken::Quarantined(row) => panic!("{row:?}"),
    });
    assert_eq!(minor.sum::<i64>(), expected, "{amounts:?} by {:?}", proposal.mapping.decimal);
}

#[test]
fn amounts_are_read_as_the_whole_column_writes_them() {
    check_amounts(&["12.50", "1,234.00", "3"], 124_950);
    check_amounts(&["12,50", "1.234,00", "3"], 124_950);
    check_amounts(&["1 234,50", "3,25", "(4,25)"], 123_350);
    check_amounts(&["$12.50", "-$2.50", "($1,000.25)"], -99_025);
    check_amounts(&["12,50 €", "1.234,00 €", "3,00 €"], 124_950);
    check_amounts(&["EUR 12.50", "EUR 0.25", "2.00"], 1_475);
}
