//! The people of a place, and what roles give to them.

use lychgate_tests_cluster::Caller;

use crate::support::workspace;

/// Approves for `billing-writes`.
pub fn alice() -> Caller {
    member("alice", &["dba-leads"])
}

/// Approves, too.
pub fn bob() -> Caller {
    member("bob", &["dba-leads"])
}

/// May break the glass.
pub fn erin() -> Caller {
    member("erin", &["oncall"])
}

/// Approves for `billing-reviews` alone.
pub fn carol() -> Caller {
    member("carol", &["security"])
}

/// May write whatever roles can allow, and is nobody else.
pub fn almighty() -> Caller {
    member("heidi", &["almighty"])
}

/// Somebody with these groups, who is authenticated.
pub fn member(name: &str, groups: &[&str]) -> Caller {
    let mut all = vec!["system:authenticated"];
    all.extend(groups);
    Caller::impersonated(name, &all)
}

/// The roles of a namespace.
pub fn roles(namespace: &str) -> String {
    let path = workspace().join("tests/kubernetes/approvals/roles.yaml");
    std::fs::read_to_string(path).unwrap().replace("NAMESPACE", namespace)
}
