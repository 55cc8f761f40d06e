//! A receiver as it stands in the document, with what it takes to reach it.

use std::net::SocketAddr;

use lychgate_gateway_policy::config::{Notification, NotificationTemplate};
use lychgate_gateway_policy::destination::literal_address;
use lychgate_gateway_policy::notification::{parse_host, receiver, signing_key};
use url::Url;
use zeroize::Zeroizing;

use crate::outbound::{self, SharedClient};
use crate::values::Values;

/// A receiver of messages.
pub struct Receiver {
    /// What the document says of it.
    pub settings: Notification,
    /// What messages are sent with, or why none can be.
    pub client: Result<SharedClient, String>,
}

/// What a message is sent with, as the Secrets hold it at this moment.
pub(crate) struct Address {
    pub(crate) url: Url,
    pub(crate) key: Option<Zeroizing<Vec<u8>>>,
}

impl Receiver {
    /// Takes a receiver, and the client for it unless it is where the API server is.
    pub(crate) fn new(
        settings: Notification,
        api_server: Option<SocketAddr>,
        client: impl FnOnce(Option<SocketAddr>) -> Result<SharedClient, String>,
    ) -> Self {
        let host = parse_host(&settings.host);
        let is_its_port =
            |it: &SocketAddr| host.as_ref().is_ok_and(|host| host.port_or_known_default() == Some(it.port()));
        let refused = api_server.filter(is_its_port);
        let literal = host.as_ref().ok().and_then(literal_address);
        let is_api_server =
            literal.is_some_and(|address| outbound::is_same(address, refused.map(|refused| refused.ip())));
        let client = if is_api_server {
            Err("host: is the cluster's own API server, which no message goes to".to_owned())
        } else {
            client(refused)
        };
        Self { settings, client }
    }

    /// Reads where messages go, and what they are signed with.
    ///
    /// # Errors
    /// A sentence for the log, without any value.
    pub(crate) fn address(&self, values: &Values) -> Result<Address, String> {
        let Notification { host, url, signing_key: key, .. } = &self.settings;
        let read = |of: &lychgate_gateway_policy::config::SecretKey| {
            values.secret(of).map_err(|error| error.to_string())
        };
        let wrong = |of: &lychgate_gateway_policy::config::SecretKey, problem: String| {
            format!("key {} of Secret {} {problem}", of.key, of.secret)
        };
        let target = receiver(host, read(url)?.expose()).map_err(|problem| wrong(url, problem))?;
        let key = match key {
            Some(key) => Some(signing_key(read(key)?.expose()).map_err(|problem| wrong(key, problem))?),
            None if self.settings.template == NotificationTemplate::Json => {
                return Err("no signing key is named".to_owned());
            }
            None => None,
        };
        Ok(Address { url: target, key })
    }
}
