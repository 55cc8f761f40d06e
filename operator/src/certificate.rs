//! The operator's own certificate authority, and the certificates of gateways.
//!
//! The authority is made once, kept in a Secret of the operator's namespace that nobody else needs to read,
//! and published without its key. A gateway's certificate is made when its Secret is created; the plan gives
//! the Secret a new name when the certificate must change, so that none is ever read back or overwritten.

use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use lychgate_operator_plan::CertificateAuthority;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use serde_json::json;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::apply::{FIELD_MANAGER, hash};

/// The Secret with the authority's key, in the operator's namespace.
pub const AUTHORITY_SECRET: &str = "lychgate-operator-ca";
/// The ConfigMap with the authority's certificate, in the operator's namespace.
pub const AUTHORITY_CONFIG_MAP: &str = "lychgate-ca";
const CERTIFICATE_KEY: &str = "ca.crt";
const PRIVATE_KEY: &str = "ca.key";
const COMMON_NAME: &str = "Lychgate operator";
/// How long the authority is valid: ten years.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How long a gateway's certificate is valid. The plan asks for a new one every 30 days.
const LEAF_VALIDITY: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How far clocks may be behind.
const BACKDATE: Duration = Duration::from_secs(60 * 60);

/// Signs the certificates of gateways.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    published: CertificateAuthority,
}

/// A certificate with its key, in PEM. There is no Debug, since the key is secret.
pub struct Leaf {
    /// The certificate, followed by that of the authority.
    pub certificate: String,
    /// The private key.
    pub key: Zeroizing<String>,
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The API server refused the Secret or the ConfigMap.
    #[error("the Secret {AUTHORITY_SECRET} or the ConfigMap {AUTHORITY_CONFIG_MAP}: {0}")]
    Api(#[from] kube::Error),
    /// The Secret is there, and holds no authority.
    #[error("the Secret {AUTHORITY_SECRET} holds no authority ({0}); delete it, and a new one is made")]
    Unusable(String),
}

impl Authority {
    /// Reads the authority of a namespace, or makes it, and publishes its certificate.
    ///
    /// # Errors
    /// The API server refuses, or the Secret is none that this function has made.
    pub async fn load(client: &Client, namespace: &str) -> Result<Self, AuthorityError> {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let secret = match secrets.get_opt(AUTHORITY_SECRET).await? {
            Some(secret) => secret,
            None => match secrets.create(&PostParams::default(), &make()?).await {
                Ok(secret) => secret,
                // Another replica was faster.
                Err(kube::Error::Api(status)) if status.code == 409 => secrets.get(AUTHORITY_SECRET).await?,
                Err(error) => return Err(error.into()),
            },
        };
        let authority = Self::read(&secret)?;
        authority.publish(client, namespace).await?;
        Ok(authority)
    }

    fn read(secret: &Secret) -> Result<Self, AuthorityError> {
        let text = |key: &str| {
            let ByteString(bytes) = secret
                .data
                .as_ref()
                .and_then(|data| data.get(key))
                .ok_or_else(|| AuthorityError::Unusable(format!("there is no key {key}")))?;
            let text = std::str::from_utf8(bytes)
                .map_err(|_| AuthorityError::Unusable(format!("{key} is no text")))?;
            Ok::<_, AuthorityError>(Zeroizing::new(text.to_owned()))
        };
        let pem = text(CERTIFICATE_KEY)?.to_string();
        let key = KeyPair::from_pem(&text(PRIVATE_KEY)?).map_err(unusable)?;
        let fingerprint = hash(pem.as_bytes());
        let issuer = Issuer::new(authority_parameters(), key);
        Ok(Self { issuer, published: CertificateAuthority { pem, fingerprint } })
    }

    async fn publish(&self, client: &Client, namespace: &str) -> Result<(), kube::Error> {
        let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": AUTHORITY_CONFIG_MAP, "namespace": namespace},
            "data": {CERTIFICATE_KEY: self.published.pem},
        });
        let patch = PatchParams::apply(FIELD_MANAGER).force();
        config_maps.patch(AUTHORITY_CONFIG_MAP, &patch, &Patch::Apply(object)).await?;
        Ok(())
    }

    /// The authority as others see it.
    #[must_use]
    pub fn published(&self) -> &CertificateAuthority {
        &self.published
    }

    /// Makes a certificate for a server with these names.
    ///
    /// # Errors
    /// A name that no certificate can hold.
    pub fn issue(&self, names: &[String]) -> Result<Leaf, String> {
        let mut parameters = CertificateParams::new(names.to_vec()).map_err(|error| error.to_string())?;
        parameters.distinguished_name = DistinguishedName::new();
        (parameters.not_before, parameters.not_after) = validity(LEAF_VALIDITY);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(|error| error.to_string())?;
        Ok(Leaf {
            certificate: format!("{}{}", certificate.pem(), self.published.pem),
            key: Zeroizing::new(key.serialize_pem()),
        })
    }
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (parameters.not_before, parameters.not_after) = validity(AUTHORITY_VALIDITY);
    parameters
}

fn validity(length: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::from(SystemTime::now());
    (now - BACKDATE, now + length)
}

fn make() -> Result<Secret, AuthorityError> {
    let key = KeyPair::generate().map_err(unusable)?;
    let certificate = authority_parameters().self_signed(&key).map_err(unusable)?;
    let data = [
        (CERTIFICATE_KEY.to_owned(), ByteString(certificate.pem().into_bytes())),
        (PRIVATE_KEY.to_owned(), ByteString(key.serialize_pem().into_bytes())),
    ];
    Ok(Secret {
        metadata: ObjectMeta { name: Some(AUTHORITY_SECRET.to_owned()), ..ObjectMeta::default() },
        data: Some(data.into()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unusable(error: rcgen::Error) -> AuthorityError {
    AuthorityError::Unusable(error.to_string())
}
