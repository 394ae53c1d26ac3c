//! `throng journeys survival`: how long it takes until something happens.

use std::rc::Rc;

use serde_json::json;
use throng_engine::rate_ratio;
use throng_event::Instant;
use throng_journey::{
    Bounds, Outcome, Survival, SurvivalOptions, log_rank, survival, survival_profiles, survival_spans,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table, Tested};
use super::asked::{Asked, Group};
use super::totals;
use crate::arguments::SurvivalArguments;
use crate::format::{counted, duration, quantity};
use crate::output::Align;

/// Days after which it is said for how many it has happened.
const MARKS: [i64; 10] = [1, 3, 7, 14, 30, 60, 90, 180, 365, 730];

/// From what to what, kept for whoever is listed later.
struct Question {
    starts: Vec<u32>,
    ends: Vec<u32>,
    as_of: Instant,
}

impl Question {
    fn options(&self) -> SurvivalOptions<'_> {
        SurvivalOptions { starts: &self.starts, ends: &self.ends, as_of: self.as_of }
    }
}

pub(super) fn run(asked: &Asked<'_>, arguments: &SurvivalArguments) -> anyhow::Result<()> {
    let starts = asked.all_labels(&arguments.from)?;
    let ends = asked.goal(&arguments.to, "--to")?;
    let calendar = &asked.engine.home().config().calendar;
    let question = |group: &Group| {
        let as_of = group.book.days(calendar).end();
        Question { starts: starts.clone(), ends: ends.clone(), as_of }
    };
    let answer = |group, _| {
        let question = Rc::new(question(group));
        let found = survival(&group.book.view(), question.options());
        Ok(answer(asked, group, &question, &found))
    };
    asked.answer_tested(usize::MAX, answer, |groups| {
        let [first, second] = groups.map(|group| survival_spans(&group.book.view(), question(group).options()));
        Some(tested(&first, &second))
    })
}

/// Returns whether it takes two groups equally long.
fn tested(first: &[(i64, bool)], second: &[(i64, bool)]) -> Tested {
    let n_ended: u64 = first.iter().chain(second).map(|(_, ended)| u64::from(*ended)).sum();
    let ratio = log_rank(first, second).and_then(|found| rate_ratio(found, n_ended));
    let Some(ratio) = ratio else {
        let words = "It happened to too few to say whether the two differ by more than chance.".to_owned();
        return Tested { words, document: json!(null) };
    };
    let words = format!(
        "At any time it happens to those waiting in A {} times as often as to those in B (95 %: {} to {}); {} by the \
         log-rank test (p {}).",
        quantity(ratio.estimate),
        quantity(ratio.low),
        quantity(ratio.high),
        if ratio.p_value <= 0.05 { "more than chance" } else { "no more than chance" },
        probability(ratio.p_value),
    );
    let document = json!({
        "name": "log-rank",
        "rate_ratio": ratio.estimate,
        "low": ratio.low,
        "high": ratio.high,
        "p_value": ratio.p_value,
    });
    Tested { words, document }
}

/// Returns a probability for people: `= 0.031`, `< 0.001`.
fn probability(p_value: f64) -> String {
    if p_value < 0.001 { "< 0.001".to_owned() } else { format!("= {p_value:.3}") }
}

fn answer<'g>(asked: &Asked<'_>, group: &'g Group, question: &Rc<Question>, found: &Survival) -> Answer<'g> {
    let names = |labels: &[u32]| {
        let names: Vec<&str> = labels.iter().map(|label| asked.first().name(*label)).collect();
        names.join(" or ")
    };
    let start = if question.starts.is_empty() { "the first touch".to_owned() } else { names(&question.starts) };
    let rows = MARKS.iter().filter_map(|days| mark(found, *days)).chain(median(found));
    let mut rows: Vec<Row<'g>> = rows.collect();
    let part = |n: u64| throng_engine::Share { n, of: found.n_profiles }.value();
    for (key, outcome, n) in
        [("happened", Outcome::Ended, found.n_ended), ("lasting", Outcome::Lasting, found.n_profiles - found.n_ended)]
    {
        let question = Rc::clone(question);
        let words = if outcome == Outcome::Ended { "happened so far" } else { "not yet (lasting)" };
        let cells = vec![
            Cell::text(words),
            Cell::Count(n),
            Cell::text(format!("{} of all", crate::format::share(part(n)))),
            Cell::text(""),
            Cell::text(""),
        ];
        let row = Row::new(key, cells).only_shown();
        rows.push(row.opens(move || survival_profiles(&group.book.view(), question.options(), outcome)));
    }
    let heading = format!(
        "How long from {start} to {}, {}: {}",
        names(&question.ends),
        group.name,
        counted(found.n_profiles, "customer")
    );
    let seconds = |us: i64| us / Instant::SECOND;
    let totals = totals([
        ("n_customers", json!(found.n_profiles)),
        ("n_happened", json!(found.n_ended)),
        ("n_lasting", json!(found.n_profiles - found.n_ended)),
        ("median_seconds", json!(found.median_us.map(seconds))),
    ]);
    let columns = vec![
        Column::name("after", "after"),
        Column::number("still waiting", "n_at_risk"),
        Column::number("happened", "share_happened"),
        Column::shown("95 %", Align::Right),
        Column::shown("", Align::Whole),
    ];
    let notes = vec!["Who is known for less time counts as long as they are known (Kaplan and Meier 1958).".to_owned()];
    let beside = Beside::Apart;
    let table = Table { title: None, json: "marks", columns, rows, beside, shown_max: usize::MAX, notes };
    Answer {
        title: format!("How long from {start} to {}", names(&question.ends)),
        heading,
        totals,
        tables: vec![table],
    }
}

/// Returns for how many it has happened after some days; `None` when nobody is known so long.
fn mark<'g>(found: &Survival, days: i64) -> Option<Row<'g>> {
    let at_us = days * Instant::DAY;
    let longest = found.steps.last()?.at_us;
    let place = found.steps.partition_point(|step| step.at_us <= at_us);
    let next = found.steps.get(place);
    // A little beyond the last time it happened nobody is known to wait any more.
    if next.is_none() && at_us > longest + longest / 10 {
        return None;
    }
    let (share, bounds) = match place.checked_sub(1).map(|last| &found.steps[last]) {
        None => (0.0, Bounds { low: 0.0, high: 0.0 }),
        Some(step) => (1.0 - step.survival, Bounds { low: 1.0 - step.bounds.high, high: 1.0 - step.bounds.low }),
    };
    let n_waiting = next.map_or(0, |step| step.n_at_risk);
    let unit = if days == 1 { "day" } else { "days" };
    let cells = vec![
        Cell::text(format!("{days} {unit}")),
        Cell::Count(n_waiting),
        Cell::Share(Some(share)),
        Cell::Range(bounds),
        Cell::Bar(share),
    ];
    let row = Row::new(format!("{days} days"), cells).with("days", days);
    Some(row.with("low", bounds.low).with("high", bounds.high))
}

fn median<'g>(found: &Survival) -> Option<Row<'g>> {
    #[expect(clippy::cast_precision_loss, reason = "a time to be read by people")]
    let seconds = found.median_us? as f64 / Instant::SECOND as f64;
    let cells = vec![
        Cell::text(format!("{} (median)", duration(seconds))),
        Cell::text(""),
        Cell::Share(Some(0.5)),
        Cell::text(""),
        Cell::Bar(0.5),
    ];
    Some(Row::new("median", cells).only_shown())
}
