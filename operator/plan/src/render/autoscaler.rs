//! What chooses the number of a gateway's pods, where a McpGateway asks for it.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricIdentifier,
    MetricSpec, MetricTarget, PodsMetricSource, ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::metadata;
use crate::valid::ValidConnection;

/// The gateways' own metric of their load, as an adapter serves it.
const CALLS_UNDER_WAY: &str = "lychgate_calls_under_way";

/// None where the number of pods is written.
pub(super) fn horizontal_pod_autoscaler(connection: &ValidConnection) -> Option<HorizontalPodAutoscaler> {
    let bounds = connection.gateway.scale.bounds()?;
    let metrics = bounds.cpu_utilization.map(cpu).into_iter().chain(bounds.calls_under_way.map(calls));
    Some(HorizontalPodAutoscaler {
        metadata: metadata(connection),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: connection.child.as_str().to_owned(),
            },
            min_replicas: Some(bounds.minimum.get()),
            max_replicas: bounds.maximum.get(),
            metrics: Some(metrics.collect()),
            behavior: None,
        }),
        ..HorizontalPodAutoscaler::default()
    })
}

/// The CPU that pods use, in percent of what they ask for.
fn cpu(utilization: i32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: "cpu".to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(utilization),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}

fn calls(under_way: i32) -> MetricSpec {
    MetricSpec {
        type_: "Pods".to_owned(),
        pods: Some(PodsMetricSource {
            metric: MetricIdentifier { name: CALLS_UNDER_WAY.to_owned(), selector: None },
            target: MetricTarget {
                type_: "AverageValue".to_owned(),
                average_value: Some(Quantity(under_way.to_string())),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}
