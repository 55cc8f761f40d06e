//! What the operator makes of votes on Approvals, on a real API server.

mod beside;
pub mod desk;
mod guard;
mod life;
mod many;
