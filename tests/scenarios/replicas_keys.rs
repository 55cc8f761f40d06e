//! The keys of sessions, events and tasks are replaced, one replica after the other, and no client notices; until the
//! old key is gone.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::replicas::Stage;
use crate::support::http::Ask;
use crate::support::http::knowing_tasks;
use crate::support::replicas::{Session, event_ids};

/// What a client holds that was sealed with the key of some time.
struct Held {
    session: Session,
    event: String,
    handle: String,
}

/// A client begins at one replica.
async fn begin(stage: &Stage, number: usize) -> Held {
    let url = stage.replicas.url_of(number);
    let session = Session::begin(&url).await;
    let call = session.call(1, "test_tool_with_logging", json!({})).send().await;
    let event = event_ids(&call.text)[0].to_owned();
    let task = json!({"name": "slow_compute", "arguments": {"seconds": 600}});
    let begun = knowing_tasks(&url, "tools/call", task).send().await;
    let handle = begun.message()["result"]["taskId"].as_str().unwrap().to_owned();
    Held { session, event, handle }
}

/// What becomes of a client's session, event and task at a replica, as status and code of errors.
async fn standing(stage: &Stage, held: &Held, number: usize) -> [(StatusCode, Value); 3] {
    let url = stage.replicas.url_of(number);
    let session = held.session.at(url.clone());
    let error =
        |answer: &crate::support::http::Answer| (answer.status, answer.message()["error"]["code"].clone());
    let called = session.call(2, "greet", json!({"name": "again"})).send().await;
    let resumed = session.stream(Some(&held.event)).send().await;
    let told = knowing_tasks(&url, "tasks/get", json!({"taskId": held.handle})).send().await;
    [error(&called), error(&resumed), error(&told)]
}

#[tokio::test]
async fn keys_are_replaced_under_clients_who_notice_nothing_until_the_old_one_is_gone() {
    let mut stage = Stage::start(2).await;
    let keys = stage.replicas.folder.path().join("keys");
    let put = |file: &str, key: Option<u8>| match key {
        Some(key) => std::fs::write(keys.join(file), [key; 32]).unwrap(),
        None => std::fs::remove_file(keys.join(file)).unwrap(),
    };
    let opens = [const { (StatusCode::OK, Value::Null) }; 3];
    let version = async |stage: &Stage, number| {
        let told = Ask::get(&format!("{}/config", stage.replicas.admin_of(number))).send().await;
        told.message()["connections"][0]["credentials"][0]["version"].clone()
    };
    let first_version = version(&stage, 0).await;
    let mut clients = vec![begin(&stage, 0).await];
    // What was the only key stays the one for names; the new one is listed, seals, and is left alone.
    let steps: [&[(&str, Option<u8>)]; 3] = [
        &[("names", Some(1)), ("session.next", Some(7))],
        &[("session", Some(7)), ("session.previous", Some(1)), ("session.next", None)],
        &[("session.next", Some(8))],
    ];
    for (step, files) in steps.iter().enumerate() {
        files.iter().for_each(|(file, key)| put(file, *key));
        for number in 0..2 {
            // Between the two the replicas have different keys.
            stage.replicas.kill(number).await;
            stage.replicas.restart(number).await;
            assert_eq!(version(&stage, number).await, first_version, "credentials are named as before");
            clients.push(begin(&stage, number).await);
            for (client, held) in clients.iter().enumerate() {
                for at in 0..2 {
                    let found = standing(&stage, held, at).await;
                    assert_eq!(found, opens, "client {client} at replica {at} after {step}.{number}");
                }
            }
        }
    }

    put("session.previous", None);
    for number in 0..2 {
        stage.replicas.kill(number).await;
        stage.replicas.restart(number).await;
    }
    // The first three began while the old key sealed, at both replicas or at one.
    let (old, new) = clients.split_at(3);
    for held in old {
        let gone = standing(&stage, held, 0).await;
        let [session, event, task] = gone;
        assert_eq!(session, (StatusCode::NOT_FOUND, json!(-31_404)));
        assert_eq!(event, (StatusCode::NOT_FOUND, json!(-31_404)), "the session is asked for first");
        assert_eq!(task, (StatusCode::OK, json!(-32_602)));
        let own = Session::begin(&stage.replicas.url).await;
        let foreign = own.stream(Some(&held.event)).send().await;
        assert_eq!((foreign.status, foreign.code()), (StatusCode::BAD_REQUEST, -31_400));
    }
    for held in new {
        assert_eq!(standing(&stage, held, 1).await, opens);
    }
}
