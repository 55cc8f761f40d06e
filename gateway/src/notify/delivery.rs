//! Brings one message to its receiver: tries, tries again where that may help, and gives up in time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Lane;
use super::receiver::{Address, Receiver};
use super::signature::sign;
use crate::issuer::chain;
use crate::metrics::{Metrics, NotificationLabels};
use crate::outbound;
use crate::state::{Gateway, now_seconds};
use crate::watch::follow::spread;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The pause after the first attempt that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts, also for receivers that ask for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// When a message is given up.
const LONGEST_TIME: Duration = Duration::from_secs(10 * 60);

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Sent,
    /// There was no room for it.
    Dropped,
    /// The last attempt failed.
    Failed(Failure),
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made, or it broke.
    Unreachable,
    /// The receiver did not answer in time.
    TimedOut,
    /// It answered with 5xx.
    ReceiverError,
    /// It answered with 429.
    TooManyRequests,
    /// It answered with another 4xx.
    Refused,
    /// It answered with 3xx, which is not followed.
    Redirected,
    /// A Secret or the authorities that are named cannot be used.
    Unusable,
}

impl Failure {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "Unreachable",
            Self::TimedOut => "TimedOut",
            Self::ReceiverError => "ReceiverError",
            Self::TooManyRequests => "TooManyRequests",
            Self::Refused => "Refused",
            Self::Redirected => "Redirected",
            Self::Unusable => "Unusable",
        }
    }

    /// Whether the same message may get through later.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::ReceiverError
            | Self::TooManyRequests
            // Secrets come with the kubelet, in a minute or so.
            | Self::Unusable => true,
            Self::Refused | Self::Redirected => false,
        }
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "Sent",
            Self::Dropped => "Dropped",
            Self::Failed(failure) => failure.as_str(),
        }
    }
}

/// A message on its way.
pub(super) struct Delivery {
    /// Not held, since a gateway that ends waits for nobody who holds it.
    pub(super) gateway: Weak<Gateway>,
    /// The connection's name.
    pub(super) connection: String,
    /// Its namespace and name.
    pub(super) label: String,
    /// The receiver's name.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) body: Bytes,
    /// How long it is worth something; nothing if that does not end.
    pub(super) time: Option<Duration>,
    pub(super) draining: watch::Receiver<bool>,
    pub(super) lane: Arc<Lane>,
}

/// A failed attempt.
struct Fault {
    failure: Failure,
    /// How long the receiver asks to wait.
    after: Option<Duration>,
    cause: String,
}

