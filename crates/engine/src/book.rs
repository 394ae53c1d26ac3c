//! The persona book: what a discovery found, written to tables and read back.
//!
//! Tables `personas`, `claims`, `memberships` and `models` hold the newest discovery, and those of
//! [`crate::sub_kinds`] the kinds within its personas.
//! Everything the command line and the report show comes from here, so they agree.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, RecordBatch};
use arrow::error::ArrowError;
use datafusion::prelude::{DataFrame, SessionContext};
use serde::{Deserialize, Serialize};
use throng_event::{Currency, Day};
use throng_persona::{
    Candidate, Claim, ClaimId, ClaimKind, Contrast, Discovery, Effect, EffectKind, Evidence, FeatureUse, Foretold,
    Interval, Measure, Membership, Memberships, Method, Outcome, Persona, PersonaId, PersonaRevenue, Refusal,
    RefusalReason, Separation, Teller,
};
use throng_profile::ProfileId;

use crate::context::collect;
use crate::error::EngineError;
use crate::population::Drawn;
use crate::rows::{Rows, batch, counts, integers, named_batch, numbers, texts};
use crate::store::Store;
use crate::sub_kinds::read_sub_kinds;
use crate::tables::{CLAIMS, MEMBERSHIPS, MODELS, PERSONAS};

/// The newest discovery of a home.
#[derive(Debug, Clone)]
pub struct PersonaBook {
    /// The day whose end the numbers are taken at.
    pub as_of: Day,
    /// The seed of the discovery.
    pub seed: u64,
    /// How many customers there are.
    pub n_profiles: u64,
    /// How many of them were drawn to look for personas among, where they were too many to be held in
    /// memory; sizes, claims and memberships are of all.
    pub n_drawn: Option<u64>,
    /// What came of it.
    pub outcome: BookOutcome,
    /// Every number of personas that was tried.
    pub candidates: Vec<Candidate>,
    /// What was looked at, and what was left out why.
    pub features_used: Vec<FeatureUse>,
    /// Whether there are gaps between the personas.
    pub separation: Option<Separation>,
    /// What a continuum was cut by beside the features as they are, in a sentence.
    pub foretold: Option<String>,
    /// By which method customers were divided.
    pub method: Method,
    /// The kinds within those personas that open, the largest of each first.
    pub sub_kinds: Vec<Persona>,
}

impl PersonaBook {
    /// Returns the kinds within a persona, the largest first; none where it does not open.
    pub fn kinds_within(&self, persona: &PersonaId) -> impl Iterator<Item = &Persona> {
        self.sub_kinds.iter().filter(|kind| kind.id.parent().as_ref() == Some(persona))
    }

    /// Returns how many customers count for no persona; `None` where there are no personas.
    #[must_use]
    pub fn n_unassigned(&self) -> Option<u64> {
        match &self.outcome {
            BookOutcome::Found(personas) => {
                let n_assigned = personas.iter().map(|persona| persona.n_profiles).sum();
                Some(self.n_profiles.saturating_sub(n_assigned))
            }
            BookOutcome::Refused(_) => None,
        }
    }
}

/// Personas, or why there are none. Who belongs to them is not in the book, for they may be millions.
#[derive(Debug, Clone)]
pub enum BookOutcome {
    /// There are personas.
    Found(Vec<Persona>),
    /// There are none.
    Refused(Refusal),
}

