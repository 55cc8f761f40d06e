//! The wrong values themselves: for every field of every kind, and for rules across fields.

mod approvals;
mod commands;
mod deployment;
mod masking;
mod notifications;
mod pins;
mod services;

use serde_json::{Value, json};

/// A wrong value: where it is written, where it is reported (empty: at the same place), and a part of what
/// is said.
pub(crate) type Row = (&'static str, Value, &'static str, &'static str);

fn gateway_rows() -> Vec<Row> {
    vec![
        ("spec", json!(1), "", "write a mapping"),
        ("spec.listner", json!({}), "", "did you mean listener?"),
        ("spec.identity", json!([]), "", "is a list; write a mapping"),
        ("spec.identity", json!({}), "", "nobody can call: add an issuer under oidc"),
        ("spec.identity.oicd", json!([]), "", "did you mean oidc?"),
        ("spec.identity.anonymous", json!("true"), "", "write it without quotes"),
        ("spec.identity.oidc", json!({}), "", "is a mapping; write a list"),
        ("spec.identity.oidc", many(17), "", "write at most 16"),
        (
            "spec.identity.oidc[1]",
            json!({"issuer": "https://idp.example.com"}),
            "spec.identity.oidc[1].issuer",
            "twice",
        ),
        (
            "spec.identity.oidc[1]",
            json!({}),
            "spec.identity.oidc[1].issuer",
            "missing; write it: The issuer's https URL",
        ),
        ("spec.identity.oidc[0].issuer", json!("http://idp.example.com"), "", "write an https URL"),
        ("spec.identity.oidc[0].issuer", json!("http://127.0.0.1:8080"), "", "write an https URL"),
        ("spec.identity.oidc[0].issuer", json!("https://idp.example.com?a=b"), "", "without query"),
        ("spec.identity.oidc[0].issuer", json!("idp.example.com"), "", "such as https://idp"),
        ("spec.identity.oidc[0].issuer", long(513), "", "write at most 512"),
        ("spec.identity.oidc[0].caRef", json!("ca"), "", "write a mapping"),
        ("spec.identity.oidc[0].caRef.kind", json!("Secret"), "", "write one of ConfigMap"),
        ("spec.identity.oidc[0].caRef.name", json!("CA"), "", "lower-case letters"),
        ("spec.identity.oidc[0].caRef.name", json!("internal-cas"), "", "did you mean internal-ca?"),
        ("spec.identity.oidc[0].caRef.key", json!("../ca.crt"), "", "not beginning with '.'"),
        ("spec.identity.oidc[0].caRef.key", json!("ca.pem"), "", "ConfigMap internal-ca has no key ca.pem"),
        ("spec.identity.oidc[0].audiences", json!("mcp"), "", "is a text; write a list"),
        (
            "spec.identity.oidc[0].audiences",
            json!(["a", "a"]),
            "spec.identity.oidc[0].audiences[1]",
            "stands twice",
        ),
        ("spec.identity.oidc[0].audiences", json!([""]), "spec.identity.oidc[0].audiences[0]", "is empty"),
        ("spec.identity.oidc[0].usernameClaim", json!("a..b"), "", "a claim's name"),
        ("spec.identity.oidc[0].usernameClaim", json!(""), "", "is empty; write a claim's name"),
        ("spec.identity.oidc[0].groupsClaim", json!(7), "", "write it in quotes: \"7\""),
        (
            "spec.identity.oidc[0].kubernetesUsernames",
            json!(["oidc:email"]),
            "spec.identity.oidc[0].kubernetesUsernames[0]",
            "with claims in braces, such as oidc:{email}",
        ),
        ("spec.identity.oidc[0].kubernetesUsernames", json!("oidc:{email}"), "", "write a list"),
        ("spec.identity.kubernetes", json!(true), "", "write a mapping"),
        ("spec.identity.kubernetes.enabled", json!("yes"), "", "write true or false"),
        ("spec.identity.kubernetes.audiences", json!("mcp"), "", "write a list"),
        (
            "spec.identity.kubernetes.audiences",
            json!(["mcp", "https://kubernetes.default.svc"]),
            "spec.identity.kubernetes.audiences[1]",
            "the API server's own audience",
        ),
        (
            "spec.identity.kubernetes.audiences",
            json!(["mcp", "mcp"]),
            "spec.identity.kubernetes.audiences[1]",
            "stands twice",
        ),
        ("spec.requires", json!("MaskingRule"), "", "write a list"),
        ("spec.requires", json!(["MaskingRules"]), "spec.requires[0]", "write one of MaskingRule"),
        ("spec.requires", json!(["MaskingRule", "MaskingRule"]), "spec.requires[1]", "stands twice"),
        ("spec.secretAccess", json!("watch"), "", "did you mean Watch?"),
        ("spec.secretAccess", json!(true), "", "is a boolean"),
        ("spec.suspended", json!("true"), "", "write it without quotes"),
        ("spec.listener", json!(null), "", "nothing is written"),
        (
            "spec.listener.hostnames",
            json!(["MCP.example.com"]),
            "spec.listener.hostnames[0]",
            "in lower case",
        ),
        (
            "spec.listener.hostnames",
            json!(["https://a.example"]),
            "spec.listener.hostnames[0]",
            "in lower case",
        ),
        ("spec.listener.hostnames", json!(["a:70000"]), "spec.listener.hostnames[0]", "between 1 and 65535"),
        ("spec.listener.tls", json!([]), "", "write a mapping"),
        ("spec.listener.tls", json!({"mode": "Secret"}), "spec.listener.tls.secretName", "with mode: Secret"),
        ("spec.listener.tls.mode", json!("Operator"), "", "together with mode: Secret"),
        ("spec.listener.tls.mode", json!("secret"), "", "did you mean Secret?"),
        ("spec.listener.tls.mode", json!(false), "", "is a boolean"),
        ("spec.listener.tls.secretName", json!("a/b"), "", "lower-case letters"),
        ("spec.listener.tls.secretName", json!("missing"), "", "there is no Secret missing"),
        ("spec.listener.tls.secretName", json!("billing-db"), "", "has no key tls.crt"),
        ("spec.deployment", json!("2"), "", "write a mapping"),
        ("spec.deployment.replicas", json!(0), "", "between 1 and 50"),
        ("spec.deployment.replicas", json!(51), "", "between 1 and 50"),
        ("spec.deployment.replicas", json!(1.5), "", "write a whole number"),
        ("spec.deployment.replicas", json!("2"), "", "is a text; write a whole number"),
    ]
    .into_iter()
    .chain(deployment::rows())
    .collect()
}

fn connection_rows() -> Vec<Row> {
    vec![
        ("metadata", json!([]), "", "write a mapping"),
        ("metadata.name", json!("Billing"), "", "lower-case letters"),
        ("metadata.name", json!(12), "", "write it in quotes: \"12\""),
        ("metadata.namespace", json!("a.b"), "", "lower-case letters"),
        ("metadata.lables", json!({}), "", "did you mean labels?"),
        ("metadata.labels", json!({"env": true}), "metadata.labels.env", "write it in quotes: \"true\""),
        ("specs", json!({}), "", "did you mean spec?"),
        ("spec.rotation", json!({}), "", "there is no such field; write one of access"),
        ("spec.gatewayRef", json!("default"), "", "write a mapping"),
        ("spec.gatewayRef.name", json!("defualt"), "", "did you mean default?"),
        ("spec.gatewayRef.name", json!("a_b"), "", "lower-case letters"),
        ("spec.gatewayRef.namespace", json!("x"), "", "there is no such field; write one of name"),
        ("spec.upstream", json!("https://a.example"), "", "write a mapping"),
        ("spec.upstream", json!({}), "", "write exactly one of url and serviceRef"),
        ("spec.upstream.url", json!("dbhub/mcp"), "", "not an absolute URL"),
        ("spec.upstream.url", json!("ftp://dbhub/mcp"), "", "write https"),
        ("spec.upstream.url", json!("HTTPS://dbhub/mcp"), "", "write the server's URL"),
        ("spec.upstream.url", json!("https://"), "", "not an absolute URL"),
        ("spec.upstream.url", json!("https://user:word@dbhub/mcp"), "", "put credentials into a Secret"),
        ("spec.upstream.url", json!("https://dbhub/mcp#top"), "", "fragment"),
        ("spec.upstream.url", json!("https://169.254.169.254/latest"), "", "metadata"),
        ("spec.upstream.url", json!("https://[fe80::1]/mcp"), "", "link-local"),
        ("spec.upstream.url", json!("https://[fd00:ec2::254]/mcp"), "", "metadata"),
        ("spec.upstream.url", json!("https://0.0.0.0/mcp"), "", "unspecified"),
        ("spec.upstream.url", json!("https://100.100.100.200/mcp"), "", "metadata"),
        ("spec.upstream.url", json!("https://2852039166/mcp"), "", "metadata"),
        ("spec.upstream.url", json!("https://[::ffff:169.254.169.254]/mcp"), "", "metadata"),
        (
            "spec.upstream.url",
            json!("http://dbhub.data.svc:8443/mcp"),
            "spec.upstream.tls",
            "remove tls, or write https",
        ),
        ("spec.upstream.tls", json!({}), "spec.upstream.tls.caRef", "missing"),
        ("spec.upstream.tls", json!(true), "", "write a mapping"),
        ("spec.upstream.tls.caRef", json!({}), "spec.upstream.tls.caRef.key", "missing"),
        ("spec.upstream.tls.caRef.kind", json!("Configmap"), "", "did you mean ConfigMap?"),
        ("spec.upstream.tls.caRef.name", json!(""), "", "is empty; write the object's name"),
        ("spec.upstream.tls.caRef.key", json!(".."), "", "not beginning with '.'"),
        ("spec.upstream.transport", json!("Sse"), "", "did you mean SSE?"),
        ("spec.upstream.transport", json!("stdio"), "", "StreamableHTTP, SSE"),
        ("spec.upstream.insecurePlaintext", json!("yes"), "", "write true or false"),
        ("spec.upstream.timeouts", json!("5s"), "", "write a mapping"),
        ("spec.upstream.timeouts.connect", json!(5), "", "write it in quotes"),
        ("spec.upstream.timeouts.connect", json!("5"), "", "a unit of ms, s, m, h or d"),
        ("spec.upstream.timeouts.connect", json!("0s"), "", "a whole number and a unit"),
        ("spec.upstream.timeouts.call", json!("2d"), "", "write a time between 1ms and 1d"),
        ("spec.upstream.timeouts.call", json!("1h30m"), "", "a whole number and a unit"),
        ("spec.credentials", json!({}), "", "write a list"),
        ("spec.credentials", many(9), "", "write at most 8"),
        ("spec.credentials[1].name", json!("database"), "", "stands twice"),
        (
            "spec.credentials[2].inject.header",
            json!("Authorization"),
            "",
            "the header of the credential database, too",
        ),
        ("spec.credentials[0].name", json!("A"), "", "a short name"),
        ("spec.credentials[0].inject", json!(null), "", "nothing is written"),
        ("spec.credentials[0].inject.header", json!("Host"), "", "belongs to the protocol"),
        ("spec.credentials[0].inject.header", json!("mcp-session-id"), "", "belongs to the protocol"),
        ("spec.credentials[0].inject.header", json!("Transfer-Encoding"), "", "belongs to the protocol"),
        ("spec.credentials[0].inject.header", json!("Content-Location"), "", "belongs to the protocol"),
        ("spec.credentials[0].inject.header", json!("Cookie"), "", "belongs to the protocol"),
        ("spec.credentials[0].inject.header", json!("X Key"), "", "not a header name"),
        ("spec.credentials[0].inject.format", json!("Bearer"), "", "write {value} exactly once"),
        ("spec.credentials[0].inject.format", json!("{value}{value}"), "", "write {value} exactly once"),
        ("spec.credentials[0].inject.format", json!("{value}\r\nX: y"), "", "write printable ASCII"),
        ("spec.credentials[0].from", json!({}), "", "exactly one of secretKeyRef and serviceAccountToken"),
        (
            "spec.credentials[0].from.serviceAccountToken",
            json!({"audience": "dbhub"}),
            "spec.credentials[0].from",
            "exactly one of secretKeyRef and serviceAccountToken",
        ),
        ("spec.credentials[0].from.serviceAccountToken", json!("dbhub"), "", "write a mapping"),
        (
            "spec.credentials[0].from.serviceAccountToken",
            json!({}),
            "spec.credentials[0].from.serviceAccountToken.audience",
            "missing; write it",
        ),
        ("spec.credentials[0].from.serviceAccountToken.audience", json!(""), "", "is empty"),
        (
            "spec.credentials[0].from.serviceAccountToken.audience",
            json!("api"),
            "",
            "API server's own audience",
        ),
        (
            "spec.credentials[0].from",
            json!({"serviceAccountToken": {"audience": "kubernetes"}}),
            "spec.credentials[0].from.serviceAccountToken.audience",
            "API server's own audience",
        ),
        (
            "spec.credentials[0].from.serviceAccountToken.expirationSeconds",
            json!(60),
            "",
            "between 600 and 86400",
        ),
        ("spec.credentials[0].from.secretKeyRef", json!("billing-db"), "", "write a mapping"),
        ("spec.credentials[0].from.secretKeyRef.name", json!("billing"), "", "there is no Secret billing"),
        ("spec.credentials[0].from.secretKeyRef.name", json!("../other"), "", "lower-case letters"),
        ("spec.credentials[0].from.secretKeyRef.key", json!("tokens"), "", "did you mean token?"),
        ("spec.credentials[0].from.secretKeyRef.key", json!("a/b"), "", "a key of the object's data"),
        ("spec.access", json!({}), "", "write a list"),
        ("spec.access", many(65), "", "write at most 64"),
        ("spec.access[0]", json!({"tools": ["*"]}), "", "names nobody; add groups or users"),
        ("spec.access[0]", json!({"groups": ["a"], "tools": []}), "", "allows nothing; add tools"),
        ("spec.access[0].group", json!(["a"]), "", "did you mean groups?"),
        ("spec.access[0].groups", json!("analysts"), "", "write a list"),
        ("spec.access[0].groups", json!(["a", "a"]), "spec.access[0].groups[1]", "stands twice"),
        ("spec.access[0].users", json!([""]), "spec.access[0].users[0]", "is empty"),
        ("spec.access[0].users", json!([7]), "spec.access[0].users[0]", "write it in quotes"),
        ("spec.access[0].tools", json!([""]), "spec.access[0].tools[0]", "is empty"),
        ("spec.access[0].resources", json!([null]), "spec.access[0].resources[0]", "nothing is written"),
        ("spec.access[0].prompts", json!([long(257)]), "spec.access[0].prompts[0]", "write at most 256"),
        ("spec.access[0].when", json!(true), "", "write it in quotes"),
        ("spec.access[0].when", json!("args.schema = 'payroll'"), "", "line 1, column 13: "),
        ("spec.access[0].when", json!("caller.nam == 'ana'"), "", "line 1, column "),
        ("spec.access[0].when", json!("'Read' in statement.effects"), "", "line 1, column 11: "),
        ("spec.access[0].when", long(2049), "", "write at most 2048"),
        ("spec.access[0].credential", json!("Read Only"), "", "a short name"),
        ("spec.access[0].credential", json!("readonly"), "", "did you mean read-only?"),
        ("spec.access[1].credential", json!("owner"), "", "write one of those under spec.credentials"),
        ("spec.serverRequests", json!(["sampling"]), "", "write a mapping"),
        ("spec.serverRequests.sampling", json!(1), "", "write true or false"),
        ("spec.serverRequests.elicitation", json!("no"), "", "write true or false"),
        ("spec.serverRequests.roots", json!([]), "", "write true or false"),
        ("spec.suspended", json!("no"), "", "write true or false"),
        ("spec.limits", json!(4), "", "write a mapping"),
        ("spec.limits.messageBytes", json!("4MB"), "", "with k, M, Ki or Mi"),
        ("spec.limits.messageBytes", json!("65Mi"), "", "between 1Ki and 64Mi"),
        ("spec.limits.messageBytes", json!(1023), "", "between 1Ki and 64Mi"),
        ("spec.limits.messageBytes", json!(-1), "", "between 1Ki and 64Mi"),
        ("spec.limits.messageBytes", json!(true), "", "is a boolean"),
        ("spec.limits.requestsPerMinute", json!(0), "", "between 1 and 1000000"),
        ("spec.limits.requestsPerMinute", json!(1_000_001), "", "between 1 and 1000000"),
        ("spec.limits.requestsPerMinute", json!("600"), "", "write a whole number"),
        ("spec.limits.concurrentCalls", json!(0), "", "between 1 and 10000"),
        ("spec.limits.concurrentCalls", json!(10_001), "", "between 1 and 10000"),
        ("spec.limits.concurrentCalls", json!(1.5), "", "write a whole number"),
    ]
}

/// What every policy says of what it holds for.
fn target_rows() -> Vec<Row> {
    vec![
        ("spec.targetRefs", json!({}), "", "write a list"),
        ("spec.targetRefs[1]", json!({"kind": "McpConnection", "name": "billing-db"}), "", "stands twice"),
        ("spec.targetRefs[0].kind", json!("MCPConnection"), "", "did you mean McpConnection?"),
        ("spec.targetRefs[0].name", json!("billing"), "", "there is no McpConnection billing"),
        ("spec.targetRefs[0].name", json!("*"), "", "lower-case letters"),
        ("spec.connectionSelector", json!("env=prod"), "", "write a mapping"),
        ("spec.connectionSelector", json!({"env": "prod"}), "spec.connectionSelector.env", "no such field"),
        ("spec.connectionSelector.matchLabels", json!(["env"]), "", "write a mapping"),
        ("spec.connectionSelector.matchLabels", many_labels(17), "", "write at most 16"),
        ("spec.connectionSelector.matchLabels", json!({"-env": "prod"}), "", "is no key of a label; write"),
        (
            "spec.connectionSelector.matchLabels.env",
            json!("pro duction"),
            "spec.connectionSelector.matchLabels.env",
            "a label's value",
        ),
        (
            "spec.connectionSelector.matchLabels.gold",
            json!(true),
            "spec.connectionSelector.matchLabels.gold",
            "in quotes: \"true\"",
        ),
        ("spec.connectionSelector.matchExpressions", json!({}), "", "write a list"),
        ("spec.connectionSelector.matchExpressions[0].key", json!("a b"), "", "a label's key"),
        ("spec.connectionSelector.matchExpressions[0].operator", json!("Notin"), "", "did you mean NotIn?"),
        ("spec.connectionSelector.matchExpressions[0].values", json!([]), "", "together with In and NotIn"),
        (
            "spec.connectionSelector.matchExpressions[1].values",
            json!(["x"]),
            "",
            "together with In and NotIn",
        ),
        (
            "spec.connectionSelector.matchExpressions[0].values",
            json!(["sand box"]),
            "spec.connectionSelector.matchExpressions[0].values[0]",
            "a label's value",
        ),
        ("spec.namespaceSelector", json!(["agents"]), "", "write a mapping"),
        ("spec.namespaceSelector.matchLabels", json!("tenant"), "", "write a mapping"),
        ("spec.namespaceSelector.matchLabels", json!({"": "finance"}), "", "is no key of a label"),
        ("spec.namespaceSelector.matchExpressions", json!("tenant"), "", "write a list"),
        ("spec.namespaceSelector.matchExpressions[0].key", json!(""), "", "is empty; write a label's key"),
        ("spec.namespaceSelector.matchExpressions[0].operator", json!("Is"), "", "write one of In, NotIn"),
        ("spec.namespaceSelector.matchExpressions[1].values", json!(["x"]), "", "together with In and NotIn"),
        (
            "spec.namespaceSelector.matchExpressions[0].values",
            json!(["finance", "finance"]),
            "spec.namespaceSelector.matchExpressions[0].values[1]",
            "stands twice",
        ),
    ]
}

/// Wrong values of more than one field of a kind, `None` for one that is left out.
pub(crate) type CombinedRow = (&'static str, Vec<(&'static str, Option<Value>)>, &'static str, &'static str);

