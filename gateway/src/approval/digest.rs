//! The digest of a call: what an Approval is bound to, and what it is named by.
//!
//! It is an HMAC under a key of the connection, since arguments are short enough to be guessed from a plain hash by
//! whoever may read Approvals.

use aws_lc_rs::hmac;
use bytes::Bytes;
use lychgate_gateway_mcp::json::canonical::canonical;
use lychgate_gateway_mcp::json::{Document, Limits};
use lychgate_gateway_policy::{Caller, Terms};
use serde_json::json;

/// How a digest begins.
const PREFIX: &str = "hmac-sha256:";
/// How many characters of base32 name an Approval: 130 bits.
const NAME_CHARACTERS: usize = 26;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// All that a digest is over.
pub struct Facts<'a> {
    /// The connection's uid.
    pub connection_uid: &'a str,
    /// The connection's generation.
    pub connection_generation: i64,
    /// The method, such as `tools/call`.
    pub method: &'a str,
    /// The name of the tool or prompt, or the URI of the resource.
    pub target: &'a str,
    /// The arguments as they will be sent, as JSON.
    pub arguments: &'a str,
    /// Who asks.
    pub caller: &'a Caller,
    /// The policies that hold for the call.
    pub terms: &'a Terms,
    /// The hash of the tool's definition; empty where there is none.
    pub definition: &'a str,
}

