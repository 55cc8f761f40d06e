//! What can be wrong with command rules and conditions.

use serde_json::json;

use super::{Scene, rule};
use crate::compile;
use crate::config::GatewayConfig;

type Change = fn(&mut GatewayConfig);

#[test]
fn every_wrong_value_is_found_at_its_place() {
    let cases: [(&str, Change); 22] = [
        ("commands[0].name", |config| config.commands[0].name.clear()),
        ("commands[0].extract", |config| config.commands[0].extract.clear()),
        ("commands[0].extract[0].tools", |config| config.commands[0].extract[0].tools.clear()),
        ("commands[0].extract[0].tools[1]", |config| config.commands[0].extract[0].tools[1].clear()),
        ("commands[0].extract[0].argument", |config| {
            config.commands[0].extract[0].argument = "sql".into();
        }),
        ("commands[0].rules", |config| {
            let rule = config.commands[0].rules[0].clone();
            let many = (0..33)
                .map(|number| crate::config::CommandClause { name: number.to_string(), ..rule.clone() });
            config.commands[0].rules = many.collect();
        }),
        ("commands[0].rules[0].name", |config| config.commands[0].rules[0].name.clear()),
        ("commands[0].rules[1].name", |config| config.commands[0].rules[1].name = "no-ddl".into()),
        ("commands[0].rules[0].effects", |config| config.commands[0].rules[0].effects.clear()),
        ("commands[0].rules[0].when", |config| config.commands[0].rules[0].when = Some("1 +".into())),
        ("commands[0].rules[0].when", |config| {
            config.commands[0].rules[0].when = Some("true ".repeat(500));
        }),
        ("commands[0].rules[0].credential", |config| {
            config.commands[0].rules[0].credential = Some("default".into());
        }),
        ("commands[0].rules[2].credential", |config| {
            config.commands[0].rules[2].credential = Some("absent".into());
        }),
        ("commands[0].rules[0].message", |config| {
            config.commands[0].rules[0].message = Some("x".repeat(257));
        }),
        ("commands[0].limits.statementBytes", |config| config.commands[0].limits.statement_bytes = 65537),
        ("commands[0].limits.statementBytes", |config| config.commands[0].limits.statement_bytes = 0),
        ("commands[0].limits.statements", |config| config.commands[0].limits.statements = 21),
        ("commands[1].name", |config| {
            let again = config.commands[0].clone();
            config.commands.push(again);
        }),
        ("access[0].when", |config| config.access[0].when = Some("statement.text == ''".into())),
        ("access[0].credential", |config| config.access[0].credential = Some("absent".into())),
        ("approval.policies[0].match.when", |config| {
            config.approval.as_mut().unwrap().policies[0].matching.when = Some(")".into());
        }),
        ("credentials[1].inject.header", |config| {
            let mut other = config.credentials[0].clone();
            (other.name, other.inject.header) = ("other".into(), "AUTHORIZATION".into());
            config.credentials.push(other);
        }),
    ];
    for (path, change) in cases {
        let mut config = Scene::new(vec![rule("sql", json!({}))]).with_approvers().config;
        change(&mut config);
        let problems = compile(config).err().unwrap_or_default();
        let found: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(found, [path], "{problems:?}");
        assert!(problems.iter().all(|problem| problem.message.len() > 10), "{problems:?}");
    }
    let nine: Vec<(String, String)> =
        (0..9).map(|number| (format!("c{number}"), format!("X-{number}"))).collect();
    let nine: Vec<(&str, &str)> =
        nine.iter().map(|(name, header)| (name.as_str(), header.as_str())).collect();
    let problems = compile(Scene::new(vec![]).with_credentials(&nine).config).unwrap_err();
    assert_eq!(problems[0].path, "credentials");
    let many = (0..17).map(|number| rule(&number.to_string(), json!({}))).collect();
    assert_eq!(compile(Scene::new(many).config).unwrap_err()[0].path, "commands");
}
