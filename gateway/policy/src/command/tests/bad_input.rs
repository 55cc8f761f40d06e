//! What is meant to be missed, and what nobody can read.

use serde_json::{Value, json};

use super::{Scene, rule};

#[test]
fn what_cannot_be_read_is_denied_or_asked_about_by_the_strictest_rule_that_reads_it() {
    let reads = |on: &str| rule(on, json!({"onUnparseable": on}));
    for (rules, expected) in [
        (vec![reads("Deny")], "CommandUnreadable"),
        (vec![reads("RequireApproval")], "Ask"),
        (vec![reads("RequireApproval"), reads("Deny")], "CommandUnreadable"),
    ] {
        let scene = Scene::new(rules).with_approvers();
        for arguments in [
            json!({}),
            json!({"SQL": "SELECT 1"}),
            json!({"sql": null}),
            json!({"sql": 7}),
            json!({"sql": ["SELECT 1"]}),
            json!({"sql": {"text": "SELECT 1"}}),
            json!({"sql": ""}),
            json!({"sql": "  -- nothing\n"}),
            json!({"sql": "SELECT 'open"}),
            json!({"sql": "SELECT $$open"}),
            json!({"sql": "SELEKT 1"}),
            json!({"sql": "DR\u{200b}OP TABLE t"}),
            json!({"sql": "ＤＲＯＰ TABLE t"}),
            json!({"sql": "DRОP TABLE t"}),
            json!({"sql": "SELECT 1 /* /* */"}),
        ] {
            assert_eq!(scene.outcome("execute_sql", &arguments), expected, "{arguments}");
        }
    }
    let scene = Scene::new(vec![reads("Deny")]);
    assert_eq!(
        scene.outcome("execute_sql", &Value::Null),
        "CommandUnreadable",
        "arguments that are no object"
    );
}

#[test]
fn limits_hold_for_a_text_and_for_all_texts_of_a_call_together() {
    let many = |count: usize| vec!["SELECT 1"; count].join("; ");
    let long = |bytes: usize| format!("SELECT '{}'", "x".repeat(bytes - 9));
    let scene = Scene::new(vec![rule("sql", json!({"limits": {"statementBytes": 1000, "statements": 3}}))]);
    for (arguments, expected) in [
        (json!({"sql": many(3)}), "Allow"),
        (json!({"sql": many(4)}), "CommandUnreadable"),
        (json!({"sql": many(1000)}), "CommandUnreadable"),
        (json!({"sql": long(1000)}), "Allow"),
        (json!({"sql": long(1001)}), "CommandUnreadable"),
        (json!({"sql": "SELECT 1", "note": "x".repeat(1000)}), "Allow"),
        (
            json!({"sql": "SELECT 1", "note": format!("DROP TABLE t --{}", "x".repeat(1000))}),
            "CommandUnreadable",
        ),
        (json!({"sql": "SELECT 1", "notes": vec!["x".repeat(900); 5]}), "CommandUnreadable"),
        (json!({"sql": "SELECT 1", "notes": vec![""; 2000]}), "CommandUnreadable"),
    ] {
        assert_eq!(scene.outcome("execute_sql", &arguments), expected, "{}", arguments.to_string().len());
    }
    let strictest = Scene::new(vec![
        rule("a", json!({})),
        rule("b", json!({"limits": {"statementBytes": 20, "statements": 20}})),
    ]);
    assert_eq!(strictest.sql("SELECT 1"), "Allow");
    assert_eq!(strictest.sql("SELECT 'aaaaaaaaaaaaaaaaaaa'"), "CommandUnreadable");
}

