//! Paths with filters, held against `serde_json_path`, and what they cost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use bytes::Bytes;
use lychgate_gateway_mcp::json::{Document, Limits, Value};
use proptest::prelude::*;
use serde_json::json;
use serde_json_path::JsonPath;

use super::{Asked, Filter};
use crate::path::{Path, States, Step, advance, start};

/// Where a path leads in a document, as RFC 9535, section 2.7, spells places.
pub(super) fn places(path: &str, document: &serde_json::Value) -> BTreeSet<String> {
    let path = Path::parse(path).unwrap();
    let bytes = Bytes::from(document.to_string());
    let document = Document::parse(bytes, Limits::with_bytes(1 << 24)).unwrap();
    let asked = Asked::new(document.root());
    let mut found = BTreeSet::new();
    descend(&path, &asked, document.root(), &start(&[&path]), "$".to_owned(), &mut found);
    found
}

fn descend<'d>(
    path: &Path,
    asked: &Asked<'d>,
    value: Value<'d>,
    states: &States,
    place: String,
    found: &mut BTreeSet<String>,
) {
    let follow = |child: Value<'d>, step: Step<'_>, place: String, found: &mut BTreeSet<String>| {
        let mut next = States::new();
        let fulfils = |_, filter: &Filter| asked.fulfils(child, filter).unwrap();
        advance(&[path], states, step, &mut next, &fulfils);
        descend(path, asked, child, &next, place, found);
    };
    for member in value.members() {
        let name = member.key.text().unwrap();
        follow(member.value, Step::Name(&name), format!("{place}['{}']", normal(&name)), found);
    }
    let length = value.items().count();
    for (index, item) in value.items().enumerate() {
        follow(item, Step::Item { index, length }, format!("{place}[{index}]"), found);
    }
    if states.contains(&(0, path.length())) {
        found.insert(place);
    }
}

/// A name as RFC 9535, section 2.7, spells it.
fn normal(name: &str) -> String {
    let mut normal = String::new();
    for character in name.chars() {
        match character {
            '\'' => normal.push_str("\\'"),
            '\\' => normal.push_str("\\\\"),
            '\n' => normal.push_str("\\n"),
            '\r' => normal.push_str("\\r"),
            '\t' => normal.push_str("\\t"),
            '\u{8}' => normal.push_str("\\b"),
            '\u{c}' => normal.push_str("\\f"),
            control if control < ' ' => normal.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => normal.push(other),
        }
    }
    normal
}

fn expected(path: &str, document: &serde_json::Value) -> BTreeSet<String> {
    let path = JsonPath::parse(path).unwrap();
    path.query_located(document).locations().map(ToString::to_string).collect()
}

