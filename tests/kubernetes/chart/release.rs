//! A release of the chart on a real API server. There are no nodes, so that the operator runs beside it: with the
//! arguments of its Deployment, and with the rights of its service account.

use lychgate_tests_cluster::Cluster;
use serde_json::{Value, json};

use super::{OPERATOR, folder, images};
use crate::support::operator::{Operator, Start};
use crate::support::{condition, eventually};

/// A release, installed or not.
pub struct Release<'a> {
    pub cluster: &'a Cluster,
    /// Its namespace.
    pub home: &'a str,
}

impl Release<'_> {
    /// Runs `helm install` or `helm upgrade` with these values, without the check, which needs a node; gives what it
    /// says.
    pub async fn set(&self, verb: &str, values: &[&str]) -> String {
        let (chart, images) = (folder(), images());
        let mut arguments = vec![verb, "lychgate", chart.to_str().unwrap(), "--namespace", self.home];
        arguments.push("--no-hooks");
        arguments.extend(["--values", images.to_str().unwrap()]);
        arguments.extend(values.iter().flat_map(|value| ["--set", *value]));
        self.cluster.helm(&arguments).succeed().await
    }

    /// Runs `helm uninstall`; gives what it says.
    pub async fn uninstall(&self) -> String {
        self.cluster.helm(&["uninstall", "lychgate", "--namespace", self.home]).succeed().await
    }

    /// The objects of the release, as Helm has them.
    pub async fn objects(&self) -> Vec<Value> {
        let manifest = self.cluster.helm(&["get", "manifest", "lychgate", "--namespace", self.home]);
        super::objects(&manifest.succeed().await)
    }

    /// Runs an operator as the kubelet would.
    pub async fn operator(&self, identity: &str) -> Operator {
        let deployment = self.get("deployment", OPERATOR).await.unwrap();
        Start::as_deployed(self.cluster, &deployment, identity).await.launch()
    }

    /// An object of the release's namespace.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        get(self.cluster, self.home, kind, name).await
    }

    /// Whether a service account of this namespace may do something there: verb, resource, and name if one is meant.
    pub async fn may(&self, account: &str, namespace: &str, question: (&str, &str, &str)) -> bool {
        let (verb, resource, name) = question;
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": format!("system:serviceaccount:{}:{account}", self.home),
                "groups": [
                    "system:serviceaccounts", format!("system:serviceaccounts:{}", self.home), "system:authenticated",
                ],
                "resourceAttributes": {"namespace": namespace, "verb": verb, "resource": resource, "name": name},
            },
        });
        let create = self.cluster.kubectl(&["create", "-f", "-", "-o", "json"]);
        let answer = create.input(&review.to_string()).succeed().await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["status"]["allowed"].as_bool().unwrap()
    }

    /// Everything that the operator was refused so far.
    pub async fn refused(&self) -> Vec<String> {
        let events = self.cluster.audit().await;
        let refused = events.iter().filter(|event| event.user == self.user() && event.code == 403);
        refused.map(|event| format!("{} {}", event.verb, event.uri)).collect()
    }

    /// The operator's user name.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{OPERATOR}", self.home)
    }
}

/// An object, if it is there.
pub async fn get(cluster: &Cluster, namespace: &str, kind: &str, name: &str) -> Option<Value> {
    let arguments = ["get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found"];
    let text = cluster.kubectl(&arguments).succeed().await;
    if text.trim().is_empty() { None } else { Some(serde_json::from_str(&text).unwrap()) }
}

/// Waits until a condition of an object is as expected.
pub async fn until(cluster: &Cluster, namespace: &str, object: (&str, &str), of_type: &str, expected: &str) {
    let (kind, name) = object;
    eventually(&format!("{kind} {namespace}/{name} to be {of_type}={expected}"), async || {
        let object = get(cluster, namespace, kind, name).await?;
        (condition(&object, of_type)? == expected).then_some(())
    })
    .await;
}
