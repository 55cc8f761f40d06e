//! Steps and sessions as text for a terminal. What a tool or a caller wrote must never reach the
//! auditor's terminal raw, so everything goes through [`escape`] before it is cut into lines; how
//! the text is paced, coloured or paged is the command line's matter.

use crate::answer::Response;
use crate::command::Commands;
use crate::entry::{Caller, Decided, Direction, Entry, Masks, Outcome, Request};
use crate::flagged::{Flag, Flagged};
use crate::line::Content;
use crate::replay::Step;
use crate::sessions::SessionSummary;

// Nothing from outside begins a line where the gateway's own words do, so no payload, however it is
// cut into lines, can look like a step, a decision or a count.
const DETAIL: &str = "    ";
const CONTINUED: &str = "        ";
const PAYLOAD: &str = "    | ";
/// The fewest columns for text on a line, however narrow the terminal.
const TEXT_COLUMNS_MINIMUM: usize = 16;

/// Writes every character that a terminal would obey, hide or turn round as `\u{…}` with its number:
/// control characters (so ANSI sequences), line and paragraph separators, bidirectional controls,
/// zero-width and other invisible characters, tags and variation selectors. All others stay as they
/// are; characters that merely look like others are not told apart.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// A step as lines of printable text, each at most `width` columns wide and ended by a newline; a
/// width of 0 leaves lines as long as they are.
#[must_use]
pub fn render_step(step: &Step, width: usize) -> String {
    let mut text = String::new();
    let direction = match step.direction {
        Some(Direction::ToServer) => '→',
        Some(Direction::ToClient) => '←',
        None => '·',
    };
    let headline = headline(&step.content);
    let first = format!("{} #{} {direction} {headline}", step.time, step.sequence);
    wrap(&first, "", CONTINUED, width, &mut text);
    match &step.content {
        Content::Entry(entry) => {
            for detail in details(entry) {
                wrap(&detail, DETAIL, CONTINUED, width, &mut text);
            }
            if let Some((Some(message), _, _)) = entry.payload() {
                wrap(message.as_str(), PAYLOAD, PAYLOAD, width, &mut text);
            }
        }
        Content::Unknown { body, .. } => wrap(body, PAYLOAD, PAYLOAD, width, &mut text),
        Content::Head(_) => {}
    }
    text
}

/// A session as one line of printable text, ended by a newline.
#[must_use]
pub fn render_session(summary: &SessionSummary) -> String {
    let callers: Vec<String> = summary.callers.iter().map(name).collect();
    let callers = if callers.is_empty() { "unauthenticated".into() } else { callers.join(", ") };
    let line = format!(
        "{}  {}  {}  {}  {} calls, {} denied, {} masked  {callers}",
        summary.session,
        summary.connection,
        summary.first,
        summary.last,
        summary.calls,
        summary.denied,
        summary.masked,
    );
    escape(&line) + "\n"
}

fn headline(content: &Content) -> String {
    let entry = match content {
        Content::Entry(entry) => entry,
        Content::Head(_) => return "signed head".into(),
        Content::Unknown { kind, .. } => return format!("unknown kind {kind}"),
    };
    let call = entry.call().map(|call| format!("  (call {call})")).unwrap_or_default();
    let what = match entry {
        Entry::Opened(opened) => format!("journal of {} opened", opened.replica),
        Entry::Request(request) => request_headline(request),
        Entry::Asked(asked) => format!("waits for approval {}", asked.approval),
        Entry::Decided(decided) => format!("approval {}: {}", decided.approval, decided.phase),
        Entry::Injected(injected) => {
            format!("credential {} sent to {}", injected.credential, injected.host)
        }
        Entry::Flagged(_) => "the server says what somebody should look at".into(),
        Entry::Response(response) => response_headline(response),
        Entry::Failed(failed) => format!("answered by the gateway: {}", failed.reason),
        Entry::Event(_) => "message".into(),
        Entry::Rejected(rejected) => format!("rejected: {}", rejected.reason),
        Entry::Ended(ended) => format!("ended: {:?}", ended.reason),
    };
    what + &call
}

