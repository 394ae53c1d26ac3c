//! The first steps of journeys, ring by ring (a sunburst; Stasko and Zhang 2000): each arc is as long as journeys are
//! many that began with the touchpoints from the centre to it. A ring is empty where they stopped.
//!
//! Arcs bear the numbers of their touchpoints, which the page lists beside the picture.

use std::f64::consts::TAU;

use super::super::model::journey::{JourneyRings, RingArc};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, part_of, step, unit};

const CENTRE: (f64, f64) = (WIDTH / 2.0, 150.0);
const HEIGHT: f64 = 300.0;
/// Where the first ring begins.
const HOLE: f64 = 34.0;
/// How wide a ring is.
const RING: f64 = 36.0;
/// An arc as long as this has room for a number.
const NUMBER_ROOM: f64 = 13.0;
/// The longest arc of one stroke: one that ends where it begins is no arc.
const TURN_MAX: f64 = 0.9999;
/// First touchpoints that the sentence tells.
const N_FIRSTS_TOLD: usize = 3;
/// Letters of a name where it is told.
const N_NAME_CHARS_MAX: usize = 60;

/// Draws the picture, if there is anything to draw; `journeys` is what they are called.
pub(in super::super) fn sunburst(id: &str, rings: &JourneyRings, journeys: &str) -> Option<String> {
    let description = rings_sentence(rings, journeys)?;
    let title = format!("How {journeys} begin");
    let mut svg = Svg::picture(&Spoken { id, title: &title, description: &description }, WIDTH, HEIGHT);
    for arc in &rings.arcs {
        let class = if arc.touchpoint.is_some() { format!("arc ring{}", arc.ring + 1) } else { "arc pale".to_owned() };
        svg.open("path", &[("class", &class), ("d", &outline(arc, rings.n_journeys))]);
        svg.worded("title", &[], &format!("{}: {} {journeys}", way(arc), text::count(arc.n_journeys)));
        svg.close();
    }
    for arc in &rings.arcs {
        let (middle, share) = (HOLE + (step(arc.ring) + 0.5) * RING, part_of(arc.n_journeys, rings.n_journeys));
        let room = share * TAU * middle;
        if let Some(touchpoint) = arc.touchpoint.filter(|_| room >= NUMBER_ROOM) {
            let (x, y) = at(part_of(arc.n_before, rings.n_journeys) + share / 2.0, middle);
            svg.label("arc-number middle", x, y + 3.5, &format!("{}", touchpoint + 1));
        }
    }
    svg.label("head middle", CENTRE.0, CENTRE.1, &text::count(rings.n_journeys));
    svg.label("label middle", CENTRE.0, CENTRE.1 + 12.0, journeys);
    Some(svg.finish())
}

/// Returns with what most journeys begin, in a sentence, if there are any.
pub(in super::super) fn rings_sentence(rings: &JourneyRings, journeys: &str) -> Option<String> {
    let firsts = rings.arcs.iter().filter(|arc| arc.ring == 0 && arc.touchpoint.is_some()).take(N_FIRSTS_TOLD);
    let told =
        firsts.map(|arc| format!("{} begin with {}", text::share(part_of(arc.n_journeys, rings.n_journeys)), way(arc)));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("Of {} {journeys}, {}.", text::count(rings.n_journeys), told.join(", ")))
}

/// Returns the touchpoints from the centre to an arc.
fn way(arc: &RingArc) -> String {
    let names: Vec<String> = arc.steps.iter().map(|name| text::shorten(name, N_NAME_CHARS_MAX)).collect();
    names.join(" → ")
}

/// Returns the point so far round the circle, from the top clockwise.
fn at(turn: f64, radius: f64) -> (f64, f64) {
    let (sin, cos) = (turn * TAU).sin_cos();
    (CENTRE.0 + radius * sin, CENTRE.1 - radius * cos)
}

/// Returns the outline of an arc.
fn outline(arc: &RingArc, n_journeys: u64) -> String {
    let start = unit(part_of(arc.n_before, n_journeys));
    let turn = unit(part_of(arc.n_journeys, n_journeys)).min(TURN_MAX);
    let (inner, outer) = (HOLE + step(arc.ring) * RING, HOLE + step(arc.ring + 1) * RING);
    let large = u8::from(turn > 0.5);
    let corner = |turn, radius| {
        let (x, y) = at(turn, radius);
        format!("{} {}", At(x), At(y))
    };
    format!(
        "M{}A{outer} {outer} 0 {large} 1 {}L{}A{inner} {inner} 0 {large} 0 {}Z",
        corner(start, outer),
        corner(start + turn, outer),
        corner(start + turn, inner),
        corner(start, inner),
        outer = At(outer),
        inner = At(inner),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::model::journey::{JourneyRings, RingArc};
    use super::{outline, rings_sentence, sunburst};

    fn arc(ring: usize, touchpoint: Option<usize>, (n_before, n_journeys): (u64, u64), steps: &[&str]) -> RingArc {
        let steps = steps.iter().map(|step| (*step).to_owned()).collect();
        RingArc { ring, touchpoint, n_before, n_journeys, steps }
    }

    fn rings() -> JourneyRings {
        JourneyRings {
            n_journeys: 100,
            touchpoints: vec!["Ad".to_owned(), "Visit".to_owned()],
            arcs: vec![
                arc(0, Some(0), (0, 75), &["Ad"]),
                arc(0, None, (75, 25), &["other"]),
                arc(1, Some(1), (0, 2), &["Ad", "Visit"]),
            ],
        }
    }

    #[test]
    fn an_arc_goes_round_as_far_as_its_share() {
        let rings = rings();
        assert_eq!(outline(&rings.arcs[0], 100), "M170 80A70 70 0 1 1 100 150L136 150A34 34 0 1 0 170 116Z");
        let whole = arc(0, Some(0), (0, 100), &["Ad"]);
        assert!(!outline(&whole, 100).contains("1 170 80L"), "an arc that ends where it begins is not drawn");
    }

    #[test]
    fn arcs_with_room_bear_the_numbers_of_their_touchpoints() {
        let picture = sunburst("rings", &rings(), "sessions").unwrap();
        assert_eq!(picture.matches("class=\"arc ").count(), 3);
        assert_eq!(
            picture.matches("class=\"arc-number middle\"").count(),
            1,
            "two in a hundred have no room, and others no number"
        );
        assert!(picture.contains("Ad → Visit: 2 sessions"), "{picture}");
    }

    #[test]
    fn nothing_begins_where_there_are_no_journeys() {
        assert_eq!(rings_sentence(&rings(), "sessions").unwrap(), "Of 100 sessions, 75\u{a0}% begin with Ad.");
        let nothing = JourneyRings { n_journeys: 0, touchpoints: Vec::new(), arcs: Vec::new() };
        assert_eq!(sunburst("rings", &nothing, "sessions"), None);
    }
}
