//! The client of `rmcp`, in this process. It wishes for progress with each request, whether somebody looks or not.

use std::sync::{Arc, Mutex};

use rmcp::ClientHandler;
use rmcp::model::{CallToolRequestParams, ProgressNotificationParam, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, NotificationContext, RoleClient};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::Value;

/// Keeps what it is told of progress.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<ProgressNotificationParam>>>);

impl ClientHandler for Listener {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.lock().unwrap().push(progress);
    }
}

/// Calls a tool; gives the answer, and the progress that was told before.
pub async fn call(
    url: &str,
    token: &str,
    modern: bool,
    tool: &'static str,
    arguments: &Value,
) -> (Value, Vec<ProgressNotificationParam>) {
    lychgate_gateway::outbound::install_crypto_provider();
    let config = StreamableHttpClientTransportConfig::with_uri(url.to_owned()).auth_header(token);
    let transport = StreamableHttpClientTransport::from_config(config);
    let lifecycle = if modern {
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
    } else {
        ClientLifecycleMode::Initialize
    };
    let listener = Listener::default();
    let client = listener.clone().serve_with_lifecycle(transport, lifecycle).await.unwrap();
    let call = CallToolRequestParams::new(tool).with_arguments(arguments.as_object().unwrap().clone());
    let answer = client.call_tool(call).await.unwrap();
    client.cancel().await.unwrap();
    let progress = listener.0.lock().unwrap().clone();
    (serde_json::to_value(answer).unwrap(), progress)
}
