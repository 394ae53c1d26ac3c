//! Proposals about buying: orders, amounts, products, returns, reviews.

use std::num::NonZeroU32;

use throng_event::Field;

use super::roles::Role;
use super::words::{name_words, slug};
use super::{Draft, Proposal};
use crate::vocabulary::FieldStatistics;
use crate::{EventSet, FeatureKind, Filter, Pace, Quantity, SignalCategory, Term, ValueSource, WhenEmpty, Window};

/// Shares of product categories; a basket is told by its dozen largest.
const CATEGORIES_MAX: usize = 10;
/// Shares of brands.
const BRANDS_MAX: usize = 3;

/// A ratio of two counts of events; nothing below gives nothing.
pub(super) fn count_ratio(part: Filter, whole: Filter) -> FeatureKind {
    let term = |filter| vec![Term { quantity: Quantity::Count, filter }];
    FeatureKind::Ratio { numerator: term(part), denominator: term(whole), empty: WhenEmpty::Missing }
}

/// Events for each session.
pub(super) fn per_session(gap_minutes: NonZeroU32) -> FeatureKind {
    let term = |quantity| vec![Term { quantity, filter: Filter::behaviour() }];
    FeatureKind::Ratio {
        numerator: term(Quantity::Count),
        denominator: term(Quantity::Sessions { gap_minutes }),
        empty: WhenEmpty::Missing,
    }
}

/// How recently, how often, for how much.
pub(super) fn propose(proposal: &mut Proposal<'_>) {
    let category = SignalCategory::Transactional;
    let currency = proposal.vocabulary.currency.map_or_else(|| "amount".to_owned(), |currency| currency.to_string());
    let has_amount = proposal.field(&Field::Amount).is_some();
    let long = proposal.long;
    if let Some(filter) = proposal.filter(Role::Order) {
        let mut windows = vec![long];
        windows.extend(proposal.recent);
        let mut add = |name, kind, window, words, unit| {
            proposal.add(Draft { name, kind, filter: filter.clone(), window, words, unit, category });
        };
        for window in windows {
            add("orders", FeatureKind::Count, window, "orders", "orders");
        }
        add("order_recency_days", FeatureKind::Recency, Window::All, "days since the last order", "days");
        let regularity = FeatureKind::Regularity { of: Pace::ActiveDays };
        add(
            "order_irregularity",
            regularity,
            long,
            "how irregular the days between orders are (0 is clockwork)",
            "ratio",
        );
        if has_amount {
            add("spend", FeatureKind::Sum { of: Field::Amount }, long, "spend", &currency);
            add("order_value", FeatureKind::Mean { of: Field::Amount }, long, "average order value", &currency);
            add("order_value_max", FeatureKind::Max { of: Field::Amount }, long, "largest order", &currency);
        }
        refunds(proposal, &filter);
        conversions(proposal, &filter);
    } else if has_amount {
        let (kind, filter) = (FeatureKind::Sum { of: Field::Amount }, Filter::behaviour());
        proposal.add(Draft { name: "spend", kind, filter, window: long, words: "spend", unit: &currency, category });
    }
    reviews(proposal);
}

fn refunds(proposal: &mut Proposal<'_>, orders: &Filter) {
    let Some(filter) = proposal.filter(Role::Refund) else {
        return;
    };
    let (category, window) = (SignalCategory::Transactional, proposal.long);
    let kind = count_ratio(filter.clone(), orders.clone());
    proposal.add(Draft {
        name: "refunds",
        kind: FeatureKind::Count,
        filter,
        window,
        words: "refunds",
        unit: "refunds",
        category,
    });
    let filter = Filter::behaviour();
    proposal.add(Draft {
        name: "refund_rate",
        kind,
        filter,
        window,
        words: "refunds per order",
        unit: "ratio",
        category,
    });
}

fn conversions(proposal: &mut Proposal<'_>, orders: &Filter) {
    let (views, carts) = (proposal.filter(Role::ProductView), proposal.filter(Role::CartAdd));
    let steps = [
        ("cart_rate", carts.clone(), views, "products put into the cart per product viewed"),
        ("purchase_rate", Some(orders.clone()), carts, "orders per product put into the cart"),
    ];
    for (name, part, whole, words) in steps {
        if let (Some(part), Some(whole)) = (part, whole) {
            let (kind, filter, window) = (count_ratio(part, whole), Filter::behaviour(), proposal.long);
            let category = SignalCategory::Behavioural;
            proposal.add(Draft { name, kind, filter, window, words, unit: "ratio", category });
        }
    }
}

