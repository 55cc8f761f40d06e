//! GET: the event stream, once the server has said where messages go.

use http::Response;
use lychgate_gateway_policy::{Operation, decide_stream};

use super::super::{Trace, Verdict, Visit, close, open as open_page, open_stream, prepare, unless_closed};
use super::SESSION;
use super::stream::{self, Opened};
use crate::approval::time::now_milliseconds;
use crate::failure::Failure;
use crate::reply::{self, ReplyBody};
use crate::session::{self, LIFETIME_SECONDS, SealedEndpoint};
use crate::state::now_seconds;
use crate::ticket::Subject;
use crate::upstream::EmptyMethod;
use crate::upstream::event_stream::Endpoint;

/// Opens a stream. Its first event names the endpoint under `path`, as a URI without a host.
pub(super) async fn open(
    mut visit: Visit,
    path: &str,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    visit.begin_session(session::new_name().ok_or(Failure::Recorder)?);
    let subject = Subject::Session(EmptyMethod::Get);
    let operation = Operation::Protocol { method: EmptyMethod::Get.as_str().to_owned() };
    let policy = &visit.connection.policy;
    let permit = match decide_stream(policy, &visit.authenticated.caller, now_milliseconds()) {
        Ok(permit) => permit,
        Err(reason) => {
            let ticket = open_page(&visit, subject, String::new(), Verdict::NoStream(reason), trace).await?;
            return close(ticket, Failure::denied(reason, operation), trace).await;
        }
    };
    let mut ticket = open_page(&visit, subject, String::new(), Verdict::Stream(&permit), trace).await?;
    let counted = match open_stream(&visit) {
        Ok(counted) => counted,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    let place = visit.gateway.streams.enter(&visit.session_name, &visit.authenticated.caller);
    let headers = match prepare(&visit, permit.credentials(), false, &mut ticket).await {
        Ok(headers) => headers,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    let opening = visit.connection.upstream.open_stream(&permit, headers);
    let (endpoint, events) = match unless_closed(&visit, &operation, opening).await {
        Ok(opened) => opened,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    let Some(named) = named(&visit, path, &endpoint) else {
        return close(ticket, Failure::Recorder, trace).await;
    };
    let opened = Opened { ticket, endpoint, events, place, counted, named };
    Ok(reply::events(stream::relay(visit, opened)))
}

/// The endpoint as the client is told it. A server that names a credential in it does not get it to the client, since it
/// is sealed.
fn named(visit: &Visit, path: &str, endpoint: &Endpoint) -> Option<String> {
    let sealed = SealedEndpoint {
        url: endpoint.as_str().to_owned(),
        name: visit.session_name.clone(),
        expires: now_seconds().saturating_add(LIFETIME_SECONDS),
    };
    let (label, caller) = (&visit.connection.label, &visit.authenticated.caller);
    let sealed = visit.gateway.sealer.seal_endpoint(label, caller, &sealed)?;
    Some(format!("{path}?{SESSION}={sealed}"))
}
