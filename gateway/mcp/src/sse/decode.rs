//! Reading events from chunks.

use bytes::{Buf, Bytes, BytesMut};

use super::Event;

/// A byte order mark. One may begin a stream and is none of its first line (WHATWG HTML, section 9.2.5).
const MARK: &[u8] = b"\xEF\xBB\xBF";
/// What a line of data begins with.
const DATA: &[u8] = b"data:";

/// Reads a stream of events that arrives in chunks.
pub struct Decoder {
    max_event_bytes: usize,
    /// The line being read, without its end.
    line: BytesMut,
    /// The fields of the block being read; data apart, because it grows.
    fields: Event,
    data: Option<BytesMut>,
    /// Whether the line being read is the rest of data of which the beginning was taken.
    is_rest: bool,
    /// Whether the next byte begins the stream, where a byte order mark is allowed.
    is_first_line: bool,
    /// Whether the last byte was a carriage return, so that a line feed belongs to it.
    after_carriage_return: bool,
    /// A fault that is reported by the next call.
    fault: Option<SseError>,
}

/// Why a stream cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// An event, or a single line, is longer than the decoder was told to accept.
    #[error("an event has more than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// After a complete event, or with nothing but an incomplete comment.
    Clean,
    /// In the middle of an event, which is discarded (WHATWG HTML section 9.2.6).
    Incomplete,
}

impl Decoder {
    /// A decoder at the start of a stream. `max_event_bytes` bounds what it holds of one event: its
    /// fields so far, and the line being read.
    #[must_use]
    pub fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            line: BytesMut::new(),
            fields: Event::default(),
            data: None,
            is_rest: false,
            is_first_line: true,
            after_carriage_return: false,
            fault: None,
        }
    }

    /// Reads a chunk, and gives the events that it completes.
    ///
    /// # Errors
    /// If an event is too long. Events that were complete before that are given first, and the
    /// error by the next call; after an error the stream is over.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, SseError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut events = Vec::new();
        if let Err(fault) = self.read(chunk, &mut events) {
            self.fault = Some(fault);
            if events.is_empty() {
                return Err(fault);
            }
        }
        Ok(events)
    }

    /// The id and name that the event being read has so far.
    #[must_use]
    pub fn begun(&self) -> Event {
        self.fields.clone()
    }

    /// The data that is there of the event being read.
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        let mut copy = Self { data: self.data.clone(), line: self.line.clone(), ..Self::new(0) };
        copy.take_data().unwrap_or_default().into()
    }

    /// How many bytes of data are there of the event being read.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.data.as_ref().map_or(0, BytesMut::len) + self.line.len()
    }

    /// Takes the data that is there of the event being read, so that it is not held; the event then has the rest. Nothing,
    /// where there is none.
    pub fn take_data(&mut self) -> Option<Bytes> {
        let whole_lines = self.data.take();
        let has_lines = whole_lines.is_some();
        let mut data = whole_lines.unwrap_or_default();
        if !self.is_rest && self.line.starts_with(DATA) && self.line.len() > DATA.len() {
            (self.is_rest, self.is_first_line) = (true, false);
            self.line.advance(DATA.len());
            if self.line.starts_with(b" ") {
                self.line.advance(1);
            }
            if has_lines {
                data.extend_from_slice(b"\n");
            }
        } else if !self.is_rest {
            // The next line of data begins with a line feed.
            self.data = has_lines.then(BytesMut::new);
            return has_lines.then(|| data.freeze());
        }
        data.extend_from_slice(&std::mem::take(&mut self.line));
        Some(data.freeze())
    }

    /// Ends the stream, discarding an incomplete event, and says whether there was one.
    ///
    /// # Errors
    /// An error that [`Decoder::push`] had found and not yet given.
    pub fn finish(self) -> Result<Ending, SseError> {
        let line = match self.line.strip_prefix(MARK) {
            Some(line) if self.is_first_line => line,
            Some(_) | None => &self.line,
        };
        let is_between_events = line.is_empty() || line.starts_with(b":");
        match self.fault {
            Some(fault) => Err(fault),
            None if is_between_events && !self.has_fields() => Ok(Ending::Clean),
            None => Ok(Ending::Incomplete),
        }
    }

    fn read(&mut self, chunk: &[u8], events: &mut Vec<Event>) -> Result<(), SseError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_carriage_return) && rest.starts_with(b"\n") {
                rest.advance(1);
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', rest);
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            self.hold(part)?;
            rest = after;
            if let Some(byte) = after.first() {
                self.after_carriage_return = *byte == b'\r';
                rest.advance(1);
                events.extend(self.end_line());
            }
        }
        Ok(())
    }

    /// Keeps a part of a line, if that is not too much.
    fn hold(&mut self, part: &[u8]) -> Result<(), SseError> {
        let data = self.data.as_ref().map_or(0, BytesMut::len);
        let id = self.fields.id.as_ref().map_or(0, String::len);
        let name = self.fields.event.as_ref().map_or(0, String::len);
        if self.line.len() + part.len() + data + id + name > self.max_event_bytes {
            let limit = self.max_event_bytes;
            return Err(SseError::TooLong { limit });
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Takes in the line that has just ended; an empty one ends a block, a comment is an event.
    fn end_line(&mut self) -> Option<Event> {
        // Taken rather than split off, so that an idle stream keeps no memory of its longest line.
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_first_line) && line.starts_with(MARK) {
            line.advance(MARK.len());
        }
        if std::mem::take(&mut self.is_rest) {
            self.data = Some(line);
            return None;
        }
        if line.is_empty() {
            let is_event = self.has_fields();
            let mut event = std::mem::take(&mut self.fields);
            event.data = self.data.take().map(BytesMut::freeze);
            return is_event.then_some(event);
        }
        let colon = memchr::memchr(b':', &line);
        let name = line.split_to(colon.unwrap_or(line.len()));
        if line.starts_with(b":") {
            line.advance(1);
        }
        if line.starts_with(b" ") {
            line.advance(1);
        }
        self.field(&name, line)
    }

    /// Applies one field (WHATWG HTML section 9.2.6, "process the field").
    fn field(&mut self, name: &[u8], value: BytesMut) -> Option<Event> {
        match name {
            b"" => {
                return Some(Event { comment: Some(text(&value)), ..Event::default() });
            }
            b"data" => match &mut self.data {
                Some(data) => {
                    data.extend_from_slice(b"\n");
                    data.extend_from_slice(&value);
                }
                None => self.data = Some(value),
            },
            b"event" => self.fields.event = Some(text(&value)),
            b"id" if !value.contains(&b'\0') => self.fields.id = Some(text(&value)),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                // A number that is empty or over 64 bits is ignored, like one with other signs.
                self.fields.retry = text(&value).parse().ok().or(self.fields.retry);
            }
            _ => {}
        }
        None
    }

    fn has_fields(&self) -> bool {
        self.data.is_some() || self.fields != Event::default()
    }
}

