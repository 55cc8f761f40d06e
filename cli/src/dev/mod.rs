//! `lychgate dev DIR`: the manifests of a folder, served on this machine.
//!
//! It is the cluster in small: the same plan makes the same documents, and the same gateway serves them from
//! mounted files. What a cluster would add is played here: the kubelet ([`volumes`]) and an identity
//! provider ([`issuer`]). Both follow the manifests while they change.

mod issuer;
mod state;
mod volumes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lychgate_gateway::approval::ApprovalSettings;
use lychgate_gateway::secret::Mounts;
use lychgate_gateway::{Running, Settings, start};
use lychgate_gateway_policy::config::{CredentialSource, OidcIssuer};
use lychgate_operator_plan::{Options, SourceFile, ValidConnection};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::manifests::{self, Checked};
use crate::output::{CommandError, note, print_line};
use issuer::Issuer;
use state::State;
pub(crate) use state::{APPROVALS_FOLDER, SUMMARY_FILE};

/// How often the manifests are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How long calls under way have at the end.
const DRAIN: Duration = Duration::from_secs(5);
/// The replica's name in the record.
const REPLICA: &str = "dev";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder with manifests
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Address that MCP is served on; only loopback addresses, since it is plain HTTP
    #[arg(long, default_value = "127.0.0.1:8484")]
    listen: SocketAddr,
    /// Address of the development issuer
    #[arg(long, default_value = "127.0.0.1:8485")]
    issuer_listen: SocketAddr,
    /// Address of health and metrics
    #[arg(long, default_value = "127.0.0.1:0")]
    admin_listen: SocketAddr,
    /// Folder for keys, tokens and records
    #[arg(long, value_name = "DIR", default_value = ".lychgate")]
    state: PathBuf,
    /// Namespace to serve, if the manifests have connections in several
    #[arg(long)]
    namespace: Option<String>,
}

/// Runs until it is interrupted.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let filter = EnvFilter::try_from_env("LYCHGATE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    for address in [arguments.listen, arguments.issuer_listen, arguments.admin_listen] {
        if !address.ip().is_loopback() {
            return Err(CommandError::new(format!(
                "{address} is no loopback address; `dev` serves plain HTTP and hands out tokens, so only this \
                 machine may reach it: use 127.0.0.1 or [::1]"
            )));
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(format!("no runtime: {error}")))?;
    runtime.block_on(serve(arguments))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(arguments: &Arguments) -> Result<(), CommandError> {
    let signals =
        || -> std::io::Result<_> { Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) };
    let (mut terminate, mut interrupt) =
        signals().map_err(|error| CommandError::new(format!("no signals: {error}")))?;
    let mut dev = Dev::start(arguments).await?;
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = ticks.tick() => dev.follow(),
        }
    }
    dev.stop().await;
    Ok(())
}

struct Dev {
    folder: PathBuf,
    files: Vec<SourceFile>,
    namespace: String,
    options: Options,
    issuer: Issuer,
    state: State,
    gateway: Running,
}

impl Dev {
    async fn start(arguments: &Arguments) -> Result<Self, CommandError> {
        let state = State::open(&arguments.state)?;
        let issuer = Issuer::start(arguments.issuer_listen).await?;
        let gateway = start(settings(arguments, &state)).await.map_err(CommandError::from_display)?;
        let options = options(gateway.address, issuer.url());
        let folder = arguments.folder.clone();
        let files = manifests::read(&folder)?;
        let checked = manifests::check(&folder, &options)?;
        manifests::report(checked.problems());
        if !checked.is_servable() {
            gateway.stop().await;
            return Err(CommandError::new("the manifests have errors; nothing is served"));
        }
        let namespace = namespace(arguments, &checked)?;
        let dev = Self { folder, files, namespace, options, issuer, state, gateway };
        dev.publish(&checked)?;
        dev.wait_until_served().await?;
        dev.greet(&checked)?;
        Ok(dev)
    }

    /// Takes up changed manifests. Broken ones change nothing.
    fn follow(&mut self) {
        let Ok(files) = manifests::read(&self.folder) else { return };
        if same(&files, &self.files) {
            return;
        }
        self.files = files;
        let taken_up = manifests::check(&self.folder, &self.options).and_then(|checked| {
            manifests::report(checked.problems());
            if checked.is_servable() {
                self.publish(&checked)?;
                self.greet(&checked)
            } else {
                Err(CommandError::new(
                    "the changed manifests have errors; what was served before is served on",
                ))
            }
        });
        match taken_up {
            Ok(()) => note("changed manifests are served"),
            Err(error) => note(&error.to_string()),
        }
    }

