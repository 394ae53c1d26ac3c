//! Arguments of `throng identity`.

use clap::{Args, Subcommand};

/// Who is who, and why.
#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Why two ids are one person, or what keeps them apart
    Why(PairArguments),
    /// All ids of one person, each with the event that links it
    Show(OneIdentityArguments),
    /// Identities in numbers: linked, shared, refused, decided
    List,
    /// Decide that two ids are one person
    Merge(PairArguments),
    /// Undo the link between two ids
    Split(PairArguments),
    /// Look for people who may be one by what they state about themselves
    Propose(ProposeArguments),
}

/// Two ids.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng identity why u:42 ann@example.com
  throng identity merge u:42 u:43
  throng identity split u:42 d:kiosk-7

An id is written with the prefix of its kind (u: user, e: e-mail, p: phone, x: other, d: device,
a: anonymous) or plain. Nothing is lost by merge or split: the later decision about a pair holds.
Personas and features follow with the next `throng discover`.")]
pub(crate) struct PairArguments {
    /// One id
    pub(crate) a: String,
    /// The other
    pub(crate) b: String,
}

/// One id.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng identity show u:42
  throng identity show ann@example.com")]
pub(crate) struct OneIdentityArguments {
    /// The id, with its prefix or plain
    pub(crate) id: String,
}

/// How probable a proposed link must be.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng identity propose
  throng identity propose --min 0.99

Compares names, addresses, telephone numbers and dates of birth (Fellegi and Sunter). Nothing is merged:
take one with `throng identity merge A B`, or all of them with proposed_min in throng.toml.")]
pub(crate) struct ProposeArguments {
    /// The least probability that two are one
    #[arg(long, value_name = "P", default_value_t = 0.9, value_parser = probability)]
    pub(crate) min: f64,
}

fn probability(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.5..=1.0).contains(number));
    number.ok_or_else(|| "a probability between 0.5 and 1".to_owned())
}
