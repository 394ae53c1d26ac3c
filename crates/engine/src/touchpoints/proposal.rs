//! Rules for touchpoints as the data suggest them: campaigns that brought visits, pages
//! by their cleaned paths, and what happens in several channels.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, RecordBatch};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;

use throng_journey::{TouchpointKind, TouchpointRule, Written, campaign_of, clean_page};

use super::columns::first_written;
use crate::context::for_each_batch;
use crate::error::EngineError;
use crate::event_table::text_column;
use crate::rows::Rows;

/// Pages and campaigns that are proposed: as many as a map of journeys can show.
const PAGES_MAX: usize = 12;
const CAMPAIGNS_MAX: usize = 8;

/// The share of visits below which a page is not worth a rule.
const PAGE_SHARE_MIN: f64 = 0.01;

/// The share of an event's occurrences below which a channel does not tell it apart.
const CHANNEL_SHARE_MIN: f64 = 0.01;

/// Names of events that say no more than that some page was seen.
const PAGE_EVENTS: [&str; 10] = [
    "page viewed",
    "page view",
    "pageview",
    "page_view",
    "page",
    "$pageview",
    "screen",
    "screen viewed",
    "screen_view",
    "loaded a page",
];

/// Channels away from any screen.
const OFFLINE_CHANNELS: [&str; 9] = ["store", "shop", "in-store", "pos", "retail", "branch", "phone", "call", "event"];

/// What was seen of the events.
#[derive(Debug, Default)]
struct Seen {
    /// Visits of each page, by the names of their events.
    pages: BTreeMap<String, BTreeMap<String, u64>>,
    campaigns: BTreeMap<String, u64>,
    /// The events of visits that campaigns brought; messages are told by their own names.
    campaign_events: BTreeSet<String>,
    /// Events that are no visits of pages, by their channels.
    channels: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Returns rules that the events in the lake suggest; none where names of events say it all.
pub(crate) async fn propose(context: &SessionContext) -> Result<Vec<TouchpointRule>, EngineError> {
    let page = first_written(context, &Written::PAGES).await?;
    let address = first_written(context, &Written::ADDRESSES).await?;
    let campaign = first_written(context, &Written::CAMPAIGNS).await?;
    let query = format!(
        "SELECT event, kind, channel, {page} AS page, {address} AS address, {campaign} AS campaign, \
         count(*) AS n_events FROM events WHERE kind IN ('track', 'page', 'screen') \
         GROUP BY event, kind, channel, page, address, campaign"
    );
    let mut seen = Seen::default();
    for_each_batch(context, &query, &mut |rows| seen.take(rows)).await?;
    Ok(seen.rules())
}

impl Seen {
    fn take(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        let text = |name: &str| text_column(rows, name);
        let (events, kinds, channels) = (text("event")?, text("kind")?, text("channel")?);
        let (pages, addresses, campaigns) = (text("page")?, text("address")?, text("campaign")?);
        let n_events = Rows(rows).counts("n_events")?;
        for (row, n_events) in n_events.into_iter().enumerate() {
            if events.is_null(row) {
                continue;
            }
            let event = events.value(row);
            let lower = event.to_lowercase();
            let is_page = kinds.value(row) != "track" || PAGE_EVENTS.contains(&lower.as_str());
            let named = campaigns.is_valid(row).then(|| campaigns.value(row).to_owned());
            let addressed = || addresses.is_valid(row).then(|| campaign_of(addresses.value(row))).flatten();
            if let Some(campaign) = named.or_else(addressed).filter(|_| is_page) {
                *self.campaigns.entry(campaign).or_default() += n_events;
                self.campaign_events.insert(event.to_owned());
            }
            if !is_page {
                let channel = if channels.is_valid(row) { channels.value(row) } else { "" };
                let by_channel = self.channels.entry(event.to_owned()).or_default();
                *by_channel.entry(channel.to_owned()).or_default() += n_events;
            } else if pages.is_valid(row) {
                let by_event = self.pages.entry(clean_page(pages.value(row))).or_default();
                *by_event.entry(event.to_owned()).or_default() += n_events;
            }
        }
        Ok(())
    }

