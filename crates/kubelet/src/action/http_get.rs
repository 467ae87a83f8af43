//! `httpGet`: one request, of whose answer only the status counts; 200 to 399 is success, as in Kubernetes.
//! The certificate of an HTTPS target is not checked: it is a question of life, not of trust.
use std::sync::Arc;

use k8s_openapi::api::core::v1::HTTPGetAction;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::Headers;
use crate::{Instance, PortStream, Wire};

/// Enough of an answer for its status and the beginning of its text.
const HEAD: usize = 1024;

pub(super) async fn request(
    wire: PortStream,
    instance: &Instance,
    port: u16,
    get: &HTTPGetAction,
) -> Result<(), String> {
    let host = get.host.clone().or_else(|| instance.pod_ip.clone()).unwrap_or_else(|| "localhost".into());
    let text = head(&host, port, get);
    if get.scheme.as_deref() != Some("HTTPS") {
        return ask(wire, &text).await;
    }
    let name = ServerName::try_from(host.clone()).map_err(|_| format!("{host:?} is no host name"))?;
    let secured = TlsConnector::from(Arc::new(trusting()?)).connect(name, wire).await;
    ask(secured.map_err(|error| error.to_string())?, &text).await
}

/// The request; a header that the probe names replaces ours.
fn head(host: &str, port: u16, get: &HTTPGetAction) -> String {
    let mut headers = Headers::from([
        ("host".into(), format!("{host}:{port}")),
        ("user-agent".into(), "kube-probe/remotegpu".into()),
        ("accept".into(), "*/*".into()),
        ("connection".into(), "close".into()),
    ]);
    for header in get.http_headers.iter().flatten() {
        headers.insert(header.name.to_ascii_lowercase(), header.value.clone());
    }
    let path = get.path.as_deref().unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut text = format!("GET {slash}{path} HTTP/1.1\r\n");
    for (name, value) in headers {
        // A line break would be a header of its own.
        text.push_str(&format!("{name}: {}\r\n", value.replace(['\r', '\n'], " ")));
    }
    text.push_str("\r\n");
    text
}

async fn ask(mut wire: impl Wire, request: &str) -> Result<(), String> {
    wire.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    wire.flush().await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    // The status stands in the first line; a target that goes on for ever is not waited for.
    let mut piece = [0; HEAD];
    while answer.len() < HEAD && !answer.contains(&b'\n') {
        match wire.read(&mut piece).await {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) => return Err(error.to_string()),
        }
    }
    verdict(&answer)
}

fn verdict(answer: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(answer);
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|word| word.get(..3));
    match status.and_then(|word| word.parse::<u16>().ok()) {
        Some(200..=399) => Ok(()),
        Some(status) => Err(format!("HTTP probe failed with statuscode: {status}")),
        None => Err("the answer is not HTTP".into()),
    }
}

fn trusting() -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting(provider))).with_no_client_auth())
}

/// Takes every certificate.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_status_decides() {
        assert_eq!(verdict(b"HTTP/1.1 200 OK\r\n"), Ok(()));
        assert_eq!(verdict(b"HTTP/1.0 302 Found\r\n"), Ok(()));
        assert_eq!(verdict(b"HTTP/1.1 500\r\n"), Err("HTTP probe failed with statuscode: 500".into()));
        assert_eq!(verdict(b"SSH-2.0-x\r\n"), Err("the answer is not HTTP".into()));
        assert_eq!(verdict(b""), Err("the answer is not HTTP".into()));
    }

    #[test]
    fn headers_of_the_probe_replace_ours_and_cannot_add_lines() {
        let get = json!({"path": "healthz", "port": 80, "httpHeaders": [
            {"name": "Host", "value": "web.example"}, {"name": "X-Evil", "value": "a\r\nb: c"}]});
        let text = head("10.0.0.1", 80, &serde_json::from_value(get).unwrap());
        assert!(text.starts_with("GET /healthz HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("host: web.example\r\n") && !text.contains("10.0.0.1"), "{text}");
        assert!(text.contains("x-evil: a  b: c\r\n"), "{text}");
    }

    #[tokio::test]
    async fn a_silent_end_is_a_failure() {
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        assert!(ask(ours, "GET / HTTP/1.1\r\n\r\n").await.is_err());
    }
}
