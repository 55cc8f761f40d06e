//! What is injected: what can be wrong with the credentials of a document, and which of them are alternatives.
//!
//! A credential that a grant or an enforced CommandRule names is an alternative: it goes only where it is chosen, and
//! then in place of others for the same header. All others always go.

use super::{Problem, is_plain_name};
use crate::config::{CredentialSource, GatewayConfig, SecretKey};

/// The most credentials of one connection.
pub const MAXIMUM_CREDENTIALS: usize = 8;

/// Checks the credentials, and that those exist which are named elsewhere.
pub(super) fn check(config: &GatewayConfig, problems: &mut Vec<Problem>) {
    if config.credentials.len() > MAXIMUM_CREDENTIALS {
        let message = format!("has more than {MAXIMUM_CREDENTIALS} entries; make a second connection");
        problems.push(Problem::new("credentials", message));
    }
    check_each(config, problems);
    let alternatives = alternatives(config);
    for (index, credential) in config.credentials.iter().enumerate() {
        let header = &credential.inject.header;
        let always = |index: usize| alternatives.get(index) == Some(&false);
        let clashes = |(other, earlier): (usize, &crate::config::Credential)| {
            always(other)
                && earlier.name != credential.name
                && earlier.inject.header.eq_ignore_ascii_case(header)
        };
        if always(index) && config.credentials.iter().take(index).enumerate().any(clashes) {
            let message = format!(
                "goes into {header} as another does; name one of them in a grant or a rule, so that it is sent only \
                 where it is chosen"
            );
            problems.push(Problem::new(format!("credentials[{index}].inject.header"), message));
        }
    }
    for (path, name) in named(config) {
        if !config.credentials.iter().any(|credential| credential.name == name) {
            let message = format!("{name} is no credential of this connection; add it, or name another");
            problems.push(Problem::new(path, message));
        }
    }
}

/// For each credential, whether it is an alternative.
pub(super) fn alternatives(config: &GatewayConfig) -> Vec<bool> {
    let named = named(config);
    let is_named =
        |credential: &crate::config::Credential| named.iter().any(|(_, name)| *name == credential.name);
    config.credentials.iter().map(is_named).collect()
}

/// Every place that names a credential and counts, with the name.
fn named(config: &GatewayConfig) -> Vec<(String, &str)> {
    let mut named = Vec::new();
    for (index, grant) in config.access.iter().enumerate() {
        if let Some(name) = &grant.credential {
            named.push((format!("access[{index}].credential"), name.as_str()));
        }
    }
    for (index, rule) in config.commands.iter().enumerate().filter(|(_, rule)| !rule.audit) {
        for (clause, written) in rule.rules.iter().enumerate() {
            if let Some(name) = &written.credential {
                named.push((format!("commands[{index}].rules[{clause}].credential"), name.as_str()));
            }
        }
    }
    named
}

fn check_each(config: &GatewayConfig, problems: &mut Vec<Problem>) {
    for (index, credential) in config.credentials.iter().enumerate() {
        let path = format!("credentials[{index}]");
        if let Err(message) = check_header(&credential.inject.header) {
            problems.push(Problem::new(format!("{path}.inject.header"), message));
        }
        if let Err(message) = check_format(&credential.inject.format) {
            problems.push(Problem::new(format!("{path}.inject.format"), message));
        }
        let mut names = vec![("name", &credential.name)];
        match &credential.from {
            CredentialSource::SecretKeyRef(SecretKey { secret, key }) => {
                names.extend([("from.secretKeyRef.secret", secret), ("from.secretKeyRef.key", key)]);
            }
            CredentialSource::ServiceAccountToken(token) if token.audience.is_empty() => {
                let path = format!("{path}.from.serviceAccountToken.audience");
                problems
                    .push(Problem::new(path, "is empty; a token without audience is one for the API server"));
            }
            CredentialSource::ServiceAccountToken(_) => {}
        }
        for (member, value) in names {
            if !is_plain_name(value) {
                problems.push(Problem::new(
                    format!("{path}.{member}"),
                    "write letters, digits, '-', '_' and '.'; it names a file in the gateway",
                ));
            }
        }
        if config.credentials.iter().take(index).any(|other| other.name == credential.name) {
            problems.push(Problem::new(format!("{path}.name"), "stands twice; give each its own name"));
        }
    }
}

/// Headers that belong to the connection, to the message or to the protocol.
const RESERVED_HEADERS: [&str; 12] = [
    "accept",
    "accept-encoding",
    "connection",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What is wrong with the name of a header to inject, if anything is (RFC 9110, section 5.1).
///
/// # Errors
/// A sentence that says what to write instead.
pub fn check_header(name: &str) -> Result<(), String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("not a header name; write for example Authorization or X-Api-Key".to_owned());
    }
    let lower = name.to_ascii_lowercase();
    let reserved = RESERVED_HEADERS.contains(&lower.as_str())
        || ["content-", "mcp-", "proxy-", "sec-"].iter().any(|prefix| lower.starts_with(prefix));
    if reserved {
        return Err(format!("{name} belongs to the protocol; write for example Authorization or X-Api-Key"));
    }
    Ok(())
}

/// What is wrong with the format of an injected value, if anything is.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn check_format(format: &str) -> Result<(), String> {
    if format.matches("{value}").count() != 1 {
        return Err("write {value} exactly once, as in \"Bearer {value}\"".to_owned());
    }
    if format.chars().any(|character| !(' '..='~').contains(&character)) {
        return Err("holds a character that no header value may have; write printable ASCII".to_owned());
    }
    Ok(())
}
