//! What a feature means to a marketer, read from its definition and never from its name.
//!
//! A catalogue can hold any features of any business. Statements, names and weights are therefore
//! keyed on what is computed (a recency, an amount of money, a part of a whole) and about which
//! topic (products, channels, time), of which there are few.

use throng_event::{Currency, Field};
use throng_feature::{
    FeatureDefinition, FeatureKind, PatternMeasure, Quantity, SignalCategory, Term, ValueForm, ValueSource, Weekdays,
    Window,
};

/// What the number of a feature says about somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    /// How long ago they were last seen.
    Recency,
    /// How long they have been known.
    Tenure,
    /// How long lies between the first and the last they did.
    Span,
    /// How long they stay away between visits.
    Pause,
    /// Whether they do more or less of late.
    Trend,
    /// How uneven their rhythm is.
    Unevenness,
    /// How much or how often of something that can be counted.
    Volume,
    /// Money in all.
    Spend,
    /// Money at a time.
    Basket,
    /// The part of one value in a whole.
    Portion,
    /// The part of the day.
    Hours {
        /// First hour.
        from: u8,
        /// Hour after the last.
        to: u8,
    },
    /// The part of the week.
    Days(Weekdays),
    /// One total over another.
    Rate,
    /// How long they stay.
    Duration,
    /// How many different values.
    Variety,
    /// How often they change.
    Switching,
    /// A rating or a mood.
    Score,
    /// Another number.
    Number,
    /// A category.
    Category,
}

/// What a feature is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// What they buy.
    Products,
    /// Through what they come.
    Channels,
    /// When they come.
    Time,
    /// Anything else.
    Other,
}

/// Features that speak of the same side of a person and share that side's votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Theme {
    Lifecycle,
    Frequency,
    Money,
    Assortment,
    Engagement,
    Channel,
    Rate,
    Feeling,
    Timing,
    Other,
}

impl Theme {
    /// Returns how many columns' worth of vote the theme has in a squared distance, at most.
    ///
    /// What people do, when they last did it, how much it brought and what it was about are the
    /// sides one can act on; where and when adds colour, but is noisy for people with few events.
    /// Without themes, ten shares of product groups would drown one recency.
    pub(crate) fn votes(self) -> f64 {
        match self {
            Self::Lifecycle | Self::Frequency | Self::Money | Self::Assortment | Self::Engagement => 1.0,
            Self::Channel | Self::Rate | Self::Feeling => 0.75,
            Self::Timing | Self::Other => 0.5,
        }
    }
}

/// Returns what the feature's number says.
pub(crate) fn sense(definition: &FeatureDefinition) -> Sense {
    let money = currency(definition).is_some() || of_amounts(&definition.kind);
    let feeling = definition.category == SignalCategory::Sentiment;
    match &definition.kind {
        FeatureKind::Count | FeatureKind::Sessions { .. } | FeatureKind::ActiveDays => Sense::Volume,
        FeatureKind::Sum { .. } if money => Sense::Spend,
        FeatureKind::Sum { .. } => Sense::Volume,
        FeatureKind::MostFrequent { .. }
        | FeatureKind::First { form: ValueForm::Text, .. }
        | FeatureKind::Last { form: ValueForm::Text, .. } => Sense::Category,
        FeatureKind::Mean { .. } | FeatureKind::Min { .. } | FeatureKind::Max { .. } if money => Sense::Basket,
        FeatureKind::Mean { of } | FeatureKind::Min { of } | FeatureKind::Max { of }
            if feeling || *of == Field::Rating =>
        {
            Sense::Score
        }
        FeatureKind::First { .. } | FeatureKind::Last { .. } if feeling => Sense::Score,
        FeatureKind::Mean { .. }
        | FeatureKind::Min { .. }
        | FeatureKind::Max { .. }
        | FeatureKind::First { .. }
        | FeatureKind::Last { .. } => Sense::Number,
        FeatureKind::Distinct { .. } | FeatureKind::Entropy { .. } => Sense::Variety,
        FeatureKind::Recency => Sense::Recency,
        FeatureKind::Tenure => Sense::Tenure,
        FeatureKind::Span => Sense::Span,
        FeatureKind::Share { .. } => Sense::Portion,
        FeatureKind::Switches { .. } | FeatureKind::SwitchRate { .. } => Sense::Switching,
        FeatureKind::SessionTime { .. } | FeatureKind::SessionLengthMean { .. } => Sense::Duration,
        FeatureKind::SessionGapMean { .. } => Sense::Pause,
        FeatureKind::Regularity { .. } => Sense::Unevenness,
        FeatureKind::Trend { .. } => Sense::Trend,
        FeatureKind::Ratio { numerator, .. } if money || sums(numerator, &Field::ProductQuantity) => Sense::Basket,
        FeatureKind::Ratio { .. } => Sense::Rate,
        FeatureKind::HourShare { from, to } => Sense::Hours { from: *from, to: *to },
        FeatureKind::DayOfWeekShare { days } => Sense::Days(*days),
        FeatureKind::Pattern { measure: PatternMeasure::Count, .. } => Sense::Volume,
        FeatureKind::Pattern { measure: PatternMeasure::Any | PatternMeasure::Share, .. }
        | FeatureKind::NextStep { .. } => Sense::Rate,
    }
}

