//! A model as bytes: a mark, the format, a hash of what follows, and the model's parts.
//!
//! The hash (BLAKE3) tells damage from a model; the parts are checked all the same, so that even bytes
//! made on purpose are refused or harmless. A change of what is written is a new format.

use std::collections::BTreeSet;

use throng_learn::{LearnError, State, StateReader, StateWriter, state_of_fields};

use super::Model;
use crate::{Division, ModelColumn, PersonaError, PersonaId};

/// The first bytes of every stored model.
const MARK: [u8; 8] = *b"thrgmodl";
const FORMAT: u8 = 1;
const HASH_N_BYTES: usize = 32;

impl Model {
    /// Returns the model as bytes. What it says of a profile after reading is the same to the bit; the
    /// labels of those it was fitted to are left out.
    #[must_use]
    pub fn state(&self) -> Vec<u8> {
        let mut writer = StateWriter::default();
        self.write(&mut writer);
        let parts = writer.into_bytes();
        let hash = blake3::hash(&parts);
        [MARK.as_slice(), &[FORMAT], hash.as_bytes(), &parts].concat()
    }

    /// Reads a model from its bytes.
    ///
    /// # Errors
    /// [`PersonaError::DamagedModel`] for bytes that are no model or were changed,
    /// [`PersonaError::OtherModelFormat`] for those of another version.
    pub fn from_state(bytes: &[u8]) -> Result<Self, PersonaError> {
        let damaged = |reason| PersonaError::DamagedModel { reason, source: None };
        let none = || damaged("these bytes are no stored model");
        let (mark, rest) = bytes.split_at_checked(MARK.len()).ok_or_else(none)?;
        let (format, rest) = rest.split_first().filter(|_| mark == MARK).ok_or_else(none)?;
        if *format != FORMAT {
            return Err(PersonaError::OtherModelFormat { found: *format, known: FORMAT });
        }
        let (hash, parts) = rest.split_at_checked(HASH_N_BYTES).ok_or_else(none)?;
        if hash != blake3::hash(parts).as_bytes() {
            return Err(damaged("it was changed or cut off after it was written"));
        }
        let mut reader = StateReader::new(parts);
        let read = Self::read(&mut reader).and_then(|model| reader.finish().map(|()| model));
        read.map_err(|source| PersonaError::DamagedModel { reason: "its parts do not fit", source: Some(source) })
    }

    /// Checks that the parts fit each other; each fits in itself.
    fn check(&self) -> Result<(), LearnError> {
        let (n_parts, n_dimensions) = (self.scaler.parts().len(), self.projection.n_dimensions());
        let k_means = self.membership.k_means();
        let n_clusters = k_means.n_clusters();
        let distinct: BTreeSet<&usize> = self.clusters.iter().collect();
        let ids: BTreeSet<&PersonaId> = self.personas.iter().collect();
        let divides = match &self.division {
            Division::Largest | Division::Nearest => true,
            Division::Method(fitted) => fitted.fits(&self.columns, (n_parts, n_clusters)),
        };
        let partial = self.partial.as_ref();
        for (holds, what) in [
            (self.scaler.votes().len() == self.columns.len(), "the number of features"),
            (self.projection.n_columns() == n_parts, "the number of parts"),
            (k_means.centroids().n_columns() == n_dimensions, "the number of dimensions"),
            (!self.clusters.is_empty() && distinct.len() == self.clusters.len(), "the clusters of the personas"),
            (self.clusters.iter().all(|cluster| *cluster < n_clusters), "the cluster of a persona"),
            (ids.len() == self.personas.len() && ids.len() == self.clusters.len(), "the ids of the personas"),
            (divides, "how customers are divided"),
            (partial.is_none_or(|partial| partial.fits(n_clusters, (n_parts, n_dimensions))), "the ensemble"),
        ] {
            if !holds {
                return Err(LearnError::InvalidState { what });
            }
        }
        Ok(())
    }
}

state_of_fields!(ModelColumn { feature, levels });
state_of_fields!(
    Model { columns, scaler, projection, membership, clusters, personas, separation, division, partial },
    Model::check
);

impl State for PersonaId {
    fn write(&self, writer: &mut StateWriter) {
        self.as_str().to_owned().write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        String::read(reader)?.parse().map_err(|_| LearnError::InvalidState { what: "the id of a persona" })
    }
}
