//! `throng journeys attribution`: which touchpoints, channels or campaigns are credited
//! with conversions, by several models side by side.

use std::collections::BTreeMap;
use std::rc::Rc;

use anyhow::bail;
use serde_json::json;
use throng_engine::{Engine, JourneyRequest};
use throng_journey::{
    Attribution, AttributionMethod, AttributionOptions, ProfileSet, TouchpointRule, attribute, credited_profiles,
    touchpoint_profiles,
};

use super::answer::{Answer, Beside, Cell, Column, Row, Table};
use super::asked::{Asked, Group};
use super::totals;
use crate::arguments::{AttributionArguments, CreditedWanted, ModelWanted};
use crate::failure::Usage;
use crate::format::{count, counted, quantity};
use crate::home::Session;
use crate::output::Align;

/// Channels that are told apart: the Shapley value looks at their orders.
const CHANNELS_MAX: usize = 60;

/// What events are called that are in no channel or campaign.
const NOWHERE: &str = "(none)";

pub(super) fn run((session, engine): (&Session<'_>, &Engine), arguments: &AttributionArguments) -> anyhow::Result<()> {
    let request = request(engine, arguments)?;
    let asked = Asked::read((session, engine), &arguments.whose, request)?;
    let goal = asked.goal(&arguments.goal, "--goal")?;
    let channels = channels(&asked, arguments.by, &goal)?;
    let options: Vec<(ModelWanted, Rc<AttributionOptions>)> = arguments
        .model
        .iter()
        .map(|model| {
            let options = AttributionOptions {
                goal: goal.clone(),
                channels: channels.iter().map(|(_, labels)| labels.clone()).collect(),
                lookback_us: arguments.lookback.0,
                method: method(*model, arguments, engine.home().config().seed),
            };
            (*model, Rc::new(options))
        })
        .collect();
    asked.answer(arguments.top, |group, top| Ok(answer((&asked, group), &channels, &options, top)))
}

/// Returns what must be read: conversions by their names, all else by what is credited.
fn request(engine: &Engine, arguments: &AttributionArguments) -> anyhow::Result<JourneyRequest> {
    let placeholder = match arguments.by {
        CreditedWanted::Touchpoint | CreditedWanted::Kind => return Ok(JourneyRequest::default()),
        CreditedWanted::Channel => "{channel}",
        CreditedWanted::Campaign => "{campaign}",
    };
    let goals: Vec<String> = match arguments.goal.as_slice() {
        [] => {
            // The goal is an event here, whatever rules make of it.
            let request = JourneyRequest { rules: Some(Vec::new()), ..JourneyRequest::default() };
            let (events, _) = engine.journeys_for(&request)?;
            events.goal(&engine.home().config().funnel).map(|(name, _)| name).into_iter().collect()
        }
        named => named.iter().flat_map(|name| name.split('|')).map(|name| name.trim().to_owned()).collect(),
    };
    let goals = goals.iter().map(|name| TouchpointRule {
        name: "{event}".to_owned(),
        events: vec![name.clone()],
        ..TouchpointRule::default()
    });
    let mut rules: Vec<TouchpointRule> = goals.collect();
    rules.push(TouchpointRule { name: placeholder.to_owned(), ..TouchpointRule::default() });
    rules.push(TouchpointRule { name: NOWHERE.to_owned(), ..TouchpointRule::default() });
    Ok(JourneyRequest { rules: Some(rules), ..JourneyRequest::default() })
}

/// Returns what is credited, the most frequent first, each with its touchpoints.
fn channels(asked: &Asked<'_>, by: CreditedWanted, goal: &[u32]) -> anyhow::Result<Vec<(String, Vec<u32>)>> {
    let found = asked.first().touchpoints();
    let others = found.iter().filter(|touchpoint| !goal.contains(&touchpoint.label) && touchpoint.name != NOWHERE);
    let mut channels: Vec<(String, Vec<u32>)> = Vec::new();
    if by == CreditedWanted::Kind {
        let mut by_kind: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for touchpoint in others {
            if let Some(kind) = touchpoint.kind {
                by_kind.entry(kind).or_default().push(touchpoint.label);
            }
        }
        channels.extend(by_kind.into_iter().map(|(kind, labels)| (kind.as_str().to_owned(), labels)));
    } else {
        for touchpoint in others {
            if channels.len() < CHANNELS_MAX {
                channels.push((touchpoint.name.clone(), vec![touchpoint.label]));
            } else if channels.len() == CHANNELS_MAX {
                channels.push(("(other)".to_owned(), vec![touchpoint.label]));
            } else if let Some((_, labels)) = channels.last_mut() {
                labels.push(touchpoint.label);
            }
        }
    }
    if channels.is_empty() {
        let what = match by {
            CreditedWanted::Touchpoint => "nothing happens but the goal",
            CreditedWanted::Channel => "no event but the goal is in a channel",
            CreditedWanted::Campaign => "no event but the goal names a campaign",
            CreditedWanted::Kind => "no touchpoint has a kind",
        };
        let hint = match by {
            CreditedWanted::Kind => "give rules in [[journeys.touchpoints]] a kind; --propose proposes some",
            CreditedWanted::Touchpoint | CreditedWanted::Channel | CreditedWanted::Campaign => {
                "choose what to credit with --by touchpoint, channel, campaign or kind"
            }
        };
        bail!(Usage { what: format!("there is nothing to credit: {what}"), hint: hint.to_owned() });
    }
    Ok(channels)
}

fn method(model: ModelWanted, arguments: &AttributionArguments, seed: u64) -> AttributionMethod {
    match model {
        ModelWanted::First => AttributionMethod::First,
        ModelWanted::Last => AttributionMethod::Last,
        ModelWanted::Linear => AttributionMethod::Linear,
        ModelWanted::Position => AttributionMethod::Position,
        ModelWanted::TimeDecay => AttributionMethod::TimeDecay { half_life_us: arguments.half_life.0 },
        ModelWanted::Markov => AttributionMethod::MarkovRemoval,
        ModelWanted::Shapley => AttributionMethod::Shapley { seed },
    }
}

fn model_name(model: ModelWanted) -> &'static str {
    match model {
        ModelWanted::First => "first",
        ModelWanted::Last => "last",
        ModelWanted::Linear => "linear",
        ModelWanted::Position => "position",
        ModelWanted::TimeDecay => "time decay",
        ModelWanted::Markov => "markov",
        ModelWanted::Shapley => "shapley",
    }
}