fn request_headline(request: &Request) -> String {
    let denied = match request.decision.outcome {
        Outcome::Allow => "",
        Outcome::Ask => "ASKED ",
        Outcome::Deny => "DENIED ",
    };
    let target = request.target.as_deref().unwrap_or_default();
    format!("{denied}{} {target}", request.method).trim_end().to_owned()
}

fn response_headline(response: &Response) -> String {
    match (response.stream, response.last) {
        (false, _) if response.piece.is_none() => "response".into(),
        (false, false) => format!("response, piece {}", response.part),
        (false, true) => format!("response, piece {}, the last", response.part),
        (true, false) => format!("response, part {}", response.part),
        (true, true) => format!("response, part {}, the last", response.part),
    }
}

/// What is known beside the message.
fn details(entry: &Entry) -> Vec<String> {
    let mut details = match entry {
        Entry::Request(request) => request_details(request),
        Entry::Asked(asked) => {
            let attached = if asked.attached { ", asked before" } else { "" };
            vec![format!("until {}{attached}", asked.deadline)]
        }
        Entry::Decided(decided) => decided_details(decided),
        Entry::Injected(injected) => vec![format!("version {}", injected.version)],
        Entry::Flagged(flagged) => flagged_details(flagged),
        Entry::Response(response) => {
            let milliseconds = response.upstream_microseconds / 1000;
            vec![format!("status {} after {milliseconds} ms", response.status)]
        }
        Entry::Failed(failed) => vec![format!("status {}", failed.status)],
        Entry::Event(event) => vec![format!("on {}", event.connection)],
        Entry::Rejected(rejected) => {
            let by =
                rejected.caller.as_ref().map_or_else(String::new, |caller| format!(", by {}", name(caller)));
            vec![format!("status {}, {} bytes{by}", rejected.status, rejected.bytes)]
        }
        Entry::Opened(_) | Entry::Ended(_) => Vec::new(),
    };
    if let Some((message, bytes, masks)) = entry.payload() {
        if !masks.is_empty() {
            details.push(masked(masks));
        }
        if message.is_none() {
            details.push(format!("message of {bytes} bytes, not recorded"));
        }
    }
    details
}

fn request_details(request: &Request) -> Vec<String> {
    let caller = request.caller.as_ref().map_or_else(|| "nobody known".to_owned(), name);
    let decision = &request.decision;
    let outcome = match decision.outcome {
        Outcome::Allow => "allowed",
        Outcome::Ask => "to be approved",
        Outcome::Deny => "denied",
    };
    let rules = if decision.rules.is_empty() { "no rule".into() } else { decision.rules.join(", ") };
    let reason = decision.reason.iter().map(|reason| format!(": {reason}")).collect::<String>();
    let mut details = vec![
        format!("by {caller} on {}, protocol {}", request.connection, request.revision),
        format!("{outcome} by {rules} (configuration {}){reason}", request.configuration_sequence),
    ];
    details.extend(decision.commands.iter().flat_map(|commands| command_details(commands, "")));
    details.extend(decision.audited.iter().flat_map(|commands| command_details(commands, "audited: ")));
    details
}

fn command_details(commands: &Commands, prefix: &str) -> impl Iterator<Item = String> {
    commands.findings.iter().map(move |finding| {
        let at = finding.line.zip(finding.column);
        let at = at.map(|(line, column)| format!(" line {line}, column {column}")).unwrap_or_default();
        let effect = finding.effect.iter().map(|effect| format!("{effect}: ")).collect::<String>();
        let rule = finding.rule.as_deref().unwrap_or("no rule");
        format!("{prefix}{}{at}: {effect}{}, {:?} by {rule}", finding.place, finding.why, finding.outcome)
    })
}

