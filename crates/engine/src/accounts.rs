//! Accounts and households: groups of profiles, with features of their own.
//!
//! An account is what events name as their group; an event that names none counts for
//! the account its profile belongs to now. A household is the profiles with an equal
//! value of the configured trait, its id written `household:VALUE`. The features are
//! those of the catalogue, folded by group instead of by profile, by the same kernel.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::cast::as_string_array;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, col, create_udf};
use throng_event::{AsOf, Currency, Instant};
use throng_feature::FeatureDefinition;
use throng_profile::{Belonging, Proof};

use crate::context::collect;
use crate::derive::{plain_texts, read_traits, timestamp_literal};
use crate::engine::View;
use crate::error::EngineError;
use crate::features::{FeatureRun, dated};
use crate::home::Home;
use crate::people::People;
use crate::rows::{batch, instants, texts};
use crate::store::Store;
use crate::tables::{ACCOUNT_FEATURES, ACCOUNT_MEMBERS, ACCOUNTS};

/// What a household's id begins with, so that it cannot be taken for an account's.
const HOUSEHOLD_PREFIX: &str = "household:";

/// Groups of one kind, and who belongs to them.
#[derive(Debug)]
struct Grouping {
    kind: &'static str,
    /// Every group, ascending; its place is its number.
    ids: Vec<String>,
    /// The groups of every profile that has any; the current one last.
    belongings: BTreeMap<u32, Vec<Belonging>>,
    /// Whether an event may name its group itself.
    named_by_events: Naming,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    ByEvents,
    ByTrait,
}

impl Grouping {
    fn of(kind: &'static str, belongings: BTreeMap<u32, Vec<Belonging>>, named_by_events: Naming) -> Self {
        let mut ids: Vec<&str> = belongings.values().flatten().map(|belonging| belonging.group_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let ids = ids.into_iter().map(str::to_owned).collect();
        Self { kind, ids, belongings, named_by_events }
    }

    fn number(&self, id: &str) -> Option<u32> {
        let place = self.ids.binary_search_by(|own| own.as_str().cmp(id)).ok()?;
        u32::try_from(place).ok()
    }

    /// Returns the number of the group an event counts for.
    fn number_of(&self, current: &[Option<u32>], profile: Option<u32>, named: Option<&str>) -> Option<u32> {
        let named = named.filter(|_| self.named_by_events == Naming::ByEvents).and_then(|id| self.number(id));
        named.or_else(|| current.get(usize::try_from(profile?).ok()?).copied().flatten())
    }

    /// Returns the number of the group every profile belongs to now, by its number.
    fn current(&self, n_profiles: usize) -> Vec<Option<u32>> {
        let mut current = vec![None; n_profiles];
        for (profile, of_profile) in &self.belongings {
            if let (Ok(place), Some(last)) = (usize::try_from(*profile), of_profile.last()) {
                current[place] = self.number(&last.group_id);
            }
        }
        current
    }
}

/// Writes `accounts`, `account_members` and, with a catalogue, `account_features`.
pub(crate) async fn write_accounts(store: &Store, view: &View, home: &Home, as_of: AsOf) -> Result<(), EngineError> {
    let config = home.config();
    let people = &view.people;
    // Journeys are those of people, not of many taken together.
    let definitions = config.features.iter().filter(|definition| !definition.kind.of_journeys());
    let definitions: Vec<FeatureDefinition> = definitions.cloned().collect();
    let by_events = people.groups.of_profiles(&people.resolution);
    let mut groupings = vec![Grouping::of("account", by_events, Naming::ByEvents)];
    if let Some(name) = &config.identity.household {
        groupings.push(Grouping::of("household", households(view, name, as_of).await?, Naming::ByTrait));
    }
    groupings.retain(|grouping| !grouping.ids.is_empty());
    let (mut accounts, mut members, mut features) = (Vec::new(), Vec::new(), Vec::new());
    for grouping in groupings {
        members
            .push(member_rows(&grouping, people).map_err(|error| EngineError::table("write", ACCOUNT_MEMBERS, error))?);
        let (kind, ids) = (grouping.kind, grouping.ids.clone());
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let function = number_function(Arc::new(grouping), Arc::clone(people));
        view.context.register_udf(function.clone());
        accounts.push(account_rows(view, (kind, &ids), config.currency, as_of).await?);
        if !definitions.is_empty() {
            let run = FeatureRun::new(&definitions, config.currency, &config.calendar, as_of)?;
            let number = function.call(vec![col("user_id"), col("anonymous_id"), col("group_id")]);
            let folded = run.fold_events(&view.context, number, config.currency).await?;
            let rows = dated(&folded, ("account_id", &ids), as_of);
            features.push(rows.map_err(|error| EngineError::table("write", ACCOUNT_FEATURES, error))?);
        }
    }
    for (table, rows) in [(ACCOUNTS, accounts), (ACCOUNT_MEMBERS, members), (ACCOUNT_FEATURES, features)] {
        let Some(first) = rows.first() else { continue };
        let rows = concat_batches(&first.schema(), &rows).map_err(|error| EngineError::table("write", table, error))?;
        store.replace(table, vec![rows]).await?;
    }
    Ok(())
}

/// Returns the household of every profile that states the trait.
async fn households(view: &View, name: &str, as_of: AsOf) -> Result<BTreeMap<u32, Vec<Belonging>>, EngineError> {
    let traits = read_traits(&view.context, &view.people, as_of).await?;
    let stated = traits.iter().filter_map(|(profile, traits)| {
        let stated = traits.get(name)?;
        let proof = Proof { occurred_at: stated.occurred_at, key: stated.key };
        let group_id = format!("{HOUSEHOLD_PREFIX}{}", stated.value);
        Some((*profile, vec![Belonging { last: proof, group_id, first: proof }]))
    });
    Ok(stated.collect())
}

/// Returns the SQL function that gives the number of the group an event counts for.
fn number_function(grouping: Arc<Grouping>, people: Arc<People>) -> ScalarUDF {
    let name = format!("{}_number", grouping.kind);
    let current = grouping.current(people.n_profiles());
    let implementation = move |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let (users, devices) = (as_string_array(&arrays[0])?, as_string_array(&arrays[1])?);
        let named = as_string_array(&arrays[2])?;
        let profiles = people.numbers(users, devices).into_iter().zip(named);
        let numbers: UInt32Array =
            profiles.map(|(profile, named)| grouping.number_of(&current, profile, named)).collect();
        Ok(ColumnarValue::Array(Arc::new(numbers) as ArrayRef))
    };
    let ids = vec![DataType::Utf8, DataType::Utf8, DataType::Utf8];
    create_udf(&name, ids, DataType::UInt32, Volatility::Immutable, Arc::new(implementation))
}

