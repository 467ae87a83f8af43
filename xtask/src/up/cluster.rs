//! The home cluster of a start: our own control plane, or one that somebody gave a kubeconfig for.
//! Both look the same to the steps after this one.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use localplane::{Binaries, Kubectl, Pki, Plane, PlaneConfig, Stop, files, net};
use serde_json::Value;

use super::platform::Settings;
use super::supervised::Supervised;
use crate::say::Say;

/// A cluster that answers, with our administrator's kubeconfig for it.
#[derive(Debug)]
pub struct Cluster {
    pub kubectl: Kubectl,
    pub kubectl_program: PathBuf,
    pub server: String,
    /// PEM; `None` if the cluster's certificate is signed by a public authority.
    pub ca_file: Option<PathBuf>,
    /// Signs the clients that may call a kubelet API.
    pub client_ca_file: Option<PathBuf>,
    /// Where its API server finds our webhook.
    pub webhook_ip: IpAddr,
    pub version: String,
    /// The UID of `kube-system`: what engines mark their instances with.
    pub id: String,
    own: Own,
}

#[derive(Debug)]
enum Own {
    Plane(Box<Plane>),
    Pki(Box<Pki>),
}

impl Cluster {
    /// Starts a control plane, or connects to the given cluster.
    ///
    /// # Errors
    /// When a program is missing, a process dies, or the given cluster cannot be used.
    pub fn open(settings: &Settings, noted: &mut Supervised, say: &Say, stop: &Stop) -> Result<Self> {
        match &settings.kubeconfig {
            None => Self::start(settings, noted, say, stop),
            Some(kubeconfig) => Self::connect(settings, kubeconfig, say, stop),
        }
    }

    fn start(settings: &Settings, noted: &mut Supervised, say: &Say, stop: &Stop) -> Result<Self> {
        let binaries = Binaries::find(&mut |line| say.step(line), stop)?;
        say.step(format!("Starting the control plane (programs from {})", binaries.origin));
        let (throwaway, gogc, stop) = (settings.throwaway, settings.gogc, stop.clone());
        let config = PlaneConfig { throwaway, gogc, stop, ..PlaneConfig::new(&settings.dir) };
        let plane = Plane::start_noting(&config, &binaries, &mut |name, pid| noted.note(name, pid))?;
        let cluster = Self {
            kubectl: plane.kubectl().clone(),
            kubectl_program: binaries.kubectl.clone(),
            server: plane.server().to_owned(),
            ca_file: Some(plane.pki().ca_file()),
            client_ca_file: Some(plane.pki().ca_file()),
            webhook_ip: Ipv4Addr::LOCALHOST.into(),
            version: version(plane.kubectl())?,
            id: id(plane.kubectl())?,
            own: Own::Plane(Box::new(plane)),
        };
        say.step(format!("Kubernetes {} is ready at {}", cluster.version, cluster.server));
        Ok(cluster)
    }

    /// Whether a given cluster can be used at all: asked before the build, which may take minutes.
    ///
    /// # Errors
    /// When it cannot be reached, or its user is not an administrator.
    pub fn probe(kubeconfig: &Path, say: &Say, stop: &Stop) -> Result<Kubectl> {
        let file = kubeconfig.display();
        ensure!(kubeconfig.is_file(), "there is no kubeconfig {file}");
        let given = Kubectl::new(&Binaries::find_kubectl(&mut |line| say.step(line), stop)?, kubeconfig);
        if let Err(error) = given.run(&["get", "--raw", "/readyz", "--request-timeout=8s"]) {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default().trim_start_matches("kubectl get: ");
            bail!("the cluster of {file} cannot be reached ({last}): check its address, or leave --kubeconfig out");
        }
        let all = ["auth", "can-i", "*", "*", "--all-namespaces"];
        ensure!(given.run(&all).is_ok(), "the user of {file} is not an administrator of its cluster, which `up` needs");
        Ok(given)
    }

