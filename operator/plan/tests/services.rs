//! Services as servers: which may be one, what becomes of them, and what their gateways are told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use lychgate_crds::Reason;
use lychgate_operator_plan::{
    Options, Problem, RenderOptions, Severity, ValidConnection, load_objects, render,
};
use serde_json::{Value, json};

use support::{MINIMAL, check, documents, of_kind, set, write};

/// The minimal objects, with this as the place of the server, and these Services.
fn objects(service: &Value, services: &[Value]) -> Vec<Value> {
    let mut objects = documents(MINIMAL);
    set(of_kind(&mut objects, "McpConnection"), "spec.upstream", Some(json!({"serviceRef": service})));
    objects.extend(services.iter().cloned());
    objects
}

fn reference(port: i32) -> Value {
    json!({"name": "dbhub", "port": port, "scheme": "HTTP"})
}

fn service(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}

fn dbhub() -> Value {
    let ports = json!([
        {"name": "mcp", "port": 80, "targetPort": "http"},
        {"name": "plain", "port": 8080},
        {"name": "dns", "port": 53, "protocol": "UDP"},
    ]);
    service("dbhub", &json!({"selector": {"app": "dbhub"}, "ports": ports}))
}

/// As the operator looks at a cluster.
fn in_cluster() -> Options {
    Options { knows_services: true, ..Options::default() }
}

/// What is wrong with a connection, with its field.
fn said(objects: &[Value], options: &Options) -> Vec<Problem> {
    let (problems, validated) = check(&write(objects), options);
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(validated.connections.is_empty(), refused, "{problems:#?}");
    problems
}

fn connection(objects: &[Value], options: &Options) -> ValidConnection {
    let (problems, mut validated) = check(&write(objects), options);
    assert!(validated.connections.len() == 1, "{problems:#?}");
    validated.connections.remove(0)
}

/// Where a gateway may connect, beside DNS.
fn egress(connection: &ValidConnection) -> Value {
    let objects = render(connection, &RenderOptions::new("gateway:dev", 1));
    let policy = objects.iter().find(|object| object["kind"] == "NetworkPolicy").unwrap();
    let rules = policy["spec"]["egress"].as_array().unwrap();
    let issuer = json!([{"protocol": "TCP", "port": 443}]);
    let others = rules.iter().skip(1).filter(|rule| rule["ports"] != issuer || rule.get("to").is_some());
    others.cloned().collect()
}

#[test]
fn a_gateway_is_told_the_name_of_the_service_in_its_namespace() {
    let mut service = reference(80);
    service["path"] = json!("/v1/mcp");
    let connection = connection(&objects(&service, &[dbhub()]), &in_cluster());
    let upstream = connection.config(1).upstream;
    assert_eq!(upstream.url, "http://dbhub.default.svc:80/v1/mcp");
    assert_eq!(connection.service(), Some("dbhub"));
}

#[test]
fn what_a_service_must_be_is_told_with_the_next_step() {
    let external = service("dbhub", &json!({"type": "ExternalName", "externalName": "db.example.com"}));
    let labels =
        json!({"app.kubernetes.io/name": "lychgate-gateway", "app.kubernetes.io/component": "gateway"});
    let to_gateway = service("dbhub", &json!({"selector": labels, "ports": [{"port": 80}]}));
    let of_its_own = json!({"app.kubernetes.io/instance": "lychgate-docs"});
    let to_itself = service("dbhub", &json!({"selector": of_its_own, "ports": [{"port": 80}]}));
    let none =
        service("dbhub", &json!({"selector": {"app": "dbhub"}, "ports": [{"port": 80, "protocol": "UDP"}]}));
    let other = service("dbhubs", &json!({"ports": [{"port": 80}]}));
    let odd = service("dbhub", &json!({"ports": "80"}));
    let rows: Vec<(Value, Vec<Value>, Reason, &str, &str)> = vec![
        (
            reference(80),
            vec![],
            Reason::RefNotFound,
            "name",
            "there is no Service dbhub in the namespace default",
        ),
        (reference(80), vec![other], Reason::RefNotFound, "name", "did you mean dbhubs?"),
        (reference(81), vec![dbhub()], Reason::RefNotFound, "port", "no port 81; write one of 80, 8080,"),
        (reference(53), vec![dbhub()], Reason::RefNotFound, "port", "no port 53; write one of 80, 8080,"),
        (reference(80), vec![none], Reason::RefNotFound, "port", "nor any other for TCP"),
        (
            reference(80),
            vec![external],
            Reason::ServiceNotAllowed,
            "name",
            "ExternalName and leads to db.example.com",
        ),
        (
            reference(80),
            vec![to_gateway],
            Reason::ServiceNotAllowed,
            "name",
            "the gateway of McpConnection docs",
        ),
        (
            reference(80),
            vec![to_itself],
            Reason::ServiceNotAllowed,
            "name",
            "the gateway of McpConnection docs",
        ),
        (reference(80), vec![odd], Reason::RefInvalid, "name", "Service default/dbhub is invalid"),
        (
            json!({"name": "kubernetes", "port": 443, "scheme": "HTTP"}),
            vec![service("kubernetes", &json!({"ports": [{"port": 443}]}))],
            Reason::ServiceNotAllowed,
            "name",
            "the cluster's own API server",
        ),
    ];
    for (reference, services, reason, field, part) in rows {
        let problems = said(&objects(&reference, &services), &in_cluster());
        let path = format!("spec.upstream.serviceRef.{field}");
        let found: Vec<_> = problems.iter().filter(|problem| problem.path == path).collect();
        assert!(
            found.len() == 1 && found[0].reason == reason && found[0].message.contains(part),
            "{part}: {problems:#?}"
        );
    }
}

