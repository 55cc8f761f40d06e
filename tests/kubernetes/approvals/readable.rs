//! What an approver reads has nothing in it that a terminal obeys or hides.

use serde_json::{Value, json};

use super::people::{alice, member};
use super::{Layer, place, refused, vote};

/// Characters of each kind: bell, escape, delete, a C1 control, soft hyphen, Arabic letter mark, zero width, right to
/// left, isolate, line separator, byte order mark.
const HIDDEN: [char; 12] = [
    '\u{7}', '\u{1b}', '\u{7f}', '\u{9b}', '\u{ad}', '\u{61c}', '\u{200b}', '\u{200f}', '\u{202e}',
    '\u{2066}', '\u{2028}', '\u{feff}',
];

/// Every text that an approver reads, as a pointer into `spec.request`.
const TEXTS: [&str; 8] = [
    "/tool",
    "/arguments",
    "/caller/issuer",
    "/caller/subject",
    "/caller/username",
    "/caller/groups/0",
    "/caller/kubernetesUsernames/0",
    "/hidden/0/path",
];

/// A request in which one text has some characters in it.
fn with(pointer: &str, characters: &str) -> Value {
    let mut request = json!({
        "tool": "execute_sql",
        "arguments": "{}",
        "caller": {"issuer": "i", "subject": "s", "username": "u", "groups": ["g"], "kubernetesUsernames": ["k"]},
        "hidden": [{"path": "$.rows", "count": 1}],
    });
    let text = request.pointer_mut(pointer).unwrap();
    *text = json!(format!("{}{characters}a", text.as_str().unwrap()));
    json!({"spec": {"request": request}})
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_hidden_from_who_decides() {
    let place = place("hidden").await;
    let words = "holds a control, invisible or direction-changing character";
    for pointer in TEXTS {
        for character in HIDDEN {
            let answer = place.try_ask(with(pointer, &character.to_string())).await;
            refused(answer.map(Value::from), Layer::Definition, words);
        }
        place.try_ask(with(pointer, "äöü 語 🙂 \\u202e")).await.unwrap();
    }
    let name = place.ask(json!({})).await;
    for character in HIDDEN {
        let hidden = json!({"decision": "Approve", "reason": format!("INC{character}42")});
        refused(place.patch(&alice(), &name, &vote("alice", hidden)).await, Layer::Definition, words);
    }
    place
        .patch(&alice(), &name, &vote("alice", json!({"decision": "Deny", "reason": "ä 語"})))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_to_be_read_is_not_asked() {
    let place = place("long").await;
    let arguments = |length: usize| json!({"spec": {"request": {"arguments": "語".repeat(length)}}});
    place.try_ask(arguments(8192)).await.unwrap();
    let answer = place.try_ask(arguments(8193)).await;
    refused(answer.map(Value::from), Layer::Definition, "may not be more than 8192");
    let name = place.ask(json!({})).await;
    let reason = |length: usize| vote("alice", json!({"decision": "Approve", "reason": "r".repeat(length)}));
    refused(
        place.patch(&alice(), &name, &reason(1025)).await,
        Layer::Definition,
        "may not be more than 1024",
    );
    place.patch(&alice(), &name, &reason(1024)).await.unwrap();
    // A user name that no vote can stand under.
    let long = "a".repeat(257);
    let cast = vote(&long, json!({"decision": "Approve", "reason": "INC-42"}));
    let words = "a vote stands under a user name of 1 to 256 characters";
    refused(place.patch(&member(&long, &["dba-leads"]), &name, &cast).await, Layer::Definition, words);
}