#[test]
fn a_filter_takes_what_the_standard_says() {
    let document = json!({
        "rows": [
            {"type": "card", "value": "4111", "n": 1, "tags": ["a", "b"], "o": {"x": 1}},
            {"type": "note", "value": "hi", "n": 2, "tags": [], "o": {"x": 2, "y": null}},
            {"type": "Card", "n": 10, "null": null, "é": "größe", "f": 1.0},
        ],
        "wanted": "card",
        "limit": 2,
    });
    for (path, rows) in [
        ("$.rows[?@.type == 'card']", vec![0]),
        ("$.rows[?@.type==\"card\"]", vec![0]),
        ("$.rows[?(@.type == 'card')]", vec![0]),
        ("$.rows[? @.type != 'card' ]", vec![1, 2]),
        ("$.rows[?!(@.type == 'card')]", vec![1, 2]),
        ("$.rows[?@.type == $.wanted]", vec![0]),
        ("$.rows[?@.n <= $.limit]", vec![0, 1]),
        ("$.rows[?@.n > 1 && @.n < 5]", vec![1]),
        ("$.rows[?@.n == 1 || @.n == 10 && @.type == 'x']", vec![0]),
        ("$.rows[?@.n >= 2.0]", vec![1, 2]),
        ("$.rows[?@.f == 1]", vec![2]),
        ("$.rows[?@.n == 1e0]", vec![0]),
        ("$.rows[?@.value]", vec![0, 1]),
        ("$.rows[?!@.value]", vec![2]),
        ("$.rows[?@.o.y == null]", vec![1]),
        ("$.rows[?@['null'] == null]", vec![2]),
        ("$.rows[?@.a == @.b]", vec![0, 1, 2]),
        ("$.rows[?@.a < 1]", vec![]),
        ("$.rows[?@.tags[0] == 'a']", vec![0]),
        ("$.rows[?@.tags[?@ == 'b']]", vec![0]),
        ("$.rows[?@..x]", vec![0, 1]),
        ("$.rows[?length(@.type) == 4]", vec![0, 1, 2]),
        ("$.rows[?length(@.tags) == 2]", vec![0]),
        ("$.rows[?length(@.é) == 5]", vec![2]),
        ("$.rows[?count(@.*) > 4]", vec![0, 1, 2]),
        ("$.rows[?count(@.tags.*) == 2]", vec![0]),
        ("$.rows[?value(@..x) == 2]", vec![1]),
        ("$.rows[?match(@.type, '[Cc]ard')]", vec![0, 2]),
        ("$.rows[?match(@.type, 'car')]", vec![]),
        ("$.rows[?search(@.type, 'ar')]", vec![0, 2]),
        ("$.rows[?match(@.type, $.wanted)]", vec![0]),
        ("$.rows[?search(@.n, '1')]", vec![]),
        ("$.rows[?@.type < 'd']", vec![0, 2]),
        ("$.rows[?@ == $.rows[1]]", vec![1]),
        ("$.rows[0, ?@.n == 10]", vec![0, 2]),
        ("$ .rows [ ?@ .n == 1 ]", vec![0]),
    ] {
        let rows: BTreeSet<String> = rows.into_iter().map(|row| format!("$['rows'][{row}]")).collect();
        assert_eq!(places(path, &document), rows, "{path}");
        assert_eq!(expected(path, &document), rows, "{path} elsewhere");
    }
    // The other reader knows no indices from the end here.
    for (path, is_there) in [
        ("$.rows[?@.tags[-1] == 'b']", true),
        ("$.rows[?@.tags[-2] == 'a']", true),
        ("$.rows[?@.tags[-3]]", false),
    ] {
        assert_eq!(!places(path, &document).is_empty(), is_there, "{path}");
    }
    // It orders booleans, which the standard does not.
    assert_eq!(places("$.rows[?true > false || false < true]", &document), BTreeSet::new());
    let placed = places("$..[?@.x == 2].x", &document);
    assert_eq!(placed, BTreeSet::from(["$['rows'][1]['o']['x']".to_owned()]));
}

#[test]
fn numbers_beyond_what_a_binary_number_holds_are_told_apart() {
    let document = json!([9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64]);
    assert_eq!(places("$[?@ == 9007199254740993]", &document), BTreeSet::from(["$[0]".to_owned()]));
}

#[test]
fn dots_and_anchors_of_patterns_are_those_of_the_standard() {
    let document = json!(["a\nb", "a\rb", "a^b", "a$b", "axb", "a.b", "a&&b", "a[b"]);
    for (path, items) in [
        ("$[?match(@, 'a.b')]", vec![2, 3, 4, 5, 7]),
        ("$[?match(@, 'a^b')]", vec![2]),
        ("$[?match(@, 'a$b')]", vec![3]),
        ("$[?match(@, 'a[.]b')]", vec![5]),
        ("$[?match(@, 'a[x&&y]+b')]", vec![4, 6]),
        (r"$[?match(@, 'a[\\[]b')]", vec![7]),
    ] {
        let items: BTreeSet<String> = items.into_iter().map(|item| format!("$[{item}]")).collect();
        assert_eq!(places(path, &document), items, "{path}");
    }
}

#[test]
fn a_filter_that_would_look_at_too_much_has_no_answer() {
    let rows = json!({"rows": vec![json!({"a": 1}); 3000]}).to_string();
    let document = Document::parse(Bytes::from(rows), Limits::with_bytes(1 << 20)).unwrap();
    let asked = Asked::new(document.root());
    let path = Path::parse("$..[?$..[?$..a == 2]]").unwrap_err();
    assert!(path.to_string().contains("find many values"), "{path}");
    let path = Path::parse("$.rows[?$..[?count($..a) == 1]]").unwrap();
    let mut states = States::new();
    let answer = std::cell::Cell::new(None);
    let fulfils = |_, filter: &Filter| {
        answer.set(Some(asked.fulfils(document.root(), filter)));
        false
    };
    advance(&[&path], &vec![(0, 1)], Step::Item { index: 0, length: 1 }, &mut states, &fulfils);
    assert_eq!(answer.get(), Some(Err(super::TooMuch)));
}

