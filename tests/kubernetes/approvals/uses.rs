//! A grant is used as often as it was given, and by one at a time.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::people::alice;
use super::{Layer, approve, phase, place, refused, used};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_that_use_it_at_once_one_wins() {
    let place = place("race").await;
    let gateway = place.gateway();
    let approvals = place.approvals(&gateway);
    for _ in 0..5 {
        let name = place.approved(json!({})).await;
        let version = place.get(&name).await["metadata"]["resourceVersion"].clone();
        let attempt = async |call: &str| {
            let mut patch = used(1, call, "Consumed");
            patch["metadata"] = json!({"resourceVersion": version});
            approvals.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await
        };
        let answers = tokio::join!(attempt("call-a"), attempt("call-b"), attempt("call-c"));
        let answers = [("call-a", answers.0), ("call-b", answers.1), ("call-c", answers.2)];
        let won: Vec<&str> =
            answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(call, _)| *call).collect();
        assert_eq!(won.len(), 1, "exactly one wins: {won:?}");
        for (call, answer) in &answers {
            match answer {
                Ok(_) => assert_eq!(place.get(&name).await["status"]["consumed"]["callId"], *call),
                // As it was when it was read, or as it is now.
                Err(kube::Error::Api(status)) => assert!([409, 422].contains(&status.code), "{status:?}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forgets_the_precondition_still_wins_only_once() {
    let place = place("unguarded").await;
    let gateway = place.gateway();
    let name = place.approved(json!({"spec": {"required": {"grant": {"uses": 3}}}})).await;
    let use_it = async |count: i32, call: &str, last: &str| {
        place.status(&gateway, &name, &used(count, call, last)).await
    };
    let words = "the first use is number 1";
    refused(use_it(2, "call-a", "Approved").await, Layer::Definition, words);
    use_it(1, "call-a", "Approved").await.unwrap();
    let words = "uses are counted one by one: another replica was faster";
    for (count, call) in [(1, "call-b"), (3, "call-b"), (4, "call-b")] {
        refused(use_it(count, call, "Approved").await, Layer::Definition, words);
    }
    refused(
        place.status(&gateway, &name, &json!({"status": {"consumed": null}})).await,
        Layer::Definition,
        words,
    );
    // The same write again is answered as if it had been made, which is why a gateway compares the call.
    let again = use_it(1, "call-a", "Approved").await.unwrap();
    assert_eq!(again["status"]["consumed"]["callId"], "call-a");
    use_it(2, "call-b", "Approved").await.unwrap();
    let words = "the last use of a grant sets the phase to Consumed in the same write";
    refused(use_it(3, "call-c", "Approved").await, Layer::Definition, words);
    let words = "only an Approval that is Approved can be used";
    refused(use_it(3, "call-c", "Revoked").await, Layer::Definition, words);
    use_it(3, "call-c", "Consumed").await.unwrap();
    refused(use_it(4, "call-d", "Consumed").await, Layer::Definition, "");
    assert_eq!(place.get(&name).await["status"]["consumed"]["count"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_approved_is_not_used() {
    let place = place("unapproved").await;
    let gateway = place.gateway();
    let name = place.ask(json!({})).await;
    let words = "only an Approval that is Approved can be used";
    for last in ["Pending", "Cancelled"] {
        refused(place.status(&gateway, &name, &used(1, "call-1", last)).await, Layer::Definition, words);
    }
    let words = "an Approval that is Pending cannot become Consumed";
    refused(place.status(&gateway, &name, &used(1, "call-1", "Consumed")).await, Layer::Definition, words);
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    // Votes that suffice are not enough: the operator has to say so.
    refused(place.status(&gateway, &name, &used(1, "call-1", "Consumed")).await, Layer::Definition, words);
    place.set(&name, "Approved").await;
    let words = "an Approval that is Consumed says by whom";
    refused(place.status(&gateway, &name, &phase("Consumed")).await, Layer::Definition, words);
    let _: Value = place.status(&gateway, &name, &used(1, "call-1", "Consumed")).await.unwrap();
}
