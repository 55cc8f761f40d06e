//! An explanation as text for a terminal: one thing a line, its name in the left column.

use std::fmt;

use lychgate_gateway_policy::config::Closed;

use super::{Attachment, Explanation, GatewayStanding, Required, Standing};
use crate::shown;
use crate::shown::article;

/// The width of the left column, in characters.
const COLUMN: usize = 14;

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nothing = |text: &str| vec![text.to_owned()];
        let or = |lines: Vec<String>, text: &str| if lines.is_empty() { nothing(text) } else { lines };
        let namespace = &self.connection.namespace;
        let policies = self.policies.iter().map(|policy| attachment(policy, namespace)).collect();
        let others: Vec<String> = self.others.iter().map(|policy| attachment(policy, namespace)).collect();
        let grants = self.grants.iter().enumerate().map(|(index, grant)| format!("access[{index}] {grant}"));
        let sections = [
            ("McpConnection", vec![self.connection.to_string()]),
            ("Standing", vec![standing(self.standing, &self.required)]),
            ("Status", self.status.clone()),
            ("McpGateway", self.gateway.iter().map(gateway).collect()),
            ("Callers", or(self.callers.clone(), "nobody")),
            ("URL", or(self.urls.clone(), "none as long as it is not accepted")),
            ("Upstream", self.upstream.iter().cloned().collect()),
            ("Credential", or(self.credentials.clone(), "none")),
            ("Grants", or(grants.collect(), "nothing to nobody: there is no entry in spec.access")),
            ("Tools", self.pinning.clone()),
            ("Commands", self.commands.clone()),
            ("Policies", or(policies, "none")),
            ("Not for it", others),
            ("Required", self.required.iter().map(required).collect()),
            ("Problems", or(self.problems.iter().map(ToString::to_string).collect(), "none")),
        ];
        for (name, lines) in sections {
            for (index, line) in lines.iter().enumerate() {
                let name = if index == 0 { name } else { "" };
                writeln!(formatter, "{name:<COLUMN$} {}", shown(line))?;
            }
        }
        Ok(())
    }
}

fn standing(standing: Standing, required: &[Required]) -> String {
    let missing = required.iter().filter(|required| !required.fulfilled);
    let missing: Vec<String> =
        missing.map(|required| format!("{} {}", article(required.kind), required.kind)).collect();
    match standing {
        Standing::Served => "accepted; calls are held to the grants and policies below".to_owned(),
        Standing::Closed(Closed::Suspended) => {
            "accepted and closed: it or its gateway is suspended, and every call is refused".to_owned()
        }
        Standing::Closed(Closed::RequiredPolicyMissing) => format!(
            "accepted and closed: its gateway requires {}, and every call is refused until one holds",
            missing.join(" and ")
        ),
        Standing::NotAccepted => {
            "not accepted: see the problems below; a gateway that runs goes on with what it has".to_owned()
        }
    }
}

fn gateway(gateway: &GatewayStanding) -> String {
    let GatewayStanding { name, valid } = gateway;
    if *valid { name.clone() } else { format!("{name} (does not exist, or is invalid)") }
}

fn attachment(attachment: &Attachment, namespace: &str) -> String {
    let Attachment { policy, valid, ground } = attachment;
    let invalid = if *valid { "" } else { " (invalid)" };
    format!("{}{invalid}: {ground}", policy.seen_from(namespace))
}

fn required(required: &Required) -> String {
    let Required { kind, fulfilled } = required;
    let fulfilled = if *fulfilled { "fulfilled" } else { "missing: none that is valid holds for it" };
    format!("{kind}: {fulfilled}")
}
