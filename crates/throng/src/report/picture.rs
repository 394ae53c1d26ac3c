//! The pictures of the report.
//! Each is drawn 340 units wide, the width of a phone, so that its letters stay readable when it shrinks;
//! strips have no width of their own and fill their place.
//! No picture says by colour alone what it says: numbers, positions or line styles say it too.

mod candidates;
mod curves;
mod funnel;
mod months;
mod reliability;
mod sankey;
mod shares;
mod sunburst;
mod week;

pub(super) use candidates::candidates;
pub(super) use curves::{CurveWords, N_LINES_MAX, curves};
pub(super) use funnel::{N_FUNNEL_STEPS_MAX, funnel};
pub(super) use months::months;
pub(super) use reliability::reliability;
pub(super) use sankey::{flow_sentence, sankey};
pub(super) use shares::shares;
pub(super) use sunburst::{rings_sentence, sunburst};
pub(super) use week::{week, week_sentence};

use super::model::Comparison;
use super::svg::{At, Part, Svg};

/// The width every picture with a fixed proportion is drawn in.
const WIDTH: f64 = 340.0;

/// The colours of the style sheet; a persona beyond them takes one a second time and keeps its own number.
pub(super) const N_COLOURS: usize = 10;

/// Returns the class that gives a persona its colour.
pub(super) fn colour_class(persona_idx: usize) -> String {
    format!("p{}", persona_idx % N_COLOURS + 1)
}

/// Draws a share as a bar on a track.
pub(super) fn bar(share: f64) -> String {
    let mut svg = Svg::strip("bar", 8.0);
    svg.leaf("rect", &[("class", &"track"), ("width", &"100%"), ("height", &8), ("rx", &4)]);
    svg.leaf("rect", &[("class", &"fill"), ("width", &Part(unit(share))), ("height", &8), ("rx", &4)]);
    svg.finish()
}

/// Draws the persona's value of a comparison, or the rest's, as a bar on the scale of the larger one.
pub(super) fn compared_bar(comparison: &Comparison, value: f64, class: &str) -> String {
    let largest = comparison.persona.max(comparison.rest);
    let part = if largest > 0.0 { unit(value / largest) } else { 0.0 };
    let mut svg = Svg::strip("bar", 8.0);
    svg.leaf("rect", &[("class", &class), ("width", &Part(part)), ("height", &8), ("rx", &2)]);
    svg.finish()
}

/// Draws where a persona stands among all customers, with the middle one as the reference.
pub(super) fn place(percentile: f64) -> String {
    // The dot is kept inside the strip at both ends.
    let x = 0.04 + 0.92 * unit(percentile);
    let mut svg = Svg::strip("place", 18.0);
    svg.leaf("line", &[("class", &"axis"), ("x1", &"0%"), ("x2", &"100%"), ("y1", &9), ("y2", &9)]);
    svg.leaf("line", &[("class", &"reference"), ("x1", &"50%"), ("x2", &"50%"), ("y1", &1), ("y2", &17)]);
    svg.leaf("line", &[("class", &"stem"), ("x1", &"50%"), ("x2", &Part(x)), ("y1", &9), ("y2", &9)]);
    svg.leaf("circle", &[("class", &"fill"), ("cx", &Part(x)), ("cy", &9), ("r", &At(5.5))]);
    svg.finish()
}

/// Draws two shares on one line: a tick for the rest, a dot for the persona.
pub(super) fn dumbbell(persona: f64, rest: f64, largest: f64) -> String {
    let x = |share: f64| if largest > 0.0 { 0.03 + 0.94 * unit(share / largest) } else { 0.03 };
    let (persona, rest) = (x(persona), x(rest));
    let mut svg = Svg::strip("place", 18.0);
    svg.leaf("line", &[("class", &"axis"), ("x1", &"0%"), ("x2", &"100%"), ("y1", &9), ("y2", &9)]);
    svg.leaf("line", &[("class", &"stem"), ("x1", &Part(rest)), ("x2", &Part(persona)), ("y1", &9), ("y2", &9)]);
    svg.leaf("line", &[("class", &"reference"), ("x1", &Part(rest)), ("x2", &Part(rest)), ("y1", &2), ("y2", &16)]);
    svg.leaf("circle", &[("class", &"fill"), ("cx", &Part(persona)), ("cy", &9), ("r", &At(5.5))]);
    svg.finish()
}

/// Ends of an axis that can be halved without a long fraction.
const ROUND: [f64; 8] = [1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 6.0, 8.0];

/// Returns a number limited to 0 to 1; what is no number is 0.
fn unit(number: f64) -> f64 {
    if number.is_finite() { number.clamp(0.0, 1.0) } else { 0.0 }
}

/// Returns a part of a whole as a share, 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
fn part_of(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Returns a position in a short list as a coordinate.
fn step(idx: usize) -> f64 {
    u32::try_from(idx).map_or(f64::from(u32::MAX), f64::from)
}

/// Returns rising positions moved as little as needed to stand apart, none beyond the last place.
fn apart(positions: &[f64], distance: f64, last: f64) -> Vec<f64> {
    let mut moved: Vec<f64> = Vec::with_capacity(positions.len());
    for position in positions {
        let least = moved.last().map_or(f64::NEG_INFINITY, |former| former + distance);
        moved.push(position.max(least));
    }
    let mut most = last;
    for position in moved.iter_mut().rev() {
        *position = position.min(most);
        most = *position - distance;
    }
    moved
}

/// Returns the least of some round numbers and their tenfolds that is not below `value`.
fn round_up(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let tenfold = 10_f64.powf(value.log10().floor());
    let factor = ROUND.into_iter().find(|factor| value <= factor * tenfold).unwrap_or(10.0);
    factor * tenfold
}

#[cfg(test)]
mod tests {
    use super::{N_COLOURS, apart, bar, colour_class, dumbbell, place, round_up};

    #[test]
    fn strips_stay_inside_their_place_for_any_number() {
        for number in [f64::NAN, f64::NEG_INFINITY, -3.0, 0.0, 0.4, 1.0, 7.0, f64::INFINITY] {
            for strip in [bar(number), place(number), dumbbell(number, 0.2, 0.5), dumbbell(0.1, number, number)] {
                let percents = strip.split('"').filter_map(|text| text.strip_suffix('%')).map(str::parse::<f64>);
                for percent in percents {
                    assert!((0.0..=100.0).contains(&percent.unwrap()), "{number}: {strip}");
                }
            }
        }
    }

    #[test]
    fn the_axis_ends_on_a_round_number() {
        for (value, end) in [
            (0.0, 1.0),
            (0.9, 1.0),
            (1.0, 1.0),
            (1.25, 1.6),
            (2.3, 3.0),
            (33.0, 40.0),
            (97.0, 100.0),
            (0.06, 0.06),
            (0.013, 0.016),
        ] {
            assert!((round_up(value) - end).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn labels_stand_apart_and_above_the_bottom() {
        let labels = apart(&[40.0, 42.0, 43.0, 368.0, 371.0], 14.0, 370.0);
        assert!(labels.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9));
        assert!(labels.iter().all(|label| *label <= 370.0));
        assert!((labels[0] - 40.0).abs() < 1e-9);
    }

    #[test]
    fn colours_repeat_after_the_last() {
        assert_eq!(colour_class(0), "p1");
        assert_eq!(colour_class(N_COLOURS), "p1");
        assert_eq!(colour_class(N_COLOURS - 1), "p10");
    }
}
