//! Numbers about a profile: the catalogue of features and the two ways to compute it.
//!
//! **A profile is a fold over a person's events, and the fold is a commutative monoid.**
//! A [`Catalogue`] of [`FeatureDefinition`]s is [`Compiled`] into distinct signals: what
//! is kept of the events that one filter passes. Features with equal filters and values
//! share a signal, and several are often one look at the same one.
//!
//! The fold has three forms with one answer, to the bit:
//!
//! - *Batch*: [`Bound`] reads [`Columns`] of many profiles, rows grouped and ordered.
//! - *Live*: a [`History`] keeps a few bytes of each event of one carrier, in any order of
//!   arrival, and a [`HistoryFold`] folds those of one profile by the kernel of batch.
//! - *By law*: a [`ProfileState`] takes events one at a time in any order and merges with
//!   others; it shares no loop with the others, and `throng verify` holds batch against it.
//!
//! All fold integers (counts, fixed-point sums, instants, codes) into the same
//! summaries of a window, and one shared formula turns these into numbers. A float
//! appears there and nowhere before.
//!
//! Time: [`AsOf`](throng_event::AsOf) is the end of a local day. A result sees the events
//! whose local day is not after it, and a window of N days sees the N local days that end
//! with it. The total order of events is (`occurred_at`, event key). With a half-life H
//! every day counts `2^(-age / H)`, its age being whole days before `as_of`; days are added
//! in ascending order.
//!
//! ```
//! use throng_event::{Admission, Calendar, Draft, EventKind, Instant, Limits, PersonalData, admit};
//! use throng_feature::{
//!     Catalogue, ColumnsBuilder, Compiled, FeatureDefinition, FeatureKind, FeatureMatrix, FeatureValue, Filter,
//!     ProfileState, Scratch, SignalCategory, Window,
//! };
//!
//! let orders = FeatureDefinition {
//!     name: "orders_90d".to_owned(),
//!     kind: FeatureKind::Count,
//!     filter: Filter::named("Order Completed"),
//!     window: Window::days(90),
//!     half_life_days: None,
//!     description: "Orders in the last 90 days.".to_owned(),
//!     phrase: "orders in the last 90 days".to_owned(),
//!     unit: "orders".to_owned(),
//!     category: SignalCategory::Transactional,
//! };
//! let compiled = Compiled::new(&Catalogue::new(vec![orders], None).unwrap());
//!
//! let limits = Limits { source: "shop".to_owned(), earliest: Instant(0), latest: Instant(i64::MAX), personal: PersonalData::default() };
//! let draft = Draft {
//!     kind: Some(EventKind::Track),
//!     name: Some("Order Completed".to_owned()),
//!     user_id: Some("u1".to_owned()),
//!     occurred_at: Some(Instant(1_700_000_000_000_000)),
//!     ..Draft::default()
//! };
//! let Admission::Admitted(event, _) = admit(draft, &limits) else { panic!("a good draft is admitted") };
//!
//! let calendar = Calendar::new("Europe/Berlin").unwrap();
//! let as_of = calendar.as_of(calendar.local(event.occurred_at).0);
//!
//! // By law: an event at a time.
//! let mut state = ProfileState::new(&compiled);
//! state.update(&event, &calendar);
//! assert_eq!(state.evaluate(as_of), [FeatureValue::Number(1.0)]);
//!
//! // Batch: columns of many profiles, each folded from its run of rows.
//! let mut builder = ColumnsBuilder::new(&compiled, &calendar);
//! let rows = builder.push_profile([&*event]);
//! let mut matrix = FeatureMatrix::new(&compiled);
//! compiled.bind(builder.columns()).fold(rows, as_of, &mut Scratch::new(), &mut matrix);
//! assert_eq!(matrix.value(0, 0), Some(FeatureValue::Number(1.0)));
//! ```

mod bound;
mod catalogue;
mod codec;
mod columns;
mod columns_builder;
mod definition;
mod error;
mod fold;
mod formula;
mod history;
mod history_fold;
mod journeys;
mod kernel;
mod kind;
mod mask;
mod number;
mod plan;
mod planner;
mod propose;
mod read;
mod routes;
mod running;
mod state;
mod store;
mod value;
mod vocabulary;
mod window;

pub use bound::Bound;
pub use catalogue::Catalogue;
pub use columns::{Columns, FieldColumn, NO_CODE, NO_NUMBER};
pub use columns_builder::ColumnsBuilder;
pub use definition::{EventSet, FeatureDefinition, Filter, SignalCategory, ValueSource};
pub use error::FeatureError;
pub use history::History;
pub use history_fold::{HistoryFold, HistoryScratch, Touchpoints};
pub use journeys::{JourneyScope, JourneyWords, PatternMeasure};
pub use kernel::Scratch;
pub use kind::{FeatureKind, KindName, Pace, Quantity, SESSION_GAP_MINUTES, Term, ValueForm, Weekdays, WhenEmpty};
pub use plan::{Compiled, FieldForm};
pub use propose::propose;
pub use running::RunningFold;
pub use state::ProfileState;
pub use value::{Categories, FeatureColumn, FeatureMatrix, FeatureValue, NO_CATEGORY};
pub use vocabulary::{EventStatistics, FieldStatistics, JourneyStatistics, Vocabulary};
pub use window::Window;
