//! Whether the admission policies of an installation are in force.
//!
//! A ValidatingAdmissionPolicy that fails to compile, or is not active yet, guards nothing, and says so to
//! nobody. Each policy of the chart carries a canary: an object that it must refuse. The check creates it as a
//! dry run until it is refused, by that very policy.

use std::time::{Duration, Instant};

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::Value;

use crate::apply::api_resource;

/// Marks the policies that are checked.
pub const GUARD_LABEL: &str = "lychgate.dev/guard=true";
/// The annotation with the object that a policy must refuse, as JSON.
pub const CANARY_ANNOTATION: &str = "lychgate.dev/canary";
/// The annotation with the plural of the canary's kind.
pub const CANARY_RESOURCE_ANNOTATION: &str = "lychgate.dev/canary-resource";
/// The API of admission policies.
const API_VERSION: &str = "admissionregistration.k8s.io/v1";
/// How long to wait before a canary is sent again.
const PAUSE: Duration = Duration::from_millis(500);

/// Why the policies are not in force.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The API server cannot be asked.
    #[error("the API server: {0}")]
    Api(String),
    /// There is none.
    #[error(
        "no ValidatingAdmissionPolicy is labelled {GUARD_LABEL}; install the chart with admissionPolicies.enabled"
    )]
    None,
    /// One is not there.
    #[error(
        "the policy {policy} is not there, though the installation should have made it; upgrade or install it again"
    )]
    Missing {
        /// The policy.
        policy: String,
    },
    /// The one that turns a decision into a vote is not bound.
    #[error("the policy {policy} is not in force: {problem}; install or upgrade the chart again")]
    NotBound {
        /// The policy.
        policy: String,
        /// What is wrong with its binding.
        problem: String,
    },
    /// One has no canary that can be sent.
    #[error("the policy {policy} has no usable canary: {problem}")]
    Canary {
        /// The policy.
        policy: String,
        /// What is wrong with it.
        problem: String,
    },
    /// One does not compile.
    #[error("the policy {policy} does not compile: {warnings}")]
    Compile {
        /// The policy.
        policy: String,
        /// The API server's words.
        warnings: String,
    },
    /// One lets its canary pass.
    #[error("the policy {policy} is not in force: {problem}")]
    NotInForce {
        /// The policy.
        policy: String,
        /// What happened to the canary.
        problem: String,
    },
}

/// Waits until the policies of these names, or without any all that are labelled, refuse their canaries. `mailbox` is
/// the name of the policy that turns a decision into a vote, where there must be one: it refuses nothing, so that it
/// and its binding are looked at.
///
/// # Errors
/// One does not within `timeout`, or cannot, or does not exist.
pub async fn check(timeout: Duration, names: &[String], mailbox: Option<&str>) -> Result<(), AdmissionError> {
    let client = Client::try_default().await.map_err(|error| AdmissionError::Api(crate::chain(&error)))?;
    let deadline = Instant::now() + timeout;
    for policy in policies(&client, names).await? {
        wait_until_refused(&client, &policy, deadline).await?;
        wait_until_compiled(&client, &policy, deadline).await?;
        tracing::info!(policy = policy.name_any(), "in force");
    }
    if let Some(mailbox) = mailbox {
        check_mailbox(&client, mailbox).await?;
        tracing::info!(policy = mailbox, "there and bound");
    }
    Ok(())
}

/// Whether the policy that turns a decision into a vote is there, and bound as the chart binds it: under its own name.
/// The API server takes none that does not compile.
async fn check_mailbox(client: &Client, name: &str) -> Result<(), AdmissionError> {
    let get = async |kind: &str, plural: &str| {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &api_resource(API_VERSION, kind, plural));
        api.get_opt(name).await.map_err(|error| AdmissionError::Api(crate::chain(&error)))
    };
    if get("MutatingAdmissionPolicy", "mutatingadmissionpolicies").await?.is_none() {
        return Err(AdmissionError::Missing { policy: name.to_owned() });
    }
    let unbound = |problem: &str| {
        Err(AdmissionError::NotBound { policy: name.to_owned(), problem: problem.to_owned() })
    };
    let Some(binding) = get("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings").await?
    else {
        return unbound("its MutatingAdmissionPolicyBinding is not there");
    };
    if binding.data.pointer("/spec/policyName").and_then(Value::as_str) != Some(name) {
        return unbound("its MutatingAdmissionPolicyBinding binds another policy");
    }
    Ok(())
}

