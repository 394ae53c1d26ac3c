//! Events handed out as Segment messages: what was admitted, for other tools or another home.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use throng_source::write_segment;

use crate::context::{for_each_batch, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::event_table::read_events;

impl Engine {
    /// Writes the events of all sources or of one to a file, one Segment message a line,
    /// and returns how many. Imported into an empty home they give the same features.
    ///
    /// The file is there whole or not at all; the same lake gives the same bytes.
    ///
    /// # Errors
    /// [`EngineError::Missing`] without events, [`EngineError::Io`] when the file cannot be written.
    pub fn export_segment(&self, path: &Path, source: Option<&str>) -> Result<u64, EngineError> {
        let failed = |error: std::io::Error| EngineError::io("write", path, error);
        let beside = path.with_extension("ndjson.new");
        let mut file = BufWriter::new(File::create(&beside).map_err(failed)?);
        let mut n_events = 0;
        let mut take = |rows: &RecordBatch| -> Result<(), ArrowError> {
            for event in read_events(rows)? {
                writeln!(file, "{}", write_segment(&event))?;
                n_events += 1;
            }
            Ok(())
        };
        let chosen = source.map(|source| format!(" WHERE source = '{}'", source.replace('\'', "''")));
        let query = format!("SELECT * FROM events{}", chosen.unwrap_or_default());
        self.runtime.block_on(async {
            self.view().await?;
            // One thread, for files that are read side by side come in any order.
            for_each_batch(&session(&self.store, 1).await?, &query, &mut take).await
        })?;
        file.flush().map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)?;
        Ok(n_events)
    }
}
