//! Why a customer moved: what was changed is what is told, as much as it did, and what would turn it back
//! does.

use std::sync::Arc;

use expect_test::expect;
use throng_feature::FeatureValue;
use throng_persona::{Model, Moment, PersonaError, Scorer, ScorerScratch, Separation, Shift};

use crate::model::{definitions, row_of};
use crate::shop::{find, found, planted};

struct Shop {
    scorer: Scorer,
    scratch: ScorerScratch,
    rows: Vec<Vec<FeatureValue>>,
    kinds: Vec<usize>,
}

fn shop(n_profiles: usize, seed: u64) -> Shop {
    let (population, kinds) = planted(n_profiles, seed);
    let discovery = find(&population, 1);
    let model = Arc::new(found(&discovery).model.clone());
    let scorer = Scorer::new(model, &definitions(&population)).unwrap();
    let rows = (0..n_profiles).map(|row| row_of(&population, row)).collect();
    Shop { scorer, scratch: ScorerScratch::default(), rows, kinds }
}

impl Shop {
    fn assigned(&mut self, row: &[FeatureValue]) -> Option<usize> {
        self.scorer.score(row, None, &mut self.scratch).unwrap().assigned
    }

    /// Returns the shift of a customer whose features became others.
    fn shift(&mut self, then: &[FeatureValue], now: &[FeatureValue]) -> Shift {
        let sides = [then, now].map(|row| (self.assigned(row), Moment { features: row, history_days: None }));
        self.scorer.explain(sides[0], sides[1], &mut self.scratch).unwrap()
    }

    /// Returns a customer of each of two kinds who counts for a persona.
    fn pair(&mut self, from: usize, to: usize, skipped: usize) -> (Vec<FeatureValue>, Vec<FeatureValue>) {
        let mut of = |kind: usize| {
            let rows: Vec<usize> = (0..self.rows.len()).filter(|row| self.kinds[*row] == kind).collect();
            let mut counting = rows.into_iter().filter(|&at| self.assigned(&self.rows[at].clone()).is_some());
            let found = counting.nth(skipped).expect("enough customers count for a persona");
            self.rows[found].clone()
        };
        (of(from), of(to))
    }
}

#[test]
fn one_change_has_all_of_it_and_would_turn_it_back() {
    let mut shop = shop(600, 1);
    let (then, other) = shop.pair(0, 2, 0);
    // The second kind shops at night, the first does not.
    let mut now = then.clone();
    now[5] = other[5].clone();
    let shift = shop.shift(&then, &now);
    assert_eq!(shift.causes.len(), 1);
    assert_eq!(shift.causes[0].feature.as_deref(), Some("night_share"));
    assert_eq!((shift.causes[0].contribution.to_bits(), shift.remainder), (shift.change.to_bits(), 0.0));
}

