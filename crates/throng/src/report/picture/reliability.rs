//! A reliability diagram: how often it came as said, with its interval, along the line where it would
//! always come as often as said.

use super::super::model::{ReliabilityBin, ReliabilityDiagram};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, unit};

const HEIGHT: f64 = 250.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 200.0;
/// Radius of the dot with the most customers, and of the one with the fewest.
const RADIUS: (f64, f64) = (3.0, 7.0);

/// Draws the picture, if there is anything to draw; `id` is unique on the page.
pub(in super::super) fn reliability(id: &str, diagram: &ReliabilityDiagram) -> Option<String> {
    if diagram.bins.is_empty() {
        return None;
    }
    let description = describe(diagram);
    let spoken = Spoken { id, title: "What was said, and how often it came so", description: &description };
    let mut svg = Svg::picture(&spoken, WIDTH, HEIGHT);
    for tenths in [0.0, 0.5, 1.0] {
        let word = text::share(tenths);
        svg.line("axis", (LEFT, y(tenths)), (RIGHT, y(tenths)));
        svg.label("label end", LEFT - 6.0, y(tenths) + 4.0, &word);
        svg.label("label middle", x(tenths), BOTTOM + 18.0, &word);
    }
    svg.line("reference", (x(0.0), y(0.0)), (x(1.0), y(1.0)));
    let most = diagram.bins.iter().map(|bin| bin.share_of_customers).fold(0.0, f64::max);
    for bin in &diagram.bins {
        mark(&mut svg, bin, most);
    }
    svg.label(
        "label middle",
        f64::midpoint(LEFT, RIGHT),
        HEIGHT - 8.0,
        "across: what was said; up: how often it came so",
    );
    Some(svg.finish())
}

fn mark(svg: &mut Svg, bin: &ReliabilityBin, most: f64) {
    let x = x(bin.said);
    svg.line("stem", (x, y(bin.low)), (x, y(bin.high)));
    let part = if most > 0.0 { unit(bin.share_of_customers / most).sqrt() } else { 0.0 };
    let radius = At(RADIUS.0 + (RADIUS.1 - RADIUS.0) * part);
    svg.leaf("circle", &[("class", &"fill"), ("cx", &At(x)), ("cy", &At(y(bin.observed))), ("r", &radius)]);
}

fn x(share: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * unit(share)
}

fn y(share: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * unit(share)
}

fn describe(diagram: &ReliabilityDiagram) -> String {
    let bins = diagram.bins.iter().map(|bin| {
        let (said, observed) = (text::share(bin.said), text::share(bin.observed));
        format!("said {said}, was {observed}")
    });
    format!("{}.", bins.collect::<Vec<_>>().join("; "))
}
