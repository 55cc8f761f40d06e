//! What should exist for a set of Lychgate objects: validation and rendering, as pure functions.
//!
//! [`load`] reads manifests (or [`load_objects`] what the API server has) into an [`Inventory`];
//! [`validate()`] finds all that is wrong with it, each problem with its file, line and field, and answers the
//! connections that may be served; [`render`] makes the objects that should exist for each. There is no
//! clock, no environment, no file, no socket and no log in here, so that the operator, `lychgate dev`,
//! `lychgate validate` and `lychgate render` cannot differ.

mod approval;
pub mod approvals;
mod command;
pub mod doctor;
mod explain;
mod inventory;
mod manifest;
mod masking;
mod names;
mod problem;
mod render;
mod scale;
mod secret;
mod service;
mod sharers;
mod shown;
pub mod status;
mod suggest;
mod targets;
mod terms;
mod valid;
mod validate;
mod values;

pub use explain::{Attachment, Explanation, GatewayStanding, Required, Standing, explain};
pub use inventory::{ConfigMapFile, Inventory, PERSONAS_LABEL, Persona, SecretFile};
pub use manifest::{Loaded, SourceFile, load, load_objects};
pub use problem::{ObjectKey, Problem, Severity, Source};
pub use render::{
    CHILD_KINDS, CONFIG_HASH_ANNOTATION, CONNECTION_ANNOTATION, CertificateAuthority, ChildKind,
    FILL_ANNOTATION, MANAGER, MANAGER_LABEL, OWNED_BY_ANNOTATION, RenderOptions, SEQUENCE_ANNOTATION,
    SHARERS_ANNOTATION, certificate_epoch, render,
};
pub use secret::SecretValue;
pub use sharers::Sharers;
pub use shown::shown;
pub use terms::TERMS_LABEL;
pub use valid::ValidConnection;
pub use validate::{ClusterIssuer, Options, PolicyReach, SecretWatch, Validated, validate};

pub use lychgate_gateway_policy::config::{Closed, ObjectName, PinningMode};
