//! `[server]` of `throng.toml`: where `throng serve` listens, who may ask, when someone has moved.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// What a home says about its server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The chain of certificates and the private key, PEM, from the home's folder.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Requests a second and key, where it is not as usual.
    pub requests_per_second: Option<u32>,
    /// Who may ask.
    pub keys: Vec<ServerKey>,
    /// Who may sign in.
    pub users: Vec<ServerUser>,
    /// The least share in a persona that someone moves into.
    pub share_min: f64,
    /// By how much that share must exceed the one in the persona before.
    pub lead_min: f64,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// Whose it is; for a key that sends events, the name of the source.
    pub name: String,
    /// What its holder may do.
    pub role: ServerRole,
    /// Its BLAKE3 hash, 64 hexadecimal digits.
    pub hash: String,
}

/// One person who may sign in to the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUser {
    /// The name to sign in with.
    pub name: String,
    /// What they may do; never [`ServerRole::Ingest`].
    pub role: ServerRole,
    /// The Argon2id hash of their password, as a PHC string.
    pub password: String,
}

/// What the holder of a key or a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    /// Send events.
    Ingest,
    /// Read profiles and personas; of users, `viewer`.
    #[serde(alias = "viewer")]
    Read,
    /// Ask anything of the tables too.
    Analyst,
    /// See what was refused and decide what holds, too.
    Admin,
}

/// This machine only, until somebody says otherwise.
const LISTEN: &str = "127.0.0.1:8080";
/// A tenth: see `throng_live::ShiftRules`.
const LEAD_MIN: f64 = 0.1;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerForm {
    listen: Option<String>,
    tls: Option<TlsForm>,
    requests_per_second: Option<u32>,
    #[serde(default)]
    shifts: ShiftsForm,
    #[serde(default)]
    key: Vec<KeyForm>,
    #[serde(default)]
    user: Vec<UserForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsForm {
    certificates: PathBuf,
    key: PathBuf,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ShiftsForm {
    share_min: Option<f64>,
    lead_min: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    name: String,
    role: ServerRole,
    hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserForm {
    name: String,
    role: ServerRole,
    password: String,
}

/// What a new home's `throng.toml` says about the server.
pub(super) const TEMPLATE: &str = "\
[server]
# Where `throng serve` listens; 0.0.0.0:8080 for everybody who can reach this machine.
# listen = \"127.0.0.1:8080\"
# tls = { certificates = \"cert.pem\", key = \"key.pem\" }
# requests_per_second = 1000      # of one key
# [server.shifts]                 # when someone counts for another persona
# share_min = 0.0                 # the least share in the new one
# lead_min = 0.1                  # by how much it exceeds the share in the old one
# `throng keys add` writes keys, [[server.key]], at the end, `throng users add` users, [[server.user]].
";

impl ServerForm {
    pub(super) fn check(self) -> Result<ServerConfig, String> {
        let listen = self.listen.as_deref().unwrap_or(LISTEN);
        let unit = |name: &str, value: Option<f64>, usual: f64| {
            let value = value.unwrap_or(usual);
            let fits = (0.0..=1.0).contains(&value);
            if fits { Ok(value) } else { Err(format!("server.shifts.{name} = {value} is not from 0 to 1")) }
        };
        let mut keys = Vec::with_capacity(self.key.len());
        for key in self.key {
            let is_hash = key.hash.len() == 64 && key.hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_hash || key.name.is_empty() {
                return Err(format!(
                    "the server key {:?} needs a name and a hash of 64 hexadecimal digits; `throng keys add` writes both",
                    key.name
                ));
            }
            keys.push(ServerKey { name: key.name, role: key.role, hash: key.hash });
        }
        let mut users: Vec<ServerUser> = Vec::with_capacity(self.user.len());
        for user in self.user {
            let fits = user.role > ServerRole::Ingest && user.password.starts_with("$argon2id$");
            if !fits || user.name.is_empty() {
                return Err(format!(
                    "the server user {:?} needs a name, the role viewer, analyst or admin, and the hash of a password; \
                     `throng users add` writes all of them",
                    user.name
                ));
            }
            if users.iter().any(|known| known.name == user.name) {
                return Err(format!("there are two server users {:?}", user.name));
            }
            users.push(ServerUser { name: user.name, role: user.role, password: user.password });
        }
        Ok(ServerConfig {
            listen: listen
                .parse()
                .map_err(|_| format!("server.listen = {listen:?} is no address such as {LISTEN:?}"))?,
            tls: self.tls.map(|tls| (tls.certificates, tls.key)),
            requests_per_second: self.requests_per_second,
            keys,
            users,
            share_min: unit("share_min", self.shifts.share_min, 0.0)?,
            lead_min: unit("lead_min", self.shifts.lead_min, LEAD_MIN)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServerConfig, String> {
        toml::from_str::<ServerForm>(text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn a_home_that_says_nothing_listens_to_this_machine_only() {
        let config = read("").unwrap();
        assert!(config.listen.ip().is_loopback());
        assert!(config.keys.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_key() {
        for (text, part) in [
            ("listen = \"here\"", "server.listen"),
            ("[shifts]\nlead_min = 2.0", "server.shifts.lead_min"),
            ("[[key]]\nname = \"web\"\nrole = \"ingest\"\nhash = \"abc\"", "throng keys add"),
            ("[[key]]\nname = \"web\"\nrole = \"owner\"\nhash = \"abc\"", "owner"),
            ("[[user]]\nname = \"ann\"\nrole = \"viewer\"\npassword = \"secret\"", "throng users add"),
            ("[[user]]\nname = \"ann\"\nrole = \"ingest\"\npassword = \"$argon2id$v\"", "throng users add"),
            ("port = 7", "port"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
