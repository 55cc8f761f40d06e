//! MaskingRule: what is masked in which messages of which connections.
#![allow(clippy::duplicated_attributes, reason = "each printer column has a type of its own")]

mod action;
mod custom;
mod field;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::approval::policy::Mode;
use crate::connection::{Size, message_bytes};
use crate::rule::{self, validations};
use crate::schema::{set, text, with_rules};
use crate::target::{Selector, TargetReference};
use crate::text as format;

pub use self::action::{Action, AddressPart, DatePart, Fpe, Generalize, Hash, Nothing, Partial, Replacement};
pub use self::custom::{Checksum, ConfigMapKeyReference, Custom, TermsFrom};
pub use self::field::{Exclude, ExcludedCallers, ExcludedValues, Field};

/// What is masked in which messages of which connections. Every rule that matches applies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::RULE_MASKS_SOMETHING, rule::RULE_HOLDS_FOR_SOMETHING]
)))]
#[kube(
    group = "lychgate.dev",
    version = "v1alpha1",
    kind = "MaskingRule",
    plural = "maskingrules",
    shortname = "mask",
    category = "lychgate",
    namespaced,
    status = "MaskingRuleStatus",
    derive = "PartialEq",
    doc = "What is masked in which messages of which connections. Every rule that matches applies.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Connections", type_ = "integer", json_path = ".status.connectionCount"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(
        name = "Programmed",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Programmed')].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].reason",
        priority = 1
    ),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRefs[*].name", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct MaskingRuleSpec {
    /// The connections and gateways that the rule holds for, in the same namespace. A rule for a gateway
    /// holds for each of its connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"])
    )]
    pub target_refs: Vec<TargetReference>,
    /// Connections that the rule holds for, by their labels: those of the rule's namespace, or of the
    /// namespaces that namespaceSelector selects. An empty selector selects every connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_selector: Option<Selector>,
    /// Namespaces whose connections the rule holds for, by their labels, so that one rule binds every tenant.
    /// It counts in the namespace of the operator alone. An empty selector selects every namespace. Without
    /// connectionSelector, all connections in them are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<Selector>,
    /// Enforce: what is found is masked. Audit: messages pass as they are, and the record and metrics say what would have
    /// been masked.
    #[serde(default)]
    pub mode: Mode,
    /// Which way the messages go.
    #[serde(default = "default_directions")]
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub directions: Vec<Direction>,
    /// Which messages. Without it, all.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<MaskingMatch>,
    /// What is looked for in text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub detectors: Vec<Detector>,
    /// What else is looked for in text, as the rule itself says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub custom: Vec<Custom>,
    /// What is masked by its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub fields: Vec<Field>,
    /// What stays although the rule would mask it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Exclude>,
    /// Which disguises of values are undone. Without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decode>,
    /// Sizes beyond which nothing is masked. The smaller of this and the connection's limits counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<MaskingLimits>,
    /// Closed: what cannot be masked is not shown. Open: it passes as it is, and is counted, where every rule that
    /// counts for the message says so.
    #[serde(default)]
    pub failure_policy: FailurePolicy,
}

/// Sizes beyond which nothing is masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaskingLimits {
    /// The largest message, as a quantity between 1Ki and 64Mi.
    #[schemars(schema_with = "message_bytes")]
    pub message_bytes: Size,
    /// What becomes of a larger one. Block: an answer becomes an error, a request is refused.
    #[serde(default)]
    pub on_exceeded: OnExceeded,
}

/// What becomes of a message that is larger than the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OnExceeded {
    /// An answer becomes an error, a request is refused.
    #[default]
    Block,
}

/// What becomes of what cannot be masked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum FailurePolicy {
    /// It is not shown.
    #[default]
    Closed,
    /// It passes as it is, and is counted.
    Open,
}

/// Which way a message goes: Request from the client to the server, Response from the server to the client
/// (results, errors, notifications and the server's own requests).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Response,
}

/// Which messages a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(
    &[rule::MATCH_NAMES_A_TOOL, rule::MATCH_NAMES_A_RESOURCE]
)))]
pub struct MaskingMatch {
    /// Patterns over tool names: one must match, and none that begins with "!" may. An asterisk stands for
    /// any run of characters. Without any here and under resources, every message matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "tools")]
    pub tools: Vec<String>,
    /// The same over the URIs of resources that are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "tools")]
    pub resources: Vec<String>,
    /// A condition in CEL on caller, tool, connection and now. Where it does not hold, the rule does not count;
    /// where it has no answer, it does. The record stays masked all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "condition")]
    pub when: Option<String>,
}

/// One kind of sensitive text, or a group of kinds, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rule::DETECTOR_TYPE_OR_GROUP])))]
pub struct Detector {
    /// One kind of sensitive text (the enum's own words go into the schema).
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<DetectorType>,
    /// A group of kinds (the enum's own words go into the schema).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<DetectorGroup>,
    /// What becomes of what is found.
    pub action: Action,
}

