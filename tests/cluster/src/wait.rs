//! Waiting for what comes about by itself.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

const PAUSE: Duration = Duration::from_millis(50);

/// Tries again until an attempt succeeds. How long it may take says nothing about how long it should take.
///
/// # Panics
///
/// After `timeout`, with the reason that the last attempt gave.
pub async fn eventually<T>(
    what: &str,
    timeout: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + timeout;
    let mut last = "the first attempt did not come to an end".to_owned();
    loop {
        match timeout_at(end, attempt()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(reason)) => last = reason,
            Err(_elapsed) => {}
        }
        assert!(Instant::now() < end, "waited {timeout:?} in vain for {what}: {last}");
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "in vain for the moon: it is still dark")]
    async fn a_wait_in_vain_ends_with_the_last_reason() {
        eventually("the moon", Duration::from_millis(1), async || {
            Err::<(), _>("it is still dark".to_owned())
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "the first attempt did not come to an end")]
    async fn an_attempt_that_hangs_is_left() {
        eventually("the moon", Duration::from_millis(1), async || {
            std::future::pending::<Result<(), _>>().await
        })
        .await;
    }

    #[tokio::test]
    async fn a_later_attempt_may_succeed() {
        let mut attempts = 0;
        let found = eventually("the second attempt", Duration::from_secs(60), async || {
            attempts += 1;
            if attempts == 2 { Ok("found") } else { Err("not yet".to_owned()) }
        })
        .await;
        assert_eq!(found, "found");
    }
}
