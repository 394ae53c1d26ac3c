//! Whether a live server and batch say the same of everybody, to the last bit.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use throng_event::Day;
use throng_feature::FeatureValue;
use throng_live::{Live, LiveModel};
use throng_persona::Membership;
use throng_profile::ProfileId;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::features::{FeatureRun, by_number, dated};
use crate::model_comparison::{PIECE_N_ROWS, scored};
use crate::tables::EVENTS;

/// How live and batch compare.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParityReport {
    /// Events of the log.
    pub n_events: u64,
    /// Profiles compared.
    pub n_profiles: u64,
    /// Values compared.
    pub n_values: u64,
    /// Profiles whose shares in the live model's personas were compared.
    pub n_memberships: u64,
    /// What differs, the first few in words.
    pub differences: Vec<String>,
    /// How many values or profiles differ.
    pub n_different: u64,
}

/// Differences that are told in words.
const DIFFERENCES_SHOWN: usize = 20;

impl Engine {
    /// Compares everybody's state in a live server with what batch makes of the lake: who is who,
    /// the bits of every feature as of a day, those of journeys as the live model was fitted to
    /// them, and those of the shares in that model's personas. The lake must have followed the log
    /// to its end.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub fn live_parity(&self, live: &Live, day: Day) -> Result<ParityReport, EngineError> {
        let config = self.home.config();
        let as_of = config.calendar.as_of(day);
        let run = FeatureRun::new(&config.features, config.currency, &config.calendar, as_of)?;
        let journeys = live.with_core(|core| core.model().and_then(LiveModel::journeys).cloned());
        let (people, rows, days) = self.runtime.block_on(async {
            let view = self.view().await?;
            let rows = run.fold_lake(&view.context, &view.people, config.currency).await?;
            let journeys = (journeys.as_ref(), &config.calendar, as_of);
            let rows = self.fill_journeys_by(&view, rows, journeys).await?;
            let days = self.history_days(&view, as_of).await?;
            Ok::<_, EngineError>((view.people, rows, days))
        })?;
        let read = |error| EngineError::table("read", EVENTS, error);
        let (ids, values) = by_number(&rows, &people.ids()).map_err(read)?;
        let mut batch: BTreeMap<&str, usize> = ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
        let mut report = ParityReport::default();
        live.with_core(|core| {
            report.n_events = core.n_events();
            for (profile, found) in core.features_of_all(day) {
                let row = batch.remove(profile.as_str());
                report.compare(&profile, (&values, row), &found);
            }
        });
        for profile in batch.into_keys() {
            report.differs(format!("{profile}: live does not know this profile"));
        }
        let rows = dated(&rows, ("profile_id", &people.ids()), as_of).map_err(read)?;
        let scorer = live.with_core(|core| core.model().map(|model| model.scorer().clone()));
        let Some(scorer) = scorer else { return Ok(report) };
        let mut batch = BTreeMap::new();
        for start in (0..rows.num_rows()).step_by(PIECE_N_ROWS) {
            let piece = rows.slice(start, PIECE_N_ROWS.min(rows.num_rows() - start));
            let memberships = scored((scorer.model(), scorer.features()), (&piece, &days), as_of)?;
            batch.extend(memberships.into_rows().into_iter().map(|row| (row.profile.clone(), row)));
        }
        live.with_core(|core| {
            core.memberships_of_all(day).for_each(|row| report.compare_shares(&row, batch.get(&row.profile)));
        });
        Ok(report)
    }
}

impl ParityReport {
    /// Compares the values of one live profile with its row in batch.
    fn compare(&mut self, profile: &ProfileId, (rows, row): (&RecordBatch, Option<usize>), values: &[FeatureValue]) {
        self.n_profiles += 1;
        let Some(row) = row else {
            // Who has no event up to the day has no row in batch.
            if values.iter().any(|value| !is_empty(value)) {
                self.differs(format!("{profile}: batch does not know this profile"));
            }
            return;
        };
        let schema = rows.schema();
        for ((field, column), value) in schema.fields().iter().zip(rows.columns()).skip(1).zip(values) {
            self.n_values += 1;
            let found = cell(column, row);
            if !same(&found, value) {
                let name = field.name();
                self.differs(format!("{profile}: {name} is {value:?} live and {found:?} in batch"));
            }
        }
    }

    /// Compares how much a live profile belongs to each persona with what batch says.
    fn compare_shares(&mut self, live: &Membership, batch: Option<&Membership>) {
        let profile = &live.profile;
        let Some(batch) = batch else { return self.differs(format!("{profile}: batch scores nobody of this id")) };
        let shares = |row: &Membership| -> Vec<u64> {
            row.shares.iter().chain([&row.unassigned]).map(|share| share.to_bits()).collect()
        };
        self.n_memberships += 1;
        if (shares(live), live.assigned, live.by) != (shares(batch), batch.assigned, batch.by) {
            let said = |row: &Membership| format!("{:?} ({:?} by {:?})", row.shares, row.assigned, row.by);
            self.differs(format!("{profile}: shares are {} live and {} in batch", said(live), said(batch)));
        }
    }

    fn differs(&mut self, what: String) {
        self.n_different += 1;
        if self.differences.len() < DIFFERENCES_SHOWN {
            self.differences.push(what);
        }
    }
}

fn is_empty(value: &FeatureValue) -> bool {
    match value {
        FeatureValue::Number(number) => *number == 0.0,
        FeatureValue::Category(_) => false,
        FeatureValue::Missing => true,
    }
}

/// Whether two values are the same bits.
pub(super) fn same(a: &FeatureValue, b: &FeatureValue) -> bool {
    match (a, b) {
        (FeatureValue::Number(a), FeatureValue::Number(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

pub(super) fn cell(column: &arrow::array::ArrayRef, row: usize) -> FeatureValue {
    use arrow::array::{Array, AsArray};
    if column.is_null(row) {
        return FeatureValue::Missing;
    }
    match column.as_primitive_opt::<arrow::datatypes::Float64Type>() {
        Some(numbers) => FeatureValue::Number(numbers.value(row)),
        None => FeatureValue::Category(column.as_string::<i32>().value(row).to_owned()),
    }
}
