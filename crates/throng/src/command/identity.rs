//! `throng identity`: who is who and why, and the decisions that change it.

use serde_json::{Value as Json, json};
use throng_engine::{ExplainedLink, ProfileIdentities, Why, link_in_words, weights_in_words};
use throng_event::Identity;
use throng_profile::{RefusedLink, Verdict};

use crate::arguments::{Format, IdentityCommand, PairArguments, ProposeArguments};
use crate::format::{clean, count, counted, shortened};
use crate::home::Session;
use crate::output::{Align, Grid};
use crate::world;

/// Characters of an id that are shown in a table; JSON has all of it.
const ID_LENGTH_MAX: usize = 60;
/// Proposals that are shown; the table `identity_proposals` has all of them.
const PROPOSALS_MAX: usize = 20;

pub(super) fn run(session: &Session<'_>, command: &IdentityCommand) -> anyhow::Result<()> {
    match command {
        IdentityCommand::Why(pair) => why(session, pair),
        IdentityCommand::Show(arguments) => show(session, &arguments.id),
        IdentityCommand::List => list(session),
        IdentityCommand::Merge(pair) => decide(session, Verdict::Merge, pair),
        IdentityCommand::Split(pair) => decide(session, Verdict::Split, pair),
        IdentityCommand::Propose(arguments) => propose(session, arguments),
    }
}

fn why(session: &Session<'_>, pair: &PairArguments) -> anyhow::Result<()> {
    let answer = session.engine()?.identity_why(&pair.a, &pair.b)?;
    let output = session.output;
    if output.format() == Format::Json {
        output.json(&match &answer {
            Why::One(profile, links) => json!({
                "one_person": true,
                "profile_id": profile.as_str(),
                "links": links.iter().map(link_document).collect::<Vec<_>>(),
            }),
            Why::Two(a, b, refused) => json!({
                "one_person": false,
                "profile_ids": [a.as_str(), b.as_str()],
                "refused": refused.iter().map(refused_document).collect::<Vec<_>>(),
            }),
        })?;
        return Ok(());
    }
    match answer {
        Why::One(profile, links) if links.is_empty() => {
            output.text(&format!("they are one id, of {}", clean(profile.as_str())))?;
        }
        Why::One(profile, links) => {
            let n_links = u64::try_from(links.len()).unwrap_or(u64::MAX);
            output.text(&format!("one person, {}, by {}:", clean(profile.as_str()), counted(n_links, "link")))?;
            let mut grid = link_grid();
            links.iter().for_each(|link| grid.row(link_cells(link).each_ref().map(String::as_str)));
            output.grid(&grid)?;
            output.note("A link that is wrong is undone by `throng identity split` with its two ids.");
        }
        Why::Two(a, b, refused) => {
            output.text(&format!("two people: {} and {}", clean(a.as_str()), clean(b.as_str())))?;
            if refused.is_empty() {
                output.text("no event links them")?;
            } else {
                output.grid(&refused_grid(&refused))?;
            }
        }
    }
    Ok(())
}

fn link_grid() -> Grid {
    Grid::new(&[
        ("id", Align::Whole),
        ("and", Align::Whole),
        ("why", Align::Left),
        ("since", Align::Whole),
        ("event", Align::Left),
    ])
}

fn link_cells(explained: &ExplainedLink) -> [String; 5] {
    let link = &explained.link;
    let event = explained.event.as_ref();
    [
        short(&link.from),
        short(&link.to),
        link_in_words(link).to_owned(),
        link.proof.map(|proof| proof.occurred_at.to_string()).unwrap_or_default(),
        event
            .map(|event| clean(&format!("{} of {}, {}", event.event, event.source, event.event_id)))
            .unwrap_or_default(),
    ]
}

fn refused_grid(refused: &[RefusedLink]) -> Grid {
    let mut grid = Grid::new(&[("id", Align::Whole), ("and", Align::Whole), ("not linked because", Align::Left)]);
    for refused in refused {
        grid.row([&*short(&refused.link.from), &*short(&refused.link.to), refused.reason.as_str()]);
    }
    grid
}

fn short(identity: &Identity) -> String {
    shortened(&identity.to_string(), ID_LENGTH_MAX)
}

