//! `throng.toml`: the one configuration file of a home, kept in git by its users.
//!
//! The file's form is here and in [`feature`]; the rest of the engine sees checked
//! types. Unknown keys are refused, for a misspelt key would silently do nothing.

mod feature;
mod identity;
mod server;
mod touchpoint;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use serde::Deserialize;
use throng_event::{Calendar, Currency};
use throng_feature::{FeatureDefinition, SESSION_GAP_MINUTES};
use throng_journey::TouchpointRule;
use throng_persona::{CategoryWeights, Continuum, Method, PersonaCount};

use crate::error::EngineError;

pub use feature::{feature_to_toml, features_to_toml};
pub use identity::IdentityConfig;
pub use server::{ServerConfig, ServerKey, ServerRole, ServerUser};
pub use touchpoint::touchpoints_to_toml;

/// The newest home format this binary reads and the one it writes.
pub(crate) const HOME_FORMAT: u32 = 1;

/// More personas than this cannot be told apart by the people who work with them.
const PERSONAS_MAX: u32 = 8;

/// The configuration of a home, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Days and hours are taken in this zone.
    pub calendar: Calendar,
    /// The currency amounts are compared in, when the home is about money.
    pub currency: Option<Currency>,
    /// The lake: a folder under the home, or a URL of an object store.
    pub lake: String,
    /// Options of the object store.
    pub storage: BTreeMap<String, String>,
    /// Who is taken for one person, and how personal ids are kept.
    pub identity: IdentityConfig,
    /// The gap that ends a session.
    pub session_gap_minutes: NonZeroU32,
    /// How many personas to look for.
    pub personas: PersonaCount,
    /// What is done where customers do not fall into separate kinds.
    pub continuum: Continuum,
    /// By which method customers are divided.
    pub method: Method,
    /// How much features count by signal category.
    pub weights: CategoryWeights,
    /// The seed of everything that draws by chance.
    pub seed: u64,
    /// Who makes a new model the live one.
    pub promotion: Promotion,
    /// The steps of the standard funnel, by event name.
    pub funnel: Vec<String>,
    /// Days within which the funnel has to be completed.
    pub funnel_days: u32,
    /// What events are called in journeys; the first rule that fits counts.
    pub touchpoints: Vec<TouchpointRule>,
    /// Where the server listens and who may ask.
    pub server: ServerConfig,
    /// The feature catalogue.
    pub features: Vec<FeatureDefinition>,
}

