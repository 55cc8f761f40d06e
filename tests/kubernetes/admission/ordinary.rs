//! What has nothing to do with gateways goes on in a guarded namespace as in any other.

use lychgate_tests_cluster::Caller;

use super::{pair, person};
use crate::support::eventually;

/// One of each kind that a policy looks at.
const ORDINARY: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: builder}
---
apiVersion: v1
kind: Secret
metadata: {name: builder-token, annotations: {kubernetes.io/service-account.name: builder}}
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: Secret
metadata: {name: upstream, labels: {app.kubernetes.io/managed-by: Helm}}
stringData: {token: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app.kubernetes.io/name: web, app.kubernetes.io/managed-by: Helm}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {serviceAccountName: builder, containers: [{name: web, image: web}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template: {metadata: {labels: {app: store}}, spec: {containers: [{name: store, image: store}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: once, image: once}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: often}
spec:
  schedule: '* * * * *'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: often, image: often}]}}}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec: {selector: {app: old}, template: {metadata: {labels: {app: old}}, spec: {containers: [{name: old, image: old}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: alone}
spec: {containers: [{name: alone, image: alone}]}
";

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_as_before() {
    let pair = pair("ordinary").await;
    let erin = person("erin");
    pair.admits(&erin, "create -f -", ORDINARY).await;
    eventually("the pods of every controller", async || {
        let pods = pair.admits(&Caller::Admin, "get pods --output name", "").await;
        ["web-", "store-0", "once-", "old-", "alone"].iter().all(|name| pods.contains(name)).then_some(())
    })
    .await;
    for command in [
        "scale deployment/web --replicas=2",
        "scale statefulset/store --replicas=2",
        "set image deployment/web web=next",
        "set image pod/alone alone=next",
        "label pod alone tier=front",
        "rollout restart deployment/web",
        "rollout undo deployment/web",
        "create job now --from=cronjob/often",
        "create token builder",
        "annotate secret builder-token note=seen",
        "label secret upstream app.kubernetes.io/managed-by-",
        "delete configmap settings",
        "delete replicaset --selector app=web",
        "delete all --all --wait=false",
    ] {
        pair.admits(&erin, command, "").await;
    }
    let adam = person("adam");
    pair.admits(
        &adam,
        "create rolebinding viewers --clusterrole=view --serviceaccount=guarded-ordinary:builder",
        "",
    )
    .await;
    pair.admits(&adam, "delete rolebinding viewers", "").await;
}
