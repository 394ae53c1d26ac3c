//! Tests of the linker as a whole, on invented populations with a known truth, and
//! of the mixture on counts made from known probabilities.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::blocking::BlockingRule;
use super::comparison::{N_COMPARISONS, N_LEVELS};
use super::mixture::Counts;
use super::synthetic::{Noise, name, population};
use super::*;

const SEED: u64 = 7;
const PROBABILITY_MIN: f64 = 0.95;

fn id(number: usize) -> ProfileId {
    ProfileId::parse(&format!("u:{number:06}")).unwrap()
}

/// Returns a record of fields written `field=value|field=value`.
fn record(number: usize, fields: &str) -> Record {
    let field = |name: &str| match name {
        "name" => RecordField::Name,
        "given" => RecordField::GivenName,
        "family" => RecordField::FamilyName,
        "email" => RecordField::Email,
        "phone" => RecordField::Phone,
        "street" => RecordField::Street,
        "code" => RecordField::PostalCode,
        "city" => RecordField::City,
        "country" => RecordField::Country,
        "born" => RecordField::BirthDate,
        "company" => RecordField::Company,
        "device" => RecordField::Device,
        "ip" => RecordField::IpPrefix,
        other => panic!("no field {other}"),
    };
    let fields = fields.split('|').filter(|part| !part.is_empty());
    let fields = fields.map(|part| part.split_once('=').unwrap()).map(|(name, value)| (field(name), value.to_owned()));
    Record { id: id(number), fields: fields.collect() }
}

fn level(comparison: Comparison, a: &str, b: &str) -> Option<Level> {
    let records = RecordSet::new(vec![record(0, a), record(1, b)]);
    let level = comparison.level(&records, 0, 1);
    assert_eq!(level, comparison.level(&records, 1, 0), "{a} {b} is symmetric");
    assert!(level.is_none_or(|level| comparison.levels().contains(&level)), "{a} {b}: {level:?}");
    level
}

