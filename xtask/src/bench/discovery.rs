//! `cargo xtask bench discovery`: the numerics of discovery beside scikit-learn,
//! scikit-learn-intelex and faiss, in interleaved rounds of one run.
//!
//! Every engine gets the same rows, and for k-means the same first centroids from a
//! file and so many full iterations; inertias must agree to six digits. A machine has
//! fast and slow minutes, so ratios are taken within a round.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::measurement::{Line, Measurement, median};
use super::{N_ROUNDS_DEFAULT, data_folder, find_kit, peer, python, row, warm};
use crate::arguments::{Arguments, UsageError};
use crate::place::Place;
use crate::process::{self, Cargo};
use crate::say;
use crate::steps::Steps;

/// What is installed for the peers, and what of it is imported by another name.
const PACKAGES: &[&str] = &["numpy", "psutil", "scikit-learn", "scikit-learn-intelex", "faiss-cpu"];

/// The issue's sizes, rows by columns; there are 8 clusters in each.
const SIZES: [(u32, u32); 3] = [(100_000, 20), (1_000_000, 20), (1_000_000, 50)];
const N_CLUSTERS: &str = "8";

/// The issue's number of iterations.
const N_ITER: &str = "20";

/// The issue's number of seeds for fits from an own seeding.
const N_SEEDS: &str = "20";

/// Threads for either side, so that a ratio means the same on larger machines.
const N_THREADS: &str = "2";

/// How far two inertias may be apart, relative to the larger: six digits.
const INERTIA_TOLERANCE: f64 = 1e-6;

/// The same of the log-likelihoods per row of two mixtures.
const LIKELIHOOD_TOLERANCE: f64 = 1e-6;

/// The issue's aims: times as fast as the fastest peer from a million rows on, and below.
const SPEED_AIM_LARGE: f64 = 2.0;
const SPEED_AIM_SMALL: f64 = 1.0;
/// Extra memory, as a share of the matrix.
const MEMORY_AIM: f64 = 0.25;
/// Choosing the number of clusters, and the mixture: times as fast as scikit-learn.
const SELECTION_AIM: f64 = 5.0;
const MIXTURE_AIM: f64 = 2.0;

/// The peers of the k-means table: a name in the kit, whether faiss may multiply matrices.
const PEERS: [(&str, &str); 5] = [
    ("sklearn-lloyd", ""),
    ("sklearn-elkan", ""),
    ("sklearnex", ""),
    ("faiss", ""),
    // faiss is faster by its own loops than by BLAS for so few centroids.
    ("faiss", "1000000000"),
];

/// What the k-means numbers include.
const WHAT_IS_MEASURED: &str = "
seconds       the fit alone, data and first centroids in memory before; of faiss also the last assignment
processor s   of all threads
iterations    full ones: after each, every row's label is that of its nearest centroid. Throng, like
              scikit-learn's elkan, computes only the distances that can have changed a label, and
              like scikit-learn it stops when no label changes
extra MB      the peak of memory less what stood before the fit
times         the fastest peer's seconds over throng's, in the same round";

/// The parts that can be run by themselves.
const PARTS: [&str; 4] = ["k-means", "seeding", "selection", "mixture"];

/// What the caller chose.
#[derive(Debug)]
pub(super) struct Options {
    n_rounds: usize,
    only: Option<String>,
    peers: Option<PathBuf>,
}

impl Options {
    /// Reads the options from the command line.
    pub(super) fn parse(mut arguments: Arguments) -> Result<Options, UsageError> {
        let n_rounds = arguments.value("--rounds")?.unwrap_or(N_ROUNDS_DEFAULT);
        let only: Option<String> = arguments.value("--only")?;
        let peers = arguments.value("--peers")?;
        arguments.finish()?;
        if n_rounds == 0 {
            return Err(UsageError::new("--rounds is at least 1".to_owned()));
        }
        if let Some(part) = only.as_deref().filter(|part| !PARTS.contains(part)) {
            return Err(UsageError::new(format!("there is no part {part:?}, only {}", PARTS.join(", "))));
        }
        Ok(Options { n_rounds, only, peers })
    }