/// Who makes a new model the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Promotion {
    /// Somebody, by `throng model promote`: a new model moves customers from persona to persona, and what is
    /// done with personas with them.
    #[default]
    Manual,
    /// Every discovery that finds personas.
    Automatic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigForm {
    /// Checked before the rest is read.
    #[serde(rename = "format")]
    _format: u32,
    time_zone: String,
    currency: Option<String>,
    #[serde(default = "default_lake")]
    lake: String,
    #[serde(default)]
    storage: BTreeMap<String, String>,
    #[serde(default)]
    identity: identity::IdentityForm,
    #[serde(default)]
    sessions: SessionsForm,
    #[serde(default)]
    personas: PersonasForm,
    #[serde(default)]
    model: ModelForm,
    #[serde(default)]
    journeys: touchpoint::JourneysForm,
    #[serde(default)]
    server: server::ServerForm,
    #[serde(default)]
    feature: Vec<feature::FeatureForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueForm {
    feature: Vec<feature::FeatureForm>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SessionsForm {
    gap_minutes: Option<NonZeroU32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct PersonasForm {
    count: Option<u32>,
    max: Option<u32>,
    seed: Option<u64>,
    #[serde(default)]
    continuum: ContinuumForm,
    method: Option<String>,
    #[serde(default)]
    weights: WeightsForm,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ModelForm {
    #[serde(default)]
    promote: Promotion,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ContinuumForm {
    #[default]
    Refuse,
    Cut,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WeightsForm {
    behavioural: f64,
    transactional: f64,
    contextual: f64,
    sentiment: f64,
}

impl Default for WeightsForm {
    fn default() -> Self {
        Self { behavioural: 1.0, transactional: 1.0, contextual: 1.0, sentiment: 1.0 }
    }
}

fn default_lake() -> String {
    "lake".to_owned()
}

/// The seed when none is given; any number does, it only has to stay the same.
const SEED: u64 = 42;

impl Config {
    /// Reads the text of a `throng.toml`; `path` is for messages.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, EngineError> {
        let invalid = |reason: String| EngineError::Configuration { path: path.to_owned(), reason };
        check_format(text, path)?;
        let form: ConfigForm = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let currency = match form.currency {
            None => None,
            Some(code) => match code.parse() {
                Ok(currency) => Some(currency),
                Err(()) => return Err(invalid(format!("currency = {code:?} is no three-letter code"))),
            },
        };
        let max = form.personas.max.unwrap_or(PERSONAS_MAX);
        let features: Result<Vec<_>, _> = form.feature.into_iter().map(feature::FeatureForm::check).collect();
        let session_gap_minutes = form.sessions.gap_minutes.unwrap_or(SESSION_GAP_MINUTES);
        Ok(Self {
            calendar: Calendar::new(&form.time_zone).map_err(|error| invalid(error.to_string()))?,
            currency,
            lake: form.lake,
            storage: form.storage,
            identity: form.identity.check().map_err(invalid)?,
            session_gap_minutes,
            personas: persona_count(form.personas.count, max).map_err(invalid)?,
            continuum: match form.personas.continuum {
                ContinuumForm::Refuse => Continuum::Refused,
                ContinuumForm::Cut => Continuum::Cut,
            },
            method: method(form.personas.method.as_deref()).map_err(invalid)?,
            weights: CategoryWeights {
                behavioural: form.personas.weights.behavioural,
                transactional: form.personas.weights.transactional,
                contextual: form.personas.weights.contextual,
                sentiment: form.personas.weights.sentiment,
            },
            seed: form.personas.seed.unwrap_or(SEED),
            promotion: form.model.promote,
            funnel: form.journeys.funnel.unwrap_or_default(),
            funnel_days: form.journeys.funnel_days.unwrap_or(7),
            touchpoints: touchpoint::check(form.journeys.touchpoints).map_err(invalid)?,
            server: form.server.check().map_err(invalid)?,
            features: features.map_err(invalid)?,
        })
    }

    /// Reads the `[[feature]]` tables of a text that has nothing else.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn features_from_toml(text: &str) -> Result<Vec<FeatureDefinition>, String> {
        let form: CatalogueForm = toml::from_str(text).map_err(|error| error.to_string())?;
        form.feature.into_iter().map(feature::FeatureForm::check).collect()
    }

    /// Returns the text of a new home's configuration, every key explained.
    ///
    /// # Errors
    /// [`EngineError::TimeZone`] when the zone does not exist.
    pub fn template(time_zone: &str) -> Result<String, EngineError> {
        Calendar::new(time_zone)?;
        let (identity, server) = (identity::TEMPLATE, server::TEMPLATE);
        Ok(format!(
            "# The configuration of this Throng home. Keep it in git.\n\
             format = {HOME_FORMAT}\n\n\
             # Days and hours are taken in this zone (IANA name), daylight saving included.\n\
             time_zone = \"{time_zone}\"\n\n\
             # Amounts in other currencies are kept but not added up with these.\n\
             # currency = \"EUR\"\n\n\
             # Where the tables are: a folder here, or s3://bucket/prefix, gs://…, az://…\n\
             lake = \"lake\"\n\
             # [storage]                      # options of the object store\n\
             # aws_region = \"eu-central-1\"\n\n\
             {identity}\n\
             [sessions]\n\
             gap_minutes = 30\n\n\
             [personas]\n\
             # count = 5                      # instead of letting the data say\n\
             max = {PERSONAS_MAX}\n\
             seed = {SEED}\n\
             # Where customers differ by degrees and fall into no separate kinds, say so (\"refuse\"),\n\
             # or cut the continuum all the same, if it is cut alike each time (\"cut\").\n\
             continuum = \"refuse\"\n\
             # How customers are divided once it is known into how many: auto, k-means, mixture, ward,\n\
             # hdbscan (which has a number of its own) or factorisation\n\
             # method = \"auto\"\n\
             # [personas.weights]             # how much features count by signal category\n\
             # behavioural = 1.0\n\
             # transactional = 1.0\n\
             # contextual = 1.0\n\
             # sentiment = 1.0\n\n\
             [model]\n\
             # The first model is live; later ones wait for `throng model promote` (\"manual\"), or every\n\
             # discovery that finds personas makes its model the live one (\"automatic\").\n\
             promote = \"manual\"\n\n\
             [journeys]\n\
             # Events keep their names in journeys where no rule gives them another; `throng journeys\n\
             # touchpoints --propose` writes such rules, [[journeys.touchpoints]], to paste at the end.\n\
             # funnel = [\"Product Viewed\", \"Product Added\", \"Order Completed\"]\n\
             funnel_days = 7\n\n\
             {server}"
        ))
    }
}

/// Looks at the format alone first: a newer form may have keys this binary refuses.
fn check_format(text: &str, path: &Path) -> Result<(), EngineError> {
    let invalid = |reason: String| EngineError::Configuration { path: path.to_owned(), reason };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| invalid(error.to_string()))?;
    let format = table.get("format").and_then(toml::Value::as_integer);
    let Some(found) = format.and_then(|format| u32::try_from(format).ok()) else {
        return Err(invalid(format!("it has no `format = {HOME_FORMAT}`")));
    };
    if found > HOME_FORMAT {
        let path = path.parent().unwrap_or(path).to_owned();
        return Err(EngineError::NewerHome { path, found, supported: HOME_FORMAT });
    }
    Ok(())
}

fn persona_count(count: Option<u32>, max: u32) -> Result<PersonaCount, String> {
    match count {
        Some(0 | 1) => Err("personas.count must be at least 2".to_owned()),
        Some(count) => Ok(PersonaCount::Exactly(to_usize(count))),
        None if max < 2 => Err("personas.max must be at least 2".to_owned()),
        None => Ok(PersonaCount::Auto { max: to_usize(max) }),
    }
}

fn method(word: Option<&str>) -> Result<Method, String> {
    let Some(word) = word else { return Ok(Method::Auto) };
    Method::parse(word).map_err(|_| {
        format!("personas.method = {word:?} is none of auto, k-means, mixture, ward, hdbscan and factorisation")
    })
}

/// A count from a configuration fits every machine this runs on.
pub(crate) fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Returns a text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Returns the configuration with its catalogue replaced: everything from the first
/// `[[feature]]` on, with the comment lines directly above it, is written anew; tables of
/// other kinds that stood behind it come to stand before.
#[must_use]
pub fn with_features(text: &str, features: &[FeatureDefinition]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.trim_start().starts_with("[[feature]]"));
    let mut end = first.unwrap_or(lines.len());
    while first.is_some() && end > 0 && (lines[end - 1].starts_with('#') || lines[end - 1].trim().is_empty()) {
        end -= 1;
    }
    let mut result = lines[..end].join("\n").trim_end().to_owned();
    let others = other_tables(first.map_or(&[], |first| &lines[first..]));
    if !others.is_empty() {
        result.push_str("\n\n");
        result.push_str(others.join("\n").trim_end());
    }
    result.push_str("\n\n");
    result.push_str(&features_to_toml(features));
    result
}

/// Returns the lines of a catalogue that belong to tables of other kinds.
fn other_tables<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut others = Vec::new();
    let mut other = false;
    for line in lines {
        // A line of a list may begin with a bracket, too; no table is called so.
        let header = line.trim_start().trim_start_matches('[');
        if line.trim_start().starts_with('[') && header.starts_with(|letter: char| letter.is_alphabetic()) {
            other = !header.starts_with("feature]") && !header.starts_with("feature.");
        }
        if other {
            others.push(*line);
        }
    }
    others
}

/// Returns the configuration with `currency` and `funnel` filled in where they are
/// still the template's commented lines.
#[must_use]
pub fn with_proposals(text: &str, currency: Option<Currency>, funnel: &[String]) -> String {
    let mut result = String::new();
    for line in text.lines() {
        match (currency, line) {
            (Some(currency), "# currency = \"EUR\"") => result.push_str(&format!("currency = \"{currency}\"")),
            (_, line) if line.starts_with("# funnel = ") && funnel.len() > 1 => {
                let steps: Vec<String> = funnel.iter().map(|step| quoted(step)).collect();
                result.push_str(&format!("funnel = [{}]", steps.join(", ")));
            }
            (_, line) => result.push_str(line),
        }
        result.push('\n');
    }
    result
}
