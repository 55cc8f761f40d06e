//! The MCP server behind every arm: it gives each call the answer that is known beforehand, and does nothing else.
//!
//! It reads no JSON; id, method and tool are found where this bench's own requests have them. So it costs little
//! beside what is measured.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use serde_json::json;

use crate::outcome::{Outcome, Told};
use crate::server;
use crate::traffic::{Form, LEGACY, PERSON, PERSON_TOOL, Size, Template, behind, id_of, progress};

/// How long an answer in the form [`Form::Later`] lets wait after the word of progress.
const PAUSE: Duration = Duration::from_millis(20);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Answers by the end of their tool's name, behind `query_`.
struct Answers {
    by_tool: HashMap<Vec<u8>, (Form, Template)>,
    tools: String,
}

/// Begins to serve, on the runtime that this is called in; gives the URL.
pub(crate) async fn start() -> Outcome<String> {
    let listener = server::listen().await?;
    let address = listener.local_addr().told("the upstream's address")?;
    let answers = Arc::new(answers().told("the answers of the upstream")?);
    let service = service_fn(move |request: Request<Incoming>| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answer(&answers, request).await) }
    });
    server::serve(listener, service);
    Ok(format!("http://{address}/mcp"))
}

fn answers() -> Option<Answers> {
    let mut by_tool = HashMap::new();
    let mut names = vec![PERSON_TOOL.to_owned()];
    for form in Form::ALL {
        for size in Size::ALL {
            let tool = format!("{}_{}", form.name(), size.name());
            names.push(format!("query_{tool}"));
            by_tool.insert(tool.into_bytes(), (form, Template::of_size(size)?));
        }
    }
    let person = Template::answer(&format!(r#"[{{"id":7,"address":"{PERSON}"}}]"#))?;
    by_tool.insert(b"person".to_vec(), (Form::Json, person));
    let schema = json!({"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]});
    let tool = |name: &String| json!({"name": name, "description": "Reads stations", "inputSchema": schema});
    let tools = json!({
        "tools": names.iter().map(tool).collect::<Vec<_>>(), "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
    });
    Some(Answers { by_tool, tools: tools.to_string() })
}

async fn answer(answers: &Answers, request: Request<Incoming>) -> Response<Body> {
    if request.method() == Method::GET {
        return events(stream::pending());
    }
    if request.method() != Method::POST {
        return empty(StatusCode::OK);
    }
    let Ok(body) = request.into_body().collect().await else { return empty(StatusCode::BAD_REQUEST) };
    let body = body.to_bytes();
    if let Some((form, template)) =
        behind(&body, r#""name":"query_"#).and_then(|tool| answers.by_tool.get(tool))
    {
        let Some(id) = id_of(&body) else { return empty(StatusCode::BAD_REQUEST) };
        return shaped(*form, template.fill(id));
    }
    match behind(&body, r#""method":""#) {
        Some(b"initialize") => initialized(&body),
        Some(b"tools/list") => listed(&body, &answers.tools),
        Some(_) | None => empty(StatusCode::ACCEPTED),
    }
}

fn shaped(form: Form, message: Vec<u8>) -> Response<Body> {
    match form {
        Form::Json => json_message(message),
        Form::Events => events(stream::iter([event(&message)])),
        Form::Later => {
            let (first, last) = (event(progress().as_bytes()), event(&message));
            events(stream::unfold((Some(first), Some(last)), |(first, last)| async move {
                if let Some(first) = first {
                    return Some((first, (None, last)));
                }
                tokio::time::sleep(PAUSE).await;
                last.map(|last| (last, (None, None)))
            }))
        }
    }
}

fn initialized(request: &[u8]) -> Response<Body> {
    let id = id_of(request).unwrap_or_default();
    let result = json!({
        "protocolVersion": LEGACY, "capabilities": {"tools": {}}, "serverInfo": {"name": "bench", "version": "1.0.0"},
    });
    let message =
        [br#"{"jsonrpc":"2.0","id":"#, id, b",\"result\":", result.to_string().as_bytes(), b"}"].concat();
    let mut response = json_message(message);
    let name = HeaderName::from_static("mcp-session-id");
    response.headers_mut().insert(name, HeaderValue::from_static("a-session-of-the-upstream"));
    response
}

/// The list of tools. The gateway asks for it itself, with an id of its own making, which may be anything.
fn listed(request: &[u8], tools: &str) -> Response<Body> {
    let request: serde_json::Value = serde_json::from_slice(request).unwrap_or_default();
    let id = request.get("id").map(ToString::to_string).unwrap_or_default();
    let message = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{tools}}}"#);
    json_message(message.into_bytes())
}

fn event(message: &[u8]) -> Bytes {
    [b"data: ", message, b"\n\n"].concat().into()
}

fn json_message(message: Vec<u8>) -> Response<Body> {
    server::json_response(message.into()).map(Full::boxed_unsync)
}

fn events(events: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    use futures_util::StreamExt as _;
    let frames = events.map(|event| Ok::<_, Infallible>(Frame::data(event)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = status;
    response
}
