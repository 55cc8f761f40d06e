//! Paths into a JSON document: the part of JSONPath (RFC 9535) that can be followed while a document is
//! read once, from its root down.
//!
//! All of RFC 9535 is known: names, indices from both ends, slices, wildcards and filters, several of them in one pair of
//! brackets, and `..` before any of them. What is masked at a place is not decided here.

pub(crate) mod filter;
mod parse;
mod slice;

use filter::Filter;
use parse::Parser;
use slice::{Slice, from_start, signed};

/// A compiled path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    segments: Vec<Segment>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    /// Whether the step may be taken at any depth (`..`).
    descends: bool,
    /// Where it leads; one of them is enough.
    selectors: Vec<Selector>,
}

/// What a step leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Selector {
    Name(String),
    /// From the end if it is negative.
    Index(i64),
    Slice(Slice),
    Wildcard,
    Filter(Box<Filter>),
}

/// A step that is taken in a document.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// Into the member of this name.
    Name(&'a str),
    /// Into the item of this index, of so many.
    Item {
        /// Counted from 0.
        index: usize,
        /// How many items the array has.
        length: usize,
    },
}

/// How far each of several paths has been followed at one place of a document: which path, and how many of
/// its segments are behind us. A path with `..` can be at several places at once.
pub(crate) type States = Vec<(usize, usize)>;

/// Why a text is no path: where, counted in characters from 1, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {advice}")]
pub(crate) struct PathError {
    position: usize,
    advice: String,
}

impl Path {
    /// Reads a path.
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        let mut parser = Parser { characters: text.chars().collect(), position: 0, depth: 0 };
        parser.path()
    }

    /// The number of segments: where a state has this number, the path has arrived.
    pub(crate) fn length(&self) -> usize {
        self.segments.len()
    }

    /// Whether it asks about values.
    pub(crate) fn has_filters(&self) -> bool {
        let mut selectors = self.segments.iter().flat_map(|segment| &segment.selectors);
        selectors.any(|selector| matches!(selector, Selector::Filter(_)))
    }

    /// Whether it leads to the same places however much of a document stands beside them: it asks about no values, and
    /// counts no items.
    pub(crate) fn is_by_name(&self) -> bool {
        let mut selectors = self.segments.iter().flat_map(|segment| &segment.selectors);
        selectors.all(|selector| matches!(selector, Selector::Name(_) | Selector::Wildcard))
    }

    /// Whether the last step counts the items of an array.
    pub(crate) fn ends_by_number(&self) -> bool {
        let last = self.segments.last().into_iter().flat_map(|segment| &segment.selectors);
        last.into_iter().any(|selector| matches!(selector, Selector::Index(_) | Selector::Slice(_)))
    }
}

/// The states of all `paths` at the root of a document.
pub(crate) fn start(paths: &[&Path]) -> States {
    (0..paths.len()).map(|index| (index, 0)).collect()
}

/// The states after one more `step`, added to `next`. Whether what the step leads to fulfils a filter of the path at an index
/// is asked of `fulfils`, where a path has one there. Each state is kept once, so that there are never more
/// than the paths have segments, however deep a document is.
pub(crate) fn advance(
    paths: &[&Path],
    states: &States,
    step: Step<'_>,
    next: &mut States,
    fulfils: &dyn Fn(usize, &Filter) -> bool,
) {
    let mut keep = |state| {
        if !next.contains(&state) {
            next.push(state);
        }
    };
    for &(index, done) in states {
        let Some(segment) = paths.get(index).and_then(|path| path.segments.get(done)) else { continue };
        let is_taken = |selector: &Selector| match selector {
            Selector::Filter(filter) => fulfils(index, filter),
            Selector::Name(_) | Selector::Index(_) | Selector::Slice(_) | Selector::Wildcard => {
                selector.takes(step)
            }
        };
        if segment.selectors.iter().any(is_taken) {
            keep((index, done + 1));
        }
        if segment.descends {
            keep((index, done));
        }
    }
}

