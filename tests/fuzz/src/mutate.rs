//! Mutations of saved inputs, the same for the same seed: what every build runs in place of an engine.

/// Pieces that the readers care about.
const PIECES: [&str; 48] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    " ",
    "\u{feff}",
    "\u{202e}",
    "\\u0000",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\u006e",
    "null",
    "true",
    "0",
    "-0",
    "1e999",
    "9007199254740993",
    "1.0",
    "\"name\":",
    "\"uri\":",
    "\"arguments\":",
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"},",
    "\"id\":1,",
    "\"method\":\"tools/call\",",
    "data: ",
    "id: ",
    "retry: 1",
    "event: ",
    "=?base64?",
    "?=",
    "correct-horse-battery",
    "ada@example.com",
    "4111111111111111",
    "--",
    "/*",
    "*/",
    "';",
    "$$",
    " OR ",
    "args.x",
];

/// The longest mutation, in bytes.
const MAXIMUM_BYTES: usize = 8 * 1024;

/// A sequence of numbers that look random and are the same for the same seed (xorshift64*, Vigna 2014).
#[derive(Clone, Debug)]
pub struct Numbers {
    state: u64,
}

impl Numbers {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 }
    }

    /// The next number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(number).unwrap_or(usize::MAX) % bound.max(1)
    }

    /// One of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// One of `inputs` after a few changes.
///
/// # Panics
/// If there are no inputs.
#[must_use]
pub fn mutation(inputs: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut input = numbers.pick(inputs).clone();
    for _ in 0..=numbers.below(4) {
        change(&mut input, inputs, numbers);
    }
    input.truncate(MAXIMUM_BYTES);
    input
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], numbers: &mut Numbers) {
    let place = numbers.below(input.len() + 1);
    let end = (place + 1 + numbers.below(16)).min(input.len());
    match numbers.below(7) {
        0 if place < input.len() => input[place] ^= 1 << numbers.below(8),
        1 if place < input.len() => input[place] = u8::try_from(numbers.below(256)).unwrap_or(0),
        2 => drop(input.drain(place.min(end)..end)),
        3 => {
            let piece = numbers.pick(&PIECES).bytes();
            drop(input.splice(place..place, piece));
        }
        4 => {
            let piece = input[place.min(end)..end].to_vec();
            drop(input.splice(place..place, piece));
        }
        5 => {
            let other = numbers.pick(inputs);
            let from = numbers.below(other.len() + 1);
            drop(input.splice(place.., other[from..].iter().copied()));
        }
        _ => {
            let piece = numbers.pick(&PIECES).bytes();
            drop(input.splice(place.min(end)..end, piece));
        }
    }
}
