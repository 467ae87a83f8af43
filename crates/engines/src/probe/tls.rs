//! TLS with a witness: the usual verifier decides, and what it saw is kept so that a row can say what is wrong. It never
//! accepts what the verifier refused.

use std::sync::{Arc, Mutex, PoisonError};

use domain::engine::certificate::{self, Certificate};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// What the verifier saw.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// The server's own certificate.
    pub leaf: Option<Certificate>,
    /// Who signed the last certificate that the server sent.
    pub signer: String,
    /// Why it was refused.
    pub refusal: Option<CertificateError>,
}

#[derive(Debug)]
struct Witness {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Arc<Mutex<Seen>>,
}

/// A client certificate with its key, both PEM.
pub(super) struct Client<'a> {
    pub certificate: &'a str,
    pub key: &'a str,
}

/// Settings that trust `ca_pem`, or the system's roots without one. None with a sentence when they cannot be made.
pub(super) fn config(
    ca_pem: Option<&str>,
    client: Option<&Client<'_>>,
) -> Result<(ClientConfig, Arc<Mutex<Seen>>), &'static str> {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(ca_pem)?), provider.clone());
    let verifier = verifier.build().map_err(|_| "The CA cannot be used")?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let witness = Arc::new(Witness { verifier, seen: seen.clone() });
    let builder = with_versions(provider)?.dangerous().with_custom_certificate_verifier(witness);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(client.certificate.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes());
            let (Ok(chain), Ok(key)) = (chain, key) else { return Err("The client certificate cannot be read") };
            builder.with_client_auth_cert(chain, key).map_err(|_| "The client certificate does not fit its key")?
        }
    };
    Ok((config, seen))
}

/// Settings for connections that stay, with a client certificate and its key, both PEM.
pub(crate) fn with_client(ca_pem: Option<&str>, certificate: &str, key: &str) -> Result<ClientConfig, &'static str> {
    config(ca_pem, Some(&Client { certificate, key })).map(|(config, _)| config)
}

/// Settings that trust the system's roots.
pub(crate) fn trusting_the_system() -> Result<ClientConfig, &'static str> {
    config(None, None).map(|(config, _)| config)
}

/// The last thing that was seen.
pub(super) fn last(seen: &Mutex<Seen>) -> Seen {
    seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn with_versions(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, &'static str> {
    // TLS 1.2 and 1.3: rustls knows no others.
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|_| "No TLS versions")
}

fn roots(ca_pem: Option<&str>) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| "The CA cannot be read")?;
                roots.add(certificate).map_err(|_| "The CA cannot be used")?;
            }
        }
        None => {
            let _unusable = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() { Err("This system trusts no certificates; give the CA") } else { Ok(roots) }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let refusal = match &verdict {
            Ok(_) => None,
            Err(rustls::Error::InvalidCertificate(why)) => Some(why.clone()),
            Err(_) => Some(CertificateError::BadEncoding),
        };
        let last = intermediates.last().unwrap_or(end_entity);
        let signer = certificate::read(last).map(|found| found.issuer).unwrap_or_default();
        let seen = Seen { leaf: certificate::read(end_entity), signer, refusal };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
