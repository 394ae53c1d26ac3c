//! People: who may sign in to the page, and how the server knows them afterwards.
//!
//! Passwords are kept as Argon2id hashes (RFC 9106). Whoever has signed in carries a cookie that names them
//! and the instant it ends, under a keyed BLAKE3 hash of both and of their password's hash: the server keeps
//! nothing, a restart signs nobody out, and another password signs out everywhere.
//!
//! The cookie is out of reach of scripts and is sent by no other site (`HttpOnly`, `SameSite=Strict`); what
//! changes something asks for a header of the page's own besides, which no form can send.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use throng_event::Instant;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::clock::now;
use crate::document::SignInErrors;
use crate::error::ApiError;
use crate::extract::Body;
use crate::{KeyHash, Role, ServerError, Settings};

/// How people sign in.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// Who may.
    pub users: Vec<User>,
    /// What cookies are signed with.
    pub key: [u8; 32],
    /// How the first of them is made; `None` where nobody is to be.
    pub first: Option<FirstUser>,
}

/// One person.
#[derive(Debug, Clone)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their password, hashed.
    pub password: Password,
}

/// How the first user is made, an administrator: by whoever holds a token that the server's operator saw.
#[derive(Clone)]
pub struct FirstUser {
    /// The hash of the token.
    pub token: KeyHash,
    /// Keeps the user for the next start; says what is wrong where it cannot.
    pub keep: Arc<Keep>,
}

/// Keeps a user of a name and a password.
pub type Keep = dyn Fn(&str, &Password) -> Result<(), String> + Send + Sync;

impl fmt::Debug for FirstUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FirstUser(…)")
    }
}

/// The Argon2id hash of a password, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Memory of one hash in KiB, passes over it, and lanes: the second choice of RFC 9106 with a third of the
/// memory, as OWASP advises for servers.
const PARAMS: (u32, u32, u32) = (19_456, 2, 1);
const SALT_BYTES: usize = 16;

fn hasher() -> Argon2<'static> {
    let params = Params::new(PARAMS.0, PARAMS.1, PARAMS.2, None).unwrap_or_default();
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

impl Password {
    /// Hashes a password.
    ///
    /// # Errors
    /// [`ServerError::Random`] when the system has no random bytes.
    pub fn of(password: &str) -> Result<Self, ServerError> {
        let failed = |error: &dyn fmt::Display| ServerError::Random(error.to_string());
        let mut bytes = [0_u8; SALT_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
        let salt = SaltString::encode_b64(&bytes).map_err(|error| failed(&error))?;
        let hash = hasher().hash_password(password.as_bytes(), &salt).map_err(|error| failed(&error))?;
        Ok(Self(hash.to_string()))
    }

    /// Whether this is the password.
    fn is(&self, password: &str) -> bool {
        let Ok(hash) = PasswordHash::new(&self.0) else { return false };
        hasher().verify_password(password.as_bytes(), &hash).is_ok()
    }
}

impl FromStr for Password {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        PasswordHash::new(text).map_err(|_| ServerError::PasswordHash)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Knows people by their cookies.
pub(crate) struct Door {
    /// The first user may come while others are known already.
    users: RwLock<Vec<User>>,
    key: [u8; 32],
    first: Option<FirstUser>,
    /// Tries of everybody together: a hash takes 20 MB and some tens of milliseconds.
    tries: DefaultDirectRateLimiter,
    hashing: Semaphore,
    /// Whether cookies are for encrypted connections only.
    secure: bool,
    /// Is verified where there is no such user, so that it takes as long.
    nobody: Option<Password>,
}

const COOKIE: &str = "throng_session";
/// How long someone stays signed in.
const SIGNED_IN_S: i64 = 30 * 24 * 3_600;
/// Tries in a row, and how soon there is another then: a dozen who come to work at once sign in, and who
/// guesses has forty thousand guesses a day.
const TRIES_MAX: NonZeroU32 = NonZeroU32::new(12).unwrap();
const TRY_EVERY: Duration = Duration::from_secs(2);
/// Hashes at once.
const HASHING_MAX: usize = 2;
/// Characters of a password that somebody chose; longer is better than stranger (NIST SP 800-63B).
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 10..=256;
/// The header that only the page sends.
pub(crate) const PAGE: HeaderName = HeaderName::from_static("x-throng-page");

/// Who has signed in.
pub(crate) struct SignedIn {
    /// Position among the users.
    pub(crate) user_idx: usize,
    pub(crate) name: String,
    pub(crate) role: Role,
}

fn tries() -> Quota {
    Quota::with_period(TRY_EVERY).unwrap_or(Quota::per_minute(TRIES_MAX)).allow_burst(TRIES_MAX)
}

impl Door {
    pub(crate) fn new(settings: &Settings) -> Self {
        let SignIn { users, key, first } = settings.sign_in.clone();
        Self {
            users: RwLock::new(users),
            key,
            first,
            tries: RateLimiter::direct(tries()),
            hashing: Semaphore::new(HASHING_MAX),
            secure: settings.tls.is_some(),
            nobody: Password::of("").ok(),
        }
    }