    /// Writes what the gateway reads, as the operator and the kubelet would, and tokens for the personas.
    fn publish(&self, checked: &Checked) -> Result<(), CommandError> {
        let connections: Vec<_> = self.served(checked).collect();
        for warning in connections.iter().flat_map(|connection| missing_without_cluster(connection)) {
            note(&warning);
        }
        let audiences: Vec<String> =
            connections.iter().flat_map(|connection| connection.config(0).resources).collect();
        for persona in checked.loaded.inventory.personas() {
            let token = self.issuer.token(&persona.user, &persona.groups, &audiences)?;
            self.state.write_token(&persona.user, &token)?;
        }
        volumes::write(&self.state, &self.namespace, &checked.loaded.inventory, &connections, milliseconds())
    }

    fn served<'a>(&self, checked: &'a Checked) -> impl Iterator<Item = &'a ValidConnection> {
        let connections = checked.validated.connections.iter();
        connections.filter(|connection| connection.name().namespace == self.namespace)
    }

    /// The gateway finds the documents by itself; a person shall see addresses only when they answer.
    async fn wait_until_served(&self) -> Result<(), CommandError> {
        for _ in 0..100 {
            if self.gateway.gateway().configurations.problems().is_empty() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let problems = self.gateway.gateway().configurations.problems().join("; ");
        Err(CommandError::new(format!("the gateway refuses the documents: {problems}")))
    }

    fn greet(&self, checked: &Checked) -> Result<(), CommandError> {
        let address = self.gateway.address;
        print_line(&format!("Serving {} as plain HTTP on this machine only.", self.folder.display()));
        print_line(&format!("Records:  {}", self.state.records().display()));
        print_line(&format!("Metrics:  http://{}/metrics", self.gateway.admin_address));
        print_line(&format!("Issuer:   {}", self.issuer.url()));
        let mut connections = Vec::new();
        for connection in self.served(checked) {
            let url = format!("http://{address}/{}/mcp", connection.name().name);
            print_line(&format!("MCP:      {url}   ({})", connection.name()));
            connections.push((connection.name().to_string(), url));
        }
        let mut personas = Vec::new();
        for persona in checked.loaded.inventory.personas() {
            let token = self.state.token_path(&persona.user);
            print_line(&format!(
                "Token:    {} (groups: {}) is in {}",
                persona.user,
                persona.groups.join(", "),
                token.display(),
            ));
            print_line(&std::fs::read_to_string(&token).unwrap_or_default());
            personas.push((persona.user.clone(), persona.groups.clone(), token));
        }
        print_line("Changed manifests are served at once. Stop with Ctrl-C.");
        self.state.write_summary(&self.gateway, self.issuer.url(), &connections, &personas)
    }

    async fn stop(self) {
        self.gateway.stop().await;
        self.issuer.stop();
        self.state.close();
    }
}

fn settings(arguments: &Arguments, state: &State) -> Settings {
    Settings {
        listen: arguments.listen,
        admin_listen: arguments.admin_listen,
        config_dir: state.config(),
        // Tokens of service accounts are the cluster's to make.
        mounts: Mounts { secrets: state.secrets(), config_maps: state.config_maps(), tokens: None },
        watch: None,
        api_server: None,
        approvals: Some(ApprovalSettings::Folder(state.approvals())),
        keys_dir: state.keys(),
        tls_dir: None,
        journal_dir: state.records(),
        replica: REPLICA.to_owned(),
        journal_limit_bytes: u64::MAX,
        drain: DRAIN,
    }
}

fn options(address: SocketAddr, issuer: &str) -> Options {
    Options {
        allow_loopback_issuers: true,
        extra_issuers: vec![OidcIssuer {
            issuer: issuer.to_owned(),
            ca: None,
            audiences: Vec::new(),
            username_claim: "sub".to_owned(),
            groups_claim: "groups".to_owned(),
            kubernetes_usernames: vec!["{sub}".to_owned()],
            insecure_loopback: true,
        }],
        base_url: Some(format!("http://{address}")),
        complete: true,
        ..Options::default()
    }
}

