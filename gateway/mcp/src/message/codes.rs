//! Error codes: those of JSON-RPC 2.0 section 5.1 and those that MCP adds.
//!
//! A gateway's own failures need codes outside [`RESERVED`], so that no client takes them for an
//! answer of the server; they are defined where they arise.

use std::ops::RangeInclusive;

/// Invalid JSON was received. HTTP status 400.
pub const PARSE_ERROR: i64 = -32700;

/// The JSON is not a valid request. HTTP status 400.
pub const INVALID_REQUEST: i64 = -32600;

/// The method does not exist. HTTP status 404 in 2026-07-28 (Streamable HTTP, Protocol Version
/// Header), 200 before.
pub const METHOD_NOT_FOUND: i64 = -32601;

/// The parameters are invalid; in 2026-07-28 also an unknown resource, and, with HTTP status 400,
/// a required `_meta` field that is missing.
pub const INVALID_PARAMS: i64 = -32602;

/// Something failed inside the server.
pub const INTERNAL_ERROR: i64 = -32603;

/// A header disagrees with the body, or a required one is missing or malformed (MCP 2026-07-28,
/// Streamable HTTP, Server Validation). HTTP status 400.
pub const HEADER_MISMATCH: i64 = -32020;

/// The request needs a capability that the client did not declare; `data.requiredCapabilities`
/// names it (MCP 2026-07-28, Overview). HTTP status 400.
pub const MISSING_REQUIRED_CLIENT_CAPABILITY: i64 = -32021;

/// The server does not speak the revision asked for; `data` has `supported` and `requested`
/// (MCP 2026-07-28, Versioning). HTTP status 400.
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;

/// There is no such resource: up to 2025-11-25, then [`INVALID_PARAMS`].
pub const RESOURCE_NOT_FOUND: i64 = -32002;

/// The user has to visit a page first: 2025-11-25 only.
pub const URL_ELICITATION_REQUIRED: i64 = -32042;

/// The codes that JSON-RPC 2.0 section 5.1 keeps for itself and its implementations.
pub const RESERVED: RangeInclusive<i64> = -32768..=-32000;

/// Whether only a server of the modern era answers with this code, so that a client of both eras
/// which sees it will not fall back to `initialize` (MCP 2026-07-28, Versioning, Backward
/// Compatibility).
#[must_use]
pub const fn is_modern_only(code: i64) -> bool {
    matches!(code, HEADER_MISMATCH | MISSING_REQUIRED_CLIENT_CAPABILITY | UNSUPPORTED_PROTOCOL_VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_the_codes_of_the_protocol_when_compared_then_all_are_reserved_and_three_are_modern() {
        let legacy = [
            PARSE_ERROR,
            INVALID_REQUEST,
            METHOD_NOT_FOUND,
            INVALID_PARAMS,
            INTERNAL_ERROR,
            RESOURCE_NOT_FOUND,
            URL_ELICITATION_REQUIRED,
        ];
        for code in legacy {
            assert!(RESERVED.contains(&code) && !is_modern_only(code));
        }
        for code in -32022..=-32020 {
            assert!(RESERVED.contains(&code) && is_modern_only(code));
        }
    }
}
