//! Values enciphered as values of the same form: FF1 (NIST SP 800-38G) with AES-256, under a key of a Secret.
//!
//! Letters and digits become others of the same class, all else stays. What has fewer than a million forms (as SP 800-38Gr1
//! demands), and what has other letters than those of ASCII, is not enciphered. Which value is which can be told by whoever
//! has the key, and that is how it is tested here; the gateway itself never deciphers.

use aes::Aes256;
use aws_lc_rs::hmac;
use fpe::ff1::{FF1, FlexibleNumeralString};
use num_bigint::BigUint;
use zeroize::Zeroizing;

use super::detect::passes;
use super::keyed;
use super::known::Known;
use crate::config::{Checksum, Fpe};

/// The fewest forms that a value may have (NIST SP 800-38Gr1, section 5, requirement on `radix^minlen`).
const FEWEST_FORMS: u32 = 1_000_000;
/// The fewest digits of a number that begins with none of the ten: nine in ten of a million are too few.
const FEWEST_DIGITS: usize = 7;
/// The most letters and digits that are enciphered.
const MAXIMUM_LENGTH: usize = 256;
/// How often what comes out of the cipher may be no value of the form, and is enciphered again. Each time, one in two is.
const MAXIMUM_WALK: usize = 256;
/// What the key of the cipher is derived with.
const PURPOSE: &[u8] = b"lychgate format-preserving encryption";
/// Of this kind, the last digit is a check digit.
const CARD: &str = "CreditCard";

/// The value that stands for `value`, a text of this kind. None if the key is not there or is none, and where there are too
/// few forms.
pub(super) fn of_text(fpe: &Fpe, kind: &str, value: &str, known: &[Known]) -> Option<String> {
    let cipher = Cipher::new(fpe, kind, known)?;
    let mut form = Form::of(value)?;
    if kind == CARD && form.is_decimal() && passes(Checksum::Luhn, value) {
        form.numerals.pop();
        form.numerals = cipher.permuted(&form.numerals, |_| true)?;
        let with = |number| {
            let check = Numeral { class: Class::Digit, number };
            Form { numerals: form.numerals.iter().copied().chain([check]).collect() }
        };
        let right = (0..10).find(|check| passes(Checksum::Luhn, &with(*check).written(value)))?;
        // Five beside the right one, so that nobody, and no detector, takes it for a card.
        form = with((right + 5) % 10);
    } else {
        form.numerals = cipher.permuted(&form.numerals, |_| true)?;
    }
    Some(form.written(value))
}

/// The same for a JSON number, as it is spelled: one without an exponent. It stays a number of the same length, so no number
/// of more than one digit begins with 0.
pub(super) fn of_number(fpe: &Fpe, kind: &str, value: &str, known: &[Known]) -> Option<String> {
    if value.contains(['e', 'E']) {
        return None;
    }
    let whole = value.trim_start_matches('-').split('.').next().unwrap_or_default();
    let may_begin_with_zero = whole.len() < 2;
    let cipher = Cipher::new(fpe, kind, known)?;
    let mut form = Form::of(value)?;
    if !may_begin_with_zero && form.numerals.len() < FEWEST_DIGITS {
        return None;
    }
    let begins = |numerals: &[Numeral]| numerals.first().is_some_and(|first| first.number != 0);
    form.numerals = cipher.permuted(&form.numerals, |numerals| may_begin_with_zero || begins(numerals))?;
    Some(form.written(value))
}

/// A class of characters, each of which stands for a numeral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Digit,
    Lower,
    Upper,
}

impl Class {
    fn of(character: char) -> Option<Self> {
        match character {
            '0'..='9' => Some(Self::Digit),
            'a'..='z' => Some(Self::Lower),
            'A'..='Z' => Some(Self::Upper),
            _ => None,
        }
    }

    /// The character that stands for 0.
    fn first(self) -> u8 {
        match self {
            Self::Digit => b'0',
            Self::Lower => b'a',
            Self::Upper => b'A',
        }
    }

    fn size(self) -> u16 {
        match self {
            Self::Digit => 10,
            Self::Lower | Self::Upper => 26,
        }
    }
}

/// A character as a number of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Numeral {
    class: Class,
    number: u16,
}

/// The letters and digits of a value.
struct Form {
    numerals: Vec<Numeral>,
}

impl Form {
    fn of(value: &str) -> Option<Self> {
        let numeral = |character: char| {
            let class = Class::of(character)?;
            let number = u16::from(u8::try_from(character).ok()? - class.first());
            Some(Numeral { class, number })
        };
        let characters = value.chars().filter(|character| character.is_alphanumeric());
        let numerals: Vec<Numeral> = characters.map(numeral).collect::<Option<_>>()?;
        (numerals.len() <= MAXIMUM_LENGTH).then_some(Self { numerals })
    }

    fn is_decimal(&self) -> bool {
        self.numerals.iter().all(|numeral| numeral.class == Class::Digit)
    }

