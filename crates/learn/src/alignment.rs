//! Comparing two partitions of the same rows: agreement beyond chance, and which cluster of one is
//! which of the other.

use crate::error::LearnError;
use crate::number::real;

/// Returns the adjusted Rand index of two partitions (Hubert and Arabie 1985):
/// 1 when they are the same up to names, about 0 when they agree as by chance.
///
/// ```
/// use throng_learn::adjusted_rand_index;
///
/// assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[5, 5, 2, 2])?, 1.0);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub fn adjusted_rand_index(first: &[usize], second: &[usize]) -> Result<f64, LearnError> {
    let table = overlaps(first, second)?;
    let pairs = |count: f64| count * (count - 1.0) / 2.0;
    let together: f64 = table.iter().flatten().map(|&count| pairs(count)).sum();
    let in_first: f64 = row_sums(&table).into_iter().map(pairs).sum();
    let in_second: f64 = column_sums(&table).into_iter().map(pairs).sum();
    let all = pairs(real(first.len()));
    if all <= 0.0 {
        return Ok(1.0);
    }
    let expected = in_first * in_second / all;
    let greatest = f64::midpoint(in_first, in_second);
    if greatest <= expected {
        // Both are one cluster, or both all singletons: the same partition.
        return Ok(1.0);
    }
    Ok((together - expected) / (greatest - expected))
}

/// Returns, for each cluster of `former`, the cluster of `current` that it became: the one-to-one
/// matching with the greatest number of rows in common. `None` where nothing is left to match.
pub fn align(former: &[usize], current: &[usize]) -> Result<Vec<Option<usize>>, LearnError> {
    let table = overlaps(former, current)?;
    let mut matching = assign(&table)?;
    for (former_label, current_label) in matching.iter_mut().enumerate() {
        let common = current_label.map_or(0.0, |label| table[former_label][label]);
        if common <= 0.0 {
            *current_label = None;
        }
    }
    Ok(matching)
}

/// Returns the number of rows that the clusters of two partitions share:
/// one list per cluster of `first`, holding one count per cluster of `second`.
pub(crate) fn overlaps(first: &[usize], second: &[usize]) -> Result<Vec<Vec<f64>>, LearnError> {
    if first.len() != second.len() {
        return Err(LearnError::ShapeMismatch {
            what: "the second partition",
            expected: first.len(),
            found: second.len(),
        });
    }
    let n_first = first.iter().max().map_or(0, |label| label + 1);
    let n_second = second.iter().max().map_or(0, |label| label + 1);
    let mut table = vec![vec![0.0; n_second]; n_first];
    for (&a, &b) in first.iter().zip(second) {
        table[a][b] += 1.0;
    }
    Ok(table)
}

pub(crate) fn row_sums(table: &[Vec<f64>]) -> Vec<f64> {
    table.iter().map(|row| row.iter().sum()).collect()
}

pub(crate) fn column_sums(table: &[Vec<f64>]) -> Vec<f64> {
    let n_columns = table.first().map_or(0, Vec::len);
    (0..n_columns).map(|column| table.iter().map(|row| row[column]).sum()).collect()
}

/// Returns for each row of `weights` the column it is assigned to, each column at most once, such
/// that the total weight is greatest (Kuhn 1955, in the shortest-path form of Jonker and Volgenant
/// 1987). Rows beyond the number of columns get `None`. All lists must be equally long and finite.
pub fn assign(weights: &[Vec<f64>]) -> Result<Vec<Option<usize>>, LearnError> {
    let n_rows = weights.len();
    let n_columns = weights.first().map_or(0, Vec::len);
    for (row, row_weights) in weights.iter().enumerate() {
        if row_weights.len() != n_columns {
            return Err(LearnError::ShapeMismatch {
                what: "a list of weights",
                expected: n_columns,
                found: row_weights.len(),
            });
        }
        if let Some(column) = row_weights.iter().position(|weight| !weight.is_finite()) {
            return Err(LearnError::NotFinite { row, column });
        }
    }
    if n_columns == 0 {
        return Ok(vec![None; n_rows]);
    }
    if n_rows <= n_columns {
        let columns = shortest_paths(n_rows, n_columns, |row, column| -weights[row][column]);
        return Ok(columns.into_iter().map(Some).collect());
    }
    let rows = shortest_paths(n_columns, n_rows, |column, row| -weights[row][column]);
    let mut assigned = vec![None; n_rows];
    for (column, row) in rows.into_iter().enumerate() {
        assigned[row] = Some(column);
    }
    Ok(assigned)
}

/// No row is assigned to this column yet.
const FREE: usize = usize::MAX;

