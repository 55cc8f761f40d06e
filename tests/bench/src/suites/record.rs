//! What the record of a call costs: the pages that a call of [`super::call`] fills, by the gateway's own code, alone.
//!
//! Recording cannot be turned off, so there is nothing to compare a whole call with. Its processor time is measured
//! by itself instead, the recorder's thread and the masking of the request for the record included, and
//! `record.ratio_to_off` is that of a whole call over what is left of it without this. The answer is masked once for
//! its caller and the record, where both see the same as here, so that masking it is no cost of the record's.

use std::sync::Arc;

use lychgate_gateway::credential::Injected;
use lychgate_gateway::recorder::Recorder;
use lychgate_gateway::ticket::{self, RequestFacts, ServerMessage, Subject, Ticket};
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Known, Masked};
use lychgate_gateway_policy::{Call, Caller, Policy, compile};
use lychgate_gateway_record::{Decision, Outcome as Decided, SigningKey};

use crate::order::median;
use crate::outcome::{Outcome, Told};
use crate::process::own_processor_time;
use crate::stage::Stage;
use crate::traffic::{Era, FIRST_ID, Form, MODERN, Size, Template, Traffic, call};

/// How many calls are recorded for one sample.
const CALLS: u32 = 3000;
const SAMPLES: usize = 5;
const JOURNAL_BYTES: u64 = 1 << 30;

struct Page {
    recorder: Recorder,
    policy: Arc<Policy>,
    caller: Caller,
    known: Vec<Known>,
    call: Call,
    answer: Masked,
}

/// The processor time of the record of one short call, in microseconds.
pub(crate) async fn cost(stage: &Stage) -> Outcome<f64> {
    let folders = stage.folders()?;
    let key = SigningKey::from_seed(&[2; 32]).told("a signing key")?;
    let (recorder, _thread) =
        Recorder::start(&folders.path("journal"), "alone", key, JOURNAL_BYTES).told("a journal")?;
    let page = page(stage, recorder, serde_json::from_value(folders.config()).told("the configuration")?)?;
    let calls = if stage.is_quick { CALLS / 10 } else { CALLS };
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let before = own_processor_time()?;
        for _ in 0..calls {
            page.fill().await?;
        }
        let spent = own_processor_time()?.saturating_sub(before);
        samples.push(spent.as_secs_f64() * 1e6 / f64::from(calls));
    }
    median(&samples).told("no sample")
}

fn page(
    stage: &Stage,
    recorder: Recorder,
    config: lychgate_gateway_policy::config::GatewayConfig,
) -> Outcome<Page> {
    let policy = compile(config).map_err(|problems| format!("{problems:?}")).told("the configuration")?;
    let limits = ticket::limits(&policy);
    let traffic = Traffic { era: Era::Modern, form: Form::Json, size: Size::Bytes200 };
    let request = Message::parse(call(traffic.era, &traffic.tool(), FIRST_ID), limits).told("a call")?;
    let answer = Template::of_size(traffic.size).told("an answer")?.fill(FIRST_ID.to_string().as_bytes());
    let caller = Caller {
        issuer: stage.issuer.url.clone(),
        subject: "alice".to_owned(),
        username: "alice".to_owned(),
        groups: vec!["agents".to_owned(), "everybody".to_owned()],
        kubernetes_usernames: Vec::new(),
        anonymous: false,
    };
    let answer = Message::parse(answer.into(), limits).told("an answer")?;
    let call = Call::new(request).told("a call")?;
    let known =
        vec![Known::new("default", "a-credential-of-the-upstream"), Known::new("caller", &stage.token)];
    let answer =
        ticket::for_record(&policy, Direction::Response, Some(call.operation()), &known, None, &answer);
    Ok(Page { recorder, policy: Arc::new(policy), caller, known, call, answer })
}

impl Page {
    /// All that a call that is allowed and answered leaves in the record.
    async fn fill(&self) -> Outcome<()> {
        let decision = Decision {
            outcome: Decided::Allow,
            rules: vec!["access[0]".to_owned()],
            reason: None,
            commands: None,
            audited: None,
        };
        let facts = RequestFacts {
            caller: &self.caller,
            subject: Subject::Call(&self.call),
            revision: MODERN.to_owned(),
            decision,
            masked: None,
        };
        let opened = Ticket::begin(&self.recorder, &self.policy, "session", facts, &self.known);
        let mut ticket = opened.told("a request in the record")?;
        let injected = Injected { name: "default".to_owned(), version: "5d41402abc4b2a76".to_owned() };
        ticket.injected(&[injected], &self.policy).await.told("a credential in the record")?;
        let message = ServerMessage {
            recorded: &self.answer,
            relayed_bytes: self.answer.bytes().len(),
            status: 200,
            stream: false,
            piece: None,
            last: true,
        };
        ticket.completed(message).await.told("an answer in the record")?;
        Ok(())
    }
}
