//! The constraints across fields, in CEL, as the API server evaluates them (`x-kubernetes-validations`).
//!
//! Each is checked a second time in the plan crate, in Rust, because the command line has no API server; a
//! test there holds that a wrong value is known for every rule in [`RULES`]. Every list and text that a
//! rule reads is bounded in the schema, or the API server would refuse the rule as too expensive.

use serde_json::{Value, json};

/// A constraint across fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The CEL expression that must be true of `self`.
    pub expression: &'static str,
    /// What to write.
    pub message: &'static str,
    /// The member of `self` that a client shows the message at, such as `.insecurePlaintext`.
    pub member: Option<&'static str>,
}

/// The value of `x-kubernetes-validations` for some rules.
pub(crate) fn validations(rules: &[Rule]) -> Value {
    let validation = |rule: &Rule| match rule.member {
        Some(member) => json!({"rule": rule.expression, "message": rule.message, "fieldPath": member}),
        None => json!({"rule": rule.expression, "message": rule.message}),
    };
    Value::Array(rules.iter().map(validation).collect())
}

/// Every rule.
pub const RULES: [Rule; 47] = [
    SOMEBODY_CAN_CALL,
    ISSUER_IS_HTTPS,
    AUDIENCE_IS_NOT_THE_API_SERVER,
    PORT_IS_IN_RANGE,
    SECRET_NAME_WITH_MODE_SECRET,
    URL_NAMES_A_HOST,
    URL_WITHOUT_USER,
    URL_OUTSIDE_REFUSED_ADDRESSES,
    ONE_UPSTREAM,
    TLS_WITH_HTTPS,
    SERVICE_WITH_AUTHORITY,
    TIMEOUT_WITHIN_A_DAY,
    PLAINTEXT_IS_WRITTEN,
    SERVICE_PLAINTEXT_IS_WRITTEN,
    HEADER_IS_FREE,
    FORMAT_HAS_ONE_VALUE,
    ONE_SOURCE,
    GRANT_NAMES_SOMEBODY,
    GRANT_ALLOWS_SOMETHING,
    SIZE_IN_RANGE,
    RULE_MASKS_SOMETHING,
    RULE_HOLDS_FOR_SOMETHING,
    VALUES_WITH_IN,
    DETECTOR_TYPE_OR_GROUP,
    CUSTOM_REGEX_OR_TERMS,
    ENTROPY_WITH_REGEX,
    FIELD_PATH_KEYS_OR_COLUMNS,
    ONE_ACTION,
    ONE_GENERALIZATION,
    ONE_REPLACEMENT,
    TOOL_PATTERN_NAMES_SOMETHING,
    GROUP_IS_NO_PATTERN,
    MATCH_NAMES_A_TOOL,
    MATCH_NAMES_A_RESOURCE,
    BREAK_GLASS_IS_APART,
    MATCH_NAMES_SOMETHING,
    SOMEBODY_APPROVES,
    GROUP_OF_PEOPLE,
    JSON_IS_SIGNED,
    CREDENTIAL_WITH_ALLOW,
    STATEMENT_SIZE_IN_RANGE,
    CREDENTIAL_OF_GRANT_EXISTS,
    PIN_NAMES_A_TOOL,
    REPLICAS_OR_AUTOSCALING,
    UTILIZATION_OF_A_REQUEST,
    AUTOSCALING_HAS_A_TARGET,
    MINIMUM_WITHIN_MAXIMUM,
];

/// Two who choose one number would take it from each other.
pub const REPLICAS_OR_AUTOSCALING: Rule = Rule {
    expression: "!has(self.replicas) || !has(self.autoscaling)",
    message: "replicas and autoscaling both say how many pods there are; leave out one of replicas and autoscaling",
    member: None,
};

/// A share of what nobody has thought of says nothing.
pub const UTILIZATION_OF_A_REQUEST: Rule = Rule {
    expression: "!has(self.autoscaling) || !has(self.autoscaling.cpuUtilization) || (has(self.resources) && \
                 has(self.resources.requests) && has(self.resources.requests.cpu))",
    message: "a share of the CPU that each pod asks for, which is not written; write resources.requests.cpu, such as \
              500m",
    member: Some(".autoscaling.cpuUtilization"),
};

