//! The kubeconfig a tenant downloads: no secret inside, entry names from ids, every scalar quoted.
//!
//! Source: `console-api.md` §4, `security.md` §1.5, RULINGS 4, 9 and 10.

use serde::{Deserialize, Serialize};

use crate::credential::Access;
use crate::namespace::Namespace;
use crate::yaml::quoted;
use crate::{Error, Result};

/// How the kubeconfig fetches its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// `sh` and `curl` 7.55 or newer.
    Sh,
    /// The program `kubectl-remotegpu`: has a name that `credentialPluginPolicy` of kubectl 1.35 can allow.
    Cli,
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

/// What a page says of a kubeconfig before it is downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeconfigFacts {
    /// How it fetches credentials.
    pub variant: Variant,
    /// What it asks for.
    pub access: Access,
    /// Suggested file name.
    pub filename: String,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The exact command that kubectl will run, quoted for a shell.
    pub command: String,
}

/// The program that fetches a credential.
struct Plugin {
    hint: &'static str,
    command: &'static str,
    args: Vec<String>,
}

/// What a person writes into `~/.kube/kuberc` so that kubectl runs the named program of [`Variant::Cli`] and no other.
/// `name` and not `command`: kubectl 1.35 knows only the first, 1.36 takes both.
pub const KUBERC: &str = "\
apiVersion: kubectl.config.k8s.io/v1beta1
kind: Preference
credentialPluginPolicy: Allowlist
credentialPluginAllowlist:
- name: kubectl-remotegpu
";

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
    let plugin = Plugin::new(namespace, endpoints, variant, access)?;
    // From the id, not from the name: the same entry after a rename, and for SkyPilot's idea of an owner.
    let entry = format!("remotegpu-{}", namespace.id.short());
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
    plugin.write(&mut line);
    Ok(KubeconfigView {
        namespace: namespace.kubernetes_name.as_str().to_owned(),
        filename: format!("kubeconfig-{}.yaml", namespace.name.as_str()),
        kubeconfig: yaml,
    })
}

/// Writes the kubeconfig of a connector: a token inside, so it is a secret as a whole.
///
/// `name` names its entries; `base64_ca` and `token` are JSON-safe text.
pub fn render_connector(
    namespace: &Namespace,
    endpoints: &Endpoints,
    base64_ca: &str,
    name: &str,
    token: &str,
) -> String {
    let ca = match base64_ca {
        "" => String::new(),
        ca => format!("    certificate-authority-data: {}\n", quoted(ca)),
    };
    format!(
        "apiVersion: \"v1\"\nkind: \"Config\"\ncurrent-context: {name}\nclusters:\n- name: \"remotegpu-c1\"\n  cluster:\n    \
         server: {server}\n{ca}contexts:\n- name: {name}\n  context:\n    cluster: \"remotegpu-c1\"\n    user: {name}\n    \
         namespace: {namespace}\nusers:\n- name: {name}\n  user:\n    token: {token}\n",
        name = quoted(name),
        server = quoted(&endpoints.cluster_server),
        namespace = quoted(namespace.kubernetes_name.as_str()),
        token = quoted(token),
    )
}

/// The exact command that such a kubeconfig makes kubectl run, quoted for a shell; that of Windows for its shells.
///
/// # Errors
/// As [`render`].
pub fn command(namespace: &Namespace, endpoints: &Endpoints, variant: Variant, access: Access) -> Result<String> {
    let plugin = Plugin::new(namespace, endpoints, variant, access)?;
    let words = std::iter::once(plugin.command).chain(plugin.args.iter().map(String::as_str));
    let quote = if variant == Variant::Windows { windows_word } else { shell_word };
    Ok(words.map(quote).collect::<Vec<_>>().join(" "))
}

// === impl Variant ===

impl Variant {
    /// Every variant, the default first.
    pub const ALL: [Self; 3] = [Self::Sh, Self::Cli, Self::Windows];

    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Cli => "cli",
            Self::Windows => "windows",
        }
    }

    /// Reads the wire form.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `variant`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|variant| variant.as_str() == text);
        found.ok_or_else(|| Error::field("variant", "unknown", "variant must be sh, cli or windows"))
    }
}

// === impl Plugin ===

impl Plugin {
    fn new(namespace: &Namespace, endpoints: &Endpoints, variant: Variant, access: Access) -> Result<Self> {
        let proto = allowed_proto(&endpoints.console_url)?;
        let query = if access == Access::View { "?access=view" } else { "" };
        let console = endpoints.console_url.trim_end_matches('/');
        let url = format!("{console}/v1/kubernetes/namespaces/{}/exec-credential{query}", namespace.id);
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
        Ok(match variant {
            Variant::Sh => Self {
                hint: "Needs sh and curl 7.55 or newer, and REMOTEGPU_API_KEY in the environment.",
                command: "sh",
                args: args(&["-c", SCRIPT, "remotegpu", &url, proto]),
            },
            Variant::Cli => Self {
                hint: "Needs the program kubectl-remotegpu, and REMOTEGPU_API_KEY in the environment or its key file.",
                command: "kubectl-remotegpu",
                args: args(&["exec-credential", "--url", &url]),
            },
            Variant::Windows => Self {
                hint: "Needs curl 8.3 or newer, and REMOTEGPU_API_KEY in the environment.",
                command: "curl",
                args: args(&[
                    "-q",
                    "-sS",
                    "--fail-with-body",
                    "--proto",
                    proto,
                    "--connect-timeout",
                    "5",
                    "--max-time",
                    "10",
                    "-X",
                    "POST",
                    "--variable",
                    "%REMOTEGPU_API_KEY",
                    "--expand-header",
                    "x-api-key: {{REMOTEGPU_API_KEY}}",
                    &url,
                ]),
            },
        })
    }

    fn write(&self, line: &mut impl FnMut(String)) {
        line("      apiVersion: \"client.authentication.k8s.io/v1\"".into());
        line("      interactiveMode: \"Never\"".into());
        line("      provideClusterInfo: false".into());
        line(format!("      installHint: {}", quoted(self.hint)));
        line(format!("      command: {}", quoted(self.command)));
        line("      args:".into());
        for arg in &self.args {
            if arg.contains('\n') {
                line("      - |".into());
                arg.lines().for_each(|script_line| line(format!("        {script_line}")));
            } else {
                line(format!("      - {}", quoted(arg)));
            }
        }
    }
}

/// As it is where a shell would leave it alone, else in single quotes.
fn shell_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=%@+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// As it is where cmd and PowerShell would leave it alone, else in double quotes: single ones mean nothing to cmd. Our
/// words hold neither quotes nor backslashes, so nothing has to be escaped.
fn windows_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=?%".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
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

#[cfg(test)]
mod tests;
