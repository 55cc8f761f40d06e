//! What is wrong with conditions, and how that is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use lychgate_gateway_condition::Scope;
use support::faults;

#[test]
fn each_fault_has_its_place_its_reason_and_a_next_step() {
    for (text, expected) in [
        ("", "line 1, column 1: the condition is empty; write true for always"),
        (
            "caller.nme == 'x'",
            "line 1, column 8: there is no caller.nme; there are caller.username, caller.groups,",
        ),
        (
            "caller.usrname == 'x'",
            "line 1, column 8: there is no caller.usrname; did you mean caller.username?",
        ),
        (
            "true &&\n  calle.username == 'x'",
            "line 2, column 3: there is no variable calle; did you mean caller?",
        ),
        ("arg.x == 1", "there is no variable arg; did you mean args?"),
        (
            "env == 'prod'",
            "there is no variable env; there are caller, tool, args, connection, now, statement",
        ),
        ("caller == 'alice'", "column 1: caller is no value of its own; write caller.username"),
        ("connection.labels.env.x == 1", "connection.labels.env is a string, and has no member x"),
        ("caller.groups.name == 'x'", "is a list, and has no member name; write .exists(item, …)"),
        ("caller.username = 'x'", "column 17: `=` is no operator; to compare, write `==`"),
        ("caller.username == 'x' & true", "`&` is no operator; write it twice"),
        ("caller.username == \u{201c}x\u{201d}", "is a typographic quotation mark; write ' or \""),
        ("caller.username == 'x", "this text does not end; close it with '"),
        ("caller.username == '\\d'", "column 21: CEL has no such escape"),
        ("caller.username == 'x' 'y'", "expected the end, found `'y'`"),
        ("(caller.anonymous", "expected `)`, the text ends"),
        ("caller.username ==", "expected a value, a name or (, the text ends"),
        ("caller. == 1", "expected a name behind the dot"),
        ("args.x == 1x", "`1x` is no number"),
        ("args.x == 99999999999999999999", "is no integer of 64 bits"),
        ("args.x == 08.", "expected a name behind the dot"),
        ("args.x == {'a': 1}", "maps are not offered"),
        ("args.x == b'a'", "bytes are not offered"),
        ("args.x == for", "`for` is a word of CEL itself"),
        ("args.`x` == 1", "names in backticks are not offered; write args['name']"),
        ("caller.username == 5", "column 1: a string and an int are never equal"),
        ("caller.groups == 'dba'", "a list and a string are never equal; write `in` to look for one item"),
        ("caller.username == null", "a string and null are never equal; write has()"),
        ("caller.username < 5", "< does not take a string and an int; convert one"),
        ("1 + 1.0 == args.x", "+ does not take an int and a double; write both as ints or both as doubles"),
        ("caller.username + 1 == 'x'", "+ does not take a string and an int"),
        ("-caller.username == 'x'", "- does not take a string"),
        ("'x' in caller.username", "`in` does not look into a string; write contains()"),
        ("5 in caller.groups", "the list holds a string, which is never an int"),
        ("5 in connection.labels", "names of members are strings, and this is an int"),
        ("caller.username && true", "true or false is needed here, and this is a string"),
        ("!caller.groups", "true or false is needed here, and this is a list"),
        ("caller.username", "a condition is true or false, and this is a string; compare it with something"),
        ("args", "a condition is true or false, and this is a map"),
        ("caller.groups.size()", "a condition is true or false, and this is an int"),
        ("caller.groups['x'] == 'y'", "an int is needed between these brackets, and this is a string"),
        (
            "caller.username.startWith('x')",
            "column 17: there is no function startWith; did you mean startsWith?",
        ),
        ("caller.username.startsWith()", "write x.startsWith(…), where x is a string, with a string between"),
        ("startsWith(caller.username, 'a')", "write x.startsWith(…)"),
        ("caller.groups.startsWith('a')", "startsWith takes a string here, and this is a list"),
        ("size(5) == 1", "size takes a string, a list or a map here, and this is an int"),
        ("has(args)", "has() takes a member, such as args.name"),
        ("has(args['x'])", "has() takes a member"),
        ("has(caller.nme)", "there is no caller.nme"),
        ("caller.groups.all(g, caller.groups.exists(h, g == h))", "exists inside of another of its kind"),
        ("caller.groups.all(args, true)", "args has a meaning already"),
        ("caller.groups.all(g)", "write list.all(item, …)"),
        ("caller.groups.all('g', true)", "a name for the item is needed here"),
        ("caller.groups.exists(g, g == 1)", "a string and an int are never equal"),
        ("args.x.matches(args.y)", "the pattern must be written out here"),
        ("args.x.matches('(')", "the pattern is none of RE2: unclosed group"),
        ("args.x.matches('(?=a)')", "look-ahead"),
        ("args.x.matches('\\\\w{500}')", "the pattern is too large"),
        ("timestamp('yesterday') < now", "is no point in time such as 2026-11-25T16:00:00Z"),
        ("1 / 0 == args.x", "1 / 0 divides by zero"),
        (
            "now.getHours('Europe/Paris') == 1",
            "names of time zones are not offered; write an offset such as '+01:00'",
        ),
    ] {
        let told = faults(text, Scope::Command);
        assert!(told.iter().any(|fault| fault.contains(expected)), "{text}: {told:#?} and not {expected}");
    }
}

