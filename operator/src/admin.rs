//! Health and metrics.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::world::World;

/// How long a client may take to send its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// What is told about this replica.
pub struct Admin {
    metrics: Arc<Metrics>,
    /// What is known of the cluster, while this replica leads.
    world: ArcSwapOption<World>,
}

impl Admin {
    /// A replica that follows.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, world: ArcSwapOption::empty() }
    }

    /// From now on this replica leads, and fills this.
    pub fn leads(&self, world: &Arc<World>) {
        self.world.store(Some(Arc::clone(world)));
        self.metrics.leader.set(1);
    }

    /// From now on this replica follows, and counts no objects.
    pub fn follows(&self) {
        self.world.store(None);
        self.metrics.leader.set(0);
        self.metrics.objects.clear();
    }

    fn is_ready(&self) -> bool {
        self.world.load().as_ref().is_none_or(|world| world.is_complete())
    }
}

/// Serves `/healthz` (the process lives), `/readyz` (it follows, or leads and knows the cluster) and `/metrics`.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection for health and metrics was not taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                std::future::ready(Ok::<_, Infallible>(answer(&admin, &request)))
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection for health and metrics ended early");
            }
        });
    }
}

/// Listens.
///
/// # Errors
/// The address cannot be had.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

fn answer(admin: &Admin, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "text/plain", String::new());
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "text/plain", "ok\n".to_owned()),
        "/readyz" if !admin.is_ready() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the cluster is not known yet\n".to_owned())
        }
        "/readyz" => text(StatusCode::OK, "text/plain", "ok\n".to_owned()),
        "/metrics" => text(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            admin.metrics.render(),
        ),
        _ => text(StatusCode::NOT_FOUND, "text/plain", "use /healthz, /readyz or /metrics\n".to_owned()),
    }
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
