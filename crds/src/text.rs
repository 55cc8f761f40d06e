//! The formats of text fields: for each the pattern that the schema holds and what a person is told to write.
//!
//! The plan checks manifests by the generated schemas, and turns a pattern that does not match into the
//! advice that stands beside it here, so that no message ever says only "does not match".

/// The format of a text field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The regular expression that a whole value matches (syntax that Go and Rust read alike), if there is one.
    pub pattern: Option<&'static str>,
    /// The smallest length, in characters.
    pub minimum_length: u32,
    /// The largest length, in characters.
    pub maximum_length: u32,
    /// What to write, as a clause that follows "write".
    pub advice: &'static str,
}

impl Format {
    const fn new(pattern: &'static str, maximum_length: u32, advice: &'static str) -> Self {
        Self { pattern: Some(pattern), minimum_length: 1, maximum_length, advice }
    }

    const fn free(maximum_length: u32, advice: &'static str) -> Self {
        Self { pattern: None, minimum_length: 1, maximum_length, advice }
    }
}

/// What to write where a value does not match `pattern`, if the pattern is one of ours.
#[must_use]
pub fn advice_for(pattern: &str) -> Option<&'static str> {
    FORMATS.iter().find(|format| format.pattern == Some(pattern)).map(|format| format.advice)
}

/// Every format.
pub const FORMATS: [Format; 35] = [
    CPU,
    OBJECT_NAME,
    DATA_KEY,
    LABEL,
    HOSTNAME,
    ISSUER,
    AUDIENCE,
    CLAIM,
    URL,
    PATH,
    DURATION,
    SIZE,
    HEADER,
    HEADER_FORMAT,
    NAME_OF_CALLER,
    GLOB,
    JSON_PATH,
    VALUE,
    REGEX,
    PATTERN,
    NAME_OF_KIND,
    TERM,
    ENTROPY,
    KEYWORD,
    LABEL_KEY,
    LABEL_VALUE,
    NAME_OF_GROUP,
    NAME_OF_TOOL,
    SERVICE_ACCOUNT,
    DIGEST,
    ARGUMENTS,
    KUBERNETES_USERNAME,
    CONDITION,
    MESSAGE,
    DEFINITION_HASH,
];

/// The hash of a tool's definition.
pub const DEFINITION_HASH: Format =
    Format::new(r"^[0-9a-f]{64}$", 64, "64 hexadecimal digits in lower case, as lychgate pin prints them");

/// The name of a Kubernetes object (RFC 1123 subdomain).
pub const OBJECT_NAME: Format = Format::new(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    253,
    "the object's name: lower-case letters, digits, '-' and '.', such as billing-db",
);

/// A key in the data of a Secret or ConfigMap, which becomes the name of a file and so must not begin with a
/// dot.
pub const DATA_KEY: Format = Format::new(
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
    253,
    "a key of the object's data: letters, digits, '-', '_' and '.', not beginning with '.', such as token",
);

/// A short name (RFC 1123 label).
pub const LABEL: Format = Format::new(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    63,
    "a short name: lower-case letters, digits and '-', such as default",
);

/// A host, with or without a port.
pub const HOSTNAME: Format = Format::new(
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*(:[1-9][0-9]{0,4})?$",
    259,
    "a host name in lower case, with a port if it is not 443, such as mcp.example.com or mcp.example.com:8443",
);

/// The URL of an OpenID Connect issuer.
pub const ISSUER: Format = Format::new(
    r"^https?://[^?#]+$",
    512,
    "the issuer's URL as its tokens have it in iss, without query and fragment, such as https://idp.example.com",
);

/// A value of `aud` in a token.
pub const AUDIENCE: Format = Format::free(512, "a value that tokens have in aud");

/// The name of a claim, with dots between the members of nested objects.
pub const CLAIM: Format = Format::new(
    r"^[^.]+(\.[^.]+)*$",
    128,
    "a claim's name, with dots between the members of nested objects, such as email or realm_access.roles",
);

/// The URL of an MCP server.
pub const URL: Format = Format::new(
    r"^https?://[^/?#]+[^#]*$",
    2048,
    "the server's URL without a fragment, such as https://server.example.com/mcp",
);

/// The path of an URL (RFC 3986, section 3.3), without query.
pub const PATH: Format = Format::new(
    r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$",
    1024,
    "the path of the server's endpoint, beginning with '/' and without a query, such as /mcp",
);

/// A length of time. Six digits keep every value within what CEL's durations can hold.
pub const DURATION: Format = Format::new(
    r"^[1-9][0-9]{0,5}(ms|s|m|h|d)$",
    8,
    "a whole number and a unit of ms, s, m, h or d, such as 90s",
);

/// A size in bytes: the part of Kubernetes' quantities that makes sense for sizes of messages.
pub const SIZE: Format = Format::new(
    r"^[1-9][0-9]{0,9}(k|M|Ki|Mi)?$",
    12,
    "a number of bytes, with k, M, Ki or Mi if you like, such as 4Mi",
);