    /// `value` with these letters and digits in place of its own.
    fn written(&self, value: &str) -> String {
        let mut numerals = self.numerals.iter();
        let character = |own: char| {
            let numeral = own.is_alphanumeric().then(|| numerals.next()).flatten();
            let number = |numeral: &Numeral| u8::try_from(numeral.number).unwrap_or_default();
            numeral.map_or(own, |numeral| char::from(numeral.class.first() + number(numeral)))
        };
        value.chars().map(character).collect()
    }
}

struct Cipher<'k> {
    key: Zeroizing<[u8; 32]>,
    /// Values of two kinds are enciphered apart.
    tweak: &'k [u8],
}

impl<'k> Cipher<'k> {
    fn new(fpe: &Fpe, kind: &'k str, known: &[Known]) -> Option<Self> {
        let key = keyed::key(&fpe.key, known)?;
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), PURPOSE);
        Some(Self { key: Zeroizing::new(derived.as_ref().try_into().ok()?), tweak: kind.as_bytes() })
    }

    /// Numerals of the same classes, other ones for each that are accepted. What is given must be accepted.
    ///
    /// All that is not accepted is passed over by enciphering again (cycle walking), so that this is a permutation of what is.
    fn permuted(&self, numerals: &[Numeral], accepts: impl Fn(&[Numeral]) -> bool) -> Option<Vec<Numeral>> {
        if forms(numerals) < BigUint::from(FEWEST_FORMS) {
            return None;
        }
        let is_decimal = numerals.iter().all(|numeral| numeral.class == Class::Digit);
        let mut current = numerals.to_vec();
        for _ in 0..MAXIMUM_WALK {
            current = if is_decimal { self.decimal(&current)? } else { self.mixed(&current)? };
            if accepts(&current) {
                return Some(current);
            }
        }
        None
    }

    /// FF1 on digits.
    fn decimal(&self, numerals: &[Numeral]) -> Option<Vec<Numeral>> {
        let numbers: Vec<u16> = numerals.iter().map(|numeral| numeral.number).collect();
        let numbers = encipher(&self.key, self.tweak, 10, numbers)?;
        Some(numbers.into_iter().map(|number| Numeral { class: Class::Digit, number }).collect())
    }

    /// FF1 on the bits of the number that the numerals are, in the mixed radix of their classes. Above the greatest of these
    /// numbers it is enciphered again.
    fn mixed(&self, numerals: &[Numeral]) -> Option<Vec<Numeral>> {
        let forms = forms(numerals);
        let bits = (forms.clone() - 1_u32).bits();
        let mut number =
            numerals.iter().fold(BigUint::ZERO, |sum, numeral| sum * numeral.class.size() + numeral.number);
        for _ in 0..MAXIMUM_WALK {
            let numbers = (0..bits).rev().map(|bit| u16::from(number.bit(bit))).collect();
            let numbers = encipher(&self.key, self.tweak, 2, numbers)?;
            number = numbers.into_iter().fold(BigUint::ZERO, |sum, bit| (sum << 1_u32) + bit);
            if number < forms {
                return Some(unfolded(number, numerals));
            }
        }
        None
    }
}

/// How many values have the form of these numerals.
fn forms(numerals: &[Numeral]) -> BigUint {
    numerals.iter().fold(BigUint::from(1_u32), |forms, numeral| forms * numeral.class.size())
}

/// A number as numerals of the classes of others.
fn unfolded(mut number: BigUint, like: &[Numeral]) -> Vec<Numeral> {
    let numeral = |own: &Numeral| {
        let size = own.class.size();
        let rest = u16::try_from(number.clone() % size).unwrap_or_default();
        number = number.clone() / size;
        Numeral { class: own.class, number: rest }
    };
    let mut numerals: Vec<Numeral> = like.iter().rev().map(numeral).collect();
    numerals.reverse();
    numerals
}

