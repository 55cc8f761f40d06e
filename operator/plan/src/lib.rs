//! What should exist for a set of Lychgate objects: validation and rendering, as pure functions.
//!
//! [`load`] reads manifests (or [`load_objects`] what the API server has) into an [`Inventory`];
//! [`validate()`] finds all that is wrong with it, each problem with its file, line and field, and answers the
//! connections that may be served; [`render`] makes the objects that should exist for each. There is no
//! clock, no environment, no file, no socket and no log in here, so that the operator, `lychgate dev`,
//! `lychgate validate` and `lychgate render` cannot differ.

mod inventory;
mod manifest;
mod masking;
mod names;
mod problem;
mod render;
mod secret;
mod suggest;
mod valid;
mod validate;
mod values;

pub use inventory::{ConfigMapFile, Inventory, PERSONAS_LABEL, Persona, SecretFile};
pub use manifest::{Loaded, SourceFile, load, load_objects};
pub use problem::{ObjectKey, Problem, Severity, Source};
pub use render::{RenderOptions, render};
pub use secret::SecretValue;
pub use valid::ValidConnection;
pub use validate::{Options, Validated, validate};
