//! What became of the personas from discovery to discovery: one entry each, never changed.
//!
//! The history is what makes ids lasting: an id that stands in it is given to no other persona.

use std::collections::BTreeSet;

use throng_event::Day;

use crate::format::{capitalised, n, share};
use crate::lineage::listed;
use crate::{
    Discovery, Drift, DriftLevel, Lineage, LineageEvent, LineageKind, Outcome, PersonaError, PersonaId, Steadiness,
};

/// The most moved features an entry keeps.
const FEATURES_MAX: usize = 5;

/// All discoveries of a home, the first one first.
///
/// Versions count from 1 without a gap, and no id comes back once it is gone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    entries: Vec<HistoryEntry>,
}

/// One discovery, as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its number, from 1.
    pub version: u64,
    /// The day whose end the numbers were taken at.
    pub as_of: Day,
    /// The seed of the discovery.
    pub seed: u64,
    /// How many profiles were looked at.
    pub n_profiles: u64,
    /// The personas, the largest first; none where discovery refused.
    pub personas: Vec<HistoryPersona>,
    /// Why there were none.
    pub refusal: Option<String>,
    /// What happened to the personas since the last discovery that found any.
    pub events: Vec<LineageEvent>,
    /// How many profiles were known both times; `None` when there was nothing to compare with.
    pub n_comparable: Option<u64>,
    /// The share of those in a persona that stayed in it.
    pub stayed: Option<f64>,
    /// Adjusted Rand index with the former grouping.
    pub adjusted_rand: Option<f64>,
    /// How far the customers had moved.
    pub drift: Option<DriftSummary>,
}

/// One persona, as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPersona {
    /// Its key.
    pub id: PersonaId,
    /// Its name.
    pub name: String,
    /// How many profiles counted for it.
    pub n_profiles: u64,
    /// Their share of all profiles.
    pub share: f64,
    /// How well it came back in resamples, 0 to 1.
    pub stability: f64,
    /// The share of its former members, of those still known, that stayed; `None` when it was new,
    /// or nobody could be compared.
    pub stayed: Option<f64>,
}

/// How far the customers had moved, in short.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftSummary {
    /// The most serious level.
    pub level: DriftLevel,
    /// How many features were compared.
    pub n_features: u64,
    /// How many of them are worth a look.
    pub n_watch: u64,
    /// How many call for action.
    pub n_act: u64,
    /// Stability index of the personas' shares.
    pub mix_index: Option<f64>,
    /// The most moved features that are worth a look or more, with their stability indices.
    pub most: Vec<(String, f64)>,
}

/// When and on what a discovery was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// The day whose end the numbers were taken at.
    pub as_of: Day,
    /// The seed of the discovery.
    pub seed: u64,
    /// How many profiles were looked at.
    pub n_profiles: u64,
}

impl History {
    /// Returns the history made of stored entries.
    ///
    /// # Errors
    /// [`PersonaError::InvalidHistory`] for the first entry that does not follow from those before.
    pub fn new(entries: Vec<HistoryEntry>) -> Result<Self, PersonaError> {
        let mut history = Self::default();
        for entry in entries {
            history.push(entry)?;
        }
        Ok(history)
    }

    /// Returns the entries, the first one first.
    #[must_use]
    pub fn entries(&self) -> &[HistoryEntry] {
        &self.entries
    }

    /// Returns the number that the next entry has.
    #[must_use]
    pub fn next_version(&self) -> u64 {
        self.entries.last().map_or(1, |last| last.version + 1)
    }

    /// Returns every id that was ever given.
    #[must_use]
    pub fn ids_used(&self) -> BTreeSet<PersonaId> {
        self.entries.iter().flat_map(|entry| &entry.personas).map(|persona| persona.id.clone()).collect()
    }