/// Returns the column of each row in a least-cost assignment of all rows; `n_rows <= n_columns`.
///
/// Rows enter one by one. Each finds the cheapest alternating path to a free column under reduced
/// costs (Dijkstra), the prices are raised so that reduced costs stay non-negative, and the
/// assignments along the path are flipped. Ties go to the lower column.
fn shortest_paths(n_rows: usize, n_columns: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    assert!(n_rows <= n_columns);
    let mut row_of = vec![FREE; n_columns];
    let mut row_price = vec![0.0_f64; n_rows];
    let mut column_price = vec![0.0_f64; n_columns];
    for new_row in 0..n_rows {
        let mut distance = vec![f64::INFINITY; n_columns];
        let mut previous = vec![FREE; n_columns];
        let mut settled = vec![false; n_columns];
        let mut row = new_row;
        let mut length = 0.0;
        let mut from = FREE;
        let target = loop {
            for column in (0..n_columns).filter(|&column| !settled[column]) {
                let reduced = cost(row, column) - row_price[row] - column_price[column];
                if length + reduced < distance[column] {
                    distance[column] = length + reduced;
                    previous[column] = from;
                }
            }
            let open = (0..n_columns).filter(|&column| !settled[column]);
            // There is an open column, as fewer rows than columns are assigned.
            let nearest = open.min_by(|&a, &b| distance[a].total_cmp(&distance[b]));
            let nearest = nearest.unwrap_or(0);
            settled[nearest] = true;
            length = distance[nearest];
            if row_of[nearest] == FREE {
                break nearest;
            }
            from = nearest;
            row = row_of[nearest];
        };
        row_price[new_row] += length;
        for column in (0..n_columns).filter(|&column| settled[column] && column != target) {
            let slack = length - distance[column];
            column_price[column] -= slack;
            row_price[row_of[column]] += slack;
        }
        let mut column = target;
        while previous[column] != FREE {
            row_of[column] = row_of[previous[column]];
            column = previous[column];
        }
        row_of[column] = new_row;
    }
    let mut column_of = vec![FREE; n_rows];
    for (column, &row) in row_of.iter().enumerate() {
        if row != FREE {
            column_of[row] = column;
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

    use super::{adjusted_rand_index, align, assign};

    #[test]
    fn adjusted_rand_index_equals_published_and_hand_worked_values() {
        let check = |first: &[usize], second: &[usize], expected: f64| {
            let found = adjusted_rand_index(first, second).unwrap();
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        };
        check(&[0, 0, 1, 1], &[1, 1, 0, 0], 1.0);
        check(&[0, 0, 0, 0], &[0, 0, 0, 0], 1.0);
        check(&[0, 0, 0, 0], &[0, 1, 2, 3], 0.0);
        // scikit-learn's documentation.
        check(&[0, 0, 1, 2], &[0, 0, 1, 1], 4.0 / 7.0);
        check(&[0, 0, 1, 1], &[0, 1, 0, 1], -0.5);
    }

    #[test]
    fn clusters_are_aligned_by_their_common_rows() {
        let former = [0, 0, 0, 1, 1, 2, 2, 3];
        let current = [2, 2, 1, 0, 0, 1, 1, 1];
        assert_eq!(align(&former, &current).unwrap(), vec![Some(2), Some(0), Some(1), None]);
    }

    fn greatest_total(weights: &[Vec<f64>], row: usize, used: u32) -> f64 {
        if row == weights.len() {
            return 0.0;
        }
        let n_free = weights[row].len() - used.count_ones() as usize;
        let mut best =
            if weights.len() - row > n_free { greatest_total(weights, row + 1, used) } else { f64::NEG_INFINITY };
        for column in (0..weights[row].len()).filter(|column| used & (1 << column) == 0) {
            let rest = greatest_total(weights, row + 1, used | (1 << column));
            best = best.max(weights[row][column] + rest);
        }
        best
    }

    fn tables() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1_usize..6, 1_usize..6).prop_flat_map(|(n_rows, n_columns)| {
            let row = proptest::collection::vec(0..50_i32, n_columns);
            proptest::collection::vec(row, n_rows).prop_map(|table| {
                let as_real = |row: Vec<i32>| row.into_iter().map(f64::from).collect();
                table.into_iter().map(as_real).collect()
            })
        })
    }

    proptest! {
        #[test]
        fn alignment_follows_clusters_that_are_numbered_anew(
            former in proptest::collection::vec(0..4_usize, 40),
            moved in proptest::collection::vec((0..40_usize, 0..4_usize), 0..6),
            turn in 0..4_usize,
        ) {
            // Each cluster of `former` has a row of its own, and few rows move: no ties.
            let former: Vec<usize> = former.into_iter().chain((0..4).flat_map(|label| [label; 10])).collect();
            let mut current = former.clone();
            for (row, label) in moved {
                current[row] = label;
            }
            let turned: Vec<usize> = current.iter().map(|label| (label + turn) % 4).collect();
            let straight = align(&former, &current).unwrap();
            let expected: Vec<Option<usize>> =
                straight.into_iter().map(|label| label.map(|label| (label + turn) % 4)).collect();
            prop_assert_eq!(align(&former, &turned).unwrap(), expected);
        }

        #[test]
        fn assignment_is_the_best_of_all_assignments(weights in tables()) {
            let assigned = assign(&weights).unwrap();
            let mut used = 0_u32;
            let mut total = 0.0;
            for (row, column) in assigned.iter().enumerate() {
                if let Some(column) = *column {
                    prop_assert!(used & (1 << column) == 0);
                    used |= 1 << column;
                    total += weights[row][column];
                }
            }
            let n_assigned = used.count_ones() as usize;
            prop_assert!(n_assigned == weights.len().min(weights[0].len()));
            prop_assert!((total - greatest_total(&weights, 0, 0)).abs() < 1e-9);
        }
    }
}