fn link_document(explained: &ExplainedLink) -> Json {
    let link = &explained.link;
    json!({
        "from": link.from.to_string(),
        "to": link.to.to_string(),
        "kind": link.kind.as_str(),
        "occurred_at": link.proof.map(|proof| proof.occurred_at.to_string()),
        "event_id": explained.event.as_ref().map(|event| &event.event_id),
        "event": explained.event.as_ref().map(|event| &event.event),
        "source": explained.event.as_ref().map(|event| &event.source),
    })
}

fn refused_document(refused: &RefusedLink) -> Json {
    json!({
        "from": refused.link.from.to_string(),
        "to": refused.link.to.to_string(),
        "reason": refused.reason.as_str(),
    })
}

fn show(session: &Session<'_>, id: &str) -> anyhow::Result<()> {
    let ProfileIdentities { profile, identities: members } = session.engine()?.identity_of(id)?;
    let output = session.output;
    if output.format() == Format::Json {
        let identities: Vec<Json> = members
            .iter()
            .map(|(identity, link)| {
                json!({
                    "kind": identity.kind.as_str(),
                    "value": identity.value,
                    "link": link.as_ref().map(link_document),
                })
            })
            .collect();
        output.json(&json!({ "profile_id": profile.as_str(), "identities": identities }))?;
        return Ok(());
    }
    let n_ids = u64::try_from(members.len()).unwrap_or(u64::MAX);
    output.heading(&format!("{} ({})", clean(profile.as_str()), counted(n_ids, "id")))?;
    let mut grid = Grid::new(&[
        ("kind", Align::Whole),
        ("id", Align::Whole),
        ("linked with", Align::Whole),
        ("since", Align::Whole),
        ("event", Align::Left),
    ]);
    for (identity, link) in &members {
        let value = shortened(&identity.value, ID_LENGTH_MAX);
        let [from, to, _, since, event] = link.as_ref().map(link_cells).unwrap_or_default();
        let other = if from == short(identity) { to } else { from };
        grid.row([identity.kind.as_str(), &value, &other, &since, &event]);
    }
    output.grid(&grid)?;
    Ok(())
}

fn list(session: &Session<'_>) -> anyhow::Result<()> {
    let overview = session.engine()?.identity_overview()?;
    let output = session.output;
    if output.format() == Format::Json {
        let by_kind: Json = overview.identities.iter().map(|(kind, n)| (kind.as_str().to_owned(), json!(n))).collect();
        let decisions: Vec<Json> = overview
            .decisions
            .iter()
            .map(|decision| {
                json!({
                    "verdict": decision.verdict.as_str(),
                    "a": decision.a.to_string(),
                    "b": decision.b.to_string(),
                    "at": decision.at.to_string(),
                })
            })
            .collect();
        let largest = overview.largest.iter().map(|(id, n)| json!({ "profile_id": id.as_str(), "n_identities": n }));
        output.json(&json!({
            "n_profiles": overview.n_profiles,
            "n_linked": overview.n_linked,
            "identities": by_kind,
            "largest": largest.collect::<Vec<_>>(),
            "n_shared": overview.n_shared,
            "shared": overview.shared.iter().map(Identity::to_string).collect::<Vec<_>>(),
            "n_refused": overview.n_refused,
            "refused": overview.refused.iter().map(refused_document).collect::<Vec<_>>(),
            "decisions": decisions,
        }))?;
        return Ok(());
    }
    let linked =
        format!("{}, {} with more than one id", counted(overview.n_profiles, "person"), count(overview.n_linked));
    output.text(&linked.replace("persons", "people"))?;
    let mut grid = Grid::new(&[("kind", Align::Whole), ("ids", Align::Right)]);
    overview.identities.iter().for_each(|(kind, n)| grid.row([kind.as_str(), &count(*n)]));
    output.grid(&grid)?;
    if !overview.largest.is_empty() {
        output.heading("\nThe most ids")?;
        let mut grid = Grid::new(&[("person", Align::Whole), ("ids", Align::Right)]);
        for (profile, n) in overview.largest.iter().take(5) {
            grid.row([&*shortened(profile.as_str(), ID_LENGTH_MAX), &count(*n)]);
        }
        output.grid(&grid)?;
    }
    if overview.n_shared > 0 {
        output.heading(&format!("\nShared by many, so they link nobody: {}", counted(overview.n_shared, "id")))?;
        let shown: Vec<String> = overview.shared.iter().map(short).collect();
        output.text(&shown.join(", "))?;
    }
    if !overview.n_refused.is_empty() {
        output.heading("\nLinks not taken")?;
        let mut grid = Grid::new(&[("because", Align::Left), ("links", Align::Right)]);
        overview.n_refused.iter().for_each(|(reason, n)| grid.row([*reason, &count(*n)]));
        output.grid(&grid)?;
        output.grid(&refused_grid(&overview.refused))?;
    }
    if !overview.decisions.is_empty() {
        output.heading("\nDecided")?;
        let mut grid =
            Grid::new(&[("", Align::Whole), ("id", Align::Whole), ("and", Align::Whole), ("at", Align::Whole)]);
        for decision in &overview.decisions {
            grid.row([decision.verdict.as_str(), &short(&decision.a), &short(&decision.b), &decision.at.to_string()]);
        }
        output.grid(&grid)?;
    }
    Ok(())
}

