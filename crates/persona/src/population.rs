//! What discovery looks at: one row per profile, one column per feature or trait.
//!
//! The engine fills it from its tables; everything in this crate is a function of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use throng_event::{AsOf, Currency};
use throng_feature::FeatureDefinition;
use throng_profile::ProfileId;

use crate::{Histories, Lookback, PersonaError};

/// The customers among whom personas are looked for, as they were known at one day's end.
#[derive(Debug, Clone)]
pub struct Population {
    /// The day whose end the numbers are taken at.
    pub as_of: AsOf,
    /// The profiles; every column has one value for each, in this order.
    pub profiles: Vec<ProfileId>,
    /// Numbers and categories computed from events.
    pub features: Vec<FeatureColumn>,
    /// What people said about themselves: it describes personas and never makes them.
    pub traits: Vec<TraitColumn>,
    /// What the profiles have spent up to `as_of`, when money is known.
    pub revenue: Option<Revenue>,
    /// How long the profiles have been known, and how some looked earlier; `None` where it is not
    /// known, and nobody's history counts as short then.
    pub histories: Option<Histories>,
    /// How customers looked on an earlier day and what they did next, for a continuum to be cut by;
    /// `None` where the history does not reach back so far.
    pub lookback: Option<Arc<Lookback>>,
}

/// One feature of all profiles.
#[derive(Debug, Clone)]
pub struct FeatureColumn {
    /// What the numbers mean.
    pub definition: FeatureDefinition,
    /// One value per profile.
    pub values: Values,
}

/// The values of one feature.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN where nothing is known.
    Numbers(Vec<f64>),
    /// Categories; `None` where nothing is known.
    Categories(Vec<Option<String>>),
}

/// One trait of all profiles, for instance the age group.
#[derive(Debug, Clone, PartialEq)]
pub struct TraitColumn {
    /// The trait's name.
    pub name: String,
    /// One value per profile; `None` where it was never stated.
    pub values: Vec<Option<String>>,
}

/// What every profile has spent, refunds subtracted.
#[derive(Debug, Clone, PartialEq)]
pub struct Revenue {
    /// Minor units, one sum per profile.
    pub minor: Vec<i64>,
    /// The currency of all of them.
    pub currency: Currency,
}

impl Values {
    /// Returns how many profiles the column is about.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Categories(categories) => categories.len(),
        }
    }

    /// Returns whether the column is about nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Population {
    /// Checks that every column has one finite or missing value per profile and a name of its own.
    ///
    /// # Errors
    /// The first column that does not fit.
    pub fn check(&self) -> Result<(), PersonaError> {
        let mut feature_names = BTreeSet::new();
        for feature in &self.features {
            self.check_length(&feature.definition.name, feature.values.len())?;
            if !feature_names.insert(feature.definition.name.as_str()) {
                return Err(PersonaError::RepeatedColumn(feature.definition.name.clone()));
            }
            if let Values::Numbers(numbers) = &feature.values
                && let Some(row_idx) = numbers.iter().position(|number| number.is_infinite())
            {
                let profile = self.profiles[row_idx].to_string();
                return Err(PersonaError::Infinite { column: feature.definition.name.clone(), profile });
            }
        }
        let mut trait_names = BTreeSet::new();
        for column in &self.traits {
            self.check_length(&column.name, column.values.len())?;
            if !trait_names.insert(column.name.as_str()) {
                return Err(PersonaError::RepeatedColumn(column.name.clone()));
            }
        }
        if let Some(revenue) = &self.revenue {
            self.check_length("revenue_minor", revenue.minor.len())?;
        }
        if let Some(histories) = &self.histories {
            self.check_length("history_days", histories.days.len())?;
        }
        if let Some(lookback) = &self.lookback {
            lookback.population.check()?;
            for (name, sequel) in &lookback.sequels {
                lookback.population.check_length(name, sequel.values.len())?;
            }
        }
        Ok(())
    }

    /// Returns the population made of some of the profiles, by their positions, in that order.
    ///
    /// # Panics
    /// When there is no profile at a position.
    #[must_use]
    pub fn of_some(&self, rows: &[usize]) -> Self {
        fn taken<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|row| values[*row].clone()).collect()
        }
        let values = |values: &Values| match values {
            Values::Numbers(numbers) => Values::Numbers(taken(numbers, rows)),
            Values::Categories(categories) => Values::Categories(taken(categories, rows)),
        };
        let features = self.features.iter();
        let traits = self.traits.iter();
        Self {
            as_of: self.as_of,
            profiles: taken(&self.profiles, rows),
            features: features
                .map(|own| FeatureColumn { definition: own.definition.clone(), values: values(&own.values) })
                .collect(),
            traits: traits
                .map(|own| TraitColumn { name: own.name.clone(), values: taken(&own.values, rows) })
                .collect(),
            revenue: self
                .revenue
                .as_ref()
                .map(|own| Revenue { minor: taken(&own.minor, rows), currency: own.currency }),
            // Earlier days are of everybody.
            histories: None,
            // What customers do next is learnt from everybody.
            lookback: self.lookback.clone(),
        }
    }

    fn check_length(&self, column: &str, found: usize) -> Result<(), PersonaError> {
        let expected = self.profiles.len();
        if found == expected {
            return Ok(());
        }
        Err(PersonaError::ColumnLength { column: column.to_owned(), expected, found })
    }

    pub(crate) fn feature(&self, name: &str) -> Result<&FeatureColumn, PersonaError> {
        let found = self.features.iter().find(|feature| feature.definition.name == name);
        found.ok_or_else(|| PersonaError::Unknown { what: "feature", name: name.to_owned() })
    }
}

/// Returns the customers of two populations with the same features, those of the first before those of the
/// second; of traits those that either knows.
pub(crate) fn joined(first: &Population, second: &Population) -> Result<Population, PersonaError> {
    first.check()?;
    second.check()?;
    let mut features = Vec::with_capacity(first.features.len());
    for own in &first.features {
        let definition = own.definition.clone();
        let values = match (&own.values, &second.feature(&definition.name)?.values) {
            (Values::Numbers(a), Values::Numbers(b)) => Values::Numbers([&a[..], b].concat()),
            (Values::Categories(a), Values::Categories(b)) => Values::Categories([&a[..], b].concat()),
            (Values::Numbers(_), Values::Categories(_)) | (Values::Categories(_), Values::Numbers(_)) => {
                return Err(PersonaError::Unknown { what: "feature of the same kind", name: definition.name });
            }
        };
        features.push(FeatureColumn { definition, values });
    }
    let names: BTreeSet<&String> = first.traits.iter().chain(&second.traits).map(|column| &column.name).collect();
    let stated = |population: &Population, name: &String| {
        let column = population.traits.iter().find(|column| column.name == *name);
        column.map_or_else(|| vec![None; population.profiles.len()], |column| column.values.clone())
    };
    let column = |name: &String| TraitColumn {
        name: name.clone(),
        values: [stated(first, name), stated(second, name)].concat(),
    };
    Ok(Population {
        as_of: first.as_of,
        profiles: [&first.profiles[..], &second.profiles].concat(),
        features,
        traits: names.into_iter().map(column).collect(),
        revenue: None,
        histories: None,
        lookback: None,
    })
}
