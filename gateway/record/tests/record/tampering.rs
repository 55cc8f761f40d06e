//! Whatever somebody without the key does to a signed journal, the verifier says so; and whatever
//! an honest writer leaves behind, the verifier does not complain about.

use lychgate_gateway_record::{
    Anchor, Chain, Hash, LINE_BYTES_MAXIMUM, Outcome, Problem, Recorded, Trust, Verifier,
};
use proptest::prelude::*;

use crate::journal::*;

/// What a forger without the key can do best: change lines and compute the whole chain anew, with
/// the signatures that are there.
fn with_chain_recomputed(segments: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut previous = Hash::ZERO;
    let mut segments = segments.to_vec();
    for segment in &mut segments {
        let mut forged = Vec::new();
        for line in lines(segment) {
            let recorded = Recorded::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
            let text = String::from_utf8(line).unwrap();
            let text = text.replacen(&recorded.previous.to_string(), &previous.to_string(), 1);
            previous = Hash::of(text.strip_suffix('\n').unwrap().as_bytes());
            forged.extend_from_slice(text.as_bytes());
        }
        *segment = forged;
    }
    segments
}

fn replaced(segments: &[Vec<u8>], from: &str, to: &str) -> Vec<Vec<u8>> {
    let replace =
        |segment: &Vec<u8>| String::from_utf8(segment.clone()).unwrap().replace(from, to).into_bytes();
    segments.iter().map(replace).collect()
}