    fn connect(settings: &Settings, kubeconfig: &Path, say: &Say, stop: &Stop) -> Result<Self> {
        let given = Self::probe(kubeconfig, say, stop)?;
        let program = given.program().to_owned();
        let dir = &settings.dir;
        let pki = Pki::open(&dir.join("pki"))?;
        let flat = given.run(&["config", "view", "--minify", "--flatten", "--raw", "--output=json"])?;
        let config: Value = serde_json::from_str(&flat).context("kubectl config view is not JSON")?;
        files::private_dir(&dir.join("kubeconfigs"))?;
        let admin = dir.join("kubeconfigs/admin.yaml");
        files::write_private(&admin, flat.as_bytes())?;
        let kubectl = Kubectl::new(&program, &admin);
        let home = &config["clusters"][0]["cluster"];
        let server = home["server"].as_str().context("the kubeconfig names no server")?.to_owned();
        let ca_file = embedded(home, &dir.join("pki/cluster-ca.crt"))?;
        let client_ca_file = client_ca(&kubectl, &dir.join("pki/cluster-client-ca.crt"))?;
        let webhook_ip = net::host_ipv4().unwrap_or(Ipv4Addr::LOCALHOST).into();
        let version = version(&kubectl)?;
        say.step(format!("Using Kubernetes {version} at {server}"));
        let (id, own) = (id(&kubectl)?, Own::Pki(Box::new(pki)));
        Ok(Self { kubectl, kubectl_program: program, server, ca_file, client_ca_file, webhook_ip, version, id, own })
    }

    /// Whether we started it.
    pub fn is_ours(&self) -> bool {
        matches!(self.own, Own::Plane(_))
    }

    /// The authority that signs our own listeners.
    pub fn pki(&self) -> &Pki {
        match &self.own {
            Own::Plane(plane) => plane.pki(),
            Own::Pki(pki) => pki,
        }
    }

    /// Says nothing while the control plane runs; a given cluster is not ours to watch.
    ///
    /// # Errors
    /// When one of its processes has ended.
    pub fn ensure_alive(&mut self) -> Result<()> {
        match &mut self.own {
            Own::Plane(plane) => plane.ensure_alive(),
            Own::Pki(_) => Ok(()),
        }
    }

    /// Stops the control plane, if it is ours.
    pub fn stop(&mut self) {
        if let Own::Plane(plane) = &mut self.own {
            plane.stop();
        }
    }
}

fn version(kubectl: &Kubectl) -> Result<String> {
    let answer: Value = serde_json::from_str(&kubectl.run(&["get", "--raw", "/version"])?).context("no version")?;
    Ok(answer["gitVersion"].as_str().unwrap_or("of unknown version").to_owned())
}

fn id(kubectl: &Kubectl) -> Result<String> {
    kubectl.run(&["get", "namespace", "kube-system", "--output=jsonpath={.metadata.uid}"])
}

/// Writes the authority inside a kubeconfig's cluster entry to a file of its own, if there is one.
fn embedded(home: &Value, path: &Path) -> Result<Option<PathBuf>> {
    let Some(data) = home["certificate-authority-data"].as_str() else { return Ok(None) };
    let pem = localplane::kubeconfig::decode(data)?;
    files::write_public(path, &pem)?;
    Ok(Some(path.to_owned()))
}

/// The authority of the API server's own client certificate, which every cluster publishes.
fn client_ca(kubectl: &Kubectl, path: &Path) -> Result<Option<PathBuf>> {
    let output = "--output=jsonpath={.data.client-ca-file}";
    let name = "extension-apiserver-authentication";
    let pem = kubectl.run(&["get", "configmap", name, "--namespace=kube-system", output])?;
    if pem.trim().is_empty() {
        return Ok(None);
    }
    files::write_public(path, pem.as_bytes())?;
    Ok(Some(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kubeconfig: &Path) -> String {
        format!("{:#}", Cluster::probe(kubeconfig, &Say::new(), &Stop::default()).unwrap_err())
    }

    #[test]
    fn a_kubeconfig_that_is_not_there_is_named() {
        assert_eq!(refused(Path::new("/nowhere/config")), "there is no kubeconfig /nowhere/config");
    }

    #[test]
    fn a_cluster_that_cannot_be_reached_is_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kubeconfig");
        // Nobody but root may listen on port 1, and root does not.
        let identity = localplane::kubeconfig::Identity::Token("t");
        localplane::kubeconfig::write(&file, "gone", "https://127.0.0.1:1", None, &identity).unwrap();
        let error = refused(&file);
        let begin = format!("the cluster of {} cannot be reached (", file.display());
        assert!(error.starts_with(&begin) && error.contains("127.0.0.1:1"), "{error}");
        assert!(error.ends_with("): check its address, or leave --kubeconfig out") && !error.contains('\n'), "{error}");
    }
}
