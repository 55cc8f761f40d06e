//! The operator, gateways and a server as pods on a real node, installed by the chart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and its futures may be large"
)]

#[path = "../kubernetes/support/agent.rs"]
mod agent;
mod governed;
mod load;
mod renewal;
mod rotation;
mod stage;
mod steady;
mod upstream;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use lychgate_tests_node::inside;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use crate::stage::Stage;

fn main() -> ExitCode {
    inside(|| {
        let mut arguments = Arguments::from_args();
        // They share a node, and one of them mostly waits.
        arguments.test_threads = Some(arguments.test_threads.unwrap_or(2));
        if arguments.list {
            return libtest_mimic::run(&arguments, Vec::new()).exit_code();
        }
        let runtime = Arc::new(Runtime::new().unwrap());
        let stage = Arc::new(RwLock::new(runtime.block_on(Stage::set())));
        let trials = trials(&runtime, &stage);
        libtest_mimic::run(&arguments, trials).exit_code()
    })
}

/// In the order in which they begin: what mostly waits beside the others, then what nothing else may run beside.
fn trials(runtime: &Arc<Runtime>, stage: &Arc<RwLock<Stage>>) -> Vec<Trial> {
    let beside = |name: &str, test: fn(&Runtime, &Stage)| {
        let (runtime, stage) = (Arc::clone(runtime), Arc::clone(stage));
        Trial::test(name, move || {
            let stage = runtime.block_on(stage.read());
            test(&runtime, &stage);
            Ok(())
        })
    };
    let alone = |name: &str, test: fn(&Runtime, &mut Stage)| {
        let (runtime, stage) = (Arc::clone(runtime), Arc::clone(stage));
        Trial::test(name, move || {
            let mut stage = runtime.block_on(stage.write());
            test(&runtime, &mut stage);
            Ok(())
        })
    };
    vec![
        beside(
            "an_agents_projected_token_gets_a_masked_answer_through_pods_that_are_restricted",
            |runtime, stage| runtime.block_on(governed::test(stage)),
        ),
        beside("a_changed_secret_reaches_the_server_mounted_and_watched", |runtime, stage| {
            runtime.block_on(rotation::test(stage))
        }),
        beside("a_new_configuration_and_new_gateways_lose_no_call", |runtime, stage| {
            runtime.block_on(steady::rolling(stage))
        }),
        beside("a_killed_gateway_loses_only_calls_under_way_in_it", |runtime, stage| {
            runtime.block_on(steady::killed(stage))
        }),
        beside("a_drained_node_keeps_a_gateway_and_loses_no_call", |runtime, stage| {
            runtime.block_on(steady::drained(stage))
        }),
        alone("without_an_api_server_gateways_serve_and_start_again", |runtime, stage| {
            runtime.block_on(steady::outage(stage))
        }),
        alone("without_the_operator_gateways_serve_and_are_replaced", |runtime, stage| {
            runtime.block_on(steady::uninstalled(stage))
        }),
        beside("a_renewed_token_reaches_the_server", |runtime, stage| runtime.block_on(renewal::test(stage))),
    ]
}