fn reviews(proposal: &mut Proposal<'_>) {
    let category = SignalCategory::Sentiment;
    if let Some(filter) = proposal.filter(Role::Review) {
        let (kind, window) = (FeatureKind::Count, proposal.long);
        proposal.add(Draft {
            name: "reviews",
            kind,
            filter,
            window,
            words: "reviews written",
            unit: "reviews",
            category,
        });
    }
    if proposal.field(&Field::Rating).is_some() {
        let (kind, window) = (FeatureKind::Mean { of: Field::Rating }, proposal.long);
        let filter = Filter::behaviour();
        proposal.add(Draft {
            name: "rating",
            kind,
            filter,
            window,
            words: "average rating given",
            unit: "rating",
            category,
        });
    }
}

/// What is bought: how much at once, how varied, at what price.
pub(super) fn propose_products(proposal: &mut Proposal<'_>) {
    let filter = proposal.filter(Role::Order).unwrap_or_else(Filter::behaviour);
    let sum = |of| Term { quantity: Quantity::Sum { of }, filter: Filter { events: EventSet::Every, equals: vec![] } };
    let ratio = |numerator, denominator| FeatureKind::Ratio { numerator, denominator, empty: WhenEmpty::Missing };
    if proposal.varied(&Field::ProductQuantity).is_some() {
        let count = Term { quantity: Quantity::Count, filter: filter.clone() };
        let kind = ratio(vec![sum(Field::ProductQuantity)], vec![count]);
        add(proposal, &filter, ("items_per_order", kind, "items per order", "items"));
    }
    if proposal.varied(&Field::ProductId).is_some() {
        let kind = FeatureKind::Distinct { of: ValueSource::Field(Field::ProductId) };
        add(proposal, &filter, ("products", kind, "different products bought", "products"));
    }
    if proposal.varied(&Field::ProductCategory).is_some() {
        let kind = FeatureKind::Entropy { of: ValueSource::Field(Field::ProductCategory) };
        add(proposal, &filter, ("category_variety", kind, "how mixed the bought categories are", "bits"));
    }
    if proposal.varied(&Field::ProductDiscount).is_some() && proposal.varied(&Field::ProductAmount).is_some() {
        let whole = vec![sum(Field::ProductAmount), sum(Field::ProductDiscount)];
        let kind = ratio(vec![sum(Field::ProductDiscount)], whole);
        add(proposal, &filter, ("discount_share", kind, "share of the full price taken off", "share"));
    }
    product_shares(proposal, &filter);
}

/// The favourites among brands and categories: by spend where lines have amounts.
fn product_shares(proposal: &mut Proposal<'_>, filter: &Filter) {
    let weight = proposal.varied(&Field::ProductAmount).map(|_| Field::ProductAmount);
    let of_what = if weight.is_some() { "spend" } else { "products" };
    for (field, n_max) in [(Field::ProductBrand, BRANDS_MAX), (Field::ProductCategory, CATEGORIES_MAX)] {
        let Some(statistics) = proposal.varied(&field) else {
            continue;
        };
        for value in top_values(statistics, n_max) {
            let kind = FeatureKind::Share { of: field.clone(), value: value.to_owned(), weight: weight.clone() };
            let (name, words) = (format!("share_{}", slug(value)), format!("share of {of_what} on {}", shown(value)));
            add(proposal, filter, (&name, kind, &words, "share"));
        }
    }
}

/// Adds a feature of orders: its name, kind, words and unit.
fn add(proposal: &mut Proposal<'_>, filter: &Filter, (name, kind, words, unit): (&str, FeatureKind, &str, &str)) {
    let (category, window) = (SignalCategory::Transactional, proposal.long);
    proposal.add(Draft { name, kind, filter: filter.clone(), window, words, unit, category });
}

/// Returns the values worth a share: of two values one says it all.
pub(super) fn top_values(statistics: &FieldStatistics, n_max: usize) -> impl Iterator<Item = &str> {
    let n_distinct = usize::try_from(statistics.n_distinct).unwrap_or(usize::MAX);
    let n = n_max.min(if n_distinct == 2 { 1 } else { n_distinct });
    statistics.top.iter().map(|(value, _)| value.as_str()).filter(|value| !value.trim().is_empty()).take(n)
}

/// Returns a value as it reads in a sentence: shouting is lowered.
pub(super) fn shown(value: &str) -> String {
    if value.chars().any(char::is_lowercase) { value.to_owned() } else { value.to_lowercase() }
}

/// Returns what a field is called in a sentence.
pub(super) fn field_words(field: &Field) -> String {
    match field {
        Field::Property(name) | Field::Context(name) | Field::Trait(name) => name_words(name),
        Field::Name
        | Field::Kind
        | Field::Source
        | Field::Channel
        | Field::Amount
        | Field::Currency
        | Field::Rating
        | Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount => field.to_string(),
    }
}