#[test]
fn whole_change_of_kind_is_told_with_what_would_turn_it_back() {
    let mut shop = shop(600, 1);
    let (then, now) = shop.pair(0, 1, 0);
    let shift = shop.shift(&then, &now);
    assert!(shift.former.is_some() && shift.present.is_some() && shift.former != shift.present);
    assert!(shift.change > 0.0);
    let lines: Vec<String> =
        shift.causes.iter().map(|cause| format!("{:+.1} {}\n", cause.contribution, cause.statement)).collect();
    expect![[r#"
        +8.7 no order for 279 days (was 4.1 days)
        +8.7 2 orders (was 54)
        +2.4 37 % of spend on Grocery (was 71 %)
        +2.4 order value: €29.00 (was €70.10)
        +0.3 17 % of visits at night (was 0 %)
        +0.2 0 % of spend on Wine (was 10 %)
        remainder +3.5 of +26.2
        Some("They would count for p1 again if days since the last order were 4.1 days again and orders were 54 again")
    "#]]
    .assert_eq(&format!(
        "{}remainder {:+.1} of {:+.1}\n{:?}\n",
        lines.concat(),
        shift.remainder,
        shift.change,
        shift.reversal_statement
    ));
}

#[test]
fn what_the_model_does_not_read_is_no_cause() {
    let mut shop = shop(600, 1);
    let (then, _) = shop.pair(0, 1, 0);
    let mut now = then.clone();
    // The rating is known of a fifth, and the other is the same for all: neither makes personas.
    now[6] = FeatureValue::Number(1.0);
    now[7] = FeatureValue::Number(70.0);
    let shift = shop.shift(&then, &now);
    assert!(shift.causes.is_empty(), "{shift:?}");
    assert_eq!((shift.change, shift.remainder, shift.reversal_statement), (0.0, 0.0, None));
}

#[test]
fn longer_history_is_a_cause_of_its_own() {
    let mut shop = shop(600, 1);
    let (row, _) = shop.pair(0, 1, 0);
    let at = |history_days| Moment { features: &row, history_days: Some(history_days) };
    let side = shop.assigned(&row);
    let shift = shop.scorer.explain((side, at(89)), (side, at(90)), &mut shop.scratch).unwrap();
    assert_eq!(shift.causes.len(), 1);
    assert_eq!((shift.causes[0].feature.as_deref(), shift.causes[0].contribution), (None, 0.0));
    assert_eq!(shift.causes[0].statement, "known for 90 days (was 89 days)");
}

#[test]
fn persona_or_row_that_does_not_exist_is_refused() {
    let mut shop = shop(600, 1);
    let (row, _) = shop.pair(0, 1, 0);
    let side = |persona: Option<usize>, features| (persona, Moment { features, history_days: None });
    let mut explain = |then, now| shop.scorer.explain(then, now, &mut shop.scratch).unwrap_err();
    assert!(matches!(explain(side(Some(9), &row[..]), side(None, &row[..])), PersonaError::Unknown { .. }));
    assert!(matches!(explain(side(None, &row[1..]), side(None, &row[..])), PersonaError::Learn { .. }));
}

#[test]
fn contributions_and_remainder_are_the_change_and_the_least_reversal_is_told() {
    for seed in 0..2 {
        let mut shop = shop(600, seed);
        for case in 0..45 {
            let (then, now) = shop.pair(case % 3, case / 3 % 3, case / 3);
            check_shift(&mut shop, &then, &now);
        }
    }
}

fn check_shift(shop: &mut Shop, then: &[FeatureValue], now: &[FeatureValue]) {
    let shift = shop.shift(then, now);
    let sum: f64 = shift.causes.iter().map(|cause| cause.contribution).sum();
    assert!((sum + shift.remainder - shift.change).abs() < 1e-9, "{shift:?}");
    assert!(shift.causes.is_sorted_by(|a, b| a.contribution >= b.contribution));
    let former = shop.assigned(then);
    let positions: Vec<usize> =
        shift.causes.iter().map(|cause| definition_position(shop, cause.feature.as_deref().unwrap())).collect();
    let mut turned = |causes: &[usize]| {
        let mut back = now.to_vec();
        causes.iter().for_each(|cause| back[positions[*cause]] = then[positions[*cause]].clone());
        shop.assigned(&back) == former
    };
    match shift.reversal.as_slice() {
        // Nothing moved, or no one or two changes did it.
        [] => assert!(turned(&[]) || (0..positions.len()).all(|cause| !turned(&[cause]))),
        [one] => assert!(turned(&[*one]) && (0..*one).all(|before| !turned(&[before]))),
        pair => assert!(turned(pair) && (0..positions.len()).all(|cause| !turned(&[cause]))),
    }
}

/// Returns the row in which what the mask picks is as it is now, scored as any other.
fn plainly(
    shop: &mut Shop,
    (then, now): (Moment<'_>, Moment<'_>),
    mask: &[(Option<usize>, bool)],
) -> (Vec<f64>, Option<usize>) {
    let mut row = then.features.to_vec();
    let mut days = then.history_days;
    for (feature, is_now) in mask.iter().filter(|(_, is_now)| *is_now) {
        match feature {
            Some(at) => row[*at] = now.features[*at].clone(),
            None => days = now.history_days,
        }
        assert!(is_now);
    }
    let scored = shop.scorer.score(&row, days, &mut shop.scratch).unwrap();
    (scored.shares.iter().copied().chain([scored.unassigned]).collect(), scored.assigned)
}

/// Checks that a shift is explained as by rows that are each scored from the beginning, to the bit.
fn check_plainly(shop: &mut Shop, (then, now): (Moment<'_>, Moment<'_>)) {
    let mut side =
        |at: Moment<'_>| shop.scorer.score(at.features, at.history_days, &mut shop.scratch).unwrap().assigned;
    let (former, present) = (side(then), side(now));
    let found = shop.scorer.explain((former, then), (present, now), &mut shop.scratch).unwrap();
    let at = |cause: &throng_persona::Cause| cause.feature.as_deref().map(|name| definition_position(shop, name));
    let order: Vec<Option<usize>> = found.causes.iter().map(at).collect();
    let log_odds = |shares: &[f64]| {
        let of = |persona: Option<usize>| shares[persona.unwrap_or(shares.len() - 1)].max(1.0 / 4_294_967_296.0).ln();
        of(present) - of(former)
    };
    // All as they were, or are, but for these.
    let mut but = |most: bool, others: &[usize]| {
        let each = order.iter().enumerate();
        let mask: Vec<_> = each.map(|(at, feature)| (*feature, most != others.contains(&at))).collect();
        let (shares, assigned) = plainly(shop, (then, now), &mask);
        (log_odds(&shares), assigned == former)
    };
    let (first, last) = (but(false, &[]).0, but(true, &[]));
    assert_eq!(found.change.to_bits(), (last.0 - first).to_bits());
    for (at, cause) in found.causes.iter().enumerate() {
        let mut expected = 0.5 * (but(false, &[at]).0 - first);
        expected += 0.5 * (last.0 - but(true, &[at]).0);
        assert_eq!(cause.contribution.to_bits(), expected.to_bits(), "{cause:?}");
    }
    let singles = (0..order.len()).map(|at| vec![at]);
    let pairs = (1..order.len().min(12)).flat_map(|second| (0..second).map(move |first| vec![first, second]));
    let mut reversal = Vec::new();
    if !order.is_empty() && !last.1 {
        reversal = singles.chain(pairs).find(|back| but(true, back).1).unwrap_or_default();
    }
    assert_eq!(found.reversal, reversal);
    let brief = shop.scorer.explain_briefly((former, then), (present, now), 2, &mut shop.scratch).unwrap();
    let causes = found.causes.iter().take(2).cloned().collect();
    assert_eq!(brief, Shift { causes, ..found });
}

#[test]
fn shift_is_explained_as_by_rows_scored_from_the_beginning() {
    let mut shop = shop(600, 3);
    for case in 0..30 {
        let (then, now) = shop.pair(case % 3, case / 3 % 3, case / 3);
        let moment = |features| Moment { features, history_days: None };
        check_plainly(&mut shop, (moment(&then), moment(&now)));
    }
}

#[test]
fn shift_of_a_short_history_is_explained_as_by_rows_scored_from_the_beginning() {
    let population = crate::partial::shop(3000, crate::partial::Early::Little, 1);
    let discovery = crate::partial::find(&population);
    let fitted = &found(&discovery).model;
    let rows: Vec<_> = (0..60).map(|row| row_of(&population, row)).collect();
    for separation in [Separation::Distinct, Separation::Gradual] {
        let model = Model { separation, ..fitted.clone() };
        let scorer = Scorer::new(Arc::new(model), &definitions(&population)).unwrap();
        let mut shop = Shop { scorer, scratch: ScorerScratch::default(), rows: Vec::new(), kinds: Vec::new() };
        for (case, pair) in rows.windows(2).enumerate() {
            // Short before and after, or complete by now, or without a day that is known.
            let days = [(Some(20), Some(27)), (Some(80), Some(95)), (None, Some(3)), (Some(5), Some(5))][case % 4];
            let moment = |at: usize, history_days| Moment { features: &pair[at], history_days };
            check_plainly(&mut shop, (moment(0, days.0), moment(1, days.1)));
        }
    }
}

fn definition_position(shop: &Shop, name: &str) -> usize {
    shop.scorer.features().iter().position(|definition| definition.name == name).unwrap()
}
