//! Every target over what is saved for it, and over mutations of that: the short run of every build. `soak` is the long
//! one. A failure says its target and its input; save the input in `corpus` under a name that says what it shows.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says with what"
)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use lychgate_tests_fuzz::mutate::{Numbers, mutation};
use lychgate_tests_fuzz::{TARGETS, Target, target};

/// How many mutations each target gets, unless `LYCHGATE_FUZZ_MUTATIONS` says otherwise.
const MUTATIONS: usize = 3000;

/// What is saved for a target, in the order of the names.
fn saved(target: Target) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Runs a target, and shows the input if it fails.
fn run(target: Target, input: &[u8]) {
    if let Err(failure) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("{} fails with \"{}\"", target.name, input.escape_ascii());
        resume_unwind(failure);
    }
}

fn short_run(name: &str) {
    let target = target(name).unwrap();
    let inputs = saved(target);
    assert!(inputs.len() > 3, "there are inputs for {name}");
    for input in &inputs {
        run(target, input);
    }
    let mutations = std::env::var("LYCHGATE_FUZZ_MUTATIONS").ok();
    let mutations = mutations.map_or(MUTATIONS, |number| number.parse().unwrap());
    let mut numbers = Numbers::new(1);
    for _ in 0..mutations {
        run(target, &mutation(&inputs, &mut numbers));
    }
}

#[test]
fn the_scanner_reads_what_serde_json_reads_or_refuses_it_for_a_reason() {
    short_run("json");
}

#[test]
fn every_way_to_tell_bytes_into_classes_says_the_same() {
    short_run("lanes");
}

#[test]
fn edits_make_of_a_text_what_a_model_makes_of_it() {
    short_run("edits");
}

#[test]
fn event_streams_are_the_same_however_they_are_cut_and_encoded_again() {
    short_run("sse");
}

#[test]
fn what_is_given_in_the_place_of_a_masked_document_fits_and_shows_nothing() {
    short_run("schema");
}

#[test]
fn headers_pass_that_say_what_the_body_says_and_no_others() {
    short_run("headers");
}

#[test]
fn what_rmcp_reads_of_a_message_is_what_policy_is_asked_about() {
    short_run("message");
}

#[test]
fn what_is_permitted_is_granted_and_sent_as_it_was_judged() {
    short_run("decide");
}

#[test]
fn masked_messages_are_messages_of_the_same_shape_without_known_credentials() {
    short_run("mask");
}

#[test]
fn statements_do_the_same_wherever_they_stand() {
    short_run("sql");
}

#[test]
fn conditions_have_one_answer_however_they_are_put() {
    short_run("condition");
}

#[test]
fn no_segment_harms_its_reader_and_no_changed_byte_is_overlooked() {
    short_run("record");
}

#[test]
fn every_target_has_a_test_here_and_inputs() {
    let here = include_str!("corpus.rs");
    for target in TARGETS {
        assert!(here.contains(&format!("short_run(\"{}\")", target.name)), "{}", target.name);
    }
}
