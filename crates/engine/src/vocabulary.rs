//! What the data talks about: event names, fields and their values, for proposals.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use throng_event::{Calendar, Currency, EventKind, Field, Instant};
use throng_feature::{EventStatistics, FieldStatistics, JourneyStatistics, ValueForm, Vocabulary};

use crate::context::{collect, explain};
use crate::error::EngineError;
use crate::event_table::{Part, attribute_of};
use crate::people::times;
use crate::rows::Rows;
use crate::tables::EVENTS;

/// Values of a field that are listed; a proposal makes shares of about a dozen.
const TOP: usize = 24;

/// Reads the vocabulary of the lake but for its journeys. `profile_of` must be registered.
pub(crate) async fn read_vocabulary(
    context: &SessionContext,
    n_profiles: usize,
    span_days: u32,
    calendar: &Calendar,
) -> Result<Vocabulary, EngineError> {
    let events = collect(
        context,
        "SELECT event, kind, count(*) AS n_events, count(DISTINCT profile_of(user_id, anonymous_id)) AS n_profiles \
         FROM events GROUP BY event, kind ORDER BY n_events DESC, event, kind",
    )
    .await?;
    let mut fields = Vec::new();
    for candidate in candidates(context).await? {
        fields.extend(statistics(context, candidate).await?);
    }
    let currency = collect(
        context,
        "SELECT currency, count(*) AS n FROM events WHERE amount_minor IS NOT NULL GROUP BY currency ORDER BY n DESC, currency LIMIT 1",
    )
    .await?;
    let read = |error: ArrowError| EngineError::table("read", EVENTS, error);
    let currency = Rows(&currency).texts("currency").map_err(read)?.into_iter().flatten().next();
    Ok(Vocabulary {
        events: event_statistics(&events).map_err(read)?,
        fields,
        currency: currency.and_then(|code| code.parse::<Currency>().ok()),
        span_days,
        n_profiles: u64::try_from(n_profiles).unwrap_or(u64::MAX),
        n_hours: n_hours(context, calendar).await?,
        journeys: JourneyStatistics::default(),
    })
}

/// Returns in how many different local hours of the day events happen.
async fn n_hours(context: &SessionContext, calendar: &Calendar) -> Result<u32, EngineError> {
    // A quarter of an hour is the finest step in which the world's time zones differ.
    let query = "SELECT DISTINCT date_bin(INTERVAL '15 minutes', occurred_at) AS quarter FROM events";
    let rows = collect(context, query).await?;
    let quarters = times(&rows, "quarter").map_err(|error| EngineError::table("read", EVENTS, error))?;
    let hours: BTreeSet<u8> = quarters.iter().flatten().map(|us| calendar.local(Instant(us)).1).collect();
    Ok(u32::try_from(hours.len()).unwrap_or(24))
}

fn event_statistics(rows: &RecordBatch) -> Result<Vec<EventStatistics>, ArrowError> {
    let rows = Rows(rows);
    let (names, kinds) = (rows.words("event")?, rows.words("kind")?);
    let (n_events, n_profiles) = (rows.counts("n_events")?, rows.counts("n_profiles")?);
    let all = names.into_iter().zip(kinds).enumerate().filter_map(|(row, (name, kind))| {
        let kind = EventKind::from_name(&kind)?;
        Some(EventStatistics { name, kind, n_events: n_events[row], n_profiles: n_profiles[row] })
    });
    Ok(all.collect())
}

/// A field that may have values, and the SQL that gives them.
struct Candidate {
    field: Field,
    form: ValueForm,
    value: String,
}

async fn candidates(context: &SessionContext) -> Result<Vec<Candidate>, EngineError> {
    let table = context.table(EVENTS).await.map_err(|error| EngineError::Query(explain(&error)))?;
    let fixed = [
        (Field::Channel, "channel", ValueForm::Text),
        (Field::Source, "source", ValueForm::Text),
        (Field::Currency, "currency", ValueForm::Text),
        (Field::Amount, "amount_minor", ValueForm::Number),
        (Field::Rating, "rating", ValueForm::Number),
        (Field::ProductId, "product_id", ValueForm::Text),
        (Field::ProductCategory, "category", ValueForm::Text),
        (Field::ProductBrand, "brand", ValueForm::Text),
        (Field::ProductQuantity, "quantity", ValueForm::Number),
        (Field::ProductAmount, "amount_minor", ValueForm::Number),
        (Field::ProductDiscount, "discount_minor", ValueForm::Number),
    ];
    let mut candidates: Vec<Candidate> = fixed
        .into_iter()
        .map(|(field, column, form)| Candidate { field, form, value: format!("\"{column}\"") })
        .collect();
    for column in table.schema().fields() {
        let Some((part, name)) = attribute_of(column.name()) else { continue };
        let form =
            if matches!(column.data_type(), DataType::Decimal128(_, _)) { ValueForm::Number } else { ValueForm::Text };
        let field = match part {
            Part::Properties => Field::Property(name),
            Part::Context => Field::Context(name),
            Part::Traits => Field::Trait(name),
        };
        candidates.push(Candidate { field, form, value: format!("\"{}\"", column.name()) });
    }
    Ok(candidates)
}

async fn statistics(context: &SessionContext, candidate: Candidate) -> Result<Option<FieldStatistics>, EngineError> {
    let Candidate { field, form, value } = candidate;
    let from = if field.per_product() {
        let line = value.trim_matches('"');
        format!(
            "(SELECT event_id, profile, line['{line}'] AS value FROM \
                 (SELECT event_id, profile_of(user_id, anonymous_id) AS profile, unnest(products) AS line FROM events) AS lines)"
        )
    } else {
        format!("(SELECT event_id, profile_of(user_id, anonymous_id) AS profile, {value} AS value FROM events)")
    };
    // Only product lines can give an event several values.
    let n_events = if field.per_product() { "count(DISTINCT event_id)" } else { "count(*)" };
    let query = format!(
        "SELECT {n_events} AS n_events, count(DISTINCT profile) AS n_profiles, \
         count(DISTINCT value) AS n_distinct FROM {from} AS v WHERE value IS NOT NULL"
    );
    let counted = collect(context, &query).await?;
    let read = |error: ArrowError| EngineError::table("read", EVENTS, error);
    let count =
        |name: &str| Rows(&counted).counts(name).map(|counts| counts.first().copied().unwrap_or(0)).map_err(read);
    let (n_events, n_profiles, n_distinct) = (count("n_events")?, count("n_profiles")?, count("n_distinct")?);
    if n_events == 0 {
        return Ok(None);
    }
    let query = format!(
        "SELECT CAST(value AS VARCHAR) AS text, count(*) AS n FROM {from} AS v WHERE value IS NOT NULL \
         GROUP BY value ORDER BY n DESC, text LIMIT {TOP}"
    );
    let top = collect(context, &query).await?;
    let texts = Rows(&top).words("text").map_err(read)?;
    let n = Rows(&top).counts("n").map_err(read)?;
    Ok(Some(FieldStatistics { field, form, n_events, n_profiles, n_distinct, top: texts.into_iter().zip(n).collect() }))
}
