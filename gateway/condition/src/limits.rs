//! How much a condition may be. They bound the time and the memory of checking it, and the depth of the stack.

/// The longest condition, in bytes.
pub const TEXT_BYTES: usize = 4096;
/// How deep it may nest or chain; `&&` and `||` chain for nothing.
pub(crate) const DEPTH: usize = 32;
/// Of how many parts it may consist.
pub(crate) const NODES: usize = 1000;
/// The longest pattern of `matches`, in bytes.
pub(crate) const PATTERN_BYTES: usize = 256;
/// How much memory a compiled pattern may take, in bytes.
pub(crate) const PATTERN_SIZE: usize = 64 * 1024;
