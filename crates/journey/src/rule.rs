//! Rules: what events are called in journeys.
//!
//! The first rule that fits an event names it; what no rule fits keeps its event's name.
//! A name may take up parts of the event (`{page}`), so that one rule makes a touchpoint
//! of every page of a site. [`touchpoint_of`] names an event; whoever has events as columns
//! gives [`touchpoint`] what is written at the [`Written`] places, by the same rules.

use std::borrow::Cow;

use throng_event::{Event, EventKind, Value};

use crate::page::{campaign_of, clean_page};

/// To whom a touchpoint belongs: after Lemon and Verhoef (2016), as marketers say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// What is written in an event that rules look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// Its name.
    pub event: &'a str,
    /// Where it came from.
    pub channel: Option<&'a str>,
    /// The campaign it names.
    pub campaign: Option<&'a str>,
    /// The page it names, a path or an address.
    pub page: Option<&'a str>,
    /// The whole address it names, which may name a campaign where nothing else does.
    pub address: Option<&'a str>,
}

/// Where in an event something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// In this field of the context.
    Context(&'static str),
    /// In this property.
    Property(&'static str),
}

impl Written {
    /// Where pages are written: by Segment and all that follow it, Google Analytics, and
    /// tables of web servers. The first with a text counts.
    pub const PAGES: [Self; 8] = [
        Self::Context("page.path"),
        Self::Property("path"),
        Self::Context("page.url"),
        Self::Property("url"),
        Self::Property("page_location"),
        Self::Property("page_path"),
        Self::Property("page"),
        Self::Property("page_url"),
    ];

    /// Where whole addresses are written, which may name a campaign.
    pub const ADDRESSES: [Self; 4] =
        [Self::Context("page.url"), Self::Property("url"), Self::Property("page_location"), Self::Property("page_url")];

    /// Where campaigns are written.
    pub const CAMPAIGNS: [Self; 5] = [
        Self::Context("campaign.name"),
        Self::Property("utm_campaign"),
        Self::Property("campaign_name"),
        Self::Property("campaign"),
        Self::Property("campaign_id"),
    ];

    /// Returns the text of a value that is written at such a place: texts that are not
    /// empty, and numbers; nothing else is a page or a campaign.
    #[must_use]
    pub fn text(value: &Value) -> Option<Cow<'_, str>> {
        match value {
            Value::Text(text) => (!text.is_empty()).then(|| Cow::Borrowed(text.as_str())),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Bool(_) | Value::Instant(_) | Value::Json(_) => None,
        }
    }

    fn value(self, event: &Event) -> Option<&Value> {
        match self {
            Self::Context(name) => event.context.get(name),
            Self::Property(name) => event.properties.get(name),
        }
    }

    /// Returns the first text that an event has at some places.
    fn first<'e>(places: &[Self], event: &'e Event) -> Option<Cow<'e, str>> {
        places.iter().find_map(|place| Self::text(place.value(event)?))
    }
}

/// What a rule looks at: circumstances with the page in its clean form and the campaign found.
#[derive(Debug, Clone, Copy)]
struct Occurrence<'a> {
    event: &'a str,
    channel: Option<&'a str>,
    campaign: Option<&'a str>,
    page: Option<&'a str>,
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
pub struct RuleNeeds {
    /// Its channel.
    pub channel: bool,
    /// Its page, address and campaign.
    pub place: bool,
}

/// Returns what some rules look at.
#[must_use]
pub fn rule_needs(rules: &[TouchpointRule]) -> RuleNeeds {
    let any = |looks: fn(&TouchpointRule) -> bool| rules.iter().any(looks);
    RuleNeeds {
        channel: any(|rule| rule.looks_at(&rule.channels, "{channel}")),
        place: any(|rule| rule.looks_at(&rule.pages, "{page}") || rule.looks_at(&rule.campaigns, "{campaign}")),
    }
}

/// The kind that a rule says, behind the rule's place: where several rules give one name, the first
/// with a kind has the say.
pub type RuledKind = (usize, TouchpointKind);

/// Returns what an event is called in journeys; `None` for what is none of them: who somebody
/// is, and of which account.
#[must_use]
pub fn touchpoint_of<'e>(rules: &[TouchpointRule], event: &'e Event) -> Option<Cow<'e, str>> {
    match event.kind {
        EventKind::Track | EventKind::Page | EventKind::Screen => {}
        EventKind::Identify | EventKind::Group | EventKind::Alias => return None,
    }
    if rules.is_empty() {
        return Some(Cow::Borrowed(&event.name));
    }
    let place = rule_needs(rules).place;
    let first = |places: &[Written]| if place { Written::first(places, event) } else { None };
    let (page, address) = (first(&Written::PAGES), first(&Written::ADDRESSES));
    let campaign = first(&Written::CAMPAIGNS);
    let circumstances = Circumstances {
        event: &event.name,
        channel: event.channel.as_deref(),
        campaign: campaign.as_deref(),
        page: page.as_deref(),
        address: address.as_deref(),
    };
    Some(Cow::Owned(touchpoint(rules, circumstances).0))
}

/// Returns the touchpoint of an event, and the kind that the rule says.
#[must_use]
pub fn touchpoint(rules: &[TouchpointRule], circumstances: Circumstances<'_>) -> (String, Option<RuledKind>) {
    let Circumstances { event, channel, campaign, page, address } = circumstances;
    let page = page.map(clean_page);
    let campaign = campaign.map(Cow::Borrowed).or_else(|| address.and_then(campaign_of).map(Cow::Owned));
    let occurrence = Occurrence { event, channel, campaign: campaign.as_deref(), page: page.as_deref() };
    let named = rules
        .iter()
        .enumerate()
        .find_map(|(place, rule)| Some((rule.named(occurrence)?, rule.kind.map(|kind| (place, kind)))));
    named.unwrap_or_else(|| (event.to_owned(), None))
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
        let found = touchpoint(rules, Circumstances { event, page, ..Default::default() });
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
    fn an_event_is_called_by_what_is_written_in_it_first() {
        let mut event = throng_testkit::random_events(1, 1).remove(0);
        event.kind = EventKind::Page;
        "Home".clone_into(&mut event.name);
        event.properties.insert("url", Value::text("https://a.example/item/77?utm_campaign=spring"));
        let page = [TouchpointRule { name: "{page}".to_owned(), ..TouchpointRule::default() }];
        let campaign = [TouchpointRule { name: "{campaign}".to_owned(), ..TouchpointRule::default() }];
        let check = |event: &Event, rules: &[TouchpointRule], expected: Option<&str>| {
            assert_eq!(touchpoint_of(rules, event).as_deref(), expected);
        };
        check(&event, &[], Some("Home"));
        check(&event, &page, Some("/item/:id"));
        check(&event, &campaign, Some("spring"));
        // An empty text is none, and what is named counts before an address.
        event.context.insert("page.path", Value::text(""));
        event.properties.insert("path", Value::text("/cart/"));
        event.properties.insert("campaign_id", Value::Number(throng_event::Decimal(7_500_000)));
        check(&event, &page, Some("/cart"));
        check(&event, &campaign, Some("7.5"));
        event.properties.insert("path", Value::Bool(true));
        check(&event, &page, Some("/item/:id"));
        for kind in [EventKind::Identify, EventKind::Group, EventKind::Alias] {
            event.kind = kind;
            check(&event, &[], None);
        }
        event.kind = EventKind::Screen;
        check(&event, &[], Some("Home"));
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
