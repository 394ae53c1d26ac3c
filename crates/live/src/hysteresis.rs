//! When someone counts for another persona: hysteresis, so that nobody flaps at a border.

/// How far another persona must lead before someone is said to have moved.
///
/// Whoever moved has to come as far back again to move back, so between the two lie shares
/// at which nothing happens: a Schmitt trigger (1938) on the shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftRules {
    /// The least share in the new persona, 0 to 1.
    pub share_min: f64,
    /// By how much that share must exceed the one in the present persona, 0 to 1.
    pub lead_min: f64,
}

impl ShiftRules {
    /// A lead of a tenth, whatever the share: of a continuum that was cut nobody's share is large.
    pub const STANDARD: Self = Self { share_min: 0.0, lead_min: 0.1 };

    /// Returns whether someone who counts for `present` counts for `proposed` from now on.
    ///
    /// `shares` are those of the personas, and last the unassigned one, which is that of `None`.
    #[must_use]
    pub fn moves(&self, present: Option<usize>, proposed: Option<usize>, shares: &[f64]) -> bool {
        let share = |persona: Option<usize>| match persona {
            Some(persona) => shares.get(persona).copied().unwrap_or(0.0),
            None => shares.last().copied().unwrap_or(0.0),
        };
        present != proposed && share(proposed) >= self.share_min && share(proposed) - share(present) >= self.lead_min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_lead_moves_nobody_and_a_large_one_does_at_once() {
        let rules = ShiftRules::STANDARD;
        assert!(!rules.moves(Some(0), Some(1), &[0.48, 0.52, 0.0]));
        assert!(rules.moves(Some(0), Some(1), &[0.44, 0.56, 0.0]));
        assert!(!rules.moves(Some(1), Some(1), &[0.0, 1.0, 0.0]));
    }

    #[test]
    fn shares_that_swing_within_the_lead_never_flap() {
        let rules = ShiftRules::STANDARD;
        let mut present = Some(0);
        let mut n_moves = 0;
        for step in 0..1_000 {
            let share = 0.5 + 0.045 * f64::sin(f64::from(step));
            let proposed = Some(usize::from(share > 0.5));
            if rules.moves(present, proposed, &[1.0 - share, share, 0.0]) {
                present = proposed;
                n_moves += 1;
            }
        }
        assert_eq!(n_moves, 0);
    }

    #[test]
    fn nobody_is_moved_out_of_a_persona_by_a_small_unassigned_share() {
        let rules = ShiftRules::STANDARD;
        assert!(!rules.moves(Some(0), None, &[0.6, 0.2, 0.2]));
        assert!(rules.moves(Some(0), None, &[0.1, 0.1, 0.8]));
    }

    #[test]
    fn a_least_share_holds_back_whoever_leads_with_less() {
        let rules = ShiftRules { share_min: 0.6, lead_min: 0.1 };
        assert!(!rules.moves(Some(0), Some(1), &[0.2, 0.55, 0.25]));
        assert!(rules.moves(Some(0), Some(1), &[0.2, 0.6, 0.2]));
    }
}
