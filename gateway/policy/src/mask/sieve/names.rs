//! Names of members that have been there before, with what is known of them. Rows of a table have the same ones, and a name that
//! is remembered is not looked at again.

/// How many names are kept, as a power of two.
const PLACES: u32 = 6;
/// How many bytes of a name tell it from most others.
const WORD: usize = size_of::<u64>();

/// Names that have been there before and do not change.
pub(super) struct Names<'d>([Remembered<'d>; 1 << PLACES]);

/// A name, its first bytes, and whether it is telling. One without bytes is none: such are not kept.
#[derive(Clone, Copy, Default)]
struct Remembered<'d> {
    word: u64,
    name: &'d [u8],
    is_telling: bool,
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self([Remembered::default(); 1 << PLACES])
    }
}

impl<'d> Names<'d> {
    /// Whether a name is telling, if it has been there lately. It stands at `start` in `bytes`.
    #[inline]
    pub(super) fn get(&self, bytes: &[u8], start: usize, name: &[u8]) -> Option<bool> {
        let word = first_of(bytes, start, name);
        let own = self.0.get(place_of(word, name.len()))?;
        let is_same = own.word == word
            && own.name.len() == name.len()
            && !name.is_empty()
            && (name.len() <= WORD || own.name == name);
        is_same.then_some(own.is_telling)
    }

    pub(super) fn note(&mut self, bytes: &[u8], start: usize, name: &'d [u8], is_telling: bool) {
        let word = first_of(bytes, start, name);
        if let Some(own) = self.0.get_mut(place_of(word, name.len())) {
            *own = Remembered { word, name, is_telling };
        }
    }
}

/// The first bytes of a name as a number. As a rule more bytes follow it in the document, and are left out.
#[inline]
fn first_of(bytes: &[u8], start: usize, name: &[u8]) -> u64 {
    match bytes.get(start..).and_then(<[u8]>::first_chunk) {
        Some(first) if name.len() < WORD => u64::from_le_bytes(*first) & ((1 << (8 * name.len())) - 1),
        Some(first) => u64::from_le_bytes(*first),
        None => name.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// Where a name is kept.
#[inline]
fn place_of(word: u64, length: usize) -> usize {
    /// Spreads the bits of a word into its highest ones (Knuth, TAOCP 3, section 6.4).
    const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
    ((word ^ length as u64).wrapping_mul(SPREAD) >> (u64::BITS - PLACES)) as usize
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_name_is_known_again_and_no_other_is_taken_for_it() {
        let bytes = b"id name names telephone telephones i \0id ";
        let at = |start: usize, length: usize| bytes.get(start..start + length).unwrap_or_default();
        let mut names = Names::default();
        for (start, length, is_telling) in [(0, 2, false), (3, 4, true), (14, 9, true)] {
            names.note(bytes, start, at(start, length), is_telling);
        }
        let known = |start: usize, length: usize| names.get(bytes, start, at(start, length));
        assert_eq!([known(0, 2), known(3, 4), known(14, 9)], [Some(false), Some(true), Some(true)]);
        for (start, length) in [(8, 5), (24, 10), (35, 1), (37, 3), (0, 0), (0, 1)] {
            assert_eq!(known(start, length), None, "{:?}", at(start, length));
        }
        // The same name at the very end of a document.
        assert_eq!(names.get(b"id", 0, b"id"), Some(false));
    }
}
