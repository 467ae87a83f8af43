//! The kubeconfig a tenant downloads: no secret inside, entry names from ids, every scalar quoted.
//!
//! Source: `console-api.md` §4, `security.md` §1.5, RULINGS 4, 9 and 10.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::credential::Access;
use crate::namespace::Namespace;
use crate::{Error, Result};

/// How the kubeconfig fetches its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// `sh` and `curl` 7.55 or newer.
    Sh,
    /// `curl` 8.3 or newer, no shell.
    Windows,
}

/// What a kubeconfig must know of this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The API server as tenants reach it, `https://host:port`.
    pub cluster_server: String,
    /// Its CA in PEM; empty when publicly trusted.
    pub cluster_ca_pem: String,
    /// The console as tenants reach it, without a trailing slash.
    pub console_url: String,
}

/// Answer of `GET …/kubeconfig`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KubeconfigView {
    /// Kubernetes name of the namespace.
    pub namespace: String,
    /// Suggested file name.
    pub filename: String,
    /// The YAML text.
    pub kubeconfig: String,
}

// The text is constant: ids arrive only as later arguments, so no name can become shell (security.md §1.5).
// `--proto "$2"` is `=https`, or `=http` for the loopback installation alone (DESIGN §8).
const SCRIPT: &str = r#"[ -n "${REMOTEGPU_API_KEY:-}" ] || { echo 'remotegpu: Missing API key: REMOTEGPU_API_KEY is not set' >&2; exit 1; }
out=$(printf 'x-api-key: %s\n' "$REMOTEGPU_API_KEY" | curl -q -sS --proto "$2" --connect-timeout 5 --max-time 10 -X POST -H @- -w '\n%{http_code}' "$1") || exit 1
code=${out##*
}
body=${out%
*}
[ "$code" = 200 ] || { printf 'remotegpu: HTTP %s %s\n' "$code" "$body" >&2; exit 1; }
printf '%s\n' "$body"
"#;

/// Writes the kubeconfig of `namespace`.
///
/// `base64_ca` is the CA in base64 (encoding is the caller's: this crate has no codec).
///
/// # Errors
/// [`Error::Internal`] when the console URL is neither https nor http on loopback.
pub fn render(
    namespace: &Namespace,
    endpoints: &Endpoints,
    base64_ca: &str,
    variant: Variant,
    access: Access,
) -> Result<KubeconfigView> {
    let proto = allowed_proto(&endpoints.console_url)?;
    let entry = format!("remotegpu-{}", namespace.id.short());
    let query = if access == Access::View { "?access=view" } else { "" };
    let url = format!(
        "{}/v1/kubernetes/namespaces/{}/exec-credential{query}",
        endpoints.console_url.trim_end_matches('/'),
        namespace.id
    );
    let mut yaml = String::new();
    let mut line = |text: String| {
        yaml.push_str(&text);
        yaml.push('\n');
    };
    line("apiVersion: \"v1\"".into());
    line("kind: \"Config\"".into());
    line(format!("current-context: {}", quoted(&entry)));
    line("clusters:".into());
    line("- name: \"remotegpu-c1\"".into());
    line("  cluster:".into());
    line(format!("    server: {}", quoted(&endpoints.cluster_server)));
    if !base64_ca.is_empty() {
        line(format!("    certificate-authority-data: {}", quoted(base64_ca)));
    }
    line("contexts:".into());
    line(format!("- name: {}", quoted(&entry)));
    line("  context:".into());
    line("    cluster: \"remotegpu-c1\"".into());
    line(format!("    user: {}", quoted(&entry)));
    line(format!("    namespace: {}", quoted(namespace.kubernetes_name.as_str())));
    line("users:".into());
    line(format!("- name: {}", quoted(&entry)));
    line("  user:".into());
    line("    exec:".into());
    line("      apiVersion: \"client.authentication.k8s.io/v1\"".into());
    line("      interactiveMode: \"Never\"".into());
    line("      provideClusterInfo: false".into());
    match variant {
        Variant::Sh => sh_plugin(&mut line, &url, proto),
        Variant::Windows => curl_plugin(&mut line, &url, proto),
    }
    Ok(KubeconfigView {
        namespace: namespace.kubernetes_name.as_str().to_owned(),
        filename: format!("kubeconfig-{}.yaml", namespace.name.as_str()),
        kubeconfig: yaml,
    })
}

