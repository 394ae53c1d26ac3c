//! Tables of several blocks.

use super::*;

/// Reads a table by blocks and as a whole; both give the same.
fn check(table: &str, mapping: &str) -> Vec<Taken> {
    let mapping = Mapping::parse(mapping).unwrap();
    let (taken, tally) = collect(|import, sink| read_table(table.as_bytes(), &mapping, import, sink)).unwrap();
    import(|import| {
        let blocks = table_blocks(table.as_bytes(), &mapping, import).unwrap().unwrap();
        let (of_blocks, account, n_read) = shown::collect_blocks(blocks, import);
        assert_eq!((&of_blocks, account.unwrap()), (&taken, tally));
        assert!(n_read > 2, "{n_read} blocks");
    });
    taken
}

#[test]
fn rows_that_are_alike_stay_apart_across_blocks() {
    let text = "x".repeat(90);
    let rows: String =
        (0..20_000).map(|number| format!("2024-03-01,u{},{text},{}\n", number % 7, number % 3)).collect();
    let taken = check(&format!("at,who,what,n\n{rows}"), VISITS);
    let ids: std::collections::BTreeSet<String> = events(taken).into_iter().map(|event| event.id.0).collect();
    assert_eq!(ids.len(), 20_000);
}

#[test]
fn rows_that_are_none_keep_their_number_and_their_text() {
    let row = |number: usize| match number % 1_000 {
        500 => "2024-03-01,u1\n".to_owned(),
        700 => format!(",u{number},a,1\n"),
        _ => format!("2024-03-01,u{number},{},1\n", "y".repeat(60)),
    };
    let rows: String = (0..20_000).map(row).collect();
    let taken = check(&format!("at,who,what,n\n{rows}"), VISITS);
    assert_eq!(events(taken).len(), 20_000 - 40);
}

#[test]
fn columns_that_come_late_are_known_in_their_block() {
    let row = |number: usize| {
        let late = if number > 9_000 { format!(",\"late {}\":\"z\"", number % 11) } else { String::new() };
        let who = if number % 900 == 1 { "null".to_owned() } else { format!("\"u{number}\"") };
        format!("{{\"at\":\"2024-03-01\",\"who\":{who},\"what\":\"{}\",\"n\":2{late}}}\n", "w".repeat(80))
    };
    let rows: String = (0..20_000).map(row).collect();
    check(&rows, VISITS);
}

fn events(taken: Vec<Taken>) -> Vec<Event> {
    let event = |taken| if let Taken::Event { event, .. } = taken { Some(*event) } else { None };
    taken.into_iter().filter_map(event).collect()
}
