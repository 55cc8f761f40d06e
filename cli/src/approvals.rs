//! `lychgate approvals`: the calls that wait for people, and votes on them.
//!
//! In a cluster it is the patch that `kubectl patch` would send, with your rights, and with the uid and the digest of
//! what you were shown. With `--dev`, it votes for a persona in the folder of `lychgate dev`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kube::api::{ApiResource, ListParams};
use lychgate_crds::approval::{Approval, Decision, Phase, Vote, tally};
use lychgate_gateway::approval::folder::Folder;
use lychgate_gateway_record::escape;
use serde_json::{Value, json};

use crate::cluster::{Access, Cluster, unreadable};
use crate::dev::{APPROVALS_FOLDER, SUMMARY_FILE};
use crate::output::{CommandError, print_line};

#[derive(clap::Subcommand)]
pub(crate) enum Approvals {
    /// List the calls that wait, or with --all every one
    List {
        #[command(flatten)]
        place: Place,
        /// Also those that are decided
        #[arg(long)]
        all: bool,
    },
    /// Show a call that waits, whole
    Show {
        #[command(flatten)]
        place: Place,
        /// Name of the Approval
        name: String,
    },
    /// Approve a call
    Approve(Voting),
    /// Deny a call, or take your own approval back before it is used
    Deny(Voting),
}

/// Where the Approvals are.
#[derive(clap::Args)]
pub(crate) struct Place {
    #[command(flatten)]
    access: Access,
    /// Namespace; otherwise that of the context
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Look into the state folder of `lychgate dev` in the place of a cluster
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".lychgate")]
    dev: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Voting {
    #[command(flatten)]
    place: Place,
    /// Name of the Approval
    name: String,
    /// Why; the caller of a denied call is told
    #[arg(long)]
    reason: Option<String>,
    /// Approve alone, in an emergency; it is told by an Event, a metric and the record
    #[arg(long)]
    break_glass: bool,
    /// Persona that votes, with --dev
    #[arg(long = "as", value_name = "USER", requires = "dev")]
    persona: Option<String>,
}

