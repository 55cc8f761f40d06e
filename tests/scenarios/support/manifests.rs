//! Manifests for scenarios: one gateway and one connection, with what a test changes.

/// A connection `server` in namespace `test` and all that it needs. Fields are YAML below the named member.
pub struct Manifests<'a> {
    /// URL of the MCP server.
    pub upstream: &'a str,
    /// URL of the identity provider.
    pub issuer: &'a str,
    /// The credential.
    pub token: &'a str,
    /// `McpConnection.spec.access`.
    pub access: &'a str,
    /// More members of `McpConnection.spec`.
    pub connection: &'a str,
    /// More members of `McpGateway.spec`.
    pub gateway: &'a str,
    /// Further documents.
    pub more: &'a str,
}

/// alice may use every tool, resource and prompt; bob nothing but `echo`.
pub const ACCESS: &str = r#"[
    {users: [alice], tools: ["*"], resources: ["*"], prompts: ["*"]},
    {groups: [limited], tools: [echo]}]"#;

/// Masks e-mail addresses and cards in what comes from the connection `server`.
pub const MASKING: &str = r#"
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: personal, namespace: test}
spec:
  targetRefs: [{kind: McpConnection, name: server}]
  directions: [Request, Response]
  detectors:
  - {type: Email, action: {redact: {}}}
  - {type: CreditCard, action: {partial: {keepLast: 4}}}
  fields:
  - {keys: [ssn], action: {redact: {}}}
"#;

impl Default for Manifests<'_> {
    fn default() -> Self {
        Self {
            upstream: "http://127.0.0.1:1/mcp",
            issuer: "https://idp.example.com",
            token: "unused-upstream-token",
            access: ACCESS,
            connection: "",
            gateway: "",
            more: "",
        }
    }
}

impl Manifests<'_> {
    pub fn to_yaml(&self) -> String {
        let Self { upstream, issuer, token, access, connection, gateway, more } = self;
        format!(
            r#"
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {{name: gateway, namespace: test}}
spec:
  identity: {{oidc: [{{issuer: "{issuer}", kubernetesUsernames: ["{{sub}}"]}}]}}
  {gateway}
---
apiVersion: v1
kind: Secret
metadata: {{name: upstream, namespace: test}}
stringData: {{token: "{token}", lychgate-allowed-hosts: "127.0.0.1"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: personas, namespace: test, labels: {{lychgate.dev/personas: "true"}}}}
data: {{alice: staff, bob: limited, mallory: strangers}}
---
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {{name: server, namespace: test}}
spec:
  gatewayRef: {{name: gateway}}
  upstream: {{url: "{upstream}", insecurePlaintext: true, timeouts: {{connect: 2s, call: 5s}}}}
  credentials:
  - name: default
    inject: {{header: Authorization, format: "Bearer {{value}}"}}
    from: {{secretKeyRef: {{name: upstream, key: token}}}}
  access: {access}
  {connection}
{more}"#
        )
    }
}
