//! TLS of the kubelet API: serving certificate, client CA, TLS 1.2 or newer.
//! Without a client CA the node does not start: it would have nobody to trust but bearer tokens of others.
use std::{path::Path, sync::Arc};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use super::{
    serving::{Serving, certified},
    serving_files::ServingFiles,
};
use crate::{NodeConfig, StartError, kubelet::Shared};

/// Where every cluster publishes the CA of its client certificates.
const CA_NAMESPACE: &str = "kube-system";
const CA_CONFIG_MAP: &str = "extension-apiserver-authentication";
const CA_KEY: &str = "client-ca-file";

/// Where the next serving certificate comes from.
pub(crate) enum Source {
    Files(ServingFiles),
    Cluster(Arc<Serving>),
}

// === impl Source ===

impl Source {
    /// Takes over each new certificate until the node ends.
    pub(crate) async fn follow(self, shared: Arc<Shared>) {
        match self {
            Self::Files(files) => files.follow(&shared).await,
            Self::Cluster(serving) => super::serving::run(shared, serving).await,
        }
    }
}

/// The settings, and what keeps their serving certificate up to date.
pub(crate) async fn server_config(
    config: &NodeConfig,
    client: &Client,
) -> Result<(Arc<ServerConfig>, Source), StartError> {
    let roots = Arc::new(client_roots(config, client).await?);
    let verifier = WebPkiClientVerifier::builder(roots).allow_unauthenticated().build();
    let verifier = verifier.map_err(|error| StartError(format!("The client CA cannot be used: {error}")))?;
    let tls = ServerConfig::builder().with_client_cert_verifier(verifier);
    let (serving, source) = match &config.tls {
        Some(files) => {
            let files = ServingFiles::open(files).await?;
            (files.serving(), Source::Files(files))
        }
        None => {
            let serving = Arc::new(self_signed(config)?);
            (serving.clone(), Source::Cluster(serving))
        }
    };
    let mut tls = tls.with_cert_resolver(serving);
    // WebSocket upgrades are HTTP/1.1.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(tls), source))
}

async fn client_roots(config: &NodeConfig, client: &Client) -> Result<RootCertStore, StartError> {
    let pem = match &config.client_ca {
        Some(path) => tokio::fs::read(path).await.map_err(|error| unreadable(path, &error))?,
        None => published_ca(client).await?,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem).flatten() {
        roots.add(certificate).map_err(|error| StartError(format!("The client CA cannot be used: {error}")))?;
    }
    if roots.is_empty() {
        return Err(StartError("The client CA holds no certificate; give --client-ca-file".into()));
    }
    Ok(roots)
}

async fn published_ca(client: &Client) -> Result<Vec<u8>, StartError> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), CA_NAMESPACE);
    let place = format!("ConfigMap {CA_CONFIG_MAP} in {CA_NAMESPACE}");
    let map = maps.get(CA_CONFIG_MAP).await.map_err(|error| {
        StartError(format!("The client CA could not be read from the {place} ({error}); give --client-ca-file"))
    })?;
    let pem = map.data.and_then(|mut data| data.remove(CA_KEY)).map(String::into_bytes);
    pem.ok_or_else(|| StartError(format!("The {place} has no {CA_KEY}; give --client-ca-file")))
}

/// What is shown until the cluster has signed another one.
fn self_signed(config: &NodeConfig) -> Result<Serving, StartError> {
    let names = vec![config.name.clone(), config.address.to_string()];
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string());
    let made = made.and_then(|made| certified(vec![made.cert.der().clone()], &made.signing_key));
    made.map(Serving::new).map_err(|error| StartError(format!("No certificate could be made: {error}")))
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> StartError {
    StartError(format!("Cannot read {}: {error}", path.display()))
}
