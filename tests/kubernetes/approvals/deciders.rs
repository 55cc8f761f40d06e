//! Who may vote: an approver, in his own name, and never the caller.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::people::{alice, almighty, bob, carol, erin, member};
use super::{Layer, Place, approve, deny, place, refused};
use crate::admission::{OPERATOR, account};

#[tokio::test(flavor = "multi_thread")]
async fn one_votes_in_ones_own_name() {
    let place = place("own-name").await;
    let name = place.ask(json!({"spec": {"required": {"approvals": 3}}})).await;
    let words = "you can vote only in your own name, and that is alice, not bob";
    refused(place.patch(&alice(), &name, &approve("bob")).await, Layer::Votes, words);
    let both = json!({"spec": {"votes": {
        "alice": {"decision": "Approve", "reason": "INC-42"}, "carol": {"decision": "Approve", "reason": "INC-42"},
    }}});
    refused(place.patch(&alice(), &name, &both).await, Layer::Votes, "that is alice, not carol");
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();

    // Bob neither edits nor removes what Alice said.
    let words = "you can vote only in your own name, and that is bob, not alice";
    refused(place.patch(&bob(), &name, &deny("alice")).await, Layer::Votes, words);
    for removal in [json!({"spec": {"votes": {"alice": null}}}), json!({"spec": {"votes": null}})] {
        for who in [alice(), bob(), almighty()] {
            refused(place.patch(&who, &name, &removal).await, Layer::Definition, "a vote stays");
        }
    }
    let swap =
        json!({"spec": {"votes": {"alice": null, "bob": {"decision": "Approve", "reason": "INC-42"}}}});
    refused(place.patch(&bob(), &name, &swap).await, Layer::Definition, "a vote stays");
    place.patch(&bob(), &name, &approve("bob")).await.unwrap();
    let votes = &place.get(&name).await["spec"]["votes"];
    assert_eq!(votes.as_object().unwrap().keys().collect::<Vec<_>>(), ["alice", "bob"], "{votes}");
    assert_eq!(votes["alice"], json!({"decision": "Approve", "reason": "INC-42"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_on_his_own_call_under_any_of_his_names() {
    let place = place("own-call").await;
    let name = place.ask(json!({})).await;
    for own in ["dave@example.com", "oidc:dave@example.com", "dave-admin"] {
        let words = format!("this is your own call: {own} is a name of its caller, dave@example.com");
        for vote in [approve(own), deny(own)] {
            refused(place.patch(&member(own, &["dba-leads"]), &name, &vote).await, Layer::Votes, &words);
        }
        refused(
            place.decide(&member(own, &["dba-leads"]), &name, "Approve", "mine").await,
            Layer::Votes,
            &words,
        );
    }
    // Whose name looks alike is somebody else.
    let other = member("oidc:dave@example.org", &["dba-leads"]);
    place.patch(&other, &name, &approve("oidc:dave@example.org")).await.unwrap();

    // Nor in an emergency.
    let name = place.ask(json!({})).await;
    let emergency = json!({"decision": "Approve", "reason": "INC-42", "breakGlass": true});
    let vote = super::vote("dave-admin", emergency);
    let words = "this is your own call";
    refused(place.patch(&member("dave-admin", &["oncall"]), &name, &vote).await, Layer::Votes, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_account_votes_that_the_policies_do_not_list() {
    let place = place("accounts").await;
    let name = place.ask(json!({})).await;
    let unlisted = place.account_name("other-robot");
    let words = format!("{unlisted} is no person. Decide with kubectl under your own name");
    refused(
        place.patch(&place.account("other-robot"), &name, &approve(&unlisted)).await,
        Layer::Votes,
        &words,
    );
    refused(
        place.decide(&place.account("other-robot"), &name, "Approve", "by button").await,
        Layer::Votes,
        &words,
    );

    // A GitOps tool may do whatever roles can allow, and its button still acts as the tool.
    let deployer = "system:serviceaccount:deploy:deployer";
    let words = format!("{deployer} is no person");
    refused(place.patch(&account(deployer), &name, &approve(deployer)).await, Layer::Votes, &words);
    refused(place.patch(&account(deployer), &name, &approve("alice")).await, Layer::Votes, "not alice");
    // Nor does a group of service accounts help, should one have come into the frozen copy.
    let everybody = json!({"spec": {"required": {
        "groups": ["system:authenticated", "system:serviceaccounts", "system:masters"],
    }}});
    let open = place.ask(everybody).await;
    refused(place.patch(&account(deployer), &open, &approve(deployer)).await, Layer::Votes, &words);
    refused(
        place.patch(&almighty(), &open, &approve("heidi")).await,
        Layer::Votes,
        "in no group that decides",
    );

    // The gateway that made it enforces decisions, even where somebody has listed it.
    let gateway = place.account_name("billing-gateway");
    let listed = json!({"spec": {"required": {"serviceAccounts": [gateway, OPERATOR]}}});
    let own = place.ask(listed).await;
    let words = "enforces decisions and takes none";
    refused(place.patch(&place.gateway(), &own, &approve(&gateway)).await, Layer::Votes, words);
    refused(place.patch(&account(OPERATOR), &own, &approve(OPERATOR)).await, Layer::Votes, words);

    let robot = place.account_name("robot");
    place.patch(&place.account("robot"), &name, &approve(&robot)).await.unwrap();
}

/// Argo CD's account, which may do everything.
const ARGO_CD: &str = "system:serviceaccount:argocd:argocd-application-controller";

#[tokio::test(flavor = "multi_thread")]
async fn a_button_or_a_sync_of_a_gitops_tool_decides_nothing_though_it_may_do_everything() {
    let place = place("gitops").await;
    let binding = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: argocd-application-controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, namespace: argocd, name: argocd-application-controller}]
";
    place.cluster.apply_yaml(binding).await;
    let argo = account(ARGO_CD);
    let name = place.ask(json!({})).await;
    let words = format!("{ARGO_CD} is no person. Decide with kubectl under your own name");
    // A resource action is a patch, by the tool's account, whoever pressed the button.
    refused(place.decide(&argo, &name, "Approve", "by button").await, Layer::Votes, &words);
    refused(place.patch(&argo, &name, &approve(ARGO_CD)).await, Layer::Votes, &words);
    refused(place.patch(&argo, &name, &approve("alice")).await, Layer::Votes, "not alice");
    // A sync applies, and marks what it applies as its own.
    let apply = async |manifest: Value| {
        let parameters = PatchParams::apply("argocd-controller").force();
        let applied = place.approvals(&argo).patch(&name, &parameters, &Patch::Apply(&manifest)).await?;
        Ok(serde_json::to_value(applied).unwrap())
    };
    let manifest = |mut more: Value| {
        more["apiVersion"] = json!("lychgate.dev/v1alpha1");
        more["kind"] = json!("Approval");
        more["metadata"]["name"] = json!(name);
        more
    };
    refused(apply(manifest(approve(ARGO_CD))).await, Layer::Votes, &words);
    let tracked = json!({"metadata": {"labels": {"app.kubernetes.io/instance": "agents"}}});
    let stay = "labels, annotations, ownerReferences and finalizers of an Approval stay as they are";
    refused(apply(manifest(tracked)).await, Layer::Votes, stay);
    // Nor does it prune.
    let pruned = place.approvals(&argo).delete(&name, &DeleteParams::default()).await;
    refused(pruned.map(|_| json!({})), Layer::Writers, "Approvals are deleted by the operator");
    let after = place.get(&name).await;
    assert_eq!((&after["spec"]["votes"], &after["status"]["phase"]), (&Value::Null, &json!("Pending")));
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_is_in_a_group_and_holds_approve_on_every_policy() {
    let place = place("verbs").await;
    let name = place.ask(json!({})).await;
    let words = "you (heidi) are in no group that decides here, which are: dba-leads, oncall";
    refused(place.patch(&almighty(), &name, &approve("heidi")).await, Layer::Votes, words);
    // Of the approvers of another policy.
    let words = "you (carol) are in no group that decides here";
    refused(place.patch(&carol(), &name, &approve("carol")).await, Layer::Votes, words);
    // Without any role the patch does not even arrive.
    let ivan = member("ivan", &["analysts"]);
    refused(place.patch(&ivan, &name, &approve("ivan")).await, Layer::Roles, "cannot patch resource");

    let wide = |groups: Value| json!({"spec": {"required": {"groups": groups}}});
    let name = place.ask(wide(json!(["dba-leads", "newcomers"]))).await;
    let words = "you (frank) have not the verb approve on ApprovalPolicy billing-writes in namespace";
    let frank = member("frank", &["newcomers"]);
    refused(place.patch(&frank, &name, &approve("frank")).await, Layer::Votes, words);
    give_approve(&place, "billing-writes", "newcomers", &words_of(&place, &frank, &name).await).await;
    super::eventually("the verb to count", async || place.patch(&frank, &name, &approve("frank")).await.ok())
        .await;
}

/// The refusal of Frank's vote.
async fn words_of(place: &Place, who: &lychgate_tests_cluster::Caller, name: &str) -> String {
    place.patch(who, name, &approve("frank")).await.unwrap_err().to_string()
}

/// Gives the verb by the commands that the refusal says.
async fn give_approve(place: &Place, policy: &str, group: &str, refusal: &str) {
    let role = format!(
        "kubectl create role approve-{policy} -n {} --verb=approve --resource=approvalpolicies.lychgate.dev \
         --resource-name={policy}",
        place.namespace
    );
    let binding = format!(
        "kubectl create rolebinding approve-{policy} -n {} --role=approve-{policy} --group=GROUP",
        place.namespace
    );
    for command in [role, binding] {
        assert!(refusal.contains(&command), "not `{command}`: {refusal}");
        // The place has a role and a binding of these names.
        let command = command.replace(&format!(" approve-{policy} "), " approve-newcomers ");
        let command = command.replace(&format!("--role=approve-{policy}"), "--role=approve-newcomers");
        let words: Vec<String> =
            command.replace("GROUP", group).split(' ').skip(1).map(str::to_owned).collect();
        place.cluster.kubectl(&words.iter().map(String::as_str).collect::<Vec<_>>()).succeed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_is_needed_on_each_policy_up_to_the_last() {
    let place = place("each").await;
    let namespace = place.namespace.name();
    let policy =
        |name: &str, of: &str| json!({"namespace": of, "name": name, "uid": "0b0d", "generation": 1});
    let of = |policies: Vec<Value>| {
        json!({"spec": {
            "request": {"policyRefs": policies}, "required": {"groups": ["dba-leads", "security"]},
        }})
    };
    let both = of(vec![policy("billing-writes", namespace), policy("billing-reviews", namespace)]);
    let name = place.ask(both).await;
    let words = "have not the verb approve on ApprovalPolicy billing-reviews in namespace";
    refused(place.patch(&alice(), &name, &approve("alice")).await, Layer::Votes, words);
    let words = "have not the verb approve on ApprovalPolicy billing-writes in namespace";
    refused(place.patch(&carol(), &name, &approve("carol")).await, Layer::Votes, words);
    let judge = member("judy", &["dba-leads", "security"]);
    place.patch(&judge, &name, &approve("judy")).await.unwrap();

    // A policy of the same name in the operator's namespace is another one.
    let elsewhere =
        of(vec![policy("billing-writes", namespace), policy("billing-writes", crate::chart::HOME)]);
    let name = place.ask(elsewhere).await;
    let words = "on ApprovalPolicy billing-writes in namespace lychgate-system";
    refused(place.patch(&judge, &name, &approve("judy")).await, Layer::Votes, words);

    for missing in 0..8 {
        let mut eight = vec![policy("billing-writes", namespace); 8];
        eight[missing] = policy(&format!("missing-{missing}"), namespace);
        let name = place.ask(of(eight)).await;
        let words = format!("on ApprovalPolicy missing-{missing} in namespace {namespace}");
        refused(place.patch(&alice(), &name, &approve("alice")).await, Layer::Votes, &words);
    }
    let name = place.ask(of(vec![policy("billing-writes", namespace); 8])).await;
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    let nine = place.try_ask(of(vec![policy("billing-writes", namespace); 9])).await;
    refused(nine.map(Value::from), Layer::Definition, "must have at most 8 items");
}

#[tokio::test(flavor = "multi_thread")]
async fn breaking_the_glass_is_for_its_group_and_never_silent() {
    let place = place("glass").await;
    let emergency = |reason: Option<&str>, said: Option<bool>| {
        let mut vote = json!({"decision": "Approve"});
        if let Some(reason) = reason {
            vote["reason"] = json!(reason);
        }
        if let Some(said) = said {
            vote["breakGlass"] = json!(said);
        }
        vote
    };
    let lenient = json!({"spec": {"required": {"approvals": 2, "requireReason": false}}});
    let name = place.ask(lenient).await;
    let by = |who: &str, vote: Value| super::vote(who, vote);
    let words = "breakGlass: true is for members of: oncall. You are none";
    let attempt = by("alice", emergency(Some("INC-42"), Some(true)));
    refused(place.patch(&alice(), &name, &attempt).await, Layer::Votes, words);
    for silent in [None, Some("  ")] {
        let attempt = by("erin", emergency(silent, Some(true)));
        refused(place.patch(&erin(), &name, &attempt).await, Layer::Votes, "breakGlass: true needs a reason");
    }
    for unsaid in [None, Some(false)] {
        let attempt = by("erin", emergency(Some("INC-42"), unsaid));
        refused(
            place.patch(&erin(), &name, &attempt).await,
            Layer::Votes,
            "you may approve only in an emergency",
        );
    }
    // One such vote is enough, and without it two are needed.
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    let early = place.status(&account(OPERATOR), &name, &super::phase("Approved")).await;
    refused(early, Layer::Definition, "the votes in spec.votes do not carry it");
    place.patch(&erin(), &name, &by("erin", emergency(Some("INC-42"), Some(true)))).await.unwrap();
    place.set(&name, "Approved").await;

    // Who may break the glass may also deny, without breaking it.
    let name = place.ask(json!({})).await;
    place.patch(&erin(), &name, &deny("erin")).await.unwrap();
}
