//! Month by month: the persona as a full line, everyone else as a dashed one.

use super::super::model::{Month, MonthActivity};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, round_up, step, unit};

const HEIGHT: f64 = 150.0;
const LEFT: f64 = 34.0;
const RIGHT: f64 = WIDTH - 8.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 124.0;
/// The last months are shown: more would lie closer than a finger is wide.
const N_MONTHS_MAX: usize = 36;
/// Digits after the point along the axis, so that a small scale keeps its numbers apart.
const N_AXIS_DIGITS: usize = 4;
/// Labels along the months; more would touch.
const N_LABELS: usize = 3;

/// Draws the picture, if there are two months to join.
pub(in super::super) fn months(id: &str, activity: &MonthActivity) -> Option<String> {
    let months = &activity.months[activity.months.len().saturating_sub(N_MONTHS_MAX)..];
    let (first, last) = (months.first()?, months.last()?);
    if months.len() < 2 {
        return None;
    }
    let values = months.iter().flat_map(|month| [month.persona, month.rest]);
    let end = round_up(values.filter(|value| value.is_finite()).fold(0.0, f64::max));
    let unit = text::shorten(&activity.unit, 40);
    let title = format!("Month by month: {unit}");
    let description = describe(first, last, &unit);
    let mut svg = Svg::picture(&Spoken { id, title: &title, description: &description }, WIDTH, HEIGHT);
    for (value, y) in [(end, TOP), (end / 2.0, f64::midpoint(TOP, BOTTOM)), (0.0, BOTTOM)] {
        svg.line("axis", (LEFT, y), (RIGHT, y));
        svg.label("label end", LEFT - 6.0, y + 4.0, &text::decimal(value, N_AXIS_DIGITS));
    }
    let persona = polyline(months, |month| month.persona, end);
    let area = format!("{persona}V{}H{}Z", At(BOTTOM), At(LEFT));
    svg.leaf("path", &[("class", &"area"), ("d", &area)]);
    svg.leaf("path", &[("class", &"line rest"), ("d", &polyline(months, |month| month.rest, end))]);
    svg.leaf("path", &[("class", &"line"), ("d", &persona)]);
    month_labels(&mut svg, months);
    Some(svg.finish())
}

fn polyline(months: &[Month], value: fn(&Month) -> f64, end: f64) -> String {
    let mut path = String::new();
    for (month_idx, month) in months.iter().enumerate() {
        let command = if month_idx == 0 { 'M' } else { 'L' };
        let y = BOTTOM - (BOTTOM - TOP) * unit(value(month) / end);
        path.push_str(&format!("{command}{} {}", At(x(month_idx, months.len())), At(y)));
    }
    path
}

fn x(month_idx: usize, n_months: usize) -> f64 {
    LEFT + (RIGHT - LEFT) * step(month_idx) / step(n_months - 1)
}

fn month_labels(svg: &mut Svg, months: &[Month]) {
    let last_idx = months.len() - 1;
    let n_labels = N_LABELS.min(months.len());
    for label_idx in 0..n_labels {
        let month_idx = label_idx * last_idx / (n_labels - 1);
        let class = match label_idx {
            0 => "label",
            _ if month_idx == last_idx => "label end",
            _ => "label middle",
        };
        let at = x(month_idx, months.len());
        svg.line("tick", (at, BOTTOM), (at, BOTTOM + 4.0));
        svg.label(class, at, HEIGHT - 7.0, &text::shorten(&months[month_idx].label, 10));
    }
}

fn describe(first: &Month, last: &Month, unit: &str) -> String {
    let number = |value| text::decimal(value, 2);
    format!(
        "From {} to {}, {unit} of this persona went from {} to {}, of everyone else from {} to {}.",
        text::shorten(&first.label, 20),
        text::shorten(&last.label, 20),
        number(first.persona),
        number(last.persona),
        number(first.rest),
        number(last.rest),
    )
}
