//! Messages that are odd and valid: they arrive at the server byte for byte.

use hyper::StatusCode;
use serde_json::json;

use crate::support::counterparts::{logged, many_sided};
use crate::support::dev::Dev;
use crate::support::http::Ask;
use crate::support::manifests::{MASKING, Manifests};

const ACCESS: &str = r#"[{users: [alice], tools: ["*"]}]"#;

/// A call whose arguments are this text.
fn arguments(text: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"greet","arguments":{text}}}}}"#
    )
}

/// Whole messages, each spelled in a way of its own.
fn envelopes() -> Vec<String> {
    [
        " {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} ",
        "\r\n\t{\r\n\t\"jsonrpc\" :\t\"2.0\" ,\n\"id\" : 1 , \"method\":\"ping\"\n}\n\n",
        r#"{"method":"ping","id":1,"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":-9223372036854775808,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":"","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":"a\"b\\c\/d\u00e9\n","method":"ping"}"#,
        r#"{"jsonrpc":"2\u002e0","id":1,"method":"\u0070ing"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"n\u0061me":"gr\u0065et"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","unknown":[null,true,{"id":2}],"":0}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"initialize","ID":7,"JSONRPC":"1.0"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":0,"x.example/y":[]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":null}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug","level2":[[]]}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":{"odd":1e2}}"#,
        r#"{"jsonrpc":"2.0","id":"\u0000","method":"ping"}"#,
        r#"{"id":1,"params":{"name":"greet","_meta":null,"arguments":null},"jsonrpc":"2.0","method":"tools/call"}"#,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Arguments that a reader who writes them anew would change.
fn spellings() -> Vec<String> {
    let nested = format!("{}{}", "[".repeat(50), "]".repeat(50));
    let deep = format!(r#"{{"deep":{nested}}}"#);
    [
        "{}",
        "{ }",
        r#"{"a":[],"b":{},"c":null,"d":"","e":false}"#,
        r#"{"a":1.0,"b":1E+2,"c":1e-7,"d":-0,"e":-0.0,"f":0e0}"#,
        r#"{"a":12345678901234567890123456789012345678901234567890}"#,
        r#"{"a":0.1000000000000000055511151231257827021181583404541015625}"#,
        r#"{"a":1e308,"b":5e-324,"c":123456789.123456789123456789}"#,
        r#"{"a":"\u0041\u00e9\u4e2d","b":"Aé中"}"#,
        r#"{"a":"\ud83d\ude00","b":"😀"}"#,
        r#"{"a":"\b\f\n\r\t\"\\\/\u0000\u001f\u007f"}"#,
        "{\"a\":\"\u{7f}\u{80}\u{2028}\u{2029}\u{feff}\u{202e}\"}",
        "{\"e\u{301}\":1,\"\u{e9}\":2}",
        r#"{"a":{"a":{"a":1},"b":{"a":2}},"A":3}"#,
        r#"{"":{"":{"":""}}}"#,
        r#"{"__proto__":{"x":1},"constructor":null,"hasOwnProperty":1}"#,
        r#"{"a" : [ 1 ,2,	3 ]  }"#,
        r#"{"json":" {\"a\":1e0,\"b\":[ ]}","number":"1e2"}"#,
        r#"{"a":"=?base64?SGk=?=","b":"%41%42","c":"&amp;<>"}"#,
        r#"{"zeros":"0000000000","signs":"+1","plus":"a+b"}"#,
        r#"{"b":-1e-400,"c":1E0000000000000000000001}"#,
        r#"{"a":"SELECT 1; -- \"\n","b":"\u003cscript\u003e"}"#,
        r#"{"sql":1,"SQL":2,"ſql":3,"sq\u217c":4}"#,
        r#"{"a":[{},{"a":1},{"a":2},[[]],[{"a":[]}]]}"#,
        &deep,
    ]
    .map(arguments)
    .to_vec()
}

#[tokio::test]
async fn odd_messages_that_are_valid_arrive_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("requests.jsonl");
    let server = many_sided(&log).await;
    let manifests =
        Manifests { upstream: &server.url, access: ACCESS, more: MASKING, ..Manifests::default() };
    let dev = Dev::start(&manifests.to_yaml()).await;
    let alice = dev.token("alice");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let begun = Ask::post(&dev.url, initialize.to_string()).token(&alice).send().await;
    let session = begun.header("mcp-session-id").unwrap().to_owned();

    let odd = [envelopes(), spellings()].concat();
    assert!(odd.len() >= 42, "{}", odd.len());
    for message in odd {
        let before = logged(&log).len();
        let ask = Ask::post(&dev.url, message.clone()).token(&alice).header("mcp-session-id", &session);
        let answer = ask.send().await;
        let arrived: Vec<_> = logged(&log).split_off(before);
        assert_eq!(arrived.len(), 1, "{message} was answered {} {}", answer.status, answer.text);
        assert_eq!(arrived[0]["body"], message, "as it was sent");
        assert!(
            matches!(answer.status, StatusCode::OK | StatusCode::ACCEPTED),
            "{message}: {} {}",
            answer.status,
            answer.text
        );
    }
    assert_eq!(dev.verify().await.code, 0);
}
