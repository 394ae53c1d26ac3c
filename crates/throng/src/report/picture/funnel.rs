//! The funnel: one bar for each step, as long as the share that reaches it, and pale what was lost since the step before.

use super::super::model::FunnelStep;
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, step, unit};

/// Steps drawn; a longer funnel is read as a table in a query, not as a picture.
pub(in super::super) const N_FUNNEL_STEPS_MAX: usize = 12;
/// From one bar to the next.
const STEP: f64 = 46.0;
const BAR: f64 = 14.0;
/// The words of a step stand above its bar.
const WORDS: f64 = 20.0;
/// What fits beside the numbers on one line.
const N_LABEL_CHARS_MAX: usize = 28;

/// Draws the picture of at least two steps.
pub(in super::super) fn funnel(id: &str, steps: &[FunnelStep]) -> Option<String> {
    let steps = &steps[..steps.len().min(N_FUNNEL_STEPS_MAX)];
    let (first, last) = (steps.first()?, steps.last()?);
    if steps.len() < 2 {
        return None;
    }
    let description = format!(
        "Of {} customers at {}, {} reach {}.",
        text::count(first.n_customers),
        text::shorten(&first.label, N_LABEL_CHARS_MAX),
        text::share(last.from_start),
        text::shorten(&last.label, N_LABEL_CHARS_MAX),
    );
    let height = step(steps.len()) * STEP - (STEP - WORDS - BAR) + 2.0;
    let mut svg =
        Svg::picture(&Spoken { id, title: "How far customers get", description: &description }, WIDTH, height);
    let mut former = 1.0;
    for (step_idx, reached) in steps.iter().enumerate() {
        let y = step(step_idx) * STEP;
        let numbers = format!("{} · {}", text::count(reached.n_customers), text::share(reached.from_start));
        svg.label("head", 0.0, y + 13.0, &text::shorten(&reached.label, N_LABEL_CHARS_MAX));
        svg.label("label end", WIDTH, y + 13.0, &numbers);
        let share = unit(reached.from_start);
        for (class, width) in [("track", 1.0), ("lost", former), ("fill", share)] {
            let (y, width) = (At(y + WORDS), At(WIDTH * width));
            svg.leaf("rect", &[("class", &class), ("y", &y), ("width", &width), ("height", &At(BAR)), ("rx", &2)]);
        }
        former = share;
    }
    Some(svg.finish())
}
