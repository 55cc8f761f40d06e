//! Where a connection's MCP server is, and how it is spoken to.

use serde::{Deserialize, Serialize};

use super::ConfigMapKey;

/// Where an MCP server is, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// The URL of the server's endpoint; with [`Transport::Sse`], of its event stream.
    pub url: String,
    /// How the server speaks MCP.
    #[serde(default, skip_serializing_if = "Transport::is_default")]
    pub transport: Transport,
    /// A bundle of certificate authorities for the server's TLS; the public ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<ConfigMapKey>,
    /// Whether a credential may travel over plain `http`.
    #[serde(default)]
    pub insecure_plaintext: bool,
    /// How long to wait for a connection, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// How long a call may take until its last byte, in milliseconds.
    pub call_timeout_milliseconds: u64,
}

/// How a server speaks MCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// By Streamable HTTP (MCP 2025-03-26 and later).
    #[default]
    #[serde(rename = "StreamableHTTP")]
    StreamableHttp,
    /// By HTTP with server-sent events: an event stream, and an endpoint for messages (MCP 2024-11-05).
    #[serde(rename = "SSE")]
    Sse,
}

impl Transport {
    /// Left out of a document, so that one without the other transport stays as it was.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
