//! The engine as it would be if time did not matter: each place of a text is looked at by itself. What the engine finds is
//! held against it.

use std::ops::Range;

use proptest::prelude::*;

use super::super::bytes::{
    at, before, is_joined_after, is_joined_before, is_unicode_escape_at, run_end, runs, without_escape,
};
use super::super::trigger::{LONGEST_WORD, Look, MAXIMUM_GROUPS, MINIMUM_RUN, Trigger};
use super::super::{ALL, Sample, triggers};
use super::chain::Chain;
use super::chain::MAXIMUM_GROUPS_BEHIND_PLUS;
use super::{Finder, Hit, Wanted, is_token};
use crate::config::DetectorType;
use crate::mask::scan::Cursor;

/// Looks for the values of one kind.
struct Search<'t> {
    sample: Sample<'t>,
    text: &'t [u8],
    found: Vec<Range<usize>>,
    free_from: usize,
    word_end: usize,
}

/// What stands at a place.
struct Here {
    position: usize,
    /// The end of the digits, and whether they are a group of their own or a part of a word.
    end: usize,
    is_number: bool,
    word: Option<Range<usize>>,
    run: Option<Range<usize>>,
}

/// The values of one kind in a text.
fn values(kind: DetectorType, sample: Sample<'_>) -> Vec<Range<usize>> {
    let text = sample.text.as_bytes();
    let mut search = Search { sample, text, found: Vec::new(), free_from: 0, word_end: 0 };
    for trigger in triggers(kind) {
        if let Trigger::Label(_, ask) = trigger
            && !sample.label.is_empty()
        {
            search.keep(ask(sample));
        }
    }
    for position in 0..text.len() {
        let here = search.at(position);
        triggers(kind).iter().for_each(|trigger| search.ask(trigger, &here));
    }
    for trigger in triggers(kind) {
        if let Trigger::Dashes(ask) = trigger
            && sample.text.contains("----")
        {
            let mut ranges = Vec::new();
            ask(sample, &mut ranges);
            ranges.into_iter().for_each(|range| search.keep(Some(range)));
        }
    }
    search.found
}

impl Search<'_> {
    fn keep(&mut self, range: Option<Range<usize>>) {
        if let Some(range) = range {
            self.free_from = range.end;
            self.found.push(range);
        }
    }

    fn at(&mut self, position: usize) -> Here {
        let end = run_end(self.text, position, |byte| byte.is_ascii_digit());
        let is_digits = is_digit_group(self.text, position) && position >= self.word_end;
        let is_word = is_joined_before(self.text, position) || is_joined_after(self.text, end);
        let word = (is_digits && is_word).then(|| word_of(self.text, position, end));
        self.word_end = word.as_ref().map_or(self.word_end, |word| word.end);
        Here { position, end, is_number: is_digits && !is_word, word, run: run_of(self.text, position) }
    }

    fn ask(&mut self, trigger: &Trigger, here: &Here) {
        let (sample, position) = (self.sample, here.position);
        let is_free = position >= self.free_from;
        let byte = at(self.text, position).unwrap();
        match trigger {
            Trigger::Number(shapes, ask) if here.is_number => {
                for shape in *shapes {
                    let follows = |byte| shape.followed_by.contains(&byte);
                    let fits = shape.digits.contains(&(here.end - position))
                        && (shape.followed_by.is_empty() || at(self.text, here.end).is_some_and(follows));
                    if fits && position >= self.free_from {
                        let mut chain = Chain::default();
                        self.keep(ask(sample, chain.of(self.text, position..here.end, MAXIMUM_GROUPS)));
                    }
                }
            }
            Trigger::Plus(ask) if here.is_number && is_free && before(self.text, position) == Some(b'+') => {
                let mut chain = Chain::default();
                let groups = chain.of(self.text, position..here.end, MAXIMUM_GROUPS_BEHIND_PLUS);
                self.keep(ask(sample, groups));
            }
            Trigger::Word(lengths, ask) => {
                if let Some(word) = here.word.as_ref().filter(|word| word.start >= self.free_from)
                    && lengths.iter().any(|lengths| lengths.contains(&word.len()))
                {
                    self.keep(ask(sample, word));
                }
            }
            Trigger::Run(_, ask) => {
                let mut ranges = Vec::new();
                here.run.iter().for_each(|run| ask(sample, run, &mut ranges));
                ranges.into_iter().for_each(|range| self.keep(Some(range)));
            }
            Trigger::Token(firsts, _, ask) => here.run.iter().for_each(|run| self.tokens(run, firsts, *ask)),
            Trigger::At(ask) if is_free && byte == b'@' => self.keep(ask(sample, position, self.free_from)),
            Trigger::Sign(signs, ask) if is_free && signs.contains(&byte) => {
                self.keep(ask(sample, position, self.free_from));
            }
            Trigger::Number(..)
            | Trigger::Plus(_)
            | Trigger::At(_)
            | Trigger::Sign(..)
            | Trigger::Label(..)
            | Trigger::Dashes(_) => {}
        }
    }

    fn tokens(&mut self, run: &Range<usize>, firsts: &[u8], ask: fn(Sample<'_>, usize) -> Look) {
        let inside = self.text.get(run.clone()).unwrap();
        for word in runs(inside, |byte| byte.is_ascii_alphanumeric()) {
            let place = run.start + word.start;
            if place >= self.free_from && firsts.contains(&at(self.text, place).unwrap()) {
                match ask(self.sample, place) {
                    Look::Value(range) => self.keep(Some(range)),
                    Look::Nothing => {}
                    Look::NothingBefore(place) => self.free_from = place,
                }
            }
        }
    }
}

