//! One object, followed by its name for as long as the gateway lives.
//!
//! It is listed, and then watched from there. Whatever ends the watch, it is listed anew: a change is never missed,
//! and how a watch ended makes no difference. What was seen before stays meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Subject;
use super::api;
use super::object::{self, Event, Kind};
use super::standing::{Standings, Watched};
use crate::api_server::ApiServer;
use crate::live::Seen;
use crate::state::now_seconds;

/// The pause after the first attempt that failed; it doubles with each further one.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A watch that lasted for as long may simply end: the next attempt follows at once. One that was shorter failed.
pub(crate) const SHORTEST_WATCH: Duration = Duration::from_secs(5);
/// How long the API server may be silent. It sends a bookmark each minute or two; if it does not, listing anew
/// costs little.
pub(crate) const SILENCE: Duration = Duration::from_secs(180);

/// How it stands with one watch, to be noted.
struct Follower {
    subject: Subject,
    watched: Watched,
    standings: Arc<Standings>,
}

/// Follows an object and tells what is seen of it, until the task is dropped.
pub(super) async fn follow<K: Kind>(
    api: Arc<ApiServer>,
    subject: Subject,
    standings: Arc<Standings>,
    tell: impl Fn(Seen<K::Data>) + Send + Sync,
) {
    let watched = (K::NAME, subject.name.clone());
    let follower = Follower { subject, watched, standings };
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let problem = match follower.attempt::<K>(&api, &tell).await {
            Ended::Watch(end) if begun.elapsed() >= SHORTEST_WATCH => {
                tracing::debug!(kind = K::NAME, name = follower.subject.name, end, "watch begins anew");
                pause = FIRST_PAUSE;
                continue;
            }
            Ended::Watch(problem) | Ended::Question(problem) => problem,
        };
        follower.lost(&problem);
        tokio::time::sleep(spread(pause)).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// How an attempt ended, with a sentence for the log.
enum Ended {
    /// The object could not be listed, or not be watched.
    Question(String),
    /// The watch was there, and is at its end.
    Watch(String),
}

impl Follower {
    /// Lists and watches until that ends.
    async fn attempt<K: Kind>(&self, api: &ApiServer, tell: &(impl Fn(Seen<K::Data>) + Sync)) -> Ended {
        let listed = match api::list::<K>(api, &self.subject).await {
            Ok(listed) => listed,
            Err(problem) => return Ended::Question(problem),
        };
        tell(listed.seen);
        let mut lines = match api::watch::<K>(api, &self.subject, &listed.version).await {
            Ok(lines) => lines,
            Err(problem) => return Ended::Question(problem),
        };
        self.found();
        loop {
            let line = match tokio::time::timeout(SILENCE, lines.next()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return Ended::Watch("the API server has ended the watch".to_owned()),
                Ok(Err(problem)) => return Ended::Watch(problem),
                Err(_) => return Ended::Watch("the API server is silent".to_owned()),
            };
            match object::event::<K>(&self.subject, &line) {
                Ok(Event::Seen(seen)) => tell(seen),
                Ok(Event::Bookmark) => {}
                Err(problem) => return Ended::Watch(problem),
            }
            self.standings.hear(&self.watched, now_seconds());
        }
    }

    /// From now on what was seen last is the truth.
    fn found(&self) {
        self.standings.hear(&self.watched, now_seconds());
        let (kind, name) = &self.watched;
        if self.standings.find(&self.watched) {
            tracing::info!(kind, name, "watch in sync");
        }
    }

    fn lost(&self, error: &str) {
        let (kind, name) = &self.watched;
        if self.standings.lose(&self.watched, error) {
            let stays = "watch out of sync; what was seen last, or else is mounted, stays in use";
            tracing::warn!(kind, name, error, "{stays}");
        } else {
            tracing::debug!(kind, name, error, "watch still out of sync");
        }
    }
}

/// Half to the whole of a time, so that not all gateways come back at the same moment.
pub(crate) fn spread(whole: Duration) -> Duration {
    let mut random = [0];
    // Without randomness it is the whole.
    let part =
        aws_lc_rs::rand::fill(&mut random).map_or(u8::MAX, |()| random.first().copied().unwrap_or(u8::MAX));
    let half = whole / 2;
    half + half.mul_f64(f64::from(part) / f64::from(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::{FIRST_PAUSE, spread};

    #[test]
    fn a_spread_time_is_never_shorter_than_half_of_it_and_never_longer_than_it() {
        for _ in 0..1000 {
            let pause = spread(FIRST_PAUSE);
            assert!(pause >= FIRST_PAUSE / 2 && pause <= FIRST_PAUSE, "{pause:?}");
        }
    }
}
