//! The installation: its kinds, its operator, its versions, and the clock.

use k8s_openapi::jiff::SignedDuration;
use serde_json::Value;

use super::{Ailment, Examined, Finding, Installation, error, key, list, text, warning};
use crate::problem::ObjectKey;
use crate::status::lead;

/// The name of the operator's Deployment, and the value of its label.
const OPERATOR: &str = "lychgate-operator";
/// By how much two clocks may differ before it is told. Gateways make no call that waits for people beyond it.
const CLOCKS_MAY_DIFFER: SignedDuration = SignedDuration::from_secs(30);
/// The flag with the image of gateways.
const GATEWAY_IMAGE: &str = "--gateway-image=";

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let installation = &examined.installation;
    let mut findings = missing_kinds(installation);
    findings.extend(operator(installation));
    findings.extend(versions(examined));
    findings.extend(clock(installation));
    findings
}

fn missing_kinds(installation: &Installation) -> Vec<Finding> {
    let Some(served) = &installation.kinds else { return Vec::new() };
    let definitions = lychgate_crds::definitions().unwrap_or_default();
    let names = definitions.iter().map(|definition| text(&definition.manifest, "/metadata/name").to_owned());
    let missing: Vec<String> = names
        .filter(|name| {
            name.split('.').next().is_none_or(|plural| !served.iter().any(|known| known == plural))
        })
        .collect();
    let finding = |name: &String| {
        let place = ObjectKey::new("CustomResourceDefinition", "", name);
        let what = format!("the API server does not know {name}");
        error(
            Ailment::KindMissing,
            place,
            what,
            "kubectl apply --server-side -f crds/yaml, or upgrade the chart with crds.install=true",
        )
    };
    missing.iter().map(finding).collect()
}

fn operator(installation: &Installation) -> Option<Finding> {
    let Installation { namespace, lease, now, .. } = installation;
    let what = lead(namespace, lease.as_ref()?.as_ref(), *now).err()?;
    let place = ObjectKey::new("Lease", namespace, OPERATOR);
    Some(error(Ailment::OperatorMissing, place, what, format!("kubectl get deployments,pods -n {namespace}")))
}

/// The operator's own Deployment.
fn deployments(examined: &Examined) -> impl Iterator<Item = &Value> {
    let label = "/metadata/labels/app.kubernetes.io~1name";
    examined.deployments.iter().filter(move |deployment| text(deployment, label) == OPERATOR)
}

fn versions(examined: &Examined) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own = &examined.installation.version;
    for operator in deployments(examined) {
        let version = text(operator, "/metadata/labels/app.kubernetes.io~1version");
        if !version.is_empty() && version != own {
            let what = format!("the operator was installed as {version}, and this lychgate is {own}");
            let next = format!("take the lychgate of version {version}, or upgrade the chart to {own}");
            findings.push(warning(Ailment::VersionsDiffer, key(operator), what, next));
        }
        findings.extend(gateway_image(operator).into_iter().flat_map(|image| other_images(examined, image)));
    }
    findings
}

/// The image that the operator gives to gateways.
fn gateway_image(operator: &Value) -> Option<&str> {
    let arguments = list(operator, "/spec/template/spec/containers/0/args").filter_map(Value::as_str);
    arguments.filter_map(|argument| argument.strip_prefix(GATEWAY_IMAGE)).next()
}

/// Gateways that have another one.
fn other_images(examined: &Examined, image: &str) -> Vec<Finding> {
    let gateways = examined.deployments.iter().filter(|deployment| is_of_gateway(deployment));
    let others = gateways.filter_map(|deployment| {
        let found = text(deployment, "/spec/template/spec/containers/0/image");
        (found != image).then(|| {
            let place = key(deployment);
            let what = format!("the gateway has the image {found}, and the operator gives {image}");
            let next = format!(
                "kubectl describe mcpconnections -n {}: a gateway whose connection is not accepted \
                                stays as it is",
                place.namespace
            );
            warning(Ailment::VersionsDiffer, place, what, next)
        })
    });
    others.collect()
}

fn is_of_gateway(object: &Value) -> bool {
    text(object, "/metadata/labels/app.kubernetes.io~1managed-by") == crate::render::MANAGER
}

fn clock(installation: &Installation) -> Option<Finding> {
    let server = installation.server_time?;
    let difference = installation.now.duration_since(server);
    if difference.abs() <= CLOCKS_MAY_DIFFER {
        return None;
    }
    let direction = if difference.is_positive() { "ahead of" } else { "behind" };
    let what =
        format!("this machine's clock is {} s {direction} the API server's", difference.abs().as_secs());
    let place = ObjectKey::new("Clock", "", "API server");
    Some(warning(
        Ailment::ClocksDiffer,
        place,
        what,
        "chronyc tracking, or timedatectl, here and on the control plane",
    ))
}
