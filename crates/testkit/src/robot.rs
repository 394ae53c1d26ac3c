//! Robots: accounts that are scripts. They look at products by the clock, at any hour,
//! never buy, and are loud enough to spoil averages.

use crate::dice::Dice;
use crate::message::{Context, Device, Line, Message, Named, Properties, Traits};
use crate::plan::Plan;
use crate::shop::{CATEGORIES, Shop};

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/128.0.0.0";

/// Runs of one script, and product pages of one run.
const RUNS: (i64, i64) = (3, 7);
const PAGES: (i64, i64) = (40, 140);

/// Returns all a script does: runs at a fixed time of day with a page every few seconds.
pub(crate) fn crawl(shop: &Shop, plan: &Plan, mut dice: Dice) -> Vec<Message> {
    let hour = dice.unit() * 24.0;
    let pace_ms = dice.between(900, 4_000);
    let appeal = shop.appeal(1.0);
    let mut messages = Vec::new();
    let last_day = plan.days.end - 1;
    for run_idx in 0..dice.between(RUNS.0, RUNS.1) {
        let day_idx = if run_idx == 0 { plan.days.start } else { dice.between(plan.days.start, last_day) };
        let mut at_ms = shop.at(day_idx, hour.floor());
        if run_idx == 0 {
            let email = Some(plan.person.email.clone());
            let traits = Some(Box::new(Traits { email, ..Traits::default() }));
            messages.push(Message { traits, ..message(plan, &mut dice, "identify", at_ms) });
        }
        for _ in 0..dice.between(PAGES.0, PAGES.1) {
            at_ms += pace_ms;
            let category_idx = dice.below(CATEGORIES.len());
            let product = Some(Line::of(shop.product(&mut dice, &appeal, category_idx), None));
            let properties = Some(Box::new(Properties { product, currency: Some("EUR"), ..Properties::default() }));
            let event = Some("Product Viewed");
            messages.push(Message { event, properties, ..message(plan, &mut dice, "track", at_ms) });
        }
    }
    messages.sort_by_key(|message| message.at_ms);
    messages.retain(|message| message.at_ms < shop.end_ms());
    messages
}

fn message(plan: &Plan, dice: &mut Dice, kind: &'static str, at_ms: i64) -> Message {
    let context = Context {
        channel: "web",
        library: Named { name: "analytics.js" },
        device: Some(Device { kind: "desktop" }),
        os: Some(Named { name: "Linux" }),
        user_agent: Some(USER_AGENT),
        ..Context::default()
    };
    Message {
        at_ms,
        kind,
        message_id: dice.uuid(),
        user_id: Some(plan.user_id.clone()),
        anonymous_id: plan.devices.first().map(|device| device.anonymous_id.clone()),
        context,
        ..Message::default()
    }
}
