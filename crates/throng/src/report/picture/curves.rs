//! Shares by days since the first touch: a line for each persona with its number at the end, everybody's dashed.

use super::super::model::journey::{CurveLine, CurvePoint, Curves};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, apart, colour_class, round_up, unit};

const HEIGHT: f64 = 214.0;
const LEFT: f64 = 44.0;
/// Numbers of personas stand to the right of their lines.
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 174.0;
/// Lines of personas; more lie on one another.
pub(in super::super) const N_LINES_MAX: usize = 8;
/// Below this distance two numbers touch.
const NUMBER_DISTANCE: f64 = 12.0;
/// Labels along the days; more would touch.
const N_LABELS: usize = 4;

/// What a picture of curves is about.
pub(in super::super) struct CurveWords<'a> {
    /// A few words.
    pub(in super::super) title: &'a str,
    /// What a share did, as in "12 % `came back by day` 28".
    pub(in super::super) did: &'a str,
    /// The same of a second share, as in "20 % `by day` 56".
    pub(in super::super) then: &'a str,
}

/// Draws the picture, if a line has two points to join.
pub(in super::super) fn curves(id: &str, curves: &Curves, words: &CurveWords<'_>) -> Option<String> {
    let personas = curves.lines.iter().filter(|line| line.persona_idx.is_some()).take(N_LINES_MAX);
    let everybody = curves.lines.iter().filter(|line| line.persona_idx.is_none());
    let lines: Vec<&CurveLine> = everybody.chain(personas).filter(|line| line.points.len() > 1).collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    let last_day = points().map(|point| point.day).max()?;
    let first_day = points().map(|point| point.day).min()?;
    let highest = points().map(|point| point.share).filter(|share| share.is_finite()).fold(0.0, f64::max);
    // A share goes no higher than all.
    let end = round_up(highest).min(1.0);
    let at =
        |point: &CurvePoint| (x(point.day, (first_day, last_day)), BOTTOM - (BOTTOM - TOP) * unit(point.share / end));
    let description = describe(&lines, words);
    let mut svg = Svg::picture(&Spoken { id, title: words.title, description: &description }, WIDTH, HEIGHT);
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = BOTTOM - (BOTTOM - TOP) * part;
        svg.line("axis", (LEFT, y), (RIGHT, y));
        svg.label("label end", LEFT - 6.0, y + 4.0, &text::share(end * part));
    }
    day_labels(&mut svg, &lines);
    for line in &lines {
        draw(&mut svg, line, &at, words);
    }
    numbers(&mut svg, &lines, &at);
    Some(svg.finish())
}

fn x(day: u32, (first, last): (u32, u32)) -> f64 {
    let part = f64::from(day.saturating_sub(first)) / f64::from(last.saturating_sub(first).max(1));
    LEFT + 4.0 + (RIGHT - LEFT - 10.0) * unit(part)
}

fn draw(svg: &mut Svg, line: &CurveLine, at: &impl Fn(&CurvePoint) -> (f64, f64), words: &CurveWords<'_>) {
    let class = line.persona_idx.map_or_else(|| "p0".to_owned(), colour_class);
    let mut path = String::new();
    for (idx, point) in line.points.iter().enumerate() {
        let (x, y) = at(point);
        path.push_str(&format!("{}{} {}", if idx == 0 { 'M' } else { 'L' }, At(x), At(y)));
    }
    svg.open("g", &[("class", &class)]);
    let style = if line.persona_idx.is_none() { "line rest" } else { "line" };
    svg.open("path", &[("class", &style), ("d", &path)]);
    svg.worded("title", &[], &said(line, words));
    svg.close();
    svg.close();
}

