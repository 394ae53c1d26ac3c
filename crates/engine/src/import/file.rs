//! The reading half of an import: opening files, telling what they are.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use throng_event::Day;
use throng_source::{
    CompleteJourneyTables, Form, Mapping, TableForm, Unsure, propose_mapping, sample_parquet_table, sample_table,
    sample_workbook_table,
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

/// Returns the form of a table that is not packed; of a packed one, text.
pub(super) fn table_form(path: &Path) -> Result<TableForm, EngineError> {
    let mut head = Vec::new();
    let file = open(path)?;
    file.take(8).read_to_end(&mut head).map_err(|source| EngineError::io("read", path, source))?;
    Ok(TableForm::of(&head))
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

/// Returns what a file looks like, and why in words.
///
/// # Errors
/// [`EngineError::Io`] or [`EngineError::Import`] when it cannot be read.
pub fn detect_form(path: &Path) -> Result<(Form, String), EngineError> {
    if is_complete_journey(path) {
        return Ok((Form::CompleteJourney, "the folder holds its tables".to_owned()));
    }
    Form::recognise(open(path)?).map_err(|source| EngineError::Import { path: path.to_owned(), source })
}

fn is_complete_journey(path: &Path) -> bool {
    ["transactions.parquet", "demographics.parquet", "campaigns.parquet"].iter().all(|name| path.join(name).is_file())
}

/// Files of one folder or pattern; more are to be put together first.
const FILES_MAX: usize = 100_000;

/// Returns the files a path means: itself, all files below a folder, or those that
/// match a pattern such as `exports/*.csv`; in the order of their names. The folder of
/// the Complete Journey data set is one.
///
/// # Errors
/// [`EngineError::Io`] when a folder cannot be read, [`EngineError::Missing`] when
/// there is no file.
pub fn files_at(path: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let nothing = |what: String| EngineError::Missing { what, todo: "check the path".to_owned() };
    if path.is_dir() && !is_complete_journey(path) {
        let mut files = Vec::new();
        walk(path, &mut files)?;
        files.sort_unstable();
        return if files.is_empty() { Err(nothing(format!("there is no file in {path:?}"))) } else { Ok(files) };
    }
    let pattern = path.to_string_lossy();
    if path.exists() || !pattern.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let matching = glob::glob(&pattern).map_err(|error| nothing(format!("{pattern:?} is no pattern: {error}")))?;
    let mut files = Vec::new();
    for file in matching {
        let file = file.map_err(|error| EngineError::io("read", error.path().to_owned(), error.into()))?;
        if file.is_dir() { walk(&file, &mut files)? } else { files.push(file) }
    }
    files.sort_unstable();
    files.dedup();
    if files.is_empty() { Err(nothing(format!("no file matches {pattern:?}"))) } else { Ok(files) }
}

/// Adds all files below a folder but hidden ones.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), EngineError> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| EngineError::io("read", &folder, source);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            // A link to a folder is not followed: it may lead back up.
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
            if files.len() > FILES_MAX {
                let what = format!("there are more than {FILES_MAX} files in {folder:?}");
                return Err(EngineError::Missing { what, todo: "import its folders one by one".to_owned() });
            }
        }
    }
    Ok(())
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
    /// The columns of the table it was proposed for.
    columns: Vec<String>,
}

/// Returns the mapping for a table: the one given, else the home's for a file of this
/// name, else that of an earlier table of the same columns (the parts of one export),
/// else a proposal, in which rows without a time are of `today`. What is not the home's is not written yet.
///
/// # Errors
/// [`EngineError::Import`] when the mapping or the table cannot be read, or nothing can be proposed.
pub fn choose_mapping(
    home: &Home,
    table: &Path,
    given: Option<&Path>,
    (today, earlier): (Day, &[MappingChoice]),
) -> Result<MappingChoice, EngineError> {
    let kept = home.mapping_path(&mapping_name(&file_name(table)));
    if let Some(path) = given.map(Path::to_owned).or_else(|| kept.exists().then(|| kept.clone())) {
        let text = std::fs::read_to_string(&path).map_err(|source| EngineError::io("read", &path, source))?;
        let mapping = Mapping::parse(&text).map_err(|source| EngineError::Import { path: path.clone(), source })?;
        return Ok(MappingChoice { mapping, text, path, proposed: None, columns: Vec::new() });
    }
    let failed = |source| EngineError::Import { path: table.to_owned(), source };
    let sample = match table_form(table)? {
        TableForm::Parquet => sample_parquet_table(open(table)?),
        TableForm::Workbook => sample_workbook_table(open(table)?, None),
        TableForm::Delimited | TableForm::Json => sample_table(open(table)?),
    };
    let sample = sample.map_err(failed)?;
    if let Some(same) = earlier.iter().find(|choice| choice.columns == sample.columns()) {
        return Ok(MappingChoice { path: kept, proposed: None, ..same.clone() });
    }
    let columns = sample.columns().to_vec();
    let proposal = propose_mapping(&sample, today).map_err(failed)?;
    let text = proposal.to_toml(&file_name(table));
    Ok(MappingChoice { mapping: proposal.mapping, text, path: kept, proposed: Some(proposal.notes), columns })
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
