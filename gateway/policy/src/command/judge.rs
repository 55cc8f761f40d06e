//! From the arguments of a call to a [`Verdict`]: every text is read, every statement counts, and every effect needs a
//! rule that allows it, unless it only reads.

use lychgate_gateway_command::sql::{self, Cause, Unparseable};
use lychgate_gateway_condition as condition;

use super::extract::{Text, texts};
use super::program::{Clause, Extraction, Program, Rule};
use super::subject::Subject;
use super::verdict::{Commands, Finding, MAXIMUM_FINDINGS, Statement, Verdict};
use crate::config::{CommandAction, Effect};
use crate::denial::DenialReason;

/// The most texts of one call that are read.
const MAXIMUM_TEXTS: usize = 1024;
/// How often the longest command all texts of a call together may be.
const TEXTS_PER_COMMAND: usize = 4;

impl Program {
    /// What the rules say of the call of a tool.
    pub(crate) fn judge(&self, subject: &Subject<'_>) -> Commands {
        let enforced: Vec<&Rule> = self.rules.iter().filter(|rule| !rule.is_audited).collect();
        let all: Vec<&Rule> = self.rules.iter().collect();
        let is_watched = |rule: &&Rule| rule.denies_unknown_tools || rule.extracts(subject.tool);
        let watches = self.rules.iter().filter(|rule| rule.is_audited).any(|rule| is_watched(&rule));
        Commands {
            enforced: judge_by(&enforced, subject),
            // With a budget of its own: who only watches takes no steps from conditions that count.
            audited: if watches { judge_by(&all, &subject.again()) } else { None },
        }
    }

    /// Whether a rule may choose that credential for calls of a tool.
    pub(crate) fn may_choose(&self, tool: &str, credential: &str) -> bool {
        let rules = self.rules.iter().filter(|rule| !rule.is_audited && rule.extracts(tool));
        rules.flat_map(|rule| &rule.clauses).any(|clause| clause.credential.as_deref() == Some(credential))
    }
}

impl Rule {
    fn extracts(&self, tool: &str) -> bool {
        self.extractions.iter().any(|extraction| extraction.is_for(tool))
    }
}

impl Extraction {
    fn is_for(&self, tool: &str) -> bool {
        self.tools.iter().any(|glob| glob.matches(tool))
    }
}

fn judge_by(rules: &[&Rule], subject: &Subject<'_>) -> Option<Verdict> {
    let active: Vec<&Rule> = rules.iter().copied().filter(|rule| rule.extracts(subject.tool)).collect();
    let mut judge = Judge { subject, active, verdict: Verdict::new() };
    if judge.active.is_empty() {
        let rule = rules.iter().find(|rule| rule.denies_unknown_tools)?;
        judge.verdict.rules.push(rule.reference.clone());
        judge.deny(DenialReason::UnknownTool, "$", "no rule reads the commands of this tool", Some(rule));
    } else {
        judge.verdict.rules = judge.active.iter().map(|rule| rule.reference.clone()).collect();
        judge.masks();
        judge.arguments();
    }
    Some(judge.close())
}

struct Judge<'a> {
    subject: &'a Subject<'a>,
    /// The rules that extract something from the call.
    active: Vec<&'a Rule>,
    verdict: Verdict,
}

/// A condition's answer for one statement.
type Answer<'a> = (usize, &'a Clause, Result<bool, String>);

impl<'a> Judge<'a> {
    /// Refuses what a gateway has written in place of a value.
    fn masks(&mut self) {
        let Some(rule) = self.active.iter().copied().find(|rule| rule.denies_masks) else { return };
        let received = texts(self.subject.received, &[]);
        let is_mask =
            |text: &&Text<'_>| text.text.as_ref().is_some_and(|text| self.subject.masking.has_written(text));
        if let Some(text) = received.iter().find(is_mask) {
            let why = "holds a mask in place of a value";
            self.deny(DenialReason::MaskedValueInRequest, &text.place, why, Some(rule));
        }
    }

    /// Reads every text of the arguments.
    fn arguments(&mut self) {
        let extractions: Vec<(&'a Rule, &'a Extraction)> = self
            .active
            .iter()
            .flat_map(|rule| rule.extractions.iter().map(move |extraction| (*rule, extraction)))
            .filter(|(_, extraction)| extraction.is_for(self.subject.tool))
            .collect();
        let paths: Vec<&Extraction> = extractions.iter().map(|(_, extraction)| *extraction).collect();
        let found = texts(self.subject.asked.arguments, &paths);
        for (index, (rule, extraction)) in extractions.iter().enumerate() {
            if !found.iter().any(|text| text.extractions.contains(&index)) {
                self.unreadable(&[*rule], &extraction.place, None, "is absent", None);
            }
        }
        let limits = self.limits();
        let bytes: usize = found.iter().filter_map(|text| text.text.as_ref()).map(|text| text.len()).sum();
        if found.len() > MAXIMUM_TEXTS || bytes > limits.statement_bytes.saturating_mul(TEXTS_PER_COMMAND) {
            let (rules, why) = (self.active.clone(), "holds more text than is read; send less at once");
            self.unreadable(&rules, "$", None, why, None);
            return;
        }
        for text in &found {
            self.text(text, &extractions, &limits);
        }
        if self.verdict.statements.len() > limits.statements {
            let why = format!("holds more than {} statements; send fewer at once", limits.statements);
            let rules = self.active.clone();
            self.unreadable(&rules, "$", None, &why, None);
        }
    }