#[test]
fn every_comparison_has_its_levels() {
    use Comparison::{Address, BirthDate, Company, Device, Email, FamilyName, GivenName, Network, Phone};
    use Level::{Close, Different, Exact, Near, Similar};
    for (comparison, a, b, expected) in [
        (GivenName, "given=José", "given=JOSE", Some(Exact)),
        (GivenName, "given=Martha", "given=Marhta", Some(Close)),
        (GivenName, "given=Anna Maria", "given=Anna", Some(Similar)),
        (GivenName, "given=J.", "given=John", Some(Similar)),
        (GivenName, "given=Anna", "given=Peter", Some(Different)),
        (GivenName, "given=Anna", "given=n/a", None),
        (GivenName, "name=Lovelace, Ada", "name=Ada Lovelace", Some(Exact)),
        (FamilyName, "name=Ada Lovelace", "family=lovelace", Some(Exact)),
        (FamilyName, "family=Smith", "family=Müller", Some(Different)),
        (Email, "email=A@x.org", "email=a@x.org", Some(Exact)),
        (Email, "email=qz7@x.org", "email=qz7@y.org", Some(Close)),
        (Email, "email=qz7@x.org", "email=qz8@x.org", Some(Similar)),
        (Email, "email=qz7@x.org", "email=info@y.org", Some(Different)),
        (Email, "given=Ada|email=ada@x.org", "given=Ada|email=ada@y.org", None),
        (Email, "given=Ada|email=ada@x.org", "given=Ada|email=bob@y.org", Some(Different)),
        (Email, "email=0a1b2c", "email=0a1b2d", Some(Different)),
        (Email, "email=@", "email=a@x.org", None),
        (Phone, "phone=+49 30 123456", "phone=004930123456", Some(Exact)),
        (Phone, "phone=+4930123456", "phone=030123456", Some(Close)),
        (Phone, "phone=+4930123456", "phone=+4930123465", Some(Close)),
        (Phone, "phone=+4930123456", "phone=+4930654321", Some(Different)),
        (Phone, "phone=0a1b2c3d4e", "phone=1a1b2c3d4e", Some(Different)),
        (Address, "street=Weg 1|code=10115", "street=weg 1|code=10115", Some(Exact)),
        (Address, "street=Lange Strasse 1|code=10115", "street=Lange Straße, 1|code=10116", Some(Close)),
        (Address, "street=Main Street 12|city=Ulm", "street=Main St 12|city=Ulm", Some(Close)),
        (Address, "street=Main Street 12|code=10115", "street=Main Street 14|code=10115", Some(Similar)),
        (Address, "code=10115", "code=10115|city=Berlin", Some(Similar)),
        (Address, "code=10115", "code=10117", Some(Near)),
        (Address, "city=Ulm", "city=ULM", Some(Near)),
        (Address, "code=10115", "code=80331", Some(Different)),
        (Address, "country=DE", "country=FR", Some(Different)),
        (Address, "country=DE", "country=DE", None),
        (Address, "street=Weg 1", "code=10115", None),
        (BirthDate, "born=1980-05-03", "born=3.5.1980", Some(Exact)),
        (BirthDate, "born=1980-05-03", "born=1980-03-05", Some(Close)),
        (BirthDate, "born=1980-05-03", "born=1981-05-03", Some(Close)),
        (BirthDate, "born=1980-05-03", "born=1991-07-03", Some(Different)),
        (BirthDate, "born=1980-05-03", "born=1980-05-99", None),
        (Company, "company=Acme Ltd.", "company=ACME LTD", Some(Exact)),
        (Company, "company=Acme Limited", "company=Acme Limitd", Some(Close)),
        (Company, "company=Acme", "company=Umbrella", Some(Different)),
        (Device, "device=D1", "device=d1", Some(Exact)),
        (Device, "device=D1", "device=d2", Some(Different)),
        (Network, "ip=10.2", "ip=10.2", Some(Exact)),
        (Network, "ip=10.2", "ip=10.3", Some(Different)),
        (Network, "", "ip=10.3", None),
    ] {
        assert_eq!(level(comparison, a, b), expected, "{comparison:?} {a} {b}");
    }
}

fn pairs(records: &RecordSet) -> (Vec<(RecordIdx, RecordIdx)>, Vec<SkippedBlocks>) {
    let mut pairs = Vec::new();
    let skipped = for_each_pair(records, &mut |a, b| pairs.push((a, b)));
    (pairs, skipped)
}

#[test]
fn every_rule_brings_its_pairs_together() {
    for (a, b, expected) in [
        ("email=a@x.org", "email=A@x.org", 1),
        ("phone=123456", "phone=12 34 56", 1),
        ("born=1980-05-03|given=Ada", "born=3.5.1980|given=Alan", 1),
        ("born=1980-05-03|family=King", "born=3.5.1980|family=Krug", 1),
        ("born=1980-05-03|code=10115", "born=3.5.1980|code=10115", 1),
        ("name=Ada Lovelace", "name=ada lovelace", 1),
        ("email=ada@x.org|given=Ada", "email=ada@y.org|given=A", 1),
        ("code=10115|family=Meier", "code=10115|family=Maier", 1),
        ("code=10115|given=Jon", "code=10115|given=John", 1),
        ("street=Weg 1|city=Ulm|given=Ada", "street=Weg 1|city=Ulm|given=A", 1),
        ("street=Weg 1|code=1234|given=Ada", "street=Weg 1|code=1234|given=A", 1),
        ("born=1980-05-03|name=Jon Meier", "born=1980-11-28|name=John Maier", 1),
        ("device=d|ip=10.2", "device=d|ip=10.2", 1),
        // Too little to be compared for.
        ("given=Ada", "given=Ada", 0),
        ("device=d", "device=d", 0),
        ("city=Ulm", "city=Ulm", 0),
        ("", "", 0),
        // Several rules, one pair.
        ("name=Ada Lovelace|phone=123456|email=a@x.org", "name=Ada Lovelace|phone=123456|email=a@x.org", 1),
    ] {
        assert_eq!(pairs(&RecordSet::new(vec![record(0, a), record(1, b)])).0.len(), expected, "{a} {b}");
    }
}

