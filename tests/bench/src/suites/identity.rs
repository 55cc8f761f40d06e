//! What it takes to know a caller by his token: one that was seen before, and one that is new. Both as the gateway
//! does it, without the network: the issuer's keys are at hand.

use std::sync::Arc;
use std::time::Instant;

use lychgate_gateway::caller::{Authenticator, Trusted};
use lychgate_gateway::issuer::Issuer as Keys;
use lychgate_gateway::outbound;
use lychgate_gateway_policy::config::GatewayConfig;

use crate::order::median;
use crate::outcome::{Fault, Outcome, Told};
use crate::report::Figures;
use crate::stage::Stage;

/// How many tokens are new.
const TOKENS: usize = 300;
/// How often the same token is seen for one sample.
const REPEATS: u32 = 200;
const SAMPLES: usize = 15;

pub(crate) async fn run(stage: &Stage) -> Outcome<Figures> {
    outbound::install_crypto_provider();
    let config: GatewayConfig =
        serde_json::from_value(stage.folders()?.config()).told("the configuration")?;
    let settings = config.identity.oidc.first().cloned().told("an issuer")?;
    let client = outbound::client(None, std::time::Duration::from_secs(5), None).told("a client")?;
    let keys = Arc::new(Keys::new(settings.issuer.clone(), Arc::new(client)));
    let authenticator = Authenticator::new(&config, vec![Trusted::Oidc(settings, keys)]);
    let known = format!("Bearer {}", stage.token);
    check(&authenticator, &known).await?;
    let mut misses = Vec::new();
    for number in 1..=TOKENS {
        let token = format!("Bearer {}", stage.issuer.token("alice", number)?);
        let begun = Instant::now();
        check(&authenticator, &token).await?;
        misses.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    let mut hits = Vec::new();
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        for _ in 0..REPEATS {
            check(&authenticator, &known).await?;
        }
        hits.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(REPEATS));
    }
    let mut figures = Figures::default();
    figures.one("identity.hit_microseconds", median(&hits));
    figures.one("identity.miss_microseconds", median(&misses));
    Ok(figures)
}

async fn check(authenticator: &Authenticator, header: &str) -> Outcome<()> {
    let authenticated = authenticator.authenticate(Some(header.as_bytes())).await.told("a token")?;
    if authenticated.caller.username == "alice" {
        Ok(())
    } else {
        Err(Fault("a token was taken for another caller's".to_owned()))
    }
}