/// Exit code 0, also if nothing waits.
pub(crate) fn run(verb: &Approvals) -> Result<ExitCode, CommandError> {
    match verb {
        Approvals::List { place, all } => list(place, *all)?,
        Approvals::Show { place, name } => print_line(&shown(&find(place, name)?)),
        Approvals::Approve(voting) => cast(voting, Decision::Approve)?,
        Approvals::Deny(voting) => cast(voting, Decision::Deny)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn kind() -> ApiResource {
    ApiResource::erase::<Approval>(&())
}

fn folder(state: &Path) -> Folder {
    Folder::new(state.join(APPROVALS_FOLDER))
}

fn list(place: &Place, all: bool) -> Result<(), CommandError> {
    let mut found = match &place.dev {
        Some(state) => folder(state).all().map_err(CommandError::from_display)?,
        None => crate::cluster::wait(async {
            let cluster = place.access.connect().await?;
            let namespace = Some(namespace(place, &cluster));
            let objects = cluster.list(&kind(), namespace, ListParams::default()).await;
            let objects = objects.map_err(|error| unreadable(&kind(), namespace, &error))?;
            objects.into_iter().map(read).collect::<Result<Vec<_>, _>>()
        })?,
    };
    found.retain(|approval| all || matches!(phase(approval), Phase::Pending | Phase::Approved));
    let row = |approval: &Approval| {
        let (request, status) = (&approval.spec.request, approval.status.clone().unwrap_or_default());
        let row = [
            name(approval).to_owned(),
            request.tool.clone(),
            request.connection_ref.name.clone(),
            request.caller.username.clone(),
            votes(approval),
            status.phase.to_string(),
            approval.spec.required.deadline.clone(),
        ];
        row.map(|cell| escape(&cell))
    };
    let head = ["NAME", "TOOL", "CONNECTION", "CALLER", "VOTES", "PHASE", "EXPIRES"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(found.iter().map(row)).collect();
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        print_line(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    Ok(())
}

/// An Approval as a person reads it. Nothing in it reaches the terminal raw.
fn shown(approval: &Approval) -> String {
    let (request, required) = (&approval.spec.request, &approval.spec.required);
    let status = approval.status.clone().unwrap_or_default();
    let caller = &request.caller;
    let uses = required.grant.uses;
    let uses = format!("{uses} {}", if uses == 1 { "use" } else { "uses" });
    let mut facts = vec![
        ("Name", name(approval).to_owned()),
        ("Phase", status.phase.to_string()),
        ("Tool", request.tool.clone()),
        ("Arguments", request.arguments.clone().unwrap_or_else(|| "none".to_owned())),
        ("Connection", request.connection_ref.name.clone()),
        ("Caller", format!("{} ({}), issuer {}", caller.username, caller.groups.join(", "), caller.issuer)),
        ("Approvals", votes(approval)),
        ("Approvers", [required.groups.join(", "), required.service_accounts.join(", ")].join(" ")),
        ("Expires", required.deadline.clone()),
        ("Good for", format!("{uses} within {}", required.grant.valid_for)),
        ("Digest", request.digest.clone()),
    ];
    for hidden in &request.hidden {
        facts.push(("Hidden", format!("{} at {}", hidden.count, hidden.path)));
    }
    for (voter, vote) in &approval.spec.votes {
        let reason = vote.reason.clone().unwrap_or_default();
        facts.push(("Vote", format!("{voter}: {:?} {reason}", vote.decision)));
    }
    let line = |(what, text): (&str, String)| format!("{:12}{}", format!("{what}:"), escape(text.trim()));
    facts.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn cast(voting: &Voting, decision: Decision) -> Result<(), CommandError> {
    let approval = find(&voting.place, &voting.name)?;
    let vote = Vote {
        decision,
        reason: voting.reason.clone(),
        digest: Some(approval.spec.request.digest.clone()),
        break_glass: voting.break_glass.then_some(true),
    };
    let voter = match &voting.place.dev {
        Some(state) => vote_in_folder(state, voting, &vote)?,
        None => crate::cluster::wait(vote_in_cluster(voting, &approval, vote))?,
    };
    let (tool, name) = (escape(&approval.spec.request.tool), &voting.name);
    print_line(&format!("{decision:?} by {} on {name}: {tool}", escape(&voter)));
    Ok(())
}

fn vote_in_folder(state: &Path, voting: &Voting, vote: &Vote) -> Result<String, CommandError> {
    let voter = voting.persona.clone().ok_or_else(|| {
        CommandError::new("who votes? name a persona of the manifests with --as, but not the one that calls")
    })?;
    let summary = state.join(SUMMARY_FILE);
    let running = || CommandError::new(format!("{}: `lychgate dev` does not run there", summary.display()));
    let text = std::fs::read_to_string(&summary).map_err(|_| running())?;
    let summary: Value = serde_json::from_str(&text).map_err(|_| running())?;
    let personas = summary.get("personas").and_then(Value::as_array).cloned().unwrap_or_default();
    let persona = personas.iter().find(|persona| persona.get("user") == Some(&json!(voter)));
    let persona = persona.ok_or_else(|| CommandError::new(format!("there is no persona {voter}")))?;
    let groups = persona.get("groups").and_then(Value::as_array).cloned().unwrap_or_default();
    let groups: Vec<String> = groups.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let voted = folder(state).vote(&voting.name, &voter, &groups, vote);
    voted.map(|_| voter).map_err(CommandError::from_display)
}

async fn vote_in_cluster(voting: &Voting, approval: &Approval, vote: Vote) -> Result<String, CommandError> {
    let cluster = voting.place.access.connect().await?;
    let voter = cluster.user_name().await?;
    let patch = json!({
        "metadata": {"uid": approval.metadata.uid},
        "spec": {"votes": {voter.clone(): vote}},
    });
    let namespace = namespace(&voting.place, &cluster);
    cluster.patch(&kind(), namespace, &voting.name, &patch).await?;
    Ok(voter)
}

fn find(place: &Place, wanted: &str) -> Result<Approval, CommandError> {
    let missing =
        || CommandError::new(format!("there is no Approval {wanted}; `lychgate approvals list` names them"));
    match &place.dev {
        Some(state) => folder(state).get(wanted).map_err(CommandError::from_display)?.ok_or_else(missing),
        None => crate::cluster::wait(async {
            let cluster = place.access.connect().await?;
            let namespace = Some(namespace(place, &cluster));
            let object = cluster.get(&kind(), namespace, wanted).await;
            let object = object.map_err(|error| unreadable(&kind(), namespace, &error))?;
            read(object.ok_or_else(missing)?)
        }),
    }
}

fn namespace<'a>(place: &'a Place, cluster: &'a Cluster) -> &'a str {
    place.namespace.as_deref().unwrap_or(&cluster.namespace)
}

fn read(object: Value) -> Result<Approval, CommandError> {
    serde_json::from_value(object)
        .map_err(|error| CommandError::new(format!("an Approval that this version does not know: {error}")))
}

/// How many have approved of how many who must, as the operator says, or as it will once it has looked.
fn votes(approval: &Approval) -> String {
    let told = approval.status.as_ref().and_then(|status| status.tally.clone());
    told.unwrap_or_else(|| tally(&approval.spec).short())
}

fn phase(approval: &Approval) -> Phase {
    approval.status.as_ref().map(|status| status.phase).unwrap_or_default()
}

fn name(approval: &Approval) -> &str {
    approval.metadata.name.as_deref().unwrap_or_default()
}
