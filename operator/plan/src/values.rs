//! Types that only legal values fit.
//!
//! Each has one door, `parse`, which answers `None` to everything illegal. What is wrong in detail has been
//! found before; here nothing passes that was overlooked.

use std::time::Duration;

use lychgate_crds::rule::API_SERVER_AUDIENCES;
use lychgate_crds::text::{self, Format};
use lychgate_crds::units;
use lychgate_gateway_policy::compile::{
    CONCURRENT_CALLS, MESSAGE_BYTES, REQUESTS_PER_MINUTE, check_format, check_header,
};
use lychgate_gateway_policy::destination;
use url::Url;

use crate::manifest::fits;

/// The name of a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(String);

/// The name of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Namespace(String);

/// A key in the data of a Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DataKey(String);

/// The name of a credential.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CredentialName(String);

/// A host, with or without a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hostname(String);

/// The name of a header that a credential may go into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderName(String);

/// The value of a header around a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderFormat(String);

/// The URL of an upstream that a gateway may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamUrl {
    written: String,
    url: Url,
}

/// How long something may take: more than nothing, and at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timeout(Duration);

/// The largest message, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageBytes(u64);

/// How many messages a caller may send in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestsPerMinute(u32);

/// How many calls of a caller may be with the server at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConcurrentCalls(u32);

/// The audience of a token that is made for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Audience(String);

/// How long a token is valid, as the API server allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenSeconds(i64);

/// How many pods serve a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Replicas(i32);

fn checked(format: &Format, text: &str) -> Option<String> {
    fits(format, text).then(|| text.to_owned())
}

impl Name {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        checked(&text::OBJECT_NAME, text).map(Self)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Namespace {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        checked(&text::LABEL, text).map(Self)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl DataKey {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        checked(&text::DATA_KEY, text).map(Self)
    }

    /// The key.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl CredentialName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        checked(&text::LABEL, text).map(Self)
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Hostname {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        checked(&text::HOSTNAME, text).map(Self)
    }

    /// The host, and its port if it has one.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The host alone.
    pub(crate) fn without_port(&self) -> &str {
        self.0.split(':').next().unwrap_or(&self.0)
    }
}

impl HeaderName {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let legal = fits(&text::HEADER, text) && check_header(text).is_ok();
        legal.then(|| Self(text.to_owned()))
    }

    /// The name as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl HeaderFormat {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let legal = fits(&text::HEADER_FORMAT, text) && check_format(text).is_ok();
        legal.then(|| Self(text.to_owned()))
    }

    /// The format as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl UpstreamUrl {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = destination::parse_upstream(text).ok()?;
        fits(&text::URL, text).then(|| Self { written: text.to_owned(), url })
    }

    /// The URL as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// The URL.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

impl Timeout {
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let duration = units::parse_duration(text)?;
        (!duration.is_zero() && duration <= Self::LONGEST).then_some(Self(duration))
    }

    /// The time in milliseconds.
    pub(crate) fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// The time in seconds, rounded up.
    pub(crate) fn seconds(self) -> i64 {
        i64::try_from(self.0.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)
    }
}

impl MessageBytes {
    pub(crate) fn parse(bytes: u64) -> Option<Self> {
        MESSAGE_BYTES.contains(&bytes).then_some(Self(bytes))
    }

    /// The number of bytes.
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

impl RequestsPerMinute {
    pub(crate) fn parse(requests: i32) -> Option<Self> {
        u32::try_from(requests).ok().filter(|requests| REQUESTS_PER_MINUTE.contains(requests)).map(Self)
    }

    /// The number.
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl ConcurrentCalls {
    pub(crate) fn parse(calls: i32) -> Option<Self> {
        u32::try_from(calls).ok().filter(|calls| CONCURRENT_CALLS.contains(calls)).map(Self)
    }

    /// The number.
    pub(crate) fn get(self) -> u32 {
        self.0
    }
}

impl Audience {
    /// None of the API server's own, with which the token would be good for the API server itself.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if is_of_the_api_server(text) { None } else { checked(&text::AUDIENCE, text).map(Self) }
    }

    /// The audience.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether API servers go by this audience, wherever they run. Which others one takes, it says itself.
pub(crate) fn is_of_the_api_server(audience: &str) -> bool {
    API_SERVER_AUDIENCES.contains(&audience)
}

impl TokenSeconds {
    pub(crate) fn parse(seconds: i64) -> Option<Self> {
        (600..=86_400).contains(&seconds).then_some(Self(seconds))
    }

    /// The number of seconds.
    pub(crate) fn get(self) -> i64 {
        self.0
    }
}

impl Replicas {
    pub(crate) fn parse(replicas: i32) -> Option<Self> {
        (1..=50).contains(&replicas).then_some(Self(replicas))
    }

    /// The number of pods.
    pub(crate) fn get(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ConcurrentCalls, DataKey, HeaderName, Name, Namespace, Replicas, RequestsPerMinute, Timeout,
        UpstreamUrl,
    };

    #[test]
    fn nothing_illegal_fits() {
        for name in ["", "A", "a_b", "-a", "a-", "a..b", "a/b", &"a".repeat(254), "a\n"] {
            assert!(Name::parse(name).is_none(), "{name:?}");
        }
        assert!(Name::parse(&"a".repeat(253)).is_some());
        assert!(Namespace::parse("a.b").is_none());
        for key in ["", ".", "..", "..data", ".hidden", "a/b", "a b"] {
            assert!(DataKey::parse(key).is_none(), "{key:?}");
        }
        for header in ["", "a b", "Host", "Mcp-Session-Id", "X\r\nY"] {
            assert!(HeaderName::parse(header).is_none(), "{header:?}");
        }
        assert!(UpstreamUrl::parse("http://169.254.169.254/").is_none());
        for timeout in ["0s", "2d", "25h", "", "5"] {
            assert!(Timeout::parse(timeout).is_none(), "{timeout:?}");
        }
        assert!(RequestsPerMinute::parse(0).is_none() && RequestsPerMinute::parse(1_000_001).is_none());
        assert!(ConcurrentCalls::parse(0).is_none() && ConcurrentCalls::parse(10_001).is_none());
        assert!(Replicas::parse(0).is_none() && Replicas::parse(51).is_none());
    }

    #[test]
    fn seconds_are_rounded_up() {
        assert_eq!(Timeout::parse("1500ms").map(Timeout::seconds), Some(2));
        assert_eq!(Timeout::parse("1d").map(Timeout::seconds), Some(86_400));
    }
}
