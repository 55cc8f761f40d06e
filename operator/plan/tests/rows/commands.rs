//! Wrong values of CommandRules.

use serde_json::json;

use super::{Row, long, many};

pub(super) fn rows() -> Vec<Row> {
    let clause = |name: &str| json!({"name": name, "effects": ["Read"], "action": "Allow"});
    vec![
        ("spec.mode", json!("Report"), "", "write one of Enforce, Audit"),
        ("spec.onDynamic", json!("Deny"), "", "there is no such field"),
        ("spec.extract", json!("$.sql"), "", "write a list"),
        ("spec.extract", json!([]), "", "write at least 1"),
        ("spec.extract", many(17), "", "write at most 16"),
        ("spec.extract[0]", json!({}), "spec.extract[0].dialect", "missing; write it"),
        ("spec.extract[0].tools", json!("execute_sql"), "", "write a list"),
        ("spec.extract[0].tools", json!([]), "", "write at least 1"),
        ("spec.extract[0].tools", json!([""]), "spec.extract[0].tools[0]", "is empty"),
        ("spec.extract[0].tools", json!(["a", "a"]), "spec.extract[0].tools[1]", "stands twice"),
        ("spec.extract[0].argument", json!("sql"), "", "a path from the root"),
        ("spec.extract[0].argument", json!("$.rows[?@.a == ]"), "", "write a path that begins with"),
        ("spec.extract[0].argument", json!("$.a["), "", "write"),
        ("spec.extract[0].argument", long(513), "", "write at most 512"),
        ("spec.extract[0].language", json!("Sql"), "", "did you mean SQL?"),
        ("spec.extract[0].language", json!("Shell"), "", "write one of SQL"),
        ("spec.extract[0].dialect", json!("postgres"), "", "did you mean postgresql?"),
        ("spec.extract[0].dialect", json!("PostgreSQL"), "", "did you mean postgresql?"),
        ("spec.rules", json!({}), "", "write a list"),
        ("spec.rules", many(33), "", "write at most 32"),
        ("spec.rules[0].name", json!("No DDL"), "", "a short name"),
        ("spec.rules[1]", clause("no-ddl"), "spec.rules[1].name", "stands twice"),
        ("spec.rules[0].effects", json!("Schema"), "", "write a list"),
        ("spec.rules[0].effects", json!([]), "", "write at least 1"),
        ("spec.rules[0].effects", json!(["Schemas"]), "spec.rules[0].effects[0]", "did you mean Schema?"),
        ("spec.rules[0].effects", json!(["Exec", "Exec"]), "spec.rules[0].effects[1]", "stands twice"),
        ("spec.rules[0].when", json!(true), "", "write it in quotes"),
        ("spec.rules[0].when", json!(""), "", "is empty"),
        ("spec.rules[0].when", long(2049), "", "write at most 2048"),
        (
            "spec.rules[0].when",
            json!("connection.labels['env'] == 'prod' &&\n  statment.effects == []"),
            "",
            "line 2, column 3: ",
        ),
        ("spec.rules[0].action", json!("deny"), "", "did you mean Deny?"),
        ("spec.rules[0].action", json!("Ask"), "", "write one of Deny, RequireApproval, Allow"),
        ("spec.rules[0].credential", json!("database"), "", "goes with action: Allow alone; remove it"),
        ("spec.rules[3].credential", json!("Read Only"), "", "a short name"),
        ("spec.rules[0].message", json!(7), "", "write it in quotes"),
        ("spec.rules[0].message", long(257), "", "write at most 256"),
        ("spec.onUnparseable", json!("Allow"), "", "write one of Deny, RequireApproval"),
        ("spec.onUnknownTool", json!("Allow"), "", "write one of Inherit, Deny"),
        ("spec.maskedValueInRequest", json!("allow"), "", "did you mean Allow?"),
        ("spec.limits", json!(20), "", "write a mapping"),
        ("spec.limits.statementBytes", json!("65Ki"), "", "a size of at most 64Ki"),
        ("spec.limits.statementBytes", json!(0), "", "a size of at most 64Ki"),
        ("spec.limits.statementBytes", json!(-1), "", "a size of at most 64Ki"),
        ("spec.limits.statementBytes", json!("64KB"), "", "with k, M, Ki or Mi"),
        ("spec.limits.statements", json!(0), "", "between 1 and 20"),
        ("spec.limits.statements", json!(21), "", "between 1 and 20"),
    ]
}
