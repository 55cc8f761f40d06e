//! Asks every gateway which configuration it uses.
//!
//! A pod is asked at its own address. One that does not use what was published is asked again soon, one that
//! does now and then. A changed answer makes the namespace be looked at again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lychgate_operator_plan::status::{
    Answer, CredentialAnswer, DefinitionsAnswer, Published, Refusal, Replica, ToolAnswer,
};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::queue::Queue;
use crate::world::{Pod, World};

/// How often it is looked whether a pod is due.
const TICK: Duration = Duration::from_millis(100);
/// How long after an answer a pod is asked again that does not use what was published.
const ASK_AGAIN: Duration = Duration::from_millis(400);
/// The same for a pod that does not answer at all, or that lacks something which people may be mending.
const ASK_AGAIN_AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The same for a pod that uses what was published: credentials come and go without the operator.
const ASK_AGAIN_WHEN_CURRENT: Duration = Duration::from_secs(10);
/// How long a pod may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How many pods are asked at once.
const CONCURRENCY: usize = 64;
/// The longest answer, in bytes.
const MAXIMUM_ANSWER_BYTES: usize = 1024 * 1024;

/// What gateways have answered.
pub struct Acknowledgements {
    inner: Mutex<Inner>,
    client: HttpClient<HttpConnector, Empty<Bytes>>,
    port: u16,
}

#[derive(Default)]
struct Inner {
    /// What was published, by namespace and name of the Deployment.
    published: HashMap<(String, String), Published>,
    /// What pods answered, by namespace and name.
    asked: HashMap<(String, String), Asked>,
    /// Pods that are being asked.
    asking: HashSet<(String, String)>,
}

struct Asked {
    uid: String,
    at: Instant,
    answer: Result<Vec<Named>, String>,
}

/// An answer about one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    connection: String,
    answer: Answer,
}

impl Named {
    /// Whether a credential, or what the document needs, is missing, or a tool is not as it was pinned.
    fn lacks(&self) -> bool {
        let mut credentials = self.answer.credentials.iter();
        let tools = self.answer.definitions.iter().flat_map(|definitions| &definitions.tools);
        let mut changed =
            tools.filter(|tool| tool.pinned.as_ref().is_some_and(|pin| *pin != tool.definition));
        self.answer.refused.is_some()
            || credentials.any(|credential| credential.problem.is_some())
            || changed.next().is_some()
    }

    fn uses(&self, published: &Published) -> bool {
        self.answer.in_use.as_ref() == Some(published)
    }

    fn refuses(&self, published: &Published) -> bool {
        self.answer.refused.as_ref().is_some_and(|refused| refused.hash == published.hash)
    }
}