    fn includes(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

/// The programs and folders of all runs.
struct Bench {
    root: PathBuf,
    /// Where the examples of `throng-learn` were built.
    examples: PathBuf,
    python: PathBuf,
    kit: PathBuf,
    data: PathBuf,
}

impl Bench {
    fn peer(&self, script: &str) -> Command {
        let mut command = peer(&self.python, &self.kit, &self.data, script);
        command.env("PEERS_THREADS", N_THREADS);
        command
    }

    /// Returns the command of what Python does beyond the kit.
    fn script(&self, task: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.root.join("xtask/src/bench/discovery.py")).arg(task);
        command.env("OMP_NUM_THREADS", N_THREADS).env("OPENBLAS_NUM_THREADS", N_THREADS);
        command
    }

    fn ours(&self, example: &str) -> Command {
        let mut command = Command::new(self.examples.join(format!("{example}{}", std::env::consts::EXE_SUFFIX)));
        command.env("RAYON_NUM_THREADS", N_THREADS);
        command
    }

    /// Returns the file of a matrix, made if it is not there, and that of its first centroids.
    fn matrix(&self, (n_rows, n_columns): (u32, u32)) -> anyhow::Result<(PathBuf, PathBuf)> {
        let shape = [n_rows.to_string(), n_columns.to_string()];
        let printed = process::capture(self.peer("gen.py").arg("blobs").args(&shape))?;
        let stem = printed.trim();
        Ok((warm(Path::new(&format!("{stem}.npy")))?, PathBuf::from(format!("{stem}_init.npy"))))
    }
}

/// Measures, prints the tables, and fails if engines disagree.
pub(super) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("processor seconds and memory are read from /proc: run it on Linux");
    }
    let kit = find_kit(place, options.peers.as_deref(), "a_kmeans.py")?;
    let data = data_folder(place)?;
    let mut steps = Steps::new();
    let program = steps.require("build the benchmarks", || {
        Cargo::new(&place.root).release(&["--package", "throng-learn", "--examples"], "examples/kmeans_bench")
    })?;
    let examples = program.parent().context("the examples are in no folder")?.to_owned();
    let python = steps.require("set up the peers", || python(place, PACKAGES))?;
    let bench = Bench { root: place.root.clone(), examples, python, kit, data };
    if options.includes("k-means") {
        for size in SIZES {
            steps.require(&format!("k-means, {} by {}", size.0, size.1), || k_means(&bench, size, options.n_rounds))?;
        }
        say::line(WHAT_IS_MEASURED);
    }
    if options.includes("seeding") {
        steps.require("k-means from an own seeding", || seeding(&bench))?;
    }
    if options.includes("selection") {
        steps.require("the number of clusters", || selection(&bench, options.n_rounds))?;
    }
    if options.includes("mixture") {
        steps.require("diagonal mixture", || mixture(&bench, options.n_rounds))?;
    }
    Ok(())
}

/// What one engine took for one fit.
#[derive(Debug, Clone, PartialEq)]
struct Fit {
    engine: String,
    seconds: f64,
    processor_s: f64,
    extra_mb: f64,
    n_iter: f64,
    inertia: f64,
}

impl Fit {
    fn parse(output: &str) -> anyhow::Result<Fit> {
        let line = Line::parse(output)?;
        let Measurement { engine, seconds, peak_mb, checksums } = Measurement::of(&line)?;
        let checksum = |name: &str| checksums.get(name).copied().with_context(|| format!("{engine} says no {name}"));
        Ok(Fit {
            seconds,
            processor_s: line.number("cpu_s")?,
            extra_mb: peak_mb - line.number("base_mb")?,
            n_iter: checksum("iters")?,
            inertia: checksum("inertia")?,
            engine,
        })
    }
}

/// Our fit first, then the peers', whoever began.
type Round = Vec<Fit>;

fn k_means(bench: &Bench, size: (u32, u32), n_rounds: usize) -> anyhow::Result<()> {
    let (matrix, init) = bench.matrix(size)?;
    let mut rounds = Vec::with_capacity(n_rounds);
    for round_idx in 0..n_rounds {
        let mut fits = vec![None; PEERS.len() + 1];
        for turn in 0..fits.len() {
            // Each engine begins in its turn, so that none always finds the same machine.
            let idx = (turn + round_idx) % fits.len();
            let mut command = match idx.checked_sub(1) {
                None => {
                    let mut command = bench.ours("kmeans_bench");
                    command.arg("fit").args([&matrix, &init]).arg(N_ITER);
                    command
                }
                Some(peer_idx) => k_means_peer(bench, PEERS[peer_idx], size),
            };
            let fit = Fit::parse(&process::capture(&mut command)?)?;
            say::line(&format!("{}: {:.4} s, processors {:.4} s", fit.engine, fit.seconds, fit.processor_s));
            fits[idx] = Some(fit);
        }
        rounds.push(fits.into_iter().flatten().collect());
    }
    say::line(&report(&rounds, size));
    check_inertias(&rounds)
}

