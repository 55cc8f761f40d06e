//! Writing events.
//!
//! Whatever is in an event, it is written as one block that a reader takes for one event: a line
//! break in data begins a new data line, and elsewhere is left out.

use super::Event;

/// Appends `event` as one block to `output`; nothing if the event has no field.
///
/// A carriage return cannot be carried in data: it comes out as a line feed. Elsewhere line breaks
/// are left out, because they would end the line, and so is NUL from an id, because a reader would
/// ignore the id (WHATWG HTML section 9.2.6).
pub fn encode(event: &Event, output: &mut Vec<u8>) {
    let before = output.len();
    if let Some(comment) = &event.comment {
        output.push(b':');
        push_value(comment, output);
    }
    if let Some(id) = &event.id {
        output.extend_from_slice(b"id:");
        push_value(&id.replace('\0', ""), output);
    }
    if let Some(name) = &event.event {
        output.extend_from_slice(b"event:");
        push_value(name, output);
    }
    if let Some(retry) = event.retry {
        output.extend_from_slice(b"retry:");
        push_value(&retry.to_string(), output);
    }
    if let Some(data) = &event.data {
        push_data(data, output);
    }
    if output.len() > before {
        output.push(b'\n');
    }
}

/// The space keeps a space that the value begins with: a reader takes one away.
fn push_value(value: &str, output: &mut Vec<u8>) {
    if !value.is_empty() {
        output.push(b' ');
    }
    let is_line_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    output.extend(value.bytes().filter(|byte| !is_line_break(byte)));
    output.push(b'\n');
}

/// Appends more data to a block whose last line is one of data and has not ended.
pub fn continue_data(data: &[u8], output: &mut Vec<u8>) {
    for (number, line) in data.split(|byte| matches!(byte, b'\r' | b'\n')).enumerate() {
        if number > 0 {
            output.extend_from_slice(b"\ndata: ");
        }
        output.extend_from_slice(line);
    }
}

fn push_data(data: &[u8], output: &mut Vec<u8>) {
    let mut rest = data;
    loop {
        let end = memchr::memchr2(b'\r', b'\n', rest);
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        output.extend_from_slice(b"data: ");
        output.extend_from_slice(line);
        output.push(b'\n');
        if after.is_empty() {
            return;
        }
        let break_length = if after.starts_with(b"\r\n") { 2 } else { 1 };
        rest = after.get(break_length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn given_an_event_with_every_field_when_encoded_then_it_reads_as_the_standard_has_it() {
        let event = Event {
            id: Some("7".into()),
            event: Some("message".into()),
            data: Some(Bytes::from_static(b"{\r\n}\n")),
            retry: Some(500),
            comment: None,
        };
        let mut output = Vec::new();
        encode(&event, &mut output);
        let expected = b"id: 7\nevent: message\nretry: 500\ndata: {\ndata: }\ndata: \n\n";
        assert_eq!(output, expected);
    }

    #[test]
    fn given_an_id_that_readers_would_ignore_when_encoded_then_it_is_made_one_they_take() {
        let event = Event { id: Some("a\0\nb".into()), ..Event::default() };
        let mut output = Vec::new();
        encode(&event, &mut output);
        assert_eq!(output, b"id: ab\n\n");
    }

    #[test]
    fn given_no_field_when_encoded_then_nothing_is_written() {
        let mut output = Vec::new();
        encode(&Event::default(), &mut output);
        assert!(output.is_empty());
    }
}
