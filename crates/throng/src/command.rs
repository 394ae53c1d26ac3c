//! The commands, one module each: every one opens a home, asks the engine, prints.

mod activity;
mod audit;
mod compare;
mod completions;
mod demo;
mod discover;
mod export;
mod features;
mod identity;
mod import;
mod init;
mod journeys;
mod keys;
mod load;
mod map;
mod model;
mod notes;
mod personas;
mod profile;
mod quarantine;
mod reliability;
mod report;
mod serve;
mod simulate;
mod sql;
mod users;
mod verify;

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::arguments::{Arguments, Command};
use crate::failure::Usage;
use crate::home::Session;

/// Runs the command that was typed.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    dispatch(&Session::new(arguments.global), arguments.command)
}

/// Runs a command for somebody who does not sit at this machine.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn answer(session: &Session<'_>, command: Command) -> anyhow::Result<()> {
    if let Command::Sql(arguments) = &command {
        return sql::answer(session, &arguments.query);
    }
    dispatch(session, command)
}

fn dispatch(session: &Session<'_>, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init(arguments) => init::run(session, arguments),
        Command::Import(arguments) => import::run(session, &arguments),
        Command::Export(arguments) => export::run(session, &arguments),
        Command::Quarantine(command) => quarantine::run(session, command),
        Command::Identity(command) => identity::run(session, &command),
        Command::Audit(arguments) => audit::run(session, &arguments),
        Command::Features(command) => features::run(session, command),
        Command::Discover(arguments) => discover::run(session, &arguments),
        Command::Personas(command) => personas::run(session, command),
        Command::Model(command) => model::run(session, command),
        Command::Journeys(command) => journeys::run(session, command),
        Command::Profile(arguments) => profile::run(session, &arguments),
        Command::Sql(arguments) => sql::run(session, &arguments),
        Command::Report(arguments) => report::run(session, &arguments),
        Command::Verify(arguments) => verify::run(session, &arguments),
        Command::Serve(arguments) => serve::run(session, &arguments),
        Command::Load(arguments) => load::run(session, &arguments),
        Command::Keys(command) => keys::run(session, command),
        Command::Users(command) => users::run(session, command),
        Command::Simulate(arguments) => simulate::run(session, &arguments),
        Command::Demo(arguments) => demo::run(session, &arguments),
        Command::Completions { shell } => completions::run(session, shell),
    }
}

/// Writes a file whole or not at all: beside its place first, then renamed.
fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || format!("cannot write {path:?}");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::NamedTempFile::new_in(folder).with_context(attempt)?;
    beside.write_all(bytes).with_context(attempt)?;
    beside.as_file().sync_all().with_context(attempt)?;
    // What others may read of a new file is the system's default, not the temporary file's.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::Permissions::from_mode(0o644);
        beside.as_file().set_permissions(permissions).with_context(attempt)?;
    }
    beside.persist(path).with_context(attempt)?;
    Ok(())
}

/// Checks that a file can stand where it is to be written, before the work is done.
///
/// # Errors
/// [`Usage`] when its folder is not there.
fn check_folder_of(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Ok(());
    }
    let what = format!("cannot write {path:?}: there is no folder {folder:?}");
    bail!(Usage { what, hint: "make it first".to_owned() })
}

/// Checks that a file named on the command line is there.
///
/// # Errors
/// [`Usage`] when it is not.
fn check_readable(path: &Path) -> anyhow::Result<()> {
    if let Err(error) = fs::metadata(path) {
        bail!(Usage { what: format!("cannot read {path:?}: {error}"), hint: "check the path".to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.html");
        write_file(&path, b"one").unwrap();
        write_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write_file(&folder.path().join("missing/a.html"), b"x").unwrap_err();
        assert!(error.to_string().contains("a.html"), "{error}");
    }
}
