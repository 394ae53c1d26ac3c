//! What a reader makes of an input, as text, for the tests of readers.

use std::fmt::Write;

use throng_event::{Calendar, Event, Instant, Limits, PersonalData};

use crate::{Block, Blocks, Import, Quarantined, SourceError, StopReason, Taken, Tally};

/// A reader of a form.
pub(crate) type Reader = fn(&[u8], Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>;

/// Where a reader hands on what it took.
pub(crate) type Receiver<'s> = &'s mut dyn FnMut(Taken) -> Result<(), StopReason>;

/// Reads as a source, local times being those of a zone.
pub(crate) fn import<T>(source: &str, zone: &str, key: Option<[u8; 32]>, read: impl FnOnce(Import<'_>) -> T) -> T {
    let limits = Limits {
        source: source.to_owned(),
        earliest: Instant(0),
        latest: Instant(4_000_000_000_000_000),
        personal: PersonalData { calling_code: None, key },
    };
    let calendar = Calendar::new(zone).unwrap();
    read(Import { limits: &limits, calendar: &calendar, currency: None })
}

/// Reads as [`import`] and returns every outcome; each row is in one.
pub(crate) fn collect(
    source: &str,
    zone: &str,
    key: Option<[u8; 32]>,
    read: impl FnOnce(Import<'_>, Receiver<'_>) -> Result<Tally, SourceError>,
) -> Result<(Vec<Taken>, Tally), SourceError> {
    let mut taken = Vec::new();
    let mut sink = |one| {
        taken.push(one);
        Ok(())
    };
    let tally = import(source, zone, key, |import| read(import, &mut sink))?;
    assert_eq!(taken.iter().map(rows_of).sum::<u64>(), tally.rows_read, "every row is in an outcome");
    Ok((taken, tally))
}

/// What the blocks of an input gave: every outcome, the account or why the input could not be
/// read on, and how many blocks there were.
pub(crate) type OfBlocks = (Vec<Taken>, Result<Tally, SourceError>, usize);

/// Reads block by block what [`collect`] would read as a whole.
pub(crate) fn collect_blocks(mut blocks: Blocks<'_>, import: Import<'_>) -> OfBlocks {
    let (mut taken, mut tally, mut n_blocks) = (Vec::new(), Tally::default(), 0);
    let mut block = Block::default();
    loop {
        match blocks.fill(&mut block) {
            Ok(true) => n_blocks += 1,
            Ok(false) => return (taken, Ok(tally), n_blocks),
            Err(error) => return (taken, Err(error.after(tally.rows_read)), n_blocks),
        }
        let mut sink = |one| {
            taken.push(match one {
                Taken::Quarantined(row) => Taken::Quarantined(Quarantined { row: row.row + tally.rows_read, ..row }),
                event @ Taken::Event { .. } => event,
            });
            Ok(())
        };
        let account = block.read(import, &mut sink).unwrap();
        tally.add(&account);
    }
}

fn rows_of(taken: &Taken) -> u64 {
    match taken {
        Taken::Event { n_rows, .. } => *n_rows,
        Taken::Quarantined(_) => 1,
    }
}

/// Reads an input under the name `desk`, local times being those of Berlin.
pub(crate) fn read(reader: Reader, input: &[u8], key: Option<[u8; 32]>) -> (Vec<Taken>, Tally) {
    collect("desk", "Europe/Berlin", key, |import, sink| reader(input, import, sink)).unwrap()
}

/// Returns the admitted events.
pub(crate) fn events(reader: Reader, input: &[u8]) -> Vec<Event> {
    let of = |taken| match taken {
        Taken::Event { event, .. } => Some(*event),
        Taken::Quarantined(_) => None,
    };
    read(reader, input, None).0.into_iter().filter_map(of).collect()
}

/// Writes what is filled of every outcome, one fact a line.
pub(crate) fn show(reader: Reader, input: &[u8]) -> String {
    let mut text = String::new();
    for taken in read(reader, input, None).0 {
        match taken {
            Taken::Event { event, problems, .. } => {
                show_event(&event, &mut text);
                problems.iter().for_each(|problem| writeln!(text, "  mended {problem}").unwrap());
            }
            Taken::Quarantined(row) => writeln!(text, "row {}: {} <- {}", row.row, row.problem, row.raw).unwrap(),
        }
    }
    text
}

fn show_event(event: &Event, text: &mut String) {
    let kind = event.kind.as_str();
    writeln!(text, "{kind} {:?} at {} by {}", event.name, event.occurred_at, event.id).unwrap();
    let ids = [("user", &event.user_id), ("anonymous", &event.anonymous_id), ("group", &event.group_id)];
    for (name, id) in ids.into_iter().chain([("channel", &event.channel)]) {
        id.iter().for_each(|id| writeln!(text, "  {name} {id}").unwrap());
    }
    event.external_ids.iter().for_each(|id| writeln!(text, "  id {id}").unwrap());
    for (name, attributes) in [("context", &event.context), ("property", &event.properties), ("trait", &event.traits)] {
        attributes.iter().for_each(|(key, value)| writeln!(text, "  {name} {key} = {value}").unwrap());
    }
    event.products.iter().for_each(|line| writeln!(text, "  product {}", line.product_id).unwrap());
    event.text.iter().for_each(|said| writeln!(text, "  text {said:?}").unwrap());
    event.rating.iter().for_each(|rating| writeln!(text, "  rating {rating}").unwrap());
}

/// Asserts that what was put aside is put aside again, for the same reason, from its raw text.
pub(crate) fn check_raw_is_readable(reader: Reader, input: &[u8]) {
    let aside = |input: &[u8]| -> Vec<(String, String)> {
        let of = |taken| match taken {
            Taken::Event { .. } => None,
            Taken::Quarantined(row) => Some((row.raw, row.problem.to_string())),
        };
        read(reader, input, None).0.into_iter().filter_map(of).collect()
    };
    let first = aside(input);
    assert!(!first.is_empty(), "nothing was put aside");
    for (raw, problem) in first {
        let again: Vec<String> = aside(raw.as_bytes()).into_iter().map(|(_, problem)| problem).collect();
        assert_eq!(again, [problem], "{raw}");
    }
}