    fn rules(&self) -> Vec<TouchpointRule> {
        let mut rules = self.campaign_rules();
        rules.extend(self.page_rules());
        rules.extend(self.channel_rules());
        rules
    }

    fn campaign_rules(&self) -> Vec<TouchpointRule> {
        let rule = |name: &str, campaign: &str| TouchpointRule {
            name: name.to_owned(),
            events: self.campaign_events.iter().cloned().collect(),
            campaigns: vec![campaign.to_owned()],
            ..TouchpointRule::default()
        };
        match self.campaigns.len() {
            0 => Vec::new(),
            1..=CAMPAIGNS_MAX => vec![rule("Visit from {campaign}", "*")],
            _ => {
                let named = most_frequent(&self.campaigns).into_iter().take(CAMPAIGNS_MAX);
                let mut rules: Vec<TouchpointRule> =
                    named.map(|campaign| rule(&format!("Visit from {campaign}"), campaign)).collect();
                rules.push(rule("Visit from another campaign", "*"));
                rules
            }
        }
    }

    fn page_rules(&self) -> Vec<TouchpointRule> {
        let visits: BTreeMap<String, u64> =
            self.pages.iter().map(|(page, by_event)| (page.clone(), by_event.values().sum())).collect();
        let n_visits: u64 = visits.values().sum();
        let frequent =
            most_frequent(&visits).into_iter().filter(|page| part(visits[*page], n_visits) >= PAGE_SHARE_MIN);
        let mut rules: Vec<TouchpointRule> = Vec::new();
        for page in frequent.take(PAGES_MAX) {
            let by_event = &self.pages[page];
            let telling =
                most_frequent(by_event).into_iter().find(|event| !PAGE_EVENTS.contains(&event.to_lowercase().as_str()));
            let name = telling.map_or_else(|| page_name(page), str::to_owned);
            let events: Vec<String> = by_event.keys().cloned().collect();
            // Pages of one name are one touchpoint, and one rule says so.
            match rules.iter_mut().find(|rule| rule.name == name && rule.events == events) {
                Some(rule) => rule.pages.push(page.to_owned()),
                None => rules.push(TouchpointRule {
                    name,
                    kind: Some(TouchpointKind::Owned),
                    events,
                    pages: vec![page.to_owned()],
                    ..TouchpointRule::default()
                }),
            }
        }
        rules
    }

