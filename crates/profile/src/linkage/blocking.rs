//! Which pairs are compared at all: those that agree in one of a few keys.
//!
//! All pairs of a million records are half a billion thousand; nearly all of them
//! have nothing in common. A blocking rule makes a key of each record, and only
//! records of one key, a block, are paired (Fellegi and Sunter 1969, part 4). Several
//! rules catch what one misses. A block is bounded, so that the pairs grow with the
//! records: what is shared by very many says little about any two of them.

use super::records::{RecordIdx, RecordSet};

/// The most records of a block. A hundred people do not share a phone; a larger block
/// is a call centre, a company's address or a default value, and 4,950 pairs of
/// 100 records are as many as one value is worth.
const N_BLOCK_RECORDS_MAX: usize = 100;

/// A reason to compare two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockingRule {
    /// One e-mail address.
    Email,
    /// One phone number.
    Phone,
    /// One date of birth and postal code.
    BirthPlace,
    /// One date of birth and first letter of the given name.
    BirthGiven,
    /// One date of birth and first letter of the family name.
    BirthFamily,
    /// One given and family name.
    Name,
    /// One e-mail address before the `@`, and one first letter of the given name.
    EmailName,
    /// One postal code and sound of the family name.
    PlaceFamily,
    /// One postal code and sound of the given name.
    PlaceGiven,
    /// One address and first letter of the given name.
    Address,
    /// One year of birth and sound of both names.
    Sound,
    /// One device on one network.
    Device,
}

/// Equal for the records of one block.
type Key = [u32; 3];

impl BlockingRule {
    /// All rules, in the order they are tried.
    pub const ALL: [Self; 12] = [
        Self::Email,
        Self::Phone,
        Self::BirthPlace,
        Self::BirthGiven,
        Self::BirthFamily,
        Self::Name,
        Self::EmailName,
        Self::PlaceFamily,
        Self::PlaceGiven,
        Self::Address,
        Self::Sound,
        Self::Device,
    ];

    /// Returns the rule's name in tables and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::BirthPlace => "birth-place",
            Self::BirthGiven => "birth-given",
            Self::BirthFamily => "birth-family",
            Self::Name => "name",
            Self::EmailName => "email-name",
            Self::PlaceFamily => "place-family",
            Self::PlaceGiven => "place-given",
            Self::Address => "address",
            Self::Sound => "sound",
            Self::Device => "device",
        }
    }

    /// Returns the key of a record, `None` where a part of it is missing.
    fn key(self, records: &RecordSet, record: RecordIdx) -> Option<Key> {
        let first = |text: &str| text.chars().next().map_or(0, u32::from);
        let letter = || first(records.given_name.text(record));
        let year = || records.birth_date.text(record).get(..4).and_then(|year| year.parse().ok()).unwrap_or(0);
        // A part that the rule does not have is 1, so that 0 means missing everywhere.
        let key = match self {
            Self::Email => [records.email.value(record), 1, 1],
            Self::Phone => [records.phone.value(record), 1, 1],
            Self::BirthPlace => [records.birth_date.value(record), records.postal_code.value(record), 1],
            Self::BirthGiven => [records.birth_date.value(record), letter(), 1],
            Self::BirthFamily => [records.birth_date.value(record), first(records.family_name.text(record)), 1],
            Self::Name => [records.given_name.value(record), records.family_name.value(record), 1],
            Self::EmailName => [records.email_local.value(record), letter(), 1],
            Self::PlaceFamily => [records.postal_code.value(record), records.family_sound.value(record), 1],
            Self::PlaceGiven => [records.postal_code.value(record), records.given_sound.value(record), 1],
            Self::Address => [records.address.value(record), letter(), 1],
            Self::Sound => [records.given_sound.value(record), records.family_sound.value(record), year()],
            Self::Device => [records.device.value(record), records.ip_prefix.value(record), 1],
        };
        if key.contains(&0) { None } else { Some(key) }
    }
}

/// The blocks of a rule that were too large to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedBlocks {
    /// The rule.
    pub rule: BlockingRule,
    /// How many of its blocks were skipped.
    pub n_blocks: u64,
    /// How many records were in them.
    pub n_records: u64,
}

/// Calls `take` once for each pair that some rule brings together, the smaller place
/// first, and returns the blocks that were too large.
pub(crate) fn for_each_pair(records: &RecordSet, take: &mut impl FnMut(RecordIdx, RecordIdx)) -> Vec<SkippedBlocks> {
    let mut earlier: Vec<(BlockingRule, Vec<Key>)> = Vec::new();
    let mut skipped = Vec::new();
    for rule in BlockingRule::ALL {
        let mut keys: Vec<(Key, RecordIdx)> =
            (0..records.n_records()).filter_map(|record| Some((rule.key(records, record)?, record))).collect();
        keys.sort_unstable();
        let mut too_large = SkippedBlocks { rule, n_blocks: 0, n_records: 0 };
        let mut keys_too_large = Vec::new();
        for block in keys.chunk_by(|a, b| a.0 == b.0) {
            if block.len() > N_BLOCK_RECORDS_MAX {
                too_large.n_blocks += 1;
                too_large.n_records += block.len() as u64;
                keys_too_large.push(block[0].0);
                continue;
            }
            pair_up(records, block, &earlier, take);
        }
        if too_large.n_blocks > 0 {
            skipped.push(too_large);
        }
        earlier.push((rule, keys_too_large));
    }
    skipped
}

fn pair_up(
    records: &RecordSet,
    block: &[(Key, RecordIdx)],
    earlier: &[(BlockingRule, Vec<Key>)],
    take: &mut impl FnMut(RecordIdx, RecordIdx),
) {
    for (idx, (_, a)) in block.iter().enumerate() {
        for (_, b) in &block[idx + 1..] {
            // A pair is taken by the first rule that brings it together.
            let taken = earlier.iter().any(|(rule, too_large)| {
                let key = rule.key(records, *a);
                key.is_some()
                    && key == rule.key(records, *b)
                    && key.is_some_and(|key| too_large.binary_search(&key).is_err())
            });
            if !taken {
                take(*a, *b);
            }
        }
    }
}
