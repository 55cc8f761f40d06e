//! One text of JSON that comes in parts: what of it is open, and where it may be cut.
//!
//! Only as much of the grammar is followed here as is needed to know where values end. Whether the text is JSON is said by
//! the parser, which reads every piece.

use std::collections::{HashMap, HashSet};

/// An array or object that is open.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// An object; otherwise an array.
    pub(super) is_object: bool,
    /// The name of the last member as it is spelled, with its quotes.
    pub(super) key: Vec<u8>,
    /// Whether a name is what comes next, if it comes.
    expects_name: bool,
    /// Whether a member is called `text`: then it may hold a part of a value that its neighbours have the rest of.
    has_text: bool,
    /// Whether the last item is a text, or has one.
    last_is_text: bool,
    /// Where the last member or item begins in what is pending, with the comma before it.
    pub(super) element: usize,
    /// Where it itself begins in what is pending, if it was opened there.
    start: Option<usize>,
    /// How many members are complete.
    members: usize,
}

/// What stands for an array or object that was open at the last cut.
#[derive(Debug, Default)]
pub(super) struct Anchor {
    pub(super) is_object: bool,
    /// The name of the member that is open in it, as it is spelled.
    pub(super) key: Vec<u8>,
    /// Members that say what the others are, as they are spelled.
    pub(super) before: Vec<u8>,
    /// How many they are.
    pub(super) before_count: usize,
    /// The names of the members that have been.
    pub(super) names: HashSet<u64>,
    /// The names of members that were masked, with how many of each have been.
    pub(super) masked: HashMap<String, u32>,
}

/// Where a level stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lex {
    Between,
    Text { start: usize, is_name: bool },
}

/// What was come upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Everything that has come was read.
    More,
    /// The text may be cut at [`Level::at`].
    Cut,
    /// A string is long; its content begins here.
    Long(usize),
    /// It is no JSON.
    Broken,
}

/// Whether a text may be cut at a place.
pub(super) trait Places {
    /// Whether between two members or items of the innermost of these.
    fn may_cut(&self, frames: &[Frame]) -> bool;
    /// Whether within a string there.
    fn may_open(&self, frames: &[Frame]) -> bool;
}

/// A text that comes in parts.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// It is cut once so many bytes have come, at the next place where it may be. A string of twice as many is looked at as
    /// a text of its own.
    piece: usize,
    /// What has come since the last cut.
    pub(super) pending: Vec<u8>,
    /// How far it was read.
    pub(super) at: usize,
    pub(super) frames: Vec<Frame>,
    /// What was open at the last cut.
    pub(super) anchors: Vec<Anchor>,
    /// How few were open since then.
    pub(super) lowest: usize,
    lex: Option<Lex>,
    has_root: bool,
    /// The string that begins here is not opened.
    closed_at: Option<usize>,
    /// The names of members of the outermost object that have come since the last cut.
    pub(super) outermost: Vec<Vec<u8>>,
}

impl Level {
    /// A value of which nothing has come.
    pub(super) fn of_value(piece: usize) -> Self {
        Self { piece, ..Self::default() }
    }

    /// An object of which the bracket has come.
    pub(super) fn of_object(piece: usize) -> Self {
        let frame = Frame { is_object: true, expects_name: true, ..Frame::default() };
        let anchor = Anchor { is_object: true, ..Anchor::default() };
        let (frames, anchors) = (vec![frame], vec![anchor]);
        Self { frames, anchors, lowest: 1, has_root: true, ..Self::of_value(piece) }
    }

