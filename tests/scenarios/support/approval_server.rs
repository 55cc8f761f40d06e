//! A stand-in for an API server whose answers about Approvals go wrong in every way that a real one cannot be made to
//! show. How a real one answers, with its admission policies, is tested in `tests/kubernetes`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::front::Front;

const APPROVALS: &str = "/apis/lychgate.dev/v1alpha1/namespaces/test/approvals";
/// What the admission policy says to a vote in a foreign name.
pub const GUARDED: &str = "approvals.lychgate.dev \"x\" is forbidden: ValidatingAdmissionPolicy \
     'approval-votes.lychgate.dev' with binding 'approval-votes.lychgate.dev' denied request: \
     you can vote only in your own name";

/// A change of what is answered.
pub type Twist = fn(&mut Value);

/// What goes wrong.
#[derive(Clone, Default)]
pub struct Faults {
    /// How the Approval is shown to who reads it.
    pub read: Option<Twist>,
    /// What is answered to the forged vote, in the place of the admission policy's refusal.
    pub probe: Option<(u16, &'static str)>,
    /// What is answered to a use, with nothing written.
    pub write: Option<(u16, &'static str)>,
    /// How the Approval is shown to who has used it.
    pub written: Option<Twist>,
    /// What is answered to who makes one.
    pub create: Option<(u16, &'static str)>,
    /// The date that every answer bears, in the place of today's.
    pub date: Option<&'static str>,
}

#[derive(Default)]
struct State {
    approvals: Mutex<BTreeMap<String, Value>>,
    faults: Mutex<Faults>,
    /// Every patch, with the path and the query that it was sent to.
    patches: Mutex<Vec<(String, Value)>>,
}

/// The stand-in. Its watches tell nothing, ever.
pub struct ApprovalServer {
    front: Front,
    state: Arc<State>,
}

impl ApprovalServer {
    pub async fn start() -> Self {
        let state = Arc::new(State::default());
        let serving = Arc::clone(&state);
        let front = Front::open(move |stream| serve(stream, Arc::clone(&serving))).await;
        Self { front, state }
    }

    /// Writes what a kubelet would mount, and gives the flags of a gateway that has calls approved here.
    pub fn flags(&self, folder: &Path) -> Vec<String> {
        self.front.flags(folder)
    }

    pub fn faults(&self, faults: Faults) {
        *self.state.faults.lock().unwrap() = faults;
    }

    /// All Approvals.
    pub fn all(&self) -> Vec<Value> {
        self.state.approvals.lock().unwrap().values().cloned().collect()
    }

    /// Every patch since the last look, with the path and the query that it was sent to.
    pub fn patches(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.state.patches.lock().unwrap())
    }

    /// Approves all that wait, as erin and the operator would.
    pub fn approve(&self) {
        for approval in self.state.approvals.lock().unwrap().values_mut() {
            if approval["status"]["phase"] == "Pending" {
                approval["spec"]["votes"] = json!({"oidc:erin": {"decision": "Approve", "reason": "INC-42"}});
                let now = lychgate_gateway::approval::time::now_milliseconds();
                let decided = lychgate_gateway::approval::time::text_of(now);
                approval["status"] = json!({"phase": "Approved", "decidedAt": decided});
                renew(approval);
            }
        }
    }
}

fn renew(approval: &mut Value) {
    let version =
        approval["metadata"]["resourceVersion"].as_str().map_or(0, |text| text.parse::<u64>().unwrap());
    approval["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}

async fn serve(stream: TlsStream<TcpStream>, state: Arc<State>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let state = Arc::clone(&state);
        async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
                // Held for as long as the connection lives.
                std::future::pending::<()>().await;
            }
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let target = parts.uri.path_and_query().unwrap().as_str().to_owned();
            let (status, answer) = state.respond(&parts.method, &target, body);
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            if let Some(date) = state.faults.lock().unwrap().date {
                response = response.header("date", date);
            }
            Ok::<_, io::Error>(response.body(Full::new(Bytes::from(answer.to_string()))).unwrap())
        }
    });
    // The gateway may go at any time.
    let _ended =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

fn refused(status: u16, message: &str) -> (u16, Value) {
    (status, json!({"kind": "Status", "code": status, "message": message}))
}

impl State {
    fn respond(&self, method: &Method, target: &str, body: Value) -> (u16, Value) {
        let faults = self.faults.lock().unwrap().clone();
        let mut approvals = self.approvals.lock().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let below = path.strip_prefix(APPROVALS).unwrap_or_else(|| panic!("nobody asks {target}"));
        let (name, subresource) =
            below.trim_start_matches('/').split_once('/').unwrap_or((below.trim_start_matches('/'), ""));
        if *method == Method::GET && name.is_empty() {
            let items: Vec<&Value> = approvals.values().collect();
            return (200, json!({"metadata": {"resourceVersion": "1"}, "items": items}));
        }
        if *method == Method::POST {
            let name = body["metadata"]["name"].as_str().unwrap().to_owned();
            if let Some((status, message)) = faults.create {
                return refused(status, message);
            }
            if approvals.contains_key(&name) {
                return refused(409, "already exists");
            }
            let mut created = body;
            created["metadata"]["uid"] = json!(format!("uid-{name}"));
            created["metadata"]["namespace"] = json!("test");
            created["status"] = json!({"phase": "Pending"});
            renew(&mut created);
            approvals.insert(name, created.clone());
            return (201, created);
        }
        let Some(approval) = approvals.get_mut(name) else { return refused(404, "not found") };
        if *method == Method::GET {
            let mut shown = approval.clone();
            faults.read.inspect(|twist| twist(&mut shown));
            return (200, shown);
        }
        self.patches.lock().unwrap().push((target.to_owned(), body.clone()));
        if query.contains("dryRun=All") {
            let (status, message) = faults.probe.unwrap_or((422, GUARDED));
            return refused(status, message);
        }
        assert_eq!(subresource, "status", "a gateway writes nothing but status");
        if let Some((status, message)) = faults.write {
            return refused(status, message);
        }
        if body["metadata"]["resourceVersion"] != approval["metadata"]["resourceVersion"] {
            return refused(409, "the object has been modified");
        }
        for (member, value) in body["status"].as_object().unwrap() {
            approval["status"][member] = value.clone();
        }
        renew(approval);
        let mut shown = approval.clone();
        faults.written.inspect(|twist| twist(&mut shown));
        (200, shown)
    }
}
