//! The values of the chart: each is commented, stands in the README, is held to its type, and does something.

use std::process::Command;
use std::sync::LazyLock;

use lychgate_tests_cluster::binary;
use serde_json::Value;

use super::{folder, images, render, run, try_render};

const BEGIN: &str = "<!-- values: begin -->\n";
const END: &str = "<!-- values: end -->\n";

/// A value as `values.yaml` says it: its path, its default and its comment.
struct Documented {
    path: String,
    default: String,
    comment: String,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn defaults() -> Value {
    serde_yaml::from_str(&read("values.yaml")).unwrap()
}

/// Everything that has a comment right above it, in the order of the file.
fn documented() -> Vec<Documented> {
    let defaults = defaults();
    let (mut found, mut comment, mut path) = (Vec::new(), Vec::new(), Vec::<String>::new());
    for line in read("values.yaml").lines() {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 2;
        if let Some(words) = text.strip_prefix('#') {
            comment.push(words.trim().to_owned());
        } else if let Some((key, _)) = text.split_once(':').filter(|_| !text.is_empty()) {
            path.truncate(depth);
            path.push(key.to_owned());
            let pointer = format!("/{}", path.join("/"));
            if !comment.is_empty() {
                let default = defaults.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
                found.push(Documented {
                    path: path.join("."),
                    default: default.to_string(),
                    comment: comment.join(" "),
                });
            }
            comment.clear();
        } else {
            // A comment with an empty line below it speaks of the file.
            comment.clear();
        }
    }
    found
}

/// The paths of everything that is no object with members, as `a.b.c`.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object().filter(|members| !members.is_empty()) {
        Some(members) => {
            for (key, member) in members {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(member, &below, found);
            }
        }
        None => found.push(path.to_owned()),
    }
}

#[test]
fn every_value_is_commented_and_the_readme_has_it() {
    let documented = documented();
    let mut all = Vec::new();
    leaves(&defaults(), "", &mut all);
    for leaf in &all {
        let covered = documented
            .iter()
            .any(|value| *leaf == value.path || leaf.starts_with(&format!("{}.", value.path)));
        assert!(covered, "values.yaml has no comment above {leaf}");
    }
    let mut table = "| value | default | what it says |\n| --- | --- | --- |\n".to_owned();
    for Documented { path, default, comment } in &documented {
        let comment = comment.replace('|', "\\|");
        table.push_str(&format!("| `{path}` | `{default}` | {comment} |\n"));
    }
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the README marks where the table begins");
    let (_, after) = rest.split_once(END).expect("the README marks where the table ends");
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(folder().join("README.md"), &expected).unwrap();
        return;
    }
    assert!(readme == expected, "the table in README.md is not what values.yaml says; run `make golden`");
}

