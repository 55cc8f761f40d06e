//! What may end a stream, or change it, whatever the server sends and the client takes.

use tokio::sync::watch;
use tokio::time::Instant;

/// What may end a stream, whatever the server sends and the client takes.
pub(super) enum Interruption {
    Deadline,
    Drained,
    Changed,
}

/// Waits for it.
pub(super) async fn interruption(
    changes: &mut watch::Receiver<()>,
    deadline: Instant,
    draining: Option<watch::Receiver<bool>>,
) -> Interruption {
    let changed = async {
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let drained = async {
        let is_told = match draining {
            Some(mut draining) => draining.wait_for(|draining| *draining).await.is_ok(),
            None => false,
        };
        if !is_told {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = changed => Interruption::Changed,
        () = tokio::time::sleep_until(deadline) => Interruption::Deadline,
        () = drained => Interruption::Drained,
    }
}