    /// Reads on until there is something to say.
    pub(super) fn read(&mut self, places: &impl Places) -> Event {
        loop {
            match self.lex.unwrap_or(Lex::Between) {
                Lex::Text { start, is_name } => match self.text(start, is_name, places) {
                    Some(event) => return event,
                    None => continue,
                },
                Lex::Between => {}
            }
            let Some(byte) = self.pending.get(self.at).copied() else { return Event::More };
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b',' if self.at >= self.piece && self.is_cut(places) => return Event::Cut,
                _ if self.is_broken(byte) => return Event::Broken,
                _ => self.step(byte),
            }
        }
    }

    /// Whether the innermost may be cut here, behind what is complete.
    fn is_cut(&self, places: &impl Places) -> bool {
        let is_apart = self.frames.last().is_some_and(|frame| frame.is_object || !frame.last_is_text);
        is_apart && places.may_cut(&self.frames)
    }

    /// Whether a byte cannot stand here, as far as brackets say.
    fn is_broken(&self, byte: u8) -> bool {
        match (byte, self.frames.last()) {
            (b'}', last) => last.is_none_or(|frame| !frame.is_object),
            (b']', last) => last.is_none_or(|frame| frame.is_object),
            (_, None) => self.has_root || !matches!(byte, b'{' | b'['),
            (_, Some(_)) => false,
        }
    }

    fn step(&mut self, byte: u8) {
        let at = self.at;
        self.at += 1;
        match byte {
            b'{' | b'[' => {
                let is_object = byte == b'{';
                self.has_root = true;
                self.begin();
                let start = Some(at);
                self.frames.push(Frame {
                    is_object,
                    expects_name: is_object,
                    start,
                    element: at + 1,
                    ..Frame::default()
                });
            }
            b'}' | b']' => {
                let ended = self.frames.pop().unwrap_or_default();
                self.lowest = self.lowest.min(self.frames.len());
                self.end(ended.is_object && ended.has_text);
            }
            b'"' => {
                let is_name = self.frames.last().is_some_and(|frame| frame.is_object && frame.expects_name);
                self.lex = Some(Lex::Text { start: at, is_name });
            }
            b',' => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.expects_name = frame.is_object;
                    frame.members += 1;
                    frame.element = at;
                }
            }
            b':' => self.begin(),
            _ => self.end(false),
        }
    }

    /// A value begins in the innermost.
    fn begin(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.expects_name = false;
        }
    }

    /// A value has ended in the innermost.
    fn end(&mut self, is_text: bool) {
        if let Some(frame) = self.frames.last_mut() {
            frame.last_is_text = is_text;
        }
    }

    /// Reads on in a string, to its end if it has come.
    fn text(&mut self, start: usize, is_name: bool, places: &impl Places) -> Option<Event> {
        loop {
            let rest = self.pending.get(self.at.max(start + 1)..).unwrap_or_default();
            let from = self.pending.len() - rest.len();
            match memchr::memchr2(b'"', b'\\', rest) {
                None => {
                    self.at = self.pending.len();
                    break;
                }
                Some(offset) if rest.get(offset) == Some(&b'\\') => {
                    if offset + 1 >= rest.len() {
                        // What is escaped is still to come.
                        self.at = from + offset;
                        break;
                    }
                    self.at = from + offset + 2;
                }
                Some(offset) => {
                    self.at = from + offset + 1;
                    self.lex = Some(Lex::Between);
                    self.ended(start, is_name);
                    return None;
                }
            }
        }
        let is_long = self.at.saturating_sub(start) >= 2 * self.piece && !is_name;
        if is_long && self.closed_at != Some(start) && places.may_open(&self.frames) {
            return Some(Event::Long(start + 1));
        }
        Some(Event::More)
    }

    /// A string has ended.
    fn ended(&mut self, start: usize, is_name: bool) {
        let text = self.pending.get(start..self.at).unwrap_or_default();
        let is_outermost = self.frames.len() == 1;
        let Some(frame) = self.frames.last_mut() else { return };
        if is_name {
            frame.key.clear();
            frame.key.extend_from_slice(text);
            // However it is spelled.
            frame.has_text |= text == b"\"text\"" || text.contains(&b'\\');
            if is_outermost {
                self.outermost.push(text.to_vec());
            }
        } else {
            frame.last_is_text = true;
        }
    }

    /// The string whose content begins here stays whole.
    pub(super) fn close_text(&mut self, content: usize) {
        self.closed_at = content.checked_sub(1);
    }

    /// Goes on behind a string of which everything was taken; what follows it is `rest`.
    pub(super) fn leave_text(&mut self, rest: &[u8]) {
        self.pending.clear();
        self.pending.extend_from_slice(rest);
        (self.at, self.lex, self.closed_at) = (0, None, None);
        self.end(true);
    }

    /// Whether the text is one value that has ended.
    pub(super) fn is_whole(&self) -> bool {
        self.has_root && self.frames.is_empty() && self.lex.unwrap_or(Lex::Between) == Lex::Between
    }

    /// What is pending has gone, up to where it was read; `anchors` is what is open there.
    pub(super) fn cut(&mut self, anchors: Vec<Anchor>) {
        self.anchors = anchors;
        self.lowest = self.frames.len();
        let cut = self.at.min(self.pending.len());
        self.pending.drain(..cut);
        self.at = 0;
        self.outermost.clear();
        self.closed_at = None;
        for frame in &mut self.frames {
            (frame.start, frame.element) = (None, 0);
        }
    }

    /// The members of the innermost object before the one that is being read, as they are spelled, and how many they are;
    /// nothing if they have not all come since the last cut.
    pub(super) fn members_before(&self) -> Option<(&[u8], usize)> {
        let frame = self.frames.last()?;
        let members = self.pending.get(frame.start? + 1..frame.element)?;
        Some((members, frame.members))
    }
}