/// A path inside a filter that finds one value or none. None with an index from the end, which the other reader
/// does not know there.
fn singular() -> impl Strategy<Value = String> {
    let step = prop::sample::select(&[".a", ".b", "['c']", "[0]", "[1]", ""][..]);
    (prop::sample::select(&["@", "$"][..]), step.clone(), step)
        .prop_map(|(root, one, two)| format!("{root}{one}{two}"))
}

fn many() -> impl Strategy<Value = String> {
    let step = prop::sample::select(&[".*", "..a", "[*]", "..[0]", ".a", "[0:2]", "['a','b']", "[?@.a]"][..]);
    (prop::sample::select(&["@", "$"][..]), step.clone(), step)
        .prop_map(|(root, one, two)| format!("{root}{one}{two}"))
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => singular(),
        3 => prop::sample::select(&["1", "-1", "1.5", "1e1", "'a'", "\"b\"", "true", "null", "''"][..])
            .prop_map(str::to_owned),
        1 => singular().prop_map(|path| format!("length({path})")),
        1 => many().prop_map(|path| format!("count({path})")),
        1 => many().prop_map(|path| format!("value({path})")),
    ]
}

/// A filter as it is given to us, and to the other reader. That one has `>` and `<=` hold for what has no order, against RFC
/// 9535, section 2.3.5.2.2, and so is asked by `<` and `==` alone.
fn filter() -> impl Strategy<Value = (String, String)> {
    let comparison = prop::sample::select(&["==", "!=", "<", "<=", ">", ">="][..]);
    let compared = |(one, by, other): (String, &str, String)| {
        let ours = format!("{one} {by} {other}");
        let theirs = match by {
            "<=" => format!("({one} < {other} || {one} == {other})"),
            ">" => format!("{other} < {one}"),
            ">=" => format!("({other} < {one} || {one} == {other})"),
            _ => ours.clone(),
        };
        (ours, theirs)
    };
    let both = |filter: String| (filter.clone(), filter);
    let leaf = prop_oneof![
        4 => (operand(), comparison, operand()).prop_map(compared),
        1 => many().prop_map(both),
        1 => singular().prop_map(move |path| both(format!("!{path}"))),
        1 => (singular(), prop::sample::select(&["a", "a|b", ".", "[ab]+", "a*"][..]), any::<bool>())
            .prop_map(move |(path, pattern, whole)| {
                both(format!("{}({path}, '{pattern}')", if whole { "match" } else { "search" }))
            }),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let joined = |sign: &'static str| {
            move |(one, other): ((String, String), (String, String))| {
                (format!("{} {sign} {}", one.0, other.0), format!("{} {sign} {}", one.1, other.1))
            }
        };
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(joined("&&")),
            (inner.clone(), inner.clone()).prop_map(joined("||")),
            inner.prop_map(|(ours, theirs)| (format!("!({ours})"), format!("!({theirs})"))),
        ]
    })
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop::sample::select(vec![
        json!(1),
        json!(-1),
        json!(1.5),
        json!(10),
        json!(2),
        json!("a"),
        json!("b"),
        json!(""),
        json!(true),
        json!(null),
    ]);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(
                prop::sample::select(&["a", "b", "c"][..]).prop_map(str::to_owned),
                inner,
                0..4
            )
            .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_with_a_filter_leads_where_another_reader_says(
        before in prop::sample::select(&["$", "$..a", "$.*", "$.."][..]),
        (ours, theirs) in filter(),
        after in prop::sample::select(&["", ".a", "[0]", "..b"][..]),
        document in document(),
    ) {
        let path = |filter| format!("{before}[?{filter}]{after}");
        let (ours, theirs) = (path(ours), path(theirs));
        prop_assert_eq!(places(&ours, &document), expected(&theirs, &document), "{}", ours);
    }

    #[test]
    fn what_is_no_path_elsewhere_is_none_here(
        text in "[$@.?\\[\\]()!&|=<>'a-c0-9, *:-]{0,14}",
        (filter, _) in filter(),
        cut in 0..40_usize,
    ) {
        let path = format!("$[?{filter}]");
        let kept = path.chars().enumerate().filter(|(place, _)| *place != cut);
        let broken: String = kept.map(|(_, character)| character).collect();
        for path in [format!("$[?{text}]"), broken] {
            if JsonPath::parse(&path).is_err() {
                prop_assert!(Path::parse(&path).is_err(), "{}", path);
            }
        }
    }
}
