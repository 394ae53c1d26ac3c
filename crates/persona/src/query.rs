//! The SQL that recomputes a measure from the home's tables.
//!
//! Every query gives one row, `persona, rest, n_persona, n_rest`, with the meaning of the fields
//! of [`Evidence`](crate::Evidence). Only standard SQL is used, so that other engines that read
//! the same tables give the same row. Names and values from the data are always quoted.

use throng_event::Day;
use throng_profile::ProfileId;

use crate::{Measure, PersonaId, Rule};

/// The last characters of the ids of profiles no rule is sought in: three of ten digits, and about
/// a third of the letters. Ids end evenly enough, and every engine can read their end.
const HELD_OUT_ENDS: [char; 11] = ['1', '4', '7', 'b', 'e', 'h', 'k', 'n', 'q', 't', 'w'];

/// Returns whether rules are checked on a profile, rather than sought in it.
pub(crate) fn held_out(profile: &ProfileId) -> bool {
    profile.as_str().chars().next_back().is_some_and(|end| HELD_OUT_ENDS.contains(&end))
}

/// Returns the query of one measure for one persona, at the day the features were taken.
pub(crate) fn query(measure: &Measure, persona: &PersonaId, against: Option<&PersonaId>, day: Day) -> String {
    // Sub-kinds are compared among the customers of their persona.
    let everybody = match persona.parent() {
        None => "memberships AS m".to_owned(),
        Some(parent) => format!(
            "(SELECT profile_id, persona_id FROM sub_kind_members WHERE within = {}) AS m",
            literal(parent.as_str())
        ),
    };
    let inside = format!("m.persona_id = {}", literal(persona.as_str()));
    // The parentheses are for parsers that read `IS DISTINCT FROM a AND b` as `FROM (a AND b)`.
    let outside = match against {
        None => format!("(m.persona_id IS DISTINCT FROM {})", literal(persona.as_str())),
        Some(other) => format!("m.persona_id = {}", literal(other.as_str())),
    };
    // Shares of a whole are shares of the two that are compared.
    let both = against.map_or_else(String::new, |_| format!(" WHERE {inside} OR {outside}"));
    let features =
        format!("FROM {everybody} JOIN features AS f ON f.profile_id = m.profile_id AND f.as_of = DATE '{day}'");
    match measure {
        Measure::Size => format!(
            "SELECT avg(CASE WHEN {inside} THEN 1.0 ELSE 0.0 END) AS persona, \
             avg(CASE WHEN {outside} THEN 1.0 ELSE 0.0 END) AS rest, \
             count(*) FILTER (WHERE {inside}) AS n_persona, \
             count(*) FILTER (WHERE {outside}) AS n_rest \
             FROM {everybody}{both}"
        ),
        Measure::RevenueShare => format!(
            "SELECT CAST(sum(r.revenue_minor) FILTER (WHERE {inside}) AS DOUBLE) / sum(r.revenue_minor) AS persona, \
             CAST(sum(r.revenue_minor) FILTER (WHERE {outside}) AS DOUBLE) / sum(r.revenue_minor) AS rest, \
             count(r.revenue_minor) FILTER (WHERE {inside}) AS n_persona, \
             count(r.revenue_minor) FILTER (WHERE {outside}) AS n_rest \
             FROM {everybody} JOIN profiles AS r ON r.profile_id = m.profile_id{both}"
        ),
        Measure::RuleShare { rule } => rule_share(rule, &[&inside, &outside], &features),
        Measure::RuleShareHeldOut { rule } => {
            // No function: engines are built without those for texts.
            let ends = HELD_OUT_ENDS.map(|end| format!("m.profile_id LIKE '%{end}'")).join(" OR ");
            let part = format!("{features} WHERE {ends}");
            rule_share(rule, &[&inside, &outside], &part)
        }
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
                "FROM {everybody} JOIN traits AS t ON t.profile_id = m.profile_id AND t.name = {}",
                literal(name)
            );
            share("t.value", value, &[&inside, &outside], &traits)
        }
    }
}

/// Returns the query of the share of profiles that fulfil a rule.
fn rule_share(rule: &Rule, groups: &[&str; 2], from: &str) -> String {
    let [inside, outside] = groups;
    let hit = format!("CASE WHEN {} THEN 1.0 ELSE 0.0 END", rule.sql_of("f"));
    format!(
        "SELECT avg({hit}) FILTER (WHERE {inside}) AS persona, avg({hit}) FILTER (WHERE {outside}) AS rest, \
         count(*) FILTER (WHERE {inside}) AS n_persona, count(*) FILTER (WHERE {outside}) AS n_rest {from}"
    )
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
        let sql = query(&measure, &PersonaId::at(0), None, Day(0));
        assert!(sql.contains("t.name = 'city\"'''"), "{sql}");
        assert!(sql.contains("t.value = 'x''; DROP TABLE events; --'"), "{sql}");
        assert!(sql.matches('\'').count().is_multiple_of(2), "{sql}");
    }

    #[test]
    fn features_are_taken_at_the_day_of_the_fit() {
        let measure = Measure::MeanRatio { feature: "orders_90d".to_owned() };
        let sql = query(&measure, &PersonaId::at(1), None, Day(15_000));
        assert!(sql.contains("avg(f.\"orders_90d\") FILTER (WHERE m.persona_id = 'p2')"), "{sql}");
        assert!(sql.contains("f.as_of = DATE '2011-01-26'"), "{sql}");
    }

    #[test]
    fn rules_are_asked_of_those_they_were_not_sought_in() {
        let rule: Rule = "\"orders\" >= 3 AND \"device\" = 'it''s'".parse().unwrap();
        let sql = query(&Measure::RuleShareHeldOut { rule }, &PersonaId::at(0), None, Day(0));
        assert!(sql.contains("CASE WHEN f.\"orders\" >= 3 AND f.\"device\" = 'it''s' THEN"), "{sql}");
        assert!(sql.contains("WHERE m.profile_id LIKE '%1' OR m.profile_id LIKE '%4' OR"), "{sql}");
        let id = |text: &str| ProfileId::of(&throng_event::Identity::user(text));
        assert_eq!(["x1", "x2", "xb", "x€"].map(|text| held_out(&id(text))), [true, false, true, false]);
    }

    #[test]
    fn another_persona_can_stand_for_the_rest() {
        let measure = Measure::MeanRatio { feature: "orders".to_owned() };
        let sql = query(&measure, &PersonaId::at(0), Some(&PersonaId::at(2)), Day(0));
        assert!(sql.contains("FILTER (WHERE m.persona_id = 'p3') AS rest"), "{sql}");
        let sql = query(&Measure::Size, &PersonaId::at(0), Some(&PersonaId::at(2)), Day(0));
        assert!(sql.ends_with("WHERE m.persona_id = 'p1' OR m.persona_id = 'p3'"), "{sql}");
    }
}
