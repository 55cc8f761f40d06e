//! Gateways that watch their ConfigMap and their Secrets at a real API server: each made by the operator, with the
//! token of its own service account and the rights that its Role gives it.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use lychgate_tests_cluster::Cluster;
use serde_json::{Value, json};

use crate::support::watching::{CHILD, Made, Watching, Way};
use crate::support::{PATIENCE, RULE, cluster, connection, eventually, get, options, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_comes_changes_and_goes_is_used_as_it_is_at_that_moment() {
    let cluster = cluster().await;
    let stage = Watching::start(cluster).await;
    let name = stage.made.name();
    stage.until_sync("Secret", "upstream", Some(true)).await;
    assert_eq!(stage.call().await.0, StatusCode::BAD_GATEWAY, "there is no Secret yet");
    until(name, "mcpconnection", "customers", "ResolvedRefs", "False/CredentialUnusable").await;
    let mut versions = Vec::new();
    for value in ["seen-token-one", "seen-token-two"] {
        stage.made.apply_secret(cluster, "upstream", value).await;
        stage.until_used(value).await;
        let credential = stage.config().await["connections"][0]["credentials"][0].clone();
        versions.push(credential["version"].as_str().unwrap().to_owned());
    }
    assert_ne!(versions[0], versions[1], "what is told is what is used");
    until(name, "mcpconnection", "customers", "ResolvedRefs", "True/ResolvedRefs").await;
    cluster.kubectl(&["delete", "secret", "upstream", "-n", name]).succeed().await;
    eventually("no call to be made", async || stage.used().await.is_none().then_some(())).await;
    let credential = stage.config().await["connections"][0]["credentials"][0].clone();
    assert_eq!(credential["reason"], "Missing", "{credential}");
    stage.made.apply_secret(cluster, "upstream", "seen-token-three").await;
    stage.until_used("seen-token-three").await;

    assert_eq!(stage.log_lines("watch in sync"), 2, "one line for each object");
    assert_eq!(stage.log_lines("watch out of sync"), 0, "{}", stage.pod.process.output());
    for value in ["seen-token-one", "seen-token-two", "seen-token-three"] {
        assert_eq!(stage.log_lines(value), 0, "no value is in the log");
        assert_eq!(stage.log_lines(&STANDARD.encode(value)), 0, "no value is in the log in base64");
    }
    let asked = stage.made.asked(cluster).await;
    assert!(!asked.is_empty(), "the audit log was read");
    for event in asked {
        let by_name = event.uri.contains("fieldSelector=metadata.name%3D");
        assert!(
            event.code == 200 && by_name && ["list", "watch"].contains(&event.verb.as_str()),
            "{event:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_and_a_changed_connection_reach_a_gateway_that_watches_at_once() {
    let cluster = cluster().await;
    let stage = Watching::start(cluster).await;
    let name = stage.made.name();
    stage.made.apply_secret(cluster, "upstream", "upstream-token-one").await;
    stage.until_used("upstream-token-one").await;
    assert!(stage.call().await.1.contains("alice@example.com"));
    cluster.apply_yaml_in(name, RULE).await;
    eventually("the rule to hold", async || stage.call().await.1.contains("[REDACTED:Email]").then_some(()))
        .await;
    until(name, "mcpconnection", "customers", "Programmed", "True/Programmed").await;

    // The pod's files know nothing of the other Secret.
    stage.made.apply_secret(cluster, "second", "seen-token-two").await;
    let changed = connection("customers", &stage.made.server.url).replace("name: upstream,", "name: second,");
    cluster.apply_yaml_in(name, &changed).await;
    stage.until_used("seen-token-two").await;
    stage.until_sync("Secret", "second", Some(true)).await;
    stage.until_sync("Secret", "upstream", None).await;

    let patch = [
        "patch",
        "mcpconnection",
        "customers",
        "-n",
        name,
        "--type=merge",
        "-p",
        r#"{"spec":{"suspended":true}}"#,
    ];
    cluster.kubectl(&patch).succeed().await;
    eventually("the connection to be closed", async || {
        (stage.call().await.0 == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_older_or_broken_replaces_none_wherever_it_comes_from() {
    let cluster = cluster().await;
    let stage = Watching::start(cluster).await;
    let name = stage.made.name();
    stage.made.apply_secret(cluster, "upstream", "upstream-token-one").await;
    stage.until_used("upstream-token-one").await;
    // It would put right what is written here.
    stage.made.operator.signal("STOP").await;
    let published = get(name, "configmap", CHILD).await.unwrap();
    let (key, text) = published["data"].as_object().unwrap().iter().next().unwrap();
    let document: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    let sequence = document["sequence"].as_u64().unwrap();
    let numbered = |more: u64, tools: &[&str]| {
        let mut document = document.clone();
        document["sequence"] = (sequence + more).into();
        document["access"] = json!([{"groups": ["system:serviceaccounts"], "tools": tools}]);
        document.to_string()
    };
    let publish = async |text: &str| {
        let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CHILD}, "data": {key: text}});
        cluster.apply_yaml_in(name, &config_map.to_string()).await;
    };
    let denied = async || stage.call().await.1.contains("Unknown tool");
    publish(&numbered(2, &["other"])).await;
    stage.until_sequence(sequence + 2).await;
    assert!(denied().await);
    for (refused, text) in [(1, numbered(1, &["*"])), (2, json!({"sequence": sequence + 9}).to_string())] {
        publish(&text).await;
        eventually("the document to be refused", async || {
            (stage.log_lines("policy refused") == refused).then_some(())
        })
        .await;
        assert!(denied().await, "{text}");
    }
    // The file, which a kubelet brings later, may be the newer one.
    std::fs::write(stage.pod.file("config").join(key), numbered(3, &["*"])).unwrap();
    stage.until_sequence(sequence + 3).await;
    assert!(!denied().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_watch_the_files_count_and_what_is_missing_is_told() {
    let cluster = cluster().await;
    let made = Made::new(cluster, "Watch").await;
    made.apply_secret(cluster, "upstream", "upstream-token-one").await;
    made.operator.signal("STOP").await;
    cluster.kubectl(&["delete", "rolebinding", CHILD, "-n", made.name()]).succeed().await;
    let stage = made.run(cluster).await;
    stage.made.apply_secret(cluster, "upstream", "seen-token-two").await;
    eventually("ten refusals", async || {
        let asked = stage.made.asked(cluster).await;
        (asked.iter().filter(|event| event.code == 403).count() >= 10).then_some(())
    })
    .await;
    assert_eq!(stage.used().await.as_deref(), Some("upstream-token-one"));
    let watches = stage.config().await["watches"].clone();
    for (index, kind, plural, name) in
        [(0, "ConfigMap", "configmaps", CHILD), (1, "Secret", "secrets", "upstream")]
    {
        let watch = &watches[index];
        assert_eq!((&watch["kind"], &watch["name"]), (&json!(kind), &json!(name)));
        let problem = watch["problem"].as_str().unwrap();
        assert!(problem.contains(&format!("{plural} \"{name}\" is forbidden")), "{problem}");
        assert!(
            problem.contains("the gateway's Role must allow list and watch on this very name"),
            "{problem}"
        );
    }
    assert_eq!(stage.log_lines("watch out of sync"), 2, "told once of each: {}", stage.pod.process.output());
    // The operator puts it right.
    stage.made.operator.signal("CONT").await;
    stage.until_used("seen-token-two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_goes_away_takes_nothing_with_it_and_is_followed_when_it_comes_back() {
    let mut cluster = Cluster::start(options()).await;
    let made = Made::new(&cluster, "Watch").await;
    made.apply_secret(&cluster, "upstream", "upstream-token-one").await;
    let stage = made.run(&cluster).await;
    stage.made.apply_secret(&cluster, "upstream", "seen-token-one").await;
    stage.until_used("seen-token-one").await;

    // What was seen last counts, also above a file that changes.
    cluster.stop_apiserver();
    for (kind, name) in [("Secret", "upstream"), ("ConfigMap", CHILD)] {
        stage.until_sync(kind, name, Some(false)).await;
    }
    assert_eq!(stage.used().await.as_deref(), Some("seen-token-one"));
    std::fs::write(stage.pod.file("secrets/upstream/token"), "upstream-token-two").unwrap();
    assert_eq!(stage.used().await.as_deref(), Some("seen-token-one"));

    // A gateway that begins meanwhile works with its files.
    let stage = stage.restart(&cluster.url()).await;
    stage.until_used("upstream-token-two").await;
    stage.until_sync("Secret", "upstream", Some(false)).await;
    cluster.start_apiserver().await;
    stage.until_used("seen-token-one").await;
    stage.until_sync("ConfigMap", CHILD, Some(true)).await;

    cluster.stop_apiserver();
    stage.until_sync("Secret", "upstream", Some(false)).await;
    cluster.start_apiserver().await;
    stage.made.apply_secret(&cluster, "upstream", "seen-token-two").await;
    stage.until_used("seen-token-two").await;
    assert_eq!(
        stage.log_lines("watch out of sync"),
        4,
        "told once each time: {}",
        stage.pod.process.output()
    );
    drop(stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_died_without_a_word_is_found_out_and_another_takes_its_place() {
    let cluster = cluster().await;
    let way = Way::to(cluster).await;
    let stage = Watching::start(cluster).await.restart(&way.url).await;
    stage.made.apply_secret(cluster, "upstream", "seen-token-one").await;
    stage.until_used("seen-token-one").await;
    way.die();
    stage.made.apply_secret(cluster, "upstream", "seen-token-two").await;
    stage.until_sync("Secret", "upstream", Some(false)).await;
    assert_eq!(stage.used().await.as_deref(), Some("seen-token-one"));
    way.revive();
    stage.until_used("seen-token-two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_with_the_token_that_a_kubelet_has_replaced() {
    let mut cluster = Cluster::start(options()).await;
    let stage = Watching::start(&cluster).await;
    let name = stage.made.name().to_owned();
    stage.made.apply_secret(&cluster, "upstream", "seen-token-one").await;
    stage.until_used("seen-token-one").await;
    // This token is good for as long as a certain object is there.
    cluster.apply_yaml_in(&name, "{apiVersion: v1, kind: Secret, metadata: {name: bound}}").await;
    let bound = ["--bound-object-kind", "Secret", "--bound-object-name", "bound"];
    let create = [&["create", "token", CHILD, "-n", &name][..], &bound].concat();
    let token = cluster.kubectl(&create).succeed().await;
    let file = stage.pod.file("kubernetes/token");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, token.trim()).unwrap();
    cluster.kubectl(&["delete", "secret", "bound", "-n", &name]).succeed().await;

    cluster.stop_apiserver();
    stage.until_sync("Secret", "upstream", Some(false)).await;
    cluster.start_apiserver().await;
    stage.made.apply_secret(&cluster, "upstream", "seen-token-two").await;
    eventually("the token to be refused", async || {
        let watches = stage.config().await["watches"].to_string();
        watches.contains("401, Unauthorized; the token in --kubernetes-dir").then_some(())
    })
    .await;
    assert_eq!(stage.used().await.as_deref(), Some("seen-token-one"));
    std::fs::write(&file, good).unwrap();
    stage.until_used("seen-token-two").await;
    drop(stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_mounts_asks_the_api_server_nothing() {
    let cluster = cluster().await;
    let made = Made::new(cluster, "Mount").await;
    made.apply_secret(cluster, "upstream", "upstream-token-one").await;
    let stage = made.run(cluster).await;
    assert_eq!(stage.used().await.as_deref(), Some("upstream-token-one"));
    until(stage.made.name(), "mcpconnection", "customers", "Programmed", "True/Programmed").await;
    assert_eq!(stage.config().await["watches"], json!([]));
    assert!(!stage.pod.file("kubernetes").exists(), "it has no token");
    assert!(stage.made.asked(cluster).await.is_empty());
    let role =
        cluster.kubectl(&["get", "role", CHILD, "-n", stage.made.name(), "-o", "json"]).succeed().await;
    let role: Value = serde_json::from_str(&role).unwrap();
    let verbs: Vec<&Value> = role["rules"].as_array().unwrap().iter().map(|rule| &rule["verbs"]).collect();
    assert_eq!(verbs, [&json!(["serve"])], "and no right");
}

/// Prints how long it takes from a changed Secret to its use. It asserts that each comes, and not when: a test that
/// asserts times tells of the machine.
#[tokio::test(flavor = "multi_thread")]
async fn each_of_a_hundred_values_is_used() {
    let cluster = cluster().await;
    let stage = Watching::start(cluster).await;
    stage.made.apply_secret(cluster, "upstream", "seen-token").await;
    stage.until_used("seen-token").await;
    let mut times: Vec<Duration> = Vec::new();
    for number in 0..100 {
        let value = format!("seen-token-{number:03}");
        stage.made.apply_secret(cluster, "upstream", &value).await;
        let applied = Instant::now();
        loop {
            // There is no call without a credential, whichever it is.
            if stage.used().await.expect("a call") == value {
                break;
            }
            assert!(applied.elapsed() < PATIENCE, "{value} is not used");
        }
        times.push(applied.elapsed());
    }
    times.sort();
    eprintln!(
        "from a changed Secret to its use: median {:?}, 99th {:?}, longest {:?}",
        times[50], times[98], times[99]
    );
}
