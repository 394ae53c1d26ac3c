//! `throng journeys friction`: where journeys stop before the goal, what that costs, and
//! what goes before: circles, waiting, calls for help.

use std::rc::Rc;

use serde_json::json;
use throng_engine::{JourneyBook, Share};
use throng_event::{Currency, Instant};
use throng_journey::{Friction, FrictionOptions, Frictions, Repeats, Trouble, friction_profiles, frictions};

use super::answer::{Answer, Beside, Cell, Column, Row, Table, amount_of};
use super::asked::{Asked, Group, Journeys};
use super::totals;
use crate::arguments::FrictionArguments;
use crate::format::{count, share};

/// Words by which customers ask for help.
const SUPPORT_WORDS: [&str; 9] =
    ["support", "ticket", "help", "complain", "chat", "call", "contact", "refund", "cancel"];

/// Days after a touchpoint in which a call for help is put down to it.
const HELP_DAYS: i64 = 7;

/// What is asked, kept for whoever is listed later.
struct Question<'a> {
    journeys: Journeys<'a>,
    goal: Vec<u32>,
    support: Vec<u32>,
}

impl Question<'_> {
    fn options(&self) -> FrictionOptions<'_> {
        FrictionOptions {
            cut: self.journeys.cut,
            goal: &self.goal,
            support: &self.support,
            help_us: HELP_DAYS * Instant::DAY,
        }
    }
}

pub(super) fn run(asked: &Asked<'_>, arguments: &FrictionArguments) -> anyhow::Result<()> {
    let goal = asked.goal(&arguments.goal, "--goal")?;
    let support = match arguments.support.as_slice() {
        [] => support(asked.first(), &goal),
        named => asked.all_labels(named)?,
    };
    let question = Rc::new(Question { journeys: asked.journeys(&arguments.cut, Repeats::Keep), goal, support });
    asked.answer(arguments.top, |group, top| {
        let found = frictions(&group.book.view(), &question.options());
        Ok(answer((asked, group), &question, found, top))
    })
}

fn support(book: &JourneyBook, goal: &[u32]) -> Vec<u32> {
    let asks = |name: &str| SUPPORT_WORDS.iter().any(|word| name.to_lowercase().contains(word));
    let labels = (0_u32..).zip(book.names()).filter(|(_, name)| asks(name)).map(|(label, _)| label);
    labels.filter(|label| !goal.contains(label)).collect()
}

fn answer<'g>(
    (asked, group): (&Asked<'_>, &'g Group),
    question: &Rc<Question<'g>>,
    mut found: Frictions,
    top: usize,
) -> Answer<'g> {
    let book = &group.book;
    let value = asked.currency().zip(book.mean_value(&question.goal));
    // What the lost journeys would have come to; without values, in conversions.
    let missed = |step: &Friction| real(step.n_lost) * step.onward;
    found.steps.sort_by(|a, b| missed(b).total_cmp(&missed(a)).then(b.n_lost.cmp(&a.n_lost)));
    let rows = found
        .steps
        .iter()
        .map(|step| row(group, question, step, value.map(|(currency, mean)| (missed(step) * mean, currency))));
    let unit = question.journeys.plural;
    let mut columns = vec![
        Column::name("touchpoint", "name"),
        Column::number(unit, "n_journeys"),
        Column::number("lost", "n_lost"),
        Column::number("drop-off", "drop_off"),
        Column::number("others arrive", "onward"),
        Column::number("customers lost", "n_customers_lost"),
    ];
    if value.is_some() {
        columns.push(Column::number("at stake", "at_stake_minor"));
    }
    columns.extend([
        Column::number("circling", "share_circling"),
        Column::number("need help", "share_helped"),
        Column::number("90 % wait", "p90_seconds"),
    ]);
    let names: Vec<&str> = question.goal.iter().map(|label| book.name(*label)).collect();
    let heading = format!(
        "Where {} of {} stop before {}: {} of {} arrive",
        unit,
        group.name,
        names.join(" or "),
        share(Share { n: found.n_arrived, of: found.n_sessions }.value()),
        count(found.n_sessions),
    );
    let support: Vec<&str> = question.support.iter().map(|label| book.name(*label)).collect();
    let notes = vec![at_stake_in_words(unit, value), help_in_words(&support)];
    let table = Table {
        title: None,
        json: "steps",
        columns,
        rows: rows.collect(),
        beside: Beside::Ranked("customers lost, of those who come"),
        shown_max: top,
        notes,
    };
    let totals = totals([
        ("unit", json!(question.journeys.unit)),
        ("goal", json!(names)),
        ("support", json!(support)),
        ("n_journeys", json!(found.n_sessions)),
        ("n_arrived", json!(found.n_arrived)),
        ("mean_value_minor", json!(value.map(|(_, mean)| mean))),
    ]);
    Answer { title: format!("Where {unit} stop before {}", names.join(" or ")), heading, totals, tables: vec![table] }
}

fn row<'g>(
    group: &'g Group,
    question: &Rc<Question<'g>>,
    step: &Friction,
    at_stake: Option<(f64, Currency)>,
) -> Row<'g> {
    let book = &group.book;
    let label = step.label;
    let name = book.name(label);
    let part = |n: u64| Cell::Share(Some(Share { n, of: step.n_sessions }.value()));
    let went_on = step.n_sessions > step.n_lost;
    let mut cells = vec![
        Cell::text(name),
        Cell::Count(step.n_sessions),
        Cell::Count(step.n_lost),
        Cell::Share(Some(step.drop_off)),
        Cell::Share(went_on.then_some(step.onward)),
        Cell::Count(step.n_profiles_lost),
    ];
    if at_stake.is_some() {
        cells.push(Cell::Money(at_stake));
    }
    cells.extend([part(step.n_circling), part(step.n_helped), Cell::Seconds(step.p90_seconds)]);
    let mut row = Row::new(name, cells)
        .with("n_customers", step.n_profiles)
        .with("n_customers_gone", step.n_profiles_gone)
        .with("n_circling", step.n_circling)
        .with("n_helped", step.n_helped)
        .with("median_seconds", json!(step.median_seconds))
        .compared(step.n_profiles_lost, step.n_profiles);
    let troubles =
        [("lost", Trouble::Lost), ("all", Trouble::Any), ("circling", Trouble::Circling), ("help", Trouble::Helped)];
    for (word, trouble) in troubles {
        let question = Rc::clone(question);
        row = row.opens_as(format!("{name} → {word}"), move || {
            friction_profiles(&book.view(), &question.options(), label, trouble)
        });
    }
    row
}

fn at_stake_in_words(unit: &str, value: Option<(Currency, f64)>) -> String {
    match value {
        Some((currency, mean)) => format!(
            "At stake: what the lost {unit} would have brought had they arrived as often as those that went on, at {} \
             on average.",
            amount_of(mean, currency)
        ),
        None => "Ranked by how many of the lost would have arrived, had they done so as often as those that went on."
            .to_owned(),
    }
}

fn help_in_words(support: &[&str]) -> String {
    match support {
        [] => "No touchpoint is a call for help by its name; --support names one.".to_owned(),
        support => format!("Calls for help within {HELP_DAYS} days: {}.", support.join(", ")),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn real(n: u64) -> f64 {
    n as f64
}
