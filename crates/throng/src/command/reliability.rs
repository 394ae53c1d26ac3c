//! `throng personas reliability`: what memberships said, beside what came of it.

use throng_engine::Engine;
use throng_learn::Interval;
use throng_persona::{COMPLETE_HISTORY_DAYS, Diagram, DiagramBin};

use crate::arguments::Format;
use crate::format::{counted, share, wrapped};
use crate::output::{Align, Grid, Output};
use crate::wire::ReliabilityDocument;

/// Prints how far memberships can be relied on.
pub(super) fn run(output: Output<'_>, engine: &Engine) -> anyhow::Result<()> {
    let reliability = engine.reliability()?;
    if output.format() == Format::Json {
        output.json(&reliability.as_ref().map(ReliabilityDocument::of))?;
        return Ok(());
    }
    let Some(reliability) = reliability else {
        output.text(
            "There is nothing to look back on: no personas were found, or the history is shorter than a month.",
        )?;
        return Ok(());
    };
    let days = COMPLETE_HISTORY_DAYS;
    output.heading(&format!("Customers known for {days} days or more"))?;
    if let Some(diagram) = &reliability.today {
        let of = format!(
            "What a mixture that was not fitted to them says of {}, and whom they count for.",
            counted(diagram.n_profiles, "customer")
        );
        output.text(&wrapped(&of, output.prose_width(), 0))?;
        print(output, diagram)?;
    }
    match (&reliability.complete, reliability.n_days_ago.first()) {
        (Some(diagram), Some(n_days_ago)) => {
            let from = format!(
                "\nWhat it said {n_days_ago} days before of {}, and whom they count for now: customers move on.",
                counted(diagram.n_profiles, "customer")
            );
            output.text(&wrapped(&from, output.prose_width(), 0))?;
            print(output, diagram)?;
        }
        _ => output.text("Too few of them were known long enough before.")?,
    }
    output.heading(&format!("\nCustomers known for less than {days} days"))?;
    output.text(&wrapped(&reliability.verdict.sentence(), output.prose_width(), 0))?;
    for (who, diagram) in [("The mixture", &reliability.early_mixture), ("The ensemble", &reliability.early_hybrid)] {
        let Some(diagram) = diagram else { continue };
        let of = format!(
            "\n{who}, on {} held out, when they were new, and whom they count for now.",
            counted(diagram.n_profiles, "customer")
        );
        output.text(&wrapped(&of, output.prose_width(), 0))?;
        print(output, diagram)?;
    }
    Ok(())
}

fn print(output: Output<'_>, diagram: &Diagram) -> anyhow::Result<()> {
    output.grid(&grid("said", &diagram.bins))?;
    let text = format!(
        "Expected calibration error {}. The largest share was right for {} ({}); to say the most frequent of everybody \
         would be right for {}. Log loss {:.3}. Sure enough to count for a persona: {}, of whom {} rightly.",
        share(diagram.expected_error),
        share(diagram.accuracy.estimate),
        range(diagram.accuracy),
        share(diagram.accuracy_of_largest),
        diagram.log_loss,
        counted(diagram.n_sure, "customer"),
        share(diagram.accuracy_of_sure)
    );
    output.text(&wrapped(&text, output.prose_width(), 0))?;
    if !diagram.agreement.is_empty() {
        output.text("How much its models agree, and how often the largest share was right then:")?;
        output.grid(&grid("agreement", &diagram.agreement))?;
    }
    Ok(())
}

fn grid(what: &str, bins: &[DiagramBin]) -> Grid {
    let mut grid = Grid::new(&[
        (what, Align::Whole),
        ("on average", Align::Right),
        ("was", Align::Right),
        ("95 %", Align::Right),
        ("customers", Align::Right),
    ]);
    for bin in bins {
        grid.row([
            &format!("{:.0}–{:.0} %", bin.low * 100.0, bin.high * 100.0),
            &share(bin.said),
            &share(bin.observed.estimate),
            &range(bin.observed),
            &crate::format::count(bin.n_profiles),
        ]);
    }
    grid
}

fn range(interval: Interval) -> String {
    format!("{} to {}", share(interval.low), share(interval.high))
}
