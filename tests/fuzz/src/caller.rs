//! Who calls in the targets that need somebody.

use lychgate_gateway_policy::Caller;

/// Alice, of the analysts.
pub(crate) fn alice() -> Caller {
    Caller {
        issuer: "https://idp.example.com".into(),
        subject: "alice".into(),
        username: "alice".into(),
        groups: vec!["analysts".into()],
        kubernetes_usernames: vec!["oidc:alice".into()],
        anonymous: false,
    }
}
