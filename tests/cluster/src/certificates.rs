//! The certificate authority of a control plane, and the key that signs the tokens of service accounts.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, RsaKeySize,
};

/// X.520 organizationName, in which Kubernetes looks for groups.
const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];

/// What signs every certificate of a control plane.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub(crate) struct Certified {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = name("lychgate-test-cluster", &[]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self { issuer: CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)? })
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// For a server with these DNS names and addresses.
    pub(crate) fn server(&self, names: &[&str]) -> Result<Certified, rcgen::Error> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name = name("server", &[]);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&parameters)
    }

    /// For a user of this name in these groups.
    pub(crate) fn client(&self, user: &str, groups: &[String]) -> Result<Certified, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = name(user, groups);
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&parameters)
    }

    fn sign(&self, parameters: &CertificateParams) -> Result<Certified, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Certified { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// rcgen keeps one attribute of a type. The organization has two spellings there, which makes two groups.
fn name(common: &str, groups: &[String]) -> DistinguishedName {
    assert!(groups.len() <= 2, "a certificate here holds two groups; use Caller::impersonated for more");
    let mut name = DistinguishedName::new();
    let spellings = [DnType::OrganizationName, DnType::CustomDnType(ORGANIZATION.to_vec())];
    for (spelling, group) in spellings.into_iter().zip(groups) {
        name.push(spelling, group.as_str());
    }
    name.push(DnType::CommonName, common);
    name
}

/// The key that signs tokens: RSA of 2048 bits, with which the API server signs by RS256, as kubeadm has it.
pub(crate) fn token_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
