//! The ids an import has seen: exact, and in memory only a little of each.
//!
//! An id is kept as a digest of 16 bytes. The newest stand in a hash set. When that is full,
//! they are written in their order to a file in the home, a run; where there are several runs of
//! one level, they are merged into one of the next (O'Neil et al. 1996, the log-structured
//! merge-tree). A filter in memory says of 98 in 100 digests which a run does not hold that it
//! does not (Bloom 1970); all bits of a digest lie in one line of the processor's cache (Putze,
//! Sanders and Singler 2007). For the others the one page is read where it would be.
//! The files have no name, so that the system deletes them when the process ends, however it ends.
//!
//! In memory are at most 71 MB of the newest digests (107 MB for the moment in which the set
//! doubles), 4 MB while they are sorted, and 1.32 bytes for each of those before: some 200 MB for
//! a hundred million ids.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::EngineError;

/// Digests in the hash set: what its 4 Mi places of 17 bytes hold before it doubles.
pub(super) const NEWEST_MAX: usize = 7 << 19;

/// Runs of one level that are merged: each digest is written once more for every fourfold of
/// digests, and looked for in three runs of each level at most.
const RUNS_MERGED: usize = 4;

/// Digests that one read brings; the first of each such page is held in memory, 0.06 bytes a digest.
const PAGE_DIGESTS: usize = 256;

/// Bits of the filter for each digest, of which six are set.
const FILTER_BITS: usize = 10;
const FILTER_BITS_SET: u32 = 6;

/// Parts the newest digests are sorted in, by their first bits.
const SLICE_BITS: u32 = 4;

const DIGEST_BYTES: usize = size_of::<u128>();

#[expect(clippy::disallowed_types, reason = "asked, and sorted when listed")]
type Newest = std::collections::HashSet<u128, foldhash::fast::FixedState>;

/// Digests seen.
#[derive(Debug)]
pub(super) struct Seen {
    folder: PathBuf,
    newest_max: usize,
    newest: Newest,
    /// Levels never rise from one to the next.
    runs: Vec<Run>,
}

impl Seen {
    /// Returns no digests; what is more than `newest_max` goes to files in a folder.
    pub(super) fn new(folder: &Path, newest_max: usize) -> Self {
        Self { folder: folder.to_owned(), newest_max, newest: Newest::default(), runs: Vec::new() }
    }

    /// Adds a digest; returns whether it is new.
    pub(super) fn insert(&mut self, digest: u128) -> Result<bool, EngineError> {
        // Nothing is put into the set only to be taken out: the places would fill with gaps.
        if !self.runs.is_empty() && (self.newest.contains(&digest) || self.in_runs(digest)?) {
            return Ok(false);
        }
        self.add(digest)
    }

    /// Adds a digest without asking the files; returns whether it was none of the newest.
    pub(super) fn add(&mut self, digest: u128) -> Result<bool, EngineError> {
        let new = self.newest.insert(digest);
        if self.newest.len() >= self.newest_max {
            self.spill().map_err(|source| EngineError::io("write ids to a file in", &self.folder, source))?;
        }
        Ok(new)
    }