fn flagged_details(flagged: &Flagged) -> Vec<String> {
    let flag = |flag: &Flag| {
        let enforced = if flag.enforced { "" } else { ", not enforced" };
        let pinned = flag.pinned.iter().map(|hash| format!("; pinned {hash}")).collect::<String>();
        let now = flag.definition.iter().map(|hash| format!("; now {hash}")).collect::<String>();
        let hidden = flag.hidden.iter().map(|place| format!("; {place}")).collect::<String>();
        format!("{}: {}{enforced}{pinned}{now}{hidden}", flag.subject, flag.reason)
    };
    let omitted = (flagged.omitted > 0).then(|| format!("and {} more", flagged.omitted));
    flagged.flags.iter().map(flag).chain(omitted).collect()
}

fn decided_details(decided: &Decided) -> Vec<String> {
    let votes = decided.votes.iter().map(|vote| {
        let decision = match (vote.approves, vote.emergency) {
            (true, true) => "approves in an emergency",
            (true, false) => "approves",
            (false, _) => "denies",
        };
        let reason = vote.reason.iter().map(|reason| format!(": {reason}")).collect::<String>();
        format!("{} {decision}{reason}", vote.approver)
    });
    let usage = decided.usage.iter().map(|usage| format!("use {usage}"));
    votes.chain(usage).collect()
}

fn masked(masks: &Masks) -> String {
    let counts: Vec<String> = masks.iter().map(|(detector, count)| format!("{detector} {count}")).collect();
    format!("masked: {}", counts.join(", "))
}

fn name(caller: &Caller) -> String {
    if caller.groups.is_empty() {
        return caller.username.clone();
    }
    format!("{} ({})", caller.username, caller.groups.join(", "))
}

/// Escapes a text and cuts it into lines of at most `width` columns, each behind its indent.
fn wrap(text: &str, first: &str, rest: &str, width: usize, to: &mut String) {
    let limit = if width == 0 { usize::MAX } else { width.max(rest.len() + TEXT_COLUMNS_MINIMUM) };
    to.push_str(first);
    let mut column = first.len();
    for character in escape(text).chars() {
        let columns = columns(character);
        if column.saturating_add(columns) > limit {
            to.push('\n');
            to.push_str(rest);
            column = rest.len();
        }
        to.push(character);
        column = column.saturating_add(columns);
    }
    to.push('\n');
}

/// Columns that a character takes at most: from Hangul on, scripts are wide or may be. A guess too
/// high costs an early line break; one too low would let the terminal break the line unindented.
fn columns(character: char) -> usize {
    if character < '\u{1100}' { 1 } else { 2 }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, combining grapheme joiner, Arabic letter mark, invisible fillers.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            // Zero-width characters and direction marks; line and paragraph separators,
            // bidirectional embeddings and overrides; joiners, isolates and deprecated controls.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Tags and supplementary variation selectors, which can smuggle whole texts.
            | '\u{e0000}'..='\u{e0fff}'
            // Private use: what they show is up to a font.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_hide_or_turn_round_is_written_as_its_number() {
        let table = [
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("a\r\nb\tc\u{7f}\u{9b}", "a\\u{d}\\u{a}b\\u{9}c\\u{7f}\\u{9b}"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            ("a\u{200b}\u{feff}\u{2028}b", "a\\u{200b}\\u{feff}\\u{2028}b"),
            ("\u{e0041}\u{fe0f}\u{ad}", "\\u{e0041}\\u{fe0f}\\u{ad}"),
            ("Grüße, 世界 🙂 \\n", "Grüße, 世界 🙂 \\n"),
        ];
        for (text, escaped) in table {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn long_text_is_cut_by_columns_and_every_line_keeps_its_indent() {
        let mut text = String::new();
        wrap(&"世".repeat(20), PAYLOAD, PAYLOAD, 26, &mut text);
        let line = format!("{PAYLOAD}{}\n", "世".repeat(10));
        assert_eq!(text, line.repeat(2));
    }

    #[test]
    fn a_width_of_zero_cuts_nothing() {
        let mut text = String::new();
        wrap(&"x".repeat(5000), DETAIL, CONTINUED, 0, &mut text);
        assert_eq!(text.lines().count(), 1);
    }
}
