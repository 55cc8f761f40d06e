//! Columns of tables in texts: which are masked, and that a table stays one. Where tables are is tested in `table`.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::actions::masking_key;
use super::{Setup, parse, result};

fn columns(names: &[&str], action: Value) -> Setup {
    let setup = Setup::with_rule(json!({"fields": [{"columns": names, "action": action}]}));
    Setup { known: vec![masking_key()], ..setup }
}

#[test]
fn a_column_is_masked_in_every_form_of_table_and_the_rest_stays() {
    let setup = columns(&["E-Mail", "*_phone"], json!({"redact": {}}));
    let mark = "[REDACTED:Field]";
    for (text, expected) in [
        ("id,e-mail\n1,a\n2,b\n", format!("id,e-mail\n1,{mark}\n2,{mark}\n")),
        ("id,E-MAIL\r\n\"1\",\"a\nb\"\r\n", format!("id,E-MAIL\r\n\"1\",\"{mark}\"\r\n")),
        ("id\thome_phone\n1\t42\n", format!("id\thome_phone\n1\t{mark}\n")),
        (
            "Rows:\n\n| id | E-Mail |\n|---|---|\n| 1 | a |\n",
            format!("Rows:\n\n| id | E-Mail |\n|---|---|\n| 1 | {mark} |\n"),
        ),
        (
            " id | home_phone \n----+------------\n  1 | 42\n  2 | \n(2 rows)\n",
            format!(" id | home_phone \n----+------------\n  1 | {mark}\n  2 | \n(2 rows)\n"),
        ),
        ("id,phone\n1,42\n", "id,phone\n1,42\n".to_owned()),
        ("the e-mail, and more of it", "the e-mail, and more of it".to_owned()),
    ] {
        assert_eq!(setup.content(text), expected);
        assert_eq!(setup.structured(json!({"csv": text})), json!({"csv": expected}));
    }
}

#[test]
fn what_an_action_makes_of_a_cell_is_written_as_the_table_needs_it() {
    let csv = "id,x\n1,abcdef\n2,\"a,\"\"b\"\n";
    let bars = "| id | x |\n|---|---|\n| 1 | a\\|b |\n";
    for (action, expected_csv, expected_bars) in [
        (
            json!({"replace": {"string": "a \"b\", c"}}),
            "id,x\n1,\"a \"\"b\"\", c\"\n2,\"a \"\"b\"\", c\"\n",
            "| id | x |\n|---|---|\n| 1 | a \"b\", c |\n",
        ),
        (
            json!({"replace": {"string": " a|b\nc "}}),
            "id,x\n1,\" a|b\nc \"\n2,\" a|b\nc \"\n",
            "| id | x |\n|---|---|\n| 1 | a\\|b c |\n",
        ),
        (json!({"replace": {"number": 0}}), "id,x\n1,0\n2,\"0\"\n", "| id | x |\n|---|---|\n| 1 | 0 |\n"),
        (json!({"drop": {}}), "id,x\n1,\n2,\"\"\n", "| id | x |\n|---|---|\n| 1 |  |\n"),
        (
            json!({"partial": {"keepLast": 2}}),
            "id,x\n1,****ef\n2,\"*,*b\"\n",
            "| id | x |\n|---|---|\n| 1 | **b |\n",
        ),
    ] {
        let setup = columns(&["x"], action);
        assert_eq!(setup.content(csv), expected_csv);
        assert_eq!(setup.content(expected_csv), expected_csv, "masked again");
        assert_eq!(setup.content(bars), expected_bars);
        assert_eq!(setup.content(expected_bars), expected_bars, "masked again");
    }
}

#[test]
fn a_cell_has_the_hash_that_its_value_has_elsewhere() {
    let hash = json!({"hash": {"key": {"secret": "mask-key", "key": "k1"}, "length": 12}});
    let setup = Setup {
        known: vec![masking_key()],
        ..Setup::with_rule(
            json!({"fields": [{"columns": ["x"], "action": hash}, {"keys": ["x"], "action": hash}]}),
        )
    };
    let masked = setup.structured(
        json!({"x": "say \"a|b\"", "csv": "x,y\n\"say \"\"a|b\"\"\",1", "md": "|x|\n|-|\n|say \"a\\|b\"|"}),
    );
    let hash = masked["x"].as_str().unwrap();
    assert!(hash.starts_with("[HASH:"));
    assert_eq!(masked["csv"], format!("x,y\n\"{hash}\",1"));
    assert_eq!(masked["md"], format!("|x|\n|-|\n|{hash}|"));
}

