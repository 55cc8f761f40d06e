//! Texts to mask, made from a seed: the same in every run. Everything here computes and does nothing else.

use serde_json::json;

use crate::outcome::{Fault, Outcome};

/// What texts hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Nothing to mask, and much that looks a little like it: times, UUIDs, hashes, versions.
    Clean,
    /// Something to mask in every fourth KiB.
    Sparse,
    /// Something to mask in every line.
    Dense,
    /// Beginnings of what would have to be masked, one after the other.
    Adversarial,
}

/// One of each kind that there is a detector for. Numbers are those that standards give as examples.
const SENSITIVE: [&str; 8] = [
    "card 4111 1111 1111 1111",
    "write to erin.wong@example.com",
    "account DE89 3704 0044 0532 0130 00",
    "ssn 219-09-9999",
    "call +44 20 7946 0958",
    "key AKIAIOSFODNN7EXAMPLE",
    "token ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "bot xoxb-2444333222111-2444333222111-abcdefghijklmnopqrstuvwx",
];

/// What begins like a sensitive value and goes on like another one.
const BEGINNINGS: [&str; 8] = [
    "411111111111111",
    "a.b@c@d.e@",
    "DE89 3704 ",
    "219-09-",
    "+44 20 79 ",
    "AKIAAKIA",
    "ghp_ghp_",
    "eyJhbGciOiJ.",
];

const WORDS: [&str; 16] = [
    "harbour", "bridge", "closed", "repair", "request", "latency", "the", "of", "station", "build", "queue",
    "worker", "retry", "finished", "north", "orchard",
];

impl Texts {
    pub(crate) const ALL: [Self; 4] = [Self::Clean, Self::Sparse, Self::Dense, Self::Adversarial];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Sparse => "sparse",
            Self::Dense => "dense",
            Self::Adversarial => "adversarial",
        }
    }

    /// A tool's result of about `bytes`, with a content for each `content_bytes`.
    pub(crate) fn message(self, bytes: usize, content_bytes: usize) -> Vec<u8> {
        let mut random = Random(0x1234_5678_9abc_def1);
        let mut contents = Vec::new();
        let mut length = 0;
        while length < bytes {
            let text = self.text(content_bytes, &mut random);
            length += text.len();
            contents.push(json!({"type": "text", "text": text}));
        }
        json!({"jsonrpc": "2.0", "id": 1, "result": {"content": contents}}).to_string().into_bytes()
    }

    fn text(self, bytes: usize, random: &mut Random) -> String {
        let mut text = String::with_capacity(bytes + 200);
        while text.len() < bytes {
            match self {
                Self::Clean => line(&mut text, random),
                Self::Sparse => {
                    line(&mut text, random);
                    if random.below(40) == 0 {
                        text.push_str(random.of(&SENSITIVE));
                        text.push('\n');
                    }
                }
                Self::Dense => {
                    text.push_str(random.of(&WORDS));
                    text.push(' ');
                    text.push_str(random.of(&SENSITIVE));
                    text.push_str(" and ");
                    text.push_str(random.of(&WORDS));
                    text.push('\n');
                }
                Self::Adversarial => {
                    let beginning = random.of(&BEGINNINGS);
                    text.extend(std::iter::repeat_n(beginning, 64));
                }
            }
        }
        text
    }

    /// Whether what was found in the texts is what is in them: a detector that is off would be fast.
    pub(crate) fn check(self, found: &[(String, u32)]) -> Outcome<()> {
        let is_right = match self {
            Self::Clean => found.is_empty(),
            Self::Sparse | Self::Dense => found.len() >= SENSITIVE.len(),
            Self::Adversarial => true,
        };
        if is_right { Ok(()) } else { Err(Fault(format!("in {} texts was found {found:?}", self.name()))) }
    }
}

/// A line as programs log it.
fn line(text: &mut String, random: &mut Random) {
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    text.push_str(&format!("2026-11-30T{hour:02}:{minute:02}:{second:02}.{:03}Z ", random.below(1000)));
    match random.below(4) {
        0 => text.push_str(&format!(
            "{:08x}-{:04x}-4{:03x} ",
            random.next() >> 32,
            random.below(65536),
            random.below(4096)
        )),
        1 => text.push_str(&format!("v{}.{}.{} ", random.below(9), random.below(40), random.below(99))),
        _ => text.push_str("info "),
    }
    for _ in 0..8 {
        text.push_str(random.of(&WORDS));
        text.push(' ');
    }
    text.push_str(&format!("{} ms\n", random.below(900)));
}

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{SENSITIVE, Texts};

    #[test]
    fn texts_are_the_same_each_time_and_about_as_long_as_they_should_be() {
        for texts in Texts::ALL {
            let message = texts.message(100_000, 4096);
            assert_eq!(message, texts.message(100_000, 4096));
            assert!((100_000..130_000).contains(&message.len()), "{texts:?}: {}", message.len());
        }
    }

    #[test]
    fn dense_texts_hold_every_kind_and_clean_ones_none() {
        let has = |texts: Texts, what: &str| {
            String::from_utf8(texts.message(100_000, 4096)).unwrap().contains(what)
        };
        for sensitive in SENSITIVE {
            assert!(has(Texts::Dense, sensitive) && !has(Texts::Clean, sensitive), "{sensitive}");
        }
    }
}
