//! What a reader made of an input, as text, for tests.

use std::fmt::Write;

use throng_event::Event;

use crate::shown::{Reader, collect};
use crate::{SourceError, Taken, Tally};

/// Reads an input as a source named `test`, in UTC and without a currency of its own.
pub(crate) fn take(read: Reader, input: &[u8]) -> Result<(Vec<Taken>, Tally), SourceError> {
    collect("test", "UTC", None, |import, sink| read(input, import, sink))
}

/// Writes every outcome of reading an input.
pub(crate) fn show(read: Reader, input: &str) -> String {
    let mut text = String::new();
    for taken in take(read, input.as_bytes()).unwrap().0 {
        match taken {
            Taken::Event { event, problems, n_rows } => {
                write!(text, "{}", show_event(&event)).unwrap();
                (n_rows != 1).then(|| writeln!(text, "of {n_rows} rows").unwrap());
                problems.iter().for_each(|problem| writeln!(text, "mended {problem}").unwrap());
            }
            Taken::Quarantined(row) => writeln!(text, "row {}: {} <- {}", row.row, row.problem, row.raw).unwrap(),
        }
    }
    text
}

/// Reads an input, and then again what was put aside; returns both accounts.
pub(crate) fn twice(read: Reader, input: &str) -> (Tally, Tally) {
    let (taken, tally) = take(read, input.as_bytes()).unwrap();
    let raw = taken.into_iter().filter_map(|one| match one {
        Taken::Quarantined(row) => Some(row.raw + "\n"),
        Taken::Event { .. } => None,
    });
    let again = take(read, raw.collect::<String>().as_bytes()).unwrap().1;
    (tally, again)
}

/// Writes what is filled of an event, one field a line.
fn show_event(event: &Event) -> String {
    let mut text = format!("{} {:?} at {} ({})\n", event.kind.as_str(), event.name, event.occurred_at, event.id);
    let ids = [("user", &event.user_id), ("anonymous", &event.anonymous_id), ("group", &event.group_id)];
    for (name, id) in ids.into_iter().chain([("channel", &event.channel)]) {
        id.iter().for_each(|id| writeln!(text, "  {name} {id}").unwrap());
    }
    event.external_ids.iter().for_each(|id| writeln!(text, "  id {id}").unwrap());
    for (name, attributes) in [("context", &event.context), ("property", &event.properties), ("trait", &event.traits)] {
        attributes.iter().for_each(|(key, value)| writeln!(text, "  {name} {key} = {value}").unwrap());
    }
    event.money.iter().for_each(|money| writeln!(text, "  money {} {}", money.minor, money.currency).unwrap());
    for line in &event.products {
        let minor = |minor: Option<i64>| minor.map_or("?".to_owned(), |minor| minor.to_string());
        let amounts = format!("{} (off {})", minor(line.amount_minor), minor(line.discount_minor));
        writeln!(text, "  product {} {:?} × {} = {amounts}", line.product_id, line.name, line.quantity).unwrap();
    }
    text
}