/// Whether a group of digits begins at a place.
fn is_digit_group(text: &[u8], position: usize) -> bool {
    let is_escaped = |position: usize| {
        (2..6).any(|back| position.checked_sub(back).is_some_and(|start| is_unicode_escape_at(text, start)))
    };
    let is_digit = |position: usize| {
        at(text, position).is_some_and(|byte| byte.is_ascii_digit()) && !is_escaped(position)
    };
    is_digit(position) && !position.checked_sub(1).is_some_and(is_digit)
}

/// The word that the digits from `position` to `end` are in.
fn word_of(text: &[u8], position: usize, end: usize) -> Range<usize> {
    let head = text.get(..position).unwrap().iter().rev().take(LONGEST_WORD);
    let start = position - head.take_while(|byte| byte.is_ascii_alphanumeric()).count();
    without_escape(text, start..run_end(text, end, |byte| byte.is_ascii_alphanumeric()))
}

/// The run of tokens that begins at `position`, if it is long enough.
fn run_of(text: &[u8], position: usize) -> Option<Range<usize>> {
    let end = run_end(text, position, is_token);
    let begins = !before(text, position).is_some_and(is_token);
    (begins && end - position >= MINIMUM_RUN).then(|| without_escape(text, position..end))
}

const PIECES: [&str; 64] = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "3782-822463-10005",
    "ada@example.com",
    "+44 20 7946 0958",
    "(415) 555-0132",
    "123-45-6789",
    "123456789",
    "ssn ",
    "DE89 3704 0044 0532 0130 00",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJub25lIn0.e30.",
    "10.0.0.7",
    "2001:db8::1",
    "postgres://ada:hunter2@",
    "password=",
    "password: ",
    "sin ",
    "176123198",
    "born 1980-02-29",
    "2026-11-23T12:34:56.789Z",
    "2026-11-23T12:34",
    "2026-11-23",
    "12:34:56",
    "00:1A:2B:3C:4D:5E",
    "aa-bb-cc-0d-ee-ff",
    "550e8400-e29b-41d4-a716-446655440000",
    "11111111-2222-4333-8444-555555555555",
    "?sig=abcdefghijklmnopqrstuvwxyz0123456789%2BABCDEFGH",
    "abc8Q~a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5Pxyz",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "aws_secret_access_key = ",
    "sk-ant-abcdefghijklmnopqrst",
    "1HGCM82633A004352",
    "GB29NWBK60161331926819",
    "[REDACTED:Email]",
    "nhs 943 476 5919",
    "v1.2.3.4",
    "0x",
    "\\u0020",
    "\\n",
    "\\",
    "\"",
    "{",
    "[",
    ",",
    "=",
    ":",
    "@",
    "%",
    "~",
    "+",
    "-",
    "----",
    ".",
    "/",
    " ",
    "a",
    "F",
    "7",
    "\u{e9}",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(&PIECES[..]), 0..12).prop_map(|pieces| pieces.concat()),
        2 => "[0-9]{1,4}[ -./:T+]{0,1}[0-9A-Fa-f]{1,6}[ -./:T+]{0,1}([0-9A-Z]{1,5}[-. :]?){0,12}",
        1 => "[a-zA-Z0-9@=:%,;~+/._ -]{0,200}",
        1 => any::<String>(),
    ]
}

fn sorted(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.kind as usize, hit.range.start, hit.range.end));
    hits
}

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(3_000), failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_engine_finds_what_a_look_at_each_place_finds(
        text in text(),
        label in prop::sample::select(&["", "note", "password", "ssn", "date_of_birth", "passport"][..]),
        shift in 0..70_usize,
    ) {
        let sample = Sample::new(&text, label);
        let of = |kind| values(kind, sample).into_iter().map(move |range| Hit { kind, range });
        let expected = sorted(ALL.into_iter().flat_map(of).collect());
        let mut finder = Finder::default();
        let wanted = Wanted::of(ALL.into_iter());
        finder.find(sample, wanted);
        prop_assert_eq!(sorted(finder.hits().to_vec()), expected.as_slice());
        let long: Vec<_> = runs(text.as_bytes(), is_token).filter(|run| run.len() >= MINIMUM_RUN).collect();
        prop_assert_eq!(finder.runs(), long);
        let inside = format!("{}{text}4111111111111111", "x".repeat(shift));
        finder.find_at(sample, wanted, &mut Cursor::new(inside.as_bytes()), shift);
        prop_assert_eq!(sorted(finder.hits().to_vec()), expected);
    }
}