async fn account_rows(
    view: &View,
    (kind, ids): (&str, &[&str]),
    currency: Option<Currency>,
    as_of: AsOf,
) -> Result<RecordBatch, EngineError> {
    let revenue = currency.map_or_else(
        || "CAST(NULL AS BIGINT)".to_owned(),
        |currency| format!("coalesce(sum(CASE WHEN currency = '{currency}' THEN amount_minor END), 0)"),
    );
    let query = format!(
        "SELECT {kind}_number(user_id, anonymous_id, group_id) AS number, count(*) AS n_events, \
         count(DISTINCT profile_of(user_id, anonymous_id)) AS n_profiles, min(occurred_at) AS first_seen_at, \
         max(occurred_at) AS last_seen_at, {revenue} AS revenue_minor FROM events WHERE occurred_at < {} \
         GROUP BY 1 HAVING number IS NOT NULL ORDER BY 1",
        timestamp_literal(as_of.end)
    );
    let counted = collect(&view.context, &query).await?;
    let rows = || -> Result<RecordBatch, ArrowError> {
        let counted = plain_texts(&counted)?;
        let numbers = crate::rows::Rows(&counted).counts("number")?;
        let id = |number: &u64| usize::try_from(*number).ok().and_then(|number| ids.get(number).copied());
        let mut columns = vec![
            ("account_id".to_owned(), texts(numbers.iter().map(id))),
            ("kind".to_owned(), texts(numbers.iter().map(|_| Some(kind)))),
        ];
        let schema = counted.schema();
        let counts = schema.fields().iter().zip(counted.columns()).skip(1);
        columns.extend(counts.map(|(field, column)| (field.name().clone(), Arc::clone(column))));
        crate::rows::named_batch(columns)
    };
    rows().map_err(|error| EngineError::table("write", ACCOUNTS, error))
}

fn member_rows(grouping: &Grouping, people: &People) -> Result<RecordBatch, ArrowError> {
    let members = || {
        grouping.belongings.iter().flat_map(|(profile, of_profile)| {
            let last = of_profile.len() - 1;
            of_profile.iter().enumerate().map(move |(idx, belonging)| (*profile, belonging, idx == last))
        })
    };
    let instant = |at: fn(&Belonging) -> Instant| instants(members().map(|(_, belonging, _)| Some(at(belonging).0)));
    batch(vec![
        ("account_id", texts(members().map(|(_, belonging, _)| Some(belonging.group_id.as_str())))),
        ("kind", texts(members().map(|_| Some(grouping.kind)))),
        ("profile_id", texts(members().map(|(profile, _, _)| Some(people.id(profile))))),
        ("first_seen_at", instant(|belonging| belonging.first.occurred_at)),
        ("last_seen_at", instant(|belonging| belonging.last.occurred_at)),
        ("current", Arc::new(members().map(|(_, _, current)| Some(current)).collect::<BooleanArray>())),
    ])
}
