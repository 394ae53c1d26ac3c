//! Fills the report's model from a home: every number comes from the tables of the
//! newest discovery, so that the page, the terminal and SQL agree.

mod activity;
mod certainty;
mod compared;
mod journeys;
mod quality;
mod reliability;
mod traits;

use std::collections::BTreeMap;

use throng_engine::{BookOutcome, Engine, PersonaBook};
use throng_event::{Currency, Money};
use throng_persona::{Claim, ClaimKind, Confidence, Measure, Persona, PersonaId};
use throng_profile::ProfileId;

use crate::format::{day, money};
use crate::report::{
    ClaimLine, Comparison, Effect, JourneySection, KindLine, Period, PersonaSection, Refusal, ReportModel, Revenue,
    Stability, StabilityWord, Unassigned,
};
use crate::rows::Rows;
use crate::wording::{Wording, advice};

/// Returns the positions of a persona's customers in a list of profiles in the order of their ids.
pub(crate) fn numbers<T: AsRef<str>>(profiles: &[ProfileId], ids: &[T]) -> Vec<u32> {
    let place = |id: &T| profiles.binary_search_by(|profile| profile.as_str().cmp(id.as_ref())).ok();
    ids.iter().filter_map(place).filter_map(|place| u32::try_from(place).ok()).collect()
}

/// Reads everything the report shows.
///
/// # Errors
/// When nothing was discovered yet, or a table cannot be read.
pub(crate) fn read(engine: &Engine, step: &mut dyn FnMut(&str)) -> anyhow::Result<ReportModel> {
    let config = engine.home().config();
    let book = engine.persona_book()?;
    step("counting");
    let summary = engine.summary()?;
    let quality = quality::read(engine, &book, step)?;
    let mut model = ReportModel {
        home: home_name(engine),
        time_zone: config.calendar.name().to_owned(),
        as_of: day(book.as_of),
        period: summary.span.map(|(first, last)| Period { from: day(first), to: day(last) }),
        currency: config.currency.map(|currency| currency.to_string()),
        n_customers: book.n_profiles,
        n_events: summary.n_events,
        n_sources: summary.n_sources,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        personas: Vec::new(),
        refusal: None,
        unassigned: None,
        compared: Vec::new(),
        journeys: None,
        certainty: certainty::section(&book, Wording::new(&config.features), reliability::diagrams(engine)?),
        quality,
    };
    step("journeys");
    let personas: &[Persona] = match &book.outcome {
        BookOutcome::Refused(_) => &[],
        BookOutcome::Found(personas) => personas,
    };
    let journeys = summary.span.map(|span| journeys::read(engine, &book, (personas, span))).transpose()?.flatten();
    let (overview, mut ways) =
        journeys.map_or((None, BTreeMap::new()), |journeys| (Some(journeys.overview), journeys.sections));
    model.journeys = overview;
    match &book.outcome {
        BookOutcome::Refused(refusal) => {
            let advice = advice(refusal).iter().map(|line| (*line).to_owned()).collect();
            model.refusal = Some(Refusal { reason: refusal.text.clone(), advice });
        }
        BookOutcome::Found(personas) => {
            model.unassigned = unassigned(engine, &book)?;
            step("comparing");
            model.compared = compared::read(engine, personas, &book)?;
            model.personas = sections(engine, (&book, personas), &mut ways, step)?;
        }
    }
    Ok(model)
}

