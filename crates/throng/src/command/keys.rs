//! `throng keys`: who may send events to the server and read from it.

use anyhow::bail;
use throng_engine::{Engine, ServerRole};
use throng_server::{Key, KeyHash};

use crate::arguments::{Format, KeysAddArguments, KeysCommand, RoleWanted};
use crate::failure::Usage;
use crate::home::Session;
use crate::output::{Align, Grid};

/// Characters of a name.
const NAME_LENGTH_MAX: usize = 100;

pub(super) fn run(session: &Session<'_>, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Add(arguments) => add(session, &arguments),
        KeysCommand::List => list(session),
    }
}

fn add(session: &Session<'_>, arguments: &KeysAddArguments) -> anyhow::Result<()> {
    check_name(&arguments.name)?;
    let mut engine = session.engine()?;
    let key = Key::random()?;
    let hash = KeyHash::of(key.as_str());
    let (name, role) = (&arguments.name, arguments.role.word());
    append(&mut engine, &format!("[[server.key]]\nname = \"{name}\"\nrole = \"{role}\"\nhash = \"{hash}\"\n"))?;
    if session.output.format() == Format::Json {
        return Ok(session.output.json(&serde_json::json!({"name": name, "role": role, "key": key.as_str()}))?);
    }
    session.output.note(&format!(
        "this is shown once: throng.toml keeps only its hash, under the name {name:?} and the role {role}; a running server learns of it when it is started again"
    ));
    Ok(session.output.text(key.as_str())?)
}

/// Checks that a name can stand in throng.toml and in a log as it is.
pub(super) fn check_name(name: &str) -> anyhow::Result<()> {
    let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'));
    if !named || name.is_empty() || name.len() > NAME_LENGTH_MAX {
        bail!(Usage {
            what: format!("{name:?} is no name here"),
            hint: format!("use letters, digits and - _ . @, {NAME_LENGTH_MAX} at most")
        });
    }
    Ok(())
}

/// Puts an entry at the end of throng.toml.
pub(super) fn append(engine: &mut Engine, entry: &str) -> anyhow::Result<()> {
    let mut text = engine.home().config_text()?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("\n{entry}"));
    Ok(engine.set_config(&text)?)
}

fn list(session: &Session<'_>) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let keys = &engine.home().config().server.keys;
    if session.output.format() == Format::Json {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| serde_json::json!({"name": key.name, "role": word(key.role), "hash": key.hash}))
            .collect();
        return Ok(session.output.json(&serde_json::json!({"keys": keys}))?);
    }
    if keys.is_empty() {
        return Ok(session.output.text("no keys yet; `throng keys add NAME --role ingest` makes one")?);
    }
    let mut grid = Grid::new(&[("name", Align::Left), ("role", Align::Left), ("hash begins", Align::Left)]);
    for key in keys {
        grid.row([key.name.as_str(), word(key.role), key.hash.get(..12).unwrap_or_default()]);
    }
    Ok(session.output.grid(&grid)?)
}

fn word(role: ServerRole) -> &'static str {
    match role {
        ServerRole::Ingest => "ingest",
        ServerRole::Read => "read",
        ServerRole::Analyst => "analyst",
        ServerRole::Admin => "admin",
    }
}

impl RoleWanted {
    fn word(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }
}
