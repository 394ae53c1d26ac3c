//! Whether there is enough data to find personas, to predict and to test.
//!
//! The rules, and where they come from:
//!
//! - *Personas.* A grouping is stable when its rows outnumber what describes them; 70 rows
//!   for each variable are published for the whole sample (Dolnicar, Grün, Leisch and
//!   Schmidt 2014, Required sample sizes for data-driven market segmentation analyses in
//!   tourism). How many variables will be used is not known yet, so [`ROWS_PER_PERSONA`]
//!   asks for rows by persona instead; that number is ours.
//! - *Prediction.* A logistic model needs 10 cases of the rarer outcome for each
//!   predictor to be possible (Peduzzi and others 1996) and 20 to be reliable (Austin and
//!   Steyerberg 2017, Events per variable).
//! - *Tests.* Two proportions at a significance of 5 % on both sides and a power of 80 %
//!   (Fleiss, Levin and Paik 2003, Statistical Methods for Rates and Proportions, 4.14).

use throng_event::Instant;

use super::scope::{PROFILE, Scope};
use super::words::{counted, percent, share, thousands};
use crate::error::EngineError;

/// Customers with a repeated behaviour for each persona that is to be stable: shares in
/// it are then known to ±10 points, and resampling leaves no group nearly empty.
const ROWS_PER_PERSONA: u64 = 100;
/// The fewest customers personas are looked for among, as discovery has it.
const PROFILES_MIN: u64 = 100;
/// More personas than these cannot be told apart by the people who work with them.
const PERSONAS_MAX: u64 = 8;
/// Predictors of a small model: recency, frequency, amount, and a few of behaviour.
const PREDICTORS: u64 = 10;
/// Cases of the rarer outcome for each predictor: possible, and reliable.
const CASES_POSSIBLE: u64 = 10;
const CASES_RELIABLE: u64 = 20;
/// Days without activity after which a customer counts as lost, and before which they
/// have to have been active.
const CHURN_DAYS: i64 = 90;
/// The days in which a purchase counts as the outcome to be predicted or tested.
const OUTCOME_DAYS: i64 = 30;
/// The improvement a test is planned for: smaller ones rarely pay for the test.
const LIFT: f64 = 0.15;
/// The normal quantiles of 5 % on both sides and of a power of 80 %.
const Z_SIGNIFICANCE: f64 = 1.959_964;
const Z_POWER: f64 = 0.841_621;
/// A year shows every season once; half a year shows habits.
const HISTORY_DAYS: u64 = 365;
const HISTORY_DAYS_MIN: u64 = 180;

/// Whether there is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SufficiencyAnswer {
    /// Enough for a reliable answer.
    Enough,
    /// An answer is possible and unsure.
    Tight,
    /// Not enough.
    Lacking,
}

impl SufficiencyAnswer {
    /// Returns the word on the command line and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Tight => "tight",
            Self::Lacking => "lacking",
        }
    }

    fn of(have: u64, possible: u64, reliable: u64) -> Self {
        if have >= reliable {
            Self::Enough
        } else if have >= possible {
            Self::Tight
        } else {
            Self::Lacking
        }
    }
}

/// Whether the data are enough for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sufficiency {
    /// For what, as in "enough to …": `find personas`.
    pub question: &'static str,
    /// Whether.
    pub answer: SufficiencyAnswer,
    /// The answer in words, with its numbers.
    pub text: String,
    /// What there is of what counts.
    pub have: u64,
    /// What a reliable answer takes; absent where nothing says how much.
    pub need: Option<u64>,
    /// The rule the answer rests on.
    pub rule: &'static str,
}

