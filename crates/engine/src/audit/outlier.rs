//! Amounts far from all others of their kind, and amounts in another unit.
//!
//! Amounts are judged on a logarithmic scale, where prices are roughly symmetric, by
//! their distance from the median in units of the median absolute deviation, which the
//! outliers themselves cannot move (Iglewicz and Hoaglin 1993). The query engine counts
//! amounts in bins of 2 %, so that ten million are a few hundred rows.

use std::collections::BTreeMap;

use super::finding::{Finding, Severity};
use super::scope::Scope;
use super::words::{counted, literal, number, quoted, share, thousands};
use crate::error::EngineError;

/// Bins per factor e: amounts in one bin differ by 2 %.
const BINS_PER_E: f64 = 50.0;
/// Bins of one decade and of two.
const DECADE: i64 = 115;
const HUNDRED: i64 = 2 * DECADE;
const MILLION: i64 = 6 * DECADE;
/// Kinds of amounts that are looked at: names beyond carry data.
const KINDS_MAX: usize = 200;
/// Amounts that make a distribution: the median absolute deviation of 100 is known to 10 %.
const AMOUNTS_MIN: u64 = 100;
/// Six deviations: of a million amounts that are log-normal, none.
const DEVIATIONS_MAX: f64 = 6.0;
/// What makes a median absolute deviation the standard deviation of a normal law.
const NORMAL: f64 = 1.4826;
/// The least spread: where nearly all cost the same, a tenfold price is still no outlier.
const SPREAD_BINS_MIN: f64 = 20.0;
/// Half of a peak's width: amounts within a factor of 2.2.
const PEAK_BINS: i64 = 40;
/// A second peak holds one amount in a hundred at least.
const PEAK_SHARE_MIN: f64 = 0.01;
/// Between two units there is a valley: fewer than a fifth of the smaller peak.
const VALLEY_SHARE_MAX: f64 = 0.2;

/// The amounts of one event name in one currency: bins in ascending order.
type Bins = Vec<(i64, u64)>;