#[test]
fn large_blocks_are_skipped_and_reported() {
    let shared = |n: usize| RecordSet::new((0..n).map(|number| record(number, "phone=123456")).collect());
    assert_eq!(pairs(&shared(100)), ((0..100).flat_map(|a| (a + 1..100).map(move |b| (a, b))).collect(), vec![]));
    let skipped = SkippedBlocks { rule: BlockingRule::Phone, n_blocks: 1, n_records: 101 };
    assert_eq!(pairs(&shared(101)), (vec![], vec![skipped]));
}

#[test]
fn pair_of_a_skipped_block_is_found_by_another_rule() {
    let mut records: Vec<Record> = (0..101).map(|number| record(number, "phone=123456")).collect();
    records[3] = record(3, "phone=123456|email=a@x.org");
    records[5] = record(5, "phone=123456|email=a@x.org");
    assert_eq!(pairs(&RecordSet::new(records.clone())).0, [(3, 5)]);
    // Also where the rule comes later than the skipped one.
    records[3] = record(3, "phone=123456|device=d|ip=10.2");
    records[5] = record(5, "phone=123456|device=d|ip=10.2");
    assert_eq!(pairs(&RecordSet::new(records)).0, [(3, 5)]);
}

/// Returns the counts that a mixture of these shares and probabilities would show, with
/// all pairs compared and only the first `n_compared` comparisons present.
fn expected_counts(n_pairs: f64, shares: [f64; 3], levels: &[mixture::Levels; 3], n_compared: usize) -> Counts {
    let mut patterns = vec![([None; N_COMPARISONS], shares.map(|share| share * n_pairs))];
    for comparison in &Comparison::ALL[..n_compared] {
        let mut longer = Vec::new();
        for (pattern, n) in &patterns {
            for level in comparison.levels() {
                let mut pattern = *pattern;
                pattern[comparison.idx()] = Some(*level);
                let n = [0, 1, 2].map(|kind| n[kind] * levels[kind][comparison.idx()][level.idx()]);
                longer.push((pattern, n));
            }
        }
        patterns = longer;
    }
    let patterns: Vec<(Pattern, f64)> =
        patterns.into_iter().map(|(pattern, n)| (Pattern(pattern), n.iter().sum())).collect();
    let mut all = [[0.0; N_LEVELS]; N_COMPARISONS];
    for (pattern, n) in &patterns {
        for (comparison, level) in pattern.evidence() {
            all[comparison.idx()][level.idx()] += n;
        }
    }
    Counts { n_pairs, levels: all, patterns }
}