/// What the home has.
#[derive(Debug, Clone, Copy, Default)]
struct Stock {
    n_profiles: u64,
    /// Customers active on two days or more.
    n_returning: u64,
    n_buyers: u64,
    /// Customers who bought on two days or more.
    n_repeat_buyers: u64,
    span_days: u64,
    /// Customers active in the [`CHURN_DAYS`] before the last ones, and those of them
    /// who were not active since.
    n_at_risk: u64,
    n_churned: u64,
    /// Customers active in the [`CHURN_DAYS`] before the last [`OUTCOME_DAYS`], and those
    /// of them who bought in these: who is seen by buying only is not all who could.
    n_asked: u64,
    n_converted: u64,
}

pub(super) async fn judge(scope: &Scope<'_>) -> Result<Vec<Sufficiency>, EngineError> {
    let stock = stock(scope).await?;
    Ok(vec![history(stock), personas(stock), churn(stock), purchase(stock), test(stock)])
}

async fn stock(scope: &Scope<'_>) -> Result<Stock, EngineError> {
    let last = scope.last.0;
    let since = |days: i64| last - days * Instant::DAY;
    let recent = since(OUTCOME_DAYS);
    let (silent, before) = (since(CHURN_DAYS), since(2 * CHURN_DAYS));
    let asked = since(OUTCOME_DAYS + CHURN_DAYS);
    // What a customer is sent is no activity of theirs, but nothing says which events
    // those are; identify and group messages are the company's in most systems.
    let of_profile = format!(
        "SELECT profile, count(DISTINCT at / {day}) AS n_days, \
         count(DISTINCT CASE WHEN amount_minor > 0 THEN at / {day} END) AS n_purchase_days, \
         max(CASE WHEN at > {before} AND at <= {silent} THEN 1 ELSE 0 END) AS at_risk, \
         max(CASE WHEN at > {silent} THEN 1 ELSE 0 END) AS active, \
         max(CASE WHEN at > {asked} AND at <= {recent} THEN 1 ELSE 0 END) AS asked, \
         max(CASE WHEN at > {recent} AND amount_minor > 0 THEN 1 ELSE 0 END) AS converted \
         FROM (SELECT {PROFILE} AS profile, amount_minor, CAST(occurred_at AS BIGINT) AS at FROM events \
         WHERE kind IN ('track', 'page', 'screen')) AS e GROUP BY 1",
        day = Instant::DAY
    );
    let query = format!(
        "SELECT sum(CASE WHEN n_days > 1 THEN 1 ELSE 0 END) AS n_returning, \
         sum(CASE WHEN n_purchase_days > 0 THEN 1 ELSE 0 END) AS n_buyers, \
         sum(CASE WHEN n_purchase_days > 1 THEN 1 ELSE 0 END) AS n_repeat_buyers, sum(at_risk) AS n_at_risk, \
         sum(CASE WHEN at_risk = 1 AND active = 0 THEN 1 ELSE 0 END) AS n_churned, sum(asked) AS n_asked, \
         sum(CASE WHEN asked = 1 THEN converted ELSE 0 END) AS n_converted FROM ({of_profile}) AS profiles WHERE profile IS NOT NULL"
    );
    let rows = scope.rows(&query).await?;
    let span_days = u64::from(scope.span_days);
    // Without a time before the last 90 days nobody can be seen to leave.
    let sees_churn = i64::from(scope.span_days) > CHURN_DAYS;
    Ok(Stock {
        n_profiles: scope.n_profiles,
        n_returning: rows.count("n_returning")?,
        n_buyers: rows.count("n_buyers")?,
        n_repeat_buyers: rows.count("n_repeat_buyers")?,
        span_days,
        n_at_risk: if sees_churn { rows.count("n_at_risk")? } else { 0 },
        n_churned: if sees_churn { rows.count("n_churned")? } else { 0 },
        n_asked: rows.count("n_asked")?,
        n_converted: rows.count("n_converted")?,
    })
}

