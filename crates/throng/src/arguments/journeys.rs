//! Arguments of the commands about journeys: whose, when, how far a journey goes, and
//! whose customers are to be listed, one way for all of them.

mod wanted;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use throng_event::Day;

use super::day;

pub(crate) use wanted::{
    BracketWanted, CreditedWanted, EntriesWanted, HeldOutWanted, ModelWanted, OrderWanted, RepeatsWanted, ScopeWanted,
    Span, Within,
};

/// What customers do one after the other.
#[derive(Debug, Subcommand)]
pub(crate) enum JourneysCommand {
    /// What there is on the way: touchpoints with counts, or rules for better ones
    Touchpoints(TouchpointsArguments),
    /// The most frequent paths
    Paths(PathsArguments),
    /// What comes before and after a step, column by column, drop-off included
    Flow(FlowArguments),
    /// Where customers go round in circles, or to and fro
    Loops(LoopsArguments),
    /// The journey that stands for the others: one that somebody took
    Typical(TypicalArguments),
    /// How many journeys follow a pattern such as 'cart -> [^shipping|support]* -> end'
    Pattern(PatternArguments),
    /// How many take the given steps in time, how long it takes, and what the others did instead
    Funnel(FunnelArguments),
    /// What follows what, and how long it takes
    Transitions(TransitionsArguments),
    /// Which touchpoints, channels or campaigns are credited with conversions
    Attribution(AttributionArguments),
    /// Who comes back after the first touch
    Retention(RetentionArguments),
    /// New, current, resurrected and dormant customers, span by span
    Lifecycle(LifecycleArguments),
    /// How long it takes until something happens, of those too to whom it has not happened yet
    Survival(SurvivalArguments),
    /// Steps ranked by the customers and the money lost there
    Friction(FrictionArguments),
    /// What comes next after some touchpoints, and how often such a prediction is right
    Next(NextArguments),
}

/// Whose journeys, when, and who is behind a number.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Whose journeys, and when")]
pub(crate) struct WhoseArguments {
    /// Only the customers of this persona, by id or name, or of a kind within one, by its id as p2.1;
    /// given twice, both side by side with the difference
    #[arg(long, value_name = "ID|NAME")]
    pub(crate) persona: Vec<String>,
    /// Only customers for whom this SQL condition over the columns of the table features holds
    #[arg(long, value_name = "SQL")]
    pub(crate) audience: Option<String>,
    /// Only customers one of whose sessions follows this pattern, written as for `journeys pattern`;
    /// where visits are single events, whose whole history does
    #[arg(long, value_name = "PATTERN")]
    pub(crate) follows: Option<String>,
    /// Nothing before this day
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) since: Option<Day>,
    /// Nothing after this day
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) until: Option<Day>,
    /// What was before this day and what from it on, side by side with the difference
    #[arg(long, value_name = "DAY", value_parser = day)]
    pub(crate) before_after: Option<Day>,
    /// Instead of the table, the customers behind one row of it: its number, or its words as in
    /// 'A -> B'
    #[arg(long, value_name = "ROW|WORDS", allow_hyphen_values = true)]
    pub(crate) customers: Option<String>,
    /// Write those customers to a file, .csv or .parquet
    #[arg(long, value_name = "FILE", requires = "customers")]
    pub(crate) out: Option<PathBuf>,
}

/// How histories are cut into journeys.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "What a journey is")]
pub(crate) struct CutArguments {
    /// How far a journey goes: session, day, history, or source for the sessions of the data's source
    /// [default: session, or history where visits are single events]
    #[arg(long, value_enum, value_name = "session|day|history|source")]
    pub(crate) within: Option<ScopeWanted>,
    /// The pause that ends a session, such as 30m or 2h [default: as in throng.toml]
    #[arg(long, value_name = "TIME")]
    pub(crate) gap: Option<Span>,
    /// Whether a touchpoint that follows its like counts again [default: as suits the question]
    #[arg(long, value_enum, value_name = "keep|collapse")]
    pub(crate) repeats: Option<RepeatsWanted>,
}

/// Touchpoints.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys touchpoints
  throng journeys touchpoints --persona p1 --persona p2
  throng journeys touchpoints --propose           rules to paste into throng.toml
  throng journeys touchpoints --customers 'Product Viewed' --out viewers.csv

