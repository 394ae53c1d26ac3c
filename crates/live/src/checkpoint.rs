//! The state of a core on disk, so that a start reads a checkpoint and what the log has since.
//!
//! A file is written beside the last one and takes its place whole:
//!
//! ```text
//! mark · hash of the settings · pieces · 0 · hash of all before (BLAKE3)
//! a piece: what it holds, from 1 · its length, 8 bytes · its bytes
//! ```
//!
//! It can be deleted at any time: the log says the same. One that is damaged, or was written by
//! other settings, is not used.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

use crate::core::{CoreSnapshot, Piece, mark};
use crate::{Core, CoreSettings, LiveError, Offset};

const MARK: &[u8; 8] = b"throngcp";
/// Bytes of histories that are encoded before the applier gets a turn: some tenths of a millisecond.
const PIECE_BYTES: usize = 256 << 10;
/// Histories that change while others are written are written again, so often at most, …
const PASSES_MAX: usize = 4;
/// … until so few have changed that they are written while the core stands still.
const CHANGED_FEW: usize = 2_000;

/// A file that is being written.
struct Sealed<W> {
    to: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }

    fn piece(&mut self, piece: Piece, bytes: &[u8]) -> io::Result<()> {
        self.write(&[code(piece)])?;
        self.write(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes())?;
        self.write(bytes)
    }
}

/// Writes a checkpoint of a core that goes on meanwhile, and returns the offset it is of.
///
/// `settle` is called before it takes the place of the last one: it returns when everything that
/// was told until that offset is on disk.
///
/// # Errors
/// [`LiveError::Storage`] when the disk refuses; the last checkpoint is untouched then.
pub(crate) fn write(
    path: &Path,
    core: &RwLock<Core>,
    settle: impl FnOnce(Offset) -> Result<(), LiveError>,
) -> Result<Offset, LiveError> {
    let beside = path.with_added_extension("new");
    let failed = |error: io::Error| failed("write", &beside, &error);
    core.write().begin_snapshot();
    let _ended = Ended(core);
    let file = File::create(&beside).map_err(failed)?;
    let mut sealed = Sealed { to: BufWriter::with_capacity(1 << 20, file), hasher: blake3::Hasher::new() };
    sealed.write(MARK).and_then(|()| sealed.write(&mark(core.read().settings()))).map_err(failed)?;
    let mut carriers: Vec<u32> = (0..core.read().n_carriers()).collect();
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    for _ in 0..PASSES_MAX {
        let mut rest = carriers.as_slice();
        while !rest.is_empty() {
            bytes.clear();
            let n_written = core.read().write_histories(rest, &mut bytes, PIECE_BYTES);
            sealed.piece(Piece::Histories, &bytes).map_err(failed)?;
            rest = &rest[n_written..];
        }
        carriers = core.write().take_changed();
        if carriers.len() <= CHANGED_FEW {
            break;
        }
    }
    let rest = {
        let core = core.read();
        carriers.extend_from_slice(core.changed());
        carriers.sort_unstable();
        carriers.dedup();
        bytes.clear();
        core.write_histories(&carriers, &mut bytes, usize::MAX);
        core.rest()
    };
    let offset = rest.applied();
    sealed.piece(Piece::Histories, &bytes).map_err(failed)?;
    rest.write(&mut |piece, bytes| sealed.piece(piece, bytes).map_err(failed))?;
    drop(rest);
    settle(offset)?;
    sealed.write(&[0]).map_err(failed)?;
    let hash = *sealed.hasher.finalize().as_bytes();
    let finish = || {
        sealed.to.write_all(&hash)?;
        sealed.to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    finish().map_err(failed)?;
    Ok(offset)
}

/// Reads a checkpoint back; `None` where there is none of these settings.
///
/// # Errors
/// [`LiveError::Storage`] when the disk refuses, [`LiveError::Damaged`] for a file that is not
/// what was written.
pub(crate) fn read(path: &Path, settings: &CoreSettings) -> Result<Option<Core>, LiveError> {
    let failed = |error: io::Error| failed("read", path, &error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut left = file.metadata().map_err(failed)?.len();
    let mut from = BufReader::with_capacity(1 << 20, file);
    let mut hasher = blake3::Hasher::new();
    let mut bytes = Vec::new();
    // No more is asked for than the file has: a damaged length is not believed.
    let mut take = |n_bytes: u64, bytes: &mut Vec<u8>| {
        bytes.clear();
        if n_bytes > left {
            return Err(damaged("a checkpoint that is cut off"));
        }
        left -= n_bytes;
        from.by_ref().take(n_bytes).read_to_end(bytes).map_err(failed).map(drop)
    };
    take(40, &mut bytes)?;
    if bytes[..8] != *MARK {
        return Err(damaged("a checkpoint of another kind"));
    }
    if bytes[8..] != mark(settings) {
        return Ok(None);
    }
    hasher.update(&bytes);
    let mut snapshot = CoreSnapshot::default();
    loop {
        take(1, &mut bytes)?;
        hasher.update(&bytes);
        if bytes[0] == 0 {
            break;
        }
        let piece = piece_of(bytes[0]).ok_or_else(|| damaged("a checkpoint with an unknown piece"))?;
        take(8, &mut bytes)?;
        hasher.update(&bytes);
        let n_bytes = bytes.as_slice().try_into().map_or(u64::MAX, u64::from_le_bytes);
        take(n_bytes, &mut bytes)?;
        hasher.update(&bytes);
        snapshot.take(piece, &bytes)?;
    }
    take(32, &mut bytes)?;
    if bytes[..] != *hasher.finalize().as_bytes() {
        return Err(damaged("a checkpoint that is not what was written"));
    }
    snapshot.core(settings.clone()).map(Some)
}

const PIECES: [Piece; 5] = [Piece::Histories, Piece::States, Piece::Identities, Piece::Links, Piece::Rest];

fn code(piece: Piece) -> u8 {
    PIECES.iter().zip(1..).find_map(|(known, code)| (*known == piece).then_some(code)).unwrap_or(0)
}

fn piece_of(code: u8) -> Option<Piece> {
    PIECES.get(usize::from(code).checked_sub(1)?).copied()
}

/// Ends the notes of a snapshot, however it went.
struct Ended<'c>(&'c RwLock<Core>);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.write().end_snapshot();
    }
}

fn failed(verb: &'static str, path: &Path, error: &io::Error) -> LiveError {
    LiveError::Checkpoint { verb, path: PathBuf::from(path), reason: error.to_string() }
}

fn damaged(what: &str) -> LiveError {
    LiveError::Damaged(what.to_owned())
}
