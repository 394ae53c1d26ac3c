//! `throng completions`: what a shell needs to complete our words.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::home::Session;

pub(super) fn run(session: &Session<'_>, shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "throng", &mut script);
    session.output.raw(&script)?;
    Ok(())
}
