//! The fold on one machine: every thread gathers what it reads, then buckets are
//! folded side by side.
//!
//! Nothing is moved between threads while reading and no profile is looked up, for
//! its number says which bucket it is in. The aggregate function does the same with
//! the query engine's own grouping, which a cluster needs; tests compare the two.

use arrow::array::{AsArray, StructArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, UInt32Type};
use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream_partitioned};
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use throng_feature::FeatureMatrix;

use super::gather::{BUCKETS, Bucket, Cells, Dictionary, Gathered};
use super::{FoldFunction, fold_bucket, index, interleave};

/// Folds rows whose first column is the profile's number and whose others are the
/// arguments of the fold. Returns the profiles that have rows, ascending, and their
/// features.
pub(crate) async fn fold_rows(
    function: &FoldFunction,
    rows: DataFrame,
) -> DataFusionResult<(UInt32Array, StructArray)> {
    let context = std::sync::Arc::new(rows.task_ctx());
    let plan = rows.create_physical_plan().await?;
    let n_threads = context.session_config().target_partitions().max(1);
    debug_assert!(plan.output_partitioning().partition_count() > 0);
    let mut readers = Vec::new();
    for mut stream in execute_stream_partitioned(plan, context)? {
        let mut gathered = Gathered::new(&function.compiled);
        readers.push(tokio::spawn(async move {
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                let numbers = cast(batch.column(0), &DataType::UInt32)?;
                let groups: Vec<usize> =
                    numbers.as_primitive::<UInt32Type>().values().iter().map(|n| index(*n)).collect();
                gathered.extend(&batch.columns()[1..], &groups)?;
            }
            Ok::<Gathered, DataFusionError>(gathered)
        }));
    }
    let mut parts = Vec::with_capacity(readers.len());
    for reader in readers {
        parts.push(reader.await.map_err(|error| DataFusionError::External(Box::new(error)))??);
    }
    let (buckets, dictionaries) = unite(parts);
    let n_profiles = buckets.iter().enumerate().map(|(idx, bucket)| n_profiles(idx, bucket)).max().unwrap_or(0);
    let mut present = vec![false; n_profiles];
    for (idx, bucket) in buckets.iter().enumerate() {
        bucket.group.iter().for_each(|group| present[index(*group) * BUCKETS + idx] = true);
    }
    let folded = fold_buckets(function, buckets, &dictionaries, n_threads)?;
    let profiles: Vec<usize> = (0..n_profiles).filter(|profile| present[*profile]).collect();
    let numbers: UInt32Array = profiles.iter().map(|profile| u32::try_from(*profile).ok()).collect();
    Ok((numbers, interleave(&function.output(), &folded, &profiles)?))
}

/// Returns one more than the highest number of a profile in a bucket.
fn n_profiles(bucket_idx: usize, bucket: &Bucket) -> usize {
    bucket.group.iter().max().map_or(0, |group| index(*group) * BUCKETS + bucket_idx + 1)
}

/// Brings together what the threads gathered, with one dictionary per field.
fn unite(parts: Vec<Gathered>) -> (Vec<Bucket>, Vec<Dictionary>) {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return (Vec::new(), Vec::new()) };
    let Gathered { mut buckets, mut dictionaries, .. } = first;
    for part in parts {
        let recoded: Vec<Vec<u32>> =
            dictionaries.iter_mut().zip(&part.dictionaries).map(|(mine, theirs)| mine.recode(theirs)).collect();
        for (mine, theirs) in buckets.iter_mut().zip(part.buckets) {
            mine.group.extend_from_slice(&theirs.group);
            mine.occurred_at.extend_from_slice(&theirs.occurred_at);
            mine.key.extend_from_slice(&theirs.key);
            mine.n_lines.extend_from_slice(&theirs.n_lines);
            for ((mine, theirs), recoded) in mine.fields.iter_mut().zip(&theirs.fields).zip(&recoded) {
                match (mine, theirs) {
                    (Cells::Codes(mine), Cells::Codes(theirs)) => {
                        mine.extend(theirs.iter().map(|code| recoded.get(index(*code)).copied().unwrap_or(*code)));
                    }
                    (Cells::Numbers(mine), Cells::Numbers(theirs)) => mine.extend_from_slice(theirs),
                    (Cells::Codes(_), Cells::Numbers(_)) | (Cells::Numbers(_), Cells::Codes(_)) => {}
                }
            }
        }
    }
    (buckets, dictionaries)
}

/// Folds the buckets on some threads; which thread takes which bucket does not matter.
fn fold_buckets(
    function: &FoldFunction,
    buckets: Vec<Bucket>,
    dictionaries: &[Dictionary],
    n_threads: usize,
) -> DataFusionResult<Vec<FeatureMatrix>> {
    let mut shares: Vec<Vec<(usize, Bucket)>> = (0..n_threads).map(|_| Vec::new()).collect();
    for (idx, bucket) in buckets.into_iter().enumerate() {
        shares[idx % n_threads].push((idx, bucket));
    }
    let fold = |share: Vec<(usize, Bucket)>| -> Vec<(usize, FeatureMatrix)> {
        let each = share.into_iter().map(|(idx, bucket)| {
            let n_profiles = bucket.group.iter().max().map_or(0, |group| index(*group) + 1);
            (idx, fold_bucket(function, bucket, dictionaries, n_profiles))
        });
        each.collect()
    };
    let mut folded: Vec<(usize, FeatureMatrix)> = Vec::with_capacity(BUCKETS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| fold(share))).collect();
        for thread in threads {
            match thread.join() {
                Ok(part) => folded.extend(part),
                Err(_) => return Err(DataFusionError::Internal("a thread of the fold panicked".to_owned())),
            }
        }
        Ok(())
    })?;
    folded.sort_by_key(|(idx, _)| *idx);
    Ok(folded.into_iter().map(|(_, matrix)| matrix).collect())
}
