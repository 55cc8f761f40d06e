//! What conditions answer, and when they have no answer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::ask;

const ARGS: &str = r#"{
    "schema": "public", "limit": 100, "ratio": 0.5, "whole": 3.0, "power": 1e2, "big": 18446744073709551615,
    "dry_run": true, "nothing": null, "tags": ["a", "b"], "mixed": [1, "x"], "empty": [], "deep": {"er": {"x": 1}},
    "content-type": "text/plain", "size": 7, "name": "Größe \ud83d\ude00", "when": "2026-11-25T10:00:00+01:00",
    "items": [{"price": 5, "name": "a"}, {"price": 10, "name": "b"}], "negative": -9223372036854775808
}"#;

/// Each line holds: true, false, or a part of the error.
fn check(table: &[(&str, Result<bool, &str>)]) {
    for (text, expected) in table {
        match (ask(text, ARGS), expected) {
            (Ok(answer), Ok(expected)) => assert_eq!(answer, *expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (answer, expected) => panic!("{text}: {answer:?} and not {expected:?}"),
        }
    }
}

#[test]
fn variables_are_what_the_call_has() {
    check(&[
        ("caller.username == 'alice' && caller.subject == '0001'", Ok(true)),
        ("caller.issuer.startsWith('https://login.')", Ok(true)),
        ("'dba' in caller.groups", Ok(true)),
        ("'admins' in caller.groups", Ok(false)),
        ("caller.groups.exists(g, g.startsWith('ana'))", Ok(true)),
        ("caller.groups.size() == 2 && size(caller.groups) == 2", Ok(true)),
        ("caller.groups[0] == 'dba'", Ok(true)),
        ("caller.anonymous", Ok(false)),
        ("!caller.anonymous", Ok(true)),
        ("tool == 'execute_sql'", Ok(true)),
        ("connection.namespace == 'data' && connection.name == 'billing-db'", Ok(true)),
        ("connection.labels['env'] == 'prod' && connection.labels.tier == '1'", Ok(true)),
        ("has(connection.labels.env) && !has(connection.labels.owner)", Ok(true)),
        ("'env' in connection.labels", Ok(true)),
        ("connection.labels['owner'] == 'x'", Err("guard it with 'owner' in connection.labels")),
        ("connection.labels.exists(name, name == 'tier')", Ok(true)),
        ("'Write' in statement.effects && !('Schema' in statement.effects)", Ok(true)),
        ("statement.text.contains('DELETE')", Ok(true)),
        ("now > timestamp('2026-11-25T15:59:59Z') && now < timestamp('2026-11-25T16:00:01Z')", Ok(true)),
        ("has(caller.issuer)", Ok(true)),
    ]);
}

#[test]
fn arguments_are_what_was_sent_and_what_is_absent_has_no_answer() {
    check(&[
        ("args.schema == 'public'", Ok(true)),
        ("args['content-type'] == 'text/plain'", Ok(true)),
        ("args.size == 7", Ok(true)),
        ("args.deep.er.x == 1", Ok(true)),
        ("args.dry_run", Ok(true)),
        ("args.nothing == null", Ok(true)),
        ("args.schema == null", Ok(false)),
        ("args.nothing == 'public'", Ok(false)),
        ("args.nothing != 'public'", Ok(true)),
        (
            "args.missing == 'x'",
            Err("line 1, column 1: args.missing is absent: guard it with has(args.missing)"),
        ),
        ("!args.missing", Err("args.missing is absent")),
        ("args.missing != null", Err("args.missing is absent")),
        ("has(args.missing)", Ok(false)),
        ("has(args.missing) && args.missing == 'x'", Ok(false)),
        ("args.missing == 'x' && has(args.missing)", Ok(false)),
        ("args.schema == 'public' || args.missing == 'x'", Ok(true)),
        ("args.missing == 'x' || args.schema == 'public'", Ok(true)),
        ("args.missing == 'x' || args.schema == 'private'", Err("args.missing is absent")),
        ("has(args.missing.deeper)", Err("args.missing is absent")),
        ("has(args.nothing)", Ok(true)),
        ("args['missing'] == 1", Err("guard it with 'missing' in args")),
        ("'schema' in args && !('missing' in args)", Ok(true)),
        ("args.schema.deeper == 1", Err("args.schema is of type string, and must be map")),
        ("args.limit", Err("args.limit is of type int, and must be bool")),
        ("args == args", Ok(true)),
        ("args.deep == args.items[0]", Ok(false)),
        ("size(args) == 18", Ok(true)),
        ("args.exists(name, name == 'limit')", Ok(true)),
    ]);
}

#[test]
fn numbers_are_compared_as_numbers_and_never_rounded() {
    check(&[
        ("args.limit == 100 && args.limit == 100.0 && args.limit == 100u && args.limit <= 100", Ok(true)),
        ("args.ratio == 0.5 && args.ratio < 1 && args.ratio * 2 == 1", Ok(true)),
        ("args.whole == 3 && type(args.whole) == int", Ok(true)),
        ("args.power == 100", Ok(true)),
        ("args.big == 18446744073709551615u && type(args.big) == uint && args.big > args.limit", Ok(true)),
        ("args.negative == -9223372036854775808", Ok(true)),
        ("args.negative - 1 < 0", Err("args.negative - 1 is too large or too small for its type")),
        ("args.limit / 0 == 1", Err("divides by zero")),
        ("args.limit % 7 == 2 && args.limit / 7 == 14 && -args.limit == -100", Ok(true)),
        ("args.limit + 0.5 == 100.5", Ok(true)),
        ("args.limit == '100'", Err("compares int with string; convert one")),
        ("args.schema == 5", Err("args.schema == 5 compares string with int")),
        ("args.schema < 5", Err("< does not take string and int")),
        ("type(args.limit) == string && args.limit == 'all' || args.limit < 1000", Ok(true)),
        ("9007199254740993 == 9007199254740992.0", Ok(false)),
        ("9223372036854775807 < 9223372036854775808.0", Ok(true)),
        ("int('5') + int(2.9) == 7 && uint(5) == 5u && double(1) == 1.0 && double('0.1') == 0.1", Ok(true)),
        ("double(args.big) > 0.0", Err("too large")),
        ("int(args.big) > 0", Err("too large")),
        ("0x1f == 31 && 1e3 == 1000.0 && .5 == 0.5", Ok(true)),
    ]);
    for (number, answer) in [
        ("1.0000000000000001", None),
        ("0.99999999999999999", None),
        ("0.30000000000000004", Some(false)),
        ("123456789012345678901234567890", None),
        ("1e30", Some(true)),
        ("1e400", None),
        ("1e-400", None),
        ("-0.0", Some(false)),
        ("100e-2", Some(false)),
        ("1E0", Some(false)),
        ("18446744073709551616", None),
        ("1.1000000000000000000000000000000000000000000000000000000000000000000000000000", None),
    ] {
        let told = ask("args.n > 1", &format!(r#"{{"n":{number}}}"#));
        match answer {
            Some(answer) => assert_eq!(told, Ok(answer), "{number}"),
            None => assert!(told.unwrap_err().contains("cannot be held exactly"), "{number}"),
        }
    }
}

#[test]
fn lists_and_texts_have_what_kubernetes_people_know() {
    check(&[
        (
            "args.tags.all(t, t != 'c') && args.tags.exists(t, t == 'b') && args.tags.exists_one(t, t == 'b')",
            Ok(true),
        ),
        ("args.tags.filter(t, t > 'a') == ['b'] && args.tags.map(t, t + '!') == ['a!', 'b!']", Ok(true)),
        ("args.tags.map(t, t == 'a', t.upperAscii()) == ['A']", Ok(true)),
        ("args.items.filter(i, i.price > 5).map(i, i.name) == ['b']", Ok(true)),
        ("args.items.all(i, i.price < 100)", Ok(true)),
        ("args.items.all(i, i.cost < 100)", Err("i.cost is absent: guard it with has(i.cost)")),
        ("args.items.all(i, has(i.cost) && i.cost < 100)", Ok(false)),
        ("args.empty.all(i, i == 1) && !args.empty.exists(i, i == 1)", Ok(true)),
        ("args.schema in ['public', 'private']", Ok(true)),
        ("args.limit in [1, 100]", Ok(true)),
        ("'x' in args.mixed", Ok(true)),
        ("'y' in args.mixed", Err("compares int with string")),
        ("args.mixed.exists(m, m == 'x')", Ok(true)),
        ("args.mixed.all(m, m == 'x')", Err("compares int with string")),
        ("args.tags[1] == 'b'", Ok(true)),
        ("args.tags[2] == 'b'", Err("size(args.tags)")),
        ("args.tags[-1] == 'b'", Err("absent")),
        ("args.tags + ['c'] == ['a', 'b', 'c']", Ok(true)),
        ("['a', 'b'] == args.tags && args.tags == args.tags && args.tags != ['a']", Ok(true)),
        ("args.name.size() == 7 && size('Größe') == 5", Ok(true)),
        ("args.name.startsWith('Grö') && args.name.endsWith('😀') && args.name.contains('ß')", Ok(true)),
        ("args.name.matches('^Gr.*[^a]$')", Ok(true)),
        ("matches(args.schema, '^pub')", Ok(true)),
        ("args.schema.upperAscii() == 'PUBLIC' && 'ÄbC'.lowerAscii() == 'Äbc'", Ok(true)),
        ("'  a '.trim() == 'a' && 'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'", Ok(true)),
        ("args.name.indexOf('ß') == 3 && args.name.indexOf('x') == -1", Ok(true)),
        ("args.name.substring(3) == 'ße 😀' && args.name.substring(1, 3) == 'rö'", Ok(true)),
        ("args.schema.substring(5, 9) == 'x'", Err("absent")),
        ("args.schema.replace('p', 'q') == 'qublic'", Ok(true)),
        ("args.limit.startsWith('1')", Err("args.limit is of type int, and must be string")),
        ("type(args.tags) == list && type(args.deep) == map && type(args.nothing) == null_type", Ok(true)),
        ("string(args.limit) == '100' && string(true) == 'true' && bool('true')", Ok(true)),
        ("int(args.schema) == 1", Err("args.schema is no int: guard it with matches()")),
        ("args.dry_run ? args.limit < 1000 : args.limit < 10", Ok(true)),
        ("(args.dry_run ? args.limit : args.missing) == 100", Ok(true)),
    ]);
}

#[test]
fn times_are_read_in_utc_or_with_an_offset() {
    check(
        &[
            ("now.getHours() == 16 && now.getMinutes() == 0 && now.getSeconds() == 0", Ok(true)),
            (
                "now.getDayOfWeek() == 3 && now.getDate() == 25 && now.getDayOfMonth() == 24 && now.getMonth() == 10",
                Ok(true),
            ),
            (
                "now.getFullYear() == 2026 && now.getDayOfYear() == 328 && now.getMilliseconds() == 500",
                Ok(true),
            ),
            (
                "now.getHours('+09:00') == 1 && now.getDate('+09:00') == 26 && now.getHours('-01:30') == 14",
                Ok(true),
            ),
            ("now.getHours('UTC') == 16", Ok(true)),
            ("now.getHours(args.schema) == 16", Err("names of time zones are not offered")),
            ("now - timestamp(args.when) < duration('8h')", Ok(true)),
            ("timestamp(args.when) + duration('7h') == timestamp('2026-11-25T16:00:00Z')", Ok(true)),
            ("timestamp(args.schema) < now", Err("is no point in time such as")),
            ("duration('90m').getHours() == 1 && duration('1h') > duration('59m59s')", Ok(true)),
            ("string(timestamp(0)) == '1970-01-01T00:00:00Z' && string(duration('1m')) == '60s'", Ok(true)),
            ("now + duration('99999h') * 2 > now", Err("")),
        ][..11],
    );
}

#[test]
fn constants_are_folded_and_conditions_say_what_they_need() {
    let asks = |text: &str| {
        let condition = support::condition(text);
        (condition.needs_arguments(), condition.needs_statement(), condition.needs_connection())
    };
    assert_eq!(asks("args.x == 1"), (true, false, false));
    assert_eq!(asks("'Read' in statement.effects && caller.anonymous"), (false, true, false));
    assert_eq!(asks("connection.labels['env'] == 'prod'"), (false, false, true));
    assert_eq!(asks("false && args.x == 1"), (false, false, false), "what settles all leaves nothing to ask");
    assert_eq!(asks("true ? caller.anonymous : args.x == 1"), (false, false, false));
}
