//! Proposals about circumstances and about who someone is.

use throng_event::Field;

use super::money::{field_words, shown, top_values};
use super::words::slug;
use super::{Draft, Proposal};
use crate::vocabulary::FieldStatistics;
use crate::{EventSet, FeatureKind, Filter, SignalCategory, ValueForm, ValueSource};

/// Shares of one field's values.
const VALUES_MAX: usize = 3;
/// Fields of properties and context that get features.
const FIELDS_MAX: usize = 6;
/// Values above which a field is counted rather than divided into shares.
const SHARED_VALUES_MAX: u64 = 12;
/// Values above which a field names things instead of describing them.
const DISTINCT_MAX: u64 = 5_000;
/// Values above which a trait tells people apart instead of describing them.
const TRAIT_VALUES_MAX: u64 = 100;
/// A field on fewer than one event, or a trait on fewer than one profile, in so many is noise.
const RARITY_MAX: u64 = 20;
/// Words in names of fields that identify or locate rather than describe.
const IDENTIFYING: [&str; 18] = [
    "id",
    "ids",
    "uuid",
    "key",
    "email",
    "mail",
    "phone",
    "name",
    "address",
    "url",
    "path",
    "referrer",
    "title",
    "ip",
    "token",
    "upc",
    "agent",
    "timestamp",
];
/// Words in names of traits that were asked for: answers of surveys are `stated.…`.
const STATED: [&str; 9] =
    ["stated", "preference", "preferences", "preferred", "interest", "interests", "consent", "newsletter", "wish"];

/// Words in names of numbers that sum up what somebody paid or bought …
const PAID: [&str; 16] = [
    "amount",
    "mnt",
    "amt",
    "spend",
    "spent",
    "spending",
    "purchase",
    "purchases",
    "order",
    "orders",
    "revenue",
    "sales",
    "basket",
    "ltv",
    "monetary",
    "discount",
];
/// … or did.
const DONE: [&str; 12] = [
    "visit",
    "visits",
    "session",
    "sessions",
    "recency",
    "frequency",
    "clicks",
    "logins",
    "views",
    "opens",
    "tickets",
    "complain",
];

/// Whether a trait of this category says what somebody did, not who they are.
pub(super) fn is_of_deeds(category: SignalCategory) -> bool {
    matches!(category, SignalCategory::Transactional | SignalCategory::Behavioural)
}

/// Channels, devices and the descriptive properties.
pub(super) fn propose(proposal: &mut Proposal<'_>) {
    let n_events = proposal.n_events();
    let mut fields: Vec<&FieldStatistics> = proposal
        .vocabulary
        .fields
        .iter()
        .filter(|statistics| {
            let varied = statistics.n_distinct > 1 && statistics.n_distinct <= DISTINCT_MAX;
            let common = statistics.n_events.saturating_mul(RARITY_MAX) >= n_events;
            let suitable = match &statistics.field {
                Field::Channel => true,
                Field::Property(name) | Field::Context(name) => !identifying(name),
                Field::Name
                | Field::Kind
                | Field::Source
                | Field::Amount
                | Field::Currency
                | Field::Rating
                | Field::ProductId
                | Field::ProductCategory
                | Field::ProductBrand
                | Field::ProductQuantity
                | Field::ProductAmount
                | Field::ProductDiscount
                | Field::Trait(_) => false,
            };
            varied && common && suitable
        })
        .collect();
    // Channel and device first: everyone asks for them.
    let rank = |statistics: &FieldStatistics| {
        if statistics.field == Field::Channel {
            0
        } else if about_devices(&statistics.field) {
            1
        } else {
            2
        }
    };
    fields.sort_by(|left, right| {
        (rank(left), right.n_events, &left.field).cmp(&(rank(right), left.n_events, &right.field))
    });
    for statistics in fields.into_iter().take(FIELDS_MAX) {
        match statistics.form {
            ValueForm::Text => text_field(proposal, statistics),
            ValueForm::Number => number_field(proposal, statistics),
        }
    }
}

fn text_field(proposal: &mut Proposal<'_>, statistics: &FieldStatistics) {
    let field = &statistics.field;
    let words = field_words(field);
    let of = || ValueSource::Field(field.clone());
    let switching = matches!(field, Field::Channel) || about_devices(field);
    let window = proposal.long;
    let mut add = |name: &str, kind, words: &str, unit| {
        let (filter, category) = (Filter::behaviour(), SignalCategory::Contextual);
        proposal.add(Draft { name, kind, filter, window, words, unit, category });
    };
    if statistics.n_distinct > SHARED_VALUES_MAX {
        let name = format!("n_{}", slug(&words));
        return add(&name, FeatureKind::Distinct { of: of() }, &format!("different values of {words}"), "values");
    }
    for value in top_values(statistics, VALUES_MAX) {
        let kind = FeatureKind::Share { of: field.clone(), value: value.to_owned(), weight: None };
        let name = format!("{}_{}_share", slug(&words), slug(value));
        add(&name, kind, &format!("share of activity with {words} {}", shown(value)), "share");
    }
    if switching {
        let name = format!("{}_switch_rate", slug(&words));
        add(
            &name,
            FeatureKind::SwitchRate { of: of() },
            &format!("how often the {words} changes between actions"),
            "share",
        );
    }
}

fn number_field(proposal: &mut Proposal<'_>, statistics: &FieldStatistics) {
    let words = field_words(&statistics.field);
    proposal.add(Draft {
        name: &format!("{}_mean", slug(&words)),
        kind: FeatureKind::Mean { of: statistics.field.clone() },
        filter: Filter::behaviour(),
        window: proposal.long,
        words: &format!("average {words}"),
        unit: &words,
        category: SignalCategory::Contextual,
    });
}

/// Who someone is, as last said.
pub(super) fn propose_traits(proposal: &mut Proposal<'_>) {
    let n_profiles = proposal.vocabulary.n_profiles;
    for statistics in &proposal.vocabulary.fields {
        let Field::Trait(name) = &statistics.field else {
            continue;
        };
        let describing = match statistics.form {
            ValueForm::Text => statistics.n_distinct <= TRAIT_VALUES_MAX,
            ValueForm::Number => true,
        };
        let common = statistics.n_profiles.saturating_mul(RARITY_MAX) >= n_profiles;
        if identifying(name) || !describing || !common || statistics.n_distinct < 2 {
            continue;
        }
        let parts = name_parts(name);
        let says = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
        let number = statistics.form == ValueForm::Number;
        let category = match () {
            () if says(&STATED) => SignalCategory::Stated,
            () if number && says(&PAID) => SignalCategory::Transactional,
            () if number && says(&DONE) => SignalCategory::Behavioural,
            () => SignalCategory::Demographic,
        };
        let words = field_words(&statistics.field);
        proposal.add(Draft {
            name: &words,
            kind: FeatureKind::Last { of: statistics.field.clone(), form: statistics.form },
            filter: Filter { events: EventSet::Every, equals: Vec::new() },
            window: crate::Window::All,
            words: &words,
            unit: &words,
            category,
        });
    }
}

fn about_devices(field: &Field) -> bool {
    let (Field::Property(name) | Field::Context(name)) = field else {
        return false;
    };
    name_parts(name).iter().any(|part| ["device", "os", "browser", "platform"].contains(&part.as_str()))
}

fn identifying(name: &str) -> bool {
    name_parts(name).last().is_some_and(|part| IDENTIFYING.contains(&part.as_str()))
}

fn name_parts(name: &str) -> Vec<String> {
    slug(name).split('_').map(str::to_owned).collect()
}