impl Delivery {
    pub(super) async fn run(mut self) {
        let until = Instant::now() + self.time.map_or(LONGEST_TIME, |time| time.min(LONGEST_TIME));
        let mut pause = FIRST_PAUSE;
        let outcome = loop {
            let Some(attempted) = self.attempt().await else { return };
            let Fault { failure, after, cause } = match attempted {
                Ok(()) => break Outcome::Sent,
                Err(fault) => fault,
            };
            let next = Instant::now() + after.unwrap_or_default().max(spread(pause)).min(LONGEST_PAUSE);
            let goes_on = failure.may_pass() && next < until && !*self.draining.borrow();
            tracing::warn!(
                connection = self.label,
                notification = self.name,
                message = self.id,
                reason = failure.as_str(),
                cause,
                goes_on,
                "a message about a call that waits was not taken"
            );
            if !goes_on || !self.sleep(next).await {
                break Outcome::Failed(failure);
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        };
        if let Some(gateway) = self.gateway.upgrade() {
            count(&gateway.metrics, &self.label, &self.name, outcome);
        }
    }

    /// Waits, unless the gateway drains.
    async fn sleep(&mut self, until: Instant) -> bool {
        tokio::select! {
            () = tokio::time::sleep_until(until) => true,
            drained = self.draining.wait_for(|draining| *draining) => {
                // Also where nobody could tell any more.
                let _drained = drained.is_ok();
                false
            }
        }
    }

    /// Tries once, with the receiver as the document has it now; nothing if it has none of that name any more.
    async fn attempt(&self) -> Option<Result<(), Fault>> {
        let _turn = self.lane.sending.acquire().await.ok()?;
        let (receiver, address) = {
            let gateway = self.gateway.upgrade()?;
            let connection = gateway.configurations.connection(&self.connection).ok()?;
            let receiver =
                connection.receivers.iter().find(|receiver| receiver.settings.name == self.name)?;
            (Arc::clone(receiver), receiver.address(&gateway.values))
        };
        let address = match address {
            Ok(address) => address,
            Err(cause) => return Some(Err(Fault { failure: Failure::Unusable, after: None, cause })),
        };
        let sent = tokio::time::timeout(ATTEMPT, self.send(&receiver, &address)).await;
        Some(sent.unwrap_or_else(|_| {
            let cause = format!("no answer in {} s", ATTEMPT.as_secs());
            Err(Fault { failure: Failure::TimedOut, after: None, cause })
        }))
    }

    async fn send(&self, receiver: &Receiver, address: &Address) -> Result<(), Fault> {
        let unusable = |cause: String| Fault { failure: Failure::Unusable, after: None, cause };
        let client = receiver.client.as_ref().map_err(|cause| unusable(cause.clone()))?;
        let seconds = now_seconds();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(address.url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("lychgate-gateway/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", seconds);
        if let Some(key) = &address.key {
            request = request.header("webhook-signature", sign(key, &self.id, seconds, &self.body));
        }
        let request = request
            .body(Full::new(self.body.clone()))
            .map_err(|_| unusable("the URL cannot be asked for".to_owned()))?;
        outbound::check(request.uri()).map_err(unusable)?;
        // The answer's body is of no interest, and is never read.
        let answer = client.request(request).await.map_err(|error| Fault {
            failure: Failure::Unreachable,
            after: None,
            cause: chain(&error),
        })?;
        match judge(answer.status()) {
            None => Ok(()),
            Some(failure) => Err(Fault {
                failure,
                after: retry_after(answer.headers()),
                cause: answer.status().to_string(),
            }),
        }
    }
}

/// What an answer means; nothing if the message was taken.
fn judge(status: StatusCode) -> Option<Failure> {
    match status {
        status if status.is_success() => None,
        StatusCode::TOO_MANY_REQUESTS => Some(Failure::TooManyRequests),
        StatusCode::REQUEST_TIMEOUT => Some(Failure::TimedOut),
        status if status.is_redirection() => Some(Failure::Redirected),
        status if status.is_client_error() => Some(Failure::Refused),
        _ => Some(Failure::ReceiverError),
    }
}

/// How long a receiver asks to wait, in seconds (RFC 9110, section 10.2.3). A date is not taken up.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Counts what became of a message.
pub(super) fn count(metrics: &Metrics, connection: &str, notification: &str, outcome: Outcome) {
    let labels = NotificationLabels {
        connection: connection.to_owned(),
        notification: notification.to_owned(),
        outcome: outcome.as_str(),
    };
    metrics.notifications.get_or_create(&labels).inc();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Failure, judge, retry_after};
    use http::header::RETRY_AFTER;
    use http::{HeaderMap, StatusCode};
    use std::time::Duration;

    #[test]
    fn what_may_pass_later_is_tried_again_and_nothing_else() {
        for (status, expected, again) in [
            (200, None, false),
            (204, None, false),
            (301, Some(Failure::Redirected), false),
            (307, Some(Failure::Redirected), false),
            (400, Some(Failure::Refused), false),
            (404, Some(Failure::Refused), false),
            (408, Some(Failure::TimedOut), true),
            (410, Some(Failure::Refused), false),
            (429, Some(Failure::TooManyRequests), true),
            (500, Some(Failure::ReceiverError), true),
            (503, Some(Failure::ReceiverError), true),
            (101, Some(Failure::ReceiverError), true),
        ] {
            let judged = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(judged, expected, "{status}");
            assert_eq!(judged.is_some_and(Failure::may_pass), again, "{status}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_time_in_seconds() {
        for (value, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("-1", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
            ("99999999999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value}");
        }
    }
}
