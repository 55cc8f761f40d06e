//! Who is there: the caller, his session, and what must not be shown to him.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use lychgate_gateway_mcp::headers::MCP_SESSION_ID;
use lychgate_gateway_policy::Call;
use lychgate_gateway_policy::mask::Known;

use super::event_stream::Exchange;
use crate::caller::Authenticated;
use crate::connection::Connection;
use crate::credential::Credentials;
use crate::failure::Failure;
use crate::session::tokens::SessionTokens;
use crate::session::{self, Session};
use crate::state::{Gateway, now_seconds};

/// Everything about a request that is known before its message is read.
pub(super) struct Visit {
    pub(super) gateway: Arc<Gateway>,
    pub(super) connection: Arc<Connection>,
    pub(super) headers: HeaderMap,
    pub(super) authenticated: Arc<Authenticated>,
    pub(super) credentials: Arc<Credentials>,
    /// What must not be shown or sent on, whatever the rules say: the caller's token, and the credentials.
    pub(super) known: Arc<[Known]>,
    /// The tokens of the session, or of the caller where there is none.
    pub(super) tokens: SessionTokens,
    pub(super) session: Option<Session>,
    /// The name of the session in the record.
    pub(super) session_name: String,
    /// Whether the message came in a batch.
    pub(super) in_batch: bool,
    /// Whether what answers it must be there whole before it goes on, because it becomes an event among others.
    pub(super) is_event: bool,
    /// Where the message goes, if it came by the transport of MCP 2024-11-05.
    pub(super) exchange: Option<Exchange>,
}

impl Visit {
    /// The call as it is meant here: in the session that its tokens are of.
    pub(super) fn in_session(&self, call: Call) -> Call {
        let caller = &self.authenticated.caller;
        call.in_session(self.tokens.of(&self.gateway.sealer, &self.connection, caller).cloned())
    }

    /// Takes up a new session.
    pub(super) fn begin_session(&mut self, name: String) {
        self.tokens = SessionTokens::new(Some(&name));
        self.session_name = name;
    }

    /// The same visit for one message of a batch, with the credentials of this moment.
    pub(super) fn for_one_of_batch(&self) -> Self {
        let credentials = self.connection.credentials(&self.gateway.values);
        Self {
            gateway: Arc::clone(&self.gateway),
            connection: Arc::clone(&self.connection),
            headers: self.headers.clone(),
            authenticated: Arc::clone(&self.authenticated),
            known: known_of(&credentials, &self.authenticated),
            tokens: self.tokens.clone(),
            credentials,
            session: self.session.clone(),
            session_name: self.session_name.clone(),
            in_batch: true,
            is_event: true,
            exchange: None,
        }
    }
}

/// Who is there, and in which session.
pub(super) async fn enter(
    gateway: &Arc<Gateway>,
    connection: Arc<Connection>,
    headers: HeaderMap,
) -> Result<Visit, Failure> {
    let authenticated = connection.authenticator.authenticate(presented(&headers)?).await?;
    let (label, caller) = (&connection.label, &authenticated.caller);
    let session = match headers.get(MCP_SESSION_ID) {
        Some(id) => Some(
            gateway
                .sealer
                .open(label, caller, id.as_bytes(), now_seconds())
                .map_err(|session::NoSession| Failure::Session)?,
        ),
        None => None,
    };
    let session_name = match &session {
        Some(session) => session.name.clone(),
        None => gateway.sealer.name_of_token(label, caller, authenticated.token.expose()),
    };
    let credentials = connection.credentials(&gateway.values);
    let known = known_of(&credentials, &authenticated);
    let tokens = SessionTokens::new(session.as_ref().map(|session| session.name.as_str()));
    Ok(Visit {
        gateway: Arc::clone(gateway),
        connection,
        headers,
        authenticated: Arc::new(authenticated),
        credentials,
        known,
        tokens,
        session,
        session_name,
        in_batch: false,
        is_event: false,
        exchange: None,
    })
}

/// The value of the one `Authorization` header, if there is one.
pub(super) fn presented(headers: &HeaderMap) -> Result<Option<&[u8]>, Failure> {
    let mut authorizations = headers.get_all(AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (presented, None) => Ok(presented.map(HeaderValue::as_bytes)),
        (_, Some(_)) => Err(crate::caller::Unauthenticated::MalformedHeader.into()),
    }
}

/// The same, and more that must not be shown.
pub(super) fn protected(known: &Arc<[Known]>, more: impl Iterator<Item = Known>) -> Arc<[Known]> {
    let mut more = more.peekable();
    if more.peek().is_none() {
        return Arc::clone(known);
    }
    known.iter().cloned().chain(more).collect()
}

/// What must not be shown or sent on, whatever the rules say.
pub(super) fn known_of(credentials: &Credentials, authenticated: &Authenticated) -> Arc<[Known]> {
    let anonymous = authenticated.caller.anonymous;
    let token = (!anonymous).then(|| Known::new("caller", authenticated.token.expose()));
    credentials.known().chain(token).collect()
}
