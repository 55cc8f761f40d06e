//! What a data file cannot hold: texts that are long, deep or not printable, and what holds for every text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use lychgate_gateway_command::sql::{Analysis, Cause, Dialect, Kind, Limits, Place, Unparseable, analyse};
use proptest::prelude::*;

fn postgresql(text: &str) -> Result<Analysis, Unparseable> {
    analyse(text, Dialect::PostgreSql, &Limits::default())
}

#[test]
fn a_text_that_is_too_long_is_not_looked_at() {
    let long = format!("SELECT 1 WHERE a = 1{}", " OR a = 1".repeat(16_000));
    let cause = postgresql(&long).unwrap_err().cause;
    assert_eq!(cause, Cause::TooLong { bytes: long.len(), most: 64 * 1024 });
}

#[test]
fn chains_and_nests_are_refused_before_they_are_a_danger() {
    let within = |text: String| {
        // The smallest stack that a thread of the gateway may have left.
        let thread = std::thread::Builder::new().stack_size(1024 * 1024);
        thread
            .spawn(move || Dialect::ALL.map(|dialect| analyse(&text, dialect, &Limits::default())))
            .unwrap()
            .join()
    };
    for (text, refused) in [
        (format!("DELETE FROM t WHERE a{}", " OR a".repeat(1_900)), false),
        (format!("SELECT 1{}", " UNION SELECT 1".repeat(1_300)), false),
        (format!("SELECT 1{}", "::int".repeat(1_900)), false),
        (format!("DELETE FROM t WHERE a{}", " OR a".repeat(12_000)), true),
        (format!("SELECT {}1{}", "(".repeat(60), ")".repeat(60)), true),
        (format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000)), true),
        (format!("SELECT {}1", "NOT ".repeat(3_000)), true),
        (format!("SELECT {}1", "- ".repeat(3_000)), true),
        (format!("SELECT {}{}", "CASE WHEN ".repeat(300), "END ".repeat(300)), true),
    ] {
        let start: String = text.chars().take(30).collect();
        let results = within(text).unwrap_or_else(|_| panic!("{start} broke the thread"));
        if refused {
            assert!(results.iter().all(Result::is_err), "{start}");
        } else {
            assert!(results[0].is_ok(), "{start}: {:?}", results[0].as_ref().unwrap_err());
        }
    }
}

#[test]
fn statements_are_counted() {
    let limits = Limits { statements: 2, ..Limits::default() };
    assert!(analyse("SELECT 1; SELECT 2;", Dialect::PostgreSql, &limits).is_ok());
    let refusal = analyse("SELECT 1; SELECT 2; SELECT 3", Dialect::PostgreSql, &limits).unwrap_err();
    assert_eq!(refusal.cause, Cause::TooManyStatements { most: 2 });
    assert_eq!(refusal.place, Some(Place { line: 1, column: 21 }));
}

#[test]
fn nothing_is_no_statement() {
    for text in ["", "  \n", ";;", "-- only a comment", "/* only a comment */"] {
        assert_eq!(postgresql(text).unwrap_err().cause, Cause::Empty, "{text:?}");
    }
}

#[test]
fn characters_that_are_not_seen_are_refused_outside_of_quotes() {
    for character in
        ['\0', '\u{1b}', '\u{b}', '\u{c}', '\u{a0}', '\u{200b}', '\u{feff}', '\u{202e}', '\u{ad}', '\u{ff07}']
    {
        for text in [
            format!("SELECT{character}1"),
            format!("SELECT 1{character}"),
            format!("DROP{character} TABLE t"),
        ] {
            for dialect in Dialect::ALL {
                assert!(analyse(&text, dialect, &Limits::default()).is_err(), "{text:?} in {dialect}");
            }
        }
    }
    assert!(postgresql("SELECT 'a\0b'").is_err(), "a NUL ends the text for some servers");
    assert!(postgresql("SELECT 1 -- x\rDROP TABLE users").is_err(), "a carriage return ends the comment");
    assert!(postgresql("SELECT 1 -- x\u{2028}DROP TABLE users").is_err());
    assert_eq!(postgresql("SELECT 1 -- x\r\n").unwrap().kinds(), [Kind::Read]);
}

#[test]
fn letters_of_other_scripts_make_other_names() {
    // Cyrillic letters in both: no verb, and a function that is not known.
    assert!(postgresql("D\u{415}LETE FROM users").is_err());
    assert_eq!(postgresql("SELECT pg_r\u{435}ad_file('x')").unwrap().kinds(), [Kind::Exec]);
    assert_eq!(postgresql("SELECT l\u{43e}wer('x')").unwrap().kinds(), [Kind::Exec]);
}

#[test]
fn people_are_shown_what_is_understood_on_one_line() {
    let analysis =
        postgresql("select  *\nfrom users /* WHERE id = 1 */ where name = 'a\u{202e}b\nc'").unwrap();
    assert_eq!(analysis.statements[0].canonical, "select * from users where name = 'a\\u{202e}b\\nc'");
    for (text, shown) in [
        ("SELECT - -1, a\t-- b\n, c;", "SELECT - -1, a , c"),
        ("SELECT 'it''s', \"a\"\"b\";\r\nSELECT 'é',é /* */FROM t", "SELECT 'it''s', \"a\"\"b\""),
        ("ALTER SYSTEM SET\n  application_name = 'it''s'", "ALTER SYSTEM SET application_name = 'it''s'"),
    ] {
        assert_eq!(postgresql(text).unwrap().statements[0].canonical, shown);
    }
    let second = &postgresql("SELECT 'é';\n SELECT 'é',é/* */FROM t ; ").unwrap().statements[1];
    assert_eq!(second.canonical, "SELECT 'é',é FROM t");
}

