//! `throng personas map`: all customers in two dimensions.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde_json::{Value, json};
use throng_engine::{CustomerMap, Engine, MapArea, MapPart};
use throng_persona::{AlongAxis, MapAxis, PersonaId};

use crate::arguments::{Format, PersonasMapArguments};
use crate::format::{clean, count, counted, share};
use crate::output::{Align, Grid, Output};
use crate::wording::Wording;

/// Characters of the picture in a terminal; one is about twice as high as it is wide.
const PICTURE: (u32, u32) = (64, 24);

pub(super) fn run(output: Output<'_>, engine: &Engine, arguments: &PersonasMapArguments) -> anyhow::Result<()> {
    if let Some(area) = arguments.within {
        return part(output, area, &engine.on_map(area, arguments.top)?);
    }
    // A picture in a terminal has squares of its own.
    let in_text = output.format() != Format::Json;
    let n_squares = NonZeroU32::new(if in_text { PICTURE.0 } else { arguments.squares }).unwrap_or(NonZeroU32::MIN);
    let wording = Wording::new(&engine.home().config().features);
    let map = engine.map(n_squares)?;
    if !in_text {
        output.json(&document(&map, wording))?;
        return Ok(());
    }
    output.text(&picture(&map))?;
    for (name, axis) in ["to the right", "upwards"].into_iter().zip(&map.axes) {
        output.text(&format!("{name} ({} of how customers differ): {}", share(axis.share), along(axis, wording)))?;
    }
    let mut grid = Grid::new(&[
        ("persona", Align::Whole),
        ("customers", Align::Right),
        ("middle, right", Align::Right),
        ("middle, up", Align::Right),
    ]);
    for middle in &map.middles {
        let [x, y] = middle.place.map(|along| format!("{along:.2}"));
        grid.row([word(middle.persona.as_ref()), &count(middle.n_customers), &x, &y]);
    }
    output.grid(&grid)?;
    Ok(())
}

fn word(persona: Option<&PersonaId>) -> &str {
    persona.map_or("none", PersonaId::as_str)
}

/// Returns what grows along an axis, and what shrinks, in words.
fn along(axis: &MapAxis, wording: Wording<'_>) -> String {
    let of = |along: &AlongAxis| {
        let level = along.level.as_ref().map(|level| format!(" {level}")).unwrap_or_default();
        clean(&format!("{}{level}", wording.phrase(&along.feature)))
    };
    let (more, less): (Vec<_>, Vec<_>) = axis.features.iter().partition(|along| along.correlation > 0.0);
    let said = [("more", more), ("less", less)].into_iter().filter(|(_, features)| !features.is_empty());
    let said: Vec<String> = said
        .map(|(word, features)| format!("{word}: {}", features.into_iter().map(of).collect::<Vec<_>>().join(", ")))
        .collect();
    if said.is_empty() { "nothing by itself".to_owned() } else { said.join("; ") }
}

fn document(map: &CustomerMap, wording: Wording<'_>) -> Value {
    let axes = map.axes.iter().map(|axis| {
        let features = axis
            .features
            .iter()
            .map(|along| json!({ "feature": along.feature, "level": along.level, "correlation": along.correlation }));
        json!({
            "share": axis.share,
            "low": axis.low,
            "high": axis.high,
            "along": along(axis, wording),
            "features": features.collect::<Vec<_>>(),
        })
    });
    let squares = map.squares.iter().map(|square| {
        json!([square.column, square.row, square.persona.as_ref().map(PersonaId::as_str), square.n_customers])
    });
    let middles = map.middles.iter().map(|middle| {
        json!({ "persona": middle.persona.as_ref().map(PersonaId::as_str), "n_customers": middle.n_customers,
                "x": middle.place[0], "y": middle.place[1] })
    });
    json!({
        "as_of": map.as_of.to_string(),
        "n_customers": map.n_customers,
        "n_squares": map.n_squares,
        "axes": axes.collect::<Vec<_>>(),
        "squares": squares.collect::<Vec<_>>(),
        "middles": middles.collect::<Vec<_>>(),
    })
}

/// Returns a picture: in each place the number of the persona most of its customers count for, a dot for none.
fn picture(map: &CustomerMap) -> String {
    let scaled = |along: u32, of: u32| along * of / map.n_squares;
    let mut places: BTreeMap<(u32, u32), BTreeMap<Option<&PersonaId>, u64>> = BTreeMap::new();
    for square in &map.squares {
        let place = (scaled(square.column, PICTURE.0), scaled(square.row, PICTURE.1));
        *places.entry(place).or_default().entry(square.persona.as_ref()).or_default() += square.n_customers;
    }
    let most = |counts: &BTreeMap<Option<&PersonaId>, u64>| {
        let (persona, _) = counts.iter().max_by_key(|(persona, n)| (**n, std::cmp::Reverse(**persona)))?;
        Some(persona.and_then(|id| id.as_str().chars().last()).unwrap_or('.'))
    };
    let line = |row: u32| -> String {
        let at = |column| places.get(&(column, row)).and_then(most).unwrap_or(' ');
        let line: String = (0..PICTURE.0).map(at).collect();
        line.trim_end().to_owned()
    };
    (0..PICTURE.1).rev().map(line).collect::<Vec<_>>().join("\n")
}

fn part(output: Output<'_>, area: MapArea, part: &MapPart) -> anyhow::Result<()> {
    let n_customers: u64 = part.personas.iter().map(|(_, n)| n).sum();
    if output.format() == Format::Json {
        let personas = part
            .personas
            .iter()
            .map(|(id, n)| json!({ "persona": id.as_ref().map(PersonaId::as_str), "n_customers": n }));
        let finite = |sides: [f64; 2]| sides.map(|side| side.is_finite().then_some(side));
        output.json(&json!({
            "low": finite(area.low),
            "high": finite(area.high),
            "n_customers": n_customers,
            "personas": personas.collect::<Vec<_>>(),
            "customers": part.customers.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
        }))?;
        return Ok(());
    }
    output.text(&counted(n_customers, "customer"))?;
    let mut grid = Grid::new(&[("persona", Align::Whole), ("customers", Align::Right)]);
    part.personas.iter().for_each(|(id, n)| grid.row([word(id.as_ref()), &*count(*n)]));
    output.grid(&grid)?;
    for customer in &part.customers {
        output.text(&clean(customer.as_str()))?;
    }
    Ok(())
}
