//! The watches of a gateway on its own ConfigMap and on the Secrets that its documents name, so that a change
//! reaches the next call at once.
//!
//! They write into [`Live`], and nothing waits for them: without an API server everything works as the mounted files
//! say. Each object is listed and watched by its name, in a task of its own, which needs the right to do so with that
//! name and no other.

mod api;
pub(crate) mod follow;
mod object;
mod standing;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

pub use self::standing::{Standing, Standings, Watched};

use self::follow::follow;
use self::object::{ConfigMaps, Kind as _, Secrets};
use crate::api_server::{ApiServer, ApiSettings, ApiUrlError};
use crate::document;
use crate::live::{Live, Seen};
use crate::state::Gateway;

/// How many Secrets are watched; of further ones the mounted files count.
pub const MAXIMUM_SECRETS: usize = 256;

/// What is watched, and by which way.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// The ConfigMap with the gateway's documents.
    pub config_map: String,
    /// The way to the API server.
    pub api: ApiSettings,
}

/// One object of a kind.
#[derive(Clone, Debug)]
struct Subject {
    name: String,
}

/// The settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The ConfigMap's name is none.
    #[error(
        "--watch-config-map {0:?} is no name of a ConfigMap: write lower-case letters, digits, '-' and '.'"
    )]
    Name(String),
    /// The URL is not one to send a token to.
    #[error(transparent)]
    Url(#[from] ApiUrlError),
}

impl WatchSettings {
    /// Whether they can be used at all; whether the API server answers is another matter.
    ///
    /// # Errors
    /// See [`WatchError`].
    pub fn check(&self) -> Result<(), WatchError> {
        // The name becomes part of a field selector, in which a comma would begin another.
        let legal =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if self.config_map.is_empty() || !self.config_map.bytes().all(legal) {
            return Err(WatchError::Name(self.config_map.clone()));
        }
        Ok(self.api.check()?)
    }
}

/// Watches until it is dropped.
pub async fn run(settings: WatchSettings, gateway: Arc<Gateway>) {
    let mut changes = gateway.configurations.changes();
    let mut watches = Watches {
        api: Arc::new(ApiServer::new(settings.api.clone())),
        live: Arc::clone(gateway.values.live()),
        standings: Arc::clone(&gateway.watches),
        tasks: JoinSet::new(),
        secrets: HashMap::new(),
        over: false,
    };
    watches.begin_config_map(&settings.config_map);
    loop {
        watches.keep(&gateway.configurations.secrets());
        if changes.changed().await.is_err() {
            // There will be no change any more, and the watches go on.
            std::future::pending::<()>().await;
        }
    }
}

struct Watches {
    api: Arc<ApiServer>,
    live: Arc<Live>,
    standings: Arc<Standings>,
    /// All tasks; they end with it.
    tasks: JoinSet<()>,
    secrets: HashMap<String, AbortHandle>,
    /// Whether there are more Secrets than are watched.
    over: bool,
}

impl Watches {
    fn begin_config_map(&mut self, name: &str) {
        self.standings.begin(ConfigMaps::NAME, name);
        let live = Arc::clone(&self.live);
        let tell = move |seen| {
            let data = match seen {
                Seen::Present(data) => data,
                Seen::Absent => BTreeMap::new(),
            };
            live.see_documents(document::of_data(data));
        };
        let (api, standings) = (Arc::clone(&self.api), Arc::clone(&self.standings));
        self.tasks.spawn(follow::<ConfigMaps>(api, Subject { name: name.to_owned() }, standings, tell));
    }

    /// Watches the Secrets that are named, and no others.
    fn keep(&mut self, named: &BTreeSet<String>) {
        let (live, standings) = (Arc::clone(&self.live), Arc::clone(&self.standings));
        self.secrets.retain(|name, task| {
            let kept = named.contains(name);
            if !kept {
                task.abort();
                live.forget_secret(name);
                standings.end(Secrets::NAME, name);
            }
            kept
        });
        for name in named {
            if self.secrets.len() < MAXIMUM_SECRETS && !self.secrets.contains_key(name) {
                let task = self.begin_secret(name);
                self.secrets.insert(name.clone(), task);
            }
        }
        // What has ended is not kept.
        while self.tasks.try_join_next().is_some() {}
        let over = named.len() > MAXIMUM_SECRETS;
        if over && !self.over {
            let named = named.len();
            tracing::warn!(named, watched = MAXIMUM_SECRETS, "more Secrets are named than are watched");
        }
        self.over = over;
    }

    fn begin_secret(&mut self, name: &str) -> AbortHandle {
        self.live.admit_secret(name);
        self.standings.begin(Secrets::NAME, name);
        let (live, of) = (Arc::clone(&self.live), name.to_owned());
        let tell = move |seen| {
            let values = |data: BTreeMap<String, object::Bytes>| {
                data.into_iter().map(|(key, value)| (key, value.0)).collect()
            };
            let seen = match seen {
                Seen::Present(data) => Seen::Present(values(data)),
                Seen::Absent => Seen::Absent,
            };
            live.see_secret(&of, seen);
        };
        let (api, standings) = (Arc::clone(&self.api), Arc::clone(&self.standings));
        self.tasks.spawn(follow::<Secrets>(api, Subject { name: name.to_owned() }, standings, tell))
    }
}

#[cfg(test)]
mod tests {
    use super::{WatchError, WatchSettings};
    use crate::api_server::{ApiSettings, ApiUrlError};

    #[test]
    fn only_a_config_map_by_its_name_at_an_https_url_is_watched() {
        let check = |name: &str, url: &str| {
            let api = ApiSettings { kubernetes_dir: "/".into(), kubernetes_url: url.to_owned() };
            WatchSettings { config_map: name.to_owned(), api }.check()
        };
        let good = "https://10.96.0.1:443";
        for name in ["", "a,metadata.name!=b", "a=b", "A", "../a"] {
            assert_eq!(check(name, good), Err(WatchError::Name(name.to_owned())));
        }
        let plain = "http://10.96.0.1";
        assert_eq!(check("lychgate-db", plain), Err(ApiUrlError(plain.to_owned()).into()));
        assert_eq!(check("lychgate-db", good), Ok(()));
    }
}
