//! The pods of a gateway: how many, with which rights, and how they come and go without a failed call.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, Lifecycle, LifecycleHandler,
    LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, SecurityContext, SleepAction, TopologySpreadConstraint,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::volumes::{
    CONFIG_DIRECTORY, CONFIG_MAPS_DIRECTORY, JOURNAL_DIRECTORY, JOURNAL_LIMIT_MEBIBYTES, KEYS_DIRECTORY,
    KUBERNETES_DIRECTORY, SECRETS_DIRECTORY, TLS_DIRECTORY, TOKENS_DIRECTORY, has_tokens, volumes,
};
use super::{CONNECTION_ANNOTATION, RenderOptions, labels, metadata, selector, texts};
use crate::scale::Scale;
use crate::valid::{ADMIN_PORT, GATEWAY_PORT, Tls, ValidConnection};

pub(super) const SERVE_PORT_NAME: &str = "mcp";
const ADMIN_PORT_NAME: &str = "admin";
/// The user of the image, which is no root.
const USER: i64 = 65532;
/// How long a pod that is to end still takes calls, in seconds, until every node knows that it ends.
const DRAIN_SECONDS: i64 = 5;
/// How long a gateway has after its last call, in seconds, to write its records.
const FINISH_SECONDS: i64 = 10;
/// How many messages of the largest size fit into memory at once, and what the gateway needs beside them.
const MESSAGES_IN_MEMORY: u64 = 16;
const BASE_MEMORY_MEBIBYTES: u64 = 192;
const MEBIBYTE: u64 = 1024 * 1024;

pub(super) fn deployment(connection: &ValidConnection, options: &RenderOptions) -> Deployment {
    Deployment {
        metadata: metadata(connection),
        spec: Some(DeploymentSpec {
            // Where an autoscaler chooses, the number is none of what is applied.
            replicas: match connection.gateway.scale {
                Scale::Fixed(replicas) => Some(replicas.get()),
                Scale::Automatic(_) => None,
            },
            revision_history_limit: Some(3),
            selector: selector(connection),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(1)),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels(connection)),
                    annotations: Some(texts([(CONNECTION_ANNOTATION, connection.name.as_str())])),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(connection, options)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// One pod at a time may be taken away on purpose; one that is not ready, always.
pub(super) fn pod_disruption_budget(connection: &ValidConnection) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: metadata(connection),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(selector(connection)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

fn pod(connection: &ValidConnection, options: &RenderOptions) -> PodSpec {
    let (volumes, mounts) = volumes(connection, options);
    let longest_call = connection.upstream.call_timeout.seconds();
    let spread = |key: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(selector(connection)),
        match_label_keys: Some(vec!["pod-template-hash".to_owned()]),
        ..TopologySpreadConstraint::default()
    };
    let pull_secrets = options.image_pull_secrets.iter();
    let pull_secrets: Vec<_> = pull_secrets.map(|name| LocalObjectReference { name: name.clone() }).collect();
    PodSpec {
        image_pull_secrets: Some(pull_secrets).filter(|secrets| !secrets.is_empty()),
        service_account_name: Some(connection.child.as_str().to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(DRAIN_SECONDS + longest_call + FINISH_SECONDS),
        topology_spread_constraints: Some(vec![
            spread("kubernetes.io/hostname"),
            spread("topology.kubernetes.io/zone"),
        ]),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..PodSecurityContext::default()
        }),
        containers: vec![Container { volume_mounts: Some(mounts), ..container(connection, options) }],
        volumes: Some(volumes),
        ..PodSpec::default()
    }
}

fn container(connection: &ValidConnection, options: &RenderOptions) -> Container {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    Container {
        name: "gateway".to_owned(),
        image: Some(options.gateway_image.clone()),
        image_pull_policy: options.image_pull_policy.clone(),
        args: Some(arguments(connection)),
        // What it said last stays in the pod's status, for `lychgate doctor` and `kubectl describe`.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        env: Some(vec![EnvVar {
            name: "POD_NAME".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.name".to_owned(),
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        }]),
        ports: Some(vec![port(SERVE_PORT_NAME, GATEWAY_PORT), port(ADMIN_PORT_NAME, ADMIN_PORT)]),
        readiness_probe: Some(probe("/readyz", 2)),
        liveness_probe: Some(probe("/healthz", 10)),
        lifecycle: Some(Lifecycle {
            // The image has no shell, so that the kubelet itself waits.
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: DRAIN_SECONDS }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        resources: Some(resources(connection)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn arguments(connection: &ValidConnection) -> Vec<String> {
    let longest_call = connection.upstream.call_timeout.seconds().to_string();
    let limit = JOURNAL_LIMIT_MEBIBYTES.to_string();
    let serve = format!("0.0.0.0:{GATEWAY_PORT}");
    let admin = format!("0.0.0.0:{ADMIN_PORT}");
    let certificate: &[&str] = match connection.gateway.tls {
        Tls::Operator | Tls::Secret(_) => &["--tls-dir", TLS_DIRECTORY],
        Tls::Disabled => &["--plaintext"],
    };
    let tokens: &[&str] = if has_tokens(connection) { &["--tokens-dir", TOKENS_DIRECTORY] } else { &[] };
    let watched = ["--watch-config-map", connection.child.as_str()];
    let watch: &[&str] = if connection.gateway.watches { &watched } else { &[] };
    let kubernetes: &[&str] =
        if connection.needs_api_server() { &["--kubernetes-dir", KUBERNETES_DIRECTORY] } else { &[] };
    let directories = [
        "--config-dir",
        CONFIG_DIRECTORY,
        "--secrets-dir",
        SECRETS_DIRECTORY,
        "--config-maps-dir",
        CONFIG_MAPS_DIRECTORY,
        "--keys-dir",
        KEYS_DIRECTORY,
    ];
    let rest = [
        "--listen",
        &serve,
        "--admin-listen",
        &admin,
        "--journal-dir",
        JOURNAL_DIRECTORY,
        "--journal-limit-mebibytes",
        &limit,
        "--replica",
        "$(POD_NAME)",
        "--drain-seconds",
        &longest_call,
    ];
    let asked = watch.iter().chain(kubernetes);
    let arguments = directories.iter().chain(certificate).chain(tokens).chain(asked).chain(&rest);
    arguments.map(|argument| (*argument).to_owned()).collect()
}

fn probe(path: &str, period_seconds: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ADMIN_PORT_NAME.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

/// No limit of CPU, which would only delay calls; a limit of memory that grows with the largest message.
fn resources(connection: &ValidConnection) -> ResourceRequirements {
    let messages = (connection.message_bytes.get() * MESSAGES_IN_MEMORY).div_ceil(MEBIBYTE);
    let quantity = |name: &str, value: String| (name.to_owned(), Quantity(value));
    ResourceRequirements {
        requests: Some(
            [quantity("cpu", connection.gateway.cpu.quantity()), quantity("memory", "64Mi".to_owned())]
                .into(),
        ),
        limits: Some([quantity("memory", format!("{}Mi", BASE_MEMORY_MEBIBYTES + messages))].into()),
        ..ResourceRequirements::default()
    }
}