fn decide(session: &Session<'_>, verdict: Verdict, pair: &PairArguments) -> anyhow::Result<()> {
    let decided = session.engine()?.identity_decide(verdict, (&pair.a, &pair.b), world::now())?;
    let output = session.output;
    let (before, after) = decided.n_profiles;
    if output.format() == Format::Json {
        output.json(&json!({
            "verdict": verdict.as_str(),
            "profile_ids": [decided.a.as_str(), decided.b.as_str()],
            "n_profiles_before": before,
            "n_profiles_after": after,
        }))?;
        return Ok(());
    }
    let outcome = if decided.a == decided.b {
        format!("one person: {}", clean(decided.a.as_str()))
    } else {
        format!("two people: {} and {}", clean(decided.a.as_str()), clean(decided.b.as_str()))
    };
    output.text(&outcome)?;
    output.note(&format!("{before} people before, {after} now. Next: throng discover"));
    Ok(())
}

fn propose(session: &Session<'_>, arguments: &ProposeArguments) -> anyhow::Result<()> {
    let report = session.engine()?.identity_propose(arguments.min)?;
    let output = session.output;
    if output.format() == Format::Json {
        let proposals: Vec<Json> = report
            .proposals
            .iter()
            .map(|link| {
                json!({
                    "a": link.a.as_str(),
                    "b": link.b.as_str(),
                    "probability": link.probability,
                    "why": weights_in_words(link),
                })
            })
            .collect();
        let skipped: Json = report.skipped.iter().map(|(rule, n)| ((*rule).to_owned(), json!(n))).collect();
        output.json(&json!({
            "n_records": report.n_records,
            "n_candidates": report.n_candidates,
            "skipped_blocks": skipped,
            "proposals": proposals,
        }))?;
        return Ok(());
    }
    let n_proposals = u64::try_from(report.proposals.len()).unwrap_or(u64::MAX);
    output.text(&format!(
        "{} compared in {}: {} at least {} probable",
        counted(report.n_records, "profile"),
        counted(report.n_candidates, "pair"),
        counted(n_proposals, "link"),
        arguments.min
    ))?;
    for (rule, n_blocks) in &report.skipped {
        output.note(&format!("{} by {rule} were too large to compare", counted(*n_blocks, "group")));
    }
    let mut grid = Grid::new(&[
        ("person", Align::Whole),
        ("and", Align::Whole),
        ("probability", Align::Right),
        ("what weighs, in bits", Align::Left),
    ]);
    for link in report.proposals.iter().take(PROPOSALS_MAX) {
        let ids = [&link.a, &link.b].map(|id| shortened(id.as_str(), ID_LENGTH_MAX));
        grid.row([&*ids[0], &*ids[1], &format!("{:.4}", link.probability), &weights_in_words(link)]);
    }
    if n_proposals > 0 {
        output.grid(&grid)?;
        output.note("Take one with `throng identity merge A B`; all are in the table identity_proposals.");
    }
    Ok(())
}
