//! `lychgate doctor`: what keeps Lychgate from working in a cluster, or lets somebody go round it.
//!
//! Here things are fetched, with the rights of whoever asks, and findings are shown. What is wrong is judged in
//! the plan's `doctor`. What may not be read is left out, and said.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::ValueEnum;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, ListParams};
use lychgate_operator_plan::doctor::{Examined, Finding, Installation, examine};
use lychgate_operator_plan::{MANAGER, MANAGER_LABEL, ObjectKey, Severity, shown};
use serde_json::{Value, json};

use crate::cluster::{Access, Cluster, ReadError, built_in, own_kinds, unreadable};
use crate::output::{CommandError, note, print_line};

/// The label of the operator's Deployment and pods.
const OPERATOR: &str = "app.kubernetes.io/name=lychgate-operator";
/// The name of the Lease by which an operator leads.
const LEASE: &str = "lychgate-operator";
/// Where the API server tells which of our kinds it serves.
const KINDS: &str = "/apis/lychgate.dev/v1alpha1";
/// How many gateways are asked for their metrics.
const MAXIMUM_GATEWAYS: usize = 200;
/// The port of a gateway's pod for health and metrics.
const ADMIN_PORT: u16 = 9090;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: Access,
    /// Namespace to look at; otherwise that of the context
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Namespace of the operator
    #[arg(long, value_name = "NAME", default_value = "lychgate-system")]
    operator_namespace: String,
    /// How findings are shown
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// How findings are shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Exit code 1 if anything is wrong; what is only odd is shown, and no more.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    crate::cluster::wait(look(arguments))
}

async fn look(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let cluster = arguments.access.connect().await?;
    let namespace = match (&arguments.namespace, arguments.all_namespaces) {
        (_, true) => None,
        (Some(namespace), false) => Some(namespace.as_str()),
        (None, false) => Some(cluster.namespace.as_str()),
    };
    let mut fetch = Fetch { cluster: &cluster, namespace, left_out: Vec::new() };
    let examined = fetch.all(&arguments.operator_namespace).await?;
    let findings = examine(&examined);
    match arguments.output {
        Output::Text => show(&findings, &fetch.left_out),
        Output::Json => print_line(&as_json(&findings, &fetch.left_out).to_string()),
    }
    let is_wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if is_wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Fetches what is examined.
struct Fetch<'a> {
    cluster: &'a Cluster,
    namespace: Option<&'a str>,
    /// What may not be read, and why.
    left_out: Vec<String>,
}

