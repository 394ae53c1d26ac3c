//! The written form of the journeys' part of the configuration.

use serde::Deserialize;

use throng_journey::{TouchpointKind, TouchpointRule};

use super::quoted;

/// Rules beyond this nobody reads, and every event is held against each of them.
const RULES_MAX: usize = 1_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct JourneysForm {
    pub(super) funnel: Option<Vec<String>>,
    pub(super) funnel_days: Option<u32>,
    #[serde(default)]
    pub(super) touchpoints: Vec<TouchpointForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TouchpointForm {
    name: String,
    kind: Option<KindForm>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    campaigns: Vec<String>,
    #[serde(default)]
    pages: Vec<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum KindForm {
    Owned,
    Earned,
    Paid,
    Offline,
}

impl KindForm {
    fn kind(self) -> TouchpointKind {
        match self {
            Self::Owned => TouchpointKind::Owned,
            Self::Earned => TouchpointKind::Earned,
            Self::Paid => TouchpointKind::Paid,
            Self::Offline => TouchpointKind::Offline,
        }
    }
}

/// Returns the rules, or what is wrong with one.
pub(super) fn check(forms: Vec<TouchpointForm>) -> Result<Vec<TouchpointRule>, String> {
    if forms.len() > RULES_MAX {
        return Err(format!("there are {} rules in journeys.touchpoints; at most {RULES_MAX} are read", forms.len()));
    }
    let mut rules = Vec::with_capacity(forms.len());
    for form in forms {
        let TouchpointForm { name, kind, events, channels, campaigns, pages } = form;
        if name.trim().is_empty() {
            return Err("a rule in journeys.touchpoints has an empty name".to_owned());
        }
        let asks_nothing = [&events, &channels, &campaigns, &pages].iter().all(|patterns| patterns.is_empty());
        if asks_nothing && !name.contains('{') {
            return Err(format!(
                "the touchpoint {name:?} would be every event; give it events, channels, campaigns or pages"
            ));
        }
        let kind = kind.map(KindForm::kind);
        rules.push(TouchpointRule { name, kind, events, channels, campaigns, pages });
    }
    Ok(rules)
}

/// Returns rules as the tables of `throng.toml`.
#[must_use]
pub fn touchpoints_to_toml(rules: &[TouchpointRule]) -> String {
    let mut text = String::new();
    for rule in rules {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[[journeys.touchpoints]]\nname = {}\n", quoted(&rule.name)));
        if let Some(kind) = rule.kind {
            text.push_str(&format!("kind = \"{}\"\n", kind.as_str()));
        }
        let lists = [
            ("events", &rule.events),
            ("channels", &rule.channels),
            ("campaigns", &rule.campaigns),
            ("pages", &rule.pages),
        ];
        for (key, patterns) in lists.into_iter().filter(|(_, patterns)| !patterns.is_empty()) {
            let patterns: Vec<String> = patterns.iter().map(|pattern| quoted(pattern)).collect();
            text.push_str(&format!("{key} = [{}]\n", patterns.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn parsed(journeys: &str) -> Result<Config, String> {
        let text = format!("format = 1\ntime_zone = \"UTC\"\n{journeys}");
        Config::parse(&text, Path::new("throng.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn rules_that_were_written_are_read_again() {
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let rules = vec![
            TouchpointRule {
                name: "Ad \"{campaign}\"".to_owned(),
                kind: Some(TouchpointKind::Paid),
                campaigns: text(&["*"]),
                ..Default::default()
            },
            TouchpointRule {
                name: "Product page".to_owned(),
                events: text(&["Page Viewed", "page_view"]),
                pages: text(&["/product/*"]),
                ..Default::default()
            },
        ];
        assert_eq!(parsed(&touchpoints_to_toml(&rules)).unwrap().touchpoints, rules);
    }

    #[test]
    fn a_rule_that_is_wrong_is_refused_with_the_reason() {
        for (rule, reason) in [
            ("name = \" \"", "empty name"),
            ("name = \"Everything\"", "every event"),
            ("name = \"a\"\nkind = \"rented\"", "rented"),
            ("name = \"a\"\nurls = [\"/\"]", "urls"),
        ] {
            let error = parsed(&format!("[[journeys.touchpoints]]\n{rule}\n")).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
