//! `throng`, the command line: reads the arguments, runs one command, reports.

mod arguments;
mod ask;
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
mod work;
mod world;

use std::process::ExitCode;

use mimalloc::MiMalloc;

use clap::Parser;

use crate::arguments::Arguments;

/// An import makes and drops some fifty small texts an event; the system's allocator took
/// a fifth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
