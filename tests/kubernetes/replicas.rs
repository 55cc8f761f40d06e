//! Several operators, killed operators, and operators with nothing to do.

use std::time::Duration;

use crate::support::operator::Operator;
use crate::support::{GATEWAY, RULE, cluster, connection, eventually, get, until};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_one_leads_and_the_other_follows_when_it_ends_or_is_killed() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("two").await;
    let name = namespace.name();
    let first = Operator::start(cluster, "first", name, &[name]);
    eventually("the first to lead", async || first.leads().then_some(())).await;
    let second = Operator::start(cluster, "second", name, &[name]);
    cluster
        .apply_yaml_in(name, &format!("{GATEWAY}---{}", connection("one", "http://10.1.2.3:8000/mcp")))
        .await;
    until(name, "mcpconnection", "one", "Accepted", "True/Accepted").await;
    assert!(!second.leads());

    assert_eq!(first.terminate().await, Some(0));
    eventually("the second to lead", async || second.leads().then_some(())).await;
    cluster.apply_yaml_in(name, &connection("two", "http://10.1.2.3:8000/mcp")).await;
    until(name, "mcpconnection", "two", "Accepted", "True/Accepted").await;

    let third = Operator::start(cluster, "third", name, &[name]);
    second.kill().await;
    eventually("the third to lead", async || third.leads().then_some(())).await;
    cluster.apply_yaml_in(name, &connection("three", "http://10.1.2.3:8000/mcp")).await;
    until(name, "mcpconnection", "three", "Accepted", "True/Accepted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_nothing_to_do_writes_nothing_but_its_lease() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("steady").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "steady", name, &[name]);
    cluster.apply_yaml_in(name, &format!("{GATEWAY}---{RULE}")).await;
    for index in 0..5 {
        cluster.apply_yaml_in(name, &connection(&format!("c{index}"), "http://10.1.2.3:8000/mcp")).await;
    }
    for index in 0..5 {
        until(name, "mcpconnection", &format!("c{index}"), "Programmed", "Unknown/NoReplica").await;
        let child = format!("lychgate-c{index}");
        eventually("the replicas", async || {
            let status = get(name, "deployment", &child).await?["status"].clone();
            (status["replicas"] == 2).then_some(())
        })
        .await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = cluster.audit().await.len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let events = cluster.audit().await;
    let in_the_minute: Vec<_> = events[before..]
        .iter()
        .filter(|event| event.user == "lychgate-operator" && event.namespace == name && event.writes())
        .collect();
    assert!(in_the_minute.iter().any(|event| event.resource == "leases"), "the audit log is not read");
    let others: Vec<_> = in_the_minute.iter().filter(|event| event.resource != "leases").collect();
    assert!(others.is_empty(), "{} writes, the first {} {}", others.len(), others[0].verb, others[0].uri);
}
