//! Of which classes the bytes of a text are, 64 at a time: one bit for each byte, the lowest for the first.
//!
//! What a class is for is not known here; `Marks` are what a reader of JSON looks for, and `Signs` what masking does. Both are
//! told by whatever is the widest that a processor has: AVX-512, AVX2, or on every x86-64 SSE2, and byte by byte on others.
//! All say the same of every byte, which tests hold against each other.
//!
//! `plain` says what the classes are. `narrow` does without `unsafe`, and `wide`, with it, is all there is of it in this project.

#[cfg(target_arch = "x86_64")]
mod narrow;
mod plain;
#[cfg(target_arch = "x86_64")]
mod wide;
mod window;

pub use window::Window;

/// How many bytes are looked at together.
pub const BLOCK: usize = 64;

/// The bytes of a block at which a string of JSON ends or needs a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `"`.
    pub quotes: u64,
    /// `\`.
    pub backslashes: u64,
    /// Less than a space. Behind the end of a text all are.
    pub controls: u64,
}

/// The bytes of a block that belong to values, or with which one may begin. Behind the end of a text none is of any class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// `0` to `9`.
    pub digits: u64,
    /// Letters and digits of ASCII.
    pub words: u64,
    /// All of ASCII behind the asterisk but for [`Self::specials`]: what tokens consist of, and a few signs more.
    pub tokens: u64,
    /// `%`, `&`, `\`, all from the colon to `@`, and every byte that is not ASCII.
    pub specials: u64,
}

/// Classes that the bytes of blocks are told by.
pub trait Classes: Copy + Default + sealed::Look {
    /// What the next blocks of a text are, as far as there are blocks of it and room for them. Says how many there were.
    #[inline]
    fn of_blocks(text: &[u8], blocks: &mut [Self]) -> usize {
        let (whole, rest) = text.as_chunks::<BLOCK>();
        let count = whole.len().min(blocks.len());
        let (first, behind) = blocks.split_at_mut(count);
        if let Some(whole) = whole.get(..count).filter(|whole| !whole.is_empty()) {
            Self::look(whole, first);
        }
        match behind.first_mut() {
            Some(last) if !rest.is_empty() => {
                Self::look(&[padded(rest)], std::slice::from_mut(last));
                count + 1
            }
            Some(_) | None => count,
        }
    }

    /// What the first block of a text is, or what there is of it.
    #[inline]
    #[must_use]
    fn of(text: &[u8]) -> Self {
        let mut class = Self::default();
        match text.first_chunk() {
            Some(block) => Self::look(std::slice::from_ref(block), std::slice::from_mut(&mut class)),
            None => Self::look(&[padded(text)], std::slice::from_mut(&mut class)),
        }
        class
    }
}

/// A block that begins with these bytes, of which there are no more than it has.
#[must_use]
pub fn padded(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(bytes).for_each(|(place, &byte)| *place = byte);
    block
}

impl Classes for Marks {}
impl Classes for Signs {}

mod sealed {
    //! What nobody else needs to know of classes.

    /// How blocks are looked at.
    pub trait Look: Sized {
        /// What each block is, as far as there is room for it.
        fn look(blocks: &[[u8; super::BLOCK]], classes: &mut [Self]);
    }
}

/// Writes the bytes of a block whose bits are set to the beginning of `room`, and says how many those are. What is behind them
/// is no matter.
#[inline]
pub fn compact(block: &[u8; BLOCK], kept: u64, room: &mut [u8; BLOCK]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if wide::compact(block, kept, room) {
        return kept.count_ones() as usize;
    }
    plain::compact(block, kept, room);
    kept.count_ones() as usize
}

/// How a block is compacted.
type Compacting = fn(&[u8; BLOCK], u64, &mut [u8; BLOCK]);

/// How blocks of one sort of classes are looked at.
type Looking<C> = fn(&[[u8; BLOCK]], &mut [C]);

impl sealed::Look for Marks {
    #[inline]
    fn look(blocks: &[[u8; BLOCK]], classes: &mut [Self]) {
        #[cfg(target_arch = "x86_64")]
        {
            if !wide::marks(blocks, classes) {
                narrow::marks(blocks, classes);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        plain::marks(blocks, classes);
    }
}

impl sealed::Look for Signs {
    #[inline]
    fn look(blocks: &[[u8; BLOCK]], classes: &mut [Self]) {
        #[cfg(target_arch = "x86_64")]
        {
            if !wide::signs(blocks, classes) {
                narrow::signs(blocks, classes);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        plain::signs(blocks, classes);
    }
}

impl Signs {
    /// The first `length` bytes of `self`, and no others.
    #[inline]
    #[must_use]
    pub fn first(self, length: usize) -> Self {
        if length >= BLOCK {
            return self;
        }
        let kept = (1 << length) - 1;
        Self {
            digits: self.digits & kept,
            words: self.words & kept,
            tokens: self.tokens & kept,
            specials: self.specials & kept,
        }
    }

    /// `self` from the bit `offset` on, followed by `next`.
    #[inline]
    #[must_use]
    pub fn joined(self, next: Self, offset: usize) -> Self {
        if offset == 0 {
            return self;
        }
        let join = |one: u64, other: u64| one >> offset | other << (BLOCK - offset);
        Self {
            digits: join(self.digits, next.digits),
            words: join(self.words, next.words),
            tokens: join(self.tokens, next.tokens),
            specials: join(self.specials, next.specials),
        }
    }
}

/// Every way to look at blocks that this processor has, by name; `plain` is the first.
#[must_use]
pub fn ways() -> Vec<(&'static str, Looking<Marks>, Looking<Signs>)> {
    let mut ways: Vec<(&'static str, Looking<Marks>, Looking<Signs>)> =
        vec![("plain", plain::marks, plain::signs)];
    #[cfg(target_arch = "x86_64")]
    {
        ways.push(("sse2", narrow::marks, narrow::signs));
        ways.extend(wide::ways());
    }
    ways
}

/// Every way to compact a block that this processor has, likewise.
#[must_use]
pub fn ways_to_compact() -> Vec<(&'static str, Compacting)> {
    let mut ways: Vec<(&'static str, Compacting)> = vec![("plain", plain::compact)];
    #[cfg(target_arch = "x86_64")]
    ways.extend(wide::ways_to_compact());
    ways
}
