//! `throng verify`: everything stored is computed again and compared.
//!
//! Features are folded again from the events by the batch driver, and a second time
//! event by event with the live accumulators; claims are recomputed from the stored
//! population, and a second time by the query each carries.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use throng_event::{AsOf, Event};
use throng_feature::{Catalogue, Compiled, FeatureValue, ProfileState};
use throng_journey::{Arrival, GrowingHistories, TouchpointRule, touchpoint_of};
use throng_persona::{
    Claim, Evidence, Measure, Memberships, Opened, Persona, PersonaError, PersonaId, Population, Tally, recompute,
};
use throng_profile::ProfileId;

use crate::book::{BookOutcome, PersonaBook};
use crate::context::{collect, explain};
use crate::derive::{plain_texts, timestamp_literal};
use crate::error::EngineError;
use crate::event_table::{read_events, text_column};
use crate::home::Home;
use crate::journey_features::{fill_live, of_journeys};
use crate::members::read_members;
use crate::people::People;
use crate::population::{Drawn, read_population};
use crate::recount::Everybody;
use crate::rows::Rows;
use crate::sub_kinds::read_opened;
use crate::tables::{EVENTS, FEATURES};

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was compared with what.
    pub what: &'static str,
    /// How many comparisons.
    pub n_compared: u64,
    /// The first differences, in words; empty when all agree.
    pub differences: Vec<String>,
    /// How many differ in all.
    pub n_different: u64,
}

/// What was checked and what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// The checks in the order they were made.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    /// Whether everything agrees.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.checks.iter().all(|check| check.n_different == 0)
    }
}

/// Differences that are written out; the rest is counted.
const SHOWN_MAX: usize = 10;

impl Check {
    fn new(what: &'static str) -> Self {
        Self { what, n_compared: 0, differences: Vec::new(), n_different: 0 }
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "the outcome of a comparison, not a mode")]
    fn compare(&mut self, agrees: bool, describe: impl FnOnce() -> String) {
        self.n_compared += 1;
        if agrees {
            return;
        }
        self.n_different += 1;
        if self.differences.len() < SHOWN_MAX {
            self.differences.push(describe());
        }
    }
}

/// What is verified.
pub(crate) struct Subject<'a> {
    pub(crate) home: &'a Home,
    pub(crate) context: &'a SessionContext,
    pub(crate) people: &'a People,
    pub(crate) as_of: AsOf,
    pub(crate) book: Option<&'a PersonaBook>,
    /// The features of everybody, folded again from the events.
    pub(crate) features: &'a RecordBatch,
}

pub(crate) async fn verify(subject: &Subject<'_>, step: &mut dyn FnMut(&str)) -> Result<VerifyReport, EngineError> {
    let Subject { home, context, people, as_of, book, features } = *subject;
    let mut checks = Vec::new();
    if context.table_exist(FEATURES).unwrap_or(false) {
        let stored = collect(context, "SELECT * FROM features ORDER BY profile_id").await?;
        checks.push(compare_batches(&stored, features)?);
    }
    step("features, event by event");
    let live = fold_live(home, context, people, as_of).await?;
    checks.push(compare_live(features, &live, people)?);
    if let Some(book) = book
        && let BookOutcome::Found(personas) = &book.outcome
    {
        let memberships = read_members(context, None, personas).await?;
        step("claims");
        let config = home.config();
        let claims = claims_of(personas);
        let mut recomputed = Check::new("evidence of claims = evidence recomputed");
        let mut queried = Check::new("evidence of claims = the query each claim carries");
        query_claims(&mut queried, context, &claims).await?;
        if book.n_drawn.is_some() {
            recount_claims(&mut recomputed, subject, &claims, memberships.personas()).await?;
        } else {
            let moment = (as_of, config.currency);
            let population = read_population(context, &config.features, moment, Drawn::Everybody).await?;
            recompute_claims(&mut recomputed, &claims, &population, &memberships);
            for opened in &read_opened(context, book).await? {
                let claims = claims_of(&opened.kinds);
                recompute_claims(&mut recomputed, &claims, &among(&population, opened), &opened.memberships);
                query_claims(&mut queried, context, &claims).await?;
            }
        }
        checks.extend([recomputed, queried]);
    }
    Ok(VerifyReport { checks })
}

fn unreadable(error: arrow::error::ArrowError) -> EngineError {
    EngineError::table("read", FEATURES, error)
}

fn compare_batches(stored: &RecordBatch, again: &RecordBatch) -> Result<Check, EngineError> {
    let mut check = Check::new("stored features = features folded again in batch");
    let again = plain_texts(again).map_err(unreadable)?;
    let ids = text_column(&again, "profile_id").map_err(unreadable)?;
    let rows = stored.num_rows() == again.num_rows();
    check.compare(rows, || format!("{} profiles are stored, there are {}", stored.num_rows(), again.num_rows()));
    if !rows {
        return Ok(check);
    }
    for (field, column) in again.schema().fields().iter().zip(again.columns()) {
        let Some(other) = stored.column_by_name(field.name()) else {
            check.compare(false, || format!("the stored features have no column {}", field.name()));
            continue;
        };
        let other = arrow::compute::cast(other, column.data_type()).map_err(unreadable)?;
        for row in 0..again.num_rows() {
            check.compare(same(column, &other, row), || format!("{} of {}", field.name(), ids.value(row)));
        }
    }
    Ok(check)
}

