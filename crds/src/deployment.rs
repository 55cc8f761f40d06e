//! How the pods of a gateway are run: how many, and with how much of a node.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::rule::{self, validations};
use crate::schema::text;
use crate::text as format;

/// How connections are run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::REPLICAS_OR_AUTOSCALING, rule::UTILIZATION_OF_A_REQUEST]
)))]
pub struct Deployment {
    /// How many pods serve each connection: 2 where neither this nor autoscaling is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 50))]
    pub replicas: Option<i32>,
    /// Lets a HorizontalPodAutoscaler choose how many pods serve each connection, for each by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// What each pod asks of its node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// Between which numbers, and by what, an autoscaler chooses the number of pods. Of several targets the one counts that
/// wants the most pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::AUTOSCALING_HAS_A_TARGET, rule::MINIMUM_WITHIN_MAXIMUM]
)))]
pub struct Autoscaling {
    /// The fewest pods.
    #[serde(default = "default_minimum")]
    #[schemars(range(min = 1, max = 50))]
    pub min_replicas: i32,
    /// The most pods.
    #[schemars(range(min = 1, max = 50))]
    pub max_replicas: i32,
    /// The CPU that pods should use on average, in percent of resources.requests.cpu. The cluster needs a metrics
    /// server for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub cpu_utilization: Option<i32>,
    /// How many calls should be under way in each pod on average, by the metric lychgate_calls_under_way. The cluster
    /// needs an adapter that serves it as a metric of pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub calls_under_way: Option<i32>,
}

/// What a pod asks of its node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// What is kept free for each pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceRequests>,
}

/// What is kept free for a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceRequests {
    /// CPU, in thousandths of a core such as 500m, or in cores such as 2; 50m where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cpu")]
    pub cpu: Option<String>,
}

impl Deployment {
    /// What is written of the CPU that each pod asks for.
    #[must_use]
    pub fn requested_cpu(&self) -> Option<&str> {
        self.resources.as_ref()?.requests.as_ref()?.cpu.as_deref()
    }
}

fn default_minimum() -> i32 {
    2
}

fn cpu(_: &mut SchemaGenerator) -> Schema {
    text(&format::CPU)
}
