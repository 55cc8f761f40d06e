//! Nothing keeps votes honest any more.

use std::sync::Arc;
use std::time::Duration;

use lychgate_tests_cluster::Cluster;
use serde_json::json;

use super::latency::made;
use super::{House, Line, Site, refused, runs};
use crate::approvals::people::carol;
use crate::chart::HOME;
use crate::chart::release::{Release, get};
use crate::support::eventually;
use crate::support::kubelet::Pod;

const BINDING: &str = "approval-votes.lychgate.dev";
const POLICY: &str = "billing-reviews";
/// How long calls may go on by votes that were honest when they were cast.
const LONGEST: Duration = Duration::from_secs(30);

/// Calls are refused once the binding has gone, by the gateway alone and then by the operator's doing, too; and go
/// again once it is back.
pub async fn lost(house: &House, site: &Site, pod: &Pod, line: &Arc<Line>, values: &[&str]) {
    let House { cluster, operator } = house;
    let waiting = site.approvals(cluster, &carol());
    let calls = async |limit: u32| line.calls("customers", &json!({"limit": limit})).await;
    let count = |limit: u32| made(&site.log(), "customers", &limit.to_string()).len();
    refused(&calls(701).await, "waits for approval");
    waiting.approved("701").await;
    assert!(runs(&calls(701).await), "an honest vote opens it");

    // The gateway finds out by itself.
    operator.signal("STOP").await;
    cluster.kubectl(&["delete", "validatingadmissionpolicybinding", BINDING]).succeed().await;
    let is_refused = eventually("the call to be refused", async || {
        let answer = calls(701).await;
        (!runs(&answer)).then_some(answer)
    });
    let answer = tokio::time::timeout(LONGEST, is_refused).await.expect("it is still made");
    refused(&answer, "approvals cannot be trusted at this moment; it was not made");
    let log = pod.process.output();
    assert!(log.contains("a vote in a foreign name was not refused; is the chart's admission policy bound?"));
    let before = count(701);
    operator.signal("CONT").await;
    site.until_guarded(cluster, POLICY, "False/NotGuarded").await;
    assert!(
        told(cluster, site)
            .await
            .contains(&format!("ValidatingAdmissionPolicyBinding {BINDING} is not there"))
    );
    waiting.becomes("701", "Revoked").await;
    // That approval is no more, and the same call asks anew.
    refused(&calls(701).await, "waits for approval");
    refused(&calls(702).await, "waits for approval");
    waiting.approve("702").await;
    waiting.becomes("702", "Cancelled").await;
    refused(&calls(702).await, "its approval was withdrawn");
    assert_eq!((count(701), count(702)), (before, 0), "none has arrived");

    Release { cluster, home: HOME }.set("upgrade", values).await;
    site.until_guarded(cluster, POLICY, "True/AdmissionGuarded").await;
    refused(&calls(703).await, "waits for approval");
    waiting.approved("703").await;
    assert!(runs(&calls(703).await), "votes count again");
}

/// What the operator says of the guard.
async fn told(cluster: &Cluster, site: &Site) -> String {
    let policy = get(cluster, site.namespace, "approvalpolicy", POLICY).await.unwrap();
    let conditions = policy["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|it| it["type"] == "AdmissionGuarded").unwrap()["message"].to_string()
}
