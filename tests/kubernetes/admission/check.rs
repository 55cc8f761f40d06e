//! The check that follows an installation: a policy that guards nothing is told by its name.

use std::fmt::Write as _;

use lychgate_tests_cluster::{Caller, Cluster};
use serde_json::Value;
use tokio::process::Command;

use super::pair;
use crate::chart::release::Release;
use crate::chart::rights::rights;
use crate::chart::{HOME, folder, images, name, objects, of_kind, render};
use crate::support::eventually;
use crate::support::process::{Finished, binary, finish};

/// How long a token is good for, in seconds.
const TOKEN_SECONDS: i64 = 3600;

/// Runs the check of a release as its Job would: with the account, the rights and the arguments that the chart gives
/// it, which Helm takes away again.
pub async fn of_release(release: &Release<'_>, values: &[&str]) -> Finished {
    let Release { cluster, home } = release;
    let (chart, images) = (folder(), images());
    let mut arguments = vec!["template", "lychgate", chart.to_str().unwrap(), "--namespace", home];
    arguments.extend(["--values", images.to_str().unwrap(), "--show-only", "templates/admission/check.yaml"]);
    // An installation asks the API server itself.
    arguments.extend(["--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"]);
    arguments.extend(values.iter().flat_map(|value| ["--set", value]));
    let text = cluster.helm(&arguments).succeed().await;
    let hooks = objects(&text);
    let job = of_kind(&hooks, "Job").next().unwrap();
    let rights: Vec<&str> = text.split("---\n").filter(|hook| !hook.contains("kind: Job\n")).collect();
    let rights = rights.join("---\n");
    cluster.apply_yaml_in(home, &rights).await;
    let pod = &job["spec"]["template"]["spec"];
    let arguments: Vec<String> = serde_json::from_value(pod["containers"][0]["args"].clone()).unwrap();
    let account = pod["serviceAccountName"].as_str().unwrap();
    let token = cluster.token(home, account, &[], TOKEN_SECONDS).await;
    let checked = run(cluster, &Caller::token(&token), &arguments).await;
    cluster.kubectl(&["delete", "-n", home, "-f", "-"]).input(&rights).succeed().await;
    checked
}

async fn run(cluster: &Cluster, caller: &Caller, arguments: &[String]) -> Finished {
    let mut command = Command::new(binary("lychgate-operator"));
    command.env("KUBECONFIG", cluster.kubeconfig(caller)).args(arguments);
    finish(command, "").await
}

