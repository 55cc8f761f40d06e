//! Characters that people do not see: whoever hides an instruction for a model from those who review it uses them.
//!
//! Flagged is what Unicode calls default-ignorable (Unicode 17, section 5.21), what changes the direction of text
//! (UAX #9), and control characters, which a terminal obeys. Some of these have a place in honest text, and are not
//! flagged there: joiners in emoji and in scripts that need them, variation selectors behind what has variants, marks
//! of direction beside letters that are written from right to left, zero-width spaces between words of scripts that
//! have no spaces, tags in the flags of England, Scotland and Wales.

mod scripts;

use std::fmt;

use self::scripts::{
    has_variants, is_emoji, is_ideograph, is_indic, is_joining, is_mongolian, is_of_keycap, is_right_to_left,
    is_spaceless, is_virama,
};

/// How far a mark of direction may be from a letter that is written from right to left, in characters.
const MAXIMUM_DISTANCE: usize = 3;
/// The tags behind a black flag that make the flags of England, Scotland and Wales (UTS #51, annex C.1).
const FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];
/// Added to an ASCII character, this is its tag.
const TAGS: u32 = 0xE_0000;

/// A place with hidden characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Where in the item, such as `inputSchema.properties.sql.description`; safe to show. Empty for the text itself.
    pub place: String,
    /// The first of them.
    pub first: char,
    /// Which character of the text it is, from 1.
    pub position: usize,
    /// How many there are in the text.
    pub count: usize,
}

impl fmt::Display for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(formatter, "{}: ", self.place)?;
        }
        write!(formatter, "U+{:04X} at character {}", u32::from(self.first), self.position)?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(formatter, " and {} more", count - 1),
        }
    }
}

/// The hidden characters of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    first: char,
    position: usize,
    count: usize,
}

impl Run {
    /// These characters at a place.
    #[must_use]
    pub fn at(self, place: &str) -> Hidden {
        let Self { first, position, count } = self;
        Hidden { place: place.to_owned(), first, position, count }
    }
}

/// The hidden characters of a text, if it has any.
#[must_use]
pub fn find(text: &str) -> Option<Run> {
    // Most texts have nothing but plain ASCII.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return None;
    }
    let characters: Vec<char> = text.chars().collect();
    let mut run: Option<Run> = None;
    let mut index = 0;
    while let Some(character) = characters.get(index) {
        let flag = flag_tags(&characters, index);
        if flag == 0 && is_flagged(*character) && !is_in_place(&characters, index, *character) {
            let found = run.get_or_insert(Run { first: *character, position: index + 1, count: 0 });
            found.count += 1;
        }
        index += 1 + flag;
    }
    run
}

/// How many tags follow the black flag at `index` and make a flag that exists with it.
fn flag_tags(characters: &[char], index: usize) -> usize {
    if characters.get(index) != Some(&'\u{1f3f4}') {
        return 0;
    }
    let tags = |name: &str| {
        let tags: Option<Vec<char>> = name
            .bytes()
            .map(|byte| char::from_u32(TAGS + u32::from(byte)))
            .chain([Some('\u{e007f}')])
            .collect();
        tags.unwrap_or_default()
    };
    let rest = characters.get(index + 1..).unwrap_or_default();
    let flag = FLAGS.iter().map(|name| tags(name)).find(|tags| rest.starts_with(tags));
    flag.map_or(0, |tags| tags.len())
}

/// Whether a character is one that people do not see, or that turns others round.
fn is_flagged(character: char) -> bool {
    match character {
        '\n' | '\r' | '\t' => false,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' => true,
        '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control(),
    }
}

/// Whether a character that is flagged elsewhere belongs where it stands. Never beside another of its kind, so that
/// no row of them is.
fn is_in_place(characters: &[char], index: usize, character: char) -> bool {
    let before = index.checked_sub(1).and_then(|index| characters.get(index)).copied();
    let after = characters.get(index + 1).copied();
    let either = |is: fn(char) -> bool| before.is_some_and(is) || after.is_some_and(is);
    let both = |is: fn(char) -> bool| before.is_some_and(is) && after.is_some_and(is);
    match character {
        // Between words of scripts without spaces.
        '\u{200b}' => both(is_spaceless),
        // Zero width non-joiner: between Arabic or Mongolian letters, and behind an Indic virama.
        '\u{200c}' => both(is_joining) || (before.is_some_and(is_virama) && after.is_some_and(is_indic)),
        // Zero width joiner: between emoji, beside Arabic letters, and in Indic scripts.
        '\u{200d}' => {
            let emoji =
                before.is_some_and(|it| is_emoji(it) || it == '\u{fe0f}') && after.is_some_and(is_emoji);
            let alone = !either(is_flagged);
            let indic = before.is_some_and(is_virama) || both(is_indic);
            emoji || (alone && (either(is_joining) || indic))
        }
        // Marks of direction.
        '\u{200e}' | '\u{200f}' | '\u{61c}' => {
            !either(is_flagged) && is_beside_right_to_left(characters, index)
        }
        // Variation selectors.
        '\u{fe0e}' | '\u{fe0f}' => {
            before.is_some_and(is_emoji) || (before.is_some_and(is_of_keycap) && after == Some('\u{20e3}'))
        }
        '\u{fe00}'..='\u{fe0d}' => before.is_some_and(has_variants),
        '\u{e0100}'..='\u{e01ef}' => before.is_some_and(is_ideograph),
        '\u{180b}'..='\u{180d}' | '\u{180e}' | '\u{180f}' => before.is_some_and(is_mongolian),
        _ => false,
    }
}

/// Whether the nearest letter before or after is written from right to left.
fn is_beside_right_to_left(characters: &[char], index: usize) -> bool {
    let nearest = |mut around: Box<dyn Iterator<Item = &char> + '_>| {
        around.find(|character| character.is_alphabetic()).is_some_and(|letter| is_right_to_left(*letter))
    };
    let before = characters.get(..index).unwrap_or_default();
    let after = characters.get(index + 1..).unwrap_or_default();
    nearest(Box::new(before.iter().rev().take(MAXIMUM_DISTANCE)))
        || nearest(Box::new(after.iter().take(MAXIMUM_DISTANCE)))
}
