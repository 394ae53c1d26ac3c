//! Why a profile moved from one persona to another: what each feature that changed did to the log-odds of
//! the two.
//!
//! With `f` the logarithm of the present persona's share over the former's, a feature's contribution is the
//! mean of what it does alone to the row as it was, and of what it does last to the row as it is:
//!
//! `φᵢ = ½ [f(then, with i now) − f(then)] + ½ [f(now) − f(now, with i then)]`
//!
//! Of all orders in which features could have changed, these are the first place and the last. Where `f` is
//! quadratic, which the log-odds of two normal components are, their mean is the mean over all orders, the
//! value of Shapley (1953): an interaction of two features is halved between them either way. Long tails,
//! a calibrated temperature and the unassigned share bend `f`; what the contributions leave of the change is
//! told as the remainder.

use throng_feature::{FeatureDefinition, FeatureValue};

use super::scorer::{Anchor, Row, Scorer, ScorerScratch, SharesScratch};
use crate::change::{change_statement, known_for_statement, reversal_statement};
use crate::membership::GRID;
use crate::{PersonaError, PersonaId, Scored};

/// Causes of which two together are tried as what would turn a shift back: of twelve there are 66 pairs, a
/// tenth of a millisecond.
const CAUSES_PAIRED_MAX: usize = 12;

/// A profile at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment<'a> {
    /// Its features, in the order of the scorer's catalogue.
    pub features: &'a [FeatureValue],
    /// Days since its first event, where they are known.
    pub history_days: Option<u32>,
}

/// Why a profile counts for another persona than before.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// The persona it counted for; `None` for none.
    pub former: Option<PersonaId>,
    /// The persona it counts for.
    pub present: Option<PersonaId>,
    /// By how much the logarithm of the present persona's share over the former's has grown.
    pub change: f64,
    /// What changed, the most telling first; a negative contribution speaks against the shift.
    pub causes: Vec<Cause>,
    /// What the contributions leave of the change.
    pub remainder: f64,
    /// What would turn it back, by positions among the causes: one of them, or two, set to what they were.
    /// Empty where no one or two would.
    pub reversal: Vec<usize>,
    /// The same in a sentence; `None` where there is none.
    pub reversal_statement: Option<String>,
}

/// Something that changed about a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The feature; `None` for how long the profile has been known.
    pub feature: Option<String>,
    /// What it was.
    pub then: FeatureValue,
    /// What it is.
    pub now: FeatureValue,
    /// Its part of the change in log-odds.
    pub contribution: f64,
    /// The change in words: "3 support tickets in the last 7 days (was 0)".
    pub statement: String,
}

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// A feature, by its position in the catalogue.
    Feature(usize),
    History,
}

