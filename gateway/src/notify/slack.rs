//! The same story for Slack, and for what takes the same: blocks with a text for where blocks are not shown.
//!
//! What others wrote stands in code spans, where Slack reads no markup, with `&`, `<` and `>` escaped as Slack asks
//! (so that nothing becomes a link or calls a channel), and with every backtick as `\u0060`, so that no span ends
//! before its time. In arguments, which are JSON, that is another spelling of the same. No block is longer than Slack
//! takes, and arguments are never cut.

use lychgate_gateway_policy::config::NotificationEvent;
use serde_json::{Value, json};

use super::message::{Story, called, decides, headline};
use crate::approval::shown::plain;

/// The longest text of a section, in characters (Slack, section block).
const MAXIMUM_SECTION: usize = 3000;
/// The most blocks of a message (Slack, blocks).
const MAXIMUM_BLOCKS: usize = 50;
/// The longest text of a header, in characters (Slack, header block).
const MAXIMUM_HEADER: usize = 150;
/// The longest name that is shown, in characters; the Approval has the whole.
const MAXIMUM_NAME: usize = 80;
/// The longest name of what is called, and the longest reason.
const MAXIMUM_TEXT: usize = 300;
/// How many names of a list are shown.
const MAXIMUM_NAMES: usize = 5;
/// The fence of a block of code.
const FENCE: &str = "```";

/// Tells `story` in Slack's blocks.
#[must_use]
pub fn blocks(story: &Story<'_>, shows_arguments: bool) -> Value {
    let mut lines = facts(story);
    match story.event {
        NotificationEvent::Asked => {
            let commands = story.commands();
            if shows_arguments {
                lines.extend(arguments(story));
            }
            for (what, command) in
                [("Look", &commands.show), ("Approve", &commands.approve), ("Deny", &commands.deny)]
            {
                lines.push(format!("*{what}*\n{FENCE}{}{FENCE}", escape(command)));
            }
        }
        NotificationEvent::Decided => {
            lines.extend(votes(story));
            lines.push(format!("*Look*\n{FENCE}{}{FENCE}", escape(&story.commands().show)));
        }
    }
    let title = headline(story);
    let mut blocks =
        vec![json!({"type": "header", "text": {"type": "plain_text", "text": cut(&title, MAXIMUM_HEADER)}})];
    blocks.extend(sections(lines));
    blocks.truncate(MAXIMUM_BLOCKS);
    let request = &story.approval.spec.request;
    let text = format!(
        "{}: {} {} of {} for {}",
        escape(&title),
        called(request.operation),
        code(&request.tool, MAXIMUM_TEXT),
        code(story.connection, MAXIMUM_TEXT),
        code(&request.caller.username, MAXIMUM_NAME)
    );
    json!({"text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

fn facts(story: &Story<'_>) -> Vec<String> {
    let (request, required) = (&story.approval.spec.request, &story.approval.spec.required);
    let policies: Vec<String> =
        request.policy_refs.iter().map(|policy| format!("{}/{}", policy.namespace, policy.name)).collect();
    let deciders: Vec<String> = required.groups.iter().chain(&required.service_accounts).cloned().collect();
    vec![
        format!("*{}* {}", called(request.operation), code(&request.tool, MAXIMUM_TEXT)),
        format!("*Connection* {}", code(story.connection, MAXIMUM_TEXT)),
        format!("*Caller* {}", code(&request.caller.username, MAXIMUM_TEXT)),
        format!("*Policies* {}", names(&policies)),
        format!("*Needs* {} of {}", required.approvals, names(&deciders)),
        format!("*Until* {}", code(&required.deadline, MAXIMUM_NAME)),
    ]
}

/// The arguments as approvers see them, in as many blocks of code as they take.
fn arguments(story: &Story<'_>) -> Vec<String> {
    let request = &story.approval.spec.request;
    let mut lines = Vec::new();
    if let Some(arguments) = &request.arguments {
        lines.push("*Arguments*".to_owned());
        let room = MAXIMUM_SECTION - 2 * FENCE.len();
        let mut chunk = String::new();
        let mut length = 0;
        for character in arguments.chars() {
            let written = escape(&character.to_string());
            let added = written.chars().count();
            if length + added > room {
                lines.push(format!("{FENCE}{chunk}{FENCE}"));
                (chunk, length) = (String::new(), 0);
            }
            chunk.push_str(&written);
            length += added;
        }
        lines.push(format!("{FENCE}{chunk}{FENCE}"));
    }
    let hidden: i64 = request.hidden.iter().map(|hidden| i64::from(hidden.count)).sum();
    if hidden > 0 {
        lines.push(format!("{hidden} values are hidden from approvers"));
    }
    lines
}

fn votes(story: &Story<'_>) -> Vec<String> {
    let vote = |(approver, vote): (&String, &lychgate_crds::approval::Vote)| {
        let emergency = if vote.break_glass == Some(true) { " in an emergency" } else { "" };
        let reason = vote.reason.as_deref().filter(|reason| !reason.trim().is_empty());
        let reason = reason.map(|reason| format!(": {}", code(reason, MAXIMUM_TEXT))).unwrap_or_default();
        format!("{} {}{emergency}{reason}", code(approver, MAXIMUM_NAME), decides(vote.decision))
    };
    story.approval.spec.votes.iter().map(vote).collect()
}

/// Puts lines into sections, as many into each as it takes.
fn sections(lines: Vec<String>) -> Vec<Value> {
    let mut texts: Vec<String> = Vec::new();
    for line in lines {
        match texts.last_mut() {
            Some(last) if last.chars().count() + 1 + line.chars().count() <= MAXIMUM_SECTION => {
                last.push('\n');
                last.push_str(&line);
            }
            Some(_) | None => texts.push(line),
        }
    }
    let section =
        |text: String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}});
    texts.into_iter().map(section).collect()
}

