//! The flow from one touchpoint on, column by column: bars as high as journeys are many, ribbons between them
//! (Sankey 1898). What is rare and where journeys stop are bars too, so that every bar's ribbons fill it.
//!
//! Every bar has room for its words beside it, so that no words overlap however low the bar is.

use super::super::model::journey::{FlowEdge, FlowNode, FlowPlace, JourneyFlow};
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, part_of, step, unit};

/// As high as all journeys together.
const FULL: f64 = 190.0;
const TOP: f64 = 22.0;
const BAR: f64 = 9.0;
/// Between two bars of a column.
const GAP: f64 = 5.0;
/// Between a bar and its words.
const WORDS_GAP: f64 = 4.0;
/// From one line of words to the next.
const LINE: f64 = 12.0;
/// Lines of a name; its numbers stand on one more.
const N_NAME_LINES_MAX: usize = 2;
/// The width of a letter, on average, where letters are largest: on a phone.
const LETTER: f64 = 6.3;
/// Ways on from the anchor that the sentence tells.
const N_NEXTS_TOLD: usize = 3;
/// Letters of a name where it is told, not drawn.
const N_NAME_CHARS_MAX: usize = 60;

/// A bar and the room it has.
#[derive(Debug, Clone, PartialEq)]
struct Placed {
    x: f64,
    /// Where the bar begins and how high it is.
    y: f64,
    height: f64,
    /// The words beside it, one a line.
    words: Vec<String>,
}

/// A ribbon: where it begins and ends, and how high it is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ribbon {
    from: (f64, f64),
    to: (f64, f64),
    height: f64,
}

/// Draws the picture, if journeys go anywhere; `journeys` is what they are called.
pub(in super::super) fn sankey(id: &str, flow: &JourneyFlow, journeys: &str) -> Option<String> {
    let description = flow_sentence(flow, journeys)?;
    let anchor = text::shorten(&flow.anchor, N_NAME_CHARS_MAX);
    let placed = place(flow);
    let bottoms = placed.iter().map(|placed| placed.y + f64::midpoint(placed.height, slot_height(placed)));
    let bottom = bottoms.fold(TOP, f64::max);
    let title = format!("Where {journeys} go from {anchor} on");
    let mut svg = Svg::picture(&Spoken { id, title: &title, description: &description }, WIDTH, bottom + WORDS_GAP);
    for (edge, ribbon) in flow.edges.iter().zip(ribbons(flow, &placed)) {
        draw_ribbon(&mut svg, (flow, edge), ribbon, journeys);
    }
    for (node, placed) in flow.nodes.iter().zip(&placed) {
        draw_bar(&mut svg, (flow, node), placed, journeys);
    }
    let mut former = None;
    for (node, placed) in flow.nodes.iter().zip(&placed) {
        if former != Some(node.column) {
            let head = if node.column == 0 { "start".to_owned() } else { format!("step {}", node.column) };
            svg.label("label", placed.x, 11.0, &head);
            former = Some(node.column);
        }
        let first = placed.y + placed.height / 2.0 - step(placed.words.len() - 1) * LINE / 2.0;
        // As many texts whatever the name is, so that no name can add an element.
        for line_idx in 0..=N_NAME_LINES_MAX {
            let class = if line_idx + 1 < placed.words.len() { "beside name" } else { "beside" };
            let words = placed.words.get(line_idx).map_or("", String::as_str);
            svg.label(class, placed.x + BAR + WORDS_GAP, first + step(line_idx) * LINE + 3.5, words);
        }
    }
    Some(svg.finish())
}

