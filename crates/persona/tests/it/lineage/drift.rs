//! Drift is told where it is, and is not told where only chance is at work.

use throng_persona::{Baseline, Drift, DriftLevel, DriftParams, Population, Values, discover};

use super::market::{A, B, C, market, params};
use crate::shop::{find, found, planted};

fn drift(before: &Population, after: &Population) -> Drift {
    let baseline = Baseline::of(before, &discover(before, &params(1)).unwrap()).unwrap().unwrap();
    Drift::of(after, None, &baseline, DriftParams::new()).unwrap()
}

#[test]
fn chance_alone_raises_no_alarm() {
    let before = market(&[A, B, C], 1);
    let baseline = Baseline::of(&before, &discover(&before, &params(1)).unwrap()).unwrap().unwrap();
    for seed in 2..22 {
        let drift = Drift::of(&market(&[A, B, C], seed), None, &baseline, DriftParams::new()).unwrap();
        assert_eq!(drift.level(), DriftLevel::Steady, "{:?}", drift.sentences());
    }
}

#[test]
fn a_moved_feature_calls_for_action_and_says_which_way() {
    let before = market(&[A, B, C], 1);
    let mut after = market(&[A, B, C], 2);
    let Values::Numbers(numbers) = &mut after.features[3].values else { panic!("numbers") };
    for number in numbers {
        *number += 1.0;
    }
    let drift = drift(&before, &after);
    assert_eq!(drift.features[0].feature, "feature_3");
    assert_eq!((drift.level(), drift.n_features_at(DriftLevel::Act)), (DriftLevel::Act, 1));
    expect_test::expect!["Measure 3: higher than it was: today's customers stand above 74 % of the former ones on average (stability index 0.91, calls for action)."].assert_eq(&drift.sentences().join("\n"));
}

#[test]
fn a_feature_that_goes_silent_has_drifted() {
    let before = market(&[A, B, C], 1);
    let mut after = market(&[A, B, C], 1);
    after.features[0].values = Values::Numbers(vec![f64::NAN; 450]);
    after.features.remove(2);
    let drift = drift(&before, &after);
    expect_test::expect![[r#"
        Measure 0: known for 0 % of the customers, 100 % at the last discovery (stability index 11.18, calls for action).
        The feature “feature_2” of the last discovery is not there any more."#]].assert_eq(&drift.sentences().join("\n"));
}

#[test]
fn a_small_shop_is_not_alarmed_by_its_own_noise() {
    // 100 customers in ten bins: indices above 0.1 come by chance.
    let before = market(&[(0..40, A.1), (40..70, B.1), (70..100, C.1)], 1);
    let baseline = Baseline::of(&before, &discover(&before, &params(1)).unwrap()).unwrap().unwrap();
    let mut greatest = 0.0_f64;
    for seed in 2..12 {
        let after = market(&[(0..40, A.1), (40..70, B.1), (70..100, C.1)], seed);
        let drift = Drift::of(&after, None, &baseline, DriftParams::new()).unwrap();
        greatest = greatest.max(drift.features[0].index);
        assert_eq!(drift.n_features_at(DriftLevel::Act), 0, "{:?}", drift.sentences());
    }
    assert!(greatest > 0.1, "{greatest}");
}

#[test]
fn a_changed_mix_is_told_with_the_persona_that_changed_most() {
    let before = market(&[A, B, C], 1);
    let discovery = discover(&before, &params(1)).unwrap();
    let baseline = Baseline::of(&before, &discovery).unwrap().unwrap();
    let after = market(&[(0..60, A.1), B, C, (500..700, C.1)], 2);
    let memberships = found(&discovery).model.memberships(&after).unwrap();
    let drift = Drift::of(&after, Some(&memberships), &baseline, DriftParams::new()).unwrap();
    let mix = drift.mix.unwrap();
    assert_eq!(mix.level, DriftLevel::Act);
    assert_eq!(mix.shares.len(), 4, "three personas and nobody");
    for side in [|share: &throng_persona::ShareDrift| share.before, |share: &throng_persona::ShareDrift| share.after] {
        assert!((mix.shares.iter().map(side).sum::<f64>() - 1.0).abs() < 1e-12);
    }
    expect_test::expect!["The shares of the personas have changed, most of all p3, from 22 % to 59 % (stability index 0.79, calls for action)."].assert_eq(&mix.sentence());
}

#[test]
fn a_category_that_changes_names_its_value() {
    let (before, _) = planted(300, 1);
    let baseline = Baseline::of(&before, &find(&before, 3)).unwrap().unwrap();
    let (mut after, _) = planted(300, 2);
    let device = after.features.iter_mut().find(|feature| feature.definition.name == "device").unwrap();
    let Values::Categories(devices) = &mut device.values else { panic!("categories") };
    for device in devices.iter_mut().take(200) {
        *device = Some("mobile".to_owned());
    }
    let drift = Drift::of(&after, None, &baseline, DriftParams::new()).unwrap();
    expect_test::expect![
        "Main device: mobile went from 15 % to 72 % of the customers (stability index 1.55, calls for action)."
    ]
    .assert_eq(&drift.sentences().join("\n"));
}

#[test]
fn nobody_has_no_drift_to_speak_of() {
    let before = market(&[A, B, C], 1);
    let after = market(&[], 1);
    assert_eq!(drift(&before, &after).level(), DriftLevel::Steady);
    assert_eq!(Baseline::of(&after, &discover(&after, &params(1)).unwrap()), Ok(None));
}

#[test]
fn words_of_levels_are_read_back() {
    for word in ["steady", "watch", "act"] {
        assert_eq!(DriftLevel::parse(word).unwrap().as_str(), word);
    }
    assert!(DriftLevel::parse("alarm").is_err());
}
