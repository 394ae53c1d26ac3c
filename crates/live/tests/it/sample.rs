//! Histories, a catalogue of many kinds, and a driver over them.

use std::path::Path;
use std::sync::LazyLock;

use throng_event::{Calendar, Event, Field};
use throng_feature::{
    Catalogue, FeatureDefinition, FeatureKind, Filter, SESSION_GAP_MINUTES, SignalCategory, ValueSource, Window,
};
use throng_live::{CoreSettings, Decided, Live, LiveSettings, Receipt, ShiftRules, Submission};
use throng_profile::IdentityRules;
use tokio::runtime::Runtime;

/// Waits for what is ready when others are.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap());

pub(crate) fn calendar() -> Calendar {
    Calendar::new("Europe/Berlin").unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    let channel = || "channel".parse::<ValueSource>().unwrap();
    let amount = || "amount".parse::<Field>().unwrap();
    let gap = SESSION_GAP_MINUTES;
    let kinds = [
        ("n", FeatureKind::Count),
        ("revenue", FeatureKind::Sum { of: amount() }),
        ("largest", FeatureKind::Max { of: amount() }),
        ("channels", FeatureKind::Distinct { of: channel() }),
        ("channel_mix", FeatureKind::Entropy { of: channel() }),
        ("channel", FeatureKind::MostFrequent { of: channel() }),
        ("recency", FeatureKind::Recency),
        ("sessions", FeatureKind::Sessions { gap_minutes: gap }),
    ];
    let windows = [("all", Window::All), ("30d", Window::days(30))];
    let definitions = kinds.into_iter().flat_map(|(name, kind)| {
        windows.map(|(suffix, window)| FeatureDefinition {
            name: format!("{name}_{suffix}"),
            kind: kind.clone(),
            filter: Filter::behaviour(),
            window,
            half_life_days: None,
            description: String::new(),
            phrase: name.to_owned(),
            unit: "-".to_owned(),
            category: SignalCategory::Behavioural,
        })
    });
    Catalogue::new(definitions.collect(), Some("EUR".parse().unwrap())).unwrap()
}

/// The standard rules, by which what is proposed as nearly sure counts.
pub(crate) fn rules() -> IdentityRules {
    IdentityRules { proposed_min: Some(0.9), ..IdentityRules::standard() }
}

pub(crate) fn settings(folder: &Path, decided: Decided) -> LiveSettings {
    let core = CoreSettings {
        calendar: calendar(),
        catalogue: catalogue(),
        touchpoints: Vec::new(),
        shifts: ShiftRules::STANDARD,
        rules: rules(),
        models: Vec::new(),
    };
    LiveSettings { folder: folder.to_owned(), decided, core }
}

pub(crate) fn open(folder: &Path) -> Live {
    Live::open(settings(folder, Decided::default())).unwrap()
}

/// Submits events and waits until they are in every profile.
pub(crate) fn submit(live: &Live, events: Vec<Event>) -> Receipt {
    RUNTIME.block_on(async {
        let receipt = live.submit(Submission { events, refused: Vec::new() }).await.unwrap();
        live.applied(receipt.end).await.unwrap();
        receipt
    })
}
