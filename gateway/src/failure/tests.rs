//! Each cause has its answer and its row in the docs.

use super::Failure;
use crate::approval::refusal::{Refusal, SOMETHING};
use crate::caller::Unauthenticated;
use crate::fault::Fault;
use http::StatusCode;
use lychgate_gateway_mcp::headers::HeaderMismatch;
use lychgate_gateway_mcp::message::MessageError;
use lychgate_gateway_policy::limit::Over;
use lychgate_gateway_policy::{DenialReason, Operation};

const PAGE: &str = include_str!("../../../docs/errors.md");

fn denied(reason: DenialReason, operation: Operation) -> Failure {
    Failure::denied(reason, operation)
}

fn approval(refusal: Refusal) -> Failure {
    Failure::Approval(refusal)
}

fn unknown_task() -> Operation {
    Operation::UnknownTask { is_declared: true }
}

/// An HTTP status and a JSON-RPC code.
type Told = (u16, i64);

/// Reasons of rules about what a call holds: all are told alike.
const OF_RULES: [DenialReason; 10] = [
    DenialReason::CommandDenied,
    DenialReason::CommandNotAllowed,
    DenialReason::CommandUnreadable,
    DenialReason::UnknownTool,
    DenialReason::NoApprovers,
    DenialReason::MaskedValueInRequest,
    DenialReason::ConditionError,
    DenialReason::ConditionUnmet,
    DenialReason::CredentialConflict,
    DenialReason::ToolChanged,
];

/// Each cause with what is told, in the revisions with sessions and in the modern one.
fn table() -> Vec<(Failure, Told, Told)> {
    let same = |failure, answer| (failure, answer, answer);
    let (tool, text) = (|| Operation::Tool { name: "x".into() }, String::new);
    vec![
        same(Failure::NoConnection, (404, -31_404)),
        same(Failure::NoPolicy(text()), (503, -31_503)),
        same(Failure::Host, (403, -31_403)),
        same(Failure::Origin, (403, -31_403)),
        same(Failure::Method, (405, -31_405)),
        same(Failure::EventStreamOnly, (405, -31_405)),
        same(Failure::MediaType, (415, -31_415)),
        same(Failure::NotAcceptable, (406, -31_406)),
        same(Failure::TokenInQuery, (400, -31_400)),
        same(Failure::Unauthenticated(Unauthenticated::Expired), (401, -31_401)),
        same(Failure::Unauthenticated(Unauthenticated::MalformedHeader), (400, -31_400)),
        same(Failure::Unauthenticated(Unauthenticated::KeysUnavailable), (503, -31_503)),
        same(Failure::TooLarge { limit: 1 }, (413, -31_413)),
        same(Failure::Incomplete, (408, -31_408)),
        same(Failure::Malformed(MessageError::Batch), (400, -32_600)),
        (Failure::Target(text()), (200, -32_602), (400, -32_602)),
        same(Failure::Headers(HeaderMismatch::Missing { header: "a", member: "b" }), (400, -32_020)),
        same(Failure::Headers(HeaderMismatch::NoVersionInBody), (400, -32_602)),
        same(Failure::Revision { requested: "2099-01-01".into() }, (400, -32_022)),
        same(Failure::Revision { requested: "1999-01-01".into() }, (400, -31_400)),
        same(Failure::Limited(Over::PerMinute { seconds: 7 }), (429, -31_429)),
        same(Failure::Limited(Over::AtOnce), (429, -31_429)),
        same(Failure::Session, (404, -31_404)),
        same(Failure::Event, (400, -31_400)),
        same(Failure::TooManyStreams, (429, -31_429)),
        same(Failure::AskedInBatch, (400, -31_400)),
        same(denied(DenialReason::NoAccess, tool()), (403, -31_403)),
        same(denied(DenialReason::NoGrant, tool()), (200, -32_602)),
        same(denied(DenialReason::ToolNotPinned, tool()), (200, -32_602)),
        same(denied(DenialReason::ToolNotListed, tool()), (200, -32_602)),
        same(denied(DenialReason::NoGrant, Operation::Prompt { name: text() }), (200, -32_602)),
        same(denied(DenialReason::NoGrant, Operation::Answer), (200, -32_602)),
        same(denied(DenialReason::NoGrant, unknown_task()), (200, -32_602)),
        same(denied(DenialReason::UnknownTask, unknown_task()), (200, -32_602)),
        same(denied(DenialReason::TasksUndeclared, unknown_task()), (400, -32_021)),
        (denied(DenialReason::NoGrant, Operation::Resource { uri: text() }), (200, -32_002), (200, -32_602)),
        (
            denied(DenialReason::UnknownMethod, Operation::Unknown { method: text() }),
            (200, -32_601),
            (404, -32_601),
        ),
        same(denied(DenialReason::Unmaskable, tool()), (400, -31_400)),
        same(denied(DenialReason::ValueBlocked, tool()), (403, -31_403)),
        same(denied(DenialReason::UnknownToken, tool()), (400, -31_400)),
        same(denied(DenialReason::Suspended, tool()), (503, -31_503)),
        same(denied(DenialReason::RequiredPolicyMissing, tool()), (503, -31_503)),
        same(denied(DenialReason::NoCommonApprover, tool()), (403, -31_403)),
        same(denied(DenialReason::RequesterUnmapped, tool()), (403, -31_403)),
        same(denied(DenialReason::Unanswerable, tool()), (400, -31_400)),
        same(Failure::Recorder, (503, -31_503)),
        same(Failure::AnswerUnrecorded, (502, -31_502)),
        same(Failure::UnaskedAnswer, (400, -32_600)),
        same(Failure::Credential(text()), (502, -31_502)),
        same(Failure::HostNotAllowed { secret: text() }, (502, -31_502)),
        same(Failure::Upstream(Fault::Unreachable(text())), (502, -31_502)),
        same(Failure::Upstream(Fault::BrokeOff(text())), (502, -31_502)),
        same(Failure::Upstream(Fault::Timeout), (504, -31_504)),
        same(Failure::Upstream(Fault::CredentialRefused(StatusCode::UNAUTHORIZED)), (502, -31_502)),
        same(Failure::Upstream(Fault::Redirect), (502, -31_502)),
        same(Failure::Upstream(Fault::Status(StatusCode::IM_A_TEAPOT)), (502, -31_502)),
        same(Failure::Upstream(Fault::Rubbish(text())), (502, -31_502)),
        same(Failure::Upstream(Fault::TooLarge { limit: 1 }), (502, -31_502)),
        same(Failure::Upstream(Fault::Endpoint(text())), (502, -31_502)),
        same(Failure::Upstream(Fault::ServerRequest), (502, -31_502)),
    ]
}

