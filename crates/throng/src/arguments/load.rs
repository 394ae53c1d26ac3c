//! Arguments of `throng load`.

use std::num::{NonZeroU32, NonZeroU64};

use clap::Args;

/// Arguments of `throng load`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng load http://127.0.0.1:8080 --key KEY --events 1000000
      as fast as it goes: how many events a second this machine takes
  throng load http://127.0.0.1:8080 --key KEY --rate 5000 --batch 1 --seconds 60 \\
      --read-key KEY --reads 200 --until-readable 50
      at a rate: how long calls take, how long profiles take to be read, and how long until an
      event is in the profile that is read
  throng load https://throng.example --key KEY --rate 20000 --seconds 1200 --every 60
      for twenty minutes, with a line each minute

At a rate, latency is counted from when a request should have been sent, so a server that falls
behind is not excused by requests that were held back meanwhile. Without one, every connection
sends as soon as it was answered.

The events are those of a shop. Who comes, and what they do, is the same for the same --seed;
times are the present, and message ids are new with every run. People leave their sessions in
your server: use a home that was made for it.")]
pub(crate) struct LoadArguments {
    /// Where the server is, such as http://127.0.0.1:8080
    pub(crate) url: String,
    /// A key with the role ingest
    #[arg(long)]
    pub(crate) key: String,
    /// A key with the role read, for --reads and --until-readable
    #[arg(long, value_name = "KEY")]
    pub(crate) read_key: Option<String>,
    /// Events to send
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) events: Option<NonZeroU64>,
    /// How long to send [default: 10, where no number of events is given]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<NonZeroU64>,
    /// Events a second [default: as many as the server takes]
    #[arg(long, value_name = "EVENTS")]
    pub(crate) rate: Option<NonZeroU32>,
    /// Connections that events are sent on, each with one request at a time
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// Events of one request; 1 for a call of its own for each
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=2500))]
    pub(crate) batch: u16,
    /// People there are
    #[arg(long, value_name = "N", default_value = "100000")]
    pub(crate) profiles: NonZeroU32,
    /// Everybody has been here before, in an earlier run with the same --seed and --profiles
    #[arg(long)]
    pub(crate) returning: bool,
    /// Profiles to read, each second
    #[arg(long, value_name = "PROFILES", requires = "read_key")]
    pub(crate) reads: Option<NonZeroU32>,
    /// Events to follow until they are in a profile that is read, each second: half of them by
    /// /v1/decide, in one round trip, half by /v1/track and then asking until it shows
    #[arg(long, value_name = "EVENTS", requires = "read_key")]
    pub(crate) until_readable: Option<NonZeroU32>,
    /// Tell how it goes each time so many seconds have passed
    #[arg(long, value_name = "SECONDS")]
    pub(crate) every: Option<NonZeroU64>,
    /// Where the random choices start
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}
