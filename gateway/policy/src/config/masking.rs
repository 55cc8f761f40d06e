//! What is masked, as the document says it.

use serde::{Deserialize, Serialize};

use super::SecretKey;
use super::action::Action;

/// What is masked in which messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaskingRule {
    /// The MaskingRule's name, as records show it.
    pub name: String,
    /// Whether it only counts what it would mask.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub audit: bool,
    /// Which way the messages go.
    pub directions: Vec<Direction>,
    /// The largest message that passes, in bytes; a larger one is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_bytes: Option<u64>,
    /// Whether what cannot be masked passes as it is, where every rule that counts says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_open: bool,
    /// Which messages; all when empty.
    #[serde(default, rename = "match")]
    pub matching: MaskingMatch,
    /// What is looked for in text.
    #[serde(default)]
    pub detectors: Vec<Detector>,
    /// What else is looked for in text, as the rule itself says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom: Vec<Custom>,
    /// What is masked by its place.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// What stays.
    #[serde(default)]
    pub exclude: Exclude,
    /// Which disguises are undone before values are looked for.
    #[serde(default)]
    pub decode: Decode,
}

/// Which disguises are undone before values are looked for. What one of several rules for a message asks for
/// is done for all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Decode {
    /// How many texts inside each other are opened as JSON, 0 to 3.
    pub nested_json: u32,
    /// Whether readable texts in base64 are masked inside.
    pub base64: bool,
    /// What is done about characters that stand for others, or that nobody sees.
    pub unicode: Unicode,
    /// Whether percent-encoding, character references of HTML and escapes of JSON are read.
    pub escapes: bool,
}

impl Default for Decode {
    fn default() -> Self {
        Self { nested_json: 3, base64: true, unicode: Unicode::Fold, escapes: true }
    }
}

/// What is done about characters that stand for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unicode {
    /// They are read as those.
    Fold,
    /// They are what they are.
    Keep,
}

impl MaskingRule {
    /// The keys that the rule's actions need.
    pub fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        let of_detectors = self.detectors.iter().map(|detector| &detector.action);
        let of_custom = self.custom.iter().map(|custom| &custom.action);
        let of_fields = self.fields.iter().map(|field| &field.action);
        of_detectors.chain(of_custom).chain(of_fields).filter_map(Action::key)
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client: results, errors, notifications and the server's own requests.
    Response,
}

/// Which messages a MaskingRule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaskingMatch {
    /// Globs over tool names, of which one must match and none that begins with `!` may; any tool, and
    /// every message that is no tool's, when this and `resources` are empty.
    #[serde(default)]
    pub tools: Vec<String>,
    /// The same over the URIs of resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// A condition in CEL; where it does not hold, the rule does not count. The record stays masked all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// One kind of sensitive text, or a group of kinds, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detector {
    /// One kind; exactly one of `type` and `group` is set.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<DetectorType>,
    /// A group of kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<DetectorGroup>,
    /// What becomes of it.
    pub action: Action,
}

/// A kind of sensitive text that the rule describes itself. Exactly one of `regex` and `terms` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Custom {
    /// As masks and counts show it.
    pub name: String,
    /// What it looks like, as a regular expression (RE2 syntax, linear time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// How mixed its characters must be at least, in tenths of a bit for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy_tenths: Option<u32>,
    /// Words that it may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<String>,
    /// Whether capital and small letters are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
    /// Words of which one must stand nearby; none if it is known without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// How far away such a word may stand, in bytes.
    #[serde(default = "default_window")]
    pub window: u32,
    /// What its letters and digits must fulfil.
    #[serde(default)]
    pub checksum: Checksum,
    /// What becomes of it.
    pub action: Action,
}

fn default_window() -> u32 {
    40
}

/// What the letters and digits of a value fulfil.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checksum {
    /// Nothing.
    #[default]
    None,
    /// The check of Luhn over the digits (ISO/IEC 7812-1).
    Luhn,
    /// Letters as 10 to 35, and digits, leave 1 modulo 97 (ISO 7064, MOD 97-10).
    Mod97,
    /// The check of Verhoeff over the digits.
    Verhoeff,
}

/// A kind of sensitive text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DetectorType {
    /// Payment card numbers: 12 to 19 digits, a known issuer's prefix, Luhn (ISO/IEC 7812).
    CreditCard,
    /// E-mail addresses (the dot-atom form of RFC 5322).
    Email,
    /// International bank account numbers with valid length and mod-97 (ISO 13616).
    Iban,
    /// United States social security numbers.
    UsSsn,
    /// Telephone numbers: E.164, and North American ones written with separators.
    Phone,
    /// AWS access key ids, and secret access keys beside their name.
    AwsKey,
    /// GitHub tokens (`ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_`).
    GithubToken,
    /// Slack tokens (`xoxb-` and its kin) and webhook URLs.
    SlackToken,
    /// JSON Web Tokens in compact form (RFC 7519).
    JsonWebToken,
    /// PEM private keys (RFC 7468), whole or cut.
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

/// A group of kinds of sensitive text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DetectorGroup {
    /// What is about a person or a company.
    PersonalData,
    /// What opens something.
    Secrets,
    /// Every kind.
    All,
}

/// Values masked by their place. Exactly one of `jsonPath`, `keys` and `columns` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// A path (RFC 9535) from the root of `structuredContent`, of
    /// JSON in a text, or of the arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_path: Option<String>,
    /// Globs over member names at any depth, compared without case.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Globs over the names of columns of tables in texts, compared without case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// What becomes of the value.
    pub action: Action,
}

/// What stays although a rule would mask it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exclude {
    /// Paths as in [`Field::json_path`]; what stands at them, and below, stays.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Values that stay.
    #[serde(default)]
    pub values: ExcludedValues,
    /// Callers who see everything. The record stays masked all the same.
    #[serde(default)]
    pub callers: ExcludedCallers,
}

/// Values that stay although a rule would mask them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedValues {
    /// Whole values.
    #[serde(default)]
    pub exact: Vec<String>,
    /// Regular expressions that match a whole value (RE2 syntax, linear time).
    #[serde(default)]
    pub regex: Vec<String>,
}

/// Callers for whom a rule does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExcludedCallers {
    /// Groups of which the caller must have one.
    #[serde(default)]
    pub groups: Vec<String>,
}
