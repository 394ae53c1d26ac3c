//! `throng features`: propose, list and export the catalogue.

use std::collections::BTreeMap;

use anyhow::Context;
use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use throng_engine::{CatalogueProposal, Engine, with_features, with_proposals};
use throng_feature::{FeatureDefinition, SignalCategory};

use super::{check_folder_of, write_file};
use crate::arguments::{FeaturesCommand, FeaturesExportArguments, FeaturesProposeArguments, Format};
use crate::format::count;
use crate::home::Session;
use crate::output::{Align, Grid, Steps};

pub(super) fn run(session: &Session<'_>, command: FeaturesCommand) -> anyhow::Result<()> {
    match command {
        FeaturesCommand::Propose(arguments) => propose(session, &arguments),
        FeaturesCommand::List => list(session),
        FeaturesCommand::Export(arguments) => export(session, &arguments),
    }
}

/// What becomes of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is in throng.toml now.
    Written,
    /// throng.toml says the same already.
    Unchanged,
    /// throng.toml holds another catalogue, which somebody may have edited.
    Kept,
    /// It was only to be shown.
    Shown,
}

fn propose(session: &Session<'_>, arguments: &FeaturesProposeArguments) -> anyhow::Result<()> {
    let mut engine = session.engine()?;
    let mut steps = Steps::new(session.output);
    steps.begin("looking at the events");
    let proposal = engine.propose_catalogue()?;
    steps.finish();
    let fate = match arguments {
        FeaturesProposeArguments { dry_run: true, .. } => Fate::Shown,
        FeaturesProposeArguments { write, .. } => write_proposal(&mut engine, &proposal, *write)?,
    };
    if session.output.format() == Format::Json {
        let document = json!({
            "written": fate == Fate::Written,
            "currency": proposal.currency.map(|currency| currency.to_string()),
            "funnel": proposal.funnel,
            "features": proposal.features.iter().map(document).collect::<Vec<_>>(),
            "missing_categories": missing(&proposal.features),
        });
        session.output.json(&document)?;
        return Ok(());
    }
    print_catalogue(session, &proposal.features)?;
    if let Some(currency) = proposal.currency {
        session.output.note(&format!("Money is in {currency}."));
    }
    let n_features = proposal.features.len();
    session.output.note(&match fate {
        Fate::Written => format!("{n_features} features were written to throng.toml. Next: throng discover"),
        Fate::Unchanged => "throng.toml holds these features already. Next: throng discover".to_owned(),
        Fate::Kept => format!(
            "throng.toml keeps its {} features, which differ from these; `throng features propose --write` replaces them.",
            engine.home().config().features.len()
        ),
        Fate::Shown => "Nothing was written.".to_owned(),
    });
    Ok(())
}

/// Writes a proposal into throng.toml, unless a different catalogue stands there.
pub(super) fn write_proposal(
    engine: &mut Engine,
    proposal: &CatalogueProposal,
    replace: impl Into<Replace>,
) -> anyhow::Result<Fate> {
    let present = &engine.home().config().features;
    if !present.is_empty() && *present == proposal.features {
        return Ok(Fate::Unchanged);
    }
    if !present.is_empty() && replace.into() == Replace::Never {
        return Ok(Fate::Kept);
    }
    let text = engine.home().config_text()?;
    let text = with_proposals(&text, proposal.currency, &proposal.funnel);
    engine.set_config(&with_features(&text, &proposal.features)).context("cannot write the proposed catalogue")?;
    Ok(Fate::Written)
}

/// Whether a catalogue that somebody may have edited is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    /// It stays.
    Never,
    /// The caller asked for it.
    Always,
}

impl From<bool> for Replace {
    fn from(write: bool) -> Self {
        if write { Self::Always } else { Self::Never }
    }
}

fn list(session: &Session<'_>) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let features = &engine.home().config().features;
    if session.output.format() == Format::Json {
        let known = engine.n_known()?;
        let of = |feature: &FeatureDefinition| {
            let mut document = document(feature);
            document["n_known"] = json!(known.get(&feature.name));
            document
        };
        let documents: Vec<Value> = features.iter().map(of).collect();
        session.output.json(&json!({ "features": documents, "missing_categories": missing(features) }))?;
        return Ok(());
    }
    if features.is_empty() {
        session.output.note("throng.toml has no features yet. Next: throng features propose");
        return Ok(());
    }
    print_catalogue(session, features)
}

fn document(feature: &FeatureDefinition) -> Value {
    json!({
        "name": feature.name,
        "kind": feature.kind.name().as_str(),
        "window": feature.window.to_string(),
        "half_life_days": feature.half_life_days,
        "category": feature.category.as_str(),
        "unit": feature.unit,
        "phrase": feature.phrase,
        "description": feature.description,
    })
}

fn missing(features: &[FeatureDefinition]) -> Vec<&'static str> {
    let there = |category: &SignalCategory| features.iter().any(|feature| feature.category == *category);
    SignalCategory::ALL.iter().filter(|category| !there(category)).map(|category| category.as_str()).collect()
}

fn print_catalogue(session: &Session<'_>, features: &[FeatureDefinition]) -> anyhow::Result<()> {
    let mut grid = Grid::new(&[
        ("feature", Align::Whole),
        ("kind", Align::Whole),
        ("window", Align::Right),
        ("category", Align::Whole),
        ("what it says", Align::Left),
    ]);
    let mut counts: BTreeMap<SignalCategory, u64> = BTreeMap::new();
    for feature in features {
        *counts.entry(feature.category).or_default() += 1;
        let window = feature.window.to_string();
        let kind = feature.kind.name().as_str();
        grid.row([&feature.name, kind, &window, feature.category.as_str(), &feature.description]);
    }
    session.output.grid(&grid)?;
    let counted: Vec<String> =
        counts.iter().map(|(category, n_features)| format!("{} {category}", count(*n_features))).collect();
    session.output.text(&format!("{} features: {}", features.len(), counted.join(", ")))?;
    let missing = missing(features);
    if !missing.is_empty() {
        session.output.text(&format!("no signals of these categories: {}", missing.join(", ")))?;
    }
    Ok(())
}

fn export(session: &Session<'_>, arguments: &FeaturesExportArguments) -> anyhow::Result<()> {
    check_folder_of(&arguments.output)?;
    let engine = session.engine()?;
    let mut steps = Steps::new(session.output);
    steps.begin("computing features");
    let rows = engine.features(arguments.as_of)?;
    steps.begin("writing");
    write_file(&arguments.output, &parquet(&rows)?)?;
    steps.finish();
    let n_profiles = rows.num_rows();
    let n_features = engine.home().config().features.len();
    if session.output.format() == Format::Json {
        let document = json!({ "path": arguments.output, "n_customers": n_profiles, "n_features": n_features });
        session.output.json(&document)?;
        return Ok(());
    }
    let n_profiles = u64::try_from(n_profiles).unwrap_or(u64::MAX);
    let path = arguments.output.display();
    session.output.text(&format!("{} customers with {n_features} features each are in {path}", count(n_profiles)))?;
    Ok(())
}

/// Returns rows as the bytes of a Parquet file; the same rows give the same bytes.
fn parquet(rows: &RecordBatch) -> anyhow::Result<Vec<u8>> {
    let attempt = "cannot write the features as Parquet";
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).context(attempt)?;
    writer.write(rows).context(attempt)?;
    writer.close().context(attempt)?;
    Ok(bytes)
}
