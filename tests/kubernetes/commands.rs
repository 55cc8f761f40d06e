//! CommandRules on a real API server: refused by their schema, told what is wrong, published, and kept as they were
//! while one is broken; and connections with several credentials.

use serde_json::{Value, json};

use crate::support::manifests::{command_rule, connection, gateway, targets};
use crate::support::tenant::Tenant;
use crate::support::watching::Watching;
use crate::support::{self, cluster, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_of_a_command_rule_can_tell_is_refused_at_once_with_the_field() {
    let tenant = Tenant::new(cluster().await, "commands-refused").await;
    let good = command_rule("sql", targets("db"));
    let with = |pointer: &str, member: &str, value: Value| {
        let mut rule = good.clone();
        rule.pointer_mut(pointer).unwrap()[member] = value;
        rule
    };
    let clause = |action: &str| json!({"name": "reads", "effects": ["Read"], "action": action});
    let mut choosy = clause("Deny");
    choosy["credential"] = json!("reader");
    for (object, field, words) in [
        (command_rule("sql", json!({})), "spec", "targetRefs"),
        (with("/spec", "extract", json!([])), "spec.extract", "at least 1"),
        (with("/spec/extract/0", "dialect", json!("postgres")), "dialect", "postgresql"),
        (with("/spec/extract/0", "language", json!("Shell")), "language", "SQL"),
        (with("/spec/extract/0", "argument", json!("sql")), "argument", "should match"),
        (with("/spec", "rules", json!([clause("Ask")])), "spec.rules[0].action", "RequireApproval"),
        (
            with("/spec", "rules", json!([choosy])),
            "spec.rules[0].credential",
            "goes with action: Allow alone",
        ),
        (
            with("/spec", "rules", json!([clause("Allow"), clause("Deny")])),
            "spec.rules[1]",
            "Duplicate value",
        ),
        (with("/spec", "onUnparseable", json!("Allow")), "spec.onUnparseable", "RequireApproval"),
        (
            with("/spec", "limits", json!({"statementBytes": "65Ki"})),
            "spec.limits.statementBytes",
            "at most 64Ki",
        ),
        (with("/spec", "limits", json!({"statements": 21})), "spec.limits.statements", "20"),
        (with("/spec", "onDynamic", json!("Deny")), "spec.onDynamic", "unknown field"),
        (granting("owner"), "spec.access", "names no credential of the connection"),
    ] {
        let arguments = ["apply", "--namespace", tenant.name(), "--filename=-"];
        let refusal = tenant.cluster.kubectl(&arguments).input(&object.to_string()).fail().await;
        for expected in [field, words] {
            assert!(refusal.contains(expected), "{expected}: {refusal}");
        }
    }
    tenant.apply(&[good, granting("reader")]).await;
    let written = tenant.get("CommandRule", "sql").await["spec"].clone();
    let defaults = json!({
        "mode": "Enforce", "onUnparseable": "Deny", "onUnknownTool": "Inherit", "maskedValueInRequest": "Deny",
        "limits": {"statementBytes": "64Ki", "statements": 20},
    });
    for (member, value) in defaults.as_object().unwrap() {
        assert_eq!(written[member], *value, "{member}");
    }
}

/// A connection with two credentials of which its grant chooses one.
fn granting(name: &str) -> Value {
    let mut object =
        connection("db", json!({"credentials": [credential("owner-of-all"), credential("reader")]}));
    object["spec"]["access"][0]["credential"] = json!(name);
    object
}

/// A credential in the usual header, of a Secret of the same name.
fn credential(name: &str) -> Value {
    json!({
        "name": name,
        "inject": {"header": "Authorization", "format": "Bearer {value}"},
        "from": {"secretKeyRef": {"name": name, "key": "token"}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_rule_is_published_and_a_broken_one_keeps_what_was_published() {
    let (tenant, _operator) = Tenant::with_operator("commands").await;
    tenant.apply(&[gateway(json!({})), command_rule("sql", targets("db"))]).await;
    tenant.becomes("CommandRule", "sql", "Accepted", "False NoTarget").await;
    tenant.apply(&[connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    tenant.becomes("CommandRule", "sql", "Accepted", "True Accepted").await;
    tenant.becomes("CommandRule", "sql", "Programmed", "Unknown ConnectionsPending").await;
    tenant.becomes("CommandRule", "sql", "Conflicted", "False NoConflict").await;
    let status = tenant.get("CommandRule", "sql").await["status"].clone();
    assert_eq!(status["connections"], json!([format!("{}/db", tenant.name())]));
    let policies = tenant.get("McpConnection", "db").await["status"]["policies"].clone();
    assert_eq!(policies, json!(["CommandRule sql"]));
    let printed = tenant.cluster.kubectl(&["get", "cmdr", "--namespace", tenant.name()]).succeed().await;
    let line: Vec<&str> = printed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(line[..6], ["sql", "Enforce", "[\"execute_sql\"]", "1", "True", "Unknown"], "{printed}");
    let good = tenant.document("lychgate-db").await;
    let metadata = tenant.get("CommandRule", "sql").await["metadata"].clone();
    let rule = &good["commands"][0];
    assert_eq!((&rule["uid"], &rule["generation"]), (&metadata["uid"], &metadata["generation"]));
    assert_eq!(rule["rules"][0]["name"], "no-ddl");
    assert_eq!(rule["limits"], json!({"statementBytes": 65536, "statements": 20}));

    let lacking = json!({"spec": {"rules": [
        {"name": "reads", "effects": ["Read"], "action": "Allow", "credential": "reader"}
    ]}});
    tenant.edit("CommandRule", "sql", lacking).await;
    let told = tenant.becomes("McpConnection", "db", "Accepted", "False InvalidValue").await;
    assert!(told.message.starts_with("spec.credentials: there is no credential reader"), "{told:?}");
    tenant.becomes("McpConnection", "db", "Ready", "False NotAccepted").await;
    assert_eq!(tenant.document("lychgate-db").await, good, "the last good document stays");

    let credentials = json!({"spec": {"credentials": [credential("owner"), credential("reader")]}});
    tenant.edit("McpConnection", "db", credentials).await;
    tenant.becomes("McpConnection", "db", "Accepted", "True Accepted").await;
    tenant.becomes("McpConnection", "db", "Programmed", "Unknown NoReplica").await;
    let next = tenant.document("lychgate-db").await;
    assert!(next["sequence"].as_u64() > good["sequence"].as_u64());
    assert_eq!(next["commands"][0]["rules"][0]["credential"], "reader");
    let names: Vec<&Value> = next["credentials"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["owner", "reader"]);

    tenant.delete("CommandRule", "sql").await;
    let told = tenant.becomes("McpConnection", "db", "Accepted", "False InvalidValue").await;
    assert!(told.message.contains("both would always be injected"), "nobody chooses between them: {told:?}");
    assert_eq!(tenant.document("lychgate-db").await, next, "the rule stays in force");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_command_rules_say_of_each_other_and_of_approvals_is_told() {
    let (tenant, _operator) = Tenant::with_operator("commands-told").await;
    let choosing = |name: &str, credential: &str| {
        let clause =
            json!({"name": "reads", "effects": ["Read"], "action": "Allow", "credential": credential});
        let mut rule = command_rule(name, targets("db"));
        rule["spec"]["rules"] = json!([clause]);
        rule
    };
    let mut asking = command_rule("asking", targets("db"));
    asking["spec"]["onUnparseable"] = json!("RequireApproval");
    let credentials = json!({"credentials": [credential("owner"), credential("reader")]});
    let gateway = gateway(json!({"requires": ["CommandRule"]}));
    tenant.apply(&[gateway, connection("db", credentials)]).await;
    tenant.apply(&[choosing("one", "owner"), choosing("other", "reader")]).await;
    for name in ["one", "other"] {
        let told = tenant.becomes("CommandRule", name, "Conflicted", "True CredentialConflict").await;
        assert!(told.message.starts_with("spec.rules[0].credential: CommandRule o"), "{told:?}");
    }
    tenant.apply(&[asking]).await;
    tenant.becomes("CommandRule", "asking", "Conflicted", "False NoConflict").await;
    let accepted = tenant.becomes("McpConnection", "db", "Accepted", "True Accepted").await;
    assert!(accepted.message.contains("no ApprovalPolicy is enforced for it"), "{accepted:?}");

    let audit = json!({"spec": {"mode": "Audit"}});
    for name in ["one", "other", "asking"] {
        tenant.edit("CommandRule", name, audit.clone()).await;
    }
    // Nobody chooses between the two now, and no rule is enforced.
    let told = tenant.becomes("McpConnection", "db", "Accepted", "False InvalidValue").await;
    assert!(told.message.contains("spec.credentials[1].inject.header"), "{told:?}");
    let mut elsewhere = credential("reader");
    elsewhere["inject"]["header"] = json!("X-Reader");
    let credentials = json!({"spec": {"credentials": [credential("owner"), elsewhere]}});
    tenant.edit("McpConnection", "db", credentials).await;
    tenant.becomes("McpConnection", "db", "Ready", "False RequiredPolicyMissing").await;
}

/// A rule for the messages of the fixture's tool `echo`, which are taken for statements.
fn echoed(reads: &Value) -> Value {
    let mut rule = command_rule("echoed", targets("customers"));
    rule["spec"]["extract"][0]["tools"] = json!(["echo"]);
    rule["spec"]["extract"][0]["argument"] = json!("$.message");
    rule["spec"]["rules"] = json!([
        {"name": "no-ddl", "effects": ["Schema"], "action": "Deny", "message": "Schema changes go through migrations."},
        {"name": "writes", "effects": ["Write"], "action": "Allow"},
        reads,
    ]);
    rule
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_rule_and_the_credential_that_it_chooses_reach_a_gateway_with_each_change() {
    const READ: &str = "select name from customers";
    const WRITE: &str = "insert into customers (name) values ('alice')";
    const DROP: &str = "drop table customers";
    let cluster = cluster().await;
    let stage = Watching::start(cluster).await;
    let tenant = Tenant::of(cluster, stage.made.name());
    stage.made.apply_secret(cluster, "upstream", "seen-token-of-writer").await;
    stage.made.apply_secret(cluster, "reader", "seen-token-of-reader").await;
    stage.until_used("seen-token-of-writer").await;
    assert_eq!(stage.used_with(DROP).await.as_deref(), Some("seen-token-of-writer"), "there is no rule yet");

    let of_reader = json!({"name": "reads", "effects": ["Read"], "action": "Allow", "credential": "reader"});
    let credentials = format!("credentials:\n  - {}", credential("reader"));
    let connection = support::connection("customers", &stage.made.server.url);
    cluster.apply_yaml_in(tenant.name(), &connection.replace("credentials:", &credentials)).await;
    tenant.apply(&[echoed(&of_reader)]).await;
    eventually("reads to go with the account of the reader", async || {
        (stage.used_with(READ).await? == "seen-token-of-reader").then_some(())
    })
    .await;
    assert_eq!(stage.used_with(WRITE).await.as_deref(), Some("seen-token-of-writer"));
    let (_, refusal) = stage.call_with(DROP).await;
    assert!(refusal.contains("Schema changes go through migrations."), "{refusal}");
    assert_eq!(stage.used_with(DROP).await, None);
    tenant.becomes("CommandRule", "echoed", "Programmed", "True Programmed").await;

    // Somebody must still choose between the two.
    let rules = json!([
        {"name": "reads", "effects": ["Read"], "action": "Deny"},
        {"name": "settings", "effects": ["Admin"], "action": "Allow", "credential": "reader"},
    ]);
    tenant.edit("CommandRule", "echoed", json!({"spec": {"rules": rules}})).await;
    eventually("reads to be denied", async || stage.used_with(READ).await.is_none().then_some(())).await;

    // Without the rule both would always go into one header; what was published stays.
    tenant.delete("CommandRule", "echoed").await;
    tenant.becomes("McpConnection", "customers", "Accepted", "False InvalidValue").await;
    assert_eq!(stage.used_with(READ).await, None, "the last good document is enforced");
}