/// A policy that is checked, with this expression, and maybe its binding.
fn policy(name: &str, expression: &str, is_bound: bool) -> String {
    let canary = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"{HOME}"}}}}"#
    );
    let mut text = format!(
        "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
  annotations: {{lychgate.dev/canary-resource: configmaps, lychgate.dev/canary: '{canary}'}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps], resourceNames: [{name}]}}
  validations:
  - {{expression: \"{expression}\", message: no}}
"
    );
    if is_bound {
        write!(
            text,
            "---\n{{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: \
             {{name: {name}}}, spec: {{policyName: {name}, validationActions: [Deny]}}}}\n"
        )
        .unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_missing_unbound_or_wrong_is_told_by_its_name() {
    let cluster = pair("ordinary").await.cluster;
    for (name, expression, is_bound) in [
        ("sound.check.example.com", "false", true),
        ("unbound.check.example.com", "false", false),
        // The first is a slip that only the types of a ConfigMap show, the second is never seen before it is run.
        ("misspelt.check.example.com", "object.metadata.name == '' && object.date == 'a'", true),
        ("mistaken.check.example.com", "dyn(object).date == 'a'", true),
    ] {
        cluster.apply_yaml(&policy(name, expression, is_bound)).await;
    }
    let check = async |names: &[&str], seconds: u32| {
        let mut arguments = vec!["check-admission".to_owned(), format!("--timeout-seconds={seconds}")];
        arguments.extend(names.iter().map(|name| format!("--policy={name}")));
        run(cluster, &Caller::Admin, &arguments).await
    };
    let sound = "sound.check.example.com";
    eventually("a sound policy to be in force", async || {
        let checked = check(&[sound], 30).await;
        assert_eq!(checked.code, 0, "{}", checked.output);
        checked.output.contains("in force").then_some(())
    })
    .await;
    for (name, says) in [
        ("missing.check.example.com", "is not there"),
        ("unbound.check.example.com", "is not in force: it admits its canary"),
        ("misspelt.check.example.com", "does not compile"),
        ("mistaken.check.example.com", "is not in force: it refuses by mistake"),
    ] {
        let checked = check(&[sound, name], 3).await;
        assert_eq!(checked.code, 1, "{name}: {}", checked.output);
        let says = format!("the policy {name} {says}");
        assert!(checked.output.contains(&says), "not `{says}`: {}", checked.output);
    }
}

/// A policy that turns something into something, and what binds it.
fn mailbox(name: &str, bound: &str) -> String {
    let mut text = format!(
        "
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules:
    - {{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps], resourceNames: [{name}]}}
  mutations:
  - {{patchType: JSONPatch, jsonPatch: {{expression: '[JSONPatch{{op: \"test\", path: \"/kind\", value: \"ConfigMap\"}}]'}}}}
"
    );
    if !bound.is_empty() {
        write!(
            text,
            "---\n{{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingAdmissionPolicyBinding, metadata: \
             {{name: {name}}}, spec: {{policyName: {bound}}}}}\n"
        )
        .unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_missing_or_not_bound_is_told_by_its_name() {
    let cluster = pair("ordinary").await.cluster;
    let names = ["sound", "unbound", "astray"].map(|name| format!("{name}.mailbox.example.com"));
    for (name, bound) in names.iter().zip([names[0].as_str(), "", names[0].as_str()]) {
        cluster.apply_yaml(&mailbox(name, bound)).await;
    }
    let missing = "missing.mailbox.example.com".to_owned();
    for (name, code, says) in [
        (&names[0], 0, "there and bound"),
        (&missing, 1, "is not there"),
        (&names[1], 1, "is not in force: its MutatingAdmissionPolicyBinding is not there"),
        (&names[2], 1, "is not in force: its MutatingAdmissionPolicyBinding binds another policy"),
    ] {
        let policy = "--policy=accounts.lychgate.dev".to_owned();
        let arguments = ["check-admission".to_owned(), policy, format!("--mailbox={name}")];
        let checked = run(cluster, &Caller::Admin, &arguments).await;
        assert_eq!(checked.code, code, "{name}: {}", checked.output);
        assert!(checked.output.contains(says) && checked.output.contains(name), "{}", checked.output);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_finds_no_mistake_in_the_policies() {
    let cluster = pair("ordinary").await.cluster;
    let guards = ["get", "validatingadmissionpolicy", "-l", "lychgate.dev/guard=true", "-o", "json"];
    let listed: Value = serde_json::from_str(&cluster.kubectl(&guards).succeed().await).unwrap();
    let guards = listed["items"].as_array().unwrap();
    assert_eq!(guards.len(), 8);
    for guard in guards {
        assert_eq!(guard["status"]["observedGeneration"], guard["metadata"]["generation"]);
        assert_eq!(guard["status"]["typeChecking"]["expressionWarnings"], Value::Null, "{guard}");
    }
}

#[test]
fn every_policy_has_a_binding_and_a_canary_that_the_check_may_create() {
    const CHECK: &str = "lychgate-operator-admission-check";
    for values in ["", "watchNamespaces: [agents]", "admissionPolicies: {mailbox: Always}"] {
        let objects = render(values);
        let policies: Vec<&Value> = of_kind(&objects, "ValidatingAdmissionPolicy").collect();
        let names: Vec<&str> = policies.iter().map(|policy| name(policy)).collect();
        let bindings = of_kind(&objects, "ValidatingAdmissionPolicyBinding");
        let bound: Vec<&str> =
            bindings.map(|binding| binding["spec"]["policyName"].as_str().unwrap()).collect();
        assert_eq!(bound, names);

        let job = of_kind(&objects, "Job").next().unwrap();
        let arguments = job["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
        let checked = arguments.iter().filter_map(|argument| argument.as_str()?.strip_prefix("--policy="));
        assert_eq!(checked.collect::<Vec<_>>(), names);

        let mut needed: Vec<String> = names
            .iter()
            .map(|name| format!("get admissionregistration.k8s.io/validatingadmissionpolicies {name}"))
            .collect();
        let mailboxes: Vec<&str> = of_kind(&objects, "MutatingAdmissionPolicy").map(name).collect();
        let checked = arguments.iter().filter_map(|argument| argument.as_str()?.strip_prefix("--mailbox="));
        assert_eq!(checked.collect::<Vec<_>>(), mailboxes);
        for (plural, name) in ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"]
            .into_iter()
            .flat_map(|plural| mailboxes.iter().map(move |name| (plural, name)))
        {
            needed.push(format!("get admissionregistration.k8s.io/{plural} {name}"));
        }
        for policy in policies {
            assert_eq!(policy["spec"]["failurePolicy"], "Fail");
            assert_eq!(policy["metadata"]["labels"]["lychgate.dev/guard"], "true");
            let annotations = &policy["metadata"]["annotations"];
            let canary: Value =
                serde_json::from_str(annotations["lychgate.dev/canary"].as_str().unwrap()).unwrap();
            assert_eq!(canary["metadata"]["namespace"], HOME);
            let api_version = canary["apiVersion"].as_str().unwrap();
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let resource = annotations["lychgate.dev/canary-resource"].as_str().unwrap();
            needed.push(format!("create {group}/{resource} in {HOME}"));
        }
        needed.sort();
        needed.dedup();
        let mut allowed: Vec<String> =
            rights(&objects, HOME, CHECK).iter().map(ToString::to_string).collect();
        allowed.sort();
        assert_eq!(allowed, needed, "the check may read the policies and create their canaries");
    }
}