/// FF1.Encrypt with AES-256 (NIST SP 800-38G, algorithm 7).
fn encipher(key: &[u8; 32], tweak: &[u8], radix: u32, numbers: Vec<u16>) -> Option<Vec<u16>> {
    let cipher = FF1::<Aes256>::new(key, radix).ok()?;
    cipher.encrypt(tweak, &FlexibleNumeralString::from(numbers)).ok().map(Vec::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::config::SecretKey;

    const KEY: &str = "lmk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn fpe() -> Fpe {
        Fpe { key: SecretKey { secret: "mask-key".into(), key: "k1".into() } }
    }

    fn text(kind: &str, value: &str) -> Option<String> {
        of_text(&fpe(), kind, value, &[Known::masking_key(&fpe().key, KEY)])
    }

    fn number(value: &str) -> Option<String> {
        of_number(&fpe(), "Field", value, &[Known::masking_key(&fpe().key, KEY)])
    }

    /// What whoever has the key makes of what stands for a value, by the algorithm backwards.
    fn deciphered(kind: &str, value: &str) -> String {
        let cipher = Cipher::new(&fpe(), kind, &[Known::masking_key(&fpe().key, KEY)]).unwrap();
        let decipher = |radix, numbers: Vec<u16>| -> Vec<u16> {
            let ff1 = FF1::<Aes256>::new(&*cipher.key, radix).unwrap();
            ff1.decrypt(cipher.tweak, &FlexibleNumeralString::from(numbers)).unwrap().into()
        };
        let mut form = Form::of(value).unwrap();
        if form.is_decimal() {
            let numbers = form.numerals.iter().map(|numeral| numeral.number).collect();
            let numerals = decipher(10, numbers).into_iter();
            form.numerals = numerals.map(|number| Numeral { class: Class::Digit, number }).collect();
            return form.written(value);
        }
        let forms = forms(&form.numerals);
        let bits = (forms.clone() - 1_u32).bits();
        let mut number =
            form.numerals.iter().fold(BigUint::ZERO, |sum, it| sum * it.class.size() + it.number);
        loop {
            let numbers = (0..bits).rev().map(|bit| u16::from(number.bit(bit))).collect();
            number = decipher(2, numbers).into_iter().fold(BigUint::ZERO, |sum, bit| (sum << 1_u32) + bit);
            if number < forms {
                form.numerals = unfolded(number, &form.numerals);
                return form.written(value);
            }
        }
    }

    #[test]
    fn the_cipher_gives_what_nist_publishes() {
        // FF1samples.pdf, samples 7 to 9: AES-256.
        let key = hex::decode("2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94").unwrap();
        let key: [u8; 32] = key.try_into().unwrap();
        let tweak = hex::decode("39383736353433323130").unwrap();
        let tweak_36 = hex::decode("3737373770717273373737").unwrap();
        for (radix, tweak, plain, expected) in [
            (10, &[][..], "0123456789", "6657667009"),
            (10, &tweak, "0123456789", "1001623463"),
            (36, &tweak_36, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
        ] {
            let numbers = plain.chars().map(|it| u16::try_from(it.to_digit(36).unwrap()).unwrap()).collect();
            let numbers = encipher(&key, tweak, radix, numbers).unwrap();
            let digit = |number: &u16| char::from_digit(u32::from(*number), 36).unwrap();
            assert_eq!(numbers.iter().map(digit).collect::<String>(), expected);
        }
    }

    #[test]
    fn what_has_fewer_than_a_million_forms_or_other_letters_is_not_enciphered() {
        for value in ["", "12345", "1-2-3-4-5", "abcd", "ab123", "größe12345", "１２３４５６７", "---"]
        {
            assert_eq!(text("Field", value), None, "{value}");
        }
        assert_eq!(text("Field", &"a".repeat(257)), None);
        for value in ["123456", "abcde", "ab1234", "A-1234-b"] {
            assert!(text("Field", value).is_some(), "{value}");
        }
        for value in ["123456", "1234.56", "1.5e10", "0.1", "0"] {
            assert_eq!(number(value), None, "{value}");
        }
    }

    #[test]
    fn without_its_key_nothing_is_enciphered_and_kinds_are_enciphered_apart() {
        assert_eq!(of_text(&fpe(), "Field", "123456", &[]), None);
        assert_ne!(text("UsSsn", "123-45-6789"), text("Field", "123-45-6789"));
    }

    #[test]
    fn what_stands_for_a_card_is_never_one() {
        let cards = ["4111 1111 1111 1111", "3782-822463-10005", "6011000990139424"];
        for card in cards {
            let masked = text(CARD, card).unwrap();
            assert!(!passes(Checksum::Luhn, &masked), "{masked}");
            // The last digit says nothing: the rest deciphers to the card without it.
            let body = |text: &str| text.get(..text.len() - 1).unwrap().to_owned();
            assert_eq!(deciphered(CARD, &body(&masked)), body(card));
        }
    }

    #[test]
    fn numbers_of_one_length_become_each_other() {
        let mut seen = HashSet::new();
        for value in 1_000_000..1_000_500 {
            let masked = number(&value.to_string()).unwrap();
            assert!(masked.len() == 7 && !masked.starts_with('0'), "{masked}");
            assert!(seen.insert(masked));
        }
        let masked = number("-1234567.89").unwrap();
        assert!(masked.starts_with('-') && masked.find('.') == Some(8) && masked.len() == 11, "{masked}");
    }

    proptest! {
        #[test]
        fn form_and_classes_stay_and_whoever_has_the_key_can_tell_the_value(
            value in "[0-9]{6,20}|[0-9a-z@. ]{12,30}|[A-Z]{2}[0-9]{2}( [0-9]{4}){4}",
        ) {
            prop_assume!(Form::of(&value).is_some_and(|form| forms(&form.numerals) >= BigUint::from(FEWEST_FORMS)));
            let masked = text("Field", &value).unwrap();
            prop_assert_eq!(masked.chars().map(Class::of).collect::<Vec<_>>(), value.chars().map(Class::of).collect::<Vec<_>>());
            let others = |text: &str| text.chars().filter(|it| !it.is_alphanumeric()).collect::<String>();
            prop_assert_eq!(others(&masked), others(&value));
            prop_assert_eq!(deciphered("Field", &masked), value);
        }
    }
}
