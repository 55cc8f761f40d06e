//! How much work a schema makes, told before it is done: servers write schemas, and one of a few lines could keep a
//! validator busy for ever or take all of its stack.
//!
//! A schema is taken for the graph of its parts: some look at the same place of a document, and some at what is below.
//! From it follows how often any place at a depth is looked at, at most.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::Unusable;
use crate::pointer::join;

/// The most parts of a schema.
const MAXIMUM_PARTS: usize = 4096;
/// The most patterns of a schema.
const MAXIMUM_PATTERNS: usize = 256;
/// How often places of a document may be looked at, in all.
const MAXIMUM_LOOKS: f64 = 500_000.0;
/// How many parts may be looked at inside each other.
const MAXIMUM_NESTING: f64 = 512.0;
/// How much more a pattern counts that looks around, and so may go back.
const LOOKING_AROUND: f64 = 64.0;
/// The deepest document.
const MAXIMUM_DEPTH: usize = 64;

/// Keywords with one schema for the same place.
const SAME: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords with several.
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords with a schema, or a list of them, for what is below.
const BELOW: [&str; 8] = [
    "additionalProperties",
    "propertyNames",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords that refer to another part.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// What a schema costs: by depth, how often one place is looked at, and how deep its parts are inside each other.
#[derive(Debug)]
pub(crate) struct Work {
    looks: Vec<f64>,
    nesting: Vec<f64>,
}

#[derive(Default)]
struct Part {
    /// What it takes beside a look.
    besides: f64,
    same: Vec<usize>,
    below: Vec<usize>,
    /// One of them for each member of an object.
    named: Vec<usize>,
}

struct Graph<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, Vec<String>>,
    parts: Vec<Part>,
    indices: HashMap<String, usize>,
    waiting: Vec<String>,
    patterns: usize,
}

impl Work {
    pub(crate) fn of(schema: &Value) -> Result<Self, Unusable> {
        let mut anchors = HashMap::new();
        note_anchors(schema, "", &mut anchors);
        let mut graph = Graph {
            root: schema,
            anchors,
            parts: Vec::new(),
            indices: HashMap::new(),
            waiting: Vec::new(),
            patterns: 0,
        };
        graph.index(String::new())?;
        while let Some(pointer) = graph.waiting.pop() {
            graph.read(&pointer)?;
        }
        let order = order(&graph.parts)?;
        Ok(Self::measure(&graph.parts, &order))
    }

    /// Whether a document can be looked at within bounds.
    pub(crate) fn allows(&self, document: &Value) -> bool {
        let mut places = Vec::new();
        if !count(document, 0, &mut places) {
            return false;
        }
        let looks: f64 = places.iter().zip(&self.looks).map(|(places, looks)| places * looks).sum();
        let deepest = self.nesting.get(places.len().saturating_sub(1)).copied();
        looks <= MAXIMUM_LOOKS && deepest.is_some_and(|nesting| nesting <= MAXIMUM_NESTING)
    }

    /// Depth by depth, from what one part takes at a place so far below it.
    fn measure(parts: &[Part], order: &[usize]) -> Self {
        let mut work = Self { looks: Vec::new(), nesting: Vec::new() };
        let (mut above, mut nested) = (vec![0.0; parts.len()], vec![0.0; parts.len()]);
        for depth in 0..=MAXIMUM_DEPTH {
            let (mut looks, mut nesting) = (vec![0.0; parts.len()], vec![0.0; parts.len()]);
            let at = |values: &[f64], index: &usize| values.get(*index).copied().unwrap_or_default();
            let most = |values: &[f64], indices: &[usize]| {
                indices.iter().map(|index| at(values, index)).fold(0.0, f64::max)
            };
            let all = |values: &[f64], indices: &[usize]| -> f64 {
                indices.iter().map(|index| at(values, index)).sum()
            };
            for index in order {
                let Some(part) = parts.get(*index) else { continue };
                let own = if depth == 0 { 1.0 + part.besides } else { 0.0 };
                let sum =
                    own + all(&looks, &part.same) + most(&above, &part.named) + all(&above, &part.below);
                let deep = most(&nesting, &part.same)
                    .max(most(&nested, &part.named))
                    .max(most(&nested, &part.below));
                if let (Some(looks), Some(nesting)) = (looks.get_mut(*index), nesting.get_mut(*index)) {
                    (*looks, *nesting) = (sum.min(f64::MAX), deep + 1.0);
                }
            }
            work.looks.push(looks.first().copied().unwrap_or_default());
            work.nesting.push(nesting.first().copied().unwrap_or_default());
            (above, nested) = (looks, nesting);
        }
        work
    }
}

