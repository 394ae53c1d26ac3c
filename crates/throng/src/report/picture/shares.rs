//! Customers on the left, revenue on the right, a ribbon for each persona between them:
//! a ribbon that widens is a persona that brings more than its head count.

use super::super::model::{PersonaSection, ReportModel};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, apart, colour_class, step, unit};

const HEIGHT: f64 = 380.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 372.0;
/// Left edges of the two columns and their width.
const LEFT: f64 = 50.0;
const RIGHT: f64 = 244.0;
const COLUMN: f64 = 46.0;
/// Between two neighbours of a column.
const GAP: f64 = 3.0;
/// Below this distance two labels touch.
const LABEL_DISTANCE: f64 = 14.0;
/// Below this height a number does not fit into a segment.
const NUMBER_HEIGHT: f64 = 16.0;

/// One group of customers in both columns.
struct Group {
    class: String,
    number: String,
    customers: f64,
    revenue: f64,
}

/// Where a segment begins and ends.
type Span = (f64, f64);

/// Draws the picture, if there is money and there are personas.
pub(in super::super) fn shares(model: &ReportModel) -> Option<String> {
    let groups = groups(model)?;
    let spoken =
        Spoken { id: "shares", title: "Customers and revenue by persona", description: &describe(&model.personas) };
    let customers = spans(&groups.iter().map(|group| group.customers).collect::<Vec<_>>());
    let revenue = spans(&groups.iter().map(|group| group.revenue).collect::<Vec<_>>());
    let mut svg = Svg::picture(&spoken, WIDTH, HEIGHT);
    svg.label("head middle", LEFT + COLUMN / 2.0, 16.0, "Customers");
    svg.label("head middle", RIGHT + COLUMN / 2.0, 16.0, "Revenue");
    for (group, (left, right)) in groups.iter().zip(customers.iter().zip(&revenue)) {
        svg.open("g", &[("class", &group.class)]);
        svg.leaf("path", &[("class", &"ribbon"), ("d", &ribbon(*left, *right))]);
        for (x, (from, to)) in [(LEFT, *left), (RIGHT, *right)] {
            segment(&mut svg, (x, from, to - from), &group.number);
        }
        svg.close();
    }
    let words = |share: fn(&Group) -> f64| groups.iter().map(|group| text::share(share(group))).collect::<Vec<_>>();
    column_labels(&mut svg, ("label end", LEFT - 8.0), &customers, &words(|group| group.customers));
    column_labels(&mut svg, ("label", RIGHT + COLUMN + 8.0), &revenue, &words(|group| group.revenue));
    Some(svg.finish())
}

fn groups(model: &ReportModel) -> Option<Vec<Group>> {
    let mut groups = Vec::new();
    for (persona_idx, persona) in model.personas.iter().enumerate() {
        groups.push(Group {
            class: colour_class(persona_idx),
            number: (persona_idx + 1).to_string(),
            customers: persona.share_of_customers,
            revenue: persona.revenue.as_ref()?.share,
        });
    }
    if let Some(unassigned) = &model.unassigned {
        groups.push(Group {
            class: "p0".to_owned(),
            number: String::new(),
            customers: unassigned.share_of_customers,
            revenue: unassigned.revenue.as_ref().map_or(0.0, |revenue| revenue.share),
        });
    }
    (groups.len() > 1).then_some(groups)
}

/// Returns the segments of a column that is filled from top to bottom.
fn spans(shares: &[f64]) -> Vec<Span> {
    let total: f64 = shares.iter().map(|share| unit(*share)).sum();
    let room = BOTTOM - TOP - GAP * (step(shares.len()) - 1.0).max(0.0);
    let scale = if total > 0.0 { room / total } else { 0.0 };
    let mut spans = Vec::with_capacity(shares.len());
    let mut from = TOP;
    for share in shares {
        let to = from + unit(*share) * scale;
        spans.push((from, to));
        from = to + GAP;
    }
    spans
}

fn ribbon(left: Span, right: Span) -> String {
    let (x0, x1) = (LEFT + COLUMN + 1.0, RIGHT - 1.0);
    let middle = At(f64::midpoint(x0, x1));
    let (x0, x1) = (At(x0), At(x1));
    let (from0, to0, from1, to1) = (At(left.0), At(left.1), At(right.0), At(right.1));
    format!(
        "M{x0} {from0}C{middle} {from0} {middle} {from1} {x1} {from1}L{x1} {to1}C{middle} {to1} {middle} {to0} {x0} {to0}Z"
    )
}

fn segment(svg: &mut Svg, (x, y, height): (f64, f64, f64), number: &str) {
    svg.leaf(
        "rect",
        &[
            ("class", &"fill"),
            ("x", &At(x)),
            ("y", &At(y)),
            ("width", &At(COLUMN)),
            ("height", &At(height.max(0.5))),
            ("rx", &2),
        ],
    );
    if height >= NUMBER_HEIGHT {
        svg.label("on middle", x + COLUMN / 2.0, y + height / 2.0 + 4.5, number);
    }
}

fn column_labels(svg: &mut Svg, (class, x): (&str, f64), spans: &[Span], words: &[String]) {
    let middles: Vec<f64> = spans.iter().map(|(from, to)| f64::midpoint(*from, *to)).collect();
    for (y, word) in apart(&middles, LABEL_DISTANCE, BOTTOM - 2.0).into_iter().zip(words) {
        svg.label(class, x, y + 4.0, word);
    }
}

fn describe(personas: &[PersonaSection]) -> String {
    let mut parts = Vec::new();
    for (persona_idx, persona) in personas.iter().enumerate() {
        let revenue = persona.revenue.as_ref().map_or(f64::NAN, |revenue| revenue.share);
        let name = text::shorten(&persona.name, 60);
        let (customers, revenue) = (text::share(persona.share_of_customers), text::share(revenue));
        parts.push(format!("{}, {name}: {customers} of customers, {revenue} of revenue", persona_idx + 1));
    }
    format!("{}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::{BOTTOM, TOP, spans};

    #[test]
    fn a_column_is_filled_from_top_to_bottom() {
        for shares in [vec![1.0], vec![0.5, 0.3, 0.2], vec![0.9, -0.2, f64::NAN, 0.4]] {
            let spans = spans(&shares);
            assert!((spans[0].0 - TOP).abs() < 1e-9);
            assert!((spans[shares.len() - 1].1 - BOTTOM).abs() < 1e-9);
        }
    }
}
