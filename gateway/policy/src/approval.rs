//! Which calls wait for a person, and what it takes: the compiled ApprovalPolicies of a connection.
//!
//! Several policies for one call are merged to what all of them ask: the largest number of approvals, the approvers
//! that each names, the shortest times. How a call gets through nevertheless is [`crate::ask`]'s business.

use std::collections::BTreeSet;

use lychgate_gateway_condition::Scope;

use crate::call::{Call, Operation};
use crate::compile::Problem;
use crate::config::{ApprovalPolicy, GatewayConfig};
use crate::glob::Glob;
use crate::notification;
use crate::when::{self, Asked, When};

/// The most enforced policies of one connection: the approver's right is checked on each.
pub const MAXIMUM_ENFORCED: usize = 8;
/// The most approvals that one call may need.
pub const MAXIMUM_APPROVALS: u32 = 5;
/// The most uses of one approval, and the most calls of one caller that may wait at once.
pub const MAXIMUM_COUNT: u32 = 100;
/// The longest time of a policy, in milliseconds: one day.
pub const MAXIMUM_MILLISECONDS: u64 = 24 * 60 * 60 * 1000;

/// The compiled policies of a connection.
#[derive(Debug, Default)]
pub(crate) struct Program {
    rules: Vec<Rule>,
}

/// One compiled policy.
#[derive(Debug)]
struct Rule {
    policy: ApprovalPolicy,
    tools: Vec<Glob>,
    resources: Vec<Glob>,
    prompts: Vec<Glob>,
    when: When,
}

/// A policy that a call waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
}

/// What it takes for a call: the policies that hold for it, merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The policies, sorted by namespace and name.
    pub policies: Vec<PolicyReference>,
    /// How many different people must approve.
    pub approvals: u32,
    /// Groups that decide.
    pub groups: Vec<String>,
    /// Service accounts that decide.
    pub service_accounts: Vec<String>,
    /// Groups of which one member may approve alone.
    pub break_glass_groups: Vec<String>,
    /// Whether a vote must have a reason.
    pub require_reason: bool,
    /// Whether a vote must repeat the digest of the request.
    pub require_digest: bool,
    /// Whether one Deny is enough to deny.
    pub deny_is_veto: bool,
    /// How long a call may wait for a decision, in milliseconds.
    pub expires_after_milliseconds: u64,
    /// How often an approved call may be made.
    pub uses: u32,
    /// How long after the decision, in milliseconds.
    pub valid_for_milliseconds: u64,
    /// Whether the client is told at once to repeat the call later.
    pub return_at_once: bool,
    /// How long an answer is held otherwise, in milliseconds.
    pub wait_milliseconds: u64,
    /// Whether approvers see the arguments as the MaskingRules leave them.
    pub masked: bool,
    /// How many calls of one caller may wait at once.
    pub max_pending_per_caller: u32,
    /// The CommandRules that look at the call: an approval holds as long as they are the same.
    pub commands: Vec<PolicyReference>,
}

/// What the policies say of a call.
pub(crate) struct Found<'a> {
    /// The policies for which it waits.
    pub(crate) enforced: Vec<&'a ApprovalPolicy>,
    /// The policies for which it would wait if they were enforced.
    pub(crate) audited: Vec<&'a ApprovalPolicy>,
}

impl Found<'_> {
    /// The rules as the record and `lychgate decide` name them.
    pub(crate) fn rules(&self) -> impl Iterator<Item = String> {
        let name = |policy: &&ApprovalPolicy| format!("approval[{}/{}]", policy.namespace, policy.name);
        let audited = self.audited.iter().map(move |policy| format!("{} (audit)", name(policy)));
        self.enforced.iter().map(name).chain(audited)
    }
}

