//! Two groups side by side are measured as claims are, and say the same from either side.

use throng_persona::{Population, recompute, side_by_side};

use crate::shop::{find, found, planted, structureless};

fn of(population: &Population, assigned: &[Option<usize>], persona: usize) -> Population {
    let rows = assigned.iter().enumerate();
    let rows: Vec<usize> = rows.filter(|(_, own)| **own == Some(persona)).map(|(row, _)| row).collect();
    population.of_some(&rows)
}

#[test]
fn personas_are_measured_as_claims_are_and_alike_from_either_side() {
    let (population, _) = planted(300, 1);
    let discovery = find(&population, 3);
    let found = found(&discovery);
    let assigned: Vec<Option<usize>> = found.memberships.rows().iter().map(|row| row.assigned).collect();
    let ids = found.memberships.personas();
    let (first, second) = (of(&population, &assigned, 0), of(&population, &assigned, 1));
    let rows = side_by_side([(&ids[0], &first), (&ids[1], &second)]).unwrap();
    assert!(rows.iter().filter(|row| row.apart).count() >= 3, "{rows:#?}");
    assert!(rows.is_sorted_by(|a, b| a.evidence.effect.value.abs() >= b.evidence.effect.value.abs()));
    for row in &rows {
        let again = recompute(&row.measure, &population, &found.memberships, &ids[0], Some(&ids[1])).unwrap();
        assert_eq!(row.evidence, again);
        assert!((0.0..=1.0).contains(&row.p_value), "{row:?}");
    }
    let mirrored = side_by_side([(&ids[1], &second), (&ids[0], &first)]).unwrap();
    assert_eq!(mirrored.len(), rows.len());
    for row in &rows {
        let other = mirrored.iter().find(|other| other.measure == row.measure).unwrap();
        assert_eq!((&other.values[0], &other.values[1]), (&row.values[1], &row.values[0]));
        assert!((other.evidence.effect.value + row.evidence.effect.value).abs() < 1e-12, "{row:?}");
        assert_eq!(other.apart, row.apart, "{row:?}");
    }
}

#[test]
fn groups_drawn_by_chance_are_alike() {
    let mut n_apart = 0;
    for seed in 0..20 {
        let population = structureless(400, seed);
        let assigned: Vec<Option<usize>> = (0..400).map(|row| Some(row % 2)).collect();
        let (first, second) = (of(&population, &assigned, 0), of(&population, &assigned, 1));
        let id = throng_persona::PersonaId::at(0);
        // One persona on two days, as it were: no table holds both, so there is no query.
        let rows = side_by_side([(&id, &first), (&id, &second)]).unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.evidence.query.is_empty()));
        n_apart += rows.iter().filter(|row| row.apart).count();
    }
    assert_eq!(n_apart, 0);
}

#[test]
fn groups_of_other_features_are_refused() {
    let (population, _) = planted(300, 1);
    let mut other = population.clone();
    other.features.pop();
    let id = throng_persona::PersonaId::at(0);
    side_by_side([(&id, &population), (&id, &other)]).unwrap_err();
}
