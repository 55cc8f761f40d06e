//! The roles of `examples/approvals` make approvers of those that it names.

use serde_json::json;

use super::people::{alice, erin, member};
use super::{Layer, approve, place, refused, vote};
use crate::support::{eventually, workspace};

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_the_example_let_its_approvers_decide() {
    let place = place("example").await;
    let policy =
        json!({"namespace": place.namespace.name(), "name": "billing-sql", "uid": "0b0e", "generation": 1});
    let asked = json!({"spec": {"request": {"policyRefs": [policy]}}});
    let name = place.ask(asked.clone()).await;
    let words = "have not the verb approve on ApprovalPolicy billing-sql";
    refused(place.patch(&alice(), &name, &approve("alice")).await, Layer::Votes, words);

    let written = std::fs::read_to_string(workspace().join("examples/approvals/approvers.yaml")).unwrap();
    let written = written.replace("namespace: agents", &format!("namespace: {}", place.namespace));
    place.cluster.apply_yaml(&written).await;
    eventually("an approver to be let", async || place.patch(&alice(), &name, &approve("alice")).await.ok())
        .await;
    let urgent = place.ask(asked.clone()).await;
    let emergency = vote("erin", json!({"decision": "Approve", "reason": "INC-42", "breakGlass": true}));
    place.patch(&erin(), &urgent, &emergency).await.unwrap();
    let other = place.ask(asked).await;
    let analyst = member("dave", &["analysts"]);
    refused(place.patch(&analyst, &other, &approve("dave")).await, Layer::Roles, "cannot patch");
}
