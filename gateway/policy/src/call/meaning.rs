//! What a call means once its tokens are turned back: what is judged and sent. What is shown of a call is what it says.

use std::borrow::Cow;
use std::sync::Arc;

use lychgate_gateway_mcp::message::Message;

use super::{Call, Operation};
use crate::mask::{Known, Tokens};
use crate::restore::{self, Restored, Unopened};

/// What a call means, once its tokens are turned back.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// What it says.
    Literal,
    /// The same with values in the place of tokens.
    Restored(Arc<Restored>, Operation),
    /// Nobody can say: a token does not open.
    Unopened(Unopened),
}

impl Call {
    /// The call in a session with these tokens: those in it are turned back in what is judged and sent. Where there are none,
    /// as on a connection that makes none, no token opens, and a call that holds one is denied.
    #[must_use]
    pub fn in_session(self, tokens: Option<Arc<Tokens>>) -> Self {
        let Self { message, operation, .. } = self;
        let meaning = match restore::restored(&message, tokens.as_deref()) {
            Ok(None) => Meaning::Literal,
            Ok(Some(restored)) => {
                let named = |id: &str| operation.tasks().iter().find(|task| task.id == id).cloned();
                let meant = Operation::opening(&restored.message, &named);
                Meaning::Restored(Arc::new(restored), meant.unwrap_or_else(|_| operation.clone()))
            }
            Err(unopened) => Meaning::Unopened(unopened),
        };
        Self { message, operation, tokens, meaning }
    }

    /// The tokens of the session.
    #[must_use]
    pub fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_deref()
    }

    /// What it asks for with values in the place of tokens: what is judged. It is for nobody's eyes.
    #[must_use]
    pub fn meant(&self) -> &Operation {
        match &self.meaning {
            Meaning::Restored(_, operation) => operation,
            Meaning::Literal | Meaning::Unopened(_) => &self.operation,
        }
    }

    /// The message with values in the place of tokens, likewise.
    #[must_use]
    pub fn meant_message(&self) -> &Message {
        self.restored().map_or(&self.message, |restored| &restored.message)
    }

    /// The message with values in the place of tokens, if it holds any.
    pub(crate) fn restored(&self) -> Option<&Restored> {
        match &self.meaning {
            Meaning::Restored(restored, _) => Some(restored),
            Meaning::Literal | Meaning::Unopened(_) => None,
        }
    }

    /// The first token that is not turned back.
    pub(crate) fn unopened(&self) -> Option<&Unopened> {
        match &self.meaning {
            Meaning::Unopened(unopened) => Some(unopened),
            Meaning::Literal | Meaning::Restored(..) => None,
        }
    }

    /// The values that it holds as tokens, and those that the calls had whose tasks it asks about: what comes of it must not
    /// show them.
    pub fn restored_values(&self) -> impl Iterator<Item = Known> {
        let own = self.restored().into_iter().flat_map(|restored| restored.values.iter().cloned());
        own.chain(self.operation.tasks().iter().flat_map(|task| task.restored.known()))
    }

    /// A part of the message, such as a header that repeats it, with values in the place of tokens; `None` if one does not
    /// open.
    #[must_use]
    pub fn restored_text<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        restore::restored_text(text, self.tokens())
    }
}
