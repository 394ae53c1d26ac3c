//! How sure shares are, set by what came of them: temperature scaling (Guo et al. 2017).
//!
//! A mixture takes its components for what made the customers. Where they only cut a continuum, the
//! shares fall too steeply beside a cut. One number, fitted on customers held out, flattens all shares
//! without changing whose is the largest.

use super::reliability::{Said, gain};
use crate::PersonaError;
use crate::number::real_count;

/// Temperatures tried: from 1 by tenths more, up to about 17, at which 99 % against 1 % becomes 57 %.
const FACTOR: f64 = 1.1;
const N_TRIED: u32 = 30;
/// Customers that a temperature is fitted to, and judged on, at least.
const N_PROFILES_MIN: usize = 60;
/// The least share that is told from none: a share of 0 is one too small to be written.
const SHARE_MIN: f64 = 1e-10;

/// Flattens shares; they still sum to 1.
pub(super) fn flatten(shares: &mut [f64], temperature: f64) {
    for share in shares.iter_mut() {
        *share = (share.max(SHARE_MIN).ln() / temperature).exp();
    }
    let sum: f64 = shares.iter().sum();
    for share in shares {
        *share /= sum;
    }
}

/// Returns the same with flattened shares.
pub(super) fn flattened(said: &[Said], temperature: f64) -> Vec<Said> {
    let each = said.iter().map(|said| {
        let mut shares = said.shares.clone();
        flatten(&mut shares, temperature);
        Said { shares, ..*said }
    });
    each.collect()
}

/// Returns the temperature at which half of those held out lose least, if it is surely better for the
/// other half: every second one is of that.
pub(super) fn fitted(said: &[Said], truth: &[Option<usize>]) -> Result<Option<f64>, PersonaError> {
    let (fitted_to, judged_on) = (halves(said, 0), halves(said, 1));
    let (fitted_truth, judged_truth) = (halves(truth, 0), halves(truth, 1));
    if judged_on.len() < N_PROFILES_MIN {
        return Ok(None);
    }
    let loss = |temperature: f64| {
        let losses = flattened(&fitted_to, temperature)
            .iter()
            .zip(&fitted_truth)
            .map(|(said, label)| said.loss(*label))
            .sum::<f64>();
        losses / real_count(fitted_to.len())
    };
    let tried = (0..=N_TRIED).map(|power| FACTOR.powf(f64::from(power))).map(|tried| (loss(tried), tried));
    let Some((_, best)) = tried.min_by(|a, b| a.0.total_cmp(&b.0)) else { return Ok(None) };
    if best <= 1.0 {
        return Ok(None);
    }
    let gained = gain(&judged_on, &flattened(&judged_on, best), &judged_truth)?;
    Ok((gained.low > 0.0).then_some(best))
}

/// Returns every second one, from the first or from the second on.
pub(super) fn halves<T: Clone>(all: &[T], first: usize) -> Vec<T> {
    all.iter().skip(first).step_by(2).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(share: f64) -> Said {
        Said { shares: vec![share, 1.0 - share, 0.0], column: 0, agreement: None, sure: true }
    }

    #[test]
    fn shares_that_are_too_sure_are_flattened_to_what_came() {
        // Said to be sure of 99 %, right three times of four.
        let all: Vec<Said> = (0..400).map(|_| said(0.99)).collect();
        let truth: Vec<Option<usize>> = (0..400).map(|idx| Some(usize::from(idx / 2 % 4 == 0))).collect();
        let temperature = fitted(&all, &truth).unwrap().expect("sure of too much");
        let flat = flattened(&all, temperature);
        assert!((flat[0].shares[0] - 0.75).abs() < 0.03, "{:?}", flat[0].shares);
        assert!((flat[0].shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn shares_that_hold_are_left() {
        let all: Vec<Said> = (0..400).map(|_| said(0.75)).collect();
        let truth: Vec<Option<usize>> = (0..400).map(|idx| Some(usize::from(idx / 2 % 4 == 0))).collect();
        assert_eq!(fitted(&all, &truth).unwrap(), None);
    }

    #[test]
    fn a_few_teach_nothing() {
        let all: Vec<Said> = (0..40).map(|_| said(0.99)).collect();
        assert_eq!(fitted(&all, &[Some(1); 40]).unwrap(), None);
    }
}
