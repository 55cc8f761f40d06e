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
mod rotation;
mod stage;
mod upstream;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use lychgate_tests_node::inside;
use tokio::runtime::Runtime;

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
        let stage = Arc::new(runtime.block_on(Stage::set()));
        let trial = |name: &str, test: fn(&Runtime, &Stage)| {
            let (runtime, stage) = (Arc::clone(&runtime), Arc::clone(&stage));
            Trial::test(name, move || {
                test(&runtime, &stage);
                Ok(())
            })
        };
        let trials = vec![
            trial(
                "an_agents_projected_token_gets_a_masked_answer_through_pods_that_are_restricted",
                |runtime, stage| runtime.block_on(governed::test(stage)),
            ),
            trial("a_changed_secret_reaches_the_server_mounted_and_watched", |runtime, stage| {
                runtime.block_on(rotation::test(stage))
            }),
        ];
        libtest_mimic::run(&arguments, trials).exit_code()
    })
}