pub(super) async fn check(scope: &Scope<'_>) -> Result<Vec<Finding>, EngineError> {
    let query = format!(
        "SELECT event, currency, source, CAST(round(ln(abs(CAST(amount_minor AS DOUBLE))) * {BINS_PER_E}) AS BIGINT) AS bin, \
         count(*) AS n FROM events WHERE amount_minor <> 0 AND event IN (SELECT event FROM events \
         WHERE amount_minor IS NOT NULL GROUP BY event ORDER BY count(*) DESC, event LIMIT {KINDS_MAX}) \
         GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    );
    let rows = scope.rows(&query).await?;
    let (events, currencies, sources) = (rows.words("event")?, rows.words("currency")?, rows.words("source")?);
    let (bins, counts) = (rows.integers("bin")?, rows.counts("n")?);
    let mut kinds: BTreeMap<(&str, &str), BTreeMap<&str, Bins>> = BTreeMap::new();
    for row in 0..rows.len() {
        let kind = kinds.entry((&events[row], &currencies[row])).or_default();
        kind.entry(&sources[row]).or_default().push((bins[row].unwrap_or(0), counts[row]));
    }
    let mut findings = Vec::new();
    for (kind, sources) in &kinds {
        let units = units_between(kind, sources);
        let mut bins: BTreeMap<i64, u64> = BTreeMap::new();
        for (bin, n) in sources.values().flatten() {
            *bins.entry(*bin).or_default() += n;
        }
        let bins: Bins = bins.into_iter().collect();
        if total(&bins) < AMOUNTS_MIN {
            continue;
        }
        let within = if units.is_empty() { second_peak(kind, &bins) } else { None };
        // Amounts in another unit are outliers for a reason that is told already.
        if units.is_empty() && within.is_none() {
            findings.extend(outliers(kind, &bins));
        }
        findings.extend(units);
        findings.extend(within);
    }
    Ok(findings)
}

fn total(bins: &Bins) -> u64 {
    bins.iter().map(|(_, n)| n).sum()
}

fn median(bins: &Bins) -> i64 {
    let half = total(bins).div_ceil(2);
    let mut seen = 0;
    let at = bins.iter().find(|(_, n)| {
        seen += n;
        seen >= half
    });
    at.map_or(0, |(bin, _)| *bin)
}

/// Returns the median distance from the median.
fn median_deviation(bins: &Bins, median_bin: i64) -> i64 {
    let mut far: BTreeMap<i64, u64> = BTreeMap::new();
    for (bin, n) in bins {
        *far.entry((bin - median_bin).abs()).or_default() += n;
    }
    median(&far.into_iter().collect())
}

/// Returns the amount a bin stands for, in minor units.
fn amount(bin: f64) -> f64 {
    (bin / BINS_PER_E).exp()
}

/// Returns an amount of minor units in words.
fn shown(bin: i64, currency: &str) -> String {
    #[expect(clippy::cast_precision_loss, reason = "bins are a few thousand")]
    let minor = amount(bin as f64);
    let exponent = currency.parse::<throng_event::Currency>().map_or(2, throng_event::Currency::exponent);
    let exponent = i32::try_from(exponent).unwrap_or(2);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates; for showing only")]
    let major = (minor / 10_f64.powi(exponent)).round().max(0.0) as u64;
    format!("{currency} {}", thousands(major))
}

fn outliers((event, currency): &(&str, &str), bins: &Bins) -> Option<Finding> {
    let middle = median(bins);
    #[expect(clippy::cast_precision_loss, reason = "bins are a few thousand")]
    let spread = (median_deviation(bins, middle) as f64 * NORMAL).max(SPREAD_BINS_MIN);
    #[expect(clippy::cast_possible_truncation, reason = "a few thousand bins")]
    let reach = (spread * DEVIATIONS_MAX).ceil() as i64;
    // Small amounts are postage and rounding; large ones make a mean.
    let far: Bins = bins.iter().filter(|(bin, _)| bin - middle > reach).copied().collect();
    let count = total(&far);
    let largest = far.last()?.0;
    #[expect(clippy::cast_precision_loss, reason = "bins are a few thousand")]
    let least = amount((middle + reach) as f64 + 0.5).floor();
    Some(Finding {
        code: "outlier-amounts",
        severity: if share(count, total(bins)) >= 0.001 { Severity::Warning } else { Severity::Note },
        title: format!(
            "{} of {} far above all others: up to {} where the middle is {}",
            counted(count, "amount"),
            quoted(event),
            shown(largest, currency),
            shown(middle, currency)
        ),
        count,
        whole: total(bins),
        of: "amounts of this event",
        examples: Vec::new(),
        why: "One amount of a thousand times the usual decides the revenue of a persona.",
        todo: "Look at them: typing errors and test orders go, large customers may deserve a persona of their own."
            .to_owned(),
        query: format!(
            "SELECT event_id, source, occurred_at, amount_minor, currency FROM events WHERE event = {} AND currency = {} \
             AND abs(amount_minor) > {least:.0} ORDER BY abs(amount_minor) DESC, event_id",
            literal(event),
            literal(currency)
        ),
    })
}

/// Returns the factor in words when a distance is that of two units.
fn unit_factor(distance: i64) -> Option<&'static str> {
    let near = |factor: i64| (distance.abs() - factor).abs() <= PEAK_BINS;
    if near(HUNDRED) {
        Some("a hundred")
    } else if near(MILLION) {
        Some("a million")
    } else {
        None
    }
}

const UNIT_WHY: &str = "Cents read as euros, or millionths as units, make revenue wrong by that factor.";
const UNIT_TODO: &str =
    "Set the unit of the amount in the mapping (major, minor or micros) and import into a new home.";

