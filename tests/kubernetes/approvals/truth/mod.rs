//! That what runs is what people approved, and nothing else, by the operator, by gateways as the chart deploys them, and
//! by approvers with kubectl. One control plane has many scenes, which go on side by side.

mod deciders;
mod same;
mod stage;
mod statements;
mod stricter;

use serde_json::json;

use self::stage::Stage;

/// What the arguments of `masked` hold.
const RULE: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: personal-data}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  detectors: [{type: Email, action: {redact: {}}}, {type: CreditCard, action: {redact: {}}}]
";

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_opens_the_very_call_that_people_saw_by_the_policy_of_now() {
    let mut stage = Stage::start(&["bytes", "definition", "masked", "stricter"]).await;
    tokio::join!(
        async { same::bytes(&stage.scene("bytes", &json!({}), "").await).await },
        async { same::definition(&mut stage.scene("definition", &json!({}), "").await).await },
        async { same::masked(&stage.scene("masked", &json!({"show": "Masked"}), RULE).await).await },
        async { stricter::policy(&stage.scene("stricter", &json!({}), "").await).await },
    );
    stage.operator.assert_alive();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_runs_as_often_and_by_as_many_as_its_policy_says_and_a_gateway_that_ends_loses_none() {
    let mut stage = Stage::start(&["glass", "uses", "drain"]).await;
    let uses = json!({"grant": {"uses": 3, "validFor": "10m"}});
    tokio::join!(
        async { deciders::break_glass(&stage.scene("glass", &json!({}), "").await).await },
        async { deciders::uses(&stage.scene("uses", &uses, "").await).await },
        async { deciders::drain(stage.scene("drain", &json!({}), "").await).await },
    );
    stage.operator.assert_alive();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_waits_where_a_command_rule_says_so_and_people_see_what_it_does() {
    let mut stage = Stage::start(&["statements"]).await;
    let never = json!({"match": {"when": "false"}});
    let rule = statements::rule().to_string();
    statements::all(&stage.scene("statements", &never, &rule).await).await;
    stage.operator.assert_alive();
}