    fn known(&self, name: &str) -> Option<(usize, User)> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.iter().position(|user| user.name == name).map(|idx| (idx, users[idx].clone()))
    }

    fn is_empty(&self) -> bool {
        self.users.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Returns whoever the cookie of a request names.
    pub(crate) fn signed_in(&self, headers: &HeaderMap, at: Instant) -> Option<SignedIn> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let token = pairs.into_iter().find(|(name, _)| *name == COOKIE)?.1;
        let mut parts = token.split('.');
        let (name, until, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
        let until: i64 = until.parse().ok()?;
        let (user_idx, user) = self.known(&name)?;
        let same = self.hash(&user, until).as_bytes().ct_eq(hash.as_bytes());
        (bool::from(same) && at.0 / Instant::SECOND < until).then_some(SignedIn { user_idx, name, role: user.role })
    }

    fn hash(&self, user: &User, until: i64) -> String {
        let key = blake3::derive_key("throng 2026 session", &self.key);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        for part in [user.name.as_bytes(), &until.to_be_bytes(), user.password.0.as_bytes()] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()).update(part);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the header that signs a user in, or out.
    fn cookie(&self, user: Option<&User>, at: Instant) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let (token, age) = match user {
            Some(user) => {
                let until = at.0 / Instant::SECOND + SIGNED_IN_S;
                let name = URL_SAFE_NO_PAD.encode(&user.name);
                (format!("{name}.{until}.{}", self.hash(user, until)), SIGNED_IN_S)
            }
            None => (String::new(), 0),
        };
        let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
        HeaderValue::from_str(&cookie).ok()
    }

    /// Runs what hashes a password on a thread that may take its time, a few at once and not too often.
    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let wait = |until: governor::NotUntil<_>| {
            ApiError::rate_limited(until.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
        };
        self.tries.check().map_err(wait)?;
        let failed = || ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "signing in failed");
        let _turn = self.hashing.acquire().await.map_err(|_| failed())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| failed())
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(who, sign_in, sign_out)).routes(routes!(sign_in_first))
}

/// Who has signed in.
#[derive(Serialize, utoipa::ToSchema)]
struct Person {
    name: String,
    /// `viewer`, `analyst` or `admin`.
    role: &'static str,
}

impl Person {
    fn of(name: String, role: Role) -> Json<Self> {
        let role = match role {
            Role::Ingest | Role::Read => "viewer",
            Role::Analyst => "analyst",
            Role::Admin => "admin",
        };
        Json(Self { name, role })
    }
}

