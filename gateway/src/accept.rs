//! What the head of a request alone decides: where it goes, and whether it may come from there.

use http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, Method, Request};
use hyper::body::Incoming;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::upstream::{self, BodyForm, EmptyMethod};

/// The methods of the transport.
pub enum AcceptedMethod {
    /// A message.
    Post,
    /// The stream of a session, or its end.
    Empty(EmptyMethod),
}

/// The end of the path under which clients that go by the path look for an event stream of MCP 2024-11-05.
const EVENT_STREAM: &str = "/sse";

/// Whether a path is that of an event stream: `/<connection>/sse`.
#[must_use]
pub fn is_event_stream(path: &str) -> bool {
    path.ends_with(EVENT_STREAM)
}

/// The name in `/<connection>/mcp`, or in `/<connection>/sse`.
///
/// # Errors
/// [`Failure::NoConnection`] for any other path.
pub fn connection_name(path: &str) -> Result<&str, Failure> {
    path.strip_prefix('/')
        .and_then(|path| path.strip_suffix("/mcp").or_else(|| path.strip_suffix(EVENT_STREAM)))
        .filter(|name| !name.is_empty() && !name.contains('/'))
        .ok_or(Failure::NoConnection)
}

/// What can be refused by the request's head alone, before anybody is authenticated.
///
/// # Errors
/// The first thing that is wrong, in the order host, origin, query, method, media types.
pub fn accept(
    connection: &Connection,
    request: &Request<Incoming>,
    authority: Option<&str>,
) -> Result<AcceptedMethod, Failure> {
    if !authority.is_some_and(|authority| connection.has_host(authority)) {
        return Err(Failure::Host);
    }
    for origin in request.headers().get_all(ORIGIN) {
        let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        if !host.is_some_and(|host| connection.has_host(host)) {
            return Err(Failure::Origin);
        }
    }
    if request.uri().query().is_some_and(holds_token) {
        return Err(Failure::TokenInQuery);
    }
    let method = match *request.method() {
        Method::POST => AcceptedMethod::Post,
        Method::GET => AcceptedMethod::Empty(EmptyMethod::Get),
        Method::DELETE => AcceptedMethod::Empty(EmptyMethod::Delete),
        _ => return Err(Failure::Method),
    };
    check_media(&method, request.headers())?;
    Ok(method)
}

fn check_media(method: &AcceptedMethod, headers: &HeaderMap) -> Result<(), Failure> {
    let needed: &[&str] = match method {
        AcceptedMethod::Post => {
            if upstream::body_form(headers) != BodyForm::Json
                || headers.get_all(CONTENT_TYPE).iter().count() > 1
            {
                return Err(Failure::MediaType);
            }
            &["application/json", "text/event-stream"]
        }
        AcceptedMethod::Empty(EmptyMethod::Get) => &["text/event-stream"],
        AcceptedMethod::Empty(EmptyMethod::Delete) => return Ok(()),
    };
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    // No header accepts everything (RFC 9110, section 12.5.1).
    let any = accepted.peek().is_none();
    let fits = accepted.flat_map(|value| value.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range == "*/*"
            || needed.iter().any(|needed| range.eq_ignore_ascii_case(needed))
            || (range == "application/*" && needed.len() > 1)
            || range == "text/*"
    });
    if any || fits { Ok(()) } else { Err(Failure::NotAcceptable) }
}

fn holds_token(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("access_token"))
}

/// The host that was called: from the `Host` header, from the target of an HTTP/2 request, or from a target in absolute
/// form. A request that names several names none: whoever reads only one of them could be told another (RFC 9112,
/// section 3.2.2; RFC 9113, section 8.3.1).
pub fn authority(request: &Request<Incoming>) -> Option<String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let target = request.uri().authority().map(|authority| authority.as_str());
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(host.to_str().ok()?),
        (Some(_), Some(_)) => return None,
        (None, _) => None,
    };
    match (host, target) {
        (Some(host), Some(target)) if !host.eq_ignore_ascii_case(target) => None,
        (Some(named), _) | (None, Some(named)) => Some(named.to_owned()),
        (None, None) => None,
    }
}
