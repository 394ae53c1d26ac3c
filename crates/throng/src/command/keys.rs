//! `throng keys`: who may send events to the server and read from it.

use anyhow::bail;
use throng_engine::ServerRole;
use throng_server::{Key, KeyHash};

use crate::arguments::{Format, KeysAddArguments, KeysCommand, RoleWanted};
use crate::failure::Usage;
use crate::home::Session;
use crate::output::{Align, Grid};

pub(super) fn run(session: &Session, command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Add(arguments) => add(session, &arguments),
        KeysCommand::List => list(session),
    }
}

fn add(session: &Session, arguments: &KeysAddArguments) -> anyhow::Result<()> {
    let named = arguments.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !named || arguments.name.is_empty() {
        bail!(Usage {
            what: format!("{:?} is no name for a key", arguments.name),
            hint: "use letters, digits, - and _".to_owned()
        });
    }
    let mut engine = session.engine()?;
    let key = Key::random()?;
    let hash = KeyHash::of(key.as_str());
    let (name, role) = (&arguments.name, arguments.role.word());
    let mut text = engine.home().config_text()?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("\n[[server.key]]\nname = \"{name}\"\nrole = \"{role}\"\nhash = \"{hash}\"\n"));
    engine.set_config(&text)?;
    if session.output.format() == Format::Json {
        return Ok(session.output.json(&serde_json::json!({"name": name, "role": role, "key": key.as_str()}))?);
    }
    session.output.note(&format!(
        "this is shown once: throng.toml keeps only its hash, under the name {name:?} and the role {role}; a running server learns of it when it is started again"
    ));
    Ok(session.output.text(key.as_str())?)
}

fn list(session: &Session) -> anyhow::Result<()> {
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
        ServerRole::Admin => "admin",
    }
}

impl RoleWanted {
    fn word(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}