fn k_means_peer(bench: &Bench, (engine, blas_threshold): (&str, &str), size: (u32, u32)) -> Command {
    let mut command = bench.peer("a_kmeans.py");
    command.env("FAISS_NITER", N_ITER).env("FAISS_BLAS_THRESHOLD", blas_threshold);
    command.args(["--engine", engine, "--k", N_CLUSTERS, "--iters", N_ITER, "--tol", "0"]);
    command.args(["--n", &size.0.to_string(), "--d", &size.1.to_string()]);
    command
}

/// Returns the table of the engines and, below it, how many times as fast ours was.
fn report(rounds: &[Round], (n_rows, n_columns): (u32, u32)) -> String {
    let head = ["", "seconds", "least", "processor s", "extra MB", "iterations", "inertia"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (idx, fit) in rounds[0].iter().enumerate() {
        let of = |pick: fn(&Fit) -> f64| rounds.iter().map(|round| pick(&round[idx])).collect::<Vec<f64>>();
        let seconds = of(|fit| fit.seconds);
        let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let mut cells = row(&fit.engine, [median(&seconds), least, median(&of(|fit| fit.processor_s))], 4);
        cells.push(format!("{:.1}", of(|fit| fit.extra_mb).into_iter().fold(0.0, f64::max)));
        cells.push(format!("{:.0}", fit.n_iter));
        cells.push(format!("{:.1}", fit.inertia));
        rows.push(cells);
    }
    let ratio = |round: &Round, pick: fn(&Fit) -> f64| {
        let fastest = round[1..].iter().map(pick).fold(f64::INFINITY, f64::min);
        fastest / pick(&round[0])
    };
    let times: Vec<f64> = rounds.iter().map(|round| ratio(round, |fit| fit.seconds)).collect();
    let processor: Vec<f64> = rounds.iter().map(|round| ratio(round, |fit| fit.processor_s)).collect();
    let aim = if n_rows >= 1_000_000 { SPEED_AIM_LARGE } else { SPEED_AIM_SMALL };
    let matrix_mb = f64::from(n_rows) * f64::from(n_columns) * 4.0 / f64::from(1 << 20);
    let extra = rounds.iter().map(|round| round[0].extra_mb).fold(0.0, f64::max) / matrix_mb;
    let each: Vec<String> = times.iter().map(|times| format!("{times:.2}")).collect();
    format!(
        "{}\n  {}\n  {}\n  rounds: {}; by processor seconds {:.2} times",
        say::table(&rows),
        verdict("times as fast as the fastest peer", median(&times), Aim::AtLeast(aim)),
        verdict("of the matrix as extra memory", extra, Aim::AtMost(MEMORY_AIM)),
        each.join(", "),
        median(&processor),
    )
}

/// What a number should be.
#[derive(Debug, Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// Returns a number beside its aim.
fn verdict(what: &str, found: f64, aim: Aim) -> String {
    let (met, aim) = match aim {
        Aim::AtLeast(aim) => (found >= aim, aim),
        Aim::AtMost(aim) => (found <= aim, aim),
    };
    let outcome = if met { "met" } else { "MISSED" };
    format!("{found:.2} {what} (aim {aim}: {outcome})")
}

/// Fails unless all inertias agree to six digits.
fn check_inertias(rounds: &[Round]) -> anyhow::Result<()> {
    for round in rounds {
        for fit in &round[1..] {
            let ours = round[0].inertia;
            let apart = (fit.inertia - ours).abs() / fit.inertia.abs().max(ours.abs());
            if apart.is_nan() || apart > INERTIA_TOLERANCE {
                bail!("the inertia of {} is {}, ours {ours}", fit.engine, fit.inertia);
            }
        }
    }
    Ok(())
}

fn seeding(bench: &Bench) -> anyhow::Result<()> {
    let (matrix, _) = bench.matrix(SIZES[0])?;
    let words = [matrix.as_os_str(), N_CLUSTERS.as_ref(), N_SEEDS.as_ref()];
    let theirs = process::capture(bench.script("seeds").args(words))?;
    let ours = process::capture(bench.ours("kmeans_bench").arg("seeds").args(words))?;
    let (theirs, ours) = (Seeding::parse(&theirs)?, Seeding::parse(&ours)?);
    say::line(&report_seeding(&theirs, &ours));
    Ok(())
}

/// Inertias of fits from an own seeding, one for each seed.
struct Seeding {
    seconds: f64,
    inertias: Vec<f64>,
}

impl Seeding {
    fn parse(output: &str) -> anyhow::Result<Seeding> {
        let line = Line::parse(output)?;
        let inertias = line.numbers("inertias")?;
        if inertias.is_empty() {
            bail!("there is no inertia in {output:?}");
        }
        Ok(Seeding { seconds: line.number("seconds")?, inertias })
    }

    fn mean(&self) -> f64 {
        self.inertias.iter().sum::<f64>() / f64::from(u32::try_from(self.inertias.len()).unwrap_or(u32::MAX))
    }
}

fn report_seeding(theirs: &Seeding, ours: &Seeding) -> String {
    let head = ["inertia over the seeds", "mean", "median", "least", "most", "seconds"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (name, seeding) in [("sklearn", theirs), ("throng", ours)] {
        let least = seeding.inertias.iter().copied().fold(f64::INFINITY, f64::min);
        let most = seeding.inertias.iter().copied().fold(0.0, f64::max);
        let mut cells = row(name, [seeding.mean(), median(&seeding.inertias), least, most], 1);
        cells.push(format!("{:.2}", seeding.seconds));
        rows.push(cells);
    }
    let worst = |seeding: &Seeding| seeding.inertias.iter().copied().fold(0.0, f64::max);
    format!(
        "{}\n  {}\n  {}",
        say::table(&rows),
        verdict("of scikit-learn's mean inertia", ours.mean() / theirs.mean(), Aim::AtMost(1.0)),
        verdict("of scikit-learn's greatest inertia", worst(ours) / worst(theirs), Aim::AtMost(1.0)),
    )
}

/// Chooses the number of clusters where there are none (the kit's rows overlap, and the answer is a
/// refusal) and where there are, so that stability is a part of it.
fn selection(bench: &Bench, n_rounds: usize) -> anyhow::Result<()> {
    let (overlapping, _) = bench.matrix(SIZES[0])?;
    let apart = overlapping.with_file_name("apart_100000x20.npy");
    if !apart.is_file() {
        process::capture(bench.script("apart").arg(&apart))?;
    }
    for matrix in [overlapping, warm(&apart)?] {
        say::line(&format!("{}:", matrix.display()));
        versus(n_rounds, SELECTION_AIM, || {
            let theirs = process::capture(bench.script("select").arg(&matrix))?;
            let ours = process::capture(bench.ours("select_bench").arg(&matrix))?;
            say::line(&format!("{}\n{}", theirs.trim_end(), ours.trim_end()));
            Ok([Line::parse(&theirs)?.number("seconds")?, Line::parse(&ours)?.number("seconds")?])
        })?;
    }
    Ok(())
}

fn mixture(bench: &Bench, n_rounds: usize) -> anyhow::Result<()> {
    let (matrix, means) = bench.matrix(SIZES[0])?;
    let words = [matrix.as_os_str(), means.as_os_str(), N_ITER.as_ref()];
    versus(n_rounds, MIXTURE_AIM, || {
        let theirs = process::capture(bench.script("mixture").args(words))?;
        let ours = process::capture(bench.ours("mixture_bench").args(words))?;
        let (theirs, ours) = (StepsTaken::parse(&theirs)?, StepsTaken::parse(&ours)?);
        check_likelihoods(&theirs, &ours)?;
        Ok([theirs.seconds, ours.seconds])
    })
}

/// What a mixture took for so many steps, and how likely the rows are then.
struct StepsTaken {
    seconds: f64,
    n_iter: f64,
    log_likelihood: f64,
}

impl StepsTaken {
    fn parse(output: &str) -> anyhow::Result<StepsTaken> {
        let line = Line::parse(output)?;
        let number = |name: &str| line.number(name);
        Ok(StepsTaken {
            seconds: number("seconds")?,
            n_iter: number("iters")?,
            log_likelihood: number("log_likelihood")?,
        })
    }
}

/// Fails unless both took the same steps to the same place.
fn check_likelihoods(theirs: &StepsTaken, ours: &StepsTaken) -> anyhow::Result<()> {
    let apart = (theirs.log_likelihood - ours.log_likelihood).abs() / ours.log_likelihood.abs();
    if apart.is_nan() || apart > LIKELIHOOD_TOLERANCE || (theirs.n_iter - ours.n_iter).abs() > 0.0 {
        bail!(
            "scikit-learn took {} steps to a log-likelihood of {} per row, throng {} to {}",
            theirs.n_iter,
            theirs.log_likelihood,
            ours.n_iter,
            ours.log_likelihood
        );
    }
    Ok(())
}

/// Runs scikit-learn and throng in turn and prints their seconds.
fn versus(n_rounds: usize, aim: f64, mut round: impl FnMut() -> anyhow::Result<[f64; 2]>) -> anyhow::Result<()> {
    let mut rows = vec![["", "sklearn s", "throng s", "times as fast"].map(str::to_owned).to_vec()];
    let mut times = Vec::with_capacity(n_rounds);
    for idx in 0..n_rounds {
        let [theirs, ours] = round()?;
        times.push(theirs / ours);
        rows.push(row(&format!("round {}", idx + 1), [theirs, ours, theirs / ours], 3));
    }
    let times = median(&times);
    say::line(&format!("{}\n  {}", say::table(&rows), verdict("times as fast", times, Aim::AtLeast(aim))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Fit, Options, Seeding, StepsTaken, check_inertias, check_likelihoods, report, report_seeding};
    use crate::arguments::Arguments;

    const LINE: &str = r#"{"engine": "sklearnex", "seconds": 0.4, "cpu_s": 0.7, "base_mb": 100, "peak_rss_mb": 300, "peak_work_mb": 180, "quality": {"iters": 20, "inertia": 1000000.0}}"#;

    fn round() -> Vec<Fit> {
        let peer = Fit::parse(LINE).unwrap();
        let slow = Fit { engine: "faiss".to_owned(), seconds: 0.9, ..peer.clone() };
        let ours = Fit { engine: "throng".to_owned(), seconds: 0.1, extra_mb: 12.0, ..peer.clone() };
        vec![ours, peer, slow]
    }

    #[test]
    fn ratio_is_that_of_the_fastest_peer_in_the_round() {
        let text = report(&[round()], (1_000_000, 20));
        assert!(text.contains("4.00 times as fast as the fastest peer (aim 2: met)"), "{text}");
        assert!(text.contains("0.16 of the matrix as extra memory (aim 0.25: met)"), "{text}");
        assert!(text.contains("80.0"), "the peer's extra memory is peak_work_mb less base_mb: {text}");
    }

    #[test]
    fn missed_aim_is_said() {
        let mut round = round();
        round[0].seconds = 0.3;
        assert!(
            report(&[round.clone()], (1_000_000, 20))
                .contains("1.33 times as fast as the fastest peer (aim 2: MISSED)")
        );
        assert!(report(&[round], (100_000, 20)).contains("(aim 1: met)"));
    }

    #[test]
    fn inertias_must_agree_to_six_digits() {
        let mut round = round();
        round[2].inertia = 1_000_000.9;
        check_inertias(&[round.clone()]).unwrap();
        round[2].inertia = 1_000_001.1;
        let error = check_inertias(&[round.clone()]).unwrap_err().to_string();
        assert_eq!(error, "the inertia of faiss is 1000001.1, ours 1000000");
        round[2].inertia = f64::NAN;
        assert!(check_inertias(&[round]).is_err());
    }

    #[test]
    fn seedings_are_compared_by_their_mean() {
        let seeding = |line: &str| Seeding::parse(line).unwrap();
        let theirs = seeding(r#"{"seconds": 1, "inertias": [10, 20]}"#);
        let ours = seeding(r#"{"seconds": 1, "inertias": [9, 12]}"#);
        assert!(report_seeding(&theirs, &ours).contains("0.70 of scikit-learn's mean inertia (aim 1: met)"));
        assert!(report_seeding(&ours, &theirs).contains("MISSED"));
        assert!(Seeding::parse(r#"{"seconds": 1, "inertias": []}"#).is_err());
    }

    #[test]
    fn mixtures_must_take_the_same_steps_to_the_same_place() {
        let taken = |n_iter: u32, log_likelihood: f64| {
            let line =
                format!(r#"{{"engine": "x", "seconds": 2, "iters": {n_iter}, "log_likelihood": {log_likelihood}}}"#);
            StepsTaken::parse(&line).unwrap()
        };
        check_likelihoods(&taken(20, -35.0), &taken(20, -35.00001)).unwrap();
        assert!(check_likelihoods(&taken(20, -35.0), &taken(19, -35.0)).is_err());
        assert!(check_likelihoods(&taken(20, -35.0), &taken(20, -35.001)).is_err());
        assert!(StepsTaken::parse(r#"{"engine": "x", "seconds": 2, "iters": 1}"#).is_err());
    }

    #[test]
    fn options_are_read_and_unknown_parts_refused() {
        let parse = |line: &str| {
            Options::parse(Arguments::new(line.split_whitespace().map(str::to_owned).collect()))
                .map(|options| (options.n_rounds, options.includes("k-means"), options.includes("seeding")))
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse(""), Ok((3, true, true)));
        assert_eq!(parse("--only seeding --rounds 5"), Ok((5, false, true)));
        let refusal = "there is no part \"all\", only k-means, seeding, selection, mixture".to_owned();
        assert_eq!(parse("--only all"), Err(refusal));
        assert_eq!(parse("--rounds 0"), Err("--rounds is at least 1".to_owned()));
    }
}
