//! `throng profile`: one customer on one page.

use serde_json::{Value, json};
use throng_engine::{BookOutcome, Engine, EngineError, MembershipHistory, PersonaBook};
use throng_event::{Day, Money};
use throng_persona::Persona;
use throng_profile::ProfileId;

use crate::arguments::{Format, ProfileArguments};
use crate::format::{clean, count, money, share};
use crate::home::Session;
use crate::output::{Align, Grid};
use crate::rows::Rows;
use crate::wording::Wording;

/// What is known of one customer.
struct Known {
    id: ProfileId,
    /// Identities with what proves them.
    identities: Vec<[String; 2]>,
    /// Names and values, with when they were stated.
    traits: Vec<[String; 3]>,
    summary: Option<Activity>,
    /// The personas with this customer's shares, and the share that belongs to none.
    membership: Option<(Vec<(Persona, f64)>, f64)>,
    /// Features in the order of the catalogue: number or category.
    features: Vec<(String, Value)>,
    /// How its shares went, where that was asked for and a model is live.
    history: Option<MembershipHistory>,
}

struct Activity {
    n_events: u64,
    first_seen_at: String,
    last_seen_at: String,
    revenue: Option<Money>,
}

pub(super) fn run(session: &Session<'_>, arguments: &ProfileArguments) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let (id, events) = engine.find_profile(&arguments.id, arguments.events)?;
    let book = match engine.persona_book() {
        // Who asks how shares went asks for personas.
        Err(EngineError::Missing { .. }) if arguments.weeks.is_none() => None,
        book => Some(book?),
    };
    let mut known = read(&engine, id, book.as_ref())?;
    if let (Some(weeks), Some(book)) = (arguments.weeks, &book) {
        known.history = engine.membership_history(&known.id, &days_back(book.as_of, weeks))?;
    }
    if session.output.format() == Format::Json {
        let events: Value = serde_json::from_slice(&super::sql::json_rows(&events)?)?;
        session.output.json(&document(&known, &events))?;
        return Ok(());
    }
    print(session, &engine, &known)?;
    session.output.heading("\nRecent events")?;
    let rows = Rows(&events);
    let (times, names) = (rows.words("occurred_at")?, rows.words("event")?);
    let (channels, amounts) = (rows.words("channel")?, rows.integers("amount_minor")?);
    let currencies = rows.words("currency")?;
    let mut grid = Grid::new(&[
        ("when", Align::Whole),
        ("event", Align::Whole),
        ("channel", Align::Whole),
        ("amount", Align::Right),
    ]);
    for row in 0..events.num_rows() {
        let amount = amounts[row].zip(currencies[row].parse().ok());
        let amount = amount.map(|(minor, currency)| money(Money { minor, currency })).unwrap_or_default();
        grid.row([&times[row], &names[row], &channels[row], &amount]);
    }
    session.output.grid(&grid)?;
    Ok(())
}

fn read(engine: &Engine, id: ProfileId, book: Option<&PersonaBook>) -> anyhow::Result<Known> {
    let Some(book) = book else {
        // The tables of people are derived by discover.
        return Ok(Known {
            id,
            identities: Vec::new(),
            traits: Vec::new(),
            summary: None,
            membership: None,
            features: Vec::new(),
            history: None,
        });
    };
    let quoted = id.as_str().replace('\'', "''");
    let of = |columns: &str, table: &str, order: &str| {
        engine.query(&format!("SELECT {columns} FROM {table} WHERE profile_id = '{quoted}' ORDER BY {order}"))
    };
    let identities = of("kind, value", "identities", "kind, value")?;
    let traits = of("name, value, stated_at", "traits", "name")?;
    let profile = of("*", "profiles", "profile_id")?;
    let features = of("*", "features", "profile_id")?;
    Ok(Known {
        identities: cells(&identities)?,
        traits: cells(&traits)?,
        summary: activity(engine, &profile)?,
        membership: membership(engine, book, &id)?,
        features: feature_values(engine, &features)?,
        history: None,
        id,
    })
}

/// Returns a day, and the same weekday of so many weeks before it, the first first.
fn days_back(last: Day, weeks: u16) -> Vec<Day> {
    (0..=i32::from(weeks)).rev().map(|weeks_ago| Day(last.0 - 7 * weeks_ago)).collect()
}

fn cells<const N: usize>(rows: &arrow::array::RecordBatch) -> anyhow::Result<Vec<[String; N]>> {
    let cells = Rows(rows).cells()?;
    Ok(cells.into_iter().filter_map(|row| row.try_into().ok()).collect())
}

fn activity(engine: &Engine, rows: &arrow::array::RecordBatch) -> anyhow::Result<Option<Activity>> {
    if rows.num_rows() == 0 {
        return Ok(None);
    }
    let rows = Rows(rows);
    let first = |values: Vec<String>| values.into_iter().next().unwrap_or_default();
    let revenue = rows.integers("revenue_minor")?.into_iter().next().flatten();
    Ok(Some(Activity {
        n_events: rows.counts("n_events")?.first().copied().unwrap_or(0),
        first_seen_at: first(rows.words("first_seen_at")?),
        last_seen_at: first(rows.words("last_seen_at")?),
        revenue: revenue.zip(engine.home().config().currency).map(|(minor, currency)| Money { minor, currency }),
    }))
}

/// A customer's shares in the personas, the largest first, and the share that belongs to none.
type Shares = (Vec<(Persona, f64)>, f64);

