//! The command line. Secrets are never flags: arguments are visible to every process.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// GPUs with plain kubectl: sign in once, then use kubectl.
#[derive(Parser)]
#[command(name = "kubectl-remotegpu", version, after_help = AFTER)]
pub struct Args {
    /// The console; without it the one of the last login. Set as a variable, $REMOTEGPU_API_KEY goes to no other.
    #[arg(long, global = true, env = "REMOTEGPU_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Certificates (PEM) to trust besides those of the system.
    #[arg(long, global = true, env = "REMOTEGPU_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "First steps:\n  kubectl-remotegpu login --server https://console.example.com --create-key laptop\n  \
    kubectl-remotegpu kubeconfig --merge --use\n  kubectl get pods";

/// What the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Sign in through the browser.
    Login(LoginArgs),
    /// Sign out: the session ends on the server too.
    Logout(FormatArgs),
    /// Say who is signed in, and in which account.
    Whoami(FormatArgs),
    /// List the namespaces of the account.
    Namespaces(FormatArgs),
    /// Print a namespace's kubeconfig, write it to a file, or merge it into your own.
    Kubeconfig(KubeconfigArgs),
    /// Fetch a short-lived credential; kubectl calls this, people need not.
    ExecCredential(ExecCredentialArgs),
    /// Print the completion script of a shell.
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

/// Flags of `login`.
#[derive(clap::Args)]
pub struct LoginArgs {
    /// Only print the address to open: for machines without a browser of their own, over a forwarded port.
    #[arg(long)]
    pub no_browser: bool,
    /// What this machine is called in the list of sessions [default: its host name].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Also make an API key of this name for all namespaces and keep it in a file that only you can read.
    #[arg(long, value_name = "NAME")]
    pub create_key: Option<String>,
    /// How to print.
    #[command(flatten)]
    pub format: FormatArgs,
}

/// How to print.
#[derive(clap::Args, Clone, Copy)]
pub struct FormatArgs {
    /// For people or for programs.
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

/// A form of output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// Flags of `kubeconfig`.
#[derive(clap::Args)]
pub struct KubeconfigArgs {
    /// Name, Kubernetes name or id; may be left out when there is only one.
    pub namespace: Option<String>,
    /// How it fetches credentials.
    #[arg(long, value_enum, default_value_t = VariantArg::Cli)]
    pub variant: VariantArg,
    /// Looks only: no secrets, no shell, no changes.
    #[arg(long)]
    pub view: bool,
    /// Write it to this file.
    #[arg(long, short, value_name = "FILE", conflicts_with = "merge")]
    pub output: Option<PathBuf>,
    /// Merge it into your own kubeconfig ($KUBECONFIG, else ~/.kube/config); a backup stays beside it.
    #[arg(long)]
    pub merge: bool,
    /// Make it the current context.
    #[arg(long = "use", requires = "merge")]
    pub make_current: bool,
}

/// How a kubeconfig fetches credentials.
#[derive(Clone, Copy, ValueEnum)]
pub enum VariantArg {
    /// This program.
    Cli,
    /// `sh` and curl 7.55 or newer.
    Sh,
    /// curl 8.3 or newer.
    Windows,
}

/// Flags of `exec-credential`.
#[derive(clap::Args)]
pub struct ExecCredentialArgs {
    /// The namespace's credential route, as its kubeconfig says it.
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// File that holds the API key, readable by you only [default: $REMOTEGPU_API_KEY, else the key of `login`].
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Ask the console each time.
    #[arg(long)]
    pub no_cache: bool,
    /// Seconds after which to give up.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=20))]
    pub max_time: u64,
}

// === impl VariantArg ===

impl VariantArg {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Sh => "sh",
            Self::Windows => "windows",
        }
    }
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
    fn no_flag_takes_a_secret() {
        for command in std::iter::once(&Args::command()).chain(Args::command().get_subcommands()) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(!["key", "token", "password", "api_key"].contains(&name), "{name}");
            }
        }
    }
}
