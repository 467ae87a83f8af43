//! TLS of the kubelet API: serving certificate, client CA, TLS 1.2 or newer.
//! Without a client CA the node does not start: it would have nobody to trust but bearer tokens of others.
use std::{path::Path, sync::Arc};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::{NodeConfig, StartError};

/// Where every cluster publishes the CA of its client certificates.
const CA_NAMESPACE: &str = "kube-system";
const CA_CONFIG_MAP: &str = "extension-apiserver-authentication";
const CA_KEY: &str = "client-ca-file";

pub(crate) async fn server_config(config: &NodeConfig, client: &Client) -> Result<Arc<ServerConfig>, StartError> {
    let roots = Arc::new(client_roots(config, client).await?);
    let verifier = WebPkiClientVerifier::builder(roots).allow_unauthenticated().build();
    let verifier = verifier.map_err(|error| StartError(format!("The client CA cannot be used: {error}")))?;
    let (chain, key) = certificate(config)?;
    let mut tls = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| StartError(format!("The serving certificate cannot be used: {error}")))?;
    // WebSocket upgrades are HTTP/1.1.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
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

type Certificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn certificate(config: &NodeConfig) -> Result<Certificate, StartError> {
    let Some(files) = &config.tls else { return self_signed(config) };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect);
    let chain = chain.map_err(|error| unreadable(&files.cert, &error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error))?;
    Ok((chain, key))
}

fn self_signed(config: &NodeConfig) -> Result<Certificate, StartError> {
    tracing::warn!(
        "The kubelet API uses a self-signed certificate; an API server that checks it needs --tls-cert-file and --tls-key-file"
    );
    let names = vec![config.name.clone(), config.address.to_string()];
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| StartError(format!("No certificate could be made: {error}")))?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|error| StartError(format!("No certificate could be made: {error}")))?;
    Ok((vec![made.cert.der().clone()], key))
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> StartError {
    StartError(format!("Cannot read {}: {error}", path.display()))
}