/// Whether two columns hold the same bits in a row.
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn same(a: &ArrayRef, b: &ArrayRef, row: usize) -> bool {
    if a.is_null(row) || b.is_null(row) {
        return a.is_null(row) && b.is_null(row);
    }
    match a.data_type() {
        DataType::Float64 => {
            let bits = |column: &ArrayRef| column.as_primitive::<Float64Type>().value(row).to_bits();
            bits(a) == bits(b)
        }
        _ => a.slice(row, 1).to_data() == b.slice(row, 1).to_data(),
    }
}

/// Folds every event into the accumulator of its profile, one at a time.
async fn fold_live(
    home: &Home,
    context: &SessionContext,
    people: &People,
    as_of: AsOf,
) -> Result<BTreeMap<u32, Vec<FeatureValue>>, EngineError> {
    let config = home.config();
    let catalogue = Catalogue::new(config.features.clone(), config.currency);
    let compiled = Compiled::new(&catalogue.map_err(|error| EngineError::Catalogue(error.to_string()))?);
    let mut states: BTreeMap<u32, ProfileState> = BTreeMap::new();
    // Touchpoints are looked up among all that ever happened.
    let mut growing = of_journeys(&config.features).then(GrowingHistories::new);
    let query = match &growing {
        Some(_) => "SELECT * FROM events".to_owned(),
        None => format!("SELECT * FROM events WHERE occurred_at < {}", timestamp_literal(as_of.end)),
    };
    let frame = context.sql(&query).await.map_err(|error| EngineError::Query(explain(&error)))?;
    let mut stream = frame.execute_stream().await.map_err(|error| EngineError::Query(explain(&error)))?;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| EngineError::Query(explain(&error)))?;
        for event in read_events(&batch).map_err(|error| EngineError::table("read", EVENTS, error))? {
            let number = people.number_of(event.user_id.as_deref(), event.anonymous_id.as_deref());
            let Some(number) = number else { continue };
            if let Some(growing) = &mut growing {
                touch(growing, number, (&event, &config.touchpoints));
            }
            if event.occurred_at < as_of.end {
                states.entry(number).or_insert_with(|| ProfileState::new(&compiled)).update(&event, &config.calendar);
            }
        }
    }
    let mut live = states.into_iter().map(|(number, state)| (number, state.evaluate(as_of))).collect();
    if let Some(growing) = growing {
        fill_live(config, (&growing, people.n_profiles()), as_of, &mut live)?;
    }
    Ok(live)
}

/// Adds an event to the history of a profile, where it is a touchpoint.
fn touch(growing: &mut GrowingHistories, profile: u32, (event, rules): (&Event, &[TouchpointRule])) {
    if let Some(touchpoint) = touchpoint_of(rules, event) {
        let arrival = Arrival {
            occurred_at: event.occurred_at.0,
            event_key: event.id.key().0,
            touchpoint: &touchpoint,
            session: None,
            value: None,
        };
        growing.add(profile, arrival);
    }
}

fn compare_live(
    batch: &RecordBatch,
    live: &BTreeMap<u32, Vec<FeatureValue>>,
    people: &People,
) -> Result<Check, EngineError> {
    let mut check = Check::new("features in batch = features event by event");
    let ids = text_column(batch, "profile_id").map_err(unreadable)?;
    check.compare(batch.num_rows() == live.len(), || {
        format!("{} profiles in batch, {} live", batch.num_rows(), live.len())
    });
    for row in 0..batch.num_rows() {
        let id = ids.value(row);
        let number = ProfileId::parse(id).and_then(|profile| people.position(&profile));
        let Some(values) = number.and_then(|number| live.get(&number)) else {
            check.compare(false, || format!("{id} has no live state"));
            continue;
        };
        // The first two columns are the profile and the day.
        for (value, (field, column)) in values.iter().zip(batch.schema().fields().iter().zip(batch.columns()).skip(2)) {
            check.compare(equals(column, row, value), || format!("{} of {id}: live {value:?}", field.name()));
        }
    }
    Ok(check)
}

fn equals(column: &ArrayRef, row: usize, value: &FeatureValue) -> bool {
    match value {
        FeatureValue::Missing => column.is_null(row),
        FeatureValue::Number(number) => {
            column.is_valid(row)
                && column.data_type() == &DataType::Float64
                && column.as_primitive::<Float64Type>().value(row).to_bits() == number.to_bits()
        }
        FeatureValue::Category(text) => {
            column.is_valid(row) && column.as_string_opt::<i32>().is_some_and(|texts| texts.value(row) == text)
        }
    }
}

