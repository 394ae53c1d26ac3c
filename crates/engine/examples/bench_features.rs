//! The feature benchmark's own line: 28 columns of every customer from a Parquet file of
//! events, as `cargo xtask bench features` runs it beside its peers.
//!
//! Prints one JSON line: seconds from reading to the written file, peak memory, and
//! checksums that must agree with every other engine's.
#![expect(clippy::print_stdout, reason = "the line is the result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use arrow::array::AsArray;
use arrow::compute::{cast, sum};
use arrow::datatypes::{DataType, Float64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use throng_engine::{Config, fold_parquet};
use throng_event::Day;

/// The catalogue of the peer kit's task B.
const CATALOGUE: &str = include_str!("bench_features.toml");

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut paths = (None, None);
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--events" => paths.0 = Some(PathBuf::from(value)),
            [name, value] if name == "--out" => paths.1 = Some(PathBuf::from(value)),
            _ => bail!("usage: bench_features --events FILE.parquet --out FILE.parquet"),
        }
    }
    let (Some(events), Some(out)) = paths else {
        bail!("usage: bench_features --events FILE.parquet --out FILE.parquet")
    };
    let features = Config::features_from_toml(CATALOGUE).map_err(anyhow::Error::msg)?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let day = Day::parse("2024-11-30").context("the day of the benchmark")?;
    let start = Instant::now();
    fold_parquet(&events, &out, &features, day, threads)?;
    let seconds = start.elapsed().as_secs_f64();
    let peak = peak_memory_mb();
    let n_events = rows(&events)?;
    let quality = checksums(&out)?;
    println!(
        "{{\"task\": \"B.features\", \"engine\": \"throng\", \"n\": {n_events}, \"seconds\": {seconds:.6}, \"peak_rss_mb\": {peak:.1}, \"quality\": {quality}}}"
    );
    Ok(())
}

fn rows(path: &PathBuf) -> Result<i64> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path)?)?;
    Ok(reader.metadata().file_metadata().num_rows())
}

/// The sums the peers print, rounded as they round them.
fn checksums(path: &PathBuf) -> Result<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path)?)?;
    let (n_rows, n_columns) = (reader.metadata().file_metadata().num_rows(), reader.schema().fields().len());
    let names = [
        "n_sessions",
        "device_switches",
        "active_days",
        "n_pages",
        "hour_entropy",
        "avg_session_s",
        "recency_days",
        "revenue",
        "share_home",
        "night_share",
        "cart_rate",
    ];
    let mut sums = [0.0; 11];
    for batch in reader.build()? {
        let batch = batch?;
        for (total, name) in sums.iter_mut().zip(names) {
            let column =
                cast(batch.column_by_name(name).with_context(|| format!("no column {name}"))?, &DataType::Float64)?;
            *total += sum(column.as_primitive::<Float64Type>()).unwrap_or(0.0);
        }
    }
    let mut parts = vec![format!("\"rows\": {n_rows}"), format!("\"cols\": {n_columns}")];
    parts.extend(names.iter().zip(sums).map(|(name, total)| format!("\"{name}\": {total:.3}")));
    Ok(format!("{{{}}}", parts.join(", ")))
}

fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
