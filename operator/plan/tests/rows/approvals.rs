//! Wrong values of ApprovalPolicies.

use serde_json::json;

use super::{Row, long, many};

pub(super) fn rows() -> Vec<Row> {
    vec![
        ("spec.mode", json!("audit"), "", "did you mean Audit?"),
        ("spec.when", json!("true"), "", "there is no such field"),
        ("spec.match", json!({}), "", "matches nothing; add tools, resources, prompts or when"),
        ("spec.match", json!("execute_*"), "", "write a mapping"),
        ("spec.match.tools", json!("execute_*"), "", "write a list"),
        ("spec.match.tools", json!([""]), "spec.match.tools[0]", "is empty"),
        ("spec.match.tools", json!(["a", "a"]), "spec.match.tools[1]", "stands twice"),
        ("spec.match.resources", json!([long(257)]), "spec.match.resources[0]", "write at most 256"),
        ("spec.match.prompts", json!([7]), "spec.match.prompts[0]", "write it in quotes"),
        ("spec.match.when", json!([]), "", "write a text"),
        ("spec.match.when", json!(""), "", "is empty"),
        ("spec.match.when", json!("tool == "), "", "line 1, column "),
        ("spec.match.when", json!("size(statement.effects) > 0"), "", "line 1, column 6: "),
        ("spec.approvers", json!(["dba-leads"]), "", "write a mapping"),
        (
            "spec.approvers",
            json!({"groups": [], "serviceAccounts": []}),
            "",
            "nobody can approve; add a group",
        ),
        ("spec.approvers.users", json!(["erin"]), "", "there is no such field"),
        ("spec.approvers.groups", many(17), "", "write at most 16"),
        (
            "spec.approvers.groups",
            json!(["dba-leads", "system:authenticated"]),
            "spec.approvers.groups[1]",
            "name a group of people",
        ),
        (
            "spec.approvers.groups",
            json!(["dba-leads", "oncall"]),
            "spec.breakGlass",
            "take it out of one of the two",
        ),
        (
            "spec.approvers.serviceAccounts",
            json!(["ci/release"]),
            "spec.approvers.serviceAccounts[0]",
            "such as system:serviceaccount:ci:release",
        ),
        ("spec.required", json!(2), "", "write a mapping"),
        ("spec.required.approvals", json!(0), "", "between 1 and 5"),
        ("spec.required.approvals", json!(6), "", "between 1 and 5"),
        ("spec.required.requireReason", json!("yes"), "", "write true or false"),
        ("spec.required.requireDigest", json!(1), "", "write true or false"),
        ("spec.required.denyIsVeto", json!("no"), "", "write true or false"),
        ("spec.expiresAfter", json!("2d"), "", "write a time between 1ms and 1d"),
        ("spec.expiresAfter", json!(30), "", "write it in quotes"),
        ("spec.grant", json!(1), "", "write a mapping"),
        ("spec.grant.uses", json!(101), "", "between 1 and 100"),
        ("spec.grant.uses", json!(0), "", "between 1 and 100"),
        ("spec.grant.validFor", json!("0s"), "", "a whole number and a unit"),
        ("spec.grant.validFor", json!("25h"), "", "write a time between 1ms and 1d"),
        ("spec.wait", json!("50s"), "", "write a mapping"),
        ("spec.wait.mode", json!("hold"), "", "did you mean Hold?"),
        ("spec.wait.for", json!("soon"), "", "a whole number and a unit"),
        ("spec.show", json!("Hidden"), "", "write one of Full, Masked"),
        ("spec.breakGlass", json!(["oncall"]), "", "write a mapping"),
        ("spec.breakGlass.groups", json!([]), "", "write at least 1"),
        ("spec.breakGlass.groups", json!(["system:masters"]), "spec.breakGlass.groups[0]", "group of people"),
        ("spec.breakGlass.groups", json!(["dba-leads"]), "spec.breakGlass", "take it out of one of the two"),
        ("spec.maxPendingPerCaller", json!(0), "", "between 1 and 100"),
        ("spec.maxPendingPerCaller", json!("5"), "", "write a whole number"),
    ]
}
