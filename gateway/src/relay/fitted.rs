//! Masked answers of tools, held to what the server declares of them, which clients check.
//!
//! Where it is not known what is declared, the server is asked, as for approvals and pins. Where that cannot be told, the
//! answer goes out as it is masked.

use std::time::Duration;

use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, Masked, fit, may_misfit};

use super::{Origin, Passing};
use crate::approval::time::now_milliseconds;
use crate::schemas::Standing;
use crate::ticket;
use crate::tools::Asking;

/// How long an answer waits for what is declared of it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An answer that may not fit what is declared of it.
pub struct Doubt {
    /// The answer as it came.
    before: Message,
    /// The tool.
    tool: String,
    /// What the answer is about, for the rules.
    operation: Operation,
}

impl Origin {
    /// Whether a masked answer may not fit what is declared of it.
    pub(super) fn doubt(
        &self,
        before: &Message,
        masked: &Masked,
        operation: Option<&Operation>,
    ) -> Option<Box<Doubt>> {
        let operation = operation?;
        let tool = operation.tool_name().or_else(|| operation.tool_behind())?;
        may_misfit(before, masked).then(|| {
            let (before, operation) = (before.clone(), operation.clone());
            Box::new(Doubt { before, tool: tool.to_owned(), operation })
        })
    }

    /// An answer that fits what is declared of it, or what says that it does not; as it is where nothing is in doubt.
    pub async fn fitted(&self, mut passing: Passing) -> Passing {
        let Some(doubt) = passing.doubt.take() else { return passing };
        let Doubt { before, tool, operation } = *doubt;
        let Some(declared) = self.declared(&tool).await else { return passing };
        let Some(schema) = declared.schema() else { return passing };
        let context = Context {
            audience: Audience::Caller(&self.caller),
            direction: Direction::Response,
            operation: Some(&operation),
            known: &self.known,
            tokens: self.tokens(),
            now: now_milliseconds(),
        };
        let program = self.connection.policy.masking();
        let counted = passing.masked.counts().clone();
        let is_same = passing.recorded.bytes() == passing.masked.bytes();
        let masked = fit(program, &context, &before, passing.masked, schema);
        // The record has what the client was told, unless there is more that it must not show.
        if is_same || masked.is_unfit() {
            passing.recorded = masked.clone();
        }
        let new = masked.counts().iter().filter(|(kind, _)| !counted.contains_key(*kind));
        new.for_each(|(kind, count)| self.count_kind(&self.gateway.metrics.masks, kind, *count));
        if masked.is_unfit() {
            let connection = &self.connection.label;
            tracing::warn!(connection, "a masked answer does not fit the outputSchema of its tool");
        }
        Passing { masked, ..passing }
    }

    /// Whether an answer can be masked in pieces, as far as what is declared of it goes: it is held to that as a whole.
    pub(super) async fn is_free_of_form(&self) -> bool {
        let tool = self.operation.as_ref().and_then(Operation::tool_name);
        match tool.filter(|_| !self.connection.policy.config().masking.is_empty()) {
            Some(tool) => self.declared(tool).await.is_none_or(|declared| declared.schema().is_none()),
            None => true,
        }
    }

    async fn declared(&self, tool: &str) -> Option<std::sync::Arc<crate::schemas::Declaration>> {
        let schemas = &self.gateway.tools.schemas;
        let connection = &self.connection.label;
        match schemas.find(connection, tool) {
            Standing::Declared(declared) => return Some(declared),
            Standing::Undeclared => return None,
            Standing::Unknown => {}
        }
        let asked = self.asked.as_ref()?;
        let asking = Asking {
            upstream: &self.connection.upstream,
            headers: self.reply_headers.clone(),
            message: asked,
            known: &self.known,
            limits: ticket::limits(&self.connection.policy),
        };
        let listed = self.gateway.tools.list(connection, self.modern, asking);
        let listed = tokio::time::timeout(TIMEOUT, listed).await;
        let has_told = matches!(listed, Ok(Ok(())));
        if !has_told {
            tracing::warn!(connection, "the server does not list its tools, whose answers are masked");
        }
        schemas.asked(connection, has_told);
        match schemas.find(connection, tool) {
            Standing::Declared(declared) => Some(declared),
            Standing::Undeclared | Standing::Unknown => None,
        }
    }
}
