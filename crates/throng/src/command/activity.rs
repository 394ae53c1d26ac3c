//! `throng personas activity`: at which hours and on which weekdays customers do things.

use serde_json::{Value, json};
use throng_engine::{BookOutcome, Engine, Week};

use crate::arguments::Format;
use crate::format::{clean, counted};
use crate::output::Output;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// From nothing to the busiest hour of a week.
const HEIGHTS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn run(output: Output<'_>, engine: &Engine) -> anyhow::Result<()> {
    let activity = engine.activity()?;
    if output.format() == Format::Json {
        let personas = activity.personas.iter().map(|(id, week)| json!({ "id": id.as_str(), "week": document(week) }));
        output.json(&json!({
            "time_zone": engine.home().config().calendar.name(),
            "everybody": document(&activity.everybody),
            "personas": personas.collect::<Vec<_>>(),
        }))?;
        return Ok(());
    }
    let book = engine.persona_book()?;
    let name = |id| match &book.outcome {
        BookOutcome::Found(personas) => personas.iter().find(|persona| persona.id == id).map(|own| own.name.clone()),
        BookOutcome::Refused(_) => None,
    };
    print(output, "Everybody", &activity.everybody)?;
    for (id, week) in activity.personas {
        let title = format!("\n{id} {}", clean(&name(id.clone()).unwrap_or_default()));
        print(output, &title, &week)?;
    }
    output.note(&format!("Hours of {}; each picture's busiest hour is full.", engine.home().config().calendar.name()));
    Ok(())
}

/// Returns the events of every hour: seven lists, from Monday on, of 24.
fn document(week: &Week) -> Value {
    json!(week.iter().map(|day| day.to_vec()).collect::<Vec<_>>())
}

fn print(output: Output<'_>, title: &str, week: &Week) -> anyhow::Result<()> {
    output.heading(title)?;
    let most = week.iter().flatten().copied().max().unwrap_or(0).max(1);
    output.text("     0     6     12    18")?;
    for (name, day) in WEEKDAYS.into_iter().zip(week) {
        let bars: String = day.iter().map(|n| bar(*n, most)).collect();
        output.text(&format!("{name}  {bars}  {}", counted(day.iter().sum(), "event")))?;
    }
    Ok(())
}

/// Returns a bar; anything at all is more than nothing.
fn bar(n: u64, most: u64) -> char {
    let height = (n * 8).div_ceil(most.max(1));
    HEIGHTS[usize::try_from(height).unwrap_or(8).min(8)]
}

#[cfg(test)]
mod tests {
    use super::bar;

    #[test]
    fn bars_grow_and_only_nothing_is_empty() {
        let bars: String = [0, 1, 500, 999, 1000].iter().map(|n| bar(*n, 1000)).collect();
        assert_eq!(bars, "·▁▄██");
    }
}
