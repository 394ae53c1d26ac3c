//! Arguments of the commands that say something about customers.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use throng_engine::MapArea;
use throng_event::Day;
use throng_persona::Method;

use super::day;

/// The feature catalogue.
#[derive(Debug, Subcommand)]
pub(crate) enum FeaturesCommand {
    /// Look at the events and write a catalogue into throng.toml
    Propose(FeaturesProposeArguments),
    /// Show the catalogue
    #[command(after_help = "\
In throng.toml every feature is a table [[feature]]: edit, remove or add. Two kinds are about journeys:

  [[feature]]
  name = \"carts_left_share\"
  kind = \"pattern\"
  pattern = '\"Product Added\" -> [^\"Order Completed\"]* -> end'      as for `throng journeys pattern`
  measure = \"share\"       count: how many journeys follow it [default]; any: 1 where any does,
                          else 0; share: their share in all journeys
  within = \"session\"      how far a journey goes: session [default], day or history
  gap_minutes = 30        the longest gap within a session [default: 30]
  window = \"90d\"          the days that are seen [default: all]

  [[feature]]
  name = \"order_next\"
  kind = \"next_step\"
  touchpoint = \"Order Completed\"     how probable it is as the next step of the last journey in the
                                     window, by what came next in everybody's journeys up to the day
  within, gap_minutes and window as above

Both also take description, phrase, unit and category; where these are absent they are made of the rest,
and the category is behavioural. Of one customer the newest 65,536 events of the window are looked at.")]
    List,
    /// Compute the features of every customer and write them to a Parquet file
    Export(FeaturesExportArguments),
}

/// Propose a catalogue.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng features propose                 fills in an empty catalogue
  throng features propose --dry-run       only shows it
  throng features propose --write         also replaces a catalogue that was edited")]
pub(crate) struct FeaturesProposeArguments {
    /// Replace the catalogue in throng.toml even when it differs from the proposal
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) write: bool,
    /// Show the proposal, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Export features.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng features export -o features.parquet
  throng features export --as-of 2024-06-30 -o june.parquet")]
pub(crate) struct FeaturesExportArguments {
    /// The day whose end the numbers are taken at [default: the day of the last event]
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) as_of: Option<Day>,
    /// The Parquet file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Look for personas.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng discover
  throng discover --personas 4
  throng discover --as-of 2024-06-30 --seed 7
  throng discover --continuum cut
  throng discover --continuum cut --personas 5 --method ward

When the customers do not fall into groups, Throng says so, why, and along what they differ; that
is an answer, not an error.")]
pub(crate) struct DiscoverArguments {
    /// How many: auto lets the data say, or a number from 2 to 12 [default: as in throng.toml]
    #[arg(long, value_name = "auto|N")]
    pub(crate) personas: Option<PersonasWanted>,
    /// The day whose end the numbers are taken at [default: the day of the last event]
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) as_of: Option<Day>,
    /// What all chance comes from [default: as in throng.toml]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Where customers fall into no separate kinds: refuse says so, cut divides them by degrees all
    /// the same, if they are divided alike each time [default: as in throng.toml]
    #[arg(long, value_name = "refuse|cut")]
    pub(crate) continuum: Option<ContinuumWanted>,
    /// How customers are divided once it is known into how many: auto, k-means, mixture, ward, hdbscan
    /// (which has a number of its own) or factorisation [default: as in throng.toml]
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub(crate) method: Option<Method>,
}

fn method(text: &str) -> Result<Method, String> {
    Method::parse(text).map_err(|_| "say auto, k-means, mixture, ward, hdbscan or factorisation".to_owned())
}

/// What is done with a continuum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ContinuumWanted {
    /// It is said so.
    Refuse,
    /// It is cut.
    Cut,
}

impl ContinuumWanted {
    /// Returns what the discovery calls it.
    pub(crate) fn continuum(self) -> throng_persona::Continuum {
        match self {
            Self::Refuse => throng_persona::Continuum::Refused,
            Self::Cut => throng_persona::Continuum::Cut,
        }
    }
}

/// How many personas are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersonasWanted {
    /// As many as the data hold.
    Auto,
    /// So many.
    Exactly(usize),
}

impl FromStr for PersonasWanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let number = text.parse().ok().filter(|number| (2..=12).contains(number));
        number.map(Self::Exactly).ok_or_else(|| "say auto, or a number from 2 to 12".to_owned())
    }
}

/// The personas.
#[derive(Debug, Subcommand)]
pub(crate) enum PersonasCommand {
    /// One line for each persona
    #[command(after_help = "\
Examples:
  throng personas list
  throng personas list --format markdown")]
    List,
    /// What sets each persona apart, and how sure that is
    Show(PersonasShowArguments),
    /// All personas with all evidence, as JSON (or --format markdown)
    Export(PersonasExportArguments),
    /// How well personas predict what customers do afterwards, beside RFM quintiles and k-means
    Validate(PersonasValidateArguments),
    /// How far memberships can be relied on: what was said, and how often it came so
    #[command(after_help = "\
Examples:
  throng personas reliability
  throng personas reliability --format json

Shares are judged on customers held out of the fit: what was said of them on an earlier day, beside
the persona they count for now. `throng discover` looks back by itself.")]
    Reliability,
    /// Every discovery so far: which personas stayed, split, merged, came and went
    #[command(after_help = "\
Examples:
  throng personas history
  throng personas history --format json")]
    History,
    /// What two personas differ in, or one on two days, the greatest effect first
    Compare(PersonasCompareArguments),
    /// All customers in two dimensions, who is near whom, and what grows along the axes
    Map(PersonasMapArguments),
    /// At which hours and on which weekdays the customers of each persona do things
    #[command(after_help = "\
Examples:
  throng personas activity
  throng personas activity --format json

Events up to the day of the discovery, by the hours and days of the home's time zone.")]
    Activity,
    /// Keep what somebody heard from customers of a persona, beside what is counted
    Note(PersonasNoteArguments),
    /// Show the notes about all personas, or some
    Notes(PersonasShowArguments),
}

