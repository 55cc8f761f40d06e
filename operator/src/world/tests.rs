//! What is known after some telling.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{ALL_SERVICES, Change, Child, Id, Key, Seen, Source, World};

fn source() -> Source {
    Source { plural: "mcpconnections", namespace: None }
}

fn key(name: &str) -> Key {
    Key { namespace: "agents".into(), id: Id::new("McpConnection", name) }
}

fn object(version: &str) -> Seen {
    Seen::Object(Arc::new(json!({"metadata": {"uid": "u", "resourceVersion": version}})))
}

fn version(world: &World, name: &str) -> Option<Value> {
    let place = world.place("agents");
    place.objects.get(&key(name).id).and_then(|object| object.pointer("/metadata/resourceVersion").cloned())
}

#[test]
fn what_a_new_list_does_not_hold_is_gone_and_everything_else_stays() {
    let world = World::new([source()]);
    assert!(!world.is_complete());
    world.tell(&source(), Change::Begin);
    world.tell(&source(), Change::Listed(key("a"), object("1")));
    world.tell(&source(), Change::Listed(key("b"), object("2")));
    assert!(!world.is_complete());
    assert_eq!(world.tell(&source(), Change::End), BTreeSet::new());
    assert!(world.is_complete());

    world.tell(&source(), Change::Begin);
    assert_eq!(world.tell(&source(), Change::Listed(key("a"), object("1"))), BTreeSet::new());
    assert_eq!(world.tell(&source(), Change::End), BTreeSet::from(["agents".to_owned()]));
    assert_eq!(version(&world, "a"), Some(json!("1")));
    assert_eq!(version(&world, "b"), None);
}

#[test]
fn an_echo_of_something_older_changes_nothing() {
    let world = World::new([source()]);
    world.tell(&source(), Change::Present(key("a"), object("10")));
    assert_eq!(world.tell(&source(), Change::Present(key("a"), object("9"))), BTreeSet::new());
    assert_eq!(version(&world, "a"), Some(json!("10")));
    world.tell(&source(), Change::Present(key("a"), object("11")));
    assert_eq!(version(&world, "a"), Some(json!("11")));
    assert_eq!(world.tell(&source(), Change::Absent(key("a"), Some(12))).len(), 1);
    assert_eq!(version(&world, "a"), None);
}

#[test]
fn a_namespace_has_no_labels_that_are_known_before_it_is_seen_itself() {
    let world = World::new([source()]);
    world.tell(&source(), Change::Present(key("a"), object("1")));
    assert_eq!(world.place("agents").labels, None);
    let namespaces = Source { plural: "namespaces", namespace: None };
    let own = Key { namespace: "agents".into(), id: Id::new("Namespace", "agents") };
    let seen = Seen::Namespace { labels: BTreeMap::new(), terminating: false };
    let touched = world.tell(&namespaces, Change::Present(own, seen));
    assert_eq!(touched, BTreeSet::from(["agents".to_owned()]), "what was assumed is looked at again");
    assert_eq!(world.place("agents").labels, Some(BTreeMap::new()));
}

#[test]
fn an_answer_that_is_read_after_the_watch_has_gone_on_brings_nothing_back() {
    let world = World::new([source()]);
    world.tell(&source(), Change::Answered(key("a"), object("10")));
    assert_eq!(version(&world, "a"), Some(json!("10")), "an answer is faster than the watch, as a rule");
    world.tell(&source(), Change::Absent(key("a"), Some(12)));
    assert_eq!(world.tell(&source(), Change::Answered(key("a"), object("11"))), BTreeSet::new());
    assert_eq!(version(&world, "a"), None, "it was deleted after that answer");

    let child = |version, fingerprint: &str| Child {
        uid: "u".into(),
        version: Some(version),
        fingerprint: fingerprint.into(),
        connection: None,
        annotations: BTreeMap::new(),
    };
    let config_map = Key { namespace: "agents".into(), id: Id::new("ConfigMap", "a") };
    let config_maps = Source { plural: "configmaps", namespace: None };
    let tell = |change| world.tell(&config_maps, change).len();
    let fingerprint = || world.child("agents", &config_map.id).map(|child| child.fingerprint);
    let present = |child| Change::Present(config_map.clone(), Seen::Child(child));
    let answered = |child| Change::Answered(config_map.clone(), Seen::Child(child));
    assert_eq!(tell(present(child(21, "edited"))), 1);
    assert_eq!(tell(answered(child(20, "applied"))), 0);
    assert_eq!(fingerprint().as_deref(), Some("edited"), "it was edited after that answer");
    assert_eq!(tell(answered(child(23, "mended"))), 1);
    assert_eq!(tell(present(child(22, "edited again"))), 0, "an echo of what is mended");
    assert_eq!(tell(present(child(24, "mended"))), 0, "its status has changed, no more");
    assert_eq!(fingerprint().as_deref(), Some("mended"));
}

#[test]
fn services_concern_those_namespaces_alone_where_somebody_could_name_one() {
    let world = World::new([source()]);
    let services = Source { plural: ALL_SERVICES, namespace: None };
    let service = |port: u16| Seen::Service(Arc::new(json!({"spec": {"ports": [{"port": port}]}})));
    let dbhub = Key { namespace: "agents".into(), id: Id::new("Service", "dbhub") };
    let tell = |change| world.tell(&services, change).len();
    assert_eq!(tell(Change::Present(dbhub.clone(), service(80))), 0, "nobody is here");
    assert!(world.inhabited().is_empty());
    world.tell(&source(), Change::Present(key("a"), object("1")));
    assert_eq!(world.place("agents").services.len(), 1, "it was kept all the same");
    assert_eq!(tell(Change::Present(dbhub.clone(), service(80))), 0, "nothing has changed");
    assert_eq!(tell(Change::Present(dbhub.clone(), service(81))), 1);
    // What the operator made under that name is told by another watch.
    let children = Source { plural: "services", namespace: None };
    world.tell(&children, Change::Absent(dbhub.clone(), None));
    assert_eq!(world.place("agents").services.len(), 1);
    assert_eq!(tell(Change::Absent(dbhub, None)), 1);
    assert!(world.place("agents").services.is_empty());
}
