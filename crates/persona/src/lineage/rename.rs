//! Ids and names of personas that were found again, put in their place everywhere at once.

use std::collections::BTreeSet;

use super::{NameKept, Previous};
use crate::lineage::verdict::Verdict;
use crate::persona::rename;
use crate::{Found, Memberships, Model, PersonaError, PersonaId, Population};

/// Returns the ids of the current personas: that of the former one each carries on, or one that was
/// never given.
pub(crate) fn fresh_ids(previous: &Previous, verdict: &Verdict, n_personas: usize) -> Vec<PersonaId> {
    let mut taken: BTreeSet<PersonaId> = previous.ids_used.clone();
    taken.extend(previous.baseline.personas.iter().map(|persona| persona.id.clone()));
    let mut next = taken.iter().filter_map(number).max().unwrap_or(0);
    let mut ids = Vec::new();
    for current in 0..n_personas {
        let id = match ancestor(verdict, current) {
            Some(former) => previous.baseline.personas[former].id.clone(),
            // `at` counts from 0: the persona at the number of the last id has the next one.
            None => loop {
                let id = PersonaId::at(next);
                next += 1;
                if taken.insert(id.clone()) {
                    break id;
                }
            },
        };
        ids.push(id);
    }
    ids
}

/// Returns the number of an id of the usual form: 7 for `p7`.
fn number(id: &PersonaId) -> Option<usize> {
    // Numbers beyond this were not counted up to by us; a fresh one must not overflow.
    id.as_str().strip_prefix('p')?.parse().ok().filter(|number| *number < usize::MAX / 2)
}

/// Returns the names of the current personas, and those that would be others today. A fresh name
/// that is taken gets a number.
pub(crate) fn kept_names(
    previous: &Previous,
    verdict: &Verdict,
    found: &Found,
    ids: &[PersonaId],
) -> (Vec<String>, Vec<NameKept>) {
    let kept: Vec<Option<&str>> = (0..found.personas.len())
        .map(|current| ancestor(verdict, current).map(|former| previous.baseline.personas[former].name.as_str()))
        .collect();
    let mut taken: BTreeSet<String> = kept.iter().flatten().map(|name| (*name).to_owned()).collect();
    let (mut names, mut otherwise) = (Vec::new(), Vec::new());
    for ((persona, kept), id) in found.personas.iter().zip(kept).zip(ids) {
        let Some(kept) = kept else {
            let mut name = persona.name.clone();
            let mut group = 2;
            while !taken.insert(name.clone()) {
                name = format!("{}, group {group}", persona.name);
                group += 1;
            }
            names.push(name);
            continue;
        };
        if kept != persona.name {
            let (name, proposed) = (kept.to_owned(), persona.name.clone());
            otherwise.push(NameKept { persona: id.clone(), name, proposed });
        }
        names.push(kept.to_owned());
    }
    (names, otherwise)
}

fn ancestor(verdict: &Verdict, current: usize) -> Option<usize> {
    verdict.heirs.iter().position(|heir| heir.is_some_and(|(heir, _)| heir == current))
}

/// Returns what was found, under other ids and names: personas, claims with their queries,
/// memberships and model.
pub(crate) fn renamed(
    found: Found,
    ids: &[PersonaId],
    names: &[String],
    population: &Population,
) -> Result<Found, PersonaError> {
    let Found { mut personas, memberships, model } = found;
    let called: Vec<(PersonaId, String)> = ids.iter().cloned().zip(names.iter().cloned()).collect();
    rename(&mut personas, &called, population.as_of.day);
    let memberships = Memberships::new(ids.to_vec(), memberships.into_rows())?;
    let model = Model { personas: ids.to_vec(), ..model };
    Ok(Found { personas, memberships, model })
}