fn history(stock: Stock) -> Sufficiency {
    let days = counted(stock.span_days, "day");
    let text = if stock.span_days >= HISTORY_DAYS {
        format!("{days} of history: every season at least once.")
    } else if stock.span_days >= HISTORY_DAYS_MIN {
        format!("{days} of history: habits show, seasons do not; {} more make a year.", HISTORY_DAYS - stock.span_days)
    } else {
        format!("{days} of history: what looks like a habit may be a season; half a year is the least.")
    };
    Sufficiency {
        question: "see habits and seasons",
        answer: SufficiencyAnswer::of(stock.span_days, HISTORY_DAYS_MIN, HISTORY_DAYS),
        text,
        have: stock.span_days,
        need: Some(HISTORY_DAYS),
        rule: "a year of history shows every season once, half a year shows habits",
    }
}

fn personas(stock: Stock) -> Sufficiency {
    let repeat = if stock.n_repeat_buyers > 0 { stock.n_repeat_buyers } else { stock.n_returning };
    let done = if stock.n_repeat_buyers > 0 { "bought on two days or more" } else { "came back on another day" };
    // Only customers with a repeated behaviour have a pattern to be grouped by.
    let n_stable = (repeat / ROWS_PER_PERSONA).min(PERSONAS_MAX);
    let customers = counted(stock.n_profiles, "customer");
    let basis = format!("{customers}, of whom {} {done}", thousands(repeat));
    let (answer, text) = if stock.n_profiles < PROFILES_MIN {
        let more = PROFILES_MIN - stock.n_profiles;
        (SufficiencyAnswer::Lacking, format!("{basis}: too few to look for groups; {more} more are the least."))
    } else if n_stable < 2 {
        let more = 2 * ROWS_PER_PERSONA - repeat;
        let text = format!(
            "{basis}: groups can be looked for but will hardly be stable; about {} more who come again would help.",
            thousands(more)
        );
        (SufficiencyAnswer::Tight, text)
    } else {
        let text = format!("{basis}: personas are possible, up to {n_stable} can be stable.");
        (if n_stable >= 4 { SufficiencyAnswer::Enough } else { SufficiencyAnswer::Tight }, text)
    };
    Sufficiency {
        question: "find personas",
        answer,
        text,
        have: repeat,
        need: Some(4 * ROWS_PER_PERSONA),
        rule: "100 customers with repeated behaviour for each stable persona, 100 customers in all: our own rule of thumb",
    }
}

const CASES_RULE: &str = "10 cases of the rarer outcome for each of 10 predictors are possible, 20 reliable \
                          (Peduzzi 1996; Austin and Steyerberg 2017)";

/// Judges a yes-or-no outcome.
fn prediction(question: &'static str, (outcome, yes, no): (&str, u64, u64), basis: &str) -> Sufficiency {
    let cases = yes.min(no);
    let (possible, reliable) = (PREDICTORS * CASES_POSSIBLE, PREDICTORS * CASES_RELIABLE);
    let rarer = if yes <= no { outcome.to_owned() } else { format!("customers who are not {outcome}") };
    let answer = SufficiencyAnswer::of(cases, possible, reliable);
    let text = match answer {
        SufficiencyAnswer::Enough => format!("{basis}: enough for a reliable model."),
        SufficiencyAnswer::Tight => {
            format!(
                "{basis}: a small model is possible; a reliable one needs about {} more {rarer}.",
                thousands(reliable - cases)
            )
        }
        SufficiencyAnswer::Lacking => {
            format!("{basis}: a model needs about {} more {rarer}.", thousands(possible - cases))
        }
    };
    Sufficiency { question, answer, text, have: cases, need: Some(reliable), rule: CASES_RULE }
}

fn churn(stock: Stock) -> Sufficiency {
    let basis = format!(
        "{} of {} active in the {CHURN_DAYS} days before the last {CHURN_DAYS} did not come back",
        thousands(stock.n_churned),
        counted(stock.n_at_risk, "customer")
    );
    prediction("predict who leaves", ("churners", stock.n_churned, stock.n_at_risk - stock.n_churned), &basis)
}

