//! The phases: what the API server lets become of an Approval is what `Phase::next` says.

use lychgate_crds::approval::{Event, Phase, Step};
use serde_json::{Value, json};

use super::people::alice;
use super::{Place, approve, phase, place, used};
use crate::admission::{OPERATOR, account};

/// Everything that can happen.
const EVENTS: [Event; 7] = [
    Event::QuorumReached,
    Event::QuorumLost { vetoed: true },
    Event::QuorumLost { vetoed: false },
    Event::Overdue,
    Event::Used { last: true },
    Event::Used { last: false },
    Event::Withdrawn,
];

/// An Approval with the votes that it takes, in a phase.
async fn in_phase(place: &Place, wanted: Phase) -> String {
    let name = place.ask(json!({"spec": {"required": {"grant": {"uses": 2}}}})).await;
    place.patch(&alice(), &name, &approve("alice")).await.unwrap();
    match wanted {
        Phase::Pending => {}
        Phase::Approved | Phase::Denied | Phase::Expired | Phase::Cancelled => {
            place.set(&name, wanted.as_str()).await;
        }
        Phase::Consumed => {
            place.set(&name, "Approved").await;
            place.status(&place.gateway(), &name, &used(1, "call-1", "Consumed")).await.unwrap();
        }
        Phase::Revoked => {
            place.set(&name, "Approved").await;
            place.set(&name, "Revoked").await;
        }
    }
    assert_eq!(place.get(&name).await["status"]["phase"], wanted.as_str());
    name
}

/// Whether anything that can happen leads from one phase to another, or leaves it where it is.
fn leads(from: Phase, to: Phase) -> bool {
    from == to || EVENTS.iter().any(|event| from.next(*event) == Step::To(to))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definition_lets_pass_what_phase_next_says_and_nothing_else() {
    let place = place("phases").await;
    let mut different = Vec::new();
    for from in Phase::ALL {
        for to in Phase::ALL {
            let name = in_phase(&place, from).await;
            let (who, patch) = match to {
                // Nobody else may, and the use goes with it.
                Phase::Consumed if from != Phase::Consumed => {
                    (place.gateway(), used(1, "call-1", "Consumed"))
                }
                Phase::Pending
                | Phase::Approved
                | Phase::Denied
                | Phase::Expired
                | Phase::Cancelled
                | Phase::Consumed
                | Phase::Revoked => (account(OPERATOR), phase(to.as_str())),
            };
            let answer = place.status(&who, &name, &patch).await;
            let words = format!("an Approval that is {from} cannot become {to}");
            let as_expected = match &answer {
                Ok(_) => leads(from, to),
                Err(kube::Error::Api(status)) => !leads(from, to) && status.message.contains(&words),
                Err(_) => false,
            };
            if !as_expected {
                different.push(format!("{from} to {to}: {answer:?}"));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_counts_where_phase_next_lets_it() {
    let place = place("uses").await;
    for from in Phase::ALL {
        for last in [false, true] {
            let (name, next) = (in_phase(&place, from).await, from.next(Event::Used { last }));
            let before: Value = place.get(&name).await["status"].clone();
            let after = if last { "Consumed" } else { from.as_str() };
            let count =
                before["consumed"]["count"].as_i64().map_or(1, |count| i32::try_from(count).unwrap() + 1);
            let answer = place.status(&place.gateway(), &name, &used(count, "call-2", after)).await;
            let expected = match next {
                Step::To(Phase::Consumed) => "Consumed",
                Step::Stay => from.as_str(),
                Step::To(_) | Step::Refused(_) => {
                    assert!(answer.is_err(), "{from}, last {last}: {answer:?}");
                    assert_eq!(place.get(&name).await["status"], before);
                    continue;
                }
            };
            assert_eq!(answer.unwrap()["status"]["phase"], expected, "{from}, last {last}");
        }
    }
}