/// What becomes of calls that wait for people, as [`table`] has it.
fn refusals() -> Vec<(Failure, Told, Told)> {
    let same = |failure, answer| (failure, answer, answer);
    let text = String::new;
    vec![
        same(approval(Refusal::Pending { approval: text(), deadline: text() }), (503, -31_503)),
        same(approval(Refusal::Denied { approval: text(), reasons: vec![] }), (403, -31_403)),
        same(approval(Refusal::Expired { approval: text() }), (403, -31_403)),
        same(approval(Refusal::Withdrawn { approval: text(), why: None, reasons: vec![] }), (403, -31_403)),
        same(approval(Refusal::Used { approval: text() }), (409, -31_409)),
        same(
            approval(Refusal::Unfit { approval: text(), changed: SOMETHING, cause: text() }),
            (409, -31_409),
        ),
        same(approval(Refusal::TooLong { characters: 8193 }), (413, -31_413)),
        same(approval(Refusal::TooMany { limit: 5 }), (429, -31_429)),
        same(approval(Refusal::UnknownTool { tool: text() }), (404, -31_404)),
        same(approval(Refusal::Unguarded(text())), (503, -31_503)),
        same(approval(Refusal::Clocks { ahead_seconds: 600 }), (503, -31_503)),
        same(approval(Refusal::Unavailable(text())), (503, -31_503)),
    ]
}

#[test]
fn each_cause_has_its_answer_and_its_row_in_the_docs() {
    let of_rules = OF_RULES.map(|reason| {
        let told = (403, -31_403);
        (denied(reason, Operation::Tool { name: "x".into() }), told, told)
    });
    for (failure, legacy, modern) in table().into_iter().chain(refusals()).chain(of_rules) {
        for (is_modern, expected) in [(false, legacy), (true, modern)] {
            let answer = failure.answer(is_modern);
            assert_eq!((answer.status.as_u16(), answer.code), expected, "{failure:?}, modern: {is_modern}");
            assert!(answer.text.len() > 10, "{failure:?} says what to do");
        }
        assert!(
            PAGE.contains(&format!("| `{}` |", failure.as_str())),
            "{} is not in the docs",
            failure.as_str()
        );
    }
}

#[test]
fn each_reason_to_refuse_a_token_or_a_call_has_its_row_in_the_docs() {
    let tokens = Unauthenticated::ALL.iter().map(Unauthenticated::as_str);
    for name in tokens.chain(DenialReason::ALL.iter().map(|reason| reason.as_str())) {
        assert!(PAGE.contains(&format!("| `{name}` |")), "{name} is not in the docs");
    }
}

#[test]
fn the_inside_of_a_failure_is_not_told() {
    for failure in [
        Failure::NoPolicy("inside".into()),
        Failure::Credential("inside".into()),
        Failure::HostNotAllowed { secret: "inside".into() },
        Failure::Upstream(Fault::Unreachable("inside".into())),
        Failure::Upstream(Fault::BrokeOff("inside".into())),
        Failure::Upstream(Fault::Rubbish("inside".into())),
        Failure::Upstream(Fault::Endpoint("inside".into())),
        approval(Refusal::Unguarded("inside".into())),
        approval(Refusal::Unavailable("inside".into())),
        approval(Refusal::Unfit {
            approval: "agents/appr-x-1".into(),
            changed: SOMETHING,
            cause: "inside".into(),
        }),
    ] {
        assert!(failure.to_string().contains("inside"), "the log is told");
        assert!(!failure.answer(false).text.contains("inside"), "{failure:?}");
    }
}
