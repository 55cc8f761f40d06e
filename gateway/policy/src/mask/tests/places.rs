//! Where in a message values are masked, and what stays as it came.

use serde_json::{Value, json};

use super::{Setup, notification, request, result};
use crate::call::{ListKind, Operation};
use crate::config::Direction;

const MAIL: &str = "ada@example.com";
const MARK: &str = "[REDACTED:Email]";
const CARD: &str = "4111111111111111";

/// Redacts what any detector finds, and every member of data.
fn strict() -> Setup {
    Setup::with_rules(json!([
        {"detectors": [{"group": "PersonalData", "action": {"redact": {}}}]},
        {"fields": [{"keys": ["*id*", "*name*", "*type*", "*token*", "*cursor*", "uri"], "action": {"redact": {}}}]},
    ]))
}

fn stays(setup: &Setup, message: &Value) {
    assert_eq!(setup.json(message), *message);
}

#[test]
fn every_text_of_a_result_is_masked() {
    let with = |mail: &str| {
        result(json!({
            "content": [
                {"type": "text", "text": format!("to {mail}"), "annotations": {"audience": ["user"], "note": mail}},
                {"type": "resource_link", "uri": format!("mailto:{mail}"), "name": mail, "description": mail},
                {"type": "resource", "resource": {"uri": format!("file:///{mail}/a"), "text": mail}},
            ],
            "structuredContent": {"a": [{"b": mail}], mail: mail},
            "isError": true,
            "_meta": {"example.com/owner": mail, "io.modelcontextprotocol/note": mail},
            "somethingNew": {"text": [mail]},
        }))
    };
    let masked = Setup::redacting().text(&with(MAIL).to_string());
    assert_eq!(serde_json::from_str::<Value>(&masked).unwrap(), with(MARK));
}

#[test]
fn every_other_kind_of_message_is_masked() {
    let messages = |mail: &str| {
        [
            json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": format!("no {mail}"), "data": [mail]}}),
            result(json!({"contents": [{"uri": "file:///a", "text": mail}]})),
            result(
                json!({"description": mail, "messages": [{"role": "user", "content": {"type": "text", "text": mail}}]}),
            ),
            result(json!({"completion": {"values": [mail], "hasMore": false}})),
            result(json!({"instructions": mail, "serverInfo": {"name": "s", "version": "1", "title": mail}})),
            result(
                json!({"resources": [{"uri": "file:///a", "name": mail, "description": mail}], "nextCursor": "c"}),
            ),
            result(json!({"task": {"taskId": "t", "status": "failed", "statusMessage": mail}})),
            result(
                json!({"inputRequests": {"r": {"method": "elicitation/create", "params": {"message": mail}}}}),
            ),
            notification(
                "notifications/message",
                json!({"level": "info", "logger": mail, "data": {"a": mail}}),
            ),
            notification("notifications/message", json!({"level": "info", "data": mail})),
            notification(
                "notifications/progress",
                json!({"progressToken": "p", "progress": 1, "message": mail}),
            ),
            notification("notifications/resources/updated", json!({"uri": format!("mailto:{mail}")})),
            notification("notifications/example", json!({"anything": [{"at": "all", "is": mail}]})),
            request("elicitation/create", json!({"message": mail, "requestedSchema": {"type": "object"}})),
            request(
                "sampling/createMessage",
                json!({
                    "systemPrompt": mail, "maxTokens": 1,
                    "messages": [
                        {"role": "user", "content": {"type": "text", "text": mail}},
                        {"role": "assistant", "content": [
                            {"type": "tool_use", "id": "u", "name": "t", "input": {"a": mail}},
                        ]},
                        {"role": "user", "content": [
                            {"type": "tool_result", "toolUseId": "u", "content": [], "structuredContent": {"a": mail}},
                        ]},
                    ],
                }),
            ),
            json!({"jsonrpc": "2.0", "method": "notifications/x", "extension": {"a": mail}}),
        ]
    };
    for (message, expected) in messages(MAIL).iter().zip(messages(MARK)) {
        assert_eq!(Setup::redacting().json(message), expected);
    }
}

