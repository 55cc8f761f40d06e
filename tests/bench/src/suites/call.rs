//! What a call costs: processor time and time, arm beside arm, in one run.
//!
//! Processor time is that of an arm's process alone, at a rate that every arm can keep up with: so all are asked
//! the same, and what a machine's other work does to one it does to all. Time is counted over `direct`.

use std::time::Duration;

use super::record;
use crate::arms::{self, Arm};
use crate::generator::{Load, Seen, run as generate};
use crate::order::{median, there_and_back};
use crate::outcome::{Outcome, Told};
use crate::report::Figures;
use crate::stage::Stage;
use crate::traffic::{Era, Form, Size, Traffic};

/// How often each arm is measured.
const ROUNDS: usize = 6;
/// How long one measurement takes, in seconds.
const SECONDS: f64 = 1.5;
/// How many calls may be under way at once.
const CONNECTIONS: usize = 32;
/// How long a process has to end what it does behind an answer.
const SETTLE: Duration = Duration::from_millis(30);
/// How much faster than the gateway calls must go without one, so that it is the gateway that limits its rate.
const GENERATOR_ROOM: f64 = 3.0;

const PLAIN: Traffic = Traffic { era: Era::Modern, form: Form::Json, size: Size::Bytes200 };

/// The kinds of calls whose processor time is told beside that of [`PLAIN`], with the calls a second.
const OTHERS: [(Traffic, f64); 6] = [
    (Traffic { era: Era::Modern, form: Form::Json, size: Size::Kibibytes2 }, 1000.0),
    (Traffic { era: Era::Modern, form: Form::Events, size: Size::Bytes200 }, 1000.0),
    (Traffic { era: Era::Legacy, form: Form::Json, size: Size::Bytes200 }, 1000.0),
    (Traffic { era: Era::Modern, form: Form::Json, size: Size::Kibibytes256 }, 60.0),
    (Traffic { era: Era::Modern, form: Form::Events, size: Size::Kibibytes256 }, 60.0),
    (Traffic { era: Era::Legacy, form: Form::Json, size: Size::Kibibytes1536 }, 10.0),
];

/// What was seen of one arm, a sample for each round.
#[derive(Default)]
struct Samples {
    /// Processor time for each call, in microseconds.
    processor: Vec<f64>,
    median: Vec<f64>,
    slow: Vec<f64>,
    first_byte: Vec<f64>,
    per_second: Vec<f64>,
}

pub(crate) async fn run(stage: &Stage) -> Outcome<Figures> {
    let arms = arms::start(stage).await?;
    warm_up(&arms, stage).await?;
    let mut figures = Figures::default();
    let cost = cost(&arms, stage, &mut figures).await?;
    others(&arms, stage, &mut figures).await?;
    time(&arms, stage, &mut figures).await?;
    most(&arms, stage, &mut figures).await?;
    let recording = record::cost(stage).await?;
    figures.one("record.cpu_microseconds", Some(recording));
    figures.one("record.ratio_to_off", cost.map(|cost| cost / (cost - recording)));
    Ok(figures)
}

async fn warm_up(arms: &[Arm], stage: &Stage) -> Outcome<()> {
    for traffic in std::iter::once(PLAIN).chain(OTHERS.map(|(traffic, _)| traffic)) {
        let load = Load { traffic, rate: Some(50.0), time: stage.seconds(0.3), connections: 4 };
        for arm in arms {
            generate(&arm.target, load).await.map_err(|fault| fault.at(&arm.name))?;
        }
    }
    Ok(())
}

/// Processor time of short calls. Gives ours.
async fn cost(arms: &[Arm], stage: &Stage, figures: &mut Figures) -> Outcome<Option<f64>> {
    let load = load(PLAIN, Some(2000.0), stage.seconds(SECONDS));
    let samples = measure(arms, stage.rounds(ROUNDS), load).await?;
    figures.arms("call.cpu_microseconds", per_arm(arms, &samples, |samples| &samples.processor));
    figures.one("call.ratio_to_passthrough", ratio(arms, &samples));
    Ok(of(arms, &samples, "ours", |samples| &samples.processor))
}

/// Processor time of other calls.
async fn others(arms: &[Arm], stage: &Stage, figures: &mut Figures) -> Outcome<()> {
    for (traffic, rate) in OTHERS {
        let samples =
            measure(arms, stage.rounds(ROUNDS), load(traffic, Some(rate), stage.seconds(SECONDS))).await?;
        let key = format!("call.cpu_microseconds_of.{}", traffic.name());
        figures.arms(&key, per_arm(arms, &samples, |samples| &samples.processor));
        if traffic == (Traffic { size: Size::Kibibytes256, ..PLAIN }) {
            figures.one("call.ratio_to_passthrough_256kib", ratio(arms, &samples));
        }
    }
    Ok(())
}

