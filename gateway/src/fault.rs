//! What an upstream server can do wrong, and how a client is told: by the gateway's words, never the server's.

use http::StatusCode;

/// A fault of the upstream server. Its own text is for the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The server cannot be reached, and was sent nothing.
    #[error("upstream unreachable: {0}")]
    Unreachable(String),
    /// The connection broke when the call was sent, before its answer was whole.
    #[error("upstream broke off: {0}")]
    BrokeOff(String),
    /// The server did not answer in time.
    #[error("upstream timed out")]
    Timeout,
    /// The server refused the gateway's credential (401 or 403).
    #[error("upstream refused the credential with {0}")]
    CredentialRefused(StatusCode),
    /// The server answered with a redirect, which is never followed.
    #[error("upstream redirects")]
    Redirect,
    /// The server answered with an error that is no MCP message.
    #[error("upstream answered {0}")]
    Status(StatusCode),
    /// The server's answer is no MCP message, or answers something else.
    #[error("upstream answered rubbish: {0}")]
    Rubbish(String),
    /// The server's answer is larger than the connection allows.
    #[error("upstream's answer is larger than {limit} bytes")]
    TooLarge {
        /// The connection's limit, in bytes.
        limit: u64,
    },
    /// The event stream of a server of MCP 2024-11-05 does not say where messages go, or names another host.
    #[error("upstream's event stream names no endpoint: {0}")]
    Endpoint(String),
    /// The server asked the client for something that the connection does not allow.
    #[error("the server's request is not allowed")]
    ServerRequest,
}

impl Fault {
    /// The stable name, as records and metrics show it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "UpstreamUnreachable",
            Self::BrokeOff(_) => "UpstreamBrokeOff",
            Self::Timeout => "UpstreamTimeout",
            Self::CredentialRefused(_) => "UpstreamRefusedCredential",
            Self::Redirect => "UpstreamRedirect",
            Self::Status(_) => "UpstreamError",
            Self::Rubbish(_) => "UpstreamMalformed",
            Self::TooLarge { .. } => "UpstreamTooLarge",
            Self::Endpoint(_) => "UpstreamEndpoint",
            Self::ServerRequest => "ServerRequestRefused",
        }
    }

    /// The HTTP status of the gateway's answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Timeout => 504,
            Self::Unreachable(_)
            | Self::BrokeOff(_)
            | Self::CredentialRefused(_)
            | Self::Redirect
            | Self::Status(_)
            | Self::Rubbish(_)
            | Self::TooLarge { .. }
            | Self::Endpoint(_)
            | Self::ServerRequest => 502,
        }
    }

    /// What the client is told.
    #[must_use]
    pub fn public_message(&self) -> String {
        match self {
            Self::Unreachable(_) => "The MCP server cannot be reached; the call was not made".to_owned(),
            Self::BrokeOff(_) => {
                "The MCP server broke off before its answer was whole. It may have carried out the call; \
                 do not just repeat it"
                    .to_owned()
            }
            Self::Timeout => {
                "The MCP server did not answer in time. It may have carried out the call; do not just repeat it"
                    .to_owned()
            }
            Self::CredentialRefused(_) => "The MCP server refused the gateway's credential".to_owned(),
            Self::Redirect => "The MCP server redirects, which is not followed".to_owned(),
            Self::Status(status) => format!("The MCP server answered with HTTP status {}", status.as_u16()),
            Self::Rubbish(_) => "The MCP server's answer is not a valid MCP message".to_owned(),
            Self::TooLarge { limit } => format!("The MCP server's answer is larger than {limit} bytes"),
            Self::Endpoint(_) => {
                "The MCP server's event stream does not begin with an endpoint on its own host".to_owned()
            }
            Self::ServerRequest => {
                "The MCP server asked for something of the client that this connection does not allow"
                    .to_owned()
            }
        }
    }
}