    fn in_runs(&mut self, digest: u128) -> Result<bool, EngineError> {
        let bits = Bits::of(digest);
        for run in &mut self.runs {
            let holds = run.filter.may_hold(&bits)
                && run
                    .holds(digest)
                    .map_err(|source| EngineError::io("read ids from a file in", &self.folder, source))?;
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the newest digests to a run, and merges runs.
    fn spill(&mut self) -> io::Result<()> {
        let mut writer = RunWriter::new(&self.folder, self.newest.len())?;
        for slice in 0..1 << SLICE_BITS {
            let is_of_slice = |digest: &&u128| **digest >> (u128::BITS - SLICE_BITS) == slice;
            let mut digests: Vec<u128> = self.newest.iter().filter(is_of_slice).copied().collect();
            digests.sort_unstable();
            for digest in digests {
                writer.push(digest)?;
            }
        }
        self.newest.clear();
        self.runs.push(writer.finish(0)?);
        while let Some((of_others, last)) = self.runs.split_last_chunk::<RUNS_MERGED>()
            && last[0].level == last[RUNS_MERGED - 1].level
        {
            let merged = self.runs.split_off(of_others.len());
            self.runs.push(merge(&self.folder, merged)?);
        }
        Ok(())
    }
}

/// Digests in ascending order, in a file.
#[derive(Debug)]
struct Run {
    file: File,
    level: u32,
    n_digests: usize,
    /// The first digest of each page.
    pages: Vec<u128>,
    filter: Filter,
}

impl Run {
    fn holds(&mut self, digest: u128) -> io::Result<bool> {
        let Some(page) = self.pages.partition_point(|first| *first <= digest).checked_sub(1) else {
            return Ok(false);
        };
        let mut bytes = [0; PAGE_DIGESTS * DIGEST_BYTES];
        let before = page * PAGE_DIGESTS;
        let bytes = &mut bytes[..PAGE_DIGESTS.min(self.n_digests - before) * DIGEST_BYTES];
        self.file.seek(SeekFrom::Start((before * DIGEST_BYTES) as u64))?;
        self.file.read_exact(bytes)?;
        let (digests, _) = bytes.as_chunks::<DIGEST_BYTES>();
        Ok(digests.binary_search_by_key(&digest, |bytes| u128::from_le_bytes(*bytes)).is_ok())
    }
}

/// Returns the digests of several runs as one.
fn merge(folder: &Path, runs: Vec<Run>) -> io::Result<Run> {
    let level = runs.iter().map(|run| run.level + 1).max().unwrap_or(0);
    let n_digests = runs.iter().map(|run| run.n_digests).sum();
    // Their filters go before the new one comes.
    let readers = runs.into_iter().map(|run| RunReader::new(run.file, run.n_digests));
    let mut readers = readers.collect::<io::Result<Vec<_>>>()?;
    let mut writer = RunWriter::new(folder, n_digests)?;
    while let Some(digest) = readers.iter().filter_map(|reader| reader.next).min() {
        writer.push(digest)?;
        for reader in readers.iter_mut().filter(|reader| reader.next == Some(digest)) {
            reader.advance()?;
        }
    }
    writer.finish(level)
}

/// Reads a run from its beginning.
struct RunReader {
    file: BufReader<File>,
    n_left: usize,
    next: Option<u128>,
}

impl RunReader {
    fn new(mut file: File, n_digests: usize) -> io::Result<Self> {
        file.rewind()?;
        let mut reader = Self { file: BufReader::with_capacity(1 << 16, file), n_left: n_digests, next: None };
        reader.advance()?;
        Ok(reader)
    }

    fn advance(&mut self) -> io::Result<()> {
        self.next = None;
        if self.n_left > 0 {
            self.n_left -= 1;
            let mut bytes = [0; DIGEST_BYTES];
            self.file.read_exact(&mut bytes)?;
            self.next = Some(u128::from_le_bytes(bytes));
        }
        Ok(())
    }
}

/// Writes a run.
struct RunWriter {
    file: BufWriter<File>,
    n_digests: usize,
    pages: Vec<u128>,
    filter: Filter,
}

impl RunWriter {
    /// Begins a run of so many digests at most.
    fn new(folder: &Path, n_digests_max: usize) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(folder)?);
        let pages = Vec::with_capacity(n_digests_max.div_ceil(PAGE_DIGESTS));
        Ok(Self { file, n_digests: 0, pages, filter: Filter::new(n_digests_max) })
    }

    /// Adds a digest, larger than those before.
    fn push(&mut self, digest: u128) -> io::Result<()> {
        if self.n_digests.is_multiple_of(PAGE_DIGESTS) {
            self.pages.push(digest);
        }
        self.n_digests += 1;
        self.filter.insert(&Bits::of(digest));
        self.file.write_all(&digest.to_le_bytes())
    }

    fn finish(self, level: u32) -> io::Result<Run> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Run { file, level, n_digests: self.n_digests, pages: self.pages, filter: self.filter })
    }
}

/// A Bloom filter of blocks, each a line of the cache.
#[derive(Debug)]
struct Filter(Vec<Block>);

type Block = [u64; 8];

/// Where the bits of a digest are: by its first half the block, in it those of a mask.
struct Bits {
    first_half: u64,
    mask: Block,
}