    fn channel_rules(&self) -> Vec<TouchpointRule> {
        let is_offline = |channel: &str| OFFLINE_CHANNELS.contains(&channel.to_lowercase().as_str());
        // Events of several channels, and those away from screens only.
        let (mut several, mut offline) = (Vec::new(), Vec::new());
        let mut channels: BTreeSet<&str> = BTreeSet::new();
        for (event, by_channel) in &self.channels {
            let n_events = by_channel.values().sum();
            let frequent = by_channel.iter().filter(|(_, n_times)| part(**n_times, n_events) >= CHANNEL_SHARE_MIN);
            let own: Vec<&str> =
                frequent.map(|(channel, _)| channel.as_str()).filter(|channel| !channel.is_empty()).collect();
            match own.as_slice() {
                [channel] if is_offline(channel) => offline.push(event.clone()),
                [] | [_] => continue,
                _ => several.push(event.clone()),
            }
            channels.extend(own);
        }
        let (away, near): (Vec<&str>, Vec<&str>) = channels.into_iter().partition(|channel| is_offline(channel));
        let rule = |name: &str, kind, events: &[String], channels: &[&str]| TouchpointRule {
            name: name.to_owned(),
            kind: Some(kind),
            events: events.to_vec(),
            channels: channels.iter().map(|channel| (*channel).to_owned()).collect(),
            ..TouchpointRule::default()
        };
        let rules = [
            rule("{event}", TouchpointKind::Offline, &offline, &away),
            rule("{event} ({channel})", TouchpointKind::Offline, &several, &away),
            rule("{event} ({channel})", TouchpointKind::Owned, &several, &near),
        ];
        rules.into_iter().filter(|rule| !rule.events.is_empty() && !rule.channels.is_empty()).collect()
    }
}

/// Returns the keys, most frequent first, then by name.
fn most_frequent(counts: &BTreeMap<String, u64>) -> Vec<&str> {
    let mut ranked: Vec<(&str, u64)> = counts.iter().map(|(key, n_times)| (key.as_str(), *n_times)).collect();
    ranked.sort_by_key(|(_, n_times)| Reverse(*n_times));
    ranked.into_iter().map(|(key, _)| key).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn part(n_times: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { n_times as f64 / whole as f64 }
}

/// Returns what people would call a page: `/product/:id` is the product page.
fn page_name(page: &str) -> String {
    let words: Vec<String> = page
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ":id")
        .map(|segment| segment.replace(['-', '_'], " "))
        .collect();
    if words.is_empty() {
        return if page == "/" { "Home page".to_owned() } else { format!("Page {page}") };
    }
    let name = words.join(" / ");
    let mut letters = name.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{} page", letters.as_str())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use throng_journey::{Circumstances, touchpoint};

    use super::*;
    use crate::context::bare_session;
    use crate::rows::batch;

    /// Event, kind, channel, address.
    type Row = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

    #[tokio::test]
    async fn pages_campaigns_and_channels_become_rules_that_fit_the_events_they_came_from() {
        let events: [Row; 6] = [
            ("Page Viewed", "page", Some("web"), Some("https://a.example/product/12?x")),
            ("Page Viewed", "page", Some("web"), Some("/product/13?utm_campaign=spring")),
            ("Home", "page", Some("web"), Some("/")),
            ("Order Completed", "track", Some("web"), Some("/thanks")),
            ("Order Completed", "track", Some("store"), None),
            ("Gift Wrapped", "track", Some("store"), None),
        ];
        let texts = |of: fn(&Row) -> Option<&'static str>| -> ArrayRef {
            Arc::new(events.iter().map(of).collect::<StringArray>())
        };
        let rows = batch(vec![
            ("event", texts(|row| Some(row.0))),
            ("kind", texts(|row| Some(row.1))),
            ("channel", texts(|row| row.2)),
            ("p_url", texts(|row| row.3)),
        ]);
        let context = bare_session(1).unwrap();
        context.register_batch("events", rows.unwrap()).unwrap();
        let rules = propose(&context).await.unwrap();
        let named = |event: &str, channel: Option<&str>, page: Option<&str>, campaign: Option<&str>| {
            touchpoint(&rules, Circumstances { event, channel, campaign, page, address: None }).0
        };
        assert_eq!(named("Page Viewed", Some("web"), Some("/product/:id"), None), "Product page");
        assert_eq!(named("Page Viewed", Some("web"), Some("/product/:id"), Some("spring")), "Visit from spring");
        assert_eq!(named("Home", Some("web"), Some("/"), None), "Home");
        assert_eq!(named("Order Completed", Some("store"), None, None), "Order Completed (store)");
        assert_eq!(named("Order Completed", Some("web"), Some("/thanks"), None), "Order Completed (web)");
        let wrapped = Circumstances { event: "Gift Wrapped", channel: Some("store"), ..Circumstances::default() };
        assert_eq!(touchpoint(&rules, wrapped).1.map(|(_, kind)| kind), Some(TouchpointKind::Offline));
    }

    #[test]
    fn pages_are_called_as_people_call_them() {
        for (page, name) in [
            ("/", "Home page"),
            ("/product/:id", "Product page"),
            ("/:id", "Page /:id"),
            ("/my-account/orders", "My account / orders page"),
        ] {
            assert_eq!(page_name(page), name);
        }
    }
}
