//! `throng users`: who may sign in to the page of the server.

use anyhow::bail;
use throng_engine::ServerRole;
use throng_server::{Key, Password};

use super::keys::{append, check_name};
use crate::arguments::{Format, UserRoleWanted, UsersAddArguments, UsersCommand};
use crate::failure::Usage;
use crate::home::Session;
use crate::output::{Align, Grid};

pub(super) fn run(session: &Session<'_>, command: UsersCommand) -> anyhow::Result<()> {
    match command {
        UsersCommand::Add(arguments) => add(session, &arguments),
        UsersCommand::List => list(session),
    }
}

fn add(session: &Session<'_>, arguments: &UsersAddArguments) -> anyhow::Result<()> {
    let name = &arguments.name;
    // A password that nobody chose cannot be guessed, and is the same for no two places.
    let password = Key::random()?;
    keep(session, name, (arguments.role.role(), &Password::of(password.as_str())?))?;
    let role = word(arguments.role.role());
    if session.output.format() == Format::Json {
        let document = serde_json::json!({"name": name, "role": role, "password": password.as_str()});
        return Ok(session.output.json(&document)?);
    }
    session.output.note(&format!(
        "this is shown once: throng.toml keeps only its hash, for the {role} {name:?}; a running server learns of it when it is started again"
    ));
    Ok(session.output.text(password.as_str())?)
}

/// Writes a user into throng.toml.
pub(super) fn keep(session: &Session<'_>, name: &str, (role, password): (ServerRole, &Password)) -> anyhow::Result<()> {
    check_name(name)?;
    let mut engine = session.engine()?;
    if engine.home().config().server.users.iter().any(|user| user.name == name) {
        bail!(Usage {
            what: format!("there is a user {name:?} already"),
            hint: "take the lines of it out of throng.toml first".to_owned(),
        });
    }
    let role = word(role);
    append(&mut engine, &format!("[[server.user]]\nname = \"{name}\"\nrole = \"{role}\"\npassword = \"{password}\"\n"))
}

fn list(session: &Session<'_>) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let users = &engine.home().config().server.users;
    if session.output.format() == Format::Json {
        let users: Vec<_> =
            users.iter().map(|user| serde_json::json!({"name": user.name, "role": word(user.role)})).collect();
        return Ok(session.output.json(&serde_json::json!({"users": users}))?);
    }
    if users.is_empty() {
        return Ok(session.output.text("no users yet; `throng users add NAME --role admin` makes one")?);
    }
    let mut grid = Grid::new(&[("name", Align::Left), ("role", Align::Left)]);
    for user in users {
        grid.row([user.name.as_str(), word(user.role)]);
    }
    Ok(session.output.grid(&grid)?)
}

fn word(role: ServerRole) -> &'static str {
    match role {
        ServerRole::Ingest => "ingest",
        ServerRole::Read => "viewer",
        ServerRole::Analyst => "analyst",
        ServerRole::Admin => "admin",
    }
}

impl UserRoleWanted {
    fn role(self) -> ServerRole {
        match self {
            Self::Viewer => ServerRole::Read,
            Self::Analyst => ServerRole::Analyst,
            Self::Admin => ServerRole::Admin,
        }
    }
}
