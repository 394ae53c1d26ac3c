//! L-BFGS with a backtracking line search, for smooth convex functions (Nocedal and Wright 2006,
//! algorithms 7.4 and 3.1).

use std::collections::VecDeque;

use crate::logistic::Converged;

/// Steps remembered; more are seldom worth their time.
const MEMORY: usize = 10;
/// Greatest entry of the gradient at rest.
const GRADIENT_MAX: f64 = 1e-7;
/// Halvings of a step before it is given up: rounding is all that is left.
const N_HALVINGS_MAX: usize = 40;
/// Share of the decrease promised by the slope that a step must bring (Armijo).
const DECREASE_SHARE_MIN: f64 = 1e-4;

/// One step: the change of place, of gradient, and the inverse of their product.
struct Step {
    place: Vec<f64>,
    gradient: Vec<f64>,
    inverse: f64,
}

/// Returns where the function is least, going down from `start`.
pub(crate) fn minimise(
    function: impl Fn(&[f64]) -> (f64, Vec<f64>),
    start: Vec<f64>,
    n_iter_max: usize,
) -> (Vec<f64>, Converged) {
    let mut place = start;
    let (mut value, mut gradient) = function(&place);
    let mut steps: VecDeque<Step> = VecDeque::new();
    for _ in 0..n_iter_max {
        if gradient.iter().all(|part| part.abs() <= GRADIENT_MAX) {
            return (place, Converged::Yes);
        }
        let direction = direction(&gradient, &steps);
        let slope = dot(&direction, &gradient);
        let mut length = 1.0;
        let mut found = None;
        for _ in 0..N_HALVINGS_MAX {
            let next: Vec<f64> = place.iter().zip(&direction).map(|(at, along)| at + length * along).collect();
            let (next_value, next_gradient) = function(&next);
            if next_value <= value + DECREASE_SHARE_MIN * length * slope {
                found = Some((next, next_value, next_gradient));
                break;
            }
            length /= 2.0;
        }
        let Some((next, next_value, next_gradient)) = found else { return (place, Converged::Yes) };
        let moved: Vec<f64> = next.iter().zip(&place).map(|(new, old)| new - old).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let product = dot(&moved, &turned);
        if product > 0.0 {
            steps.push_back(Step { place: moved, gradient: turned, inverse: 1.0 / product });
            if steps.len() > MEMORY {
                steps.pop_front();
            }
        }
        (place, value, gradient) = (next, next_value, next_gradient);
    }
    (place, Converged::No)
}

/// The two-loop recursion.
fn direction(gradient: &[f64], steps: &VecDeque<Step>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|part| -part).collect();
    let mut parts = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let part = step.inverse * dot(&step.place, &direction);
        add(&mut direction, -part, &step.gradient);
        parts.push(part);
    }
    if let Some(last) = steps.back() {
        let scale = 1.0 / (last.inverse * dot(&last.gradient, &last.gradient));
        direction.iter_mut().for_each(|part| *part *= scale);
    }
    for (step, part) in steps.iter().zip(parts.into_iter().rev()) {
        let other = step.inverse * dot(&step.gradient, &direction);
        add(&mut direction, part - other, &step.place);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(target: &mut [f64], factor: f64, other: &[f64]) {
    for (target, other) in target.iter_mut().zip(other) {
        *target += factor * other;
    }
}