#[test]
fn every_flipped_byte_of_a_signed_journal_is_reported() {
    let journal = small_journal();
    for (number, segment) in journal.segments.iter().enumerate() {
        for position in 0..segment.len() {
            for bits in [0x01, 0x20] {
                let mut segments = journal.segments.clone();
                segments[number][position] ^= bits;
                let report = verify(&segments);
                let untrusted = !report.is_intact() || report.unsigned_tail > 0;
                assert!(
                    untrusted && !report.problems.is_empty(),
                    "segment {number}, byte {position}, ^ {bits:#x}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_other_byte_anywhere_in_a_signed_journal_is_reported(
        number in 0..2_usize,
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut segments = small_journal().segments;
        let position = position.index(segments[number].len());
        prop_assume!(segments[number][position] != byte);
        segments[number][position] = byte;
        prop_assert!(!verify(&segments).problems.is_empty());
    }

    #[test]
    fn a_removed_or_repeated_stretch_of_bytes_before_the_last_line_is_damage(
        from in any::<prop::sample::Index>(),
        length in 1..400_usize,
        repeat in any::<bool>(),
    ) {
        let mut segments = small_journal().segments;
        let end = segments[1].len() - lines(&segments[1]).last().unwrap().len();
        let from = from.index(end);
        let stretch = segments[1][from..end.min(from + length)].to_vec();
        let kept = if repeat { stretch.repeat(2) } else { Vec::new() };
        segments[1].splice(from..from + stretch.len(), kept);
        prop_assert!(!verify(&segments).is_intact());
    }
}

#[test]
fn a_dropped_line_breaks_numbers_and_chain() {
    let mut journal = small_journal();
    let mut kept = lines(&journal.segments[1]);
    kept.remove(3);
    journal.segments[1] = kept.concat();
    let place = place("0000000001.jsonl", 4);
    let wrong = Problem::WrongSequence { place: place.clone(), expected: 8, found: 9 };
    assert_eq!(verify(&journal.segments).problems, [wrong, Problem::BrokenChain { place }]);
}

#[test]
fn swapped_lines_break_numbers_and_chain() {
    let mut journal = small_journal();
    let mut swapped = lines(&journal.segments[1]);
    swapped.swap(3, 4);
    journal.segments[1] = swapped.concat();
    let report = verify(&journal.segments);
    let numbers = report.problems.iter().filter_map(|problem| {
        if let Problem::WrongSequence { found, .. } = problem { Some(*found) } else { None }
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [9, 8, 10]);
}

#[test]
fn a_repeated_line_breaks_numbers_and_chain() {
    let mut journal = small_journal();
    let mut repeated = lines(&journal.segments[1]);
    repeated.insert(3, repeated[3].clone());
    journal.segments[1] = repeated.concat();
    let place = place("0000000001.jsonl", 5);
    let report = verify(&journal.segments);
    assert!(report.problems.contains(&Problem::BrokenChain { place: place.clone() }));
    let wrong = Problem::WrongSequence { place, expected: 9, found: 8 };
    assert!(report.problems.contains(&wrong));
}

#[test]
fn a_missing_segment_in_the_middle_breaks_the_chain() {
    let mut journal = small_journal();
    journal.open(None);
    journal.sign(&key());
    journal.segments.remove(1);
    assert!(!verify(&journal.segments).is_intact());
}

#[test]
fn a_rewritten_entry_with_its_chain_recomputed_leaves_a_bad_signature() {
    let forged = replaced(&small_journal().segments, "drop_table", "read_table");
    let forged = with_chain_recomputed(&forged);
    let report = verify(&forged);
    let place = place("0000000001.jsonl", 9);
    assert_eq!(report.problems, [Problem::BadSignature { place }]);
    assert_eq!((report.heads, report.unsigned_tail), (1, 9));
}

#[test]
fn a_rewritten_journal_without_its_heads_has_nothing_but_unsigned_entries() {
    let mut chain = Chain::new();
    let entries =
        [opened("gateway-0", &key(), None), request("call-1", "session-1", "harmless", Outcome::Allow)];
    let forged = entries.map(|entry| chain.append(at(0), &entry.encode().unwrap()).as_bytes().to_vec());
    let report = verify(&[forged.concat()]);
    assert_eq!((report.entries, report.heads, report.unsigned_tail), (2, 0, 2));
    assert_eq!(report.last_head, None);
}

#[test]
fn a_journal_signed_with_another_key_is_refused_unless_the_journal_is_asked_itself() {
    let mut chain = Chain::new();
    let opened = opened("gateway-0", &foreign_key(), None).encode().unwrap();
    let lines = [chain.append(at(0), &opened), chain.head(at(1), &foreign_key())];
    let segment = lines.map(|line| line.as_bytes().to_vec()).concat();
    let place = place("0000000000.jsonl", 2);
    let key_id = foreign_key().verifying_key().id();
    let report = verify(std::slice::from_ref(&segment));
    assert_eq!(report.problems, [Problem::UnknownKey { place, key_id }]);
    let (report, _) = verify_with(Verifier::new(Trust::Declared), &[segment]);
    assert_eq!((report.problems, report.heads), (vec![], 1));
}

#[test]
fn a_head_that_names_the_right_key_but_is_signed_with_another_is_a_bad_signature() {
    let mut journal = Journal::new();
    journal.sign(&foreign_key());
    let (right, foreign) = (key().verifying_key().id(), foreign_key().verifying_key().id());
    let forged = replaced(&journal.segments, &foreign, &right);
    let place = place("0000000000.jsonl", 2);
    assert_eq!(verify(&forged).problems, [Problem::BadSignature { place }]);
}

#[test]
fn a_head_that_lost_its_newline_is_a_torn_tail() {
    let mut journal = small_journal();
    journal.segments[1].pop();
    let problems = verify(&journal.segments).problems;
    assert!(matches!(problems[..], [Problem::TornTail { .. }]));
}

#[test]
fn a_journal_cut_behind_a_head_is_seen_by_an_anchor_alone() {
    let whole = small_journal().segments;
    let anchor = verify(&whole).last_head.unwrap();
    let cut = whole[..1].to_vec();
    assert_eq!(verify(&cut).problems, vec![]);
    let verifier = || {
        let mut verifier = Verifier::new(Trust::In(vec![key().verifying_key().clone()]));
        verifier.expect(anchor);
        verifier
    };
    assert_eq!(verify_with(verifier(), &whole).0.problems, vec![]);
    let missing = Problem::AnchorMissing { sequence: anchor.sequence };
    assert_eq!(verify_with(verifier(), &cut).0.problems, [missing]);
}

#[test]
fn a_journal_rewritten_with_the_key_is_seen_by_an_anchor_alone() {
    let mut journal = Journal::new();
    journal.sign(&key());
    assert_eq!(verify(&journal.segments).problems, vec![]);
    let mut verifier = Verifier::new(Trust::In(vec![key().verifying_key().clone()]));
    verifier.expect(Anchor { sequence: 1, hash: Hash::ZERO });
    let (report, _) = verify_with(verifier, &journal.segments);
    assert!(matches!(report.problems[..], [Problem::AnchorMismatch { .. }]));
}

#[test]
fn a_segment_that_lost_its_opened_entry_is_damage() {
    let mut journal = small_journal();
    let first = lines(&journal.segments[1]).remove(0);
    journal.segments[1].drain(..first.len());
    let place = place("0000000001.jsonl", 1);
    let problems = verify(&journal.segments).problems;
    assert!(problems.contains(&Problem::MissingOpened { place }));
}

#[test]
fn segments_of_two_replicas_in_one_journal_are_damage() {
    let mut journal = small_journal();
    journal.segments.push(Vec::new());
    journal.write(&opened("gateway-1", &key(), None));
    let problem = Problem::OtherReplica {
        place: place("0000000002.jsonl", 1),
        expected: "gateway-0".into(),
        found: "gateway-1".into(),
    };
    assert_eq!(verify(&journal.segments).problems, [problem]);
}

#[test]
fn lines_that_are_no_entries_are_named_for_what_they_are() {
    let place = place("0000000000.jsonl", 2);
    let table: [(Vec<u8>, Problem); 5] = [
        (b"".to_vec(), Problem::NotJson { place: place.clone() }),
        (b"\xff".to_vec(), Problem::NotJson { place: place.clone() }),
        (b"{\"v\":1}".to_vec(), Problem::NotAnEntry { place: place.clone() }),
        (b"{\"v\":9}".to_vec(), Problem::UnknownVersion { place: place.clone(), version: 9 }),
        (
            vec![b' '; LINE_BYTES_MAXIMUM + 1],
            Problem::Oversized { place, bytes: LINE_BYTES_MAXIMUM as u64 + 1 },
        ),
    ];
    for (line, problem) in table {
        let mut journal = Journal::new();
        journal.tear(&line);
        journal.tear(b"\n");
        assert_eq!(verify(&journal.segments).problems, [problem]);
    }
}
