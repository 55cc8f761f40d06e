//! CPF numbers of persons in Brazil: nine digits and two check digits modulo 11, printed as 123.456.789-09. Together, a word
//! nearby must say what they are.

use std::ops::Range;

use crate::mask::detect::Sample;
use crate::mask::detect::number::{Between, Layout, bare_by_word, find, is_uniform};
use crate::mask::detect::trigger::{Shape, Trigger};

pub(in crate::mask::detect) const TRIGGERS: &[Trigger] = &[Trigger::Number(
    &[Shape { digits: 3..=3, followed_by: b".", groups: 4, second: 3..=3 }, Shape::alone(11..=11)],
    number,
)];

const LAYOUTS: &[Layout] = &[
    Layout { sizes: &[3, 3, 3, 2], between: Between::Exactly(b"..-"), needs_word: false },
    bare_by_word(&[11]),
];

/// Words that say what a number is.
const NAMES: &[&str] = &["cpf", "cadastrodepessoasfisicas"];

fn number(sample: Sample<'_>, groups: &[Range<usize>]) -> Option<Range<usize>> {
    find(sample, groups, LAYOUTS, NAMES, is_valid)
}

fn is_valid(number: &[u8; 11]) -> bool {
    // From the last digit but the check on, weights count up from 2; a remainder of 10 stands for 0.
    let check = |length: usize| {
        let head = number.get(..length).unwrap_or_default().iter().rev();
        let sum: u32 = head.zip(2..).map(|(&digit, weight)| u32::from(digit) * weight).sum();
        sum * 10 % 11 % 10
    };
    let is = |place: usize, digit: u32| number.get(place).is_some_and(|&own| u32::from(own) == digit);
    !is_uniform(number) && is(9, check(9)) && is(10, check(10))
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::BrCpf;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_are_found() {
        assert_marked(BrCpf, &["«355.328.345-98»", "CPF «684.085.758-13»", "cpf: «33409788247»"]);
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        assert_kept(
            BrCpf,
            &["355.328.345-99", "35532834598", "cpf 35532834599", "000.000.000-00", "355.328.345.98"],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(BrCpf, "", &"355.328.".repeat(50_000)).is_empty());
    }
}