impl Bits {
    fn of(digest: u128) -> Self {
        let first_half = (digest >> 64) as u64;
        let mut mask = Block::default();
        for idx in 0..FILTER_BITS_SET {
            // Nine bits of the second half say which of 512.
            let bit = (digest >> (9 * idx)) & 511;
            mask[(bit / 64) as usize] |= 1 << (bit % 64);
        }
        Self { first_half, mask }
    }
}

impl Filter {
    fn new(n_digests: usize) -> Self {
        Self(vec![Block::default(); (n_digests * FILTER_BITS).div_ceil(size_of::<Block>() * 8).max(1)])
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is less than the number of blocks")]
    fn block(&self, bits: &Bits) -> usize {
        let place = (u128::from(bits.first_half) * self.0.len() as u128) >> 64;
        place as usize
    }

    fn insert(&mut self, bits: &Bits) {
        let block = self.block(bits);
        self.0[block].iter_mut().zip(bits.mask).for_each(|(word, mask)| *word |= mask);
    }

    fn may_hold(&self, bits: &Bits) -> bool {
        let block = &self.0[self.block(bits)];
        block.iter().zip(bits.mask).all(|(word, mask)| word & mask == mask)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::{any, prop_assert_eq, proptest};
    use proptest::{collection, test_runner::Config};

    use super::*;

    /// Digests that are as even as those of ids, and come again.
    fn digest(number: u32) -> u128 {
        let hash = blake3::hash(&number.to_le_bytes());
        u128::from_le_bytes(hash.as_bytes()[..16].try_into().unwrap())
    }

    #[test]
    fn a_digest_is_new_once_however_many_runs_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Seen::new(folder.path(), 1_000);
        for round in [true, false] {
            for number in 0..100_000 {
                assert_eq!(seen.insert(digest(number)).unwrap(), round, "{number}");
            }
        }
        // 100 runs: one merged of 64, two of 16, one of 4.
        let levels: Vec<u32> = seen.runs.iter().map(|run| run.level).collect();
        assert_eq!(levels, [3, 2, 2, 1]);
    }

    #[test]
    fn memory_is_that_of_the_newest_and_little_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Seen::new(folder.path(), 1_000);
        for number in 0..100_500 {
            seen.add(digest(number)).unwrap();
        }
        assert_eq!(seen.newest.len(), 500);
        let n_bytes: usize = seen.runs.iter().map(|run| run.filter.0.len() * 64 + run.pages.len() * 16).sum();
        assert!(n_bytes < 140_000, "{n_bytes} bytes for 100,000 digests");
    }

    #[test]
    fn the_filter_lets_little_through() {
        let mut filter = Filter::new(10_000);
        (0..10_000).for_each(|number| filter.insert(&Bits::of(digest(number))));
        assert!((0..10_000).all(|number| filter.may_hold(&Bits::of(digest(number)))));
        let n_through = (10_000..60_000).filter(|number| filter.may_hold(&Bits::of(digest(*number)))).count();
        assert!(n_through < 1_000, "{n_through} of 50,000");
    }

    #[test]
    fn the_files_have_no_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Seen::new(folder.path(), 10);
        (0..100).for_each(|number| assert!(seen.insert(digest(number)).unwrap()));
        assert!(!seen.runs.is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut seen = Seen::new(&folder.path().join("none"), 2);
        assert!(seen.insert(1).unwrap());
        let error = seen.insert(2).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ids to a file in"), "{error}");
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(64) })]

        /// Small bounds, so that runs are written and merged all the time.
        #[test]
        fn it_answers_as_a_plain_set(
            newest_max in 1_usize..40,
            numbers in collection::vec(any::<u16>(), 0..600),
            n_known in 0_usize..100,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut seen = Seen::new(folder.path(), newest_max);
            let mut plain = BTreeSet::new();
            let numbers: Vec<u32> = numbers.into_iter().map(|number| u32::from(number % 400)).collect();
            for number in numbers.iter().take(n_known) {
                seen.add(digest(*number)).unwrap();
                plain.insert(*number);
            }
            for number in numbers {
                prop_assert_eq!(seen.insert(digest(number)).unwrap(), plain.insert(number));
            }
        }
    }
}
