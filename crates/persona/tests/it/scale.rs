//! Personas sought among some customers are true of all: claims counted in pieces, clusters settled.

use throng_learn::KMeansParams;
use throng_persona::{
    ClaimKind, Found, Measure, Outcome, PersonaError, PersonaId, Population, Recount, Tally, recompute, settled,
};

use crate::market;
use crate::shop::{find, found, planted};

/// Returns some customers under their own ids.
fn taken(population: &Population, rows: &[usize]) -> Population {
    let profiles = rows.iter().map(|row| population.profiles[*row].clone()).collect();
    Population { profiles, ..market::taken(population, rows) }
}

/// Deals customers out to so many pieces, as partitions would, and counts all measures on them.
fn tallied(population: &Population, found: &Found, measures: Vec<Measure>, n_pieces: usize) -> Vec<Tally> {
    let mut tallies: Vec<Tally> =
        measures.into_iter().map(|measure| Tally::new(measure, &found.model.personas)).collect();
    for piece in (0..n_pieces).rev() {
        let rows: Vec<usize> = (piece..population.profiles.len()).step_by(n_pieces).collect();
        let piece = taken(population, &rows);
        let memberships = found.model.memberships(&piece).unwrap();
        let assigned: Vec<Option<usize>> = memberships.rows().iter().map(|row| row.assigned).collect();
        for tally in &mut tallies {
            tally.update(&piece, &assigned).unwrap();
        }
    }
    tallies
}

#[test]
fn claims_counted_in_any_pieces_have_the_same_evidence() {
    let (population, _) = planted(300, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let measures = Recount::new(&found.personas, &population).measures();
    let whole = tallied(&population, found, measures.clone(), 1);
    for n_pieces in [2, 7, 300] {
        let pieces = tallied(&population, found, measures.clone(), n_pieces);
        for persona in &found.personas {
            for claim in &persona.claims {
                let of = |tallies: &[Tally]| {
                    let tally = tallies.iter().find(|tally| *tally.measure() == claim.measure).unwrap();
                    tally.evidence(&persona.id, claim.against.as_ref(), population.as_of.day).unwrap()
                };
                assert_eq!(of(&pieces), of(&whole), "{}", claim.id);
            }
        }
    }
}

#[test]
fn evidence_of_a_tally_is_that_of_the_population() {
    let (population, _) = planted(300, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let measures = Recount::new(&found.personas, &population).measures();
    for tally in tallied(&population, found, measures, 5) {
        for persona in &found.personas {
            let memberships = &found.memberships;
            let again = recompute(tally.measure(), &population, memberships, &persona.id, None);
            let counted = tally.evidence(&persona.id, None, population.as_of.day);
            match (counted, again) {
                (Ok(counted), Ok(again)) => {
                    assert_eq!((counted.n_persona, counted.n_rest), (again.n_persona, again.n_rest));
                    // Sums of floats in another order differ in their last bits.
                    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
                    assert!(near(counted.persona_value, again.persona_value), "{:?}", tally.measure());
                    assert!(near(counted.rest_value, again.rest_value), "{:?}", tally.measure());
                    assert!(near(counted.effect.value, again.effect.value), "{:?}", tally.measure());
                    assert!(near(counted.interval.low, again.interval.low), "{:?}", tally.measure());
                    assert_eq!(counted.query, again.query);
                }
                (counted, again) => assert_eq!(counted.is_err(), again.is_err(), "{:?}", tally.measure()),
            }
        }
    }
}

#[test]
fn personas_counted_on_more_customers_are_told_with_their_numbers() {
    let (population, _) = planted(1_200, 1);
    let drawn = taken(&population, &(0..400).collect::<Vec<_>>());
    let discovery = find(&drawn, 3);
    let found = found(&discovery);
    let mut recount = Recount::new(&found.personas, &drawn);
    for tally in tallied(&population, found, recount.measures(), 3) {
        recount.take(&tally).unwrap();
    }
    let personas = recount.personas().unwrap();
    let memberships = found.model.memberships(&population).unwrap();
    for (idx, (persona, former)) in personas.iter().zip(&found.personas).enumerate() {
        assert_eq!(persona.n_profiles, u64::try_from(memberships.n_assigned(idx)).unwrap());
        assert_eq!((&persona.id, &persona.name, &persona.exemplars), (&former.id, &former.name, &former.exemplars));
        let all: i64 = population.revenue.as_ref().unwrap().minor.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "sums of a test are far below 2^53")]
        let share = persona.revenue.unwrap().minor as f64 / all as f64;
        assert!((persona.revenue.unwrap().share - share).abs() < 1e-12);
        assert!(persona.summary.contains("of 1,200 customers"), "{}", persona.summary);
        for claim in &persona.claims {
            let again =
                recompute(&claim.measure, &population, &memberships, &persona.id, claim.against.as_ref()).unwrap();
            assert_eq!((claim.evidence.n_persona, claim.evidence.n_rest), (again.n_persona, again.n_rest));
            assert!(!claim.statement.is_empty(), "{}", claim.id);
        }
        let kinds =
            |claims: &[throng_persona::Claim]| -> Vec<ClaimKind> { claims.iter().map(|claim| claim.kind).collect() };
        assert!(kinds(&persona.claims).starts_with(&[ClaimKind::Size, ClaimKind::Revenue]));
        // Planted differences are large: what was sure of a third is sure of all.
        assert_eq!(kinds(&persona.claims), kinds(&former.claims));
    }
}

