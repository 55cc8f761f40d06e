//! The admission policies of the chart: what they stop, with whose rights, and what goes on as before.
//!
//! Every attack is tried twice, by the same person with the same roles: in a namespace that the policies leave alone,
//! where it must succeed, and in one that they guard, where the right policy must refuse it. So it is never RBAC, a
//! schema or a slip of the test that refuses.

mod accounts;
mod authors;
pub mod check;
mod life;
mod objects;
mod ordinary;
mod thefts;
mod workloads;

use std::fmt::Write as _;
use std::path::Path;

use lychgate_tests_cluster::{Caller, Cluster, Finished, Options, apply};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::chart::HOME;
use crate::chart::release::Release;
use crate::support::workspace;

/// The parts of the tests, each with a guarded namespace and one that is left alone.
const TOPICS: [&str; 10] = [
    "authors",
    "objects",
    "adoption",
    "workloads",
    "accounts",
    "ordinary",
    "life",
    "orphans",
    "controllers",
    "thefts",
];
/// The operator's account.
pub const OPERATOR: &str = "system:serviceaccount:lychgate-system:lychgate-operator";
/// An audience of the API server that only the values tell.
pub const AUDIENCE: &str = "api.internal.example.com";
/// A controller that the values name.
pub const CLOUD: &str = "system:cloud-controller";

/// A guarded namespace and one like it that the policies leave alone.
pub struct Pair {
    pub cluster: &'static Cluster,
    pub guarded: String,
    pub open: String,
}

/// Something that must not be done: a command of kubectl, and what it reads on standard input. In both, `NAMESPACE`
/// stands for the namespace.
pub struct Attack<'a> {
    pub command: &'a str,
    pub input: &'a str,
    /// The policy that must refuse it, without `.lychgate.dev`. Where several do, `|` between them: the API server
    /// names any.
    pub policy: &'a str,
    /// What it must say.
    pub says: &'a str,
}

/// The pair of a topic.
pub async fn pair(topic: &str) -> Pair {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    assert!(TOPICS.contains(&topic), "{topic} has no namespaces");
    let cluster = CLUSTER.get_or_init(guarded_cluster).await;
    Pair { cluster, guarded: format!("guarded-{topic}"), open: format!("open-{topic}") }
}

/// A cluster with the chart in it, and namespaces with people who hold `edit` and `admin`.
async fn guarded_cluster() -> Cluster {
    let options = Options {
        before_controllers: definitions(),
        controller_manager_arguments: vec!["--horizontal-pod-autoscaler-sync-period=1s".to_owned()],
        ..Options::default()
    };
    let cluster = Cluster::start(options).await;
    let mut people = String::new();
    for namespace in TOPICS.iter().flat_map(|topic| [format!("guarded-{topic}"), format!("open-{topic}")]) {
        write!(people, "{}", namespace_with_people(&namespace)).unwrap();
    }
    people.push_str(&namespace_with_people(HOME));
    cluster.apply_yaml(&people).await;

    let open: Vec<String> = TOPICS.iter().map(|topic| format!("open-{topic}")).collect();
    let values = [
        "crds.install=false".to_owned(),
        format!("apiServer.audiences={{{AUDIENCE}}}"),
        format!("admissionPolicies.controllers={{{CLOUD}}}"),
        format!("admissionPolicies.excludedNamespaces={{kube-system,{}}}", open.join(",")),
    ];
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let release = Release { cluster: &cluster, home: HOME };
    release.set("install", &values).await;
    let checked = check::of_release(&release, &values).await;
    assert_eq!(checked.code, 0, "{}", checked.output);
    cluster
}

/// The definitions as they are, but for the number of credentials: the policy is to hold even where the schema lets more
/// pass than it can check.
fn definitions() -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(workspace().join("crds/yaml")).unwrap() {
        text.push_str("---\n");
        let path = entry.unwrap().path();
        let more = if path.ends_with("mcpconnections.yaml") { "maxItems: 12\n" } else { "maxItems: 8\n" };
        text.push_str(&read(&path).replace("maxItems: 8\n", more));
    }
    text
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn namespace_with_people(namespace: &str) -> String {
    let mut text = format!("---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}\n");
    for (person, role) in [("erin", "edit"), ("adam", "admin")] {
        write!(
            text,
            "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: {person}, \
             namespace: {namespace}}}, roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}, \
             subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {person}}}]}}\n"
        )
        .unwrap();
    }
    text
}

/// Whoever acts for an account: the groups of accounts come with the name.
pub fn account(name: &str) -> Caller {
    let mut groups = vec!["system:authenticated".to_owned()];
    if let Some(namespace) =
        name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split(':').next())
    {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    Caller::impersonated(name, &groups)
}

/// A person with the roles of [`namespace_with_people`].
pub fn person(name: &str) -> Caller {
    Caller::user(name, &[])
}