impl<'s> Graph<'s> {
    fn index(&mut self, pointer: String) -> Result<usize, Unusable> {
        if let Some(index) = self.indices.get(&pointer) {
            return Ok(*index);
        }
        if self.parts.len() >= MAXIMUM_PARTS {
            return Err(Unusable::TooMany);
        }
        let index = self.parts.len();
        self.parts.push(Part::default());
        self.indices.insert(pointer.clone(), index);
        self.waiting.push(pointer);
        Ok(index)
    }

    fn read(&mut self, pointer: &str) -> Result<(), Unusable> {
        let root = self.root;
        let Some(schema) = root.pointer(pointer).and_then(Value::as_object) else { return Ok(()) };
        if !pointer.is_empty()
            && (schema.contains_key("$id") || schema.get("id").is_some_and(Value::is_string))
        {
            return Err(Unusable::Elsewhere);
        }
        let mut part = Part::default();
        for keyword in SAME {
            if schema.contains_key(keyword) {
                part.same.push(self.index(join(pointer, keyword))?);
            }
        }
        for keyword in SAME_LISTS {
            part.same.extend(self.children(pointer, keyword, schema)?);
        }
        for keyword in ["dependentSchemas", "dependencies"] {
            part.same.extend(self.children(pointer, keyword, schema)?);
        }
        for keyword in BELOW {
            match schema.get(keyword) {
                Some(Value::Array(_)) => part.below.extend(self.children(pointer, keyword, schema)?),
                Some(_) => part.below.push(self.index(join(pointer, keyword))?),
                None => {}
            }
        }
        part.below.extend(self.children(pointer, "patternProperties", schema)?);
        part.named.extend(self.children(pointer, "properties", schema)?);
        for keyword in REFERENCES {
            if let Some(reference) = schema.get(keyword).and_then(Value::as_str) {
                part.same.extend(self.referred(reference)?);
            }
        }
        let named =
            schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let looking =
            schema.get("pattern").and_then(Value::as_str).into_iter().chain(named.map(String::as_str));
        part.besides = looking.filter(|pattern| looks_around(pattern)).map(|_| LOOKING_AROUND).sum();
        let patterns = schema.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
        self.patterns += patterns + usize::from(schema.contains_key("pattern"));
        if self.patterns > MAXIMUM_PATTERNS {
            return Err(Unusable::TooMany);
        }
        if let Some(place) = self.indices.get(pointer).and_then(|index| self.parts.get_mut(*index)) {
            *place = part;
        }
        Ok(())
    }

    /// The schemas in a list, or by name, under a keyword.
    fn children(
        &mut self,
        pointer: &str,
        keyword: &str,
        schema: &Map<String, Value>,
    ) -> Result<Vec<usize>, Unusable> {
        let under = join(pointer, keyword);
        let steps: Vec<String> = match schema.get(keyword) {
            Some(Value::Array(items)) => (0..items.len()).map(|index| index.to_string()).collect(),
            Some(Value::Object(members)) => members.keys().cloned().collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => Vec::new(),
        };
        steps.iter().map(|step| self.index(join(&under, step))).collect()
    }

    /// What a reference may lead to.
    fn referred(&mut self, reference: &str) -> Result<Vec<usize>, Unusable> {
        let fragment = reference.strip_prefix('#').filter(|fragment| !fragment.contains('%'));
        let fragment = fragment.ok_or(Unusable::Elsewhere)?;
        if fragment.is_empty() || fragment.starts_with('/') {
            if self.root.pointer(fragment).is_none() {
                return Err(Unusable::Elsewhere);
            }
            return Ok(vec![self.index(fragment.to_owned())?]);
        }
        let anchors = self.anchors.get(fragment).cloned().ok_or(Unusable::Elsewhere)?;
        anchors.into_iter().map(|pointer| self.index(pointer)).collect()
    }
}

/// Whether a pattern may look around or refer back.
fn looks_around(pattern: &str) -> bool {
    let refers = pattern.as_bytes().windows(2).any(|pair| matches!(pair, [b'\\', b'1'..=b'9' | b'k']));
    refers || ["(?=", "(?!", "(?<", "(?>"].iter().any(|mark| pattern.contains(mark))
}