/// The stored form of the lists of a discovery; version 1.
#[derive(Serialize, Deserialize)]
struct ModelForm {
    candidates: Vec<CandidateForm>,
    features_used: Vec<FeatureUseForm>,
    refusal_numbers: Vec<(String, f64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n_drawn: Option<u64>,
    /// Homes of before continua were cut by it have none.
    #[serde(default)]
    foretold: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CandidateForm {
    n_personas: usize,
    silhouette: f64,
    silhouette_reference: Option<f64>,
    stability_min: f64,
    adjusted_rand: f64,
    share_min: f64,
    chosen: bool,
}

#[derive(Serialize, Deserialize)]
struct FeatureUseForm {
    name: String,
    transform: Option<String>,
    vote: f64,
    left_out: Option<String>,
}

fn write_failed(table: &str) -> impl Fn(ArrowError) -> EngineError {
    let table = table.to_owned();
    move |error| EngineError::table("write", &table, error)
}

fn read_failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(table: &str) -> impl Fn(E) -> EngineError {
    let table = table.to_owned();
    move |error| EngineError::table("read", &table, error)
}

/// What a discovery was made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sought {
    pub(crate) as_of: Day,
    pub(crate) seed: u64,
    pub(crate) n_profiles: u64,
    /// How many of them were drawn; `None` for all.
    pub(crate) n_drawn: Option<u64>,
}

/// Writes a discovery; the `models` table comes last, for it says that the rest is there.
/// `memberships` are everybody's, where those of the discovery are only of some; they come first,
/// for they are still being computed.
pub(crate) async fn write_book(
    store: &Store,
    discovery: &Discovery,
    sought: Sought,
    memberships: Option<(&SessionContext, DataFrame)>,
) -> Result<(), EngineError> {
    if let Outcome::Found(found) = &discovery.outcome {
        let of_all = memberships.is_some();
        if let Some((context, rows)) = memberships {
            store.replace_from(MEMBERSHIPS, context, rows).await?;
        }
        let personas = persona_rows(&found.personas).map_err(write_failed(PERSONAS))?;
        store.replace(PERSONAS, vec![personas]).await?;
        let claims = claim_rows(&found.personas).map_err(write_failed(CLAIMS))?;
        store.replace(CLAIMS, vec![claims]).await?;
        if !of_all {
            let memberships = membership_rows(&found.memberships).map_err(write_failed(MEMBERSHIPS))?;
            store.replace(MEMBERSHIPS, vec![memberships]).await?;
        }
    }
    let model = model_row(discovery, sought).map_err(write_failed(MODELS))?;
    store.replace(MODELS, vec![model]).await
}

pub(crate) fn day_column(days: impl IntoIterator<Item = Day>) -> ArrayRef {
    Arc::new(days.into_iter().map(|day| Some(day.0)).collect::<Date32Array>())
}

fn model_row(discovery: &Discovery, sought: Sought) -> Result<RecordBatch, ArrowError> {
    let refusal = match &discovery.outcome {
        Outcome::Found(_) => None,
        Outcome::Refused(refusal) => Some(refusal),
    };
    let candidates = discovery.candidates.iter().map(|candidate| CandidateForm {
        n_personas: candidate.n_personas,
        silhouette: candidate.silhouette,
        silhouette_reference: candidate.silhouette_reference,
        stability_min: candidate.stability_min,
        adjusted_rand: candidate.adjusted_rand,
        share_min: candidate.share_min,
        chosen: candidate.chosen,
    });
    let features_used = discovery.features_used.iter().map(|used| FeatureUseForm {
        name: used.name.clone(),
        transform: used.transform.clone(),
        vote: used.vote,
        left_out: used.left_out.clone(),
    });
    let form = ModelForm {
        candidates: candidates.collect(),
        features_used: features_used.collect(),
        refusal_numbers: refusal.map(|refusal| refusal.numbers.clone()).unwrap_or_default(),
        n_drawn: sought.n_drawn,
        foretold: discovery.foretold.as_ref().map(Foretold::sentence),
    };
    let json = serde_json::to_string(&form).map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
    batch(vec![
        ("format", integers([Some(1)])),
        ("as_of", day_column([sought.as_of])),
        ("seed", texts([Some(sought.seed.to_string())])),
        ("n_profiles", counts([sought.n_profiles])),
        ("outcome", texts([Some(if refusal.is_none() { "found" } else { "refused" })])),
        ("refusal_reason", texts([refusal.map(|refusal| refusal.reason.as_str())])),
        ("refusal", texts([refusal.map(|refusal| refusal.text.as_str())])),
        ("separation", texts([discovery.separation.map(Separation::as_str)])),
        ("method", texts([Some(discovery.method.as_str())])),
        ("details", texts([Some(json)])),
    ])
}

pub(crate) fn persona_rows(personas: &[Persona]) -> Result<RecordBatch, ArrowError> {
    let each = || personas.iter();
    let revenue = || each().map(|persona| persona.revenue);
    batch(vec![
        ("persona_id", texts(each().map(|persona| Some(persona.id.as_str())))),
        ("name", texts(each().map(|persona| Some(persona.name.as_str())))),
        ("summary", texts(each().map(|persona| Some(persona.summary.as_str())))),
        ("n_profiles", counts(each().map(|persona| persona.n_profiles))),
        ("share", numbers(each().map(|persona| Some(persona.share)))),
        ("revenue_minor", integers(revenue().map(|revenue| revenue.map(|revenue| revenue.minor)))),
        ("currency", texts(revenue().map(|revenue| revenue.map(|revenue| revenue.currency.to_string())))),
        ("revenue_share", numbers(revenue().map(|revenue| revenue.map(|revenue| revenue.share)))),
        ("stability", numbers(each().map(|persona| Some(persona.stability)))),
        (
            "exemplars",
            texts(each().map(|persona| {
                let ids: Vec<&str> = persona.exemplars.iter().map(ProfileId::as_str).collect();
                Some(serde_json::Value::from(ids).to_string())
            })),
        ),
    ])
}

pub(crate) fn claim_rows(personas: &[Persona]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<(&PersonaId, &Claim)> =
        personas.iter().flat_map(|persona| persona.claims.iter().map(move |claim| (&persona.id, claim))).collect();
    let claims = || rows.iter().map(|(_, claim)| *claim);
    let evidence = || claims().map(|claim| &claim.evidence);
    batch(vec![
        ("position", counts((0_u64..).take(rows.len()))),
        ("claim_id", texts(claims().map(|claim| Some(claim.id.0.as_str())))),
        ("persona_id", texts(rows.iter().map(|(persona, _)| Some(persona.as_str())))),
        ("kind", texts(claims().map(|claim| Some(claim.kind.as_str())))),
        ("statement", texts(claims().map(|claim| Some(claim.statement.as_str())))),
        ("measure", texts(claims().map(|claim| Some(claim.measure.as_str())))),
        ("subject", texts(claims().map(|claim| claim.measure.subject()))),
        ("value", texts(claims().map(|claim| claim.measure.value()))),
        ("against", texts(claims().map(|claim| claim.against.as_ref().map(PersonaId::as_str)))),
        ("persona_value", numbers(evidence().map(|evidence| Some(evidence.persona_value)))),
        ("rest_value", numbers(evidence().map(|evidence| Some(evidence.rest_value)))),
        ("n_persona", counts(evidence().map(|evidence| evidence.n_persona))),
        ("n_rest", counts(evidence().map(|evidence| evidence.n_rest))),
        ("effect", texts(evidence().map(|evidence| Some(evidence.effect.kind.as_str())))),
        ("effect_value", numbers(evidence().map(|evidence| Some(evidence.effect.value)))),
        ("effect_low", numbers(evidence().map(|evidence| Some(evidence.effect.low)))),
        ("effect_high", numbers(evidence().map(|evidence| Some(evidence.effect.high)))),
        ("contrast", texts(evidence().map(|evidence| Some(evidence.interval.contrast.as_str())))),
        ("interval_low", numbers(evidence().map(|evidence| Some(evidence.interval.low)))),
        ("interval_high", numbers(evidence().map(|evidence| Some(evidence.interval.high)))),
        ("query", texts(evidence().map(|evidence| Some(evidence.query.as_str())))),
    ])
}

/// Returns the rows of the table `memberships`.
pub(crate) fn membership_rows(memberships: &Memberships) -> Result<RecordBatch, ArrowError> {
    let rows = memberships.rows();
    let personas = memberships.personas();
    let assigned = |row: &Membership| row.assigned.map(|idx| personas[idx].as_str().to_owned());
    let mut columns = vec![
        ("profile_id".to_owned(), texts(rows.iter().map(|row| Some(row.profile.as_str())))),
        ("persona_id".to_owned(), texts(rows.iter().map(assigned))),
    ];
    for (idx, persona) in personas.iter().enumerate() {
        columns.push((format!("share_{persona}"), numbers(rows.iter().map(|row| Some(row.shares[idx])))));
    }
    columns.push(("unassigned".to_owned(), numbers(rows.iter().map(|row| Some(row.unassigned)))));
    columns.push(("by".to_owned(), texts(rows.iter().map(|row| Some(row.by.as_str())))));
    named_batch(columns)
}

/// Reads the newest discovery; `None` when there was none yet.
pub(crate) async fn read_book(context: &SessionContext) -> Result<Option<PersonaBook>, EngineError> {
    if !context.table_exist(MODELS).unwrap_or(false) {
        return Ok(None);
    }
    let model = collect(context, "SELECT *, CAST(as_of AS INT) AS as_of_day FROM models").await?;
    let rows = Rows(&model);
    let first = |values: Vec<Option<String>>| values.into_iter().next().flatten();
    let text = |name: &str| rows.texts(name).map(first).map_err(read_failed(MODELS));
    let integer =
        |name: &str| rows.integers(name).map(|values| values.into_iter().next().flatten()).map_err(read_failed(MODELS));
    let details = text("details")?.unwrap_or_default();
    let form: ModelForm = serde_json::from_str(&details).map_err(read_failed(MODELS))?;
    let separation = match text("separation")? {
        None => None,
        Some(word) => Some(Separation::parse(&word)?),
    };
    // Homes of before methods could be chosen have no such column.
    let method = match model.column_by_name("method").is_some() {
        true => Method::parse(&text("method")?.unwrap_or_default())?,
        false => Method::Auto,
    };
    let outcome = if text("outcome")?.as_deref() == Some("found") {
        let claims = read_claims(&collect(context, "SELECT * FROM claims ORDER BY position").await?)?;
        BookOutcome::Found(read_personas(&collect(context, "SELECT * FROM personas").await?, claims)?)
    } else {
        BookOutcome::Refused(Refusal {
            reason: RefusalReason::parse(&text("refusal_reason")?.unwrap_or_default())?,
            text: text("refusal")?.unwrap_or_default(),
            numbers: form.refusal_numbers,
        })
    };
    let sub_kinds = match &outcome {
        BookOutcome::Found(_) => read_sub_kinds(context).await?,
        BookOutcome::Refused(_) => Vec::new(),
    };
    let day = integer("as_of_day")?.and_then(|day| i32::try_from(day).ok()).unwrap_or(0);
    Ok(Some(PersonaBook {
        as_of: Day(day),
        seed: text("seed")?.and_then(|seed| seed.parse().ok()).unwrap_or(0),
        n_profiles: integer("n_profiles")?.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        n_drawn: form.n_drawn,
        outcome,
        candidates: form.candidates.into_iter().map(CandidateForm::candidate).collect(),
        features_used: form.features_used.into_iter().map(FeatureUseForm::feature_use).collect(),
        separation,
        foretold: form.foretold,
        method,
        sub_kinds,
    }))
}

impl CandidateForm {
    fn candidate(self) -> Candidate {
        Candidate {
            n_personas: self.n_personas,
            silhouette: self.silhouette,
            silhouette_reference: self.silhouette_reference,
            stability_min: self.stability_min,
            adjusted_rand: self.adjusted_rand,
            share_min: self.share_min,
            chosen: self.chosen,
        }
    }
}

impl FeatureUseForm {
    fn feature_use(self) -> FeatureUse {
        FeatureUse { name: self.name, transform: self.transform, vote: self.vote, left_out: self.left_out }
    }
}

/// Returns who of those drawn belonged to the personas that were found last, also when a later
/// discovery refused; nobody where the table is not that of these personas.
pub(crate) async fn read_last_found(
    context: &SessionContext,
    personas: Vec<PersonaId>,
    drawn: Drawn,
) -> Result<Memberships, EngineError> {
    if context.table_exist(MEMBERSHIPS).unwrap_or(false) {
        let query = format!("SELECT * FROM memberships WHERE {} ORDER BY profile_id", drawn.condition());
        let rows = collect(context, &query).await?;
        let has = |column: String| rows.column_by_name(&column).is_some();
        if personas.iter().all(|id| has(format!("share_{id}"))) {
            return read_memberships(&rows, personas);
        }
    }
    Ok(Memberships::new(personas, Vec::new())?)
}

pub(crate) fn read_personas(
    rows: &RecordBatch,
    mut claims: BTreeMap<PersonaId, Vec<Claim>>,
) -> Result<Vec<Persona>, EngineError> {
    let rows = Rows(rows);
    let words = |name: &str| rows.words(name).map_err(read_failed(PERSONAS));
    let floats = |name: &str| rows.numbers(name).map_err(read_failed(PERSONAS));
    let (ids, names, summaries, exemplars) =
        (words("persona_id")?, words("name")?, words("summary")?, words("exemplars")?);
    let n_profiles = rows.counts("n_profiles").map_err(read_failed(PERSONAS))?;
    let revenue = rows.integers("revenue_minor").map_err(read_failed(PERSONAS))?;
    let currencies = rows.texts("currency").map_err(read_failed(PERSONAS))?;
    let (shares, revenue_shares, stability) = (floats("share")?, floats("revenue_share")?, floats("stability")?);
    let mut personas = Vec::with_capacity(ids.len());
    for (row, id) in ids.iter().enumerate() {
        let id: PersonaId = id.parse()?;
        let currency = currencies[row].as_deref().and_then(|code| code.parse::<Currency>().ok());
        let exemplars: Vec<String> = serde_json::from_str(&exemplars[row]).map_err(read_failed(PERSONAS))?;
        personas.push(Persona {
            name: names[row].clone(),
            summary: summaries[row].clone(),
            n_profiles: n_profiles[row],
            share: shares[row].unwrap_or(f64::NAN),
            revenue: revenue[row].zip(currency).map(|(minor, currency)| PersonaRevenue {
                minor,
                currency,
                share: revenue_shares[row].unwrap_or(f64::NAN),
            }),
            stability: stability[row].unwrap_or(f64::NAN),
            claims: claims.remove(&id).unwrap_or_default(),
            exemplars: exemplars.iter().filter_map(|text| ProfileId::parse(text)).collect(),
            id,
        });
    }
    personas.sort_by(|a, b| b.n_profiles.cmp(&a.n_profiles).then_with(|| a.id.cmp(&b.id)));
    Ok(personas)
}

pub(crate) fn read_claims(rows: &RecordBatch) -> Result<BTreeMap<PersonaId, Vec<Claim>>, EngineError> {
    let rows = Rows(rows);
    let words = |name: &str| rows.words(name).map_err(read_failed(CLAIMS));
    let optional = |name: &str| rows.texts(name).map_err(read_failed(CLAIMS));
    let floats = |name: &str| rows.numbers(name).map_err(read_failed(CLAIMS));
    let whole = |name: &str| rows.counts(name).map_err(read_failed(CLAIMS));
    let (ids, personas, kinds, statements) =
        (words("claim_id")?, words("persona_id")?, words("kind")?, words("statement")?);
    let (measures, subjects, values) = (words("measure")?, optional("subject")?, optional("value")?);
    let (effects, contrasts, queries) = (words("effect")?, words("contrast")?, words("query")?);
    let (inside, outside, effect_values) = (floats("persona_value")?, floats("rest_value")?, floats("effect_value")?);
    let (low, high) = (floats("interval_low")?, floats("interval_high")?);
    let (effect_low, effect_high) = (floats("effect_low")?, floats("effect_high")?);
    let against = optional("against")?;
    let (n_persona, n_rest) = (whole("n_persona")?, whole("n_rest")?);
    let mut claims: BTreeMap<PersonaId, Vec<Claim>> = BTreeMap::new();
    let float = |value: Option<f64>| value.unwrap_or(f64::NAN);
    for row in 0..ids.len() {
        let claim = Claim {
            id: ClaimId(ids[row].clone()),
            kind: ClaimKind::parse(&kinds[row])?,
            measure: Measure::from_parts(&measures[row], subjects[row].as_deref(), values[row].as_deref())?,
            statement: statements[row].clone(),
            against: against[row].as_deref().map(str::parse).transpose()?,
            evidence: Evidence {
                persona_value: float(inside[row]),
                rest_value: float(outside[row]),
                n_persona: n_persona[row],
                n_rest: n_rest[row],
                effect: Effect {
                    kind: EffectKind::parse(&effects[row])?,
                    value: float(effect_values[row]),
                    low: float(effect_low[row]),
                    high: float(effect_high[row]),
                },
                interval: Interval {
                    contrast: Contrast::parse(&contrasts[row])?,
                    low: float(low[row]),
                    high: float(high[row]),
                },
                query: queries[row].clone(),
            },
        };
        claims.entry(personas[row].parse()?).or_default().push(claim);
    }
    Ok(claims)
}

pub(crate) fn read_memberships(rows: &RecordBatch, personas: Vec<PersonaId>) -> Result<Memberships, EngineError> {
    let rows = Rows(rows);
    let profiles = rows.words("profile_id").map_err(read_failed(MEMBERSHIPS))?;
    let assigned = rows.texts("persona_id").map_err(read_failed(MEMBERSHIPS))?;
    let unassigned = rows.numbers("unassigned").map_err(read_failed(MEMBERSHIPS))?;
    // Nor had memberships another teller.
    let by = match rows.0.column_by_name("by").is_some() {
        true => rows.words("by").map_err(read_failed(MEMBERSHIPS))?,
        false => vec![Teller::Mixture.as_str().to_owned(); profiles.len()],
    };
    let mut shares = Vec::with_capacity(personas.len());
    for persona in &personas {
        shares.push(rows.numbers(&format!("share_{persona}")).map_err(read_failed(MEMBERSHIPS))?);
    }
    let mut memberships = Vec::with_capacity(profiles.len());
    for (row, profile) in profiles.iter().enumerate() {
        let Some(profile) = ProfileId::parse(profile) else { continue };
        memberships.push(Membership {
            profile,
            shares: shares.iter().map(|column| column[row].unwrap_or(f64::NAN)).collect(),
            unassigned: unassigned[row].unwrap_or(f64::NAN),
            assigned: assigned[row]
                .as_deref()
                .and_then(|id| personas.iter().position(|persona| persona.as_str() == id)),
            by: Teller::parse(&by[row])?,
        });
    }
    Ok(Memberships::new(personas, memberships)?)
}