/// Whom the cookie of the request names.
#[utoipa::path(
    get,
    path = "/v1/session",
    tag = "page",
    responses((status = 200, description = "Who has signed in", body = Person), SignInErrors),
)]
async fn who(State(app): State<App>, headers: HeaderMap) -> Result<Json<Person>, ApiError> {
    match app.guard.door.signed_in(&headers, now()) {
        Some(person) => Ok(Person::of(person.name, person.role)),
        None if app.guard.door.is_empty() => {
            let message = "nobody can sign in yet; the server printed a link for the first one when it was started";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "first_run", message))
        }
        None => Err(ApiError::new(StatusCode::UNAUTHORIZED, "signed_out", "sign in")),
    }
}

#[derive(Deserialize, utoipa::ToSchema)]
struct Credentials {
    name: String,
    password: String,
}

/// Signs someone in: the answer sets the cookie that later requests are known by.
#[utoipa::path(
    post,
    path = "/v1/session",
    tag = "page",
    request_body = Credentials,
    responses((status = 200, description = "Who has signed in", body = Person), SignInErrors),
)]
async fn sign_in(State(app): State<App>, headers: HeaderMap, Body(body): Body) -> Result<Response, ApiError> {
    from_the_page(&headers)?;
    let credentials: Credentials = read(&body)?;
    let door = &app.guard.door;
    let user = door.known(&credentials.name).map(|(_, user)| user);
    let password = user.as_ref().map(|user| user.password.clone()).or_else(|| door.nobody.clone());
    let fits = door.hashing(move || password.is_some_and(|password| password.is(&credentials.password))).await?;
    match user.filter(|_| fits) {
        Some(user) => Ok(signed_in(door, &user)),
        None => {
            let message = "no user has this name and this password";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "wrong_password", message))
        }
    }
}

/// Signs whoever asks out.
#[utoipa::path(
    delete,
    path = "/v1/session",
    tag = "page",
    responses((status = 204, description = "The cookie ends"), SignInErrors),
)]
async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    from_the_page(&headers)?;
    let cookie = app.guard.door.cookie(None, now());
    Ok((StatusCode::NO_CONTENT, with_cookie(cookie)).into_response())
}

#[derive(Deserialize, utoipa::ToSchema)]
struct FirstCredentials {
    name: String,
    password: String,
    token: String,
}

/// Makes the first user, an administrator, with the token of the link that the server printed.
#[utoipa::path(
    post,
    path = "/v1/session/first",
    tag = "page",
    request_body = FirstCredentials,
    responses((status = 200, description = "Who has signed in", body = Person), SignInErrors),
)]
async fn sign_in_first(State(app): State<App>, headers: HeaderMap, Body(body): Body) -> Result<Response, ApiError> {
    from_the_page(&headers)?;
    let asked: FirstCredentials = read(&body)?;
    let door = &app.guard.door;
    let refused = |message: &str| ApiError::new(StatusCode::FORBIDDEN, "forbidden", message);
    let first = door.first.clone().filter(|_| door.is_empty()).ok_or_else(|| refused("there is a user already"))?;
    if KeyHash::of(&asked.token).position([first.token].iter()).is_none() {
        return Err(refused("this link is not the one that the server printed when it was started last"));
    }
    if !PASSWORD_LENGTH.contains(&asked.password.chars().count()) {
        let (least, most) = (PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end());
        return Err(ApiError::invalid(format!("a password has {least} to {most} characters")));
    }
    let (name, keep) = (asked.name.clone(), first.keep);
    let kept = door.hashing(move || {
        let password = Password::of(&asked.password).map_err(|error| error.to_string())?;
        keep(&name, &password).map(|()| password)
    });
    let password = kept.await?.map_err(ApiError::invalid)?;
    let user = User { name: asked.name, role: Role::Admin, password };
    door.users.write().unwrap_or_else(PoisonError::into_inner).push(user.clone());
    tracing::info!("the first user was made");
    Ok(signed_in(door, &user))
}

