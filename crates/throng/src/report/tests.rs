//! What the page promises for any model: safe, whole, the same every time, and honest when there is nothing to show.

use super::{
    Arrival, Candidate, CertaintySection, ClaimLine, ComparedFeature, ComparedValue, Comparison, CurveLine, CurvePoint,
    Curves, Effect, FindingLine, FlowEdge, FlowNode, FlowPlace, FunnelStep, JourneyFlow, JourneyOverview, JourneyRings,
    JourneySection, KindLine, Month, MonthActivity, PathLine, Period, PersonaSection, QualitySection, QuarantineReason,
    Refusal, ReliabilityBin, ReliabilityDiagram, ReportModel, Revenue, RingArc, SignalLine, SourceLine, Stability,
    StabilityWord, SufficiencyLine, TraitShare, TraitSplit, TransitionLine, Transitions, Unassigned, UsedFeature,
    WeekActivity, render,
};

/// Texts customers' data has held.
const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</title></style><b>",
    "' onload='x",
    "{{ 7 * 7 }}{% endfor %}",
    "a\u{202e}b\u{0}",
    "&lt;&#x3c;",
];

fn claim(word: &str) -> ClaimLine {
    ClaimLine {
        id: word.to_owned(),
        statement: format!("{word} orders often"),
        persona_value: word.to_owned(),
        rest_value: word.to_owned(),
        comparison: Some(Comparison { persona: 2.0, rest: 1.0 }),
        effect: Effect::Large,
        interval: word.to_owned(),
        n_customers: 1_200,
        query: format!("SELECT '{word}'"),
    }
}

fn journey(word: &str) -> JourneySection {
    let step = |n_customers: u64, share: f64| FunnelStep {
        label: word.to_owned(),
        n_customers,
        from_start: share,
        from_previous: share,
        from_previous_bounds: (share, share),
        n_lost: 10 - n_customers,
        median_time: Some(word.to_owned()),
        everybody: Some(0.5),
    };
    JourneySection {
        journeys: "sessions",
        n_journeys: 10,
        paths: vec![PathLine { steps: vec![word.to_owned(); 2], n_journeys: 5, share: 0.5 }],
        rings: rings(word),
        flow: Some(flow(word)),
        funnel: vec![step(10, 1.0), step(4, 0.4)],
        transitions: Some(Transitions {
            steps: vec![word.to_owned(); 2],
            shares: vec![vec![0.3, 0.6], vec![0.0, 1.0]],
            other: vec![0.0, 0.0],
            stopped: vec![0.1, 0.0],
            strongest: vec![TransitionLine {
                from: word.to_owned(),
                to: word.to_owned(),
                n_transitions: 6,
                n_customers: 5,
                share_out: 0.6,
                share_in: 0.4,
                median_time: Some(word.to_owned()),
            }],
        }),
    }
}

fn rings(word: &str) -> JourneyRings {
    let arc = |ring: usize, touchpoint: Option<usize>, (n_before, n_journeys): (u64, u64)| RingArc {
        ring,
        touchpoint,
        n_before,
        n_journeys,
        steps: vec![word.to_owned(); ring + 1],
    };
    JourneyRings {
        n_journeys: 10,
        touchpoints: vec![word.to_owned()],
        arcs: vec![arc(0, Some(0), (0, 7)), arc(0, None, (7, 3)), arc(1, Some(0), (0, 5))],
    }
}

fn flow(word: &str) -> JourneyFlow {
    let node = |column: usize, place: FlowPlace, n_journeys: u64| FlowNode {
        column,
        place,
        label: word.to_owned(),
        n_journeys,
        n_customers: n_journeys,
    };
    let edge = |to: usize, n_journeys: u64| FlowEdge { from: 0, to, n_journeys, n_customers: n_journeys };
    JourneyFlow {
        anchor: word.to_owned(),
        n_journeys: 10,
        n_without: 3,
        nodes: vec![
            node(0, FlowPlace::Touchpoint, 10),
            node(1, FlowPlace::Touchpoint, 5),
            node(1, FlowPlace::Other, 2),
            node(1, FlowPlace::Stopped, 3),
        ],
        edges: vec![edge(1, 5), edge(2, 2), edge(3, 3)],
    }
}

