//! The targets, one in a module: what it reads, and what holds for all of it.

pub(crate) mod condition;
pub(crate) mod decide;
pub(crate) mod edits;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod lanes;
pub(crate) mod mask;
pub(crate) mod message;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod sql;
pub(crate) mod sse;
