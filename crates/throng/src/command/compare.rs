//! `throng personas compare`: two personas side by side, or one on two days.

use anyhow::bail;
use serde_json::{Value, json};
use throng_engine::{Compared, ComparedGroup, Engine, PersonaBook};
use throng_persona::{Persona, SideBySide};

use super::personas::find;
use crate::arguments::{Format, PersonasCompareArguments};
use crate::failure::Usage;
use crate::format::{clean, counted, day, wrapped};
use crate::output::{Align, Grid, Output};

pub(super) fn run(output: Output<'_>, engine: &Engine, arguments: &PersonasCompareArguments) -> anyhow::Result<()> {
    let book = engine.persona_book()?;
    let first = find(&book, &arguments.persona)?;
    let (second, compared) = match (&arguments.other, arguments.then) {
        (Some(other), _) => {
            let second = find(&book, other)?;
            check(first, second)?;
            (second, engine.compare_personas([&first.id, &second.id], book.as_of)?)
        }
        (None, Some(then)) => (first, on_days(engine, &book, first, (then, arguments))?),
        (None, None) => {
            let what = format!("{} is compared with nothing", first.id);
            bail!(Usage { what, hint: "name another persona, or a day by --then".to_owned() });
        }
    };
    if output.format() == Format::Json {
        output.json(&document(&compared, [first, second]))?;
        return Ok(());
    }
    let names = [first, second].map(|persona| format!("{} {}", persona.id, clean(&persona.name)));
    let on_two_days = first.id == second.id;
    for (group, name) in compared.groups.iter().zip(&names) {
        output.text(&format!("{name}: {}", size(group)))?;
    }
    if on_two_days {
        output.text(&format!("{} counted for it on both days", counted(compared.n_both, "customer")))?;
    }
    let heads = match &compared.groups {
        [then, now] if on_two_days => [then.as_of.to_string(), now.as_of.to_string()],
        [a, b] => [a.persona.to_string(), b.persona.to_string()],
    };
    table(output, &compared.rows, &heads, arguments.top)
}

/// Refuses to compare what the tables hold no common ground of.
fn check(first: &Persona, second: &Persona) -> anyhow::Result<()> {
    if first.id == second.id {
        let what = format!("{} is the same as {}", first.id, second.id);
        bail!(Usage { what, hint: "name two personas, or one and a day by --then".to_owned() });
    }
    if first.id.parent() != second.id.parent() {
        let what = format!("{} and {} are not kinds of the same persona", first.id, second.id);
        bail!(Usage { what, hint: "compare two personas, or two kinds within one".to_owned() });
    }
    Ok(())
}

fn on_days(
    engine: &Engine,
    book: &PersonaBook,
    persona: &Persona,
    (then, arguments): (throng_event::Day, &PersonasCompareArguments),
) -> anyhow::Result<Compared> {
    if persona.id.parent().is_some() {
        let what = format!("{} is a kind within a persona, which no model counts customers for", persona.id);
        bail!(Usage { what, hint: "name the persona that it is within".to_owned() });
    }
    let now = arguments.now.unwrap_or(book.as_of);
    if then >= now {
        let what = format!("{} is not before {}", day(then), day(now));
        bail!(Usage { what, hint: "choose an earlier day by --then, or a later one by --now".to_owned() });
    }
    Ok(engine.compare_days(&persona.id, [then, now])?)
}

fn size(group: &ComparedGroup) -> String {
    let drawn = group
        .n_drawn
        .map_or_else(String::new, |n| format!(", of whom {} were drawn to look at", counted(n, "customer")));
    format!("{} on {}{drawn}", counted(group.n_customers, "customer"), day(group.as_of))
}

fn table(output: Output<'_>, rows: &[SideBySide], heads: &[String; 2], top: usize) -> anyhow::Result<()> {
    let apart: Vec<&SideBySide> = rows.iter().filter(|row| row.apart).collect();
    if apart.is_empty() {
        let text = format!("They differ in none of {} by more than chance.", counted(wide(rows.len()), "thing"));
        output.text(&wrapped(&text, output.prose_width(), 0))?;
        return Ok(());
    }
    let mut grid = Grid::new(&[
        ("what", Align::Left),
        (&heads[0], Align::Right),
        (&heads[1], Align::Right),
        ("effect", Align::Right),
        ("95 %", Align::Right),
        ("size", Align::Whole),
    ]);
    for row in apart.iter().take(top) {
        let effect = row.evidence.effect;
        grid.row([
            &*clean(&row.what),
            &row.values[0],
            &row.values[1],
            &format!("{:+.2}", effect.value),
            &format!("{:+.2} to {:+.2}", effect.low, effect.high),
            effect.word(),
        ]);
    }
    output.grid(&grid)?;
    let more = apart.len().saturating_sub(top);
    let more = if more > 0 { format!("{more} smaller differences are not shown; ") } else { String::new() };
    let alike = rows.len() - apart.len();
    output.text(&format!("{more}in {} they are alike, as far as can be told", counted(wide(alike), "other thing")))?;
    Ok(())
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn document(compared: &Compared, personas: [&Persona; 2]) -> Value {
    let groups = compared.groups.iter().zip(personas).map(|(group, persona)| {
        json!({
            "persona": group.persona.as_str(),
            "name": persona.name,
            "as_of": group.as_of.to_string(),
            "n_customers": group.n_customers,
            "n_drawn": group.n_drawn,
        })
    });
    json!({
        "groups": groups.collect::<Vec<_>>(),
        "n_both": compared.n_both,
        "rows": compared.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &SideBySide) -> Value {
    let evidence = &row.evidence;
    json!({
        "what": row.what,
        "measure": row.measure.as_str(),
        "subject": row.measure.subject(),
        "value": row.measure.value(),
        "texts": row.values,
        "values": [evidence.persona_value, evidence.rest_value],
        "n_customers": [evidence.n_persona, evidence.n_rest],
        "effect": evidence.effect.kind.as_str(),
        "effect_value": evidence.effect.value,
        "effect_low": evidence.effect.low,
        "effect_high": evidence.effect.high,
        "effect_word": evidence.effect.word(),
        "p_value": row.p_value,
        "apart": row.apart,
        "query": if evidence.query.is_empty() { None } else { Some(&evidence.query) },
    })
}
