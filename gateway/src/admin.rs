//! Health, metrics and the configuration in use, on a port of their own that only the cluster reaches.

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use lychgate_gateway_policy::mask::own_error;
use serde_json::json;

use crate::metrics::ConnectionLabels;
use crate::reply::{self, ReplyBody};
use crate::state::Gateway;

/// Answers `/healthz` (the process lives), `/readyz` (it can serve), `/metrics` and `/config` (what is in use).
#[must_use]
pub fn handle(gateway: &Gateway, request: &Request<Incoming>) -> Response<ReplyBody> {
    if request.method() != Method::GET {
        return reply::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    match request.uri().path() {
        "/healthz" => reply::document("text/plain", "ok\n".to_owned()),
        "/readyz" => ready(gateway),
        "/metrics" => {
            // Connections that are no longer served have no series.
            gateway.metrics.policy_sequence.clear();
            for (connection, sequence) in gateway.configurations.sequences() {
                gateway.metrics.policy_sequence.get_or_create(&ConnectionLabels { connection }).set(sequence);
            }
            gateway.metrics.show_watches(&gateway.watches);
            gateway.metrics.show_held(&gateway.held);
            gateway.metrics.show_flagged(&gateway.configurations, &gateway.tools);
            let text = gateway.metrics.render();
            reply::document("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
        }
        "/config" => {
            let connections = gateway.configurations.report(
                &gateway.values,
                gateway.sealer.naming(),
                &gateway.tools.sightings,
            );
            let watches = gateway.watches.report();
            let report = json!({ "connections": connections, "watches": watches });
            reply::document("application/json", report.to_string())
        }
        _ => reply::message(
            StatusCode::NOT_FOUND,
            own_error(None, -31_404, "Use /healthz, /readyz, /metrics or /config", None, &[]),
        ),
    }
}

fn ready(gateway: &Gateway) -> Response<ReplyBody> {
    let mut problems = gateway.configurations.problems();
    if !gateway.recorder.is_healthy() {
        problems.push("the record cannot be written".to_owned());
    }
    if *gateway.draining.borrow() {
        problems.push("draining".to_owned());
    }
    let mut response = reply::document("application/json", json!({ "problems": problems }).to_string());
    if !problems.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
