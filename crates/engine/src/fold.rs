//! The batch driver: the fold as a DataFusion aggregate function, `throng_fold`.
//!
//! `SELECT profile, throng_fold(…) FROM events GROUP BY profile` gives every profile
//! its features as one struct. Rows are gathered, sorted and folded by the columnar
//! kernel of `throng_feature`. Between partitions (partial and final aggregation, on
//! one machine or on several) travel the gathered rows in the kernel's own form, one
//! list per column, so the answer is the same however the rows were divided.

mod drive;
mod gather;
mod state;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field as ArrowField, FieldRef, Fields};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result as DataFusionResult, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility};
use throng_event::{AsOf, Calendar, Day, Instant};
use throng_feature::{Columns, Compiled, FeatureColumn, FeatureMatrix, FieldColumn, NO_CATEGORY, Scratch};

pub(crate) use drive::fold_rows;
use gather::{BUCKETS, Bucket, Cells, Dictionary, Gathered};

/// What a fold computes: the features of one catalogue as of one day.
#[derive(Debug, Clone)]
pub(crate) struct FoldFunction {
    compiled: Compiled,
    calendar: Arc<Calendar>,
    as_of: AsOf,
    /// Tells apart functions of different catalogues and days in one session.
    name: String,
    signature: Signature,
}

impl FoldFunction {
    pub(crate) fn new(compiled: Compiled, calendar: Calendar, as_of: AsOf) -> Self {
        Self {
            compiled,
            calendar: Arc::new(calendar),
            as_of,
            name: "throng_fold".to_owned(),
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }

    /// Returns the fields of the resulting struct: text for categories, doubles for numbers.
    pub(crate) fn output(&self) -> Fields {
        let empty = FeatureMatrix::new(&self.compiled);
        let fields = self.compiled.names().zip(empty.columns()).map(|(name, column)| {
            let data_type = match column {
                FeatureColumn::Numbers(_) => DataType::Float64,
                FeatureColumn::Categories(_) => DataType::Utf8,
            };
            ArrowField::new(name, data_type, true)
        });
        fields.collect()
    }
}

impl PartialEq for FoldFunction {
    fn eq(&self, other: &Self) -> bool {
        self.as_of == other.as_of
            && self.compiled.fields() == other.compiled.fields()
            && self.output() == other.output()
    }
}

impl Eq for FoldFunction {}

impl Hash for FoldFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_of.day.hash(state);
        self.compiled.names().for_each(|name| name.hash(state));
    }
}