/// Compares the middle amounts of the sources of one event with the largest source's.
fn units_between((event, currency): &(&str, &str), sources: &BTreeMap<&str, Bins>) -> Vec<Finding> {
    let known: Vec<(&str, &Bins)> =
        sources.iter().map(|(source, bins)| (*source, bins)).filter(|(_, bins)| total(bins) >= AMOUNTS_MIN).collect();
    let largest = known.iter().max_by(|a, b| total(a.1).cmp(&total(b.1)).then_with(|| b.0.cmp(a.0)));
    let Some((reference, reference_bins)) = largest else { return Vec::new() };
    let usual = median(reference_bins);
    let others = known.iter().filter(|(source, _)| source != reference);
    let finding = |(source, bins): &(&str, &Bins)| {
        let factor = unit_factor(median(bins) - usual)?;
        Some(Finding {
            code: "unit-mix-up",
            severity: Severity::Critical,
            title: format!(
                "Amounts of {} differ by a factor of {factor}: the middle is {} in {} and {} in {}",
                quoted(event),
                shown(median(bins), currency),
                quoted(source),
                shown(usual, currency),
                quoted(reference)
            ),
            count: total(bins),
            whole: sources.values().map(total).sum(),
            of: "amounts of this event",
            examples: Vec::new(),
            why: UNIT_WHY,
            todo: UNIT_TODO.to_owned(),
            query: format!(
                "SELECT event_id, occurred_at, amount_minor, currency FROM events WHERE event = {} AND source = {} \
                 AND amount_minor <> 0 ORDER BY occurred_at, event_id",
                literal(event),
                literal(source)
            ),
        })
    };
    others.filter_map(finding).collect()
}

/// Looks for a second heap of amounts a hundred or a million times from the first, with
/// nothing between them.
fn second_peak((event, currency): &(&str, &str), bins: &Bins) -> Option<Finding> {
    let middle = median(bins);
    let near =
        |center: i64| total(&bins.iter().filter(|(bin, _)| (bin - center).abs() <= PEAK_BINS).copied().collect());
    for (distance, factor) in [(HUNDRED, "a hundred"), (MILLION, "a million")] {
        for center in [middle - distance, middle + distance] {
            let count = near(center);
            let valley = near(middle + (center - middle) / 2);
            let empty = share(valley, count) <= VALLEY_SHARE_MAX;
            if count < number(10) || share(count, total(bins)) < PEAK_SHARE_MIN || !empty {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "bins are a few thousand")]
            let (least, most) = (amount((center - PEAK_BINS) as f64), amount((center + PEAK_BINS) as f64));
            return Some(Finding {
                code: "unit-mix-up",
                severity: Severity::Critical,
                title: format!(
                    "{} of {} about {factor} times off: around {} where the middle is {}",
                    counted(count, "amount"),
                    quoted(event),
                    shown(center, currency),
                    shown(middle, currency)
                ),
                count,
                whole: total(bins),
                of: "amounts of this event",
                examples: Vec::new(),
                why: UNIT_WHY,
                todo: UNIT_TODO.to_owned(),
                query: format!(
                    "SELECT event_id, source, occurred_at, amount_minor, currency FROM events WHERE event = {} \
                     AND currency = {} AND abs(amount_minor) BETWEEN {least:.0} AND {most:.0} ORDER BY occurred_at, event_id",
                    literal(event),
                    literal(currency)
                ),
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A heap of amounts around a bin, `n` in all.
    fn heap(center: i64, n: u64) -> Bins {
        (-30..=30).map(|bin| (center + bin, n / 61 + 1)).collect()
    }

    fn joined(mut a: Bins, b: Bins) -> Bins {
        a.extend(b);
        a.sort_unstable();
        a
    }

    #[test]
    fn usual_amounts_are_no_outliers() {
        assert_eq!(outliers(&("Order Completed", "EUR"), &heap(400, 1_000)), None);
        assert_eq!(second_peak(&("Order Completed", "EUR"), &heap(400, 1_000)), None);
    }

    #[test]
    fn one_huge_amount_is_an_outlier() {
        let bins = joined(heap(400, 1_000), vec![(900, 1)]);
        assert_eq!(outliers(&("Order Completed", "EUR"), &bins).unwrap().count, 1);
    }

    #[test]
    fn two_heaps_a_hundred_apart_are_two_units() {
        let bins = joined(heap(400, 1_000), heap(400 + HUNDRED, 200));
        let finding = second_peak(&("Order Completed", "EUR"), &bins).unwrap();
        assert!(finding.title.contains("a hundred"), "{}", finding.title);
        // A shop with prices all the way between sells cheap and dear things.
        let bins = joined(bins, heap(400 + DECADE, 300));
        assert_eq!(second_peak(&("Order Completed", "EUR"), &bins), None);
    }
}