impl Fetch<'_> {
    async fn all(&mut self, operator_namespace: &str) -> Result<Examined, CommandError> {
        let installation = self.installation(operator_namespace).await?;
        let served = installation.kinds.clone();
        let is_served =
            |kind: &ApiResource| served.as_ref().is_none_or(|served| served.contains(&kind.plural));
        let mut objects = Vec::new();
        for kind in own_kinds().filter(is_served) {
            let listed = self.cluster.list(&kind, self.namespace, ListParams::default()).await;
            objects.extend(listed.map_err(|error| unreadable(&kind, self.namespace, &error))?);
        }
        let ours = format!("{MANAGER_LABEL}={MANAGER}");
        let mut made = [Vec::new(), Vec::new()];
        for (kind, found) in [built_in::<Deployment>(), built_in::<Pod>()].iter().zip(&mut made) {
            found.extend(self.list(kind, self.namespace, labelled(&ours)).await?.unwrap_or_default());
            let of_operator = self.list(kind, Some(operator_namespace), labelled(OPERATOR)).await?;
            found.extend(of_operator.unwrap_or_default());
        }
        let [deployments, pods] = made;
        let failed = ListParams::default().fields("type=Warning,reason=FailedCreate");
        let warnings = self.list(&built_in::<Event>(), self.namespace, failed).await?.unwrap_or_default();
        let metrics = self.metrics(&pods).await;
        let mut examined =
            Examined { objects, deployments, pods, warnings, metrics, installation, ..Examined::default() };
        self.servers(&mut examined).await?;
        Ok(examined)
    }

    async fn installation(&mut self, namespace: &str) -> Result<Installation, CommandError> {
        let before = Timestamp::now();
        let (kinds, server_time) = match self.cluster.ask("/version").await {
            Ok((_, server_time)) => (self.kinds().await, server_time),
            Err(ReadError::Other(error)) => return Err(CommandError::new(error)),
            Err(ReadError::Forbidden(_)) => (self.kinds().await, None),
        };
        let lease = match self.cluster.get(&built_in::<Lease>(), Some(namespace), LEASE).await {
            Ok(lease) => Some(lease),
            Err(error) => {
                self.leave_out(&format!("whether an operator runs in namespace {namespace}"), &error);
                None
            }
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let namespace = namespace.to_owned();
        Ok(Installation { namespace, kinds, lease, version, server_time, now: before })
    }

    /// Which of our kinds the API server serves: none, where it does not know the group.
    async fn kinds(&mut self) -> Option<Vec<String>> {
        let text = match self.cluster.ask(KINDS).await {
            Ok((text, _)) => text,
            Err(ReadError::Other(_)) => return Some(Vec::new()),
            Err(error @ ReadError::Forbidden(_)) => {
                self.leave_out("which kinds the API server serves", &error);
                return None;
            }
        };
        let answer: Value = serde_json::from_str(&text).ok()?;
        let names = answer.get("resources").and_then(Value::as_array).into_iter().flatten();
        Some(names.filter_map(|resource| resource.get("name")?.as_str().map(str::to_owned)).collect())
    }

    /// The Services that connections name, the pods behind them, and the policies around those.
    async fn servers(&mut self, examined: &mut Examined) -> Result<(), CommandError> {
        let named: BTreeSet<(String, String)> = examined.objects.iter().filter_map(named_service).collect();
        let (mut pods, mut policies) = (Some(Vec::new()), Some(Vec::new()));
        let mut namespaces = BTreeSet::new();
        for (namespace, name) in named {
            let service = match self.cluster.get(&built_in::<Service>(), Some(&namespace), &name).await {
                Ok(Some(service)) => service,
                Ok(None) => continue,
                Err(error) => {
                    self.leave_out(&format!("Service {namespace}/{name}"), &error);
                    continue;
                }
            };
            if let Some(selector) = selector(&service) {
                let selected = self.list(&built_in::<Pod>(), Some(&namespace), labelled(&selector)).await?;
                pods = pods.zip(selected).map(|(mut pods, selected)| {
                    pods.extend(selected);
                    pods
                });
                namespaces.insert(namespace);
            }
            examined.services.push(service);
        }
        for namespace in namespaces {
            let kind = built_in::<NetworkPolicy>();
            let found = self.list(&kind, Some(&namespace), ListParams::default()).await?;
            policies = policies.zip(found).map(|(mut policies, found)| {
                policies.extend(found);
                policies
            });
        }
        examined.server_pods = pods;
        examined.network_policies = policies;
        Ok(())
    }

    /// What gateways count. They are asked through the API server, for which it takes a right of its own.
    async fn metrics(&mut self, pods: &[Value]) -> Vec<(ObjectKey, String)> {
        let running = pods.iter().filter(|pod| {
            let is_ours =
                pod.pointer("/metadata/labels/app.kubernetes.io~1managed-by") == Some(&json!(MANAGER));
            is_ours && pod.pointer("/status/phase") == Some(&json!("Running"))
        });
        let mut metrics = Vec::new();
        for pod in running.take(MAXIMUM_GATEWAYS) {
            let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
            let path = format!("/api/v1/namespaces/{namespace}/pods/{name}:{ADMIN_PORT}/proxy/metrics");
            match self.cluster.ask(&path).await {
                Ok((text, _)) => metrics.push((ObjectKey::new("Pod", namespace, name), text)),
                Err(error @ ReadError::Forbidden(_)) => {
                    self.leave_out("what gateways report, for which it takes get on pods/proxy", &error);
                    break;
                }
                Err(error @ ReadError::Other(_)) => {
                    self.leave_out(&format!("what pod {namespace}/{name} reports"), &error);
                }
            }
        }
        metrics
    }

    /// Objects of a kind; nothing if they may not be read.
    async fn list(
        &mut self,
        kind: &ApiResource,
        namespace: Option<&str>,
        parameters: ListParams,
    ) -> Result<Option<Vec<Value>>, CommandError> {
        match self.cluster.list(kind, namespace, parameters).await {
            Ok(objects) => Ok(Some(objects)),
            Err(error @ ReadError::Forbidden(_)) => {
                let place =
                    namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
                self.leave_out(&format!("{} of {place}", kind.plural), &error);
                Ok(None)
            }
            Err(error @ ReadError::Other(_)) => Err(CommandError::from_display(error)),
        }
    }

    fn leave_out(&mut self, what: &str, error: &ReadError) {
        let text = match error {
            ReadError::Forbidden(_) => format!("{what}: you may not read that"),
            ReadError::Other(message) => format!("{what}: {message}"),
        };
        if !self.left_out.contains(&text) {
            self.left_out.push(text);
        }
    }
}

fn labelled(selector: &str) -> ListParams {
    ListParams::default().labels(selector)
}

/// The Service that a connection names, with its namespace.
fn named_service(object: &Value) -> Option<(String, String)> {
    let name = object.pointer("/spec/upstream/serviceRef/name")?.as_str()?;
    let namespace = object.pointer("/metadata/namespace")?.as_str()?;
    Some((namespace.to_owned(), name.to_owned()))
}

/// What a Service selects, as a list takes it; nothing if it selects nothing.
fn selector(service: &Value) -> Option<String> {
    let labels = service.pointer("/spec/selector")?.as_object()?;
    let pairs = labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    let pairs: Vec<String> = pairs.collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

fn show(findings: &[Finding], left_out: &[String]) {
    for Finding { ailment, severity, place, what, next } in findings {
        let oddity = if *severity == Severity::Warning { "  (warning)" } else { "" };
        print_line(&format!("{}  {}{oddity}", ailment.as_str(), shown(&place.to_string())));
        print_line(&format!("  what  {}", shown(what)));
        print_line(&format!("  why   {}", ailment.why()));
        print_line(&format!("  next  {}", shown(next)));
        print_line("");
    }
    for text in left_out {
        note(&format!("not examined: {}", shown(text)));
    }
    match findings.len() {
        0 => note("nothing is wrong, as far as can be seen"),
        1 => note("1 finding"),
        count => note(&format!("{count} findings")),
    }
}

fn as_json(findings: &[Finding], left_out: &[String]) -> Value {
    let finding = |finding: &Finding| {
        let Finding { ailment, severity, place: ObjectKey { kind, namespace, name }, what, next } = finding;
        let severity = if *severity == Severity::Error { "Error" } else { "Warning" };
        json!({
            "ailment": ailment.as_str(),
            "severity": severity,
            "place": {"kind": kind, "namespace": namespace, "name": name},
            "what": what,
            "why": ailment.why(),
            "next": next,
        })
    };
    json!({"findings": findings.iter().map(finding).collect::<Vec<Value>>(), "notExamined": left_out})
}
