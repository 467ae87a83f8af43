//! The certificates of one data directory: two authorities, and what they sign.
//! Kept in `DIR/pki`, used again at the next start, made again when they run out or an address changed.

mod authority;
mod sign;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use rcgen::KeyPair;

use crate::files;
use authority::Authority;
pub use sign::Purpose;
use sign::Request;

/// The first address of the service range: the Service `kubernetes` of every cluster.
pub const SERVICE_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1));

/// A certificate and its key, both PEM files; the key is mode 0600.
#[derive(Clone, Debug)]
pub struct CertFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The authorities of one data directory.
///
/// `ca` signs the API server, the clients, the kubelets and the webhook; `etcd-ca` signs only etcd and the API server's
/// client towards it, so that no other client certificate opens the database.
#[derive(Debug)]
pub struct Pki {
    dir: PathBuf,
    cluster: Authority,
    etcd: Authority,
}

impl Pki {
    /// Opens or makes the authorities and the key of the ServiceAccount tokens in `dir`.
    ///
    /// # Errors
    /// When a file there cannot be read or written, or is not what it should be; names it.
    pub fn open(dir: &Path) -> Result<Self> {
        files::private_dir(dir)?;
        let pki = Self {
            dir: dir.to_owned(),
            cluster: Authority::open(dir, "ca", "remotegpu-local")?,
            etcd: Authority::open(dir, "etcd-ca", "remotegpu-local-etcd")?,
        };
        pki.make_token_key()?;
        Ok(pki)
    }

    /// The certificate of the authority that everything but etcd trusts.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// The authority's key, for the controller manager's signer. Mode 0600.
    pub fn ca_key_file(&self) -> PathBuf {
        self.dir.join("ca.key")
    }

    /// The authority's certificate as PEM in base64, as `caBundle` fields want it.
    pub fn ca_bundle(&self) -> String {
        base64::engine::general_purpose::STANDARD.encode(self.cluster.pem())
    }

    /// The authority of etcd.
    pub fn etcd_ca_file(&self) -> PathBuf {
        self.dir.join("etcd-ca.crt")
    }

    /// The key that signs ServiceAccount tokens (`.key`) and checks them (`.pub`). Never replaced: tokens outlive a stop.
    pub fn token_key_files(&self) -> CertFiles {
        CertFiles { cert: self.dir.join("service-account.pub"), key: self.dir.join("service-account.key") }
    }

    /// The API server's own certificate, for each address and name under which it is called.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn apiserver_serving(&self, host: Option<IpAddr>) -> Result<CertFiles> {
        let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        let names = names.into_iter().chain(["kubernetes.default.svc.cluster.local"]);
        let addresses = [Ipv4Addr::LOCALHOST.into(), SERVICE_IP].into_iter().chain(host);
        self.cluster.issue(&Request::serving("apiserver", "kube-apiserver", None, names, addresses))
    }

    /// A client certificate. `organisation` is the group in Kubernetes, `common_name` the user.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn client(&self, name: &str, common_name: &str, organisation: Option<&str>) -> Result<CertFiles> {
        self.cluster.issue(&Request::client(name, common_name, organisation))
    }

    /// The certificate of one virtual node's kubelet API at `ip`.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn kubelet_serving(&self, node: &str, ip: IpAddr) -> Result<CertFiles> {
        let common_name = format!("system:node:{node}");
        let request = Request::serving(&format!("kubelet-{node}"), &common_name, Some("system:nodes"), [node], [ip]);
        self.cluster.issue(&request)
    }

    /// A signing request for the same certificate, for a cluster whose API server trusts its own signer only; gives the
    /// request as PEM, and where its fresh key is and the signed certificate belongs.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn kubelet_signing_request(&self, node: &str, ip: IpAddr) -> Result<(String, CertFiles)> {
        let file = format!("kubelet-{node}-of-cluster");
        let common_name = format!("system:node:{node}");
        let request = Request::serving(&file, &common_name, Some("system:nodes"), [node], [ip]);
        let key = KeyPair::generate().context("cannot make a key")?;
        let files = CertFiles { cert: self.dir.join(format!("{file}.crt")), key: self.dir.join(format!("{file}.key")) };
        files::write_private(&files.key, key.serialize_pem().as_bytes())?;
        Ok((request.signing_request(&key)?, files))
    }

    /// The certificate of the admission webhook at `ip`.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn webhook_serving(&self, ip: IpAddr) -> Result<CertFiles> {
        let addresses = [ip, Ipv4Addr::LOCALHOST.into()];
        self.cluster.issue(&Request::serving("webhook", "remotegpu-admission", None, ["localhost"], addresses))
    }

    /// etcd's own certificate, also used between its members.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn etcd_serving(&self) -> Result<CertFiles> {
        let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST)];
        self.etcd.issue(&Request::serving("etcd", "etcd", None, ["localhost"], addresses).for_both_sides())
    }

    /// The API server's client certificate towards etcd.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn etcd_client(&self) -> Result<CertFiles> {
        self.etcd.issue(&Request::client("apiserver-etcd-client", "kube-apiserver-etcd-client", None))
    }

    /// The authority of the API server towards the API servers behind it.
    pub fn front_proxy_ca_file(&self) -> PathBuf {
        self.dir.join("front-proxy-ca.crt")
    }

    /// The API server's client certificate towards the API servers behind it; makes its authority if there is none yet.
    /// Who has it may call there in anybody's name, so that nothing else is signed by this authority.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn front_proxy_client(&self) -> Result<CertFiles> {
        let authority = Authority::open(&self.dir, "front-proxy-ca", "remotegpu-local-front-proxy")?;
        authority.issue(&Request::client("front-proxy-client", "front-proxy-client", None))
    }

    /// The certificate of an API server at `ip` behind this one, under the name of its Service.
    ///
    /// # Errors
    /// As [`Pki::open`].
    pub fn service_serving(&self, service: &str, namespace: &str, ip: IpAddr) -> Result<CertFiles> {
        let name = format!("{service}.{namespace}.svc");
        self.cluster.issue(&Request::serving(service, &name, None, [name.as_str()], [ip]))
    }

    fn make_token_key(&self) -> Result<()> {
        let files = self.token_key_files();
        let key = match fs::read_to_string(&files.key) {
            Ok(pem) => KeyPair::from_pem(&pem)
                .with_context(|| format!("{} is not a private key: remove the data directory", files.key.display()))?,
            Err(_) => {
                let key = KeyPair::generate().context("cannot make a key")?;
                files::write_private(&files.key, key.serialize_pem().as_bytes())?;
                key
            }
        };
        files::write_public(&files.cert, key.public_key_pem().as_bytes())
    }
}

#[cfg(test)]
mod tests;
