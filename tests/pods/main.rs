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
mod killed;
mod load;
mod outage;
mod renewal;
mod replaced;
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

/// A test on the stage that all share.
#[derive(Clone, Copy)]
enum Test {
    /// Others run at the same time.
    Beside(fn(&Runtime, &Stage)),
    /// Nothing else may.
    Alone(fn(&Runtime, &mut Stage)),
}

/// In the order in which they begin: what mostly waits beside the others, then what nothing else may run beside.
const TESTS: [(&str, Test); 11] = [
    (
        "an_agents_projected_token_gets_a_masked_answer_through_pods_that_are_restricted",
        Test::Beside(|runtime, stage| runtime.block_on(governed::test(stage))),
    ),
    (
        "a_changed_secret_reaches_the_server_mounted_and_watched",
        Test::Beside(|runtime, stage| runtime.block_on(rotation::test(stage))),
    ),
    (
        "a_new_configuration_and_new_gateways_lose_no_call",
        Test::Beside(|runtime, stage| runtime.block_on(replaced::rolling(stage))),
    ),
    (
        "a_deleted_gateway_loses_no_call",
        Test::Beside(|runtime, stage| runtime.block_on(replaced::deleted(stage))),
    ),
    (
        "a_new_operator_loses_no_call_and_no_configuration",
        Test::Beside(|runtime, stage| runtime.block_on(replaced::upgraded(stage))),
    ),
    (
        "a_killed_gateway_loses_only_calls_under_way_in_it",
        Test::Beside(|runtime, stage| runtime.block_on(killed::killed(stage))),
    ),
    (
        "a_gateway_that_runs_out_of_memory_loses_only_calls_under_way_in_it",
        Test::Beside(|runtime, stage| runtime.block_on(killed::out_of_memory(stage))),
    ),
    (
        "a_drained_node_keeps_a_gateway_and_loses_no_call",
        Test::Beside(|runtime, stage| runtime.block_on(replaced::drained(stage))),
    ),
    (
        "for_two_minutes_without_an_api_server_gateways_serve_and_start_again",
        Test::Alone(|runtime, stage| runtime.block_on(outage::test(stage))),
    ),
    (
        "without_the_operator_gateways_serve_and_are_replaced",
        Test::Alone(|runtime, stage| runtime.block_on(replaced::uninstalled(stage))),
    ),
    (
        "a_renewed_token_reaches_the_server",
        Test::Beside(|runtime, stage| runtime.block_on(renewal::test(stage))),
    ),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.list {
        let names = TESTS.map(|(name, _)| Trial::test(name, || Ok(())));
        return libtest_mimic::run(&arguments, names.into()).exit_code();
    }
    inside(move || {
        // They share a node, and one of them mostly waits.
        arguments.test_threads = Some(arguments.test_threads.unwrap_or(2));
        let runtime = Arc::new(Runtime::new().unwrap());
        let stage = Arc::new(RwLock::new(runtime.block_on(Stage::set())));
        let trials = TESTS.map(|(name, test)| trial(name, test, &runtime, &stage));
        libtest_mimic::run(&arguments, trials.into()).exit_code()
    })
}

fn trial(name: &str, test: Test, runtime: &Arc<Runtime>, stage: &Arc<RwLock<Stage>>) -> Trial {
    let (runtime, stage) = (Arc::clone(runtime), Arc::clone(stage));
    Trial::test(name, move || {
        match test {
            Test::Beside(test) => test(&runtime, &*runtime.block_on(stage.read())),
            Test::Alone(test) => test(&runtime, &mut *runtime.block_on(stage.write())),
        }
        Ok(())
    })
}
