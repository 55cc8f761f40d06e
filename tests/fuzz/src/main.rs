//! A target under libFuzzer, the one that `LYCHGATE_FUZZ_TARGET` names. `soak` builds it with what tells libFuzzer which
//! code was reached; libFuzzer brings the `main` and its options.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use lychgate_tests_fuzz::{TARGETS, target};

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

/// The target that the environment names.
fn chosen() -> fn(&[u8]) {
    let name = std::env::var("LYCHGATE_FUZZ_TARGET").unwrap_or_default();
    let names = TARGETS.map(|target| target.name);
    #[allow(clippy::panic, reason = "libFuzzer has no other way to hear of it")]
    let Some(target) = target(&name) else { panic!("LYCHGATE_FUZZ_TARGET is one of {names:?}") };
    target.run
}

fuzz_target!(|data: &[u8]| RUN.get_or_init(chosen)(data));
