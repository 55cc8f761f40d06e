//! The tokens of one session, made when a rule or a call first asks for them.
//!
//! They are those of `policy::mask`; here is which keys they have. Over HTTP+SSE there are none: the answer to a call comes
//! over a stream that may be open at another replica, where nobody knows which values must not come back.

use std::sync::{Arc, OnceLock};

use lychgate_gateway_policy::Caller;
use lychgate_gateway_policy::config::Transport;
use lychgate_gateway_policy::mask::Tokens;

use super::Sealer;
use crate::connection::Connection;

/// The tokens of a caller's session on a connection, once they were asked for. Its clones are one and the same.
#[derive(Clone)]
pub struct SessionTokens(Arc<Bound>);

struct Bound {
    /// The session's name; none where the caller stands for it.
    session: Option<String>,
    made: OnceLock<Option<Arc<Tokens>>>,
}

impl SessionTokens {
    /// Those of the session with this name, or of the caller himself where there is no session.
    #[must_use]
    pub fn new(session: Option<&str>) -> Self {
        Self(Arc::new(Bound { session: session.map(str::to_owned), made: OnceLock::new() }))
    }

    /// The tokens, if the connection makes any as it is now. The caller is always the same one, and so is what the connection
    /// is called.
    #[must_use]
    pub fn of(&self, sealer: &Sealer, connection: &Connection, caller: &Caller) -> Option<&Arc<Tokens>> {
        let policy = &connection.policy;
        if !policy.masking().tokenizes() || policy.config().upstream.transport == Transport::Sse {
            return None;
        }
        let make = || sealer.tokens(&connection.label, caller, self.0.session.as_deref()).map(Arc::new);
        self.0.made.get_or_init(make).as_ref()
    }
}
