//! Server-sent events (WHATWG HTML, section 9.2), as a relay needs them.
//!
//! [`Decoder`] takes a stream in chunks of any size and gives the same events for every way of
//! cutting it. It departs from a browser's reading in two points, because what it reads is passed
//! on: blocks without data are events too (they set the id or the retry time), and a comment is an
//! event of its own, given as soon as its line ends, because it is what keeps a connection alive.
//! What the data means, and reconnecting, are not known here.

mod decode;
mod encode;

use std::fmt;

use bytes::Bytes;

pub use decode::{Decoder, Ending, SseError};
pub use encode::{continue_data, encode};

/// One event. The decoder gives either a comment alone, or at least one of the other fields.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The id to resume after; an empty one resets it.
    pub id: Option<String>,
    /// The type of the event; MCP uses `message`, which is also what none means.
    pub event: Option<String>,
    /// The data, its lines joined with line feeds: in MCP one JSON-RPC message, or empty.
    pub data: Option<Bytes>,
    /// How long to wait before reconnecting, in milliseconds.
    pub retry: Option<u64>,
    /// A comment line, without the colon and one space after it.
    pub comment: Option<String>,
}

impl Event {
    /// An event that carries a message and nothing else.
    #[must_use]
    pub fn message(data: Bytes) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// A comment, which keeps a connection alive and means nothing.
    #[must_use]
    pub fn keep_alive() -> Self {
        Self { comment: Some(String::new()), ..Self::default() }
    }
}

impl fmt::Debug for Event {
    /// Shows which fields there are and how long the data is, but not what may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Event")
            .field("id", &self.id.is_some())
            .field("event", &self.event)
            .field("data_bytes", &self.data.as_ref().map(Bytes::len))
            .field("retry", &self.retry)
            .field("comment", &self.comment.is_some())
            .finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All events of a stream cut after each of `cuts`, and how the stream ended.
    fn decode(stream: &[u8], cuts: &[usize], limit: usize) -> (Vec<Event>, Result<Ending, SseError>) {
        let mut decoder = Decoder::new(limit);
        let mut events = Vec::new();
        let mut rest = stream;
        for cut in cuts {
            let (chunk, after) = rest.split_at((*cut).min(rest.len()));
            rest = after;
            match decoder.push(chunk) {
                Ok(more) => events.extend(more),
                Err(error) => return (events, Err(error)),
            }
        }
        match decoder.push(rest) {
            Ok(more) => events.extend(more),
            Err(error) => return (events, Err(error)),
        }
        (events, decoder.finish())
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "(data|id|event|retry|other|)(:| :|: |:  |)[a-c0-9é]{0,6}",]
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let ending = prop_oneof![Just("\n"), Just("\r"), Just("\r\n")];
        let lines = prop::collection::vec((line(), ending), 0..12);
        (any::<bool>(), lines).prop_map(|(mark, lines)| {
            let mut text = String::from(if mark { "\u{FEFF}" } else { "" });
            for (line, ending) in lines {
                text.push_str(&line);
                text.push_str(ending);
            }
            text.into_bytes()
        })
    }

    fn event() -> impl Strategy<Value = Event> {
        let text = || prop::option::of("[^\r\n\0]{0,8}");
        let data = prop::option::of("[^\r]{0,20}").prop_map(|data| data.map(Bytes::from));
        let message = (text(), text(), data, prop::option::of(any::<u64>())).prop_filter_map(
            "an event has a field",
            |(id, event, data, retry)| {
                let comment = None;
                let event = Event { id, event, data, retry, comment };
                (event != Event::default()).then_some(event)
            },
        );
        let comment = "[^\r\n]{0,8}".prop_map(|comment| Event { comment: Some(comment), ..Event::default() });
        prop_oneof![message, comment]
    }

    /// The same, where what is there of data is taken after each chunk, and joined again.
    fn decode_taking(stream: &[u8], cuts: &[usize]) -> Vec<Event> {
        let mut decoder = Decoder::new(1000);
        let (mut events, mut rest, mut taken) = (Vec::new(), stream, Vec::new());
        for cut in cuts.iter().copied().chain([usize::MAX]) {
            let (chunk, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            for mut event in decoder.push(chunk).unwrap() {
                if let Some(data) = &event.data {
                    taken.extend_from_slice(data);
                    event.data = Some(Bytes::from(std::mem::take(&mut taken)));
                }
                events.push(event);
            }
            taken.extend(decoder.take_data().unwrap_or_default());
        }
        events
    }

    proptest! {
        #[test]
        fn given_data_that_is_taken_while_it_comes_when_joined_then_it_is_the_same(
            stream in stream(),
            cuts in prop::collection::vec(0_usize..8, 0..40),
        ) {
            let (whole, _) = decode(&stream, &[], 1000);
            prop_assert_eq!(decode_taking(&stream, &cuts), whole);
        }

        #[test]
        fn given_a_stream_when_cut_in_any_way_then_the_events_are_the_same(
            stream in stream(),
            cuts in prop::collection::vec(0..5_usize, 0..30),
            limit in prop_oneof![Just(8_usize), Just(1000)],
        ) {
            let whole = decode(&stream, &[], limit);
            let bytewise = decode(&stream, &vec![1; stream.len()], limit);
            let cut = decode(&stream, &cuts, limit);
            // A fault found behind complete events is reported by the next call, so that the
            // events before it are the same for every cut.
            prop_assert!(whole == bytewise && whole == cut);
        }

        #[test]
        fn given_events_when_encoded_then_decoding_gives_them_back(
            events in prop::collection::vec(event(), 0..6),
        ) {
            let mut stream = Vec::new();
            for event in &events {
                encode(event, &mut stream);
            }
            let (decoded, ending) = decode(&stream, &[], usize::MAX);
            prop_assert!(decoded == events, "{decoded:?} is not {events:?}");
            prop_assert_eq!(ending, Ok(Ending::Clean));
        }

        #[test]
        fn given_line_breaks_in_every_field_when_encoded_then_they_make_no_other_event_or_field(
            id in "[a\r\n\0:]{0,8}",
            name in "[a\r\n:]{0,8}",
        ) {
            let event = Event { id: Some(id), event: Some(name), ..Event::default() };
            let mut stream = Vec::new();
            encode(&event, &mut stream);
            let (decoded, _) = decode(&stream, &[], 1000);
            prop_assert_eq!(decoded.len(), 1);
            let only = decoded.first().unwrap();
            prop_assert!(only.data.is_none() && only.retry.is_none() && only.comment.is_none());
        }
    }
}
