//! Which model is live and which is its shadow: the sum of decisions that are appended and never changed.

use std::fmt;
use std::str::FromStr;

use crate::error::EngineError;

/// The number of a model in a home, from 1, written `m1`. No number is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelVersion(pub u64);

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl FromStr for ModelVersion {
    type Err = String;

    /// Reads `m1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('m').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
        number.map(Self).ok_or_else(|| "a model is written as in m1".to_owned())
    }
}

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelRole {
    /// Customers count for the personas it says.
    Live,
    /// It scores beside the live one, and nobody is told.
    Shadow,
}

impl ModelRole {
    /// Returns the role's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
        }
    }
}

/// A decision about roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoleDecision {
    /// A model became the live one.
    Promoted(ModelVersion),
    /// The live one gave way to the one before it, which is named.
    RolledBack(ModelVersion),
    /// A model became the shadow, or none is any more.
    Shadow(Option<ModelVersion>),
}

impl RoleDecision {
    /// Returns the word it is stored under, and the model it names.
    pub(crate) fn parts(self) -> (&'static str, Option<ModelVersion>) {
        match self {
            Self::Promoted(version) => ("promoted", Some(version)),
            Self::RolledBack(version) => ("rolled back", Some(version)),
            Self::Shadow(version) => ("shadow", version),
        }
    }

    /// Reads what is stored; `None` for anything else.
    pub(crate) fn from_parts(word: &str, version: Option<ModelVersion>) -> Option<Self> {
        match (word, version) {
            ("promoted", Some(version)) => Some(Self::Promoted(version)),
            ("rolled back", Some(version)) => Some(Self::RolledBack(version)),
            ("shadow", version) => Some(Self::Shadow(version)),
            _ => None,
        }
    }
}

/// What the decisions come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles {
    /// The live models, each with those it followed before it; the first model is live undecided.
    lives: Vec<ModelVersion>,
    shadow: Option<ModelVersion>,
}

impl Roles {
    /// Returns the roles in a home with a first model, after these decisions.
    pub(crate) fn after(first: ModelVersion, decisions: &[RoleDecision]) -> Self {
        let mut roles = Self { lives: vec![first], shadow: None };
        for decision in decisions {
            match *decision {
                RoleDecision::Promoted(version) => {
                    roles.lives.push(version);
                    roles.shadow = roles.shadow.filter(|shadow| *shadow != version);
                }
                RoleDecision::RolledBack(_) => {
                    if roles.lives.len() > 1 {
                        roles.lives.pop();
                    }
                    roles.shadow = roles.shadow.filter(|shadow| *shadow != roles.live());
                }
                RoleDecision::Shadow(version) => roles.shadow = version,
            }
        }
        roles
    }

    pub(crate) fn live(&self) -> ModelVersion {
        // There is always the first.
        self.lives.last().copied().unwrap_or(ModelVersion(1))
    }

    pub(crate) fn of(&self, version: ModelVersion) -> Option<ModelRole> {
        if self.live() == version {
            return Some(ModelRole::Live);
        }
        (self.shadow == Some(version)).then_some(ModelRole::Shadow)
    }

    /// Returns the decision that makes a model the live one.
    pub(crate) fn promote(&self, version: ModelVersion) -> Result<RoleDecision, EngineError> {
        self.unless_live(version)?;
        Ok(RoleDecision::Promoted(version))
    }

    /// Returns the decision that brings the former live model back.
    pub(crate) fn roll_back(&self) -> Result<RoleDecision, EngineError> {
        let former = self.lives.len().checked_sub(2).map(|at| self.lives[at]);
        former.map(RoleDecision::RolledBack).ok_or_else(|| EngineError::Missing {
            what: format!("no model was live before {}", self.live()),
            todo: "`throng model promote` names any other".to_owned(),
        })
    }

    /// Returns the decision that makes a model, or none, the shadow.
    pub(crate) fn shadow(&self, version: Option<ModelVersion>) -> Result<RoleDecision, EngineError> {
        if let Some(version) = version {
            self.unless_live(version)?;
        }
        Ok(RoleDecision::Shadow(version))
    }

    fn unless_live(&self, version: ModelVersion) -> Result<(), EngineError> {
        if self.live() != version {
            return Ok(());
        }
        let what = format!("{version} is the live model already");
        Err(EngineError::Missing { what, todo: "name another, see `throng model list`".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const M1: ModelVersion = ModelVersion(1);
    const M2: ModelVersion = ModelVersion(2);
    const M3: ModelVersion = ModelVersion(3);

    #[test]
    fn first_model_is_live_undecided() {
        let roles = Roles::after(M1, &[]);
        assert_eq!((roles.live(), roles.of(M1), roles.of(M2)), (M1, Some(ModelRole::Live), None));
        assert!(roles.roll_back().unwrap_err().to_string().contains("no model was live before m1"));
    }

    #[test]
    fn rolling_back_goes_back_step_by_step() {
        let mut decisions = vec![RoleDecision::Promoted(M3), RoleDecision::Promoted(M2)];
        for expected in [M3, M1] {
            let decision = Roles::after(M1, &decisions).roll_back().unwrap();
            assert_eq!(decision, RoleDecision::RolledBack(expected));
            decisions.push(decision);
            assert_eq!(Roles::after(M1, &decisions).live(), expected);
        }
        assert!(Roles::after(M1, &decisions).roll_back().is_err());
        // What is promoted after a step back follows that, not what was left.
        decisions.push(RoleDecision::Promoted(M2));
        assert_eq!(Roles::after(M1, &decisions).roll_back().unwrap(), RoleDecision::RolledBack(M1));
    }

    #[test]
    fn live_model_is_no_shadow_of_itself() {
        assert!(Roles::after(M1, &[]).shadow(Some(M1)).is_err());
        assert!(Roles::after(M1, &[]).promote(M1).is_err());
        let mut decisions = vec![RoleDecision::Shadow(Some(M2))];
        assert_eq!(Roles::after(M1, &decisions).of(M2), Some(ModelRole::Shadow));
        decisions.push(RoleDecision::Promoted(M2));
        assert_eq!(Roles::after(M1, &decisions).of(M2), Some(ModelRole::Live));
        decisions.push(RoleDecision::RolledBack(M1));
        assert_eq!(Roles::after(M1, &decisions).of(M2), None);
        decisions.extend([RoleDecision::Shadow(Some(M3)), RoleDecision::Shadow(None)]);
        assert_eq!(Roles::after(M1, &decisions).of(M3), None);
    }

    #[test]
    fn decisions_and_versions_are_read_as_written() {
        for decision in [
            RoleDecision::Promoted(M1),
            RoleDecision::RolledBack(M2),
            RoleDecision::Shadow(Some(M3)),
            RoleDecision::Shadow(None),
        ] {
            let (word, version) = decision.parts();
            assert_eq!(RoleDecision::from_parts(word, version), Some(decision));
        }
        assert_eq!(RoleDecision::from_parts("promoted", None), None);
        assert_eq!(RoleDecision::from_parts("demoted", Some(M1)), None);
        assert_eq!("m17".parse(), Ok(ModelVersion(17)));
        for text in ["", "m", "m0", "17", "m-1", "m+1", "M1", "m99999999999999999999999"] {
            assert!(text.parse::<ModelVersion>().is_err(), "{text}");
        }
    }
}
