//! Where a masked document differs from the one that came: the places that may be changed once more, and no others.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::demand::Demand;
use crate::pointer::join;

/// How far a place has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It may have any value that fits.
    Any,
    /// It is `null`, because nothing else fitted.
    Null,
    /// Nothing more can be done here.
    Spent,
}

/// A place that may be changed.
#[derive(Debug)]
pub(crate) struct Place {
    /// Whether all of it was masked, so that it may be replaced; otherwise only what is missing in it may be added.
    pub(crate) is_whole: bool,
    /// Whether it may only go away, being a member under a name that is masked.
    pub(crate) is_renamed: bool,
    pub(crate) stage: Stage,
    pub(crate) demand: Demand,
    /// What stood here already and did not fit.
    pub(crate) tried: Vec<Value>,
}

impl Place {
    pub(crate) fn whole() -> Self {
        let (is_whole, is_renamed) = (true, false);
        Self { is_whole, is_renamed, stage: Stage::Any, demand: Demand::default(), tried: Vec::new() }
    }
}

/// Places by their pointers.
pub(crate) type Places = BTreeMap<String, Place>;

/// The places at which a masked document differs.
pub(crate) fn masked_places(before: &Value, masked: &Value) -> Places {
    let mut places = Places::new();
    compare(before, masked, "", &mut places);
    places
}

fn compare(before: &Value, masked: &Value, pointer: &str, places: &mut Places) {
    match (before, masked) {
        (Value::Object(before), Value::Object(masked)) => {
            let is_short = before.keys().any(|name| !masked.contains_key(name));
            if is_short {
                let is_whole = masked.is_empty();
                places.insert(pointer.to_owned(), Place { is_whole, ..Place::whole() });
            }
            for (name, value) in masked {
                let pointer = join(pointer, name);
                match before.get(name) {
                    Some(before) => compare(before, value, &pointer, places),
                    None => {
                        let is_renamed = true;
                        places.insert(pointer, Place { is_renamed, ..Place::whole() });
                    }
                }
            }
        }
        (Value::Array(before), Value::Array(masked)) if before.len() == masked.len() => {
            for (index, (before, masked)) in before.iter().zip(masked).enumerate() {
                compare(before, masked, &join(pointer, &index.to_string()), places);
            }
        }
        // Which items went away cannot be told: each of those that stay may have moved.
        (Value::Array(_), Value::Array(masked)) => {
            places.insert(pointer.to_owned(), Place { is_whole: masked.is_empty(), ..Place::whole() });
            for (index, item) in masked.iter().enumerate() {
                all(item, &join(pointer, &index.to_string()), places);
            }
        }
        (before, masked) if before == masked => {}
        (_, _) => {
            places.insert(pointer.to_owned(), Place::whole());
        }
    }
}

/// Every value in what may have moved.
fn all(value: &Value, pointer: &str, places: &mut Places) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| all(member, &join(pointer, name), places));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| all(item, &join(pointer, &index.to_string()), places));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            places.insert(pointer.to_owned(), Place::whole());
        }
    }
}
