//! Whatever the method, a division holds or is refused with its evidence, and everything else works on it.

use throng_learn::adjusted_rand_index;
use throng_persona::{
    Continuum, Discovery, DiscoveryParams, Division, Method, Outcome, PersonaCount, PersonaError, Population,
    RefusalReason, Separation, Values, discover,
};

use crate::shop::{found, planted, structureless};

const DIVIDING: [Method; 4] = [Method::KMeans, Method::Mixture, Method::Ward, Method::Hdbscan];

fn by(method: Method, personas: PersonaCount, population: &Population) -> Result<Discovery, PersonaError> {
    discover(population, &DiscoveryParams { method, continuum: Continuum::Cut, ..DiscoveryParams::new(personas, 3) })
}

const AUTO: PersonaCount = PersonaCount::Auto { max: 6 };

#[test]
fn planted_personas_are_found_by_every_method() {
    let (population, kinds) = planted(900, 1);
    for method in DIVIDING {
        let discovery = by(method, AUTO, &population).unwrap();
        let found = found(&discovery);
        assert_eq!((discovery.method, found.personas.len()), (method, 3), "{method:?}");
        assert!(matches!(found.model.division, Division::Method(_)), "{method:?}");
        let pairs = found.memberships.rows().iter().zip(&kinds);
        let (labels, kinds): (Vec<usize>, Vec<usize>) =
            pairs.filter_map(|(row, kind)| Some((row.assigned?, *kind))).unzip();
        assert!(labels.len() > 700, "{method:?} leaves {} of 900", 900 - labels.len());
        let index = adjusted_rand_index(&labels, &kinds).unwrap();
        assert!(index > 0.95, "{method:?}: {index}");
        assert_eq!(discovery.separation, Some(Separation::Distinct), "{method:?}");
        let chosen: Vec<_> = discovery.candidates.iter().filter(|candidate| candidate.chosen).collect();
        assert!(chosen.len() == 1 && chosen[0].stability_min >= 0.75, "{method:?}: {chosen:?}");
        // The model says of the same customers what was found.
        assert_eq!(found.model.memberships(&population).unwrap(), found.memberships);
    }
}

#[test]
fn same_seed_gives_the_same_division() {
    let (population, _) = planted(300, 2);
    for method in DIVIDING {
        assert_eq!(by(method, AUTO, &population).unwrap(), by(method, AUTO, &population).unwrap());
    }
}

#[test]
fn groups_that_do_not_come_back_are_refused_with_the_evidence() {
    let population = structureless(600, 4);
    for method in [Method::Mixture, Method::Ward] {
        let discovery = by(method, PersonaCount::Exactly(4), &population).unwrap();
        let Outcome::Refused(refusal) = discovery.outcome else { panic!("{method:?} divides nothing into personas") };
        assert_eq!(refusal.reason, RefusalReason::NoStructure);
        assert!(refusal.text.contains(method.phrase()), "{}", refusal.text);
        let jaccard = refusal.numbers.iter().find(|(name, _)| name == "jaccard_min").unwrap().1;
        assert!(jaccard < 0.75, "{method:?}: {jaccard}");
    }
    let discovery = by(Method::Hdbscan, AUTO, &population).unwrap();
    assert!(matches!(discovery.outcome, Outcome::Refused(_)), "one cloud has no dense regions");
}

#[test]
fn method_that_cannot_do_what_is_asked_says_so() {
    let (mut population, _) = planted(300, 5);
    let error = by(Method::Hdbscan, PersonaCount::Exactly(3), &population).unwrap_err();
    assert!(error.to_string().contains("a number of groups of its own"), "{error}");
    let Values::Numbers(orders) = &mut population.features[0].values else { panic!("orders are numbers") };
    orders[7] = -1.0;
    let phrase = population.features[0].definition.phrase.clone();
    let error = by(Method::Factorisation, PersonaCount::Exactly(3), &population).unwrap_err();
    assert!(matches!(error, PersonaError::Method { method: "factorisation", .. }));
    assert!(error.to_string().contains(&phrase), "{error}");
}

#[test]
fn factorisation_tells_customers_by_their_habits() {
    let (population, kinds) = planted(600, 6);
    // What is bought: three habits, of which a customer has mostly one.
    let mut population = population;
    let shares: [Vec<f64>; 3] = std::array::from_fn(|habit| {
        let some = |idx: usize, of: usize| f64::from(u8::try_from(idx % of).unwrap());
        let own = |(idx, kind): (usize, &usize)| if *kind == habit { 8.0 + some(idx, 5) } else { some(idx, 3) };
        kinds.iter().enumerate().map(own).collect()
    });
    population.features.truncate(3);
    for (feature, share) in population.features.iter_mut().zip(shares) {
        feature.values = Values::Numbers(share);
    }
    let discovery = by(Method::Factorisation, PersonaCount::Exactly(3), &population).unwrap();
    let labels: Vec<usize> = found(&discovery).memberships.rows().iter().map(|row| row.assigned.unwrap_or(3)).collect();
    assert!(adjusted_rand_index(&labels, &kinds).unwrap() > 0.95);
}

#[test]
fn noise_belongs_to_no_persona() {
    let (mut population, _) = planted(600, 7);
    for feature in &mut population.features {
        if let Values::Numbers(numbers) = &mut feature.values {
            // Far from everybody, and not alike.
            (0_u8..6).for_each(|row| numbers[usize::from(row)] = 500.0 + 90.0 * f64::from(row));
        }
    }
    let discovery = by(Method::Hdbscan, AUTO, &population).unwrap();
    for row in &found(&discovery).memberships.rows()[..6] {
        assert_eq!((row.assigned, row.unassigned), (None, 1.0));
    }
}

#[test]
fn words_of_methods_are_read_again() {
    for method in [Method::Auto, Method::Factorisation].into_iter().chain(DIVIDING) {
        assert_eq!(Method::parse(method.as_str()), Ok(method));
    }
    assert!(Method::parse("kmeans").is_err());
}
