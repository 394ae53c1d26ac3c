//! What happened to personas between two discoveries, with the figures, and in sentences.

use crate::format::{quoted, share};
use crate::{PersonaError, PersonaId};

/// The change of a persona's share from which it is told as growth, relative to what it was.
const GROWTH_TOLD_MIN: f64 = 0.1;

/// The least part of a persona's members that a sentence names the place of.
const FLOW_TOLD_MIN: f64 = 0.05;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct LineageEvent {
    /// What happened.
    pub kind: LineageKind,
    /// The former personas it happened to; none when one was born.
    pub former: Vec<LineagePersona>,
    /// The personas that came of it; none when one died.
    pub current: Vec<LineagePersona>,
    /// What decided it.
    pub basis: Basis,
    /// Common members over the members of either, for a former persona and the one that carries on
    /// its id, among the customers known both times; `None` where nothing is carried on or compared.
    pub jaccard: Option<f64>,
    /// How far that persona's centroid has moved, in distances to the nearest other former persona.
    pub moved: Option<f64>,
}

/// One persona in an event: as it was when it is a former one, as it is when it is a current one.
#[derive(Debug, Clone, PartialEq)]
pub struct LineagePersona {
    /// Its key.
    pub id: PersonaId,
    /// Its name.
    pub name: String,
    /// Its share of all profiles.
    pub share: f64,
    /// Shares of its members: where those of a former persona are now, where those of a current one
    /// were. The largest first; with `unknown` they sum to 1.
    pub flows: Vec<Flow>,
    /// Share of its members that are not known any more, or were not known then.
    pub unknown: f64,
}

/// The part of a persona's members that is, or was, in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// The persona at the other time; `None` for nobody's.
    pub persona: Option<PersonaId>,
    /// Share of the members.
    pub share: f64,
}

/// The kinds of things that happen to personas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineageKind {
    /// One became several. The id goes on with the part that holds most of it, if there is one.
    Split,
    /// Several became one. The id goes on that most of it comes from, if there is one.
    Merged,
    /// One came that is no former one.
    Born,
    /// One is gone; its id is never given again.
    Died,
    /// One is still there: same id, same name.
    Persisted,
    /// No personas were found this time. The former ones keep their ids and wait; the next
    /// discovery that finds any is compared with them.
    Suspended,
}

impl LineageKind {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Split, "split"),
        (Self::Merged, "merged"),
        (Self::Born, "born"),
        (Self::Died, "died"),
        (Self::Persisted, "persisted"),
        (Self::Suspended, "suspended"),
    ];

    /// Returns the word the kind is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "what happened to a persona", text)
    }
}

/// What two discoveries are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The members they have in common.
    Members,
    /// The places of their centroids.
    Centroids,
    /// Nothing: there was nothing to compare with, or nothing that can be compared.
    Nothing,
}