#[test]
fn comments_quotes_case_and_white_space_hide_nothing() {
    let scene = Scene::new(vec![rule("sql", json!({}))]);
    for statement in [
        "drop table t",
        "DROP/**/TABLE/**/t",
        "/* SELECT */ DROP TABLE t",
        "-- SELECT 1\nDROP TABLE t",
        "SELECT 1;;; \n\t DROP TABLE t",
        "SELECT '''';DROP TABLE t",
        "SELECT $a$ '; $a$; DROP TABLE t",
        "SELECT E'\\''; DROP TABLE t --'",
        "SELECT \"public\".\"pg_read_file\"('/etc/passwd')",
    ] {
        assert_eq!(scene.sql(statement), "CommandDenied", "{statement}");
    }
    let mysql =
        json!([{"tools": ["execute_sql"], "argument": "$.sql", "language": "SQL", "dialect": "mysql"}]);
    let scene = Scene::new(vec![rule("mysql", json!({"extract": mysql}))]);
    assert_eq!(scene.sql("SELECT 1 /*!50000 ; DROP TABLE t */"), "CommandUnreadable");
    assert_eq!(scene.sql("SELECT `drop`, 'DELETE FROM t' FROM `table`"), "Allow");
}

#[test]
fn the_same_statement_under_another_argument_counts_and_prose_does_not() {
    let scene = Scene::new(vec![rule("sql", json!({}))]);
    for (arguments, expected) in [
        (json!({"sql": "SELECT 1", "query": "DROP TABLE t"}), "CommandDenied"),
        (json!({"sql": "SELECT 1", "deep": [{"q": "DROP TABLE t"}]}), "CommandDenied"),
        (json!({"sql": "SELECT 1", "a.b": {"$.sql": "DROP TABLE t"}}), "CommandDenied"),
        (json!({"sql": "SELECT 1", "query": "SELECT 2"}), "Allow"),
        (json!({"sql": "SELECT 1", "schema": "public", "mode": "analyze"}), "Allow"),
        (json!({"sql": "SELECT 1", "why": "we want to drop the table of users later"}), "Allow"),
        (json!({"sql": "SELECT 1", "why": "don't know"}), "Allow"),
        (json!({"sql": "SELECT 1", "limit": 7, "dry": true}), "Allow"),
    ] {
        assert_eq!(scene.outcome("execute_sql", &arguments), expected, "{arguments}");
    }
}

#[test]
fn paths_lead_to_every_text_of_a_list() {
    let extract = json!([
        {"tools": ["execute_sql"], "argument": "$.statements[*].text", "language": "SQL", "dialect": "postgresql"},
    ]);
    let scene = Scene::new(vec![rule("sql", json!({"extract": extract}))]);
    for (arguments, expected) in [
        (json!({"statements": [{"text": "SELECT 1"}, {"text": "SELECT 2"}]}), "Allow"),
        (json!({"statements": [{"text": "SELECT 1"}, {"text": "DROP TABLE t"}]}), "CommandDenied"),
        (json!({"statements": [{"text": "SELECT 1"}, {"text": 7}]}), "CommandUnreadable"),
        (json!({"statements": []}), "CommandUnreadable"),
        (json!({"statements": {"x": {"text": "DROP TABLE t"}}}), "CommandDenied"),
    ] {
        assert_eq!(scene.outcome("execute_sql", &arguments), expected, "{arguments}");
    }
}

#[test]
fn a_mask_must_not_be_written_back() {
    let update = |value: &str| json!({"sql": format!("UPDATE t SET a = '{value}' WHERE id = 1")});
    for (mode, expected) in [("Deny", "MaskedValueInRequest"), ("Allow", "Allow")] {
        let scene = Scene::new(vec![rule("sql", json!({"maskedValueInRequest": mode}))]);
        assert_eq!(scene.outcome("execute_sql", &update("[REDACTED:Email]")), expected);
        assert_eq!(scene.outcome("execute_sql", &update("********1111")), expected);
        assert_eq!(scene.outcome("execute_sql", &update("alice")), "Allow");
        let aside = json!({"sql": "UPDATE t SET a = $1 WHERE id = 1", "values": ["[REDACTED:Iban]"]});
        assert_eq!(scene.outcome("execute_sql", &aside), expected);
        assert_eq!(scene.outcome("list", &aside), "Allow", "no rule reads this tool");
    }
}