#[test]
fn a_service_of_that_name_elsewhere_is_another() {
    let mut elsewhere = dbhub();
    elsewhere["metadata"]["namespace"] = json!("data");
    let problems = said(&objects(&reference(80), &[elsewhere]), &in_cluster());
    assert_eq!(problems[0].reason, Reason::RefNotFound);
    // And the API server's is in one namespace alone.
    let mut objects = objects(&json!({"name": "kubernetes", "port": 443, "scheme": "HTTP"}), &[]);
    for object in &mut objects {
        object["metadata"]["namespace"] = json!("tools");
    }
    assert_eq!(said(&objects, &Options::default()), []);
}

#[test]
fn from_files_a_service_may_come_from_elsewhere_and_one_beside_others_is_most_likely_misspelt() {
    let files = Options::default();
    assert_eq!(said(&objects(&reference(80), &[]), &files), []);
    assert_eq!(said(&objects(&reference(80), &[dbhub()]), &files), []);
    let misspelt =
        said(&objects(&json!({"name": "dbhup", "port": 80, "scheme": "HTTP"}), &[dbhub()]), &files);
    assert!(misspelt.len() == 1 && misspelt[0].severity == Severity::Warning, "{misspelt:?}");
    assert!(misspelt[0].message.contains("did you mean dbhub?"), "{misspelt:?}");
    let wrong_port = said(&objects(&reference(81), &[dbhub()]), &files);
    assert_eq!(wrong_port[0].severity, Severity::Error, "what is there is looked into");
}

#[test]
fn a_gateway_may_connect_to_the_pods_of_its_service_alone() {
    let pods = |port: Value| {
        let to = json!([{"podSelector": {"matchLabels": {"app": "dbhub"}}}]);
        json!([{"to": to, "ports": [{"protocol": "TCP", "port": port}]}])
    };
    let named = connection(&objects(&reference(80), &[dbhub()]), &in_cluster());
    assert_eq!(egress(&named), pods(json!("http")), "policies see the port of the pod");
    let same = connection(&objects(&reference(8080), &[dbhub()]), &in_cluster());
    assert_eq!(egress(&same), pods(json!(8080)));

    let by_hand = service("dbhub", &json!({"ports": [{"port": 80, "targetPort": 9000}]}));
    let by_hand = connection(&objects(&reference(80), &[by_hand]), &in_cluster());
    let anywhere = json!([{"ports": [{"protocol": "TCP", "port": 9000}]}]);
    assert_eq!(egress(&by_hand), anywhere, "whoever writes its EndpointSlices says where it leads");

    let unknown = connection(&objects(&reference(80), &[]), &Options::default());
    let namespace = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}});
    assert_eq!(egress(&unknown), json!([{"to": [namespace]}]), "as for an URL of that name");
}

