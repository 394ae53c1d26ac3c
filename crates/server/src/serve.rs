//! Listening: connections, TLS, time limits, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use throng_live::Live;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto};

use crate::app::App;
use crate::clock::now;
use crate::patience::Patient;
use crate::{ServerError, Settings, TlsFiles};

/// A server that listens and has not begun to answer.
pub struct Bound {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    live: Live,
    routes: Router,
    header_time_max: Duration,
    write_time_max: Duration,
    stopping: watch::Sender<bool>,
}

/// Within which the headers of a request must be there, or the next request must begin.
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);
/// Within which a write must go on: whoever reads nothing for so long is gone or means ill.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);
/// Within which those who are being answered must be done when the server ends.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// How often time is told to the profiles.
const TICK: Duration = Duration::from_millis(100);
/// Connections that the system holds until they are accepted. Whoever comes beyond it is left to
/// try again a second later, which a page that calls at the same moment in many browsers should
/// not be; the system may allow fewer.
const BACKLOG: u32 = 4_096;
/// Bytes that a connection's headers may take.
const HEADER_BYTES_MAX: usize = 32 << 10;

/// Listens where the settings say.
///
/// # Errors
/// [`ServerError::Bind`] or [`ServerError::Tls`].
pub async fn bind(settings: Settings, live: Live) -> Result<Bound, ServerError> {
    let tls = settings.tls.as_ref().map(acceptor).transpose()?;
    let address = settings.listen;
    let listener = listen(address).map_err(|source| ServerError::Bind { address, source })?;
    let connections = Arc::new(Semaphore::new(settings.connections_max));
    let header_time_max = HEADER_TIME_MAX.min(settings.request_time_max);
    let write_time_max = WRITE_TIME_MAX.min(settings.request_time_max);
    let stopping = watch::Sender::new(false);
    let routes = App::new(settings, live.clone(), stopping.subscribe()).routes();
    Ok(Bound { listener, tls, connections, live, routes, header_time_max, write_time_max, stopping })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that is started again takes its place at once. Elsewhere that would let two share it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Bound {
    /// Returns where it listens.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop` is ready, then lets those who are being answered finish.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let ticking = tokio::spawn(tick(self.live.clone()));
        tokio::pin!(stop);
        loop {
            tokio::select! {
                accepted = self.accept() => {
                    if let Some((stream, permit)) = accepted {
                        let stream = Patient::new(stream, self.write_time_max, self.stopping.subscribe());
                        tokio::spawn(self.connection().serve(stream, permit, graceful.watcher()));
                    }
                }
                () = &mut stop => break,
            }
        }
        drop(self.listener);
        // Streams end, which would go on for ever.
        self.stopping.send_replace(true);
        if tokio::time::timeout(DRAIN_TIME_MAX, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections were closed before they were done");
        }
        ticking.abort();
    }

    fn connection(&self) -> Connection {
        Connection { routes: self.routes.clone(), tls: self.tls.clone(), header_time_max: self.header_time_max }
    }

    async fn accept(&self) -> Option<(TcpStream, OwnedSemaphorePermit)> {
        // Whoever comes when all places are taken waits in the system's queue.
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((stream, _)) => {
                // Small answers go out at once.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "the connection keeps its delay");
                }
                Some((stream, permit))
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of files, say: others must end first.
                tokio::time::sleep(TICK).await;
                None
            }
        }
    }
}

struct Connection {
    routes: Router,
    tls: Option<TlsAcceptor>,
    header_time_max: Duration,
}

impl Connection {
    async fn serve(
        self,
        stream: Patient<TcpStream>,
        permit: OwnedSemaphorePermit,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.header_time_max).max_buf_size(HEADER_BYTES_MAX);
        let service = TowerToHyperService::new(self.routes);
        let served = match self.tls {
            None => watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await,
            Some(tls) => {
                let Ok(Ok(stream)) = tokio::time::timeout(self.header_time_max, tls.accept(stream)).await else {
                    return;
                };
                watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(permit);
    }
}

/// Tells time to the profiles until the server ends.
async fn tick(live: Live) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = live.tick(now()).await {
            tracing::warn!(%error, "time could not be told");
        }
    }
}

fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, ServerError> {
    let failed = |path: &std::path::Path, reason: String| ServerError::Tls { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(&files.certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&files.certificates, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, error.to_string()))?;
    // Named, for a program may be built with several providers, and none of them is the usual one then.
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| failed(&files.certificates, error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