fn signed_in(door: &Door, user: &User) -> Response {
    let cookie = door.cookie(Some(user), now());
    (with_cookie(cookie), Person::of(user.name.clone(), user.role)).into_response()
}

fn with_cookie(cookie: Option<HeaderValue>) -> HeaderMap {
    cookie.map(|cookie| (header::SET_COOKIE, cookie)).into_iter().collect()
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::invalid(format!("the body is not understood: {error}")))
}

/// Refuses what a page of another site may have sent.
pub(crate) fn from_the_page(headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(PAGE) {
        return Ok(());
    }
    let message = format!("requests of people carry the header {PAGE}: 1");
    Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(users: &[(&str, &str)], key: u8) -> Door {
        let user = |(name, password): &(&str, &str)| User {
            name: (*name).to_owned(),
            role: Role::Read,
            password: Password::of(password).unwrap(),
        };
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.sign_in = SignIn { users: users.iter().map(user).collect(), key: [key; 32], first: None };
        Door::new(&settings)
    }

    /// Returns the headers of a browser that was given this header.
    fn carrying(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let other = HeaderValue::from_str(&format!("theme=dark; {pair}")).unwrap();
        [(header::COOKIE, other)].into_iter().collect()
    }

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let password = Password::of("correct horse").unwrap();
        let stored: Password = password.to_string().parse().unwrap();
        assert!(stored.is("correct horse"));
        assert!(!stored.is("correct horsf") && !stored.is(""));
        assert_ne!(password, Password::of("correct horse").unwrap());
        assert_eq!(format!("{password:?}"), "Password(…)");
        assert!("correct horse".parse::<Password>().is_err());
    }

    #[test]
    fn a_cookie_names_its_user_until_it_ends() {
        let door = door(&[("ann", "a long password"), ("bo@shop.example", "another one")], 1);
        let at = Instant(1_000 * Instant::SECOND);
        for name in ["ann", "bo@shop.example"] {
            let (idx, user) = door.known(name).unwrap();
            let cookie = door.cookie(Some(&user), at).unwrap();
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"), "{text}");
            let found = door.signed_in(&carrying(&cookie), at).unwrap();
            assert_eq!((found.user_idx, found.name.as_str()), (idx, name));
            let end = Instant(at.0 + SIGNED_IN_S * Instant::SECOND);
            assert!(door.signed_in(&carrying(&cookie), Instant(end.0 - Instant::SECOND)).is_some());
            assert!(door.signed_in(&carrying(&cookie), end).is_none());
        }
        let out = door.cookie(None, at).unwrap();
        assert!(door.signed_in(&carrying(&out), at).is_none());
    }

    #[test]
    fn a_cookie_that_was_changed_or_made_elsewhere_names_nobody() {
        let users = [("ann", "a long password"), ("bo", "another one")];
        let (own, at) = (door(&users, 1), Instant(0));
        let cookie = own.cookie(Some(&own.known("ann").unwrap().1), at).unwrap();
        let token = cookie.to_str().unwrap().split([';', '=']).nth(1).unwrap().to_owned();
        let parts: Vec<&str> = token.split('.').collect();
        let carried = |token: &str| carrying(&HeaderValue::from_str(&format!("{COOKIE}={token}")).unwrap());
        assert!(own.signed_in(&carried(&token), at).is_some());
        for changed in [
            format!("{}.{}.{}", URL_SAFE_NO_PAD.encode("bo"), parts[1], parts[2]),
            format!("{}.{}0.{}", parts[0], parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            token.replace('.', ""),
            String::new(),
        ] {
            assert!(own.signed_in(&carried(&changed), at).is_none(), "{changed}");
        }
        // Another key, and another password of the same user (a new salt is enough).
        assert!(door(&users, 2).signed_in(&carried(&token), at).is_none());
        assert!(door(&users, 1).signed_in(&carried(&token), at).is_none());
    }
}