/// Returns what the feature is about.
pub(crate) fn topic(definition: &FeatureDefinition) -> Topic {
    match &definition.kind {
        FeatureKind::Share { of, .. } | FeatureKind::First { of, .. } | FeatureKind::Last { of, .. } => {
            topic_of_field(of)
        }
        FeatureKind::Distinct { of }
        | FeatureKind::MostFrequent { of }
        | FeatureKind::Entropy { of }
        | FeatureKind::Switches { of }
        | FeatureKind::SwitchRate { of } => match of {
            ValueSource::Field(field) => topic_of_field(field),
            ValueSource::HourOfDay | ValueSource::DayOfWeek | ValueSource::Day => Topic::Time,
        },
        FeatureKind::HourShare { .. } | FeatureKind::DayOfWeekShare { .. } => Topic::Time,
        FeatureKind::Count
        | FeatureKind::Sum { .. }
        | FeatureKind::Mean { .. }
        | FeatureKind::Min { .. }
        | FeatureKind::Max { .. }
        | FeatureKind::Recency
        | FeatureKind::Tenure
        | FeatureKind::Span
        | FeatureKind::Sessions { .. }
        | FeatureKind::SessionTime { .. }
        | FeatureKind::SessionLengthMean { .. }
        | FeatureKind::SessionGapMean { .. }
        | FeatureKind::Regularity { .. }
        | FeatureKind::Trend { .. }
        | FeatureKind::Ratio { .. }
        | FeatureKind::ActiveDays
        | FeatureKind::Pattern { .. }
        | FeatureKind::NextStep { .. } => Topic::Other,
    }
}

/// Returns the side of a person the feature speaks of.
pub(crate) fn theme(definition: &FeatureDefinition) -> Theme {
    if definition.category == SignalCategory::Sentiment {
        return Theme::Feeling;
    }
    match topic(definition) {
        Topic::Products => return Theme::Assortment,
        Topic::Channels => return Theme::Channel,
        Topic::Time => return Theme::Timing,
        Topic::Other => {}
    }
    match sense(definition) {
        Sense::Recency | Sense::Tenure | Sense::Span | Sense::Trend => Theme::Lifecycle,
        Sense::Spend | Sense::Basket => Theme::Money,
        Sense::Pause | Sense::Unevenness => Theme::Frequency,
        Sense::Volume if definition.category == SignalCategory::Transactional => Theme::Frequency,
        Sense::Volume | Sense::Duration => Theme::Engagement,
        Sense::Rate => Theme::Rate,
        Sense::Score => Theme::Feeling,
        Sense::Hours { .. } | Sense::Days(_) => Theme::Timing,
        Sense::Portion | Sense::Variety | Sense::Switching | Sense::Number | Sense::Category => Theme::Other,
    }
}

/// Returns the currency of the feature's number, if it is money.
pub(crate) fn currency(definition: &FeatureDefinition) -> Option<Currency> {
    let unit = definition.unit.as_str();
    if !unit.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    unit.parse().ok()
}

/// Returns whether two definitions say the same of different stretches of time.
pub(crate) fn differs_in_window_only(first: &FeatureDefinition, second: &FeatureDefinition) -> bool {
    first.kind == second.kind && first.filter == second.filter
}

/// Whether a ratio divides the sum of one field by something.
pub(crate) fn sums(terms: &[Term], field: &Field) -> bool {
    matches!(terms, [Term { quantity: Quantity::Sum { of }, .. }] if of == field)
}

/// Whether money is added up or averaged; a catalogue without a currency has no unit to tell it by.
fn of_amounts(kind: &FeatureKind) -> bool {
    let (FeatureKind::Sum { of } | FeatureKind::Mean { of } | FeatureKind::Min { of } | FeatureKind::Max { of }) = kind
    else {
        return false;
    };
    matches!(of, Field::Amount | Field::ProductAmount | Field::ProductDiscount)
}

/// Whether a window covers a year or all there is, so that it says what someone is like.
pub(crate) fn long(window: Window) -> bool {
    window.n_days().is_none_or(|n_days| n_days >= 365)
}

/// Whether the feature is what someone said they are or want, rather than what they do.
pub(crate) fn said(definition: &FeatureDefinition) -> bool {
    matches!(definition.category, SignalCategory::Stated | SignalCategory::Demographic)
}

/// Whether the feature says that somebody did something at all: its phrase is what they did.
pub(crate) fn yes_or_no(definition: &FeatureDefinition) -> bool {
    matches!(definition.kind, FeatureKind::Pattern { measure: PatternMeasure::Any, .. })
}

/// Returns the words for a window: nothing when it has no limit.
pub(crate) fn within(window: Window) -> String {
    match window.n_days() {
        None => String::new(),
        Some(365) => " in the last year".to_owned(),
        Some(1) => " on the last day".to_owned(),
        Some(days) => format!(" in the last {days} days"),
    }
}

fn topic_of_field(field: &Field) -> Topic {
    match field {
        Field::ProductId
        | Field::ProductCategory
        | Field::ProductBrand
        | Field::ProductQuantity
        | Field::ProductAmount
        | Field::ProductDiscount => Topic::Products,
        Field::Channel | Field::Source | Field::Context(_) => Topic::Channels,
        Field::Name
        | Field::Kind
        | Field::Amount
        | Field::Currency
        | Field::Rating
        | Field::Property(_)
        | Field::Trait(_) => Topic::Other,
    }
}