#[test]
fn em_recovers_the_mixture_that_made_the_counts() {
    // Given name, family name, e-mail, phone, address, date of birth, each with its
    // exact, close, similar, near and different level; the others are missing.
    const N_COMPARED: usize = 6;
    let pad = |known: [[f64; N_LEVELS]; N_COMPARED]| {
        let mut levels = [[0.0; N_LEVELS]; N_COMPARISONS];
        levels[..N_COMPARED].copy_from_slice(&known);
        levels
    };
    let m = pad([
        [0.80, 0.10, 0.05, 0.0, 0.05],
        [0.85, 0.05, 0.02, 0.0, 0.08],
        [0.55, 0.05, 0.02, 0.0, 0.38],
        [0.60, 0.03, 0.00, 0.0, 0.37],
        [0.65, 0.10, 0.05, 0.05, 0.15],
        [0.93, 0.04, 0.00, 0.0, 0.03],
    ]);
    let household = pad([
        [0.03, 0.02, 0.03, 0.0, 0.92],
        [0.75, 0.05, 0.02, 0.0, 0.18],
        [0.10, 0.02, 0.02, 0.0, 0.86],
        [0.45, 0.02, 0.00, 0.0, 0.53],
        [0.75, 0.10, 0.05, 0.05, 0.05],
        [0.04, 0.02, 0.00, 0.0, 0.94],
    ]);
    let u = pad([
        [0.010, 0.005, 0.02, 0.0, 0.965],
        [0.002, 0.001, 0.01, 0.0, 0.987],
        [0.0001, 0.0001, 0.0002, 0.0, 0.9996],
        [0.0001, 0.0001, 0.00, 0.0, 0.9998],
        [0.0002, 0.0002, 0.003, 0.02, 0.9766],
        [0.0001, 0.0015, 0.00, 0.0, 0.9984],
    ]);
    let shares = [0.0004, 0.0008, 0.9988];
    let mixture = Mixture::fit(&expected_counts(1e8, shares, &[m, household, u], N_COMPARED));
    assert!(mixture.converged);
    for (kind, (truth, tolerance)) in [(m, 0.01), (household, 0.01), (u, 0.0001)].into_iter().enumerate() {
        assert!((mixture.shares[kind] / shares[kind] - 1.0).abs() < 0.02, "{kind}: {:?}", mixture.shares);
        for (found, expected) in mixture.levels[kind].iter().zip(&truth).take(N_COMPARED) {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < tolerance, "{kind}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn probabilities_of_levels_add_up_to_1() {
    let mixture =
        Mixture::fit(&Counts { n_pairs: 0.0, levels: [[0.0; N_LEVELS]; N_COMPARISONS], patterns: Vec::new() });
    for probabilities in mixture.levels.iter().flatten() {
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!((mixture.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

/// The links proposed for invented populations: by band of probability how many there
/// are, how many ought to be right and how many are; and the pairs there are to be found.
#[derive(Default)]
struct Outcome {
    bands: BTreeMap<usize, (f64, f64, f64)>,
    n_links: f64,
    n_right: f64,
    n_true: f64,
}

impl Outcome {
    fn add(&mut self, seed: u64) {
        let population = population(3_000, seed);
        let truth: BTreeMap<ProfileId, u64> =
            population.iter().map(|(record, person)| (record.id.clone(), *person)).collect();
        let mut n_of_person: BTreeMap<u64, f64> = BTreeMap::new();
        truth.values().for_each(|person| *n_of_person.entry(*person).or_default() += 1.0);
        self.n_true += n_of_person.values().map(|n| n * (n - 1.0) / 2.0).sum::<f64>();

        let records = RecordSet::new(population.into_iter().map(|(record, _)| record).collect());
        let model = LinkageModel::fit(&records, SEED);
        assert!(model.n_iterations().is_some());
        for link in model.propose(&records, 0.1) {
            let right = if truth[&link.a] == truth[&link.b] { 1.0 } else { 0.0 };
            if link.probability >= PROBABILITY_MIN {
                self.n_links += 1.0;
                self.n_right += right;
            }
            let band = [0.5, 0.9, 0.99].iter().filter(|edge| link.probability >= **edge).count();
            let (n, n_expected, n_right) = self.bands.entry(band).or_default();
            *n += 1.0;
            *n_expected += link.probability;
            *n_right += right;
        }
    }
}

#[test]
fn links_above_the_threshold_are_right_and_probabilities_mean_what_they_say() {
    let mut outcome = Outcome::default();
    (1..=3).for_each(|seed| outcome.add(seed));
    let (precision, recall) = (outcome.n_right / outcome.n_links, outcome.n_right / outcome.n_true);
    println!("precision {precision:.4}, recall {recall:.4} of {} pairs", outcome.n_true);
    assert!(precision >= 0.98, "{precision}");
    // Many records share no field but a name with the other ones of their person.
    assert!(recall >= 0.55, "{recall}");
    for (band, (n, n_expected, n_right)) in &outcome.bands {
        println!("band {band}: {n} links, {n_expected:.0} expected to be right, {n_right} are");
        // In doubt the linker is too careful: a coincidence is never quite ruled out.
        let understated = (n_right - n_expected) / n;
        assert!(understated < [0.3, 0.1, 0.05, 0.02][*band], "band {band}: {n_right} for {n_expected} of {n}");
        assert!(understated > -0.05, "band {band}: {n_right} for {n_expected} of {n}");
    }
    assert_eq!(outcome.bands.len(), 4);
}

#[test]
fn relatives_are_no_duplicates_and_movers_are() {
    let people: Vec<Record> = population(2_000, 5).into_iter().map(|(record, _)| record).collect();
    let model = LinkageModel::fit(&RecordSet::new(people.clone()), SEED);
    let home = "family=Quenneville|street=Quay 9|code=99991|city=Ulm|phone=+493012345";
    let son = format!("given=Ambrose|born=1981-07-30|{home}");
    let moved = "family=Quenneville|street=Hill 4|code=12345|city=Bonn";
    for (what, fields, home, linked) in [
        ("father and son of one name", "given=Ambrose|born=1950-02-11", home, false),
        ("twins", "given=Victoria|born=1981-07-30", home, false),
        ("a couple", "given=Ottilie|born=1979-01-02", home, false),
        ("one person", "given=Ambrose|born=1981-07-30", home, true),
        ("one person with a slip", "given=Amborse|born=1981-07-30", home, true),
        ("one person who moved", "given=Ambrose|born=1981-07-30", moved, true),
    ] {
        let pair = [record(0, &format!("{fields}|{home}")), record(1, &son)];
        let records = RecordSet::new(people.iter().cloned().chain(pair).collect());
        let probability = model.explain(&records, &id(0), &id(1)).unwrap().probability;
        assert_eq!(probability >= PROBABILITY_MIN, linked, "{what}: {probability}");
    }
}

#[test]
fn a_rare_name_says_more_than_a_frequent_one() {
    let mut records: Vec<Record> =
        (0..40).map(|number| record(number, &format!("given={}|family=Smith", name(number as u64)))).collect();
    records.extend((40..80).map(|number| record(number, &format!("given=Ann|family={}", name(number as u64 / 2)))));
    let records = RecordSet::new(records);
    let model = LinkageModel::fit(&records, SEED);
    let bits = |a: usize, b: usize| {
        let link = model.explain(&records, &id(a), &id(b)).unwrap();
        let found = link.weights.iter().find(|w| w.reason == WeightReason::Frequency(Comparison::FamilyName));
        found.unwrap().bits
    };
    // Forty are called Smith, two share each of the other names.
    assert!((bits(40, 41) - bits(0, 1) - 39_f64.log2()).abs() < 1e-9);
    assert!(bits(0, 1) < 0.0);
}

#[test]
fn missing_values_are_no_evidence() {
    let records = RecordSet::new(vec![record(0, "name=Ada Lovelace|phone=123456"), record(1, "phone=123456|ip=10.2")]);
    let link = LinkageModel::fit(&records, SEED).explain(&records, &id(1), &id(0)).unwrap();
    let reasons: Vec<WeightReason> = link.weights.iter().map(|weight| weight.reason).collect();
    assert_eq!(
        reasons,
        [
            WeightReason::Prior,
            WeightReason::Comparison(Comparison::Phone, Level::Exact),
            WeightReason::Frequency(Comparison::Phone),
            WeightReason::Household,
        ]
    );
    assert_eq!((link.a, link.b), (id(0), id(1)));
}

#[test]
fn records_without_structure_propose_nothing() {
    for seed in 0..2 {
        let mut noise = Noise(seed);
        let records = (0..3_000).map(|number| {
            let fields = format!(
                "given={}|family={}|phone=+49{}|born={}-{}-{}|code={}",
                name(noise.below(60)),
                name(100 + noise.below(200)),
                1_000_000 + noise.below(1_000_000),
                1940 + noise.below(60),
                1 + noise.below(12),
                1 + noise.below(28),
                10_000 + noise.below(500),
            );
            record(number, &fields)
        });
        let records = RecordSet::new(records.collect());
        let model = LinkageModel::fit(&records, SEED);
        assert!(model.n_candidates > 300, "there are pairs that agree by chance");
        assert_eq!(model.propose(&records, 0.5), []);
    }
}

#[test]
fn few_or_empty_records_propose_nothing() {
    for n_records in 0..4 {
        let records = RecordSet::new((0..n_records).map(|number| record(number, "")).collect());
        let model = LinkageModel::fit(&records, SEED);
        assert_eq!(model.propose(&records, 0.0), []);
        assert!(model.level_weights().iter().all(|weight| weight.bits.is_finite()));
        assert!(model.explain(&records, &id(0), &id(0)).is_none());
        assert!(model.explain(&records, &id(0), &id(9)).is_none());
    }
}

#[test]
fn second_record_of_a_profile_is_left_out() {
    let (first, second) = (record(0, "given=Ada"), record(0, "given=Bob"));
    let one = RecordSet::new(vec![second.clone(), first.clone()]);
    assert_eq!((one.ids(), one.n_left_out()), ([id(0)].as_slice(), 1));
    assert_eq!(one.given_name.text(0), "ada");
}

#[test]
fn hostile_values_are_bounded() {
    let long = "x".repeat(1_000_000);
    let accents = "e\u{301}".repeat(100_000);
    let nasty = ["\0\0", "=", "@@@", "\u{202e}", "٣٤٥٦٧٨٩", "🦀🦀", "İİİİ", "1234-", &long, &accents];
    let fields =
        [RecordField::Name, RecordField::Email, RecordField::Phone, RecordField::Street, RecordField::BirthDate];
    let records = nasty.iter().enumerate().map(|(number, value)| Record {
        id: id(number),
        fields: fields.iter().map(|field| (*field, (*value).to_owned())).collect(),
    });
    let records = RecordSet::new(records.collect());
    let model = LinkageModel::fit(&records, SEED);
    for link in model.propose(&records, 0.0) {
        assert!((0.0..=1.0).contains(&link.probability));
    }
    assert!(records.family_name.text(8).len() <= 128);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn order_of_records_does_not_matter(order in Just((0..300_usize).collect::<Vec<_>>()).prop_shuffle(), seed in 0..100_u64) {
        let given: Vec<Record> = population(300, seed).into_iter().map(|(record, _)| record).take(300).collect();
        let links = |records: Vec<Record>| {
            let records = RecordSet::new(records);
            LinkageModel::fit(&records, SEED).propose(&records, 0.01)
        };
        let shuffled = order.iter().map(|position| given[*position].clone()).collect();
        prop_assert_eq!(links(given), links(shuffled));
    }

    #[test]
    fn waterfall_adds_up_to_the_probability(seed in 0..100_u64) {
        let records = RecordSet::new(population(200, seed).into_iter().map(|(record, _)| record).collect());
        let model = LinkageModel::fit(&records, SEED);
        let links = model.propose(&records, 0.0);
        prop_assert!(links.is_sorted_by(|a, b| a.probability >= b.probability));
        for link in links {
            let bits: f64 = link.weights.iter().map(|weight| weight.bits).sum();
            prop_assert!((link.probability - 1.0 / (1.0 + (-bits).exp2())).abs() < 1e-12);
            prop_assert!(link.weights.iter().all(|weight| weight.reason != WeightReason::Household || weight.bits <= 0.0));
            prop_assert_eq!(model.explain(&records, &link.b, &link.a), Some(link));
        }
    }
}
