//! Two groups side by side: the shares of both, their difference, and whether it is more
//! than chance over all rows together.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use throng_engine::{Difference, Share, differences};

use super::answer::{Answer, Beside, Row, Table, Tested};
use super::asked::{Asked, Group};
use crate::arguments::Format;
use crate::format::{clean, share, wrapped};
use crate::output::{Align, Grid, Output};

/// What stands below numbers that are only shown.
const UNTESTED: &str = "Whether these differ by more than chance is not tested.";

/// A row of both groups.
struct Pair {
    key: String,
    shares: [Share; 2],
    difference: Option<Difference>,
}

/// Prints two answers as one.
pub(super) fn print(
    asked: &Asked<'_>,
    groups: [&Group; 2],
    answers: &[Answer<'_>; 2],
    (top, test): (usize, Option<Tested>),
) -> anyhow::Result<()> {
    let output = asked.session.output;
    if output.format() == Format::Json {
        let mut document = Map::new();
        document.insert("selection".to_owned(), asked.selection());
        let both: Vec<Value> =
            groups.iter().zip(answers).map(|(group, answer)| group_document(group, answer)).collect();
        document.insert("groups".to_owned(), Value::Array(both));
        for (first, second) in answers[0].tables.iter().zip(&answers[1].tables) {
            if !matches!(first.beside, Beside::Apart) {
                let pairs = paired(first, second);
                document.insert(first.json.to_owned(), pairs.iter().map(pair_document).collect());
            }
        }
        document.insert("test".to_owned(), json!(test.map(|test| test.document)));
        output.json(&Value::Object(document))?;
        return Ok(());
    }
    output.heading(&clean(&format!("{}, side by side", answers[0].title)))?;
    output.text(&format!("A: {}\nB: {}", groups[0].name, groups[1].name))?;
    let mut tested = false;
    for (first, second) in answers[0].tables.iter().zip(&answers[1].tables) {
        if let Some(title) = &first.title {
            output.text("")?;
            output.heading(title)?;
        }
        match first.beside {
            Beside::Apart => {
                apart(output, groups, [first, second])?;
                if test.is_none() {
                    output.text(&wrapped(UNTESTED, output.prose_width(), 0))?;
                }
            }
            Beside::Ranked(what) | Beside::Ordered(what) => {
                together(output, first.beside, &paired(first, second), (what, top))?;
                tested = true;
            }
        }
    }
    if let Some(test) = test {
        output.text(&wrapped(&test.words, output.prose_width(), 0))?;
    }
    if tested {
        let same = if groups[0].persona == groups[1].persona {
            " Customers in both groups are counted in each, which makes the test a cautious one."
        } else {
            ""
        };
        let text = format!(
            "* more than chance: two-proportion test, false discoveries over all rows held down to 5 %; rows with \
             fewer than 10 customers are not tested.{same}"
        );
        output.text(&wrapped(&text, output.prose_width(), 0))?;
    }
    Ok(())
}

fn group_document(group: &Group, answer: &Answer<'_>) -> Value {
    let mut document = answer.document();
    document.insert("name".to_owned(), json!(group.name));
    document.insert("persona".to_owned(), json!(group.persona));
    // Rows that are compared are told once, for both.
    for table in answer.tables.iter().filter(|table| !matches!(table.beside, Beside::Apart)) {
        document.remove(table.json);
    }
    Value::Object(document)
}

fn pair_document(pair: &Pair) -> Value {
    let shares = pair.shares.map(|part| json!({ "n_customers": part.n, "of": part.of, "share": part.value() }));
    json!({
        "key": pair.key,
        "groups": shares,
        "difference": pair.difference.map(|difference| json!({
            "estimate": difference.estimate,
            "low": difference.low,
            "high": difference.high,
            "p_value": difference.p_value,
            "q_value": difference.q_value,
            "significant": difference.significant(),
        })),
    })
}

/// Returns the rows of both tables by key: those of the first in their order, then those
/// that only the second has. Who has no row counts as none of as many as the others.
fn paired(first: &Table<'_>, second: &Table<'_>) -> Vec<Pair> {
    let shares = |table: &Table<'_>| -> BTreeMap<String, Share> {
        table.rows.iter().filter_map(|row| Some((row.key.clone(), row.compared?))).collect()
    };
    let (of_first, of_second) = (shares(first), shares(second));
    let nobody =
        |shares: &BTreeMap<String, Share>| Share { n: 0, of: shares.values().map(|part| part.of).max().unwrap_or(0) };
    let (none_first, none_second) = (nobody(&of_first), nobody(&of_second));
    let only_second = second.rows.iter().filter(|row| !of_first.contains_key(&row.key));
    let mut rows: Vec<&Row<'_>> = first.rows.iter().chain(only_second).filter(|row| row.compared.is_some()).collect();
    let both = |row: &&Row<'_>| {
        (*of_first.get(&row.key).unwrap_or(&none_first), *of_second.get(&row.key).unwrap_or(&none_second))
    };
    // Where there is nobody of either to speak of, there is nothing to say.
    rows.retain(|row| {
        let (a, b) = both(row);
        a.of + b.of > 0
    });
    let pairs: Vec<(Share, Share)> = rows.iter().map(both).collect();
    let found = differences(&pairs);
    let mut result = Vec::with_capacity(rows.len());
    for ((row, (a, b)), difference) in rows.iter().zip(pairs).zip(found) {
        result.push(Pair { key: row.key.clone(), shares: [a, b], difference });
    }
    result
}

fn together(output: Output<'_>, beside: Beside, pairs: &[Pair], (what, top): (&str, usize)) -> anyhow::Result<()> {
    let mut shown: Vec<&Pair> = pairs.iter().collect();
    if matches!(beside, Beside::Ranked(_)) {
        let distance = |pair: &Pair| pair.difference.map_or(0.0, |difference| difference.estimate.abs());
        // Rows that could be tested first; the sort is stable.
        shown.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    }
    let n_left = if matches!(beside, Beside::Ranked(_)) { shown.len().saturating_sub(top) } else { 0 };
    shown.truncate(shown.len() - n_left);
    let mut grid = Grid::new(&[
        (what, Align::Left),
        ("A", Align::Right),
        ("B", Align::Right),
        ("A − B", Align::Right),
        ("95 %", Align::Right),
        ("", Align::Whole),
    ]);
    for pair in shown {
        let [a, b] = pair.shares.map(|part| share(part.value()));
        let (difference, interval, mark) = match pair.difference {
            None => (String::new(), String::new(), ""),
            Some(difference) => (
                points(difference.estimate),
                format!("{} to {}", points(difference.low), points(difference.high)),
                if difference.significant() { "*" } else { "" },
            ),
        };
        grid.row([&pair.key, &a, &b, &difference, &interval, mark]);
    }
    output.grid(&grid)?;
    if n_left > 0 {
        output.note(&format!("{n_left} rows that differ less; --top shows more"));
    }
    Ok(())
}

/// Returns a difference of shares in percentage points: `+4.1`.
fn points(difference: f64) -> String {
    format!("{:+.1}", difference * 100.0)
}

fn apart(output: Output<'_>, groups: [&Group; 2], tables: [&Table<'_>; 2]) -> anyhow::Result<()> {
    for ((letter, group), table) in ["A", "B"].into_iter().zip(groups).zip(tables) {
        output.text(&format!("\n{letter}: {}", group.name))?;
        table.print(output, 0)?;
    }
    Ok(())
}