fn sh_plugin(line: &mut impl FnMut(String), url: &str, proto: &str) {
    line("      installHint: \"Needs sh and curl 7.55 or newer, and REMOTEGPU_API_KEY in the environment.\"".into());
    line("      command: \"sh\"".into());
    line("      args:".into());
    line("      - \"-c\"".into());
    line("      - |".into());
    for script_line in SCRIPT.lines() {
        line(format!("        {script_line}"));
    }
    line("      - \"remotegpu\"".into());
    line(format!("      - {}", quoted(url)));
    line(format!("      - {}", quoted(proto)));
}

fn curl_plugin(line: &mut impl FnMut(String), url: &str, proto: &str) {
    line("      installHint: \"Needs curl 8.3 or newer, and REMOTEGPU_API_KEY in the environment.\"".into());
    line("      command: \"curl\"".into());
    line("      args:".into());
    let args = ["-q", "-sS", "--fail-with-body", "--proto", proto, "--connect-timeout", "5", "--max-time", "10"];
    let key = ["-X", "POST", "--variable", "%REMOTEGPU_API_KEY", "--expand-header", "x-api-key: {{REMOTEGPU_API_KEY}}"];
    for arg in args.iter().chain(&key) {
        line(format!("      - {}", quoted(arg)));
    }
    line(format!("      - {}", quoted(url)));
}

fn allowed_proto(console_url: &str) -> Result<&'static str> {
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_loopback = |url: &str| {
        loopback
            .iter()
            .any(|prefix| url.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])))
    };
    match console_url {
        url if url.starts_with("https://") => Ok("=https"),
        url if is_loopback(url) => Ok("=http"),
        _ => Err(Error::internal("the console URL is neither https nor http on loopback")),
    }
}

/// A double-quoted scalar: JSON strings are YAML strings. kubectl reads YAML 1.1, where an unquoted namespace `n` or
/// `1e3` breaks the file.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, NamespaceId, UserId};
    use crate::namespace::{KubernetesName, NamespaceName, NamespaceStatus};

    fn namespace(name: &str) -> Namespace {
        let uuid = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let id = NamespaceId::parse(uuid).unwrap();
        let name = NamespaceName::new(name).unwrap();
        Namespace {
            id,
            account_id: AccountId::parse(uuid).unwrap(),
            kubernetes_name: KubernetesName::derive(&name, id),
            name,
            status: NamespaceStatus::Active,
            status_message: None,
            created_by: UserId::parse(uuid).unwrap(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn endpoints(console_url: &str) -> Endpoints {
        Endpoints {
            cluster_server: "https://k8s.example.com".into(),
            cluster_ca_pem: String::new(),
            console_url: console_url.into(),
        }
    }

    fn text(console_url: &str, access: Access) -> String {
        render(&namespace("n"), &endpoints(console_url), "Q0E=", Variant::Sh, access).unwrap().kubeconfig
    }

    #[test]
    fn names_that_yaml_would_misread_stay_text() {
        assert!(text("https://api.example.com", Access::Edit).contains("namespace: \"n-456789ab\""));
    }

    #[test]
    fn plain_http_is_allowed_on_loopback_only() {
        assert!(text("http://127.0.0.1:8080", Access::Edit).contains("- \"=http\""));
        assert!(text("https://api.example.com", Access::Edit).contains("- \"=https\""));
        for bad in ["http://api.example.com", "http://127.0.0.1.evil.example", "ftp://127.0.0.1"] {
            assert!(render(&namespace("n"), &endpoints(bad), "", Variant::Sh, Access::Edit).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_view_kubeconfig_asks_for_view() {
        assert!(text("https://api.example.com", Access::View).contains("/exec-credential?access=view\""));
    }
}