fn purchase(stock: Stock) -> Sufficiency {
    let basis = format!(
        "{} of {} active in the {CHURN_DAYS} days before the last {OUTCOME_DAYS} bought in these",
        thousands(stock.n_converted),
        counted(stock.n_asked, "customer")
    );
    let outcome = ("buyers", stock.n_converted, stock.n_asked - stock.n_converted);
    let mut judged = prediction("predict who buys", outcome, &basis);
    if stock.n_buyers == 0 {
        judged.text = "No purchase is known: import orders with their amounts.".to_owned();
    }
    judged
}

/// Returns the customers each of two groups needs to show a share rise from one to the
/// other (Fleiss, Levin and Paik 2003).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates; sizes are positive")]
fn group_size(base: f64, raised: f64) -> u64 {
    let mean = f64::midpoint(base, raised);
    let variance = |share: f64| share * (1.0 - share);
    let root = Z_SIGNIFICANCE * (2.0 * variance(mean)).sqrt() + Z_POWER * (variance(base) + variance(raised)).sqrt();
    (root * root / ((raised - base) * (raised - base))).ceil() as u64
}

fn test(stock: Stock) -> Sufficiency {
    const RULE: &str = "two proportions, significance 5 % on both sides, power 80 % (Fleiss, Levin and Paik 2003)";
    let base = share(stock.n_converted, stock.n_asked);
    let question = "test an action";
    if stock.n_converted == 0 || base >= 1.0 / (1.0 + LIFT) {
        return Sufficiency {
            question,
            answer: SufficiencyAnswer::Lacking,
            text: format!(
                "A test compares shares of buyers; {} of {} bought in the last {OUTCOME_DAYS} days, which leaves nothing to compare.",
                thousands(stock.n_converted),
                counted(stock.n_asked, "customer")
            ),
            have: stock.n_asked,
            need: None,
            rule: RULE,
        };
    }
    let each = group_size(base, base * (1.0 + LIFT));
    let need = each * 2;
    let answer = SufficiencyAnswer::of(stock.n_asked, need / 2, need);
    let months = match answer {
        SufficiencyAnswer::Enough => format!("there are {}", thousands(stock.n_asked)),
        SufficiencyAnswer::Tight | SufficiencyAnswer::Lacking => {
            format!(
                "with {} a month that takes {}",
                thousands(stock.n_asked),
                counted(need.div_ceil(stock.n_asked.max(1)), "month")
            )
        }
    };
    Sufficiency {
        question,
        answer,
        text: format!(
            "An A/B test on a conversion of {} within {OUTCOME_DAYS} days needs 2 × {} customers to see +{}: {months}.",
            percent(base),
            thousands(each),
            percent(LIFT)
        ),
        have: stock.n_asked,
        need: Some(need),
        rule: RULE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_test_is_the_known_one() {
        // Well-known values without correction for continuity: 5 % on both sides, 80 %.
        assert_eq!(group_size(0.2, 0.3), 294);
        assert_eq!(group_size(0.5, 0.6), 388);
    }

    #[test]
    fn what_is_missing_is_said_in_numbers() {
        let stock =
            Stock { n_profiles: 1_180, n_repeat_buyers: 390, n_at_risk: 500, n_churned: 80, ..Stock::default() };
        let found = personas(stock);
        assert_eq!(found.answer, SufficiencyAnswer::Tight);
        assert!(found.text.contains("1,180 customers") && found.text.contains("up to 3"), "{}", found.text);
        let found = churn(stock);
        assert_eq!(found.answer, SufficiencyAnswer::Lacking);
        assert!(found.text.contains("about 20 more churners"), "{}", found.text);
    }

    #[test]
    fn nothing_is_enough_for_nothing() {
        for judged in [history, personas, churn, purchase, test].map(|judge| judge(Stock::default())) {
            assert_eq!(judged.answer, SufficiencyAnswer::Lacking, "{judged:?}");
        }
    }
}
