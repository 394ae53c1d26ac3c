//! Reads hostile input of any size as any form and says what came of it.
//!
//! `cargo run --release -p throng-source --example hostile -- segment garbage 1000` reads a
//! thousand mebibytes. Time and memory are measured from outside: `/usr/bin/time -v`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a tool of those who develop")]

#[path = "../tests/support/hostile.rs"]
mod hostile;

use hostile::{Hostile, good};
use throng_event::{Calendar, Day, Instant, Limits, PersonalData};
use throng_source::{Form, Import, propose_mapping, read_table, sample_table};

/// 2024-10-04, the day of rows that name none.
const TODAY: Day = Day(20_000);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [form, kind, mebibytes] = arguments.as_slice() else { panic!("say a form, a kind and mebibytes") };
    let form = Form::from_name(form).unwrap();
    let kind = Hostile::ALL.into_iter().find(|known| format!("{known:?}").eq_ignore_ascii_case(kind)).unwrap();
    let n_bytes = mebibytes.parse::<u64>().unwrap() << 20;
    let limits = Limits {
        source: "hostile".to_owned(),
        earliest: Instant(0),
        latest: Instant(4_000_000_000_000_000),
        personal: PersonalData::default(),
    };
    let calendar = Calendar::utc();
    let import = Import { limits: &limits, calendar: &calendar, currency: None };
    let mut sink = |_| Ok(());
    println!("recognised: {:?}", Form::recognise(kind.input(form, n_bytes)).map(|(form, _)| form.as_str()));
    let ended = if form == Form::Table {
        let of_its_own = sample_table(kind.input(form, n_bytes)).and_then(|sample| propose_mapping(&sample, TODAY));
        let proposal = of_its_own.or_else(|error| {
            println!("no mapping: {error}");
            propose_mapping(&sample_table(good(form).as_slice()).unwrap(), TODAY)
        });
        read_table(kind.input(form, n_bytes), &proposal.unwrap().mapping, import, &mut sink)
    } else {
        form.read(kind.input(form, n_bytes), import, &mut sink)
    };
    match ended {
        Ok(tally) => {
            println!("{} rows, {} events, {} put aside", tally.rows_read, tally.events, tally.rows_quarantined)
        }
        Err(error) => println!("ended: {error}"),
    }
}
