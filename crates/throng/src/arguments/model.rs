//! Arguments of `throng model`.

use clap::{Args, Subcommand};
use throng_engine::ModelVersion;

/// The models that say who belongs to which persona.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// All models that were kept, and which of them is live
    #[command(after_help = LIST_EXAMPLES)]
    List,
    /// One model: its personas, and the features it reads
    Show(OneModelArguments),
    /// Make a model the live one
    Promote(PromoteArguments),
    /// Go back to the model that was live before
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback,
    /// Have a model score beside the live one, silently
    Shadow(ShadowArguments),
    /// Who goes from which persona of one model to which of another
    Compare(CompareArguments),
}

const LIST_EXAMPLES: &str = "\
Examples:
  throng model list
  throng model list --format json

Every discovery that finds personas keeps its model. The first is live; later ones wait until they are
promoted, unless throng.toml says [model] promote = \"automatic\".";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  throng model rollback          again: one step further back

Nothing is overwritten: the step back is one more line in the table model_roles.";

/// One model.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng model show              the live one
  throng model show m2")]
pub(crate) struct OneModelArguments {
    /// The model [default: the live one]
    pub(crate) version: Option<ModelVersion>,
}

/// A model to be the live one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng model compare m1 m2
  throng model promote m2
  throng model rollback")]
pub(crate) struct PromoteArguments {
    /// The model
    pub(crate) version: ModelVersion,
}

/// A model to be the shadow.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng model shadow m2
  throng model shadow none")]
pub(crate) struct ShadowArguments {
    /// The model, or none
    #[arg(value_parser = shadow)]
    pub(crate) version: Shadow,
}

/// A model, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shadow(pub(crate) Option<ModelVersion>);

/// Two models.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng model compare m1 m2
  throng model compare m1 m2 --format json

Both score everybody as of the day of the last discovery, each by the features as they were defined
when it was made.")]
pub(crate) struct CompareArguments {
    /// The model customers come from
    pub(crate) first: ModelVersion,
    /// The model they go to
    pub(crate) second: ModelVersion,
}

fn shadow(text: &str) -> Result<Shadow, String> {
    if text == "none" { Ok(Shadow(None)) } else { text.parse().map(|version| Shadow(Some(version))) }
}
