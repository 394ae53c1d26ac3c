//! `throng export`: the events, for other tools or another home.

use serde_json::json;

use super::check_folder_of;
use crate::arguments::{ExportArguments, Format};
use crate::format::counted;
use crate::home::Session;

pub(super) fn run(session: &Session<'_>, arguments: &ExportArguments) -> anyhow::Result<()> {
    check_folder_of(&arguments.output)?;
    let n_events = session.engine()?.export_segment(&arguments.output, arguments.source.as_deref())?;
    if session.output.format() == Format::Json {
        session.output.json(&json!({ "path": arguments.output, "n_events": n_events }))?;
    } else {
        session.output.text(&format!("{} written to {}", counted(n_events, "event"), arguments.output.display()))?;
    }
    Ok(())
}
