//! `throng report`: one page about the personas.

use std::path::Path;

use anyhow::Context;
use serde_json::json;
use throng_engine::Engine;

use super::{check_folder_of, write_file};
use crate::arguments::{Format, ReportArguments};
use crate::home::Session;
use crate::output::Steps;
use crate::report::render;
use crate::report_model;

pub(super) fn run(session: &Session<'_>, arguments: &ReportArguments) -> anyhow::Result<()> {
    check_folder_of(&arguments.output)?;
    let engine = session.engine()?;
    write(session, &engine, &arguments.output)?;
    if session.output.format() == Format::Json {
        session.output.json(&json!({ "path": arguments.output }))?;
    } else {
        session.output.text(&format!("the report is in {}", arguments.output.display()))?;
    }
    Ok(())
}

/// Writes the report of a home to a file.
pub(super) fn write(session: &Session<'_>, engine: &Engine, path: &Path) -> anyhow::Result<()> {
    let mut steps = Steps::new(session.output);
    let model = report_model::read(engine, &mut |step| steps.begin(step))?;
    steps.begin("the page");
    let page = render(&model).context("cannot lay out the report")?;
    write_file(path, page.as_bytes())?;
    steps.finish();
    Ok(())
}
