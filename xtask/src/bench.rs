//! `cargo xtask bench`: our benchmarks, and what they share: the peer kit, its
//! Python, the folder of the data, and the rows of the tables they end with.

mod discovery;
mod features;
mod identity;
mod import;
mod journeys;
mod live;
mod measurement;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::arguments::{Arguments, UsageError};
use crate::place::{self, Place};
use crate::python;
use crate::say;

/// The fewest rounds whose median is not one of the extremes.
const N_ROUNDS_DEFAULT: usize = 3;

/// Runs the benchmark that the first word names.
pub(crate) fn run(place: &Place, mut arguments: Arguments) -> anyhow::Result<()> {
    match arguments.word().as_deref() {
        Some("features") => features::run(place, &features::Options::parse(arguments)?),
        Some("discovery") => discovery::run(place, &discovery::Options::parse(arguments)?),
        Some("import") => import::run(place, &import::Options::parse(arguments)?),
        Some("identity") => identity::run(place, &identity::Options::parse(arguments)?),
        Some("journeys") => journeys::run(place, &journeys::Options::parse(arguments)?),
        Some("live") => live::run(place, &live::Options::parse(arguments)?),
        Some(other) => Err(UsageError::new(format!("there is no benchmark {other:?}")).into()),
        None => {
            let names = "features, import, identity, discovery, journeys or live";
            Err(UsageError::new(format!("bench needs a name: {names}")).into())
        }
    }
}

/// Returns the folder of the peer kit: the one `named`, else that of the environment,
/// else the one beside the workspace. It must hold `script`.
fn find_kit(place: &Place, named: Option<&Path>, script: &str) -> anyhow::Result<PathBuf> {
    let named = named.map(Path::to_owned);
    let named = named.or_else(|| place::variable("THRONG_BENCH_PEERS").map(PathBuf::from));
    let kit = match named {
        Some(folder) => folder.canonicalize().unwrap_or(folder),
        None => place.root.join("../shared/bench/peers"),
    };
    if !kit.join(script).is_file() {
        bail!(
            "there is no peer benchmark kit ({script}) in {}: name its folder with --peers or THRONG_BENCH_PEERS",
            kit.display()
        );
    }
    Ok(kit)
}

/// Returns the peers' Python, in which `packages` are present, installed if need be.
fn python(place: &Place, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = place.cache.join("peers");
    python::environment(&folder, packages).with_context(|| {
        format!(
            "the peers need Python 3.9 or later with venv and pip; where there is no network, make an environment \
             with {} in {} by hand",
            packages.join(", "),
            folder.display()
        )
    })
}

/// Returns the folder of the benchmarks' data, made if it is not there.
fn data_folder(place: &Place) -> anyhow::Result<PathBuf> {
    let data = place.root.join("target/bench");
    fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    Ok(data)
}

/// Returns the command that runs a script of the kit on the data in `data`.
fn peer(python: &Path, kit: &Path, data: &Path, script: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(kit).arg(script);
    command.env("PEERS_DATA", data).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Reads the file once, so that the first engine of the first round does not pay
/// for the disk, and returns its path.
fn warm(path: &Path) -> anyhow::Result<PathBuf> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let n_bytes = io::copy(&mut file, &mut io::sink());
    let n_bytes = n_bytes.with_context(|| format!("cannot read {}", path.display()))?;
    say::line(&format!("{} ({} MB)", path.display(), n_bytes / 1_000_000));
    Ok(path.to_owned())
}

/// Returns a row of a table: a name, then numbers with so many decimals.
fn row<const N: usize>(name: &str, values: [f64; N], decimals: usize) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    cells.extend(values.iter().map(|value| format!("{value:.decimals$}")));
    cells
}
