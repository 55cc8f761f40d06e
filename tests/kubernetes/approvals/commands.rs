//! kubectl as approvers type it: what works, what is refused, and that the commands in refusals do what they say.

use lychgate_tests_cluster::Caller;
use serde_json::{Value, json};

use super::people::{alice, bob, erin, member};
use super::{DIGEST, Layer, Place, approve, comes_from, place};

/// Runs the command that a refusal says, as somebody.
pub async fn run_pasted(place: &Place, who: &Caller, refusal: &str) {
    let (_, command) =
        refusal.split_once("kubectl patch ").unwrap_or_else(|| panic!("no command: {refusal}"));
    let (words, rest) = command.split_once(" -p '").unwrap();
    let (patch, _) = rest.split_once('\'').unwrap();
    let mut arguments = vec!["patch"];
    arguments.extend(words.split(' '));
    arguments.extend(["-p", patch]);
    place.cluster.kubectl(&arguments).caller(who).succeed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_in_a_refusal_does_what_it_says() {
    let place = place("pasted").await;
    for (who, name_of, required, patch) in [
        (alice(), "alice", json!({}), approve("bob")),
        (alice(), "alice", json!({"requireDigest": true}), approve("alice")),
        (alice(), "alice", json!({}), super::vote("alice", json!({"decision": "Approve"}))),
        (alice(), "alice", json!({}), json!({"metadata": {"labels": {"a": "b"}}})),
        (alice(), "alice", json!({}), json!({"spec": {"reason": "why"}})),
        (erin(), "erin", json!({}), approve("erin")),
        (erin(), "erin", json!({"requireDigest": true}), approve("erin")),
        (
            member("oidc:alice@corp.example#1", &["dba-leads"]),
            "oidc:alice@corp.example#1",
            json!({"requireDigest": true}),
            json!({"spec": {"decision": "Approve", "reason": "why"}}),
        ),
    ] {
        let name = place.ask(json!({"spec": {"required": required}})).await;
        let refusal = place.patch(&who, &name, &patch).await.unwrap_err().to_string();
        run_pasted(&place, &who, &refusal).await;
        let vote = place.get(&name).await["spec"]["votes"][name_of].clone();
        let mut expected = json!({"decision": "Approve", "reason": "why"});
        if required["requireDigest"] == true {
            expected["digest"] = json!(DIGEST);
        }
        if name_of == "erin" {
            expected["breakGlass"] = json!(true);
        }
        assert_eq!(vote, expected, "{refusal}");
    }
    // What a shell or JSON would read as more than a name is not put into a command.
    let name = place.ask(json!({})).await;
    let odd = member("alice'; rm \"-rf\"", &["dba-leads"]);
    let refusal = place.patch(&odd, &name, &approve("bob")).await.unwrap_err().to_string();
    assert!(refusal.contains(r#"{"votes":{"YOUR-USER-NAME":"#), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_patch_and_edit_decide() {
    let place = place("kubectl").await;
    let namespace = place.namespace.name();
    let name = place.ask(json!({"spec": {"required": {"approvals": 2}}})).await;
    let patch = r#"{"spec":{"decision":"Approve","reason":"INC-42"}}"#;
    let arguments = ["patch", "appr", &name, "-n", namespace, "--type=merge", "-p", patch];
    place.cluster.kubectl(&arguments).caller(&alice()).succeed().await;
    // An editor that decides, and then one that changes what is asked.
    let edit = ["edit", "approval", &name, "-n", namespace];
    let editor = |script: &str| format!("sed -i -e '{script}'");
    let decides = editor(r"s/^  required:/  decision: Approve\n  reason: INC-43\n  required:/");
    place.cluster.kubectl(&edit).caller(&bob()).variable("EDITOR", &decides).succeed().await;
    let votes = &place.get(&name).await["spec"]["votes"];
    assert_eq!(votes["bob"], json!({"decision": "Approve", "reason": "INC-43"}), "{votes}");
    let changes = editor("s/execute_sql/drop_table/");
    let aside = tempfile::tempdir().unwrap();
    let refused = place.cluster.kubectl(&edit).caller(&bob()).variable("EDITOR", &changes);
    let said = refused.variable("TMPDIR", aside.path().to_str().unwrap()).fail().await;
    assert!(said.contains("no valid changes were saved"), "{said}");
    // kubectl puts what the server said above what was edited, and shows that again.
    let kept = std::fs::read_dir(aside.path()).unwrap().map(|file| file.unwrap().path());
    let shown: String = kept.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(shown.contains("what is asked never changes"), "{shown}");

    let list = ["get", "appr", "-n", namespace, "--field-selector", "status.phase=Pending"];
    let table = place.cluster.kubectl(&list).caller(&alice()).succeed().await;
    let (header, rows) = table.split_once('\n').unwrap();
    assert_eq!(
        header.split_whitespace().collect::<Vec<_>>(),
        ["NAME", "TOOL", "CONNECTION", "CALLER", "RISK", "VOTES", "PHASE", "EXPIRES", "AGE"]
    );
    assert!(rows.contains(&name) && rows.contains("dave@example.com") && !rows.contains("invalid"), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_is_refused_with_the_patch_to_send() {
    let place = place("apply").await;
    let namespace = place.namespace.name();
    let name = place.ask(json!({"spec": {"required": {"approvals": 2}}})).await;
    let voted = async |voter: &str| {
        let mut approval = place.get(&name).await;
        approval["metadata"] = json!({"name": name, "namespace": namespace});
        approval.as_object_mut().unwrap().remove("status");
        super::merge(&mut approval, &approve(voter));
        approval.to_string()
    };
    let apply = ["apply", "-n", namespace, "-f", "-"];
    let manifest = voted("alice").await;
    let said = place.cluster.kubectl(&apply).caller(&alice()).input(&manifest).fail().await;
    assert!(
        comes_from(&said, 403, Layer::Votes) && said.contains("kubectl apply writes an annotation"),
        "{said}"
    );
    run_pasted(&place, &alice(), &said).await;

    // Everybody's field manager is kubectl: what one applies takes away what the other has applied, and that is
    // refused, so that nothing is lost.
    let name_only = |voter: &str| {
        let vote = json!({"decision": "Approve", "reason": "INC-42"});
        json!({"apiVersion": "lychgate.dev/v1alpha1", "kind": "Approval", "metadata": {"name": name},
            "spec": {"votes": {voter: vote}}})
    };
    let server_side = ["apply", "--server-side", "-n", namespace, "-f", "-"];
    let by = async |who: Caller, manifest: Value| {
        place.cluster.kubectl(&server_side).caller(&who).input(&manifest.to_string()).finish().await
    };
    let bobs = by(bob(), name_only("bob")).await;
    assert_eq!(bobs.code, Some(0), "{}", bobs.errors);
    let third = by(member("judy", &["dba-leads"]), name_only("judy")).await;
    assert_ne!(third.code, Some(0));
    assert!(third.errors.contains("a vote stays"), "{}", third.errors);
    let votes = &place.get(&name).await["spec"]["votes"];
    assert_eq!(votes.as_object().unwrap().keys().collect::<Vec<_>>(), ["alice", "bob"]);

    // Whoever replaces whole objects needs more than an approver has.
    let mut whole = place.get(&name).await;
    super::merge(&mut whole, &approve("judy"));
    let replace = ["replace", "-n", namespace, "-f", "-"];
    let judy = member("judy", &["dba-leads"]);
    let said = place.cluster.kubectl(&replace).caller(&judy).input(&whole.to_string()).fail().await;
    assert!(said.contains("cannot update resource \"approvals\""), "{said}");
    let judy = member("judy", &["dba-leads", "almighty"]);
    place.cluster.kubectl(&replace).caller(&judy).input(&whole.to_string()).succeed().await;
    assert_eq!(place.get(&name).await["spec"]["votes"]["judy"]["decision"], "Approve");
}