impl Program {
    /// The policies that hold for a call: of tools that are called, resources that are read and prompts that are
    /// got. What only asks about them (completions, subscriptions, lists) runs nothing and waits for nobody.
    ///
    /// # Errors
    /// The condition of an enforced policy has no answer, and why. One that only watches is named then.
    pub(crate) fn find(&self, call: &Call, asked: &Asked<'_>) -> Result<Found<'_>, String> {
        let mut found = Found { enforced: Vec::new(), audited: Vec::new() };
        for rule in self.rules.iter().filter(|rule| rule.holds_for(call)) {
            let policy = &rule.policy;
            if policy.audit {
                if rule.when.holds(&asked.again(), None).unwrap_or(true) {
                    found.audited.push(policy);
                }
                continue;
            }
            let holds = rule.when.holds(asked, None).map_err(|error| {
                let ApprovalPolicy { namespace, name, .. } = policy;
                format!("the condition of approval[{namespace}/{name}] has no answer: {error}")
            });
            if holds? {
                found.enforced.push(policy);
            }
        }
        Ok(found)
    }

    /// All policies that are enforced, whatever calls they are about.
    pub(crate) fn enforced(&self) -> Vec<&ApprovalPolicy> {
        self.rules.iter().map(|rule| &rule.policy).filter(|policy| !policy.audit).collect()
    }
}

impl Rule {
    fn holds_for(&self, call: &Call) -> bool {
        let everything = self.tools.is_empty() && self.resources.is_empty() && self.prompts.is_empty();
        let matches = |globs: &[Glob], name: &str| everything || globs.iter().any(|glob| glob.matches(name));
        match (call.meant(), call.message().method()) {
            (Operation::Tool { name }, _) => matches(&self.tools, name),
            (Operation::Resource { uri }, Some("resources/read")) => matches(&self.resources, uri),
            (Operation::Prompt { name }, Some("prompts/get")) => matches(&self.prompts, name),
            (
                Operation::Resource { .. }
                | Operation::Prompt { .. }
                | Operation::Task { .. }
                | Operation::UnknownTask { .. }
                | Operation::Listen { .. }
                | Operation::List(_)
                | Operation::Protocol { .. }
                | Operation::Answer
                | Operation::Unknown { .. },
                _,
            ) => false,
        }
    }
}

/// What all of `policies` ask together; nothing if nobody may approve by each of them.
pub(crate) fn merge(policies: &[&ApprovalPolicy]) -> Option<Terms> {
    let (first, others) = policies.split_first()?;
    let common = |of: fn(&ApprovalPolicy) -> &[String]| -> Vec<String> {
        let mut common: BTreeSet<&String> = of(first).iter().collect();
        for other in others {
            common.retain(|name| of(other).contains(name));
        }
        common.into_iter().cloned().collect()
    };
    let groups = common(|policy| &policy.groups);
    let service_accounts = common(|policy| &policy.service_accounts);
    if groups.is_empty() && service_accounts.is_empty() {
        return None;
    }
    let any = |of: fn(&ApprovalPolicy) -> bool| policies.iter().any(|policy| of(policy));
    let least =
        |of: fn(&ApprovalPolicy) -> u64| policies.iter().map(|policy| of(policy)).min().unwrap_or_default();
    let fewest =
        |of: fn(&ApprovalPolicy) -> u32| policies.iter().map(|policy| of(policy)).min().unwrap_or_default();
    let mut references: Vec<PolicyReference> = policies.iter().map(|policy| reference(policy)).collect();
    references.sort_by(|one, two| (&one.namespace, &one.name).cmp(&(&two.namespace, &two.name)));
    Some(Terms {
        policies: references,
        approvals: policies.iter().map(|policy| policy.approvals).max().unwrap_or(MAXIMUM_APPROVALS),
        groups,
        service_accounts,
        break_glass_groups: common(|policy| &policy.break_glass_groups),
        require_reason: any(|policy| policy.require_reason),
        require_digest: any(|policy| policy.require_digest),
        deny_is_veto: any(|policy| policy.deny_is_veto),
        expires_after_milliseconds: least(|policy| policy.expires_after_milliseconds),
        uses: fewest(|policy| policy.uses),
        valid_for_milliseconds: least(|policy| policy.valid_for_milliseconds),
        return_at_once: any(|policy| policy.return_at_once),
        wait_milliseconds: least(|policy| policy.wait_milliseconds),
        masked: any(|policy| policy.masked),
        max_pending_per_caller: fewest(|policy| policy.max_pending_per_caller),
        commands: Vec::new(),
    })
}

fn reference(policy: &ApprovalPolicy) -> PolicyReference {
    PolicyReference {
        namespace: policy.namespace.clone(),
        name: policy.name.clone(),
        uid: policy.uid.clone(),
        generation: policy.generation,
    }
}

/// Compiles the policies of a document, and finds all that is wrong with them.
pub(crate) fn compile(document: &GatewayConfig, problems: &mut Vec<Problem>) -> Program {
    let Some(config) = &document.approval else { return Program::default() };
    // Objects in files have no uid yet; the API server refuses an Approval without.
    if config.gateway.is_empty() {
        problems.push(Problem::new("approval.gateway", "is empty; the operator fills it in"));
    }
    if config.policies.is_empty() {
        let message = "is empty; leave approval out where no call waits for a person";
        problems.push(Problem::new("approval.policies", message));
    }
    if config.policies.iter().filter(|policy| !policy.audit).count() > MAXIMUM_ENFORCED {
        let message = format!("enforces more than {MAXIMUM_ENFORCED} policies; merge some of them");
        problems.push(Problem::new("approval.policies", message));
    }
    for (index, policy) in config.policies.iter().enumerate() {
        let path = format!("approval.policies[{index}]");
        check(policy, &path, problems);
        let same =
            |other: &ApprovalPolicy| (&other.namespace, &other.name) == (&policy.namespace, &policy.name);
        if config.policies.iter().take(index).any(same) {
            problems.push(Problem::new(format!("{path}.name"), "stands twice; name each policy once"));
        }
    }
    notification::check(&config.notifications, problems);
    let globs = |patterns: &[String]| patterns.iter().map(|pattern| Glob::new(pattern)).collect();
    let rule = |policy: &ApprovalPolicy| Rule {
        policy: policy.clone(),
        tools: globs(&policy.matching.tools),
        resources: globs(&policy.matching.resources),
        prompts: globs(&policy.matching.prompts),
        when: when::compile(policy.matching.when.as_deref(), Scope::Access, document),
    };
    Program { rules: config.policies.iter().map(rule).collect() }
}

fn check(policy: &ApprovalPolicy, path: &str, problems: &mut Vec<Problem>) {
    let when = policy.matching.when.as_deref();
    when::check(when, Scope::Access, &format!("{path}.match.when"), problems);
    let mut wrong = |member: &str, message: String| {
        problems.push(Problem::new(format!("{path}.{member}"), message));
    };
    for (member, value) in [("namespace", &policy.namespace), ("name", &policy.name)] {
        if value.is_empty() {
            wrong(member, "is empty; the operator fills it in".to_owned());
        }
    }
    if policy.groups.is_empty() && policy.service_accounts.is_empty() {
        wrong("groups", "nobody can approve; add a group or a service account".to_owned());
    }
    for (member, value, most) in [
        ("approvals", policy.approvals, MAXIMUM_APPROVALS),
        ("uses", policy.uses, MAXIMUM_COUNT),
        ("maxPendingPerCaller", policy.max_pending_per_caller, MAXIMUM_COUNT),
    ] {
        if value == 0 || value > most {
            wrong(member, format!("write a number between 1 and {most}"));
        }
    }
    for (member, value) in [
        ("expiresAfterMilliseconds", policy.expires_after_milliseconds),
        ("validForMilliseconds", policy.valid_for_milliseconds),
        ("waitMilliseconds", policy.wait_milliseconds),
    ] {
        if value == 0 || value > MAXIMUM_MILLISECONDS {
            wrong(member, "write a time between 1ms and 1d".to_owned());
        }
    }
    let matching = &policy.matching;
    for (member, values) in [
        ("groups", &policy.groups),
        ("serviceAccounts", &policy.service_accounts),
        ("breakGlassGroups", &policy.break_glass_groups),
        ("match.tools", &matching.tools),
        ("match.resources", &matching.resources),
        ("match.prompts", &matching.prompts),
    ] {
        for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_empty()) {
            wrong(&format!("{member}[{index}]"), "is empty; write a name, or remove the line".to_owned());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{Terms, merge};
    use crate::config::{ApprovalConfig, ApprovalPolicy};
    use crate::testing::{approval, approval_policy, call, caller, config, request};
    use crate::when::Asked;

    fn merged(change: impl FnOnce(&mut ApprovalPolicy, &mut ApprovalPolicy)) -> Option<Terms> {
        let (mut one, mut two) = (approval_policy("one"), approval_policy("two"));
        change(&mut one, &mut two);
        merge(&[&two, &one])
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn of_several_policies_the_strictest_of_each_term_counts() {
        let terms = merged(|one, two| {
            one.groups = texts(&["dba", "leads"]);
            two.groups = texts(&["leads", "security"]);
            one.service_accounts = texts(&["system:serviceaccount:ci:a"]);
            one.break_glass_groups = texts(&["oncall", "root"]);
            two.break_glass_groups = texts(&["root"]);
            (one.approvals, two.approvals) = (2, 1);
            (one.require_reason, two.require_reason) = (false, true);
            (one.require_digest, two.require_digest) = (true, false);
            (one.deny_is_veto, two.deny_is_veto) = (false, true);
            (one.expires_after_milliseconds, two.expires_after_milliseconds) = (10, 20);
            (one.uses, two.uses) = (3, 2);
            (one.valid_for_milliseconds, two.valid_for_milliseconds) = (7, 6);
            (one.return_at_once, two.return_at_once) = (false, true);
            (one.wait_milliseconds, two.wait_milliseconds) = (5, 4);
            (one.masked, two.masked) = (true, false);
            (one.max_pending_per_caller, two.max_pending_per_caller) = (9, 8);
        })
        .unwrap();
        let names: Vec<&str> = terms.policies.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names, ["one", "two"], "sorted, whatever the order they stand in");
        let expected = Terms {
            policies: terms.policies.clone(),
            approvals: 2,
            groups: texts(&["leads"]),
            service_accounts: vec![],
            break_glass_groups: texts(&["root"]),
            require_reason: true,
            require_digest: true,
            deny_is_veto: true,
            expires_after_milliseconds: 10,
            uses: 2,
            valid_for_milliseconds: 6,
            return_at_once: true,
            wait_milliseconds: 4,
            masked: true,
            max_pending_per_caller: 8,
            commands: vec![],
        };
        assert_eq!(terms, expected);
    }

    #[test]
    fn where_nobody_may_approve_by_each_policy_there_are_no_terms() {
        assert!(merged(|one, _| one.groups = texts(&["others"])).is_none());
        let machine = texts(&["system:serviceaccount:ci:a"]);
        assert!(merged(|one, _| (one.groups, one.service_accounts) = (vec![], machine.clone())).is_none());
        let terms = merged(|one, two| {
            one.groups = texts(&["others"]);
            one.service_accounts = machine.clone();
            two.service_accounts = machine.clone();
        });
        assert_eq!(terms.unwrap().service_accounts, machine);
        assert!(
            merged(|one, two| {
                one.groups = texts(&["others"]);
                one.break_glass_groups = texts(&["root"]);
                two.break_glass_groups = texts(&["root"]);
            })
            .is_none(),
            "an emergency alone is no way to approve"
        );
    }

    #[test]
    fn a_policy_holds_for_what_runs_and_matches_its_own_kind() {
        for (tools, resources, prompts, method, params, expected) in [
            ("", "", "", "tools/call", r#"{"name":"drop"}"#, true),
            ("", "", "", "resources/read", r#"{"uri":"file:///a"}"#, true),
            ("", "", "", "prompts/get", r#"{"name":"greet"}"#, true),
            ("", "", "", "resources/subscribe", r#"{"uri":"file:///a"}"#, false),
            ("", "", "", "completion/complete", r#"{"ref":{"type":"ref/prompt","name":"greet"}}"#, false),
            ("", "", "", "tools/list", "{}", false),
            ("", "", "", "ping", "{}", false),
            ("", "", "", "no/such", "{}", false),
            ("drop*", "", "", "tools/call", r#"{"name":"drop_table"}"#, true),
            ("drop*", "", "", "tools/call", r#"{"name":"query"}"#, false),
            ("drop*", "", "", "prompts/get", r#"{"name":"drop"}"#, false),
            ("", "file:*", "", "resources/read", r#"{"uri":"file:///a"}"#, true),
            ("", "file:*", "", "tools/call", r#"{"name":"file:"}"#, false),
            ("", "", "greet", "prompts/get", r#"{"name":"greet"}"#, true),
        ] {
            let list = |text: &str| if text.is_empty() { vec![] } else { vec![text.to_owned()] };
            let mut policy = approval_policy("one");
            policy.matching.tools = list(tools);
            policy.matching.resources = list(resources);
            policy.matching.prompts = list(prompts);
            let mut document = config();
            document.approval = Some(approval(vec![policy]));
            let program = super::compile(&document, &mut Vec::new());
            let (alice, call) = (caller("alice", &[]), call(&request(method, params)));
            let asked = Asked::new(&document, &alice, call.operation(), Some(call.message()), 0);
            let found = program.find(&call, &asked).unwrap();
            assert_eq!(found.enforced.len() == 1, expected, "{tools}{resources}{prompts}: {method} {params}");
        }
    }

    type Change = fn(&mut ApprovalConfig);

    #[test]
    fn every_wrong_value_is_found_at_its_place() {
        let cases: [(&str, Change); 15] = [
            ("approval.gateway", |approval| approval.gateway.clear()),
            ("approval.policies", |approval| approval.policies.clear()),
            ("approval.policies", |approval| {
                approval.policies = (0..9).map(|number| approval_policy(&number.to_string())).collect();
            }),
            ("approval.policies[1].name", |approval| approval.policies.push(approval_policy("one"))),
            ("approval.policies[0].namespace", |approval| approval.policies[0].namespace.clear()),
            ("approval.policies[0].groups", |approval| approval.policies[0].groups.clear()),
            ("approval.policies[0].groups[1]", |approval| {
                approval.policies[0].groups.push(String::new());
            }),
            ("approval.policies[0].approvals", |approval| approval.policies[0].approvals = 0),
            ("approval.policies[0].approvals", |approval| approval.policies[0].approvals = 6),
            ("approval.policies[0].uses", |approval| approval.policies[0].uses = 101),
            ("approval.policies[0].maxPendingPerCaller", |approval| {
                approval.policies[0].max_pending_per_caller = 0;
            }),
            ("approval.policies[0].expiresAfterMilliseconds", |approval| {
                approval.policies[0].expires_after_milliseconds = 0;
            }),
            ("approval.policies[0].validForMilliseconds", |approval| {
                approval.policies[0].valid_for_milliseconds = u64::MAX;
            }),
            ("approval.policies[0].waitMilliseconds", |approval| approval.policies[0].wait_milliseconds = 0),
            ("approval.policies[0].match.tools[0]", |approval| {
                approval.policies[0].matching.tools = vec![String::new()];
            }),
        ];
        for (path, change) in cases {
            let mut config = config();
            let mut written = approval(vec![approval_policy("one")]);
            change(&mut written);
            config.approval = Some(written);
            let problems = crate::compile(config).err().unwrap_or_default();
            let found: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
            assert_eq!(found, [path]);
        }
    }
}
