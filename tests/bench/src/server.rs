//! What the servers of this bench share: they listen on loopback and speak HTTP/1.1.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::outcome::{Outcome, Told};

/// Listens on a free port of loopback.
pub(crate) async fn listen() -> Outcome<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.told("listening on loopback")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).told("a free port")?;
    Ok(listener.local_addr().told("a free port")?.port())
}

/// Serves on the runtime that this is called in, until it ends.
pub(crate) fn serve<S, B>(listener: TcpListener, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Error = Infallible> + Send + 'static,
    B::Data: Send,
{
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            // A socket that refuses the option still works.
            let _still_works = stream.set_nodelay(true);
            let service = service.clone();
            tokio::spawn(async move {
                let mut builder = hyper::server::conn::http1::Builder::new();
                // A client that leaves is no fault of the server's.
                let _left = builder.half_close(false).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

/// A JSON document.
pub(crate) fn json_response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
