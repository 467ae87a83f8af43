//! Command line of `remotegpu-admission`.
//! Each flag can also be given as an environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Admission webhook of RemoteGPU: decides about pods of tenant namespaces by their SKU.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "remotegpu-admission", version)]
pub struct Args {
    /// Address and port of the HTTPS listener.
    #[arg(long, env = "REMOTEGPU_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,
    /// PEM file with the serving certificate and its chain. Followed: a new one is in use within seconds.
    #[arg(long, env = "REMOTEGPU_TLS_CERT_FILE")]
    pub tls_cert_file: PathBuf,
    /// PEM file with the private key of the certificate. Followed likewise.
    #[arg(long, env = "REMOTEGPU_TLS_KEY_FILE")]
    pub tls_key_file: PathBuf,
    /// Kubeconfig of an identity that may get, list and watch skus and namespaces. Absent: the pod's own account.
    #[arg(long, env = "REMOTEGPU_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Format of the log on stderr.
    #[arg(long, env = "REMOTEGPU_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Log filter, for example `info` or `admission=debug`.
    #[arg(long, env = "REMOTEGPU_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn the_flags_of_the_manifest_are_taken_and_its_port_is_the_one_that_listens() {
        let manifest = include_str!("../../../deploy/admission/admission.yaml");
        let items = manifest.lines().filter_map(|line| line.trim().strip_prefix("- "));
        let flags = items.filter(|item| item.starts_with("--"));
        let args = Args::try_parse_from(std::iter::once("remotegpu-admission").chain(flags)).unwrap();
        assert!(manifest.contains(&format!("containerPort: {}\n", args.listen.port())));
        let (certificate, key) = (args.tls_cert_file.parent().unwrap(), args.tls_key_file.parent().unwrap());
        assert_eq!(certificate, key);
        assert!(manifest.contains(&format!("mountPath: {}\n", certificate.display())), "{certificate:?}");
        assert!(args.kubeconfig.is_none(), "the pod's own account");
    }
}
