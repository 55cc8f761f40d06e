//! Secrets, ConfigMaps and Services that objects name: whether they exist and hold what they should.

use std::collections::BTreeMap;

use lychgate_crds::Reason;
use lychgate_gateway_policy::destination::{ALLOWED_HOSTS_KEY, admits};
use url::Url;

use super::{Options, names_in};
use crate::inventory::{Entry, Inventory};
use crate::problem::{Finding, ObjectKey};
use crate::secret::SecretValue;
use crate::service::Service;
use crate::suggest::nearest;

/// Begins every certificate in PEM (RFC 7468).
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
/// The keys of a Secret of type kubernetes.io/tls.
const CERTIFICATE_KEYS: [&str; 2] = ["tls.crt", "tls.key"];

/// Looks references up in an inventory.
pub(super) struct References<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) options: &'a Options,
    pub(super) namespace: &'a str,
}

impl<'a> References<'a> {
    /// Checks a reference to certificate authorities, at the field `path`.
    pub(super) fn check_authorities(&self, path: &str, name: &str, key: &str) -> Option<Finding> {
        let found = self.find("ConfigMap", &format!("{path}.name"), name, &self.inventory.config_maps);
        let data = match found {
            Ok(entry) => entry?.spec.as_ref()?,
            Err(finding) => return Some(finding),
        };
        match data.get(key) {
            None => Some(missing_key("ConfigMap", path, name, key, data.keys())),
            Some(text) if text.contains(CERTIFICATE) => None,
            Some(_) => {
                let message =
                    format!("{key} of ConfigMap {name} holds no certificate; write them there in PEM");
                Some(Finding::new(format!("{path}.key"), Reason::RefInvalid, message))
            }
        }
    }

    /// Checks that a Secret holds a certificate. `path` is the field with its name.
    pub(super) fn check_certificate(&self, path: &str, name: &str) -> Option<Finding> {
        let data = match self.secret(path, name) {
            Ok(data) => data?,
            Err(finding) => return Some(finding),
        };
        let missing: Vec<&str> =
            CERTIFICATE_KEYS.into_iter().filter(|key| !data.contains_key(*key)).collect();
        let message =
            format!("Secret {name} has no key {}; add what is missing", missing.join(" and no key "));
        (!missing.is_empty()).then(|| Finding::new(path, Reason::RefNotFound, message))
    }

    /// Checks that a Secret has a key and says that it may go to `upstream`.
    pub(super) fn check_credential(
        &self,
        path: &str,
        name: &str,
        key: &str,
        upstream: Option<&Url>,
    ) -> Vec<Finding> {
        let data = match self.secret(&format!("{path}.name"), name) {
            Ok(Some(data)) => data,
            Ok(None) => return Vec::new(),
            Err(finding) => return vec![finding],
        };
        let mut findings = Vec::new();
        if !data.contains_key(key) {
            findings.push(missing_key("Secret", path, name, key, data.keys()));
        }
        findings.extend(upstream.and_then(|upstream| check_host(path, name, data, upstream)));
        findings
    }

    /// Checks that a Secret has a key whose value is legal, as `check` says in a clause that follows its name.
    pub(super) fn check_value(
        &self,
        path: &str,
        name: &str,
        key: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<Finding> {
        let data = match self.secret(&format!("{path}.name"), name) {
            Ok(data) => data?,
            Err(finding) => return Some(finding),
        };
        let Some(value) = data.get(key) else {
            return Some(missing_key("Secret", path, name, key, data.keys()));
        };
        let wrong = check(&String::from_utf8_lossy(value.expose())).err()?;
        let message = format!("{key} of Secret {name} {wrong}");
        Some(Finding::new(format!("{path}.key"), Reason::RefInvalid, message))
    }

    /// A Service; nothing if it is not here and may be elsewhere.
    pub(super) fn service(&self, name: &str) -> Result<Option<&'a Service>, Finding> {
        let path = "spec.upstream.serviceRef.name";
        let entry = self.find("Service", path, name, &self.inventory.services)?;
        Ok(entry.and_then(|entry| entry.spec.as_ref()))
    }

    /// The data of a Secret; nothing if it is not here and may be elsewhere.
    fn secret(&self, path: &str, name: &str) -> Result<Option<&'a BTreeMap<String, SecretValue>>, Finding> {
        let entry = self.find("Secret", path, name, &self.inventory.secrets)?;
        Ok(entry.and_then(|entry| entry.spec.as_ref()))
    }

    fn find<Spec>(
        &self,
        kind: &str,
        path: &str,
        name: &str,
        entries: &'a [Entry<Spec>],
    ) -> Result<Option<&'a Entry<Spec>>, Finding> {
        let key = ObjectKey::new(kind, self.namespace, name);
        match entries.iter().find(|entry| entry.key == key) {
            Some(entry) if entry.broken => {
                let message = format!("{key} is invalid; mend that first");
                Err(Finding::new(path, Reason::RefInvalid, message))
            }
            Some(entry) => Ok(Some(entry)),
            None => {
                let known = names_in(self.namespace, entries.iter().map(|entry| &entry.key));
                let is_odd = kind != "ConfigMap" && !known.is_empty();
                let message = not_found(&key, known);
                let Options { complete, knows_services, .. } = self.options;
                let is_missing = if kind == "Service" { *knows_services } else { *complete };
                if is_missing {
                    Err(Finding::new(path, Reason::RefNotFound, message))
                } else if is_odd {
                    // Who keeps some beside the other manifests most likely misspelt this one.
                    Err(Finding::warning(path, Reason::RefNotFound, message))
                } else {
                    Ok(None)
                }
            }
        }
    }
}

/// What to say of an object that does not exist.
pub(super) fn not_found<'a>(key: &ObjectKey, known: impl IntoIterator<Item = &'a str>) -> String {
    let ObjectKey { kind, namespace, name } = key;
    let missing = format!("there is no {kind} {name} in the namespace {namespace}");
    match nearest(name, known) {
        Some(near) => format!("{missing}; did you mean {near}?"),
        None => format!("{missing}; create it, or name another"),
    }
}

fn missing_key<'a>(
    kind: &str,
    path: &str,
    name: &str,
    key: &str,
    known: impl Iterator<Item = &'a String>,
) -> Finding {
    let missing = format!("{kind} {name} has no key {key}");
    let message = match nearest(key, known.map(String::as_str)) {
        Some(near) => format!("{missing}; did you mean {near}?"),
        None => format!("{missing}; add it, or name another"),
    };
    Finding::new(format!("{path}.key"), Reason::RefNotFound, message)
}

/// A Secret goes only where it says itself that it may.
fn check_host(
    path: &str,
    name: &str,
    data: &BTreeMap<String, SecretValue>,
    upstream: &Url,
) -> Option<Finding> {
    let allowed = data.get(ALLOWED_HOSTS_KEY).map(SecretValue::expose).unwrap_or_default();
    if admits(&String::from_utf8_lossy(allowed), upstream) {
        return None;
    }
    let host = upstream.host_str().unwrap_or_default();
    let line = match upstream.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let message = format!(
        "Secret {name} may not be sent to {host}; if it may, add the line {line} to its key {ALLOWED_HOSTS_KEY}"
    );
    Some(Finding::new(path, Reason::HostNotAllowed, message))
}
