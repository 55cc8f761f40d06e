//! The names of a journal's files. One folder holds one journal; the folder's name and what is
//! shipped or removed are the writer's matter.

const DIGITS: usize = 10;
const SUFFIX: &str = ".jsonl";

/// The file name of a segment: its number with ten digits, so that names sort as numbers do.
#[must_use]
pub fn segment_file_name(number: u32) -> String {
    format!("{number:0DIGITS$}{SUFFIX}")
}

/// The number of a segment from its file name; nothing for any other file.
#[must_use]
pub fn parse_segment_file_name(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(SUFFIX)?;
    let well_formed = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if well_formed { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_again_by_its_name() {
        assert_eq!(segment_file_name(7), "0000000007.jsonl");
        for number in [0, 7, u32::MAX] {
            assert_eq!(parse_segment_file_name(&segment_file_name(number)), Some(number));
        }
    }

    #[test]
    fn other_files_are_no_segments() {
        for name in ["7.jsonl", "0000000007", "0000000007.jsonl.tmp", "+000000007.jsonl", ""] {
            assert_eq!(parse_segment_file_name(name), None, "{name}");
        }
        assert_eq!(parse_segment_file_name("9999999999.jsonl"), None);
    }
}
