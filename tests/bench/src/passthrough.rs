//! The arm `passthrough`: a bare reverse proxy on hyper, the floor that any gateway in Rust pays. It passes on what
//! comes, both ways, as it comes; the same server and client crates as in the gateway, and no rule at all.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::outcome::{Outcome, Told};

type Upstream = Client<HttpConnector, Incoming>;
type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Serves until the process is killed.
pub(crate) async fn run(listen: &str, upstream: &str) -> Outcome<()> {
    let upstream: Uri = upstream.parse().told(upstream)?;
    let listener = TcpListener::bind(listen).await.told(listen)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // A socket that refuses the option still works.
        let _still_works = stream.set_nodelay(true);
        let (client, upstream) = (client.clone(), upstream.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| pass(client.clone(), upstream.clone(), request));
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A client that leaves is no fault of the proxy's.
            let _left = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn pass(
    client: Upstream,
    upstream: Uri,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    *request.uri_mut() = upstream;
    request.headers_mut().remove(HOST);
    Ok(match client.request(request).await {
        Ok(response) => response.map(Incoming::boxed_unsync),
        Err(_) => {
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    })
}
