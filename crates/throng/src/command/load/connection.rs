//! One connection to a server, on which one request follows the other.
//!
//! Hyper's connection without a pool: the one who measures says how many connections there
//! are, and what a call costs this side is kept from the server on the same machine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::failure::Usage;

/// Within which an answer must be there: no server of ours takes longer over one.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Where requests go.
pub(super) struct Endpoint {
    /// What stands before every path.
    base: String,
    address: (String, u16),
    host: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) key: Option<HeaderValue>,
    pub(super) body: Bytes,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Seconds that one is asked to wait.
    pub(super) retry_after_s: Option<u64>,
    pub(super) body: Bytes,
}

/// Why nothing was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(super) enum Fault {
    #[error("no connection")]
    NoConnection,
    #[error("the connection broke")]
    Broken,
    #[error("no answer within a minute")]
    TooSlow,
    /// What was sent is not in the profile that is read.
    #[error("not readable within a minute")]
    NotReadable,
}

/// A connection, made when it is needed.
pub(super) struct Connection {
    endpoint: Arc<Endpoint>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Endpoint {
    /// Reads a URL such as `https://throng.example`.
    ///
    /// # Errors
    /// [`Usage`] for one that names no server.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        let wrong = |what: &str| Usage {
            what: format!("{url:?} {what}"),
            hint: "name the server as in http://127.0.0.1:8080".to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => bail!(wrong("begins neither with http:// nor with https://")),
        };
        let authority = uri.authority().context(wrong("names no server"))?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = if secure {
            let server = ServerName::try_from(name.clone()).map_err(|_| wrong("names no server"))?;
            Some((connector()?, server))
        } else {
            None
        };
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("names no server"))?;
        Ok(Self { base: uri.path().trim_end_matches('/').to_owned(), address: (name, port), host, tls })
    }
}

/// Returns what makes connections secure, trusting whom the system trusts.
fn connector() -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (n_usable, _) = roots.add_parsable_certificates(found.certs);
    if n_usable == 0 {
        bail!("cannot use https: this system names no certificates that it trusts");
    }
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.context("cannot use https")?.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Returns a key as it stands in a header.
///
/// # Errors
/// [`Usage`] for one that cannot stand there.
pub(super) fn bearer(key: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
        .map_err(|_| Usage { what: "that is no key".to_owned(), hint: "`throng keys add` makes one".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

impl Connection {
    pub(super) fn new(endpoint: &Arc<Endpoint>) -> Self {
        Self { endpoint: Arc::clone(endpoint), sender: None }
    }

    /// Asks and returns what is answered, whatever its status.
    pub(super) async fn ask(&mut self, call: &Call) -> Result<Answer, Fault> {
        let asked = tokio::time::timeout(ANSWER_TIME_MAX, self.try_to_ask(call)).await;
        let answer = asked.unwrap_or(Err(Fault::TooSlow));
        if answer.is_err() {
            // What may still come on it would be taken for the next answer.
            self.sender = None;
        }
        answer
    }

    async fn try_to_ask(&mut self, call: &Call) -> Result<Answer, Fault> {
        let mut sender = match self.sender.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => connect(&self.endpoint).await.map_err(|_| Fault::NoConnection)?,
        };
        let mut request = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.endpoint.base, call.path))
            .header(HOST, &self.endpoint.host)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &call.key {
            request = request.header(AUTHORIZATION, key);
        }
        let request = request.body(Full::new(call.body.clone())).map_err(|_| Fault::Broken)?;
        sender.ready().await.map_err(|_| Fault::Broken)?;
        let response = sender.send_request(request).await.map_err(|_| Fault::Broken)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|text| text.parse().ok());
        let body = response.into_body().collect().await.map_err(|_| Fault::Broken)?.to_bytes();
        self.sender = Some(sender);
        Ok(Answer { status, retry_after_s, body })
    }
}

async fn connect(endpoint: &Endpoint) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let (host, port) = &endpoint.address;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    match &endpoint.tls {
        None => shake_hands(stream).await,
        Some((connector, server)) => shake_hands(connector.connect(server.clone(), stream).await?).await,
    }
}

async fn shake_hands(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends with its sender; what goes wrong with it the sender is told.
    drop(tokio::spawn(connection));
    Ok(sender)
}

/// Returns whether a server answers at all.
///
/// # Errors
/// Why it does not.
pub(super) async fn reach(endpoint: &Endpoint) -> anyhow::Result<()> {
    connect(endpoint).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, bearer};

    #[test]
    fn a_url_names_a_server_a_port_and_what_stands_before_paths() {
        for (url, host, port, base) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080, ""),
            ("http://throng.example/", "throng.example", 80, ""),
            ("http://throng.example/shop/", "throng.example", 80, "/shop"),
            ("http://[::1]:9000", "::1", 9000, ""),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!((endpoint.address, endpoint.base.as_str()), ((host.to_owned(), port), base), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_wrong_usage() {
        for url in ["", "127.0.0.1:8080", "ftp://throng.example", "http://", "http:///v1", "not a url"] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_sent_is_refused() {
        assert!(bearer("two\nlines").is_err());
        assert!(bearer("abc").unwrap().is_sensitive());
    }
}