/// Returns where most journeys go from the anchor, in a sentence, if they go anywhere.
pub(in super::super) fn flow_sentence(flow: &JourneyFlow, journeys: &str) -> Option<String> {
    let mut nexts: Vec<&FlowNode> = flow.nodes.iter().filter(|node| node.column == 1).collect();
    if flow.n_journeys == 0 || nexts.is_empty() {
        return None;
    }
    nexts.sort_by_key(|node| std::cmp::Reverse(node.n_journeys));
    let parts = nexts.iter().take(N_NEXTS_TOLD).map(|node| {
        let share = text::share(part_of(node.n_journeys, flow.n_journeys));
        match node.place {
            FlowPlace::Touchpoint => format!("{share} go on to {}", text::shorten(&node.label, N_NAME_CHARS_MAX)),
            FlowPlace::Other => format!("{share} to something rarer"),
            FlowPlace::Stopped => format!("{share} stop there"),
        }
    });
    Some(format!(
        "Of {} {journeys} from their first {} on, {}.",
        text::count(flow.n_journeys),
        text::shorten(&flow.anchor, N_NAME_CHARS_MAX),
        parts.collect::<Vec<_>>().join(", "),
    ))
}

/// Returns where bars stand.
fn place(flow: &JourneyFlow) -> Vec<Placed> {
    let n_columns = flow.nodes.iter().map(|node| node.column).max().unwrap_or(0) + 1;
    let pitch = WIDTH / step(n_columns);
    let room = pitch - BAR - 2.0 * WORDS_GAP;
    let mut placed: Vec<Placed> = Vec::with_capacity(flow.nodes.len());
    let (mut column, mut y) = (0, TOP);
    for node in &flow.nodes {
        if node.column != column {
            (column, y) = (node.column, TOP);
        }
        let share = unit(part_of(node.n_journeys, flow.n_journeys));
        let mut words = lines(&node.label, room);
        words.push(text::share(share));
        let mut bar = Placed { x: step(column) * pitch, y, height: share * FULL, words };
        let slot = slot_height(&bar);
        // The bar stands in the middle of its room.
        bar.y += (slot - bar.height) / 2.0;
        y += slot + GAP;
        placed.push(bar);
    }
    placed
}

/// Returns the height of the room that a bar with its words takes.
fn slot_height(placed: &Placed) -> f64 {
    placed.height.max(step(placed.words.len()) * LINE)
}

/// Returns the ribbons of the edges: those of one bar lie one below the other and fill it.
fn ribbons(flow: &JourneyFlow, placed: &[Placed]) -> Vec<Ribbon> {
    let mut left: Vec<f64> = placed.iter().map(|placed| placed.y).collect();
    let mut entered = left.clone();
    // Edges are in the order of nodes, those they leave first: so ribbons of a bar cross each other nowhere.
    let ribbon = |edge: &FlowEdge| {
        let height = unit(part_of(edge.n_journeys, flow.n_journeys)) * FULL;
        let from = (placed[edge.from].x + BAR, left[edge.from]);
        let to = (placed[edge.to].x, entered[edge.to]);
        left[edge.from] += height;
        entered[edge.to] += height;
        Ribbon { from, to, height }
    };
    flow.edges.iter().map(ribbon).collect()
}

fn draw_ribbon(svg: &mut Svg, (flow, edge): (&JourneyFlow, &FlowEdge), ribbon: Ribbon, journeys: &str) {
    let (from, to) = (&flow.nodes[edge.from], &flow.nodes[edge.to]);
    let class = match to.place {
        FlowPlace::Touchpoint => "ribbon",
        FlowPlace::Other | FlowPlace::Stopped => "ribbon pale",
    };
    let middle = At(f64::midpoint(ribbon.from.0, ribbon.to.0));
    let (x0, x1) = (At(ribbon.from.0), At(ribbon.to.0));
    let (from0, from1) = (At(ribbon.from.1), At(ribbon.from.1 + ribbon.height));
    let (to0, to1) = (At(ribbon.to.1), At(ribbon.to.1 + ribbon.height));
    let path = format!(
        "M{x0} {from0}C{middle} {from0} {middle} {to0} {x1} {to0}V{to1}C{middle} {to1} {middle} {from1} {x0} {from1}Z"
    );
    svg.open("path", &[("class", &class), ("d", &path)]);
    let (from, to) = (text::shorten(&from.label, N_NAME_CHARS_MAX), text::shorten(&to.label, N_NAME_CHARS_MAX));
    let counted = counted((edge.n_journeys, edge.n_customers), flow, journeys);
    svg.worded("title", &[], &format!("{from} → {to}: {counted}"));
    svg.close();
}