impl Basis {
    const WORDS: [(Self, &'static str); 3] =
        [(Self::Members, "members"), (Self::Centroids, "centroids"), (Self::Nothing, "nothing")];

    /// Returns the word the basis is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "a basis of comparison", text)
    }
}

impl LineageEvent {
    /// Returns what happened, in one or two sentences.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.kind {
            LineageKind::Persisted => self.persisted(),
            LineageKind::Split => self.split(),
            LineageKind::Merged => self.merged(),
            LineageKind::Born => self.born(),
            LineageKind::Died => self.died(),
            LineageKind::Suspended => format!(
                "No personas were found this time. {} keep their ids until the next discovery that finds any.",
                listed(self.former.iter().map(|persona| persona.id.to_string()))
            ),
        }
    }

    fn persisted(&self) -> String {
        let (Some(former), Some(current)) = (self.former.first(), self.current.first()) else { return String::new() };
        let why = match self.basis {
            Basis::Members => {
                format!("{} of its known customers are still in it", share(former.of_known(Some(&current.id))))
            }
            Basis::Centroids => "by what its customers do, not by who they are".to_owned(),
            Basis::Nothing => "nothing speaks against it".to_owned(),
        };
        format!("{} is still there ({why}){}.", former.title(), growth(former, current))
    }

    fn split(&self) -> String {
        let Some(former) = self.former.first() else { return String::new() };
        let part = |current: &LineagePersona| {
            let of_it = share(former.of_known(Some(&current.id)));
            if current.id == former.id {
                format!("{of_it} are still in {}", current.id)
            } else {
                format!("{of_it} are in {}", current.title())
            }
        };
        let parts = listed(self.current.iter().map(part));
        let mut text = format!("{} split: of its known customers, {parts}.", former.title());
        if !self.current.iter().any(|current| current.id == former.id) {
            text.push_str(&format!(
                " No part is large enough to go on as {}; the id will not be given again.",
                former.id
            ));
        }
        text
    }

    fn merged(&self) -> String {
        let Some(current) = self.current.first() else { return String::new() };
        let absorbed = self.former.iter().filter(|former| former.id != current.id);
        let titles = listed(absorbed.map(LineagePersona::title));
        let source =
            |former: &LineagePersona| format!("{} from {}", share(current.of_known(Some(&former.id))), former.id);
        let sources = listed(self.former.iter().map(source));
        let mut text = format!("{titles} merged into {}; its known customers come {sources}.", current.title());
        if !self.former.iter().any(|former| former.id == current.id) {
            text.push_str(" None is large enough to go on under its id; the ids will not be given again.");
        }
        text
    }

    fn born(&self) -> String {
        let Some(current) = self.current.first() else { return String::new() };
        let mut text = format!("{} is new, with {} of all customers", current.title(), share(current.share));
        if self.basis != Basis::Nothing {
            text.push_str(&places(current, "were not known before", "come from", "were in no persona"));
        }
        format!("{text}.")
    }

    fn died(&self) -> String {
        let Some(former) = self.former.first() else { return String::new() };
        let places = places(former, "are not known any more", "are now in", "are now in no persona");
        format!("{} is gone{places}. Its id will not be given again.", former.title())
    }
}

impl LineagePersona {
    /// Returns the id and the name, quoted.
    fn title(&self) -> String {
        format!("{} “{}”", self.id, quoted(&self.name))
    }

    /// Returns the share of a flow among the members known both times.
    fn of_known(&self, persona: Option<&PersonaId>) -> f64 {
        let known = 1.0 - self.unknown;
        let flow = self.flows.iter().find(|flow| flow.persona.as_ref() == persona).map_or(0.0, |flow| flow.share);
        if known > 0.0 { flow / known } else { 0.0 }
    }
}

/// Says how a share has changed, where that is worth a word.
fn growth(former: &LineagePersona, current: &LineagePersona) -> String {
    let (before, after) = (share(former.share), share(current.share));
    let change = if former.share > 0.0 { current.share / former.share - 1.0 } else { 0.0 };
    if before == after || change.abs() < GROWTH_TOLD_MIN {
        return format!(", with {after} of all customers");
    }
    let verb = if change > 0.0 { "grown" } else { "shrunk" };
    format!(" and has {verb} from {before} to {after} of all customers")
}

/// Says where the members of a persona are, or were.
fn places(persona: &LineagePersona, unknown: &str, somewhere: &str, nowhere: &str) -> String {
    let mut places = Vec::new();
    for flow in persona.flows.iter().filter(|flow| flow.share >= FLOW_TOLD_MIN) {
        places.push(match &flow.persona {
            Some(id) => format!("{} {somewhere} {id}", share(flow.share)),
            None => format!("{} {nowhere}", share(flow.share)),
        });
    }
    if persona.unknown >= FLOW_TOLD_MIN {
        places.push(format!("{} {unknown}", share(persona.unknown)));
    }
    if places.is_empty() { String::new() } else { format!("; of its customers, {}", listed(places.into_iter())) }
}

/// Returns the items as people list them: `a, b and c`.
pub(crate) fn listed(items: impl Iterator<Item = String>) -> String {
    let mut items: Vec<String> = items.collect();
    match (items.pop(), items.is_empty()) {
        (None, _) => String::new(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", items.join(", ")),
    }
}
