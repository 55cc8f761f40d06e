//! Statements that wait since a CommandRule says so: what approvers are shown of them, how often they run, and what
//! becomes of them when the rule changes or nobody decides.

use serde_json::{Value, json};

use super::super::people::{alice, bob};
use super::stage::{Scene, answered, refused};
use crate::chart::release::get;
use crate::support::eventually;
use crate::support::manifests::{command_rule, targets};

/// The rule for the messages of `echo`, which are taken for statements.
pub fn rule() -> Value {
    let mut rule = command_rule("statements", targets("customers"));
    rule["spec"]["extract"][0]["tools"] = json!(["echo"]);
    rule["spec"]["extract"][0]["argument"] = json!("$.message");
    rule["spec"]["rules"] = json!([
        {"name": "no-ddl", "effects": ["Schema"], "action": "Deny", "message": "Schema changes go through migrations."},
        {"name": "changes", "effects": ["Write", "WriteAll"], "action": "RequireApproval"},
    ]);
    rule
}

/// All of it, with an ApprovalPolicy that makes no call wait by itself.
pub async fn all(scene: &Scene<'_>) {
    scene.syncs(has_rule(1)).await;
    passed_and_denied(scene).await;
    held(scene).await;
    tightened(scene).await;
    unheard(scene).await;
}

/// Whether a document has the CommandRule in this generation.
fn has_rule(generation: i64) -> impl Fn(&Value) -> bool {
    move |document| document["commands"][0]["generation"] == generation
}

fn message(statement: &str) -> Value {
    json!({"message": statement})
}

/// What only reads passes, and what is denied asks nobody.
async fn passed_and_denied(scene: &Scene<'_>) {
    let read = "SELECT name FROM customers";
    answered(&scene.caller.call(&message(read)).await, read);
    assert_eq!(scene.made(read), 1);
    let drop = "DROP TABLE customers";
    let answer = scene.caller.call(&message(drop)).await;
    refused(&answer, "is denied by the rule no-ddl. Schema changes go through migrations.");
    assert_eq!(scene.made(drop), 0);
    assert_eq!(scene.approvals().await, Vec::<Value>::new(), "nobody was asked");
}

/// What changes rows waits; approvers see what it does, and it runs once.
async fn held(scene: &Scene<'_>) {
    let written = get(&scene.stage.cluster, scene.namespace, "commandrule", "statements").await.unwrap();
    let metadata = &written["metadata"];
    let rule = json!({"namespace": scene.namespace, "name": "statements", "uid": metadata["uid"],
        "generation": metadata["generation"]});
    for (sent, effect, risk) in [
        ("DELETE FROM customers WHERE id = 7", "Write", "Medium"),
        ("delete from orders", "WriteAll", "High"),
    ] {
        let asked = scene.asks(&message(sent)).await;
        let request = &asked.approval["spec"]["request"];
        assert_eq!(request["statement"], sent, "{request}");
        assert_eq!(request["effects"], json!([effect]), "{request}");
        assert_eq!(request["risk"], risk, "{request}");
        assert_eq!(request["commandRefs"], json!([rule]), "{request}");
        assert_eq!(request["policyRefs"][0]["name"], "billing-writes", "{request}");
        let table = scene.kubectl(&alice(), &["get", "appr", &asked.name]).succeed().await;
        let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!((cells[0][4], cells[1][4]), ("RISK", risk), "{table}");
        assert!(!asked.answer.is_finished() && scene.made(sent) == 0, "it waits");

        scene.decide(&bob(), &asked.name, "Approve", "INC-42").await;
        answered(&asked.answer.await.unwrap(), sent);
        assert_eq!(scene.becomes(&asked.name, "Consumed").await["status"]["consumed"]["count"], 1);
        assert_eq!(scene.made(sent), 1);
        let again = scene.asks(&message(sent)).await;
        assert_ne!(again.name, asked.name, "the same call again is another one");
        scene.decide(&bob(), &again.name, "Deny", "once is enough").await;
        refused(&again.answer.await.unwrap(), "once is enough");
        assert_eq!(scene.made(sent), 1);
    }
}

/// A rule that denies what waits by its former self.
async fn tightened(scene: &Scene<'_>) {
    let statement = "DELETE FROM invoices";
    let asked = scene.asks(&message(statement)).await;
    let rules = json!({"rules": [
        {"name": "changes", "effects": ["Write"], "action": "RequireApproval"},
        {"name": "bulk", "effects": ["WriteAll"], "action": "Deny", "message": "Say which rows."},
    ]});
    let generation = scene.edit("commandrule", "statements", &rules).await;
    let changed = "was withdrawn, since the policies that ask for approval have changed";
    refused(&asked.answer.await.unwrap(), changed);
    let gone = scene.becomes(&asked.name, "Cancelled").await;
    let conditions = gone["status"]["conditions"].as_array().unwrap();
    let withdrawn = conditions.iter().find(|condition| condition["type"] == "Withdrawn").unwrap();
    assert!(withdrawn["status"] == "True" && withdrawn["reason"] == "PolicyChanged", "{withdrawn}");
    let expected = format!("the CommandRule {}/statements has changed", scene.namespace);
    assert!(withdrawn["message"].as_str().unwrap().contains(&expected), "{withdrawn}");
    // The gateway does not know of it yet, and asks by the rule of before: that is withdrawn as well.
    refused(&scene.caller.call(&message(statement)).await, changed);

    scene.syncs(has_rule(generation)).await;
    let before = scene.approvals().await.len();
    let answer = scene.caller.call(&message(statement)).await;
    refused(&answer, "is denied by the rule bulk. Say which rows.");
    assert_eq!(scene.approvals().await.len(), before, "nobody was asked");
    assert_eq!(scene.made(statement), 0);
}

/// Where no policy that is enforced says who decides, the author of the connection is told, and the agent.
async fn unheard(scene: &Scene<'_>) {
    let statement = "DELETE FROM payments WHERE id = 7";
    let generation = scene.edit("approvalpolicy", "billing-writes", &json!({"mode": "Audit"})).await;
    let told = eventually("the connection to warn", async || {
        let connection = get(&scene.stage.cluster, scene.namespace, "mcpconnection", "customers").await?;
        let conditions = connection["status"]["conditions"].as_array()?.clone();
        let accepted = conditions.into_iter().find(|condition| condition["type"] == "Accepted")?;
        accepted["message"].as_str()?.contains("no ApprovalPolicy is enforced for it").then_some(accepted)
    })
    .await;
    assert_eq!(told["status"], "True", "{told}");
    let expected = format!("by CommandRule {}/statements rules[0] changes is denied", scene.namespace);
    assert!(told["message"].as_str().unwrap().contains(&expected), "{told}");
    let is_audited = move |document: &Value| {
        let policy = &document["approval"]["policies"][0];
        policy["generation"] == generation && policy["audit"] == true
    };
    scene.syncs(is_audited).await;
    let before = scene.approvals().await.len();
    let answer = scene.caller.call(&message(statement)).await;
    refused(&answer, "needs approval, and no ApprovalPolicy of this connection says whose.");
    assert!(scene.record().contains(r#""reason":"NoApprovers""#), "{}", scene.record());
    assert_eq!((scene.approvals().await.len(), scene.made(statement)), (before, 0), "nobody was asked");
}