/// For every value one that is not its default, and what it needs beside it.
const OTHERS: &[(&str, &str)] = &[
    ("watchNamespaces", "watchNamespaces: [agents]"),
    ("secretAccess.watchNamespaces", "secretAccess: {watchNamespaces: [agents]}"),
    ("operator.image.repository", "operator: {image: {repository: registry.example.com:5000/operator}}"),
    ("operator.image.tag", "operator: {image: {tag: 1.2.3}}"),
    (
        "operator.image.digest",
        "operator: {image: {digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000001'}}",
    ),
    ("operator.image.pullPolicy", "operator: {image: {pullPolicy: Always}}"),
    ("operator.imagePullSecrets", "operator: {imagePullSecrets: [registry]}"),
    ("operator.replicas", "operator: {replicas: 1}"),
    ("operator.logLevel", "operator: {logLevel: debug}"),
    ("operator.extraArgs", "operator: {extraArgs: ['--lease-seconds=30']}"),
    ("operator.extraEnv", "operator: {extraEnv: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}]}"),
    ("operator.extraVolumes", "operator: {extraVolumes: [{name: more, emptyDir: {}}]}"),
    (
        "operator.extraVolumeMounts",
        "operator: {extraVolumes: [{name: more, emptyDir: {}}], extraVolumeMounts: [{name: more, mountPath: /more}]}",
    ),
    ("operator.resources.requests.cpu", "operator: {resources: {requests: {cpu: 1}}}"),
    ("operator.resources.requests.memory", "operator: {resources: {requests: {memory: 1Gi}}}"),
    ("operator.resources.limits.memory", "operator: {resources: {limits: {memory: 1Gi}}}"),
    ("operator.podLabels", "operator: {podLabels: {team: platform}}"),
    ("operator.podAnnotations", "operator: {podAnnotations: {team: platform}}"),
    ("operator.nodeSelector", "operator: {nodeSelector: {kubernetes.io/os: linux}}"),
    ("operator.tolerations", "operator: {tolerations: [{key: infra, operator: Exists}]}"),
    (
        "operator.affinity",
        "operator: {affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: \
         [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}]}}}",
    ),
    (
        "operator.topologySpreadConstraints",
        "operator: {topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, whenUnsatisfiable: DoNotSchedule}]}",
    ),
    ("operator.priorityClassName", "operator: {priorityClassName: system-cluster-critical}"),
    ("serviceAccount.annotations", "serviceAccount: {annotations: {team: platform}}"),
    ("gateway.image.repository", "gateway: {image: {repository: registry.example.com/gateway}}"),
    ("gateway.image.tag", "gateway: {image: {tag: 1.2.3}}"),
    (
        "gateway.image.digest",
        "gateway: {image: {digest: 'sha256:0000000000000000000000000000000000000000000000000000000000000002'}}",
    ),
    ("gateway.image.pullPolicy", "gateway: {image: {pullPolicy: Never}}"),
    ("gateway.imagePullSecrets", "gateway: {imagePullSecrets: [registry]}"),
    ("apiServer.ports", "apiServer: {ports: [8443]}"),
    ("apiServer.audiences", "apiServer: {audiences: ['https://api.example.com']}"),
    ("crds.install", "crds: {install: false}"),
    ("crds.keep", "crds: {keep: false}"),
    ("crds.annotations", "crds: {annotations: {team: platform}}"),
    ("userRoles.create", "userRoles: {create: false}"),
    ("admissionPolicies.enabled", "admissionPolicies: {enabled: false}"),
    ("admissionPolicies.excludedNamespaces", "admissionPolicies: {excludedNamespaces: []}"),
    ("admissionPolicies.controllers", "admissionPolicies: {controllers: ['system:cloud']}"),
    ("admissionPolicies.mailbox", "admissionPolicies: {mailbox: Always}"),
    ("admissionPolicies.check.enabled", "admissionPolicies: {check: {enabled: false}}"),
    ("admissionPolicies.check.timeoutSeconds", "admissionPolicies: {check: {timeoutSeconds: 5}}"),
    ("podDisruptionBudget.enabled", "podDisruptionBudget: {enabled: false}"),
    ("networkPolicy.enabled", "networkPolicy: {enabled: false}"),
    ("networkPolicy.metricsFrom", "networkPolicy: {metricsFrom: [{namespaceSelector: {}}]}"),
    ("networkPolicy.restrictEgress", "networkPolicy: {restrictEgress: true}"),
    ("metrics.service.enabled", "metrics: {service: {enabled: false}}"),
    ("metrics.serviceMonitor.enabled", "metrics: {serviceMonitor: {enabled: true}}"),
    ("metrics.serviceMonitor.interval", "metrics: {serviceMonitor: {enabled: true, interval: 5s}}"),
    (
        "metrics.serviceMonitor.labels",
        "metrics: {serviceMonitor: {enabled: true, labels: {release: prometheus}}}",
    ),
];

/// What is rendered with one of them each: the value's path, and the objects.
pub fn rendered_others() -> &'static [(&'static str, Vec<Value>)] {
    static RENDERED: LazyLock<Vec<(&str, Vec<Value>)>> =
        LazyLock::new(|| OTHERS.iter().map(|(path, values)| (*path, render(values))).collect());
    &RENDERED
}

