//! What a cluster holds, read with the rights of whoever asks.
//!
//! Only reading: nothing is written but votes on Approvals, and no Secret is looked at.

use std::path::PathBuf;

use http_body_util::{BodyExt as _, Limited};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822::DateTimeParser;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use lychgate_crds::{ApprovalPolicy, CommandRule, MaskingRule, McpConnection, McpGateway};
use lychgate_gateway::issuer::chain;
use serde_json::Value;

use crate::output::CommandError;

/// How many objects are asked for at once.
const PAGE: u32 = 500;
/// The most that is read of an answer that is no list, such as a gateway's metrics.
const MAXIMUM_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Which cluster, and as whom.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// File that tells how the cluster is reached; otherwise what KUBECONFIG names, or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of that file, in place of its current one
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// A cluster.
pub(crate) struct Cluster {
    client: Client,
    /// The namespace that counts if none is named.
    pub(crate) namespace: String,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Whoever asks may not.
    #[error("you may not read it: {0}")]
    Forbidden(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Our kinds that people write.
pub(crate) fn own_kinds() -> impl Iterator<Item = ApiResource> {
    let others = [ApiResource::erase::<McpGateway>(&()), ApiResource::erase::<McpConnection>(&())];
    others.into_iter().chain(policy_kinds())
}

/// The kinds of policies.
pub(crate) fn policy_kinds() -> [ApiResource; 3] {
    [
        ApiResource::erase::<MaskingRule>(&()),
        ApiResource::erase::<CommandRule>(&()),
        ApiResource::erase::<ApprovalPolicy>(&()),
    ]
}

impl Access {
    /// Finds the cluster. Nothing is sent yet.
    pub(crate) async fn connect(&self) -> Result<Cluster, CommandError> {
        // There is one provider in the process; where another part has installed it, it is the same one.
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = self.config().await?;
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(CommandError::from_display)?;
        Ok(Cluster { client, namespace })
    }

    async fn config(&self) -> Result<Config, CommandError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        if let Some(path) = &self.kubeconfig {
            let wrong = |error: &dyn std::error::Error| {
                CommandError::new(format!("--kubeconfig {}: {}", path.display(), chain(error)))
            };
            let file = Kubeconfig::read_from(path).map_err(|error| wrong(&error))?;
            return Config::from_custom_kubeconfig(file, &options).await.map_err(|error| wrong(&error));
        }
        let from_file = match Config::from_kubeconfig(&options).await {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        Config::incluster().map_err(|_| {
            CommandError::new(format!(
                "no cluster: {}; set KUBECONFIG, give --kubeconfig FILE, or look at files with --filename DIR",
                chain(&from_file)
            ))
        })
    }
}

impl Cluster {
    /// The objects of a kind in a namespace, or in all, that a selector of fields chooses.
    pub(crate) async fn list(
        &self,
        kind: &ApiResource,
        namespace: Option<&str>,
        parameters: ListParams,
    ) -> Result<Vec<Value>, ReadError> {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, kind),
            None => Api::all_with(self.client.clone(), kind),
        };
        let mut objects = Vec::new();
        let mut parameters = parameters.limit(PAGE);
        loop {
            let page = api.list(&parameters).await.map_err(|error| read_error(kind, error))?;
            for mut object in page.items {
                object.types.get_or_insert_with(|| kube::api::TypeMeta {
                    api_version: kind.api_version.clone(),
                    kind: kind.kind.clone(),
                });
                object.metadata.managed_fields = None;
                objects
                    .push(serde_json::to_value(object).map_err(|error| ReadError::Other(error.to_string()))?);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }

    /// An object, if it is there.
    pub(crate) async fn get(
        &self,
        kind: &ApiResource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ReadError> {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, kind),
            None => Api::all_with(self.client.clone(), kind),
        };
        let object = api.get_opt(name).await.map_err(|error| read_error(kind, error))?;
        let value = object.map(serde_json::to_value).transpose();
        value.map_err(|error| ReadError::Other(error.to_string()))
    }
}

impl Cluster {
    /// What the API server answers to a GET, as text, and when it says that it did so.
    pub(crate) async fn ask(&self, path: &str) -> Result<(String, Option<Timestamp>), ReadError> {
        let other = |error: &dyn std::fmt::Display| ReadError::Other(error.to_string());
        let request = http::Request::get(path).body(Body::empty()).map_err(|error| other(&error))?;
        let response = self.client.send(request).await.map_err(|error| ReadError::Other(words(&error)))?;
        let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let date =
            date.and_then(|date| DateTimeParser::new().relaxed_weekday(true).parse_timestamp(date).ok());
        let status = response.status();
        let body = Limited::new(response.into_body(), MAXIMUM_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| other(&error))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        match status.as_u16() {
            200..=299 => Ok((text, date)),
            401 | 403 => Err(ReadError::Forbidden(text)),
            _ => Err(ReadError::Other(format!("{path}: {status}"))),
        }
    }

    /// The user name by which the API server knows whoever asks.
    pub(crate) async fn user_name(&self) -> Result<String, CommandError> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review = review.map_err(|error| CommandError::new(format!("who are you? {}", words(&error))))?;
        let user = review.status.and_then(|status| status.user_info).and_then(|user| user.username);
        user.ok_or_else(|| CommandError::new("the API server does not say who you are"))
    }

    /// Patches an object (RFC 7386).
    pub(crate) async fn patch(
        &self,
        kind: &ApiResource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<(), CommandError> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, kind);
        let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(drop).map_err(|error| CommandError::new(words(&error)))
    }
}

/// The API server's own words, or why there are none.
fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    format!("the API server cannot be asked: {}", chain(error))
}

/// A built-in kind.
pub(crate) fn built_in<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

fn read_error(kind: &ApiResource, error: kube::Error) -> ReadError {
    let kube::Error::Api(status) = error else {
        return ReadError::Other(format!("the API server cannot be asked: {}", chain(&error)));
    };
    match status.code {
        403 => ReadError::Forbidden(status.message),
        404 if kind.group == lychgate_crds::GROUP => ReadError::Other(format!(
            "this cluster does not know {}.{}; Lychgate is not installed there, or in another version",
            kind.plural, kind.group
        )),
        _ => ReadError::Other(format!("{}: {}", kind.plural, status.message)),
    }
}

/// An error about objects without which nothing can be said.
pub(crate) fn unreadable(kind: &ApiResource, namespace: Option<&str>, error: &ReadError) -> CommandError {
    match (error, namespace) {
        (ReadError::Forbidden(message), None) => CommandError::new(format!(
            "you may not read the {} of all namespaces; name one with --namespace: {message}",
            kind.plural
        )),
        (ReadError::Forbidden(message), Some(namespace)) => CommandError::new(format!(
            "you may not read the {} of namespace {namespace}; the role view grants it: {message}",
            kind.plural
        )),
        (ReadError::Other(_), _) => CommandError::from_display(error),
    }
}

/// Waits for answers of a cluster.
pub(crate) fn wait<T>(asking: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(CommandError::from_display)?.block_on(asking)
}
