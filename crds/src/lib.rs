//! The Kubernetes kinds of Lychgate: what people write, and what the operator answers in `status`.
//!
//! Shapes and the constraints that a schema can say live here, and the words for both: [`text`] has every
//! text format, [`rule`] every rule across fields, [`reason`] every reason. What a schema cannot say
//! (whether a Secret exists, whether a regular expression compiles) is the business of the plan crate. A
//! kind or a field is here when something enforces it, not before.
//!
//! The manifests in `crds/yaml` are made by [`definitions`] and [`yaml::write`]; a test holds them.

pub mod approval;
pub mod command;
pub mod connection;
pub mod deployment;
pub mod gateway;
pub mod masking;
pub mod notification;
pub mod pinning;
pub mod progress;
pub mod reason;
pub mod rule;
mod schema;
pub mod service;
pub mod target;
pub mod text;
pub mod units;
pub mod yaml;

pub use approval::{Approval, ApprovalPolicy};
pub use command::CommandRule;
pub use connection::McpConnection;
pub use gateway::McpGateway;
pub use masking::MaskingRule;
pub use progress::Progress;
pub use reason::{ConditionType, Reason};
pub use schema::{Definition, definitions};

/// The API group of every kind.
pub const GROUP: &str = "lychgate.dev";
/// The one version that is served.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` as objects have it.
pub const API_VERSION: &str = "lychgate.dev/v1alpha1";