/// A digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `facts` under the key of the connection; none if the arguments are no JSON.
    #[must_use]
    pub fn of(facts: &Facts<'_>, key: &hmac::Key) -> Option<Self> {
        let mut groups = facts.caller.groups.clone();
        groups.sort_unstable();
        let policies: Vec<_> = facts
            .terms
            .policies
            .iter()
            .map(|policy| json!({"uid": policy.uid, "generation": policy.generation}))
            .collect();
        let mut commands: Vec<_> =
            facts.terms.commands.iter().map(|rule| (&rule.uid, rule.generation)).collect();
        commands.sort_unstable();
        let asked = json!({
            "connection": {"uid": facts.connection_uid, "generation": facts.connection_generation},
            "method": facts.method,
            "target": facts.target,
            "caller": {
                "issuer": facts.caller.issuer,
                "subject": facts.caller.subject,
                "username": facts.caller.username,
                "groups": groups,
                "kubernetesUsernames": facts.caller.kubernetes_usernames,
            },
            "policies": policies,
            "commands": commands,
            "definition": facts.definition,
        });
        let text = format!(r#"{{"asked":{asked},"arguments":{}}}"#, facts.arguments);
        let limits = Limits { bytes: text.len(), depth: Limits::with_bytes(0).depth + 2 };
        let document = Document::parse(Bytes::from(text), limits).ok()?;
        let tag = hmac::sign(key, canonical(document.root()).as_bytes());
        tag.as_ref().try_into().ok().map(Self)
    }

    /// The digest as an Approval has it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", hex::encode(self.0))
    }

    /// How the names of all Approvals of this digest begin; a number follows.
    #[must_use]
    pub fn name_prefix(&self) -> String {
        let mut name = String::from("appr-");
        let (mut bits, mut held) = (0_u32, 0_u32);
        let mut bytes = self.0.iter();
        for _ in 0..NAME_CHARACTERS {
            if held < 5 {
                bits = (bits << 8) | u32::from(bytes.next().copied().unwrap_or_default());
                held += 8;
            }
            held -= 5;
            let index = usize::try_from((bits >> held) & 31).unwrap_or_default();
            name.push(char::from(BASE32.get(index).copied().unwrap_or(b'a')));
            bits &= (1 << held) - 1;
        }
        name.push('-');
        name
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Digest, Facts};
    use aws_lc_rs::hmac;
    use lychgate_gateway_policy::Caller;
    use lychgate_gateway_policy::approval::{PolicyReference, Terms};

    fn caller() -> Caller {
        Caller {
            issuer: "https://idp".into(),
            subject: "a1".into(),
            username: "alice".into(),
            groups: vec!["b".into(), "a".into()],
            kubernetes_usernames: vec!["oidc:alice".into()],
            anonymous: false,
        }
    }

    fn terms() -> Terms {
        let policy =
            PolicyReference { namespace: "n".into(), name: "p".into(), uid: "uid-p".into(), generation: 1 };
        Terms {
            policies: vec![policy],
            approvals: 1,
            groups: vec!["dba".into()],
            service_accounts: vec![],
            break_glass_groups: vec![],
            require_reason: true,
            require_digest: false,
            deny_is_veto: true,
            expires_after_milliseconds: 1,
            uses: 1,
            valid_for_milliseconds: 1,
            return_at_once: false,
            wait_milliseconds: 1,
            masked: false,
            max_pending_per_caller: 1,
            commands: vec![],
        }
    }

    fn facts<'a>(caller: &'a Caller, terms: &'a Terms) -> Facts<'a> {
        Facts {
            connection_uid: "uid-c",
            connection_generation: 1,
            method: "tools/call",
            target: "drop",
            arguments: r#"{"a":1,"b":"x"}"#,
            caller,
            terms,
            definition: "d",
        }
    }

    fn digest(facts: &Facts<'_>) -> String {
        Digest::of(facts, &hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])).unwrap().text()
    }

    #[test]
    fn any_change_of_what_is_asked_makes_another_digest_and_another_spelling_does_not() {
        let (caller, terms) = (caller(), terms());
        let own = || facts(&caller, &terms);
        let first = digest(&own());
        assert_eq!(digest(&Facts { arguments: " {\"b\":\"\\u0078\", \"a\":1.0}", ..own() }), first);
        let sorted = Caller { groups: vec!["a".into(), "b".into()], ..caller.clone() };
        assert_eq!(digest(&facts(&sorted, &terms)), first, "groups are a set");

        let mut newer = terms.clone();
        newer.policies.iter_mut().for_each(|policy| policy.generation = 2);
        let mut remade = terms.clone();
        remade.policies.iter_mut().for_each(|policy| policy.uid = "uid-q".into());
        let mut ruled = terms.clone();
        ruled.commands.clone_from(&newer.policies);
        let bob = Caller { username: "bob".into(), ..caller.clone() };
        let elsewhere = Caller { issuer: "https://other".into(), ..caller.clone() };
        let recreated = Caller { subject: "a2".into(), ..caller.clone() };
        let renamed = Caller { kubernetes_usernames: vec!["alice".into()], ..caller.clone() };
        let promoted = Caller { groups: vec!["a".into()], ..caller.clone() };
        let mut seen = vec![first];
        for changed in [
            Facts { connection_uid: "uid-d", ..own() },
            Facts { connection_generation: 2, ..own() },
            Facts { method: "prompts/get", ..own() },
            Facts { target: "drop2", ..own() },
            Facts { arguments: r#"{"a":2,"b":"x"}"#, ..own() },
            Facts { arguments: r#"{"a":9007199254740992,"b":"x"}"#, ..own() },
            Facts { arguments: r#"{"a":9007199254740993,"b":"x"}"#, ..own() },
            Facts { arguments: "null", ..own() },
            Facts { definition: "e", ..own() },
            facts(&bob, &terms),
            facts(&elsewhere, &terms),
            facts(&recreated, &terms),
            facts(&renamed, &terms),
            facts(&promoted, &terms),
            facts(&caller, &newer),
            facts(&caller, &remade),
            facts(&caller, &ruled),
        ] {
            let other = digest(&changed);
            assert!(!seen.contains(&other), "{other}");
            seen.push(other);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(!seen.contains(&Digest::of(&own(), &key).unwrap().text()), "another connection's key");
        assert!(Digest::of(&Facts { arguments: "{", ..own() }, &key).is_none());
    }

    #[test]
    fn an_approval_is_named_by_its_digest_in_base32() {
        // RFC 4648, section 6: "foobar" is MZXW6YTBOI.
        let mut bytes = [0; 32];
        bytes.get_mut(..6).unwrap().copy_from_slice(b"foobar");
        assert_eq!(Digest(bytes).name_prefix(), "appr-mzxw6ytboiaaaaaaaaaaaaaaaa-");
        assert_eq!(Digest([255; 32]).name_prefix(), "appr-77777777777777777777777777-");
    }
}
