//! The sockets: accepting, TLS, HTTP/1.1 and HTTP/2, and the drain at the end.

mod idle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Version;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use self::idle::{Activity, FIRST_REQUEST, NEXT_REQUEST, Patient};
use crate::stalled::{PATIENCE, Unstalled};
use crate::state::Gateway;
use crate::tls::Certificate;
use crate::{admin, call};

/// How many connections are served at once; more wait to be accepted.
const MAXIMUM_CONNECTIONS: usize = 8192;
/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const MAXIMUM_HEAD_BYTES: u32 = 64 * 1024;
/// How often a client over HTTP/2 is asked whether it is still there, and how long it may take to say so. Over
/// HTTP/1.1 there is no such question.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The pause after the system refused to accept (no file descriptors, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long open connections are still used when the gateway drains, each for one answer that says that it is the
/// last: a client that uses a connection at least this often never meets one that closes.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Which of the gateway's two services a listener offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// MCP, and the metadata of its resources.
    Calls,
    /// Health and metrics.
    Admin,
}

/// Serves until `draining` turns true; then requests under way have `drain` to end.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    gateway: Arc<Gateway>,
    certificate: Option<Arc<Certificate>>,
    mut draining: watch::Receiver<bool>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAXIMUM_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            _ = draining.wait_for(|draining| *draining) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let watcher = graceful.watcher();
        let (gateway, certificate) = (Arc::clone(&gateway), certificate.clone());
        tokio::spawn(async move {
            match certificate {
                None => connection(stream, service, gateway, watcher).await,
                Some(certificate) => {
                    let acceptor = TlsAcceptor::from(certificate.config());
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => connection(stream, service, gateway, watcher).await,
                        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                        Err(_) => tracing::debug!("TLS handshake timed out"),
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    if service == Service::Calls && graceful.count() > 0 {
        tokio::time::sleep(LAST_ANSWERS).await;
    }
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(?service, seconds = drain.as_secs(), "requests were cut off at the end of the drain");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(Unstalled<TcpStream>, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Small messages go out at once; a socket that refuses the option still works.
            let _still_works = stream.set_nodelay(true);
            Some((Unstalled::new(stream, PATIENCE), place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn connection<S>(
    stream: S,
    service: Service,
    gateway: Arc<Gateway>,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAXIMUM_HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(256)
        .max_header_list_size(MAXIMUM_HEAD_BYTES);
    let activity = Activity::new(FIRST_REQUEST, NEXT_REQUEST);
    let stream = Patient::new(stream, Arc::clone(&activity));
    let handler = service_fn(move |request| {
        let (gateway, under_way) = (Arc::clone(&gateway), activity.begin());
        // The connection keeps room for what answers a request as long as it lives: for a pointer, and not for all that
        // a call needs.
        Box::pin(async move {
            let version = request.version();
            let draining = gateway.draining.clone();
            let mut response = match service {
                Service::Calls => call::handle(gateway, request).await,
                Service::Admin => admin::handle(&gateway, &request),
            };
            // HTTP/2 has a frame of its own for it, which tells the client what was not taken.
            if *draining.borrow() && version < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(response.map(|body| under_way.until_the_end_of(body)))
        })
    });
    let served = builder.serve_connection(TokioIo::new(stream), handler).into_owned();
    if let Err(error) = watcher.watch(served).await {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

/// Opens a listening socket.
///
/// # Errors
/// The address cannot be used; the error names it.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), std::io::Error> {
    let name = |error: std::io::Error| std::io::Error::new(error.kind(), format!("{address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(name)?;
    let bound = listener.local_addr().map_err(name)?;
    Ok((listener, bound))
}
