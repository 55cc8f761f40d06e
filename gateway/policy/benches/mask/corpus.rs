//! Messages to be masked, made from a seed: answers of tools with rows, logs and prose, as servers send them.
//!
//! Nothing here is anybody's: words are made up, and values are the test values that their issuers publish.

use std::fmt::Write as _;

/// How often a text holds what a detector finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// Never.
    Clean,
    /// In one row of 64.
    Sparse,
    /// In every row, twice.
    Dense,
    /// Nothing but beginnings of values.
    Adversarial,
}

const WORDS: [&str; 32] = [
    "the",
    "invoice",
    "pending",
    "customer",
    "with",
    "region",
    "updated",
    "status",
    "report",
    "quarter",
    "for",
    "shipping",
    "address",
    "is",
    "not",
    "yet",
    "confirmed",
    "please",
    "review",
    "order",
    "total",
    "amount",
    "warehouse",
    "returned",
    "a",
    "delivery",
    "window",
    "between",
    "north",
    "and",
    "south",
    "team",
];

/// Values of kinds that every version of the detectors has known.
const VALUES: [&str; 8] = [
    "4111 1111 1111 1111",
    "ada.lovelace@example.com",
    "DE89 3704 0044 0532 0130 00",
    "123-45-6789",
    "+44 20 7946 0958",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "5555555555554444",
];

const BEGINNINGS: [&str; 12] = [
    "4111 1111 1111 111",
    "a@a@a.",
    "DE89 3704 0044 0532 0130 ",
    "123-45-",
    "+44 20 79",
    "AKIAIOSFODNN7EXAMP",
    "ghp_16C7e42F292c6912E7710c8383",
    "eyJhbGciOi.",
    "-----BEGIN ",
    "1.1.1.",
    "xoxb-12345-",
    "https://u:p",
];

/// A source of numbers (xorshift, Marsaglia 2003).
pub struct Numbers(u64);

impl Numbers {
    /// Always the same ones for a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The next one below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

/// An answer of `tools/call` of about so many bytes.
pub fn message(density: Density, bytes: usize, seed: u64) -> String {
    let mut numbers = Numbers::new(seed);
    let mut text = String::with_capacity(bytes + 1024);
    text.push_str(r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":""#);
    for _ in 0..40 {
        let _ = write!(text, "{} ", numbers.one_of(&WORDS));
    }
    text.push_str(r#""}],"structuredContent":{"rows":["#);
    for row in 0.. {
        push_row(&mut text, row, density, &mut numbers);
        if text.len() + 16 >= bytes {
            break;
        }
        text.push(',');
    }
    text.push_str("]}}}");
    text
}

fn push_row(text: &mut String, row: usize, density: Density, numbers: &mut Numbers) {
    let mut note = String::new();
    for word in 0..12 + numbers.below(12) {
        if word > 0 {
            note.push(' ');
        }
        note.push_str(numbers.one_of(&WORDS));
    }
    match density {
        Density::Clean => {}
        Density::Sparse if row % 64 == 7 => {
            let _ = write!(note, " {} ", numbers.one_of(&VALUES));
        }
        Density::Sparse => {}
        Density::Dense => {
            let _ = write!(note, " {}, {}.", numbers.one_of(&VALUES), numbers.one_of(&VALUES));
        }
        Density::Adversarial => {
            note = numbers.one_of(&BEGINNINGS).repeat(40);
        }
    }
    let _ = write!(
        text,
        concat!(
            r#"{{"id":"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}","order_number":{},"status":"{}","#,
            r#""created_at":"2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z","amount":{}.{:02},"#,
            r#""path":"/srv/{}/{}-v{}.{}.{}.json","note":"{}","ok":{}}}"#,
        ),
        numbers.below(1 << 32),
        numbers.below(1 << 16),
        numbers.below(1 << 12),
        numbers.below(1 << 12),
        numbers.below(1 << 48),
        10_000 + numbers.below(80_000),
        numbers.one_of(&["open", "closed", "waiting", "returned"]),
        1 + numbers.below(12),
        1 + numbers.below(28),
        numbers.below(24),
        numbers.below(60),
        numbers.below(60),
        numbers.below(1000),
        numbers.below(2000),
        numbers.below(100),
        numbers.one_of(&WORDS),
        numbers.one_of(&WORDS),
        numbers.below(9),
        numbers.below(20),
        numbers.below(9),
        note,
        numbers.below(2) == 0,
    );
}
