//! Who speaks to the API server.

/// Somebody with a credential. It becomes a client by [`Cluster::client`](crate::Cluster::client), a file by
/// [`Cluster::kubeconfig`](crate::Cluster::kubeconfig).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The member of `system:masters`, who may do everything.
    Admin,
    /// A user with a client certificate.
    User {
        /// The common name.
        name: String,
        /// The organizations, two at most.
        groups: Vec<String>,
    },
    /// The administrator in the name of somebody else. The record names both.
    Impersonated {
        /// The user to be taken for; `system:serviceaccount:NAMESPACE:NAME` for a service account.
        name: String,
        /// The groups to be taken for a member of; the server adds `system:authenticated`.
        groups: Vec<String>,
    },
    /// Whoever the token says.
    Token(String),
    /// `system:anonymous`.
    Nobody,
}

impl Caller {
    /// A user with a client certificate.
    #[must_use]
    pub fn user(name: &str, groups: &[&str]) -> Self {
        Self::User { name: name.to_owned(), groups: owned(groups) }
    }

    /// The administrator in the name of somebody else.
    #[must_use]
    pub fn impersonated(name: &str, groups: &[&str]) -> Self {
        Self::Impersonated { name: name.to_owned(), groups: owned(groups) }
    }

    /// Whoever the token says.
    #[must_use]
    pub fn token(token: &str) -> Self {
        Self::Token(token.to_owned())
    }
}

fn owned(groups: &[&str]) -> Vec<String> {
    groups.iter().map(|group| (*group).to_owned()).collect()
}