/// Compare personas.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng personas compare p1 p2
  throng personas compare 'weekend families' --then 2024-03-31
  throng personas compare p1 --then 2024-03-31 --now 2024-06-30 --format json

Everything that is known of customers is measured in both groups. Effects are Cliff's delta, or the
difference of two shares, with 95 % intervals; what differs no more than chance would have it, false
discoveries held to 1 %, or too little to act on, is left out of the table. On two days both times
those are compared who count for the persona by the newest discovery's model, as they were known then.")]
pub(crate) struct PersonasCompareArguments {
    /// A persona: its id or name, or a part of a name
    #[arg(value_name = "ID|NAME")]
    pub(crate) persona: String,
    /// Another one
    #[arg(value_name = "ID|NAME", required_unless_present = "then", conflicts_with = "then")]
    pub(crate) other: Option<String>,
    /// The same persona at the end of this day
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) then: Option<Day>,
    /// Beside this day [default: the day of the newest discovery]
    #[arg(long, value_name = "DAY", value_parser = day, requires = "then")]
    pub(crate) now: Option<Day>,
    /// Rows of the table at most
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub(crate) top: usize,
}

/// Draw customers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng personas map
  throng personas map --within=-1.5,0,0.5,2 --top 100     who is in a part of it
  throng personas map --format json

The plane is that of the two leading principal components of the space in which personas are told
apart: what is near on it is near there, as far as two dimensions can show it.")]
pub(crate) struct PersonasMapArguments {
    /// With --format json: squares along each axis that customers are counted in
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub(crate) squares: u32,
    /// A rectangle, its lower left and upper right corner: who is in it; a side may be -inf or inf
    #[arg(long, value_name = "X,Y,X,Y", value_parser = area)]
    pub(crate) within: Option<MapArea>,
    /// Customers in it to name
    #[arg(long, value_name = "N", default_value_t = 20, requires = "within")]
    pub(crate) top: usize,
}

fn area(text: &str) -> Result<MapArea, String> {
    let wrong = || "say two corners as four numbers, such as -1.5,0,0.5,2".to_owned();
    let numbers: Vec<f64> = text.split(',').map_while(|number| number.trim().parse().ok()).collect();
    let sides: [f64; 4] = numbers.try_into().map_err(|_| wrong())?;
    let [x, y, to_x, to_y] = sides;
    // Neither holds where a number is none.
    if text.split(',').count() == 4 && x <= to_x && y <= to_y {
        Ok(MapArea { low: [x, y], high: [to_x, to_y] })
    } else {
        Err(wrong())
    }
}

/// Write a note.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng personas note p1 'They shop on the way home, on the phone' --source 'interview, Anna, 12 March'
  throng personas notes p1

A note is somebody's word: it is shown as a note and never becomes a claim.")]
pub(crate) struct PersonasNoteArguments {
    /// Its id or name, or a part of a name
    #[arg(value_name = "ID|NAME")]
    pub(crate) persona: String,
    /// What was heard
    pub(crate) text: String,
    /// Where it comes from
    #[arg(long)]
    pub(crate) source: Option<String>,
}

/// Show personas.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng personas show
  throng personas show p1 p3
  throng personas show 'weekend families' --format markdown")]
pub(crate) struct PersonasShowArguments {
    /// Ids or names, or a part of a name [default: all]
    #[arg(value_name = "ID|NAME")]
    pub(crate) personas: Vec<String>,
}

/// Validate personas.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng personas validate
  throng personas validate --days 30 --as-of 2024-06-30
  throng personas validate --continuum cut --format json

Personas are looked for as of a day in the past and held against what customers did after it. The
share of the deviance explained is that on customers left out of the fit (10 folds); 0 is no
better than the mean. Nothing is written.")]
pub(crate) struct PersonasValidateArguments {
    /// Days that are predicted
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// The day whose end the personas are taken at [default: so many days before the last event]
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) as_of: Option<Day>,
    /// What all chance comes from [default: as in throng.toml]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Where customers fall into no separate kinds: refuse, or cut [default: as in throng.toml]
    #[arg(long, value_name = "refuse|cut")]
    pub(crate) continuum: Option<ContinuumWanted>,
    /// How customers are divided once it is known into how many: auto, k-means, mixture, ward, hdbscan
    /// (which has a number of its own) or factorisation [default: as in throng.toml]
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub(crate) method: Option<Method>,
}

/// Export personas.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng personas export > personas.json
  throng personas export --format markdown -o personas.md")]
pub(crate) struct PersonasExportArguments {
    /// Write to a file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// One customer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng profile 12345
  throng profile u:12345 --format json
  throng profile 12345 --weeks 12           how its shares in the personas went")]
pub(crate) struct ProfileArguments {
    /// A user id, a device's id, or a profile id such as u:12345
    pub(crate) id: String,
    /// Recent events to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) events: usize,
    /// Weeks to look back on: how much it belonged to each persona by what was known then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=520))]
    pub(crate) weeks: Option<u16>,
}

/// Write the report.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng report -o personas.html

One file without scripts; nothing in it is loaded from elsewhere.")]
pub(crate) struct ReportArguments {
    /// The HTML file
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
}
