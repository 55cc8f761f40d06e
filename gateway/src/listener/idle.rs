//! Connections over which nothing is asked: how long each is kept open.
//!
//! Over HTTP/1.1 the server library closes them, once it knows that it is HTTP/1.1. Before that, and over HTTP/2, it
//! waits for ever, so that a client could hold a place with a few bytes, or with none.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::reply::{Broken, ReplyBody};

/// How long a client may take from the beginning of a connection to the end of the first request's head.
pub(super) const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// How long a connection stays open after the last answer.
pub(super) const NEXT_REQUEST: Duration = Duration::from_secs(60);

/// What is under way on one connection.
pub(super) struct Activity {
    next: Duration,
    state: Mutex<State>,
}

struct State {
    open: usize,
    until: Instant,
}

/// A request under way, to the last byte of its answer.
pub(super) struct Request(Arc<Activity>);

/// The body of an answer, with the request that it answers.
pub(super) struct Answer {
    body: ReplyBody,
    _request: Request,
}

/// A socket that fails when nothing was asked over it for too long.
pub(super) struct Patient<S> {
    stream: S,
    activity: Arc<Activity>,
    sleep: Pin<Box<Sleep>>,
}

impl Activity {
    /// Nothing was asked yet; `first` is for the first request, `next` for each that follows.
    pub(super) fn new(first: Duration, next: Duration) -> Arc<Self> {
        let state = State { open: 0, until: Instant::now() + first };
        Arc::new(Self { next, state: Mutex::new(state) })
    }

    /// A request begins.
    pub(super) fn begin(self: &Arc<Self>) -> Request {
        let mut state = self.lock();
        state.open = state.open.saturating_add(1);
        drop(state);
        Request(Arc::clone(self))
    }

    /// When patience ends; never while a request is under way.
    fn until(&self) -> Option<Instant> {
        let state = self.lock();
        (state.open == 0).then_some(state.until)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    /// The request is under way as long as there is something of its answer.
    pub(super) fn until_the_end_of(self, body: ReplyBody) -> Answer {
        Answer { body, _request: self }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open = state.open.saturating_sub(1);
        state.until = Instant::now() + self.0.next;
    }
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, sleep: Box::pin(tokio::time::sleep(Duration::ZERO)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            return Poll::Ready(read);
        }
        let Some(until) = self.activity.until() else { return Poll::Pending };
        if self.sleep.deadline() != until {
            self.sleep.as_mut().reset(until);
        }
        match self.sleep.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing was asked"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::{Activity, Patient};
    use std::io::ErrorKind;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::sleep;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_client_that_asks_nothing_is_left_whatever_it_sends() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Patient::new(server, Activity::new(SHORT * 10, LONG));
        let dribble = tokio::spawn(async move {
            while client.write_all(b"P").await.is_ok() {
                sleep(SHORT).await;
            }
        });
        let error = loop {
            if let Err(error) = server.read_u8().await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(server);
        dribble.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_stays_while_a_request_is_under_way_and_is_left_some_time_after_the_last() {
        let (_client, server) = tokio::io::duplex(64);
        let activity = Activity::new(SHORT, SHORT);
        let (first, second) = (activity.begin(), activity.begin());
        let mut server = Patient::new(server, Arc::clone(&activity));
        for under_way in [first, second] {
            tokio::select! {
                _ = server.read_u8() => panic!("it was closed"),
                () = sleep(SHORT * 10) => {}
            }
            drop(under_way);
        }
        assert_eq!(server.read_u8().await.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