#[test]
fn a_secret_goes_to_a_service_only_by_the_name_that_its_owner_wrote() {
    let with = |hosts: &str| {
        let mut objects = objects(&reference(80), &[dbhub()]);
        let connection = of_kind(&mut objects, "McpConnection");
        let from = json!({"secretKeyRef": {"name": "db", "key": "token"}});
        let credential = json!({"name": "default", "inject": {"header": "Authorization"}, "from": from});
        set(connection, "spec.credentials", Some(json!([credential])));
        set(connection, "spec.upstream.insecurePlaintext", Some(json!(true)));
        let data = json!({"token": "t", "lychgate-allowed-hosts": hosts});
        objects.push(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": data}),
        );
        said(&objects, &in_cluster())
    };
    assert_eq!(with("dbhub.default.svc"), []);
    assert_eq!(with("dbhub.default.svc:80"), []);
    for hosts in ["dbhub", "dbhub.default", "dbhub.default.svc:8080", "dbhub.default.svc.cluster.local"] {
        let problems = with(hosts);
        assert_eq!(problems[0].reason, Reason::HostNotAllowed, "{hosts}");
        assert!(problems[0].message.contains("add the line dbhub.default.svc to"), "{problems:?}");
    }
}

#[test]
fn services_are_read_as_an_api_server_has_them() {
    // Whatever else stands there is no concern of ours.
    let mut own = dbhub();
    own["spec"]["clusterIP"] = json!("10.0.0.10");
    own["status"] = json!({"loadBalancer": {}});
    own["metadata"]["resourceVersion"] = json!("12");
    let loaded = load_objects(&objects(&reference(80), &[own]));
    assert_eq!(loaded.problems, []);
    let validated = lychgate_operator_plan::validate(&loaded.inventory, &in_cluster());
    assert_eq!(validated.problems, []);
}

/// The NetworkPolicy around the server of the first connection.
fn around_server(objects: &[Value], options: &Options) -> Option<Value> {
    let (_, validated) = check(&write(objects), options);
    let rendered = render(&validated.connections[0], &RenderOptions::new("gateway:dev", 1));
    let policy = |object: &Value| object["metadata"]["name"] == "lychgate-docs-server";
    rendered.into_iter().find(policy)
}

#[test]
fn a_server_that_is_for_gateways_only_admits_those_of_connections_to_it_each_at_its_port() {
    let only = |port: i32| {
        let mut reference = reference(port);
        reference["networkPolicy"] = json!("GatewayOnly");
        reference
    };
    assert_eq!(
        around_server(&objects(&reference(80), &[dbhub()]), &in_cluster()),
        None,
        "nobody asked for it"
    );
    let alone = around_server(&objects(&only(80), &[dbhub()]), &in_cluster()).unwrap();
    let gateway = |name: &str, port: &str| {
        let labels =
            json!({"app.kubernetes.io/name": "lychgate-gateway", "app.kubernetes.io/instance": name});
        let port: Value = serde_json::from_str(port).unwrap();
        json!({"from": [{"podSelector": {"matchLabels": labels}}], "ports": [{"protocol": "TCP", "port": port}]})
    };
    let expected = json!({
        "podSelector": {"matchLabels": {"app": "dbhub"}},
        "policyTypes": ["Ingress"],
        "ingress": [gateway("lychgate-docs", "\"http\"")],
    });
    assert_eq!(alone["spec"], expected);

    // Another connection to the same server, one that is broken, and one to another.
    let mut several = objects(&only(80), &[dbhub(), service("web", &json!({"ports": [{"port": 80}]}))]);
    for (name, reference, gateway) in [
        ("archive", reference(8080), "default"),
        ("broken", reference(80), "nowhere"),
        ("web", json!({"name": "web", "port": 80, "scheme": "HTTP"}), "default"),
    ] {
        let mut other = of_kind(&mut several, "McpConnection").clone();
        other["metadata"]["name"] = json!(name);
        set(&mut other, "spec.upstream.serviceRef", Some(reference));
        set(&mut other, "spec.gatewayRef.name", Some(json!(gateway)));
        several.push(other);
    }
    let shared = around_server(&several, &in_cluster()).unwrap();
    let expected = json!([
        gateway("lychgate-archive", "8080"),
        gateway("lychgate-broken", "\"http\""),
        gateway("lychgate-docs", "\"http\""),
    ]);
    assert_eq!(shared["spec"]["ingress"], expected);

    // Without the Service, as from files, nobody can tell which pods it selects.
    assert_eq!(around_server(&objects(&only(80), &[]), &Options::default()), None);
}
