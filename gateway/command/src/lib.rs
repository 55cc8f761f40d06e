//! What a command would do, told before it is done.
//!
//! An agent hands a tool a text in a language of its own: a statement of SQL. This crate reads that text as the
//! server behind the tool would, and names its effects, without running anything. Rules over effects ("reads are
//! allowed, schema changes are not") are made of what is found here; they do not live here.
//!
//! This crate is pure: no clock, no environment, no file, no socket, no task and no log of its own.
//!
//! Two promises, and their price. **Nothing is guessed:** a text that two servers, or one server with two settings,
//! would read differently is refused with a reason ([`sql::Unparseable`]). **What is not known is not a read:** a
//! statement, a function or an operator that the tables here do not have gets an effect that nobody allows by
//! accident. The price is that some harmless texts are refused or get a harder effect than they deserve.

pub mod sql;