async fn policies(
    client: &Client,
    names: &[String],
) -> Result<Vec<ValidatingAdmissionPolicy>, AdmissionError> {
    let api: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let unreachable = |error: kube::Error| AdmissionError::Api(crate::chain(&error));
    if names.is_empty() {
        let listed = api.list(&ListParams::default().labels(GUARD_LABEL)).await.map_err(unreachable)?;
        return if listed.items.is_empty() { Err(AdmissionError::None) } else { Ok(listed.items) };
    }
    let mut policies = Vec::new();
    for name in names {
        let policy = api.get_opt(name).await.map_err(unreachable)?;
        policies.push(policy.ok_or_else(|| AdmissionError::Missing { policy: name.clone() })?);
    }
    Ok(policies)
}

/// Waits until the API server has looked for mistakes in a policy. It does so once the policy is there, and
/// nothing depends on it: where that takes too long, the canary's refusal must do.
async fn wait_until_compiled(
    client: &Client,
    policy: &ValidatingAdmissionPolicy,
    deadline: Instant,
) -> Result<(), AdmissionError> {
    let name = policy.name_any();
    let api: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    loop {
        let policy = api.get(&name).await.map_err(|error| AdmissionError::Api(crate::chain(&error)))?;
        let checked = policy.status.as_ref().and_then(|status| status.observed_generation);
        if checked.is_some() && checked >= policy.metadata.generation {
            return check_compiled(&policy);
        }
        if Instant::now() >= deadline {
            tracing::warn!(policy = name, "nobody has looked for mistakes in it");
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn check_compiled(policy: &ValidatingAdmissionPolicy) -> Result<(), AdmissionError> {
    let status = policy.status.as_ref();
    let warnings = status.and_then(|status| status.type_checking.as_ref()?.expression_warnings.as_ref());
    let warnings: Vec<String> = warnings
        .into_iter()
        .flatten()
        .map(|warning| format!("{}: {}", warning.field_ref, warning.warning))
        .collect();
    if warnings.is_empty() {
        return Ok(());
    }
    Err(AdmissionError::Compile { policy: policy.name_any(), warnings: warnings.join("; ") })
}

async fn wait_until_refused(
    client: &Client,
    policy: &ValidatingAdmissionPolicy,
    deadline: Instant,
) -> Result<(), AdmissionError> {
    let name = policy.name_any();
    let (api, canary) =
        canary(client, policy).map_err(|problem| AdmissionError::Canary { policy: name.clone(), problem })?;
    let parameters = PostParams { dry_run: true, field_manager: None };
    loop {
        let problem = match api.create(&parameters, &canary).await {
            Ok(_) => {
                "it admits its canary; look whether its ValidatingAdmissionPolicyBinding is there".to_owned()
            }
            Err(kube::Error::Api(status)) if status.message.contains(&format!("'{name}'")) => {
                // A mistake in it refuses everything.
                if !status.message.contains("resulted in error") {
                    return Ok(());
                }
                format!("it refuses by mistake: {}", status.message)
            }
            Err(error) => format!("its canary was refused by somebody else: {}", crate::chain(&error)),
        };
        if Instant::now() >= deadline {
            return Err(AdmissionError::NotInForce { policy: name, problem });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn canary(
    client: &Client,
    policy: &ValidatingAdmissionPolicy,
) -> Result<(Api<DynamicObject>, DynamicObject), String> {
    let annotation = |name: &str| {
        let value = policy.annotations().get(name);
        value.ok_or_else(|| format!("there is no annotation {name}"))
    };
    let canary: Value =
        serde_json::from_str(annotation(CANARY_ANNOTATION)?).map_err(|error| error.to_string())?;
    let text = |pointer: &str| canary.pointer(pointer).and_then(Value::as_str);
    let api_version = text("/apiVersion").ok_or("it has no apiVersion")?;
    let kind = text("/kind").ok_or("it has no kind")?;
    let resource = api_resource(api_version, kind, annotation(CANARY_RESOURCE_ANNOTATION)?);
    let api = match text("/metadata/namespace") {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let object = serde_json::from_value(canary).map_err(|error| error.to_string())?;
    Ok((api, object))
}
