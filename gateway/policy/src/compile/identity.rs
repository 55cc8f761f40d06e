//! Who may present themselves: what can be wrong with the issuers of a document.

use url::Url;

use super::Problem;
use crate::config::{Identity, KubernetesIssuer, OidcIssuer};
use crate::destination;

/// The issuer of tokens that stand in Secrets, without an end and without an audience.
const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// Checks who may present themselves.
pub(super) fn check(identity: &Identity, problems: &mut Vec<Problem>) {
    if identity.oidc.is_empty() && identity.kubernetes.is_none() && !identity.anonymous {
        problems.push(Problem::new(
            "identity",
            "nobody can call: add an issuer under oidc, enable kubernetes, or write anonymous: true to serve \
             callers without a token",
        ));
    }
    if let Some(kubernetes) = &identity.kubernetes {
        check_cluster(kubernetes, &identity.oidc, problems);
    }
    for (index, issuer) in identity.oidc.iter().enumerate() {
        let path = format!("identity.oidc[{index}]");
        if let Err(message) = check_issuer(issuer) {
            problems.push(Problem::new(format!("{path}.issuer"), message));
        }
        if identity.oidc.iter().take(index).any(|other| other.issuer == issuer.issuer) {
            problems.push(Problem::new(format!("{path}.issuer"), "stands twice; remove one of the two"));
        }
        for (member, claim) in
            [("usernameClaim", &issuer.username_claim), ("groupsClaim", &issuer.groups_claim)]
        {
            if claim.split('.').any(str::is_empty) {
                problems.push(Problem::new(
                    format!("{path}.{member}"),
                    "write a claim's name, with dots between the members of nested objects",
                ));
            }
        }
        if issuer.audiences.iter().any(String::is_empty) {
            problems.push(Problem::new(
                format!("{path}.audiences"),
                "holds an empty audience; remove it (without audiences the connection's own URL counts)",
            ));
        }
    }
}

/// A cluster may call its issuer what it likes (StringOrURI, RFC 7519, section 2), as long as no two issuers and
/// no two kinds of tokens can be mistaken for one another.
fn check_cluster(cluster: &KubernetesIssuer, oidc: &[OidcIssuer], problems: &mut Vec<Problem>) {
    let path = "identity.kubernetes.issuer";
    if cluster.issuer.is_empty() {
        problems.push(Problem::new(path, "is empty; write what the cluster's tokens have in iss"));
    }
    if cluster.issuer == LEGACY_ISSUER {
        let message = "is the issuer of tokens that never expire; write that of projected tokens";
        problems.push(Problem::new(path, message));
    }
    if oidc.iter().any(|other| other.issuer == cluster.issuer) {
        problems.push(Problem::new(path, "is an issuer under oidc as well; remove one of the two"));
    }
    if cluster.audiences.iter().any(String::is_empty) {
        problems.push(Problem::new("identity.kubernetes.audiences", "holds an empty audience; remove it"));
    }
}

/// An issuer is an https URL without query and fragment (OpenID Connect Discovery 1.0, section 2).
fn check_issuer(issuer: &OidcIssuer) -> Result<(), String> {
    let url = Url::parse(&issuer.issuer).map_err(|error| {
        format!("not an absolute URL ({error}); write the issuer as its tokens have it in iss")
    })?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment, which no issuer has; remove it".to_owned());
    }
    if destination::literal_address(&url).is_some_and(destination::is_refused) {
        return Err(
            "is a link-local, metadata, multicast or unspecified address; name the issuer's host".to_owned()
        );
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if issuer.insecure_loopback && is_loopback(&url) => Ok(()),
        _ => Err("write an https URL: keys fetched over anything else prove nothing".to_owned()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