    /// The strictest limits of all rules that look at the call.
    fn limits(&self) -> sql::Limits {
        let least = |of: fn(&Rule) -> usize| self.active.iter().map(|rule| of(rule)).min().unwrap_or(0);
        sql::Limits {
            statement_bytes: least(|rule| rule.limits.statement_bytes),
            statements: least(|rule| rule.limits.statements),
        }
    }

    /// Judges one text: in the dialect of each rule that names its place, or, where none does, of each that looks at
    /// the call at all. There, what does not parse is no command, and what only reads is none to speak of.
    fn text(&mut self, found: &Text<'_>, extractions: &[(&'a Rule, &Extraction)], limits: &sql::Limits) {
        let is_named = !found.extractions.is_empty();
        let own = |index: &usize| extractions.get(*index).copied();
        let readers: Vec<(&Rule, &Extraction)> =
            if is_named { found.extractions.iter().filter_map(own).collect() } else { extractions.to_vec() };
        let rules: Vec<&Rule> = readers.iter().map(|(rule, _)| *rule).collect();
        let Some(text) = &found.text else {
            self.unreadable(&rules, &found.place, None, "is not a string", None);
            return;
        };
        if !is_named && is_one_word(text) {
            return;
        }
        let mut dialects: Vec<sql::Dialect> = Vec::new();
        for (_, extraction) in readers {
            if dialects.contains(&extraction.dialect) {
                continue;
            }
            dialects.push(extraction.dialect);
            match sql::analyse(text, extraction.dialect, limits) {
                Ok(analysis) => {
                    for statement in analysis.statements {
                        if is_named || statement.kinds() != [sql::Kind::Read] {
                            self.statement(&found.place, statement);
                        }
                    }
                }
                Err(refusal) if is_named || is_limit(&refusal) => {
                    let why = plainly(&refusal);
                    let detail = Some(refusal.cause.to_string());
                    self.unreadable(&rules, &found.place, refusal.place, &why, detail);
                }
                Err(_) => {}
            }
        }
    }

    fn statement(&mut self, place: &str, statement: sql::Statement) {
        let kinds = statement.kinds();
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let effects: Vec<Effect> = kinds.into_iter().map(Effect::from).collect();
        let asked = condition::Statement { effects: &names, text: &statement.canonical };
        let mut answers: Vec<Answer<'a>> = Vec::new();
        for (index, rule) in self.active.iter().enumerate() {
            let about = |clause: &&Clause| clause.effects.iter().any(|effect| effects.contains(effect));
            for clause in rule.clauses.iter().filter(about) {
                answers.push((index, clause, clause.when.holds(&self.subject.asked, Some(asked))));
            }
        }
        for effect in &statement.effects {
            let kind = Effect::from(effect.kind);
            let mut finding = self.weigh(kind, &answers);
            finding.place = place.to_owned();
            finding.at = Some(effect.place);
            if finding.why.is_empty() {
                finding.why = effect.why.clone().into_owned();
            }
            self.verdict.findings.push(finding);
        }
        self.verdict.statements.push(Statement {
            place: place.to_owned(),
            text: statement.canonical,
            effects,
        });
    }

    /// What becomes of an effect: the strictest action of all rules that name it, and where none does, only a read is
    /// allowed. A condition without an answer denies, whatever its action.
    fn weigh(&mut self, effect: Effect, answers: &[Answer<'_>]) -> Finding {
        let about: Vec<&Answer<'_>> =
            answers.iter().filter(|(_, clause, _)| clause.effects.contains(&effect)).collect();
        let holds = |action: CommandAction| {
            about
                .iter()
                .find(move |(_, clause, answer)| clause.action == action && *answer == Ok(true))
                .map(|(_, clause, _)| *clause)
        };
        let by = |clause: &Clause, reason: Option<DenialReason>| Finding {
            effect: Some(effect),
            action: clause.action,
            reason,
            rule: Some(clause.label.clone()),
            message: clause.message.clone(),
            ..Finding::new(clause.action)
        };
        if let Some(clause) = holds(CommandAction::Deny) {
            return by(clause, Some(DenialReason::CommandDenied));
        }
        if let Some((_, clause, Err(error))) = about.iter().find(|(_, _, answer)| answer.is_err()) {
            let why = format!("the condition of {} has no answer: {error}", clause.label);
            let reason = Some(DenialReason::ConditionError);
            return Finding { why, action: CommandAction::Deny, message: None, ..by(clause, reason) };
        }
        if let Some(clause) = holds(CommandAction::RequireApproval) {
            self.verdict.choices.push(None);
            return by(clause, None);
        }
        if let Some(clause) = holds(CommandAction::Allow) {
            let mut last = None;
            for (rule, clause, answer) in about {
                // Within a CommandRule the first rule that allows chooses.
                if clause.action == CommandAction::Allow && *answer == Ok(true) && last != Some(*rule) {
                    last = Some(*rule);
                    self.verdict.choices.push(clause.credential.clone());
                }
            }
            return by(clause, None);
        }
        if effect == Effect::Read {
            self.verdict.choices.push(None);
            return Finding { effect: Some(effect), ..Finding::new(CommandAction::Allow) };
        }
        let reason = Some(DenialReason::CommandNotAllowed);
        Finding { effect: Some(effect), reason, ..Finding::new(CommandAction::Deny) }
    }

    /// What cannot be read: the strictest of the rules that would read it decides.
    fn unreadable(
        &mut self,
        rules: &[&Rule],
        place: &str,
        at: Option<sql::Place>,
        why: &str,
        detail: Option<String>,
    ) {
        let Some(rule) = rules.iter().max_by_key(|rule| rule.on_unparseable) else { return };
        let action = rule.on_unparseable;
        self.verdict.findings.push(Finding {
            place: place.to_owned(),
            at,
            why: why.to_owned(),
            detail,
            reason: (action == CommandAction::Deny).then_some(DenialReason::CommandUnreadable),
            rule: Some(rule.label()),
            ..Finding::new(action)
        });
    }

    fn deny(&mut self, reason: DenialReason, place: &str, why: &str, rule: Option<&Rule>) {
        self.verdict.findings.push(Finding {
            place: place.to_owned(),
            why: why.to_owned(),
            reason: Some(reason),
            rule: rule.map(Rule::label),
            ..Finding::new(CommandAction::Deny)
        });
    }

    /// The verdict, with the strictest action of all findings.
    fn close(mut self) -> Verdict {
        let mut names: Vec<String> = self.verdict.choices.iter().flatten().cloned().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > 1 {
            let why = format!(
                "its statements are to be made with different credentials ({}); send them as calls of their own",
                names.join(", ")
            );
            self.deny(DenialReason::CredentialConflict, "$", &why, None);
        }
        let mut verdict = self.verdict;
        verdict.findings.sort_by_key(|finding| std::cmp::Reverse(finding.action));
        verdict.action = verdict.findings.first().map_or(CommandAction::Allow, |finding| finding.action);
        verdict.omitted = verdict.findings.len().saturating_sub(MAXIMUM_FINDINGS);
        verdict.findings.truncate(MAXIMUM_FINDINGS);
        verdict
    }
}