fn overview(word: &str, n_personas: usize) -> JourneyOverview {
    let points = |share: f64| vec![CurvePoint { day: 28, share, low: 0.1, high: 0.9, n_known: 40 }; 2];
    let line = |persona_idx: Option<usize>| CurveLine {
        persona_idx,
        name: word.to_owned(),
        n_customers: 1_200,
        points: points(0.4),
    };
    let lines: Vec<CurveLine> = std::iter::once(None).chain((0..n_personas).map(Some)).map(line).collect();
    let curves = Curves { period_days: 28, lines };
    JourneyOverview {
        everybody: journey(word),
        retention: curves.clone(),
        arrival: Some(Arrival { goal: word.to_owned(), curves }),
    }
}

fn persona(word: &str) -> PersonaSection {
    let mut week = WeekActivity { unit: word.to_owned(), counts: [[0; 24]; 7] };
    week.counts[5][10] = 3;
    let month = |value: f64| Month { label: word.to_owned(), persona: value, rest: 1.0 };
    PersonaSection {
        id: word.to_owned(),
        name: word.to_owned(),
        summary: word.to_owned(),
        n_customers: 1_200,
        share_of_customers: 0.6,
        revenue: Some(Revenue { total: word.to_owned(), per_customer: word.to_owned(), share: 0.7 }),
        stability: Stability { value: 0.9, word: StabilityWord::VeryStable },
        claims: vec![claim(word)],
        demographics: vec![claim(word)],
        traits: vec![TraitSplit {
            name: word.to_owned(),
            n_known: 9,
            values: vec![TraitShare { label: word.to_owned(), persona: 0.2, rest: 0.1 }],
        }],
        kinds: vec![KindLine { id: word.to_owned(), name: word.to_owned(), share: 0.25, summary: word.to_owned() }],
        exemplars: vec![word.to_owned()],
        week: Some(week),
        months: Some(MonthActivity { unit: word.to_owned(), months: vec![month(1.0), month(2.0)] }),
        journey: Some(journey(word)),
    }
}

fn model(word: &str, n_personas: usize) -> ReportModel {
    let value = ComparedValue { percentile: 0.9, value: word.to_owned() };
    ReportModel {
        home: word.to_owned(),
        time_zone: word.to_owned(),
        as_of: word.to_owned(),
        period: Some(Period { from: word.to_owned(), to: word.to_owned() }),
        currency: Some(word.to_owned()),
        n_customers: 2_000,
        n_events: 1_234_567,
        n_sources: 1,
        version: word.to_owned(),
        personas: vec![persona(word); n_personas],
        refusal: None,
        unassigned: Some(Unassigned { n_customers: 7, share_of_customers: 0.1, revenue: None }),
        compared: vec![ComparedFeature {
            name: word.to_owned(),
            category: word.to_owned(),
            overall_value: word.to_owned(),
            values: vec![value; n_personas],
        }],
        journeys: Some(overview(word, n_personas)),
        certainty: certainty(word),
        quality: quality(word),
    }
}

fn certainty(word: &str) -> CertaintySection {
    let feature =
        UsedFeature { name: word.to_owned(), category: word.to_owned(), transform: word.to_owned(), weight: 1.0 };
    CertaintySection {
        verdict: word.to_owned(),
        separation: word.to_owned(),
        gradual: false,
        method: word.to_owned(),
        reliability: vec![ReliabilityDiagram {
            of: word.to_owned(),
            summary: word.to_owned(),
            verdict: word.to_owned(),
            bins: vec![ReliabilityBin {
                said: 0.65,
                observed: 0.64,
                low: 0.5,
                high: 0.75,
                n_customers: 40,
                share_of_customers: 0.4,
            }],
        }],
        candidates: vec![Candidate { n_personas: 2, silhouette: 0.4, stability: 0.9, note: word.to_owned() }],
        n_personas_chosen: Some(2),
        features: vec![feature],
    }
}

fn quality(word: &str) -> QualitySection {
    let reason = QuarantineReason { reason: word.to_owned(), n_rows: 1, advice: word.to_owned() };
    QualitySection {
        verdict: word.to_owned(),
        findings: vec![FindingLine {
            severity: "warning",
            title: word.to_owned(),
            n_affected: 3,
            share: 0.1,
            of: word.to_owned(),
            why: word.to_owned(),
            advice: word.to_owned(),
        }],
        sufficiency: vec![SufficiencyLine { answer: "tight", question: word.to_owned(), text: word.to_owned() }],
        sources: vec![SourceLine {
            name: word.to_owned(),
            n_read: 4,
            n_taken: 2,
            n_repeated: 1,
            n_quarantined: 1,
            reasons: vec![reason],
        }],
        signals: vec![SignalLine { category: word.to_owned(), n_features: 0, coverage: 0.0, note: word.to_owned() }],
        notes: vec![word.to_owned()],
    }
}

