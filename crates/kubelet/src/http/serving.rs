//! The serving certificate where no file is given: the cluster is asked to sign one (RULINGS 22), and until somebody has
//! approved that, the node shows one that it signed itself. New connections get the newest; open ones go on.
use std::{
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, api::PostParams};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::kubelet::Shared;

const SIGNER: &str = "kubernetes.io/kubelet-serving";
const USAGES: [&str; 2] = ["digital signature", "server auth"];
/// Between looks at a request: people approve it when they see it.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// After a refusal, or a request that the cluster has forgotten.
const LATER: Duration = Duration::from_secs(3600);

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct Serving(RwLock<Arc<CertifiedKey>>);

// === impl Serving ===

impl Serving {
    pub(super) fn new(certificate: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(certificate)))
    }

    pub(super) fn replace(&self, certificate: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificate);
    }

    pub(super) fn current(&self) -> Arc<CertifiedKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

/// Asks for a certificate, and again when four fifths of its life are over.
pub(crate) async fn run(shared: Arc<Shared>, serving: Arc<Serving>) {
    loop {
        let asked = tokio::select! {
            asked = signed(&shared) => asked,
            () = shared.shutdown.cancelled() => return,
        };
        let pause = match asked {
            Ok((certificate, pause)) => {
                serving.replace(certificate);
                tracing::info!(node.name = shared.config.name, "The cluster has signed the serving certificate");
                pause
            }
            Err(error) => {
                tracing::warn!(error, "The cluster has signed no serving certificate; it is asked again in an hour");
                LATER
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.shutdown.cancelled() => return,
        }
    }
}

/// A certificate of the cluster's signer, and when the next one is due.
async fn signed(shared: &Shared) -> Result<(CertifiedKey, Duration), String> {
    let node = &shared.config.name;
    let key = KeyPair::generate().map_err(text)?;
    let request = request(node, shared.config.address, &key).map_err(text)?;
    let api: Api<CertificateSigningRequest> = Api::all(shared.client.clone());
    let made = api.create(&PostParams::default(), &object(node, request)).await.map_err(text)?;
    let name = made.metadata.name.unwrap_or_default();
    tracing::warn!(
        "The kubelet API shows a certificate of its own until somebody runs: kubectl certificate approve {name}"
    );
    let pem = until_signed(&api, &name).await?;
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(text)?;
    let pause = life(&chain, Timestamp::now()).ok_or("the signed certificate cannot be read")?;
    certified(chain, &key).map(|certificate| (certificate, pause))
}

/// A chain with its key, ready for TLS.
pub(super) fn certified(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<CertifiedKey, String> {
    paired(chain, PrivateKeyDer::try_from(key.serialize_der()).map_err(text)?)
}

/// As [`certified`], with a key in any form; the two must fit.
pub(super) fn paired(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(text)
}

async fn until_signed(api: &Api<CertificateSigningRequest>, name: &str) -> Result<Vec<u8>, String> {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
        let status = match api.get_opt(name).await {
            Ok(Some(found)) => found.status.unwrap_or_default(),
            Ok(None) => return Err(format!("request {name} is gone")),
            Err(error) => {
                tracing::debug!(%error, "The request for a certificate could not be looked at");
                continue;
            }
        };
        if let Some(certificate) = status.certificate.filter(|certificate| !certificate.0.is_empty()) {
            return Ok(certificate.0);
        }
        let refused = |kind: &str| matches!(kind, "Denied" | "Failed");
        if let Some(end) = status.conditions.iter().flatten().find(|one| refused(&one.type_)) {
            return Err(format!("request {name}: {} {}", end.type_, end.message.clone().unwrap_or_default()));
        }
    }
}

/// The request in PEM: subject as the signer demands it, and the one address that the Node object publishes.
fn request(node: &str, address: IpAddr, key: &KeyPair) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "system:nodes");
    subject.push(DnType::CommonName, format!("system:node:{node}"));
    params.distinguished_name = subject;
    params.subject_alt_names = vec![SanType::IpAddress(address)];
    params.serialize_request(key)?.pem()
}

fn object(node: &str, request: String) -> CertificateSigningRequest {
    CertificateSigningRequest {
        metadata: ObjectMeta { generate_name: Some(format!("remotegpu-kubelet-{node}-")), ..ObjectMeta::default() },
        spec: CertificateSigningRequestSpec {
            request: ByteString(request.into_bytes()),
            signer_name: SIGNER.to_owned(),
            usages: Some(USAGES.map(str::to_owned).to_vec()),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    }
}

/// Four fifths of what is left of a certificate's life; nothing for one that cannot be read or is over.
fn life(chain: &[CertificateDer<'_>], now: Timestamp) -> Option<Duration> {
    let (_, certificate) = X509Certificate::from_der(chain.first()?.as_ref()).ok()?;
    let left = certificate.validity().not_after.timestamp().checked_sub(now.as_second())?;
    u64::try_from(left / 5 * 4).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_what_the_signer_of_nodes_takes() {
        use x509_parser::prelude::X509CertificationRequest;
        let key = KeyPair::generate().unwrap();
        let pem = request("virtual-runpod", [192, 0, 2, 9].into(), &key).unwrap();
        let object = object("virtual-runpod", pem.clone());
        assert_eq!((object.spec.signer_name.as_str(), object.spec.usages.unwrap().len()), (SIGNER, 2));
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        let (_, parsed) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        let subject = parsed.certification_request_info.subject.to_string();
        assert!(subject.contains("O=system:nodes") && subject.contains("CN=system:node:virtual-runpod"), "{subject}");
    }

    #[test]
    fn the_next_one_is_asked_for_before_the_end() {
        let made = rcgen::generate_simple_self_signed(vec!["node".to_owned()]).unwrap();
        let chain = [made.cert.der().clone()];
        let (_, parsed) = X509Certificate::from_der(chain[0].as_ref()).unwrap();
        let end = parsed.validity().not_after.timestamp();
        let before = |seconds: i64| life(&chain, Timestamp::from_second(end - seconds).unwrap());
        assert_eq!(before(1000), Some(Duration::from_secs(800)));
        assert_eq!((before(0), before(-5)), (None, None));
        assert_eq!(life(&[], Timestamp::UNIX_EPOCH), None);
    }
}