fn claims_of(personas: &[Persona]) -> Vec<(&PersonaId, &Claim)> {
    personas.iter().flat_map(|persona| persona.claims.iter().map(move |claim| (&persona.id, claim))).collect()
}

/// Returns the customers of an opened persona; both are in the order of the profiles' ids.
fn among(population: &Population, opened: &Opened) -> Population {
    let members: BTreeSet<&ProfileId> = opened.memberships.rows().iter().map(|row| &row.profile).collect();
    let rows = population.profiles.iter().enumerate();
    let rows: Vec<usize> = rows.filter(|(_, profile)| members.contains(profile)).map(|(row, _)| row).collect();
    population.of_some(&rows)
}

fn recompute_claims(
    check: &mut Check,
    claims: &[(&PersonaId, &Claim)],
    population: &Population,
    memberships: &Memberships,
) {
    for (persona, claim) in claims {
        let again = recompute(&claim.measure, population, memberships, persona, claim.against.as_ref());
        compare_evidence(check, claim, again);
    }
}

/// As [`recompute_claims`], of claims that were counted on more customers than fit in memory.
async fn recount_claims(
    check: &mut Check,
    subject: &Subject<'_>,
    claims: &[(&PersonaId, &Claim)],
    personas: &[PersonaId],
) -> Result<(), EngineError> {
    let config = subject.home.config();
    let everybody = Everybody {
        context: subject.context,
        personas,
        definitions: &config.features,
        as_of: subject.as_of,
        currency: config.currency,
    };
    let query = "SELECT m.persona_id, f.* FROM memberships AS m JOIN features AS f ON f.profile_id = m.profile_id";
    let counted = subject.context.sql(query).await.map_err(|error| EngineError::Query(explain(&error)))?;
    let mut measures: Vec<Measure> = claims.iter().map(|(_, claim)| claim.measure.clone()).collect();
    measures.sort_unstable();
    measures.dedup();
    let mut take = |tally: &Tally| {
        for (persona, claim) in claims.iter().filter(|(_, claim)| claim.measure == *tally.measure()) {
            let evidence = tally.evidence(persona, claim.against.as_ref(), subject.as_of.day);
            compare_evidence(check, claim, evidence);
        }
        Ok(())
    };
    everybody.tally(counted, measures, &mut take).await
}

fn compare_evidence(check: &mut Check, claim: &Claim, again: Result<Evidence, PersonaError>) {
    match again {
        Ok(evidence) => check.compare(same_evidence(&claim.evidence, &evidence), || {
            format!("{}: stored {:?}, now {evidence:?}", claim.id, claim.evidence)
        }),
        Err(error) => check.compare(false, || format!("{}: {error}", claim.id)),
    }
}

fn same_evidence(a: &Evidence, b: &Evidence) -> bool {
    let floats = |evidence: &Evidence| {
        [
            evidence.persona_value,
            evidence.rest_value,
            evidence.effect.value,
            evidence.effect.low,
            evidence.effect.high,
            evidence.interval.low,
            evidence.interval.high,
        ]
        .map(f64::to_bits)
    };
    floats(a) == floats(b) && (a.n_persona, a.n_rest, &a.query) == (b.n_persona, b.n_rest, &b.query)
}

/// Sums of floats depend on the order a query engine adds them in, in the last digits.
const QUERY_TOLERANCE: f64 = 1e-9;

async fn query_claims(
    check: &mut Check,
    context: &SessionContext,
    claims: &[(&PersonaId, &Claim)],
) -> Result<(), EngineError> {
    for (_, claim) in claims {
        let evidence = &claim.evidence;
        let answer = match collect(context, &evidence.query).await {
            Ok(answer) => answer,
            Err(error) => {
                check.compare(false, || format!("{}: {error}", claim.id));
                continue;
            }
        };
        let read = || -> Result<[f64; 4], arrow::error::ArrowError> {
            let mut values = [f64::NAN; 4];
            for (value, name) in values.iter_mut().zip(["persona", "rest", "n_persona", "n_rest"]) {
                *value = Rows(&answer).numbers(name)?.first().copied().flatten().unwrap_or(f64::NAN);
            }
            Ok(values)
        };
        let found = read().map_err(|error| EngineError::Query(error.to_string()))?;
        #[expect(clippy::cast_precision_loss, reason = "counts of people are far below 2^53")]
        let stored = [evidence.persona_value, evidence.rest_value, evidence.n_persona as f64, evidence.n_rest as f64];
        let close =
            |(a, b): (&f64, &f64)| (a - b).abs() <= QUERY_TOLERANCE * a.abs().max(1.0) || (a.is_nan() && b.is_nan());
        check.compare(stored.iter().zip(&found).all(close), || {
            format!("{}: stored {stored:?}, the query says {found:?}", claim.id)
        });
    }
    Ok(())
}