impl std::fmt::Debug for Decoder {
    /// Counts only: what is being read may be secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("max_event_bytes", &self.max_event_bytes)
            .field("line_bytes", &self.line.len())
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// A stream is UTF-8, and what is not is replaced (WHATWG HTML section 9.2.6).
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn events(stream: &str) -> Vec<Event> {
        Decoder::new(1000).push(stream.as_bytes()).unwrap()
    }

    fn data(text: &'static str) -> Event {
        Event::message(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn given_lines_of_every_kind_when_read_then_fields_are_as_the_standard_says() {
        let cases = [
            ("data: a\n\n", vec![data("a")]),
            ("data:a\r\rdata:  b\r\n\r\n", vec![data("a"), data(" b")]),
            ("data: a\ndata\ndata: b\n\n", vec![data("a\n\nb")]),
            ("data\n\n", vec![data("")]),
            ("\u{FEFF}data: a\n\n", vec![data("a")]),
            ("\n\u{FEFF}data: a\n\n", vec![]),
            ("\n\n\n", vec![]),
            ("unknown: x\nDATA: a\n\n", vec![]),
            ("retry: 1x\nretry:\nid: a\0b\n\n", vec![]),
            ("retry: 99999999999999999999\n\n", vec![]),
            ("data: never ended\n", vec![]),
        ];
        for (stream, expected) in cases {
            assert!(events(stream) == expected, "{stream:?}");
        }
    }

    #[test]
    fn given_a_block_with_id_and_no_data_when_read_then_it_is_an_event() {
        let read = events("id: 1\nid: 2\nretry: 0500\nretry:\nevent: e\n\nid\n\n");
        let first =
            Event { id: Some("2".into()), event: Some("e".into()), retry: Some(500), ..Event::default() };
        let second = Event { id: Some(String::new()), ..Event::default() };
        assert_eq!(read, [first, second]);
    }

    #[test]
    fn given_a_comment_when_its_line_ends_then_it_is_given_at_once_even_inside_a_block() {
        let mut decoder = Decoder::new(1000);
        let comment = |text: &str| Event { comment: Some(text.into()), ..Event::default() };
        assert_eq!(decoder.push(b":\r").unwrap(), [comment("")]);
        assert_eq!(decoder.push(b"\ndata: a\n: x\n").unwrap(), [comment("x")]);
        assert_eq!(decoder.push(b"\n").unwrap(), [data("a")]);
    }

    #[test]
    fn given_a_stream_that_ends_inside_an_event_when_finished_then_that_is_reported() {
        let endings = [
            ("", Ending::Clean),
            ("data: a\n\n", Ending::Clean),
            ("data: a\n\n: unfinished", Ending::Clean),
            ("\u{FEFF}", Ending::Clean),
            ("\u{FEFF}: unfinished", Ending::Clean),
            ("\u{FEFF}\u{FEFF}", Ending::Incomplete),
            ("\n\u{FEFF}", Ending::Incomplete),
            ("\u{FEFF}data: a", Ending::Incomplete),
            ("data: a", Ending::Incomplete),
            ("data: a\n", Ending::Incomplete),
            ("id: a\r\n", Ending::Incomplete),
        ];
        for (stream, ending) in endings {
            let mut decoder = Decoder::new(1000);
            decoder.push(stream.as_bytes()).unwrap();
            assert_eq!(decoder.finish(), Ok(ending), "{stream:?}");
        }
    }

    #[test]
    fn given_an_event_over_the_limit_when_read_then_complete_events_come_before_the_error() {
        let mut decoder = Decoder::new(10);
        let too_long = Err(SseError::TooLong { limit: 10 });
        let read = decoder.push(b"data: a\n\ndata: bcdefgh\n\n");
        assert_eq!(read.unwrap(), [data("a")]);
        assert_eq!(decoder.push(b"data: c\n\n"), too_long);
        assert_eq!(decoder.finish(), Err(SseError::TooLong { limit: 10 }));
    }

    #[test]
    fn given_fields_that_are_short_alone_when_read_then_their_sum_is_bounded() {
        let too_long = Err(SseError::TooLong { limit: 100 });
        let fifty = "0123456789".repeat(5);
        let streams = [
            "data: 0123456789\n".repeat(10),
            format!("id: {fifty}\nevent: {fifty}\n\nevent: {fifty}\ndata: {fifty}\n"),
            format!("id: {fifty}\ndata: {fifty}\n"),
        ];
        for stream in streams {
            let mut decoder = Decoder::new(100);
            assert_eq!(decoder.push(stream.as_bytes()), too_long, "{stream}");
        }
    }
}
