//! An operator that is killed again and again ends where one that lives ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::manifests::{connection, gateway, rule, targets};
use crate::support::operator::Operator;
use crate::support::tenant::{CHILD_KINDS, Tenant, content, name};

/// How many changes people make.
const CHANGES: u64 = 50;
/// One of so many changes is followed by a kill.
const KILLS: u64 = 4;
/// The longest pause between a change and a kill, in milliseconds: long enough for a whole reconcile.
const LONGEST_PAUSE: u64 = 250;
/// Set it to the seed of an earlier run to make the same changes and kills.
const SEED: &str = "LYCHGATE_TESTS_SEED";

/// What stands before the version in the names of Secrets and of their owners.
const VERSIONED: [&str; 3] = ["-keys-", "-session-", "-tls-"];

/// Numbers that follow from a seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        let given = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
        let now =
            || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap();
        let seed = given.unwrap_or_else(now);
        eprintln!("{SEED}={seed}");
        Self(seed.max(1))
    }

    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What somebody does.
enum Change {
    Apply(Value),
    Delete(&'static str, String),
}

fn change(dice: &mut Dice) -> Change {
    let connected = format!("c{}", dice.throw(4));
    let mail = format!("m{}", dice.throw(3));
    match dice.throw(10) {
        0..=3 => {
            let host = format!("https://h{}.example.com/mcp", dice.throw(5));
            Change::Apply(connection(
                &connected,
                json!({"upstream": {"url": host}, "suspended": dice.throw(4) == 0}),
            ))
        }
        4 => Change::Delete("McpConnection", connected),
        5 | 6 => Change::Apply(rule(&mail, targets(&connected))),
        7 => Change::Delete("MaskingRule", mail),
        8 => Change::Apply(gateway(json!({"deployment": {"replicas": 1 + dice.throw(3)}}))),
        _ => {
            let mode = if dice.throw(2) == 0 { "Disabled" } else { "Operator" };
            Change::Apply(gateway(json!({"listener": {"tls": {"mode": mode}}})))
        }
    }
}

async fn make(tenant: &Tenant<'_>, change: &Change) {
    match change {
        Change::Apply(object) => tenant.apply(std::slice::from_ref(object)).await,
        Change::Delete(kind, name) => {
            if tenant.find(kind, name).await.is_some() {
                tenant.delete(kind, name).await;
            }
        }
    }
}

/// What stands, without what differs from namespace to namespace and from life to life. Of objects whose names differ in
/// a version alone there may be several.
async fn standing(tenant: &Tenant<'_>) -> BTreeMap<String, Vec<Value>> {
    let mut standing: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for object in tenant.list("McpConnection").await {
        names.insert(name(&object));
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let of_generation = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        let told: Vec<String> =
            conditions.iter().map(|told| format!("{} {}", told["type"], told["reason"])).collect();
        let key = format!("status of {}", object["metadata"]["name"]);
        standing.insert(key, vec![json!([of_generation, told, object["status"]["policies"]])]);
    }
    let mut mounted = String::new();
    for deployment in tenant.list("Deployment").await {
        mounted.push_str(&deployment["spec"].to_string());
    }
    for kind in CHILD_KINDS {
        for object in tenant.list(kind).await {
            // It stays until pods have rolled over, which nobody does here.
            let is_of_a_version = VERSIONED.iter().any(|mark| name(&object).contains(mark));
            if is_of_a_version && !mounted.contains(&name(&object)) {
                continue;
            }
            let Some(connection) = object["metadata"]["annotations"]["lychgate.dev/connection"].as_str()
            else {
                continue;
            };
            let orphan = if names.contains(connection) { "" } else { "orphan " };
            let mut said = content(&object);
            if kind == "ConfigMap" {
                let annotations = said["metadata"]["annotations"].as_object_mut().unwrap();
                annotations.retain(|key, _| key == "lychgate.dev/connection");
                for text in said["data"].as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
                    // A document, or an authority, which is another one in each operator's namespace.
                    let mut document: Value =
                        serde_json::from_str(text.as_str().unwrap()).unwrap_or_default();
                    if let Some(document) = document.as_object_mut() {
                        document.remove("sequence");
                    }
                    *text = document;
                }
            }
            let text = said.to_string().replace(tenant.name(), "NAMESPACE");
            let said: Value = serde_json::from_str(&without_versions(&text)).unwrap();
            let key = format!("{orphan}{kind} {}", said["metadata"]["name"]);
            standing.entry(key).or_default().push(said);
        }
    }
    standing
}

/// Takes the versions out of the names of Secrets and of their owners.
fn without_versions(text: &str) -> String {
    let mut parts = VERSIONED.iter().fold(vec![text.to_owned()], |parts, mark| {
        parts
            .iter()
            .flat_map(|part| part.split_inclusive(mark).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    });
    for index in 1..parts.len() {
        let is_version = VERSIONED.iter().any(|mark| parts[index - 1].ends_with(mark));
        if is_version && parts[index].len() >= 8 {
            parts[index] = parts[index][8..].to_owned();
        }
    }
    parts.concat()
}

/// Kills an operator, takes something away that it has made, and starts the next.
async fn restart(tenant: &Tenant<'_>, operator: Operator, dice: &mut Dice) -> Operator {
    operator.kill().await;
    let kinds = ["Deployment", "ConfigMap", "Service", "RoleBinding"];
    let kind = kinds[usize::try_from(dice.throw(4)).unwrap()];
    make(tenant, &Change::Delete(kind, "lychgate-db".to_owned())).await;
    tenant.operator().launch()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_killed_at_any_moment_ends_where_one_that_lives_ends() {
    let mut dice = Dice::new();
    let (calm, _living) = Tenant::with_operator("calm").await;
    let (chaos, mut operator) = Tenant::with_operator("chaos").await;
    for tenant in [&calm, &chaos] {
        tenant.apply(&[gateway(json!({})), connection("c0", json!({})), connection("db", json!({}))]).await;
    }
    let mut kills = 0;
    for number in 0..CHANGES {
        let change = change(&mut dice);
        make(&calm, &change).await;
        make(&chaos, &change).await;
        if dice.throw(KILLS) == 0 || number + 1 == CHANGES {
            tokio::time::sleep(Duration::from_millis(dice.throw(LONGEST_PAUSE))).await;
            operator = restart(&chaos, operator, &mut dice).await;
            kills += 1;
        }
    }
    operator.until_it_leads().await;
    eprintln!("{kills} kills");
    // Whatever the last change was, nothing but the start of the last operator makes it look.
    eventually("the same end", PATIENCE, async || {
        let (expected, found) = (standing(&calm).await, standing(&chaos).await);
        if expected.keys().ne(found.keys()) {
            return Err(format!("{:#?}\n is not {:#?}", found.keys(), expected.keys()));
        }
        match expected.iter().find(|(key, value)| found[*key] != **value) {
            None if expected.len() > 20 => Ok(()),
            None => Err(format!("only {}", expected.len())),
            Some((key, value)) => Err(format!("{key}: {}\n is not {}", json!(found[key]), json!(value))),
        }
    })
    .await;
}
