//! What the masking of a connection is made of, in one value: two connections with the same need one program between them.
//!
//! A program is kept by whoever compiles documents; nothing is kept here.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use super::program::{Program, compile_all};
use crate::compile::Problem;
use crate::config::GatewayConfig;

/// The hash of all that a program is compiled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content([u8; 32]);

impl Content {
    /// That of a document: its rules and, where one of them asks a condition, what such a condition may ask of the connection.
    #[must_use]
    pub fn of(config: &GatewayConfig) -> Self {
        let asks = config.masking.iter().any(|rule| rule.matching.when.is_some());
        let connection = asks.then_some((&config.connection, &config.connection_labels));
        // Texts, numbers and lists: nothing that JSON cannot say.
        let bytes = serde_json::to_vec(&(&config.masking, connection)).unwrap_or_default();
        let mut hash = [0; 32];
        hash.iter_mut().zip(digest(&SHA256, &bytes).as_ref()).for_each(|(own, byte)| *own = *byte);
        Self(hash)
    }
}

/// A program, with what it was compiled from.
#[derive(Clone, Debug)]
pub struct Compiled {
    content: Content,
    program: Arc<Program>,
}

impl Compiled {
    /// Takes up a program that was compiled of a document with this content. It is used for no other.
    #[must_use]
    pub fn new(content: Content, program: Arc<Program>) -> Self {
        Self { content, program }
    }

    /// What it was compiled from.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

/// The program of a document: `known`, if it was compiled of the same.
///
/// # Errors
/// As [`super::compile`].
pub(crate) fn compile_or_take(
    config: &GatewayConfig,
    known: Option<Compiled>,
) -> Result<Compiled, Vec<Problem>> {
    let content = Content::of(config);
    match known.filter(|known| known.content == content) {
        Some(known) => Ok(known),
        None => Ok(Compiled::new(content, Arc::new(compile_all(config)?))),
    }
}