An event is called by the first rule in [[journeys.touchpoints]] that fits it, else by its own name.")]
pub(crate) struct TouchpointsArguments {
    /// Propose rules from the pages, campaigns and channels in the data
    #[arg(long, conflicts_with_all = ["persona", "audience", "follows", "since", "until", "before_after", "customers"])]
    pub(crate) propose: bool,
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Paths.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys paths --top 20
  throng journeys paths --within history                   over a customer's whole history
  throng journeys paths --goal 'Order Completed'           and how many of each path order
  throng journeys paths --persona p1 --persona p2          side by side, with what differs
  throng journeys paths --customers 3 --out path.csv       who took the third path")]
pub(crate) struct PathsArguments {
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Steps of a path that are told apart
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) steps: u32,
    /// Touchpoints that make a journey a success
    #[arg(long, value_name = "NAME")]
    pub(crate) goal: Vec<String>,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// A flow.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys flow 'Product Added'                     two steps before and after
  throng journeys flow 'Order Completed' --before 4 --after 0
  throng journeys flow --after 4                           from the beginning of journeys
  throng journeys flow --anchor-last --before 4            back from their end
  throng journeys flow 'Product Added' --customers '+1: (end)'")]
pub(crate) struct FlowArguments {
    /// The step to look around [default: the beginning of journeys]
    #[arg(value_name = "TOUCHPOINT")]
    pub(crate) anchor: Option<String>,
    /// Look at the last time the step occurs in a journey instead of the first
    #[arg(long)]
    pub(crate) anchor_last: bool,
    /// Steps before
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub(crate) before: u32,
    /// Steps after
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=20))]
    pub(crate) after: u32,
    /// Touchpoints told apart at each step; the rest is "(other)"
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Loops.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys loops
  throng journeys loops --within history --persona p1
  throng journeys loops --customers 'Cart -> Shipping -> Cart'")]