fn membership(engine: &Engine, book: &PersonaBook, id: &ProfileId) -> anyhow::Result<Option<Shares>> {
    let BookOutcome::Found(personas) = &book.outcome else { return Ok(None) };
    let Some(row) = engine.membership(id, personas)? else { return Ok(None) };
    let mut shares: Vec<(Persona, f64)> = personas.iter().cloned().zip(row.shares).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(Some((shares, row.unassigned)))
}

fn feature_values(engine: &Engine, rows: &arrow::array::RecordBatch) -> anyhow::Result<Vec<(String, Value)>> {
    let mut values = Vec::new();
    if rows.num_rows() == 0 {
        return Ok(values);
    }
    for feature in &engine.home().config().features {
        if rows.column_by_name(&feature.name).is_none() {
            continue;
        }
        let value = match Rows(rows).numbers(&feature.name) {
            Some(numbers) => json!(numbers[0]),
            None => json!(Rows(rows).texts(&feature.name)?[0]),
        };
        values.push((feature.name.clone(), value));
    }
    Ok(values)
}

fn document(known: &Known, events: &Value) -> Value {
    json!({
        "profile_id": known.id.as_str(),
        "identities": known.identities.iter()
            .map(|[kind, value]| json!({ "kind": kind, "value": value })).collect::<Vec<_>>(),
        "traits": known.traits.iter()
            .map(|[name, value, stated_at]| json!({ "name": name, "value": value, "stated_at": stated_at }))
            .collect::<Vec<_>>(),
        "activity": known.summary.as_ref().map(|summary| json!({
            "n_events": summary.n_events,
            "first_seen_at": summary.first_seen_at,
            "last_seen_at": summary.last_seen_at,
            "revenue_minor": summary.revenue.map(|revenue| revenue.minor),
            "currency": summary.revenue.map(|revenue| revenue.currency.to_string()),
        })),
        "membership": known.membership.as_ref().map(|(shares, unassigned)| json!({
            "personas": shares.iter().map(|(persona, share)| json!({
                "id": persona.id.as_str(), "name": persona.name, "share": share,
            })).collect::<Vec<_>>(),
            "unassigned": unassigned,
        })),
        "features": known.features.iter().cloned().collect::<serde_json::Map<String, Value>>(),
        "membership_history": known.history.as_ref().map(|history| json!({
            "model": history.model,
            "personas": history.personas.iter()
                .map(|(id, name)| json!({ "id": id.as_str(), "name": name })).collect::<Vec<_>>(),
            "days": history.days.iter().map(|(day, row)| json!({
                "day": day.to_string(), "shares": row.shares, "unassigned": row.unassigned,
            })).collect::<Vec<_>>(),
        })),
        "recent_events": events,
    })
}

fn print(session: &Session<'_>, engine: &Engine, known: &Known) -> anyhow::Result<()> {
    let output = session.output;
    output.heading(&clean(known.id.as_str()))?;
    if let Some(summary) = &known.summary {
        let revenue = summary.revenue.map(|revenue| format!(", {} in all", money(revenue))).unwrap_or_default();
        output.text(&format!(
            "{} events from {} to {}{revenue}",
            count(summary.n_events),
            summary.first_seen_at,
            summary.last_seen_at
        ))?;
    } else {
        output.note("Who is who, features and personas are computed by `throng discover`.");
    }
    if let Some((shares, unassigned)) = &known.membership {
        let mut grid = Grid::new(&[("id", Align::Whole), ("persona", Align::Left), ("belongs to it", Align::Right)]);
        for (persona, part) in shares {
            grid.row([persona.id.as_str(), &persona.name, &share(*part)]);
        }
        grid.row(["", "none of them", &share(*unassigned)]);
        output.heading("\nPersonas")?;
        output.grid(&grid)?;
    }
    if let Some(history) = &known.history {
        output.heading("\nWhat it belonged to, by what was known then")?;
        output.grid(&history_grid(history))?;
    }
    if !known.identities.is_empty() {
        output.heading("\nKnown as")?;
        let mut grid = Grid::new(&[("kind", Align::Whole), ("id", Align::Whole)]);
        for identity in &known.identities {
            grid.row(identity);
        }
        output.grid(&grid)?;
    }
    if !known.traits.is_empty() {
        output.heading("\nSaid about themselves")?;
        let mut grid = Grid::new(&[("trait", Align::Whole), ("value", Align::Left), ("since", Align::Whole)]);
        for stated in &known.traits {
            grid.row(stated);
        }
        output.grid(&grid)?;
    }
    let wording = Wording::new(&engine.home().config().features);
    let mut grid = Grid::new(&[("feature", Align::Whole), ("", Align::Left), ("value", Align::Right)]);
    for (name, value) in &known.features {
        let text = match value {
            Value::Number(number) => wording.value(name, number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => continue,
        };
        grid.row([name, &wording.phrase(name), &text]);
    }
    if !grid.is_empty() {
        output.heading("\nFeatures")?;
        output.grid(&grid)?;
    }
    Ok(())
}

/// Returns a line for each day: the share in each persona of the model.
fn history_grid(history: &MembershipHistory) -> Grid {
    let mut columns = vec![("day", Align::Whole)];
    columns.extend(history.personas.iter().map(|(id, _)| (id.as_str(), Align::Right)));
    columns.push(("none", Align::Right));
    let mut grid = Grid::new(&columns);
    for (day, row) in &history.days {
        let shares = row.shares.iter().chain([&row.unassigned]).map(|part| share(*part));
        grid.row(std::iter::once(day.to_string()).chain(shares).collect::<Vec<_>>().iter().map(String::as_str));
    }
    grid
}