/// Returns the page after checking what holds for every page.
fn check(model: &ReportModel) -> String {
    let page = render(model).unwrap();
    let names = balanced(&page);
    for loads in ["script", "img", "iframe", "link", "object", "embed", "use", "image", "form", "base"] {
        assert!(!names.iter().any(|name| name == loads), "the page holds no <{loads}>");
    }
    assert!(!page.contains("url("), "the style loads nothing");
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for target in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let id = target.strip_prefix('#').unwrap();
        assert!(ids.contains(&id), "{target} leads somewhere on the page");
    }
    let n_ids = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), n_ids, "every id is unique");
    page
}

/// Returns the names of a page's elements after checking that each that is opened is closed in its turn.
fn balanced(page: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("<{tag} ends"));
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "</{name}> closes what was opened last");
            continue;
        }
        let name = tag.split_whitespace().next().unwrap().to_owned();
        if name != "meta" {
            open.push(name.clone());
        }
        names.push(name);
    }
    assert!(open.is_empty(), "nothing stays open: {open:?}");
    names
}

fn visible(page: &str) -> String {
    page.replace('\u{a0}', " ")
}

#[test]
fn hostile_texts_are_shown_and_never_run() {
    for word in HOSTILE {
        let page = check(&model(word, 2));
        assert!(!page.contains("alert(1)>"), "{word}");
        assert!(!page.contains('\u{202e}'), "{word}");
        assert!(!page.contains('\u{0}'), "{word}");
    }
    let page = check(&model("{{ 7 * 7 }}", 1));
    assert!(page.contains("{{ 7 * 7 }}"));
    assert!(check(&model("<script>alert(1)</script>", 1)).contains("&lt;script&gt;"));
}

#[test]
fn hostile_texts_add_no_element() {
    let expected = balanced(&render(&model("plain", 2)).unwrap());
    for word in HOSTILE {
        assert_eq!(balanced(&render(&model(word, 2)).unwrap()), expected, "{word}");
    }
}

#[test]
fn other_scripts_and_emoji_are_kept() {
    for word in ["متجر الزاوية", "日本語の顧客", "👩\u{200d}👧 families"] {
        assert!(check(&model(word, 2)).contains(word), "{word}");
    }
}

#[test]
fn endless_texts_are_shortened_everywhere() {
    let page = check(&model(&"x".repeat(10_000), 2));
    let longest = page.split(|letter| letter != 'x').map(str::len).max();
    assert!(longest < Some(super::N_TEXT_CHARS_MAX), "{longest:?}");
    assert!(page.contains("xxx…"));
}

#[test]
fn a_page_says_what_it_leaves_out() {
    let mut many = model("plain", 30);
    many.personas[0].claims = vec![claim("plain"); 40];
    let page = check(&many);
    assert!(page.contains("6 more personas not shown here"));
    assert!(page.contains("28 more statements not shown here"));
}

#[test]
fn data_without_a_finding_is_said_to_be_without() {
    let mut clean = model("plain", 1);
    clean.quality.findings.clear();
    let page = check(&clean);
    assert!(page.contains("Nothing was found"));
    assert!(!page.contains("class=\"finding "));
}

