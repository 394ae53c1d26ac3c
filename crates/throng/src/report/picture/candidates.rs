//! The numbers of personas that were tried: stability as dots on a line, separation as squares on a dashed one.

use super::super::model::{Candidate, CertaintySection};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, step};

const HEIGHT: f64 = 190.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = WIDTH - 6.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 150.0;
/// Half the size of a mark.
const MARK: f64 = 4.0;
/// Candidates drawn; more would touch.
const N_CANDIDATES_MAX: usize = 16;

/// Draws the picture, if anything was tried.
pub(in super::super) fn candidates(certainty: &CertaintySection) -> Option<String> {
    let shown = &certainty.candidates[..certainty.candidates.len().min(N_CANDIDATES_MAX)];
    if shown.is_empty() {
        return None;
    }
    let description = describe(shown, certainty.n_personas_chosen);
    let spoken =
        Spoken { id: "candidates", title: "How well each number of personas holds", description: &description };
    let mut svg = Svg::picture(&spoken, WIDTH, HEIGHT);
    let width = (RIGHT - LEFT) / step(shown.len());
    for (candidate_idx, candidate) in shown.iter().enumerate() {
        let chosen = certainty.n_personas_chosen == Some(candidate.n_personas);
        let left = LEFT + step(candidate_idx) * width;
        if chosen {
            let (y, height) = (At(TOP - 8.0), At(BOTTOM - TOP + 30.0));
            let box_attributes: [(&'static str, &dyn std::fmt::Display); 6] = [
                ("class", &"chosen"),
                ("x", &At(left)),
                ("y", &y),
                ("width", &At(width)),
                ("height", &height),
                ("rx", &4),
            ];
            svg.leaf("rect", &box_attributes);
        }
        let class = if chosen { "head middle" } else { "label middle" };
        svg.label(class, left + width / 2.0, BOTTOM + 16.0, &candidate.n_personas.to_string());
    }
    svg.label("label middle", f64::midpoint(LEFT, RIGHT), HEIGHT - 4.0, "number of personas");
    for (value, word) in [(1.0, "1"), (0.5, "0.5"), (0.0, "0")] {
        svg.line("axis", (LEFT, y(value)), (RIGHT, y(value)));
        svg.label("label end", LEFT - 6.0, y(value) + 4.0, word);
    }
    series(&mut svg, "stability", &points(shown, |candidate| candidate.stability));
    series(&mut svg, "silhouette", &points(shown, |candidate| candidate.silhouette));
    Some(svg.finish())
}

/// Returns the height of a value; below zero is as bad as zero.
fn y(value: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * super::unit(value)
}

fn points(candidates: &[Candidate], value: fn(&Candidate) -> f64) -> Vec<(f64, f64)> {
    let width = (RIGHT - LEFT) / step(candidates.len());
    let mut points = Vec::with_capacity(candidates.len());
    for (candidate_idx, candidate) in candidates.iter().enumerate() {
        points.push((LEFT + (step(candidate_idx) + 0.5) * width, y(value(candidate))));
    }
    points
}

fn series(svg: &mut Svg, class: &str, points: &[(f64, f64)]) {
    let mut path = String::new();
    let mut marks = String::new();
    for (point_idx, (x, y)) in points.iter().enumerate() {
        let command = if point_idx == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{command}{} {}", At(*x), At(*y)));
        marks.push_str(&if class == "silhouette" { square(*x, *y) } else { circle(*x, *y) });
    }
    svg.leaf("path", &[("class", &format!("line {class}")), ("d", &path)]);
    svg.leaf("path", &[("class", &format!("mark {class}")), ("d", &marks)]);
}

fn square(x: f64, y: f64) -> String {
    let size = At(2.0 * MARK);
    format!("M{} {}h{size}v{size}h-{size}z", At(x - MARK), At(y - MARK))
}

fn circle(x: f64, y: f64) -> String {
    let (radius, size) = (At(MARK), At(2.0 * MARK));
    format!("M{} {}a{radius} {radius} 0 1 0 {size} 0a{radius} {radius} 0 1 0 -{size} 0z", At(x - MARK), At(y))
}

fn describe(candidates: &[Candidate], chosen: Option<u64>) -> String {
    let mut parts = Vec::new();
    for candidate in candidates {
        let stability = text::decimal(candidate.stability, 2);
        let silhouette = text::decimal(candidate.silhouette, 2);
        parts.push(format!("{}: stability {stability}, separation {silhouette}", candidate.n_personas));
    }
    match chosen {
        Some(chosen) => format!("{chosen} personas were chosen. {}.", parts.join("; ")),
        None => format!("None was chosen. {}.", parts.join("; ")),
    }
}