/// The name of an HTTP header (RFC 9110, section 5.1).
pub const HEADER: Format =
    Format::new(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", 128, "a header's name, such as Authorization or X-Api-Key");

/// The value of a header around a credential.
pub const HEADER_FORMAT: Format = Format::new(
    r"^[ -~]+$",
    256,
    "printable ASCII with {value} where the credential stands, such as \"Bearer {value}\"",
);

/// The name of a group or a user, as tokens have it.
pub const NAME_OF_CALLER: Format = Format::free(256, "the name as tokens have it");

/// A pattern over names, in which `*` stands for any run of characters.
pub const GLOB: Format = Format::free(256, "a name, with * for any run of characters, such as query*");

/// The place of a value in a JSON document (a subset of RFC 9535).
pub const JSON_PATH: Format = Format::new(r"^\$", 512, "a path from the root, such as $.rows[*].salary");

/// A value that is written out.
pub const VALUE: Format = Format::free(1024, "the whole value");

/// A regular expression (RE2 syntax).
pub const REGEX: Format = Format::free(512, "a regular expression that matches the whole value");

/// A regular expression (RE2 syntax) that is looked for in texts.
pub const PATTERN: Format = Format::free(512, r"a regular expression, such as E-\d{6}");

/// The name of a kind of values that a rule describes itself.
pub const NAME_OF_KIND: Format = Format::new(
    r"^[A-Za-z][-_A-Za-z0-9]*$",
    28,
    "letters, digits, '-' and '_', beginning with a letter, such as employee-no",
);

/// A word that is looked for.
pub const TERM: Format = Format::free(128, "a whole word or name, as it stands in texts");

/// How mixed characters are, in bits for each: no text has more than 8 where its bytes count.
pub const ENTROPY: Format = Format::new(
    r"^([1-7](\.[0-9])?|0\.[1-9]|8(\.0)?)$",
    3,
    "bits for each character, from 0.1 to 8, such as \"3.5\"",
);

/// A word that says what a value is.
pub const KEYWORD: Format = Format::new(
    r"^[-_ ]*[A-Za-z0-9][-_ A-Za-z0-9]*$",
    64,
    "letters of ASCII and digits, with ' ', '-' or '_' between, such as staff no",
);

/// The key of a label (Kubernetes API, labels and selectors).
pub const LABEL_KEY: Format = Format::new(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
    317,
    "a label's key, such as env or app.kubernetes.io/name",
);

/// The value of a label, which may be empty.
pub const LABEL_VALUE: Format = Format {
    pattern: Some(r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"),
    minimum_length: 0,
    maximum_length: 63,
    advice: "a label's value: letters, digits, '-', '_' and '.', such as prod",
};

/// The name of a group, as the API server has it.
pub const NAME_OF_GROUP: Format = Format::free(256, "the group's name as kubectl auth whoami shows it");

/// The name of a tool or prompt, or the URI of a resource.
pub const NAME_OF_TOOL: Format = Format::free(2048, "the tool's name");

/// The user name of a service account.
pub const SERVICE_ACCOUNT: Format = Format::new(
    r"^system:serviceaccount:[a-z0-9]([-a-z0-9]*[a-z0-9])?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    340,
    "a service account's user name, such as system:serviceaccount:ci:release",
);

/// The digest of a request for approval.
pub const DIGEST: Format =
    Format::new(r"^hmac-sha256:[0-9a-f]{64}$", 76, "hmac-sha256: and 64 hexadecimal digits");

/// An amount of CPU, in thousandths of a core or in cores. Kubernetes reads more than this, and writes each amount in
/// one of these forms.
pub const CPU: Format =
    Format::new(r"^([1-9][0-9]{0,4}m|[1-9][0-9]?)$", 6, "an amount of CPU such as 500m or 2");

/// A user name at the API server, made of claims.
pub const KUBERNETES_USERNAME: Format = Format::new(
    r"^[^{}]*(\{[^{}.]+(\.[^{}.]+)*\}[^{}]*)+$",
    256,
    "the API server's name of the caller, with claims in braces, such as oidc:{email}",
);

/// A condition in the Common Expression Language.
pub const CONDITION: Format =
    Format::free(2048, "a condition in CEL, such as connection.labels['env'] == 'prod'");

/// What an agent is told.
pub const MESSAGE: Format = Format::free(256, "what the agent is to know");

/// Arguments as JSON.
pub const ARGUMENTS: Format = Format::free(8192, "the arguments as JSON");

#[cfg(test)]
mod tests {
    use super::{FORMATS, advice_for};

    #[test]
    fn no_two_formats_share_a_pattern() {
        for format in FORMATS {
            if let Some(pattern) = format.pattern {
                assert_eq!(advice_for(pattern), Some(format.advice), "{pattern}");
            }
        }
    }
}
