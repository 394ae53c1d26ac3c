//! `throng init`: an empty home.

use std::path::Path;

use serde_json::json;
use throng_engine::{Config, Home};

use crate::arguments::{Format, InitArguments};
use crate::home::Session;

pub(super) fn run(session: &Session<'_>, arguments: InitArguments) -> anyhow::Result<()> {
    let root = arguments.dir.or_else(|| session.named_home().map(Path::to_owned)).unwrap_or_else(|| ".".into());
    create(&root, &arguments.time_zone)?;
    if session.output.format() == Format::Json {
        session.output.json(&json!({ "home": root, "time_zone": arguments.time_zone }))?;
        return Ok(());
    }
    session.output.text(&format!("made an empty home in {}", root.display()))?;
    if arguments.time_zone == "UTC" {
        session.output.note("Days and hours are taken in UTC; set time_zone in throng.toml to the zone you sell in.");
    }
    session.output.note("Next: throng import auto FILE");
    Ok(())
}

/// Makes an empty home.
pub(super) fn create(root: &Path, time_zone: &str) -> anyhow::Result<()> {
    Home::create(root, &Config::template(time_zone)?)?;
    Ok(())
}
