//! The life of a gateway goes on under the policies: the controllers of Kubernetes make its pods, roll them, and clear
//! everything away.

use lychgate_tests_cluster::Caller;

use super::{OPERATOR, Pair, account, pair, person};
use crate::support::eventually;

const OF_GATEWAY: &str = "--selector app.kubernetes.io/instance=lychgate-billing-db";

/// The names of the gateway's pods.
async fn pods(pair: &Pair) -> Vec<String> {
    let command = format!("get pods {OF_GATEWAY} --output name");
    let listed = pair.admits(&Caller::Admin, &command, "").await;
    listed.lines().map(|name| name.trim_start_matches("pod/").to_owned()).collect()
}

/// Waits until there are as many pods as the golden Deployment asks for, none of which is among these.
async fn three_pods_but(pair: &Pair, gone: &[String]) -> Vec<String> {
    eventually("three pods", async || {
        let pods = pods(pair).await;
        (pods.len() == 3 && gone.iter().all(|name| !pods.contains(name))).then_some(pods)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_made_rolled_evicted_and_cleared_away_and_its_namespace_too() {
    let pair = pair("life").await;
    let erin = person("erin");
    pair.make_gateway(&pair.guarded).await.unwrap();
    let first = three_pods_but(&pair, &[]).await;

    // Deleting and evicting pods is everybody's who may.
    pair.admits(&erin, &format!("delete pod {} --wait=false", first[0]), "").await;
    let eviction = format!(
        "{{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{{\"name\":\"{}\",\"namespace\":\"NAMESPACE\"}}}}",
        first[1]
    );
    let evict = format!("create --raw /api/v1/namespaces/{}/pods/{}/eviction -f -", pair.guarded, first[1]);
    pair.admits(&erin, &evict, &eviction).await;
    three_pods_but(&pair, &first[..2]).await;

    // The operator rolls it out anew, which makes another ReplicaSet.
    let gateway = pair.gateway(&pair.guarded).await;
    let next = gateway.replace("/gateway:", "/gateway:next-");
    assert_ne!(gateway, next, "the golden file names an image with a tag");
    pair.put(&pair.guarded, &next).await.unwrap();
    eventually("a second ReplicaSet with a pod", async || {
        let path = "jsonpath={.items[?(@.spec.replicas>0)].metadata.name}";
        let command = format!("get replicasets {OF_GATEWAY} --output {path}");
        let sets = pair.admits(&Caller::Admin, &command, "").await;
        (sets.split(' ').count() == 2).then_some(())
    })
    .await;

    // A child that the operator deletes goes, and may come again.
    pair.admits(&account(OPERATOR), "delete networkpolicy lychgate-billing-db", "").await;
    pair.put(&pair.guarded, &next).await.unwrap();

    pair.admits(&erin, "delete mcpconnection billing-db", "").await;
    eventually("everything to be gone", async || {
        let kinds = "get sa,cm,secret,role,rolebinding,netpol,svc,pdb,deploy,rs,pod --output name";
        let listed = pair.admits(&Caller::Admin, kinds, "").await;
        (!listed.contains("lychgate-billing-db")).then_some(())
    })
    .await;

    pair.make_gateway(&pair.guarded).await.unwrap();
    three_pods_but(&pair, &[]).await;
    let delete = ["delete", "namespace", &pair.guarded, "--timeout=60s"];
    pair.cluster.kubectl(&delete).succeed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collector_frees_orphans_and_the_operator_removes_them() {
    let pair = pair("orphans").await;
    pair.make_gateway(&pair.guarded).await.unwrap();
    pair.admits(&person("erin"), "delete mcpconnection billing-db --cascade=orphan", "").await;
    eventually("the children to have no owner", async || {
        let child = pair.get("deployment/lychgate-billing-db").await;
        child["metadata"]["ownerReferences"].is_null().then_some(())
    })
    .await;
    pair.admits(&account(OPERATOR), "delete deployment lychgate-billing-db", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_deleted_in_the_foreground_takes_its_gateway_with_it() {
    let pair = pair("orphans").await;
    let foreground = "delete mcpconnection other --cascade=foreground --timeout=60s";
    pair.cluster.apply_yaml_in(&pair.guarded, &super::CONNECTION.replace("billing-db", "other")).await;
    let uid = pair.get("mcpconnection/other").await["metadata"]["uid"].as_str().unwrap().to_owned();
    let child = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: lychgate-other, labels: {{app.kubernetes.io/managed-by: \
         lychgate-operator}}, ownerReferences: [{{apiVersion: lychgate.dev/v1alpha1, kind: McpConnection, name: other, \
         uid: {uid}, controller: true, blockOwnerDeletion: true}}]}}}}"
    );
    pair.apply(&account(OPERATOR), &pair.guarded, &child).await.unwrap();
    pair.admits(&person("erin"), foreground, "").await;
}
