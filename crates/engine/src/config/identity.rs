//! `[identity]` of `throng.toml`: who is taken for one person, and how personal ids are kept.

use std::collections::BTreeMap;

use serde::Deserialize;
use throng_event::IdentityKind;
use throng_profile::{BlockedValues, IdentityLimit, IdentityRules, Period};

/// What a home says about identity.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityConfig {
    /// The rules links go by.
    pub rules: IdentityRules,
    /// The calling code of telephone numbers written without one.
    pub calling_code: Option<u16>,
    /// Whether e-mail addresses, telephone numbers, network addresses and names of people are
    /// kept as keyed hashes only, and rows in quarantine sealed.
    pub hash_personal_data: bool,
    /// The trait whose equal values make a household.
    pub household: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentityForm {
    #[serde(default)]
    blocked: Vec<String>,
    shared_above: Option<u32>,
    priority: Option<Vec<String>>,
    proposed_min: Option<f64>,
    calling_code: Option<u16>,
    #[serde(default)]
    hash_personal_data: bool,
    household: Option<String>,
    #[serde(default)]
    limits: BTreeMap<String, LimitForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitForm {
    max: u32,
    period: Option<String>,
}

/// What a new home's `throng.toml` says about identity.
pub(super) const TEMPLATE: &str = "\
[identity]
# Values that stand for nobody, beside the usual words (null, anonymous, …); * and ? are wildcards.
# blocked = [\"test*@example.com\"]
# An id seen with more people than this is shared (a kiosk, a call centre) and links nobody.
# shared_above = 10
# The calling code of telephone numbers written without one.
# calling_code = 44
# Keep e-mail addresses, telephone numbers, IP addresses and people's names as keyed hashes only; rows
# in quarantine, in which they cannot be told from the rest, are sealed with the key: `throng quarantine`
# opens them, SQL does not. Texts that people wrote stay as they are. Set it before the first import.
# hash_personal_data = true
# Take links that `throng identity propose` finds at least so probable.
# proposed_min = 0.95
# People with an equal value of this trait are one household.
# household = \"household_id\"
# [identity.limits]               # how many values of a kind one person may have
# email = { max = 5, period = \"annually\" }   # ever, annually, monthly or weekly
";

impl IdentityForm {
    pub(super) fn check(self) -> Result<IdentityConfig, String> {
        let mut rules = IdentityRules::standard();
        if !self.blocked.is_empty() {
            rules.blocked = BlockedValues::standard().and(self.blocked.iter().map(String::as_str));
        }
        if let Some(shared_above) = self.shared_above {
            rules.shared_above = shared_above;
        }
        if let Some(names) = self.priority {
            rules.priority = names.iter().map(|name| kind(name)).collect::<Result<_, _>>()?;
        }
        for (name, form) in self.limits {
            let period = form.period.as_deref().unwrap_or(Period::Ever.as_str());
            let names = Period::ALL.map(Period::as_str).join(", ");
            let Some(period) = Period::from_name(period) else {
                return Err(format!("identity.limits.{name}: period {period:?} is none of {names}"));
            };
            rules.limits.insert(kind(&name)?, IdentityLimit { values_max: form.max, period });
        }
        if let Some(least) = self.proposed_min
            && !(0.5..=1.0).contains(&least)
        {
            return Err(format!("identity.proposed_min = {least} is not between 0.5 and 1"));
        }
        rules.proposed_min = self.proposed_min;
        if self.calling_code.is_some_and(|code| !(1..=999).contains(&code)) {
            return Err("identity.calling_code is a number of one to three digits, such as 44".to_owned());
        }
        Ok(IdentityConfig {
            rules,
            calling_code: self.calling_code,
            hash_personal_data: self.hash_personal_data,
            household: self.household,
        })
    }
}

fn kind(name: &str) -> Result<IdentityKind, String> {
    let names = IdentityKind::ALL.map(IdentityKind::as_str).join(", ");
    IdentityKind::from_name(name).ok_or_else(|| format!("identity: {name:?} is none of {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<IdentityConfig, String> {
        toml::from_str::<IdentityForm>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn the_template_says_what_holds_anyway() {
        let plain = check("").unwrap();
        let template: toml::Table = TEMPLATE.parse().unwrap();
        let of_template = check(&template["identity"].as_table().unwrap().to_string()).unwrap();
        assert_eq!(plain, of_template);
        assert_eq!(plain.rules, IdentityRules::standard());
    }

    #[test]
    fn every_commented_key_of_the_template_is_one() {
        let lines = TEMPLATE.lines().filter(|line| line.contains(" = ") || line.starts_with("# ["));
        let text: String = lines.map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
        let table: toml::Table = text.replace("[identity.limits]", "[limits]").parse().unwrap();
        let read = check(&table.to_string()).unwrap();
        assert!(read.hash_personal_data);
        assert!(read.rules.blocked.contains("test7@example.com") && read.rules.blocked.contains("null"));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (text, named) in [
            ("priority = [\"cookie\"]", "cookie"),
            ("proposed_min = 2.0", "proposed_min"),
            ("calling_code = 0", "calling_code"),
            ("[limits]\nemail = { max = 1, period = \"daily\" }", "daily"),
            ("shared = 1", "shared"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
