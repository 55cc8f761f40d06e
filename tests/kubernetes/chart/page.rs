//! The page that leads from nothing to a first answer, `docs/install.md`, taken at its word.

use hyper::StatusCode;

use super::release::{Release, until};
use super::try_render;
use crate::support::agent::Agent;
use crate::support::{cluster, counterparts, eventually, get, kubelet, workspace};

/// The page's blocks in a language.
fn blocks(language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(workspace().join("docs/install.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// The page's block in a language that has this in it.
pub fn block(language: &str, mark: &str) -> String {
    let block = blocks(language).into_iter().find(|block| block.contains(mark));
    block.unwrap_or_else(|| panic!("docs/install.md has no block with {mark}"))
}

#[test]
fn every_value_that_the_page_sets_is_one() {
    let mut count = 0;
    for block in blocks("sh").iter().filter(|block| block.contains("helm install")) {
        for rest in block.split("--set ").skip(1) {
            let setting = rest.split_whitespace().next().unwrap().trim_matches('\'');
            let (path, value) = setting.split_once('=').unwrap();
            let value = value.replace('{', "[").replace('}', "]");
            // As nested mappings of YAML.
            let names: Vec<&str> = path.split('.').collect();
            let values = format!("{{{}: {value}{}}}", names.join(": {"), "}".repeat(names.len() - 1));
            try_render(&values).unwrap_or_else(|error| panic!("{setting}: {error}"));
            count += 1;
        }
    }
    assert_eq!(count, 5, "settings are found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_leads_to_a_first_answer() {
    let cluster = cluster().await;
    let (home, agents) = (cluster.namespace("page-home").await, cluster.namespace("page").await);
    let folder = tempfile::tempdir().unwrap();
    let server = counterparts::dbhub(folder.path(), "the-servers-token").await;
    // What a reader replaces.
    let own = |text: &str| {
        let upstream = format!("upstream: {{url: '{}', insecurePlaintext: true}}", server.url);
        text.replace(r#"upstream: {url: "https://mcp.example.com/mcp"}"#, &upstream)
            .replace("mcp.example.com", "127.0.0.1")
            .replace("namespace: agents", &format!("namespace: {agents}"))
            .replace("--namespace agents", &format!("--namespace {agents}"))
            .replace("name: agents", &format!("name: {agents}"))
            .replace(":agents:", &format!(":{agents}:"))
            .replace(".agents.svc", &format!(".{agents}.svc"))
    };
    let release = Release { cluster, home: home.name() };
    let watched = format!("watchNamespaces={{{agents}}}");
    release.set("install", &[&watched, "crds.install=false", "userRoles.create=false"]).await;
    let operator = release.operator("operator-0").await;
    let manifests = own(&block("yaml", "kind: McpConnection"));
    assert!(manifests.contains(&server.url), "the server is put in");
    cluster.apply_yaml(&manifests).await;
    let object = ("mcpconnection", "customers");
    until(cluster, agents.name(), object, "Programmed", "Unknown/NoReplica").await;
    let pod = kubelet::run(agents.name(), "lychgate-customers").await;
    until(cluster, agents.name(), object, "Ready", "True/Ready").await;

    let commands = own(&block("sh", "curl"));
    let after = |mark: &str, end: char| -> String {
        commands.split_once(mark).unwrap().1.split(end).next().unwrap().to_owned()
    };
    let url = after("url=", '\n');
    let authority = get(agents.name(), "configmap", &after("configmap ", ' ')).await.unwrap();
    let agent = Agent {
        address: pod.address.clone(),
        host: after("url=https://", ':'),
        authority: authority["data"]["ca.crt"].as_str().unwrap().to_owned(),
    };
    let account = after("serviceaccount ", ' ');
    let token = cluster.token(agents.name(), &account, &[&url], 600).await;
    let (status, _, text) = agent.post(Some(&token), None, &after("--data '", '\'')).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.contains("serverInfo"), "{text}");
    let other = cluster.token(agents.name(), "other", &[&url], 600).await;
    let (status, _, _) = agent.post(Some(&other), None, &after("--data '", '\'')).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let volume = own(&block("yaml", "volumes:"));
    assert!(volume.contains(&format!("audience: \"{url}\"")), "the agent's pod has the same audience");
    assert_eq!(operator.terminate().await, Some(0));
    eventually("nothing that was refused", async || release.refused().await.is_empty().then_some(())).await;
}