#[test]
fn all_faults_are_told_in_the_order_of_the_text() {
    let told = faults(
        "caller.nam == 'x' || calle.x == 1 || args.x.foo() || 'a' == 1 || \n tol == 'x'",
        Scope::Access,
    );
    let places: Vec<&str> = told.iter().filter_map(|fault| fault.split(": ").next()).collect();
    let expected = [
        "line 1, column 8",
        "line 1, column 22",
        "line 1, column 45",
        "line 1, column 54",
        "line 2, column 2",
    ];
    assert_eq!(places, expected, "{told:#?}");
    assert_eq!(faults("a = 'b' & \u{7f} 'c", Scope::Access).len(), 4, "all that is no token");
}

#[test]
fn statements_are_spoken_of_in_rules_for_commands_alone() {
    assert!(faults("'Read' in statement.effects", Scope::Command).is_empty());
    for text in ["'Read' in statement.effects", "statement == 1"] {
        let told = faults(text, Scope::Access);
        assert!(told.iter().all(|fault| fault.contains("rules of a CommandRule")), "{told:?}");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn a_condition_is_bounded_in_length_depth_and_parts() {
    for (text, expected) in [
        (format!("{} true", " ".repeat(5000)), "4096 are the most"),
        (format!("{}true{}", "(".repeat(40), ")".repeat(40)), "nests or chains more than 32 deep"),
        (format!("{}true", "!".repeat(2000)), "nests or chains more than 32 deep"),
        (format!("{}1 == 1", "- ".repeat(2000)), "nests or chains more than 32 deep"),
        (format!("{}true", "true ? true : ".repeat(40)), "nests or chains more than 32 deep"),
        (format!("{}1 > 0", "1 + ".repeat(40)), "nests or chains more than 32 deep"),
        (format!("args{} == 1", ".a".repeat(40)), "nests or chains more than 32 deep"),
        (format!("{}1{} == args", "[".repeat(1000), "]".repeat(1000)), "nests or chains more than 32 deep"),
        (format!("[{}1] == args.x", "1,".repeat(1500)), "more than 1000 parts"),
    ] {
        let told = faults(&text, Scope::Access);
        assert!(told.iter().any(|fault| fault.contains(expected)), "{told:?}");
    }
    assert!(
        faults(&vec!["args.x == 1"; 200].join(" || "), Scope::Access).is_empty(),
        "|| chains for nothing"
    );
}