#[test]
fn a_claim_that_others_do_not_bear_out_is_not_told() {
    let (population, _) = planted(400, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let mut recount = Recount::new(&found.personas, &population);
    let measures = recount.measures();
    for tally in tallied(&population, found, measures.clone(), 1) {
        recount.take(&tally).unwrap();
    }
    let told = recount.personas().unwrap();
    // The same customers dealt to personas in turn: nothing tells them apart.
    let mut recount = Recount::new(&found.personas, &population);
    let n_personas = found.personas.len();
    let assigned: Vec<Option<usize>> = (0..population.profiles.len()).map(|row| Some(row / 6 % n_personas)).collect();
    for measure in measures {
        let mut tally = Tally::new(measure, &found.model.personas);
        tally.update(&population, &assigned).unwrap();
        recount.take(&tally).unwrap();
    }
    let of_difference = |persona: &throng_persona::Persona| persona.claims.len() - 2;
    assert!(told.iter().all(|persona| of_difference(persona) > 3));
    for persona in recount.personas().unwrap() {
        assert!(of_difference(&persona) <= 1, "{:?}", persona.claims);
        assert_eq!(persona.claims[0].kind, ClaimKind::Size);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (population, _) = planted(120, 1);
    let ids = [PersonaId::at(0)];
    let mut tally = Tally::new(Measure::MeanRatio { feature: "nothing".to_owned() }, &ids);
    let everybody = vec![Some(0); 120];
    assert!(matches!(tally.update(&population, &everybody), Err(PersonaError::Unknown { what: "feature", .. })));
    let mut tally = Tally::new(Measure::Size, &ids);
    assert!(matches!(tally.update(&population, &[None]), Err(PersonaError::OtherPopulation { .. })));
    tally.update(&population, &everybody).unwrap();
    let day = population.as_of.day;
    assert!(matches!(tally.evidence(&PersonaId::at(7), None, day), Err(PersonaError::Unknown { .. })));
    let mut tally = Tally::new(Measure::RevenueShare, &ids);
    let poor = Population { revenue: None, ..population.clone() };
    assert!(matches!(tally.update(&poor, &everybody), Err(PersonaError::Unknown { .. })));
    let discovery = find(&planted(300, 1).0, 3);
    let personas = &found(&discovery).personas;
    assert!(matches!(Recount::new(personas, &population).personas(), Err(PersonaError::Unknown { .. })));
}

#[test]
fn settling_among_the_same_customers_moves_nobody_to_another_persona() {
    let (population, _) = planted(600, 1);
    let discovery = find(&population, 3);
    let before = found(&discovery).clone();
    let k_means = before.model.membership.k_means();
    let n_clusters = k_means.n_clusters();
    let params = KMeansParams { n_clusters, n_init: 1, n_iter_max: 100, tolerance: 1e-4, seed: 0 };
    let points = before.model.settling_points(&population).unwrap();
    let refined = params.fit_from(&points, k_means.centroids()).unwrap();
    let Outcome::Found(after) = settled(discovery, &population, refined).unwrap().outcome else { panic!("refused") };
    let assigned =
        |found: &Found| -> Vec<Option<usize>> { found.memberships.rows().iter().map(|row| row.assigned).collect() };
    // Who is out of reach of all may be so no more, or now.
    for (before, after) in assigned(&before).into_iter().zip(assigned(&after)) {
        assert!(before == after || before.is_none() || after.is_none(), "{before:?} became {after:?}");
    }
    for (before, after) in before.personas.iter().zip(&after.personas) {
        assert_eq!((&before.name, before.stability.to_bits()), (&after.name, after.stability.to_bits()));
    }
}

#[test]
fn settling_points_leave_out_who_is_out_of_reach() {
    let (population, _) = planted(600, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let n_points = found.model.settling_points(&population).unwrap().n_rows();
    assert_eq!(n_points, population.profiles.len() - found.memberships.n_unassigned());
    assert_eq!(found.model.points(&population).unwrap().n_rows(), 600);
}
