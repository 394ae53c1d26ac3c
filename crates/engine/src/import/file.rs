//! The reading half of an import: opening files, telling what they are.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value as Json;
use throng_event::EventKind;
use throng_source::{
    CompleteJourneyTables, Mapping, TableForm, Unsure, decompress, propose_mapping, sample_parquet_table, sample_table,
};

use crate::error::EngineError;
use crate::home::Home;
use crate::import::file_name;

/// Bytes read, told to the progress bar while the reader owns the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted(Arc<AtomicU64>);

impl Counted {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn reader(&self, file: File) -> CountedReader {
        CountedReader { file, counted: self.clone() }
    }
}

/// A file that counts what is read of it.
#[derive(Debug)]
pub(super) struct CountedReader {
    file: File,
    counted: Counted,
}

impl Read for CountedReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.counted.0.fetch_add(u64::try_from(n).unwrap_or(0), Ordering::Relaxed);
        Ok(n)
    }
}

impl Seek for CountedReader {
    fn seek(&mut self, position: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(position)
    }
}

pub(super) fn open(path: &Path) -> Result<File, EngineError> {
    File::open(path).map_err(|source| EngineError::io("read", path, source))
}

/// Whether a file begins as Parquet does.
pub(super) fn is_parquet(path: &Path) -> Result<bool, EngineError> {
    let mut head = Vec::new();
    let file = open(path)?;
    file.take(8).read_to_end(&mut head).map_err(|source| EngineError::io("read", path, source))?;
    Ok(TableForm::of(&head) == TableForm::Parquet)
}

/// Returns the tables of the Complete Journey data set in a wheel or a folder.
pub(super) fn complete_journey(path: &Path) -> Result<CompleteJourneyTables, EngineError> {
    let failed = |source| EngineError::Import { path: path.to_owned(), source };
    if path.is_dir() {
        return CompleteJourneyTables::from_files(|name| {
            let file = path.join(name);
            std::fs::read(&file).map_err(|source| EngineError::io("read", file, source))
        });
    }
    CompleteJourneyTables::from_wheel(open(path)?).map_err(failed)
}

/// Returns what a file looks like (`segment`, `table` or `complete-journey`) and why.
///
/// # Errors
/// [`EngineError::Io`] when it cannot be read.
pub fn detect_form(path: &Path) -> Result<(&'static str, String), EngineError> {
    if path.is_dir() {
        return Ok(("complete-journey", "it is a folder; single files are tables or messages".to_owned()));
    }
    if path.extension().is_some_and(|extension| extension == "whl") {
        return Ok(("complete-journey", "it is a Python wheel".to_owned()));
    }
    if is_parquet(path)? {
        return Ok(("table", "it begins as Parquet does".to_owned()));
    }
    let failed = |source| EngineError::io("read", path, source);
    let mut line = Vec::new();
    // A first message longer than this is no message of ours either.
    let input = decompress(open(path)?).map_err(failed)?;
    BufReader::new(input.take(4 * 1_024 * 1_024)).read_until(b'\n', &mut line).map_err(failed)?;
    let text = String::from_utf8_lossy(&line);
    let text = text.trim().trim_start_matches('[').trim_end_matches([',', ']']);
    let Ok(Json::Object(object)) = serde_json::from_str::<Json>(text) else {
        return Ok(("table", "its first line is no JSON object".to_owned()));
    };
    let kind = object.get("type").and_then(Json::as_str).and_then(EventKind::from_name);
    if let Some(kind) = kind {
        return Ok(("segment", format!("its first message is of type {}", kind.as_str())));
    }
    if object.contains_key("batch") {
        return Ok(("segment", "its first line is a batch".to_owned()));
    }
    Ok(("table", "its first line is a JSON object that is no message".to_owned()))
}

/// A mapping for a table, and where it comes from.
#[derive(Debug, Clone)]
pub struct MappingChoice {
    /// The mapping.
    pub mapping: Mapping,
    /// Its TOML text.
    pub text: String,
    /// Where it is, or where a proposal belongs.
    pub path: PathBuf,
    /// What a proposal was unsure of; `None` when the mapping was there already.
    pub proposed: Option<Vec<Unsure>>,
}

/// Returns the mapping for a table: the one given, else the home's for a file of this
/// name, else a proposal, which is not written yet.
///
/// # Errors
/// [`EngineError::Import`] when the mapping or the table cannot be read, or nothing can be proposed.
pub fn choose_mapping(home: &Home, table: &Path, given: Option<&Path>) -> Result<MappingChoice, EngineError> {
    let kept = home.mapping_path(&mapping_name(&file_name(table)));
    if let Some(path) = given.map(Path::to_owned).or_else(|| kept.exists().then(|| kept.clone())) {
        let text = std::fs::read_to_string(&path).map_err(|source| EngineError::io("read", &path, source))?;
        let mapping = Mapping::parse(&text).map_err(|source| EngineError::Import { path: path.clone(), source })?;
        return Ok(MappingChoice { mapping, text, path, proposed: None });
    }
    let failed = |source| EngineError::Import { path: table.to_owned(), source };
    let sample = if is_parquet(table)? { sample_parquet_table(open(table)?) } else { sample_table(open(table)?) };
    let proposal = propose_mapping(&sample.map_err(failed)?).map_err(failed)?;
    let text = proposal.to_toml(&file_name(table));
    Ok(MappingChoice { mapping: proposal.mapping, text, path: kept, proposed: Some(proposal.notes) })
}

/// Returns the name a table's mapping is kept under: the file's name up to its first dot.
pub(super) fn mapping_name(file: &str) -> String {
    file.split('.').next().unwrap_or(file).to_owned()
}

/// Returns the mapping given, else the one kept for a file's name, `None` when there is none.
pub(super) fn stored_mapping(home: &Home, given: Option<&Path>, file: &str) -> Result<Option<Mapping>, EngineError> {
    let path = given.map_or_else(|| home.mapping_path(&mapping_name(file)), Path::to_owned);
    if given.is_none() && !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(|source| EngineError::io("read", &path, source))?;
    Mapping::parse(&text).map(Some).map_err(|source| EngineError::Import { path, source })
}
