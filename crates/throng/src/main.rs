//! `throng`, the command line: reads the arguments, runs one command, reports.

mod arguments;
mod command;
mod failure;
mod format;
mod home;
mod output;
mod report;
mod report_model;
mod rows;
mod wire;
mod wording;
mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