/// Writes the number of each persona beside the end of its line.
fn numbers(svg: &mut Svg, lines: &[&CurveLine], at: &impl Fn(&CurvePoint) -> (f64, f64)) {
    let mut ends: Vec<(u32, f64, f64, Option<usize>)> = Vec::new();
    for line in lines {
        if let Some(last) = line.points.last() {
            let (x, y) = at(last);
            ends.push((last.day, y, x, line.persona_idx));
        }
    }
    ends.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.3.cmp(&b.3)));
    // Only numbers of lines that end on the same day can touch.
    for ends in ends.chunk_by(|a, b| a.0 == b.0) {
        let places: Vec<f64> = ends.iter().map(|(_, y, _, _)| *y).collect();
        for ((_, _, x, persona_idx), y) in ends.iter().zip(apart(&places, NUMBER_DISTANCE, BOTTOM)) {
            let number = persona_idx.map_or_else(|| "all".to_owned(), |idx| (idx + 1).to_string());
            let class =
                persona_idx.map_or_else(|| "end-number".to_owned(), |idx| format!("end-number {}", colour_class(idx)));
            svg.label(&class, x + 5.0, y + 4.0, &number);
        }
    }
}

fn day_labels(svg: &mut Svg, lines: &[&CurveLine]) {
    let Some(longest) = lines.iter().map(|line| &line.points).max_by_key(|points| points.len()) else { return };
    let (first, last) = (longest[0].day, longest[longest.len() - 1].day);
    let n_labels = N_LABELS.min(longest.len());
    for label_idx in 0..n_labels {
        let point = longest[label_idx * (longest.len() - 1) / (n_labels - 1)];
        let x = x(point.day, (first, last));
        svg.line("tick", (x, BOTTOM), (x, BOTTOM + 4.0));
        svg.label("label middle", x, BOTTOM + 17.0, &text::count(u64::from(point.day)));
    }
    svg.label("label middle", f64::midpoint(LEFT, RIGHT), HEIGHT - 6.0, "days since the first touch");
}

fn said(line: &CurveLine, words: &CurveWords<'_>) -> String {
    let name = text::shorten(&line.name, 60);
    let name = line.persona_idx.map_or_else(|| name.clone(), |idx| format!("{}, {name}", idx + 1));
    let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { return name };
    format!(
        "{name} ({} customers): {} {did} {}, {} {then} {}",
        text::count(line.n_customers),
        text::share(first.share),
        first.day,
        text::share(last.share),
        last.day,
        did = words.did,
        then = words.then,
    )
}

fn describe(lines: &[&CurveLine], words: &CurveWords<'_>) -> String {
    let parts: Vec<String> = lines.iter().map(|line| said(line, words)).collect();
    format!("{}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::super::model::journey::{CurveLine, CurvePoint, Curves};
    use super::{CurveWords, N_LINES_MAX, curves};

    const WORDS: CurveWords<'static> = CurveWords { title: "Who comes back", did: "came back by day", then: "by day" };

    fn line(persona_idx: Option<usize>, shares: &[f64]) -> CurveLine {
        let point = |(day, share): (u32, &f64)| CurvePoint { day, share: *share, low: 0.0, high: 1.0, n_known: 40 };
        CurveLine {
            persona_idx,
            name: "<b>".to_owned(),
            n_customers: 40,
            points: (1..).map(|period| period * 28).zip(shares).map(point).collect(),
        }
    }

    fn check(lines: Vec<CurveLine>) -> Option<String> {
        curves("x", &Curves { period_days: 28, lines }, &WORDS)
    }

    #[test]
    fn every_line_says_who_and_how_many() {
        let picture = check(vec![line(None, &[0.5, 0.2]), line(Some(0), &[0.6, 0.3])]).unwrap();
        let picture = picture.replace('\u{a0}', " ");
        for words in
            ["&lt;b&gt; (40 customers): 50 % came back by day 28, 20 % by day 56", "1, &lt;b&gt; (40 customers): 60 %"]
        {
            assert!(picture.contains(words), "{words}: {picture}");
        }
        assert!(!picture.contains("<b>"));
    }

    #[test]
    fn lines_beyond_what_can_be_told_apart_are_left_to_the_table() {
        let lines = (0..20).map(|persona_idx| line(Some(persona_idx), &[0.5, 0.2])).collect();
        assert_eq!(check(lines).unwrap().matches("<path").count(), N_LINES_MAX);
    }

    #[test]
    fn a_line_needs_two_points() {
        assert_eq!(check(vec![line(None, &[0.5])]), None);
        assert_eq!(check(Vec::new()), None);
    }

    #[test]
    fn numbers_that_are_none_break_nothing() {
        let picture = check(vec![line(None, &[f64::NAN, f64::INFINITY]), line(Some(0), &[0.0, 0.0])]).unwrap();
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}
