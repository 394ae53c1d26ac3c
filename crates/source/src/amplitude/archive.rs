//! The archive: its members one after the other, unpacked as they are read.
//!
//! Nothing of a member is held but the record at hand, so members may be of any size. What
//! is bounded is how much more than the archive all members may unpack to: archives made
//! to keep a program busy for days hold next to nothing, a thousand million times. They do
//! so in members that lie upon each other (Fifield, A better zip bomb, 2019), which no
//! export has, so that such archives are refused before anything is read.

use std::io::{self, Read, Seek, SeekFrom};

use zip::ZipArchive;

use crate::{SourceError, decompress};

/// Bytes one packed byte may unpack to. Every event has a random uuid of 16 bytes, which no
/// packing makes smaller, so lines of 16 kB on average would be needed to come near; the
/// usual line has two.
const RATIO_MAX: u64 = 1_000;
/// Bytes any archive may unpack to.
const BYTES_FREE: u64 = 1 << 20;

/// Calls `take` with the plain bytes of every member that holds lines, in the order of names.
pub(super) fn each_member(
    mut input: impl Read + Seek,
    take: &mut dyn FnMut(&mut dyn Read) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let failed = |member: &str| {
        let member = member.to_owned();
        move |source| SourceError::Archive { member, source }
    };
    let length = input.seek(SeekFrom::End(0)).map_err(|source| SourceError::Read { rows: 0, source })?;
    let mut n_left = length.saturating_mul(RATIO_MAX).saturating_add(BYTES_FREE);
    let mut archive = ZipArchive::new(input).map_err(failed("the archive"))?;
    let mut names = Vec::new();
    for idx in 0..archive.len() {
        let name = archive.name_for_index(idx).transpose().map_err(failed("a member without a readable name"))?;
        names.extend(name.filter(|name| holds_lines(name)).map(|name| (name.into_owned(), idx)));
    }
    names.sort_unstable();
    if names.is_empty() {
        let reason = "it holds no file that ends in .json or .json.gz".to_owned();
        return Err(SourceError::Form { form: "an Amplitude export", reason });
    }
    if archive.has_overlapping_files().map_err(failed("the archive"))? {
        let reason = "its members lie upon each other, as in no archive that was not made to deceive".to_owned();
        return Err(SourceError::Form { form: "an Amplitude export", reason });
    }
    for (name, idx) in names {
        let member = archive.by_index(idx).map_err(failed(&name))?;
        let plain = decompress(member).map_err(|error| SourceError::from_read(error, 0))?;
        let mut bounded = Bounded { input: plain, n_left, exceeded: false };
        let taken = take(&mut bounded);
        if bounded.exceeded {
            let reason = format!("it unpacks to more than {RATIO_MAX} times its size, the last of it in {name:?}");
            return Err(SourceError::Form { form: "an Amplitude export", reason });
        }
        taken?;
        n_left = bounded.n_left;
    }
    Ok(())
}

/// Whether a member holds lines; macOS adds files of the same names beside them.
fn holds_lines(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit('/').next().unwrap_or_default();
    let ends = [".json", ".json.gz", ".jsonl", ".jsonl.gz"].iter().any(|end| last.ends_with(end));
    ends && !lower.starts_with("__macosx/") && !last.starts_with("._")
}

/// A reader that stops at a number of bytes and remembers that it did.
struct Bounded<R> {
    input: R,
    n_left: u64,
    exceeded: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.input.read(buffer)?;
        match self.n_left.checked_sub(n_read as u64) {
            Some(n_left) => self.n_left = n_left,
            None => {
                self.exceeded = true;
                return Err(io::Error::other("more bytes than its size allows"));
            }
        }
        Ok(n_read)
    }
}