fn sections(
    engine: &Engine,
    (book, personas): (&PersonaBook, &[Persona]),
    journeys: &mut BTreeMap<PersonaId, JourneySection>,
    step: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<PersonaSection>> {
    step("when they come");
    let mut activities = activity::read(engine, book, personas)?;
    step("who they are");
    let mut traits = traits::read(engine, personas)?;
    let wording = Wording::new(&engine.home().config().features);
    let sections = personas.iter().map(|persona| {
        let activity = activities.remove(&persona.id);
        let (week, months) = activity.map_or((None, None), |activity| (activity.week, activity.months));
        PersonaSection {
            id: persona.id.to_string(),
            name: persona.name.clone(),
            summary: persona.summary.clone(),
            n_customers: persona.n_profiles,
            share_of_customers: persona.share,
            revenue: persona.revenue.map(|revenue| {
                let total = Money { minor: revenue.minor, currency: revenue.currency };
                self::revenue(total, persona.n_profiles, revenue.share)
            }),
            stability: stability(persona),
            claims: told(persona).map(|claim| line(claim, wording)).collect(),
            demographics: lines(persona, ClaimKind::Demographic, wording),
            traits: traits.remove(&persona.id).unwrap_or_default(),
            kinds: book.kinds_within(&persona.id).map(kind_line).collect(),
            exemplars: persona.exemplars.iter().map(ToString::to_string).collect(),
            week,
            months,
            journey: journeys.remove(&persona.id),
        }
    });
    Ok(sections.collect())
}

fn kind_line(kind: &Persona) -> KindLine {
    KindLine { id: kind.id.to_string(), name: kind.name.clone(), share: kind.share, summary: kind.summary.clone() }
}

/// Returns the name of the home's folder, as people know the shop.
fn home_name(engine: &Engine) -> String {
    let root = engine.home().root();
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    absolute.file_name().map_or_else(|| "Throng".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn revenue(total: Money, n_customers: u64, share: f64) -> Revenue {
    let per_customer = i64::try_from(n_customers).ok().filter(|n_customers| *n_customers > 0);
    let per_customer = per_customer.map_or(0, |n_customers| total.minor / n_customers);
    Revenue {
        total: money(total),
        per_customer: money(Money { minor: per_customer, currency: total.currency }),
        // Of a total of nothing there are no shares.
        share: if share.is_finite() { share } else { 0.0 },
    }
}

fn stability(persona: &Persona) -> Stability {
    let word = match persona.confidence() {
        Confidence::VeryStable => StabilityWord::VeryStable,
        Confidence::Stable => StabilityWord::Stable,
        Confidence::Doubtful => StabilityWord::Doubtful,
    };
    Stability { value: persona.stability, word }
}

/// Returns the claims in the order they are told in: the rule, what sets apart, what it costs, the
/// neighbour, and last how the rule fared where it was not sought.
fn told(persona: &Persona) -> impl Iterator<Item = &Claim> {
    let checked = |claim: &&Claim| matches!(claim.measure, Measure::RuleShareHeldOut { .. });
    let kinds = [ClaimKind::Rule, ClaimKind::Distinction, ClaimKind::Cost, ClaimKind::Nearest];
    let told = kinds.into_iter().flat_map(|kind| persona.claims.iter().filter(move |claim| claim.kind == kind));
    told.filter(move |claim| !checked(claim)).chain(persona.claims.iter().filter(checked))
}

fn lines(persona: &Persona, kind: ClaimKind, wording: Wording<'_>) -> Vec<ClaimLine> {
    persona.claims.iter().filter(|claim| claim.kind == kind).map(|claim| line(claim, wording)).collect()
}

fn line(claim: &Claim, wording: Wording<'_>) -> ClaimLine {
    let (persona_value, rest_value) = wording.values(claim);
    let evidence = &claim.evidence;
    ClaimLine {
        id: claim.id.to_string(),
        statement: claim.statement.clone(),
        persona_value,
        rest_value,
        comparison: comparison(claim),
        effect: match evidence.effect.word() {
            "large" => Effect::Large,
            "medium" => Effect::Medium,
            _ => Effect::Small,
        },
        interval: format!("{} (95 %)", wording.interval(claim)),
        n_customers: evidence.n_persona,
        query: evidence.query.clone(),
    }
}

/// Returns the numbers to draw as bars from zero; none where zero is no natural start.
fn comparison(claim: &Claim) -> Option<Comparison> {
    let (persona, rest) = (claim.evidence.persona_value, claim.evidence.rest_value);
    let from_zero = match claim.measure {
        Measure::MeanRatio { .. } | Measure::CategoryShare { .. } | Measure::TraitShare { .. } => true,
        Measure::RuleShare { .. } | Measure::RuleShareHeldOut { .. } => true,
        Measure::Size | Measure::RevenueShare | Measure::MeanDifference { .. } => false,
    };
    (from_zero && persona >= 0.0 && rest >= 0.0).then_some(Comparison { persona, rest })
}

/// Returns the customers who belong to no persona, `None` when everybody does.
fn unassigned(engine: &Engine, book: &PersonaBook) -> anyhow::Result<Option<Unassigned>> {
    let query = "SELECT m.persona_id IS NULL AS unassigned, count(*) AS n_customers, sum(p.revenue_minor) AS minor \
                 FROM memberships m LEFT JOIN profiles p ON m.profile_id = p.profile_id GROUP BY 1 ORDER BY 1";
    let answer = engine.query(query)?;
    let rows = Rows(&answer);
    let (flags, counts, sums) = (rows.words("unassigned")?, rows.counts("n_customers")?, rows.integers("minor")?);
    let Some(row) = flags.iter().position(|flag| flag == "true") else { return Ok(None) };
    let total: i64 = sums.iter().flatten().sum();
    let currency = engine.home().config().currency;
    let revenue = sums[row].zip(currency).map(|(minor, currency): (i64, Currency)| {
        revenue(Money { minor, currency }, counts[row], quotient(minor, total))
    });
    Ok(Some(Unassigned { n_customers: counts[row], share_of_customers: part(counts[row], book.n_profiles), revenue }))
}

/// Returns a part of a whole, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of people and events are far below 2^53")]
fn part(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns a part of a sum of money, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share for showing")]
fn quotient(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