#[test]
fn requests_are_masked_in_what_they_carry_and_not_in_what_they_call() {
    let requests = |mail: &str| {
        [
            request(
                "tools/call",
                json!({"name": MAIL, "arguments": {"to": mail, mail: [mail]}, "_meta": {"progressToken": MAIL}}),
            ),
            request("prompts/get", json!({"name": MAIL, "arguments": {"who": mail}})),
            request("resources/read", json!({"uri": format!("mailto:{MAIL}")})),
            request(
                "completion/complete",
                json!({
                    "ref": {"type": "ref/resource", "uri": format!("mailto:{MAIL}")},
                    "argument": {"name": "who", "value": mail}, "context": {"arguments": {"a": mail}},
                }),
            ),
            request(
                "subscriptions/listen",
                json!({"notifications": {"resourceSubscriptions": [format!("mailto:{MAIL}")]}}),
            ),
            result(json!({"action": "accept", "content": {"mail": mail, "type": mail}})),
            result(json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": mail}})),
            result(json!({"roots": [{"uri": "file:///a", "name": mail}]})),
            request(
                "tools/call",
                json!({
                    "name": "t", "requestState": MAIL,
                    "inputResponses": {MAIL: {"action": "accept", "content": {"a": mail}}},
                }),
            ),
        ]
    };
    let setup = Setup { direction: Direction::Request, ..Setup::redacting() };
    for (message, expected) in requests(MAIL).iter().zip(requests(MARK)) {
        assert_eq!(setup.json(message), expected);
    }
    let record = Setup { for_record: true, ..setup };
    let read = record.json(&request("resources/read", json!({"uri": format!("mailto:{MAIL}")})));
    assert_eq!(read["params"]["uri"], "mailto:[REDACTED:Email]", "nobody reads by a record");
    let called = record.json(&request("tools/call", json!({"name": MAIL, "arguments": {}})));
    assert_eq!(called["params"]["name"], MAIL);
}

#[test]
fn what_a_client_must_give_back_stays() {
    let setup = strict();
    for message in [
        json!({"jsonrpc": "2.0", "id": CARD, "result": {}}),
        json!({"jsonrpc": "2.0", "id": 4_111_111_111_111_111_u64, "method": "ping"}),
        result(json!({"resources": [], "nextCursor": MAIL})),
        result(
            json!({"resultType": "input_required", "requestState": MAIL, "inputRequests": {MAIL: {"method": "roots/list"}}}),
        ),
        result(json!({"task": {"taskId": MAIL, "status": "working"}})),
        result(json!({"content": [{"type": "text", "text": "x", "mimeType": "text/plain"}], "_meta": {
            "progressToken": MAIL, "io.modelcontextprotocol/related-task": {"taskId": MAIL},
            "io.modelcontextprotocol/subscriptionId": CARD,
        }})),
        notification("notifications/progress", json!({"progressToken": MAIL, "progress": 1})),
        notification("notifications/cancelled", json!({"requestId": MAIL})),
        notification("notifications/elicitation/complete", json!({"elicitationId": MAIL})),
        request(
            "sampling/createMessage",
            json!({"messages": [
            {"role": "assistant", "content": [{"type": "tool_use", "id": CARD, "name": MAIL, "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "toolUseId": CARD, "content": []}]},
        ], "tools": [{"name": MAIL, "inputSchema": {"type": "object"}}]}),
        ),
    ] {
        stays(&setup, &message);
    }
}

#[test]
fn names_in_lists_stay_and_descriptions_do_not() {
    let list = |mail: &str| {
        result(json!({
            "tools": [{
                "name": MAIL, "title": mail, "description": format!("ask {mail}"),
                "inputSchema": {
                    "type": "object", "title": mail, "description": mail, "required": [MAIL],
                    "properties": {
                        MAIL: {"type": "string", "description": mail, "enum": [MAIL], "default": mail, "examples": [mail]},
                        "description": {"type": "string", "pattern": MAIL},
                        "items": {"type": "array", "items": {"$ref": "#/$defs/ada@example.com", "description": mail}},
                        "default": {"const": MAIL, "description": mail},
                    },
                    "$defs": {MAIL: {"type": "number", "maximum": 4_111_111_111_111_111_u64}},
                },
                "outputSchema": {"type": "object", "properties": {MAIL: {"title": mail}}},
                "annotations": {"title": mail, "readOnlyHint": true},
            }],
            "prompts": [{"name": MAIL, "description": mail, "arguments": [{"name": MAIL, "description": mail}]}],
        }))
    };
    for operation in [None, Some(Operation::List(ListKind::Tools))] {
        let setup = Setup { operation, ..Setup::redacting() };
        assert_eq!(setup.json(&list(MAIL)), list(MARK));
    }
    let as_tool = Setup::redacting().json(&result(json!({"tools": [{"name": MAIL}]})));
    assert_eq!(as_tool["result"]["tools"][0]["name"], MARK, "a tool's own answer defines nothing");
}

#[test]
fn rules_about_names_do_not_touch_the_protocol() {
    let setup = Setup::with_rule(json!({"fields": [{"keys": ["*"], "action": {"redact": {}}}]}));
    stays(
        &setup,
        &result(
            json!({"content": [{"type": "text", "text": "x"}], "isError": false, "resultType": "complete"}),
        ),
    );
    stays(
        &setup,
        &result(
            json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {"listChanged": true}}, "serverInfo": {"name": "s"}}),
        ),
    );
    stays(&setup, &notification("notifications/message", json!({"level": "info", "logger": "l"})));
    let masked = setup.json(&result(json!({"structuredContent": {"a": 1}, "_meta": {"x": 1}, "new": 1})));
    assert_eq!(masked["result"], json!({"structuredContent": {"a": 0}, "_meta": {"x": 0}, "new": 0}));
}

#[test]
fn binary_content_passes_and_text_in_its_place_does_not() {
    let setup = Setup::redacting();
    let image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ4111111111111111/+==";
    stays(&setup, &result(json!({"content": [{"type": "image", "data": image, "mimeType": "image/png"}]})));
    stays(&setup, &result(json!({"content": [{"type": "audio", "data": CARD, "mimeType": "audio/wav"}]})));
    stays(&setup, &result(json!({"contents": [{"uri": "file:///a", "blob": image}]})));
    let masked = setup
        .json(&result(json!({"content": [{"type": "image", "data": MAIL}, {"type": "text", "data": CARD}]})));
    assert_eq!(masked["result"]["content"][0]["data"], MARK);
    assert_eq!(masked["result"]["content"][1]["data"], "[REDACTED:CreditCard]");
}
