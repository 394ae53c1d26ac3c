//! The funnel: one bar for each step, as long as the share that reaches it, pale what was lost since the step before,
//! and below it how many go on, how sure that is, and how long it takes them.

use super::super::model::journey::FunnelStep;
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, step, unit};

/// Steps drawn; a longer funnel is read as a table in a query, not as a picture.
pub(in super::super) const N_FUNNEL_STEPS_MAX: usize = 12;
/// From the top of a step to its bar, below the words that name it.
const WORDS: f64 = 20.0;
const BAR: f64 = 14.0;
/// From a bar to the line below it, where that is written.
const PASSAGE: f64 = 14.0;
/// From one step to the next.
const STEP: f64 = 64.0;
/// What fits beside the numbers on one line.
const N_LABEL_CHARS_MAX: usize = 28;

/// Draws the picture of at least two steps.
pub(in super::super) fn funnel(id: &str, steps: &[FunnelStep]) -> Option<String> {
    let steps = &steps[..steps.len().min(N_FUNNEL_STEPS_MAX)];
    let (first, last) = (steps.first()?, steps.last()?);
    if steps.len() < 2 || first.n_customers == 0 {
        return None;
    }
    let description = format!(
        "Of {} customers at {}, {} reach {}.",
        text::count(first.n_customers),
        text::shorten(&first.label, N_LABEL_CHARS_MAX),
        text::share(last.from_start),
        text::shorten(&last.label, N_LABEL_CHARS_MAX),
    );
    let height = step(steps.len() - 1) * STEP + WORDS + BAR + 4.0;
    let mut svg =
        Svg::picture(&Spoken { id, title: "How far customers get", description: &description }, WIDTH, height);
    let mut former = 1.0;
    for (step_idx, reached) in steps.iter().enumerate() {
        let y = step(step_idx) * STEP;
        let numbers = format!("{} · {}", text::count(reached.n_customers), text::share(reached.from_start));
        if step_idx > 0 {
            svg.label("label", 0.0, y - STEP + WORDS + BAR + PASSAGE, &passage(reached));
        }
        svg.label("head", 0.0, y + 13.0, &text::shorten(&reached.label, N_LABEL_CHARS_MAX));
        svg.label("label end", WIDTH, y + 13.0, &numbers);
        let share = unit(reached.from_start);
        for (class, width) in [("track", 1.0), ("lost", former), ("fill", share)] {
            let (y, width) = (At(y + WORDS), At(WIDTH * width));
            svg.leaf("rect", &[("class", &class), ("y", &y), ("width", &width), ("height", &At(BAR)), ("rx", &2)]);
        }
        // All come to the first.
        if let Some(everybody) = reached.everybody.filter(|_| step_idx > 0) {
            let x = WIDTH * unit(everybody);
            svg.line("everybody", (x, y + WORDS - 3.0), (x, y + WORDS + BAR + 3.0));
        }
        former = share;
    }
    Some(svg.finish())
}

/// Returns how many go on from the step before, and what becomes of the others, in words that fit on a line.
fn passage(reached: &FunnelStep) -> String {
    let (low, high) = reached.from_previous_bounds;
    let time = reached.median_time.as_ref().map(|time| format!(", half in {}", text::shorten(time, 12)));
    format!(
        "↓ {} go on ({}–{}){} · {} lost",
        text::share(reached.from_previous),
        text::share(low).replace(['\u{a0}', '%'], ""),
        text::share(high),
        time.unwrap_or_default(),
        text::count(reached.n_lost),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::model::journey::FunnelStep;
    use super::funnel;

    fn step(n_customers: u64, from_start: f64) -> FunnelStep {
        FunnelStep {
            label: "<b>".to_owned(),
            n_customers,
            from_start,
            from_previous: from_start,
            from_previous_bounds: (0.2, 0.323),
            n_lost: 1_500,
            median_time: Some("2.3 days".to_owned()),
            everybody: Some(0.5),
        }
    }

    #[test]
    fn each_step_says_who_goes_on_and_who_is_lost() {
        let picture = funnel("x", &[step(2_000, 1.0), step(500, 0.25)]).unwrap().replace('\u{a0}', " ");
        assert!(picture.contains("↓ 25 % go on (20–32 %), half in 2.3 days · 1,500 lost"), "{picture}");
        assert!(picture.contains("500 · 25 %"));
        assert!(picture.contains("<line class=\"everybody\" x1=\"170\""));
        assert!(!picture.contains("<b>"));
    }

    #[test]
    fn a_funnel_nobody_enters_is_not_drawn() {
        assert_eq!(funnel("x", &[step(0, 0.0), step(0, 0.0)]), None);
        assert_eq!(funnel("x", &[step(10, 1.0)]), None);
    }
}
