//! What a service account may do by the roles of a release, and whether a request needed it.

use std::fmt;

use lychgate_tests_cluster::Event;
use serde_json::Value;

use super::of_kind;

/// Leave for one verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The verb, and the resource with its group and subresource, such as `patch apps/deployments`.
    pub what: String,
    /// The only object that it is for.
    pub name: Option<String>,
    /// The only namespace that it is for.
    pub namespace: Option<String>,
}

impl Right {
    /// Whether a request was allowed by this.
    pub fn allows(&self, event: &Event) -> bool {
        let subresource =
            if event.subresource.is_empty() { String::new() } else { format!("/{}", event.subresource) };
        // What is applied and was not there is created, and needs both rights.
        let created = event.verb == "patch" && event.code == 201;
        let verbs = [Some(event.verb.as_str()), created.then_some("create")];
        let is_of = |limit: &Option<String>, found: &str| limit.as_ref().is_none_or(|limit| limit == found);
        is_of(&self.namespace, &event.namespace)
            && is_of(&self.name, &event.name)
            && verbs
                .into_iter()
                .flatten()
                .any(|verb| self.what == format!("{verb} {}/{}{subresource}", event.group, event.resource))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        if let Some(name) = &self.name {
            write!(formatter, " {name}")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(formatter, " in {namespace}")?;
        }
        Ok(())
    }
}

/// The rights of an account of `home`, in order.
pub fn rights(objects: &[Value], home: &str, account: &str) -> Vec<Right> {
    let mut rights = Vec::new();
    for (binding, role) in [("RoleBinding", "Role"), ("ClusterRoleBinding", "ClusterRole")] {
        for bound in of_kind(objects, binding) {
            let subjects = bound["subjects"].as_array().unwrap();
            assert_eq!(subjects.len(), 1, "{bound}");
            if subjects[0]["name"] != account || subjects[0]["namespace"] != home {
                continue;
            }
            let namespace = &bound["metadata"]["namespace"];
            let role = of_kind(objects, role).find(|role| {
                role["metadata"]["name"] == bound["roleRef"]["name"]
                    && role["metadata"]["namespace"] == *namespace
            });
            rights.extend(of_role(role.unwrap(), namespace.as_str()));
        }
    }
    rights.sort();
    rights
}

/// What a role allows.
pub fn of_role(role: &Value, namespace: Option<&str>) -> Vec<Right> {
    let texts = |rule: &Value, member: &str| -> Vec<String> {
        let list = rule[member].as_array().into_iter().flatten();
        list.map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        let mut names: Vec<Option<String>> = texts(rule, "resourceNames").into_iter().map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    rights.extend(names.iter().map(|name| Right {
                        what: format!("{verb} {group}/{resource}"),
                        name: name.clone(),
                        namespace: namespace.map(str::to_owned),
                    }));
                }
            }
        }
    }
    rights
}
