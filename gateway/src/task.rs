//! Handles of tasks: what a client is given in the place of the server's own id.
//!
//! A handle seals the id and what made the task, for one caller on one connection. It is opened by any replica with
//! the same key, and nothing is stored. Clients compare handles, so the same task has the same one each time: the
//! cipher is AES-256-GCM-SIV with a constant nonce, which RFC 8452 (section 1) calls deterministic authenticated
//! encryption. It tells nothing but that two handles are equal. Each caller has a key of his own on each connection,
//! so no key seals more than one caller's tasks. When the gateway's key is replaced, a task gets another handle from then
//! on, and its old one opens while the old key is listed.
//!
//! A handle has no end of its own: the server says how long a task lives, and each use of it is decided anew.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate_gateway_mcp::headers::{MCP_NAME, encode_value};
use lychgate_gateway_policy::{Caller, Operation, Task};

use crate::session::binding;

/// The longest id that a server may give a task, in bytes.
const MAXIMUM_TASK_ID_BYTES: usize = 1024;
/// The longest handle, in bytes. With it a header holds one (`Mcp-Name`).
const MAXIMUM_HANDLE_BYTES: usize = 4 * 1024;

/// One caller's handles on one connection.
pub struct Handles(Vec<LessSafeKey>);

impl Handles {
    /// The handles of a caller, under the gateway's keys for tasks, of which the first seals and all open; `None` if a
    /// key cannot be made.
    #[must_use]
    pub fn of<'a>(
        keys: impl Iterator<Item = &'a hmac::Key>,
        connection: &str,
        caller: &Caller,
    ) -> Option<Self> {
        let bound = binding(connection, caller);
        let own = |key: &hmac::Key| {
            let own = hmac::sign(key, &bound);
            UnboundKey::new(&AES_256_GCM_SIV, own.as_ref()).ok().map(LessSafeKey::new)
        };
        keys.map(own).collect::<Option<_>>().map(Self)
    }

    /// The handle of a task; `None` if its id, or the handle, would be too long.
    #[must_use]
    pub fn seal(&self, task: &Task) -> Option<String> {
        if task.id.len() > MAXIMUM_TASK_ID_BYTES {
            return None;
        }
        let mut sealed = serde_json::to_vec(task).ok()?;
        self.0.first()?.seal_in_place_append_tag(nonce(), Aad::empty(), &mut sealed).ok()?;
        let handle = URL_SAFE_NO_PAD.encode(sealed);
        (handle.len() <= MAXIMUM_HANDLE_BYTES).then_some(handle)
    }

    /// The task that a handle holds; `None` if it is not one that was sealed with one of these keys.
    #[must_use]
    pub fn open(&self, handle: &str) -> Option<Task> {
        if handle.len() > MAXIMUM_HANDLE_BYTES {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(handle).ok()?;
        self.0.iter().find_map(|key| {
            let mut sealed = sealed.clone();
            let opened = key.open_in_place(nonce(), Aad::empty(), &mut sealed).ok()?;
            serde_json::from_slice(opened).ok()
        })
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// Puts the server's id into the header that repeats it (SEP-2663, Streamable HTTP: Routing Headers).
pub fn repeat_id(operation: &Operation, headers: &mut HeaderMap) {
    if let Operation::Task { task } = operation
        && headers.contains_key(MCP_NAME)
        && let Ok(id) = HeaderValue::from_str(&encode_value(&task.id))
    {
        headers.insert(HeaderName::from_static(MCP_NAME), id);
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::{Handles, repeat_id};
    use aws_lc_rs::hmac;
    use http::HeaderMap;
    use lychgate_gateway_policy::{Caller, Maker, Operation, Restored, Task};
    use proptest::prelude::*;

    fn handles(key: u8, connection: &str, username: &str) -> Handles {
        under(&[key], connection, username)
    }

    fn under(keys: &[u8], connection: &str, username: &str) -> Handles {
        let keys: Vec<_> = keys.iter().map(|key| hmac::Key::new(hmac::HMAC_SHA256, &[*key; 32])).collect();
        let caller = Caller {
            issuer: "https://idp".into(),
            subject: username.into(),
            username: username.into(),
            groups: vec![],
            kubernetes_usernames: vec![],
            anonymous: false,
        };
        Handles::of(keys.iter(), connection, &caller).unwrap()
    }

    fn task(id: &str) -> Task {
        Task {
            id: id.into(),
            maker: Maker::Tool("query".into()),
            credential: None,
            restored: Restored::default(),
        }
    }

    #[test]
    fn a_handle_opens_for_its_caller_on_its_connection_and_for_nobody_else() {
        let alice = handles(1, "agents/db", "alice");
        let handle = alice.seal(&task("up-1")).unwrap();
        assert_eq!(alice.open(&handle), Some(task("up-1")));
        for (what, opened) in [
            ("another caller", handles(1, "agents/db", "bob").open(&handle)),
            ("another connection", handles(1, "agents/other", "alice").open(&handle)),
            ("another key", handles(2, "agents/db", "alice").open(&handle)),
            ("cut", alice.open(&handle[..handle.len() - 2])),
            ("empty", alice.open("")),
            ("the server's own id", alice.open("up-1")),
            ("huge", alice.open(&"A".repeat(8192))),
        ] {
            assert_eq!(opened, None, "{what}");
        }
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_opens_while_it_is_listed() {
        let (old, new) = (handles(1, "agents/db", "alice"), handles(2, "agents/db", "alice"));
        let both = under(&[2, 1], "agents/db", "alice");
        let handle = old.seal(&task("up-1")).unwrap();
        assert_eq!(both.open(&handle), Some(task("up-1")));
        assert_eq!(both.seal(&task("up-1")), new.seal(&task("up-1")));
        assert_eq!(new.open(&handle), None, "once the old key is gone");
        assert_eq!(under(&[2, 1], "agents/db", "bob").open(&handle), None);
    }

    #[test]
    fn any_changed_character_makes_a_handle_worthless() {
        let alice = handles(1, "agents/db", "alice");
        let handle = alice.seal(&task("up-1")).unwrap();
        for index in 0..handle.len() {
            let mut changed = handle.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(alice.open(std::str::from_utf8(&changed).unwrap()), None, "at {index}");
        }
    }

    #[test]
    fn what_is_too_long_gets_no_handle() {
        let alice = handles(1, "agents/db", "alice");
        assert!(alice.seal(&task(&"x".repeat(1024))).is_some());
        assert_eq!(alice.seal(&task(&"x".repeat(1025))), None);
        let long = Task { maker: Maker::Resource("x".repeat(4096)), ..task("t") };
        assert_eq!(alice.seal(&long), None);
    }

    #[test]
    fn the_header_repeats_what_the_body_says() {
        let operation = Operation::Task { task: task("grüße") };
        let mut headers = HeaderMap::new();
        repeat_id(&operation, &mut headers);
        assert!(headers.is_empty(), "what was not sent is not added");
        headers.insert("mcp-name", "a-handle".parse().unwrap());
        repeat_id(&Operation::UnknownTask { is_declared: true }, &mut headers);
        assert_eq!(headers["mcp-name"], "a-handle");
        repeat_id(&operation, &mut headers);
        assert_eq!(headers["mcp-name"], "=?base64?Z3LDvMOfZQ==?=");
    }

    proptest! {
        #[test]
        fn a_task_has_one_handle_and_no_other_task_has_it(id in ".{0,64}", other in ".{0,64}", tool in ".{0,16}") {
            let (alice, task) = (handles(1, "agents/db", "alice"), task(&id));
            let handle = alice.seal(&task).unwrap();
            prop_assert_eq!(&alice.seal(&task).unwrap(), &handle);
            prop_assert_eq!(alice.open(&handle), Some(task.clone()));
            let by_another = Task { maker: Maker::Tool(format!("{tool}!")), ..task.clone() };
            prop_assert_ne!(&alice.seal(&by_another).unwrap(), &handle);
            let with_another = Task { credential: Some("c".into()), ..task.clone() };
            prop_assert_ne!(&alice.seal(&with_another).unwrap(), &handle);
            if other != id {
                prop_assert_ne!(alice.seal(&Task { id: other, ..task }).unwrap(), handle);
            }
        }
    }
}