#[test]
fn every_value_does_something() {
    let mut all = Vec::new();
    leaves(&defaults(), "", &mut all);
    let mut listed: Vec<&str> = OTHERS.iter().map(|(path, _)| *path).collect();
    all.sort();
    listed.sort_unstable();
    assert_eq!(all, listed, "each value has another in OTHERS");
    let monitor = render("metrics: {serviceMonitor: {enabled: true}}");
    let plain = render("");
    for (path, objects) in rendered_others() {
        let is_of_monitor = path.starts_with("metrics.serviceMonitor.") && !path.ends_with("enabled");
        let base = if is_of_monitor { &monitor } else { &plain };
        assert!(objects != base, "{path} changes nothing");
    }
}

#[test]
fn wrong_values_are_refused_with_their_place() {
    for (values, place) in [
        ("watchNamespace: [a]", "watchNamespace"),
        ("watchNamespaces: a", "watchNamespaces"),
        ("watchNamespaces: ['*']", "watchNamespaces"),
        ("watchNamespaces: [a, a]", "watchNamespaces"),
        ("secretAccess: {watchNamespaces: ['*', a]}", "secretAccess"),
        ("secretAccess: {namespaces: [a]}", "secretAccess"),
        ("operator: {replicas: two}", "replicas"),
        ("operator: {replicas: -1}", "replicas"),
        ("operator: {image: {digest: sha256:12}}", "digest"),
        ("operator: {image: {pullPolicy: Sometimes}}", "pullPolicy"),
        ("operator: {image: {tag: 1.2}}", "tag"),
        ("operator: {imagePullSecrets: [{name: a}]}", "imagePullSecrets"),
        ("operator: {extraEnv: [{value: a}]}", "extraEnv"),
        ("operator: {podLabels: {a: 1}}", "podLabels"),
        ("operator: {priorityClassName: A_B}", "priorityClassName"),
        ("operator: {affinity: []}", "affinity"),
        ("operator: {privileged: true}", "privileged"),
        ("gateway: {image: registry.example.com/gateway}", "image"),
        ("gateway: {image: {repository: Gateway}}", "repository"),
        ("apiServer: {ports: []}", "ports"),
        ("apiServer: {ports: [70000]}", "ports"),
        ("crds: {install: 'yes'}", "install"),
        ("admissionPolicies: {enabled: 1}", "enabled"),
        ("admissionPolicies: {excludedNamespaces: ['*']}", "excludedNamespaces"),
        (r#"admissionPolicies: {controllers: ["a' || 'b"]}"#, "controllers"),
        (r#"admissionPolicies: {controllers: ["a\\"]}"#, "controllers"),
        ("admissionPolicies: {mailbox: true}", "mailbox"),
        ("admissionPolicies: {check: {timeoutSeconds: 0}}", "timeoutSeconds"),
        ("networkPolicy: {metricsFrom: everywhere}", "metricsFrom"),
        ("metrics: {serviceMonitor: {interval: soon}}", "interval"),
        // What no schema can say, the templates do.
        ("metrics: {service: {enabled: false}, serviceMonitor: {enabled: true}}", "metrics.service.enabled"),
        (
            "{watchNamespaces: [a], secretAccess: {watchNamespaces: [b]}}",
            "secretAccess.watchNamespaces names b",
        ),
        (
            "admissionPolicies: {excludedNamespaces: [lychgate-system]}",
            "admissionPolicies.excludedNamespaces names lychgate-system",
        ),
        ("operator: {image: {repository: ''}}", "operator.image.repository is not set"),
        ("gateway: {image: {repository: ''}}", "gateway.image.repository is not set"),
    ] {
        let refused = try_render(values).expect_err(values);
        assert!(refused.contains(place), "{values}: {refused}");
    }
    try_render("global: {registry: a}").expect("charts that are part of another are given this");
}

#[test]
fn helm_finds_nothing_to_mend() {
    let mut command = Command::new(binary("helm"));
    command.args(["lint", "--strict"]).arg(folder()).arg("--values").arg(images());
    let (good, text) = run(command, "");
    assert!(good && text.contains("0 chart(s) failed"), "{text}");
}
