//! What the chart renders: valid for every Kubernetes that is supported, and with no more rights than it says.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Command;

use lychgate_tests_cluster::binary;
use serde_json::{Value, json};

use super::rights::{Right, of_role, rights};
use super::values::rendered_others;
use super::{HOME, OPERATOR, folder, name, of_kind, render, run};
use crate::support::workspace;

/// The oldest and the newest Kubernetes that the chart is for.
const KUBERNETES: [&str; 2] = ["1.33", "1.37"];

/// Values together that change much.
const TOGETHER: &[&str] = &[
    "",
    "{watchNamespaces: [agents, lychgate-system], secretAccess: {watchNamespaces: ['*']}}",
    "{secretAccess: {watchNamespaces: ['*']}, networkPolicy: {restrictEgress: true}, operator: {replicas: 3}}",
    "{crds: {install: false}, userRoles: {create: false}}",
];

#[test]
fn every_supported_kubernetes_knows_every_field_whatever_the_values() {
    let mut all = BTreeSet::new();
    let together: Vec<Vec<Value>> = TOGETHER.iter().map(|values| render(values)).collect();
    for objects in together.iter().chain(rendered_others().iter().map(|(_, objects)| objects)) {
        // Its kinds are not Kubernetes' own.
        let known = objects.iter().filter(|object| object["kind"] != "ServiceMonitor");
        // Older ones do not serve these; a test installs them.
        let served = known.filter(|object| !object["kind"].as_str().unwrap().starts_with("Mutating"));
        all.extend(served.map(Value::to_string));
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let all: Vec<String> = all.into_iter().collect();
    file.write_all(all.join("\n---\n").as_bytes()).unwrap();
    let mut command = Command::new(binary("kubernetes-validate"));
    command.arg("--strict");
    for version in KUBERNETES {
        command.args(["-k", version]);
    }
    command.arg(file.path());
    let (good, text) = run(command, "");
    let complaints: Vec<&str> = text.lines().filter(|line| !line.starts_with("INFO")).collect();
    assert!(good && complaints.is_empty(), "{complaints:#?}");
    for version in KUBERNETES {
        let passed =
            text.lines().filter(|line| line.ends_with(&format!("against version {version}"))).count();
        assert_eq!(passed, all.len(), "{version}");
    }
}

#[test]
fn the_definitions_are_those_of_the_types() {
    let rendered = render("");
    let definitions: Vec<&Value> = of_kind(&rendered, "CustomResourceDefinition").collect();
    let files = std::fs::read_dir(workspace().join("crds/yaml")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(definitions.len(), files.len());
    for path in files {
        let expected: Value = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let found = definitions.iter().find(|found| name(found) == name(&expected)).unwrap();
        assert_eq!(found["spec"], expected["spec"], "{}", name(found));
        assert_eq!(found["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
    let dropped = render("crds: {keep: false}");
    assert!(
        of_kind(&dropped, "CustomResourceDefinition").all(|one| one["metadata"]["annotations"].is_null())
    );
}

#[test]
fn nobody_gets_a_right_that_gives_more_rights() {
    for values in TOGETHER {
        let objects = render(values);
        for role in of_kind(&objects, "Role").chain(of_kind(&objects, "ClusterRole")) {
            for right in of_role(role, None) {
                let (verb, resource) = right.what.split_once(' ').unwrap();
                assert!(!right.what.contains('*'), "{}: {right}", name(role));
                assert!(!["escalate", "bind", "impersonate"].contains(&verb), "{}: {right}", name(role));
                assert!(!resource.contains("pods/") && resource != "/serviceaccounts/token", "{right}");
                let is_for_people = role["metadata"]["labels"]["app.kubernetes.io/name"] == "lychgate";
                let is_virtual = ["serve", "approve"].contains(&verb);
                assert!(!is_for_people || !is_virtual, "{} is for people: {right}", name(role));
            }
        }
    }
}

#[test]
fn an_operator_of_some_namespaces_has_no_right_in_the_cluster() {
    let everywhere = rights(&render(""), HOME, OPERATOR);
    let some = rights(&render("watchNamespaces: [agents, other]"), HOME, OPERATOR);
    let within = |rights: &[Right], namespace: Option<&str>| -> Vec<String> {
        let within = rights.iter().filter(|right| right.namespace.as_deref() == namespace);
        within.map(|right| right.what.clone()).collect()
    };
    // But for its own admission policies, which it sees by their names.
    let of_policies = |right: &&Right| right.what.contains(" admissionregistration.k8s.io/");
    let seen: Vec<&Right> = some.iter().filter(of_policies).collect();
    assert_eq!(seen.len(), 18);
    for right in seen {
        assert!(
            right.name.as_ref().is_some_and(|name| name.ends_with(".lychgate-system.lychgate.dev")),
            "{right}"
        );
        assert!(["get", "list", "watch"].contains(&right.what.split(' ').next().unwrap()), "{right}");
    }
    let is_left = |right: &Right| !of_policies(&right);
    let (everywhere, some): (Vec<Right>, Vec<Right>) =
        (everywhere.into_iter().filter(is_left).collect(), some.into_iter().filter(is_left).collect());
    assert!(within(&some, None).is_empty());
    assert!(within(&everywhere, Some("agents")).is_empty());
    assert_eq!(within(&some, Some(HOME)), within(&everywhere, Some(HOME)));
    let agents = within(&some, Some("agents"));
    assert_eq!(agents, within(&some, Some("other")));
    let mut more = within(&everywhere, None);
    more.retain(|right| !agents.contains(right));
    assert_eq!(more, ["list /namespaces", "watch /namespaces"]);
    assert!(agents.contains(&"serve lychgate.dev/mcpconnections".to_owned()));
}

#[test]
fn secrets_are_read_only_where_the_values_say_so() {
    for (values, place) in [
        ("", None),
        ("watchNamespaces: [agents, other]", None),
        ("secretAccess: {watchNamespaces: [agents]}", Some(" in agents")),
        ("secretAccess: {watchNamespaces: ['*']}", Some("")),
        ("{watchNamespaces: [agents, other], secretAccess: {watchNamespaces: [agents]}}", Some(" in agents")),
        ("{watchNamespaces: [agents], secretAccess: {watchNamespaces: ['*']}}", Some(" in agents")),
    ] {
        let mut rights = rights(&render(values), HOME, OPERATOR);
        rights.retain(|right| right.what.ends_with(" /secrets") && !right.what.starts_with("create "));
        let rights: BTreeSet<String> = rights.iter().map(Right::to_string).collect();
        let own = "get /secrets lychgate-operator-ca in lychgate-system".to_owned();
        let verbs = place.map(|place| ["get", "list", "watch"].map(|verb| format!("{verb} /secrets{place}")));
        assert_eq!(rights, verbs.into_iter().flatten().chain([own]).collect(), "{values}");
    }
}

#[test]
fn no_namespace_is_left_out_of_the_policies_of_approvals() {
    let of_approvals = |values: &str| -> Vec<Value> {
        let is_binding = |object: &Value| object["kind"].as_str().unwrap().ends_with("PolicyBinding");
        let objects = render(values).into_iter();
        objects.filter(|object| is_binding(object) && name(object).starts_with("approval-")).collect()
    };
    let mailbox = "mailbox: Always, excludedNamespaces: [agents]";
    let everywhere = of_approvals(&format!("admissionPolicies: {{{mailbox}}}"));
    assert_eq!(everywhere.len(), 3);
    for binding in everywhere {
        assert_eq!(binding["spec"]["matchResources"], Value::Null, "{binding}");
    }
    let some = of_approvals(&format!("{{watchNamespaces: [agents], admissionPolicies: {{{mailbox}}}}}"));
    assert_eq!(some.len(), 3);
    for binding in some {
        let selected = &binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"];
        let expected =
            json!([{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["agents", HOME]}]);
        assert_eq!(*selected, expected, "{binding}");
    }
    assert_eq!(of_approvals("admissionPolicies: {mailbox: Never}").len(), 2);
    assert_eq!(of_approvals("admissionPolicies: {enabled: false, mailbox: Always}").len(), 0);
}

#[test]
fn the_operator_is_told_what_the_values_say() {
    let objects = render(
        "{watchNamespaces: [agents, other], secretAccess: {watchNamespaces: [agents]}, \
         apiServer: {ports: [443, 8443], audiences: [api]}, \
         gateway: {imagePullSecrets: [registry], image: {tag: '7', pullPolicy: Always}}}",
    );
    let deployment = of_kind(&objects, "Deployment").next().unwrap();
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    let expected = [
        "--namespace=$(POD_NAMESPACE)",
        "--identity=$(POD_NAME)",
        "--admin-listen=0.0.0.0:9090",
        "--gateway-image=registry.test/lychgate-gateway:7",
        "--image-pull-policy=Always",
        "--image-pull-secret=registry",
        "--watch-namespace=agents",
        "--watch-namespace=other",
        "--secret-watch-namespace=agents",
        "--api-server-port=443",
        "--api-server-port=8443",
        "--api-audience=api",
    ];
    assert_eq!(*arguments, json!(expected));
}

#[test]
fn a_package_has_everything() {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary("helm"));
    command.arg("package").arg(folder()).arg("--destination").arg(place.path());
    let (good, text) = run(command, "");
    assert!(good, "{text}");
    let mut command = Command::new("tar");
    let file = std::fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
    command.arg("--list").arg("--file").arg(file);
    let (_, list) = run(command, "");
    for name in [
        "Chart.yaml",
        "README.md",
        "values.schema.json",
        "crd-files/mcpconnections.yaml",
        "templates/NOTES.txt",
    ] {
        assert!(list.contains(&format!("lychgate/{name}\n")), "{name} is not in {list}");
    }
}

#[test]
fn the_chart_has_the_version_of_what_it_installs() {
    let chart = std::fs::read_to_string(folder().join("Chart.yaml")).unwrap();
    let chart: Value = serde_yaml::from_str(&chart).unwrap();
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
}