/// Where anchors stand, by name. What is no schema may have one too: more is counted then than is done.
fn note_anchors<'s>(schema: &'s Value, pointer: &str, anchors: &mut HashMap<&'s str, Vec<String>>) {
    match schema {
        Value::Object(members) => {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = members.get(keyword).and_then(Value::as_str) {
                    anchors.entry(name).or_default().push(pointer.to_owned());
                }
            }
            for (name, value) in members {
                note_anchors(value, &join(pointer, name), anchors);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                note_anchors(item, &join(pointer, &index.to_string()), anchors);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The parts in an order in which each comes behind those that look at the same place for it.
fn order(parts: &[Part]) -> Result<Vec<usize>, Unusable> {
    let mut uses = vec![0_usize; parts.len()];
    for part in parts {
        for index in &part.same {
            if let Some(uses) = uses.get_mut(*index) {
                *uses += 1;
            }
        }
    }
    let mut ready: Vec<usize> =
        uses.iter().enumerate().filter(|(_, uses)| **uses == 0).map(|(index, _)| index).collect();
    let mut order = Vec::with_capacity(parts.len());
    while let Some(index) = ready.pop() {
        order.push(index);
        for used in parts.get(index).map(|part| part.same.as_slice()).unwrap_or_default() {
            if let Some(uses) = uses.get_mut(*used) {
                *uses -= 1;
                if *uses == 0 {
                    ready.push(*used);
                }
            }
        }
    }
    order.reverse();
    if order.len() == parts.len() { Ok(order) } else { Err(Unusable::Endless) }
}

/// Counts the places of a document at each depth, names of members too, and says whether it is not too deep.
fn count(value: &Value, depth: usize, places: &mut Vec<f64>) -> bool {
    if depth > MAXIMUM_DEPTH {
        return false;
    }
    if places.len() <= depth {
        places.push(0.0);
    }
    if let Some(places) = places.get_mut(depth) {
        *places += 1.0;
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(items) => items.iter().all(|item| count(item, depth + 1, places)),
        Value::Object(members) => members.values().all(|member| count(member, depth + 1, places)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::Work;
    use crate::Unusable;
    use serde_json::{Value, json};

    fn refused(schema: &Value) -> Option<Unusable> {
        Work::of(schema).err()
    }

    #[test]
    fn what_leads_out_of_a_schema_or_back_to_the_same_place_is_refused() {
        for elsewhere in [
            json!({"$ref": "https://example.com/schema"}),
            json!({"$ref": "#/$defs/missing"}),
            json!({"$ref": "#nobody"}),
            json!({"properties": {"a": {"$id": "https://example.com/a", "$ref": "#/b"}}}),
        ] {
            assert_eq!(refused(&elsewhere), Some(Unusable::Elsewhere), "{elsewhere}");
        }
        for endless in [
            json!({"$ref": "#"}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
            json!({"$dynamicAnchor": "a", "anyOf": [{"$dynamicRef": "#a"}]}),
        ] {
            assert_eq!(refused(&endless), Some(Unusable::Endless), "{endless}");
        }
        let many: Vec<Value> = (0..5000).map(|number| json!({"minimum": number})).collect();
        assert_eq!(refused(&json!({"allOf": many})), Some(Unusable::TooMany));
        let tree = json!({"type": "object", "properties": {"child": {"$ref": "#"}, "other": {"$ref": "#"}}});
        assert_eq!(refused(&tree), None);
    }

    #[test]
    fn what_doubles_with_each_step_is_not_asked_about_a_deep_document() {
        let twice =
            json!({"allOf": [{"properties": {"c": {"$ref": "#"}}}, {"properties": {"c": {"$ref": "#"}}}]});
        let work = Work::of(&twice).unwrap();
        let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({"c": inner}));
        assert!(work.allows(&nested(10)));
        assert!(!work.allows(&nested(30)));
        let honest = json!({"type": "object", "properties": {"c": {"$ref": "#"}, "d": {"$ref": "#"}}});
        assert!(Work::of(&honest).unwrap().allows(&nested(64)));
        assert!(!Work::of(&honest).unwrap().allows(&nested(65)));
        let mut chain = json!({"properties": {"c": {"$ref": "#"}}});
        for _ in 0..20 {
            chain = json!({"allOf": [chain]});
        }
        let work = Work::of(&chain).unwrap();
        assert!(work.allows(&nested(20)));
        assert!(!work.allows(&nested(30)), "its parts would be looked at inside each other too deep");
    }
}
