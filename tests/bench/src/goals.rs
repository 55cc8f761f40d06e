//! What the figures should be. A gate is a ratio within one run, which holds on any machine; an aim is an absolute
//! figure, for a machine with nothing else to do.

use std::fmt::{Display, Formatter};

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// A ratio, at most this.
    Gate(f64),
    /// A ratio, at least this.
    GateAtLeast(f64),
    /// At most this.
    Aim(f64),
    /// At least this.
    AimAtLeast(f64),
}

/// Whether a figure is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
}

const KIBIBYTE: f64 = 1024.0;
const MEBIBYTE: f64 = 1024.0 * KIBIBYTE;

/// The figures that have a goal.
pub(crate) const GOALS: [(&str, Goal); 27] = [
    ("call.ratio_to_passthrough", Goal::Gate(2.0)),
    ("call.ratio_to_passthrough_256kib", Goal::Gate(2.0)),
    ("call.cpu_microseconds", Goal::Aim(60.0)),
    ("call.added_p50_microseconds", Goal::Aim(100.0)),
    ("call.added_p99_microseconds", Goal::Aim(500.0)),
    ("call.per_second_per_core", Goal::AimAtLeast(15_000.0)),
    ("stream.first_byte_added_microseconds", Goal::Aim(1000.0)),
    ("memory.idle_bytes", Goal::Aim(15.0 * MEBIBYTE)),
    ("memory.per_open_stream_bytes", Goal::Aim(32.0 * KIBIBYTE)),
    ("memory.per_held_call_bytes", Goal::Aim(40.0 * KIBIBYTE)),
    ("start.milliseconds", Goal::Aim(100.0)),
    ("config.effect_milliseconds", Goal::Aim(50.0)),
    ("identity.hit_microseconds", Goal::Aim(2.0)),
    ("identity.miss_microseconds", Goal::Aim(60.0)),
    ("mask.p50_microseconds_2kib", Goal::Aim(1.5)),
    ("mask.megabytes_per_second.clean", Goal::AimAtLeast(1500.0)),
    ("mask.megabytes_per_second.sparse", Goal::AimAtLeast(1300.0)),
    ("mask.megabytes_per_second.dense", Goal::AimAtLeast(900.0)),
    ("mask.megabytes_per_second.adversarial", Goal::AimAtLeast(150.0)),
    ("mask.ratio_to_regex_automata.clean", Goal::GateAtLeast(3.0)),
    ("mask.ratio_to_regex_automata.sparse", Goal::GateAtLeast(3.0)),
    ("mask.ratio_to_regex_automata.dense", Goal::GateAtLeast(3.0)),
    ("mask.stream_64mib_extra_bytes", Goal::Aim(256.0 * KIBIBYTE)),
    ("mask.compile_milliseconds", Goal::Aim(20.0)),
    ("command.sql_p50_microseconds", Goal::Aim(5.0)),
    ("command.conditions_200_microseconds", Goal::Aim(10.0)),
    ("record.ratio_to_off", Goal::Gate(1.3)),
];

impl Goal {
    /// Whether `value` is as it should be.
    pub(crate) fn judge(self, value: f64) -> Verdict {
        let met = match self {
            Self::Gate(most) | Self::Aim(most) => value <= most,
            Self::GateAtLeast(least) | Self::AimAtLeast(least) => value >= least,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }
}

impl Display for Goal {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gate(most) => write!(formatter, "≤ {most}"),
            Self::GateAtLeast(least) => write!(formatter, "≥ {least}"),
            Self::Aim(most) => write!(formatter, "aim {most}"),
            Self::AimAtLeast(least) => write!(formatter, "aim ≥ {least}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{GOALS, Goal, Verdict};

    #[test]
    fn a_goal_is_met_up_to_its_very_value() {
        for (goal, met, missed) in [
            (Goal::Gate(2.0), 2.0, 2.01),
            (Goal::Aim(60.0), 60.0, 61.0),
            (Goal::GateAtLeast(3.0), 3.0, 2.99),
            (Goal::AimAtLeast(900.0), 900.0, 899.0),
        ] {
            assert_eq!(goal.judge(met), Verdict::Met);
            assert_eq!(goal.judge(missed), Verdict::Missed);
        }
    }

    #[test]
    fn no_figure_has_two_goals() {
        let keys: BTreeSet<&str> = GOALS.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys.len(), GOALS.len());
    }
}
