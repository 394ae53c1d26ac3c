//! How it is reached: events in by the protocols sources speak, profiles out over HTTP.
//!
//! The server knows the wire and the clock; what an event is, who someone is and which
//! persona they count for is known behind [`throng_live::Live`]. Handlers are thin: they take
//! a request apart, ask, and put the answer together.

mod account_api;
mod app;
mod ask;
mod clock;
mod document;
mod error;
mod extract;
mod guard;
mod ingest;
mod keys;
mod metrics;
mod operations;
mod page;
mod patience;
mod profile_api;
mod profiles;
mod serve;
mod settings;
mod shifts;
mod sign_in;
mod work;

pub use ask::{Ask, Deed, Question, Unanswered};
pub use document::openapi_json;
pub use error::ServerError;
pub use keys::{Key, KeyHash, Role};
pub use operations::log_as_json;
pub use serve::{Bound, bind};
pub use settings::{ApiKey, Settings, Source, TlsFiles};
pub use sign_in::{FirstUser, Keep, Password, SignIn, User};
pub use work::{Progress, Task, Workshop};
