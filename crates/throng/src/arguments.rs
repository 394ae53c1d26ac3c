//! What can be typed after `throng`, as clap reads it; each command's own arguments
//! are in the modules below, by what they are about.

mod audit;
mod data;
mod identity;
mod insight;
mod journeys;
mod load;
mod model;
mod server;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use throng_event::Day;

pub(crate) use audit::AuditArguments;
pub(crate) use data::{
    DemoArguments, DemoData, ExportArguments, ImportArguments, ImportForm, InitArguments, MessageOrderWord,
    QuarantineCommand, QuarantineListArguments, ReadmitArguments, SimulateArguments, SqlArguments,
};
pub(crate) use identity::{IdentityCommand, PairArguments, ProposeArguments};
pub(crate) use insight::{
    ContinuumWanted, DiscoverArguments, FeaturesCommand, FeaturesExportArguments, FeaturesProposeArguments,
    PersonasCommand, PersonasCompareArguments, PersonasExportArguments, PersonasMapArguments, PersonasNoteArguments,
    PersonasShowArguments, PersonasValidateArguments, PersonasWanted, ProfileArguments, ReportArguments,
};
pub(crate) use journeys::{
    AttributionArguments, CreditedWanted, CutArguments, EntriesWanted, FlowArguments, FrictionArguments,
    FunnelArguments, HeldOutWanted, JourneysCommand, LifecycleArguments, LoopsArguments, ModelWanted, NextArguments,
    OrderWanted, PathsArguments, PatternArguments, RepeatsWanted, RetentionArguments, ScopeWanted, Span,
    SurvivalArguments, TouchpointsArguments, TransitionsArguments, TypicalArguments, WhoseArguments, Within,
};
pub(crate) use load::LoadArguments;
pub(crate) use model::{ModelCommand, Shadow};

pub(crate) use server::{
    KeysAddArguments, KeysCommand, RoleWanted, ServeArguments, UserRoleWanted, UsersAddArguments, UsersCommand,
    VerifyArguments, VerifyCommand,
};

const EXAMPLES: &str = "\
From a file to personas:
  throng init shop --time-zone Europe/Berlin
  cd shop
  throng import auto ../orders.csv.zst
  throng features propose
  throng discover
  throng personas show
  throng report -o personas.html

Exit status: 0 done, 1 failed, 2 wrong usage.";

/// Finds the personas among your customers, with evidence for every statement.
#[derive(Debug, Parser)]
#[command(name = "throng", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct GlobalArguments {
    /// The home: the folder that holds throng.toml [default: the nearest one at or above this folder]
    #[arg(long, global = true, value_name = "DIR", env = "THRONG_HOME", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Threads to use; the results are the same with any number [default: all of the machine's]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Say nothing but the result
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorWhen::Auto, value_name = "WHEN")]
    pub(crate) color: ColorWhen,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people, at a terminal
    Text,
    /// One document for programs
    Json,
    /// For a wiki or a ticket
    Markdown,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// At a terminal
    Auto,
    /// Also into files and pipes
    Always,
    /// Nowhere
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an empty home: a folder with throng.toml
    Init(InitArguments),
    /// Read files into the home; reading the same again changes nothing
    Import(ImportArguments),
    /// Write the events as Segment messages, for other tools or another home
    Export(ExportArguments),
    /// Look at rows that were not admitted, and admit them after a correction
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Who is who, and why: which ids are one person
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Whether the data can be trusted, and whether it is enough
    Audit(AuditArguments),
    /// The numbers that describe a customer: propose, list, export
    #[command(subcommand)]
    Features(FeaturesCommand),
    /// Look for personas among the customers
    Discover(DiscoverArguments),
    /// The personas that were found, with the evidence for each statement
    #[command(subcommand)]
    Personas(PersonasCommand),
    /// The models that say who belongs to which persona: list, compare, promote, roll back
    #[command(subcommand)]
    Model(ModelCommand),
    /// What customers do one after the other: paths, flows, funnels, retention, friction and more
    #[command(subcommand)]
    Journeys(JourneysCommand),
    /// One customer: who it is, what it does, which persona it belongs to
    Profile(ProfileArguments),
    /// Ask anything of the tables
    Sql(SqlArguments),
    /// Write one web page about the personas, to forward
    Report(ReportArguments),
    /// Compute everything again and compare it with what is stored
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArguments),
    /// Take events over HTTP and know everybody's persona as they happen
    Serve(ServeArguments),
    /// Send a server what a shop would, and tell how it bears it
    Load(LoadArguments),
    /// Who may send events to the server and read from it
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Who may sign in to the page of the server
    #[command(subcommand)]
    Users(UsersCommand),
    /// Make customers with known personas, to try things on
    Simulate(SimulateArguments),
    /// Go the whole way from data to a report in one command
    Demo(DemoArguments),
    /// Write the completions for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  throng verify                  exit status 0 when everything agrees, 1 otherwise
  throng verify --format json";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  throng completions bash > ~/.local/share/bash-completion/completions/throng
  throng completions zsh > ~/.zfunc/_throng";

/// Reads a day such as `2024-12-31`.
fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day is written as in 2024-12-31".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_of_every_command_may_stand_anywhere() {
        for words in [
            &["throng", "--home", "h", "--format", "json", "personas", "list"][..],
            &["throng", "personas", "list", "--format", "json", "--home", "h"],
        ] {
            let arguments = Arguments::try_parse_from(words).unwrap();
            assert_eq!(arguments.global.format, super::Format::Json);
            assert_eq!(arguments.global.home.as_deref(), Some(std::path::Path::new("h")));
        }
    }

    #[test]
    fn a_day_that_does_not_exist_is_wrong_usage() {
        let error = Arguments::try_parse_from(["throng", "discover", "--as-of", "2024-02-30"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