pub(crate) struct LoopsArguments {
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// The typical journey.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys typical
  throng journeys typical --persona p1 --persona p2
  throng journeys typical --within history")]
pub(crate) struct TypicalArguments {
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// A pattern.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys pattern 'Product Added -> [^Order Completed]* -> end'
  throng journeys pattern 'start -> .{0,3} -> [Search|Category]'
  throng journeys pattern '(Ad | Email) -> .* -> Order Completed' --customers 1 --out audience.csv

A touchpoint is written by its name, in \"quotes\" where it has other signs than letters; [a|b] is any
of these, [^a|b] any other, a point any touchpoint; start and end are those of the journey; *, +, ?
and {2,5} say how often; -> is directly followed by.")]
pub(crate) struct PatternArguments {
    /// The pattern
    #[arg(value_name = "PATTERN")]
    pub(crate) pattern: String,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// A funnel.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys funnel                                   the one in throng.toml
  throng journeys funnel 'Product Viewed' 'Product Added' 'Order Completed' --within 7d
  throng journeys funnel A B C --order strict --within session
  throng journeys funnel A B --exclude Support --entries every
  throng journeys funnel --by persona
  throng journeys funnel --correlations
  throng journeys funnel --customers 'Product Added -> lost' --out lost.csv")]
pub(crate) struct FunnelArguments {
    /// Touchpoints, the first step first; A|B is either [default: as in throng.toml]
    #[arg(value_name = "STEP")]
    pub(crate) steps: Vec<String>,
    /// Time from the first step to the last, such as 7d; or session, day, history, source
    /// [default: the days in throng.toml]
    #[arg(long, value_name = "TIME|SCOPE")]
    pub(crate) within: Option<Within>,
    /// The pause that ends a session, with --within session [default: as in throng.toml]
    #[arg(long, value_name = "TIME")]
    pub(crate) gap: Option<Span>,
    /// Whether others may lie between the steps (ordered), none may (strict), or steps come in any order
    #[arg(long, value_enum, default_value_t = OrderWanted::Ordered)]
    pub(crate) order: OrderWanted,
    /// A touchpoint that ends an attempt between the first step and the last
    #[arg(long, value_name = "NAME")]
    pub(crate) exclude: Vec<String>,
    /// Whether a customer counts once, by the attempt that goes furthest, or with every attempt
    #[arg(long, value_enum, default_value_t = EntriesWanted::Once)]
    pub(crate) entries: EntriesWanted,
    /// Break down by persona, or by a column of the tables features or events
    #[arg(long, value_name = "persona|COLUMN")]
    pub(crate) by: Option<String>,
    /// Also list what goes together with completing the funnel, or with leaving it: touchpoints on the
    /// way, and properties as they were known at the first step
    #[arg(long)]
    pub(crate) correlations: bool,
    /// Lines to show of what was done instead, and of correlations
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Transitions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys transitions --persona p1
  throng journeys transitions --from 'Product Added'
  throng journeys transitions --goal 'Order Completed'     and what would be lost without each touchpoint
  throng journeys transitions --customers 'Product Added -> (end)'")]
pub(crate) struct TransitionsArguments {
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) top: usize,
    /// Only what follows this touchpoint
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Touchpoints that are the goal: how likely it is from each, and what is lost without it
    #[arg(long, value_name = "NAME")]
    pub(crate) goal: Vec<String>,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Attribution.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys attribution --goal 'Order Completed' --by campaign
  throng journeys attribution --model first,last,markov,shapley
  throng journeys attribution --by touchpoint --lookback 14d --persona p1")]
pub(crate) struct AttributionArguments {
    /// Touchpoints that are conversions [default: the last step of the funnel in throng.toml, or the order]
    #[arg(long, value_name = "NAME")]
    pub(crate) goal: Vec<String>,
    /// What is credited: touchpoints, channels, campaigns, or kinds (owned, earned, paid, offline)
    #[arg(long, value_enum, default_value_t = CreditedWanted::Touchpoint)]
    pub(crate) by: CreditedWanted,
    /// How credit is divided; several side by side
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [ModelWanted::First, ModelWanted::Last, ModelWanted::Linear, ModelWanted::Markov])]
    pub(crate) model: Vec<ModelWanted>,
    /// How old a touchpoint may be at the conversion
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub(crate) lookback: Span,
    /// The age at which a touchpoint counts half, for time-decay
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub(crate) half_life: Span,
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Retention.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys retention                                by month of the first touch
  throng journeys retention --every 7d --brackets 1,7,30
  throng journeys retention --brackets 1-7,8-30,31-90,91-  the last one: ever after
  throng journeys retention --persona p1 --persona p2
  throng journeys retention --customers 'all -> 31-90'")]
pub(crate) struct RetentionArguments {
    /// Days of first touches that are one row
    #[arg(long, value_name = "TIME", default_value = "28d")]
    pub(crate) every: Span,
    /// Days after the first touch: 7 is day seven, 8-30 any day between, 31- ever after
    #[arg(long, value_name = "DAYS,…", value_delimiter = ',', default_values = ["1-7", "8-30", "31-90", "91-180", "181-"])]
    pub(crate) brackets: Vec<BracketWanted>,
    /// Rows to show, the newest
    #[arg(long, value_name = "N", default_value_t = 13)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Stages of life.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys lifecycle
  throng journeys lifecycle --every 7d --top 20
  throng journeys lifecycle --customers '2024-06-03 -> dormant' --out win-back.csv")]
pub(crate) struct LifecycleArguments {
    /// Days of a span
    #[arg(long, value_name = "TIME", default_value = "28d")]
    pub(crate) every: Span,
    /// Spans to show, the newest
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(crate) top: u32,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Survival.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys survival --to 'Order Completed'                        from the first touch to the first order
  throng journeys survival --from 'Order Completed' --to 'Order Completed'  to the second order
  throng journeys survival --to 'Order Completed' --customers lasting    to whom it has not happened yet")]
pub(crate) struct SurvivalArguments {
    /// Time begins with the first of these [default: the first touch]
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Vec<String>,
    /// It ends with the first of these after it [default: the last step of the funnel in throng.toml, or the order]
    #[arg(long, value_name = "NAME")]
    pub(crate) to: Vec<String>,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Friction.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys friction
  throng journeys friction --goal 'Order Completed' --support 'Ticket Opened'
  throng journeys friction --customers 'Checkout Started -> lost' --out call-them.csv

A journey is looked at up to its goal; one without it is lost at its last touchpoint. At stake is what
the lost journeys would have brought had they come to the goal as often as those that went on.")]
pub(crate) struct FrictionArguments {
    /// Touchpoints that journeys are to reach [default: the last step of the funnel in throng.toml, or the order]
    #[arg(long, value_name = "NAME")]
    pub(crate) goal: Vec<String>,
    /// Touchpoints by which customers ask for help [default: those whose names say so]
    #[arg(long, value_name = "NAME")]
    pub(crate) support: Vec<String>,
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}

/// Next steps.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng journeys next                                     what journeys begin with
  throng journeys next 'Product Viewed' 'Product Added'    what comes after these two
  throng journeys next 'Product Added' --customers '(end)' who left there

The model is fitted to all journeys shown; how often it is right is measured on a third of the
customers, by a model fitted to the others.")]
pub(crate) struct NextArguments {
    /// The journey so far, the first touchpoint first
    #[arg(value_name = "TOUCHPOINT")]
    pub(crate) prefix: Vec<String>,
    /// Touchpoints back that the model looks at
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub(crate) order: u32,
    /// Touchpoints a journey must have before a step counts for the accuracy
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=50))]
    pub(crate) after: u32,
    /// Whom the accuracy is measured on: the third who came last (newest), or the third whose ids come
    /// last, as published results on logs of cases hold them out (ids)
    #[arg(long, value_enum, default_value_t = HeldOutWanted::Newest)]
    pub(crate) held_out: HeldOutWanted,
    /// Lines to show
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) top: usize,
    #[command(flatten)]
    pub(crate) cut: CutArguments,
    #[command(flatten)]
    pub(crate) whose: WhoseArguments,
}
