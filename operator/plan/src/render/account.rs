//! Who a gateway is to the API server, and the one thing that it may say there.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use lychgate_crds::GROUP;

use super::metadata;
use crate::valid::ValidConnection;

/// The account of the pods. No token of it is mounted unless it is needed, and then by name: a gateway does
/// not need the API server to run.
pub(super) fn service_account(connection: &ValidConnection) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(connection),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// The verb `serve` exists nowhere but here: it says which connection this account speaks for, and no
/// account has it for another. Secrets and ConfigMaps are mounted, so that no right to read them is needed;
/// where they are watched, too, there is one for each by its name.
pub(super) fn role(connection: &ValidConnection) -> Role {
    let mut rules = vec![PolicyRule {
        api_groups: Some(vec![GROUP.to_owned()]),
        resources: Some(vec!["mcpconnections".to_owned()]),
        resource_names: Some(vec![connection.name.as_str().to_owned()]),
        verbs: vec!["serve".to_owned()],
        ..PolicyRule::default()
    }];
    if connection.has_approvals() {
        let approvals = ["create", "get", "list", "watch", "patch"];
        rules.push(approve("approvals", &approvals));
        rules.push(approve("approvals/status", &["get", "patch"]));
    }
    if connection.gateway.watches {
        rules.push(watch("configmaps", vec![connection.child.as_str().to_owned()]));
        let secrets: Vec<String> = connection.secrets().into_iter().map(|(name, _)| name).collect();
        // Without names, all Secrets of the namespace would be meant.
        if !secrets.is_empty() {
            rules.push(watch("secrets", secrets));
        }
    }
    Role { metadata: metadata(connection), rules: Some(rules) }
}

/// The right to make Approvals and to mark them used. No gateway can be held by it to those of its own connection;
/// the admission policies do that, by the verb `serve`. They refuse its votes, too: it patches as a dry run, to see
/// that they would.
fn approve(resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![GROUP.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

fn watch(resource: &str, names: Vec<String>) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(names),
        verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    }
}

pub(super) fn role_binding(connection: &ValidConnection) -> RoleBinding {
    let child = connection.child.as_str().to_owned();
    RoleBinding {
        metadata: metadata(connection),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "Role".to_owned(),
            name: child.clone(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: child,
            namespace: Some(connection.namespace.as_str().to_owned()),
            ..Subject::default()
        }]),
    }
}