/// How much later answers come than without anything between.
async fn time(arms: &[Arm], stage: &Stage, figures: &mut Figures) -> Outcome<()> {
    let samples =
        measure(arms, stage.rounds(ROUNDS), load(PLAIN, Some(500.0), stage.seconds(SECONDS))).await?;
    figures.arms("call.p50_microseconds", per_arm(arms, &samples, |samples| &samples.median));
    figures.arms("call.p99_microseconds", per_arm(arms, &samples, |samples| &samples.slow));
    figures.arms("call.added_p50_microseconds", added(arms, &samples, |samples| &samples.median));
    figures.arms("call.added_p99_microseconds", added(arms, &samples, |samples| &samples.slow));
    let later = Traffic { form: Form::Later, ..PLAIN };
    let samples =
        measure(arms, stage.rounds(ROUNDS), load(later, Some(200.0), stage.seconds(SECONDS))).await?;
    figures
        .arms("stream.first_byte_added_microseconds", added(arms, &samples, |samples| &samples.first_byte));
    Ok(())
}

/// How many calls an arm's core can do. Where the generator is the limit, that is what its processor time allows.
async fn most(arms: &[Arm], stage: &Stage, figures: &mut Figures) -> Outcome<()> {
    let samples = measure(arms, stage.rounds(ROUNDS), load(PLAIN, None, stage.seconds(SECONDS))).await?;
    let direct =
        of(arms, &samples, "direct", |samples| &samples.per_second).told("the rate without a gateway")?;
    figures.arms("call.per_second", per_arm(arms, &samples, |samples| &samples.per_second));
    figures.arms("call.cpu_microseconds_at_most", per_arm(arms, &samples, |samples| &samples.processor));
    let per_core =
        arms.iter().zip(&samples).filter(|(arm, _)| arm.process.is_some()).filter_map(|(arm, samples)| {
            let rate = median(&samples.per_second)?;
            let allowed = 1e6 / median(&samples.processor)?;
            Some((arm.name.clone(), if direct >= rate * GENERATOR_ROOM { rate } else { allowed }))
        });
    figures.arms("call.per_second_per_core", per_core);
    Ok(())
}

fn load(traffic: Traffic, rate: Option<f64>, time: Duration) -> Load {
    Load { traffic, rate, time, connections: CONNECTIONS }
}

/// Measures every arm in every round, there and back again.
async fn measure(arms: &[Arm], rounds: usize, load: Load) -> Outcome<Vec<Samples>> {
    let mut all: Vec<Samples> = arms.iter().map(|_| Samples::default()).collect();
    for index in there_and_back(arms.len(), rounds) {
        let (Some(arm), Some(samples)) = (arms.get(index), all.get_mut(index)) else { continue };
        let (seen, processor) = once(arm, load).await.map_err(|fault| fault.at(&arm.name))?;
        let microseconds = |nanoseconds: f64| nanoseconds / 1000.0;
        samples.processor.extend(processor);
        samples.median.push(microseconds(seen.whole.percentile(50.0)));
        samples.slow.push(microseconds(seen.whole.percentile(99.0)));
        samples.first_byte.push(microseconds(seen.first_byte.percentile(50.0)));
        samples.per_second.push(seen.calls as f64 / seen.seconds);
    }
    Ok(all)
}

/// What was seen, and the arm's processor time for each call in microseconds.
async fn once(arm: &Arm, load: Load) -> Outcome<(Seen, Option<f64>)> {
    let time = || arm.process.as_ref().map(|process| process.processor_time()).transpose();
    let before = time()?;
    let seen = generate(&arm.target, load).await?;
    tokio::time::sleep(SETTLE).await;
    let spent = time()?.zip(before).map(|(after, before)| after.saturating_sub(before).as_secs_f64() * 1e6);
    let each = spent.map(|spent| spent / seen.calls as f64);
    Ok((seen, each))
}

type Of = fn(&Samples) -> &Vec<f64>;

fn per_arm(arms: &[Arm], samples: &[Samples], of: Of) -> Vec<(String, f64)> {
    let value = |(arm, samples): (&Arm, &Samples)| Some((arm.name.clone(), median(of(samples))?));
    arms.iter().zip(samples).filter_map(value).collect()
}

fn of(arms: &[Arm], samples: &[Samples], name: &str, of: Of) -> Option<f64> {
    per_arm(arms, samples, of).into_iter().find(|(arm, _)| arm == name).map(|(_, value)| value)
}

fn ratio(arms: &[Arm], samples: &[Samples]) -> Option<f64> {
    let of = |name| of(arms, samples, name, |samples| &samples.processor);
    Some(of("ours")? / of("passthrough")?)
}

/// What each arm adds to `direct`.
fn added(arms: &[Arm], samples: &[Samples], of: Of) -> Vec<(String, f64)> {
    let values = per_arm(arms, samples, of);
    let direct = values.iter().find(|(arm, _)| arm == "direct").map_or(f64::NAN, |(_, value)| *value);
    values.into_iter().filter(|(arm, _)| arm != "direct").map(|(arm, value)| (arm, value - direct)).collect()
}