fn answer<'g>(
    (asked, group): (&Asked<'_>, &'g Group),
    channels: &[(String, Vec<u32>)],
    options: &[(ModelWanted, Rc<AttributionOptions>)],
    top: usize,
) -> Answer<'g> {
    let book = &group.book;
    let found: Vec<(ModelWanted, Attribution)> =
        options.iter().map(|(model, options)| (*model, attribute(&book.view(), options))).collect();
    let mut columns = vec![Column::name("credited", "name")];
    columns.extend(found.iter().map(|(model, _)| Column::shown(model_name(*model), Align::Right)));
    let valued = asked.currency().filter(|_| found.iter().any(|(_, found)| found.value != 0));
    if let Some((model, _)) = found.last().filter(|_| valued.is_some()) {
        columns.push(Column::shown(&format!("value, {}", model_name(*model)), Align::Right));
    }
    let of = found.first().map_or(0, |(_, found)| found.n_conversions);
    let mut rows: Vec<(f64, Row<'g>)> = Vec::with_capacity(channels.len() + 1);
    for (channel_idx, (name, _)) in channels.iter().enumerate() {
        let credits: Vec<_> = found.iter().map(|(model, found)| (*model, found.credits[channel_idx])).collect();
        let rank = credits.first().map_or(0.0, |(_, credit)| credit.conversions);
        let row = row(name, &credits, of, valued);
        let row = match options.first() {
            Some((_, options)) => {
                let options = Rc::clone(options);
                row.opens(move || credited_profiles(&book.view(), &options, channel_idx))
            }
            None => row,
        };
        rows.push((rank, row));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut rows: Vec<Row<'g>> = rows.into_iter().map(|(_, row)| row).collect();
    let none: Vec<_> = found.iter().map(|(model, found)| (*model, found.unattributed)).collect();
    let n_left = rows.len().saturating_sub(top);
    rows.truncate(top);
    rows.push(row("(nothing before it)", &none, of, valued));
    let mut notes = vec!["Shares of the conversions, with their number.".to_owned()];
    if options.iter().any(|(model, _)| *model == ModelWanted::Shapley) {
        let text = "Shapley credit is below 0 where ways with it convert less than ways without.";
        notes.push(text.to_owned());
    }
    if n_left > 0 {
        notes.push(format!("{n_left} with less credit; --top shows more"));
    }
    let mut tables = vec![Table {
        title: None,
        json: "credited",
        columns,
        rows,
        beside: Beside::Apart,
        shown_max: usize::MAX,
        notes,
    }];
    if let (true, Some((_, options))) = (asked.compares(), options.first()) {
        tables.push(led(group, channels, options));
    }
    let n_conversions = counted(of, "conversion");
    Answer {
        title: "Who is credited with conversions".to_owned(),
        heading: format!("Who is credited with the {n_conversions} of {}", group.name),
        totals: totals([("n_conversions", json!(of)), ("value", json!(found.first().map(|(_, found)| found.value)))]),
        tables,
    }
}

/// Returns of how many customers who convert each channel led to a conversion: credit is of
/// conversions, which are not independent of each other, customers are.
fn led<'g>(group: &'g Group, channels: &[(String, Vec<u32>)], options: &Rc<AttributionOptions>) -> Table<'g> {
    let book = &group.book;
    let converted = options.goal.iter().map(|label| touchpoint_profiles(&book.view(), *label));
    let n_converted = converted.fold(ProfileSet::new(), |all, profiles| all.union(&profiles)).len();
    let mut rows = Vec::with_capacity(channels.len());
    for (channel_idx, (name, _)) in channels.iter().enumerate() {
        let profiles = credited_profiles(&book.view(), options, channel_idx);
        let row = Row::new(name, vec![Cell::text(name), Cell::Count(profiles.len())]);
        rows.push(row.compared(profiles.len(), n_converted).opens(move || profiles.clone()));
    }
    Table {
        title: Some("Before a conversion of how many customers it was".to_owned()),
        json: "led",
        columns: vec![Column::name("before a conversion", "name"), Column::number("customers", "n_customers")],
        rows,
        beside: Beside::Ranked("of customers who convert"),
        shown_max: usize::MAX,
        notes: Vec::new(),
    }
}

fn row<'g>(
    name: &str,
    credits: &[(ModelWanted, throng_journey::Credit)],
    of: u64,
    valued: Option<throng_event::Currency>,
) -> Row<'g> {
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    let whole = of.max(1) as f64;
    let mut cells = vec![Cell::text(name)];
    for (_, credit) in credits {
        let n =
            if credit.conversions >= 100.0 { count(rounded(credit.conversions)) } else { quantity(credit.conversions) };
        cells.push(Cell::text(format!("{} ({n})", crate::format::share(credit.conversions / whole))));
    }
    if let (Some(currency), Some((_, credit))) = (valued, credits.last()) {
        cells.push(Cell::Money(Some((credit.value, currency))));
    }
    let models = credits.iter().map(|(model, credit)| {
        let credit = json!({
            "conversions": credit.conversions,
            "share": credit.conversions / whole,
            "value": credit.value,
            "conversions_error": credit.conversions_error,
        });
        (model_name(*model).replace(' ', "_"), credit)
    });
    Row::new(name, cells).with("models", serde_json::Value::Object(models.collect()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates; for showing only")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}
