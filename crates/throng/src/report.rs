//! The report: one self-contained page about the personas of a home.
//! A pure function from what was found to HTML: style and pictures stand in the page, nothing is loaded, no script runs,
//! and the page says so itself (`Content-Security-Policy`), because the names in it come from customers' data.

mod model;
mod picture;
mod svg;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use model::journey::{
    Arrival, CurveLine, CurvePoint, Curves, FlowEdge, FlowNode, FlowPlace, FunnelStep, JourneyFlow, JourneyOverview,
    JourneyRings, JourneySection, PathLine, RingArc, TransitionLine, Transitions,
};
pub(crate) use model::{
    Candidate, CertaintySection, ClaimLine, ComparedFeature, ComparedValue, Comparison, Effect, FindingLine, KindLine,
    Month, MonthActivity, Period, PersonaSection, QualitySection, QuarantineReason, Refusal, ReliabilityBin,
    ReliabilityDiagram, ReportModel, Revenue, SignalLine, SourceLine, Stability, StabilityWord, SufficiencyLine,
    TraitShare, TraitSplit, Unassigned, UsedFeature, WeekActivity,
};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value, context, escape_formatter};

/// The page, after the parts of it that show journeys.
const PAGE: &str = concat!(include_str!("report/journeys.html"), include_str!("report/page.html"));
const STYLE: &str = include_str!("report/page.css");

/// The longest text shown anywhere; a query of this length still fits on a screen or two.
const N_TEXT_CHARS_MAX: usize = 4_000;

/// Returns the page.
///
/// The same model gives the same bytes.
///
/// # Errors
/// Only when the page's own template is wrong.
///
/// # Panics
/// When a compared feature has not one value for each persona.
pub(crate) fn render(model: &ReportModel) -> Result<String, Error> {
    for feature in &model.compared {
        assert!(feature.values.len() == model.personas.len(), "a compared feature has one value for each persona");
    }
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(write_cleaned);
    add_filters(&mut environment);
    environment.add_template("page.html", PAGE)?;
    environment.get_template("page.html")?.render(context! {
        report => Value::from(Serde(model)),
        style => Value::from_safe_string(STYLE.to_owned()),
        pictures => pictures(model),
        limits => limits(),
    })
}

/// How much of each list the page shows.
/// Where what is left out could matter to a reader, the page says how much it is and what shows it.
/// Chosen so that a persona fits on two or three screens.
fn limits() -> Value {
    context! {
        strongest => 3,
        personas => 24,
        claims => 12,
        traits => 6,
        trait_values => 12,
        kinds => 5,
        exemplars => 6,
        paths => 6,
        path_steps => 8,
        flow_edges => 30,
        ring_touchpoints => 12,
        ring_arcs => 40,
        funnel_steps => picture::N_FUNNEL_STEPS_MAX,
        transition_steps => 8,
        transitions => 12,
        // Everybody's beside the personas'.
        lines => picture::N_LINES_MAX + 1,
        compared => 14,
        candidates => 16,
        features => 60,
        sources => 40,
        reasons => 12,
        signals => 12,
        findings => 8,
        notes => 12,
    }
}

fn pictures(model: &ReportModel) -> Value {
    let mut personas = Vec::with_capacity(model.personas.len());
    for (persona_idx, persona) in model.personas.iter().enumerate() {
        let id = |name: &str| format!("persona-{}-{name}", persona_idx + 1);
        let week = persona.week.as_ref().and_then(|week| picture::week(&id("week"), week));
        let months = persona.months.as_ref().and_then(|months| picture::months(&id("months"), months));
        personas.push(context! {
            class => picture::colour_class(persona_idx),
            week => drawn(week),
            week_sentence => persona.week.as_ref().and_then(picture::week_sentence),
            months => drawn(months),
            ..persona.journey.as_ref().map_or_else(|| context! {}, |journey| journey_pictures(&id, journey)),
        });
    }
    let diagrams = model.certainty.reliability.iter().enumerate();
    let reliability: Vec<Value> = diagrams
        .map(|(diagram_idx, diagram)| drawn(picture::reliability(&format!("reliability-{}", diagram_idx + 1), diagram)))
        .collect();
    let overview = model.journeys.as_ref();
    let retention = overview.and_then(|overview| picture::curves("retention", &overview.retention, &COMES_BACK));
    let arrival = overview.and_then(|overview| overview.arrival.as_ref());
    let arrival = arrival.and_then(|arrival| picture::curves("arrival", &arrival.curves, &ARRIVES));
    context! {
        personas => personas,
        everybody => overview.map(|overview| journey_pictures(&|name| format!("everybody-{name}"), &overview.everybody)),
        retention => drawn(retention),
        arrival => drawn(arrival),
        shares => drawn(picture::shares(model)),
        candidates => drawn(picture::candidates(&model.certainty)),
        reliability => reliability,
    }
}

const COMES_BACK: picture::CurveWords<'static> = picture::CurveWords {
    title: "Who comes back after the first touch",
    did: "came in the period to day",
    then: "in that to day",
};

const ARRIVES: picture::CurveWords<'static> =
    picture::CurveWords { title: "How long it takes to the goal", did: "were there by day", then: "by day" };

fn journey_pictures(id: &dyn Fn(&str) -> String, journey: &JourneySection) -> Value {
    let flow = journey.flow.as_ref();
    context! {
        rings => drawn(picture::sunburst(&id("rings"), &journey.rings, journey.journeys)),
        rings_sentence => picture::rings_sentence(&journey.rings, journey.journeys),
        flow => drawn(flow.and_then(|flow| picture::sankey(&id("flow"), flow, journey.journeys))),
        flow_sentence => flow.and_then(|flow| picture::flow_sentence(flow, journey.journeys)),
        funnel => drawn(picture::funnel(&id("funnel"), &journey.funnel)),
    }
}

fn drawn(picture: Option<String>) -> Value {
    picture.map_or(Value::from(()), Value::from_safe_string)
}

fn add_filters(environment: &mut Environment<'_>) {
    environment.add_filter("count", text::count);
    environment.add_filter("worded", text::worded);
    environment.add_filter("share", text::share);
    environment.add_filter("decimal", |number: f64| text::decimal(number, 2));
    environment.add_filter("times", |number: f64| format!("{}×", text::decimal(number, 1)));
    environment.add_filter("short", |text: &str, n_chars_max: usize| text::shorten(text, n_chars_max));
    environment.add_filter("bar", |share: f64| Value::from_safe_string(picture::bar(share)));
    environment.add_filter("place", |percentile: f64| Value::from_safe_string(picture::place(percentile)));
    environment.add_filter("dumbbell", |persona: f64, rest: f64, largest: f64| {
        Value::from_safe_string(picture::dumbbell(persona, rest, largest))
    });
    environment.add_filter("compared_bar", |value: f64, persona: f64, rest: f64, class: &str| {
        Value::from_safe_string(picture::compared_bar(&Comparison { persona, rest }, value, class))
    });
}

/// Writes a value so that no text gets onto the page uncleaned, unbounded or unescaped,
/// even where the template forgets to shorten it.
fn write_cleaned(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(raw) if !value.is_safe() => {
            let cleaned = Value::from(text::shorten(raw, N_TEXT_CHARS_MAX));
            escape_formatter(output, state, &cleaned)
        }
        _ => escape_formatter(output, state, value),
    }
}
