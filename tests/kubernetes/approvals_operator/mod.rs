//! What the operator makes of votes on Approvals, on a real API server.

pub mod desk;
mod guard;
mod life;
mod many;