/// An autoscaler needs something to go by.
pub const AUTOSCALING_HAS_A_TARGET: Rule = Rule {
    expression: "has(self.cpuUtilization) || has(self.callsUnderWay)",
    message: "nothing says when there are too few pods; write cpuUtilization, callsUnderWay, or both",
    member: None,
};

/// The API server refuses an autoscaler with other bounds.
pub const MINIMUM_WITHIN_MAXIMUM: Rule = Rule {
    expression: "self.minReplicas <= self.maxReplicas",
    message: "fewer than minReplicas, which is 2 where it is not written; write at least as many",
    member: Some(".maxReplicas"),
};

/// The longest name of a tool that can be pinned is that of MCP 2025-11-25 (Tools, Tool Names).
pub const PIN_NAMES_A_TOOL: Rule = Rule {
    expression: "self.all(name, size(name) > 0 && size(name) <= 128)",
    message: "names a tool by a name that is empty or longer than 128 characters; write the tool's own",
    member: None,
};

/// A gateway that nobody can call is a mistake.
pub const SOMEBODY_CAN_CALL: Rule = Rule {
    expression: "self.anonymous || (has(self.oidc) && size(self.oidc) > 0) || \
                 (has(self.kubernetes) && self.kubernetes.enabled)",
    message: "nobody can call: add an issuer under oidc, write kubernetes: {enabled: true} for agents in the \
              cluster, or anonymous: true to serve callers without a token",
    member: None,
};

/// Keys that are fetched over anything but https prove nothing.
pub const ISSUER_IS_HTTPS: Rule = Rule {
    expression: "self.startsWith('https://') && isURL(self) && url(self).getHost() != ''",
    message: "write an https URL: keys fetched over anything else prove nothing",
    member: None,
};

/// The audiences that API servers go by, wherever they run.
pub const API_SERVER_AUDIENCES: [&str; 4] =
    ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", "kubernetes", "api"];

/// A token that the API server takes must not travel to anybody else.
pub const AUDIENCE_IS_NOT_THE_API_SERVER: Rule = Rule {
    expression: "!(self in ['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local', \
                 'kubernetes', 'api'])",
    message: "the API server's own audience: whoever gets such a token could use it there; write the name that \
              the token is for",
    member: None,
};

/// A port has 16 bits.
pub const PORT_IS_IN_RANGE: Rule = Rule {
    expression: "!self.contains(':') || int(self.split(':')[1]) <= 65535",
    message: "write a port between 1 and 65535",
    member: None,
};

/// A name of a Secret that nobody reads would mislead.
pub const SECRET_NAME_WITH_MODE_SECRET: Rule = Rule {
    expression: "(self.mode == 'Secret') == has(self.secretName)",
    message: "write secretName together with mode: Secret, and only then",
    member: None,
};

/// An URL without a host leads nowhere.
pub const URL_NAMES_A_HOST: Rule = Rule {
    expression: "isURL(self) && url(self).getHostname() != ''",
    message: "not an absolute URL; write for example https://server.example.com/mcp",
    member: None,
};

/// Credentials belong into Secrets.
pub const URL_WITHOUT_USER: Rule = Rule {
    expression: "!self.matches('^[a-z]+://[^/?#]*@')",
    message: "holds a user name or password; put credentials into a Secret and name it under spec.credentials",
    member: None,
};

/// Addresses that give power over the machine, as they are usually written; the plan knows every way to
/// write one. (CEL's own `ip()` of a host has no bounded cost, so that the API server refuses it here.)
pub const URL_OUTSIDE_REFUSED_ADDRESSES: Rule = Rule {
    expression: "!self.matches('(?i)^https?://(169[.]254[.][0-9.]+|0[.]0[.]0[.]0|100[.]100[.]100[.]200|\
                 255[.]255[.]255[.]255|2(2[4-9]|3[0-9])[.][0-9.]+|[[](::|fe[89ab][0-9a-f]:[0-9a-f:.]*|\
                 ff[0-9a-f]{2}:[0-9a-f:.]*|fd00:0?ec2:[0:]*:0?254)[]])([:/?]|$)')",
    message: "a link-local, metadata, multicast or unspecified address, which no upstream may have; name the \
              server's own address",
    member: None,
};