/// One kind of sensitive text. Write either type or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DetectorType {
    /// Payment card numbers.
    CreditCard,
    /// E-mail addresses.
    Email,
    /// International bank account numbers.
    Iban,
    /// United States social security numbers.
    UsSsn,
    /// Telephone numbers.
    Phone,
    /// AWS access keys.
    AwsKey,
    /// GitHub tokens.
    GithubToken,
    /// Slack tokens and webhook URLs.
    SlackToken,
    /// JSON Web Tokens.
    JsonWebToken,
    /// PEM private keys.
    PrivateKey,
    /// United States individual taxpayer identification numbers.
    UsItin,
    /// United States employer identification numbers, by a word nearby.
    UsEin,
    /// United States bank routing numbers (ABA), by a word nearby.
    UsBankRouting,
    /// United States national provider identifiers, by a word nearby.
    UsNpi,
    /// United States DEA registration numbers, by a word nearby.
    UsDea,
    /// United States Medicare beneficiary identifiers.
    UsMedicare,
    /// United States passport numbers, by a word nearby.
    UsPassport,
    /// NHS numbers of England and Wales.
    UkNhsNumber,
    /// United Kingdom national insurance numbers.
    UkNino,
    /// United Kingdom unique taxpayer references, by a word nearby.
    UkUtr,
    /// Canadian social insurance numbers, by a word nearby.
    CaSin,
    /// Australian tax file numbers, by a word nearby.
    AuTfn,
    /// Australian business numbers, by a word nearby.
    AuAbn,
    /// Australian Medicare numbers, by a word nearby.
    AuMedicare,
    /// Indian Aadhaar numbers.
    InAadhaar,
    /// Indian permanent account numbers.
    InPan,
    /// Brazilian CPF numbers of persons.
    BrCpf,
    /// Brazilian CNPJ numbers of companies.
    BrCnpj,
    /// Spanish identity numbers (DNI, NIF, NIE).
    EsNif,
    /// French social security numbers.
    FrNir,
    /// German tax identification numbers, by a word nearby.
    DeTaxId,
    /// Italian fiscal codes.
    ItFiscalCode,
    /// Polish PESEL numbers, by a word nearby.
    PlPesel,
    /// Dutch citizen service numbers, by a word nearby.
    NlBsn,
    /// Singaporean identity numbers (NRIC, FIN).
    SgNric,
    /// Vehicle identification numbers.
    Vin,
    /// Internet addresses, version 4 and 6.
    IpAddress,
    /// Hardware addresses.
    MacAddress,
    /// Addresses of Bitcoin and Ethereum wallets.
    CryptoWallet,
    /// Dates of birth, by a word nearby.
    DateOfBirth,
    /// Google API keys, OAuth client secrets and access tokens.
    GoogleKey,
    /// Azure application secrets and shared access signatures.
    AzureKey,
    /// GitLab tokens.
    GitlabToken,
    /// Stripe secret keys and webhook secrets.
    StripeKey,
    /// OpenAI keys.
    OpenAiKey,
    /// Anthropic keys.
    AnthropicKey,
    /// npm tokens.
    NpmToken,
    /// PyPI tokens.
    PypiToken,
    /// User names and passwords in URLs.
    UrlCredentials,
    /// Passwords and keys known by their name.
    Password,
    /// United States driver licences, by a word nearby.
    UsDriverLicense,
    /// Long random values, by a word nearby that says that they open something.
    HighEntropySecret,
}

/// A group of kinds: PersonalData (what is about a person or a company), Secrets (what opens something), or All.
/// Write either type or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DetectorGroup {
    /// What is about a person or a company.
    PersonalData,
    /// What opens something.
    Secrets,
    /// Every kind.
    All,
}

/// Which disguises of values are undone before they are looked for. What one of several rules for a message asks
/// for is done for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decode {
    /// How many texts inside each other are opened as JSON.
    #[serde(default = "default_nested_json")]
    #[schemars(range(min = 0, max = 3))]
    pub nested_json: i32,
    /// Whether readable texts in base64 are masked inside.
    #[serde(default = "default_true")]
    pub base64: bool,
    /// Fold: full-width and other forms of letters, digits, blanks and dashes count as the plain ones, and characters
    /// that nobody sees do not count. Keep: every character is what it is.
    #[serde(default)]
    pub unicode: Unicode,
    /// Whether percent-encoding, character references of HTML and escapes of JSON are read.
    #[serde(default = "default_true")]
    pub escapes: bool,
}

/// What is done about characters that stand for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Unicode {
    /// They are read as those.
    #[default]
    Fold,
    /// They are what they are.
    Keep,
}

/// What the operator says of a MaskingRule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaskingRuleStatus {
    /// The generation of the object that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the object stands: Accepted and Programmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// What the rule is compiled to. None while the rule has a mistake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<MaskingProgram>,
    /// How many connections the rule holds for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_count: Option<i64>,
    /// The connections that the rule holds for, as namespace/name; the first 64 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub connections: Vec<String>,
}

fn default_nested_json() -> i32 {
    3
}

fn default_true() -> bool {
    true
}

/// What a MaskingRule is compiled to, and what it costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MaskingProgram {
    /// Names what the rule does: equal for rules that mask the same in the same way, whatever they hold for.
    #[schemars(length(max = 64))]
    pub hash: String,
    /// How many kinds are looked for in every text. All are found in one pass.
    pub detectors: i64,
    /// How many paths and patterns over names are compared with every member.
    pub fields: i64,
    /// Whether long answers of tools pass before they are there whole, as far as this rule is asked. A rule with `block`,
    /// with `drop` at a field, with indices, slices or filters in a path, with `limits.messageBytes`, with `failurePolicy: Open` or
    /// with `decode.nestedJson: 0` looks at more than a piece of an answer.
    pub streaming: bool,
}

fn default_directions() -> Vec<Direction> {
    vec![Direction::Response]
}

fn tools(_: &mut SchemaGenerator) -> Schema {
    set(64, &with_rules(text(&format::GLOB), &[rule::TOOL_PATTERN_NAMES_SOMETHING]))
}

fn condition(_: &mut SchemaGenerator) -> Schema {
    text(&format::CONDITION)
}
