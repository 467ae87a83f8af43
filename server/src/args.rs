//! Flags of `remotegpu`; each also an environment variable `REMOTEGPU_…`.
//! Secrets are named by file, never given as a flag: arguments are visible to every process.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::admin::AdminCommand;

/// RemoteGPU: one Kubernetes API as a GPU cloud.
#[derive(Parser)]
#[command(name = "remotegpu", version)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Subcommand)]
pub enum Command {
    /// Serve the console and its API.
    Serve(Box<ServeArgs>),
    /// Manage accounts and users straight in the database.
    Admin {
        /// What to change.
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Run the virtual nodes of imported engines, apart from the console.
    Nodes(Box<NodesArgs>),
    /// Bring the schema of a database up to date, and end.
    Migrate(MigrateArgs),
    /// Print the OpenAPI document of this version.
    Openapi,
}

/// Flags of every command that writes to the database: no change without its sealed audit row.
#[derive(clap::Args)]
pub struct DatabaseArgs {
    /// `sqlite:///path` or `postgres://…`.
    #[arg(long, env = "REMOTEGPU_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: SecretString,
    /// Seals the audit log: at least 32 random bytes in hex; older keys on the lines below it.
    #[arg(long, env = "REMOTEGPU_AUDIT_KEY_FILE", value_name = "FILE")]
    pub audit_key_file: PathBuf,
    /// Also append each committed audit row to this file, one JSON object a line.
    #[arg(long, env = "REMOTEGPU_AUDIT_LOG_FILE", value_name = "FILE")]
    pub audit_log_file: Option<PathBuf>,
}

/// Flags of `remotegpu migrate`.
#[derive(clap::Args)]
pub struct MigrateArgs {
    /// `sqlite:///path` or `postgres://…`, with a role that may change the schema.
    #[arg(long, env = "REMOTEGPU_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: SecretString,
}

/// Flags of `remotegpu nodes`.
#[derive(clap::Args)]
pub struct NodesArgs {
    /// Which database, and the key of its audit log.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// What seals the credentials of engines.
    #[command(flatten)]
    pub kek: KekArgs,
    /// Identity that runs nodes: `remotegpu-nodes` in the namespace remotegpu-system.
    #[arg(long, env = "REMOTEGPU_NODES_KUBECONFIG", value_name = "FILE")]
    pub nodes_kubeconfig: PathBuf,
    /// Lease in the namespace remotegpu-system whose holder runs the nodes; one name for all processes on one database.
    #[arg(long, env = "REMOTEGPU_NODES_LEASE", value_name = "NAME", default_value = "remotegpu-nodes")]
    pub nodes_lease: String,
    /// Address of the nodes' kubelet APIs, published as InternalIP [default: the first that is not loopback]
    #[arg(long, env = "REMOTEGPU_NODES_ADDRESS", value_name = "IP")]
    pub nodes_address: Option<std::net::IpAddr>,
    /// API of the home cluster as pods on engines reach it, `https://host[:port]`: pods of ServiceAccounts that SkyPilot access
    /// allows get their token and this address; without it none does.
    #[arg(long, env = "REMOTEGPU_NODES_POD_API_SERVER", value_name = "URL")]
    pub nodes_pod_api_server: Option<node::fleet::ApiServer>,
    /// Serving certificate for that address; without it the cluster is asked to sign one for each node, self-signed until
    /// it has.
    #[arg(long, env = "REMOTEGPU_NODES_TLS_CERT_FILE", value_name = "FILE", requires = "nodes_tls_key_file")]
    pub nodes_tls_cert_file: Option<PathBuf>,
    /// Its key.
    #[arg(long, env = "REMOTEGPU_NODES_TLS_KEY_FILE", value_name = "FILE", requires = "nodes_tls_cert_file")]
    pub nodes_tls_key_file: Option<PathBuf>,
    /// CA of the API server's client certificate; leave out for the one that the cluster publishes.
    #[arg(long, env = "REMOTEGPU_NODES_CLIENT_CA_FILE", value_name = "FILE")]
    pub nodes_client_ca_file: Option<PathBuf>,
    /// Private networks that engines may be in, such as 10.0.0.0/8; the same as of the console.
    #[arg(long, env = "REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", value_name = "CIDRS", value_delimiter = ',')]
    pub outbound_allowed_networks: Vec<String>,
    /// Address of RunPod's API, for installations that reach it through another; never in the hands of who imports engines.
    #[arg(long, env = "REMOTEGPU_RUNPOD_API_URL", value_name = "URL", default_value = engines::runpod::PUBLIC_URL)]
    pub runpod_api_url: String,
    /// How the log is written.
    #[arg(long, env = "REMOTEGPU_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Flags of `remotegpu serve`.
#[derive(clap::Args)]
pub struct ServeArgs {
    /// Address and port to listen on (plain HTTP; put TLS in front for anything but loopback).
    #[arg(long, env = "REMOTEGPU_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// How people and kubectl reach this console, `https://host`; plain http is for loopback only.
    #[arg(long, env = "REMOTEGPU_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Which database, and the key of its audit log.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Run the migrations that the database lacks; `false` where its role may not, see `remotegpu migrate`.
    #[arg(long, env = "REMOTEGPU_MIGRATE", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub migrate: bool,
    /// The peppers.
    #[command(flatten)]
    pub peppers: PepperArgs,
    /// What seals the credentials of engines and the keys of webhooks.
    #[command(flatten)]
    pub kek: KekArgs,
    /// Revocation ledger: keeps what a restored database must not forget [default: beside a database that is a file]
    #[arg(long, env = "REMOTEGPU_REVOCATIONS_FILE", value_name = "FILE")]
    pub revocations_file: Option<PathBuf>,
    /// Identity that issues credentials.
    #[arg(long, env = "REMOTEGPU_ISSUER_KUBECONFIG", value_name = "FILE")]
    pub issuer_kubeconfig: PathBuf,
    /// Identity that reconciles namespaces and watches.
    #[arg(long, env = "REMOTEGPU_RECONCILER_KUBECONFIG", value_name = "FILE")]
    pub reconciler_kubeconfig: PathBuf,
    /// Identity that asks nodes for what pods use, and may do nothing else; without it pages show no figures.
    #[arg(long, env = "REMOTEGPU_METRICS_KUBECONFIG", value_name = "FILE", requires = "kubelet_ca_file")]
    pub metrics_kubeconfig: Option<PathBuf>,
    /// Authorities in PEM that sign the serving certificates of the nodes' kubelet APIs.
    #[arg(long, env = "REMOTEGPU_KUBELET_CA_FILE", value_name = "FILE", requires = "metrics_kubeconfig")]
    pub kubelet_ca_file: Option<PathBuf>,
    /// Lease in the namespace remotegpu-system whose holder runs the loops; one name for all consoles on one database.
    #[arg(long, env = "REMOTEGPU_LEASE", value_name = "NAME", default_value = "remotegpu-console")]
    pub lease: String,
    /// The cluster's API server as tenants reach it; goes into kubeconfigs.
    #[arg(long, env = "REMOTEGPU_CLUSTER_SERVER", value_name = "URL")]
    pub cluster_server: String,
    /// Its CA in PEM; leave out when it is publicly trusted.
    #[arg(long, env = "REMOTEGPU_CLUSTER_CA_FILE", value_name = "FILE")]
    pub cluster_ca_file: Option<PathBuf>,
    /// Where the built client files lie.
    #[arg(long, env = "REMOTEGPU_SITE_ROOT", value_name = "DIR", default_value = "target/site")]
    pub site_root: PathBuf,
    /// The identity providers people may sign in with: JSON, mode 0600 (docs/IDENTITY-PROVIDERS.md).
    #[arg(long, env = "REMOTEGPU_OIDC_CONFIG_FILE", value_name = "FILE", requires = "cookie_key_file")]
    pub oidc_config_file: Option<PathBuf>,
    /// At least 32 random bytes in hex: encrypts the cookies of sign-ins with a provider. The same for every replica.
    #[arg(long, env = "REMOTEGPU_COOKIE_KEY_FILE", value_name = "FILE")]
    pub cookie_key_file: Option<PathBuf>,
    /// Private networks that outgoing webhooks and engines may be in, such as 10.0.0.0/8; public addresses always may.
    #[arg(long, env = "REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", value_name = "CIDRS", value_delimiter = ',')]
    pub outbound_allowed_networks: Vec<String>,
    /// Authorities in PEM that receivers of webhooks may have their certificates from, beside the public ones.
    #[arg(long, env = "REMOTEGPU_OUTBOUND_CA_FILE", value_name = "FILE")]
    pub outbound_ca_file: Option<PathBuf>,
    /// Address of RunPod's API, for installations that reach it through another; the same as of `remotegpu nodes`.
    #[arg(long, env = "REMOTEGPU_RUNPOD_API_URL", value_name = "URL", default_value = engines::runpod::PUBLIC_URL)]
    pub runpod_api_url: String,
    /// Signs the tokens of the tenant API (/k8sgpu/v1): at least 32 random bytes in hex; during a rotation the key before
    /// it on a second line. The same for every replica; without it that API is not offered.
    #[arg(long, env = "REMOTEGPU_JWT_KEY_FILE", value_name = "FILE")]
    pub jwt_key_file: Option<PathBuf>,
    /// First start without users: e-mail of the operator who owns the account `default`.
    #[arg(long, env = "REMOTEGPU_BOOTSTRAP_EMAIL", value_name = "EMAIL", requires = "bootstrap_password_file")]
    pub bootstrap_email: Option<String>,
    /// File with their first password.
    #[arg(long, env = "REMOTEGPU_BOOTSTRAP_PASSWORD_FILE", value_name = "FILE", requires = "bootstrap_email")]
    pub bootstrap_password_file: Option<PathBuf>,
    /// Proxies of your own in front of this console: the client is that many entries from the right of
    /// `X-Forwarded-For`. 0 = nobody is in front, the header is ignored.
    #[arg(long, env = "REMOTEGPU_TRUSTED_PROXIES", value_name = "N", default_value_t = 0)]
    pub trusted_proxies: u8,
    /// Multiplies every rate limit; 0 lifts them (for benchmarks only).
    #[arg(long, env = "REMOTEGPU_RATE_LIMITS", value_name = "FACTOR", default_value_t = 1)]
    pub rate_limits: u32,
    /// Where Prometheus finds `/metrics`, address and port of its own; nothing is measured without it.
    #[arg(long, env = "REMOTEGPU_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// Seconds between "not ready" and the end of the listener on SIGTERM: as long as a load balancer takes to notice.
    #[arg(long, env = "REMOTEGPU_DRAIN_SECONDS", value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u64).range(..=300))]
    pub drain_seconds: u64,
    /// How often an open stream asks whether its reader may still look.
    #[arg(long, env = "REMOTEGPU_STREAM_CHECK_SECONDS", value_name = "N", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=60))]
    pub stream_check_seconds: u64,
    /// How the log is written.
    #[arg(long, env = "REMOTEGPU_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What keys the digests of API keys.
#[derive(clap::Args)]
pub struct PepperArgs {
    /// At least 32 random bytes in hex: keys the digests of API keys.
    #[arg(long, env = "REMOTEGPU_PEPPER_FILE", value_name = "FILE")]
    pub pepper_file: PathBuf,
    /// The pepper before a rotation, as long as `pepper-status` names it; may be given again.
    #[arg(long, env = "REMOTEGPU_PREVIOUS_PEPPER_FILE", value_name = "FILE", value_delimiter = ',')]
    pub previous_pepper_file: Vec<PathBuf>,
}

/// What seals secrets that must be read again.
#[derive(clap::Args)]
pub struct KekArgs {
    /// Seals the credentials of engines and the keys of webhooks: at least 32 random bytes in hex; older keys on the
    /// lines below it, until `rotate-kek` was run.
    #[arg(long, env = "REMOTEGPU_KEK_FILE", value_name = "FILE")]
    pub kek_file: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_is_also_an_environment_variable() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str())) {
                let flag = argument.get_long().unwrap().to_uppercase().replace('-', "_");
                let variable = argument.get_env().map(|v| v.to_string_lossy().into_owned());
                assert_eq!(variable, Some(format!("REMOTEGPU_{flag}")), "--{flag}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Args::command());
    }

    /// `UPDATE_DOCS=1` writes the table anew.
    #[test]
    fn the_table_of_flags_in_the_documentation_is_that_of_the_program() {
        fn rows(command: &clap::Command, path: &str, table: &mut String) {
            let mut arguments: Vec<_> = command.get_arguments().filter(|a| a.get_env().is_some()).collect();
            arguments.sort_by_key(|a| a.get_id().to_string());
            if !arguments.is_empty() {
                table.push_str(&format!(
                    "\n`{path}`\n\n| Flag | Variable | What it is | Default |\n|---|---|---|---|\n"
                ));
            }
            for argument in arguments {
                let (flag, variable) = (argument.get_long().unwrap(), argument.get_env().unwrap().to_str().unwrap());
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let defaults: Vec<_> = argument.get_default_values().iter().filter_map(|v| v.to_str()).collect();
                let default = defaults.join(" ");
                table.push_str(&format!("| `--{flag}` | `{variable}` | {help} | {default} |\n"));
            }
            for inner in command.get_subcommands() {
                rows(inner, &format!("{path} {}", inner.get_name()), table);
            }
        }
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATIONS.md");
        let text = std::fs::read_to_string(file).unwrap();
        let (head, rest) = text.split_once("compares this table with the program. -->\n").unwrap();
        let (found, tail) = rest.split_once("<!-- flags: end -->").unwrap();
        let mut table = String::new();
        rows(&Args::command(), "remotegpu", &mut table);
        table.push('\n');
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let marker = "compares this table with the program. -->\n";
            std::fs::write(file, format!("{head}{marker}{table}<!-- flags: end -->{tail}")).unwrap();
        } else {
            assert_eq!(found, table, "UPDATE_DOCS=1 writes it anew");
        }
    }
}