impl AggregateUDFImpl for FoldFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Struct(self.output()))
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        not_impl_err!("throng_fold needs GROUP BY profile")
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(state::fields(args.name, &self.compiled))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(FoldAccumulator { function: self.clone(), gathered: Gathered::new(&self.compiled), n_groups: 0 }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The rows of one partition and how to fold them.
struct FoldAccumulator {
    function: FoldFunction,
    gathered: Gathered,
    n_groups: usize,
}

impl FoldAccumulator {
    /// Takes everything gathered; only whole emissions are asked of unordered input.
    fn take(&mut self, emit_to: EmitTo) -> DataFusionResult<(Gathered, usize)> {
        match emit_to {
            EmitTo::All => {}
            EmitTo::First(n) if n == self.n_groups => {}
            EmitTo::First(_) => return not_impl_err!("throng_fold emits all groups at once"),
        }
        let gathered = std::mem::replace(&mut self.gathered, Gathered::new(&self.function.compiled));
        Ok((gathered, std::mem::take(&mut self.n_groups)))
    }
}

impl GroupsAccumulator for FoldAccumulator {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.n_groups = total_num_groups;
        let Some(filter) = opt_filter else {
            return Ok(self.gathered.extend(values, group_indices)?);
        };
        let filtered: Result<Vec<ArrayRef>, ArrowError> =
            values.iter().map(|column| arrow::compute::filter(column, filter)).collect();
        let kept = group_indices.iter().enumerate().filter(|(row, _)| filter.is_valid(*row) && filter.value(*row));
        let groups: Vec<usize> = kept.map(|(_, group)| *group).collect();
        Ok(self.gathered.extend(&filtered?, &groups)?)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let (gathered, n_groups) = self.take(emit_to)?;
        let Gathered { buckets, dictionaries, .. } = gathered;
        let mut folded = Vec::with_capacity(BUCKETS);
        for (idx, bucket) in buckets.into_iter().enumerate() {
            let n_profiles = n_groups.saturating_sub(idx).div_ceil(BUCKETS);
            folded.push(fold_bucket(&self.function, bucket, &dictionaries, n_profiles));
        }
        let all: Vec<usize> = (0..n_groups).collect();
        Ok(Arc::new(interleave(&self.function.output(), &folded, &all)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let (gathered, n_groups) = self.take(emit_to)?;
        Ok(state::write(gathered, n_groups))
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.n_groups = total_num_groups;
        Ok(state::read(&mut self.gathered, values, group_indices)?)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> DataFusionResult<Vec<ArrayRef>> {
        let n_rows = values.first().map_or(0, Array::len);
        let groups: Vec<usize> = (0..n_rows).collect();
        let mut one =
            Self { function: self.function.clone(), gathered: Gathered::new(&self.function.compiled), n_groups: 0 };
        one.update_batch(values, &groups, opt_filter, n_rows)?;
        one.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        self.gathered.size()
    }
}

/// Sorts the rows of a bucket by profile and total order, and folds every profile.
fn fold_bucket(
    function: &FoldFunction,
    bucket: Bucket,
    dictionaries: &[Dictionary],
    n_profiles: usize,
) -> FeatureMatrix {
    let starts = run_starts(&bucket.group, n_profiles);
    let order = total_order(&bucket, &starts);
    let permuted = |values: &[i64]| -> Vec<i64> { order.iter().map(|row| values[index(*row)]).collect() };
    let occurred_at = permuted(&bucket.occurred_at);
    let (mut day, mut hour) = (Vec::with_capacity(order.len()), Vec::with_capacity(order.len()));
    for instant in &occurred_at {
        let (Day(local_day), local_hour) = function.calendar.local(Instant(*instant));
        day.push(local_day);
        hour.push(local_hour);
    }
    let (line_order, line_offsets) = line_order(&bucket.n_lines, &order);
    let forms = function.compiled.fields();
    let cells: Vec<Cells> = bucket
        .fields
        .iter()
        .zip(forms)
        .map(|(cells, form)| cells.take(if form.field.per_product() { &line_order } else { &order }))
        .collect();
    let fields = cells.iter().zip(dictionaries).map(|(cells, dictionary)| match cells {
        Cells::Codes(codes) => FieldColumn::Codes { codes, dictionary: &dictionary.texts },
        Cells::Numbers(values) => FieldColumn::Numbers { values },
    });
    let columns = Columns {
        occurred_at: &occurred_at,
        day: &day,
        hour: &hour,
        line_offsets: &line_offsets,
        fields: fields.collect(),
    };
    let bound = function.compiled.bind(columns);
    let mut matrix = FeatureMatrix::new(&function.compiled);
    let mut scratch = Scratch::new();
    for run in starts.windows(2) {
        bound.fold(run[0]..run[1], function.as_of, &mut scratch, &mut matrix);
    }
    matrix
}

/// Returns where each profile's rows begin, one more than there are profiles.
fn run_starts(group: &[u32], n_profiles: usize) -> Vec<usize> {
    let mut starts = vec![0; n_profiles + 1];
    for profile in group {
        starts[index(*profile) + 1] += 1;
    }
    for profile in 1..starts.len() {
        starts[profile] += starts[profile - 1];
    }
    starts
}

/// Returns the rows by profile, then in the total order of events.
fn total_order(bucket: &Bucket, starts: &[usize]) -> Vec<u32> {
    let mut next = starts.to_vec();
    let mut order = vec![0_u32; bucket.group.len()];
    for (row, profile) in bucket.group.iter().enumerate() {
        let place = &mut next[index(*profile)];
        order[*place] = u32::try_from(row).unwrap_or(u32::MAX);
        *place += 1;
    }
    let position = |row: &u32| (bucket.occurred_at[index(*row)], bucket.key[index(*row)]);
    for run in starts.windows(2) {
        let rows = &mut order[run[0]..run[1]];
        if !rows.is_sorted_by_key(position) {
            rows.sort_by_key(position);
        }
    }
    order
}

/// Returns the product lines in the order of their rows, and where each row's begin.
fn line_order(n_lines: &[u32], order: &[u32]) -> (Vec<u32>, Vec<u32>) {
    if n_lines.is_empty() {
        return (Vec::new(), vec![0; order.len() + 1]);
    }
    let mut first = Vec::with_capacity(n_lines.len());
    let mut total = 0_u32;
    for n in n_lines {
        first.push(total);
        total += n;
    }
    let mut lines = Vec::with_capacity(index(total));
    let mut offsets = Vec::with_capacity(order.len() + 1);
    offsets.push(0);
    for row in order {
        let row = index(*row);
        lines.extend(first[row]..first[row] + n_lines[row]);
        offsets.push(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    }
    (lines, offsets)
}

/// Takes profiles by their numbers out of the buckets they were folded in.
#[expect(clippy::wildcard_enum_match_arm, reason = "Arrow has many types; all others are read alike")]
fn interleave(output: &Fields, folded: &[FeatureMatrix], profiles: &[usize]) -> Result<StructArray, DataFusionError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(output.len());
    for (feature, field) in output.iter().enumerate() {
        let places = profiles.iter().map(|group| (&folded[group % BUCKETS].columns()[feature], group / BUCKETS));
        columns.push(match field.data_type() {
            DataType::Float64 => {
                let numbers = places.map(|(column, row)| match column {
                    FeatureColumn::Numbers(numbers) if !numbers[row].is_nan() => Some(numbers[row]),
                    FeatureColumn::Numbers(_) | FeatureColumn::Categories(_) => None,
                });
                Arc::new(numbers.collect::<Float64Array>())
            }
            _ => {
                let texts = places.map(|(column, row)| match column {
                    FeatureColumn::Categories(categories) if categories.codes()[row] != NO_CATEGORY => {
                        Some(categories.texts()[index(categories.codes()[row])].as_str())
                    }
                    FeatureColumn::Numbers(_) | FeatureColumn::Categories(_) => None,
                });
                Arc::new(texts.collect::<StringArray>())
            }
        });
    }
    Ok(StructArray::try_new_with_length(output.clone(), columns, None, profiles.len())?)
}

/// Rows and codes count what is in memory.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