impl Scorer {
    /// Returns why a profile that counted for one persona counts for another, by their positions in the
    /// model; `None` is to belong to none. Features that the model does not read are no causes.
    ///
    /// # Errors
    /// As [`Scorer::score`]; [`PersonaError::Unknown`] for a persona that the model does not have.
    pub fn explain(
        &self,
        then: (Option<usize>, Moment<'_>),
        now: (Option<usize>, Moment<'_>),
        scratch: &mut ScorerScratch,
    ) -> Result<Shift, PersonaError> {
        self.explain_briefly(then, now, usize::MAX, scratch)
    }

    /// As [`Scorer::explain`], with the first of the causes only, at most so many: to put one in words
    /// costs as much as to find out what it did. Positions of the reversal count all of them.
    ///
    /// # Errors
    /// As [`Scorer::explain`].
    pub fn explain_briefly(
        &self,
        (former, then): (Option<usize>, Moment<'_>),
        (present, now): (Option<usize>, Moment<'_>),
        n_causes_max: usize,
        scratch: &mut ScorerScratch,
    ) -> Result<Shift, PersonaError> {
        let id = |position: Option<usize>| -> Result<Option<PersonaId>, PersonaError> {
            let Some(position) = position else { return Ok(None) };
            let id = self.model().personas.get(position).cloned();
            id.map(Some).ok_or_else(|| PersonaError::Unknown { what: "persona", name: format!("at {position}") })
        };
        let (former_id, present_id) = (id(former)?, id(present)?);
        // Rows of another width are refused before anything in them is compared.
        let space = &mut scratch.space;
        let sides = [self.side(then, space)?, self.side(now, space)?];
        let changed = self.changed(then, now);
        let mut between = Between { scorer: self, sides, changed: &changed, raw: Vec::new(), prepared: Vec::new() };
        // What turns one change back is asked for its contribution already.
        let mut former_again = Vec::with_capacity(changed.len() + 1);
        let (contributions, change) = contributions(changed.len(), &mut |mixed| {
            let scored = between.scored(mixed, space)?;
            if mixed.most == Time::Now {
                former_again.push(scored.assigned == former);
            }
            Ok(log_share(&scored, present) - log_share(&scored, former))
        })?;
        let remainder = change - contributions.iter().sum::<f64>();
        let mut order: Vec<usize> = (0..changed.len()).collect();
        order.sort_by(|&a, &b| contributions[b].total_cmp(&contributions[a]).then(a.cmp(&b)));
        let reversal = reversal(&order, &mut |back| match back {
            [] => Ok(former_again[0]),
            [one] => Ok(former_again[one + 1]),
            _ => Ok(between.assigned(Mixed { most: Time::Now, others: back }, space)? == former),
        })?;
        let back: Vec<(Option<&FeatureDefinition>, &FeatureValue)> = reversal
            .iter()
            .map(|&position| match changed[order[position]] {
                Subject::Feature(at) => (Some(&self.features()[at]), &then.features[at]),
                Subject::History => (None, &FeatureValue::Missing),
            })
            .collect();
        let reversal_statement = (!back.is_empty()).then(|| reversal_statement(&back, former_id.as_ref()));
        let told = order.iter().take(n_causes_max);
        let causes = told.map(|&at| self.cause(changed[at], contributions[at], (then, now))).collect();
        Ok(Shift { former: former_id, present: present_id, change, causes, remainder, reversal, reversal_statement })
    }

    fn changed(&self, then: Moment<'_>, now: Moment<'_>) -> Vec<Subject> {
        let mut positions: Vec<usize> = self.positions().to_vec();
        positions.sort_unstable();
        positions.dedup();
        positions.retain(|&position| then.features[position] != now.features[position]);
        let history = (then.history_days != now.history_days).then_some(Subject::History);
        positions.into_iter().map(Subject::Feature).chain(history).collect()
    }

    fn cause(&self, subject: Subject, contribution: f64, (then, now): (Moment<'_>, Moment<'_>)) -> Cause {
        match subject {
            Subject::Feature(position) => {
                let (then, now) = (&then.features[position], &now.features[position]);
                let definition = &self.features()[position];
                let statement = change_statement(definition, then, now);
                let feature = Some(definition.name.clone());
                Cause { feature, then: then.clone(), now: now.clone(), contribution, statement }
            }
            Subject::History => {
                let value =
                    |days: Option<u32>| days.map_or(FeatureValue::Missing, |n| FeatureValue::Number(f64::from(n)));
                let statement = known_for_statement(then.history_days, now.history_days);
                let (then, now) = (value(then.history_days), value(now.history_days));
                Cause { feature: None, then, now, contribution, statement }
            }
        }
    }
}

/// When something is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Then,
    Now,
}

/// A row between then and now, in which some changes are of the other time than all else.
#[derive(Debug, Clone, Copy)]
struct Mixed<'a> {
    most: Time,
    others: &'a [usize],
}

/// A row at one time as the model sees it.
struct Side {
    raw: Vec<f32>,
    prepared: Vec<f32>,
    days: Option<u32>,
    anchor: Anchor,
}

/// The rows between then and now. A part of a prepared row is made of one feature alone, so each is made
/// of the parts of both.
struct Between<'a> {
    scorer: &'a Scorer,
    /// Then and now.
    sides: [Side; 2],
    changed: &'a [Subject],
    raw: Vec<f32>,
    prepared: Vec<f32>,
}

impl Scorer {
    fn side(&self, moment: Moment<'_>, space: &mut SharesScratch) -> Result<Side, PersonaError> {
        let (mut raw, mut prepared) = (Vec::new(), Vec::new());
        self.prepare(moment.features, &mut raw, &mut prepared)?;
        let days = moment.history_days;
        let anchor = self.anchor(Row { raw: &raw, prepared: &prepared, days }, space)?;
        Ok(Side { raw, prepared, days, anchor })
    }
}

impl Between<'_> {
    fn scored<'s>(&mut self, mixed: Mixed<'_>, space: &'s mut SharesScratch) -> Result<Scored<'s>, PersonaError> {
        let days = self.mix(mixed);
        let row = Row { raw: &self.raw, prepared: &self.prepared, days };
        self.scorer.shares(row, Some(&self.most(mixed).anchor), space)
    }

    fn assigned(&mut self, mixed: Mixed<'_>, space: &mut SharesScratch) -> Result<Option<usize>, PersonaError> {
        let days = self.mix(mixed);
        let row = Row { raw: &self.raw, prepared: &self.prepared, days };
        self.scorer.assigned(row, Some(&self.most(mixed).anchor), space)
    }

    fn most(&self, mixed: Mixed<'_>) -> &Side {
        &self.sides[usize::from(mixed.most == Time::Now)]
    }

    /// Makes the row, and returns how long its profile has been known.
    fn mix(&mut self, mixed: Mixed<'_>) -> Option<u32> {
        let Self { scorer, sides: [then, now], changed, raw, prepared } = self;
        let (most, other) = match mixed.most {
            Time::Then => (then, now),
            Time::Now => (now, then),
        };
        raw.clone_from(&most.raw);
        prepared.clone_from(&most.prepared);
        let mut days = most.days;
        for subject in mixed.others {
            match changed[*subject] {
                Subject::Feature(position) => {
                    take_those_of(position, scorer.positions(), (&other.raw, raw));
                    take_those_of(position, scorer.part_positions(), (&other.prepared, prepared));
                }
                Subject::History => days = other.days,
            }
        }
        days
    }
}