pub(crate) fn combined_rows() -> Vec<CombinedRow> {
    let plain = Some(json!("http://dbhub.data.svc:8443/mcp"));
    let mut rows = vec![
        (
            "McpConnection",
            vec![
                ("spec.upstream.url", plain),
                ("spec.upstream.tls", None),
                ("spec.upstream.insecurePlaintext", None),
            ],
            "spec.upstream.url",
            "a credential would travel over plain http",
        ),
        (
            "MaskingRule",
            vec![("spec.detectors", None), ("spec.custom", None), ("spec.fields", None)],
            "spec.detectors",
            "nothing is looked for",
        ),
        (
            "MaskingRule",
            vec![
                ("spec.targetRefs", Some(json!([]))),
                ("spec.connectionSelector", None),
                ("spec.namespaceSelector", None),
            ],
            "spec",
            "holds for nothing: write targetRefs, connectionSelector or namespaceSelector",
        ),
        ("ApprovalPolicy", vec![("spec.approvers", Some(json!({})))], "spec.approvers", "nobody can approve"),
        (
            "ApprovalPolicy",
            vec![
                ("spec.targetRefs", None),
                ("spec.connectionSelector", None),
                ("spec.namespaceSelector", None),
            ],
            "spec",
            "holds for nothing: write targetRefs, connectionSelector or namespaceSelector",
        ),
        ("CommandRule", vec![("spec.extract", None)], "spec.extract", "missing; write it"),
        (
            "CommandRule",
            vec![
                ("spec.targetRefs", None),
                ("spec.connectionSelector", None),
                ("spec.namespaceSelector", None),
            ],
            "spec",
            "holds for nothing: write targetRefs, connectionSelector or namespaceSelector",
        ),
        ("McpConnection", vec![("spec", None)], "spec", "missing; write it"),
        ("McpConnection", vec![("metadata", None)], "metadata.name", "missing"),
        ("McpConnection", vec![("spec.gatewayRef", None)], "spec.gatewayRef", "missing"),
    ];
    rows.extend(services::combined_rows());
    rows
}

fn long(length: usize) -> Value {
    json!("a".repeat(length))
}

fn many(count: usize) -> Value {
    Value::Array(vec![json!({}); count])
}

fn many_labels(count: usize) -> Value {
    (0..count).map(|index| (format!("label-{index}"), json!("x"))).collect::<serde_json::Map<_, _>>().into()
}

pub(crate) fn rows() -> impl Iterator<Item = (&'static str, Row)> {
    let with = |kind: &'static str| move |row: Row| (kind, row);
    let gateway = gateway_rows().into_iter().chain(notifications::rows()).map(with("McpGateway"));
    let connection = connection_rows().into_iter().chain(services::rows()).chain(pins::rows());
    let connection = connection.map(with("McpConnection"));
    let rule = target_rows().into_iter().chain(masking::rows()).map(with("MaskingRule"));
    let policy = target_rows().into_iter().chain(approvals::rows()).map(with("ApprovalPolicy"));
    let commands = target_rows().into_iter().chain(commands::rows()).map(with("CommandRule"));
    gateway.chain(connection).chain(rule).chain(policy).chain(commands)
}