impl Pair {
    /// Runs kubectl in a namespace. Words of the command are divided by one space each.
    pub async fn kubectl(&self, caller: &Caller, namespace: &str, command: &str, input: &str) -> Finished {
        let command = command.replace("NAMESPACE", namespace);
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--namespace", namespace]);
        let input = input.replace("NAMESPACE", namespace);
        self.cluster.kubectl(&arguments).caller(caller).input(&input).finish().await
    }

    /// Both namespaces.
    pub fn both(&self) -> [&str; 2] {
        [&self.guarded, &self.open]
    }

    /// Lets the operator make the gateway `billing-db` in both namespaces.
    pub async fn make_gateways(&self) {
        for namespace in self.both() {
            self.make_gateway(namespace).await.unwrap_or_else(|error| panic!("{namespace}: {error}"));
        }
    }

    /// Lets the operator make what it makes for the connection `billing-db`.
    pub async fn make_gateway(&self, namespace: &str) -> Result<(), String> {
        let objects = self.gateway(namespace).await;
        self.put(namespace, &objects).await
    }

    /// Lets the operator create Secrets that are not there, and apply the rest, as it does.
    pub async fn put(&self, namespace: &str, objects: &str) -> Result<(), String> {
        let operator = account(OPERATOR);
        let (secrets, rest): (Vec<&str>, Vec<&str>) =
            objects.split("---\n").partition(|object| object.contains("kind: Secret\n"));
        for secret in secrets {
            let created = self.kubectl(&operator, namespace, "create -f -", secret).await;
            if created.code != Some(0) && !created.errors.contains("AlreadyExists") {
                return Err(created.errors);
            }
        }
        self.apply(&operator, namespace, &rest.join("---\n")).await
    }

    /// Applies objects as somebody.
    pub async fn apply(&self, caller: &Caller, namespace: &str, objects: &str) -> Result<(), String> {
        let applied = apply(&self.cluster.client(caller), namespace, objects).await;
        applied.map(drop).map_err(|error| error.to_string())
    }

    /// What the operator makes for the connection `billing-db`, which is there afterwards.
    pub async fn gateway(&self, namespace: &str) -> String {
        let applied = self.cluster.apply_yaml_in(namespace, CONNECTION).await;
        let uid = applied[0].metadata.uid.clone().unwrap();
        let objects = golden()
            .replace("5a1c0f6e-2f2b-4a70-9a4c-2f7a0f3b9d10", &uid)
            .replace("namespace: agents\n", &format!("namespace: {namespace}\n"));
        // The rights by which a gateway watches are the operator's to give where the values say so.
        let (before, role) = objects.split_once(SERVES).expect("the Role's first rule");
        let (_, after) = role.split_once("---\n").unwrap();
        format!("{before}{SERVES}---\n{after}")
    }

    /// Tries an attack in both namespaces.
    pub async fn refuses(&self, caller: &Caller, attack: &Attack<'_>) {
        let Attack { command, input, policy, says } = attack;
        let admitted = self.kubectl(caller, &self.open, command, input).await;
        assert_eq!(
            admitted.code,
            Some(0),
            "without policies, `{command}` by {caller:?} works: {}{input}",
            admitted.errors
        );
        let refused = self.kubectl(caller, &self.guarded, command, input).await;
        assert_ne!(
            refused.code,
            Some(0),
            "`{command}` by {caller:?} was admitted: {}{input}",
            refused.output
        );
        let named = |policy| format!("ValidatingAdmissionPolicy '{policy}.lychgate.dev'");
        let is_named = policy.split('|').any(|policy| refused.errors.contains(&named(policy)));
        assert!(is_named, "`{command}`: {}{input}", refused.errors);
        assert!(refused.errors.contains(says), "`{command}` does not say `{says}`: {}", refused.errors);
    }

    /// Does something in the guarded namespace that must be possible.
    pub async fn admits(&self, caller: &Caller, command: &str, input: &str) -> String {
        let admitted = self.kubectl(caller, &self.guarded, command, input).await;
        assert_eq!(admitted.code, Some(0), "`{command}` by {caller:?}: {}{input}", admitted.errors);
        admitted.output
    }

    /// An object of the guarded namespace.
    pub async fn get(&self, what: &str) -> Value {
        let command = format!("get {what} --output json");
        serde_json::from_str(&self.admits(&Caller::Admin, &command, "").await).unwrap()
    }
}

/// The end of the rule by which a gateway serves its connection.
const SERVES: &str = "  - mcpconnections\n  verbs:\n  - serve\n";

/// What the plan makes of a connection that asks for everything.
pub fn golden() -> String {
    read(&workspace().join("operator/plan/tests/testdata/full.golden.yaml"))
}

/// A connection whose children are those of the golden file.
const CONNECTION: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {name: billing-db}
spec:
  gatewayRef: {name: default}
  upstream: {url: 'https://dbhub.data.svc:8443/mcp'}
";
