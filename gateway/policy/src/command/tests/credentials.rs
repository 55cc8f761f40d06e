//! Which credentials a call is made with.

use serde_json::json;

use super::{Scene, rule};
use crate::Decision;
use crate::config::Grant;

fn chosen(scene: &Scene, statement: &str) -> String {
    match scene.decide("execute_sql", &json!({"sql": statement})) {
        Decision::Allow(permit) => permit.credentials().join(" "),
        Decision::Ask(ask) => format!("Ask {}", ask.credentials().join(" ")),
        Decision::Deny(denial) => denial.reason().as_str().to_owned(),
    }
}

fn grant(credential: Option<&str>) -> Grant {
    Grant {
        users: vec!["alice".into()],
        tools: vec!["*".into()],
        credential: credential.map(str::to_owned),
        ..Grant::default()
    }
}

const CREDENTIALS: [(&str, &str); 4] = [
    ("default", "Authorization"),
    ("read-only", "authorization"),
    ("writer", "Authorization"),
    ("tenant", "X-Tenant"),
];
const WRITE: &str = "UPDATE t SET a = 1 WHERE id = 1";

fn rules() -> serde_json::Value {
    json!({"rules": [
        {"name": "reads", "effects": ["Read"], "action": "Allow", "credential": "read-only"},
        {"name": "again", "effects": ["Read"], "action": "Allow", "credential": "writer"},
        {"name": "writes", "effects": ["Write"], "action": "Allow", "credential": "writer"},
        {"name": "ddl", "effects": ["Schema"], "action": "Allow"},
    ]})
}

#[test]
fn a_rule_chooses_the_credential_in_place_of_others_for_its_header() {
    let scene = Scene::new(vec![rule("sql", rules())]).with_credentials(&CREDENTIALS);
    for (statement, expected) in [
        ("SELECT 1", "read-only tenant"),
        ("SELECT 1; SELECT 2", "read-only tenant"),
        (WRITE, "writer tenant"),
        ("CREATE TABLE t (a int)", "default tenant"),
        ("SELECT 1; CREATE TABLE t (a int)", "default tenant"),
        ("SELECT 1; UPDATE t SET a = 1 WHERE id = 1", "CredentialConflict"),
    ] {
        assert_eq!(chosen(&scene, statement), expected, "{statement}");
    }
    let Decision::Allow(permit) = scene.decide("list_tables", &json!({})) else { panic!("denied") };
    assert_eq!(permit.credentials(), ["default", "tenant"], "what nobody chooses stays at home");
}

#[test]
fn a_grant_chooses_the_first_that_holds_does_and_a_rule_chooses_before_it() {
    let with = |grants: &[Option<&str>], rules: serde_json::Value| {
        let grants = grants.iter().map(|name| grant(*name)).collect();
        Scene::new(vec![rule("sql", rules)]).with_credentials(&CREDENTIALS).with_grants(grants)
    };
    let none = || json!({"rules": [{"name": "w", "effects": ["Write"], "action": "Allow"}]});
    // What no grant and no rule names is always sent; here that would be two for one header.
    let both = |grants: &[Option<&str>]| {
        let mut scene = with(grants, none());
        scene.config.credentials.retain(|credential| credential.name != "writer");
        scene
    };
    assert_eq!(chosen(&both(&[Some("read-only")]), "SELECT 1"), "read-only tenant");
    assert_eq!(chosen(&both(&[None, Some("read-only")]), WRITE), "default tenant");
    assert_eq!(chosen(&both(&[Some("read-only"), None]), WRITE), "read-only tenant");
    assert_eq!(chosen(&with(&[Some("writer")], rules()), "SELECT 1"), "read-only tenant");
    assert_eq!(chosen(&with(&[Some("writer")], rules()), "CREATE TABLE t (a int)"), "writer tenant");
    let mut unmet = both(&[Some("read-only"), None]);
    unmet.config.access[0].when = Some("false".into());
    assert_eq!(chosen(&unmet, "SELECT 1"), "default tenant");
}

#[test]
fn a_rule_that_watches_chooses_nothing() {
    let mut watching = rules();
    watching["audit"] = true.into();
    let mut scene = Scene::new(vec![rule("sql", watching)]).with_credentials(&CREDENTIALS[..1]);
    for name in ["read-only", "writer"] {
        let mut other = scene.config.credentials[0].clone();
        (other.name, other.inject.header) = (name.into(), format!("X-{name}"));
        scene.config.credentials.push(other);
    }
    assert_eq!(chosen(&scene, "SELECT 1"), "default read-only writer");
}
