//! The namespaces that are to be looked at.
//!
//! A namespace that waits already is not queued twice: the scheduler behind this keeps one request for each,
//! so that the queue is as long as there are namespaces, whatever happens in them.

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc;

/// Hands namespaces to the controller.
#[derive(Clone)]
pub struct Queue(mpsc::UnboundedSender<String>);

impl Queue {
    /// A queue, and what comes out of it.
    pub fn new() -> (Self, impl Stream<Item = String>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        // The scheduler takes from it at once, and keeps each namespace once; nothing waits in here.
        let stream =
            unfold(
                receiver,
                |mut receiver| async move { receiver.recv().await.map(|next| (next, receiver)) },
            );
        (Self(sender), stream)
    }

    /// Asks for a namespace to be looked at.
    pub fn push(&self, namespace: &str) {
        // Nobody listens any more when the process is about to end.
        let _ending = self.0.send(namespace.to_owned());
    }
}
