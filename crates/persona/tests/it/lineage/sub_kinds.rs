//! Personas open into the kinds within them.

use throng_persona::{Membership, Memberships, Opened, PersonaId, Population, Teller, open, recompute};

use super::market::{market, params};

/// Two far personas; the customers of the first are of two kinds, those of the second of one.
fn nested(seed: u64) -> Population {
    market(
        &[(0..150, [-3.0, 0.0, 0.0, 0.0]), (150..260, [3.0, 0.0, 0.0, 0.0]), (260..350, [0.0, 20.0, 20.0, 0.0])],
        seed,
    )
}

/// Counts the first so many customers for p1 and the others for p2.
fn memberships(population: &Population, n_first: usize) -> Memberships {
    let rows = population.profiles.iter().enumerate().map(|(row, profile)| {
        let assigned = usize::from(row >= n_first);
        let shares = (0..2).map(|idx| f64::from(u8::from(idx == assigned))).collect();
        Membership { profile: profile.clone(), shares, unassigned: 0.0, assigned: Some(assigned), by: Teller::Mixture }
    });
    Memberships::new(["p1", "p2"].map(|id| id.parse().unwrap()).to_vec(), rows.collect()).unwrap()
}

fn opened(population: &Population) -> Vec<Opened> {
    open(population, &memberships(population, 260), &params(1)).unwrap()
}

#[test]
fn the_kinds_within_a_persona_are_found() {
    let population = nested(1);
    let opened = opened(&population);
    let [first] = &opened[..] else { panic!("90 customers are too few to open the other") };
    assert_eq!(first.persona.as_str(), "p1");
    let kinds: Vec<(&str, u64)> = first.kinds.iter().map(|kind| (kind.id.as_str(), kind.n_profiles)).collect();
    assert_eq!(kinds, [("p1.1", 150), ("p1.2", 110)]);
    assert_eq!(first.memberships.rows().len(), 260);
    assert!((first.kinds[0].share - 150.0 / 260.0).abs() < 1e-12, "a share of the persona");
}

#[test]
fn claims_of_sub_kinds_hold_among_the_customers_of_their_persona() {
    let population = nested(2);
    let members = population.of_some(&(0..260).collect::<Vec<_>>());
    for opened in opened(&population) {
        for kind in &opened.kinds {
            assert!(kind.claims.len() > 1, "{kind:#?}");
            for claim in &kind.claims {
                let against = claim.against.as_ref();
                let again = recompute(&claim.measure, &members, &opened.memberships, &kind.id, against).unwrap();
                assert_eq!(again, claim.evidence);
                assert_eq!(claim.id, claim.measure.claim_id(&kind.id, against));
                assert!(again.query.contains("FROM sub_kind_members WHERE within = 'p1'"), "{}", again.query);
            }
        }
    }
}

#[test]
fn what_is_not_divided_alike_each_time_does_not_open() {
    let population = market(&[(0..260, [0.0; 4]), (260..350, [0.0, 20.0, 20.0, 0.0])], 1);
    assert_eq!(opened(&population), Vec::new());
}

#[test]
fn ids_of_sub_kinds_know_their_persona() {
    let persona = PersonaId::at(2);
    let kind = persona.sub_kind(0);
    assert_eq!((kind.as_str(), kind.parent(), persona.parent()), ("p3.1", Some(persona.clone()), None));
    assert_eq!(kind.as_str().parse::<PersonaId>().unwrap(), kind);
    for text in ["p3.", "p3.x", "p3.1.2", ".1", "p3 .1"] {
        assert!(text.parse::<PersonaId>().is_err(), "{text:?}");
    }
}