impl Verdict {
    fn new() -> Self {
        Self {
            action: CommandAction::Allow,
            statements: Vec::new(),
            findings: Vec::new(),
            omitted: 0,
            rules: Vec::new(),
            choices: Vec::new(),
        }
    }

    /// The credential that rules choose for the call: one that all of its effects are to be made with.
    pub(crate) fn credential(&self) -> Option<&str> {
        let (first, others) = self.choices.split_first()?;
        first.as_deref().filter(|_| others.iter().all(|other| other == first))
    }
}

impl Finding {
    fn new(action: CommandAction) -> Self {
        Self {
            place: String::from("$"),
            at: None,
            effect: None,
            why: String::new(),
            detail: None,
            action,
            reason: None,
            rule: None,
            message: None,
        }
    }
}

/// Whether a text is a single word, such as the name of a table or of a mode. Some are statements (`VACUUM`), but none
/// that names what it is about.
fn is_one_word(text: &str) -> bool {
    text.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

/// Whether a text was not read to its end.
fn is_limit(refusal: &Unparseable) -> bool {
    match refusal.cause {
        Cause::TooLong { .. } | Cause::TooManyStatements { .. } | Cause::TooDeep => true,
        Cause::Empty | Cause::Syntax(_) | Cause::Unsettled(_) => false,
    }
}

/// Why a text cannot be read, without a word of it.
fn plainly(refusal: &Unparseable) -> String {
    match &refusal.cause {
        Cause::Syntax(_) => "does not parse".to_owned(),
        Cause::TooLong { .. }
        | Cause::TooManyStatements { .. }
        | Cause::Empty
        | Cause::TooDeep
        | Cause::Unsettled(_) => refusal.cause.to_string(),
    }
}
