//! A persona opened into the kinds within it.
//!
//! What is done for everybody is done once more among the customers of one persona, as if they were
//! all there are: a cut of them that comes back when they are drawn anew, each part told from the
//! rest of the persona. What a persona's customers differ by is mostly by degrees, for a persona with a
//! clear border inside would be two; so they are cut where what they do next differs
//! ([`crate::foresight`]), and where nothing is foretold, at borders or else by degrees. What does not
//! come back is not shown.
//!
//! Sub-kinds are numbered by size within their persona (`p2.1`) and belong to one discovery; unlike
//! personas they keep no identity from one to the next.

use crate::discovery::{Borders, DiscoveryParams, Found, Outcome, PersonaCount, sought};
use crate::persona::rename;
use crate::{Continuum, Memberships, Persona, PersonaError, PersonaId, Population};

/// Sub-kinds of one persona at most: more are not told apart by anybody who reads of them.
const SUB_KINDS_MAX: usize = 5;

/// A persona and the kinds within it.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The persona.
    pub persona: PersonaId,
    /// The kinds within it, the largest first; shares are those of the persona's customers, and
    /// the others of their claims are the others of the persona.
    pub kinds: Vec<Persona>,
    /// How much each of the persona's customers belongs to each.
    pub memberships: Memberships,
}

/// Opens the personas of a population; one that is not divided alike each time is not among the
/// answers.
///
/// ```
/// use throng_event::{Calendar, Day};
/// use throng_persona::{DiscoveryParams, Memberships, PersonaCount, PersonaId, Population, open};
///
/// let as_of = Calendar::utc().as_of(Day(19_000));
/// let nobody =
///     Population { as_of, profiles: Vec::new(), features: Vec::new(), traits: Vec::new(), revenue: None, histories: None, lookback: None };
/// let memberships = Memberships::new(vec![PersonaId::at(0)], Vec::new())?;
/// assert!(open(&nobody, &memberships, &DiscoveryParams::new(PersonaCount::Auto { max: 8 }, 1))?.is_empty());
/// # Ok::<(), throng_persona::PersonaError>(())
/// ```
///
/// # Errors
/// As [`discover`](crate::discover).
pub fn open(
    population: &Population,
    memberships: &Memberships,
    params: &DiscoveryParams,
) -> Result<Vec<Opened>, PersonaError> {
    let params =
        DiscoveryParams { personas: PersonaCount::Auto { max: SUB_KINDS_MAX }, continuum: Continuum::Cut, ..*params };
    let mut opened = Vec::new();
    for (persona_idx, persona) in memberships.personas().iter().enumerate() {
        let rows = memberships.rows().iter().enumerate();
        let members: Vec<usize> =
            rows.filter(|(_, row)| row.assigned == Some(persona_idx)).map(|(row_idx, _)| row_idx).collect();
        let members = population.of_some(&members);
        if let Outcome::Found(found) = sought(&members, &params, Borders::Last)?.outcome {
            opened.push(within(persona, *found, &members)?);
        }
    }
    Ok(opened)
}

/// Returns what was found among the customers of a persona under the keys of its sub-kinds.
fn within(persona: &PersonaId, found: Found, members: &Population) -> Result<Opened, PersonaError> {
    let mut kinds = found.personas;
    let called: Vec<(PersonaId, String)> =
        kinds.iter().enumerate().map(|(kind_idx, kind)| (persona.sub_kind(kind_idx), kind.name.clone())).collect();
    rename(&mut kinds, &called, members.as_of.day);
    let ids = called.into_iter().map(|(id, _)| id).collect();
    Ok(Opened { persona: persona.clone(), kinds, memberships: Memberships::new(ids, found.memberships.into_rows())? })
}
