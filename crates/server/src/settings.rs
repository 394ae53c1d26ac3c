//! What a server is told: where it listens, whom it listens to, what it bears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use throng_event::{Calendar, Currency, PersonalData};
use throng_source::Mapping;

use crate::{Ask, KeyHash, Role, SignIn, Workshop};

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 for any free one.
    pub listen: SocketAddr,
    /// Certificate and key; `None` for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Who may send events, by the name of the source.
    pub sources: Vec<Source>,
    /// Who may do more.
    pub keys: Vec<ApiKey>,
    /// Who may sign in to the page.
    pub sign_in: SignIn,
    /// Who answers questions about the tables; without anybody there is no such path.
    pub ask: Option<Ask>,
    /// Who does what takes minutes; without anybody there is no such path.
    pub work: Option<Workshop>,
    /// What makes events of the records that webhooks send, by the name of the source.
    pub mappings: BTreeMap<String, Mapping>,
    /// The zone of times that carry none.
    pub calendar: Calendar,
    /// The currency of amounts that name none.
    pub currency: Option<Currency>,
    /// How what is personal is kept.
    pub personal: PersonalData,
    /// Bytes of a request's body, unpacked.
    pub body_bytes_max: usize,
    /// Within which a request must be there and answered.
    pub request_time_max: Duration,
    /// Requests a second that one key may make, on average over a few seconds.
    pub requests_per_second: u32,
    /// Connections at once.
    pub connections_max: usize,
}

/// A source of events and its write keys.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, which every event carries.
    pub name: String,
    /// Its keys, hashed.
    pub keys: Vec<KeyHash>,
}

/// A key of the reading API.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The key, hashed.
    pub hash: KeyHash,
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain of certificates, PEM.
    pub certificates: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

impl Settings {
    /// Bytes of a body: what the largest batch of a known library may have.
    pub const BODY_BYTES_MAX: usize = 4 << 20;
    /// A request that takes longer is given up.
    pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
    /// Requests a second and key; Segment's own limit.
    pub const REQUESTS_PER_SECOND: u32 = 1_000;
    /// Connections at once: each holds some tens of kilobytes.
    pub const CONNECTIONS_MAX: usize = 4_096;

    /// Returns the settings of a server that listens here and knows nobody.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tls: None,
            sources: Vec::new(),
            keys: Vec::new(),
            sign_in: SignIn::default(),
            ask: None,
            work: None,
            mappings: BTreeMap::new(),
            calendar: Calendar::utc(),
            currency: None,
            personal: PersonalData::default(),
            body_bytes_max: Self::BODY_BYTES_MAX,
            request_time_max: Self::REQUEST_TIME_MAX,
            requests_per_second: Self::REQUESTS_PER_SECOND,
            connections_max: Self::CONNECTIONS_MAX,
        }
    }
}