#[test]
fn effects_tell_their_place_and_their_reason() {
    let analysis = postgresql("SELECT 1,\n  pg_read_file('x')").unwrap();
    let effect = &analysis.statements[0].effects[0];
    assert_eq!(effect.place, Place { line: 2, column: 3 });
    assert_eq!(effect.why, "calls pg_read_file");
    let refusal = postgresql("SELECT 1;\nSELEC 2").unwrap_err();
    assert_eq!(refusal.place.unwrap().line, 2);
}

/// Statements with one effect each, of all kinds, that are made of words and signs with blanks between.
const STATEMENTS: [(&str, Kind); 12] = [
    ("SELECT name FROM users WHERE id = 1", Kind::Read),
    ("SELECT count ( * ) FROM users", Kind::Read),
    ("DELETE FROM users WHERE id = 1", Kind::Write),
    ("SELECT nextval ( 's' )", Kind::Write),
    ("DELETE FROM users WHERE id = id", Kind::WriteAll),
    ("UPDATE users SET name = 'x'", Kind::WriteAll),
    ("DROP TABLE users", Kind::Schema),
    ("GRANT ALL ON users TO PUBLIC", Kind::Admin),
    ("ALTER SYSTEM SET a = 'b'", Kind::Admin),
    ("SELECT wipe ( )", Kind::Exec),
    ("DO 'BEGIN;END'", Kind::Exec),
    ("SELECT pg_read_file ( 'x' )", Kind::Exfiltrate),
];

/// Something that stands between two words and means nothing.
fn blank() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(" ".to_owned()),
        Just("\n\t ".to_owned()),
        Just("\r\n".to_owned()),
        Just("/**/".to_owned()),
        "[a-zA-Z ;'\"$]{0,12}".prop_map(|text| format!("/* {text} */")),
        "[a-zA-Z ;'\"$]{0,12}".prop_map(|text| format!("-- {text}\n")),
        Just("/* one /* two */ SELECT 1; */".to_owned()),
    ]
}

/// A statement with other blanks and in other cases.
fn disguised() -> impl Strategy<Value = (String, Kind)> {
    (0..STATEMENTS.len(), prop::collection::vec((blank(), any::<u32>()), 16)).prop_map(|(index, disguise)| {
        let (statement, kind) = STATEMENTS[index];
        let mut text = String::new();
        for (word, (blank, cases)) in statement.split(' ').zip(disguise) {
            text.push_str(&blank);
            let case = |(index, letter): (usize, char)| {
                if cases >> (index % 32) & 1 == 1 {
                    letter.to_ascii_uppercase()
                } else {
                    letter.to_ascii_lowercase()
                }
            };
            if word.starts_with('\'') {
                text.push_str(word);
            } else {
                text.extend(word.chars().enumerate().map(case));
            }
        }
        (text, kind)
    })
}

proptest! {
    #[test]
    fn blanks_comments_and_case_change_no_verdict((text, kind) in disguised()) {
        prop_assert_eq!(postgresql(&text).map(|analysis| analysis.kinds()), Ok(vec![kind]), "{}", text);
    }

    #[test]
    fn a_statement_keeps_its_effects_in_a_batch(
        batch in prop::collection::vec(0..STATEMENTS.len(), 1..8),
        separator in prop_oneof![Just(";"), Just(" ; "), Just(";;\n"), Just("; -- x\n")],
    ) {
        let texts: Vec<&str> = batch.iter().map(|index| STATEMENTS[*index].0).collect();
        let analysis = postgresql(&texts.join(separator)).unwrap();
        let found: Vec<Vec<Kind>> = analysis.statements.iter().map(|statement| statement.kinds()).collect();
        let expected: Vec<Vec<Kind>> = batch.iter().map(|index| vec![STATEMENTS[*index].1]).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_text_gets_an_answer(text in any::<String>(), dialect in 0..Dialect::ALL.len()) {
        let _ = analyse(&text, Dialect::ALL[dialect], &Limits::default());
    }

    #[test]
    fn any_text_of_sql_gets_an_answer(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..40),
        dialect in 0..Dialect::ALL.len(),
    ) {
        let text = words.join("");
        if let Ok(analysis) = analyse(&text, Dialect::ALL[dialect], &Limits::default()) {
            prop_assert!(!analysis.statements.is_empty());
            for statement in &analysis.statements {
                prop_assert!(!statement.effects.is_empty());
                // What a person is shown of it does the same. A newline in quotes is shown with a backslash.
                match analyse(&statement.canonical, Dialect::ALL[dialect], &Limits::default()) {
                    Ok(again) => {
                        prop_assert_eq!(again.kinds(), statement.kinds(), "{}", &statement.canonical);
                        prop_assert_eq!(again.statements.len(), 1, "{}", &statement.canonical);
                    }
                    Err(refusal) => prop_assert!(statement.canonical.contains('\\'), "{}", refusal),
                }
            }
        }
    }
}

/// What statements and traps are made of.
const WORDS: [&str; 64] = [
    "SELECT ", "DELETE ", "FROM ", "WHERE ", "UPDATE ", "SET ", "INSERT ", "INTO ", "VALUES ", "WITH ",
    "AS ", "(", ")", "'", "\"", "`", "[", "]", "\\", "--", "/*", "*/", "/*!", "#", "$$", "$a$", ";", ",",
    ".", "*", "1", "id ", "t ", "= ", "OR ", "AND ", "NOT ", "EXPLAIN ", "ANALYZE ", "COPY ", "TO ",
    "STDIN ", "PROGRAM ", "DO ", "BEGIN ", "END ", "CASE ", "WHEN ", "THEN ", "NULL ", "IS ", "IN ", "E'",
    "U&'", "r'", "q'[", "\n", "\r", "@", "::", "||", "EXEC ", "GO\n", "DECLARE ",
];
