//! Whom a gateway tells of calls that wait: what can be wrong with that, and where messages may go.
//!
//! The URL of a receiver is often a secret as a whole. What the document says of it is its host, so that people can
//! see where messages go, and whoever writes the Secret cannot send them elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

use crate::compile::{Problem, is_plain_name};
use crate::config::{Notification, NotificationTemplate};
use crate::destination;

/// The most receivers of one connection.
pub const MAXIMUM_NOTIFICATIONS: usize = 4;

/// The root of a receiver's host.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_host(host: &str) -> Result<Url, String> {
    let url = Url::parse(&format!("https://{host}/")).ok();
    // Anything else would begin a path, a query, a fragment or a host behind a user name.
    let Some(url) = url.filter(|url| url.has_host() && !host.contains(['/', '\\', '?', '#', '@'])) else {
        return Err("write a host name, with a port if it is not 443, such as hooks.slack.com".to_owned());
    };
    if destination::is_api_server(&url) {
        return Err("is the cluster's own API server, which no message goes to; name the receiver".to_owned());
    }
    match destination::literal_address(&url).filter(|address| destination::is_refused(*address)) {
        Some(address) => Err(format!(
            "{address} is a link-local, metadata, multicast or unspecified address, which no message goes to; name \
             the receiver"
        )),
        None => Ok(url),
    }
}

/// The URL that a Secret holds, if it leads to `host`.
///
/// # Errors
/// What is wrong with it, as a clause that follows the Secret's name. No part of the URL is in it.
pub fn receiver(host: &str, url: &str) -> Result<Url, String> {
    let expected = parse_host(host)?;
    let url =
        Url::parse(url.trim()).map_err(|_| "is no URL; write the receiver's https URL into it".to_owned())?;
    if url.scheme() != "https" {
        return Err("is no https URL; messages travel over nothing else".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("is a URL with a user name or password, which is not sent; use one without".to_owned());
    }
    let is_same =
        url.host() == expected.host() && url.port_or_known_default() == expected.port_or_known_default();
    if is_same {
        Ok(url)
    } else {
        Err(format!("leads to another host than {host}; mend the one or the other"))
    }
}

/// How a signing key begins (Standard Webhooks, symmetric signatures).
const KEY_PREFIX: &str = "whsec_";
/// The lengths of a signing key, in bytes (the same).
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The bytes of a signing key as a Secret holds it.
///
/// # Errors
/// What is wrong with it, as a clause that follows the Secret's name. No part of the key is in it.
pub fn signing_key(text: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let wrong = || "is no signing key; write whsec_ and 24 to 64 random bytes in base64 into it".to_owned();
    let encoded = text.trim().strip_prefix(KEY_PREFIX).ok_or_else(wrong)?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| wrong())?);
    if KEY_BYTES.contains(&bytes.len()) { Ok(bytes) } else { Err(wrong()) }
}