/// What the manifests ask for that only a cluster can give.
fn missing_without_cluster(connection: &ValidConnection) -> Vec<String> {
    let (name, config) = (connection.name(), connection.config(0));
    let mut missing = Vec::new();
    if config.identity.kubernetes.is_some() {
        missing.push(format!(
            "warning: McpConnection {name}: tokens of service accounts are not accepted here, since only a cluster \
             issues them; use the token of a persona"
        ));
    }
    if let Some(service) = connection.service() {
        let url = config.upstream.url;
        missing.push(format!(
            "warning: McpConnection {name}: {url} is in a cluster only; to reach it from here, let kubectl port-forward \
             service/{service} listen at its port, and write its host into /etc/hosts as 127.0.0.1"
        ));
    }
    for credential in config.credentials {
        if let CredentialSource::ServiceAccountToken(_) = credential.from {
            missing.push(format!(
                "warning: McpConnection {name}: the credential {} is a token that only a cluster makes, so that calls \
                 are refused here; take one from a Secret to try them",
                credential.name
            ));
        }
    }
    missing
}

/// The one namespace that is served: a gateway pod, too, sees the Secrets of one namespace only.
fn namespace(arguments: &Arguments, checked: &Checked) -> Result<String, CommandError> {
    let mut namespaces: Vec<String> =
        checked.validated.connections.iter().map(|connection| connection.name().namespace.clone()).collect();
    namespaces.sort();
    namespaces.dedup();
    match (&arguments.namespace, namespaces.as_slice()) {
        (Some(wanted), found) if found.contains(wanted) => Ok(wanted.clone()),
        (Some(wanted), found) => Err(CommandError::new(format!(
            "no connection in namespace {wanted}; there are some in: {}",
            found.join(", ")
        ))),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(CommandError::new(format!(
            "{}: no McpConnection; `examples/quickstart` shows one",
            arguments.folder.display()
        ))),
        (None, found) => Err(CommandError::new(format!(
            "connections in several namespaces ({}); choose one with --namespace",
            found.join(", ")
        ))),
    }
}

fn same(one: &[SourceFile], two: &[SourceFile]) -> bool {
    one.len() == two.len()
        && one.iter().zip(two).all(|(one, two)| one.name == two.name && one.text == two.text)
}

/// The sequence of a new document: milliseconds since the epoch.
fn milliseconds() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use lychgate_operator_plan::{Options, SourceFile, load, validate};

    use super::missing_without_cluster;

    #[test]
    fn what_only_a_cluster_can_give_is_told_and_nothing_else() {
        let warnings = |identity: &str, rest: &str| {
            let upstream =
                if rest.contains("upstream:") { "" } else { "upstream: {url: 'https://a.example/mcp'}, " };
            let text = format!(
                "apiVersion: lychgate.dev/v1alpha1\nkind: McpGateway\nmetadata: {{name: gateway}}\n\
                 spec: {{identity: {{{identity}}}}}\n---\n\
                 apiVersion: lychgate.dev/v1alpha1\nkind: McpConnection\nmetadata: {{name: docs}}\n\
                 spec: {{gatewayRef: {{name: gateway}}, {upstream}{rest}}}\n"
            );
            let loaded = load(&[SourceFile { name: "all.yaml".to_owned(), text }]);
            let validated = validate(&loaded.inventory, &Options::default());
            assert_eq!(validated.connections.len(), 1);
            validated.connections.iter().flat_map(missing_without_cluster).collect::<Vec<_>>().join(" ")
        };
        let token = "credentials: [{name: own, inject: {header: X-Token}, \
                     from: {serviceAccountToken: {audience: docs}}}]";
        assert_eq!(warnings("anonymous: true", ""), "");
        assert!(warnings("kubernetes: {enabled: true}", "").contains("use the token of a persona"));
        assert!(
            warnings("anonymous: true", token).contains("the credential own is a token that only a cluster")
        );
        let service = "upstream: {serviceRef: {name: docs, port: 8080, scheme: HTTP}}";
        let told = warnings("anonymous: true", service);
        assert!(told.contains("http://docs.default.svc:8080/mcp is in a cluster only"), "{told}");
    }
}
