//! The week as a grid of hours: the fuller a cell, the more happens in it.

use super::super::model::WeekActivity;
use super::super::svg::{At, Spoken, Svg};
use super::super::text;
use super::{WIDTH, step, unit};

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const WEEKEND: usize = 5;
const LEFT: f64 = 30.0;
const TOP: f64 = 4.0;
const CELL: (f64, f64) = (12.8, 17.0);
/// Steps of fullness; more cannot be told apart.
const N_LEVELS: usize = 5;

/// Draws the picture, if anything happened.
pub(in super::super) fn week(id: &str, activity: &WeekActivity) -> Option<String> {
    let sentence = week_sentence(activity)?;
    let mut paths = [const { String::new() }; N_LEVELS + 1];
    let most = activity.counts.iter().flatten().copied().max().unwrap_or(0);
    for (day_idx, hours) in activity.counts.iter().enumerate() {
        for (hour, n) in hours.iter().enumerate() {
            let (x, y) = (LEFT + step(hour) * CELL.0, TOP + step(day_idx) * CELL.1);
            let (width, height) = (At(CELL.0 - 1.4), At(CELL.1 - 1.4));
            paths[level(*n, most)].push_str(&format!("M{} {}h{width}v{height}h-{width}z", At(x), At(y)));
        }
    }
    let title = format!("When in the week: {}", text::shorten(&activity.unit, 40));
    let height = TOP + 7.0 * CELL.1 + 20.0;
    let mut svg = Svg::picture(&Spoken { id, title: &title, description: &sentence }, WIDTH, height);
    for (level, path) in paths.iter().enumerate() {
        svg.leaf("path", &[("class", &format!("cell l{level}")), ("d", path)]);
    }
    for (day_idx, day) in DAYS.iter().enumerate() {
        svg.label("label end", LEFT - 6.0, TOP + step(day_idx) * CELL.1 + 12.0, &day[..3]);
    }
    for hour in [0, 6, 12, 18] {
        svg.label("label", LEFT + step(hour) * CELL.0, height - 5.0, &format!("{hour}:00"));
    }
    Some(svg.finish())
}

/// Returns the week in a sentence, if anything happened.
pub(in super::super) fn week_sentence(activity: &WeekActivity) -> Option<String> {
    let days = activity.counts.map(|hours| hours.into_iter().fold(0_u64, u64::saturating_add));
    let total = days.into_iter().fold(0_u64, u64::saturating_add);
    if total == 0 {
        return None;
    }
    let unit = text::shorten(&activity.unit, 40);
    let day_idx = first_largest(&days);
    let hours: [u64; 24] =
        std::array::from_fn(|hour| activity.counts.iter().fold(0_u64, |sum, hours| sum.saturating_add(hours[hour])));
    let hour = first_largest(&hours);
    let weekend = days[WEEKEND..].iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    Some(format!(
        "{} is the busiest day ({} of {unit}), {hour}:00 to {}:00 the busiest hour ({}); {} fall on the weekend.",
        DAYS[day_idx],
        text::share(part(days[day_idx], total)),
        hour + 1,
        text::share(part(hours[hour], total)),
        text::share(part(weekend, total)),
    ))
}

/// Returns how full a cell is: 0 only when empty, then by the square root, so that quiet hours still show.
fn level(n: u64, most: u64) -> usize {
    if n == 0 {
        return 0;
    }
    let fullness = unit(part(n, most)).sqrt() * step(N_LEVELS);
    (1..N_LEVELS).find(|level| fullness <= step(*level)).unwrap_or(N_LEVELS)
}

/// Returns the position of the largest number, the first of equal ones.
fn first_largest(numbers: &[u64]) -> usize {
    let most = numbers.iter().copied().max();
    numbers.iter().position(|n| Some(*n) == most).unwrap_or(0)
}

fn part(n: u64, total: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
    let part = n as f64 / total.max(1) as f64;
    part
}

#[cfg(test)]
mod tests {
    use super::super::super::model::WeekActivity;
    use super::{N_LEVELS, level, week_sentence};

    fn check(counts: &[(usize, usize, u64)], expected: Option<&str>) {
        let mut activity = WeekActivity { unit: "orders".to_owned(), counts: [[0; 24]; 7] };
        for (day_idx, hour, n) in counts {
            activity.counts[*day_idx][*hour] = *n;
        }
        let sentence = week_sentence(&activity).map(|sentence| sentence.replace('\u{a0}', " "));
        assert_eq!(sentence.as_deref(), expected);
    }

    #[test]
    fn the_busiest_day_and_hour_are_named() {
        check(
            &[(5, 23, 3), (0, 8, 1)],
            Some(
                "Saturday is the busiest day (75 % of orders), 23:00 to 24:00 the busiest hour (75 %); 75 % fall on the weekend.",
            ),
        );
    }

    #[test]
    fn an_empty_week_has_no_sentence() {
        check(&[], None);
    }

    #[test]
    fn counts_beyond_all_bounds_do_not_wrap() {
        check(
            &[(0, 1, u64::MAX), (1, 1, u64::MAX)],
            Some(
                "Monday is the busiest day (100 % of orders), 1:00 to 2:00 the busiest hour (100 %); 0 % fall on the weekend.",
            ),
        );
    }

    #[test]
    fn only_empty_cells_are_empty() {
        assert_eq!(level(0, 1_000_000), 0);
        assert_eq!(level(1, 1_000_000), 1);
        assert_eq!(level(1_000_000, 1_000_000), N_LEVELS);
    }
}