/// Takes the values that are made of the feature at a position.
fn take_those_of(position: usize, positions: &[usize], (from, into): (&[f32], &mut [f32])) {
    for ((value, from), _) in into.iter_mut().zip(from).zip(positions).filter(|(_, of)| **of == position) {
        *value = *from;
    }
}

/// Returns the logarithm of a share, one too small to be written counting as the least that can be.
fn log_share(scored: &Scored<'_>, persona: Option<usize>) -> f64 {
    persona.map_or(scored.unassigned, |persona| scored.shares[persona]).max(1.0 / GRID).ln()
}

/// Returns the contribution of each of `n` changes to the growth of a value, by what the value is when some
/// of them have happened, and the growth.
fn contributions<E>(n: usize, value: &mut impl FnMut(Mixed<'_>) -> Result<f64, E>) -> Result<(Vec<f64>, f64), E> {
    let at_first = value(Mixed { most: Time::Then, others: &[] })?;
    let mut contributions = Vec::with_capacity(n);
    for at in 0..n {
        contributions.push(0.5 * (value(Mixed { most: Time::Then, others: &[at] })? - at_first));
    }
    let at_last = value(Mixed { most: Time::Now, others: &[] })?;
    for (at, contribution) in contributions.iter_mut().enumerate() {
        *contribution += 0.5 * (at_last - value(Mixed { most: Time::Now, others: &[at] })?);
    }
    Ok((contributions, at_last - at_first))
}

/// Returns the first of the ordered changes, or else the first two of them, without which the former persona
/// is the one again, by their positions in the order.
fn reversal<E>(order: &[usize], former_again: &mut impl FnMut(&[usize]) -> Result<bool, E>) -> Result<Vec<usize>, E> {
    if order.is_empty() || former_again(&[])? {
        return Ok(Vec::new());
    }
    for (position, &at) in order.iter().enumerate() {
        if former_again(&[at])? {
            return Ok(vec![position]);
        }
    }
    let n_paired = order.len().min(CAUSES_PAIRED_MAX);
    for second in 1..n_paired {
        for first in 0..second {
            if former_again(&[order[first], order[second]])? {
                return Ok(vec![first, second]);
            }
        }
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{Mixed, Time, contributions, reversal};

    /// A quadratic function of what changed, with every interaction.
    fn quadratic(mask: &[bool]) -> f64 {
        let x = |at: usize| if mask[at] { [1.5, -2.0, 0.7, 3.0][at] } else { [0.2, 1.0, -1.0, 0.0][at] };
        let mut value = 0.3;
        for a in 0..mask.len() {
            value += [1.0, -0.5, 2.0, 0.1][a] * x(a);
            for b in 0..=a {
                value += [0.4, -1.1, 0.9, 0.6, -0.2, 1.3, 0.8, -0.7, 0.5, 0.25][a * (a + 1) / 2 + b] * x(a) * x(b);
            }
        }
        value
    }

    /// The mean of what each change does over all orders.
    fn shapley(n: usize, value: impl Fn(&[bool]) -> f64) -> Vec<f64> {
        fn orders(n: usize) -> Vec<Vec<usize>> {
            if n == 0 {
                return vec![Vec::new()];
            }
            let shorter = orders(n - 1);
            let at_each = |order: &Vec<usize>| {
                (0..n).map(|at| [&order[..at], &[n - 1], &order[at..]].concat()).collect::<Vec<_>>()
            };
            shorter.iter().flat_map(at_each).collect()
        }
        let all = orders(n);
        let mut sums = vec![0.0; n];
        for order in &all {
            let mut mask = vec![false; n];
            for &at in order {
                let before = value(&mask);
                mask[at] = true;
                sums[at] += (value(&mask) - before) / 24.0;
            }
        }
        sums
    }

    #[test]
    fn contributions_to_a_quadratic_are_shapley_values() {
        let at = |mixed: Mixed<'_>| {
            let mask: [bool; 4] = std::array::from_fn(|at| (mixed.most == Time::Now) != mixed.others.contains(&at));
            Ok::<_, Infallible>(quadratic(&mask))
        };
        let (found, growth) = contributions(4, &mut { at }).unwrap();
        for (found, expected) in found.iter().zip(shapley(4, quadratic)) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        let change = quadratic(&[true; 4]) - quadratic(&[false; 4]);
        assert_eq!(growth.to_bits(), change.to_bits());
        assert!((found.iter().sum::<f64>() - change).abs() < 1e-12);
    }

    #[test]
    fn fewest_changes_turn_back() {
        let check = |needed: &[&[usize]], expected: &[usize]| {
            let mut again = |back: &[usize]| {
                Ok::<_, Infallible>(needed.iter().any(|changes| changes.iter().all(|at| back.contains(at))))
            };
            assert_eq!(reversal(&[2, 0, 1, 3], &mut again).unwrap(), expected);
        };
        // Positions in the order 2, 0, 1, 3.
        check(&[&[1]], &[2]);
        check(&[&[3, 2], &[0]], &[1]);
        check(&[&[3, 2], &[0, 1]], &[1, 2]);
        check(&[&[0, 1, 2]], &[]);
        check(&[], &[]);
    }
}
