//! Arguments of the commands around the server.

use std::net::SocketAddr;

use clap::{Args, Subcommand, ValueEnum};
use throng_event::Day;

/// Arguments of `throng serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where to listen, port 0 for any free one [default: as throng.toml says, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Compute features only, and count nobody for a persona
    #[arg(long)]
    pub(crate) no_model: bool,
}

/// What `throng keys` does.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key, show it once and keep its hash in throng.toml
    Add(KeysAddArguments),
    /// The names and roles of all keys
    List,
}

/// Arguments of `throng keys add`.
#[derive(Debug, Args)]
pub(crate) struct KeysAddArguments {
    /// Whose key it is; with the role ingest, the name of the source its events are of
    pub(crate) name: String,
    /// What its holder may do
    #[arg(long, value_enum)]
    pub(crate) role: RoleWanted,
}

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleWanted {
    /// Send events
    Ingest,
    /// Read profiles, personas and shifts
    Read,
    /// Ask anything of the tables, too
    Analyst,
    /// See what was refused, too
    Admin,
}

/// What `throng users` does.
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// Make a user, show the password once and keep its hash in throng.toml
    Add(UsersAddArguments),
    /// The names and roles of all users
    List,
}

/// Arguments of `throng users add`.
#[derive(Debug, Args)]
pub(crate) struct UsersAddArguments {
    /// The name to sign in with
    pub(crate) name: String,
    /// What they may do
    #[arg(long, value_enum)]
    pub(crate) role: UserRoleWanted,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UserRoleWanted {
    /// Look at everything
    Viewer,
    /// Ask anything of the tables, too
    Analyst,
    /// Decide what holds: models, identities, quarantine
    Admin,
}

/// Arguments of `throng verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(subcommand)]
    pub(crate) what: Option<VerifyCommand>,
}

/// What `throng verify` compares, where it is not what the tables say.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// Everybody's live profile with what batch makes of the lake, bit for bit; the server must not run
    Parity {
        /// The day as of whose end features are compared [default: the last day the server saw]
        #[arg(long, value_name = "DAY", value_parser = super::day)]
        as_of: Option<Day>,
    },
}