#[test]
fn numbers_are_worded_for_readers() {
    let page = visible(&check(&model("plain", 2)));
    for words in ["1,234,567", "60 %", "70 %", "1.2×", "Two kinds of customers"] {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn missing_numbers_break_nothing() {
    let mut broken = model("plain", 2);
    for persona in &mut broken.personas {
        persona.share_of_customers = f64::NAN;
        persona.stability.value = f64::INFINITY;
        persona.claims[0].comparison = Some(Comparison { persona: f64::NAN, rest: -1.0 });
    }
    broken.compared[0].values[0].percentile = f64::NAN;
    broken.certainty.candidates[0].silhouette = f64::NAN;
    let page = check(&broken);
    for word in ["NaN", "inf\"", "inf%"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_refusal_shows_its_reason_and_no_persona() {
    let mut refused = model("plain", 0);
    refused.refusal =
        Some(Refusal { reason: "too few customers".to_owned(), advice: vec!["import more history".to_owned()] });
    refused.certainty.n_personas_chosen = None;
    let page = check(&refused);
    assert!(page.contains("too few customers"));
    assert!(page.contains("import more history"));
    for id in ["id=\"refusal\"", "id=\"certainty\"", "id=\"quality\""] {
        assert!(page.contains(id), "{id}");
    }
    for id in ["id=\"persona-1\"", "id=\"shares\"", "id=\"apart\"", "id=\"glance\""] {
        assert!(!page.contains(id), "{id}");
    }
}

#[test]
fn a_home_without_money_shows_none() {
    let mut poor = model("plain", 2);
    poor.currency = None;
    for persona in &mut poor.personas {
        persona.revenue = None;
    }
    let page = check(&poor);
    assert!(!page.contains("Revenue"));
    assert!(page.contains("How many they are"));
}

#[test]
fn what_is_not_known_is_not_drawn() {
    let mut bare = model("plain", 1);
    bare.personas[0].claims.clear();
    bare.personas[0].demographics.clear();
    bare.personas[0].traits.clear();
    bare.personas[0].exemplars.clear();
    bare.personas[0].week = None;
    bare.personas[0].months = None;
    bare.personas[0].journey = None;
    bare.unassigned = None;
    bare.compared.clear();
    bare.journeys = None;
    let page = check(&bare);
    for heading in
        ["What sets them apart", "Who they are</h4>", "When they are active", "Their journeys", "step by step"]
    {
        assert!(!page.contains(heading), "{heading}");
    }
}

#[test]
fn every_statement_carries_its_evidence() {
    let page = check(&model("plain", 1));
    assert_eq!(page.matches("class=\"claim\"").count(), 2);
    assert_eq!(page.matches("SELECT &#x27;plain&#x27;").count(), 2);
}

#[test]
fn journeys_without_data_are_a_sentence_and_no_picture() {
    let mut empty = model("plain", 1);
    let overview = empty.journeys.as_mut().unwrap();
    overview.retention.lines.clear();
    overview.arrival = None;
    for journey in [&mut overview.everybody, empty.personas[0].journey.as_mut().unwrap()] {
        journey.rings.arcs.clear();
        journey.flow = None;
        journey.funnel.clear();
        journey.transitions = None;
    }
    let page = check(&empty);
    for sentence in [
        "so there is nothing to draw.",
        "There is no funnel whose steps have all happened",
        "nothing follows anything else",
        "Too few customers are known for long enough",
    ] {
        assert!(page.contains(sentence), "{sentence}");
    }
    let of_ways = ["rings", "flow", "funnel"].map(|name| [format!("everybody-{name}"), format!("persona-1-{name}")]);
    for id in of_ways.iter().flatten().map(String::as_str).chain(["retention", "arrival"]) {
        assert!(!page.contains(&format!("id=\"{id}-title\"")), "{id}");
    }
}

#[test]
fn journeys_of_everybody_are_shown_without_personas() {
    let mut refused = model("plain", 0);
    refused.refusal = Some(Refusal { reason: "too few customers".to_owned(), advice: Vec::new() });
    let page = check(&refused);
    for id in ["everybody-rings", "everybody-flow", "everybody-funnel", "retention", "arrival"] {
        assert!(page.contains(&format!("id=\"{id}-title\"")), "{id}");
    }
    assert!(!page.contains("The funnel, persona by persona"));
}

#[test]
fn every_picture_of_journeys_has_its_numbers_as_a_table() {
    let page = check(&model("plain", 1));
    let journeys = page.split("id=\"journeys\"").nth(1).unwrap().split("id=\"personas\"").next().unwrap();
    let n_pictures = journeys.matches("class=\"picture\"").count();
    assert_eq!(n_pictures, 5, "rings, flow, funnel, retention and arrival");
    assert_eq!(journeys.matches("As a table</summary>").count(), n_pictures);
    assert_eq!(journeys.matches("class=\"matrix").count(), 2, "transitions and funnels are tables themselves");
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    assert_eq!(render(&model("plain", 3)).unwrap(), render(&model("plain", 3)).unwrap());
}
