//! What may ever change in an Approval, in CEL with `oldSelf`: for everybody, also for who may do everything, as long
//! as the definition is what it is. Who may write what is asked by the admission policies of the chart, after these
//! rules, so that these messages are the ones that people see first.

use schemars::Schema;
use serde_json::{Value, json};

/// Characters that a terminal obeys, hides, or lets change the direction of others. Line feed and tab stay.
const HIDDEN_CHARACTERS: &str = concat!(
    r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0080-\u009f\u00ad\u061c",
    r"\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]",
);

/// A rule with the place and the words of its refusal.
struct Transition {
    /// What must be true.
    rule: &'static str,
    /// Where the client shows the message.
    field: Option<&'static str>,
    /// The words.
    message: Words,
}

/// The words of a refusal.
enum Words {
    /// As they are.
    Text(&'static str),
    /// A CEL expression that makes them.
    Expression(&'static str),
}

use Words::{Expression, Text};

/// Rules over the whole object.
const OBJECT: [Transition; 4] = [
    Transition {
        rule: "!has(oldSelf.status) || !has(oldSelf.status.phase) || \
               !(oldSelf.status.phase in ['Denied', 'Expired', 'Cancelled', 'Consumed', 'Revoked']) || \
               self.spec == oldSelf.spec",
        field: Some(".spec"),
        message: Expression(
            "'this Approval is ' + oldSelf.status.phase + ' for good, so that no vote counts any more. Let the caller \
             repeat the call: that makes a new Approval'",
        ),
    },
    Transition {
        rule: "!has(self.status) || !has(self.status.phase) || !(self.status.phase in ['Approved', 'Consumed']) || \
               (has(oldSelf.status) && has(oldSelf.status.phase) && oldSelf.status.phase == self.status.phase && \
               has(oldSelf.status.consumed) == has(self.status.consumed) && \
               (!has(self.status.consumed) || self.status.consumed == oldSelf.status.consumed)) || \
               (has(self.spec.votes) && \
               (self.spec.votes.exists(voter, self.spec.votes[voter].decision == 'Approve' && \
               has(self.spec.votes[voter].breakGlass) && self.spec.votes[voter].breakGlass) || \
               size(self.spec.votes.filter(voter, self.spec.votes[voter].decision == 'Approve')) >= \
               self.spec.required.approvals) && \
               !(self.spec.required.denyIsVeto && \
               self.spec.votes.exists(voter, self.spec.votes[voter].decision == 'Deny')))",
        field: Some(".status.phase"),
        message: Text(
            "the votes in spec.votes do not carry it: fewer approve than spec.required.approvals says, or one is a Deny",
        ),
    },
    Transition {
        rule: "!has(self.status) || !has(self.status.consumed) || \
               self.status.consumed.count < self.spec.required.grant.uses || self.status.phase == 'Consumed' || \
               (has(oldSelf.status) && has(oldSelf.status.consumed) && oldSelf.status.consumed == self.status.consumed)",
        field: Some(".status.phase"),
        message: Text("the last use of a grant sets the phase to Consumed in the same write"),
    },
    Transition {
        rule: "!has(self.status) || !has(self.status.consumed) || \
               self.status.consumed.count <= self.spec.required.grant.uses",
        field: Some(".status.consumed.count"),
        message: Text("it was used as often as spec.required.grant.uses allows"),
    },
];

/// Rules over `spec`.
const SPEC: [Transition; 2] = [
    Transition {
        rule: "!has(oldSelf.votes) || (has(self.votes) && oldSelf.votes.all(voter, voter in self.votes))",
        field: Some(".votes"),
        message: Text("a vote stays. To take your own Approve back, set your decision to Deny"),
    },
    Transition {
        rule: "!has(self.votes) || self.votes.all(voter, !has(self.votes[voter].digest) || \
               self.votes[voter].digest == self.request.digest)",
        field: Some(".votes"),
        message: Expression(
            "'a vote has the digest of another request; this one has ' + self.request.digest + '. Read the request \
             again before you decide'",
        ),
    },
];

const REQUEST: [Transition; 1] = [Transition {
    rule: "self == oldSelf",
    field: None,
    message: Text("what is asked never changes; deny this Approval, and let the caller ask anew"),
}];

const REQUIRED: [Transition; 1] = [Transition {
    rule: "self == oldSelf",
    field: None,
    message: Text(
        "this is what the ApprovalPolicies said when the call came, and never changes; change the ApprovalPolicy, \
         which counts for the next call",
    ),
}];

const VOTES: [Transition; 1] = [Transition {
    rule: "self.all(voter, size(voter) > 0 && size(voter) <= 256)",
    field: None,
    message: Text("a vote stands under a user name of 1 to 256 characters"),
}];

const VOTE: [Transition; 1] = [Transition {
    rule: "self == oldSelf || (oldSelf.decision == 'Approve' && self.decision == 'Deny')",
    field: None,
    message: Expression(
        "oldSelf.decision == 'Deny' ? 'a Deny cannot be taken back. Let the caller repeat the call: that makes a new \
         Approval' : 'a vote that was cast can only become a Deny; reason and digest of an Approve stay as they are'",
    ),
}];

/// Rules over `status`. They are those of [`super::Phase::next`], and a test holds the two together.
const STATUS: [Transition; 5] = [
    Transition {
        rule: "self.phase == oldSelf.phase || \
               (oldSelf.phase == 'Pending' && self.phase in ['Approved', 'Denied', 'Expired', 'Cancelled']) || \
               (oldSelf.phase == 'Approved' && self.phase in ['Consumed', 'Expired', 'Revoked'])",
        field: Some(".phase"),
        message: Expression("'an Approval that is ' + oldSelf.phase + ' cannot become ' + self.phase"),
    },
    Transition {
        rule: "!has(oldSelf.consumed) || (has(self.consumed) && (self.consumed == oldSelf.consumed || \
               self.consumed.count == oldSelf.consumed.count + 1))",
        field: Some(".consumed"),
        message: Text("uses are counted one by one: another replica was faster, read the Approval again"),
    },
    Transition {
        rule: "self.phase != 'Consumed' || has(self.consumed)",
        field: Some(".consumed"),
        message: Text("an Approval that is Consumed says by whom"),
    },
    Transition {
        rule: "has(oldSelf.consumed) || !has(self.consumed) || self.consumed.count == 1",
        field: Some(".consumed.count"),
        message: Text("the first use is number 1"),
    },
    Transition {
        rule: "(has(self.consumed) == has(oldSelf.consumed) && (!has(self.consumed) || \
               self.consumed == oldSelf.consumed)) || \
               (oldSelf.phase == 'Approved' && self.phase in ['Approved', 'Consumed'])",
        field: Some(".consumed"),
        message: Text("only an Approval that is Approved can be used"),
    },
];

/// Adds the rules to the schema of an Approval, and the phase that one has from its first moment, for selectors and
/// watches, too.
pub(crate) fn add(schema: &mut Value) {
    for (place, rules) in [
        ("", OBJECT.as_slice()),
        ("/properties/spec", &SPEC),
        ("/properties/spec/properties/request", &REQUEST),
        ("/properties/spec/properties/required", &REQUIRED),
        ("/properties/spec/properties/votes", &VOTES),
        ("/properties/spec/properties/votes/additionalProperties", &VOTE),
        ("/properties/status", &STATUS),
    ] {
        if let Some(Value::Object(members)) = schema.pointer_mut(place) {
            members.insert("x-kubernetes-validations".to_owned(), rules.iter().map(written).collect());
        }
    }
    if let Some(Value::Object(status)) = schema.pointer_mut("/properties/status") {
        status.insert("default".to_owned(), json!({"phase": "Pending"}));
        status.insert("required".to_owned(), json!(["phase"]));
    }
    if let Some(Value::Object(properties)) = schema.pointer_mut("/properties") {
        let name = json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 63}}});
        properties.insert("metadata".to_owned(), name);
    }
}

fn written(transition: &Transition) -> Value {
    let mut rule = json!({"rule": transition.rule, "reason": "FieldValueForbidden"});
    let Value::Object(members) = &mut rule else { return rule };
    if let Some(field) = transition.field {
        members.insert("fieldPath".to_owned(), json!(field));
    }
    match transition.message {
        Text(text) => members.insert("message".to_owned(), json!(text)),
        Expression(expression) => members.insert("messageExpression".to_owned(), json!(expression)),
    };
    rule
}

/// A text in which an approver sees everything that is there.
pub(crate) fn visible(mut schema: Schema) -> Schema {
    let rule = format!("!self.matches('{HIDDEN_CHARACTERS}')");
    let message = "holds a control, invisible or direction-changing character, which must be escaped: an approver \
                   would not see what runs";
    schema.insert("x-kubernetes-validations".to_owned(), json!([{"rule": rule, "message": message}]));
    schema
}