/// A server is in one place.
pub const ONE_UPSTREAM: Rule = Rule {
    expression: "has(self.url) != has(self.serviceRef)",
    message: "write exactly one of url and serviceRef",
    member: None,
};

/// A certificate authority that nobody asks would mislead.
pub const TLS_WITH_HTTPS: Rule = Rule {
    expression: "!has(self.tls) || ((!has(self.url) || self.url.startsWith('https://')) && \
                 (!has(self.serviceRef) || self.serviceRef.scheme == 'HTTPS'))",
    message: "the server is spoken to in plain http, where no certificate is checked; remove tls, or write https",
    member: Some(".tls"),
};

/// What public authorities certify are names that all the world has.
pub const SERVICE_WITH_AUTHORITY: Rule = Rule {
    expression: "!has(self.serviceRef) || self.serviceRef.scheme != 'HTTPS' || has(self.tls)",
    message: "missing; no public authority certifies names in a cluster: name the ConfigMap with the server's own \
              authority under tls.caRef, or write scheme: HTTP",
    member: Some(".tls"),
};

/// No call takes longer than a day.
pub const TIMEOUT_WITHIN_A_DAY: Rule = Rule {
    expression: "self.endsWith('d') ? self == '1d' : duration(self) <= duration('24h')",
    message: "write a time between 1ms and 1d",
    member: None,
};

/// Whoever reads the network reads the credential.
pub const PLAINTEXT_IS_WRITTEN: Rule = Rule {
    expression: "!has(self.credentials) || size(self.credentials) == 0 || !has(self.upstream.url) || \
                 self.upstream.url.startsWith('https://') || self.upstream.insecurePlaintext",
    message: "a credential would travel over plain http; write https, or insecurePlaintext: true",
    member: Some(".upstream.url"),
};

/// Within a cluster, too.
pub const SERVICE_PLAINTEXT_IS_WRITTEN: Rule = Rule {
    expression: "!has(self.credentials) || size(self.credentials) == 0 || !has(self.upstream.serviceRef) || \
                 self.upstream.serviceRef.scheme == 'HTTPS' || self.upstream.insecurePlaintext",
    message: "a credential would travel over plain http; write HTTPS, or insecurePlaintext: true",
    member: Some(".upstream.serviceRef.scheme"),
};

/// Headers that belong to the connection, to the message or to the protocol.
pub const HEADER_IS_FREE: Rule = Rule {
    expression: "!(self.lowerAscii() in ['accept', 'accept-encoding', 'connection', 'cookie', 'expect', \
                 'host', 'keep-alive', 'last-event-id', 'te', 'trailer', 'transfer-encoding', 'upgrade']) && \
                 !['content-', 'mcp-', 'proxy-', 'sec-'].exists(prefix, self.lowerAscii().startsWith(prefix))",
    message: "belongs to the protocol; write for example Authorization or X-Api-Key",
    member: None,
};

/// The credential must stand somewhere, once.
pub const FORMAT_HAS_ONE_VALUE: Rule = Rule {
    expression: "self.split('{value}').size() == 2",
    message: "write {value} exactly once, as in \"Bearer {value}\"",
    member: None,
};

/// A credential has one source.
pub const ONE_SOURCE: Rule = Rule {
    expression: "has(self.secretKeyRef) != has(self.serviceAccountToken)",
    message: "write exactly one of secretKeyRef and serviceAccountToken",
    member: None,
};

/// A grant to nobody.
pub const GRANT_NAMES_SOMEBODY: Rule = Rule {
    expression: "(has(self.groups) && size(self.groups) > 0) || (has(self.users) && size(self.users) > 0)",
    message: "names nobody; add groups or users",
    member: None,
};

