//! Notes: what people heard from customers, beside what was counted.
//!
//! A note is somebody's word and never evidence; it is shown as what it is. Notes are only ever appended, and
//! stand under the id of a persona, which it keeps.

use throng_event::Instant;
use throng_persona::PersonaId;

use crate::context::{collect, session};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rows::{Rows, batch, counts, instants, texts};
use crate::tables::NOTES;

/// Characters of a note: some three pages.
const TEXT_LENGTH_MAX: usize = 10_000;
/// Characters of where a note comes from.
const SOURCE_LENGTH_MAX: usize = 200;

/// What somebody wrote about a persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whom it is about.
    pub persona: PersonaId,
    /// What it says.
    pub text: String,
    /// Where it comes from: an interview, a call, a name.
    pub source: Option<String>,
    /// When it was written.
    pub noted_at: Instant,
}

impl Engine {
    /// Keeps a note.
    ///
    /// # Errors
    /// [`EngineError::Missing`] where it says nothing, or too much.
    pub fn add_note(&mut self, note: &Note) -> Result<(), EngineError> {
        let refused = |what: &str, todo: String| Err(EngineError::Missing { what: what.to_owned(), todo });
        if note.text.trim().is_empty() {
            return refused("the note says nothing", "write what you heard".to_owned());
        }
        if note.text.chars().count() > TEXT_LENGTH_MAX {
            return refused("the note is too long", format!("keep it to {TEXT_LENGTH_MAX} characters"));
        }
        if note.source.as_ref().is_some_and(|source| source.chars().count() > SOURCE_LENGTH_MAX) {
            return refused(
                "where the note comes from is too long",
                format!("keep it to {SOURCE_LENGTH_MAX} characters"),
            );
        }
        let _lock = self.home.lock()?;
        self.runtime.block_on(async {
            let number = read(self).await?.len();
            let row = batch(vec![
                ("number", counts([u64::try_from(number).unwrap_or(u64::MAX)])),
                ("persona_id", texts([Some(note.persona.as_str())])),
                ("text", texts([Some(note.text.trim())])),
                ("source", texts([note.source.as_deref()])),
                ("noted_at", instants([Some(note.noted_at.0)])),
            ]);
            let row = row.map_err(|error| EngineError::table("write", NOTES, error))?;
            self.store.append(NOTES, vec![row]).await
        })
    }

    /// Returns all notes, the first one first.
    ///
    /// # Errors
    /// [`EngineError`] when the table cannot be read.
    pub fn notes(&self) -> Result<Vec<Note>, EngineError> {
        self.runtime.block_on(read(self))
    }
}

async fn read(engine: &Engine) -> Result<Vec<Note>, EngineError> {
    let context = session(&engine.store, engine.threads.get()).await?;
    if !context.table_exist(NOTES).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let query = "SELECT persona_id, text, source, CAST(noted_at AS BIGINT) AS noted_at FROM notes ORDER BY number";
    let rows = collect(&context, query).await?;
    let failed = |error| EngineError::table("read", NOTES, error);
    let rows = Rows(&rows);
    let (ids, texts) = (rows.words("persona_id").map_err(failed)?, rows.words("text").map_err(failed)?);
    let (sources, at) = (rows.texts("source").map_err(failed)?, rows.integers("noted_at").map_err(failed)?);
    let mut notes = Vec::new();
    for (((id, text), source), at) in ids.into_iter().zip(texts).zip(sources).zip(at) {
        notes.push(Note { persona: id.parse()?, text, source, noted_at: Instant(at.unwrap_or(0)) });
    }
    Ok(notes)
}
