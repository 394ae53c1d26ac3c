//! The stored form of a shift, behind one byte that says which form it is.

use serde::{Deserialize, Serialize};
use throng_event::Instant;
use throng_persona::PersonaId;
use throng_profile::ProfileId;

use crate::{Because, Cause, LiveError, Shift, ShiftId};

const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StoredShift {
    profile: String,
    at: i64,
    from: Option<String>,
    to: Option<String>,
    share: f64,
    cause: StoredCause,
    because: Vec<(String, String, f64)>,
    reversed_by: Option<String>,
    model: String,
}

#[derive(Serialize, Deserialize)]
enum StoredCause {
    Event(String, String),
    Silence,
    Model,
}

pub(crate) fn encode(shift: &Shift) -> Result<Vec<u8>, LiveError> {
    let persona = |persona: &Option<PersonaId>| persona.as_ref().map(|persona| persona.as_str().to_owned());
    let stored = StoredShift {
        profile: shift.profile.as_str().to_owned(),
        at: shift.at.0,
        from: persona(&shift.from),
        to: persona(&shift.to),
        share: shift.share,
        cause: match &shift.cause {
            Cause::Event { id, name } => StoredCause::Event(id.clone(), name.clone()),
            Cause::Silence => StoredCause::Silence,
            Cause::Model => StoredCause::Model,
        },
        because: shift
            .because
            .iter()
            .map(|because| (because.feature.clone(), because.sentence.clone(), because.contribution))
            .collect(),
        reversed_by: shift.reversed_by.clone(),
        model: shift.model.clone(),
    };
    postcard::to_extend(&stored, vec![FORM]).map_err(|error| LiveError::Encode(error.to_string()))
}

pub(crate) fn decode(id: ShiftId, bytes: &[u8]) -> Result<Shift, LiveError> {
    let damaged = |what: String| LiveError::Damaged(format!("a shift that cannot be read ({what})"));
    let body = bytes.strip_prefix(&[FORM]).ok_or_else(|| damaged("of an unknown form".to_owned()))?;
    let stored: StoredShift = postcard::from_bytes(body).map_err(|error| damaged(error.to_string()))?;
    let persona = |persona: Option<String>| persona.map(|text| text.parse::<PersonaId>()).transpose();
    let profile = ProfileId::parse(&stored.profile).ok_or_else(|| damaged(stored.profile.clone()))?;
    Ok(Shift {
        id,
        profile,
        at: Instant(stored.at),
        from: persona(stored.from).map_err(|error| damaged(error.to_string()))?,
        to: persona(stored.to).map_err(|error| damaged(error.to_string()))?,
        share: stored.share,
        cause: match stored.cause {
            StoredCause::Event(id, name) => Cause::Event { id, name },
            StoredCause::Silence => Cause::Silence,
            StoredCause::Model => Cause::Model,
        },
        because: stored
            .because
            .into_iter()
            .map(|(feature, sentence, contribution)| Because { feature, sentence, contribution })
            .collect(),
        reversed_by: stored.reversed_by,
        model: stored.model,
    })
}