/// A grant of nothing.
pub const GRANT_ALLOWS_SOMETHING: Rule = Rule {
    expression: "(has(self.tools) && size(self.tools) > 0) || \
                 (has(self.resources) && size(self.resources) > 0) || \
                 (has(self.prompts) && size(self.prompts) > 0)",
    message: "allows nothing; add tools, resources or prompts",
    member: None,
};

/// What a gateway can hold in memory.
pub const SIZE_IN_RANGE: Rule = Rule {
    expression: "type(self) == int ? self >= 1024 && self <= 67108864 : \
                 quantity(self).compareTo(quantity('1Ki')) >= 0 && \
                 quantity(self).compareTo(quantity('64Mi')) <= 0",
    message: "write a size between 1Ki and 64Mi",
    member: None,
};

/// A rule that does nothing.
pub const RULE_MASKS_SOMETHING: Rule = Rule {
    expression: "(has(self.detectors) && size(self.detectors) > 0) || (has(self.custom) && size(self.custom) > 0) || \
                 (has(self.fields) && size(self.fields) > 0)",
    message: "nothing is looked for; add an entry here, under custom or under fields",
    member: Some(".detectors"),
};

/// Values that nobody compares, or nothing to compare with.
pub const VALUES_WITH_IN: Rule = Rule {
    expression: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
    message: "write values together with In and NotIn, and only then",
    member: Some(".values"),
};

/// A rule that holds for nothing.
pub const RULE_HOLDS_FOR_SOMETHING: Rule = Rule {
    expression: "(has(self.targetRefs) && size(self.targetRefs) > 0) || has(self.connectionSelector) || \
                 has(self.namespaceSelector)",
    message: "holds for nothing: write targetRefs, connectionSelector or namespaceSelector",
    member: None,
};

/// One of two ways to say what is looked for.
pub const DETECTOR_TYPE_OR_GROUP: Rule = Rule {
    expression: "has(self.type) != has(self.group)",
    message: "write exactly one of type and group",
    member: None,
};

/// One of three ways to describe what is looked for.
pub const CUSTOM_REGEX_OR_TERMS: Rule = Rule {
    expression: "[has(self.regex), has(self.terms) && size(self.terms) > 0, has(self.termsFrom)]\
                 .filter(written, written).size() == 1",
    message: "write exactly one of regex, terms and termsFrom",
    member: None,
};

/// Words are as they are.
pub const ENTROPY_WITH_REGEX: Rule = Rule {
    expression: "!has(self.entropy) || has(self.regex)",
    message: "goes with regex alone: words are as they are; remove it, or write a regex",
    member: Some(".entropy"),
};

/// One of three ways to say where a value stands.
pub const FIELD_PATH_KEYS_OR_COLUMNS: Rule = Rule {
    expression: "[has(self.jsonPath), has(self.keys) && size(self.keys) > 0, \
                 has(self.columns) && size(self.columns) > 0].filter(written, written).size() == 1",
    message: "write exactly one of jsonPath, keys and columns",
    member: None,
};

/// One fate for a value.
pub const ONE_ACTION: Rule = Rule {
    expression: "[has(self.block), has(self.drop), has(self.redact), has(self.replace), has(self.hash), \
                 has(self.tokenize), has(self.fpe), has(self.generalize), has(self.partial)].filter(present, present).size() == 1",
    message: "write exactly one of redact: {}, drop: {}, block: {}, replace, hash, tokenize: {}, fpe, generalize and partial",
    member: None,
};

/// One form of a value.
pub const ONE_GENERALIZATION: Rule = Rule {
    expression: "[has(self.bucket), has(self.date), has(self.ipAddress), has(self.keepFirst)]\
                 .filter(present, present).size() == 1",
    message: "write exactly one of bucket, date, ipAddress and keepFirst",
    member: None,
};

/// One value to put in place.
pub const ONE_REPLACEMENT: Rule = Rule {
    expression: "has(self.string) != has(self.number)",
    message: "write exactly one of string and number",
    member: None,
};