fn draw_bar(svg: &mut Svg, (flow, node): (&JourneyFlow, &FlowNode), placed: &Placed, journeys: &str) {
    let class = match node.place {
        FlowPlace::Touchpoint => "fill",
        FlowPlace::Other => "rest",
        FlowPlace::Stopped => "stopped",
    };
    svg.open(
        "rect",
        &[
            ("class", &class),
            ("x", &At(placed.x)),
            ("y", &At(placed.y)),
            ("width", &At(BAR)),
            ("height", &At(placed.height.max(0.75))),
        ],
    );
    let counted = counted((node.n_journeys, node.n_customers), flow, journeys);
    svg.worded("title", &[], &format!("{}: {counted}", text::shorten(&node.label, N_NAME_CHARS_MAX)));
    svg.close();
}

fn counted((n_journeys, n_customers): (u64, u64), flow: &JourneyFlow, journeys: &str) -> String {
    let share = text::share(part_of(n_journeys, flow.n_journeys));
    format!("{} {journeys} ({share}), {} customers", text::count(n_journeys), text::count(n_customers))
}

/// Returns a name in lines that fit a width; what is too long for them is cut.
fn lines(name: &str, width: f64) -> Vec<String> {
    let n_chars = |text: &str| step(text.chars().count());
    let n_fitting = width / LETTER;
    let name = text::shorten(name, N_NAME_CHARS_MAX);
    let mut lines: Vec<String> = vec![String::new()];
    for word in name.split_whitespace() {
        let n_lines = lines.len();
        let line = &mut lines[n_lines - 1];
        if line.is_empty() {
            line.push_str(word);
        } else if n_lines == N_NAME_LINES_MAX || n_chars(line) + 1.0 + n_chars(word) <= n_fitting {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    let n_chars_max = (1..N_NAME_CHARS_MAX).take_while(|n| step(*n) <= n_fitting).last().unwrap_or(1);
    lines.iter().map(|line| text::shorten(line, n_chars_max)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::model::journey::{FlowEdge, FlowNode, FlowPlace, JourneyFlow};
    use super::{Placed, flow_sentence, lines, place, ribbons, sankey, slot_height};

    fn node(column: usize, place: FlowPlace, label: &str, n_journeys: u64) -> FlowNode {
        FlowNode { column, place, label: label.to_owned(), n_journeys, n_customers: n_journeys / 2 }
    }

    fn edge(from: usize, to: usize, n_journeys: u64) -> FlowEdge {
        FlowEdge { from, to, n_journeys, n_customers: n_journeys / 2 }
    }

    /// From a start to `a` (60), rarer ones (1) or the end (39), and on from there.
    fn flow(name: &str) -> JourneyFlow {
        JourneyFlow {
            anchor: name.to_owned(),
            n_journeys: 100,
            n_without: 7,
            nodes: vec![
                node(0, FlowPlace::Touchpoint, name, 100),
                node(1, FlowPlace::Touchpoint, name, 60),
                node(1, FlowPlace::Other, "other", 1),
                node(1, FlowPlace::Stopped, "stopped", 39),
                node(2, FlowPlace::Touchpoint, name, 31),
                node(2, FlowPlace::Stopped, "stopped", 30),
            ],
            edges: vec![edge(0, 1, 60), edge(0, 2, 1), edge(0, 3, 39), edge(1, 4, 30), edge(1, 5, 30), edge(2, 4, 1)],
        }
    }

    #[test]
    fn ribbons_of_a_bar_fill_it_on_each_side() {
        let flow = flow("a");
        let placed = place(&flow);
        let ribbons = ribbons(&flow, &placed);
        for (idx, (node, bar)) in flow.nodes.iter().zip(&placed).enumerate() {
            let side = |at: fn(&FlowEdge) -> usize| {
                let own = flow.edges.iter().zip(&ribbons).filter(|(edge, _)| at(edge) == idx);
                own.map(|(_, ribbon)| ribbon.height).sum::<f64>()
            };
            if node.column > 0 {
                assert!((side(|edge| edge.to) - bar.height).abs() < 1e-9, "{node:?}");
            }
            if node.column < 2 && node.place != FlowPlace::Stopped {
                assert!((side(|edge| edge.from) - bar.height).abs() < 1e-9, "{node:?}");
            }
        }
    }

    #[test]
    fn ribbons_of_a_bar_lie_one_below_the_other_within_it() {
        let flow = flow("a");
        let placed = place(&flow);
        for (idx, bar) in placed.iter().enumerate() {
            let ribbons = ribbons(&flow, &placed);
            let mut y = bar.y;
            for (_, ribbon) in flow.edges.iter().zip(&ribbons).filter(|(edge, _)| edge.to == idx) {
                assert!((ribbon.to.1 - y).abs() < 1e-9);
                y += ribbon.height;
            }
        }
    }

    #[test]
    fn no_words_overlap() {
        let flow = flow("a name of several words");
        let placed = place(&flow);
        for (upper, lower) in placed.iter().zip(&placed[1..]).filter(|(upper, lower)| upper.x >= lower.x) {
            let middle = |bar: &Placed| bar.y + bar.height / 2.0;
            let apart = middle(lower) - middle(upper);
            assert!(apart >= f64::midpoint(slot_height(upper), slot_height(lower)), "{upper:?} {lower:?}");
        }
    }

    #[test]
    fn every_bar_and_ribbon_says_its_numbers() {
        let picture = sankey("x", &flow("a"), "sessions").unwrap().replace('\u{a0}', " ");
        for words in [
            "<title>a: 60 sessions (60 %), 30 customers</title>",
            "<title>a → stopped: 39 sessions (39 %), 19 customers</title>",
            "<title>other → a: 1 sessions (1 %), 0 customers</title>",
        ] {
            assert!(picture.contains(words), "{words}: {picture}");
        }
        assert_eq!(picture.matches("<title>").count(), 12);
    }

    #[test]
    fn the_sentence_tells_where_most_go() {
        let sentence = flow_sentence(&flow("Ad"), "sessions").map(|sentence| sentence.replace('\u{a0}', " "));
        let expected =
            "Of 100 sessions from their first Ad on, 60 % go on to Ad, 39 % stop there, 1 % to something rarer.";
        assert_eq!(sentence.as_deref(), Some(expected));
    }

    #[test]
    fn hostile_names_stay_texts_and_inside_the_picture() {
        for name in ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "", " ", &"x".repeat(10_000)] {
            let picture = sankey("x", &flow(name), "sessions").unwrap();
            assert!(!picture.contains("<script") && !picture.contains("<img"), "{name}");
            assert!(picture.len() < 20_000, "{name}");
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let nothing = JourneyFlow { n_journeys: 0, nodes: Vec::new(), edges: Vec::new(), ..flow("a") };
        assert_eq!(sankey("x", &nothing, "sessions"), None);
        assert_eq!(flow_sentence(&nothing, "sessions"), None);
    }

    #[test]
    fn a_name_is_broken_between_words_and_cut_when_too_long() {
        for (name, expected) in [
            ("Order Completed", vec!["Order", "Completed"]),
            ("Cart", vec!["Cart"]),
            ("Go to it", vec!["Go to it"]),
            ("One more long name here", vec!["One more", "long name…"]),
            ("Extraordinarily", vec!["Extraordin…"]),
        ] {
            assert_eq!(lines(name, 72.0), expected, "{name}");
        }
    }
}
