//! Word that a list has changed: which lists there are to tell of, who announces it, and who asks for it.
//!
//! In the revisions with sessions a server announces in its capabilities which lists it tells of, and every session
//! hears. From 2026-07-28 on a client asks for it (`subscriptions/listen`), and the server says what it grants.

use crate::json::Value;
use crate::message::Message;
use crate::revision::Revision;

/// The first message of a `subscriptions/listen` stream (MCP 2026-07-28, Subscriptions, Acknowledgment).
pub const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// The member of `_meta` that says which `subscriptions/listen` a message belongs to.
pub const META_SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// A list that can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list` and `resources/templates/list`.
    Resources,
}

/// Some of the lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lists {
    /// [`List::Tools`].
    pub tools: bool,
    /// [`List::Prompts`].
    pub prompts: bool,
    /// [`List::Resources`].
    pub resources: bool,
}

/// What the answer to `initialize` settles for its session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// The revision, if it is one that is known here.
    pub revision: Option<Revision>,
    /// The lists of whose changes the server tells.
    pub announced: Lists,
}

impl List {
    /// The notification that tells of a change.
    #[must_use]
    pub const fn notification(self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Tools => 1,
            Self::Prompts => 2,
            Self::Resources => 4,
        }
    }
}

impl Lists {
    const EACH: [List; 3] = [List::Tools, List::Prompts, List::Resources];

    /// The lists for which `is_in` says so.
    #[must_use]
    pub fn which(is_in: impl Fn(List) -> bool) -> Self {
        Self { tools: is_in(List::Tools), prompts: is_in(List::Prompts), resources: is_in(List::Resources) }
    }

    /// Those that a server announces in its `capabilities` (MCP 2025-03-26 to 2025-11-25).
    #[must_use]
    pub fn announced(capabilities: Value<'_>) -> Self {
        let announces = |name: &str| {
            capabilities
                .get(name)
                .and_then(|capability| capability.get("listChanged"))
                .and_then(Value::as_bool)
                == Some(true)
        };
        Self { tools: announces("tools"), prompts: announces("prompts"), resources: announces("resources") }
    }

    /// Those that `notifications` names, as a client asks for them or a server grants them (MCP 2026-07-28,
    /// Subscriptions, Notification Filter).
    #[must_use]
    pub fn asked(notifications: Value<'_>) -> Self {
        let asks = |name: &str| notifications.get(name).and_then(Value::as_bool) == Some(true);
        Self {
            tools: asks("toolsListChanged"),
            prompts: asks("promptsListChanged"),
            resources: asks("resourcesListChanged"),
        }
    }

    /// Whether a list is among them.
    #[must_use]
    pub const fn has(self, list: List) -> bool {
        match list {
            List::Tools => self.tools,
            List::Prompts => self.prompts,
            List::Resources => self.resources,
        }
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::which(|list| self.has(list) && other.has(list))
    }

    /// Those that are in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::which(|list| self.has(list) || other.has(list))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Takes one of them out.
    pub fn take(&mut self) -> Option<List> {
        let next = Self::EACH.into_iter().find(|list| self.has(*list))?;
        let all = *self;
        *self = Self::which(|list| all.has(list) && list != next);
        Some(next)
    }

    /// As a number, to be written down.
    #[must_use]
    pub fn bits(self) -> u8 {
        Self::EACH.into_iter().filter(|list| self.has(*list)).map(List::bit).sum()
    }

    /// From that number.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self::which(|list| bits & list.bit() != 0)
    }
}

impl Negotiated {
    /// Reads the answer to `initialize`; nothing is settled by an error.
    #[must_use]
    pub fn of(answer: &Message) -> Self {
        let Some(result) = answer.result() else { return Self::default() };
        let revision = result.get("protocolVersion").and_then(Value::text);
        Self {
            revision: revision.and_then(|name| Revision::parse(&name)),
            announced: result.get("capabilities").map(Lists::announced).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;
    use crate::json::Limits;
    use bytes::Bytes;

    fn negotiated(text: &str) -> Negotiated {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        Negotiated::of(&Message::parse(bytes, Limits::with_bytes(10_000)).unwrap())
    }

    #[test]
    fn given_an_answer_to_initialize_when_read_then_only_what_it_says_in_so_many_words_counts() {
        let both = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-03-26","capabilities":{
            "tools":{"listChanged":true},"prompts":{"listChanged":1},"resources":{"subscribe":true},"x":{}}}}"#;
        let announced = Lists { tools: true, ..Lists::default() };
        assert_eq!(negotiated(both), Negotiated { revision: Some(Revision::V2025_03_26), announced });
        for nothing in [
            r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2020-01-01","capabilities":[]}}"#,
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":-1,"message":"No."}}"#,
            r#"{"jsonrpc":"2.0","id":0,"result":7}"#,
        ] {
            assert_eq!(negotiated(nothing), Negotiated::default(), "{nothing}");
        }
    }

    #[test]
    fn given_any_lists_when_written_down_and_read_then_they_are_the_same_and_each_is_taken_once() {
        for bits in 0..8 {
            let mut lists = Lists::from_bits(bits);
            assert_eq!(lists.bits(), bits);
            assert_eq!(lists.and(Lists::from_bits(3)).bits(), bits & 3);
            assert_eq!(lists.or(Lists::from_bits(3)).bits(), bits | 3);
            let taken = std::iter::from_fn(|| lists.take()).count();
            assert_eq!(taken, bits.count_ones() as usize);
            assert!(lists.is_empty());
        }
    }
}