/// A lone `!`, or two of them.
pub const TOOL_PATTERN_NAMES_SOMETHING: Rule = Rule {
    expression: "self != '!' && !self.startsWith('!!')",
    message: "write a pattern, after one '!' if it is an exception",
    member: None,
};

/// A star that looks like everybody.
pub const GROUP_IS_NO_PATTERN: Rule = Rule {
    expression: "self != '*'",
    message: "\"*\" is no pattern here; write the names of groups",
    member: None,
};

/// Exceptions from nothing.
pub const MATCH_NAMES_A_TOOL: Rule = Rule {
    expression: "!has(self.tools) || size(self.tools) == 0 || self.tools.exists(tool, !tool.startsWith('!'))",
    message: "only takes tools away; add \"*\" before the patterns that begin with '!'",
    member: Some(".tools"),
};

/// The same of resources.
pub const MATCH_NAMES_A_RESOURCE: Rule = Rule {
    expression: "!has(self.resources) || size(self.resources) == 0 || \
                 self.resources.exists(resource, !resource.startsWith('!'))",
    message: "only takes resources away; add \"*\" before the patterns that begin with '!'",
    member: Some(".resources"),
};

/// Who approves as one of several does not approve alone.
pub const BREAK_GLASS_IS_APART: Rule = Rule {
    expression: "!has(self.breakGlass) || !has(self.approvers.groups) || \
                 !self.breakGlass.groups.exists(group, group in self.approvers.groups)",
    message: "a group approves as others do, or alone in an emergency; take it out of one of the two",
    member: Some(".breakGlass"),
};

/// A match of nothing.
pub const MATCH_NAMES_SOMETHING: Rule = Rule {
    expression: "(has(self.tools) && size(self.tools) > 0) || \
                 (has(self.resources) && size(self.resources) > 0) || \
                 (has(self.prompts) && size(self.prompts) > 0) || has(self.when)",
    message: "matches nothing; add tools, resources, prompts or when, or leave match out, which means every call",
    member: None,
};

/// A policy by which nobody can approve.
pub const SOMEBODY_APPROVES: Rule = Rule {
    expression: "(has(self.groups) && size(self.groups) > 0) || \
                 (has(self.serviceAccounts) && size(self.serviceAccounts) > 0)",
    message: "nobody can approve; add a group or a service account",
    member: None,
};

/// Everybody who has a token is in system:authenticated, every service account in system:serviceaccounts.
pub const GROUP_OF_PEOPLE: Rule = Rule {
    expression: "!self.startsWith('system:')",
    message: "groups that begin with system:, such as system:authenticated, hold everybody or machines; name a group \
              of people",
    member: None,
};

/// Whoever can reach a receiver could send it what he likes.
pub const JSON_IS_SIGNED: Rule = Rule {
    expression: "self.template != 'Json' || has(self.signingSecretRef)",
    message: "missing; what is sent as Json is signed, so that no receiver takes a forged message for one: name the \
              Secret with the key",
    member: Some(".signingSecretRef"),
};

/// What is denied or waits is not sent, so that nothing is injected.
pub const CREDENTIAL_WITH_ALLOW: Rule = Rule {
    expression: "!has(self.credential) || self.action == 'Allow'",
    message: "goes with action: Allow alone; remove it, or write a rule of its own that allows with it",
    member: Some(".credential"),
};

/// What can be read in a bounded time.
pub const STATEMENT_SIZE_IN_RANGE: Rule = Rule {
    expression: "type(self) == int ? self >= 1 && self <= 65536 : \
                 quantity(self).compareTo(quantity('64Ki')) <= 0",
    message: "write a size of at most 64Ki",
    member: None,
};

/// A grant cannot choose what is not there.
pub const CREDENTIAL_OF_GRANT_EXISTS: Rule = Rule {
    expression: "!has(self.access) || self.access.all(grant, !has(grant.credential) || (has(self.credentials) && \
                 self.credentials.exists(credential, credential.name == grant.credential)))",
    message: "names no credential of the connection; write one of those under spec.credentials",
    member: Some(".access"),
};
