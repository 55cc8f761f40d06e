//! Ports to listen on.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::TcpListener;
use std::ops::Range;

/// As low as no well-known service of a test machine.
const LOWEST: u16 = 20_000;

/// Different free ports on 127.0.0.1. They are free now: another process may be faster, which is why a start is
/// tried again. Where possible they are not of the range from which the system gives out ports by itself, so that
/// none is given to a connection while the API server is away.
pub(crate) fn free<const COUNT: usize>() -> io::Result<[u16; COUNT]> {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let range = below_ephemeral(&setting);
    let mut listeners = Vec::with_capacity(COUNT);
    while listeners.len() < COUNT {
        listeners.push(listen_within(range.clone()).map_or_else(|| TcpListener::bind(("127.0.0.1", 0)), Ok)?);
    }
    let mut ports = [0; COUNT];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Of the setting `low high`, what lies below; empty where there is nothing.
fn below_ephemeral(setting: &str) -> Range<u16> {
    let low = setting.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(0);
    LOWEST..low
}

fn listen_within(range: Range<u16>) -> Option<TcpListener> {
    let size = u64::try_from(range.len()).ok().filter(|size| *size > 0)?;
    (0..100_u32).find_map(|attempt| {
        // The standard library has no random numbers, but every RandomState is another.
        let offset = RandomState::new().hash_one(attempt) % size;
        TcpListener::bind(("127.0.0.1", range.start + u16::try_from(offset).ok()?)).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_can_be_listened_on() {
        let [one, other] = free::<2>().unwrap();
        assert_ne!(one, other);
        TcpListener::bind(("127.0.0.1", one)).unwrap();
        TcpListener::bind(("127.0.0.1", other)).unwrap();
    }

    #[test]
    fn a_setting_that_leaves_nothing_gives_an_empty_range() {
        for setting in ["", "1024 65535", "nonsense"] {
            assert!(below_ephemeral(setting).is_empty(), "{setting}");
        }
        assert_eq!(below_ephemeral("32768\t60999\n"), 20_000..32_768);
    }
}
