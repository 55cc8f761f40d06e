//! How much a caller may ask for. `policy::limit` has the rules; here they are asked, and what is over is refused.
//!
//! Everything of a caller that would reach the server is counted: requests, notifications, answers, GET and DELETE. What
//! was not counted could be sent without an end. A message that cannot be read counts for one, and so does one that is
//! denied: each costs the gateway as much. A place is taken only while the server has the call, so that a call which
//! waits for people takes none.

use lychgate_gateway_policy::Call;
use lychgate_gateway_policy::limit::takes_place;

use super::{Trace, Visit};
use crate::failure::Failure;
use crate::ticket::record_caller;
use crate::usage::Turn;

/// Counts a message of the caller, each of a batch by itself.
pub(super) fn count(visit: &Visit, trace: &mut Trace) -> Result<(), Failure> {
    let (connection, caller) = (&visit.connection, &visit.authenticated.caller);
    connection.usage.count(&connection.policy, caller).map_err(|over| {
        trace.caller = (!caller.anonymous).then(|| record_caller(caller));
        Failure::Limited(over)
    })
}

/// Counts what could not be read for one message. Gives what it is answered.
pub(super) fn unread(visit: &Visit, failure: Failure, trace: &mut Trace) -> Failure {
    count(visit, trace).err().unwrap_or(failure)
}

/// Takes a place for the call while it is with the server, if it needs one.
pub(super) fn begin(visit: &Visit, call: &Call) -> Result<Option<Turn>, Failure> {
    let (connection, caller) = (&visit.connection, &visit.authenticated.caller);
    let under_way = &visit.gateway.metrics.calls_under_way;
    takes_place(call)
        .then(|| connection.usage.begin(&connection.policy, caller, under_way).map_err(Failure::Limited))
        .transpose()
}