/// Finds all that is wrong with the receivers of a document.
pub(crate) fn check(notifications: &[Notification], problems: &mut Vec<Problem>) {
    if notifications.len() > MAXIMUM_NOTIFICATIONS {
        let message = format!("names more than {MAXIMUM_NOTIFICATIONS} receivers; remove some");
        problems.push(Problem::new("approval.notifications", message));
    }
    for (index, notification) in notifications.iter().enumerate() {
        let path = format!("approval.notifications[{index}]");
        let mut wrong = |member: &str, message: &str| {
            problems.push(Problem::new(format!("{path}.{member}"), message));
        };
        if let Err(message) = parse_host(&notification.host) {
            wrong("host", &message);
        }
        if notification.template == NotificationTemplate::Json && notification.signing_key.is_none() {
            wrong("signingKey", "missing; what is sent as Json is signed");
        }
        if notification.events.is_empty() {
            wrong("events", "is empty; name Asked, Decided or both");
        }
        let mut names = vec![("name", &notification.name)];
        names.extend([("url.secret", &notification.url.secret), ("url.key", &notification.url.key)]);
        if let Some(key) = &notification.signing_key {
            names.extend([("signingKey.secret", &key.secret), ("signingKey.key", &key.key)]);
        }
        if let Some(bundle) = &notification.ca {
            names.extend([("ca.configMap", &bundle.config_map), ("ca.key", &bundle.key)]);
        }
        for (member, _) in names.into_iter().filter(|(_, name)| !is_plain_name(name)) {
            wrong(member, "write letters, digits, '-', '_' and '.'; it names a file in the gateway");
        }
        if notifications.iter().take(index).any(|other| other.name == notification.name) {
            wrong("name", "stands twice; give each its own name");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{receiver, signing_key};
    use crate::config::{ConfigMapKey, Notification, NotificationEvent, NotificationTemplate, SecretKey};
    use crate::testing::{approval, approval_policy, config};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn notification() -> Notification {
        let key = |key: &str| SecretKey { secret: "oncall".into(), key: key.into() };
        Notification {
            name: "oncall".into(),
            host: "relay.example.com".into(),
            url: key("url"),
            ca: None,
            template: NotificationTemplate::Json,
            signing_key: Some(key("signing")),
            events: vec![NotificationEvent::Asked],
            arguments: false,
        }
    }

    #[test]
    fn only_an_https_url_of_the_named_host_is_a_receiver_and_no_refusal_repeats_it() {
        for (host, url, expected) in [
            ("hooks.slack.com", "https://hooks.slack.com/services/T0/B0/sesame", ""),
            ("hooks.slack.com", "  https://HOOKS.slack.com:443/services/T0/B0/sesame\n", ""),
            ("hooks.slack.com:443", "https://hooks.slack.com/services/T0/B0/sesame", ""),
            ("relay.ops.svc:8443", "https://relay.ops.svc:8443/sesame?a=b", ""),
            ("127.0.0.1:8443", "https://127.0.0.1:8443/sesame", ""),
            ("hooks.slack.com", "https://hooks.slack.com.evil.example/sesame", "another host"),
            ("hooks.slack.com", "https://evil.example/hooks.slack.com/sesame", "another host"),
            ("hooks.slack.com", "https://hooks.slack.com:8443/sesame", "another host"),
            ("hooks.slack.com", "https://hooks.slack.com@evil.example/sesame", "user name"),
            ("hooks.slack.com", "https://sesame@hooks.slack.com/", "user name"),
            ("hooks.slack.com", "http://hooks.slack.com/sesame", "no https URL"),
            ("hooks.slack.com", "sesame:hooks.slack.com", "no https URL"),
            ("hooks.slack.com", "sesame", "is no URL"),
            ("169.254.169.254", "https://169.254.169.254/sesame", "metadata"),
            ("kubernetes.default.svc", "https://kubernetes.default.svc/sesame", "API server"),
            ("hooks.slack.com/x", "https://hooks.slack.com/x", "write a host name"),
            ("a@hooks.slack.com", "https://hooks.slack.com/x", "write a host name"),
        ] {
            match receiver(host, url) {
                Ok(_) => assert_eq!(expected, "", "{host}: {url} was accepted"),
                Err(message) => {
                    assert!(!expected.is_empty() && message.contains(expected), "{host}: {url}: {message}");
                    assert!(!message.contains("sesame"), "{message}");
                }
            }
        }
    }

    #[test]
    fn only_a_key_of_standard_webhooks_is_a_signing_key() {
        let encoded = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for (text, expected) in [
            (encoded(24), true),
            (format!("{}\n", encoded(64)), true),
            (encoded(23), false),
            (encoded(65), false),
            ("whsec_sesame".to_owned(), false),
            (STANDARD.encode([7; 24]), false),
            (String::new(), false),
        ] {
            let read = signing_key(&text);
            assert_eq!(read.is_ok(), expected, "{text}");
            assert!(read.err().is_none_or(|message| !message.contains("sesame")));
        }
    }

    type Change = fn(&mut Vec<Notification>);

    #[test]
    fn every_wrong_value_is_found_at_its_place() {
        let cases: [(&str, Change); 9] = [
            ("", |all| {
                all[0].ca = Some(ConfigMapKey { config_map: "ca".into(), key: "ca.crt".into() });
            }),
            ("", |all| {
                (all[0].template, all[0].signing_key) = (NotificationTemplate::Slack, None);
            }),
            ("approval.notifications[0].signingKey", |all| all[0].signing_key = None),
            ("approval.notifications[0].host", |all| all[0].host = "https://relay.example.com".into()),
            ("approval.notifications[0].events", |all| all[0].events.clear()),
            ("approval.notifications[0].url.secret", |all| all[0].url.secret = "../keys".into()),
            ("approval.notifications[0].signingKey.key", |all| {
                all[0].signing_key.as_mut().unwrap().key = "/etc/passwd".into();
            }),
            ("approval.notifications[1].name", |all| all.push(notification())),
            ("approval.notifications", |all| {
                *all = (0..5)
                    .map(|number| Notification { name: number.to_string(), ..notification() })
                    .collect();
            }),
        ];
        for (path, change) in cases {
            let mut config = config();
            let mut written = approval(vec![approval_policy("one")]);
            written.notifications = vec![notification()];
            change(&mut written.notifications);
            config.approval = Some(written);
            let problems = crate::compile(config).err().unwrap_or_default();
            let found: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
            assert_eq!(found, Vec::from_iter((!path.is_empty()).then_some(path)));
        }
    }
}