    /// Returns the last discovery that found personas.
    #[must_use]
    pub fn last_found(&self) -> Option<&HistoryEntry> {
        self.entries.iter().rev().find(|entry| !entry.personas.is_empty())
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`PersonaError::InvalidHistory`] when it has not the next number, repeats an id, or has one
    /// back that was gone.
    pub fn push(&mut self, entry: HistoryEntry) -> Result<(), PersonaError> {
        let invalid = |problem| PersonaError::InvalidHistory { version: entry.version, problem };
        if entry.version != self.next_version() {
            return Err(invalid("it has not the next number"));
        }
        let ids: BTreeSet<&PersonaId> = entry.personas.iter().map(|persona| &persona.id).collect();
        if ids.len() != entry.personas.len() {
            return Err(invalid("two of its personas have one id"));
        }
        let alive = self.last_found().map(|last| last.personas.iter().map(|persona| &persona.id).collect());
        let alive: BTreeSet<&PersonaId> = alive.unwrap_or_default();
        let used = self.ids_used();
        if ids.iter().any(|id| used.contains(*id) && !alive.contains(*id)) {
            return Err(invalid("one of its personas has an id that was gone"));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Returns the entry of a discovery, to be added next.
    #[must_use]
    pub fn entry(
        &self,
        occasion: Occasion,
        discovery: &Discovery,
        lineage: &Lineage,
        drift: Option<&Drift>,
    ) -> HistoryEntry {
        let steadiness = lineage.steadiness.as_ref();
        let stayed = |id: &PersonaId| {
            let personas = &steadiness?.personas;
            personas.iter().find(|persona| persona.persona == *id)?.stayed
        };
        let (personas, refusal) = match &discovery.outcome {
            Outcome::Refused(refusal) => (Vec::new(), Some(refusal.text.clone())),
            Outcome::Found(found) => {
                let remembered = found.personas.iter().map(|persona| HistoryPersona {
                    id: persona.id.clone(),
                    name: persona.name.clone(),
                    n_profiles: persona.n_profiles,
                    share: persona.share,
                    stability: persona.stability,
                    stayed: stayed(&persona.id),
                });
                (remembered.collect(), None)
            }
        };
        HistoryEntry {
            version: self.next_version(),
            as_of: occasion.as_of,
            seed: occasion.seed,
            n_profiles: occasion.n_profiles,
            personas,
            refusal,
            events: lineage.events.clone(),
            n_comparable: steadiness.map(|steadiness: &Steadiness| steadiness.n_comparable),
            stayed: steadiness.and_then(|steadiness| steadiness.stayed),
            adjusted_rand: steadiness.and_then(|steadiness| steadiness.adjusted_rand),
            drift: drift.map(DriftSummary::of),
        }
    }
}

impl HistoryEntry {
    /// Returns the whole entry in a few sentences; its events have their own.
    #[must_use]
    pub fn sentence(&self) -> String {
        let customers = n(self.n_profiles);
        let mut text = format!("Version {}, as of {}: ", self.version, self.as_of);
        match &self.refusal {
            Some(refusal) => text.push_str(&format!("no personas among {customers} customers. {refusal}")),
            None => {
                text.push_str(&format!("{} personas among {customers} customers", self.personas.len()));
                let happened = self.happened();
                if !happened.is_empty() {
                    text.push_str(&format!("; {happened}"));
                }
                text.push('.');
            }
        }
        if let Some(stayed) = self.stayed {
            let stayed = capitalised(&share(stayed));
            text.push_str(&format!(" {stayed} of the customers known both times stayed in their persona."));
        }
        if let Some(drift) = &self.drift {
            text.push(' ');
            text.push_str(&drift.sentence());
        }
        text
    }

    /// Counts what happened: `1 split, 1 born and 3 still there`.
    fn happened(&self) -> String {
        let words = [
            (LineageKind::Split, "split"),
            (LineageKind::Merged, "merged"),
            (LineageKind::Born, "new"),
            (LineageKind::Died, "gone"),
            (LineageKind::Persisted, "still there"),
        ];
        let counted = words.iter().filter_map(|(kind, word)| {
            let n_events = self.events.iter().filter(|event| event.kind == *kind).count();
            (n_events > 0).then(|| format!("{n_events} {word}"))
        });
        listed(counted)
    }
}

impl DriftSummary {
    /// Returns the short form of a drift.
    #[must_use]
    pub fn of(drift: &Drift) -> Self {
        let at = |level| crate::number::count(drift.n_features_at(level));
        let moved = drift.features.iter().filter(|feature| feature.level > DriftLevel::Steady);
        Self {
            level: drift.level(),
            n_features: crate::number::count(drift.features.len()),
            n_watch: at(DriftLevel::Watch),
            n_act: at(DriftLevel::Act),
            mix_index: drift.mix.as_ref().map(|mix| mix.index),
            most: moved.take(FEATURES_MAX).map(|feature| (feature.feature.clone(), feature.index)).collect(),
        }
    }

    /// Returns how far the customers had moved, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let all = n(self.n_features);
        if self.n_watch + self.n_act == 0 {
            return format!("None of {all} features has drifted.");
        }
        let most = listed(self.most.iter().map(|(feature, index)| format!("{feature} ({index:.2})")));
        let moved = n(self.n_watch + self.n_act);
        format!(
            "{moved} of {all} features have drifted, {} of them so far that it calls for action: {most}.",
            n(self.n_act)
        )
    }
}
