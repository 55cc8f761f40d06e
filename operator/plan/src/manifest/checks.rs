//! The constraints of single fields that a schema cannot say, or that are CEL rules in it.
//!
//! Each function sees the value of one field, with defaults, and answers what is wrong: the member that is
//! meant (empty for the field itself) and what to write. What needs other objects, or options, is in
//! [`crate::validate`]; what the gateway checks as well is asked of its own code.

use std::ops::RangeInclusive;

use lychgate_crds::{rule, text, units};
use lychgate_gateway_condition::Scope;
use lychgate_gateway_policy::command::STATEMENT_BYTES;
use lychgate_gateway_policy::compile::{MESSAGE_BYTES, check_format, check_header};
use lychgate_gateway_policy::destination;
use lychgate_gateway_policy::pinning::MAXIMUM_NAME_LENGTH;
use serde_json::Value;

use super::fits;
use crate::values::is_of_the_api_server;

/// What is wrong with a field: a member of it, and what to write.
pub(crate) type Found = Vec<(&'static str, String)>;

/// Checks the value of a field. `place` is its path with empty brackets.
pub(crate) fn run(kind: &str, place: &str, value: &Value) -> Found {
    match (kind, place) {
        ("McpGateway", "spec.listener.hostnames[]" | "spec.notifications[].host") => port(value),
        ("McpGateway", "spec.notifications[]") => {
            let is_json = value.get("template") == Some(&Value::from("Json"));
            violated(is_json && !has(value, "signingSecretRef"), rule::JSON_IS_SIGNED)
        }
        ("McpGateway", "spec.listener.tls") => secret_name_with_mode_secret(value),
        ("McpGateway", "spec.deployment") => deployment(value),
        ("McpGateway", "spec.deployment.autoscaling") => autoscaling(value),
        ("McpGateway", "spec.identity.kubernetes.audiences[]")
        | ("McpConnection", "spec.credentials[].from.serviceAccountToken.audience") => {
            violated(is_of_the_api_server(content(value)), rule::AUDIENCE_IS_NOT_THE_API_SERVER)
        }
        ("McpConnection", "spec.credentials[].from") => {
            violated(has(value, "secretKeyRef") == has(value, "serviceAccountToken"), rule::ONE_SOURCE)
        }
        ("McpConnection", "spec.upstream") => upstream(value),
        ("McpConnection", "spec.upstream.url") => upstream_url(value),
        ("McpConnection", "spec.upstream.timeouts.connect" | "spec.upstream.timeouts.call") => timeout(value),
        ("McpConnection", "spec.credentials[].inject.header") => header(value),
        ("McpConnection", "spec.credentials[].inject.format") => format(value),
        ("McpConnection", "spec.access[]") => grant(value),
        ("McpConnection", "spec.access[].when") => condition(value, Scope::Access),
        ("McpConnection" | "MaskingRule", "spec.limits.messageBytes") => message_bytes(value),
        ("McpConnection", "spec.toolPinning.pins") => pins(value),
        (_, "spec.connectionSelector.matchLabels" | "spec.namespaceSelector.matchLabels") => {
            label_keys(value)
        }
        (_, "spec.connectionSelector.matchExpressions[]" | "spec.namespaceSelector.matchExpressions[]") => {
            values_with_in(value)
        }
        ("ApprovalPolicy", _) => approval_policy(place, value),
        ("CommandRule", _) => command_rule(place, value),
        ("MaskingRule", _) => masking_rule(place, value),
        _ => Found::new(),
    }
}

/// Those of MaskingRules.
fn masking_rule(place: &str, value: &Value) -> Found {
    match place {
        "spec" => holds_for_something(value),
        "spec.match" => names_something(value),
        "spec.match.tools[]" | "spec.match.resources[]" => violated(
            content(value) == "!" || content(value).starts_with("!!"),
            rule::TOOL_PATTERN_NAMES_SOMETHING,
        ),
        "spec.exclude.callers.groups[]" => violated(content(value) == "*", rule::GROUP_IS_NO_PATTERN),
        "spec.detectors[]" => {
            violated(has(value, "type") == has(value, "group"), rule::DETECTOR_TYPE_OR_GROUP)
        }
        "spec.custom[]" => {
            let ways = [has(value, "regex"), is_filled(value, "terms"), has(value, "termsFrom")].into_iter();
            let mut found = violated(ways.filter(|way| *way).count() != 1, rule::CUSTOM_REGEX_OR_TERMS);
            let is_alone = has(value, "entropy") && !has(value, "regex");
            found.extend(violated(is_alone, rule::ENTROPY_WITH_REGEX));
            found
        }
        "spec.fields[]" => {
            let ways =
                [has(value, "jsonPath"), is_filled(value, "keys"), is_filled(value, "columns")].into_iter();
            violated(ways.filter(|way| *way).count() != 1, rule::FIELD_PATH_KEYS_OR_COLUMNS)
        }
        "spec.detectors[].action" | "spec.custom[].action" | "spec.fields[].action" => {
            let actions =
                ["block", "drop", "redact", "replace", "hash", "tokenize", "fpe", "generalize", "partial"];
            let written = actions.into_iter().filter(|action| has(value, action));
            violated(written.count() != 1, rule::ONE_ACTION)
        }
        "spec.detectors[].action.generalize"
        | "spec.custom[].action.generalize"
        | "spec.fields[].action.generalize" => {
            let forms = ["bucket", "date", "ipAddress", "keepFirst"];
            let written = forms.into_iter().filter(|form| has(value, form));
            violated(written.count() != 1, rule::ONE_GENERALIZATION)
        }
        "spec.detectors[].action.replace"
        | "spec.custom[].action.replace"
        | "spec.fields[].action.replace" => {
            violated(has(value, "string") == has(value, "number"), rule::ONE_REPLACEMENT)
        }
        _ => Found::new(),
    }
}

/// Those of ApprovalPolicies.
fn approval_policy(place: &str, value: &Value) -> Found {
    match place {
        "spec" => {
            let mut found = holds_for_something(value);
            found.extend(violated(approves_alone_and_as_others(value), rule::BREAK_GLASS_IS_APART));
            found
        }
        "spec.match" => {
            let something = ["tools", "resources", "prompts"].into_iter();
            let matches = something.filter(|member| is_filled(value, member)).count();
            violated(matches == 0 && !has(value, "when"), rule::MATCH_NAMES_SOMETHING)
        }
        "spec.match.when" => condition(value, Scope::Access),
        "spec.approvers" => {
            let somebody = is_filled(value, "groups") || is_filled(value, "serviceAccounts");
            violated(!somebody, rule::SOMEBODY_APPROVES)
        }
        "spec.approvers.groups[]" | "spec.breakGlass.groups[]" => {
            violated(content(value).starts_with("system:"), rule::GROUP_OF_PEOPLE)
        }
        "spec.expiresAfter" | "spec.grant.validFor" | "spec.wait.for" => timeout(value),
        _ => Found::new(),
    }
}

/// Those of CommandRules.
fn command_rule(place: &str, value: &Value) -> Found {
    match place {
        "spec" => holds_for_something(value),
        "spec.rules[]" => {
            let is_allowed = value.get("action") == Some(&Value::from("Allow"));
            violated(has(value, "credential") && !is_allowed, rule::CREDENTIAL_WITH_ALLOW)
        }
        "spec.rules[].when" => condition(value, Scope::Command),
        "spec.limits.statementBytes" => statement_bytes(value),
        _ => Found::new(),
    }
}

fn approves_alone_and_as_others(value: &Value) -> bool {
    let groups = |pointer: &str| value.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    groups("/breakGlass/groups").any(|alone| groups("/approvers/groups").any(|group| group == alone))
}

fn violated(violated: bool, rule: rule::Rule) -> Found {
    if violated { vec![(rule.member.unwrap_or_default(), rule.message.to_owned())] } else { Found::new() }
}

fn answer(result: Result<(), String>) -> Found {
    result.err().map(|message| ("", message)).into_iter().collect()
}

fn content(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn has(value: &Value, member: &str) -> bool {
    value.get(member).is_some()
}

fn is_filled(value: &Value, member: &str) -> bool {
    value.get(member).and_then(Value::as_array).is_some_and(|items| !items.is_empty())
}

fn port(value: &Value) -> Found {
    let port = content(value).split_once(':').and_then(|(_, port)| port.parse::<u64>().ok());
    violated(port.is_some_and(|port| !(1..=65535).contains(&port)), rule::PORT_IS_IN_RANGE)
}

fn secret_name_with_mode_secret(value: &Value) -> Found {
    let named = has(value, "secretName");
    let found = violated(
        (value.get("mode") == Some(&Value::from("Secret"))) != named,
        rule::SECRET_NAME_WITH_MODE_SECRET,
    );
    found.into_iter().map(|(_, message)| (if named { ".mode" } else { ".secretName" }, message)).collect()
}

fn deployment(value: &Value) -> Found {
    let both = has(value, "replicas") && has(value, "autoscaling");
    let is_share = value.pointer("/autoscaling/cpuUtilization").is_some();
    let is_requested = value.pointer("/resources/requests/cpu").is_some();
    let mut found = violated(both, rule::REPLICAS_OR_AUTOSCALING);
    found.extend(violated(is_share && !is_requested, rule::UTILIZATION_OF_A_REQUEST));
    found
}

fn autoscaling(value: &Value) -> Found {
    let has_target = has(value, "cpuUtilization") || has(value, "callsUnderWay");
    let bound = |member| value.get(member).and_then(Value::as_i64);
    let crossed = bound("minReplicas").zip(bound("maxReplicas")).is_some_and(|(least, most)| least > most);
    let mut found = violated(!has_target, rule::AUTOSCALING_HAS_A_TARGET);
    found.extend(violated(crossed, rule::MINIMUM_WITHIN_MAXIMUM));
    found
}

fn upstream(value: &Value) -> Found {
    if has(value, "url") == has(value, "serviceRef") {
        return violated(true, rule::ONE_UPSTREAM);
    }
    let url = value.get("url").map(content).is_some_and(|url| !url.starts_with("https://"));
    let scheme = value.pointer("/serviceRef/scheme").map(content);
    let is_plain = url || scheme == Some("HTTP");
    let mut found = violated(has(value, "tls") && is_plain, rule::TLS_WITH_HTTPS);
    found.extend(violated(!has(value, "tls") && scheme == Some("HTTPS"), rule::SERVICE_WITH_AUTHORITY));
    found
}

fn upstream_url(value: &Value) -> Found {
    answer(destination::parse_upstream(content(value)).map(|_| ()))
}

fn timeout(value: &Value) -> Found {
    let longest = std::time::Duration::from_secs(24 * 60 * 60);
    let too_long = units::parse_duration(content(value)).is_some_and(|duration| duration > longest);
    violated(too_long, rule::TIMEOUT_WITHIN_A_DAY)
}

fn header(value: &Value) -> Found {
    let name = content(value);
    let lower = name.to_ascii_lowercase();
    // Beside the gateway's own list: a cookie is not one value, and what describes content is the gateway's.
    if lower == "cookie" || lower.starts_with("content-") {
        return vec![("", format!("{name} {}", rule::HEADER_IS_FREE.message))];
    }
    answer(check_header(name))
}

fn format(value: &Value) -> Found {
    answer(check_format(content(value)))
}

fn grant(value: &Value) -> Found {
    let somebody = is_filled(value, "groups") || is_filled(value, "users");
    let something = ["tools", "resources", "prompts"].into_iter().any(|member| is_filled(value, member));
    let mut found = violated(!somebody, rule::GRANT_NAMES_SOMEBODY);
    found.extend(violated(!something, rule::GRANT_ALLOWS_SOMETHING));
    found
}

/// Everything that is wrong with a condition, each with its place in it.
fn condition(value: &Value, scope: Scope) -> Found {
    let faults = lychgate_gateway_condition::compile(content(value), scope).err().unwrap_or_default();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    if faults.is_empty() { Found::new() } else { vec![("", faults.join("; "))] }
}

fn pins(value: &Value) -> Found {
    let is_long = |name: &String| name.is_empty() || name.chars().count() > MAXIMUM_NAME_LENGTH;
    let names = value.as_object();
    violated(names.is_some_and(|names| names.keys().any(is_long)), rule::PIN_NAMES_A_TOOL)
}

fn message_bytes(value: &Value) -> Found {
    violated(is_beyond(value, &MESSAGE_BYTES), rule::SIZE_IN_RANGE)
}

fn statement_bytes(value: &Value) -> Found {
    violated(is_beyond(value, &STATEMENT_BYTES), rule::STATEMENT_SIZE_IN_RANGE)
}

/// Whether a size is one, and outside of a range.
fn is_beyond(value: &Value, range: &RangeInclusive<u64>) -> bool {
    match value.as_u64().or_else(|| units::parse_size(content(value))) {
        Some(bytes) => !range.contains(&bytes),
        // A negative number; what is no size at all fails by its form.
        None => value.is_number(),
    }
}

fn holds_for_something(value: &Value) -> Found {
    let selects = has(value, "connectionSelector") || has(value, "namespaceSelector");
    violated(!selects && !is_filled(value, "targetRefs"), rule::RULE_HOLDS_FOR_SOMETHING)
}

/// Schemas know no form of keys. One that no label can have would never match.
fn label_keys(value: &Value) -> Found {
    let mut keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    let wrong = keys.find(|key| !fits(&text::LABEL_KEY, key));
    let message = |key| format!("{key:?} is no key of a label; write {}", text::LABEL_KEY.advice);
    wrong.map(|key| ("", message(key))).into_iter().collect()
}

fn values_with_in(value: &Value) -> Found {
    let compares = matches!(value.get("operator").and_then(Value::as_str), Some("In" | "NotIn"));
    violated(compares != is_filled(value, "values"), rule::VALUES_WITH_IN)
}

fn names_something(value: &Value) -> Found {
    let only_takes_away = |list: &str| {
        let patterns = value.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        !patterns.is_empty() && patterns.iter().all(|pattern| content(pattern).starts_with('!'))
    };
    let mut found = violated(only_takes_away("tools"), rule::MATCH_NAMES_A_TOOL);
    found.extend(violated(only_takes_away("resources"), rule::MATCH_NAMES_A_RESOURCE));
    found
}
