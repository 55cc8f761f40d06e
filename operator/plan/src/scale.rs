//! How many pods a gateway has: a number, or bounds between which an autoscaler chooses; and how much CPU each asks for.

use std::ops::RangeInclusive;

use lychgate_crds::deployment::{Autoscaling, Deployment};

use crate::values::Replicas;

/// How many pods there are where nobody says it.
const USUAL_REPLICAS: i32 = 2;
/// The CPU that a pod asks for where nobody says it, in thousandths of a core.
const USUAL_MILLICORES: u32 = 50;

/// Who chooses the number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Whoever wrote the McpGateway.
    Fixed(Replicas),
    /// An autoscaler.
    Automatic(Bounds),
}

/// Between which numbers an autoscaler chooses, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) minimum: Replicas,
    pub(crate) maximum: Replicas,
    /// In percent of what a pod asks for.
    pub(crate) cpu_utilization: Option<i32>,
    /// In each pod, on average.
    pub(crate) calls_under_way: Option<i32>,
}

/// An amount of CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cpu {
    millicores: u32,
}

impl Scale {
    /// Nothing where both are written, or what is written is out of bounds.
    pub(crate) fn parse(deployment: &Deployment) -> Option<Self> {
        match (deployment.replicas, &deployment.autoscaling) {
            (Some(_), Some(_)) => None,
            (replicas, None) => Replicas::parse(replicas.unwrap_or(USUAL_REPLICAS)).map(Self::Fixed),
            (None, Some(autoscaling)) => Bounds::parse(autoscaling).map(Self::Automatic),
        }
    }

    /// How many pods there are at least.
    pub(crate) fn least(self) -> Replicas {
        match self {
            Self::Fixed(replicas) => replicas,
            Self::Automatic(bounds) => bounds.minimum,
        }
    }

    /// The bounds of an autoscaler, if one chooses.
    pub(crate) fn bounds(self) -> Option<Bounds> {
        match self {
            Self::Fixed(_) => None,
            Self::Automatic(bounds) => Some(bounds),
        }
    }
}

impl Bounds {
    fn parse(autoscaling: &Autoscaling) -> Option<Self> {
        let Autoscaling { min_replicas, max_replicas, cpu_utilization, calls_under_way } = *autoscaling;
        let has_target = cpu_utilization.is_some() || calls_under_way.is_some();
        (min_replicas <= max_replicas && has_target).then_some(())?;
        Some(Self {
            minimum: Replicas::parse(min_replicas)?,
            maximum: Replicas::parse(max_replicas)?,
            cpu_utilization,
            calls_under_way,
        })
    }

    /// The numbers that an autoscaler may choose.
    pub(crate) fn numbers(self) -> RangeInclusive<i32> {
        self.minimum.get()..=self.maximum.get()
    }
}

impl Cpu {
    /// What the text of a request says, or what is usual where there is none.
    pub(crate) fn parse(requested: Option<&str>) -> Option<Self> {
        let Some(text) = requested else { return Some(Self { millicores: USUAL_MILLICORES }) };
        let millicores = match text.strip_suffix('m') {
            Some(millicores) => millicores.parse().ok()?,
            None => text.parse::<u32>().ok()?.checked_mul(1000)?,
        };
        (millicores > 0).then_some(Self { millicores })
    }

    /// The amount as the API server writes it.
    pub(crate) fn quantity(self) -> String {
        let Self { millicores } = self;
        if millicores % 1000 == 0 { (millicores / 1000).to_string() } else { format!("{millicores}m") }
    }
}

#[cfg(test)]
mod tests {
    use super::Cpu;

    #[test]
    fn an_amount_of_cpu_is_written_as_the_api_server_writes_it() {
        let written = |text| Cpu::parse(text).map(Cpu::quantity);
        for (text, expected) in
            [(None, "50m"), (Some("500m"), "500m"), (Some("2000m"), "2"), (Some("2"), "2")]
        {
            assert_eq!(written(text).as_deref(), Some(expected), "{text:?}");
        }
        for text in ["0", "0m", "", "m", "-1", "1.5", "5000000"] {
            assert_eq!(written(Some(text)), None, "{text:?}");
        }
    }
}
