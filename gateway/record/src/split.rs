//! Cuts a stream of bytes into lines, holding at most one line. It knows nothing of what lines say.

use std::borrow::Cow;

use crate::LINE_BYTES_MAXIMUM;

/// A piece of a segment that ended with a newline.
pub(crate) enum Piece<'a> {
    /// A line without its newline.
    Line(Cow<'a, [u8]>),
    /// A line longer than the maximum; its bytes were dropped.
    Oversized(u64),
}

/// The line that is not whole yet.
#[derive(Default)]
pub(crate) struct Splitter {
    begun: Vec<u8>,
    /// Bytes of the line, dropped ones included.
    bytes: u64,
}

impl Splitter {
    /// Takes the next whole line from the front of `chunk`. Nothing means that the chunk is used up
    /// and more bytes are needed.
    pub(crate) fn next_line<'a>(&mut self, chunk: &mut &'a [u8]) -> Option<Piece<'a>> {
        let rest = *chunk;
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            self.keep(rest);
            *chunk = &[];
            return None;
        };
        let (line, after) = rest.split_at_checked(end)?;
        *chunk = after.get(1..).unwrap_or_default();
        if self.bytes == 0 && line.len() <= LINE_BYTES_MAXIMUM {
            return Some(Piece::Line(Cow::Borrowed(line)));
        }
        self.keep(line);
        let bytes = std::mem::take(&mut self.bytes);
        let begun = std::mem::take(&mut self.begun);
        Some(if begun.len() as u64 == bytes {
            Piece::Line(Cow::Owned(begun))
        } else {
            Piece::Oversized(bytes)
        })
    }

    /// Ends the segment: how many bytes stand after its last newline.
    pub(crate) fn take_torn(&mut self) -> u64 {
        self.begun.clear();
        std::mem::take(&mut self.bytes)
    }

    fn keep(&mut self, part: &[u8]) {
        self.bytes = self.bytes.saturating_add(part.len() as u64);
        if self.bytes <= LINE_BYTES_MAXIMUM as u64 {
            self.begun.extend_from_slice(part);
        } else {
            self.begun = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<Result<Vec<u8>, u64>>, u64) {
        let (mut splitter, mut pieces) = (Splitter::default(), Vec::new());
        for mut chunk in chunks.iter().copied() {
            while let Some(piece) = splitter.next_line(&mut chunk) {
                pieces.push(match piece {
                    Piece::Line(line) => Ok(line.into_owned()),
                    Piece::Oversized(bytes) => Err(bytes),
                });
            }
        }
        (pieces, splitter.take_torn())
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_come() {
        let bytes = b"one\n\ntwo\nthree";
        let lines = vec![Ok(b"one".to_vec()), Ok(Vec::new()), Ok(b"two".to_vec())];
        assert_eq!(split(&[bytes]), (lines.clone(), 5));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(split(&single), (lines, 5));
    }

    #[test]
    fn an_oversized_line_is_counted_and_not_held() {
        let half = vec![b'x'; LINE_BYTES_MAXIMUM / 2 + 1];
        let (pieces, torn) = split(&[&half, &half, b"\nnext\n", &half, &half]);
        let bytes = half.len() as u64 * 2;
        assert_eq!(pieces, vec![Err(bytes), Ok(b"next".to_vec())]);
        assert_eq!(torn, bytes);
        let whole = [vec![b'x'; LINE_BYTES_MAXIMUM + 1], b"\n".to_vec()].concat();
        assert_eq!(split(&[&whole]).0, vec![Err(LINE_BYTES_MAXIMUM as u64 + 1)]);
    }
}
