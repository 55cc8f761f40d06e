//! How long a gateway takes from the start of its process until it says that it is ready.

use crate::order::median;
use crate::outcome::Outcome;
use crate::report::Figures;
use crate::stage::Stage;

const STARTS: usize = 9;

pub(crate) async fn run(stage: &Stage) -> Outcome<Figures> {
    let mut samples = Vec::new();
    for _ in 0..stage.rounds(STARTS) {
        samples.push(stage.gateway().await?.start.as_secs_f64() * 1000.0);
    }
    let mut figures = Figures::default();
    figures.one("start.milliseconds", median(&samples));
    Ok(figures)
}