impl Selector {
    /// Whether the step alone tells that it is taken. A filter asks for more.
    fn takes(&self, step: Step<'_>) -> bool {
        match (self, step) {
            (Self::Name(own), Step::Name(name)) => own == name,
            (Self::Index(own), Step::Item { index, length }) => {
                from_start(*own, signed(length)) == signed(index)
            }
            (Self::Slice(slice), Step::Item { index, length }) => slice.takes(signed(index), signed(length)),
            (Self::Wildcard, Step::Name(_) | Step::Item { .. }) => true,
            (Self::Name(_) | Self::Filter(_), Step::Item { .. })
            | (Self::Index(_) | Self::Slice(_) | Self::Filter(_), Step::Name(_)) => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Path, Step, advance, start};

    fn arrives(path: &str, steps: &[Step<'_>]) -> bool {
        let path = Path::parse(path).unwrap();
        let paths = [&path];
        let mut states = start(&paths);
        for step in steps {
            let mut next = Vec::new();
            advance(&paths, &states, *step, &mut next, &|_, _| false);
            states = next;
        }
        states.contains(&(0, path.length()))
    }

    #[test]
    fn a_path_arrives_where_it_leads_and_nowhere_else() {
        use Step::Name;
        #[allow(non_snake_case, reason = "the rows read like steps")]
        let Index = |index| Step::Item { index, length: 10 };
        for (path, steps, expected) in [
            ("$", vec![], true),
            ("$", vec![Name("a")], false),
            ("$.a", vec![Name("a")], true),
            ("$.a", vec![Name("b")], false),
            ("$.a", vec![Name("a"), Name("a")], false),
            ("$['a']", vec![Name("a")], true),
            ("$[\"a b\"]", vec![Name("a b")], true),
            ("$[ 'a' ]", vec![Name("a")], true),
            (r"$['it\'s']", vec![Name("it's")], true),
            (r"$['\u0041']", vec![Name("A")], true),
            ("$.größe", vec![Name("größe")], true),
            ("$.a1_b", vec![Name("a1_b")], true),
            ("$[3]", vec![Index(3)], true),
            ("$[3]", vec![Name("3")], false),
            ("$.rows[*].salary", vec![Name("rows"), Index(7), Name("salary")], true),
            ("$.rows[*].salary", vec![Name("rows"), Name("salary")], false),
            ("$.*", vec![Index(0)], true),
            ("$..ssn", vec![Name("ssn")], true),
            ("$..ssn", vec![Name("a"), Index(0), Name("ssn")], true),
            ("$..ssn", vec![Name("a"), Name("ssn"), Name("b")], false),
            ("$.a..b[0]", vec![Name("a"), Name("b"), Name("b"), Index(0)], true),
            ("$..['a'].b", vec![Name("x"), Name("a"), Name("b")], true),
            ("$..*", vec![Name("x"), Index(2)], true),
        ] {
            assert_eq!(arrives(path, &steps), expected, "{path} {steps:?}");
        }
    }

    /// The places of an array of `length` that a selector takes.
    fn taken(selector: &str, length: usize) -> Vec<usize> {
        let path = format!("$[{selector}]");
        (0..length).filter(|&index| arrives(&path, &[Step::Item { index, length }])).collect()
    }

    #[test]
    fn indices_slices_and_several_selectors_take_what_the_standard_says() {
        for (selector, length, expected) in [
            ("-1", 3, vec![2]),
            ("-3", 3, vec![0]),
            ("-4", 3, vec![]),
            ("1:3", 7, vec![1, 2]),
            ("5:", 7, vec![5, 6]),
            ("1:5:2", 7, vec![1, 3]),
            ("5:1:-2", 7, vec![3, 5]),
            ("::-1", 3, vec![0, 1, 2]),
            ("::-2", 4, vec![1, 3]),
            (":", 3, vec![0, 1, 2]),
            ("::", 2, vec![0, 1]),
            (":2", 5, vec![0, 1]),
            ("-2:", 5, vec![3, 4]),
            (":-2", 5, vec![0, 1, 2]),
            ("0:100:3", 8, vec![0, 3, 6]),
            ("-100:2", 5, vec![0, 1]),
            ("2:-10:-1", 5, vec![0, 1, 2]),
            ("10:20", 5, vec![]),
            (" 1 : 4 : 2 ", 7, vec![1, 3]),
            ("0, 3", 5, vec![0, 3]),
            ("0:2,-1", 5, vec![0, 1, 4]),
            ("'a',1", 3, vec![1]),
            ("*", 2, vec![0, 1]),
            ("1", 0, vec![]),
        ] {
            assert_eq!(taken(selector, length), expected, "[{selector}] of {length}");
        }
        for name in ["a", "b c"] {
            assert!(arrives("$['a', \"b c\"]", &[Step::Name(name)]), "{name}");
            assert!(
                arrives("$..['a','b c'].d", &[Step::Name("x"), Step::Name(name), Step::Name("d")]),
                "{name}"
            );
        }
        assert!(!arrives("$['a',1]", &[Step::Name("b")]) && !arrives("$[0:2]", &[Step::Name("0")]));
    }

    #[test]
    fn states_do_not_grow_with_depth() {
        let path = Path::parse("$..a..a..a").unwrap();
        let paths = [&path];
        let mut states = start(&paths);
        for _ in 0..1000 {
            let mut next = Vec::new();
            advance(&paths, &states, Step::Name("a"), &mut next, &|_, _| false);
            states = next;
        }
        assert_eq!(states.len(), 4);
    }

    #[test]
    fn a_wrong_path_says_where_and_what_to_write() {
        for (path, expected) in [
            ("", "at character 1: a path begins with `$`, the root, as in $.rows[*].name"),
            ("rows", "at character 1: a path begins with `$`, the root, as in $.rows[*].name"),
            ("$rows", "at character 2: write `.` or `[` before the next step"),
            ("$.", "at character 3: the path ends where a name should stand; remove the dot or write a name"),
            (
                "$.order-id",
                "at character 8: a name with other than letters, digits and `_` stands in brackets, as in ['order-id']",
            ),
            ("$.a.]", "at character 5: write a name, or `*` for every one"),
            ("$[01]", "at character 3: write an index without leading zeros that fits a document"),
            ("$[-0]", "at character 3: write an index without leading zeros that fits a document"),
            ("$[-]", "at character 3: write an index without leading zeros that fits a document"),
            (
                "$[9007199254740992]",
                "at character 3: write an index without leading zeros that fits a document",
            ),
            (
                "$[3:1]",
                "at character 3: this slice takes no item of any array; write one such as [0:3] or [-3:]",
            ),
            (
                "$[::0]",
                "at character 3: this slice takes no item of any array; write one such as [0:3] or [-3:]",
            ),
            ("$[1,]", "at character 5: write an index, a slice, a name in quotes, `*`, or a filter"),
            ("$[?]", "at character 4: write a path that begins with `@`, a value, or a function"),
            ("$[?@.a", "at character 7: write `]`, or a comma and another selector"),
            ("$[?'a']", "at character 7: compare this, as in @.a == 'x'"),
            ("$[?@.a == ]", "at character 11: write a path that begins with `@`, a value, or a function"),
            (
                "$[?@.* == 1]",
                "at character 4: this may find many values; compare one, as in @.a or @.a[0], or use value() or count()",
            ),
            ("$[?!@.a == 1]", "at character 5: put what is compared into parentheses behind the `!`"),
            ("$[?(@.a]", "at character 8: write `)`"),
            (
                "$[?first(@.a)]",
                "at character 4: there is no such function; there are length, count, match, search and value",
            ),
            ("$[?count(1) == 1]", "at character 10: write a path that begins with `@` or `$`"),
            ("$[?match(@.a, '[')]", "at character 15: this is no regular expression (I-Regexp, RFC 9485)"),
            (
                "$[?match(@.a, 'b') == true]",
                "at character 4: this function says yes or no; do not compare it",
            ),
            ("$[?@.a == 01]", "at character 11: write a number as JSON has it"),
            (
                "$[?@.a == x]",
                "at character 11: write a text in quotes, true, false, null, or a function with parentheses",
            ),
            (
                "$[?((((((((@.a))))))))]",
                "at character 12: too many filters, parentheses and functions inside each other; write eight at most",
            ),
            ("$['a", "at character 5: the name does not end; write '"),
            ("$[a]", "at character 3: write an index, a slice, a name in quotes, `*`, or a filter"),
            ("$[0", "at character 4: write `]`, or a comma and another selector"),
            (r"$['\x']", "at character 5: no such escape; write \\\\ for a backslash"),
            (r"$['\u00']", "at character 5: write \\u and four hexadecimal digits, or the character itself"),
        ] {
            assert_eq!(Path::parse(path).unwrap_err().to_string(), expected, "{path}");
        }
    }
}