#[test]
fn the_stronger_of_what_a_column_and_a_detector_ask_for_counts_and_both_are_written_as_cells() {
    let setup = |column: Value, detector: Value| {
        Setup::with_rule(json!({
            "detectors": [{"type": "Email", "action": detector}],
            "fields": [{"columns": ["mail"], "action": column}],
        }))
    };
    let csv = "id,mail,note\n1,ada@example.com,to ben@example.com\n";
    let (partial, replace) = (json!({"partial": {"keepLast": 4}}), json!({"replace": {"string": "a, b"}}));
    let content = setup(partial.clone(), json!({"redact": {}})).content(csv);
    assert_eq!(content, "id,mail,note\n1,[REDACTED:Email],to [REDACTED:Email]\n");
    // The detector's own places are no cells of a column that somebody asked for.
    let content = setup(partial.clone(), replace.clone()).content(csv);
    assert_eq!(content, "id,mail,note\n1,\"a, b\",to a, b\n");
    let content = setup(replace, partial).content(csv);
    assert_eq!(content, "id,mail,note\n1,\"a, b\",to ***@******e.com\n");
}

#[test]
fn what_blocks_in_a_column_blocks_and_what_is_excluded_stays() {
    let message = parse(&result(json!({"content": [{"type": "text", "text": "id,x\n1,2"}]})).to_string());
    let masked = columns(&["x"], json!({"block": {}})).masked(&message);
    assert_eq!(masked.blocked(), ["Field"]);
    let setup = Setup::with_rule(json!({
        "fields": [{"columns": ["x"], "action": {"redact": {}}}],
        "exclude": {"values": {"exact": ["a,b"]}, "fields": ["$.kept"]},
    }));
    let csv = "id,x\n1,\"a,b\"\n2,c";
    let masked = setup.structured(json!({"kept": csv, "csv": csv}));
    assert_eq!(masked, json!({"kept": csv, "csv": "id,x\n1,\"a,b\"\n2,[REDACTED:Field]"}));
}

#[test]
fn tables_are_found_in_texts_in_base64_and_in_json_in_a_text() {
    let setup = columns(&["x"], json!({"redact": {}}));
    let csv = "id,name,x\n1,Ada,secret\n";
    let masked = "id,name,x\n1,Ada,[REDACTED:Field]\n";
    let inner = json!({"csv": csv}).to_string();
    assert_eq!(setup.content(&inner), json!({"csv": masked}).to_string());
    let encode = |text: &str| crate::mask::base64::encode(text.as_bytes());
    assert_eq!(setup.content(&encode(csv)).trim_end_matches('='), encode(masked).trim_end_matches('='));
}

/// The records of a CSV text, by the book.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let record = records.last_mut().unwrap();
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(String::new()),
            '\n' if !is_quoted => records.push(vec![String::new()]),
            other => record.last_mut().unwrap().push(other),
        }
    }
    records
}

/// Text as a field of CSV.
fn written(value: &str, quotes: bool) -> String {
    let needs_quotes = quotes || value.contains([',', '"', '\n']);
    if needs_quotes { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}

proptest! {
    #[test]
    fn a_masked_table_is_a_table_in_which_one_column_is_another(
        rows in prop::collection::vec(("[a-z0-9,\" |\n]{0,8}", "[a-z0-9,\" |\n]{1,8}", any::<bool>()), 1..6),
        action in 0..4_usize,
    ) {
        let action = [
            json!({"redact": {}}),
            json!({"partial": {"keepLast": 2}}),
            json!({"replace": {"string": "x, \"y\""}}),
            json!({"hash": {"key": {"secret": "mask-key", "key": "k1"}, "length": 12}}),
        ][action].clone();
        let mut csv = "first,id,second".to_owned();
        for (index, (first, second, quotes)) in rows.iter().enumerate() {
            let (first, second) = (written(first, *quotes), written(second, *quotes));
            csv.push_str(&format!("\n{first},{index},{second}"));
        }
        let setup = columns(&["second"], action);
        let masked = setup.content(&csv);
        let (before, after) = (records(&csv), records(&masked));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.len(), after.len());
            prop_assert_eq!(&before[..2], &after[..2]);
        }
        prop_assert_eq!(setup.content(&masked), masked);
    }
}
