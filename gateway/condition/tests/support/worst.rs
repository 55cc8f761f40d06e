//! Arguments and conditions that are meant to take long.

/// Each with its arguments, lists and texts of this size.
pub(crate) fn cases(bytes: usize) -> Vec<(&'static str, String)> {
    let list = |item: &str| vec![item; bytes / (item.len() + 1)].join(",");
    let ones = format!(r#"{{"l":[{}]}}"#, list("1"));
    let text = |unit: &str| format!(r#"{{"l":[{}],"s":"{}"}}"#, list("1"), unit.repeat(bytes / unit.len()));
    let members: Vec<String> = (0..bytes / 16).map(|number| format!(r#""k{number}":{number}"#)).collect();
    let members = members.join(",");
    let object = format!(r#"{{"l":[{}],"o":{{{members}}},"p":{{{members}}}}}"#, list("1"));
    let nested = format!("{}{}", "[".repeat(60), "]".repeat(60));
    let nested = format!(r#"{{"l":[{}]}}"#, list(&nested));
    let digits = format!(r#"{{"l":[{}]}}"#, list(&format!("0.{}", "3".repeat(62))));
    let doubles = format!(r#"{{"l":[{}]}}"#, list("0.30000000000000004"));
    let powers = format!(r#"{{"l":[{}]}}"#, list("1e2"));
    vec![
        ("args.l.all(x, x == 1)", ones.clone()),
        ("args.l.all(x, x in args.l)", ones.clone()),
        ("args.l.all(x, !(2 in args.l))", ones.clone()),
        ("args.l == args.l && args.l == args.l", ones.clone()),
        ("args.l.map(x, x) == args.l", ones.clone()),
        ("args.l.map(x, args.l + args.l).size() > 0", ones.clone()),
        ("args.l.filter(x, x > 0).map(x, x + 1).all(x, x == 2)", ones.clone()),
        ("args.l.all(x, size(args.l) > 0)", ones.clone()),
        ("args.l.all(x, args.l[100000] == 1)", ones.clone()),
        ("args.l.all(x, x == 'a') || args.l.exists(x, x == 'a')", ones),
        ("args.l.map(x, args.s + args.s).size() > 0", text("a")),
        ("args.l.all(x, args.s.contains('aab'))", text("a")),
        ("args.l.all(x, args.s.matches('(a|aa)+$'))", text("a")),
        ("args.l.all(x, args.s.matches('(a?){40}b'))", text("a")),
        ("args.l.all(x, !args.s.matches('(a|b|ab)*c{20}'))", text("ab")),
        ("args.l.all(x, !args.s.matches('(\\\\w+\\\\b)*x$'))", text("é")),
        ("args.l.all(x, args.s.replace('a', args.s).size() > 0)", text("a")),
        ("args.l.all(x, args.s.split('').size() > 0)", text("a")),
        ("args.l.all(x, args.s.upperAscii().size() > 0)", text("a")),
        ("args.l.all(x, args.s == 'a')", text("\\u0061")),
        ("args.l.all(x, args.s.size() > 0)", text("\\u0061")),
        ("args.l.all(x, args.s < args.s)", text("\\n")),
        ("args.l.all(x, has(args.o.zzz))", object.clone()),
        ("args.l.all(x, args.o.k9999 > 0)", object.clone()),
        ("args.o == args.p", object.clone()),
        ("args.o.all(name, name in args.p)", object),
        ("args.l == args.l", nested),
        ("args.l.all(x, x > 0)", digits),
        ("args.l.all(x, x > 0)", doubles),
        ("args.l.all(x, x > 0)", powers),
    ]
}
