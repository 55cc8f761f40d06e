//! Receivers of messages about calls that wait: their hosts, and the Secrets that they name.

use lychgate_crds::Reason;
use lychgate_crds::connection::SecretKeyReference;
use lychgate_crds::gateway::McpGatewaySpec;
use lychgate_crds::notification::{Notification, NotificationEvent, NotificationTemplate, NotifiedArguments};
use lychgate_gateway_policy::config::{self, SecretKey};
use lychgate_gateway_policy::notification::{parse_host, receiver, signing_key};

use super::gateway::bundle;
use super::references::References;
use crate::problem::Finding;
use crate::valid::ValidNotification;
use crate::values::{DataKey, Hostname, Name};

/// Finds what is wrong with the receivers of a gateway, beside what their schema says.
pub(super) fn check(spec: &McpGatewaySpec, references: &References<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, notification) in spec.notifications.iter().enumerate() {
        let path = format!("spec.notifications[{index}]");
        let host = parse_host(&notification.host).err();
        findings
            .extend(host.map(|message| Finding::new(format!("{path}.host"), Reason::InvalidValue, message)));
        if let Some(ca) = &notification.ca_ref {
            findings.extend(references.check_authorities(&format!("{path}.caRef"), &ca.name, &ca.key));
        }
        let SecretKeyReference { name, key } = &notification.url_secret_ref;
        let is_receiver = |value: &str| receiver(&notification.host, value).map(|_| ());
        findings.extend(references.check_value(&format!("{path}.urlSecretRef"), name, key, is_receiver));
        if let Some(SecretKeyReference { name, key }) = &notification.signing_secret_ref {
            let path = format!("{path}.signingSecretRef");
            let is_key = |value: &str| signing_key(value).map(|_| ());
            findings.extend(references.check_value(&path, name, key, is_key));
        }
    }
    findings
}

/// The receivers, if nothing in them is illegal.
pub(super) fn build(spec: &McpGatewaySpec) -> Option<Vec<ValidNotification>> {
    spec.notifications.iter().map(build_one).collect()
}

fn build_one(notification: &Notification) -> Option<ValidNotification> {
    let Notification { name, host, url_secret_ref, ca_ref, template, signing_secret_ref, events, arguments } =
        notification;
    parse_host(host).ok()?;
    let ca = match ca_ref {
        Some(reference) => Some(bundle(reference)?),
        None => None,
    };
    let signing_key = match signing_secret_ref {
        Some(reference) => Some(secret_key(reference)?),
        None => None,
    };
    Some(ValidNotification {
        host: Hostname::parse(host)?,
        ca,
        config: config::Notification {
            name: name.clone(),
            host: host.clone(),
            url: secret_key(url_secret_ref)?,
            ca: ca_ref.as_ref().and_then(bundle).map(|bundle| bundle.to_config()),
            template: match template {
                NotificationTemplate::Json => config::NotificationTemplate::Json,
                NotificationTemplate::Slack => config::NotificationTemplate::Slack,
            },
            signing_key,
            events: events.iter().map(|event| self::event(*event)).collect(),
            arguments: *arguments == NotifiedArguments::Include,
        },
    })
}

fn event(event: NotificationEvent) -> config::NotificationEvent {
    match event {
        NotificationEvent::Asked => config::NotificationEvent::Asked,
        NotificationEvent::Decided => config::NotificationEvent::Decided,
    }
}

fn secret_key(reference: &SecretKeyReference) -> Option<SecretKey> {
    let SecretKeyReference { name, key } = reference;
    Some(SecretKey {
        secret: Name::parse(name)?.as_str().to_owned(),
        key: DataKey::parse(key)?.as_str().to_owned(),
    })
}
