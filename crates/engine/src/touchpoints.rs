//! Touchpoints: what events are called in journeys, by the rules of `throng.toml`.
//!
//! The first rule that fits an event names it; what no rule fits keeps its event's name.
//! A name may take up parts of the event (`{page}`), so that one rule makes a touchpoint
//! of every page of a site.

mod columns;
mod page;
mod proposal;

use serde::Deserialize;

pub(crate) use columns::{NamedColumns, SESSION_COLUMNS, add_kind, first_of};
pub(crate) use proposal::propose;

/// To whom a touchpoint belongs: after Lemon and Verhoef (2016), as marketers say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TouchpointKind {
    /// The company's own site, shop, app or letters.
    Owned,
    /// What others say or link of themselves.
    Earned,
    /// What is paid for: advertisements.
    Paid,
    /// Away from any screen: stores, calls, events.
    Offline,
}

impl TouchpointKind {
    /// Returns its word in `throng.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owned => "owned",
            Self::Earned => "earned",
            Self::Paid => "paid",
            Self::Offline => "offline",
        }
    }
}

/// A rule: events that fit all of its lists are this touchpoint. In patterns `*` stands
/// for anything and upper case for lower case too; an empty list asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TouchpointRule {
    /// What such an event is called; `{event}`, `{page}`, `{channel}` and `{campaign}`
    /// stand for the event's own, and an event that lacks one does not fit.
    pub name: String,
    /// To whom it belongs, where somebody said so.
    pub kind: Option<TouchpointKind>,
    /// Event names.
    pub events: Vec<String>,
    /// Channels.
    pub channels: Vec<String>,
    /// Campaigns.
    pub campaigns: Vec<String>,
    /// Pages as they are after cleaning: the path, ids in it as `:id`.
    pub pages: Vec<String>,
}

/// How often a touchpoint occurs and whom it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchpointSummary {
    /// Its label.
    pub label: u32,
    /// Its name.
    pub name: String,
    /// To whom it belongs, as the rule says that names it.
    pub kind: Option<TouchpointKind>,
    /// Events.
    pub n_events: u64,
    /// Profiles with at least one.
    pub n_profiles: u64,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Occurrence<'a> {
    pub(crate) event: &'a str,
    pub(crate) channel: Option<&'a str>,
    pub(crate) campaign: Option<&'a str>,
    /// As [`page::clean`] returns it.
    pub(crate) page: Option<&'a str>,
}

impl TouchpointRule {
    /// Returns what an event is called by this rule, `None` when it does not fit.
    fn named(&self, occurrence: Occurrence<'_>) -> Option<String> {
        let lists = [
            (&self.events, Some(occurrence.event)),
            (&self.channels, occurrence.channel),
            (&self.campaigns, occurrence.campaign),
            (&self.pages, occurrence.page),
        ];
        let fits = |(patterns, value): &(&Vec<String>, Option<&str>)| {
            patterns.is_empty() || value.is_some_and(|value| patterns.iter().any(|pattern| wildcard(pattern, value)))
        };
        if !lists.iter().all(fits) {
            return None;
        }
        let mut name = self.name.clone();
        let parts = [
            ("{event}", Some(occurrence.event)),
            ("{channel}", occurrence.channel),
            ("{campaign}", occurrence.campaign),
            ("{page}", occurrence.page),
        ];
        for (placeholder, value) in parts {
            if self.name.contains(placeholder) {
                name = name.replace(placeholder, value?);
            }
        }
        Some(name)
    }

    fn looks_at(&self, patterns: &[String], placeholder: &str) -> bool {
        !patterns.is_empty() || self.name.contains(placeholder)
    }
}

/// What rules need to know of an event beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) channel: bool,
    pub(crate) place: bool,
}

/// Returns what some rules look at.
pub(crate) fn needs(rules: &[TouchpointRule]) -> Needs {
    let any = |looks: fn(&TouchpointRule) -> bool| rules.iter().any(looks);
    Needs {
        channel: any(|rule| rule.looks_at(&rule.channels, "{channel}")),
        place: any(|rule| rule.looks_at(&rule.pages, "{page}") || rule.looks_at(&rule.campaigns, "{campaign}")),
    }
}

/// The kind that a rule says, behind the rule's place: where several rules give one name, the first
/// with a kind has the say.
pub(crate) type RuledKind = (usize, TouchpointKind);

/// Returns the touchpoint of an event, and the kind that the rule says.
pub(crate) fn touchpoint(rules: &[TouchpointRule], occurrence: Occurrence<'_>) -> (String, Option<RuledKind>) {
    let named = rules
        .iter()
        .enumerate()
        .find_map(|(place, rule)| Some((rule.named(occurrence)?, rule.kind.map(|kind| (place, kind)))));
    named.unwrap_or_else(|| (occurrence.event.to_owned(), None))
}

/// Returns whether a text fits a pattern in which `*` stands for anything. Of two stars
/// only the last has to be tried anew, so that no pattern takes more than the product of
/// the lengths.
fn wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at + 1, place));
            at += 1;
        } else if pattern.get(at) == Some(&text[place]) {
            at += 1;
            place += 1;
        } else if let Some((after, tried)) = star {
            at = after;
            place = tried + 1;
            star = Some((after, place));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, events: &[&str], pages: &[&str]) -> TouchpointRule {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        TouchpointRule { name: name.to_owned(), events: owned(events), pages: owned(pages), ..Default::default() }
    }

    fn check(rules: &[TouchpointRule], event: &str, page: Option<&str>, expected: &str) {
        let found = touchpoint(rules, Occurrence { event, page, ..Default::default() });
        assert_eq!(found.0, expected);
    }

    #[test]
    fn the_first_rule_that_fits_names_the_event_and_others_keep_their_name() {
        let rules = [rule("Product page", &["Page*"], &["/product/*"]), rule("Site", &["page viewed"], &[])];
        check(&rules, "Page Viewed", Some("/product/:id"), "Product page");
        check(&rules, "Page Viewed", Some("/cart"), "Site");
        check(&rules, "Page Viewed", None, "Site");
        check(&rules, "Order Completed", Some("/product/:id"), "Order Completed");
    }

    #[test]
    fn a_placeholder_takes_up_the_events_own_and_fits_only_where_it_has_one() {
        let rules = [rule("{event} {page}", &[], &[])];
        check(&rules, "Page", Some("/cart"), "Page /cart");
        check(&rules, "Page", None, "Page");
    }

    #[test]
    fn a_star_stands_for_anything_and_case_for_nothing() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "aBxC", true),
            ("a*c", "abd", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("a", "ab", false),
            ("ÄRA*", "ära b", true),
        ] {
            assert_eq!(wildcard(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends_soon() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!wildcard(&pattern, &"a".repeat(5_000)));
    }
}