/// Some names, and how many more there are.
fn names(names: &[String]) -> String {
    let mut shown: Vec<String> =
        names.iter().take(MAXIMUM_NAMES).map(|name| code(name, MAXIMUM_NAME)).collect();
    if names.len() > MAXIMUM_NAMES {
        shown.push(format!("{} more", names.len() - MAXIMUM_NAMES));
    }
    shown.join(", ")
}

/// A text of somebody else's in a code span, cut if it is longer than `most` characters.
fn code(text: &str, most: usize) -> String {
    let text = plain(text);
    if text.is_empty() { "–".to_owned() } else { format!("`{}`", escape(&cut(&text, most))) }
}

fn cut(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', r"\u0060")
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::blocks;
    use crate::approval::testing::{approval, wanted};
    use crate::notify::message::Story;
    use lychgate_crds::approval::{Approval, ApprovalStatus, Decision, Hidden, Phase, PolicyReference, Vote};
    use lychgate_gateway_policy::config::NotificationEvent::{self, Asked, Decided};
    use serde_json::{Value, json};

    fn told(approval: &Approval, event: NotificationEvent, shows_arguments: bool) -> Value {
        blocks(&Story { approval, event, connection: "agents/db" }, shows_arguments)
    }

    fn texts(message: &Value) -> Vec<&str> {
        let blocks = message["blocks"].as_array().unwrap();
        blocks.iter().map(|block| block["text"]["text"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_channel_reads_what_is_asked_and_what_to_type() {
        let mut approval = approval(&wanted(1_000_000));
        approval.metadata.namespace = Some("agents".into());
        approval.spec.request.hidden = vec![Hidden { path: "$.a".into(), count: 2 }];
        let name = approval.metadata.name.clone().unwrap();
        let asked = told(&approval, Asked, false);
        let facts = "*Tool* `drop`\n*Connection* `agents/db`\n*Caller* `alice`\n*Policies* `agents/p`\n\
                     *Needs* 1 of `dba`\n*Until* `1970-01-01T00:46:40Z`";
        let patch = |decision: &str| {
            format!(
                "kubectl patch approval {name} -n agents --type=merge -p \
                 '{{\"spec\":{{\"decision\":\"{decision}\",\"reason\":\"why\"}}}}'"
            )
        };
        let commands = format!(
            "*Look*\n```kubectl get approval {name} -n agents -o yaml```\n*Approve*\n```{}```\n*Deny*\n```{}```",
            patch("Approve"),
            patch("Deny")
        );
        let title = format!("A call waits for approval: agents/{name}");
        assert_eq!(texts(&asked), [title.clone(), format!("{facts}\n{commands}")]);
        assert_eq!(asked["text"], format!("{title}: Tool `drop` of `agents/db` for `alice`"));
        let shown = told(&approval, Asked, true);
        let arguments = "*Arguments*\n```{\"table\":\"t\"}```\n2 values are hidden from approvers\n";
        assert_eq!(texts(&shown)[1], format!("{facts}\n{arguments}{commands}"));

        let vote = Vote {
            decision: Decision::Deny,
            reason: Some("no ticket".into()),
            digest: None,
            break_glass: None,
        };
        approval.spec.votes = [("oidc:erin".to_owned(), vote)].into();
        approval.status = Some(ApprovalStatus { phase: Phase::Denied, ..ApprovalStatus::default() });
        let decided = told(&approval, Decided, true);
        assert_eq!(texts(&decided)[0], format!("A call was denied: agents/{name}"));
        assert!(texts(&decided)[1].contains("`oidc:erin` denies: `no ticket`"), "{decided}");
        assert!(!decided.to_string().contains("table"), "a decision repeats no arguments");
    }

    /// An Approval in which everything that others write is as long and as hostile as an Approval can hold.
    fn hostile() -> Approval {
        let hostile = |length: usize| {
            "`<!channel> & <https://evil.example|click>*_~\u{202e}"
                .chars()
                .cycle()
                .take(length)
                .collect::<String>()
        };
        let mut approval = approval(&wanted(1_000_000));
        approval.metadata.namespace = Some("n".repeat(63));
        let request = &mut approval.spec.request;
        request.tool = hostile(2048);
        request.arguments = Some("`&<>".repeat(2048));
        request.caller.username = hostile(256);
        let policy = |number: usize| PolicyReference {
            namespace: "n".repeat(63),
            name: "p".repeat(250 + number % 3),
            uid: "u".into(),
            generation: 1,
        };
        request.policy_refs = (0..8).map(policy).collect();
        let required = &mut approval.spec.required;
        required.groups = (0..16).map(|_| hostile(256)).collect();
        required.require_digest = true;
        let vote = |number: u32| {
            let vote = Vote {
                decision: Decision::Approve,
                reason: Some(hostile(1024)),
                digest: None,
                break_glass: Some(true),
            };
            (format!("{number}{}", hostile(250)), vote)
        };
        approval.spec.votes = (0..16).map(vote).collect();
        approval
    }

    #[test]
    fn nothing_that_others_wrote_becomes_markup_or_exceeds_what_slack_takes() {
        let mut approval = hostile();
        for (event, phase) in [(Asked, Phase::Pending), (Decided, Phase::Denied), (Decided, Phase::Consumed)]
        {
            approval.status = Some(ApprovalStatus { phase, ..ApprovalStatus::default() });
            let message = told(&approval, event, true);
            let blocks = message["blocks"].as_array().unwrap();
            assert!(blocks.len() <= 50, "{}", blocks.len());
            let fallback = message["text"].as_str().unwrap();
            for text in texts(&message).into_iter().chain([fallback]) {
                assert!(text.chars().count() <= 3000, "{} characters: {text}", text.chars().count());
                assert!(!text.contains(['<', '>', '\u{202e}']), "{text}");
                assert!(
                    !text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").contains('&'),
                    "{text}"
                );
                // Outside of code spans there is nothing of others'.
                let spans: Vec<&str> = text.split('`').filter(|part| !part.is_empty()).collect();
                let markup = |part: &&&str| part.contains("*_~") || part.contains("channel");
                for part in spans.iter().filter(markup) {
                    let before = &text[..text.find(*part).unwrap()];
                    assert!(before.ends_with('`'), "{text}");
                }
            }
            assert!(texts(&message)[0].chars().count() <= 150);
            assert_eq!((&message["unfurl_links"], &message["unfurl_media"]), (&json!(false), &json!(false)));
        }
    }

    #[test]
    fn arguments_of_any_length_are_shown_whole_and_in_order() {
        let approval = hostile();
        let message = told(&approval, Asked, true);
        let mut shown = String::new();
        for text in texts(&message) {
            // The look, the approval and the denial follow the arguments.
            let (text, _) = text.split_once("*Look*").unwrap_or((text, ""));
            for (number, part) in text.split("```").enumerate() {
                if number % 2 == 1 {
                    shown.push_str(part);
                }
            }
        }
        let read =
            shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace(r"\u0060", "`");
        assert_eq!(Some(read), approval.spec.request.arguments);
    }
}
