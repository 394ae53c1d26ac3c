//! The SQL that recomputes a measure from the home's tables.
//!
//! Every query gives one row, `persona, rest, n_persona, n_rest`, with the meaning of the fields
//! of [`Evidence`](crate::Evidence). Only standard SQL is used, so that other engines that read
//! the same tables give the same row. Names and values from the data are always quoted.

use throng_event::Day;

use crate::{Measure, PersonaId};

/// Returns the query of one measure for one persona, at the day the features were taken.
pub(crate) fn query(measure: &Measure, persona: &PersonaId, day: Day) -> String {
    let inside = format!("m.persona_id = {}", literal(persona.as_str()));
    // The parentheses are for parsers that read `IS DISTINCT FROM a AND b` as `FROM (a AND b)`.
    let outside = format!("(m.persona_id IS DISTINCT FROM {})", literal(persona.as_str()));
    let features =
        format!("FROM memberships AS m JOIN features AS f ON f.profile_id = m.profile_id AND f.as_of = DATE '{day}'");
    match measure {
        Measure::Size => format!(
            "SELECT avg(CASE WHEN {inside} THEN 1.0 ELSE 0.0 END) AS persona, \
             avg(CASE WHEN {outside} THEN 1.0 ELSE 0.0 END) AS rest, \
             count(*) FILTER (WHERE {inside}) AS n_persona, \
             count(*) FILTER (WHERE {outside}) AS n_rest \
             FROM memberships AS m"
        ),
        Measure::RevenueShare => format!(
            "SELECT CAST(sum(r.revenue_minor) FILTER (WHERE {inside}) AS DOUBLE) / sum(r.revenue_minor) AS persona, \
             CAST(sum(r.revenue_minor) FILTER (WHERE {outside}) AS DOUBLE) / sum(r.revenue_minor) AS rest, \
             count(r.revenue_minor) FILTER (WHERE {inside}) AS n_persona, \
             count(r.revenue_minor) FILTER (WHERE {outside}) AS n_rest \
             FROM memberships AS m JOIN profiles AS r ON r.profile_id = m.profile_id"
        ),
        Measure::MeanRatio { feature } | Measure::MeanDifference { feature } => {
            let column = format!("f.{}", identifier(feature));
            format!(
                "SELECT avg({column}) FILTER (WHERE {inside}) AS persona, \
                 avg({column}) FILTER (WHERE {outside}) AS rest, \
                 count({column}) FILTER (WHERE {inside}) AS n_persona, \
                 count({column}) FILTER (WHERE {outside}) AS n_rest {features}"
            )
        }
        Measure::CategoryShare { feature, value } => {
            let column = format!("f.{}", identifier(feature));
            share(&column, value, &[&inside, &outside], &features)
        }
        Measure::TraitShare { name, value } => {
            let traits = format!(
                "FROM memberships AS m JOIN traits AS t ON t.profile_id = m.profile_id AND t.name = {}",
                literal(name)
            );
            share("t.value", value, &[&inside, &outside], &traits)
        }
    }
}

/// Returns the query of the share of a value among the rows where `column` is known.
fn share(column: &str, value: &str, groups: &[&str; 2], from: &str) -> String {
    let [inside, outside] = groups;
    let hit = format!("CASE WHEN {column} = {} THEN 1.0 ELSE 0.0 END", literal(value));
    format!(
        "SELECT avg({hit}) FILTER (WHERE {inside} AND {column} IS NOT NULL) AS persona, \
         avg({hit}) FILTER (WHERE {outside} AND {column} IS NOT NULL) AS rest, \
         count({column}) FILTER (WHERE {inside}) AS n_persona, \
         count({column}) FILTER (WHERE {outside}) AS n_rest {from}"
    )
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_the_data_cannot_leave_their_literal() {
        let measure = Measure::TraitShare { name: "city\"'".to_owned(), value: "x'; DROP TABLE events; --".to_owned() };
        let sql = query(&measure, &PersonaId::at(0), Day(0));
        assert!(sql.contains("t.name = 'city\"'''"), "{sql}");
        assert!(sql.contains("t.value = 'x''; DROP TABLE events; --'"), "{sql}");
        assert!(sql.matches('\'').count().is_multiple_of(2), "{sql}");
    }

    #[test]
    fn features_are_taken_at_the_day_of_the_fit() {
        let measure = Measure::MeanRatio { feature: "orders_90d".to_owned() };
        let sql = query(&measure, &PersonaId::at(1), Day(15_000));
        assert!(sql.contains("avg(f.\"orders_90d\") FILTER (WHERE m.persona_id = 'p2')"), "{sql}");
        assert!(sql.contains("f.as_of = DATE '2011-01-26'"), "{sql}");
    }
}
