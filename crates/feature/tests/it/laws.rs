//! The laws every kind obeys: commutative, associative, order- and chunk-free, once, the
//! same after storage, and the past unmoved by the future.

use proptest::prelude::*;
use throng_event::{Calendar, Event};
use throng_feature::{Catalogue, Compiled, ProfileState};

use crate::sample::{bits, calendar, catalogue, catalogue_of_every_kind, day, definition, events};

fn folded(compiled: &Compiled, events: &[Event], calendar: &Calendar) -> ProfileState {
    let mut state = ProfileState::new(compiled);
    events.iter().for_each(|event| state.update(event, calendar));
    state
}

fn merged(left: &ProfileState, right: &ProfileState) -> ProfileState {
    let mut merged = left.clone();
    merged.merge(right);
    merged
}

fn all_kinds() -> Compiled {
    Compiled::new(&catalogue_of_every_kind())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn merging_commutes_and_associates(
        (first, second, third) in (events(30), events(30), events(30)),
        calendar in calendar(),
    ) {
        let compiled = all_kinds();
        let [first, second, third] = [first, second, third].map(|events| folded(&compiled, &events, &calendar));
        prop_assert_eq!(merged(&first, &second).state(), merged(&second, &first).state());
        prop_assert_eq!(
            merged(&merged(&first, &second), &third).state(),
            merged(&first, &merged(&second, &third)).state()
        );
        prop_assert_eq!(merged(&first, &ProfileState::new(&compiled)).state(), first.state());
    }

    #[test]
    fn order_and_chunks_of_arrival_do_not_matter(
        (events, shuffled) in events(60).prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
        cut in 0_usize..60,
        calendar in calendar(),
    ) {
        let compiled = all_kinds();
        let whole = folded(&compiled, &events, &calendar).state();
        prop_assert_eq!(&folded(&compiled, &shuffled, &calendar).state(), &whole);
        let (head, tail) = shuffled.split_at(cut.min(shuffled.len()));
        let chunks = merged(&folded(&compiled, tail, &calendar), &folded(&compiled, head, &calendar));
        prop_assert_eq!(&chunks.state(), &whole);
    }

    #[test]
    fn a_state_survives_storage(events in events(60), calendar in calendar(), day in day()) {
        let compiled = all_kinds();
        let state = folded(&compiled, &events, &calendar);
        let bytes = state.state();
        let restored = ProfileState::from_state(&compiled, &bytes).unwrap();
        prop_assert_eq!(restored.state(), bytes);
        let as_of = calendar.as_of(day);
        prop_assert_eq!(bits(&restored.evaluate(as_of)), bits(&state.evaluate(as_of)));
    }

    #[test]
    fn the_future_does_not_change_the_past(
        catalogue in catalogue(40),
        events in events(60),
        calendar in calendar(),
        day in day(),
    ) {
        let compiled = Compiled::new(&catalogue);
        let as_of = calendar.as_of(day);
        let past: Vec<Event> =
            events.iter().filter(|event| calendar.local(event.occurred_at).0 <= day).cloned().collect();
        let with_future = folded(&compiled, &events, &calendar).evaluate(as_of);
        let without = folded(&compiled, &past, &calendar).evaluate(as_of);
        prop_assert_eq!(bits(&with_future), bits(&without));
    }

    #[test]
    fn a_damaged_state_is_an_error_and_never_more(
        events in events(12),
        (place, byte) in (any::<prop::sample::Index>(), any::<u8>()),
        cut in any::<prop::sample::Index>(),
        day in day(),
    ) {
        let compiled = all_kinds();
        let calendar = Calendar::utc();
        let bytes = folded(&compiled, &events, &calendar).state();
        let mut damaged = bytes.clone();
        damaged[place.index(bytes.len())] = byte;
        for bytes in [&damaged[..], &bytes[..cut.index(bytes.len())]] {
            // A changed byte may make another valid state; that one must work like any.
            if let Ok(state) = ProfileState::from_state(&compiled, bytes) {
                prop_assert_eq!(state.evaluate(calendar.as_of(day)).len(), compiled.n_features());
                let again = ProfileState::from_state(&compiled, &state.state());
                prop_assert_eq!(again.unwrap().state(), state.state());
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_no_state(noise in prop::collection::vec(any::<u8>(), 0..200), day in day()) {
        let compiled = all_kinds();
        let calendar = Calendar::utc();
        prop_assert!(ProfileState::from_state(&compiled, &noise).is_err());
        // Behind a true header, noise gets as far as it can.
        let mut bytes = ProfileState::new(&compiled).state()[..9].to_vec();
        bytes.extend(&noise);
        if let Ok(state) = ProfileState::from_state(&compiled, &bytes) {
            prop_assert_eq!(state.evaluate(calendar.as_of(day)).len(), compiled.n_features());
        }
    }
}

#[test]
fn a_state_belongs_to_its_catalogue() {
    let compiled = |kind| Compiled::new(&Catalogue::new(vec![definition("f", kind)], None).unwrap());
    let count = compiled(throng_feature::FeatureKind::Count);
    let recency = compiled(throng_feature::FeatureKind::Recency);
    let error = ProfileState::from_state(&recency, &ProfileState::new(&count).state()).unwrap_err();
    assert_eq!(error, throng_feature::FeatureError::StateOfOtherCatalogue);
}
