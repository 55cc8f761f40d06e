//! The decoder of event streams, held against a second one that takes the whole text at once: however a stream is cut,
//! the events are the same; and what was encoded is decoded to what it was.

use bytes::Bytes;
use lychgate_gateway_mcp::sse::{Decoder, Ending, Event, SseError, encode};

use crate::readers::{Choices, two_parts};

type Read = (Vec<Event>, Result<Ending, SseError>);

/// A line of choices, and a stream.
pub(crate) fn run(data: &[u8]) {
    let (choices, stream) = two_parts(data);
    let limit = match Choices::new(choices).next() {
        small @ 1..=100 => usize::from(small),
        0 | 101.. => usize::MAX,
    };
    let whole = decode(stream, &mut Choices::new(&[]), limit);
    assert!(whole == decode(stream, &mut Choices::new(choices), limit), "cuts change nothing");
    assert!(whole == decode(stream, &mut Choices::new(&vec![1; stream.len()]), limit), "nor do many");
    if limit < usize::MAX {
        let longest = whole.0.iter().filter_map(|event| event.data.as_ref()).map(Bytes::len).max();
        assert!(longest.unwrap_or(0) <= limit, "no event is longer than the limit");
        return;
    }
    assert!(whole == by_the_book(stream), "both decoders read the same events");

    let mut encoded = Vec::new();
    for event in &whole.0 {
        encode(event, &mut encoded);
    }
    let (again, ending) = decode(&encoded, &mut Choices::new(choices), limit);
    assert!(again == whole.0 && ending == Ok(Ending::Clean), "encoded and decoded, events are the same");
}

/// The events of a stream, cut after as many bytes as each choice says; after a zero comes all that is left.
fn decode(stream: &[u8], cuts: &mut Choices<'_>, limit: usize) -> Read {
    let mut decoder = Decoder::new(limit);
    let mut events = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let length = match cuts.next() {
            0 => rest.len(),
            some => usize::from(some).min(rest.len()),
        };
        let (chunk, after) = rest.split_at(length);
        rest = after;
        match decoder.push(chunk) {
            Ok(more) => events.extend(more),
            Err(error) => return (events, Err(error)),
        }
    }
    (events, decoder.finish())
}

/// A decoder that needs the whole stream, written down from WHATWG HTML, section 9.2.6, and from what our own says of
/// comments and of blocks without data.
fn by_the_book(stream: &[u8]) -> Read {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    let mut position = 0;
    while let Some(byte) = stream.get(position) {
        position += 1;
        match byte {
            b'\r' if stream.get(position) == Some(&b'\n') => {
                position += 1;
                lines.push(Vec::new());
            }
            b'\r' | b'\n' => lines.push(Vec::new()),
            other => lines.last_mut().unwrap().push(*other),
        }
    }
    let unfinished = lines.pop().unwrap();
    let (mut events, mut block) = (Vec::new(), Event::default());
    for line in lines {
        if line.is_empty() {
            if block != Event::default() {
                events.push(std::mem::take(&mut block));
            }
        } else if let Some(comment) = line.strip_prefix(b":") {
            let comment = Some(text(comment.strip_prefix(b" ").unwrap_or(comment)));
            events.push(Event { comment, ..Event::default() });
        } else {
            take_field(&line, &mut block);
        }
    }
    let is_clean = block == Event::default() && (unfinished.is_empty() || unfinished.starts_with(b":"));
    (events, Ok(if is_clean { Ending::Clean } else { Ending::Incomplete }))
}

fn take_field(line: &[u8], block: &mut Event) {
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = line.split_at(colon.unwrap_or(line.len()));
    let value = value.strip_prefix(b":").unwrap_or(value);
    let value = value.strip_prefix(b" ").unwrap_or(value);
    match name {
        b"data" => {
            let before = block.data.take().map(|data| [&data[..], b"\n"].concat()).unwrap_or_default();
            block.data = Some(Bytes::from([&before[..], value].concat()));
        }
        b"event" => block.event = Some(text(value)),
        b"id" if !value.contains(&0) => block.id = Some(text(value)),
        b"retry" if value.iter().all(u8::is_ascii_digit) => {
            block.retry = text(value).parse().ok().or(block.retry);
        }
        _ => {}
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