impl Acknowledgements {
    /// Nobody has been asked. Gateways answer on `port`.
    #[must_use]
    pub fn new(port: u16) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TIMEOUT));
        let client = HttpClient::builder(TokioExecutor::new())
            .pool_idle_timeout(ASK_AGAIN_WHEN_CURRENT * 2)
            .pool_max_idle_per_host(1)
            .build(connector);
        Self { inner: Mutex::default(), client, port }
    }

    /// Notes what a Deployment's pods should use.
    pub fn expect(&self, namespace: &str, instance: &str, published: Published) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.published.insert((namespace.to_owned(), instance.to_owned()), published);
    }

    /// The pods of a Deployment that can be asked, with what they answered about a connection.
    #[must_use]
    pub fn replicas<'a>(
        &self,
        namespace: &str,
        pods: impl Iterator<Item = (&'a String, &'a Pod)>,
        connection: &str,
    ) -> Vec<Replica> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let replica = |(name, pod): (&String, &Pod)| {
            let asked = inner.asked.get(&(namespace.to_owned(), name.clone()));
            let published = inner.published.get(&(namespace.to_owned(), pod.instance.clone()));
            let answer = asked.filter(|asked| asked.uid == pod.uid).map(|asked| match &asked.answer {
                Ok(answers) => {
                    let own = answers.iter().find(|named| named.connection == connection);
                    // A document that was never good is told under the name of its file.
                    let own = own.or_else(|| {
                        published.and_then(|published| answers.iter().find(|named| named.refuses(published)))
                    });
                    Ok(own.map(|named| named.answer.clone()).unwrap_or_default())
                }
                Err(error) => Err(error.clone()),
            });
            Replica { name: name.clone(), answer }
        };
        pods.filter(|(_, pod)| pod.address.is_some() && !pod.ending).map(replica).collect()
    }

    /// Asks for as long as the process lives.
    pub async fn run(self: Arc<Self>, world: Arc<World>, queue: Queue) {
        let permits = Arc::new(Semaphore::new(CONCURRENCY));
        let mut questions = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let pods = world.pods();
            self.forget(&pods);
            while questions.try_join_next().is_some() {}
            for (namespace, name, pod) in pods {
                if !self.is_due(&namespace, &name, &pod) {
                    continue;
                }
                // Those for whom there is no room are due at the next tick, too.
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { break };
                self.begin(&namespace, &name);
                let (this, queue) = (Arc::clone(&self), queue.clone());
                questions.spawn(async move {
                    let answer = this.ask(&pod).await;
                    if this.note(&namespace, &name, &pod, answer) {
                        queue.push(&namespace);
                    }
                    drop(permit);
                });
            }
        }
    }

    fn begin(&self, namespace: &str, name: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.asking.insert((namespace.to_owned(), name.to_owned()));
    }

    /// Drops what gone pods said.
    fn forget(&self, pods: &[(String, String, Pod)]) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.asked.len() > pods.len() {
            let there: HashSet<(&str, &str)> =
                pods.iter().map(|(namespace, name, _)| (namespace.as_str(), name.as_str())).collect();
            inner.asked.retain(|(namespace, name), _| there.contains(&(namespace.as_str(), name.as_str())));
        }
    }

    fn is_due(&self, namespace: &str, name: &str, pod: &Pod) -> bool {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(published) = inner.published.get(&(namespace.to_owned(), pod.instance.clone())) else {
            return false;
        };
        let key = (namespace.to_owned(), name.to_owned());
        if inner.asking.contains(&key) {
            return false;
        }
        let asked = inner.asked.get(&key);
        let Some(asked) = asked.filter(|asked| asked.uid == pod.uid) else { return true };
        let knows = |named: &Named| named.uses(published) || named.refuses(published);
        let pause = match &asked.answer {
            Err(_) => ASK_AGAIN_AFTER_FAILURE,
            Ok(answers) if !answers.iter().any(knows) => ASK_AGAIN,
            Ok(answers) if answers.iter().any(Named::lacks) => ASK_AGAIN_AFTER_FAILURE,
            Ok(_) => ASK_AGAIN_WHEN_CURRENT,
        };
        asked.at.elapsed() >= pause
    }

    /// Keeps an answer, and says whether it is a new one.
    fn note(&self, namespace: &str, name: &str, pod: &Pod, answer: Result<Vec<Named>, String>) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked { uid: pod.uid.clone(), at: Instant::now(), answer };
        let answer = asked.answer.clone();
        let key = (namespace.to_owned(), name.to_owned());
        inner.asking.remove(&key);
        let before = inner.asked.insert(key, asked);
        before.is_none_or(|before| before.uid != pod.uid || before.answer != answer)
    }

    async fn ask(&self, pod: &Pod) -> Result<Vec<Named>, String> {
        let address = pod.address.as_deref().unwrap_or_default();
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let uri: http::Uri =
            format!("http://{host}:{}/config", self.port).parse().map_err(|_| "has no legal address")?;
        let asked = async {
            let response = self.client.get(uri).await.map_err(|error| crate::chain(&error))?;
            if response.status() != http::StatusCode::OK {
                return Err(format!("answers with status {}", response.status().as_u16()));
            }
            let body = Limited::new(response.into_body(), MAXIMUM_ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            let document: Document = serde_json::from_slice(&body)
                .map_err(|error| format!("answers with no such JSON: {error}"))?;
            Ok(document.connections.into_iter().map(Named::from).collect())
        };
        tokio::time::timeout(TIMEOUT, asked).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }
}

/// What a gateway answers to `GET /config`. Members that this operator does not know are left alone.
#[derive(Deserialize)]
struct Document {
    connections: Vec<Connection>,
}

#[derive(Deserialize)]
struct Connection {
    connection: String,
    sequence: Option<u64>,
    hash: Option<String>,
    #[serde(default)]
    credentials: Vec<Credential>,
    refused: Option<Refused>,
    #[serde(rename = "toolPinning")]
    tool_pinning: Option<Definitions>,
}

/// What the server said of itself last.
#[derive(Deserialize)]
struct Definitions {
    tools: Option<Vec<Tool>>,
    #[serde(default)]
    others: Vec<Other>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    definition: String,
    pinned: Option<String>,
    #[serde(default)]
    hidden: Vec<String>,
}

#[derive(Deserialize)]
struct Other {
    subject: String,
    hidden: Vec<String>,
}

impl Definitions {
    /// Nothing where the gateway has not heard of any tool.
    fn answer(self) -> Option<DefinitionsAnswer> {
        let tool =
            |Tool { name, definition, pinned, hidden }| ToolAnswer { name, definition, pinned, hidden };
        let other = |Other { subject, hidden }: Other| format!("{subject} ({})", hidden.join(", "));
        Some(DefinitionsAnswer {
            tools: self.tools?.into_iter().map(tool).collect(),
            others: self.others.into_iter().map(other).collect(),
        })
    }
}

#[derive(Deserialize)]
struct Credential {
    name: String,
    problem: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    hash: Option<String>,
    problem: String,
}

impl From<Connection> for Named {
    fn from(connection: Connection) -> Self {
        let Connection { connection, sequence, hash, credentials, refused, tool_pinning } = connection;
        let credential = |Credential { name, problem }| CredentialAnswer { name, problem };
        let answer = Answer {
            in_use: sequence.zip(hash).map(|(sequence, hash)| Published { sequence, hash }),
            refused: refused
                .map(|refused| Refusal { hash: refused.hash.unwrap_or_default(), problem: refused.problem }),
            credentials: credentials.into_iter().map(credential).collect(),
            definitions: tool_pinning.and_then(Definitions::answer),
        };
        Self { connection, answer }
    }
}
