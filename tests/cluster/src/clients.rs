//! Ways to speak to the API server: clients, tokens and kubeconfig files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::AuthInfo;
use kube::{Api, Client, Config};
use serde_json::json;

use crate::caller::Caller;
use crate::certificates::{Certified, write_private};
use crate::cluster::Cluster;

/// The least that the API server gives, in seconds.
const TOKEN_SECONDS: i64 = 600;

static KUBECONFIGS: AtomicUsize = AtomicUsize::new(0);

impl Cluster {
    /// A client for this caller. A client belongs to the runtime in which it was made, and every test has its own
    /// runtime: make clients in the test that uses them.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    #[must_use]
    pub fn client(&self, caller: &Caller) -> Client {
        Client::try_from(self.configuration(caller)).expect("the configuration is of our own making")
    }

    /// A client of the member of `system:masters`.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.client(&Caller::Admin)
    }

    /// A client of a user with a certificate for this name and these groups, two at most.
    #[must_use]
    pub fn user(&self, name: &str, groups: &[&str]) -> Client {
        self.client(&Caller::user(name, groups))
    }

    /// A client of the administrator in the name of somebody else.
    #[must_use]
    pub fn impersonate(&self, name: &str, groups: &[&str]) -> Client {
        self.client(&Caller::impersonated(name, groups))
    }

    /// A client with a token of this service account, which is made if it is missing.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Client {
        let token = self.token(namespace, name, &[], TOKEN_SECONDS).await;
        self.client(&Caller::Token(token))
    }

    /// A token of this service account, which is made if it is missing. Without audiences it is one for the API
    /// server. It lasts for `seconds`, at least 600.
    ///
    /// # Panics
    ///
    /// Where the API server refuses.
    pub async fn token(
        &self,
        namespace: &str,
        service_account: &str,
        audiences: &[&str],
        seconds: i64,
    ) -> String {
        let accounts = Api::<ServiceAccount>::namespaced(self.admin(), namespace);
        let mut account = ServiceAccount::default();
        account.metadata.name = Some(service_account.to_owned());
        match accounts.create(&PostParams::default(), &account).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => panic!("the service account {namespace}/{service_account}: {error}"),
        }
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
                expiration_seconds: Some(seconds),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(service_account, &PostParams::default(), &request)
            .await
            .unwrap_or_else(|error| panic!("a token of {namespace}/{service_account}: {error}"));
        answer.status.expect("a token that was given").token
    }

    /// A kubeconfig for this caller, which only the owner may read, with everything inside. It lies in the
    /// directory of the control plane and goes with it.
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    #[must_use]
    pub fn kubeconfig(&self, caller: &Caller) -> PathBuf {
        self.write_kubeconfig(caller).expect("the directory of a running control plane can be written to")
    }

    /// As [`Cluster::kubeconfig`], at a place of one's own.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn kubeconfig_at(&self, path: &Path, caller: &Caller) -> io::Result<()> {
        let name = "test";
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
            "clusters": [{
                "name": name,
                "cluster": { "server": self.url(), "certificate-authority-data": STANDARD.encode(self.ca_pem()) },
            }],
            "users": [{ "name": name, "user": self.credential(caller) }],
        });
        write_private(path, &serde_yaml::to_string(&kubeconfig).map_err(io::Error::other)?)
    }

    pub(crate) fn write_kubeconfig(&self, caller: &Caller) -> io::Result<PathBuf> {
        let number = KUBECONFIGS.fetch_add(1, Ordering::Relaxed);
        let path = self.layout().kubeconfigs().join(format!("{number}.yaml"));
        self.kubeconfig_at(&path, caller)?;
        Ok(path)
    }

    /// What a client of this caller is made from.
    ///
    /// # Panics
    ///
    /// Where the caller is a user in more than two groups.
    #[must_use]
    pub fn configuration(&self, caller: &Caller) -> Config {
        let mut configuration = Config::new(self.url().parse().expect("an address of our own making"));
        configuration.root_cert = Some(vec![self.authority().der()]);
        configuration.auth_info = self.credential(caller);
        configuration
    }

    fn credential(&self, caller: &Caller) -> AuthInfo {
        match caller {
            Caller::Admin => self.certificate("admin", &["system:masters".to_owned()]),
            Caller::User { name, groups } => self.certificate(name, groups),
            Caller::Impersonated { name, groups } => AuthInfo {
                impersonate: Some(name.clone()),
                impersonate_groups: Some(groups.clone()),
                ..self.credential(&Caller::Admin)
            },
            Caller::Token(token) => AuthInfo { token: Some(token.clone().into()), ..AuthInfo::default() },
            Caller::Nobody => AuthInfo::default(),
        }
    }

    fn certificate(&self, name: &str, groups: &[String]) -> AuthInfo {
        let Certified { certificate, key } =
            self.authority().client(name, groups).expect("a name that fits into a certificate");
        AuthInfo {
            client_certificate_data: Some(STANDARD.encode(certificate)),
            client_key_data: Some(STANDARD.encode(key).into()),
            ..AuthInfo::default()
        }
    }
}
