//! What the rules of `examples/policies` are for, statement by statement, from the manuals of the servers.

mod mysql;
mod postgresql;

/// What is known of a CommandRule.
pub(crate) struct Pack {
    /// The name of the CommandRule.
    pub(crate) name: &'static str,
    /// The connection of the example that it holds for.
    pub(crate) connection: &'static str,
    pub(crate) cases: &'static [Cases],
    /// Tools, each with arguments as a server takes them and `SQL` in the place of the statement.
    pub(crate) calls: &'static [(&'static str, &'static str)],
}

/// The statements of one rule.
pub(crate) struct Cases {
    pub(crate) rule: &'static str,
    /// Statements that the rule decides on.
    pub(crate) hits: &'static [&'static str],
    /// Statements that it must have no say in, each with what becomes of it.
    pub(crate) lookalikes: &'static [(&'static str, &'static str)],
}

pub(crate) const PACKS: &[Pack] = &[postgresql::PACK, mysql::PACK];
