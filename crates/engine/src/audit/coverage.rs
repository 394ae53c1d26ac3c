//! Of how many customers there are signals of each category.

use throng_feature::SignalCategory;

use super::scope::{PROFILE, Scope};
use super::words::share;
use crate::error::EngineError;
use crate::event_table::{Part, attribute_of};

/// Words in the name of a trait by which somebody states a wish, as the proposal of
/// features reads them.
const STATED: [&str; 10] =
    ["preference", "preferred", "interest", "consent", "newsletter", "wish", "survey", "answer", "opt_in", "nps"];
/// Properties that say where, in lower case.
const PLACES: [&str; 7] = ["p_country", "p_region", "p_city", "p_store", "p_store_id", "p_shop", "p_location"];
/// Traits that name a customer and describe nobody.
const NAMING: [&str; 12] = [
    "t_email",
    "t_phone",
    "t_name",
    "t_firstName",
    "t_lastName",
    "t_first_name",
    "t_last_name",
    "t_username",
    "t_id",
    "t_avatar",
    "t_created_at",
    "t_createdAt",
];

/// How much is known in one category of signals.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// The category.
    pub category: SignalCategory,
    /// Customers with at least one such signal.
    pub n_profiles: u64,
    /// Their share of all.
    pub share: f64,
    /// What is missing and what would bring it, in a sentence.
    pub note: String,
}

/// Measures every category in one pass over the events.
pub(super) async fn measure(scope: &Scope<'_>) -> Result<Vec<Coverage>, EngineError> {
    let signals: Vec<(SignalCategory, String)> =
        SignalCategory::ALL.into_iter().map(|category| (category, signal(scope, category))).collect();
    let flags: Vec<String> = signals
        .iter()
        .map(|(category, signal)| format!("max(CASE WHEN {signal} THEN 1 ELSE 0 END) AS \"{category}\""))
        .collect();
    let sums: Vec<String> =
        signals.iter().map(|(category, _)| format!("sum(\"{category}\") AS \"{category}\"")).collect();
    let query = format!(
        "SELECT {} FROM (SELECT {PROFILE} AS profile, {} FROM events GROUP BY 1) AS profiles WHERE profile IS NOT NULL",
        sums.join(", "),
        flags.join(", ")
    );
    let rows = scope.rows(&query).await?;
    let mut coverage = Vec::new();
    for (category, _) in signals {
        let n_profiles = rows.count(&category.to_string())?;
        let share = share(n_profiles, scope.n_profiles);
        coverage.push(Coverage { category, n_profiles, share, note: note(category, share) });
    }
    Ok(coverage)
}

/// Returns the SQL of whether an event is a signal of a category.
fn signal(scope: &Scope<'_>, category: SignalCategory) -> String {
    let present = |columns: Vec<String>| {
        let tests: Vec<String> = columns.iter().map(|column| format!("\"{column}\" IS NOT NULL")).collect();
        if tests.is_empty() { "false".to_owned() } else { tests.join(" OR ") }
    };
    let stated = |column: &str| {
        let name = attribute_of(column).map_or_else(String::new, |(_, name)| name.to_lowercase());
        STATED.iter().any(|word| name.contains(word))
    };
    let columns = |of: Part, wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let columns = scope.columns_of(of).into_iter().map(|(column, _)| column);
        columns.filter(|column| wanted(column)).map(str::to_owned).collect()
    };
    match category {
        SignalCategory::Behavioural => {
            "kind IN ('page', 'screen') OR (kind = 'track' AND amount_minor IS NULL)".to_owned()
        }
        SignalCategory::Transactional => "amount_minor IS NOT NULL".to_owned(),
        // The library that sent an event says nothing about the customer.
        SignalCategory::Contextual => {
            let context = columns(Part::Context, &|column| !column.starts_with("c_library"));
            let places = columns(Part::Properties, &|column| PLACES.contains(&column.to_lowercase().as_str()));
            format!("channel IS NOT NULL OR {} OR {}", present(context), present(places))
        }
        SignalCategory::Sentiment => "text IS NOT NULL OR rating IS NOT NULL".to_owned(),
        SignalCategory::Stated => {
            let properties = columns(Part::Properties, &|column| {
                column.contains("survey") || column.contains("preference") || column.contains("answer")
            });
            format!("{} OR {}", present(columns(Part::Traits, &stated)), present(properties))
        }
        SignalCategory::Demographic => {
            present(columns(Part::Traits, &|column| !stated(column) && !NAMING.contains(&column)))
        }
    }
}

/// Below this share of customers a category cannot tell customers apart.
const COVERED_MIN: f64 = 0.2;

fn note(category: SignalCategory, share: f64) -> String {
    let (known, missing) = match category {
        SignalCategory::Behavioural => {
            ("What customers look at and do is known.", "Connect the web site or the app: views, searches, carts.")
        }
        SignalCategory::Transactional => ("What customers pay is known.", "Connect orders, refunds and subscriptions."),
        SignalCategory::Contextual => (
            "Where, when and with what they come is known.",
            "Send the context with every event: channel, device, place, campaign.",
        ),
        SignalCategory::Sentiment => {
            ("How customers feel is known.", "Connect reviews, ratings and support conversations.")
        }
        SignalCategory::Stated => {
            ("What customers say they want is known.", "Ask them: preferences, a short survey, newsletter interests.")
        }
        SignalCategory::Demographic => {
            ("Who customers are is known.", "Connect the CRM: age group, household, region.")
        }
    };
    if share <= 0.0 {
        format!("Missing. {missing}")
    } else if share < COVERED_MIN {
        format!("Known of too few to tell customers apart. {missing}")
    } else {
        known.to_owned()
    }
}
